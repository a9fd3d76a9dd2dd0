//! How vehicles pass a stop line: picture by picture, so that every moment of a passage is one that can be seen.
//!
//! Where a vehicle's foremost point is, a box does not tell: seen from behind, its wheels are at the lower edge and its front
//! somewhere within. So its front is taken as far ahead as it can be: at the foremost corner of its box, or, where the
//! scene's ground is known and says less, its class's greatest length before where it touches the ground. A passage
//! begins with the last picture in which even that was before the line, and is over when the vehicle has gone on by its own
//! size. Whoever stops on the line has not passed it, nor has one that was not seen on both sides.

use std::collections::BTreeMap;

use super::Passage;
use crate::count::Direction;
use crate::detection::{BBox, Class};
use crate::geo::Point;
use crate::ground::Ground;
use crate::ids::TrackId;
use crate::scene::Line;
use crate::track::{Track, size_of};
use crate::units::{DurationMs, UtcMillis};

/// Sizes of the box by which its front must be before the line: boxes shake.
const CLEAR: f64 = 0.1;
/// Sizes of the box that it must have gone on beyond the line.
const THROUGH: f64 = 1.0;
/// The line is taken this much longer at both ends, in sizes of the box.
const END_SLACK: f64 = 0.1;
/// A vehicle that was not seen for longer has not been seen to pass.
const UNSEEN_MAX: DurationMs = DurationMs(1_000);
/// Vehicles that are followed at once; a street has fewer.
const FOLLOWED_MAX: usize = 256;

/// One stop line of one camera. Feed it every step of the tracker, in time order.
#[derive(Debug)]
pub struct StopLine {
    line: Line,
    direction: Direction,
    ground: Option<Ground>,
    length: f64,
    by_track: BTreeMap<TrackId, Way>,
}

/// A moment of a passage, and where the vehicle was in that picture.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sight {
    pub at: UtcMillis,
    pub bbox: BBox,
}

/// Somebody passed.
#[derive(Debug, Clone, PartialEq)]
pub struct Passed {
    pub track: TrackId,
    pub class: Class,
    pub passage: Passage,
    /// Those of the pictures before, at (the first beyond) and after the line.
    pub sights: [Sight; 3],
}

/// What a step found.
#[derive(Debug, Clone, PartialEq)]
pub enum Found {
    Passed(Passed),
    /// It is beyond the line and was not seen on both sides of it.
    Unseen(TrackId),
}

#[derive(Debug, Clone)]
struct Way {
    seen: UtcMillis,
    foot: Point,
    /// Pixels that it touched the ground beyond the line; before it they are below 0.
    beyond: f64,
    /// The last picture in which all of it was before the line.
    before: Option<Sight>,
    crossed: Option<(UtcMillis, Sight)>,
    told: bool,
}

impl StopLine {
    /// `direction`: of those that the lamp speaks to. `ground`: the camera's geometry, when it is known.
    pub fn new(line: Line, direction: Direction, ground: Option<Ground>) -> Self {
        let length = (line.b.x - line.a.x).hypot(line.b.y - line.a.y).max(f64::MIN_POSITIVE);
        Self { line, direction, ground, length, by_track: BTreeMap::new() }
    }

    /// Appends what became certain at `at`.
    pub fn step(&mut self, at: UtcMillis, tracks: &[Track], out: &mut Vec<Found>) {
        self.by_track.retain(|id, way| {
            (DurationMs(0)..=UNSEEN_MAX).contains(&at.since(way.seen)) && tracks.iter().any(|t| t.id == *id)
        });
        for track in tracks.iter().filter(|t| t.class.is_vehicle() && t.is_seen(at)) {
            if let Some(found) = self.see(at, track) {
                out.push(found);
            }
        }
    }

    /// Whether the picture of that moment may still be wanted for somebody who is on the line.
    pub fn needs(&self, at: UtcMillis) -> bool {
        let is = |sight: &Sight| sight.at == at;
        self.by_track.values().filter(|way| !way.told).any(|way| {
            way.before.as_ref().is_some_and(is) || way.crossed.as_ref().is_some_and(|(_, sight)| is(sight))
        })
    }

    /// Whether somebody touched the ground beyond the line for the first time in the picture of that moment.
    pub fn crossed(&self, at: UtcMillis) -> bool {
        let crossed = |way: &Way| way.crossed.as_ref().is_some_and(|(_, sight)| sight.at == at);
        self.by_track.values().any(|way| !way.told && way.before.is_some() && crossed(way))
    }

    fn see(&mut self, at: UtcMillis, track: &Track) -> Option<Found> {
        let (foot, size, sight) = (track.bbox.foot(), size_of(&track.bbox), Sight { at, bbox: track.bbox });
        let beyond = self.beyond(foot);
        let front = self.front(track, foot, beyond);
        let Some(mut way) = self.by_track.remove(&track.id) else {
            let way = Way {
                seen: at,
                foot,
                beyond,
                before: (front < -CLEAR * size).then_some(sight),
                crossed: None,
                told: false,
            };
            if self.by_track.len() < FOLLOWED_MAX {
                self.by_track.insert(track.id, way);
            }
            return None;
        };
        let mut found = None;
        if front < -CLEAR * size {
            // All of it is before the line, again or still.
            (way.before, way.crossed, way.told) = (Some(sight), None, false);
        } else if way.crossed.is_none() && way.beyond < 0.0 && beyond >= 0.0 {
            let share = -way.beyond / (beyond - way.beyond);
            let met = Point::new(
                way.foot.x + (foot.x - way.foot.x) * share,
                way.foot.y + (foot.y - way.foot.y) * share,
            );
            if self.is_between_ends(met, size) {
                let gone = (at.since(way.seen).0 as f64 * share).round() as i64;
                way.crossed = Some((way.seen + DurationMs(gone), sight));
            }
        } else if beyond < 0.0 {
            way.crossed = None;
        }
        if let Some((met, crossed)) = way.crossed
            && beyond >= THROUGH * size
            && !way.told
        {
            way.told = true;
            found = Some(match way.before {
                Some(before) => Found::Passed(Passed {
                    track: track.id,
                    class: track.class,
                    passage: Passage { before: before.at, at: met, beyond: crossed.at, after: at },
                    sights: [before, crossed, sight],
                }),
                None => Found::Unseen(track.id),
            });
        }
        (way.seen, way.foot, way.beyond) = (at, foot, beyond);
        self.by_track.insert(track.id, way);
        found
    }

    /// Pixels beyond the line.
    fn beyond(&self, p: Point) -> f64 {
        let right = crate::geo::side(self.line.a, self.line.b, p) / self.length;
        match self.direction {
            Direction::ToRight => right,
            Direction::ToLeft => -right,
        }
    }

    /// As far beyond the line as its foremost point can be, in pixels.
    fn front(&self, track: &Track, foot: Point, beyond: f64) -> f64 {
        let BBox { x, y, w, h } = track.bbox;
        let corners = [(x, y), (x + w, y), (x, y + h), (x + w, y + h)];
        let box_front =
            corners.into_iter().map(|(x, y)| self.beyond(Point::new(x, y))).fold(beyond, f64::max);
        let by_length = self.front_by_length(track.class, foot).unwrap_or(f64::INFINITY);
        box_front.min(by_length.max(beyond))
    }

    /// The same by the class's length on the ground: from where it touches the ground straight over the line.
    fn front_by_length(&self, class: Class, foot: Point) -> Option<f64> {
        let ground = self.ground.as_ref()?;
        let (a, b, from) = (ground.at(self.line.a)?, ground.at(self.line.b)?, ground.at(foot)?);
        let (along_x, along_y) = (b.x - a.x, b.y - a.y);
        let length = along_x.hypot(along_y).max(f64::MIN_POSITIVE);
        // Square to the line, to the side on which the foot's picture is beyond it.
        let mut square = Point::new(-along_y / length, along_x / length);
        let step =
            |square: Point, m: f64| ground.picture(Point::new(from.x + square.x * m, from.y + square.y * m));
        if self.beyond(step(square, 0.1)?) < self.beyond(foot) {
            square = Point::new(-square.x, -square.y);
        }
        Some(self.beyond(step(square, longest_m(class))?))
    }

    fn is_between_ends(&self, p: Point, size: f64) -> bool {
        let (a, b) = (self.line.a, self.line.b);
        let along = ((p.x - a.x) * (b.x - a.x) + (p.y - a.y) * (b.y - a.y)) / self.length;
        let slack = END_SLACK * size;
        (-slack..=self.length + slack).contains(&along)
    }
}

/// The greatest length of a class, metres: Vietnam's limits of dimensions for what carries goods or people, a long car,
/// a motorcycle with what it carries.
fn longest_m(class: Class) -> f64 {
    match class {
        Class::Person => 1.0,
        Class::Bicycle => 2.2,
        Class::Motorcycle => 2.5,
        Class::Car => 5.5,
        Class::Bus => 18.0,
        Class::Truck => 20.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::track::Trail;

    /// A line across the picture at y = 100, passed upwards.
    fn line() -> StopLine {
        let line =
            Line { id: "stop".parse().unwrap(), a: Point::new(0.0, 100.0), b: Point::new(200.0, 100.0) };
        StopLine::new(line, Direction::ToLeft, None)
    }

    fn track(at: i64, x: f64, foot_y: f64) -> Track {
        let bbox = BBox::new(x - 10.0, foot_y - 40.0, 20.0, 40.0);
        let at = UtcMillis(at);
        Track {
            id: TrackId(1),
            class: Class::Motorcycle,
            bbox,
            velocity: (0.0, 0.0),
            trail: Trail::default(),
            score: 0.9,
            began: at,
            began_bbox: bbox,
            seen: at,
            witnessed: true,
            faint: false,
            clear: true,
            as_before: false,
        }
    }

    /// (ms, x, y of its foot) of one motorcycle; the passage as `before at beyond after`, `unseen`, or nothing.
    #[track_caller]
    fn check(way: &[(i64, f64, f64)], want: &str) {
        let mut line = line();
        let mut out = Vec::new();
        for (at, x, y) in way {
            line.step(UtcMillis(*at), &[track(*at, *x, *y)], &mut out);
        }
        let text = |found: &Found| match found {
            Found::Passed(Passed { passage: p, .. }) => {
                format!("{} {} {} {}", p.before.0, p.at.0, p.beyond.0, p.after.0)
            }
            Found::Unseen(_) => "unseen".to_owned(),
        };
        assert_eq!(out.iter().map(text).collect::<Vec<_>>().join(", "), want);
    }

    /// Straight up at `step` pixels each 100 ms, `n` pictures from y on.
    fn straight(y: f64, step: f64, n: i64) -> Vec<(i64, f64, f64)> {
        (0..n).map(|i| (i * 100, 100.0, y - step * i as f64)).collect()
    }

    #[test]
    fn from_the_last_picture_before_to_the_first_one_through() {
        // The box is 40 high: its upper edge is at the line when its foot is at 140. Its size is 28.
        check(&straight(190.0, 10.0, 20), "400 900 900 1200");
        // Down the picture nobody passes against the lamp.
        let down: Vec<_> = (0..20).map(|i| (i * 100, 100.0, 10.0 + 10.0 * i as f64)).collect();
        check(&down, "");
        // Beside the line.
        let beside: Vec<_> = straight(190.0, 10.0, 20).into_iter().map(|(at, _, y)| (at, 300.0, y)).collect();
        check(&beside, "");
    }

    #[test]
    fn who_stops_on_the_line_or_turns_back_has_not_passed() {
        let mut stops = straight(190.0, 10.0, 11);
        stops.extend((11..40).map(|i| (i * 100, 100.0, 90.0)));
        check(&stops, "");
        // It goes on when it may: the passage began when it came to the line.
        stops.extend((40..60).map(|i| (i * 100, 100.0, 90.0 - 10.0 * (i - 39) as f64)));
        check(&stops, "400 900 900 4100");
        let mut back = straight(190.0, 10.0, 11);
        back.extend((11..20).map(|i| (i * 100, 100.0, 90.0 + 10.0 * (i - 10) as f64)));
        check(&back, "");
    }

    #[test]
    fn who_was_not_seen_on_both_sides_is_not_accused() {
        check(&straight(120.0, 10.0, 20), "unseen");
        check(&straight(90.0, 10.0, 20), "");
        let mut hidden = straight(190.0, 10.0, 6);
        hidden.extend(straight(190.0, 10.0, 25).into_iter().skip(17));
        check(&hidden, "");
    }

    #[test]
    fn the_pictures_of_whoever_is_on_the_line_are_needed() {
        let (mut line, mut out) = (line(), Vec::new());
        for (at, x, y) in straight(190.0, 10.0, 12) {
            line.step(UtcMillis(at), &[track(at, x, y)], &mut out);
        }
        assert!(line.needs(UtcMillis(400)) && line.needs(UtcMillis(900)));
        assert!(!line.needs(UtcMillis(300)) && !line.needs(UtcMillis(1_000)));
        for (at, x, y) in straight(190.0, 10.0, 13).into_iter().skip(12) {
            line.step(UtcMillis(at), &[track(at, x, y)], &mut out);
        }
        assert!(out.len() == 1 && !line.needs(UtcMillis(400)));
    }

    #[test]
    fn with_a_ground_the_front_is_no_farther_than_the_class_is_long() {
        // 10 px a metre in both ways at the line: seen from above.
        let scene = crate::scene::Scene::parse(
            "size = [200, 200]\n\
             [[ground]]\npicture = [0, 0]\nmeters = [0, 20]\n[[ground]]\npicture = [200, 0]\nmeters = [20, 20]\n\
             [[ground]]\npicture = [200, 200]\nmeters = [20, 0]\n[[ground]]\npicture = [0, 200]\nmeters = [0, 0]\n",
        );
        let mut line = StopLine { ground: scene.unwrap().ground, ..line() };
        let mut out = Vec::new();
        for (at, x, y) in straight(190.0, 10.0, 20) {
            line.step(UtcMillis(at), &[track(at, x, y)], &mut out);
        }
        // 2.5 m are 25 px: the last picture before the line is the one with the foot at 130.
        let Some(Found::Passed(passed)) = out.first() else { panic!("{out:?}") };
        assert_eq!(passed.passage.before, UtcMillis(600));
    }
}
