//! `intrusion`: a road user of certain classes is in a zone where it must not be, told once per stay.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::common::{duration, read, stands_in, zone};
use super::{Kind, Rule, RuleEvent};
use crate::detection::Class;
use crate::event::Phase;
use crate::ids::{TrackId, ZoneId};
use crate::scene::{Scene, Zone};
use crate::track::Track;
use crate::units::{DurationMs, UtcMillis};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Params {
    zone: ZoneId,
    /// Who must not be there; everybody when left out.
    classes: Option<Vec<Class>>,
    /// How long it must be there, in ms.
    #[serde(default)]
    for_ms: i64,
}

/// A stay is over when it was outside for this long: a shaking box at the edge does not come in twice.
const OUTSIDE: DurationMs = DurationMs(2_000);

pub const KIND: Kind = Kind {
    name: "intrusion",
    about: "a road user is where it must not be, once a stay. \
            zone; classes (all); for_ms (0): how long it must be there",
    make,
};

fn make(scene: &Scene, params: toml::Table) -> Result<Box<dyn Rule>, String> {
    let params: Params = read(params)?;
    let zone = zone(scene, &params.zone)?;
    let stay = duration("for_ms", params.for_ms)?;
    let classes = params.classes.unwrap_or_else(|| Class::ALL.to_vec());
    if classes.is_empty() {
        return Err("classes: the list is empty, the rule would never fire".to_owned());
    }
    Ok(Box::new(Intrusion { zone, classes, stay, stays_by_track: BTreeMap::new() }))
}

struct Intrusion {
    zone: Zone,
    classes: Vec<Class>,
    stay: DurationMs,
    stays_by_track: BTreeMap<TrackId, Stay>,
}

#[derive(Debug, Clone)]
struct Stay {
    since: UtcMillis,
    /// Last time it was seen inside.
    inside: UtcMillis,
    told: bool,
}

impl Rule for Intrusion {
    fn step(&mut self, at: UtcMillis, tracks: &[Track], out: &mut Vec<RuleEvent>) {
        self.stays_by_track.retain(|id, stay| {
            tracks.iter().any(|t| t.id == *id) && at.since(stay.inside) <= OUTSIDE && at >= stay.since
        });
        for track in tracks.iter().filter(|t| t.is_seen(at) && self.classes.contains(&t.class)) {
            if !stands_in(Some(&self.zone), track) {
                continue;
            }
            let stay =
                self.stays_by_track.entry(track.id).or_insert(Stay { since: at, inside: at, told: false });
            stay.inside = at;
            if !stay.told && at.since(stay.since) >= self.stay {
                stay.told = true;
                let zone = Some(self.zone.id.clone());
                out.push(RuleEvent {
                    zone,
                    ..RuleEvent::new("intrusion", Phase::Moment, stay.since).about(track)
                });
            }
        }
    }
}
