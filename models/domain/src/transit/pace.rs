//! What is learned of how long buses take from stop to stop: by the hour and the kind of day, and from the buses just before.
//!
//! Each stretch has two small Kalman filters over the logarithm of taken to timetabled time: a slow one for the hour, a fast
//! one for what differs just now. What lies far outside (a breakdown, a lost tracker) moves neither of them far.

use std::collections::BTreeMap;

use super::passing::Passing;
use super::timetable::{FeedId, RouteId, StopId};
use crate::ids::VehicleId;
use crate::units::{DurationMs, UtcMillis};

/// From one stop to the next of a run, whatever the route.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Stretch {
    pub feed: FeedId,
    pub from: StopId,
    pub to: StopId,
}

/// When it is, as far as habits go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Habit {
    pub day: DayKind,
    /// Hour of the local clock.
    pub hour: u8,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DayKind {
    Workday,
    Saturday,
    Sunday,
}

/// A run from stop to stop that is over.
#[derive(Debug, Clone, PartialEq)]
pub struct Traversal {
    pub stretch: Stretch,
    /// What the bus was on.
    pub route: RouteId,
    pub habit: Habit,
    /// When it was over: from then on it may be known.
    pub at: UtcMillis,
    pub took_s: f64,
    pub timetabled_s: f64,
}

/// How long a stretch will take, as the logarithm of a factor on its timetabled time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Factor {
    pub log: f64,
    pub variance: f64,
}

/// Timetables are made of what usually happens: a stretch takes within about a quarter of its time.
const PRIOR_VARIANCE: f64 = 0.06;
/// One bus differs from the mean of its hour by this.
const BUS_VARIANCE: f64 = 0.09;
/// Habits drift by this within a day.
const DRIFT_VARIANCE_PER_DAY: f64 = 0.001;
/// What differs just now differs by so much, and is forgotten in so long.
const NOW_VARIANCE: f64 = 0.04;
const NOW_FADES_MS: f64 = 30.0 * 60_000.0;
/// What happened so long before another bus was there tells nothing of now any more.
const LATE: DurationMs = DurationMs(10 * 60_000);
/// Standard deviations beyond which an observation pulls no more than this.
const OUTLIER: f64 = 2.5;

#[derive(Debug, Clone, Copy, PartialEq)]
struct Filter {
    mean: f64,
    variance: f64,
    at: UtcMillis,
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct Pace {
    by_habit: BTreeMap<(Stretch, Habit), Filter>,
    now: BTreeMap<Stretch, Filter>,
    /// When a bus of each route was last seen to run a stretch.
    routes: BTreeMap<Stretch, BTreeMap<RouteId, UtcMillis>>,
}

impl Pace {
    /// Takes what happened, in the order in which it became known. What becomes known late tells of its hour, and not of now.
    pub fn learn(&mut self, t: &Traversal) {
        if t.took_s < 1.0 || t.timetabled_s < 1.0 {
            return;
        }
        let last_by_route = self.routes.entry(t.stretch.clone()).or_default();
        match last_by_route.get_mut(&t.route) {
            Some(last) => *last = t.at.max(*last),
            None => _ = last_by_route.insert(t.route.clone(), t.at),
        }
        let seen = (t.took_s / t.timetabled_s).ln().clamp(-2.5, 2.5);
        let usual = self.usual(&t.stretch, t.habit, t.at);
        let current = self.current(&t.stretch, t.at);
        let key = (t.stretch.clone(), t.habit);
        let newest = |before: Option<&Filter>| before.map_or(t.at, |f| f.at.max(t.at));
        let at = newest(self.by_habit.get(&key));
        let slow = Filter { mean: usual.log, variance: usual.variance, at };
        self.by_habit.insert(key, slow.update(seen, BUS_VARIANCE + NOW_VARIANCE));
        let at = newest(self.now.get(&t.stretch));
        if at.since(t.at).0 > LATE.0 {
            return;
        }
        let fast = Filter { mean: current.log, variance: current.variance, at };
        self.now.insert(t.stretch.clone(), fast.update(seen - usual.log, BUS_VARIANCE));
    }

    /// Whether a bus of a route was seen to run a stretch since then.
    pub fn knows(&self, stretch: &Stretch, route: &RouteId, since: UtcMillis) -> bool {
        self.routes.get(stretch).and_then(|seen| seen.get(route)).is_some_and(|last| *last >= since)
    }

    /// What is to be expected of a bus that runs a stretch about `at`, known at `known`.
    pub fn expect(&self, stretch: &Stretch, habit: Habit, known: UtcMillis, at: UtcMillis) -> Factor {
        let usual = self.usual(stretch, habit, known);
        let current = self.current(stretch, known.max(at));
        Factor { log: usual.log + current.log, variance: usual.variance + current.variance + BUS_VARIANCE }
    }

    fn usual(&self, stretch: &Stretch, habit: Habit, at: UtcMillis) -> Factor {
        let Some(f) = self.by_habit.get(&(stretch.clone(), habit)) else {
            return Factor { log: 0.0, variance: PRIOR_VARIANCE };
        };
        let days = at.since(f.at).seconds().max(0.0) / 86_400.0;
        let variance = (f.variance + days * DRIFT_VARIANCE_PER_DAY).min(PRIOR_VARIANCE);
        Factor { log: f.mean, variance }
    }

    fn current(&self, stretch: &Stretch, at: UtcMillis) -> Factor {
        let Some(f) = self.now.get(stretch) else { return Factor { log: 0.0, variance: NOW_VARIANCE } };
        let kept = (-(at.since(f.at).0.max(0) as f64) / NOW_FADES_MS).exp();
        Factor { log: f.mean * kept, variance: NOW_VARIANCE + (f.variance - NOW_VARIANCE) * kept * kept }
    }
}

impl Filter {
    fn update(self, seen: f64, noise: f64) -> Self {
        let spread = (self.variance + noise).sqrt();
        let surprise = (seen - self.mean).clamp(-OUTLIER * spread, OUTLIER * spread);
        let gain = self.variance / (self.variance + noise);
        Self { mean: self.mean + gain * surprise, variance: self.variance * (1.0 - gain), at: self.at }
    }
}

/// Learns from passings of many buses, in the order of their time.
#[derive(Debug, Default)]
pub struct Learner {
    last_by_vehicle: BTreeMap<VehicleId, Passing>,
}

impl Learner {
    pub fn learn(&mut self, pace: &mut Pace, passing: Passing, habit: Habit) {
        let last = self.last_by_vehicle.get(&passing.vehicle);
        if let Some(t) = last.and_then(|last| traversal(last, &passing, habit)) {
            pace.learn(&t);
        }
        self.last_by_vehicle.insert(passing.vehicle.clone(), passing);
    }
}

/// The stretch between two passings of one run that follow each other; `None` when a stop between was not seen.
pub fn traversal(from: &Passing, to: &Passing, habit: Habit) -> Option<Traversal> {
    let same = from.run == to.run && from.vehicle == to.vehicle && from.call + 1 == to.call;
    same.then(|| Traversal {
        stretch: Stretch { feed: to.feed.clone(), from: from.stop.clone(), to: to.stop.clone() },
        route: to.route.clone(),
        habit,
        at: to.at,
        took_s: to.at.since(from.at).seconds(),
        timetabled_s: to.due.since(from.due).seconds(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const EIGHT: Habit = Habit { day: DayKind::Workday, hour: 8 };

    fn ran(at_min: i64, took_s: f64) -> Traversal {
        let stretch = Stretch { feed: "f".into(), from: "a".into(), to: "b".into() };
        let (route, at) = ("r".into(), UtcMillis(at_min * 60_000));
        Traversal { stretch, route, habit: EIGHT, at, took_s, timetabled_s: 100.0 }
    }

    fn expected_s(pace: &Pace, habit: Habit, min: i64) -> f64 {
        let at = UtcMillis(min * 60_000);
        100.0 * pace.expect(&ran(0, 1.0).stretch, habit, at, at).log.exp()
    }

    #[test]
    fn nothing_known_is_the_timetable() {
        assert!((expected_s(&Pace::default(), EIGHT, 0) - 100.0).abs() < 1e-9);
    }

    #[test]
    fn an_hour_that_is_always_slow_is_learned_and_other_hours_are_not() {
        let mut pace = Pace::default();
        for day in 0..30 {
            for min in [0, 12, 24, 36] {
                pace.learn(&ran(day * 1440 + min, 150.0));
            }
        }
        let tomorrow = 30 * 1440;
        assert!((140.0..155.0).contains(&expected_s(&pace, EIGHT, tomorrow)));
        let nine = Habit { hour: 9, ..EIGHT };
        assert!((99.0..101.0).contains(&expected_s(&pace, nine, tomorrow)));
    }

    #[test]
    fn the_bus_before_tells_of_now_and_is_forgotten() {
        let mut pace = Pace::default();
        pace.learn(&ran(0, 200.0));
        pace.learn(&ran(8, 200.0));
        let soon = expected_s(&pace, EIGHT, 10);
        let later = expected_s(&pace, Habit { hour: 10, ..EIGHT }, 130);
        assert!(soon > 150.0 && later < 103.0, "{soon} {later}");
    }

    #[test]
    fn what_becomes_known_late_tells_of_its_hour_and_not_of_now() {
        let mut pace = Pace::default();
        let nine = Habit { hour: 9, ..EIGHT };
        pace.learn(&Traversal { habit: nine, ..ran(60, 100.0) });
        let (before, eight) = (expected_s(&pace, nine, 62), expected_s(&pace, EIGHT, 1440));
        pace.learn(&ran(0, 200.0));
        assert_eq!(expected_s(&pace, nine, 62), before);
        assert!(expected_s(&pace, EIGHT, 1440) > eight + 10.0);
        // Of a few minutes before it does.
        pace.learn(&Traversal { habit: nine, ..ran(58, 200.0) });
        assert!(expected_s(&pace, nine, 62) > before + 10.0);
    }

    #[test]
    fn a_stretch_is_known_of_the_routes_that_ran_it_and_for_a_time() {
        let (mut pace, stretch) = (Pace::default(), ran(0, 1.0).stretch);
        pace.learn(&ran(10, 100.0));
        // What becomes known late takes nothing back.
        pace.learn(&ran(0, 100.0));
        let knows =
            |route: &str, since_min: i64| pace.knows(&stretch, &route.into(), UtcMillis(since_min * 60_000));
        assert_eq!([knows("r", 10), knows("r", 11), knows("another", 0)], [true, false, false]);
    }

    #[test]
    fn a_breakdown_moves_little() {
        let mut pace = Pace::default();
        (0..20).for_each(|day| pace.learn(&ran(day * 1440, 100.0)));
        pace.learn(&ran(20 * 1440, 3000.0));
        assert!(expected_s(&pace, EIGHT, 21 * 1440) < 112.0);
    }
}
