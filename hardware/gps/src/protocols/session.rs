//! What a decoder remembers about one connection.

use std::collections::BTreeMap;
use std::sync::Arc;

use models_domain::UtcMillis;

use super::Fix;
use super::when::Zone;

/// State of one connection; decoders change it, the server only reads `device`.
#[derive(Debug, Clone, Default)]
pub struct Session {
    /// The device that logged in on this connection, or that the last message named.
    pub device: Option<String>,
    pub zones: Zones,
    pub source: Source,
    /// The zone that the device named when it logged in.
    pub(super) login_zone: Option<Zone>,
    /// Parts of one message that came in several packets.
    pub(super) parts: Parts,
    /// A position that came before the device said who it is.
    pub(super) held: Option<Fix>,
    /// How orders are addressed, where a device's own way of writing its name must be repeated.
    pub(super) address: Option<Address>,
    /// The driver who has put a card into the device.
    pub(super) driver: Option<String>,
    /// Whether the device said that it adds checksums.
    pub(super) checksums: bool,
    /// What the device told of its vehicle without a place, and when that was received.
    pub(super) heard: Option<(UtcMillis, State)>,
    /// When the vehicle's power last came back, by the device's clock.
    pub(super) power_back: Option<UtcMillis>,
    /// Bytes still to come of a message that is left out.
    pub(super) skip: usize,
}

/// What a device tells of its vehicle; `None` where it says nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct State {
    pub engine_on: Option<bool>,
    /// The driver calls for help.
    pub sos: Option<bool>,
}

/// How a JT/T 808 terminal writes its header.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Address {
    pub other: bool,
    pub version: Option<u8>,
    pub phone: Vec<u8>,
}

/// Zones of the devices' clocks.
#[derive(Debug, Clone, Default)]
pub struct Zones {
    /// What somebody configured for one device, by what it calls itself. Goes before all others.
    pub by_device: Arc<BTreeMap<String, Zone>>,
    /// For all others; without it, what a device says at login, then the protocol's own.
    pub otherwise: Option<Zone>,
}

/// Where the bytes come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Source {
    /// A device. A message with a wrong checksum is bad.
    #[default]
    Live,
    /// A device, by datagrams: as `Live`, but the end of the buffer ends a message.
    Datagram,
    /// Somebody's file, one message a buffer. People change digits before they share a recording, and other servers write
    /// messages down with their escapes undone: what can be read is read, and carries a warning.
    Recording,
}

/// A message in packets: kept until all are there. Bounded by [`Parts::MAX`] packets, each as long as the protocol's messages may be,
/// and by the server, for all devices together.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Parts {
    pub kind: u16,
    pub total: u16,
    /// Serial of packet 0, if there were one: packets of one message have serials in a row (JT/T 808 §4.4.3).
    pub base: u16,
    pub by_index: BTreeMap<u16, (u16, Vec<u8>)>,
}

impl Parts {
    pub const MAX: u16 = 64;
}

impl Session {
    pub fn new(zones: Zones, source: Source) -> Self {
        Self { zones, source, ..Self::default() }
    }

    /// Bytes that it holds of a message whose other packets have not come.
    pub(crate) fn held_bytes(&self) -> usize {
        self.parts.by_index.values().map(|(_, part)| part.len()).sum()
    }

    /// The device, which gets no answer, sends them again.
    pub(crate) fn drop_held(&mut self) {
        self.parts = Parts::default();
    }

    /// Whether the end of the buffer ends a message that may lack its terminator.
    pub(super) fn ends_here(&self) -> bool {
        matches!(self.source, Source::Recording | Source::Datagram)
    }

    /// What a wrong checksum means: an error, or with [`Source::Recording`] a warning.
    pub(super) fn damage(&self, why: String) -> Result<Option<String>, String> {
        match self.source {
            Source::Recording => Ok(Some(why)),
            Source::Live | Source::Datagram => Err(why),
        }
    }

    pub(super) fn zone(&self, of_protocol: Zone) -> Zone {
        let configured = self.device.as_ref().and_then(|device| self.zones.by_device.get(device));
        configured.copied().or(self.zones.otherwise).or(self.login_zone).unwrap_or(of_protocol)
    }
}
