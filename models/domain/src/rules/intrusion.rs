//! `intrusion`: a road user of certain classes is in a zone where it must not be, told once per stay.
//!
//! A stay goes on when the tracker loses who stays and finds it again as somebody new. What the network only ever
//! half takes for a car is no intruder yet (`Trust`), nor is who is where the picture looks as it did before (`Track::as_before`).

use serde::Deserialize;

use super::common::{duration, read, stands_in, zone};
use super::stays::{Hidden, Memory, QUIET, REGULAR, Stays};
use super::{Kind, Rule, RuleEvent};
use crate::detection::Class;
use crate::event::Phase;
use crate::ids::ZoneId;
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

/// A stay is over after this long outside or lost: a shaking box at the edge does not come in twice, nor does a parked car that
/// the tracker follows and the network sees now and then. One that is lost is looked for within its own size, and as much
/// more for each second since. Where nothing moves nobody looks, but for audits: who stands there all night comes in once.
const MEMORY: Memory = Memory { away: REGULAR, near: 1.0, walks: 1.0, quiet: QUIET, hidden: Hidden::IsThere };

pub const KIND: Kind = Kind {
    name: "intrusion",
    about: "a road user is where it must not be, once a stay; a car, bus or truck once the network was sure of it \
            (score 0.4), and not where the picture looks as it did before. zone; \
            classes (all); for_ms (0): how long it must be there",
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
    Ok(Box::new(Intrusion { zone, classes, stay, stays: Stays::new(MEMORY) }))
}

struct Intrusion {
    zone: Zone,
    classes: Vec<Class>,
    stay: DurationMs,
    stays: Stays,
}

impl Rule for Intrusion {
    fn step(&mut self, at: UtcMillis, tracks: &[Track], out: &mut Vec<RuleEvent>) {
        self.stays.begin(at, tracks);
        for track in tracks.iter().filter(|t| t.is_seen(at) && self.classes.contains(&t.class)) {
            if !stands_in(Some(&self.zone), track) {
                continue;
            }
            let stay = self.stays.inside(at, track);
            stay.trust.learn(track, &mut stay.since);
            let begun = stay.has_begun(at);
            if stay.is_new() && begun && stay.trust.is_enough() && at.since(stay.since) >= self.stay {
                stay.told = true;
                let zone = Some(self.zone.id.clone());
                out.push(RuleEvent {
                    zone,
                    ..RuleEvent::new("intrusion", Phase::Moment, stay.since).about(track)
                });
            }
        }
    }

    fn unwatched(&mut self, from: UtcMillis, until: UtcMillis) {
        self.stays.unwatched(from, until);
    }
}
