//! What a JT/T 808 terminal (2013) says, and what it understands of the answers. Times are Vietnam's, +07:00.

use time::OffsetDateTime;

use crate::Fix;

const VIETNAM_S: i64 = 7 * 3600;

/// `phone` has 12 digits. Province, town, maker, model, terminal, colour of the plate, plate.
pub fn register(phone: &str, serial: u16) -> Vec<u8> {
    let mut body = vec![0, 1, 0, 1];
    body.extend(b"NGATU");
    body.extend(padded(b"SIM-BUS", 20));
    body.extend(padded(phone.get(5..).unwrap_or(phone).as_bytes(), 7));
    body.push(2);
    body.extend(b"29B-12345");
    frame(0x0100, phone, serial, &body)
}

pub fn authenticate(phone: &str, serial: u16, code: &[u8]) -> Vec<u8> {
    frame(0x0102, phone, serial, code)
}

pub fn heartbeat(phone: &str, serial: u16) -> Vec<u8> {
    frame(0x0002, phone, serial, &[])
}

pub fn position(phone: &str, fix: &Fix, serial: u16) -> Vec<u8> {
    let mut body = location(fix);
    // Nine satellites.
    body.extend([0x31, 1, 9]);
    frame(0x0200, phone, serial, &body)
}

/// 0x0704: stored positions, each with its length. At most 33 fit a message of 1,023 bytes.
pub fn batch(phone: &str, fixes: impl ExactSizeIterator<Item = Fix>, serial: u16) -> Vec<u8> {
    let mut body = u16::try_from(fixes.len()).unwrap_or(0).to_be_bytes().to_vec();
    body.push(1);
    for fix in fixes {
        body.extend(28_u16.to_be_bytes());
        body.extend(location(&fix));
    }
    frame(0x0704, phone, serial, &body)
}

fn location(fix: &Fix) -> Vec<u8> {
    let local =
        OffsetDateTime::from_unix_timestamp(fix.at_s + VIETNAM_S).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    // No alarm.
    let mut body = vec![0; 4];
    // Ignition on, positioned.
    body.extend(3_u32.to_be_bytes());
    for degrees in [fix.lat, fix.lon] {
        body.extend(((degrees * 1e6).round() as u32).to_be_bytes());
    }
    body.extend(12_u16.to_be_bytes());
    body.extend((u16::from(fix.speed_kmh) * 10).to_be_bytes());
    body.extend((fix.course % 360).to_be_bytes());
    let year = u8::try_from(local.year() - 2000).unwrap_or(0);
    let date = [year, u8::from(local.month()), local.day(), local.hour(), local.minute(), local.second()];
    body.extend(date.map(|n| ((n / 10) << 4) | (n % 10)));
    body
}

/// The first answer in `bytes`.
pub struct Answer {
    pub kind: u16,
    pub body: Vec<u8>,
    /// Bytes of `bytes` it took.
    pub length: usize,
}

impl Answer {
    /// The serial number that is answered for: general answers (8001) and those to registrations (8100) begin with it.
    pub fn serial(&self) -> Option<u16> {
        self.body.first_chunk().copied().map(u16::from_be_bytes)
    }
}

pub fn answer(bytes: &[u8]) -> Option<Answer> {
    let inner = bytes.strip_prefix(&[0x7e])?;
    let end = inner.iter().position(|&b| b == 0x7e)?;
    let (mut plain, mut rest) = (Vec::new(), inner[..end].iter());
    while let Some(&byte) = rest.next() {
        plain.push(match byte {
            0x7d => rest.next()?.wrapping_add(0x7c),
            _ => byte,
        });
    }
    // The XOR of everything with its checksum is nothing.
    if plain.len() < 13 || plain.iter().fold(0, |sum, b| sum ^ b) != 0 {
        return None;
    }
    let kind = u16::from_be_bytes([plain[0], plain[1]]);
    Some(Answer { kind, body: plain[12..plain.len() - 1].to_vec(), length: end + 2 })
}

fn frame(kind: u16, phone: &str, serial: u16, body: &[u8]) -> Vec<u8> {
    let mut plain = [kind.to_be_bytes(), u16::try_from(body.len()).unwrap_or(0).to_be_bytes()].concat();
    let digits: Vec<u8> = phone.bytes().map(|b| b.wrapping_sub(b'0')).collect();
    plain.extend(digits.chunks(2).map(|pair| (pair[0] << 4) | pair.get(1).copied().unwrap_or(0)));
    plain.extend(serial.to_be_bytes());
    plain.extend_from_slice(body);
    plain.push(plain.iter().fold(0, |sum, b| sum ^ b));
    let mut frame = vec![0x7e];
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

fn padded(text: &[u8], length: usize) -> Vec<u8> {
    let mut field = text.to_vec();
    field.resize(length, 0);
    field
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_batch_fits_a_message() {
        let fix = Fix { at_s: 1_747_231_958, lat: 21.028, lon: 105.852, speed_kmh: 36, course: 90 };
        let frame = batch("013912345678", std::iter::repeat_n(fix, 33), 7);
        // Kind, then the length in ten bits; 7e and 7d are escaped further on only.
        let length = u16::from_be_bytes([frame[3], frame[4]]);
        assert_eq!((&frame[1..3], length), (&[0x07, 0x04][..], 3 + 33 * 30));
        assert!(length < 1024);
    }

    #[test]
    fn an_answer_is_read_and_a_damaged_one_is_not() {
        let mut bytes = frame(0x8001, "013912345678", 1, &[0, 0x7e, 2, 0, 0]);
        bytes.push(9);
        let read = answer(&bytes).unwrap();
        assert_eq!((read.kind, read.serial(), read.length), (0x8001, Some(0x7e), bytes.len() - 1));
        bytes[2] ^= 1;
        assert!(answer(&bytes).is_none());
    }
}
