//! `illegal_parking`: a vehicle is left standing where it may not, from the time it has stood too long until it is gone.
//!
//! A vehicle that is hidden for a while, or whose track breaks, is the same as long as something of its size is found on its
//! place again. A standing queue is not parking: set `for_ms` beyond the longest red.

use serde::Deserialize;

use super::common::{distance, duration, read, stands_in, within, zone};
use super::stays::{Hidden, Memory, QUIET, Stay, Stays, away};
use super::{Kind, Rule, RuleEvent};
use crate::detection::Class;
use crate::event::Phase;
use crate::ids::ZoneId;
use crate::scene::{Scene, Zone};
use crate::track::{Track, size_of};
use crate::units::{DurationMs, UtcMillis};

const RULE: &str = "illegal_parking";

pub const KIND: Kind = Kind {
    name: RULE,
    about: "a vehicle is parked where it may not; begins, and ends when it has left. zone; for_ms (300000): how long it \
            must stand; tolerance (0.3): how far its middle may stray, in sizes of its box; \
            hidden_ms (60000): how long it may be out of sight, 2500 or more; classes (all vehicles)",
    make,
};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Params {
    zone: ZoneId,
    #[serde(default = "five_minutes")]
    for_ms: i64,
    #[serde(default = "tolerance")]
    tolerance: f64,
    #[serde(default = "a_minute")]
    hidden_ms: i64,
    classes: Option<Vec<Class>>,
}

fn five_minutes() -> i64 {
    300_000
}

fn tolerance() -> f64 {
    0.3
}

fn a_minute() -> i64 {
    60_000
}

/// One that is told of has left when it is this many tolerances away.
const GONE: f64 = 3.0;

fn make(scene: &Scene, params: toml::Table) -> Result<Box<dyn Rule>, String> {
    let params: Params = read(params)?;
    let hidden = away("hidden_ms", params.hidden_ms)?;
    let memory = Memory { away: hidden, near: 0.5, walks: 0.0, quiet: QUIET, hidden: Hidden::Counts };
    Ok(Box::new(IllegalParking {
        zone: zone(scene, &params.zone)?,
        stand: duration("for_ms", params.for_ms)?,
        tolerance: within("tolerance", params.tolerance, 0.01..=5.0)?,
        classes: super::common::vehicles(params.classes)?,
        stays: Stays::new(memory),
    }))
}

struct IllegalParking {
    zone: Zone,
    stand: DurationMs,
    tolerance: f64,
    classes: Vec<Class>,
    stays: Stays,
}

impl Rule for IllegalParking {
    fn step(&mut self, at: UtcMillis, tracks: &[Track], out: &mut Vec<RuleEvent>) {
        let over = self.stays.begin(at, tracks);
        out.extend(over.iter().filter(|s| s.told).map(|s| self.ended(s)));
        for track in tracks.iter().filter(|t| t.is_seen(at) && self.classes.contains(&t.class)) {
            let beyond = GONE * self.tolerance;
            if !stands_in(Some(&self.zone), track) {
                let left = self.stays.left(track.id, |stay| gone(stay, track) > beyond);
                out.extend(left.filter(|s| s.told).map(|s| self.ended(&s)));
                continue;
            }
            let stay = self.stays.inside(at, track);
            let still = if stay.told { beyond } else { self.tolerance };
            if gone(stay, track) > still {
                let left = self.stays.restart(at, track);
                out.extend(left.filter(|s| s.told).map(|s| self.ended(&s)));
            } else if stay.is_new() && at.since(stay.since) >= self.stand {
                stay.told = true;
                let zone = Some(self.zone.id.clone());
                out.push(RuleEvent { zone, ..RuleEvent::new(RULE, Phase::Begun, stay.since).about(track) });
            }
        }
    }

    fn unwatched(&mut self, from: UtcMillis, until: UtcMillis) {
        self.stays.unwatched(from, until);
    }
}

/// How far it is from where it stood, in sizes of its box.
fn gone(stay: &Stay, track: &Track) -> f64 {
    distance(track.bbox.center(), stay.from.center()) / size_of(&stay.from)
}

impl IllegalParking {
    fn ended(&self, stay: &Stay) -> RuleEvent {
        let zone = Some(self.zone.id.clone());
        RuleEvent { zone, bbox: Some(stay.bbox), ..RuleEvent::new(RULE, Phase::Ended, stay.since) }
    }
}
