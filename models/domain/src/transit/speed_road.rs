//! Speed limits of roads: which one holds for a bus at a place, driving in a direction.

use super::grid::Grid;
use super::shape::{Shape, turn};
use crate::geo::LatLon;
use crate::units::{Degrees, Meters, MetersPerSecond};

/// A receiver's error among houses, and half a wide road: a bus may be on any road within it that goes its way.
const REACH: Meters = Meters(25.0);
/// A receiver is seldom farther off: where no road is within reach, one within this may still be the one.
const FAR: Meters = Meters(60.0);
/// What differs more in its direction drives on another road.
const COURSE_MAX: f64 = 50.0;
/// Longer pieces are cut: one is found by its middle.
const PIECE_M: f64 = 150.0;

/// What holds on a road in one direction.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum RoadLimit {
    /// Nobody may drive that way.
    Closed,
    Unknown,
    Is(MetersPerSecond),
}

/// A road; one whose limit nobody has told belongs here too, so that who drives on it is not held against the street beside it.
#[derive(Debug, Clone, PartialEq)]
pub struct SpeedRoad {
    pub line: Vec<LatLon>,
    /// Along the line as it is drawn.
    pub forward: RoadLimit,
    pub backward: RoadLimit,
}

/// All roads that are known.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct SpeedRoads {
    /// Each with its limits along and against the line.
    pieces: Vec<(Shape, [RoadLimit; 2])>,
    grid: Grid,
}

impl SpeedRoads {
    pub fn new(roads: impl IntoIterator<Item = SpeedRoad>) -> Self {
        let mut all = Self::default();
        for road in roads {
            for ends in road.line.windows(2) {
                all.add(Shape::new(ends.to_vec()), [road.forward, road.backward]);
            }
        }
        all
    }

    fn add(&mut self, line: Shape, limits: [RoadLimit; 2]) {
        let count = (line.length().0 / PIECE_M).ceil();
        for n in 0..count as usize {
            let at = |n: usize| line.at(Meters(line.length().0 * n as f64 / count));
            let piece = Shape::new(vec![at(n), at(n + 1)]);
            self.grid.add(piece.at(Meters(piece.length().0 / 2.0)), self.pieces.len());
            self.pieces.push((piece, limits));
        }
    }

    /// The limit for who drives there, `otherwise` where none is known: of all roads that it may be on the highest. `course` is
    /// clockwise from north.
    pub fn at(&self, place: LatLon, course: Option<Degrees>, otherwise: MetersPerSecond) -> MetersPerSecond {
        if self.pieces.is_empty() {
            return otherwise;
        }
        let on = |piece| self.on(piece, (place, course), otherwise);
        let may_be: Vec<_> = self.grid.near(place).into_iter().filter_map(on).collect();
        let within = |reach: Meters| {
            highest(may_be.iter().filter(move |(away, _)| away.0 <= reach.0).map(|(_, limit)| *limit))
        };
        let far = || within(FAR).filter(|limit| limit.0 > otherwise.0);
        within(REACH).or_else(far).unwrap_or(otherwise)
    }

    /// How far away a piece of road is, and its limit for who drives in that direction.
    fn on(
        &self,
        piece: usize,
        (place, course): (LatLon, Option<Degrees>),
        otherwise: MetersPerSecond,
    ) -> Option<(Meters, MetersPerSecond)> {
        let (line, [forward, backward]) = self.pieces.get(piece)?;
        let on = line.nearest(place, Meters(0.0), line.length())?;
        let off = course.map(|course| turn(course, on.course).0);
        let along = off.is_none_or(|off| off <= COURSE_MAX).then_some(forward);
        let against = off.is_none_or(|off| off >= 180.0 - COURSE_MAX).then_some(backward);
        let limit = |way: &RoadLimit| match way {
            RoadLimit::Closed => None,
            RoadLimit::Unknown => Some(otherwise),
            RoadLimit::Is(limit) => Some(*limit),
        };
        Some((on.away, highest(along.into_iter().chain(against).filter_map(limit))?))
    }
}

fn highest(limits: impl Iterator<Item = MetersPerSecond>) -> Option<MetersPerSecond> {
    limits.max_by(|a, b| a.0.total_cmp(&b.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    const METER: f64 = 1.0 / 111_195.0;
    const OTHERWISE: f64 = 45.0;

    fn place(east: f64, north: f64) -> LatLon {
        LatLon::new(21.0 + north * METER, 105.8 + east * METER / 21.0_f64.to_radians().cos())
    }

    fn is(kmh: f64) -> RoadLimit {
        RoadLimit::Is(MetersPerSecond::from_kmh(kmh))
    }

    fn road(line: &[(f64, f64)], forward: RoadLimit, backward: RoadLimit) -> SpeedRoad {
        let line = line.iter().map(|(east, north)| place(*east, *north)).collect();
        SpeedRoad { line, forward, backward }
    }

    fn kmh(roads: &SpeedRoads, (east, north): (f64, f64), course: Option<f64>) -> f64 {
        let otherwise = MetersPerSecond::from_kmh(OTHERWISE);
        roads.at(place(east, north), course.map(Degrees), otherwise).kmh().round()
    }

    #[test]
    fn the_road_that_goes_the_same_way_counts() {
        let street = road(&[(0.0, 0.0), (2_000.0, 0.0)], is(50.0), is(40.0));
        let crossing = road(&[(1_000.0, -500.0), (1_000.0, 500.0)], is(80.0), RoadLimit::Closed);
        let roads = SpeedRoads::new([street, crossing]);
        let at = |east, north, course| kmh(&roads, (east, north), course);
        assert_eq!(at(500.0, 10.0, Some(95.0)), 50.0);
        assert_eq!(at(500.0, -10.0, Some(265.0)), 40.0);
        assert_eq!(at(500.0, 10.0, None), 50.0, "the higher one, when nobody knows the direction");
        assert_eq!(at(1_000.0, 5.0, Some(90.0)), 50.0, "not of the road that crosses");
        assert_eq!(at(1_000.0, 5.0, Some(0.0)), 80.0);
        assert_eq!(at(1_000.0, 200.0, Some(180.0)), OTHERWISE, "nobody may drive that way");
        assert_eq!(at(500.0, 70.0, Some(90.0)), OTHERWISE, "too far away");
        assert_eq!(at(2_070.0, 0.0, Some(90.0)), OTHERWISE, "behind its end");
    }

    #[test]
    fn who_may_be_on_the_faster_road_is_not_accused() {
        let slow = road(&[(0.0, 0.0), (0.0, 1_000.0)], is(40.0), RoadLimit::Closed);
        let fast = road(&[(20.0, 0.0), (20.0, 1_000.0)], is(80.0), RoadLimit::Closed);
        let roads = SpeedRoads::new([slow.clone(), fast]);
        assert_eq!(kmh(&roads, (2.0, 400.0), Some(0.0)), 80.0, "it may be on either");
        assert_eq!(kmh(&roads, (-12.0, 400.0), Some(0.0)), 40.0);
        assert_eq!(kmh(&roads, (50.0, 400.0), Some(0.0)), 80.0, "a receiver that is farther off");
        let untold = road(&[(20.0, 0.0), (20.0, 1_000.0)], RoadLimit::Unknown, RoadLimit::Closed);
        let roads = SpeedRoads::new([slow, untold]);
        assert_eq!(kmh(&roads, (2.0, 400.0), Some(0.0)), OTHERWISE, "it may be on the one without a limit");
        assert_eq!(kmh(&roads, (-12.0, 400.0), Some(0.0)), 40.0);
        assert_eq!(kmh(&roads, (-40.0, 400.0), Some(0.0)), OTHERWISE, "a slow street far away says nothing");
    }

    #[test]
    fn a_bend_is_followed_and_lines_without_length_are_nothing() {
        let bend = road(&[(0.0, 0.0), (0.0, 300.0), (300.0, 300.0)], is(60.0), RoadLimit::Closed);
        let nothing =
            [road(&[(0.0, 0.0), (0.0, 0.0)], is(5.0), is(5.0)), road(&[], is(5.0), RoadLimit::Closed)];
        let roads = SpeedRoads::new(nothing.into_iter().chain([bend]));
        assert_eq!(kmh(&roads, (0.0, 150.0), Some(0.0)), 60.0);
        assert_eq!(kmh(&roads, (150.0, 300.0), Some(90.0)), 60.0);
        assert_eq!(kmh(&roads, (150.0, 300.0), Some(0.0)), OTHERWISE);
    }
}
