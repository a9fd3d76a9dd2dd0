//! GTFS-realtime VehiclePositions: one protobuf `FeedMessage` of all vehicles, for operators who have a server already.
//!
//! Field numbers are those of gtfs-realtime.proto 2.0 (gtfs.org); what is not read here is skipped.

use models_domain::transit::assign::SignOn;
use models_domain::{Degrees, MetersPerSecond, UtcMillis};
use prost::Message as _;
use prost::encoding::{DecodeContext, decode_key, skip_field};

use super::when::Zone;
use super::{Decoded, Fix, Framing, Message, Protocol, Session, Told, detect};

pub(super) const PROTOCOL: Protocol = Protocol {
    name: "gtfs_rt",
    default_port: 443,
    framing: Framing::Message,
    zone: Zone::UTC,
    decode,
    detect: detect::never,
    encode: None,
    longest: None,
};

#[derive(Clone, PartialEq, prost::Message)]
struct FeedMessage {
    #[prost(message, optional, tag = "1")]
    header: Option<FeedHeader>,
    #[prost(message, repeated, tag = "2")]
    entity: Vec<FeedEntity>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct FeedHeader {
    #[prost(string, required, tag = "1")]
    gtfs_realtime_version: String,
    #[prost(uint64, optional, tag = "3")]
    timestamp: Option<u64>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct FeedEntity {
    #[prost(string, required, tag = "1")]
    id: String,
    #[prost(bool, optional, tag = "2")]
    is_deleted: Option<bool>,
    #[prost(message, optional, tag = "4")]
    vehicle: Option<VehiclePosition>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct VehiclePosition {
    #[prost(message, optional, tag = "1")]
    trip: Option<TripDescriptor>,
    #[prost(message, optional, tag = "2")]
    position: Option<Position>,
    /// When it was measured, Unix seconds.
    #[prost(uint64, optional, tag = "5")]
    timestamp: Option<u64>,
    #[prost(message, optional, tag = "8")]
    vehicle: Option<VehicleDescriptor>,
}

/// What the vehicle is said to do, by the ids of the operator's GTFS.
#[derive(Clone, PartialEq, prost::Message)]
struct TripDescriptor {
    #[prost(string, optional, tag = "1")]
    trip_id: Option<String>,
    #[prost(string, optional, tag = "5")]
    route_id: Option<String>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Position {
    #[prost(float, required, tag = "1")]
    latitude: f32,
    #[prost(float, required, tag = "2")]
    longitude: f32,
    #[prost(float, optional, tag = "3")]
    bearing: Option<f32>,
    /// Metres per second.
    #[prost(float, optional, tag = "5")]
    speed: Option<f32>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct VehicleDescriptor {
    #[prost(string, optional, tag = "1")]
    id: Option<String>,
    #[prost(string, optional, tag = "2")]
    label: Option<String>,
    #[prost(string, optional, tag = "3")]
    license_plate: Option<String>,
}

fn decode(_session: &mut Session, buf: &[u8], _now: UtcMillis) -> Decoded {
    if buf.is_empty() {
        return Decoded::NeedMore;
    }
    Decoded::of(buf.len(), read(buf))
}

/// Vehicles, trips and alerts of the largest operators are some ten thousand. An entity of two bytes takes two hundred once it is read.
const ENTITIES_MAX: usize = 100_000;
/// Its field in a feed.
const ENTITY: u32 = 2;

/// How many entities there are, up to where it cannot be read.
fn entities(mut buf: &[u8]) -> usize {
    let mut count = 0;
    while let Ok((tag, wire)) = decode_key(&mut buf) {
        count += usize::from(tag == ENTITY);
        if skip_field(wire, tag, &mut buf, DecodeContext::default()).is_err() {
            break;
        }
    }
    count
}

fn read(buf: &[u8]) -> Result<Message, String> {
    let count = entities(buf);
    if count > ENTITIES_MAX {
        return Err(format!("{count} entities, and at most {ENTITIES_MAX} are read"));
    }
    let feed = FeedMessage::decode(buf).map_err(|err| format!("not a FeedMessage: {err}"))?;
    let header = feed.header.ok_or("a feed without a header")?;
    let mut fixes = Vec::new();
    let mut left_out = 0_usize;
    for entity in feed.entity {
        let Some(vehicle) = entity.vehicle.filter(|_| entity.is_deleted != Some(true)) else { continue };
        match fix(&entity.id, &vehicle, header.timestamp) {
            Some(fix) => fixes.push(fix),
            None => left_out += 1,
        }
    }
    let warning =
        (left_out > 0).then(|| format!("{left_out} vehicles without a time or a place on the earth"));
    Ok(Message { fixes, warning, ..Message::note("positions") })
}

/// `None` without a time, or off the earth: one such vehicle must not hide the others.
fn fix(entity: &str, vehicle: &VehiclePosition, of_feed: Option<u64>) -> Option<Fix> {
    let position = vehicle.position.as_ref()?;
    let seconds = vehicle.timestamp.or(of_feed).filter(|seconds| *seconds > 0)?;
    let at = UtcMillis(i64::try_from(seconds).ok()?.checked_mul(1000)?);
    let named = vehicle.vehicle.as_ref();
    let name =
        named.and_then(|v| [&v.id, &v.license_plate, &v.label].into_iter().flatten().find(|n| !n.is_empty()));
    let fix = Fix::at(at, f64::from(position.latitude), f64::from(position.longitude)).ok()?;
    let trip = vehicle.trip.clone().unwrap_or_default();
    let finite = |n: f32| Some(f64::from(n)).filter(|n| n.is_finite());
    Some(Fix {
        device: Some(name.map_or(entity, String::as_str).to_owned()),
        speed: MetersPerSecond(position.speed.and_then(finite).unwrap_or(0.0).max(0.0)),
        course: position.bearing.and_then(finite).map(Degrees),
        told: Told { signed: SignOn::of(trip.trip_id, None, trip.route_id), ..Told::default() },
        ..fix
    })
}

#[cfg(test)]
mod tests {
    use super::super::testing::{lines, survives};
    use super::*;

    fn feed(entity: Vec<FeedEntity>) -> Vec<u8> {
        let header =
            Some(FeedHeader { gtfs_realtime_version: "2.0".to_owned(), timestamp: Some(1_747_231_960) });
        FeedMessage { header, entity }.encode_to_vec()
    }

    fn entity(vehicle: Option<&str>, timestamp: Option<u64>, latitude: f32) -> FeedEntity {
        let position = Position { latitude, longitude: 105.852, bearing: Some(90.0), speed: Some(10.0) };
        let vehicle = vehicle.map(|id| VehicleDescriptor { id: Some(id.to_owned()), ..Default::default() });
        let vehicle = VehiclePosition { trip: None, position: Some(position), timestamp, vehicle };
        FeedEntity { id: "e1".to_owned(), is_deleted: None, vehicle: Some(vehicle) }
    }

    #[test]
    fn positions_of_a_feed() {
        let deleted = FeedEntity { is_deleted: Some(true), ..entity(Some("x"), None, 21.028) };
        let bytes = feed(vec![
            entity(Some("bus-7"), Some(1_747_231_958), 21.028),
            // Neither a name nor a time of its own; off the earth; gone.
            entity(None, None, 21.028),
            entity(Some("y"), None, 121.0),
            deleted,
        ]);
        assert_eq!(
            lines(&PROTOCOL, &mut Session::default(), &bytes),
            [
                "positions",
                "bus-7 1747231958000 21.02800,105.85200 36.0 km/h Some(90.0) None",
                "e1 1747231960000 21.02800,105.85200 36.0 km/h Some(90.0) None",
            ]
        );
        survives(&PROTOCOL, &bytes);
        survives(&PROTOCOL, &feed(vec![]));
        survives(&PROTOCOL, &feed(vec![entity(None, Some(1), 0.0)]));
        survives(&PROTOCOL, &feed(vec![entity(Some("a"), None, -21.0), entity(Some("b"), Some(9), 1.0)]));
    }

    #[test]
    fn what_a_vehicle_is_said_to_do() {
        let trip = TripDescriptor { trip_id: Some("t-7".to_owned()), route_id: Some("32".to_owned()) };
        let mut said = entity(Some("a"), None, 21.0);
        said.vehicle.as_mut().expect("it has one").trip = Some(trip);
        let mut empty = entity(Some("b"), None, 21.0);
        empty.vehicle.as_mut().expect("it has one").trip = Some(TripDescriptor::default());
        let message = read(&feed(vec![said, empty])).expect("a feed");
        let signed: Vec<_> = message.fixes.into_iter().map(|fix| fix.told.signed).collect();
        assert_eq!(signed, [SignOn::of(Some("t-7".to_owned()), None, Some("32".to_owned())), None]);
    }

    #[test]
    fn more_entities_than_there_are_vehicles_are_not_read() {
        let (header, none) = (feed(Vec::new()), [0x12_u8, 0]);
        let told = |count: usize| read(&[header.clone(), none.repeat(count)].concat()).map(|m| m.fixes.len());
        assert_eq!(told(ENTITIES_MAX), Ok(0));
        assert_eq!(told(ENTITIES_MAX + 1), Err("100001 entities, and at most 100000 are read".to_owned()));
    }

    #[test]
    fn what_is_no_feed_says_so() {
        let got = lines(&PROTOCOL, &mut Session::default(), b"<html>");
        assert!(got[0].starts_with("bad: not a FeedMessage"), "{got:?}");
        survives(
            &PROTOCOL,
            &FeedMessage { header: None, entity: vec![entity(None, None, 0.0)] }.encode_to_vec(),
        );
    }
}
