//! Buses that drive a timetable in simulation: late by chance, seen with noise, signed on rightly, wrongly or not at all.
//! The same seed gives the same buses.

use std::sync::Arc;

use models_domain::geo::LatLon;
use models_domain::transit::assign::SignOn;
use models_domain::transit::matching::Seen;
use models_domain::transit::plan::DayPlan;
use models_domain::transit::vehicle::Observed;
use models_domain::{Degrees, DurationMs, Meters, MetersPerSecond, UtcMillis, VehicleId};

/// Stands at its first stop so long before it leaves, and at its last after it has come.
pub const BEFORE: DurationMs = DurationMs(6 * 60_000);
pub const AFTER: DurationMs = DurationMs(3 * 60_000);

/// By how many seconds a bus is late when it sets out; how much of that is left at the next stop, and what is added on the way.
pub const START_S: (f64, f64) = (-30.0, 240.0);
pub const KEPT: f64 = 0.97;
pub const STEP_S: (f64, f64) = (-20.0, 25.0);

/// Numbers by chance (Vigna's splitmix64).
#[derive(Debug, Clone)]
pub struct Chance(pub u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Evenly from `low` to `high`.
    pub fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// One bus on one run.
#[derive(Debug, Clone)]
pub struct Driven {
    pub id: VehicleId,
    pub plan: Arc<DayPlan>,
    /// Index into the plan's runs.
    pub run: usize,
    pub signed: Option<SignOn>,
    /// When it comes to each of its calls; it leaves the first one then.
    comes: Vec<UtcMillis>,
    every: DurationMs,
    noise: Chance,
}

impl Driven {
    /// Leaves half a minute early to four minutes late, and is a little slower or faster than the timetable between stops.
    pub fn new(id: VehicleId, plan: Arc<DayPlan>, run: usize, seed: u64) -> Self {
        let mut chance = Chance(seed ^ (run as u64).wrapping_mul(0x2545_f491_4f6c_dd1d));
        let (table, r) = (&plan.timetable, &plan.runs[run]);
        let mut late_s = chance.between(START_S.0, START_S.1);
        let mut comes: Vec<UtcMillis> = Vec::new();
        for call in 0..table.trip(r).calls.len() {
            let due = if call == 0 { table.departs(r, 0) } else { table.arrives(r, call) };
            let wanted = due + DurationMs((late_s * 1000.0) as i64);
            comes.push(comes.last().map_or(wanted, |before| wanted.max(*before + DurationMs(5_000))));
            late_s = late_s * KEPT + chance.between(STEP_S.0, STEP_S.1);
        }
        let every = DurationMs(1_000 * chance.between(8.0, 20.0) as i64);
        Self { id, plan, run, signed: None, comes, every, noise: chance }
    }

    pub fn leaves(&self) -> UtcMillis {
        self.comes[0]
    }

    pub fn ends(&self) -> UtcMillis {
        self.comes[self.comes.len() - 1]
    }

    pub fn along(&self, at: UtcMillis) -> Meters {
        let stops = &self.plan.timetable.pattern(&self.plan.runs[self.run]).stops;
        match self.comes.partition_point(|comes| *comes <= at) {
            0 => stops[0].along,
            next if next >= stops.len() => stops[stops.len() - 1].along,
            next => {
                let (left, due) = (self.comes[next - 1], self.comes[next]);
                let share = at.since(left).seconds() / due.since(left).seconds().max(1.0);
                let (from, to) = (stops[next - 1].along.0, stops[next].along.0);
                Meters(from + (to - from) * share)
            }
        }
    }

    /// When it was so far along its line, in metres.
    pub fn comes_to(&self, along_m: f64) -> UtcMillis {
        let stops = &self.plan.timetable.pattern(&self.plan.runs[self.run]).stops;
        let next = stops.partition_point(|s| s.along.0 < along_m).clamp(1, stops.len() - 1);
        let (from, to) = (stops[next - 1].along.0, stops[next].along.0);
        let share = ((along_m - from) / (to - from).max(0.1)).clamp(0.0, 1.0);
        let took = self.comes[next].since(self.comes[next - 1]);
        self.comes[next - 1] + DurationMs((took.0 as f64 * share) as i64)
    }

    /// Everything that its tracker tells, from before it leaves until after it has come.
    pub fn reports(&self) -> Vec<Observed> {
        let mut chance = self.noise.clone();
        let mut at = self.leaves() - BEFORE;
        let mut all = Vec::new();
        while at <= self.ends() + AFTER {
            all.push(self.report(at, &mut chance));
            at = at + self.every;
        }
        all
    }

    fn report(&self, at: UtcMillis, chance: &mut Chance) -> Observed {
        let shape = &self.plan.timetable.pattern(&self.plan.runs[self.run]).shape;
        let (here, before) = (self.along(at), self.along(at - DurationMs(5_000)));
        let place = shape.at(here);
        // Up to some fifteen metres beside the line.
        let mut noise = || chance.between(-1.0, 1.0) * chance.between(0.0, 15.0) / 111_195.0;
        let position = LatLon::new(place.lat.0 + noise(), place.lon.0 + noise());
        let speed = MetersPerSecond((here.0 - before.0) / 5.0);
        let line = shape.nearest(place, Meters(here.0 - 1.0), Meters(here.0 + 1.0));
        let turned = chance.between(-15.0, 15.0);
        let course = line.map(|p| Degrees((p.course.0 + turned).rem_euclid(360.0)));
        let seen = Seen { at, position, speed, course };
        Observed {
            placed: true,
            seen,
            doors_open: None,
            engine_on: None,
            sos: false,
            signed: self.signed.clone(),
        }
    }
}

/// One bus for every run of the plans that is under way at some time from `from` to `to`.
pub fn buses(plans: &[Arc<DayPlan>], from: UtcMillis, to: UtcMillis, seed: u64) -> Vec<Driven> {
    let mut buses = Vec::new();
    for plan in plans {
        for (run, r) in plan.runs.iter().enumerate() {
            if plan.timetable.departs(r, 0) < to && plan.timetable.ends(r) > from {
                let Ok(id) = VehicleId::new(format!("bus-{}-{run}", plan.day.date)) else { continue };
                buses.push(Driven::new(id, plan.clone(), run, seed));
            }
        }
    }
    buses
}
