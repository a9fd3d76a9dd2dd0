//! JT/T 808 framing: delimiter, escaped bytes, XOR checksum, delimiter. JT/T 808-2019 §4.4.
//!
//! Some locks of the same family send sentences in parentheses, and some devices use e7 as the delimiter, with other escapes.

use super::super::Source;
use super::super::bytes::hex;

pub(super) const DELIMITER: u8 = 0x7e;
pub(super) const OTHER_DELIMITER: u8 = 0xe7;

/// A frame between its delimiters.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Frame {
    /// Unescaped, without delimiters and checksum.
    Binary { other: bool, bytes: Vec<u8>, damage: Option<String> },
    /// With its parentheses.
    Sentence(String),
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Framed {
    NeedMore,
    Frame { used: usize, frame: Frame },
    Bad { used: usize, why: String },
}

/// Longest frame with escapes: 1023 bytes of body, and all of it escaped, with room for devices that count wrongly.
const MAX: usize = 4096;

pub(super) fn next(buf: &[u8], source: Source) -> Framed {
    let framed = in_stream(buf);
    if source != Source::Recording {
        return framed;
    }
    match &framed {
        Framed::Frame { used, frame } if *used == buf.len() && frame.is_sound() => framed,
        Framed::NeedMore | Framed::Frame { .. } | Framed::Bad { .. } => escapes_undone(buf).unwrap_or(framed),
    }
}

/// A frame that somebody wrote down without its escapes, from the first byte of `buf` to the last.
fn escapes_undone(buf: &[u8]) -> Option<Framed> {
    let [opening @ (DELIMITER | OTHER_DELIMITER), inner @ .., closing] = buf else { return None };
    if opening != closing || inner.len() < SHORTEST {
        return None;
    }
    let other = *opening == OTHER_DELIMITER;
    let frame = checked(inner.to_vec(), other);
    // Without a sound checksum, the length of the body must speak for it.
    let believed = frame.is_sound() || plausible(&inner[..inner.len() - 1]);
    believed.then_some(Framed::Frame { used: buf.len(), frame })
}

impl Frame {
    fn is_sound(&self) -> bool {
        matches!(self, Frame::Sentence(_) | Frame::Binary { damage: None, .. })
    }
}

fn in_stream(buf: &[u8]) -> Framed {
    let start = |b: &u8| matches!(*b, DELIMITER | OTHER_DELIMITER | b'(');
    match buf.iter().position(start) {
        Some(0) => {}
        Some(used) => return Framed::Bad { used, why: format!("{used} bytes before a delimiter") },
        None if buf.is_empty() => return Framed::NeedMore,
        None => {
            return Framed::Bad { used: buf.len(), why: format!("{} bytes without a delimiter", buf.len()) };
        }
    }
    let opening = buf[0];
    if opening == b'(' {
        return sentence(buf);
    }
    let Some(length) = buf[1..].iter().take(MAX).position(|&b| b == opening) else {
        if buf.len() > MAX || (opening == OTHER_DELIMITER && holds_a_frame(&buf[1..])) {
            return Framed::Bad { used: 1, why: "a delimiter that opens no frame".to_owned() };
        }
        return Framed::NeedMore;
    };
    let (inner, used) = (&buf[1..=length], length + 2);
    if inner.len() < SHORTEST {
        // Two delimiters in a row, or we began in the middle: this closing one may open the next frame.
        return Framed::Bad { used: used - 1, why: format!("{} between two delimiters", hex(inner)) };
    }
    match unescaped(inner, opening == OTHER_DELIMITER) {
        Ok(bytes) => Framed::Frame { used, frame: checked(bytes, opening == OTHER_DELIMITER) },
        Err(why) => Framed::Bad { used, why },
    }
}

fn sentence(buf: &[u8]) -> Framed {
    let end = buf[1..].iter().take(MAX).position(|&b| b == b')' || !(b' '..=b'~').contains(&b));
    match end {
        Some(end) if buf[end + 1] == b')' => {
            let text = String::from_utf8_lossy(&buf[..end + 2]).into_owned();
            Framed::Frame { used: end + 2, frame: Frame::Sentence(text) }
        }
        None if buf.len() <= MAX => Framed::NeedMore,
        _ => Framed::Bad { used: 1, why: "a parenthesis that opens no sentence".to_owned() },
    }
}

/// Whether a sound frame with the usual delimiter is behind what may be noise. One byte of checksum is little in a stream of
/// another delimiter: the length must be right, too.
fn holds_a_frame(buf: &[u8]) -> bool {
    let Some(start) = buf.iter().position(|&b| b == DELIMITER) else { return false };
    match in_stream(&buf[start..]) {
        Framed::Frame { frame: Frame::Binary { bytes, damage: None, .. }, .. } => plausible(&bytes),
        Framed::NeedMore | Framed::Frame { .. } | Framed::Bad { .. } => false,
    }
}

/// Whether header (11 to 21 bytes) and body are as long as the header says.
fn plausible(bytes: &[u8]) -> bool {
    let length = usize::from(u16::from_be_bytes([bytes[2], bytes[3]]) & 0x3ff);
    (length + 11..=length + 21).contains(&bytes.len())
}

/// Kind, attributes, phone number, serial number of one byte, checksum.
const SHORTEST: usize = 2 + 2 + 6 + 1 + 1;

fn checked(mut bytes: Vec<u8>, other: bool) -> Frame {
    let got = bytes.pop().unwrap_or(0);
    let want = xor(&bytes);
    let damage = (want != got).then(|| format!("checksum 0x{got:02x}, expected 0x{want:02x}"));
    Frame::Binary { other, bytes, damage }
}

fn unescaped(inner: &[u8], other: bool) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::with_capacity(inner.len());
    let mut rest = inner.iter();
    while let Some(&byte) = rest.next() {
        let escapes = if other { matches!(byte, 0xe6 | 0x3e) } else { byte == 0x7d };
        if !escapes {
            bytes.push(byte);
            continue;
        }
        bytes.push(match (byte, rest.next()) {
            (0x7d, Some(1)) => 0x7d,
            (0x7d, Some(2)) => DELIMITER,
            (0xe6, Some(1)) => 0xe6,
            (0xe6, Some(2)) => OTHER_DELIMITER,
            (0x3e, Some(1)) => 0x3e,
            (0x3e, Some(2)) => 0x3d,
            (_, after) => return Err(format!("escape 0x{byte:02x} followed by {after:02x?}")),
        });
    }
    Ok(bytes)
}

/// A frame to send; `bytes` are header and body.
pub(super) fn sealed(other: bool, mut bytes: Vec<u8>) -> Vec<u8> {
    bytes.push(xor(&bytes));
    let delimiter = if other { OTHER_DELIMITER } else { DELIMITER };
    let mut frame = vec![delimiter];
    for byte in bytes {
        match (other, byte) {
            (false, 0x7d) => frame.extend([0x7d, 1]),
            (false, DELIMITER) => frame.extend([0x7d, 2]),
            (true, 0xe6) => frame.extend([0xe6, 1]),
            (true, OTHER_DELIMITER) => frame.extend([0xe6, 2]),
            (true, 0x3e) => frame.extend([0x3e, 1]),
            (true, 0x3d) => frame.extend([0x3e, 2]),
            _ => frame.push(byte),
        }
    }
    frame.push(delimiter);
    frame
}

fn xor(bytes: &[u8]) -> u8 {
    bytes.iter().fold(0, |sum, byte| sum ^ byte)
}
