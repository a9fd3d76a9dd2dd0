//! When a bus was at its stops, by its trace alone: where the straight line from fix to fix is nearest to the stop.
//!
//! No shape, matching or assignment has a part in it: nothing that predicts is judged by itself.

use models_domain::geo::LatLon;
use models_domain::transit::vehicle::Observed;
use models_domain::{DurationMs, Meters, UtcMillis};

/// A bus that was nowhere so near did not come by, as far as the trace tells.
const REACH: Meters = Meters(60.0);
/// A bus is at a stop again on later trips: looked at is so much on each side of when it was due.
const AROUND: DurationMs = DurationMs(30 * 60_000);
const METERS_PER_DEGREE: f64 = 111_195.0;

/// `fixes` oldest first. `None` where they do not show the bus pass: nowhere near, or nearest at the first or last of them, where it
/// may have been nearer before or after.
pub fn passed(fixes: &[Observed], stop: LatLon, due: UtcMillis) -> Option<UtcMillis> {
    let from = fixes.partition_point(|o| o.seen.at < due - AROUND);
    let until = fixes.partition_point(|o| o.seen.at <= due + AROUND);
    let looked = &fixes[from..until];
    let mut nearest: Option<(usize, f64, f64)> = None;
    for (n, pair) in looked.windows(2).enumerate() {
        let (share, away_m) = approach(pair[0].seen.position, pair[1].seen.position, stop);
        if nearest.is_none_or(|(_, _, least_m)| away_m < least_m) {
            nearest = Some((n, share, away_m));
        }
    }
    let (n, share, away_m) = nearest?;
    let at_an_end = (n == 0 && share <= 0.0) || (n + 2 == looked.len() && share >= 1.0);
    if away_m > REACH.0 || at_an_end {
        return None;
    }
    let (before, after) = (looked[n].seen.at, looked[n + 1].seen.at);
    Some(before + DurationMs((after.since(before).0 as f64 * share) as i64))
}

/// Where between two fixes a straight line is nearest to a stop, from 0 to 1, and how far from it that is in metres.
fn approach(from: LatLon, to: LatLon, stop: LatLon) -> (f64, f64) {
    let east = METERS_PER_DEGREE * stop.lat.0.to_radians().cos();
    let flat = |p: LatLon| ((p.lon.0 - stop.lon.0) * east, (p.lat.0 - stop.lat.0) * METERS_PER_DEGREE);
    let ((x, y), (to_x, to_y)) = (flat(from), flat(to));
    let (dx, dy) = (to_x - x, to_y - y);
    let squared = dx * dx + dy * dy;
    let share = if squared > 0.0 { (-(x * dx + y * dy) / squared).clamp(0.0, 1.0) } else { 0.0 };
    (share, (x + share * dx).hypot(y + share * dy))
}

#[cfg(test)]
mod tests {
    use models_domain::MetersPerSecond;
    use models_domain::transit::matching::Seen;

    use super::*;

    /// At so many seconds so many metres east of the stop, ten metres north of it.
    fn trace(fixes: &[(i64, f64)]) -> Vec<Observed> {
        let observed = |(s, east_m): &(i64, f64)| Observed {
            placed: true,
            seen: Seen {
                at: UtcMillis(s * 1000),
                position: LatLon::new(10.0 / METERS_PER_DEGREE, east_m / METERS_PER_DEGREE),
                speed: MetersPerSecond(0.0),
                course: None,
            },
            doors_open: None,
            engine_on: None,
            sos: false,
            signed: None,
        };
        fixes.iter().map(observed).collect()
    }

    #[track_caller]
    fn check(fixes: &[(i64, f64)], due_s: i64, want_s: Option<i64>) {
        let at = passed(&trace(fixes), LatLon::new(0.0, 0.0), UtcMillis(due_s * 1000));
        assert_eq!(at.map(|at| (at.0 as f64 / 1000.0).round() as i64), want_s);
    }

    #[test]
    fn a_bus_is_at_a_stop_where_its_way_is_nearest() {
        check(&[(0, -300.0), (30, -100.0), (60, 200.0), (90, 500.0)], 0, Some(40));
        // It stands there: since when it does.
        check(&[(0, -300.0), (30, 0.0), (60, 0.0), (90, 500.0)], 0, Some(30));
    }

    #[test]
    fn what_a_trace_does_not_show_is_not_told() {
        check(&[(0, -300.0), (30, -200.0), (60, -300.0)], 0, None);
        check(&[(0, 20.0), (30, 200.0), (60, 300.0)], 0, None);
        check(&[(0, -300.0), (30, -200.0), (60, -20.0)], 0, None);
        check(&[(0, -300.0)], 0, None);
        check(&[], 0, None);
    }

    #[test]
    fn of_several_trips_the_one_is_meant_that_was_due() {
        let twice =
            [(0, -300.0), (60, 300.0), (2_000, 2_000.0), (4_000, -300.0), (4_060, 300.0), (4_100, 900.0)];
        check(&twice, 60, Some(30));
        check(&twice, 4_000, Some(4_030));
    }
}
