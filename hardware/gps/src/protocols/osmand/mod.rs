//! The OsmAnd protocol of telephones and of programs: HTTP requests with the position in the query, the form or JSON.
//!
//! JSON is that of the background-geolocation libraries: speed in m/s there, in knots in a query.

#[cfg(test)]
mod tests;

use models_domain::{Degrees, Meters, MetersPerSecond, UtcMillis, VehicleId};
use serde::Deserialize;
use serde::de::IgnoredAny;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::detect;
use super::kept::Kept;
use super::text::{number, optional, pairs};
use super::when::{Zone, utc};
use super::{Decoded, Fix, Framing, Message, Protocol, Session, Told};

pub(super) const PROTOCOL: Protocol = Protocol {
    name: "osmand",
    default_port: 5055,
    framing: Framing::Stream,
    zone: Zone::UTC,
    decode,
    detect: |buf| detect::begins(buf, &[b"GET ", b"POST ", b"PUT ", b"HEAD "]),
    encode: None,
    longest: Some(MAX + MAX_BODY),
};

/// Longest line and headers.
const MAX: usize = 16 * 1024;
/// Longest body: a thousand positions that a telephone stored.
const MAX_BODY: usize = 256 * 1024;
const MAX_HEADERS: usize = 64;
/// The year 9999.
const LATEST_MS: f64 = 253_402_300_800_000.0;

const TAKEN: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
const REFUSED: &[u8] = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n";
const TOO_LARGE: &[u8] = b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\n\r\n";

fn decode(session: &mut Session, buf: &[u8], now: UtcMillis) -> Decoded {
    if buf.is_empty() {
        return Decoded::NeedMore;
    }
    if session.skip > 0 {
        let used = session.skip.min(buf.len());
        session.skip -= used;
        return Decoded::Message(Message { used, ..Message::note("rest of a request that is too long") });
    }
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut request = httparse::Request::new(&mut headers);
    let head = match request.parse(buf) {
        Ok(httparse::Status::Complete(head)) => head,
        Ok(httparse::Status::Partial) if buf.len() < MAX => return Decoded::NeedMore,
        Ok(httparse::Status::Partial) => {
            return Decoded::Bad { used: buf.len(), why: "the request does not end".to_owned() };
        }
        Err(why) => match line_end(buf) {
            None if buf.len() < MAX && !session.ends_here() => return Decoded::NeedMore,
            end => {
                return Decoded::Bad { used: end.unwrap_or(buf.len()), why: format!("not a request: {why}") };
            }
        },
    };
    let header = |name: &str| {
        let found = request.headers.iter().find(|header| header.name.eq_ignore_ascii_case(name));
        found.and_then(|header| str::from_utf8(header.value).ok()).unwrap_or("").trim()
    };
    let length = match header("content-length") {
        "" => 0,
        text => match text.parse::<usize>() {
            Ok(length) if length <= MAX_BODY => length,
            Ok(length) => return too_long(session, buf.len(), head, length),
            Err(_) => return Decoded::Bad { used: head, why: format!("a body of {text} bytes") },
        },
    };
    let Some(body) = buf.get(head..head + length) else { return Decoded::NeedMore };
    let json = header("content-type").starts_with("application/json");
    let query = request.path.and_then(|path| path.split_once('?')).map_or("", |(_, query)| query);
    let read = if json { from_json(session, query, body) } else { from_query(session, query, body, now) };
    // HTTP answers also what it cannot read. A telephone sends again what is not taken: only what names nobody, or is no
    // report at all, is refused.
    Decoded::Message(match read {
        Ok(message) => Message { used: head + length, reply: TAKEN.to_vec(), ..message },
        Err(why) => Message {
            used: head + length,
            reply: REFUSED.to_vec(),
            warning: Some(why),
            ..Message::note("request that cannot be read")
        },
    })
}

/// Answered at once, that the telephone knows why; its body is no request, and left out as it comes.
fn too_long(session: &mut Session, buffered: usize, head: usize, length: usize) -> Decoded {
    let (used, rest) = if session.ends_here() { (buffered, 0) } else { (head, length) };
    session.skip = rest;
    Decoded::Message(Message {
        used,
        reply: TOO_LARGE.to_vec(),
        warning: Some(format!("a body of {length} bytes, {MAX_BODY} are the most")),
        ..Message::note("request that is too long")
    })
}

/// Behind the line: what is no request is left out whole, however it was cut on its way.
fn line_end(buf: &[u8]) -> Option<usize> {
    buf.iter().position(|&b| b == b'\n').map(|end| end + 1)
}

/// `id`, `timestamp`, `lat` and `lon` or `location`, `speed` in knots, `bearing`, `altitude`, `valid`, `ignition`, `alarm`.
fn from_query(session: &mut Session, query: &str, body: &[u8], now: UtcMillis) -> Result<Message, String> {
    let fields = if query.is_empty() { body } else { query.as_bytes() };
    let names = form_urlencoded::parse(fields).filter(|(key, _)| matches!(&**key, "id" | "deviceid"));
    session.device = Some(named(names.last().map(|(_, value)| value.into_owned()))?);
    Ok(match place(session, fields, now) {
        Ok(Some(fix)) => Message { fixes: vec![fix], ..Message::note("position") },
        Ok(None) => Message::note("no position in it"),
        Err(why) => Message { warning: Some(why), ..Message::note("position that cannot be read") },
    })
}

/// Who reports. What cannot be a vehicle's name is refused here: further on, it would end the connection without an answer.
fn named(name: Option<String>) -> Result<String, String> {
    let name = name.map(|name| name.trim().to_owned()).filter(|name| !name.is_empty());
    let name = name.ok_or("no id in the request")?;
    VehicleId::from_device(&name).map_err(|err| err.to_string())?;
    Ok(name)
}

fn place(session: &Session, fields: &[u8], now: UtcMillis) -> Result<Option<Fix>, String> {
    let (mut lat, mut lon, mut at) = (None, None, None);
    let (mut knots, mut course, mut altitude, mut valid) = (0.0, None, None, true);
    let mut told = Told::default();
    for (key, value) in form_urlencoded::parse(fields) {
        match &*key {
            "timestamp" => at = Some(when(session, value.trim())?),
            "lat" => lat = Some(number(&value)?),
            "lon" => lon = Some(number(&value)?),
            "location" => {
                let (first, second) = value.split_once(',').ok_or("a location without a comma")?;
                (lat, lon) = (Some(number(first)?), Some(number(second)?));
            }
            // What is not the place itself must not cost it.
            "speed" => knots = optional(&value).unwrap_or(0.0).max(0.0),
            "bearing" | "heading" => course = optional(&value).filter(|degrees| *degrees >= 0.0),
            "altitude" => altitude = optional(&value),
            "valid" => valid = matches!(&*value, "true" | "1"),
            "ignition" => told.engine_on = yes_or_no(&value),
            "alarm" => told.sos |= value.eq_ignore_ascii_case("sos"),
            _ => {}
        }
    }
    let (Some(lat), Some(lon)) = (lat, lon) else { return Ok(None) };
    Ok(Some(Fix {
        device: session.device.clone(),
        speed: MetersPerSecond::from_knots(knots),
        course: course.map(Degrees),
        altitude: altitude.map(Meters),
        valid,
        told,
        ..Fix::at(at.unwrap_or(now), lat, lon)?
    }))
}

fn yes_or_no(value: &str) -> Option<bool> {
    match value {
        "true" | "1" => Some(true),
        "false" | "0" => Some(false),
        _ => None,
    }
}

/// Unix seconds or milliseconds, RFC 3339, or `2025-05-14 14:12:38` on the device's clock.
fn when(session: &Session, text: &str) -> Result<UtcMillis, String> {
    if let Some(number) = optional(text) {
        let millis = if number.abs() < f64::from(i32::MAX) { number * 1000.0 } else { number };
        if millis.abs() > LATEST_MS {
            return Err(format!("{text:?} is a time beyond all calendars"));
        }
        return Ok(UtcMillis(millis.round() as i64));
    }
    if let Ok(at) = OffsetDateTime::parse(&with_zone(text), &Rfc3339) {
        let millis = i64::try_from(at.unix_timestamp_nanos() / 1_000_000)
            .map_err(|_| "a time beyond all calendars")?;
        return Ok(UtcMillis(millis));
    }
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    let [century, year, month, day, hour, minute, second] =
        pairs(&digits).map_err(|_| format!("{text:?} is not a time"))?;
    utc(session.zone(PROTOCOL.zone), [century * 100 + year, month, day, hour, minute, second])
}

/// RFC 3339 of what is written nearly so: a plus sign that was not encoded reads as a space in a query, and ISO 8601 has zones
/// without a colon.
fn with_zone(text: &str) -> String {
    let mut text = if text.contains('T') { text.replace(' ', "+") } else { text.to_owned() };
    if let Some(at) = text.len().checked_sub(5)
        && matches!(text.as_bytes()[at], b'+' | b'-')
        && text.as_bytes()[at + 1..].iter().all(u8::is_ascii_digit)
    {
        text.insert(at + 3, ':');
    }
    text
}

#[derive(Deserialize)]
struct Report {
    #[serde(alias = "deviceid", alias = "id")]
    device_id: Option<Name>,
    location: Locations,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Name {
    Text(String),
    Number(u64),
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Stamp {
    Text(String),
    Unix(f64),
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Locations {
    Many(Vec<OneLocation>),
    One(OneLocation),
}

/// One that cannot be read must not cost the others.
#[derive(Deserialize)]
#[serde(untagged)]
enum OneLocation {
    Location(Box<Location>),
    Strange(IgnoredAny),
}

#[derive(Deserialize)]
struct Location {
    timestamp: Stamp,
    coords: Option<Coordinates>,
}

#[derive(Deserialize)]
struct Coordinates {
    latitude: f64,
    longitude: f64,
    /// -1 where it is not known, as is the heading.
    speed: Option<Beside>,
    heading: Option<Beside>,
    altitude: Option<Beside>,
}

/// A number beside the place; whatever else stands there counts as not there.
#[derive(Deserialize)]
#[serde(untagged)]
enum Beside {
    Number(f64),
    Text(String),
    Strange(IgnoredAny),
}

impl Beside {
    fn number(self) -> Option<f64> {
        match self {
            Self::Number(number) => Some(number),
            Self::Text(text) => optional(&text),
            Self::Strange(_) => None,
        }
    }
}

/// The device is named in the report, or in the query.
fn from_json(session: &mut Session, query: &str, body: &[u8]) -> Result<Message, String> {
    let report: Report = serde_json::from_slice(body).map_err(|err| err.to_string())?;
    let name = match report.device_id {
        Some(Name::Text(text)) => Some(text),
        Some(Name::Number(number)) => Some(number.to_string()),
        None => {
            let mut fields = form_urlencoded::parse(query.as_bytes());
            fields.find(|(key, _)| matches!(&**key, "id" | "deviceid")).map(|(_, value)| value.into_owned())
        }
    };
    session.device = Some(named(name)?);
    let locations = match report.location {
        Locations::One(one) => vec![one],
        Locations::Many(many) => many,
    };
    let read = locations.into_iter().filter_map(|one| match one {
        OneLocation::Location(location) => of_location(session, *location).transpose(),
        OneLocation::Strange(_) => Some(Err("a location without a time, or without numbers".to_owned())),
    });
    let kept: Kept<Fix> = read.collect();
    let note = if kept.good.is_empty() { "no position in it" } else { "position" };
    let warning = kept.warning();
    Ok(Message { fixes: kept.good, warning, ..Message::note(note) })
}

fn of_location(session: &Session, location: Location) -> Result<Option<Fix>, String> {
    let Some(coords) = location.coords else { return Ok(None) };
    let at = match &location.timestamp {
        Stamp::Text(text) => when(session, text)?,
        Stamp::Unix(number) => when(session, &number.to_string())?,
    };
    Ok(Some(Fix {
        device: session.device.clone(),
        speed: MetersPerSecond(coords.speed.and_then(Beside::number).unwrap_or(0.0).max(0.0)),
        course: coords.heading.and_then(Beside::number).filter(|degrees| *degrees >= 0.0).map(Degrees),
        altitude: coords.altitude.and_then(Beside::number).map(Meters),
        ..Fix::at(at, coords.latitude, coords.longitude)?
    }))
}
