//! The OsmAnd protocol of telephones and of programs: HTTP requests with the position in the query, the form or JSON.
//!
//! JSON is that of the background-geolocation libraries: speed in m/s there, in knots in a query.

use models_domain::{Degrees, Meters, MetersPerSecond, UtcMillis};
use serde::Deserialize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::detect;
use super::text::{number, optional, pairs};
use super::when::{Zone, utc};
use super::{Decoded, Fix, Framing, Message, Protocol, Session};

pub(super) const PROTOCOL: Protocol = Protocol {
    name: "osmand",
    default_port: 5055,
    framing: Framing::Stream,
    zone: Zone::UTC,
    decode,
    detect: |buf| detect::begins(buf, &[b"GET ", b"POST ", b"PUT ", b"HEAD "]),
    encode: None,
};

/// Longest request.
const MAX: usize = 16 * 1024;
const MAX_HEADERS: usize = 64;

const TAKEN: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
const REFUSED: &[u8] = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n";

fn decode(session: &mut Session, buf: &[u8], now: UtcMillis) -> Decoded {
    if buf.is_empty() {
        return Decoded::NeedMore;
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
        text => match text.parse::<usize>().ok().filter(|length| *length <= MAX) {
            Some(length) => length,
            None => return Decoded::Bad { used: head, why: format!("a body of {text} bytes") },
        },
    };
    let Some(body) = buf.get(head..head + length) else { return Decoded::NeedMore };
    let json = header("content-type").starts_with("application/json");
    let query = request.path.and_then(|path| path.split_once('?')).map_or("", |(_, query)| query);
    let read = if json { from_json(session, query, body) } else { from_query(session, query, body, now) };
    // HTTP answers also what it cannot read: the telephone would send it again for ever.
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

/// Behind the line: what is no request is left out whole, however it was cut on its way.
fn line_end(buf: &[u8]) -> Option<usize> {
    buf.iter().position(|&b| b == b'\n').map(|end| end + 1)
}

/// `id`, `timestamp`, `lat` and `lon` or `location`, `speed` in knots, `bearing`, `altitude`, `valid`.
fn from_query(session: &mut Session, query: &str, body: &[u8], now: UtcMillis) -> Result<Message, String> {
    let fields = if query.is_empty() { body } else { query.as_bytes() };
    let (mut lat, mut lon, mut at, mut name) = (None, None, None, None);
    let (mut knots, mut course, mut altitude, mut valid) = (0.0, None, None, true);
    for (key, value) in form_urlencoded::parse(fields) {
        match &*key {
            "id" | "deviceid" => name = Some(value.trim().to_owned()).filter(|name| !name.is_empty()),
            "timestamp" => at = Some(when(session, value.trim())?),
            "lat" => lat = Some(number(&value)?),
            "lon" => lon = Some(number(&value)?),
            "location" => {
                let (first, second) = value.split_once(',').ok_or("a location without a comma")?;
                (lat, lon) = (Some(number(first)?), Some(number(second)?));
            }
            "speed" => knots = number(&value)?.max(0.0),
            "bearing" | "heading" => course = optional(&value).filter(|degrees| *degrees >= 0.0),
            "altitude" => altitude = optional(&value),
            "valid" => valid = matches!(&*value, "true" | "1"),
            _ => {}
        }
    }
    session.device = Some(name.ok_or("no id in the request")?);
    let (Some(lat), Some(lon)) = (lat, lon) else { return Ok(Message::note("no position in it")) };
    let fix = Fix {
        device: session.device.clone(),
        speed: MetersPerSecond::from_knots(knots),
        course: course.map(Degrees),
        altitude: altitude.map(Meters),
        valid,
        ..Fix::at(at.unwrap_or(now), lat, lon)?
    };
    Ok(Message { fixes: vec![fix], ..Message::note("position") })
}

/// Unix seconds or milliseconds, RFC 3339, or `2025-05-14 14:12:38` on the device's clock.
fn when(session: &Session, text: &str) -> Result<UtcMillis, String> {
    if let Some(number) = optional(text) {
        let millis = if number.abs() < f64::from(i32::MAX) { number * 1000.0 } else { number };
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
    One(Box<Location>),
    Many(Vec<Location>),
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
    speed: Option<f64>,
    heading: Option<f64>,
    altitude: Option<f64>,
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
    session.device = Some(name.ok_or("no id in the request")?);
    let locations = match report.location {
        Locations::One(one) => vec![*one],
        Locations::Many(many) => many,
    };
    let mut fixes = Vec::new();
    for location in locations {
        let Some(coords) = location.coords else { continue };
        let at = match &location.timestamp {
            Stamp::Text(text) => when(session, text)?,
            Stamp::Unix(number) => when(session, &number.to_string())?,
        };
        let fix = Fix::at(at, coords.latitude, coords.longitude)?;
        fixes.push(Fix {
            device: session.device.clone(),
            speed: MetersPerSecond(coords.speed.unwrap_or(0.0).max(0.0)),
            course: coords.heading.filter(|degrees| *degrees >= 0.0).map(Degrees),
            altitude: coords.altitude.map(Meters),
            ..fix
        });
    }
    let note = if fixes.is_empty() { "no position in it" } else { "position" };
    Ok(Message { fixes, ..Message::note(note) })
}

#[cfg(test)]
mod tests {
    use super::super::testing::{lines, survives};
    use super::super::{Session, Zones};
    use super::*;

    const FIX: &str = "123456 1747231958000 21.02800,105.85200 36.0 km/h Some(90.0) Some(12.0)";

    fn replied(note: &str, reply: &[u8]) -> String {
        format!("{note} {}", crate::protocols::bytes::hex(reply))
    }

    #[track_caller]
    fn check(request: &str, want: &[&str]) {
        let want: Vec<_> = want
            .iter()
            .enumerate()
            .map(|(i, line)| if i == 0 { replied(line, TAKEN) } else { (*line).to_owned() })
            .collect();
        assert_eq!(lines(&PROTOCOL, &mut Session::default(), request.as_bytes()), want);
        survives(&PROTOCOL, request.as_bytes());
        for end in 1..request.len() {
            let cut = lines(&PROTOCOL, &mut Session::default(), &request.as_bytes()[..end]);
            assert!(cut.is_empty(), "cut at {end}: {cut:?}");
        }
    }

    #[test]
    fn queries() {
        let rest = "lat=21.028&lon=105.852&speed=19.438&bearing=90&altitude=12";
        for time in [
            "1747231958",
            "1747231958.0",
            "1747231958000",
            "2025-05-14T14%3A12%3A38Z",
            "2025-05-14+14:12:38",
            "2025-05-14T21:12:38.000%2B07:00",
            // A plus sign that was not encoded, and a zone without a colon.
            "2025-05-14T21:12:38+07:00",
            "2025-05-14T21:12:38+0700",
            "2025-05-14T10:12:38.000-0400",
        ] {
            check(
                &format!("GET /?id=123456&timestamp={time}&{rest} HTTP/1.1\r\nHost: a\r\n\r\n"),
                &["position", FIX],
            );
        }
        let form = format!(
            "id=123456&timestamp=1747231958&{}",
            rest.replace("lat=21.028&lon=105.852", "location=21.028,105.852")
        );
        let post = format!("POST / HTTP/1.1\r\nContent-Length: {}\r\n\r\n{form}", form.len());
        check(&post, &["position", FIX]);
        check("GET /?id=123456&cell=452,04,16,2224 HTTP/1.1\r\n\r\n", &["no position in it"]);
    }

    #[test]
    fn json() {
        let body = r#"{"device_id":"123456","location":{"timestamp":"2025-05-14T14:12:38Z","coords":
            {"latitude":21.028,"longitude":105.852,"accuracy":5,"speed":10.0,"heading":90,"altitude":12},"extras":{}}}"#;
        let head = format!(
            "POST / HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        check(&format!("{head}{body}"), &["position", FIX]);
    }

    #[test]
    fn json_of_a_device_that_the_address_names() {
        let body = r#"{"location":[{"timestamp":1747231958000,"coords":{"latitude":21.028,"longitude":105.852,
            "speed":10.0,"heading":90,"altitude":12}}]}"#;
        let head = format!(
            "POST /?id=123456 HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        check(&format!("{head}{body}"), &["position", FIX]);
    }

    #[test]
    fn the_zone_is_that_of_times_without_one() {
        let zones = Zones { otherwise: Some(Zone::VIETNAM), ..Zones::default() };
        let mut session = Session { zones, ..Session::default() };
        let request = b"GET /?id=1&timestamp=2025-05-14+21:12:38&lat=21.028&lon=105.852 HTTP/1.1\r\n\r\n";
        assert!(lines(&PROTOCOL, &mut session, request)[1].starts_with("1 1747231958000"));
    }

    #[test]
    fn what_cannot_be_read_is_refused() {
        let got = lines(&PROTOCOL, &mut Session::default(), b"GET /?lat=21&lon=105 HTTP/1.1\r\n\r\n");
        assert_eq!(got, [replied("request that cannot be read", REFUSED)]);
        let got = lines(&PROTOCOL, &mut Session::default(), b"\x01\x02\n\x03");
        assert!(got[0].starts_with("bad: not a request"), "{got:?}");
    }
}
