//! Which positions the directorate is sent, and when: Circular 09/2015/TT-BGTVT wants one at most every 30 s of a moving bus
//! and every 15 minutes of a standing one, within two minutes.

use std::collections::{HashMap, VecDeque};

use models_domain::transit::Fix;
use models_domain::{DurationMs, MetersPerSecond, UtcMillis, VehicleId};

const MOVING: DurationMs = DurationMs(30_000);
const STANDING: DurationMs = DurationMs(15 * 60_000);
/// Slower than a walk counts as standing: receivers wander.
const WALK: MetersPerSecond = MetersPerSecond(1.0);
/// Later than that, the rule is broken.
pub const WITHIN: DurationMs = DurationMs(120_000);

/// Positions on their way. Holds at most `room`; when full, the oldest gives way and is counted.
#[derive(Debug)]
pub struct Pace {
    room: usize,
    waiting: VecDeque<Fix>,
    last_by_vehicle: HashMap<VehicleId, Sent>,
    /// Given up because there was no room.
    pub lost: u64,
}

#[derive(Debug, Clone, Copy)]
struct Sent {
    at: UtcMillis,
    moving: bool,
}

impl Pace {
    pub fn new(room: usize) -> Self {
        Self { room, waiting: VecDeque::new(), last_by_vehicle: HashMap::new(), lost: 0 }
    }

    /// Takes a position in if it is due. A bus that starts or stops is due at once.
    pub fn offer(&mut self, fix: &Fix) {
        if !fix.valid {
            return;
        }
        let moving = fix.speed.0 > WALK.0;
        if let Some(last) = self.last_by_vehicle.get(&fix.vehicle) {
            let gap = fix.at.0 - last.at.0;
            let wait = if moving { MOVING } else { STANDING };
            let changed = moving != last.moving && gap > 0;
            if gap < wait.0 && !changed {
                return;
            }
        }
        self.last_by_vehicle.insert(fix.vehicle.clone(), Sent { at: fix.at, moving });
        if self.waiting.len() == self.room {
            self.waiting.pop_front();
            self.lost += 1;
        }
        self.waiting.push_back(fix.clone());
    }

    /// The next positions, at most `count`, oldest first. They stay until [`Pace::done`].
    pub fn next(&self, count: usize) -> Vec<Fix> {
        self.waiting.iter().take(count).cloned().collect()
    }

    /// These have arrived.
    pub fn done(&mut self, sent: &[Fix]) {
        for fix in sent {
            // Some may have given way in between.
            if self.waiting.front() == Some(fix) {
                self.waiting.pop_front();
            }
        }
    }

    pub fn len(&self) -> usize {
        self.waiting.len()
    }

    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use models_domain::geo::LatLon;

    use super::*;

    fn fix(vehicle: &str, seconds: i64, meters_per_second: f64) -> Fix {
        Fix {
            vehicle: VehicleId::new(vehicle).unwrap(),
            at: UtcMillis(seconds * 1000),
            received: UtcMillis(seconds * 1000),
            position: LatLon::new(21.028, 105.852),
            speed: MetersPerSecond(meters_per_second),
            course: None,
            altitude: None,
            valid: true,
            protocol: "gt06".to_owned(),
            told: models_domain::transit::Told::default(),
        }
    }

    fn times(pace: &Pace) -> Vec<i64> {
        pace.next(99).iter().map(|fix| fix.at.0 / 1000).collect()
    }

    #[test]
    fn a_moving_bus_every_30_seconds_a_standing_one_every_15_minutes() {
        let mut pace = Pace::new(100);
        for second in (0..120).step_by(5) {
            pace.offer(&fix("a", second, 10.0));
        }
        assert_eq!(times(&pace), [0, 30, 60, 90]);
        let mut pace = Pace::new(100);
        for second in (0..2000).step_by(5) {
            pace.offer(&fix("a", second, 0.2));
        }
        assert_eq!(times(&pace), [0, 900, 1800]);
    }

    #[test]
    fn a_start_and_a_stop_are_told_at_once_and_the_old_and_the_invalid_are_not() {
        let mut pace = Pace::new(100);
        for (second, speed) in [(0, 0.0), (5, 10.0), (10, 10.0), (15, 0.0), (1, 10.0)] {
            pace.offer(&fix("a", second, speed));
        }
        pace.offer(&Fix { valid: false, ..fix("b", 0, 0.0) });
        assert_eq!(times(&pace), [0, 5, 15]);
    }

    #[test]
    fn what_has_arrived_leaves_and_what_finds_no_room_is_counted() {
        let mut pace = Pace::new(2);
        for vehicle in ["a", "b", "c"] {
            pace.offer(&fix(vehicle, 0, 0.0));
        }
        assert_eq!((pace.len(), pace.lost), (2, 1));
        let next = pace.next(1);
        assert_eq!(next[0].vehicle.as_str(), "b");
        pace.done(&next);
        assert_eq!(pace.next(9)[0].vehicle.as_str(), "c");
    }
}
