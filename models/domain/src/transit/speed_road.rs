//! Speed limits of roads: which one holds for a bus at a place, driving in a direction.

use super::grid::Grid;
use super::shape::{Shape, turn};
use crate::geo::LatLon;
use crate::units::{Degrees, Meters, MetersPerSecond};

/// A receiver's error among houses, and half a wide road.
const REACH: Meters = Meters(25.0);
/// Roads that lie so little farther away than the nearest may be the one: a street beside or under a fast road.
const DOUBT: Meters = Meters(15.0);
/// What differs more in its direction drives on another road.
const COURSE_MAX: f64 = 50.0;
/// Longer pieces are cut: one is found by its middle.
const PIECE_M: f64 = 150.0;

/// A road with its limits; `None` where nothing is known, or nobody may drive that way.
#[derive(Debug, Clone, PartialEq)]
pub struct SpeedRoad {
    pub line: Vec<LatLon>,
    /// Along the line as it is drawn.
    pub forward: Option<MetersPerSecond>,
    pub backward: Option<MetersPerSecond>,
}

/// All roads whose limit is known.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct SpeedRoads {
    /// Each with its limits along and against the line.
    pieces: Vec<(Shape, [Option<MetersPerSecond>; 2])>,
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

    fn add(&mut self, line: Shape, limits: [Option<MetersPerSecond>; 2]) {
        let count = (line.length().0 / PIECE_M).ceil();
        for n in 0..count as usize {
            let at = |n: usize| line.at(Meters(line.length().0 * n as f64 / count));
            let piece = Shape::new(vec![at(n), at(n + 1)]);
            self.grid.add(piece.at(Meters(piece.length().0 / 2.0)), self.pieces.len());
            self.pieces.push((piece, limits));
        }
    }

    /// The limit for who drives there; of several roads that it may be on, the highest. `course` is clockwise from north.
    pub fn at(&self, place: LatLon, course: Option<Degrees>) -> Option<MetersPerSecond> {
        let limit = |piece: usize| {
            let (line, [forward, backward]) = self.pieces.get(piece)?;
            let on = line.nearest(place, Meters(0.0), line.length()).filter(|on| on.away.0 <= REACH.0)?;
            let limit = match course.map(|course| turn(course, on.course).0) {
                Some(off) if off <= COURSE_MAX => *forward,
                Some(off) if off >= 180.0 - COURSE_MAX => *backward,
                Some(_) => None,
                None => highest([*forward, *backward].into_iter().flatten()),
            };
            Some((on.away.0, limit?))
        };
        let may_be: Vec<_> = self.grid.near(place).into_iter().filter_map(limit).collect();
        let nearest = may_be.iter().map(|(away, _)| *away).fold(f64::INFINITY, f64::min);
        highest(may_be.into_iter().filter(|(away, _)| *away <= nearest + DOUBT.0).map(|(_, limit)| limit))
    }
}

fn highest(limits: impl Iterator<Item = MetersPerSecond>) -> Option<MetersPerSecond> {
    limits.max_by(|a, b| a.0.total_cmp(&b.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    const METER: f64 = 1.0 / 111_195.0;

    fn place(east: f64, north: f64) -> LatLon {
        LatLon::new(21.0 + north * METER, 105.8 + east * METER / 21.0_f64.to_radians().cos())
    }

    fn road(line: &[(f64, f64)], forward: f64, backward: Option<f64>) -> SpeedRoad {
        let line = line.iter().map(|(east, north)| place(*east, *north)).collect();
        let kmh = MetersPerSecond::from_kmh;
        SpeedRoad { line, forward: Some(kmh(forward)), backward: backward.map(kmh) }
    }

    fn kmh(roads: &SpeedRoads, (east, north): (f64, f64), course: Option<f64>) -> Option<f64> {
        roads.at(place(east, north), course.map(Degrees)).map(|limit| limit.kmh().round())
    }

    #[test]
    fn the_road_that_goes_the_same_way_counts() {
        let street = road(&[(0.0, 0.0), (2_000.0, 0.0)], 50.0, Some(40.0));
        let crossing = road(&[(1_000.0, -500.0), (1_000.0, 500.0)], 80.0, None);
        let roads = SpeedRoads::new([street, crossing]);
        let at = |east, north, course| kmh(&roads, (east, north), course);
        assert_eq!(at(500.0, 10.0, Some(95.0)), Some(50.0));
        assert_eq!(at(500.0, -10.0, Some(265.0)), Some(40.0));
        assert_eq!(at(500.0, 10.0, None), Some(50.0), "the higher one, when nobody knows the direction");
        assert_eq!(at(1_000.0, 5.0, Some(90.0)), Some(50.0), "not of the road that crosses");
        assert_eq!(at(1_000.0, 5.0, Some(0.0)), Some(80.0));
        assert_eq!(at(1_000.0, 200.0, Some(180.0)), None, "nobody may drive that way");
        assert_eq!(at(500.0, 40.0, Some(90.0)), None, "too far away");
        assert_eq!(at(2_030.0, 0.0, Some(90.0)), None, "behind its end");
    }

    #[test]
    fn a_bus_on_the_fast_road_beside_a_street_is_not_accused() {
        let street = road(&[(0.0, 0.0), (0.0, 1_000.0)], 40.0, None);
        let fast = road(&[(14.0, 0.0), (14.0, 1_000.0)], 80.0, None);
        let roads = SpeedRoads::new([street, fast]);
        assert_eq!(kmh(&roads, (3.0, 400.0), Some(0.0)), Some(80.0), "it may be on either");
        assert_eq!(kmh(&roads, (-12.0, 400.0), Some(0.0)), Some(40.0));
    }

    #[test]
    fn a_bend_is_followed_and_lines_without_length_are_nothing() {
        let bend = road(&[(0.0, 0.0), (0.0, 300.0), (300.0, 300.0)], 60.0, None);
        let roads = SpeedRoads::new([bend, road(&[(0.0, 0.0), (0.0, 0.0)], 5.0, None), road(&[], 5.0, None)]);
        assert_eq!(kmh(&roads, (0.0, 150.0), Some(0.0)), Some(60.0));
        assert_eq!(kmh(&roads, (150.0, 300.0), Some(90.0)), Some(60.0));
        assert_eq!(kmh(&roads, (150.0, 300.0), Some(0.0)), None);
    }
}
