//! UFMS, Vietnam's interface for bus journey data (Circular 09/2015/TT-BGTVT): one protobuf `BaseMessage` per AMQP message.
//!
//! The schema is not published; field numbers are those of programs that speak it. x is the longitude, y the latitude,
//! datetime Unix seconds, speed km/h.

mod messages;
mod registrations;

#[cfg(test)]
mod tests;

use models_domain::geo::LatLon;
use models_domain::{Degrees, Meters, MetersPerSecond, UtcMillis};
use prost::Message as _;

pub use self::messages::*;
pub use self::registrations::{Registrations, VehicleType};
use super::kept::Kept;
use super::when::Zone;
use super::{Decoded, Fix, Framing, Message, Protocol, Session, Told};

pub(super) const PROTOCOL: Protocol = Protocol {
    name: "ufms",
    default_port: 5672,
    framing: Framing::Message,
    zone: Zone::UTC,
    decode,
    detect: super::detect::never,
    encode: None,
    longest: None,
};

fn decode(_session: &mut Session, buf: &[u8], _now: UtcMillis) -> Decoded {
    if buf.is_empty() {
        return Decoded::NeedMore;
    }
    let read = BaseMessage::read(buf).and_then(|message| {
        let (note, kept) = (message.kind()?.name(), fixes(&message)?.unless_all_bad()?);
        let warning = kept.warning();
        Ok(Message { fixes: kept.good, warning, ..Message::note(note) })
    });
    Decoded::of(buf.len(), read)
}

/// What a message may be, by `msgType`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    WayPoint,
    BusWayPoint,
    BusWayPoints,
    StudentCheckInPoint,
    RegVehicle,
    RegDriver,
    RegCompany,
    BusTicketPoint,
    BusTicketStartEndPoint,
}

impl Kind {
    pub fn name(self) -> &'static str {
        match self {
            Kind::WayPoint => "WayPoint",
            Kind::BusWayPoint => "BusWayPoint",
            Kind::BusWayPoints => "BusWayPoints",
            Kind::StudentCheckInPoint => "StudentCheckInPoint",
            Kind::RegVehicle => "RegVehicle",
            Kind::RegDriver => "RegDriver",
            Kind::RegCompany => "RegCompany",
            Kind::BusTicketPoint => "BusTicketPoint",
            Kind::BusTicketStartEndPoint => "BusTicketStartEndPoint",
        }
    }
}

impl BaseMessage {
    /// # Errors
    /// Says which field is wrong, or that the message is of a kind that cannot be read.
    pub fn read(bytes: &[u8]) -> Result<Self, String> {
        let message = Self::decode(bytes).map_err(|err| format!("not a BaseMessage: {err}"))?;
        message.kind()?;
        Ok(message)
    }

    /// The kind that `msgType` names.
    ///
    /// # Errors
    /// When the part of that kind is not there, or nobody knows how that kind is written.
    pub fn kind(&self) -> Result<Kind, String> {
        let (kind, there) = match self.msg_type {
            100 => (Kind::WayPoint, self.way_point.is_some()),
            102 => (Kind::BusWayPoint, self.bus_way_point.is_some()),
            103 => {
                return Err("BusWayPointBatch: the number of its list of points is not known; \
                    let the sender use BusWayPoints (104)"
                    .to_owned());
            }
            104 => (Kind::BusWayPoints, self.bus_way_points.is_some()),
            105 => (Kind::StudentCheckInPoint, self.student_check_in_point.is_some()),
            400 => (Kind::RegVehicle, self.reg_vehicle.is_some()),
            410 => (Kind::RegDriver, self.reg_driver.is_some()),
            420 => (Kind::RegCompany, self.reg_company.is_some()),
            500 => (Kind::BusTicketPoint, self.bus_ticket_point.is_some()),
            501 => (Kind::BusTicketStartEndPoint, self.bus_ticket_start_end_point.is_some()),
            502 => return Err("BusTicketRecoverPoint: the number of its field is not known".to_owned()),
            other => return Err(format!("message type {other} is not known")),
        };
        if there { Ok(kind) } else { Err(format!("{} is named but not there", kind.name())) }
    }

    /// As the interface writes it: fields in the order of their numbers.
    pub fn write(&self) -> Vec<u8> {
        self.encode_to_vec()
    }
}

/// The positions of a message, in its order; tickets and registrations have none.
pub(crate) fn fixes(message: &BaseMessage) -> Result<Kept<Fix>, String> {
    Ok(match message.kind()? {
        Kind::WayPoint => message
            .way_point
            .iter()
            .map(|p| {
                let fix = fix(&p.vehicle, p.datetime, (p.x, p.y), p.speed, p.heading, p.z)?;
                let driver = p.driver.clone().filter(|driver| !driver.trim().is_empty());
                let told =
                    Told { doors_open: p.door, engine_on: p.ignition, sos: false, driver, signed: None };
                Ok(Fix { told, ..fix })
            })
            .collect(),
        Kind::BusWayPoint => message.bus_way_point.iter().map(bus_fix).collect(),
        Kind::BusWayPoints => {
            message.bus_way_points.iter().flat_map(|list| &list.events).map(bus_fix).collect()
        }
        Kind::StudentCheckInPoint => message
            .student_check_in_point
            .iter()
            .map(|p| fix(&p.vehicle, p.datetime, (p.x, p.y), p.speed, p.heading, p.z))
            .collect(),
        Kind::RegVehicle
        | Kind::RegDriver
        | Kind::RegCompany
        | Kind::BusTicketPoint
        | Kind::BusTicketStartEndPoint => Kept::default(),
    })
}

fn bus_fix(p: &BusWayPoint) -> Result<Fix, String> {
    let fix = fix(&p.vehicle, p.datetime, (p.x, p.y), p.speed, p.heading, p.z)?;
    let doors_open = match (p.door_up, p.door_down) {
        (None, None) => None,
        (up, down) => Some(up == Some(true) || down == Some(true)),
    };
    let driver = p.driver.clone().filter(|driver| !driver.trim().is_empty());
    let told = Told { doors_open, engine_on: p.ignition, sos: p.sos == Some(true), driver, signed: None };
    Ok(Fix { told, ..fix })
}

fn fix(
    vehicle: &str,
    datetime: i32,
    (x, y): (f64, f64),
    kmh: f32,
    heading: Option<f32>,
    z: Option<f32>,
) -> Result<Fix, String> {
    if vehicle.trim().is_empty() {
        return Err("a position without a vehicle".to_owned());
    }
    if datetime <= 0 {
        return Err(format!("position of {vehicle}: datetime {datetime} is no time"));
    }
    if !kmh.is_finite() || kmh < 0.0 {
        return Err(format!("position of {vehicle}: speed {kmh} km/h"));
    }
    let finite = |n: &f32| n.is_finite();
    Ok(Fix {
        device: Some(vehicle.to_owned()),
        at: UtcMillis(i64::from(datetime) * 1000),
        position: Fix::on_earth(LatLon::new(y, x)).map_err(|why| format!("{vehicle}: {why}"))?,
        speed: MetersPerSecond::from_kmh(f64::from(kmh)),
        course: heading.filter(finite).map(|h| Degrees(f64::from(h))),
        altitude: z.filter(finite).map(|z| Meters(f64::from(z))),
        // The interface carries only positions that the sender trusts.
        valid: true,
        told: Told::default(),
    })
}
