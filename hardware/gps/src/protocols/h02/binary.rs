//! H02's binary form: packed digits, 32, 42 or 45 bytes.

use models_domain::{Degrees, MetersPerSecond};

use super::super::bytes::{Reader, hex};
use super::super::when::utc_of_bcd;
use super::super::{Fix, Session};
use super::{PROTOCOL, all_digits, told};

const SHORT: usize = 32;
/// The device's name has eight bytes instead of five.
const LONG_NAME: usize = 42;
const LONG: usize = 45;

/// Nothing tells the length: what follows the message does. `None` when more bytes are needed.
pub(super) fn length(session: &Session, buf: &[u8]) -> Option<usize> {
    let begins = |at: usize| buf.get(at).is_some_and(|b| matches!(b, b'*' | b'$' | b'X' | b'\r'));
    let fits = |length: usize| buf.len() == length || begins(length);
    match [SHORT, LONG, LONG_NAME].into_iter().find(|&length| fits(length)) {
        Some(length) => Some(length),
        None if buf.len() > LONG => Some(SHORT),
        None if session.ends_here() && buf.len() > SHORT => Some(SHORT),
        None => None,
    }
}

/// Device (5 or 8), time, date (6), latitude ddmmmmmm (4), battery (1), longitude dddmmmmmm and flags (5), speed in knots and
/// course, three digits each (3), state (4).
pub(super) fn position(session: &mut Session, message: &[u8]) -> Result<Fix, String> {
    let mut reader = Reader::new(message);
    reader.take(1)?;
    let device =
        if message.len() == LONG_NAME { hex(reader.take(8)?)[..15].to_owned() } else { hex(reader.take(5)?) };
    if !all_digits(&device) {
        return Err(format!("{device} is not the name of a device"));
    }
    let [hour, minute, second, day, month, year] = reader.array()?;
    let at = utc_of_bcd(session.zone(PROTOCOL.zone), [year, month, day, hour, minute, second])?;
    let lat = hex(reader.take(4)?);
    reader.take(1)?;
    let lon = hex(reader.take(5)?);
    let motion = hex(reader.take(3)?);
    let state = reader.u32()?;
    let (lon, flags) = lon.split_at(9);
    let flags = u8::from_str_radix(flags, 16).unwrap_or(0);
    let angle = |digits: &str, whole: usize, positive: bool| -> Result<f64, String> {
        if !all_digits(digits) {
            return Err(format!("{digits} is not degrees and minutes"));
        }
        let of = |text: &str| text.parse::<f64>().unwrap_or(0.0);
        let size = of(&digits[..whole]) + of(&digits[whole..]) / 600_000.0;
        Ok(if positive { size } else { -size })
    };
    if !all_digits(&motion) {
        return Err(format!("{motion} is not a speed and a course"));
    }
    let fix = Fix::at(at, angle(&lat, 2, flags & 4 != 0)?, angle(lon, 3, flags & 8 != 0)?)?;
    session.device = Some(device);
    Ok(Fix {
        device: session.device.clone(),
        speed: MetersPerSecond::from_knots(motion[..3].parse().unwrap_or(0.0)),
        course: motion[3..].parse().ok().map(Degrees),
        valid: flags & 2 != 0,
        told: told(state),
        ..fix
    })
}
