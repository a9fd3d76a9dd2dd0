//! Suntech's binary forms: "zip" of the ST300, and that of the universal format. And the report of a crash.

use models_domain::{Degrees, MetersPerSecond, UtcMillis};

use super::super::bytes::{Reader, bcd, hex};
use super::super::session::Parts;
use super::super::when::{Zone, utc_of_bytes};
use super::super::{Decoded, Fix, Message, Session, Source, Told};
use super::{PANIC_ALERT, PROTOCOL};

const ZIP: u8 = 0x02;
const ALERT: u8 = 0x82;
const MAX: usize = 1024;

pub(super) fn decode(session: &mut Session, buf: &[u8]) -> Decoded {
    let Some(&[first, high, low]) = buf.first_chunk::<3>() else {
        return if session.source == Source::Live {
            Decoded::NeedMore
        } else {
            Decoded::Bad { used: buf.len(), why: "the message ends too early".to_owned() }
        };
    };
    let length = usize::from(u16::from_be_bytes([high, low])) + if first == ZIP { 4 } else { 3 };
    if !(20..=MAX).contains(&length) {
        return Decoded::Bad { used: 1, why: format!("length {length} is not that of a message") };
    }
    let message = match buf.get(..length) {
        Some(message) => message,
        None if session.ends_here() => buf,
        None => return Decoded::NeedMore,
    };
    let read = if first == ZIP { zip(session, message) } else { universal(session, message) };
    match read {
        Ok(Some(fix)) => {
            let fixes = vec![Fix { device: session.device.clone(), ..fix }];
            Decoded::Message(Message { used: message.len(), fixes, ..Message::note("position") })
        }
        Ok(None) => Decoded::Message(Message { used: message.len(), ..Message::note("no position in it") }),
        // The first byte may be noise.
        Err(why) => Decoded::Bad { used: 1, why },
    }
}

/// Kind (1), length (2), device (5), mask (3), then the fields of the mask's bits, as in the text.
fn universal(session: &mut Session, message: &[u8]) -> Result<Option<Fix>, String> {
    let mut reader = Reader::new(message);
    reader.take(3)?;
    let device = digits(reader.take(5)?)?;
    let [a, b, c] = reader.array()?;
    let mask = u32::from_be_bytes([0, a, b, c]);
    let has = |bit: u32| mask >> bit & 1 == 1;
    let mut skip = 0;
    for (bit, size) in [(1, 1), (2, 3), (3, 1)] {
        skip += if has(bit) { size } else { 0 };
    }
    reader.take(skip)?;
    if !(has(4) && has(5) && has(11) && has(12)) {
        session.device = Some(device);
        return Ok(None);
    }
    let at = utc_of_bytes(session.zone(PROTOCOL.zone), reader.array()?)?;
    let cell: usize =
        [(6, 4), (7, 2), (8, 2), (9, 2), (10, 1)].iter().filter(|(bit, _)| has(*bit)).map(|(_, n)| n).sum();
    reader.take(cell)?;
    let (lat, lon) = (signed(reader.u32()?), signed(reader.u32()?));
    let kmh = if has(13) { f64::from(reader.u16()?) / 100.0 } else { 0.0 };
    let course = if has(14) { Some(Degrees(f64::from(reader.u16()?) / 100.0)) } else { None };
    if has(15) {
        reader.take(1)?;
    }
    let valid = !has(16) || reader.u8()? > 0;
    let fix = Fix::at(at, lat, lon)?;
    session.device = Some(device);
    let mut behind = |bit: u32| if has(bit) { reader.u8().ok() } else { None };
    let (inputs, _, alert) = (behind(17), behind(18), behind(19));
    let told = Told {
        engine_on: inputs.map(|inputs| inputs & 1 == 1),
        sos: message.first() == Some(&ALERT) && alert == Some(PANIC_ALERT),
        ..Told::default()
    };
    Ok(Some(Fix { speed: MetersPerSecond::from_kmh(kmh), course, valid, told, ..fix }))
}

/// Millionths of a degree, the sign in the highest bit.
fn signed(bits: u32) -> f64 {
    let size = f64::from(bits & 0x7fff_ffff) / 1e6;
    if bits >> 31 == 1 { -size } else { size }
}

fn digits(bytes: &[u8]) -> Result<String, String> {
    let text = hex(bytes);
    if super::all_digits(&text) { Ok(text) } else { Err(format!("{text} is not the name of a device")) }
}

/// 10, device (4 and a half), model, version (2), date (6), area (2), cell (1), latitude, longitude (1 and 3), km/h, course (2
/// and 1), flags: bit 7 fix, 6 south, 5 west.
fn zip(session: &mut Session, message: &[u8]) -> Result<Option<Fix>, String> {
    let mut reader = Reader::new(message);
    reader.take(3)?;
    if reader.u8()? != 0x10 {
        return Ok(None);
    }
    let device = hex(reader.take(5)?)[..9].to_owned();
    if !super::all_digits(&device) {
        return Err(format!("{device} is not the name of a device"));
    }
    reader.take(3)?;
    let at = utc_of_bytes(session.zone(PROTOCOL.zone), reader.array()?)?;
    reader.take(3)?;
    let mut angle = || -> Result<f64, String> {
        let whole = f64::from(reader.u8()?);
        Ok(whole + packed(reader.take(3)?)? / 1e6)
    };
    let (lat, lon) = (angle()?, angle()?);
    let mut hundredths = || -> Result<f64, String> {
        let whole = f64::from(reader.u16()?);
        Ok(whole + packed(reader.take(1)?)? / 100.0)
    };
    let (kmh, course) = (hundredths()?, hundredths()?);
    let flags = reader.u8()?;
    let sign = |bit: u8, size: f64| if flags & bit == 0 { size } else { -size };
    let fix = Fix::at(at, sign(0x40, lat), sign(0x20, lon))?;
    session.device = Some(device);
    Ok(Some(Fix {
        speed: MetersPerSecond::from_kmh(kmh),
        course: Some(Degrees(course)),
        valid: flags & 0x80 != 0,
        ..fix
    }))
}

/// Packed decimal digits.
fn packed(bytes: &[u8]) -> Result<f64, String> {
    bytes.iter().try_fold(0.0, |n, &byte| Ok(n * 100.0 + f64::from(bcd(byte)?)))
}

/// Bytes of the text before the part, and of what follows it.
const CRASH_HEAD: usize = 23;
const CRASH_TAIL: usize = 3;
/// A report is put together under this number, which no JT/T 808 message has.
const CRASH: u16 = 0xffff;

/// `CRR;device;part;parts;…`: when it crashed (6), then four times latitude, longitude (4, little-endian, ten millionths), km/h
/// and course (2, hundredths) with accelerations: 3, 2 and 1 seconds before it and 1 second after.
pub(super) fn crash(session: &mut Session, message: &[u8]) -> Result<Message, String> {
    let (head, rest) = message.split_at_checked(CRASH_HEAD).ok_or("the report ends too early")?;
    let head = String::from_utf8_lossy(head).into_owned();
    let mut fields = head.split(';').skip(1);
    let mut field = || fields.next().unwrap_or("");
    let (device, index, total) = (field().to_owned(), field().parse::<u16>(), field().parse::<u16>());
    let (Ok(index), Ok(total), true) = (index, total, super::all_digits(&device)) else {
        return Err(format!("{head:?} is not the head of a report"));
    };
    if total > Parts::MAX || index == 0 || index > total {
        return Err(format!("part {index} of {total}; at most {} are taken", Parts::MAX));
    }
    session.device = Some(device);
    let data = rest[..rest.len().saturating_sub(CRASH_TAIL)].to_vec();
    let parts = &mut session.parts;
    if (parts.kind, parts.total) != (CRASH, total) {
        *parts = Parts { kind: CRASH, total, ..Parts::default() };
    }
    parts.by_index.insert(index, (0, data));
    if parts.by_index.len() < usize::from(total) {
        return Ok(Message::note("part of a message"));
    }
    let parts = std::mem::take(parts);
    let data: Vec<u8> = parts.by_index.into_values().flat_map(|(_, data)| data).collect();
    let mut fixes = crash_fixes(session.zone(PROTOCOL.zone), &data)?;
    for fix in &mut fixes {
        fix.device.clone_from(&session.device);
    }
    Ok(Message { fixes, ..Message::note("positions") })
}

fn crash_fixes(zone: Zone, data: &[u8]) -> Result<Vec<Fix>, String> {
    let mut reader = Reader::new(data);
    let at = utc_of_bytes(zone, reader.array()?)?;
    let mut fixes = Vec::new();
    for seconds in [-3, -2, -1, 1] {
        let (lat, lon) = (reader.i32_le()?, reader.i32_le()?);
        let (kmh, course) = (reader.u16()?, reader.u16()?);
        reader.take(600.min(reader.len()))?;
        let fix = Fix::at(UtcMillis(at.0 + seconds * 1000), f64::from(lat) / 1e7, f64::from(lon) / 1e7)?;
        fixes.push(Fix {
            speed: MetersPerSecond::from_kmh(f64::from(kmh) / 100.0),
            course: Some(Degrees(f64::from(course) / 100.0)),
            ..fix
        });
    }
    Ok(fixes)
}
