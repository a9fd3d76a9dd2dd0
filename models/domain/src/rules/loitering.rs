//! `loitering`: somebody stays in a zone for long, walking about or standing, told once a stay.

use serde::Deserialize;

use super::common::{classes, duration, read, stands_in, zone};
use super::stays::{Hidden, Memory, QUIET, Stays, away};
use super::{Kind, Rule, RuleEvent};
use crate::detection::Class;
use crate::event::Phase;
use crate::ids::ZoneId;
use crate::scene::{Scene, Zone};
use crate::track::Track;
use crate::units::{DurationMs, UtcMillis};

const RULE: &str = "loitering";

pub const KIND: Kind = Kind {
    name: RULE,
    about: "somebody stays in a zone for long, once a stay. zone; for_ms (120000); \
            away_ms (10000): how long one may be outside or hidden, 2500 or more; classes ([\"person\"])",
    make,
};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Params {
    zone: ZoneId,
    #[serde(default = "two_minutes")]
    for_ms: i64,
    #[serde(default = "ten_seconds")]
    away_ms: i64,
    classes: Option<Vec<Class>>,
}

fn two_minutes() -> i64 {
    120_000
}

fn ten_seconds() -> i64 {
    10_000
}

fn make(scene: &Scene, params: toml::Table) -> Result<Box<dyn Rule>, String> {
    let params: Params = read(params)?;
    // Whoever is lost for a second is looked for within an arm's length, and a step more for each second.
    let away = away("away_ms", params.away_ms)?;
    let memory = Memory { away, near: 0.7, walks: 0.5, quiet: QUIET, hidden: Hidden::Counts };
    Ok(Box::new(Loitering {
        zone: zone(scene, &params.zone)?,
        stay: duration("for_ms", params.for_ms)?,
        classes: classes(params.classes, &[Class::Person])?,
        stays: Stays::new(memory),
    }))
}

struct Loitering {
    zone: Zone,
    stay: DurationMs,
    classes: Vec<Class>,
    stays: Stays,
}

impl Rule for Loitering {
    fn step(&mut self, at: UtcMillis, tracks: &[Track], out: &mut Vec<RuleEvent>) {
        self.stays.begin(at, tracks);
        for track in tracks.iter().filter(|t| t.is_seen(at) && self.classes.contains(&t.class)) {
            if !stands_in(Some(&self.zone), track) {
                continue;
            }
            let stay = self.stays.inside(at, track);
            if stay.is_new() && at.since(stay.since) >= self.stay {
                stay.told = true;
                let zone = Some(self.zone.id.clone());
                out.push(RuleEvent { zone, ..RuleEvent::new(RULE, Phase::Moment, stay.since).about(track) });
            }
        }
    }

    fn unwatched(&mut self, from: UtcMillis, until: UtcMillis) {
        self.stays.unwatched(from, until);
    }
}
