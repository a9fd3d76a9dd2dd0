//! What is learned of how long buses take from stop to stop: by the hour and the kind of day, and from the buses just before.
//!
//! Each stretch has two small Kalman filters over the logarithm of taken to timetabled time: a slow one for the hour, a fast
//! one for what differs just now. What lies far outside (a breakdown, a lost tracker) moves neither of them far.

mod known;
mod today;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use self::known::Known;
use self::today::OfStretch;
use super::passing::Passing;
use super::timetable::{FeedId, RouteId, StopId};
use crate::ids::VehicleId;
use crate::units::UtcMillis;

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

/// What is learned.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Pace {
    by_stretch: BTreeMap<Arc<Stretch>, OfStretch>,
    /// What each bus ran today.
    ran_by_vehicle: BTreeMap<Arc<VehicleId>, BTreeSet<Arc<Stretch>>>,
}

impl Pace {
    /// Takes what happened before today, in the order of time. What becomes known late tells of its hour, and not of now.
    pub fn learn(&mut self, t: &Traversal) {
        if t.teaches() {
            let stretch = self.shared(&t.stretch);
            self.by_stretch.entry(stretch).or_default().learn_former(t);
        }
    }

    /// Takes what a bus did today beside what is known of it. What today teaches hangs on what happened, and not on when that became
    /// known.
    pub fn learn_today(&mut self, vehicle: &VehicleId, done: &[Traversal]) {
        for t in done.iter().filter(|t| t.teaches()) {
            let stretch = self.shared(&t.stretch);
            let known = self.ran_by_vehicle.get_key_value(vehicle).map(|(vehicle, _)| vehicle.clone());
            let vehicle = known.unwrap_or_else(|| Arc::new(vehicle.clone()));
            self.by_stretch.entry(stretch.clone()).or_default().learn(&vehicle, t);
            self.ran_by_vehicle.entry(vehicle).or_default().insert(stretch);
        }
    }

    /// Takes all that some buses did today: what was thought before that they did is unlearned.
    pub fn relearn_today(&mut self, days: impl IntoIterator<Item = (VehicleId, Vec<Traversal>)>) {
        let mut touched: BTreeSet<Arc<Stretch>> = BTreeSet::new();
        for (vehicle, done) in days {
            let before = self.ran_by_vehicle.remove(&vehicle).unwrap_or_default();
            for stretch in &before {
                if let Some(of) = self.by_stretch.get_mut(stretch) {
                    of.forget(&vehicle);
                }
            }
            let (vehicle, mut ran) = (Arc::new(vehicle), BTreeSet::new());
            for t in done.iter().filter(|t| t.teaches()) {
                let stretch = self.shared(&t.stretch);
                _ = self.by_stretch.entry(stretch.clone()).or_default().put(&vehicle, t);
                ran.insert(stretch);
            }
            touched.extend(before.into_iter().chain(ran.iter().cloned()));
            if !ran.is_empty() {
                self.ran_by_vehicle.insert(vehicle, ran);
            }
        }
        for stretch in touched {
            let Some(of) = self.by_stretch.get_mut(&stretch) else { continue };
            of.relearn();
            if of.known().is_nothing() {
                self.by_stretch.remove(&stretch);
            }
        }
    }

    /// The day is over: what it taught stays as it is known now.
    pub fn end_day(&mut self) {
        self.ran_by_vehicle.clear();
        self.by_stretch.values_mut().for_each(OfStretch::end_day);
    }

    /// Whether a bus of a route was seen to run a stretch since then.
    pub fn knows(&self, stretch: &Stretch, route: &RouteId, since: UtcMillis) -> bool {
        let of = self.by_stretch.get(stretch);
        of.and_then(|of| of.known().last(route)).is_some_and(|last| last >= since)
    }

    /// What is to be expected of a bus that runs a stretch about `at`, known at `known`.
    pub fn expect(&self, stretch: &Stretch, habit: Habit, known: UtcMillis, at: UtcMillis) -> Factor {
        let of = self.by_stretch.get(stretch);
        of.map_or_else(|| Known::default().expect(habit, known, at), |of| of.known().expect(habit, known, at))
    }

    fn shared(&self, stretch: &Stretch) -> Arc<Stretch> {
        let known = self.by_stretch.get_key_value(stretch).map(|(stretch, _)| stretch.clone());
        known.unwrap_or_else(|| Arc::new(stretch.clone()))
    }
}

impl Traversal {
    /// What took no time, or was to take none, is of clocks and timetables that are too coarse.
    fn teaches(&self) -> bool {
        self.took_s >= 1.0 && self.timetabled_s >= 1.0
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

    fn bus(name: &str) -> VehicleId {
        name.parse().unwrap()
    }

    #[test]
    fn what_today_teaches_does_not_hang_on_when_it_became_known() {
        let mut before = Pace::default();
        (0..5).for_each(|day| before.learn(&ran(day * 1440, 120.0)));
        let today = 5 * 1440;
        let done: Vec<(VehicleId, Traversal)> = (0..12)
            .map(|n| (bus(&format!("b{}", n % 3)), ran(today + 4 * (n / 2), 80.0 + 30.0 * (n % 5) as f64)))
            .collect();
        let learned = |order: &mut dyn Iterator<Item = usize>| {
            let mut pace = before.clone();
            order.for_each(|n| pace.learn_today(&done[n].0, std::slice::from_ref(&done[n].1)));
            pace
        };
        let want = learned(&mut (0..12_usize));
        assert_eq!(learned(&mut (0..12_usize).rev()), want);
        assert_eq!(learned(&mut (0..12_usize).map(|n| n * 5 % 12)), want);
        // It is the same as one after the other.
        let (mut plain, mut in_order) = (before.clone(), done.clone());
        in_order.sort_by_key(|(vehicle, t)| (t.at, vehicle.clone()));
        in_order.iter().for_each(|(_, t)| plain.learn(t));
        let min = today + 30;
        assert_eq!(expected_s(&plain, EIGHT, min), expected_s(&want, EIGHT, min));
        // Of each bus all at once, twice, and after it was thought to have done something else.
        let days = || ["b0", "b1", "b2"].map(|name| (bus(name), of(&done, name)));
        let mut anew = learned(&mut (3..9_usize));
        let other = Stretch { to: "c".into(), ..done[0].1.stretch.clone() };
        anew.learn_today(&bus("b1"), &[Traversal { stretch: other, ..done[0].1.clone() }]);
        assert_ne!(anew, want);
        for _ in 0..2 {
            anew.relearn_today(days());
            assert_eq!(anew, want);
        }
        anew.relearn_today(["b0", "b1", "b2"].map(|name| (bus(name), Vec::new())));
        assert_eq!(anew, before);
    }

    fn of(done: &[(VehicleId, Traversal)], name: &str) -> Vec<Traversal> {
        done.iter().filter(|(vehicle, _)| vehicle.as_str() == name).map(|(_, t)| t.clone()).collect()
    }

    #[test]
    fn what_a_day_taught_stays_when_it_is_over() {
        let mut pace = Pace::default();
        pace.learn_today(&bus("b"), &[ran(0, 200.0)]);
        let taught_s = expected_s(&pace, EIGHT, 1440);
        pace.end_day();
        pace.relearn_today([(bus("b"), Vec::new())]);
        assert_eq!(expected_s(&pace, EIGHT, 1440), taught_s);
        assert!(taught_s > 105.0);
        // What becomes known of former days is none of today.
        pace.learn_today(&bus("b"), &[ran(1440, 100.0)]);
        let mut in_order = Pace::default();
        [ran(0, 200.0), ran(10, 150.0), ran(1440, 100.0)].iter().for_each(|t| in_order.learn(t));
        pace.learn(&ran(10, 150.0));
        assert_eq!(expected_s(&pace, EIGHT, 1450), expected_s(&in_order, EIGHT, 1450));
    }

    #[test]
    fn a_breakdown_moves_little() {
        let mut pace = Pace::default();
        (0..20).for_each(|day| pace.learn(&ran(day * 1440, 100.0)));
        pace.learn(&ran(20 * 1440, 3000.0));
        assert!(expected_s(&pace, EIGHT, 21 * 1440) < 112.0);
    }
}
