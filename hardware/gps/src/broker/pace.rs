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

/// Who waited for longer stands behind what has just come: live positions are not late because old ones are many.
const LIVE: DurationMs = DurationMs(60_000);
/// A bus that was not heard for longer than it is to be sent, by so much, has positions to tell of that time.
const GAP_MORE: DurationMs = DurationMs(15_000);
/// Times without a position that are remembered of a bus; when there are more the oldest is forgotten.
const GAPS: usize = 16;

/// Positions on their way. Holds at most `room`; when full, the oldest gives way and is counted.
#[derive(Debug)]
pub struct Pace {
    room: usize,
    waiting: VecDeque<Fix>,
    /// Those of `waiting` that have waited for longer than [`LIVE`], before them in time.
    behind: VecDeque<Fix>,
    told_by_vehicle: HashMap<VehicleId, Told>,
    /// Given up because there was no room.
    pub lost: u64,
}

/// What was told of one bus.
#[derive(Debug, Clone)]
struct Told {
    at: UtcMillis,
    moving: bool,
    sos: bool,
    /// From and to, of which nothing was told for too long: its tracker may have stored positions.
    gaps: VecDeque<(UtcMillis, UtcMillis)>,
}

impl Pace {
    pub fn new(room: usize) -> Self {
        let (waiting, behind, told_by_vehicle) = (VecDeque::new(), VecDeque::new(), HashMap::new());
        Self { room, waiting, behind, told_by_vehicle, lost: 0 }
    }

    /// Takes a position in if it is due. A bus that starts or stops, or whose driver calls for help
    /// or does so no more, is due at once; one that its tracker had stored is due
    /// where nothing was told.
    pub fn offer(&mut self, fix: &Fix) {
        if !fix.valid {
            return;
        }
        let moving = fix.speed.0 > WALK.0;
        let wait = if moving { MOVING } else { STANDING };
        match self.told_by_vehicle.get_mut(&fix.vehicle) {
            Some(told) => {
                if !told.is_due(fix.at, (moving, fix.told.sos), wait) {
                    return;
                }
            }
            None => {
                let told = Told { at: fix.at, moving, sos: fix.told.sos, gaps: VecDeque::new() };
                self.told_by_vehicle.insert(fix.vehicle.clone(), told);
            }
        }
        if self.len() == self.room {
            if self.behind.pop_front().is_none() {
                self.waiting.pop_front();
            }
            self.lost += 1;
        }
        self.waiting.push_back(fix.clone());
    }

    /// The next positions, at most `count`: those that have just come, then what waits for longer, each oldest first. They stay
    /// until [`Pace::done`].
    pub fn next(&mut self, count: usize, now: UtcMillis) -> Vec<Fix> {
        while let Some(fix) = self.waiting.pop_front_if(|fix| now.since(fix.received).0 > LIVE.0) {
            self.behind.push_back(fix);
        }
        self.waiting.iter().chain(&self.behind).take(count).cloned().collect()
    }

    /// These have arrived.
    pub fn done(&mut self, sent: &[Fix]) {
        for fix in sent {
            // Some may have given way in between.
            if self.waiting.front() == Some(fix) {
                self.waiting.pop_front();
            } else if self.behind.front() == Some(fix) {
                self.behind.pop_front();
            }
        }
    }

    pub fn len(&self) -> usize {
        self.waiting.len() + self.behind.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Told {
    /// Whether a position of `at` is to be told, and takes note of it.
    fn is_due(&mut self, at: UtcMillis, (moving, sos): (bool, bool), wait: DurationMs) -> bool {
        let since = at.since(self.at);
        if since.0 <= 0 {
            return self.fills(at, wait);
        }
        if since < wait && (moving, sos) == (self.moving, self.sos) {
            return false;
        }
        // Who stood and is heard driving may have driven all the time between.
        let usual = if self.moving || moving { MOVING } else { STANDING };
        if since.0 > usual.0 + GAP_MORE.0 {
            if self.gaps.len() == GAPS {
                self.gaps.pop_front();
            }
            self.gaps.push_back((self.at, at));
        }
        (self.at, self.moving, self.sos) = (at, moving, sos);
        true
    }

    /// Whether it lies where nothing was told, not too near to what was.
    fn fills(&mut self, at: UtcMillis, wait: DurationMs) -> bool {
        let Some(gap) = self.gaps.iter_mut().find(|(from, to)| *from < at && at < *to) else { return false };
        if at.since(gap.0) < wait {
            return false;
        }
        // Trackers send what they stored in the order of time.
        gap.0 = at;
        true
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

    fn times(pace: &mut Pace) -> Vec<i64> {
        pace.next(99, UtcMillis(0)).iter().map(|fix| fix.at.0 / 1000).collect()
    }

    #[test]
    fn a_moving_bus_every_30_seconds_a_standing_one_every_15_minutes() {
        let mut pace = Pace::new(100);
        for second in (0..120).step_by(5) {
            pace.offer(&fix("a", second, 10.0));
        }
        assert_eq!(times(&mut pace), [0, 30, 60, 90]);
        let mut pace = Pace::new(100);
        for second in (0..2000).step_by(5) {
            pace.offer(&fix("a", second, 0.2));
        }
        assert_eq!(times(&mut pace), [0, 900, 1800]);
    }

    #[test]
    fn a_start_and_a_stop_are_told_at_once_and_the_old_and_the_invalid_are_not() {
        let mut pace = Pace::new(100);
        for (second, speed) in [(0, 0.0), (5, 10.0), (10, 10.0), (15, 0.0), (1, 10.0)] {
            pace.offer(&fix("a", second, speed));
        }
        pace.offer(&Fix { valid: false, ..fix("b", 0, 0.0) });
        assert_eq!(times(&mut pace), [0, 5, 15]);
    }

    #[test]
    fn what_has_arrived_leaves_and_what_finds_no_room_is_counted() {
        let mut pace = Pace::new(2);
        for vehicle in ["a", "b", "c"] {
            pace.offer(&fix(vehicle, 0, 0.0));
        }
        assert_eq!((pace.len(), pace.lost), (2, 1));
        let next = pace.next(1, UtcMillis(0));
        assert_eq!(next[0].vehicle.as_str(), "b");
        pace.done(&next);
        assert_eq!(pace.next(9, UtcMillis(0))[0].vehicle.as_str(), "c");
    }

    #[test]
    fn what_a_tracker_had_stored_is_told_where_nothing_was_told_before() {
        let mut pace = Pace::new(100);
        for second in [0, 30, 300, 330] {
            pace.offer(&fix("a", second, 10.0));
        }
        // Of four and a half minutes without a link, every ten seconds; what was told already comes again.
        for second in (0..330).step_by(10) {
            pace.offer(&fix("a", second, 10.0));
        }
        assert_eq!(times(&mut pace), [0, 30, 300, 330, 60, 90, 120, 150, 180, 210, 240, 270]);
        // A second time nothing of it is news, and what lies before the first is not asked for.
        for second in (-100..330).step_by(10) {
            pace.offer(&fix("a", second, 10.0));
        }
        assert_eq!(pace.len(), 12);
    }

    #[test]
    fn what_has_just_come_does_not_wait_behind_what_is_old() {
        let mut pace = Pace::new(4);
        for second in [0, 30, 200] {
            pace.offer(&fix("a", second, 10.0));
        }
        let next = pace.next(2, UtcMillis(210_000));
        assert_eq!(next.iter().map(|fix| fix.at.0 / 1000).collect::<Vec<_>>(), [200, 0]);
        pace.done(&next);
        assert_eq!(times(&mut pace), [30]);
        // Without room the oldest goes.
        for second in [230, 260, 290, 320] {
            pace.offer(&fix("a", second, 10.0));
        }
        assert_eq!((times(&mut pace), pace.lost), (vec![230, 260, 290, 320], 1));
    }

    #[test]
    fn a_call_for_help_is_told_at_once_and_so_is_its_end() {
        let mut pace = Pace::new(100);
        for (second, sos) in [(0, false), (5, true), (10, true), (15, false), (20, false)] {
            let mut fix = fix("a", second, 0.0);
            fix.told.sos = sos;
            pace.offer(&fix);
        }
        assert_eq!(times(&mut pace), [0, 5, 15]);
    }

    #[test]
    fn who_stood_and_drove_unheard_has_that_way_told_too() {
        let mut pace = Pace::new(100);
        for (second, speed) in [(0, 0.0), (600, 10.0), (300, 10.0), (310, 10.0), (330, 10.0)] {
            pace.offer(&fix("a", second, speed));
        }
        assert_eq!(times(&mut pace), [0, 600, 300, 330]);
    }
}
