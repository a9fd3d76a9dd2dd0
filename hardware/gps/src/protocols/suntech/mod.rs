//! Suntech (ST200 to ST900, and the universal format of ST4000): fields between semicolons, or two binary forms.
//!
//! The series put different fields before and behind a position; in the universal format a mask says which are there.

mod binary;
#[cfg(test)]
mod tests;

use models_domain::{Degrees, MetersPerSecond, UtcMillis};

use super::detect::Detected;
use super::order::{Answer, Order};
use super::text::{all_digits, is_decimal, number, optional, pairs};
use super::when::{Zone, utc};
use super::{Decoded, Fix, Framing, Message, Protocol, Session, Told};

pub(super) const PROTOCOL: Protocol = Protocol {
    name: "suntech",
    default_port: 5011,
    framing: Framing::Stream,
    zone: Zone::UTC,
    decode,
    detect,
    encode: Some(encode),
    longest: None,
};

const MAX: usize = 4096;

fn decode(session: &mut Session, buf: &[u8], _now: UtcMillis) -> Decoded {
    let letter = |b: &u8| b.is_ascii_uppercase() || matches!(*b, 0x02 | 0x81 | 0x82);
    match buf.iter().position(letter) {
        None if buf.is_empty() => return Decoded::NeedMore,
        None => {
            return Decoded::Bad { used: buf.len(), why: format!("{} bytes begin no message", buf.len()) };
        }
        Some(0) => {}
        Some(used) => return Decoded::Bad { used, why: format!("{used} bytes before a message") },
    }
    match detect(buf) {
        Detected::No => return Decoded::Bad { used: 1, why: "a byte that begins no message".to_owned() },
        Detected::Perhaps if !session.ends_here() => return Decoded::NeedMore,
        Detected::Perhaps | Detected::Yes if !buf[0].is_ascii_uppercase() => {
            return binary::decode(session, buf);
        }
        Detected::Perhaps | Detected::Yes => {}
    }
    let (length, used) = match end(buf) {
        Some(end) => (end, end + 1),
        None if buf.len() > MAX => {
            return Decoded::Bad { used: buf.len(), why: format!("{} bytes without an end", buf.len()) };
        }
        None if session.ends_here() => (buf.len(), buf.len()),
        None => return Decoded::NeedMore,
    };
    if buf.starts_with(b"CRR;") {
        return Decoded::of(used, binary::crash(session, &buf[..length]));
    }
    Decoded::of(used, sentence(session, String::from_utf8_lossy(&buf[..length]).trim_end()))
}

/// A carriage return that no line feed follows: devices put whole lines of other devices into theirs.
fn end(buf: &[u8]) -> Option<usize> {
    let at = |i: usize| buf.get(i) == Some(&b'\r') && buf.get(i + 1) != Some(&b'\n');
    // At the end of the buffer the next byte is not known; a message ends there.
    (0..buf.len().min(MAX)).find(|&i| at(i))
}

fn sentence(session: &mut Session, text: &str) -> Result<Message, String> {
    let parts: Vec<&str> = text.split(';').collect();
    let head = parts[0];
    let letters = head.len() >= 3 && head.bytes().all(|b| b.is_ascii_alphanumeric());
    if parts.len() < 2 || !letters {
        return Err(format!("{:?} begins no message", text.chars().take(20).collect::<String>()));
    }
    let zone = session.zone(PROTOCOL.zone);
    let (name, fix) = if head.len() < 5 {
        universal(zone, head, &parts)?
    } else {
        let nine = head.starts_with("ST9");
        let answers = parts[1] == "Res";
        let name = parts.get(if nine || answers { 2 } else { 1 }).copied().unwrap_or("");
        let kind = if nine { parts[1] } else { &head[5..] };
        let told = matches!(kind, "STT" | "EMG" | "EVT" | "ALT" | "UEX" | "Location" | "Emergency" | "Alert");
        let emergency = kind == "EMG";
        let fix = if told && !answers { by_shape(zone, &parts, !nine, emergency)? } else { None };
        (name, fix)
    };
    if !all_digits(name) {
        return Err(format!("{name:?} is not the name of a device"));
    }
    session.device = Some(name.to_owned());
    let answers = head == "RES" || parts[1] == "Res";
    if answers {
        let answer = Some(Answer { tag: None, text: parts[2..].join(";") });
        return Ok(Message { answer, ..Message::note("answer to a command") });
    }
    let fixes: Vec<_> = fix.into_iter().map(|fix| Fix { device: session.device.clone(), ..fix }).collect();
    let note = match (fixes.is_empty(), head) {
        (false, _) => "position",
        (true, "ALV") => "heartbeat",
        (true, _) => "no position in it",
    };
    Ok(Message { fixes, ..Message::note(note) })
}

/// Date, time, sometimes cells, then latitude, longitude, km/h, course, satellites (not in ST900), fix; behind them, but in
/// ST400 and ST900, way, voltage, inputs and outputs, and in an emergency which one it is.
fn by_shape(zone: Zone, parts: &[&str], satellites: bool, emergency: bool) -> Result<Option<Fix>, String> {
    let dated = |i: &usize| parts[*i].len() == 8 && all_digits(parts[*i]) && is_time(parts[*i + 1]);
    let Some(date) = (1..parts.len().saturating_sub(1)).find(dated) else { return Ok(None) };
    let placed = |i: &usize| is_decimal(parts[*i], 4) && is_decimal(parts[*i + 1], 4);
    // Behind the time there are at most cell, country, network, area and signal.
    let ahead = date + 2..(date + 9).min(parts.len().saturating_sub(1));
    let Some(place) = ahead.into_iter().find(placed) else { return Ok(None) };
    let part = |offset: usize| parts.get(place + offset).copied().unwrap_or("");
    let fix = Fix::at(when(zone, parts[date], parts[date + 1])?, number(part(0))?, number(part(1))?)?;
    Ok(Some(Fix {
        speed: MetersPerSecond::from_kmh(optional(part(2)).unwrap_or(0.0).max(0.0)),
        course: optional(part(3)).map(Degrees),
        valid: part(if satellites { 5 } else { 4 }) == "1",
        told: Told {
            engine_on: if satellites { first_input(part(8)) } else { None },
            sos: emergency && part(9).parse::<u8>() == Ok(PANIC_BUTTON),
            ..Told::default()
        },
        ..fix
    }))
}

const PANIC_BUTTON: u8 = 1;
/// The alert of the universal format that says so.
const PANIC_ALERT: u8 = 42;

/// Six digits or more of inputs and outputs: the first is the ignition.
fn first_input(text: &str) -> Option<bool> {
    match text.as_bytes() {
        [on @ (b'0' | b'1'), rest @ ..] if rest.len() >= 5 && all_bits(rest) => Some(*on == b'1'),
        _ => None,
    }
}

fn all_bits(text: &[u8]) -> bool {
    text.iter().all(|b| matches!(b, b'0' | b'1'))
}

fn is_time(text: &str) -> bool {
    text.len() == 8
        && text.bytes().enumerate().all(|(i, b)| if i % 3 == 2 { b == b':' } else { b.is_ascii_digit() })
}

/// `yyyymmdd` and `hh:mm:ss`.
fn when(zone: Zone, date: &str, time: &str) -> Result<UtcMillis, String> {
    let [century, year, month, day] = pairs(date)?;
    if !is_time(time) {
        return Err(format!("{time:?} is not a time"));
    }
    let [hour, minute, second] = pairs(&time.replace(':', ""))?;
    utc(zone, [century * 100 + year, month, day, hour, minute, second])
}

/// Kind, device, mask, then the fields of the mask's bits: 1 model, 2 version, 3 whether live, 4 date, 5 time, 6 to 9 cell, 10
/// signal, 11 latitude, 12 longitude, 13 km/h, 14 course, 15 satellites, 16 fix, 17 inputs (the last is the ignition), 18 outputs,
/// 19 which alert.
fn universal<'a>(zone: Zone, kind: &str, parts: &[&'a str]) -> Result<(&'a str, Option<Fix>), String> {
    let name = parts[1];
    let (mask, first) = match kind {
        "BLE" => (0b1_1000_0011_0110, 2),
        "STT" | "ALT" | "UEX" | "EMG" => {
            let mask = parts.get(2).copied().unwrap_or("");
            (u32::from_str_radix(mask, 16).map_err(|_| format!("{mask:?} is not a mask"))?, 3)
        }
        _ => return Ok((name, None)),
    };
    let mut rest = parts.iter().skip(first).copied();
    let mut fields = [None; 20];
    for (bit, field) in fields.iter_mut().enumerate().skip(1) {
        if mask >> bit & 1 == 1 {
            *field = rest.next();
        }
    }
    let (Some(date), Some(time), Some(lat), Some(lon)) = (fields[4], fields[5], fields[11], fields[12])
    else {
        return Ok((name, None));
    };
    if lat.is_empty() || lon.is_empty() {
        return Ok((name, None));
    }
    let fix = Fix::at(when(zone, date, time)?, number(lat)?, number(lon)?)?;
    let fix = Fix {
        speed: MetersPerSecond::from_kmh(fields[13].and_then(optional).unwrap_or(0.0).max(0.0)),
        course: fields[14].and_then(optional).map(Degrees),
        valid: fields[16].is_none_or(|fix| fix == "1"),
        told: Told {
            engine_on: fields[17].and_then(last_input),
            sos: kind == "ALT" && fields[19].is_some_and(|alert| alert.parse::<u8>() == Ok(PANIC_ALERT)),
            ..Told::default()
        },
        ..fix
    };
    Ok((name, Some(fix)))
}

fn last_input(text: &str) -> Option<bool> {
    match text.as_bytes() {
        [rest @ .., on @ (b'0' | b'1')] if all_bits(rest) => Some(*on == b'1'),
        _ => None,
    }
}

/// In the universal format; older series take their own lines as texts.
fn encode(session: &Session, order: &Order, _tag: u16) -> Result<Vec<u8>, String> {
    let device = session.device.as_deref().ok_or("the device has not said who it is")?;
    Ok(match order {
        Order::Locate => format!("CMD;{device};03;01\r").into_bytes(),
        Order::ReportEvery { .. } => return Err("suntech: send the line of the model as a text".to_owned()),
        Order::Text(text) => format!("{text}\r").into_bytes(),
    })
}

fn detect(buf: &[u8]) -> Detected {
    match *buf {
        [] | [b'S'] => Detected::Perhaps,
        [b'S', b'T' | b'A', third, ..] if third.is_ascii_digit() => Detected::Yes,
        [b'S', b'T' | b'A'] => Detected::Perhaps,
        [0x81 | 0x82, 0, ..] | [0x02, _, _, 0x10, ..] => Detected::Yes,
        [0x81 | 0x82] => Detected::Perhaps,
        [0x02, ..] if buf.len() < 4 => Detected::Perhaps,
        [a, b, c, b';', ..] if [a, b, c].iter().all(u8::is_ascii_uppercase) => Detected::Yes,
        _ if buf.len() < 4 && buf.iter().all(u8::is_ascii_uppercase) => Detected::Perhaps,
        _ => Detected::No,
    }
}
