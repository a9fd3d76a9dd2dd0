//! GT06 framing: `78 78 len8 …` or `79 79 len16 …`, a serial number, CRC-16/X-25, `0d 0a`.
//!
//! `0d 0a` also occurs inside messages, so the length is trusted first. It is not trusted alone: scans of wireless networks
//! (kinds 17 and 69) write the number of networks there, some devices leave the checksum out of it, and lines damage it.

use super::super::Source;

/// A whole frame.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Frame<'a> {
    /// Starts with `79 79`.
    pub extended: bool,
    pub kind: u8,
    /// What the length field says.
    pub length: usize,
    /// Between the kind and the serial number.
    pub body: &'a [u8],
    /// To be repeated in the reply; 0 in frames without one.
    pub serial: u16,
    /// What is wrong with the checksum.
    pub damage: Option<String>,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Framed<'a> {
    NeedMore,
    Frame { used: usize, frame: Frame<'a> },
    Bad { used: usize, why: String },
}

/// Longest frame: photographs come in pieces of 1 KiB. A longer one is a damaged length.
const MAX: usize = 4096;
/// Where the length is no help, the end must come within so many bytes.
const MAX_SEARCH: usize = 512;

/// Scans of wireless networks: no serial number, no checksum, a count instead of the length.
const WIFI: [u8; 2] = [0x17, 0x69];

pub(super) fn next(buf: &[u8], source: Source) -> Framed<'_> {
    let start = buf.windows(2).position(|w| w == [0x78; 2] || w == [0x79; 2]);
    match start {
        Some(0) => {}
        Some(used) => return Framed::Bad { used, why: format!("{used} bytes before 78 78 or 79 79") },
        None => return nothing_yet(buf),
    }
    let extended = buf[0] == 0x79;
    let (length, head) = match *buf {
        [0x79, _, high, low, ..] => (usize::from(u16::from_be_bytes([high, low])), 4),
        [0x78, _, length, ..] => (usize::from(length), 3),
        _ => return Framed::NeedMore,
    };
    let total = head + length + 2;
    if total > MAX {
        return Framed::Bad { used: 2, why: format!("length {length} is more than any message has") };
    }
    let all_there = source == Source::Recording && buf.len() > head + 2 && buf.ends_with(b"\r\n");
    if buf.len() < total {
        return if all_there { whole(buf, extended, head, length) } else { Framed::NeedMore };
    }
    if length > 0 && buf[..total].ends_with(b"\r\n") {
        return whole(&buf[..total], extended, head, length);
    }
    if buf.len() < total + 2 {
        return if all_there { whole(buf, extended, head, length) } else { Framed::NeedMore };
    }
    if buf[..total + 2].ends_with(b"\r\n") {
        return whole(&buf[..total + 2], extended, head, length);
    }
    // The kind is there: it is never the first byte of the terminator.
    let end = buf[head + 1..].windows(2).take(MAX_SEARCH).position(|w| w == b"\r\n");
    match end {
        Some(end) => whole(&buf[..head + 1 + end + 2], extended, head, length),
        None if buf.len() < head + MAX_SEARCH => Framed::NeedMore,
        None => Framed::Bad { used: 2, why: format!("length {length} does not lead to 0d 0a") },
    }
}

/// Neither start marker is there; its first half may be the last byte.
fn nothing_yet(buf: &[u8]) -> Framed<'_> {
    let keep = usize::from(matches!(buf.last(), Some(0x78 | 0x79)));
    match buf.len() - keep {
        0 => Framed::NeedMore,
        used => Framed::Bad { used, why: format!("{used} bytes without 78 78 or 79 79") },
    }
}

/// `bytes` reach from the start marker to the terminator.
fn whole(bytes: &[u8], extended: bool, head: usize, length: usize) -> Framed<'_> {
    let used = bytes.len();
    let kind = bytes[head];
    let inner = &bytes[head + 1..used - 2];
    let frame = |body, serial, damage| {
        let frame = Frame { extended, kind, length, body, serial, damage };
        Framed::Frame { used, frame }
    };
    let Some((body, &[s1, s2, c1, c2])) = inner.split_last_chunk::<4>() else {
        return frame(inner, 0, Some("neither serial number nor checksum".to_owned()));
    };
    let (want, got) = (crc16_x25(&bytes[2..used - 4]), u16::from_be_bytes([c1, c2]));
    if want == got {
        return frame(body, u16::from_be_bytes([s1, s2]), None);
    }
    let by_length = used == head + length + 2;
    if !extended && !by_length && WIFI.contains(&kind) {
        return frame(inner, 0, None);
    }
    let damage = Some(format!("checksum 0x{got:04x}, expected 0x{want:04x}"));
    if by_length {
        frame(body, u16::from_be_bytes([s1, s2]), damage)
    } else {
        // The length does not fit: then nothing says that a serial number and a checksum are there.
        frame(inner, 0, damage)
    }
}

/// CRC-16/X-25 (ITU-T V.42 §8.1.1.6.1): reflected 0x1021, start and final xor 0xffff.
pub(super) fn crc16_x25(bytes: &[u8]) -> u16 {
    let mut crc = 0xffff_u16;
    for &byte in bytes {
        crc ^= u16::from(byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { (crc >> 1) ^ 0x8408 } else { crc >> 1 };
        }
    }
    !crc
}

/// A frame to send.
pub(super) fn sealed(extended: bool, kind: u8, body: &[u8], serial: u16) -> Vec<u8> {
    let length = u16::try_from(body.len() + 5).unwrap_or(u16::MAX).to_be_bytes();
    let mut frame =
        if extended { vec![0x79, 0x79, length[0], length[1]] } else { vec![0x78, 0x78, length[1]] };
    frame.push(kind);
    frame.extend_from_slice(body);
    frame.extend_from_slice(&serial.to_be_bytes());
    let crc = crc16_x25(&frame[2..]);
    frame.extend_from_slice(&crc.to_be_bytes());
    frame.extend_from_slice(b"\r\n");
    frame
}
