//! SIRI Vehicle Monitoring (CEN/TS 15531-3): a delivery of all vehicles in XML or JSON, for operators who have a server already.
//!
//! Both forms have the same names; JSON often wraps a value as `{"value": …}` and writes lists where XML repeats elements.

use models_domain::{Degrees, MetersPerSecond, UtcMillis};
use serde::{Deserialize, Deserializer};
use time::OffsetDateTime;
use time::format_description::well_known::Iso8601;

use super::when::Zone;
use super::{Decoded, Fix, Framing, Message, Protocol, Session, detect};

pub(super) const PROTOCOL: Protocol = Protocol {
    name: "siri_vm",
    default_port: 443,
    framing: Framing::Message,
    zone: Zone::UTC,
    decode,
    detect: detect::never,
    encode: None,
};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Siri {
    service_delivery: ServiceDelivery,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Document {
    siri: Siri,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ServiceDelivery {
    #[serde(default)]
    vehicle_monitoring_delivery: Vec<Delivery>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Delivery {
    #[serde(default)]
    vehicle_activity: Vec<Activity>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Activity {
    recorded_at_time: Text,
    monitored_vehicle_journey: Journey,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Journey {
    vehicle_ref: Option<Text>,
    /// Whether positions are being received.
    monitored: Option<Text>,
    vehicle_location: Option<Location>,
    bearing: Option<Text>,
    /// Metres per second.
    velocity: Option<Text>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Location {
    longitude: Option<Text>,
    latitude: Option<Text>,
}

/// Text of an element; in JSON a text, a number, a truth or one of them under `value`.
struct Text(String);

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Value {
            Text(String),
            Number(f64),
            Truth(bool),
            Wrapped {
                #[serde(rename = "value", alias = "$text", alias = "$value")]
                value: Option<Box<Value>>,
            },
        }
        fn text(value: Value) -> String {
            match value {
                Value::Text(text) => text,
                Value::Number(number) => number.to_string(),
                Value::Truth(truth) => truth.to_string(),
                Value::Wrapped { value } => value.map_or_else(String::new, |value| text(*value)),
            }
        }
        Value::deserialize(deserializer).map(|value| Self(text(value).trim().to_owned()))
    }
}

fn decode(session: &mut Session, buf: &[u8], _now: UtcMillis) -> Decoded {
    if buf.is_empty() {
        return Decoded::NeedMore;
    }
    Decoded::of(buf.len(), read(session, buf))
}

/// Deeper is no delivery, and would cost the reader its stack.
const DEPTH: usize = 64;

fn read(session: &Session, buf: &[u8]) -> Result<Message, String> {
    let text = str::from_utf8(buf).map_err(|err| format!("not UTF-8: {err}"))?;
    let text = text.trim_start_matches('\u{feff}').trim();
    let siri = if text.starts_with('{') {
        let bare = serde_json::from_str::<Document>(text).map(|document| document.siri);
        bare.or_else(|_| serde_json::from_str(text)).map_err(|err| format!("not a SIRI delivery: {err}"))?
    } else {
        if depth(text) > DEPTH {
            return Err(format!("elements deeper than {DEPTH}"));
        }
        quick_xml::de::from_str::<Siri>(text).map_err(|err| format!("not a SIRI delivery: {err}"))?
    };
    let (mut fixes, mut left_out) = (Vec::new(), 0_usize);
    for activity in
        siri.service_delivery.vehicle_monitoring_delivery.into_iter().flat_map(|d| d.vehicle_activity)
    {
        match fix(session, &activity) {
            Some(fix) => fixes.push(fix),
            None => left_out += 1,
        }
    }
    let warning = (left_out > 0).then(|| format!("{left_out} vehicles without a name, a time or a place"));
    Ok(Message { fixes, warning, ..Message::note("positions") })
}

/// How deep elements stand in each other, at most.
fn depth(xml: &str) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0);
    for tag in xml.split('<').skip(1) {
        match tag.as_bytes() {
            [b'/', ..] => depth = depth.saturating_sub(1),
            [b'?' | b'!', ..] => {}
            _ if tag.split('>').next().is_some_and(|inner| inner.ends_with('/')) => {}
            _ => depth += 1,
        }
        deepest = deepest.max(depth);
    }
    deepest
}

/// `None` where something is missing: one such vehicle must not hide the others.
fn fix(session: &Session, activity: &Activity) -> Option<Fix> {
    let journey = &activity.monitored_vehicle_journey;
    let number = |text: &Option<Text>| text.as_ref()?.0.parse::<f64>().ok().filter(|n| n.is_finite());
    let place = journey.vehicle_location.as_ref()?;
    let at = when(session, &activity.recorded_at_time.0)?;
    let fix = Fix::at(at, number(&place.latitude)?, number(&place.longitude)?).ok()?;
    Some(Fix {
        device: Some(journey.vehicle_ref.as_ref()?.0.clone()).filter(|name| !name.is_empty()),
        speed: MetersPerSecond(number(&journey.velocity).unwrap_or(0.0).max(0.0)),
        course: number(&journey.bearing).map(Degrees),
        valid: journey.monitored.as_ref().is_none_or(|monitored| monitored.0 != "false"),
        ..fix
    })
}

/// With its zone, or without one on the configured clock.
fn when(session: &Session, text: &str) -> Option<UtcMillis> {
    if let Ok(at) = OffsetDateTime::parse(text, &Iso8601::DEFAULT) {
        return i64::try_from(at.unix_timestamp_nanos() / 1_000_000).ok().map(UtcMillis);
    }
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    let fields = super::text::full_date(&digits).ok()?;
    super::when::utc(session.zone(PROTOCOL.zone), fields).ok()
}

#[cfg(test)]
mod tests {
    use super::super::testing::{lines, survives};
    use super::*;

    const FIX: &str = "bus-7 1747231958000 21.02800,105.85200 36.0 km/h Some(90.0) None";

    const XML: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<siri:Siri xmlns:siri="http://www.siri.org.uk/siri" version="2.0"><siri:ServiceDelivery>
<siri:ResponseTimestamp>2025-05-14T14:12:40Z</siri:ResponseTimestamp>
<siri:VehicleMonitoringDelivery version="2.0"><siri:VehicleActivity>
<siri:RecordedAtTime>2025-05-14T21:12:38+07:00</siri:RecordedAtTime><siri:ValidUntilTime>x</siri:ValidUntilTime>
<siri:MonitoredVehicleJourney><siri:LineRef>01</siri:LineRef><siri:Monitored>true</siri:Monitored>
<siri:VehicleLocation><siri:Longitude>105.852</siri:Longitude><siri:Latitude>21.028</siri:Latitude></siri:VehicleLocation>
<siri:Bearing>90.0</siri:Bearing><siri:Velocity>10</siri:Velocity><siri:VehicleRef>bus-7</siri:VehicleRef>
</siri:MonitoredVehicleJourney></siri:VehicleActivity>
<siri:VehicleActivity><siri:RecordedAtTime>2025-05-14T14:12:38Z</siri:RecordedAtTime>
<siri:MonitoredVehicleJourney><siri:VehicleRef>lost</siri:VehicleRef></siri:MonitoredVehicleJourney></siri:VehicleActivity>
</siri:VehicleMonitoringDelivery></siri:ServiceDelivery></siri:Siri>"#;

    const JSON: &str = r#"{"Siri":{"ServiceDelivery":{"VehicleMonitoringDelivery":[{"VehicleActivity":[
        {"RecordedAtTime":"2025-05-14T14:12:38.000Z","MonitoredVehicleJourney":{"VehicleRef":{"value":"bus-7"},
        "VehicleLocation":{"Longitude":105.852,"Latitude":21.028},"Bearing":90,"Velocity":10,"Monitored":false}}]}]}}}"#;

    #[track_caller]
    fn check(text: &str, want: &[&str]) {
        assert_eq!(lines(&PROTOCOL, &mut Session::default(), text.as_bytes()), want);
    }

    #[test]
    fn both_forms() {
        check(XML, &["positions", FIX]);
        let plain = XML.replace("siri:", "").replace("xmlns:siri", "xmlns");
        check(&plain, &["positions", FIX]);
        check(JSON, &["positions", &format!("{FIX} not valid")]);
        let bare = JSON.strip_prefix("{\"Siri\":").and_then(|rest| rest.strip_suffix('}')).expect("wrapped");
        check(bare, &["positions", &format!("{FIX} not valid")]);
        for text in [&plain, JSON, bare, "<Siri><ServiceDelivery></ServiceDelivery></Siri>", "{}"] {
            survives(&PROTOCOL, text.as_bytes());
        }
    }

    #[test]
    fn what_is_no_delivery_says_so() {
        for text in ["<html></html>", "{\"a\":1}", "\u{1}"] {
            let got = lines(&PROTOCOL, &mut Session::default(), text.as_bytes());
            assert!(got[0].starts_with("bad: not a SIRI delivery"), "{got:?}");
        }
        let got = lines(&PROTOCOL, &mut Session::default(), "<a>".repeat(100_000).as_bytes());
        assert!(got[0].starts_with("bad: elements deeper"), "{got:?}");
    }
}
