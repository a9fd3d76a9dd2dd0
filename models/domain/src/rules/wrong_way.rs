//! `wrong_way`: a vehicle goes against the one direction that is allowed, in a zone or over a line, told once per track.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::common::{distance, line, read, stands_in, within, zone};
use super::{Kind, Rule, RuleEvent};
use crate::count::{Direction, LineCounter};
use crate::detection::Class;
use crate::event::Phase;
use crate::geo::Point;
use crate::ids::{LineId, TrackId, ZoneId};
use crate::scene::{Scene, Zone};
use crate::track::{Track, size_of};
use crate::units::UtcMillis;

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
    let classes =
        params.classes.unwrap_or_else(|| Class::ALL.into_iter().filter(|c| c.is_vehicle()).collect());
    match (params.zone, params.line) {
        (Some(id), None) => {
            if params.allowed.is_some() {
                return Err("allowed: goes with a line; a zone takes direction or degrees".to_owned());
            }
            let zone = zone(scene, &id)?;
            let allowed = unit(params.direction, params.degrees)?;
            let travelled = within("travelled", params.travelled, 0.1..=100.0)?;
            let spread = within("within_degrees", params.within_degrees, 1.0..=89.0)?.to_radians().tan();
            Ok(Box::new(InZone { zone, allowed, travelled, spread, classes, ways_by_track: BTreeMap::new() }))
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
}

#[derive(Debug, Clone)]
struct Way {
    /// Where it began to go against the allowed direction.
    from: Point,
    since: UtcMillis,
    told: bool,
}

impl Rule for InZone {
    fn step(&mut self, at: UtcMillis, tracks: &[Track], out: &mut Vec<RuleEvent>) {
        self.ways_by_track.retain(|id, _| tracks.iter().any(|t| t.id == *id));
        for track in tracks.iter().filter(|t| t.is_seen(at) && t.witnessed && self.classes.contains(&t.class))
        {
            if !stands_in(Some(&self.zone), track) {
                continue;
            }
            let here = track.bbox.foot();
            let way =
                self.ways_by_track.entry(track.id).or_insert(Way { from: here, since: at, told: false });
            let gone = (here.x - way.from.x, here.y - way.from.y);
            let against = -(gone.0 * self.allowed.0 + gone.1 * self.allowed.1);
            if against < 0.0 {
                (way.from, way.since) = (here, at);
            }
            let aside = (distance(here, way.from).powi(2) - against.powi(2)).max(0.0).sqrt();
            if !way.told && against >= self.travelled * size_of(&track.bbox) && aside <= self.spread * against
            {
                way.told = true;
                out.push(event(way.since, Some(self.zone.id.clone()), track));
            }
        }
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
