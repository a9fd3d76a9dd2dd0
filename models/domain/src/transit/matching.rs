//! Where along a shape a bus is, from fix to fix: forward only, with every passing of the line in mind until one is certain.
//!
//! A hidden Markov model with few states: each passing of the line near a fix is a state, its cost says how well it fits
//! the fix and what came before (Newson and Krumm 2009). Loops and streets that are run out and back sort themselves out.

use super::shape::{OnShape, Shape, turn};
use crate::geo::LatLon;
use crate::units::{Degrees, Meters, MetersPerSecond, UtcMillis};

/// What is known of a bus at one moment; the order of arrival plays no part.
#[derive(Debug, Clone, PartialEq)]
pub struct Seen {
    pub at: UtcMillis,
    pub position: LatLon,
    pub speed: MetersPerSecond,
    pub course: Option<Degrees>,
}

/// Where a fix was put.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Matched {
    /// Never less than at an earlier fix of the same run.
    pub along: Meters,
    pub away: Meters,
    /// How far this fix itself lies behind `along`: a bus that turned round falls behind more and more.
    pub behind: Meters,
    /// No other passing of the line is nearly as likely.
    pub sure: bool,
}

/// Error of positions in streets, one standard deviation.
const NOISE_M: f64 = 20.0;
/// A fix may lie this far behind the one before.
const SLACK_M: f64 = 40.0;
const SPEED_MAX: MetersPerSecond = MetersPerSecond(33.0);
/// Slower than this, the course that a receiver reports means nothing.
const SPEED_OF_COURSE: MetersPerSecond = MetersPerSecond(2.0);
const STATES_MAX: usize = 8;
/// What another state must cost more before the best is certain.
const SURE: f64 = 4.0;
/// Old evidence counts less with every fix.
const FADE: f64 = 0.9;

#[derive(Debug, Clone, Default, PartialEq)]
pub struct Matcher {
    /// Cheapest first.
    states: Vec<State>,
    last: Option<(UtcMillis, LatLon)>,
    reached: Option<Meters>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct State {
    place: OnShape,
    cost: f64,
}

impl Matcher {
    /// Takes a fix that is not older than the one before. `None` when the line does not pass within `reach`, or could
    /// not have been reached since the fix before.
    pub fn step(&mut self, shape: &Shape, seen: &Seen, reach: Meters) -> Option<Matched> {
        let mut states: Vec<State> = Vec::new();
        for place in shape.passings(seen.position, reach) {
            let fit = fit(&place, seen);
            // Near where the bus was, the passing that goes on is not always the nearest point of the line.
            if let Some(way) = self.way_to(&place, seen) {
                states.push(State { place, cost: fit + way });
            }
        }
        if states.is_empty() {
            return None;
        }
        states.sort_by(|a, b| a.cost.total_cmp(&b.cost).then(a.place.along.0.total_cmp(&b.place.along.0)));
        states.truncate(STATES_MAX);
        let least = states[0].cost;
        states.iter_mut().for_each(|s| s.cost -= least);
        let best = states[0].place;
        let sure =
            states.iter().skip(1).all(|s| s.cost > SURE || (s.place.along.0 - best.along.0).abs() < 100.0);
        self.states = states;
        self.last = Some((seen.at, seen.position));
        let reached = self.reached.map_or(best.along, |r| Meters(r.0.max(best.along.0)));
        // Until it is certain which passing it is, an earlier guess binds nothing.
        self.reached = sure.then_some(reached);
        let along = if sure { reached } else { best.along };
        Some(Matched { along, away: best.away, behind: Meters(along.0 - best.along.0), sure })
    }

    fn way_to(&self, place: &OnShape, seen: &Seen) -> Option<f64> {
        let Some((at, position)) = self.last else { return Some(0.0) };
        let crow_m = position.distance(seen.position).0;
        let far_m = SPEED_MAX.0 * seen.at.since(at).seconds().max(0.0) + 100.0;
        let ways = self.states.iter().filter_map(|before| {
            let ahead_m = place.along.0 - before.place.along.0;
            let back =
                if ahead_m < -SLACK_M { 4.0 + ((-ahead_m - SLACK_M) / 30.0).powi(2).min(30.0) } else { 0.0 };
            // Along the line it is never shorter than through the air; much longer means a leap over a loop.
            let longer = ((ahead_m.abs() - crow_m) / (60.0 + 0.3 * crow_m)).powi(2).min(16.0);
            (ahead_m <= far_m).then_some(before.cost * FADE + back + longer)
        });
        ways.min_by(f64::total_cmp)
    }
}

fn fit(place: &OnShape, seen: &Seen) -> f64 {
    let away = (place.away.0 / NOISE_M).powi(2).min(25.0);
    let against = match seen.course {
        Some(course) if seen.speed.0 >= SPEED_OF_COURSE.0 => (turn(course, place.course).0 / 60.0).powi(2),
        Some(_) | None => 0.0,
    };
    away + against
}

#[cfg(test)]
mod tests {
    use super::*;

    const METER: f64 = 1.0 / 111_195.0;

    /// A line by points in metres east and north of a place in Hanoi.
    fn line(points: &[(f64, f64)]) -> Shape {
        Shape::new(points.iter().map(|p| place(*p)).collect())
    }

    fn place((east, north): (f64, f64)) -> LatLon {
        LatLon::new(21.0 + north * METER, 105.8 + east * METER / 21.0_f64.to_radians().cos())
    }

    /// `(seconds, metres east, metres north, course)`, each 5 m/s; the ways along that are told, `-` for off, `?` when unsure.
    #[track_caller]
    fn check(shape: &Shape, fixes: &[(i64, f64, f64, f64)], want: &str) {
        let mut matcher = Matcher::default();
        let mut got = Vec::new();
        for (at_s, east, north, course) in fixes {
            let seen = Seen {
                at: UtcMillis(at_s * 1000),
                position: place((*east, *north)),
                speed: MetersPerSecond(5.0),
                course: Some(Degrees(*course)),
            };
            got.push(match matcher.step(shape, &seen, Meters(60.0)) {
                None => "-".to_owned(),
                Some(m) => format!("{}{}", m.along.0.round(), if m.sure { "" } else { "?" }),
            });
        }
        assert_eq!(got.join(" "), want);
    }

    #[test]
    fn straight_on_and_never_back() {
        let shape = line(&[(0.0, 0.0), (5000.0, 0.0)]);
        let fixes =
            [(0, 100.0, 9.0, 90.0), (20, 210.0, -8.0, 91.0), (40, 195.0, 3.0, 88.0), (60, 320.0, 0.0, 90.0)];
        check(&shape, &fixes, "100 210 210 320");
    }

    #[test]
    fn out_and_back_is_told_by_course_and_by_order() {
        let shape = line(&[(0.0, 0.0), (3000.0, 0.0), (0.0, 0.0)]);
        check(&shape, &[(0, 2000.0, 0.0, 270.0), (20, 1900.0, 5.0, 270.0)], "4000 4100");
        check(
            &shape,
            &[(0, 2800.0, 0.0, 90.0), (30, 2950.0, 0.0, 90.0), (60, 2900.0, 0.0, 270.0)],
            "2800 2950 3100",
        );
    }

    #[test]
    fn a_loop_that_crosses_itself_is_not_cut_short() {
        // East 2 km, round a block, and over its own way again towards the south.
        let shape = line(&[(0.0, 0.0), (2000.0, 0.0), (2000.0, 500.0), (1000.0, 500.0), (1000.0, -1000.0)]);
        let fixes = [
            (0, 800.0, 0.0, 90.0),
            (20, 1010.0, 0.0, 90.0),
            (40, 1200.0, 0.0, 90.0),
            (140, 2000.0, 200.0, 0.0),
            (240, 1400.0, 500.0, 270.0),
            (330, 1000.0, 10.0, 180.0),
        ];
        check(&shape, &fixes, "800 1010 1200 2200 3100 3990");
    }

    #[test]
    fn a_detour_comes_back_farther_on() {
        let shape = line(&[(0.0, 0.0), (5000.0, 0.0)]);
        let fixes = [
            (0, 1000.0, 0.0, 90.0),
            (60, 1300.0, 200.0, 0.0),
            (120, 1700.0, 300.0, 90.0),
            (180, 2100.0, 0.0, 180.0),
            (200, 2200.0, 0.0, 90.0),
        ];
        check(&shape, &fixes, "1000 - - 2100 2200");
    }

    #[test]
    fn what_cannot_have_been_reached_is_refused() {
        let shape = line(&[(0.0, 0.0), (9000.0, 0.0)]);
        check(&shape, &[(0, 100.0, 0.0, 90.0), (10, 6000.0, 0.0, 90.0), (20, 200.0, 0.0, 90.0)], "100 - 200");
    }
}
