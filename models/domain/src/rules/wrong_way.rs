//! `wrong_way`: a vehicle goes against the one direction that is allowed, in a zone or over a line, told once per track; in a
//! zone also once when its track breaks.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::common::{distance, line, read, stands_in, vehicles, within, zone};
use super::{Kind, Rule, RuleEvent};
use crate::count::{Direction, LineCounter, LineCrossing};
use crate::detection::{BBox, Class};
use crate::event::Phase;
use crate::geo::Point;
use crate::ids::{LineId, TrackId, ZoneId};
use crate::scene::{Scene, Zone};
use crate::track::{Track, size_of};
use crate::units::{DurationMs, UtcMillis};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Params {
    zone: Option<ZoneId>,
    line: Option<LineId>,
    /// With a zone: the allowed way as x, y in the picture, y down.
    direction: Option<(f64, f64)>,
    /// With a zone, instead of `direction`: clockwise from straight up in the picture.
    degrees: Option<f64>,
    /// With a line: the allowed way over it.
    allowed: Option<Direction>,
    /// With a zone: way made against the allowed direction, in sizes of the box.
    #[serde(default = "two")]
    travelled: f64,
    /// With a zone: how far from exactly opposite the way may be, in degrees.
    #[serde(default = "fifty")]
    within_degrees: f64,
    /// Who is judged; every vehicle when left out.
    classes: Option<Vec<Class>>,
}

fn two() -> f64 {
    2.0
}

fn fifty() -> f64 {
    50.0
}

const RULE: &str = "wrong_way";
/// So many pictures must each show it farther against: a track that jumps to who comes behind goes against only once.
const PICTURES: u32 = 3;
/// ... by this share of the way that is asked for: a box that shakes comes no farther.
const FARTHER: f64 = 0.15;
/// One that was told of and lost goes on as a new track that begins within this time ...
const LOST_FOR: DurationMs = DurationMs(3_000);
/// ... within this many sizes of the box of where it went on to ...
const NEAR: f64 = 1.2;
/// ... and this much more for each second since.
const NEAR_A_SECOND: f64 = 1.0;

pub const KIND: Kind = Kind {
    name: RULE,
    about: "a vehicle goes against the allowed way, once a vehicle. \
            line with allowed (to_right, to_left), or zone with direction ([x, y], y down) or degrees (clockwise from \
            up), travelled (2.0): way made against it in sizes of the box, within_degrees (50) of exactly opposite; \
            classes (all vehicles)",
    make,
};

fn make(scene: &Scene, params: toml::Table) -> Result<Box<dyn Rule>, String> {
    let params: Params = read(params)?;
    let classes = vehicles(params.classes)?;
    match (params.zone, params.line) {
        (Some(id), None) => {
            if params.allowed.is_some() {
                return Err("allowed: goes with a line; a zone takes direction or degrees".to_owned());
            }
            let zone = zone(scene, &id)?;
            let allowed = unit(params.direction, params.degrees)?;
            let travelled = within("travelled", params.travelled, 0.1..=100.0)?;
            let spread = within("within_degrees", params.within_degrees, 1.0..=89.0)?.to_radians().tan();
            let (ways_by_track, lost) = (BTreeMap::new(), Vec::new());
            Ok(Box::new(InZone { zone, allowed, travelled, spread, classes, ways_by_track, lost }))
        }
        (None, Some(id)) => {
            if params.direction.is_some() || params.degrees.is_some() {
                return Err("direction and degrees go with a zone; a line takes allowed".to_owned());
            }
            let line = line(scene, &id)?;
            let allowed = params.allowed.ok_or("allowed: is missing; to_right or to_left")?;
            Ok(Box::new(OverLine { counter: LineCounter::new(line), allowed, classes }))
        }
        (Some(_), Some(_)) | (None, None) => Err("needs either a zone or a line".to_owned()),
    }
}

fn unit(direction: Option<(f64, f64)>, degrees: Option<f64>) -> Result<(f64, f64), String> {
    match (direction, degrees) {
        (Some((x, y)), None) => {
            let length = x.hypot(y);
            let sound = length.is_finite() && length > 0.0;
            sound.then(|| (x / length, y / length)).ok_or_else(|| "direction: has no length".to_owned())
        }
        (None, Some(degrees)) => {
            let (sin, cos) = within("degrees", degrees, -360.0..=360.0)?.to_radians().sin_cos();
            Ok((sin, -cos))
        }
        (None, None) => Err("direction: is missing (or degrees)".to_owned()),
        (Some(_), Some(_)) => Err("direction and degrees say the same; give one".to_owned()),
    }
}

struct InZone {
    zone: Zone,
    /// Of length 1.
    allowed: (f64, f64),
    travelled: f64,
    /// Way aside for each unit of way against.
    spread: f64,
    classes: Vec<Class>,
    ways_by_track: BTreeMap<TrackId, Way>,
    /// Of those that were told of, whose track is gone.
    lost: Vec<Way>,
}

#[derive(Debug, Clone)]
struct Way {
    /// Where it began to go against the allowed direction.
    from: Point,
    since: UtcMillis,
    /// How far it has gone against since then, in pixels, when it last was farther than before, and in how many pictures it was.
    against: f64,
    pictures: u32,
    told: bool,
    /// Last seen in the zone: when, where, and its pixels a second.
    seen: UtcMillis,
    bbox: BBox,
    velocity: (f64, f64),
}

impl Way {
    fn new(at: UtcMillis, track: &Track, told: bool) -> Self {
        let (bbox, velocity) = (track.bbox, track.velocity);
        Self { from: bbox.foot(), since: at, against: 0.0, pictures: 0, told, seen: at, bbox, velocity }
    }

    fn goes_on_as(&self, track: &Track) -> bool {
        let since = track.began.since(self.seen);
        let (s, foot) = (since.seconds(), self.bbox.foot());
        let on = Point::new(foot.x + s * self.velocity.0, foot.y + s * self.velocity.1);
        let far = distance(on, track.began_bbox.foot()) / size_of(&track.began_bbox);
        (DurationMs(1)..=LOST_FOR).contains(&since) && far <= NEAR + NEAR_A_SECOND * s
    }
}

impl Rule for InZone {
    fn step(&mut self, at: UtcMillis, tracks: &[Track], out: &mut Vec<RuleEvent>) {
        self.forget(at, tracks);
        for track in tracks.iter().filter(|t| t.is_seen(at) && t.witnessed && self.classes.contains(&t.class))
        {
            if !stands_in(Some(&self.zone), track) {
                continue;
            }
            let here = track.bbox.foot();
            let known = self.ways_by_track.remove(&track.id);
            let mut way = known.unwrap_or_else(|| Way::new(at, track, self.is_rest_of_one_told(at, track)));
            (way.seen, way.bbox, way.velocity) = (at, track.bbox, track.velocity);
            let gone = (here.x - way.from.x, here.y - way.from.y);
            let against = -(gone.0 * self.allowed.0 + gone.1 * self.allowed.1);
            let wanted = self.travelled * size_of(&track.bbox);
            if against < 0.0 {
                (way.from, way.since, way.pictures, way.against) = (here, at, 0, 0.0);
            } else if against >= way.against + FARTHER * wanted {
                (way.pictures, way.against) = (way.pictures + 1, against);
            }
            let far = against >= wanted && way.pictures >= PICTURES;
            let aside = (distance(here, way.from).powi(2) - against.powi(2)).max(0.0).sqrt();
            if !way.told && far && aside <= self.spread * against {
                way.told = true;
                out.push(event(way.since, Some(self.zone.id.clone()), track));
            }
            self.ways_by_track.insert(track.id, way);
        }
    }
}

impl InZone {
    /// Forgets those whose track is gone, a little later those that were told of.
    fn forget(&mut self, at: UtcMillis, tracks: &[Track]) {
        let gone: Vec<TrackId> =
            self.ways_by_track.keys().filter(|id| tracks.iter().all(|t| t.id != **id)).copied().collect();
        for id in gone {
            self.lost.extend(self.ways_by_track.remove(&id).filter(|way| way.told));
        }
        self.lost.retain(|way| (DurationMs(0)..=LOST_FOR).contains(&at.since(way.seen)));
    }

    /// Whether this new track goes on from one that was told of, which the tracker gave up or carries on unseen.
    fn is_rest_of_one_told(&self, at: UtcMillis, track: &Track) -> bool {
        let unseen = self.ways_by_track.values().filter(|way| way.told && way.seen < at);
        unseen.chain(&self.lost).any(|way| way.goes_on_as(track))
    }
}

struct OverLine {
    counter: LineCounter,
    allowed: Direction,
    classes: Vec<Class>,
}

impl Rule for OverLine {
    fn step(&mut self, at: UtcMillis, tracks: &[Track], out: &mut Vec<RuleEvent>) {
        let mut crossings = Vec::new();
        self.counter.step(at, tracks, &mut crossings);
        self.tell(crossings, tracks, out);
    }

    fn still(&mut self, at: UtcMillis, tracks: &[Track], out: &mut Vec<RuleEvent>) {
        let mut crossings = Vec::new();
        self.counter.still(at, tracks, &mut crossings);
        self.tell(crossings, tracks, out);
    }
}

impl OverLine {
    fn tell(&self, crossings: Vec<(UtcMillis, LineCrossing)>, tracks: &[Track], out: &mut Vec<RuleEvent>) {
        for (when, crossing) in crossings {
            if crossing.direction == self.allowed || !self.classes.contains(&crossing.class) {
                continue;
            }
            let track = tracks.iter().find(|t| t.id == crossing.track);
            out.push(RuleEvent {
                track: Some(crossing.track),
                class: Some(crossing.class),
                bbox: track.map(|t| t.bbox),
                ..RuleEvent::new(RULE, Phase::Moment, when)
            });
        }
    }
}

fn event(began: UtcMillis, zone: Option<ZoneId>, track: &Track) -> RuleEvent {
    RuleEvent { zone, ..RuleEvent::new(RULE, Phase::Moment, began).about(track) }
}
