//! TK103 and its many kin: sentences in parentheses, either fields of fixed width or fields between commas.

#[cfg(test)]
mod tests;

use models_domain::{Degrees, MetersPerSecond, UtcMillis};

use super::detect::{self, Detected};
use super::order::{Answer, Order};
use super::text::{all_digits, degrees_minutes, number, pairs};
use super::when::{Zone, utc};
use super::{Decoded, Fix, Framing, Message, Protocol, Session, Told};

pub(super) const PROTOCOL: Protocol = Protocol {
    name: "tk103",
    default_port: 5002,
    framing: Framing::Stream,
    zone: Zone::UTC,
    decode,
    detect,
    encode: Some(encode),
    longest: None,
};

/// Longest sentence: lists of settings in free text.
const MAX: usize = 4096;

fn decode(session: &mut Session, buf: &[u8], _now: UtcMillis) -> Decoded {
    match buf.iter().position(|&b| b == b'(') {
        None if buf.is_empty() => return Decoded::NeedMore,
        None => {
            return Decoded::Bad {
                used: buf.len(),
                why: format!("{} bytes before a parenthesis", buf.len()),
            };
        }
        Some(0) => {}
        Some(used) => return Decoded::Bad { used, why: format!("{used} bytes before a parenthesis") },
    }
    let (inner, used) = match end(&buf[1..]) {
        Some(end) => (&buf[1..=end], end + 2),
        None if buf.len() > MAX => {
            return Decoded::Bad { used: 1, why: "a parenthesis that opens no sentence".to_owned() };
        }
        None if session.ends_here() => (&buf[1..], buf.len()),
        None => return Decoded::NeedMore,
    };
    let blank = buf[used..].iter().take_while(|b| matches!(b, b'\r' | b'\n')).count();
    Decoded::of(used + blank, sentence(session, &String::from_utf8_lossy(inner)))
}

/// The closing parenthesis; those between two dollars belong to a text.
fn end(buf: &[u8]) -> Option<usize> {
    let mut in_text = false;
    for (i, byte) in buf.iter().take(MAX).enumerate() {
        match byte {
            b'$' => in_text = !in_text,
            b')' if !in_text => return Some(i),
            _ => {}
        }
    }
    None
}

fn sentence(session: &mut Session, text: &str) -> Result<Message, String> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (device, rest) = text.split_at(digits);
    if device.len() < 8 {
        return Err(format!(
            "{:?} does not begin with the name of a device",
            text.chars().take(20).collect::<String>()
        ));
    }
    let commas = rest.starts_with(',');
    let rest = rest.trim_start_matches(',');
    let kind = rest.get(..4).ok_or("no kind behind the name of the device")?;
    let body = &rest[4..];
    session.device = Some(device.to_owned());
    let reply = match kind {
        "BP00" => format!("({device}AP01HSO)"),
        "BP05" => format!("({device}AP05)"),
        _ => String::new(),
    };
    let message = |note| Message { reply: reply.clone().into_bytes(), ..Message::note(note) };
    match kind {
        "BP00" => return Ok(message("login")),
        "BZ00" => return Ok(message("cells")),
        "BV00" | "BS50" | "BS51" => return Ok(message("kind without a position")),
        "ZC20" => return Ok(message("battery")),
        "ZC03" => {
            let text = body.split('$').nth(1).unwrap_or(body).to_owned();
            let answer = Some(Answer { tag: None, text });
            return Ok(Message { answer, ..message("answer to a command") });
        }
        kind if kind.starts_with("DW5") && !body.contains(['A', 'V']) => return Ok(message("cells")),
        _ => {}
    }
    let Some(place) = Place::find(body) else { return Ok(message("no position in it")) };
    Ok(match place.read(session.zone(PROTOCOL.zone), commas) {
        Ok(fix) => {
            let told = tells(kind, body, fix.told.engine_on);
            let fix = Fix { device: session.device.clone(), told, ..fix };
            Message { fixes: vec![fix], ..message("position") }
        }
        // A login (BP05) is answered whatever place it names.
        Err(why) => Message { warning: Some(why), ..message("position that cannot be read") },
    })
}

/// What the kind itself tells: an alarm (BO01) names its number first, 2 for help; between commas each alarm is a kind.
fn tells(kind: &str, body: &str, ignition: Option<bool>) -> Told {
    let sos = matches!(kind, "ZC25" | "DW3E") || (kind == "BO01" && body.starts_with('2'));
    let engine_on = match kind {
        "ZC15" | "DW35" | "ZC29" | "DW42" => Some(true),
        "ZC16" | "DW36" => Some(false),
        _ => ignition,
    };
    Told { engine_on, sos, ..Told::default() }
}

/// A date, the letter of validity, and what follows it.
struct Place<'a> {
    date: &'a str,
    valid: bool,
    rest: &'a str,
}

impl<'a> Place<'a> {
    /// Six digits, A or V, digits again; what is before them differs from kind to kind.
    fn find(body: &'a str) -> Option<Self> {
        body.char_indices().filter(|(_, c)| matches!(c, 'A' | 'V')).find_map(|(i, letter)| {
            let before = body[..i].strip_suffix(',').unwrap_or(&body[..i]);
            let date = before.get(before.len().checked_sub(6)?..).filter(|date| all_digits(date))?;
            let rest = body[i + 1..].trim_start_matches([',', ' ']);
            rest.starts_with(|c: char| c.is_ascii_digit()).then_some(Self {
                date,
                valid: letter == 'A',
                rest,
            })
        })
    }

    /// Latitude, N or S, longitude, E or W, speed in km/h, time, course, state.
    fn read(&self, zone: Zone, day_first: bool) -> Result<Fix, String> {
        let (lat, rest) = angle(self.rest, ['N', 'S'])?;
        let (lon, rest) = angle(rest, ['E', 'W'])?;
        let run = rest.find(|c: char| !matches!(c, '0'..='9' | '.' | ' ')).unwrap_or(rest.len());
        let commas = rest[run..].starts_with(',');
        let (speed, rest) = split(rest, if commas { run } else { 5 })?;
        let (time, rest) = split(rest.trim_start_matches(','), 6)?;
        let rest = rest.trim_start_matches(',');
        let course = if commas { rest.split([',', ')']).next() } else { rest.get(..6) };
        let pairs_of_date = pairs(self.date)?;
        let [year, month, day] = if day_first {
            let [day, month, year] = pairs_of_date;
            [year, month, day]
        } else {
            pairs_of_date
        };
        let [hour, minute, second] = pairs(time)?;
        let fix = Fix::at(utc(zone, [year, month, day, hour, minute, second])?, lat, lon)?;
        Ok(Fix {
            speed: MetersPerSecond::from_kmh(number(speed)?),
            course: course.and_then(degrees).map(Degrees),
            valid: self.valid,
            told: Told { engine_on: if commas { None } else { ignition(rest) }, ..Told::default() },
            ..fix
        })
    }
}

fn split(text: &str, at: usize) -> Result<(&str, &str), String> {
    text.split_at_checked(at).ok_or_else(|| "the sentence ends too early".to_owned())
}

fn angle(text: &str, letters: [char; 2]) -> Result<(f64, &str), String> {
    let at = text.find(letters).ok_or_else(|| format!("no {} or {}", letters[0], letters[1]))?;
    let degrees = degrees_minutes(&text[..at], &text[at..=at])?;
    Ok((degrees, text[at + 1..].trim_start_matches(',')))
}

/// Of fixed width with a point, or two digits before the digits of the state.
fn degrees(text: &str) -> Option<f64> {
    let text = if text.contains('.') { text } else { text.get(..2)? };
    number(text).ok()
}

/// Behind the course eight digits of the state and an L: the second digit says whether the ignition is on.
fn ignition(text: &str) -> Option<bool> {
    let course = if text.get(..6)?.contains('.') { 6 } else { 2 };
    let (state, behind) = text.get(course..)?.trim_start_matches(',').split_at_checked(8)?;
    match state.as_bytes() {
        [b'0' | b'1', on @ (b'0' | b'1'), ..] if behind.starts_with('L') => Some(*on == b'1'),
        _ => None,
    }
}

/// `(` device, kind `)`.
fn encode(session: &Session, order: &Order, _tag: u16) -> Result<Vec<u8>, String> {
    let device = session.device.as_deref().ok_or("the device has not said who it is")?;
    let order = match order {
        Order::Locate => "AP00".to_owned(),
        Order::ReportEvery { seconds } => format!("AR00{:04X}0000", (*seconds).min(0xffff)),
        Order::Text(text) if text.contains(['(', ')']) => {
            return Err("tk103: no parentheses in a text".to_owned());
        }
        Order::Text(text) => text.clone(),
    };
    Ok(format!("({device}{order})").into_bytes())
}

fn detect(buf: &[u8]) -> Detected {
    match detect::begins(buf, &[b"("]) {
        Detected::Yes if buf[1..].iter().take(8).all(u8::is_ascii_digit) => {
            if buf.len() > 8 {
                Detected::Yes
            } else {
                Detected::Perhaps
            }
        }
        Detected::Yes => Detected::No,
        other @ (Detected::No | Detected::Perhaps) => other,
    }
}
