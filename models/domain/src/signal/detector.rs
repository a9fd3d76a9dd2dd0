//! What detectors count, and when one is not to be believed: the automatic failures of MnDOT's IRIS, for loops and for
//! cameras that stand in for them. Pure; one reading an interval in, the faults out.

use std::collections::BTreeSet;

use crate::units::{DurationMs, MetersPerSecond, UtcMillis};

/// What one detector counted in one interval, as far as it told.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Reading {
    /// End of the interval.
    pub at: UtcMillis,
    pub interval: DurationMs,
    pub vehicles: Option<u32>,
    /// Share of the interval in which it was covered, 0 to 1.
    pub occupancy: Option<f64>,
    /// Mean of its vehicles.
    pub speed: Option<MetersPerSecond>,
    pub kinds: KindCounts,
}

/// What a detector that tells road users apart may call one (RSMP SXL for traffic light controllers, S0204 and S0208).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RoadUserKind {
    Car,
    CarWithTrailer,
    Truck,
    TruckWithTrailer,
    Bus,
    Tram,
    Motorcycle,
    Bicycle,
    Pedestrian,
}

impl RoadUserKind {
    pub const ALL: [RoadUserKind; 9] = [
        RoadUserKind::Car,
        RoadUserKind::CarWithTrailer,
        RoadUserKind::Truck,
        RoadUserKind::TruckWithTrailer,
        RoadUserKind::Bus,
        RoadUserKind::Tram,
        RoadUserKind::Motorcycle,
        RoadUserKind::Bicycle,
        RoadUserKind::Pedestrian,
    ];

    /// Short stable name for tables and JSON.
    pub fn name(self) -> &'static str {
        match self {
            RoadUserKind::Car => "car",
            RoadUserKind::CarWithTrailer => "car_with_trailer",
            RoadUserKind::Truck => "truck",
            RoadUserKind::TruckWithTrailer => "truck_with_trailer",
            RoadUserKind::Bus => "bus",
            RoadUserKind::Tram => "tram",
            RoadUserKind::Motorcycle => "motorcycle",
            RoadUserKind::Bicycle => "bicycle",
            RoadUserKind::Pedestrian => "pedestrian",
        }
    }
}

/// Road users of each kind; kinds that were not told apart are not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct KindCounts([Option<u32>; RoadUserKind::ALL.len()]);

impl KindCounts {
    pub fn set(&mut self, kind: RoadUserKind, count: u32) {
        self.0[kind as usize] = Some(count);
    }

    pub fn get(&self, kind: RoadUserKind) -> Option<u32> {
        self.0[kind as usize]
    }

    pub fn iter(&self) -> impl Iterator<Item = (RoadUserKind, u32)> + '_ {
        RoadUserKind::ALL.into_iter().filter_map(|kind| Some((kind, self.get(kind)?)))
    }

    pub fn is_empty(&self) -> bool {
        self.iter().next().is_none()
    }
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
    /// Of the last reading that told both.
    last: Option<(u32, f64)>,
    occupancy: Option<f64>,
    hit_at: Option<UtcMillis>,
    free_at: Option<UtcMillis>,
    changed_at: Option<UtcMillis>,
    /// Vehicles of shorter readings, and of how much time, until they make [`CHATTER_OVER`].
    counted: (u32, DurationMs),
    /// When each fault's cause was last seen.
    seen: Vec<(Fault, UtcMillis)>,
}

/// Chatter is judged over no less: a queue that starts passes two a second for some seconds.
const CHATTER_OVER: DurationMs = DurationMs(30_000);

impl Watch {
    pub fn new(rules: Rules) -> Self {
        Self {
            rules,
            last: None,
            occupancy: None,
            hit_at: None,
            free_at: None,
            changed_at: None,
            counted: (0, DurationMs(0)),
            seen: Vec::new(),
        }
    }

    /// Takes the next reading; the faults that hold after it. What a reading does not tell is judged by the ones before.
    pub fn step(&mut self, reading: Reading) -> BTreeSet<Fault> {
        let began = reading.at - reading.interval;
        let since = |then: Option<UtcMillis>| then.map_or(DurationMs(0), |then| reading.at.since(then));
        if let Some(vehicles) = reading.vehicles {
            let hit_at = self.hit_at.get_or_insert(began);
            if vehicles > 0 {
                *hit_at = reading.at;
            }
        }
        if let Some(occupancy) = reading.occupancy {
            let [free_at, changed_at] =
                [&mut self.free_at, &mut self.changed_at].map(|since| since.get_or_insert(began));
            if occupancy < 0.999 {
                *free_at = reading.at;
            }
            let same = |last: f64| (last - occupancy).abs() < 1e-9;
            if occupancy <= 0.0 || !self.occupancy.is_some_and(same) {
                *changed_at = reading.at;
            }
            self.occupancy = Some(occupancy);
        }
        let per_30_s = self.per_30_s(&reading);
        let both = reading.vehicles.zip(reading.occupancy);
        let spike = self.last.zip(both).is_some_and(|((vehicles, occupancy), now)| {
            now.1 - occupancy >= self.rules.spike && now.0 <= vehicles.min(1)
        });
        let causes = [
            (Fault::NoHits, since(self.hit_at) >= self.rules.no_hits),
            (Fault::Chatter, per_30_s >= self.rules.chatter_per_30_s),
            (Fault::LockedOn, since(self.free_at) >= self.rules.locked_on),
            (Fault::NoChange, since(self.changed_at) >= self.rules.no_change),
            (Fault::Spike, spike),
        ];
        self.last = both.or(self.last);
        for (fault, _) in causes.into_iter().filter(|(_, caused)| *caused) {
            self.seen.retain(|(known, _)| *known != fault);
            self.seen.push((fault, reading.at));
        }
        let heals = |fault: Fault| if fault == Fault::Spike { reading.interval } else { self.rules.heals };
        self.seen.retain(|(fault, at)| reading.at.since(*at) < heals(*fault));
        self.seen.iter().map(|(fault, _)| *fault).collect()
    }

    /// Vehicles in 30 s; 0 while shorter readings do not make as much yet.
    fn per_30_s(&mut self, reading: &Reading) -> f64 {
        let Some(vehicles) = reading.vehicles else { return 0.0 };
        let (before, over) = self.counted;
        let (sum, over) = (before.saturating_add(vehicles), DurationMs(over.0 + reading.interval.0.max(1)));
        let whole = over >= CHATTER_OVER;
        self.counted = if whole { (0, DurationMs(0)) } else { (sum, over) };
        if whole { f64::from(sum) * CHATTER_OVER.0 as f64 / over.0 as f64 } else { 0.0 }
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
                    vehicles: Some(*vehicles),
                    occupancy: Some(occupancy + noise),
                    ..Reading::default()
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

    #[test]
    fn chatter_is_judged_over_half_a_minute() {
        let faults = |vehicles: &[u32]| {
            let mut watch = Watch::new(Rules::default());
            let mut last = BTreeSet::new();
            for (nth, vehicles) in (1..).zip(vehicles) {
                let (at, interval) = (UtcMillis(nth * 3_000), DurationMs(3_000));
                last = watch.step(Reading { at, interval, vehicles: Some(*vehicles), ..Reading::default() });
            }
            last.into_iter().collect::<Vec<_>>()
        };
        assert_eq!(faults(&[6, 6, 6, 0, 0, 0, 0, 0, 0, 0, 5, 5]), []);
        assert_eq!(faults(&[4; 9]), []);
        assert_eq!(faults(&[4; 10]), [Fault::Chatter]);
    }

    /// Controllers tell vehicles and occupancy in one message or in two; a detector that tells but one is judged by it.
    #[test]
    fn halves_are_judged_as_wholes() {
        let faults = |readings: &[(Option<u32>, Option<f64>)]| {
            let mut watch = Watch::new(Rules::default());
            let mut last = BTreeSet::new();
            for (nth, (vehicles, occupancy)) in (1..).zip(readings) {
                let (at, interval) = (UtcMillis(nth * 30_000), DurationMs(30_000));
                last = watch.step(Reading {
                    at,
                    interval,
                    vehicles: *vehicles,
                    occupancy: *occupancy,
                    ..Reading::default()
                });
            }
            last.into_iter().collect::<Vec<_>>()
        };
        assert_eq!(faults(&[(Some(40), None), (None, Some(0.2))]), [Fault::Chatter]);
        assert_eq!(faults(&[(None, Some(1.0)); 10]), [Fault::LockedOn]);
        assert_eq!(faults(&[(Some(3), None); 30]), []);
        assert_eq!(faults(&[(Some(3), Some(0.1)), (None, Some(0.9)), (Some(3), None)]), []);
    }
}
