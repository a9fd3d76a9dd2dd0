//! Receivers' own sentences (NMEA 0183) over a socket, as modems and simple trackers send them.
//!
//! Who speaks is said in a sentence of the maker's, before the `$`, or after a position, which then waits for it.

mod sentences;
#[cfg(test)]
mod tests;

use models_domain::UtcMillis;

use super::detect::Detected;
use super::text::{Piece, all_digits, piece};
use super::when::Zone;
use super::{Decoded, Fix, Framing, Message, Protocol, Session};

pub(super) const PROTOCOL: Protocol = Protocol {
    name: "t55_nmea",
    default_port: 5005,
    framing: Framing::Stream,
    zone: Zone::UTC,
    decode,
    detect,
    encode: None,
    longest: None,
};

fn decode(session: &mut Session, buf: &[u8], now: UtcMillis) -> Decoded {
    match piece(session, buf, b"\r\n\0") {
        Ok(Piece { used, text }) => Decoded::of(used, line(session, text.trim(), now)),
        Err(decoded) => *decoded,
    }
}

fn line(session: &mut Session, line: &str, now: UtcMillis) -> Result<Message, String> {
    if line.is_empty() {
        return Ok(Message::note("blank line"));
    }
    let sentence = match line.split_once('$') {
        Some(("", _)) => line,
        Some((name, _)) => {
            let name = name.trim_end_matches([',', '/', ' ']);
            session.device = Some(name.rsplit(['/', '=', ':']).next().unwrap_or(name).to_owned());
            &line[line.find('$').unwrap_or(0)..]
        }
        None => line,
    };
    let warning = checksum(session, sentence)?;
    if let Some(name) = login(sentence) {
        session.device = Some(name.to_owned());
        // The position that waited for a name.
        let held = session.held.take();
        let note = if held.is_some() { "position" } else { "login" };
        let fixes = held.into_iter().map(|fix| Fix { device: session.device.clone(), ..fix }).collect();
        return Ok(Message { fixes, warning, ..Message::note(note) });
    }
    let (name, fix) = match sentences::read(session.zone(PROTOCOL.zone), sentence, now)? {
        sentences::Read::Nothing(note) => return Ok(Message { warning, ..Message::note(note) }),
        sentences::Read::Position(name, fix) => (name, fix),
    };
    if let Some(name) = name {
        session.device = Some(name);
    }
    let fix = Fix { device: session.device.clone(), ..*fix };
    if fix.device.is_none() {
        session.held = Some(fix);
        return Ok(Message { warning, ..Message::note("position of a device without a name") });
    }
    Ok(Message { fixes: vec![fix], warning, ..Message::note("position") })
}

/// The exclusive or of what stands between `$` and `*` (NMEA 0183 §5.2.3).
fn checksum(session: &Session, sentence: &str) -> Result<Option<String>, String> {
    let Some((body, tail)) = sentence.strip_prefix('$').and_then(|rest| rest.split_once('*')) else {
        return Ok(None);
    };
    let digits = tail.get(..2).unwrap_or(tail);
    let Some(got) = u8::from_str_radix(digits, 16).ok().filter(|_| digits.len() == 2) else {
        return Ok(None);
    };
    let want = body.bytes().fold(0, |sum, b| sum ^ b);
    if got == want {
        return Ok(None);
    }
    session.damage(format!("checksum 0x{got:02x}, expected 0x{want:02x}"))
}

/// The name in a sentence that tells nothing else.
fn login(sentence: &str) -> Option<&str> {
    let field =
        |at: usize| sentence.split([',', '*', '=']).nth(at).map(str::trim).filter(|name| !name.is_empty());
    let starts = |begin: &str| sentence.starts_with(begin);
    if starts("$PGID") || starts("$DEVID") || starts("$PCPTI") || starts("$GPFID") || starts("$PSIWMDID") {
        return field(1);
    }
    if starts("IMEI") || starts("$IMEI") || starts("$CONNECT") {
        return field(1);
    }
    let hex = sentence.len() >= 6 && sentence.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'A'..=b'F'));
    (hex && sentence.len() <= 20).then_some(sentence)
}

fn detect(buf: &[u8]) -> Detected {
    let end = buf.iter().position(|b| matches!(b, b'\r' | b'\n'));
    let Some(text) = str::from_utf8(&buf[..end.unwrap_or(buf.len())]).ok() else { return Detected::No };
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    match (&text[digits..], digits) {
        (rest, 0 | 8..=20) if rest.starts_with("$") => match rest.as_bytes() {
            [_] | [_, b'A'..=b'Z'] => Detected::Perhaps,
            [_, a, b, ..] if a.is_ascii_uppercase() && b.is_ascii_uppercase() => Detected::Yes,
            _ => Detected::No,
        },
        ("", 8..=20) if end.is_some() => Detected::Yes,
        ("", ..=20) if end.is_none() => Detected::Perhaps,
        (rest, 0) if rest.starts_with("IMEI") || rest.starts_with("QZE,") => Detected::Yes,
        (rest, 0) if "IMEI".starts_with(rest) || "QZE,".starts_with(rest) => Detected::Perhaps,
        _ => Detected::No,
    }
}

fn is_name(text: &str) -> bool {
    all_digits(text) && (5..=20).contains(&text.len()) && text.bytes().any(|b| b != b'0')
}
