//! Counts road users over a line, each once in each direction.
//!
//! A count needs three things: the path met the line between its ends, the road user got clear of the line on the other
//! side (a shaking box of a standing vehicle does not), and it really moved. A track that is lost just before the line or
//! found just after it is carried over a short way at its own speed. When a track broke in two at the line, the second
//! part is not counted again.

use std::collections::BTreeMap;

use super::{Direction, LineCrossing};
use crate::detection::{BBox, Class};
use crate::geo::{Point, side};
use crate::ids::TrackId;
use crate::scene::Line;
use crate::track::{Track, size_of};
use crate::units::{DurationMs, UtcMillis};

/// The point that crosses: this part of the box's height above its lower edge, on the ground between the wheels.
const ABOVE_FOOT: f64 = 0.1;
/// Clear of the line from this distance on, in sizes of the box.
const CLEAR: f64 = 0.2;
const CLEAR_PX_MIN: f64 = 2.0;
/// The line is taken this much longer at both ends, in sizes of the box.
const END_SLACK: f64 = 0.1;
/// Way a road user must have made before it is counted, in sizes of the box.
const MOVED: f64 = 0.4;
/// One that stayed within this distance for [`STOOD`] stands; until it is farther away it crosses nothing, however its box
/// shakes.
const STANDS_WITHIN: f64 = 0.7;
const STOOD: DurationMs = DurationMs(3_000);
/// A track that is this much older than its trail was there, not seen to move, before it could cross.
const STOOD_UNSEEN: DurationMs = DurationMs(1_000);
/// Two tracks that cross together and overlap this much are one road user seen twice.
const SEEN_TWICE: f64 = 0.5;
/// The same for one that is carried over the line unseen.
const MOVED_UNSEEN: f64 = 1.0;
/// How long a road user is carried on unseen.
const CARRIED: DurationMs = DurationMs(400);
/// Two parts of one broken track cross within this time ...
const PARTS_APART: DurationMs = DurationMs(1_000);
/// ... and this distance, in sizes of the box.
const PARTS_DISTANCE: f64 = 1.0;

/// Counts over one line. Feed it every step of the tracker, in time order.
pub struct LineCounter {
    line: Line,
    length: f64,
    passages_by_track: BTreeMap<TrackId, Passage>,
    recent: Vec<Counted>,
    /// The first picture: what was before it nobody counted.
    watched_from: Option<UtcMillis>,
}

/// One track's way over the line.
#[derive(Debug, Clone)]
struct Passage {
    first: Spot,
    last: Spot,
    /// Last detection; `last` may be carried beyond it.
    seen: UtcMillis,
    /// Pixels a second at `last`.
    velocity: (f64, f64),
    size: f64,
    bbox: BBox,
    /// Where it was when it last had gone [`STANDS_WITHIN`].
    rest: Spot,
    /// Farthest it has been from its first spot, in pixels.
    moved: f64,
    class: Class,
    /// As in [`Track`].
    faint: bool,
    /// The side on which it last was clear of the line.
    clear_on: Option<Direction>,
    /// Latest time the path met the line, and towards which side; until it is clear there.
    met: Option<(Spot, Direction)>,
    /// Whether it was first seen just behind the line; `None` until that is decided.
    found_late: Option<bool>,
    counted: Vec<Direction>,
}

#[derive(Debug, Clone, Copy)]
struct Spot {
    at: UtcMillis,
    p: Point,
}

/// What is remembered of a count, to know the second part of a broken track.
#[derive(Debug, Clone)]
struct Counted {
    direction: Direction,
    track: TrackId,
    met: Spot,
    began: UtcMillis,
    seen: UtcMillis,
}

impl LineCounter {
    pub fn new(line: Line) -> Self {
        let length = (line.b.x - line.a.x).hypot(line.b.y - line.a.y).max(f64::MIN_POSITIVE);
        Self { line, length, passages_by_track: BTreeMap::new(), recent: Vec::new(), watched_from: None }
    }

    /// Appends the crossings that became certain at `at`, each with the time it happened, which may be earlier.
    pub fn step(&mut self, at: UtcMillis, tracks: &[Track], out: &mut Vec<(UtcMillis, LineCrossing)>) {
        self.watch(at);
        for track in tracks.iter().filter(|t| t.is_seen(at) && t.witnessed) {
            self.observe(at, track, out);
        }
        self.still(at, tracks, out);
    }

    /// The same for a picture in which nothing moves: only what ended with it is decided.
    pub fn still(&mut self, at: UtcMillis, tracks: &[Track], out: &mut Vec<(UtcMillis, LineCrossing)>) {
        self.watch(at);
        let gone: Vec<TrackId> =
            self.passages_by_track.keys().filter(|id| tracks.iter().all(|t| t.id != **id)).copied().collect();
        for id in gone {
            self.end(id, out);
        }
        self.recent.retain(|c| at.since(c.seen) < DurationMs(10_000) && at >= c.began);
    }

    /// A clock that is set back does not make what follows unwatched.
    fn watch(&mut self, at: UtcMillis) {
        self.watched_from = Some(self.watched_from.map_or(at, |from| from.min(at)));
    }

    /// The clip is over: what is on its way over the line is decided now.
    pub fn finish(&mut self, out: &mut Vec<(UtcMillis, LineCrossing)>) {
        let ids: Vec<TrackId> = self.passages_by_track.keys().copied().collect();
        for id in ids {
            self.end(id, out);
        }
    }

    fn observe(&mut self, at: UtcMillis, track: &Track, out: &mut Vec<(UtcMillis, LineCrossing)>) {
        let now = Spot { at, p: reference(&track.bbox) };
        let mut passage = self.passages_by_track.remove(&track.id).unwrap_or_else(|| self.first_seen(track));
        passage.size = size_of(&track.bbox);
        passage.bbox = track.bbox;
        passage.class = track.class;
        passage.faint = track.faint;
        passage.velocity = track.velocity;
        passage.seen = at;
        self.walk(&mut passage, now);
        if let Some((met, direction)) = self.found_late(&mut passage) {
            self.count(track.id, &mut passage, met, direction, out);
        }
        if let Some((met, direction)) = self.decide(&mut passage, MOVED) {
            self.count(track.id, &mut passage, met, direction, out);
        }
        self.passages_by_track.insert(track.id, passage);
    }

    fn first_seen(&self, track: &Track) -> Passage {
        let first = Spot { at: track.began, p: reference(&track.began_bbox) };
        // Who stood for long before it was seen to move stood until its trail begins, and crosses after that.
        let size = size_of(&track.began_bbox);
        let stood = track.trail.steps().first().filter(|step| {
            step.at.since(first.at) > STOOD_UNSEEN
                && apart(step.foot, track.began_bbox.foot()) <= STANDS_WITHIN * size
        });
        let stood = stood.map_or(first.at, |step| step.at);
        Passage {
            first,
            last: Spot { at: stood, ..first },
            seen: first.at,
            velocity: track.velocity,
            size,
            bbox: track.began_bbox,
            rest: first,
            moved: 0.0,
            class: track.class,
            faint: track.faint,
            clear_on: self.clear_side(first.p, size),
            met: None,
            found_late: None,
            counted: Vec::new(),
        }
    }

    /// Goes on to `now` and notes where the way met the line, if it did.
    fn walk(&self, passage: &mut Passage, now: Spot) {
        if let Some((met, direction)) = self.meet(passage.last, now) {
            passage.met = self.is_between_ends(met.p, passage.size).then_some((met, direction));
        }
        passage.last = now;
        if apart(now.p, passage.rest.p) > STANDS_WITHIN * passage.size {
            passage.rest = now;
        }
        passage.moved = passage.moved.max(apart(now.p, passage.first.p));
    }

    /// Decided once, when it has moved enough: first seen close behind the line and coming from there, it is taken as
    /// having crossed the line unseen.
    fn found_late(&self, passage: &mut Passage) -> Option<(Spot, Direction)> {
        if passage.found_late.is_some() || passage.moved < MOVED_UNSEEN * passage.size {
            return None;
        }
        let (first, last) = (passage.first, passage.last);
        let seconds = last.at.since(first.at).seconds();
        let v = ((last.p.x - first.p.x) / seconds, (last.p.y - first.p.y) / seconds);
        let crossed = (seconds > 0.0)
            .then(|| self.meet(carried(first, v, DurationMs(-CARRIED.0)), first))
            .flatten()
            .filter(|(met, _)| self.is_between_ends(met.p, passage.size))
            .filter(|(_, to)| self.clear_side(last.p, passage.size) == Some(*to));
        passage.found_late = Some(crossed.is_some());
        crossed
    }

    /// Where it met the line, once it is clear of it on the other side.
    fn decide(&self, passage: &mut Passage, moved: f64) -> Option<(Spot, Direction)> {
        let here = self.clear_side(passage.last.p, passage.size)?;
        let crossed = passage.met.filter(|(_, to)| *to == here && passage.clear_on != Some(here));
        let stands = passage.last.at.since(passage.rest.at) >= STOOD;
        if crossed.is_some() && (stands || passage.moved < moved * passage.size) {
            return None;
        }
        passage.clear_on = Some(here);
        passage.met = None;
        crossed
    }

    /// The track is over: carries it on for a short while.
    fn end(&mut self, id: TrackId, out: &mut Vec<(UtcMillis, LineCrossing)>) {
        let Some(mut passage) = self.passages_by_track.remove(&id) else { return };
        if passage.moved < MOVED_UNSEEN * passage.size {
            return;
        }
        let on = carried(passage.last, passage.velocity, CARRIED);
        self.walk(&mut passage, on);
        if let Some((met, direction)) = self.decide(&mut passage, MOVED_UNSEEN) {
            self.count(id, &mut passage, met, direction, out);
        }
    }

    fn count(
        &mut self,
        track: TrackId,
        passage: &mut Passage,
        met: Spot,
        direction: Direction,
        out: &mut Vec<(UtcMillis, LineCrossing)>,
    ) {
        let before = self.watched_from.is_some_and(|from| met.at < from);
        if passage.faint || before || passage.counted.contains(&direction) {
            return;
        }
        passage.counted.push(direction);
        let near = PARTS_DISTANCE * passage.size;
        let overlaps = |other: &TrackId| {
            let other = self.passages_by_track.get(other);
            other.is_some_and(|other| other.bbox.iou(&passage.bbox) >= SEEN_TWICE)
        };
        let part_of_another = self.recent.iter().any(|c| {
            c.track != track
                && c.direction == direction
                && c.met.at.since(met.at).0.abs() <= PARTS_APART.0
                && apart(c.met.p, met.p) <= near
                && (c.seen <= passage.first.at || passage.seen <= c.began || overlaps(&c.track))
        });
        let (began, seen) = (passage.first.at, passage.seen);
        self.recent.push(Counted { direction, track, met, began, seen });
        if !part_of_another {
            let line = self.line.id.clone();
            out.push((met.at, LineCrossing { line, class: passage.class, direction, track }));
        }
    }

    /// Pixels from the line; negative on its left.
    fn distance(&self, p: Point) -> f64 {
        side(self.line.a, self.line.b, p) / self.length
    }

    /// The side `p` is on, when a box of this size there is clear of the line.
    fn clear_side(&self, p: Point, size: f64) -> Option<Direction> {
        let d = self.distance(p);
        (d.abs() >= (CLEAR * size).max(CLEAR_PX_MIN)).then(|| towards(d))
    }

    /// Where and towards which side the way from `p` to `q` meets the endless line.
    fn meet(&self, p: Spot, q: Spot) -> Option<(Spot, Direction)> {
        let (d0, d1) = (self.distance(p.p), self.distance(q.p));
        ((d0 < 0.0) != (d1 < 0.0)).then(|| (between(p, q, d0 / (d0 - d1)), towards(d1)))
    }

    fn is_between_ends(&self, p: Point, size: f64) -> bool {
        let (a, b) = (self.line.a, self.line.b);
        let along = ((p.x - a.x) * (b.x - a.x) + (p.y - a.y) * (b.y - a.y)) / self.length;
        let slack = END_SLACK * size;
        (-slack..=self.length + slack).contains(&along)
    }
}

fn apart(p: Point, q: Point) -> f64 {
    (p.x - q.x).hypot(p.y - q.y)
}

fn reference(bbox: &BBox) -> Point {
    Point::new(bbox.x + bbox.w / 2.0, bbox.y + bbox.h * (1.0 - ABOVE_FOOT))
}

/// The side that a signed distance lies on.
fn towards(distance: f64) -> Direction {
    if distance < 0.0 { Direction::ToLeft } else { Direction::ToRight }
}

fn between(p: Spot, q: Spot, part: f64) -> Spot {
    let at = p.at + DurationMs((q.at.since(p.at).0 as f64 * part).round() as i64);
    Spot { at, p: Point::new(p.p.x + part * (q.p.x - p.p.x), p.p.y + part * (q.p.y - p.p.y)) }
}

fn carried(spot: Spot, (vx, vy): (f64, f64), by: DurationMs) -> Spot {
    let s = by.seconds();
    Spot { at: spot.at + by, p: Point::new(spot.p.x + vx * s, spot.p.y + vy * s) }
}
