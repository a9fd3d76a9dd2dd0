//! `intrusion`: a road user of certain classes is in a zone where it must not be, told once per stay.
//!
//! A stay goes on when the tracker loses who stays and finds it again as somebody new. Who has stood in one place all the while,
//! is lost for longer and is seen there again, is not told of anew as long as it stays there: a parked car or a sign that the
//! network sees now and then came in once. After a time that nobody watched all are told of anew.

use serde::Deserialize;

use super::common::{duration, read, stands_in, zone};
use super::stays::{Memory, QUIET, Stay, Stays};
use super::{Kind, Rule, RuleEvent};
use crate::detection::{BBox, Class};
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

/// A stay is over after this long outside or out of sight: a shaking box at the edge does not come in twice. One that is
/// lost is looked for within its own size, and as much more for each second since. Where nothing moves nobody looks, but
/// for audits: who stands there all night comes in once.
const MEMORY: Memory = Memory { away: DurationMs(2_000), near: 1.0, walks: 1.0, quiet: QUIET };

/// How long a place is remembered after who was told of there was seen last ...
const PLACE_MEMORY: DurationMs = DurationMs(1_800_000);
/// ... of at most so many: the newest.
const PLACES_MAX: usize = 200;
/// Boxes that overlap so much (intersection over union) are in the same place.
const SAME_PLACE: f64 = 0.4;

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
    Ok(Box::new(Intrusion {
        zone,
        classes,
        stay,
        stays: Stays::new(MEMORY),
        places: Vec::new(),
        unwatched: None,
    }))
}

struct Intrusion {
    zone: Zone,
    classes: Vec<Class>,
    stay: DurationMs,
    stays: Stays,
    /// Where somebody was told of who never left the place, and when it was last seen there.
    places: Vec<(BBox, UtcMillis)>,
    /// End of the last span that nobody watched and in which somebody else may have come.
    unwatched: Option<UtcMillis>,
}

impl Intrusion {
    /// Remembers the places of stays that are over.
    fn remember(&mut self, at: UtcMillis, over: Vec<Stay>) {
        let stood = over.into_iter().filter(|s| s.told && s.from.iou(&s.bbox) >= SAME_PLACE);
        self.places.extend(stood.map(|stay| (stay.bbox, stay.inside)));
        let end = self.unwatched;
        self.places.retain(|(_, seen)| {
            (DurationMs(0)..=PLACE_MEMORY).contains(&at.since(*seen)) && end.is_none_or(|end| *seen >= end)
        });
        let surplus = self.places.len().saturating_sub(PLACES_MAX);
        self.places.drain(..surplus);
    }
}

/// Whether it stands where somebody was told of before.
fn is_known(places: &mut [(BBox, UtcMillis)], at: UtcMillis, bbox: &BBox) -> bool {
    let place = places.iter_mut().find(|(place, _)| place.iou(bbox) >= SAME_PLACE);
    place.map(|(_, seen)| *seen = at).is_some()
}

impl Rule for Intrusion {
    fn step(&mut self, at: UtcMillis, tracks: &[Track], out: &mut Vec<RuleEvent>) {
        let over = self.stays.begin(at, tracks);
        self.remember(at, over);
        for track in tracks.iter().filter(|t| t.is_seen(at) && self.classes.contains(&t.class)) {
            if !stands_in(Some(&self.zone), track) {
                continue;
            }
            let stay = self.stays.inside(at, track);
            let is_due = stay.is_new() && at.since(stay.since) >= self.stay;
            if is_due && !is_known(&mut self.places, at, &track.bbox) {
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
        if until.since(from) > MEMORY.away {
            self.unwatched = Some(until);
        }
        self.stays.unwatched(from, until);
    }
}
