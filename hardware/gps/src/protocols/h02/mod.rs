//! H02, of many makers of small trackers: sentences `*HQ,…#`, and a binary form of the same facts that begins with `$`.

mod binary;
#[cfg(test)]
mod tests;

use models_domain::{Degrees, MetersPerSecond, UtcMillis};

use super::bytes::bcd;
use super::detect::Detected;
use super::text::{Piece, all_digits, degrees_minutes, number, optional, pairs, piece, signed};
use super::when::{Zone, fields, utc};
use super::{Decoded, Fix, Framing, Message, Protocol, Session, Told};

pub(super) const PROTOCOL: Protocol = Protocol {
    name: "h02",
    default_port: 5013,
    framing: Framing::Stream,
    zone: Zone::UTC,
    decode,
    detect,
    encode: None,
    longest: None,
};

fn decode(session: &mut Session, buf: &[u8], now: UtcMillis) -> Decoded {
    let start = buf.iter().position(|b| matches!(b, b'*' | b'$' | b'X'));
    match start {
        None if buf.is_empty() => Decoded::NeedMore,
        None => Decoded::Bad { used: buf.len(), why: format!("{} bytes before * or $", buf.len()) },
        Some(0) if buf[0] == b'*' => match piece(session, buf, b"#") {
            Ok(Piece { used, text }) => Decoded::of(used, sentence(session, &text, now)),
            Err(decoded) => *decoded,
        },
        Some(0) => match binary::length(session, buf) {
            None => Decoded::NeedMore,
            Some(length) if buf[0] == b'X' => {
                Decoded::Message(Message { used: length, ..Message::note("heartbeat") })
            }
            Some(length) => match binary::position(session, &buf[..length]) {
                Ok(fix) => {
                    let message = Message { fixes: vec![fix], ..Message::note("position") };
                    Decoded::Message(Message { used: length, ..message })
                }
                // The marker may be noise: the next one may be sound.
                Err(why) => Decoded::Bad { used: 1, why },
            },
        },
        Some(used) => Decoded::Bad { used, why: format!("{used} bytes before * or $") },
    }
}

/// Maker, device, kind, then what belongs to the kind.
fn sentence(session: &mut Session, text: &str, now: UtcMillis) -> Result<Message, String> {
    let parts: Vec<&str> = text.split(',').collect();
    let [maker, device, kind, ..] = parts[..] else {
        return Err(format!("{} fields, three are the least", parts.len()));
    };
    if maker.len() != 3 {
        return Err(format!("{maker:?} is not a star and two letters"));
    }
    if all_digits(device) {
        session.device = Some(device.to_owned());
    }
    match kind {
        "V0" | "HTBT" => {
            let reply = format!("{maker},{device},{kind}#").into_bytes();
            return Ok(Message { reply, ..Message::note("heartbeat") });
        }
        "NBR" => return Ok(Message { reply: taken(device, kind, now), ..Message::note("cells") }),
        "LINK" | "XT" => return Ok(Message::note("heartbeat")),
        "V3" => return Ok(Message::note("cells")),
        _ => {}
    }
    let zone = session.zone(PROTOCOL.zone);
    let read = place(&parts).map(|place| position(zone, &parts, place, now)).transpose();
    // Answered all the same: the device would send it for ever.
    let (fix, warning) = match read {
        Ok(fix) => (fix, None),
        Err(why) => (None, Some(why)),
    };
    let fixes: Vec<_> = fix.into_iter().map(|fix| Fix { device: session.device.clone(), ..fix }).collect();
    let note = match (fixes.is_empty(), kind) {
        (false, _) => "position",
        (true, "V4") => "answer to a command",
        (true, _) if warning.is_some() => "position that cannot be read",
        (true, _) => "no position in it",
    };
    let reply = if kind == "V1" && !device.is_empty() { taken(device, kind, now) } else { Vec::new() };
    let answer = (kind == "V4").then(|| super::Answer { tag: None, text: parts[3..].join(",") });
    Ok(Message { fixes, reply, warning, answer, ..Message::note(note) })
}

/// `*HQ,device,V4,kind,yyyymmddhhmmss#`.
fn taken(device: &str, kind: &str, now: UtcMillis) -> Vec<u8> {
    let (year, [month, day, hour, minute, second]) = fields(now);
    let at = format!("{year:04}{month:02}{day:02}{hour:02}{minute:02}{second:02}");
    format!("*HQ,{device},V4,{kind},{at}#").into_bytes()
}

/// Where the latitude is: before the letters of both hemispheres. The kinds have different fields before it.
fn place(parts: &[&str]) -> Option<usize> {
    (3..parts.len().saturating_sub(3)).find(|&i| {
        matches!(parts[i + 1], "N" | "S") && matches!(parts[i + 3], "E" | "W") && !parts[i].is_empty()
    })
}

/// Around the latitude: time, validity before it; speed in knots, course, sometimes the battery, date behind it, then the state:
/// eight hexadecimal digits, in some kinds behind what belongs to the card.
fn position(zone: Zone, parts: &[&str], lat: usize, now: UtcMillis) -> Result<Fix, String> {
    let part = |i: usize| parts.get(i).copied().unwrap_or("").trim();
    let short = part(2) == "VP1";
    let time = if short { "" } else { part(lat - 2) };
    // Some devices put the battery between course and date.
    let date = [lat + 6, lat + 7].map(part).into_iter().find(|text| text.len() == 6 && all_digits(text));
    let at = match (date, pairs::<3>(time)) {
        (Some(date), time) => {
            let [day, month, year] = pairs(date)?;
            let [hour, minute, second] =
                time.or(if short { Ok([0; 3]) } else { Err("no time".to_owned()) })?;
            utc(zone, [year, month, day, hour, minute, second])?
        }
        // A device without a date has just reported.
        (None, _) => now,
    };
    let fix = Fix::at(at, angle(part(lat), part(lat + 1))?, angle(part(lat + 2), part(lat + 3))?)?;
    let state = [6, 7, 8, 10].into_iter().find_map(|behind| state(part(lat + behind)));
    Ok(Fix {
        speed: MetersPerSecond::from_knots(number(part(lat + 4)).unwrap_or(0.0).max(0.0)),
        course: optional(part(lat + 5)).map(Degrees),
        // V invalid, B by cells; a number is a coding scheme and means nothing here.
        valid: !matches!(part(lat - 1), "V" | "B" | ""),
        told: state.map(told).unwrap_or_default(),
        ..fix
    })
}

fn state(text: &str) -> Option<u32> {
    let digits = text.len() == 8 && text.bytes().all(|b| b.is_ascii_hexdigit());
    digits.then(|| u32::from_str_radix(text, 16).ok()).flatten()
}

/// Bits of the state, each 0 where it holds: 1 robbery and 18 the button, both for help; 10 ignition off.
fn told(state: u32) -> Told {
    // Whoever says all of them at once says nothing.
    if state == 0 {
        return Told::default();
    }
    let holds = |bit: u32| state >> bit & 1 == 0;
    Told { engine_on: Some(!holds(10)), sos: holds(1) || holds(18), ..Told::default() }
}

/// `ddmm.mmmm`, `-dd-mm.mmmm` or `ddmmmmmm`, and the letter of the hemisphere.
fn angle(text: &str, hemisphere: &str) -> Result<f64, String> {
    if let Some((degrees, minutes)) = text.strip_prefix('-').and_then(|rest| rest.split_once('-')) {
        let size = number(degrees)? + number(minutes)? / 60.0;
        return signed(size, hemisphere).ok_or_else(|| format!("hemisphere {hemisphere:?}"));
    }
    if all_digits(text) && text.len() > 6 {
        let (degrees, minutes) = text.split_at(text.len() - 6);
        return degrees_minutes(&format!("{degrees}{}.{}", &minutes[..2], &minutes[2..]), hemisphere);
    }
    degrees_minutes(text, hemisphere)
}

fn detect(buf: &[u8]) -> Detected {
    match *buf {
        [] | [b'*'] | [b'*', b'A'..=b'Z' | b'a'..=b'z'] => Detected::Perhaps,
        [b'*', a, b, ref rest @ ..] if a.is_ascii_alphabetic() && b.is_ascii_alphabetic() => {
            match rest.first() {
                None => Detected::Perhaps,
                Some(b',') => Detected::Yes,
                Some(_) => Detected::No,
            }
        }
        // Ten digits of the device and a time, packed: no sentence of a receiver looks so.
        [b'$', ref packed @ ..] => {
            let digits = packed.iter().take(8).all(|&b| bcd(b).is_ok());
            let limits = [0x24, 0x60, 0x60];
            let time = packed.iter().skip(5).zip(limits).all(|(have, limit)| *have < limit);
            match (digits && time, packed.len() >= 8) {
                (true, true) => Detected::Yes,
                (true, false) => Detected::Perhaps,
                (false, _) => Detected::No,
            }
        }
        _ => Detected::No,
    }
}
