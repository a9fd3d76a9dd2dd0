//! GT06, the protocol of Concox, Jimi and many others: binary frames over TCP, positions in 1/1,800,000 degree.
//!
//! Makers reuse kinds for other content and tell it apart by the length; the table is [`where_is`].

mod frame;
mod orders;
mod text;
mod told;

#[cfg(test)]
mod tests;

use models_domain::geo::LatLon;
use models_domain::{Degrees, Meters, MetersPerSecond, UtcMillis};

use self::frame::{Frame, Framed, sealed};
use super::bytes::{Reader, hex};
use super::detect;
use super::when::{Zone, fields, utc_of_bytes};
use super::{Decoded, Fix, Framing, Message, Protocol, Session, Source, Told};

pub(super) const PROTOCOL: Protocol = Protocol {
    name: "gt06",
    default_port: 5023,
    framing: Framing::Stream,
    zone: Zone::UTC,
    decode,
    detect: |buf| detect::begins(buf, &[&[0x78; 2], &[0x79; 2]]),
    encode: Some(orders::encode),
    longest: None,
};

fn decode(session: &mut Session, buf: &[u8], now: UtcMillis) -> Decoded {
    let (used, frame) = match frame::next(buf, session.source) {
        Framed::NeedMore => return Decoded::NeedMore,
        Framed::Bad { used, why } => return Decoded::Bad { used, why },
        Framed::Frame { used, frame } => (used, frame),
    };
    if let (Some(why), false) = (&frame.damage, session.source == Source::Recording) {
        return Decoded::Bad { used, why: why.clone() };
    }
    let is_login = frame.kind == 0x01 && !frame.extended;
    let (note, fix, wrong) = match content(session, &frame, now) {
        Ok((note, fix)) => (note, fix, None),
        Err(why) => {
            let why = format!("kind {:02x}: {why}", frame.kind);
            if is_login {
                return Decoded::Bad { used, why };
            }
            // It is answered all the same: an alarm that is not comes for ever.
            ("position that cannot be read", None, Some(why))
        }
    };
    Decoded::Message(Message {
        used,
        fixes: fix.into_iter().collect(),
        reply: reply(&frame, now),
        answers_by_number: true,
        note,
        answer: orders::answer(&frame),
        warning: frame.damage.or(wrong),
    })
}

/// Where in a message the position is.
enum Where {
    Nowhere(&'static str),
    /// A [`block`] at the start.
    Block,
    /// A block after so many bytes that do not matter.
    After(usize),
    /// A block at `block`, and the IMEI at `imei`: some devices name themselves in every position and never log in.
    Named {
        imei: usize,
        block: usize,
    },
    /// As `Block`, but the kind is also used for messages that begin with something else than a date.
    PerhapsBlock(&'static str),
    /// A block, if what begins so cannot well be anything else: makers invent kinds.
    Unknown,
    /// A date, one byte with the length of what follows, then the rest of a block.
    Sized,
    /// A date and a position without satellites and speed; or behind a marker `ff ff`, all of it.
    Alarm,
    /// Type-length-value items, one of them a position.
    Modules,
    /// A sentence for people.
    Text,
}

fn where_is(frame: &Frame<'_>) -> Where {
    use Where::{After, Alarm, Block, Modules, Named, Nowhere, PerhapsBlock, Sized, Text, Unknown};
    match (frame.extended, frame.kind, frame.length) {
        (true, 0x32 | 0x33, _) => Sized,
        (true, 0x70, _) => Modules,
        (true, 0x21, _) => Text,
        (false, 0x22 | 0x25, _) if names_itself(frame.body, 1, 15) => Named { imei: 1, block: 15 },
        (false, 0x12, _) if names_itself(frame.body, 0, 8) => Named { imei: 0, block: 8 },
        (false, 0x61, _) => Named { imei: 0, block: 8 },
        (false, 0x34, 0x37) => Nowhere("cells"),
        (false, 0x34, _) => After(4),
        (false, 0x95, 0..=12) => Nowhere("alarm"),
        (false, 0x95, _) => Alarm,
        (false, 0x24, 0x2e) | (false, 0x17, 0x28) | (false, 0xa2, 0x40) => Block,
        (_, 0xa3, _) => PerhapsBlock("status"),
        (_, 0x36, 0x2c..) => PerhapsBlock("heartbeat"),
        (_, 0x10..=0x12 | 0x22 | 0x25 | 0x2d | 0x37..=0x39 | 0xa0 | 0xa4, _) => Block,
        (_, 0x16 | 0x26 | 0x27 | 0x1a | 0x1e | 0x31, _) | (false, 0x32, _) => Block,
        (false, 0x01, _) => Nowhere("login"),
        (_, 0x13 | 0x23 | 0x36, _) => Nowhere("heartbeat"),
        (_, 0x14, _) => Nowhere("satellites"),
        (_, 0x15 | 0x21, _) => Nowhere("answer to a command"),
        (_, 0x17 | 0x69 | 0xf3, _) => Nowhere("wireless networks"),
        (_, 0x18 | 0x19 | 0x24 | 0x28 | 0x2c | 0x2e | 0x33 | 0xa1 | 0xa2 | 0xa5 | 0xa7, _) => {
            Nowhere("cells")
        }
        (_, 0x2a, _) => Nowhere("request for an address"),
        (_, 0x35 | 0x41, _) => Nowhere("photograph"),
        (_, 0x8a, _) => Nowhere("request for the time"),
        (_, 0x8c, _) => Nowhere("engine"),
        (_, 0x94 | 0x9b, _) => Nowhere("information"),
        _ => Unknown,
    }
}

fn block_at(place: &Where) -> Option<usize> {
    match place {
        Where::Block | Where::PerhapsBlock(_) | Where::Unknown => Some(0),
        Where::After(at) | Where::Named { block: at, .. } => Some(*at),
        Where::Nowhere(_) | Where::Sized | Where::Alarm | Where::Modules | Where::Text => None,
    }
}

/// Whether an IMEI and a date stand where the variants that name themselves have them, and no date at the start.
fn names_itself(body: &[u8], imei_at: usize, block_at: usize) -> bool {
    let at = |start: usize| body.get(start..).unwrap_or(&[]);
    !begins_with_block(body) && imei(at(imei_at)).is_some() && begins_with_block(at(block_at))
}

fn content(
    session: &mut Session,
    frame: &Frame<'_>,
    now: UtcMillis,
) -> Result<(&'static str, Option<Fix>), String> {
    let place = where_is(frame);
    if frame.kind == 0x01 && !frame.extended {
        login(session, frame)?;
    } else if let Where::Named { imei: start, .. } = place {
        session.device = imei(frame.body.get(start..).unwrap_or(&[]));
    }
    let zone = session.zone(PROTOCOL.zone);
    let fix = match place {
        Where::Nowhere(note) => {
            session.heard = told::without_place(frame).map(|state| (now, state)).or(session.heard);
            return Ok((note, None));
        }
        Where::PerhapsBlock(note) if !begins_with_block(frame.body) => return Ok((note, None)),
        Where::Unknown if !begins_with_valid_block(frame.body) => {
            return Ok(("kind without a position", None));
        }
        Where::Block | Where::PerhapsBlock(_) | Where::Unknown => block(zone, frame.body)?,
        Where::After(skip) | Where::Named { block: skip, .. } => {
            block(zone, frame.body.get(skip..).unwrap_or(&[]))?
        }
        Where::Sized => match frame.body.get(6) {
            None | Some(0) => return Ok(("no position yet", None)),
            Some(_) => block(zone, &[&frame.body[..6], &frame.body[7..]].concat())?,
        },
        Where::Alarm => Some(alarm(zone, frame.body)?),
        Where::Modules => modules(frame.body)?,
        Where::Text => text::position(zone, frame.body)?,
    };
    match fix {
        Some(mut fix) => {
            fix.device.clone_from(&session.device);
            let own = told::with_place(frame, block_at(&place));
            fix.told = told::told(own, session.heard, &fix, now);
            if frame.kind == 0x31 && frame.length == 0x2a {
                // This variant ends with the altitude.
                let tail = frame.body.last_chunk().copied().map(i16::from_be_bytes);
                fix.altitude = tail.map(|m| Meters(f64::from(m)));
            }
            Ok(("position", Some(fix)))
        }
        None => Ok(("no position in it", None)),
    }
}

/// The name in eight bytes, the model in two, and perhaps the zone in two: hundreds of hours and minutes in bits 4-15, west in
/// bit 3.
fn login(session: &mut Session, frame: &Frame<'_>) -> Result<(), String> {
    let body = frame.body;
    // Some devices leave serial number and checksum out.
    let Some(device) = last_digits(body) else {
        return Err(format!("{} is not an IMEI", hex(body.get(..8).unwrap_or(body))));
    };
    session.device = Some(device);
    session.heard = None;
    session.login_zone = match body.get(10..12) {
        Some(&[high, low]) => {
            let bits = i32::from(u16::from_be_bytes([high, low]));
            let minutes = (bits >> 4) / 100 * 60 + (bits >> 4) % 100;
            Zone::from_minutes_east(if bits & 8 == 0 { minutes } else { -minutes })
        }
        _ => None,
    };
    Ok(())
}

/// Fifteen digits behind a zero, in the first eight bytes.
fn imei(bytes: &[u8]) -> Option<String> {
    bytes.first().filter(|first| **first < 0x10).and_then(|_| last_digits(bytes))
}

/// Fifteen digits behind one that means nothing: most devices write 0 there.
fn last_digits(bytes: &[u8]) -> Option<String> {
    let digits = hex(bytes.get(..8)?);
    digits.bytes().all(|b| b.is_ascii_digit()).then(|| digits[1..].to_owned())
}

/// Date (6), satellites (1), latitude (4), longitude (4), speed in km/h (1), flags (2).
/// `None` when the device has no time yet, and so no position.
fn block(zone: Zone, bytes: &[u8]) -> Result<Option<Fix>, String> {
    let mut bytes = Reader::new(bytes);
    let date: [u8; 6] = bytes.array()?;
    if date == [0; 6] {
        return Ok(None);
    }
    let at = utc_of_bytes(zone, date)?;
    bytes.take(1)?;
    let (lat, lon) = (bytes.u32()?, bytes.u32()?);
    let speed = bytes.u8()?;
    fix(at, (lat, lon), f64::from(speed), bytes.u16()?).map(Some)
}

/// Whether what may be a status is a block: a date since these devices exist, and a place on the earth.
fn begins_with_block(bytes: &[u8]) -> bool {
    matches!(bytes.first(), Some(10..=49)) && matches!(block(Zone::UTC, bytes), Ok(Some(_)))
}

/// Whether the device also says that it trusts it.
fn begins_with_valid_block(bytes: &[u8]) -> bool {
    begins_with_block(bytes) && matches!(block(Zone::UTC, bytes), Ok(Some(Fix { valid: true, .. })))
}

fn alarm(zone: Zone, body: &[u8]) -> Result<Fix, String> {
    let mut body = Reader::new(body);
    let marked = body.rest().starts_with(&[0xff; 2]);
    if marked {
        body.take(3)?;
    }
    let at = utc_of_bytes(zone, body.array()?)?;
    if marked {
        body.take(1)?;
    }
    let degrees = (body.u32()?, body.u32()?);
    let flags = body.u16()?;
    let kmh = if marked { body.u16()? } else { 0 };
    fix(at, degrees, f64::from(kmh), flags)
}

/// Items of type (2), length (2) and value; item 33 is a position with Unix time and altitude.
fn modules(body: &[u8]) -> Result<Option<Fix>, String> {
    let mut items = Reader::new(body);
    let mut found = None;
    while items.len() >= 4 {
        let (item, length) = (items.u16()?, items.u16()?);
        let value = items.take(usize::from(length))?;
        if item == 0x33 {
            let mut value = Reader::new(value);
            let at = UtcMillis(i64::from(value.u32()?) * 1000);
            value.take(1)?;
            let altitude = value.i16()?;
            let (lat, lon) = (value.u32()?, value.u32()?);
            let speed = value.u8()?;
            let mut fix = fix(at, (lat, lon), f64::from(speed), value.u16()?)?;
            fix.altitude = Some(Meters(f64::from(altitude)));
            found = Some(fix);
        }
    }
    Ok(found)
}

/// Flags: bits 0-9 course, 10 north, 11 west, 12 valid.
fn fix(at: UtcMillis, (lat, lon): (u32, u32), kmh: f64, flags: u16) -> Result<Fix, String> {
    let degrees = |n: u32, positive: bool| f64::from(n) / 1_800_000.0 * if positive { 1.0 } else { -1.0 };
    let position = LatLon::new(degrees(lat, flags & 0x400 != 0), degrees(lon, flags & 0x800 == 0));
    Ok(Fix {
        device: None,
        at,
        position: Fix::on_earth(position)?,
        speed: MetersPerSecond::from_kmh(kmh),
        course: Some(Degrees(f64::from(flags & 0x3ff))),
        altitude: None,
        valid: flags & 0x1000 != 0,
        told: Told::default(),
    })
}

/// Positions are not answered; what a device would repeat without an answer is.
fn reply(frame: &Frame<'_>, now: UtcMillis) -> Vec<u8> {
    match (frame.extended, frame.kind) {
        (_, 0x8a) => {
            let (year, rest) = fields(now);
            let year = u8::try_from(year.saturating_sub(2000)).unwrap_or(0);
            sealed(false, 0x8a, &[&[year][..], &rest].concat(), frame.serial)
        }
        (false, 0x17 | 0x69) if frame.length != 0x28 => match frame.body.get(..6) {
            Some(date) => [&[0x78, 0x78, 0, frame.kind][..], date, b"\r\n"].concat(),
            None => Vec::new(),
        },
        (false, 0x01 | 0x13 | 0x23 | 0x36 | 0x40) => sealed(false, frame.kind, &[], frame.serial),
        (false, 0x16 | 0x19 | 0x26 | 0x27 | 0x32 | 0x95 | 0xa3..=0xa5) => {
            sealed(false, frame.kind, &[], frame.serial)
        }
        (true, 0x16 | 0x26 | 0x27 | 0x32 | 0x33 | 0xa3..=0xa5) => sealed(true, frame.kind, &[], frame.serial),
        (true, 0x70) => sealed(false, 0x70, &[], frame.serial),
        _ => Vec::new(),
    }
}
