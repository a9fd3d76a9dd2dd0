//! GPS wire protocols: bytes in, fixes out. No sockets, no clock.
//!
//! A new protocol is one file here and the two lines below: `mod name;` and `name::PROTOCOL`.

mod bytes;
pub mod detect;
pub(crate) mod kept;
mod order;
mod session;
mod text;
mod when;

mod gt06;
mod gtfs_rt;
mod h02;
mod jt808;
mod meitrack;
mod osmand;
mod queclink;
mod siri_vm;
mod suntech;
mod t55_nmea;
mod teltonika;
mod tk103;
pub mod ufms;
mod wialon;
/// Every protocol this build speaks. Where the first bytes fit several, the earlier one is taken.
pub static ALL: &[Protocol] = &[
    gt06::PROTOCOL,
    jt808::PROTOCOL,
    ufms::PROTOCOL,
    teltonika::PROTOCOL,
    meitrack::PROTOCOL,
    tk103::PROTOCOL,
    h02::PROTOCOL,
    queclink::PROTOCOL,
    suntech::PROTOCOL,
    osmand::PROTOCOL,
    t55_nmea::PROTOCOL,
    wialon::PROTOCOL,
    gtfs_rt::PROTOCOL,
    siri_vm::PROTOCOL,
];

use models_domain::geo::LatLon;
use models_domain::ids::BadId;
use models_domain::{Degrees, Meters, MetersPerSecond, UtcMillis, VehicleId, transit};

pub use models_domain::transit::Told;
pub use order::{Answer, Encode, Order};
pub use session::{Session, Source, Zones};
pub use when::{BadZone, Zone};

/// One GPS protocol: a name for configuration files and a pure decoder.
pub struct Protocol {
    pub name: &'static str,
    /// The port that makers and other servers use by default.
    pub default_port: u16,
    pub framing: Framing,
    /// The zone of the device's clock where nobody configured another.
    pub zone: Zone,
    pub decode: Decode,
    /// Whether a connection that begins with these bytes speaks it.
    pub detect: detect::Detect,
    /// Writes what a device is asked to do; `None` where nothing can be asked.
    pub encode: Option<Encode>,
    /// Bytes of the longest message, where a few connections at a time may hold more than all of them may.
    pub longest: Option<usize>,
}

/// Reads the front of `buf`. `now` is when its last byte was received: for replies that tell a device the time, for positions
/// without one, and for how long what a device told holds.
///
/// Never panics, whatever the bytes. `Message` and `Bad` always use at least one byte and at most `buf.len()`.
pub type Decode = fn(session: &mut Session, buf: &[u8], now: UtcMillis) -> Decoded;

/// Who finds the end of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// The decoder, in a stream of bytes: TCP, or UDP with one or more messages a datagram.
    Stream,
    /// The transport (AMQP, HTTP): `buf` is exactly one message.
    Message,
}

/// What one call found at the front of the buffer.
#[derive(Debug, Clone, PartialEq)]
pub enum Decoded {
    /// Not a whole message yet; read more bytes.
    NeedMore,
    Message(Message),
    /// Not this protocol, or damaged; skip `used` bytes and say `why`.
    Bad {
        used: usize,
        why: String,
    },
}

/// One whole message.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Message {
    /// Bytes of the buffer that it took.
    pub used: usize,
    /// In the order of the message; batches carry many.
    pub fixes: Vec<Fix>,
    /// To be sent back once the fixes are kept; empty when the device expects nothing.
    pub reply: Vec<u8>,
    /// The reply names the message that it answers, or there is none: it may come after the replies to later ones.
    pub answers_by_number: bool,
    /// What it was, such as `heartbeat`.
    pub note: &'static str,
    /// What of it was left out although its device is answered, and why; with [`Source::Recording`] also what is wrong with the
    /// whole of it.
    pub warning: Option<String>,
    /// What the device says to an earlier [`Order`].
    pub answer: Option<Answer>,
}

impl Decoded {
    /// What was read from `used` bytes.
    fn of(used: usize, read: Result<Message, String>) -> Self {
        match read {
            Ok(message) => Self::Message(Message { used, ..message }),
            Err(why) => Self::Bad { used, why },
        }
    }
}

impl Message {
    /// Without fixes and without an answer.
    fn note(note: &'static str) -> Self {
        Self { note, ..Self::default() }
    }
}

/// A position as the device reported it.
#[derive(Debug, Clone, PartialEq)]
pub struct Fix {
    /// What the device calls itself; `None` before it logged in.
    pub device: Option<String>,
    pub at: UtcMillis,
    pub position: LatLon,
    pub speed: MetersPerSecond,
    /// Clockwise from north.
    pub course: Option<Degrees>,
    pub altitude: Option<Meters>,
    /// What the device itself says of the fix.
    pub valid: bool,
    pub told: Told,
}

impl Fix {
    /// The fix as the hall knows it, received over `protocol` at `received`.
    ///
    /// # Errors
    /// [`BadId`] when the device has no name, or one that cannot be a vehicle's.
    pub fn named(self, received: UtcMillis, protocol: &str) -> Result<transit::Fix, BadId> {
        Ok(transit::Fix {
            vehicle: VehicleId::from_device(&self.device.unwrap_or_default())?,
            at: self.at,
            received,
            position: self.position,
            speed: self.speed,
            course: self.course,
            altitude: self.altitude,
            valid: self.valid,
            protocol: protocol.to_owned(),
            told: self.told,
        })
    }
}

/// The protocol of that name.
///
/// # Errors
/// [`UnknownProtocol`], which lists the known ones.
pub fn named(name: &str) -> Result<&'static Protocol, UnknownProtocol> {
    ALL.iter().find(|p| p.name == name).ok_or_else(|| UnknownProtocol { name: name.to_owned() })
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("protocol {name:?} is not known; this build speaks {}", known())]
pub struct UnknownProtocol {
    pub name: String,
}

fn known() -> String {
    ALL.iter().map(|p| p.name).collect::<Vec<_>>().join(", ")
}

impl Fix {
    /// A position at rest that the device trusts; the protocols add what else they are told.
    fn at(at: UtcMillis, lat: f64, lon: f64) -> Result<Self, String> {
        Ok(Self {
            device: None,
            at,
            position: Self::on_earth(LatLon::new(lat, lon))?,
            speed: MetersPerSecond(0.0),
            course: None,
            altitude: None,
            valid: true,
            told: Told::default(),
        })
    }

    /// A position on the earth, or why it cannot be one.
    fn on_earth(position: LatLon) -> Result<LatLon, String> {
        if position.is_sane() {
            Ok(position)
        } else {
            Err(format!("position {}, {} is not on the earth", position.lat.0, position.lon.0))
        }
    }
}

#[cfg(test)]
mod testing;
