//! Every bus key, built and parsed here only.

use std::fmt;

use models_domain::{CameraId, EventId, GatewayId, Seq};

/// A key of one gateway: `city/v1/<gateway>/<what>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    pub gateway: GatewayId,
    pub what: What,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// `EventBatch`, up.
    Events,
    /// `StoredUpTo`, down.
    Stored,
    /// `GatewayState`, up, latest value.
    State,
    /// Liveliness token.
    Alive,
    /// Query: `PictureRequest` -> `Picture`.
    Picture(CameraId),
    /// Query: nothing -> `Still`. Events with several have them by number: 0 is the one that lists show.
    Still(EventId, u8),
    /// Query: `TrackQuery` -> `TrackRows`.
    Tracks,
    /// Query: `TrackerOrders` -> `TrackerOrders`.
    TrackerOrders,
    /// Query: `SignalOrder` -> `SignalOrderAnswer`.
    Orders,
    /// Query: `SignalAlarmOrder` -> `SignalAlarmAnswer`.
    Alarms,
    /// `SignalHolds`, down, latest value.
    Holds,
}

/// Events of all gateways.
pub const ALL_EVENTS: &str = "city/v1/*/events";
/// States of all gateways.
pub const ALL_STATES: &str = "city/v1/*/state";
/// Liveliness of all gateways.
pub const ALL_ALIVE: &str = "city/v1/*/alive";

/// Whatever the hall subscribes to over all gateways: access control tells gateways of nothing else, and what they are not
/// told of they do not send.
pub const HALL_HEARS: &[&str] = &[ALL_EVENTS, ALL_STATES];

/// What all keys of one gateway begin with: below it, and nowhere else, it may speak.
pub fn own_keys(gateway: &GatewayId) -> String {
    format!("city/v1/{gateway}")
}

/// Every picture of one gateway, to answer on.
pub fn all_pictures(gateway: &GatewayId) -> String {
    format!("city/v1/{gateway}/picture/*")
}

/// Every still of one gateway, to answer on.
pub fn all_stills(gateway: &GatewayId) -> String {
    format!("city/v1/{gateway}/still/*")
}

impl Key {
    pub fn new(gateway: &GatewayId, what: What) -> Self {
        Self { gateway: gateway.clone(), what }
    }

    /// `None` for keys that are not of this contract.
    pub fn parse(key: &str) -> Option<Self> {
        let rest = key.strip_prefix("city/v1/")?;
        let chunks: Vec<&str> = rest.split('/').collect();
        let (gateway, what) = match chunks[..] {
            [gateway, "events"] => (gateway, What::Events),
            [gateway, "stored"] => (gateway, What::Stored),
            [gateway, "state"] => (gateway, What::State),
            [gateway, "alive"] => (gateway, What::Alive),
            [gateway, "picture", camera] => (gateway, What::Picture(camera.parse().ok()?)),
            [gateway, "tracks"] => (gateway, What::Tracks),
            [gateway, "tracker-orders"] => (gateway, What::TrackerOrders),
            [gateway, "orders"] => (gateway, What::Orders),
            [gateway, "alarms"] => (gateway, What::Alarms),
            [gateway, "holds"] => (gateway, What::Holds),
            [gateway, "still", name] => {
                let (id, part) = still(name)?;
                (gateway, What::Still(id, part))
            }
            _ => return None,
        };
        Some(Self { gateway: gateway.parse().ok()?, what })
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "city/v1/{}/", self.gateway)?;
        match &self.what {
            What::Events => f.write_str("events"),
            What::Stored => f.write_str("stored"),
            What::State => f.write_str("state"),
            What::Alive => f.write_str("alive"),
            What::Picture(camera) => write!(f, "picture/{camera}"),
            What::Still(id, 0) => write!(f, "still/{id}"),
            What::Still(id, part) => write!(f, "still/{id}-{part}"),
            What::Tracks => f.write_str("tracks"),
            What::TrackerOrders => f.write_str("tracker-orders"),
            What::Orders => f.write_str("orders"),
            What::Alarms => f.write_str("alarms"),
            What::Holds => f.write_str("holds"),
        }
    }
}

/// `1700000000000-12`, and `1700000000000-12-2` for its third picture.
fn still(name: &str) -> Option<(EventId, u8)> {
    match name.match_indices('-').nth(1) {
        Some((at, _)) => {
            let part: u8 = name.get(at + 1..)?.parse().ok()?;
            Some((event_id(name.get(..at)?)?, part)).filter(|_| part > 0)
        }
        None => Some((event_id(name)?, 0)),
    }
}

fn event_id(text: &str) -> Option<EventId> {
    let (boot, seq) = text.split_once('-')?;
    Some(EventId { boot: boot.parse().ok()?, seq: Seq(seq.parse().ok()?) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_trip() {
        for key in [
            "city/v1/pole-17/events",
            "city/v1/pole-17/stored",
            "city/v1/pole-17/state",
            "city/v1/pole-17/alive",
            "city/v1/pole-17/picture/north",
            "city/v1/pole-17/still/1700000000000-12",
            "city/v1/pole-17/still/1700000000000-12-2",
            "city/v1/pole-17/tracks",
            "city/v1/pole-17/tracker-orders",
            "city/v1/pole-17/orders",
            "city/v1/pole-17/alarms",
            "city/v1/pole-17/holds",
        ] {
            assert_eq!(Key::parse(key).map(|k| k.to_string()).as_deref(), Some(key));
        }
    }

    #[test]
    fn no_id_reaches_another_gateways_keys() {
        for id in ["*", "**", "po$*", "a/b", "a/../b", "@a", "a?b", "a#b", "a b", "a.b", "", "A"] {
            assert!(id.parse::<GatewayId>().is_err(), "{id:?}");
            assert_eq!(Key::parse(&format!("city/v1/{id}/events")), None, "{id:?}");
        }
        let gateway = "pole-17".parse().unwrap();
        assert_eq!(own_keys(&gateway), "city/v1/pole-17");
        let own = format!("{}/", own_keys(&gateway));
        assert!(Key::new(&gateway, What::Events).to_string().starts_with(&own));
        assert!(all_pictures(&gateway).starts_with(&own) && all_stills(&gateway).starts_with(&own));
    }

    #[test]
    fn foreign_keys_are_refused() {
        for key in [
            "city/v2/pole-17/events",
            "city/v1/p*le/events",
            "city/v1/a/still/7",
            "city/v1/a/still/7-1-0",
            "city/v1/a/still/7-1-2-3",
            "city/v1/a/b/c/d",
            "",
            "city/v1//events",
        ] {
            assert_eq!(Key::parse(key), None, "{key}");
        }
    }
}
