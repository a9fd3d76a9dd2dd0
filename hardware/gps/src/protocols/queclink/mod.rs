//! Queclink (GL, GV, GB, GT, CV series): sentences `+RESP:GT…$`, and a binary form for those who pay by the byte.
//!
//! Every kind and model has its own fields around a position; the position itself is always written in the same order, and is
//! found by its shape.

mod binary;
#[cfg(test)]
mod tests;

use models_domain::{Degrees, Meters, MetersPerSecond, UtcMillis};

use super::detect::{self, Detected};
use super::kept::Kept;
use super::order::{Answer, Order};
use super::text::{Piece, all_digits, full_date, is_decimal, number, optional, piece};
use super::when::{Zone, utc};
use super::{Decoded, Fix, Framing, Message, Protocol, Session, Told};

pub(super) const PROTOCOL: Protocol = Protocol {
    name: "queclink",
    default_port: 5004,
    framing: Framing::Stream,
    zone: Zone::UTC,
    decode,
    detect,
    encode: Some(encode),
    longest: None,
};

fn decode(session: &mut Session, buf: &[u8], _now: UtcMillis) -> Decoded {
    match buf.iter().position(|&b| b == b'+') {
        None if buf.is_empty() => return Decoded::NeedMore,
        None => return Decoded::Bad { used: buf.len(), why: format!("{} bytes before +", buf.len()) },
        Some(0) => {}
        Some(used) => return Decoded::Bad { used, why: format!("{used} bytes before +") },
    }
    if buf.len() < 5 && !session.ends_here() {
        return Decoded::NeedMore;
    }
    if let Some(kind) = binary::kind(buf) {
        return match binary::length(kind, buf) {
            Some(length) if buf.len() >= length => {
                Decoded::of(length, binary::content(session, kind, &buf[..length]))
            }
            Some(_) | None if session.ends_here() => {
                Decoded::Bad { used: buf.len(), why: "the message ends too early".to_owned() }
            }
            Some(_) | None => Decoded::NeedMore,
        };
    }
    match piece(session, buf, b"$\0") {
        Ok(Piece { used, text }) => Decoded::of(used, sentence(session, text.trim())),
        Err(decoded) => *decoded,
    }
}

/// `+RESP:GTxxx`, version of the protocol, device, the kind's own fields, date of sending, number of the message.
fn sentence(session: &mut Session, text: &str) -> Result<Message, String> {
    let parts: Vec<&str> = text.split(',').collect();
    let (way, kind) = parts[0].split_once(":GT").ok_or("no :GT in it")?;
    // Old models leave the version out.
    let device = parts.iter().skip(1).take(2).find(|part| is_device(part)).ok_or("no name of a device")?;
    session.device = Some((*device).to_owned());
    let number = parts.last().copied().unwrap_or("");
    if way == "+ACK" {
        return Ok(acknowledged(kind, &parts, number));
    }
    if !matches!(way, "+RESP" | "+BUFF" | "+EVT") {
        return Err(format!("{way:?} is not known"));
    }
    let reply = format!("+SACK:{number}$").into_bytes();
    let zone = session.zone(PROTOCOL.zone);
    let found: Vec<usize> = (0..parts.len().saturating_sub(2)).filter(|&at| is_place(&parts, at)).collect();
    let last = found.len().saturating_sub(1);
    let read = found.iter().enumerate().map(|(i, &at)| {
        // The state is that of sending, and so of the last place.
        let told = told(kind, if i == last { state(kind, &parts[at..]) } else { None });
        position(zone, &parts, at).map(|fix| Fix { device: session.device.clone(), told, ..fix })
    });
    // One that cannot be read is left out: the device would repeat all of them for ever.
    let kept: Kept<Fix> = read.collect();
    let note = match (kept.good.len(), kind) {
        (0, "INF" | "VER" | "CID" | "CSQ" | "BAT" | "TMZ" | "GPS") => "information",
        (0, _) => "no position in it",
        (1, _) => "position",
        (_, _) => "positions",
    };
    let warning = kept.warning();
    Ok(Message { fixes: kept.good, reply, warning, ..Message::note(note) })
}

/// An IMEI, or fourteen hexadecimal digits of a MEID.
fn is_device(text: &str) -> bool {
    (text.len() == 15 && all_digits(text))
        || (text.len() == 14 && text.bytes().all(|b| b.is_ascii_hexdigit()))
}

/// A heartbeat wants its number back; all else answers what we asked: kind, version, device, name, serial number, date, number.
fn acknowledged(kind: &str, parts: &[&str], number: &str) -> Message {
    if kind == "HBD" {
        let reply = format!("+SACK:GTHBD,{},{number}$", parts.get(1).unwrap_or(&""));
        return Message { reply: reply.into_bytes(), ..Message::note("heartbeat") };
    }
    let serial = parts.len().checked_sub(3).and_then(|at| u16::from_str_radix(parts[at], 16).ok());
    let answer = Some(Answer { tag: serial, text: format!("GT{kind} accepted") });
    Message { answer, ..Message::note("answer to a command") }
}

/// Longitude, latitude, date: no other three fields look so.
fn is_place(parts: &[&str], at: usize) -> bool {
    is_decimal(parts[at], 6)
        && is_decimal(parts[at + 1], 6)
        && parts[at + 2].len() == 14
        && all_digits(parts[at + 2])
}

/// Accuracy (0 no fix, the last one known), km/h, course, height, longitude, latitude, date.
fn position(zone: Zone, parts: &[&str], at: usize) -> Result<Fix, String> {
    let before = |count: usize| at.checked_sub(count).and_then(|at| optional(parts[at]));
    let fix = Fix::at(utc(zone, full_date(parts[at + 2])?)?, number(parts[at + 1])?, number(parts[at])?)?;
    Ok(Fix {
        speed: MetersPerSecond::from_kmh(before(3).unwrap_or(0.0).max(0.0)),
        course: before(2).map(Degrees),
        altitude: before(1).map(Meters),
        valid: before(4) != Some(0.0),
        ..fix
    })
}

/// What the kind itself tells, else what the state does. `GTIGL` tells of the ignition too, but where devices send it
/// does not fit which is said to be which.
fn told(kind: &str, state: Option<bool>) -> Told {
    let engine_on = match kind {
        "IGN" | "VGN" => Some(true),
        "IGF" | "VGF" => Some(false),
        _ => state,
    };
    Told { engine_on, sos: kind == "SOS", ..Told::default() }
}

/// Longitude, latitude, date, and a cell of four fields.
const PLACE: usize = 7;

/// In reports at intervals, behind place and cell: six hexadecimal digits, of which the first two are what the vehicle does (1
/// ignition off, 2 on, 4 not connected), the others inputs and outputs.
fn state(kind: &str, parts: &[&str]) -> Option<bool> {
    if !matches!(kind, "FRI" | "ERI") {
        return None;
    }
    let is_state = |text: &&str| {
        text.len() == 6
            && text.bytes().all(|b| b.is_ascii_hexdigit())
            && matches!(&text[..2], "11" | "12" | "16" | "1A" | "21" | "22" | "41" | "42")
    };
    let state = parts.get(PLACE..)?.iter().copied().find(is_state)?;
    match state.as_bytes()[0] {
        b'1' => Some(false),
        b'2' => Some(true),
        _ => None,
    }
}

/// `AT+GTRTO` asks for things at once; 1 is the position. The password is the makers' default unless the text brings its own.
fn encode(_session: &Session, order: &Order, tag: u16) -> Result<Vec<u8>, String> {
    Ok(match order {
        Order::Locate => format!("AT+GTRTO=gv,1,,,,,,{tag:04X}$").into_bytes(),
        Order::ReportEvery { .. } => {
            return Err("queclink: send the AT+GTFRI line of the model as a text".to_owned());
        }
        Order::Text(text) => text.clone().into_bytes(),
    })
}

fn detect(buf: &[u8]) -> Detected {
    let beginnings: &[&[u8]] = &[b"+RESP:GT", b"+BUFF:GT", b"+ACK:GT", b"+EVT:GT"];
    match (detect::begins(buf, beginnings), binary::kind(buf)) {
        (Detected::No, Some(_)) => Detected::Yes,
        (detected, _) => detected,
    }
}
