//! What a decoder remembers about one connection.

use std::collections::BTreeMap;
use std::sync::Arc;

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
    /// Somebody's file, one message a buffer. People change digits before they share a recording, and other servers write
    /// messages down with their escapes undone: what can be read is read, and carries a warning.
    Recording,
}

/// A message in packets: kept until all are there. Bounded by [`Parts::MAX`] packets of one frame each.
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

    pub(super) fn zone(&self, of_protocol: Zone) -> Zone {
        let configured = self.device.as_ref().and_then(|device| self.zones.by_device.get(device));
        configured.copied().or(self.zones.otherwise).or(self.login_zone).unwrap_or(of_protocol)
    }
}
