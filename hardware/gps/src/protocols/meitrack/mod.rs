//! Meitrack (MVT, T, TC series): `$$`, a letter, the length, then fields of text or, in kinds CCC and CCE, binary records.

mod records;
#[cfg(test)]
mod tests;

use models_domain::{Degrees, Meters, MetersPerSecond, UtcMillis};

use super::detect;
use super::kept::Kept;
use super::order::{Answer, Order};
use super::text::{all_digits, is_decimal, number, optional, pairs};
use super::when::{Zone, utc};
use super::{Decoded, Fix, Framing, Message, Protocol, Session, Told};

pub(super) const PROTOCOL: Protocol = Protocol {
    name: "meitrack",
    default_port: 5020,
    framing: Framing::Stream,
    zone: Zone::UTC,
    decode,
    detect: |buf| detect::begins(buf, &[b"$$"]),
    encode: Some(encode),
    longest: None,
};

/// Longest message: batches of binary records.
const MAX: usize = 4096;
/// Marker, letter, at most four digits of length.
const HEAD: usize = 8;

fn decode(session: &mut Session, buf: &[u8], _now: UtcMillis) -> Decoded {
    match buf.windows(2).position(|w| w == b"$$") {
        Some(0) => {}
        Some(used) => return Decoded::Bad { used, why: format!("{used} bytes before $$") },
        None => {
            let keep = usize::from(buf.last() == Some(&b'$'));
            return match buf.len() - keep {
                0 => Decoded::NeedMore,
                used => Decoded::Bad { used, why: format!("{used} bytes without $$") },
            };
        }
    }
    let comma = match buf.iter().take(HEAD).position(|&b| b == b',') {
        Some(comma) => comma,
        None if buf.len() < HEAD => return Decoded::NeedMore,
        None => return Decoded::Bad { used: 2, why: "no length behind $$".to_owned() },
    };
    let length = buf.get(3..comma).and_then(|digits| str::from_utf8(digits).ok()?.parse::<usize>().ok());
    let Some(length) = length.filter(|length| (20..=MAX).contains(length)) else {
        return Decoded::Bad { used: 2, why: "the length is no number".to_owned() };
    };
    let message = match buf.get(..comma + length) {
        Some(message) => message,
        // The line end may be missing, and people cut recordings.
        None if session.ends_here() => buf,
        None => return Decoded::NeedMore,
    };
    match checksum(session, message) {
        Ok(warning) => {
            let read = content(session, message, comma)
                .map(|read| Message { warning: warning.or(read.warning), ..read });
            Decoded::of(message.len(), read)
        }
        Err(why) => Decoded::Bad { used: 2, why },
    }
}

/// The sum of all bytes up to the star, in two digits behind it.
fn checksum(session: &Session, message: &[u8]) -> Result<Option<String>, String> {
    let end = message.strip_suffix(b"\r\n").unwrap_or(message);
    let Some((body, [b'*', digits @ ..])) = end.split_last_chunk::<3>() else {
        return session.damage("no checksum at the end".to_owned());
    };
    let want = body.iter().chain(b"*").fold(0_u8, |sum, b| sum.wrapping_add(*b));
    let got = str::from_utf8(digits).ok().and_then(|digits| u8::from_str_radix(digits, 16).ok());
    if got == Some(want) {
        return Ok(None);
    }
    session.damage(format!("checksum {:?}, expected {want:02X}", String::from_utf8_lossy(digits)))
}

/// The device, the kind, what belongs to it.
fn content(session: &mut Session, message: &[u8], comma: usize) -> Result<Message, String> {
    let rest = &message[comma + 1..];
    let at = rest.iter().position(|&b| b == b',').ok_or("no kind behind the name of the device")?;
    let device = String::from_utf8_lossy(&rest[..at]);
    if !all_digits(&device) {
        return Err(format!("{device:?} is not the name of a device"));
    }
    session.device = Some(device.clone().into_owned());
    let kind = rest.get(at + 1..at + 4).ok_or("the message ends before its kind")?;
    let body = rest.get(at + 5..).unwrap_or(&[]);
    let letter = char::from(message[2]);
    let mut message = match kind {
        b"CCC" => {
            let (kept, count) = records::fixed(body, &mut session.power_back)?;
            let reply = answer(letter, &device, &format!("CCC,{count}"));
            Message { reply, ..positions(kept) }
        }
        b"CCE" => positions(records::by_number(body, &mut session.power_back)?),
        b"AAC" => Message { reply: answer('z', &device, "AAC,1"), ..Message::note("heartbeat") },
        b"D00" | b"D03" => Message::note("photograph"),
        _ => text(session.zone(PROTOCOL.zone), kind, &String::from_utf8_lossy(body))?,
    };
    for fix in &mut message.fixes {
        fix.device.clone_from(&session.device);
    }
    Ok(message)
}

fn positions(kept: Kept<Fix>) -> Message {
    let warning = kept.warning();
    Message { fixes: kept.good, warning, ..Message::note("positions") }
}

/// Event, latitude, longitude, date and time, validity, satellites, signal, speed in km/h, course, HDOP, height; further facts.
fn text(zone: Zone, kind: &[u8], body: &str) -> Result<Message, String> {
    let parts: Vec<&str> = body.split([',', '*']).collect();
    // Some devices put a number before the event.
    let begins = |i: &usize| {
        matches!(parts.get(*i..*i + 4), Some([lat, lon, date, valid])
            if is_decimal(lat, 1) && is_decimal(lon, 1) && date.len() == 12 && matches!(*valid, "A" | "V"))
    };
    let Some(i) = (0..=2).find(begins) else {
        let answer = Some(Answer {
            tag: None,
            text: format!("{},{}", String::from_utf8_lossy(kind), parts.first().unwrap_or(&"")),
        });
        return Ok(Message { answer, ..Message::note("answer to a command") });
    };
    let part = |offset: usize| parts.get(i + offset).copied().unwrap_or("");
    let at = utc(zone, pairs(part(2))?)?;
    let sos = i.checked_sub(1).is_some_and(|event| parts[event] == HELP);
    let fix = Fix {
        told: Told { sos, ..Told::default() },
        speed: MetersPerSecond::from_kmh(number(part(6))?.max(0.0)),
        course: optional(part(7)).map(Degrees),
        altitude: optional(part(9)).map(Meters),
        valid: part(3) == "A",
        ..Fix::at(at, number(part(0))?, number(part(1))?)?
    };
    Ok(Message { fixes: vec![fix], ..Message::note("position") })
}

/// Event 1 is the button for help.
const HELP: &str = "1";

/// `@@`, letter, length from the comma to the end, device, text, star, sum.
fn answer(letter: char, device: &str, text: &str) -> Vec<u8> {
    let body = format!(",{device},{text}*");
    let head = format!("@@{letter}{}{body}", body.len() + 4);
    let sum = head.bytes().fold(0_u8, u8::wrapping_add);
    format!("{head}{sum:02X}\r\n").into_bytes()
}

fn encode(session: &Session, order: &Order, tag: u16) -> Result<Vec<u8>, String> {
    let device = session.device.as_deref().ok_or("the device has not said who it is")?;
    let text = match order {
        Order::Locate => "A10".to_owned(),
        // Tens of seconds (A12).
        Order::ReportEvery { seconds } => format!("A12,{}", seconds.div_ceil(10).clamp(1, 65535)),
        Order::Text(text) => text.clone(),
    };
    let letter = char::from(b'A' + (tag % 26) as u8);
    Ok(answer(letter, device, &text))
}
