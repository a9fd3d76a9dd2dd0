//! Queclink's binary form: big-endian, the length inside, 0d 0a at the end.

use models_domain::{Degrees, Meters, MetersPerSecond, UtcMillis};

use super::super::bytes::Reader;
use super::super::kept::Kept;
use super::super::when::{Zone, utc};
use super::super::{Fix, Message, Session};
use super::PROTOCOL;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// `+RSP` and `+BSP`: positions.
    Report,
    /// `+EVT` and `+BVT`: an event and where it was.
    Event,
    Information,
    Answer,
    Heartbeat,
    /// `+CRD`, `+BRD`, `+LGN`: crash data, logins.
    Other,
}

/// By the first four letters; texts have a colon behind `+ACK` and `+EVT`.
pub(super) fn kind(buf: &[u8]) -> Option<Kind> {
    let (head, rest) = buf.split_first_chunk::<4>()?;
    let kind = match head {
        b"+RSP" | b"+BSP" => Kind::Report,
        b"+EVT" | b"+BVT" => Kind::Event,
        b"+INF" | b"+BNF" => Kind::Information,
        b"+ACK" => Kind::Answer,
        b"+HBD" => Kind::Heartbeat,
        b"+CRD" | b"+BRD" | b"+LGN" => Kind::Other,
        _ => return None,
    };
    (*rest.first()? != b':').then_some(kind)
}

/// Where the length is differs; `None` when it is not there yet.
pub(super) fn length(kind: Kind, buf: &[u8]) -> Option<usize> {
    let two = |at: usize| buf.get(at..at + 2).map(|b| usize::from(u16::from_be_bytes([b[0], b[1]])));
    let length = match kind {
        Kind::Report | Kind::Event => two(9),
        Kind::Information => two(7),
        Kind::Answer => buf.get(6).map(|b| usize::from(*b)),
        Kind::Heartbeat => buf.get(5).map(|b| usize::from(*b)),
        Kind::Other => two(6),
    };
    length.map(|length| length.clamp(11, 2048))
}

pub(super) fn content(session: &mut Session, kind: Kind, message: &[u8]) -> Result<Message, String> {
    let mut reader = Reader::new(message);
    reader.take(4)?;
    let mut kept = match kind {
        Kind::Report => report(session, &mut reader)?,
        Kind::Event => Kept::from_iter([event(session, &mut reader)]),
        Kind::Information => return Ok(Message::note("information")),
        Kind::Answer => return Ok(Message::note("answer to a command")),
        Kind::Heartbeat => return Ok(Message::note("heartbeat")),
        Kind::Other => return Ok(Message::note("kind without a position")),
    };
    for fix in &mut kept.good {
        fix.device.clone_from(&session.device);
    }
    let warning = kept.warning();
    Ok(Message { fixes: kept.good, warning, ..Message::note("position") })
}

/// Type (1), mask (4), length (2), model (1), versions (2, 2), name (8), battery (1), supply (2).
fn head(session: &mut Session, reader: &mut Reader<'_>) -> Result<u8, String> {
    let kind = reader.u8()?;
    reader.take(4 + 2 + 1 + 2 + 2)?;
    session.device = Some(name(reader.array()?));
    reader.take(3)?;
    Ok(kind)
}

/// Eight letters of a name, or an IMEI: a byte for two digits, the last for one.
fn name(bytes: [u8; 8]) -> String {
    if bytes.iter().all(u8::is_ascii_graphic) {
        return String::from_utf8_lossy(&bytes).into_owned();
    }
    let (last, pairs) = (bytes[7], &bytes[..7]);
    let text: String = pairs.iter().map(|pair| format!("{pair:02}")).collect();
    format!("{text}{last}")
}

const LAST_CALL: u8 = 3;
const FENCE: u8 = 8;
const COMPRESSED: u8 = 100;

fn report(session: &mut Session, reader: &mut Reader<'_>) -> Result<Kept<Fix>, String> {
    let kind = head(session, reader)?;
    // Motion and satellites, the number of the message, and what single kinds add.
    reader.take(match kind {
        FENCE => 5,
        COMPRESSED => 2,
        _ => 3,
    })?;
    if kind == LAST_CALL {
        reader.take(1)?;
        // Digits of a telephone number until a half byte f.
        loop {
            let digits = reader.u8()?;
            if digits & 0x0f == 0x0f || digits & 0xf0 == 0xf0 {
                break;
            }
        }
    }
    if kind == COMPRESSED {
        return compressed(reader);
    }
    let zone = session.zone(PROTOCOL.zone);
    let count = reader.u8()?;
    // Behind one that is not on the earth, or has no date, the reader stands at the next.
    Ok((0..count).map(|_| position(zone, reader)).collect())
}

/// Accuracy (1), km/h and tenths (2, 1), course (2), height (2), longitude, latitude (4, millionths), date (7), cell (8), 1.
fn position(zone: Zone, reader: &mut Reader<'_>) -> Result<Fix, String> {
    let (accuracy, kmh, tenths) = (reader.u8()?, reader.u16()?, reader.u8()?);
    let (course, altitude) = (reader.u16()?, reader.i16()?);
    let (lon, lat) = (reader.i32()?, reader.i32()?);
    let year = reader.u16()?;
    let [month, day, hour, minute, second] = reader.array::<5>()?.map(u16::from);
    reader.take(9)?;
    let at = utc(zone, [year, month, day, hour, minute, second])?;
    Ok(Fix {
        speed: MetersPerSecond::from_kmh(f64::from(kmh) + f64::from(tenths) / 10.0),
        course: Some(Degrees(f64::from(course))),
        altitude: Some(Meters(f64::from(altitude))),
        valid: accuracy != 0,
        ..Fix::at(at, f64::from(lat) / 1e6, f64::from(lon) / 1e6)?
    })
}

fn event(session: &mut Session, reader: &mut Reader<'_>) -> Result<Fix, String> {
    let kind = head(session, reader)?;
    // Motion and satellites, then what the event adds.
    reader.take(2)?;
    reader.take(match kind {
        6 | 31 => 2,
        45 | 46 => 7,
        15 | 34 => 3,
        17 => 4,
        21 => 5,
        26 => 12,
        23 | 33 | 35 => 1,
        _ => 0,
    })?;
    // How many positions: always one.
    reader.take(1)?;
    position(session.zone(PROTOCOL.zone), reader)
}

/// A position a second: whole ones, and differences to the one before, packed in bits.
fn compressed(reader: &mut Reader<'_>) -> Result<Kept<Fix>, String> {
    let (mut kept, mut at) = (Kept::default(), 0_i64);
    let (mut speed, mut course, mut lon, mut lat) = (0_i32, 0_i32, 0_i32, 0_i32);
    for _ in 0..reader.u16()? {
        at += i64::from(at > 0);
        match reader.rest().first().map(|b| b >> 6) {
            Some(1) => {
                let [a, b, c] = reader.array()?;
                let bits = u32::from_be_bytes([0, a, b, c]).cast_signed();
                (speed, course) = (bits >> 9 & 0xfff, bits & 0x1ff);
                (lon, lat) = (reader.i32()?, reader.i32()?);
                if at == 0 {
                    at = i64::from(reader.u32()?);
                }
            }
            Some(2) => {
                let [a, b, c, d, e] = reader.array()?;
                let bits = u64::from_be_bytes([0, 0, 0, a, b, c, d, e]).cast_signed();
                // Bits of the field, and how far from the right it ends; the highest is the sign.
                let field = |size: u32, from_right: u32| {
                    i32::try_from(bits << (64 - size - from_right) >> (64 - size)).unwrap_or(0)
                };
                speed = speed.saturating_add(field(7, 30));
                course = course.saturating_add(field(7, 23));
                lon = lon.saturating_add(field(12, 11));
                lat = lat.saturating_add(field(11, 0));
            }
            // Not known, or as before.
            _ => {
                reader.take(1)?;
                continue;
            }
        }
        let fix = Fix::at(UtcMillis(at * 1000), f64::from(lat) / 1e6, f64::from(lon) / 1e6);
        kept.take(fix.map(|fix| Fix {
            speed: MetersPerSecond::from_kmh(f64::from(speed.max(0)) / 10.0),
            course: Some(Degrees(f64::from(course.rem_euclid(360)))),
            ..fix
        }));
    }
    Ok(kept)
}
