//! Names of things: one newtype each, safe as a bus key chunk, a file name and a URL segment.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Longest id in bytes: with all its chunks a bus key stays far below the limits of every transport.
pub const MAX_LEN: usize = 64;

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} {text:?} is not an id: 1 to 64 of a-z, 0-9, '_' and '-'")]
pub struct BadId {
    pub what: &'static str,
    pub text: String,
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident = $what:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// # Errors
            /// [`BadId`] when `text` is empty, longer than [`MAX_LEN`] or has a character that is not key-safe.
            pub fn new(text: impl Into<String>) -> Result<Self, BadId> {
                let text = text.into();
                if is_chunk(&text) { Ok(Self(text)) } else { Err(BadId { what: $what, text }) }
            }

            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = BadId;
            fn try_from(text: String) -> Result<Self, BadId> {
                Self::new(text)
            }
        }

        impl FromStr for $name {
            type Err = BadId;
            fn from_str(text: &str) -> Result<Self, BadId> {
                Self::new(text)
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> String {
                id.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    )*};
}

ids! {
    /// One machine of ours at the street: a camera gateway, a bus adapter or a signal adapter.
    GatewayId = "gateway id";
    /// One video source. Unique in the city, whichever gateway reads it.
    CameraId = "camera id";
    /// One signal-controlled crossing.
    JunctionId = "junction id";
    /// One node in the tree of jurisdictions.
    AreaId = "area id";
    /// One bus or other tracked vehicle: IMEI, terminal number or number plate, lower case.
    VehicleId = "vehicle id";
    /// A counting line of a scene.
    LineId = "line id";
    /// A polygon of a scene.
    ZoneId = "zone id";
}

impl VehicleId {
    /// The id of what a device calls itself: lower case, every other character becomes `-`.
    ///
    /// # Errors
    /// [`BadId`] when nothing is left or it is too long.
    pub fn from_device(text: &str) -> Result<Self, BadId> {
        let safe = |c: char| {
            let c = c.to_ascii_lowercase();
            if c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_' { c } else { '-' }
        };
        Self::new(text.trim().chars().map(safe).collect::<String>())
    }
}

/// One road user followed by one camera; unique within one run of one gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TrackId(pub u64);

/// Number of an event within one boot of one gateway: 1, 2, 3 … without holes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Seq(pub u64);

/// Identifies one event of one gateway for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct EventId {
    /// Changes at each start of the gateway and only grows: UTC milliseconds of the start.
    pub boot: u64,
    pub seq: Seq,
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.boot, self.seq.0)
    }
}

fn is_chunk(text: &str) -> bool {
    let safe = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_' || b == b'-';
    (1..=MAX_LEN).contains(&text.len()) && text.bytes().all(safe)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_key_safe() {
        assert_eq!(CameraId::new("trang-tien_1").unwrap().as_str(), "trang-tien_1");
        for bad in ["", "a/b", "a b", "A", "ngã-tư", "a*", &"x".repeat(65)] {
            let err = CameraId::new(bad).unwrap_err().to_string();
            assert!(err.starts_with("camera id"), "{err}");
        }
    }

    #[test]
    fn a_plate_becomes_an_id() {
        assert_eq!(VehicleId::from_device(" 29B-123.45 ").unwrap().as_str(), "29b-123-45");
        assert!(VehicleId::from_device("  ").is_err());
    }
}
