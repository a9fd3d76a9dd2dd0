//! A position in a sentence for people: `Current position!Lat:N21.028,Lon:E105.852,Course:90.0,Speed:0.0,DateTime:2025-01-01 10:00:00`.

use models_domain::geo::LatLon;
use models_domain::{Degrees, MetersPerSecond, UtcMillis};

use super::super::Told;
use super::super::bytes::Reader;
use super::super::when::{Zone, utc};
use super::Fix;

/// Body of kind 21: four bytes of the server's, the encoding (1 ASCII, else UTF-16), the sentence.
/// `None` when the sentence tells something else.
pub(super) fn position(zone: Zone, body: &[u8]) -> Result<Option<Fix>, String> {
    let mut body = Reader::new(body);
    body.take(4)?;
    let text = if body.u8()? == 1 {
        String::from_utf8_lossy(body.rest()).into_owned()
    } else {
        let units = body.rest().chunks_exact(2).map(|c| u16::from_be_bytes([c[0], c[1]]));
        char::decode_utf16(units).map(|c| c.unwrap_or(' ')).collect()
    };
    Ok(text.split_once("Current position!").and_then(|(_, facts)| sentence(zone, facts)))
}

fn sentence(zone: Zone, facts: &str) -> Option<Fix> {
    let (mut lat, mut lon, mut course, mut speed, mut at) = (None, None, None, 0.0, None);
    for fact in facts.split(',') {
        match fact.trim().split_once(':')? {
            ("Lat", value) => lat = signed(value, 'N', 'S'),
            ("Lon", value) => lon = signed(value, 'E', 'W'),
            ("Course", value) => course = finite(value).map(Degrees),
            // No unit is written; receivers' sentences (NMEA 0183) count in knots.
            ("Speed", value) => speed = finite(value)?,
            ("DateTime", value) => at = when(zone, value),
            _ => {}
        }
    }
    Some(Fix {
        device: None,
        at: at?,
        position: Fix::on_earth(LatLon::new(lat?, lon?)).ok()?,
        speed: MetersPerSecond::from_knots(speed),
        course,
        altitude: None,
        valid: true,
        told: Told::default(),
    })
}

fn finite(value: &str) -> Option<f64> {
    value.trim().parse().ok().filter(|n: &f64| n.is_finite())
}

fn signed(value: &str, plus: char, minus: char) -> Option<f64> {
    let value = value.trim();
    if let Some(number) = value.strip_prefix(plus) {
        number.parse().ok()
    } else {
        value.strip_prefix(minus)?.parse().ok().map(|n: f64| -n)
    }
}

fn when(zone: Zone, value: &str) -> Option<UtcMillis> {
    let mut numbers = value.split(|c: char| !c.is_ascii_digit()).filter(|part| !part.is_empty());
    let mut fields = [0; 6];
    for field in &mut fields {
        *field = numbers.next()?.parse().ok()?;
    }
    utc(zone, fields).ok()
}
