//! What a GT06 tracker says, and what it understands of the answers. Times are UTC.

use bus_simulator::Fix;
use time::OffsetDateTime;

/// `imei` has 15 digits.
pub fn login(imei: &str, serial: u16) -> Vec<u8> {
    let digits: Vec<u8> = format!("0{imei}").bytes().map(|b| b.wrapping_sub(b'0')).collect();
    let packed: Vec<u8> =
        digits.chunks(2).map(|pair| (pair[0] << 4) | pair.get(1).copied().unwrap_or(0)).collect();
    frame(0x01, &packed, serial)
}

pub fn heartbeat(serial: u16) -> Vec<u8> {
    // Ignition on, full battery, good signal, no alarm, English.
    frame(0x13, &[0x46, 6, 4, 0, 2], serial)
}

/// Kind 22: position, cell, ignition, reported by time, sent as it happened.
pub fn position(fix: &Fix, serial: u16) -> Vec<u8> {
    let at = OffsetDateTime::from_unix_timestamp(fix.at_s).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    let year = u8::try_from(at.year() - 2000).unwrap_or(0);
    let mut body = vec![year, u8::from(at.month()), at.day(), at.hour(), at.minute(), at.second(), 0xca];
    for degrees in [fix.lat, fix.lon] {
        body.extend(((degrees * 1_800_000.0).round() as u32).to_be_bytes());
    }
    body.push(fix.speed_kmh);
    // North, east, valid, live.
    body.extend((0x1400 | (fix.course % 360)).to_be_bytes());
    // A cell of a Vietnamese network: 452, 04.
    body.extend([0x01, 0xc4, 4, 0x27, 0x1c, 0, 0x4b, 0x2d, 1, 0, 0]);
    frame(0x22, &body, serial)
}

/// The first answer in `bytes`: its kind, its serial number and its length.
pub fn answer(bytes: &[u8]) -> Option<(u8, u16, usize)> {
    let &[0x78, 0x78, length, kind, ..] = bytes else { return None };
    let total = usize::from(length) + 5;
    let frame = bytes.get(..total)?;
    let sound =
        crc(&frame[2..total - 4]).to_be_bytes() == frame[total - 4..total - 2] && frame.ends_with(b"\r\n");
    sound.then(|| (kind, u16::from_be_bytes([frame[total - 6], frame[total - 5]]), total))
}

fn frame(kind: u8, body: &[u8], serial: u16) -> Vec<u8> {
    let mut frame = vec![0x78, 0x78, u8::try_from(body.len() + 5).unwrap_or(u8::MAX), kind];
    frame.extend_from_slice(body);
    frame.extend(serial.to_be_bytes());
    let crc = crc(&frame[2..]);
    frame.extend(crc.to_be_bytes());
    frame.extend(b"\r\n");
    frame
}

/// CRC-ITU of the makers' manuals.
fn crc(bytes: &[u8]) -> u16 {
    let shift = |crc: u16| if crc & 1 == 1 { (crc >> 1) ^ 0x8408 } else { crc >> 1 };
    !bytes.iter().fold(0xffff, |crc, &byte| (0..8).fold(crc ^ u16::from(byte), |crc, _| shift(crc)))
}
