//! What a JT/T 808 terminal (2013) says, and the serial numbers it is answered for. Times are Vietnam's, +07:00.

use time::OffsetDateTime;

const VIETNAM_S: i64 = 7 * 3600;

/// Where and when, as a device measured it.
#[derive(Debug, Clone, Copy)]
pub struct Fix {
    pub at_s: i64,
    pub lat: f64,
    pub lon: f64,
}

pub fn register(phone: &str, serial: u16) -> Vec<u8> {
    frame(0x0100, phone, serial, &[0; 37])
}

pub fn position(phone: &str, fix: &Fix, serial: u16) -> Vec<u8> {
    let mut body = Vec::with_capacity(28);
    location(fix, &mut body);
    frame(0x0200, phone, serial, &body)
}

/// 0x0704: stored positions, each with its length.
pub fn batch(phone: &str, fixes: impl ExactSizeIterator<Item = Fix>, serial: u16) -> Vec<u8> {
    let mut body = u16::try_from(fixes.len()).unwrap_or(0).to_be_bytes().to_vec();
    body.push(1);
    for fix in fixes {
        body.extend(28_u16.to_be_bytes());
        location(&fix, &mut body);
    }
    frame(0x0704, phone, serial, &body)
}

fn location(fix: &Fix, body: &mut Vec<u8>) {
    let local =
        OffsetDateTime::from_unix_timestamp(fix.at_s + VIETNAM_S).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    // No alarm; ignition on, positioned.
    body.extend(0_u32.to_be_bytes());
    body.extend(3_u32.to_be_bytes());
    for degrees in [fix.lat, fix.lon] {
        body.extend(((degrees * 1e6).round() as u32).to_be_bytes());
    }
    body.extend(12_u16.to_be_bytes());
    body.extend(360_u16.to_be_bytes());
    body.extend(90_u16.to_be_bytes());
    let year = u8::try_from(local.year() - 2000).unwrap_or(0);
    let date = [year, u8::from(local.month()), local.day(), local.hour(), local.minute(), local.second()];
    body.extend(date.map(|n| ((n / 10) << 4) | (n % 10)));
}

/// The kind and the serial number answered for of the first whole answer in `bytes`, and its length.
pub fn answer(bytes: &[u8]) -> Option<(u16, u16, usize)> {
    let inner = bytes.strip_prefix(&[0x7e])?;
    let end = inner.iter().position(|&b| b == 0x7e)?;
    let (mut plain, mut rest) = ([0_u8; 14], inner[..end].iter());
    for place in &mut plain {
        *place = match *rest.next()? {
            0x7d => rest.next()?.wrapping_add(0x7c),
            byte => byte,
        };
    }
    let number = |at: usize| u16::from_be_bytes([plain[at], plain[at + 1]]);
    Some((number(0), number(12), end + 2))
}

fn frame(kind: u16, phone: &str, serial: u16, body: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(13 + body.len());
    plain.extend(kind.to_be_bytes());
    plain.extend(u16::try_from(body.len()).unwrap_or(0).to_be_bytes());
    plain.extend(phone.as_bytes().chunks(2).map(|pair| ((pair[0] - b'0') << 4) | (pair[1] - b'0')));
    plain.extend(serial.to_be_bytes());
    plain.extend_from_slice(body);
    plain.push(plain.iter().fold(0, |sum, b| sum ^ b));
    let mut frame = Vec::with_capacity(plain.len() + 8);
    frame.push(0x7e);
    for byte in plain {
        match byte {
            0x7e => frame.extend([0x7d, 2]),
            0x7d => frame.extend([0x7d, 1]),
            _ => frame.push(byte),
        }
    }
    frame.push(0x7e);
    frame
}
