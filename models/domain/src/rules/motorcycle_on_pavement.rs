//! `motorcycle_on_pavement`: somebody rides where people walk, told once a ride. Parked ones ride nowhere, and neither do
//! those whose wheels stay on the road.

use serde::Deserialize;

use super::common::{classes, distance, duration, read, stands_in, within, zone};
use super::stays::{Hidden, Memory, Stays};
use super::{Kind, Rule, RuleEvent};
use crate::detection::{BBox, Class};
use crate::event::Phase;
use crate::ids::ZoneId;
use crate::scene::{Scene, Zone};
use crate::track::{Track, size_of};
use crate::units::{DurationMs, UtcMillis};

const RULE: &str = "motorcycle_on_pavement";

pub const KIND: Kind = Kind {
    name: RULE,
    about: "somebody rides on the pavement, once a ride. zone; travelled (1.5): way made within it, in sizes of the box; \
            within_ms (10000): the time it may take, who pushes is slower; classes ([\"motorcycle\"])",
    make,
};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Params {
    zone: ZoneId,
    #[serde(default = "travelled")]
    travelled: f64,
    #[serde(default = "ten_seconds")]
    within_ms: i64,
    classes: Option<Vec<Class>>,
}

fn travelled() -> f64 {
    1.5
}

fn ten_seconds() -> i64 {
    10_000
}

/// Of the way this much, in sizes of the box, must be the track's own: of a row of parked ones the network sees now one, now
/// the next, and that is no ride.
const OWN: f64 = 0.5;
/// A ride goes on after this long outside or out of sight.
const AWAY: DurationMs = DurationMs(2_000);

fn make(scene: &Scene, params: toml::Table) -> Result<Box<dyn Rule>, String> {
    let params: Params = read(params)?;
    Ok(Box::new(MotorcycleOnPavement {
        zone: zone(scene, &params.zone)?,
        travelled: within("travelled", params.travelled, 0.2..=100.0)?,
        within: duration("within_ms", params.within_ms)?,
        classes: classes(params.classes, &[Class::Motorcycle])?,
        stays: Stays::new(Memory {
            away: AWAY,
            near: 0.7,
            walks: 2.0,
            quiet: DurationMs(0),
            hidden: Hidden::Counts,
        }),
    }))
}

struct MotorcycleOnPavement {
    zone: Zone,
    travelled: f64,
    within: DurationMs,
    classes: Vec<Class>,
    stays: Stays,
}

impl Rule for MotorcycleOnPavement {
    fn step(&mut self, at: UtcMillis, tracks: &[Track], out: &mut Vec<RuleEvent>) {
        self.stays.begin(at, tracks);
        for track in tracks.iter().filter(|t| t.is_seen(at) && self.classes.contains(&t.class)) {
            if !stands_in(Some(&self.zone), track) {
                continue;
            }
            let stay = self.stays.inside(at, track);
            let far = |from: &BBox| distance(track.bbox.foot(), from.foot()) / size_of(&track.bbox);
            let rides =
                far(&stay.from) >= self.travelled && far(&track.began_bbox) >= OWN.min(self.travelled);
            if stay.is_new() && rides {
                stay.told = true;
                let zone = Some(self.zone.id.clone());
                out.push(RuleEvent { zone, ..RuleEvent::new(RULE, Phase::Moment, stay.since).about(track) });
            } else if !stay.told && at.since(stay.since) > self.within {
                // It stood or was pushed for this long: what comes now is a new try.
                self.stays.restart(at, track);
            }
        }
    }
}
