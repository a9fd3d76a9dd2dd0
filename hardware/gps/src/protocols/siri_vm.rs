//! SIRI Vehicle Monitoring (CEN/TS 15531-3): a delivery of all vehicles in XML or JSON, for operators who have a server already.
//!
//! Both forms have the same names; JSON often wraps a value as `{"value": …}` and writes lists where XML repeats elements.

use models_domain::transit::assign::SignOn;
use models_domain::{Degrees, MetersPerSecond, UtcMillis};
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use time::OffsetDateTime;
use time::format_description::well_known::Iso8601;

use super::when::Zone;
use super::{Decoded, Fix, Framing, Message, Protocol, Session, Told, detect};

pub(super) const PROTOCOL: Protocol = Protocol {
    name: "siri_vm",
    default_port: 443,
    framing: Framing::Message,
    zone: Zone::UTC,
    decode,
    detect: detect::never,
    encode: None,
    longest: None,
};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Siri {
    service_delivery: ServiceDelivery,
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
    recorded_at_time: Option<Text>,
    monitored_vehicle_journey: Option<Journey>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Journey {
    vehicle_ref: Option<Text>,
    /// The route, the run and the block that it is said to do.
    line_ref: Option<Text>,
    framed_vehicle_journey_ref: Option<JourneyRef>,
    block_ref: Option<Text>,
    /// Whether positions are being received.
    monitored: Option<Text>,
    vehicle_location: Option<Location>,
    bearing: Option<Text>,
    /// Metres per second.
    velocity: Option<Text>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct JourneyRef {
    dated_vehicle_journey_ref: Option<Text>,
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
        enum Said {
            Text(String),
            Number(f64),
            Truth(bool),
            Wrapped {
                #[serde(rename = "value", alias = "$text", alias = "$value")]
                value: Option<Box<Said>>,
            },
        }
        fn text(said: Said) -> String {
            match said {
                Said::Text(text) => text,
                Said::Number(number) => number.to_string(),
                Said::Truth(truth) => truth.to_string(),
                Said::Wrapped { value } => value.map_or_else(String::new, |value| text(*value)),
            }
        }
        Said::deserialize(deserializer).map(|value| Self(text(value).trim().to_owned()))
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
/// How often vehicles are spoken of in XML, at their begins and ends: the largest operators have some ten thousand. Twenty bytes of it take
/// hundreds once they are read.
const MENTIONS_MAX: usize = 100_000;
/// Objects and lists of twenty thousand vehicles in JSON, where each is some twenty, and the values in them.
const OBJECTS_MAX: usize = 400_000;
const VALUES_MAX: usize = 4_000_000;

/// What would take too much memory.
fn is_too_much(text: &str) -> bool {
    let more = |count: usize, most: usize| count > most;
    if !text.starts_with('{') {
        return more(text.matches("VehicleActivity").count(), MENTIONS_MAX);
    }
    more(text.bytes().filter(|b| matches!(b, b'{' | b'[')).count(), OBJECTS_MAX)
        || more(text.bytes().filter(|b| *b == b',').count(), VALUES_MAX)
}

fn read(session: &Session, buf: &[u8]) -> Result<Message, String> {
    let text = str::from_utf8(buf).map_err(|err| format!("not UTF-8: {err}"))?;
    let text = text.trim_start_matches('\u{feff}').trim();
    if is_too_much(text) {
        return Err("more vehicles than are read at once".to_owned());
    }
    let siri = if text.starts_with('{') {
        json(text).map_err(|err| format!("not a SIRI delivery: {err}"))?
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

fn json(text: &str) -> Result<Siri, serde_json::Error> {
    let mut document: Value = serde_json::from_str(text)?;
    let mut siri = document.get_mut("Siri").map_or_else(|| Value::Null, Value::take);
    if siri.is_null() {
        siri = document;
    }
    if let Some(delivery) = siri.get_mut("ServiceDelivery") {
        for delivery in listed(delivery, "VehicleMonitoringDelivery") {
            _ = listed(delivery, "VehicleActivity");
        }
    }
    Siri::deserialize(siri)
}

/// The elements of one name, as a list also where there is one or none: some servers write it so.
fn listed<'a>(of: &'a mut Value, name: &str) -> std::slice::IterMut<'a, Value> {
    let Some(elements) = of.get_mut(name) else { return [].iter_mut() };
    match elements.take() {
        Value::Array(list) => *elements = Value::Array(list),
        Value::Null => *elements = Value::Array(Vec::new()),
        one @ (Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_)) => {
            *elements = Value::Array(vec![one]);
        }
    }
    elements.as_array_mut().map_or_else(|| [].iter_mut(), |list| list.iter_mut())
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
    let journey = activity.monitored_vehicle_journey.as_ref()?;
    let number = |text: &Option<Text>| text.as_ref()?.0.parse::<f64>().ok().filter(|n| n.is_finite());
    let place = journey.vehicle_location.as_ref()?;
    let at = when(session, &activity.recorded_at_time.as_ref()?.0)?;
    let fix = Fix::at(at, number(&place.latitude)?, number(&place.longitude)?).ok()?;
    Some(Fix {
        device: Some(journey.vehicle_ref.as_ref()?.0.clone()).filter(|name| !name.is_empty()),
        speed: MetersPerSecond(number(&journey.velocity).unwrap_or(0.0).max(0.0)),
        course: number(&journey.bearing).map(Degrees),
        told: Told { signed: signed(journey), ..Told::default() },
        valid: journey.monitored.as_ref().is_none_or(|monitored| monitored.0 != "false"),
        ..fix
    })
}

fn signed(journey: &Journey) -> Option<SignOn> {
    let said = |text: &Option<Text>| text.as_ref().map(|text| text.0.clone());
    let run = journey.framed_vehicle_journey_ref.as_ref();
    SignOn::of(
        run.and_then(|run| said(&run.dated_vehicle_journey_ref)),
        said(&journey.block_ref),
        said(&journey.line_ref),
    )
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
    fn one_that_is_written_badly_hides_no_others() {
        let good = r#"{"RecordedAtTime":"2025-05-14T14:12:38Z","MonitoredVehicleJourney":{"VehicleRef":"bus-7",
            "VehicleLocation":{"Longitude":105.852,"Latitude":21.028},"Bearing":90,"Velocity":10}}"#;
        for bad in ["{}", r#"{"RecordedAtTime":null,"MonitoredVehicleJourney":{"VehicleRef":"x"}}"#] {
            let text = format!(
                r#"{{"ServiceDelivery":{{"VehicleMonitoringDelivery":{{"VehicleActivity":[{bad},{good}]}}}}}}"#
            );
            check(&text, &["positions", FIX]);
        }
        check(
            &format!(
                r#"{{"ServiceDelivery":{{"VehicleMonitoringDelivery":[{{"VehicleActivity":{good}}}]}}}}"#
            ),
            &["positions", FIX],
        );
        check(
            r#"{"ServiceDelivery":{"VehicleMonitoringDelivery":{"VehicleActivity":null}}}"#,
            &["positions"],
        );
        let xml = XML.replacen("<siri:RecordedAtTime>2025-05-14T14:12:38Z</siri:RecordedAtTime>", "", 1);
        check(&xml, &["positions", FIX]);
    }

    #[test]
    fn what_a_vehicle_is_said_to_do() {
        let run = "<siri:FramedVehicleJourneyRef><siri:DataFrameRef>2025-05-14</siri:DataFrameRef>\
            <siri:DatedVehicleJourneyRef>t-7</siri:DatedVehicleJourneyRef></siri:FramedVehicleJourneyRef>\
            <siri:BlockRef>b</siri:BlockRef><siri:Bearing>";
        let xml = XML.replacen("<siri:Bearing>", run, 1);
        let message = read(&Session::default(), xml.as_bytes()).expect("a delivery");
        let text = |text: &str| Some(text.to_owned());
        assert_eq!(message.fixes[0].told.signed, SignOn::of(text("t-7"), text("b"), text("01")));
    }

    #[test]
    fn more_than_any_operator_has_is_not_read() {
        let (xml, json) = ("<VehicleActivity/>", "{},");
        let of = |text: &str, (head, tail): (&str, &str), count: usize| {
            let text = format!("{head}{}{tail}", text.repeat(count));
            read(&Session::default(), text.as_bytes()).map(|message| message.fixes.len())
        };
        let in_xml = (
            "<Siri><ServiceDelivery><VehicleMonitoringDelivery>",
            "</VehicleMonitoringDelivery></ServiceDelivery></Siri>",
        );
        let in_json =
            ("{\"ServiceDelivery\":{\"VehicleMonitoringDelivery\":{\"VehicleActivity\":[", "{}]}}}");
        let much = Err("more vehicles than are read at once".to_owned());
        assert_eq!([of(xml, in_xml, 9), of(xml, in_xml, MENTIONS_MAX + 1)], [Ok(0), much.clone()]);
        assert_eq!([of(json, in_json, 9), of(json, in_json, OBJECTS_MAX)], [Ok(0), much.clone()]);
        assert_eq!(of("0,", ("{\"a\":[", "0]}"), VALUES_MAX + 1), much);
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
