//! `turning_movement`: who came into a junction by which arm and left it by which, counted by the minute.
//!
//! Gates are lines or zones of the scene. A movement is from the first gate a road user passed to the last. A track that
//! is lost in the junction and found again near by, as after a bus, is one road user; also when it was found before the
//! tracker gave the lost one up.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::common::{classes, distance, duration, read, stands_in};
use super::held::Minute;
use super::{Kind, Rule, RuleEvent};
use crate::count::LineCounter;
use crate::detection::{BBox, Class};
use crate::event::{Phase, Way};
use crate::ids::TrackId;
use crate::measure::MeasureKind;
use crate::pcu::PcuTable;
use crate::scene::{Scene, Zone};
use crate::track::{Track, size_of};
use crate::units::{DurationMs, UtcMillis};

const RULE: &str = "turning_movement";

pub const KIND: Kind = Kind {
    name: RULE,
    about: "every minute, by way and class, the road users that came by one gate and left by another (vehicles, pcu). \
            gates: two or more lines or zones, one for each arm; hidden_ms (3000): how long one may be lost between two \
            gates; classes (all)",
    make,
};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Params {
    gates: Vec<String>,
    #[serde(default = "three_seconds")]
    hidden_ms: i64,
    classes: Option<Vec<Class>>,
}

fn three_seconds() -> i64 {
    3_000
}

/// A road user that passed its last gate this long ago, or whose track is over, has made its movement.
const DONE: DurationMs = DurationMs(5_000);
/// A new track is a lost one when it begins within this many sizes of where that went on to ...
const NEAR: f64 = 1.2;
/// ... and this much more for each second since.
const NEAR_A_SECOND: f64 = 1.0;

fn make(scene: &Scene, params: toml::Table) -> Result<Box<dyn Rule>, String> {
    let params: Params = read(params)?;
    if params.gates.len() < 2 {
        return Err("gates: two or more are needed, one for each arm of the junction".to_owned());
    }
    let mut gates = Vec::new();
    for name in &params.gates {
        if params.gates.iter().filter(|other| *other == name).count() > 1 {
            return Err(format!("gates: {name:?} is there twice"));
        }
        let line = scene.lines.iter().find(|l| l.id.as_str() == name);
        let zone = scene.zones.iter().find(|z| z.id.as_str() == name);
        let shape = match (line, zone) {
            (Some(line), _) => Shape::Line(Box::new(LineCounter::new(line.clone()))),
            (None, Some(zone)) => Shape::Zone(zone.clone()),
            (None, None) => return Err(format!("gates: the scene has neither line nor zone {name:?}")),
        };
        gates.push(Gate { name: name.clone(), shape });
    }
    Ok(Box::new(TurningMovement {
        gates,
        hidden: duration("hidden_ms", params.hidden_ms)?,
        classes: classes(params.classes, &Class::ALL)?,
        pcu: scene.pcu,
        trips_by_track: BTreeMap::new(),
        lost: Vec::new(),
        minute: Minute::default(),
        counts: BTreeMap::new(),
    }))
}

struct Gate {
    name: String,
    shape: Shape,
}

enum Shape {
    Line(Box<LineCounter>),
    Zone(Zone),
}

struct TurningMovement {
    gates: Vec<Gate>,
    hidden: DurationMs,
    classes: Vec<Class>,
    pcu: PcuTable,
    trips_by_track: BTreeMap<TrackId, Trip>,
    lost: Vec<Trip>,
    minute: Minute,
    counts: BTreeMap<(Way, Class), u32>,
}

/// One road user's way through the junction.
#[derive(Debug, Clone)]
struct Trip {
    class: Class,
    /// Gates in the order in which it passed them, with the time.
    passed: Vec<(usize, UtcMillis)>,
    /// First detection of its track, and its box then.
    began: UtcMillis,
    began_bbox: BBox,
    /// It is known to go on from another.
    is_rest: bool,
    bbox: BBox,
    /// Pixels a second.
    velocity: (f64, f64),
    seen: UtcMillis,
}

impl Trip {
    /// How far from where this one went on to, in sizes of the box, somebody began who can be the same; `None` when they
    /// cannot be. Only who is on its way through goes on: where one leaves, others come in.
    fn off(&self, began: UtcMillis, bbox: &BBox, class: Class, hidden: DurationMs) -> Option<f64> {
        let since = began.since(self.seen);
        let (s, here, mut p) = (since.seconds(), bbox.foot(), self.bbox.foot());
        (p.x, p.y) = (p.x + s * self.velocity.0, p.y + s * self.velocity.1);
        let far = distance(p, here).min(distance(self.bbox.foot(), here)) / size_of(bbox);
        let alike = self.class.is_two_wheeler() == class.is_two_wheeler()
            && (self.class == Class::Person) == (class == Class::Person);
        let same = (DurationMs(0)..=hidden).contains(&since) && far <= NEAR + NEAR_A_SECOND * s && alike;
        (same && self.passed.len() < 2).then_some(far)
    }
}

impl Rule for TurningMovement {
    fn step(&mut self, at: UtcMillis, tracks: &[Track], out: &mut Vec<RuleEvent>) {
        self.take_in(at, tracks, false, out);
    }

    fn still(&mut self, at: UtcMillis, tracks: &[Track], out: &mut Vec<RuleEvent>) {
        self.take_in(at, tracks, true, out);
    }

    fn finish(&mut self, out: &mut Vec<RuleEvent>) {
        for (i, gate) in self.gates.iter_mut().enumerate() {
            let Shape::Line(counter) = &mut gate.shape else { continue };
            let mut crossings = Vec::new();
            counter.finish(&mut crossings);
            for (when, crossing) in crossings {
                if let Some(trip) = self.trips_by_track.get_mut(&crossing.track) {
                    trip.passed.push((i, when));
                }
            }
        }
        let mut open: Vec<Trip> = std::mem::take(&mut self.trips_by_track).into_values().collect();
        open.append(&mut self.lost);
        open.iter().for_each(|trip| self.count(trip));
        if let Some(from) = self.minute.end() {
            self.figures(from, out);
        }
    }
}

impl TurningMovement {
    fn take_in(&mut self, at: UtcMillis, tracks: &[Track], still: bool, out: &mut Vec<RuleEvent>) {
        self.follow(at, tracks);
        for (gate, track, when) in self.passages(at, tracks, still) {
            let in_zone = matches!(self.gates[gate].shape, Shape::Zone(_));
            if let Some(trip) = self.trips_by_track.get_mut(&track) {
                // A line told twice was crossed both ways: a turn back. In a zone one stays for many pictures.
                let again = trip.passed.last().is_some_and(|(last, _)| *last == gate);
                if !(in_zone && again) {
                    trip.passed.push((gate, when));
                }
            }
        }
        self.settle(at, tracks);
        if let Some(from) = self.minute.over(at) {
            self.figures(from, out);
        }
    }

    fn follow(&mut self, at: UtcMillis, tracks: &[Track]) {
        for track in tracks.iter().filter(|t| t.is_seen(at) && t.witnessed) {
            if !self.classes.contains(&track.class) {
                continue;
            }
            let known = self.trips_by_track.contains_key(&track.id);
            let found = if known { None } else { self.found_again(track) };
            let new = || {
                found.unwrap_or(Trip {
                    class: track.class,
                    passed: Vec::new(),
                    began: track.began,
                    began_bbox: track.began_bbox,
                    is_rest: false,
                    bbox: track.bbox,
                    velocity: track.velocity,
                    seen: at,
                })
            };
            let trip = self.trips_by_track.entry(track.id).or_insert_with(new);
            trip.class = track.class;
            (trip.bbox, trip.velocity, trip.seen) = (track.bbox, track.velocity, at);
        }
    }

    /// The lost road user that this new track goes on from.
    fn found_again(&mut self, track: &Track) -> Option<Trip> {
        let off = |trip: &Trip| trip.off(track.began, &track.began_bbox, track.class, self.hidden);
        let lost = self.lost.iter().enumerate().filter_map(|(i, trip)| Some((i, off(trip)?)));
        let (best, _) = lost.min_by(|a, b| a.1.total_cmp(&b.1))?;
        let trip = self.lost.swap_remove(best);
        Some(Trip { is_rest: true, ..trip })
    }

    /// The tracker gave it up: it goes on as somebody who was found meanwhile, or waits to be found.
    fn lose(&mut self, trip: Trip) {
        let hidden = self.hidden;
        let others = self.trips_by_track.values_mut().chain(&mut self.lost);
        let rest = others
            .filter(|other| !other.is_rest && !trip.passed.is_empty())
            .filter_map(|other| Some((trip.off(other.began, &other.began_bbox, other.class, hidden)?, other)))
            .min_by(|a, b| a.0.total_cmp(&b.0));
        match rest {
            Some((_, rest)) => {
                let later = std::mem::replace(&mut rest.passed, trip.passed);
                rest.passed.extend(later);
                rest.is_rest = true;
            }
            None => self.lost.push(trip),
        }
    }

    /// Gates that were passed, by whom and when, in order; in a still picture nobody comes into a zone either.
    fn passages(&mut self, at: UtcMillis, tracks: &[Track], still: bool) -> Vec<(usize, TrackId, UtcMillis)> {
        let mut found = Vec::new();
        for (i, gate) in self.gates.iter_mut().enumerate() {
            match &mut gate.shape {
                Shape::Line(counter) => {
                    let mut crossings = Vec::new();
                    match still {
                        false => counter.step(at, tracks, &mut crossings),
                        true => counter.still(at, tracks, &mut crossings),
                    }
                    found.extend(crossings.iter().map(|(when, c)| (i, c.track, *when)));
                }
                Shape::Zone(zone) => {
                    let is_there = |t: &&Track| !t.faint && t.is_seen(at) && stands_in(Some(zone), t);
                    let there = tracks.iter().filter(|t| !still && is_there(t));
                    found.extend(there.map(|t| (i, t.id, at)));
                }
            }
        }
        found.sort_by_key(|(_, _, when)| *when);
        found
    }

    /// Counts those who are through, and remembers those who were lost on the way.
    fn settle(&mut self, at: UtcMillis, tracks: &[Track]) {
        let gone: Vec<TrackId> =
            self.trips_by_track.keys().filter(|id| tracks.iter().all(|t| t.id != **id)).copied().collect();
        for id in gone {
            if let Some(trip) = self.trips_by_track.remove(&id) {
                self.lose(trip);
            }
        }
        let hidden = self.hidden;
        let late = |trip: &Trip| at.since(trip.seen) > hidden || at < trip.seen;
        let (over, lost) = std::mem::take(&mut self.lost).into_iter().partition(late);
        self.lost = lost;
        let over: Vec<Trip> = over;
        for trip in over {
            self.count(&trip);
        }
        // One that stays in view beyond its last gate is through too; what it does next is another movement.
        let mut through = Vec::new();
        for trip in self.trips_by_track.values_mut() {
            let is_done = trip.passed.last().is_some_and(|(_, when)| at.since(*when) >= DONE);
            if trip.passed.len() >= 2 && is_done {
                through.push(trip.clone());
                trip.passed.clear();
            }
        }
        for trip in through {
            self.count(&trip);
        }
    }

    fn count(&mut self, trip: &Trip) {
        let [(from, _), .., (to, _)] = trip.passed[..] else { return };
        let name = |i: usize| self.gates[i].name.clone();
        *self.counts.entry((Way { from: name(from), to: name(to) }, trip.class)).or_default() += 1;
    }

    fn figures(&mut self, from: UtcMillis, out: &mut Vec<RuleEvent>) {
        for ((way, class), n) in std::mem::take(&mut self.counts) {
            let n = f64::from(n);
            let what = if class.is_vehicle() { MeasureKind::Vehicles } else { MeasureKind::Persons };
            out.push(RuleEvent {
                way: Some(way),
                class: Some(class),
                measures: vec![what.of(n), MeasureKind::Pcu.of(n * self.pcu.of(class))],
                ..RuleEvent::new(RULE, Phase::Figure, from)
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::track::Trail;

    /// Movements counted of a car that drives from one zone to the other.
    fn counted(faint: bool) -> usize {
        let zone = |id: &str, from: u32, to: u32| {
            format!(
                "[[zone]]\nid = \"{id}\"\npolygon = [[{from}, 0], [{to}, 0], [{to}, 360], [{from}, 360]]\n"
            )
        };
        let text = format!("size = [640, 360]\n{}{}", zone("west", 0, 100), zone("east", 540, 640));
        let params: toml::Table = "gates = [\"west\", \"east\"]".parse().unwrap();
        let mut rule = make(&Scene::parse(&text).unwrap(), params).unwrap();
        let place = |i: i64| BBox::new(20.0 + 10.0 * i as f64, 160.0, 40.0, 40.0);
        let mut out = Vec::new();
        for i in 0..=56_i64 {
            let track = Track {
                id: TrackId(1),
                class: Class::Car,
                bbox: place(i),
                velocity: (100.0, 0.0),
                trail: Trail::default(),
                score: 0.5,
                began: UtcMillis(0),
                began_bbox: place(0),
                seen: UtcMillis(i * 100),
                witnessed: true,
                faint,
                clear: true,
                as_before: false,
            };
            rule.step(UtcMillis(i * 100), &[track], &mut out);
        }
        rule.finish(&mut out);
        out.iter().filter(|event| event.way.is_some()).count()
    }

    #[test]
    fn what_is_faint_comes_through_no_zone() {
        assert_eq!((counted(false), counted(true)), (1, 0));
    }
}
