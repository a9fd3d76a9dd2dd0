//! What is known of one stretch: how long buses take by the hour and just now, and which routes run it.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Factor, Habit, Traversal};
use crate::transit::timetable::RouteId;
use crate::units::{DurationMs, UtcMillis};

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

/// A bus ran it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Ran {
    /// When that was over.
    pub at: UtcMillis,
    pub habit: Habit,
    /// Logarithm of taken to timetabled time.
    pub log: f64,
    pub route: Arc<RouteId>,
}

#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Known {
    by_habit: BTreeMap<Habit, Filter>,
    now: Option<Filter>,
    /// When a bus of each route was last seen to run it.
    routes: BTreeMap<Arc<RouteId>, UtcMillis>,
}

impl Known {
    pub fn is_nothing(&self) -> bool {
        self.routes.is_empty()
    }

    /// As it is to be learned, which it must be then: names of routes are shared, also of what is not learned yet.
    pub fn ran(&mut self, t: &Traversal) -> Ran {
        let known = self.routes.get_key_value(&t.route).map(|(route, _)| route.clone());
        let route = known.unwrap_or_else(|| Arc::new(t.route.clone()));
        self.routes.entry(route.clone()).or_insert(t.at);
        let log = (t.took_s / t.timetabled_s).ln().clamp(-2.5, 2.5);
        Ran { at: t.at, habit: t.habit, log, route }
    }

    /// Takes what happened, one after the other. What is older than another by more than a few minutes tells of its hour, and not
    /// of now.
    pub fn learn(&mut self, ran: &Ran) {
        match self.routes.get_mut(&ran.route) {
            Some(last) => *last = ran.at.max(*last),
            None => _ = self.routes.insert(ran.route.clone(), ran.at),
        }
        let (usual, current) = (self.usual(ran.habit, ran.at), self.current(ran.at));
        let newest = |before: Option<&Filter>| before.map_or(ran.at, |f| f.at.max(ran.at));
        let at = newest(self.by_habit.get(&ran.habit));
        let slow = Filter { mean: usual.log, variance: usual.variance, at };
        self.by_habit.insert(ran.habit, slow.update(ran.log, BUS_VARIANCE + NOW_VARIANCE));
        let at = newest(self.now.as_ref());
        if at.since(ran.at).0 > LATE.0 {
            return;
        }
        let fast = Filter { mean: current.log, variance: current.variance, at };
        self.now = Some(fast.update(ran.log - usual.log, BUS_VARIANCE));
    }

    /// When a bus of a route was last seen to run it.
    pub fn last(&self, route: &RouteId) -> Option<UtcMillis> {
        self.routes.get(route).copied()
    }

    /// What is to be expected of a bus that runs it about `at`, known at `known`.
    pub fn expect(&self, habit: Habit, known: UtcMillis, at: UtcMillis) -> Factor {
        let (usual, current) = (self.usual(habit, known), self.current(known.max(at)));
        Factor { log: usual.log + current.log, variance: usual.variance + current.variance + BUS_VARIANCE }
    }

    fn usual(&self, habit: Habit, at: UtcMillis) -> Factor {
        let Some(f) = self.by_habit.get(&habit) else {
            return Factor { log: 0.0, variance: PRIOR_VARIANCE };
        };
        let days = at.since(f.at).seconds().max(0.0) / 86_400.0;
        let variance = (f.variance + days * DRIFT_VARIANCE_PER_DAY).min(PRIOR_VARIANCE);
        Factor { log: f.mean, variance }
    }

    fn current(&self, at: UtcMillis) -> Factor {
        let Some(f) = self.now else { return Factor { log: 0.0, variance: NOW_VARIANCE } };
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
