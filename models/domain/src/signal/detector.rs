//! When a detector is not to be believed: the automatic failures of MnDOT's IRIS, for loops and for cameras that stand in
//! for them. Pure; one reading an interval in, the faults out.

use std::collections::BTreeSet;

use crate::units::{DurationMs, UtcMillis};

/// What one detector counted in one interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Reading {
    /// End of the interval.
    pub at: UtcMillis,
    pub interval: DurationMs,
    pub vehicles: u32,
    /// Share of the interval in which it was covered, 0 to 1.
    pub occupancy: f64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fault {
    /// Nobody for longer than the place ever is without traffic.
    NoHits,
    /// More vehicles than can pass.
    Chatter,
    /// Covered without a break.
    LockedOn,
    /// The very same occupancy, not zero, over and over.
    NoChange,
    /// Occupancy far above what so many vehicles can make, for one interval; heals by itself.
    Spike,
}

/// When each fault begins; a quiet lane needs longer times than a main street.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rules {
    pub no_hits: DurationMs,
    /// As many in 30 s are too many.
    pub chatter_per_30_s: f64,
    pub locked_on: DurationMs,
    pub no_change: DurationMs,
    /// A spike: at least this much more occupancy than in the interval before, with no more vehicles.
    pub spike: f64,
    /// A fault ends after so long without its cause.
    pub heals: DurationMs,
}

impl Default for Rules {
    fn default() -> Self {
        let hours = |hours: i64| DurationMs(hours * 3_600_000);
        Self {
            no_hits: hours(24),
            chatter_per_30_s: 38.0,
            locked_on: DurationMs(5 * 60_000),
            no_change: hours(24),
            spike: 0.5,
            heals: DurationMs(10 * 60_000),
        }
    }
}

/// One detector under watch.
#[derive(Debug, Clone)]
pub struct Watch {
    rules: Rules,
    last: Option<Reading>,
    hit_at: Option<UtcMillis>,
    free_at: Option<UtcMillis>,
    changed_at: Option<UtcMillis>,
    /// When each fault's cause was last seen.
    seen: Vec<(Fault, UtcMillis)>,
}

impl Watch {
    pub fn new(rules: Rules) -> Self {
        Self { rules, last: None, hit_at: None, free_at: None, changed_at: None, seen: Vec::new() }
    }

    /// Takes the next reading; the faults that hold after it.
    pub fn step(&mut self, reading: Reading) -> BTreeSet<Fault> {
        let began = reading.at - reading.interval;
        let [hit_at, free_at, changed_at] = [&mut self.hit_at, &mut self.free_at, &mut self.changed_at]
            .map(|since| since.get_or_insert(began));
        if reading.vehicles > 0 {
            *hit_at = reading.at;
        }
        if reading.occupancy < 0.999 {
            *free_at = reading.at;
        }
        let same = |last: Reading| (last.occupancy - reading.occupancy).abs() < 1e-9;
        if reading.occupancy <= 0.0 || !self.last.is_some_and(same) {
            *changed_at = reading.at;
        }
        let since = |then: UtcMillis| reading.at.since(then);
        let per_30_s = f64::from(reading.vehicles) * 30_000.0 / (reading.interval.0.max(1)) as f64;
        let spike = self.last.is_some_and(|last| {
            reading.occupancy - last.occupancy >= self.rules.spike && reading.vehicles <= last.vehicles.min(1)
        });
        let causes = [
            (Fault::NoHits, since(*hit_at) >= self.rules.no_hits),
            (Fault::Chatter, per_30_s >= self.rules.chatter_per_30_s),
            (Fault::LockedOn, since(*free_at) >= self.rules.locked_on),
            (Fault::NoChange, since(*changed_at) >= self.rules.no_change),
            (Fault::Spike, spike),
        ];
        for (fault, _) in causes.into_iter().filter(|(_, caused)| *caused) {
            self.seen.retain(|(known, _)| *known != fault);
            self.seen.push((fault, reading.at));
        }
        self.last = Some(reading);
        let heals = |fault: Fault| if fault == Fault::Spike { reading.interval } else { self.rules.heals };
        self.seen.retain(|(fault, at)| reading.at.since(*at) < heals(*fault));
        self.seen.iter().map(|(fault, _)| *fault).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Readings of 30 s as `(vehicles, occupancy)`, each a number of times; the faults at the end, and whether there was
    /// one before.
    #[track_caller]
    fn check(readings: &[(u32, f64, usize)], want: &[Fault]) {
        let mut watch = Watch::new(Rules::default());
        let mut at = UtcMillis(0);
        let mut faults = BTreeSet::new();
        for (vehicles, occupancy, times) in readings {
            for nth in 0..*times {
                at = at + DurationMs(30_000);
                // Real occupancies differ in their last digits.
                let noise = if *occupancy > 0.05 && *occupancy < 0.9 { (nth % 7) as f64 * 1e-4 } else { 0.0 };
                faults = watch.step(Reading {
                    at,
                    interval: DurationMs(30_000),
                    vehicles: *vehicles,
                    occupancy: occupancy + noise,
                });
            }
        }
        assert_eq!(faults.into_iter().collect::<Vec<_>>(), want);
    }

    #[test]
    fn each_fault_and_its_end() {
        let day = 24 * 120;
        check(&[(8, 0.2, 100)], &[]);
        check(&[(8, 0.2, 1), (0, 0.0, day - 1)], &[]);
        check(&[(8, 0.2, 1), (0, 0.0, day)], &[Fault::NoHits]);
        check(&[(8, 0.2, 1), (0, 0.0, day), (5, 0.1, 20)], &[]);
        check(&[(37, 0.6, 5)], &[]);
        check(&[(38, 0.6, 1)], &[Fault::Chatter]);
        check(&[(38, 0.6, 1), (8, 0.2, 19)], &[Fault::Chatter]);
        check(&[(38, 0.6, 1), (8, 0.2, 20)], &[]);
        check(&[(3, 0.9, 1), (2, 1.0, 9)], &[]);
        check(&[(3, 0.9, 1), (2, 1.0, 10)], &[Fault::LockedOn]);
        check(&[(3, 0.04, day)], &[]);
        check(&[(3, 0.04, day + 1)], &[Fault::NoChange]);
        check(&[(1, 0.1, 3), (1, 0.7, 1)], &[Fault::Spike]);
        check(&[(1, 0.1, 3), (1, 0.7, 2)], &[]);
        // Many vehicles make a high occupancy.
        check(&[(1, 0.1, 3), (12, 0.7, 1)], &[]);
    }
}
