//! What can be told at all: who knows the whole day, and by which chances buses were late, and yet cannot know some buses' runs.

use std::collections::BTreeMap;
use std::sync::Arc;

use models_domain::UtcMillis;
use models_domain::transit::plan::DayPlan;

use crate::driven::{Driven, KEPT, START_S, STEP_S};

/// A line is the same to the eye where it is nowhere farther away than this.
const APART_M: f64 = 25.0;
/// Rounding, and what positions a few seconds apart leave open.
const SLACK_S: f64 = 3.0;

/// Of the minutes of all buses under way, how many belong to buses whose run is told rightly, in percent.
#[derive(Debug, Default)]
pub struct Told {
    /// Each bus by itself, and what it does until it ends.
    pub whole_alone: f64,
    /// No run by two buses.
    pub whole_together: f64,
    /// With nothing known that is to come.
    pub so_far_alone: f64,
    pub so_far_together: f64,
}

impl Told {
    pub fn add(&mut self, more: &Self) {
        self.whole_alone += more.whole_alone;
        self.whole_together += more.whole_together;
        self.so_far_alone += more.so_far_alone;
        self.so_far_together += more.so_far_together;
    }

    /// Of so many sums the mean.
    pub fn mean(&self, seeds: u64) -> serde_json::Value {
        let mean = |sum: f64| (sum / seeds.max(1) as f64 * 10.0).round() / 10.0;
        serde_json::json!({
            "whole_way": { "alone": mean(self.whole_alone), "together": mean(self.whole_together) },
            "so_far": { "alone": mean(self.so_far_alone), "together": mean(self.so_far_together) },
        })
    }
}

/// A run that a bus may have done, and the cost of that in logarithms of chance.
#[derive(Clone, Copy)]
struct May {
    run: usize,
    cost: f64,
}

/// How two patterns share their way from their first stops on.
struct Shared {
    /// So far, from their first stops, in metres.
    until: f64,
    /// Where the stops of the other lie, from the first.
    stops: Vec<f64>,
}

struct Oracle<'a> {
    plan: &'a DayPlan,
    shared: BTreeMap<(usize, usize), Option<Shared>>,
}

pub fn ask(driven: &[Driven], plan: &Arc<DayPlan>) -> Told {
    let mut oracle = Oracle { plan, shared: BTreeMap::new() };
    let mut told = Told::default();
    let weight = |bus: &Driven| bus.ends().since(bus.leaves()).seconds() / 60.0;
    let all: f64 = driven.iter().map(weight).sum();
    let whole: Vec<Vec<May>> = driven.iter().map(|bus| oracle.may(bus, bus.ends())).collect();
    let given = match_all(&whole, plan.runs.len());
    for (i, bus) in driven.iter().enumerate() {
        told.whole_alone += weight(bus) * luck(bus, &whole[i]);
        told.whole_together += if given[i] == Some(bus.run) { weight(bus) } else { 0.0 };
    }
    let (first, last) = (driven.iter().map(Driven::leaves).min(), driven.iter().map(Driven::ends).max());
    let (mut at, mut minutes) = (first.unwrap_or_default(), 0);
    while last.is_some_and(|last| at <= last) {
        let under_way = |bus: &Driven| bus.leaves() <= at && at <= bus.ends();
        let may: Vec<Vec<May>> = driven
            .iter()
            .enumerate()
            .map(|(i, bus)| match bus.ends() < at {
                true if at.since(bus.ends()).seconds() > 7200.0 => Vec::new(),
                true => whole[i].clone(),
                false if under_way(bus) => oracle.may(bus, at),
                false => Vec::new(),
            })
            .collect();
        let given = match_all(&may, plan.runs.len());
        for (i, bus) in driven.iter().enumerate().filter(|(_, bus)| under_way(bus)) {
            minutes += 1;
            told.so_far_alone += luck(bus, &may[i]);
            told.so_far_together += if given[i] == Some(bus.run) { 1.0 } else { 0.0 };
        }
        at = at + models_domain::DurationMs(60_000);
    }
    for whole in [&mut told.whole_alone, &mut told.whole_together] {
        *whole *= 100.0 / all;
    }
    for so_far in [&mut told.so_far_alone, &mut told.so_far_together] {
        *so_far *= 100.0 / f64::from(minutes.max(1));
    }
    told
}

/// Among equals the chance is shared.
fn luck(bus: &Driven, list: &[May]) -> f64 {
    let least = list.iter().map(|m| m.cost).fold(f64::MAX, f64::min);
    let best = list.iter().filter(|m| m.cost < least + 0.01);
    let right = list.iter().any(|m| m.run == bus.run && m.cost < least + 0.01);
    if right { 1.0 / best.count() as f64 } else { 0.0 }
}

impl Oracle<'_> {
    /// Runs that the bus may be doing, by its way until a moment.
    fn may(&mut self, bus: &Driven, until: UtcMillis) -> Vec<May> {
        let plan = self.plan;
        let own = plan.timetable.trip(&plan.runs[bus.run]).pattern;
        let first = plan.timetable.patterns[own].stops[0].along.0;
        let gone = bus.along(until).0 - first;
        let over = until >= bus.ends();
        let mut list = Vec::new();
        for (run, r) in plan.runs.iter().enumerate() {
            let off_s = plan.timetable.departs(r, 0).since(bus.leaves()).seconds();
            if !(-400.0..400.0).contains(&off_s) {
                continue;
            }
            let pattern = plan.timetable.trip(r).pattern;
            let shared = self.shared.entry((own, pattern)).or_insert_with(|| shared(plan, own, pattern));
            let Some(shared) = shared.as_ref().filter(|s| s.until >= gone - 1.0) else { continue };
            let length = shared.stops[shared.stops.len() - 1];
            if length < gone - APART_M || (over && length > gone + APART_M) {
                continue;
            }
            let passed = shared.stops.iter().take_while(|m| **m <= gone + 1.0);
            let comes: Vec<UtcMillis> = passed.map(|m| bus.comes_to(first + m)).collect();
            list.push(May { run, cost: cost(plan, run, &comes) });
        }
        list
    }
}

fn shared(plan: &DayPlan, own: usize, other: usize) -> Option<Shared> {
    let (a, b) = (&plan.timetable.patterns[own], &plan.timetable.patterns[other]);
    let (first, last) = (a.stops.first()?.along.0, a.stops.last()?.along.0);
    let (from, to) = (b.stops.first()?.along.0, b.stops.last()?.along.0);
    let near = |m: f64| {
        let here = a.shape.at(models_domain::Meters(first + m));
        here.distance(b.shape.at(models_domain::Meters(from + m))).0 <= APART_M
    };
    let common = (last - first).min(to - from);
    let steps = (common / 20.0) as usize;
    let alike = (0..=steps).take_while(|i| near(*i as f64 * 20.0)).count();
    let until = if alike == steps + 1 { last - first } else { (alike as f64 - 1.0) * 20.0 };
    (alike > 0).then(|| Shared { until, stops: b.stops.iter().map(|s| s.along.0 - from).collect() })
}

/// By the very chances that made buses late.
fn cost(plan: &DayPlan, run: usize, comes: &[UtcMillis]) -> f64 {
    let (table, r) = (&plan.timetable, &plan.runs[run]);
    let due = |call: usize| if call == 0 { table.departs(r, 0) } else { table.arrives(r, call) };
    let late = |call: usize| comes[call].since(due(call)).seconds();
    let outside = |x: f64, (low, high): (f64, f64)| (low - x).max(x - high).max(0.0);
    let mut cost = (outside(late(0), START_S) / SLACK_S).powi(2);
    for call in 1..comes.len() {
        let step = late(call) - KEPT * late(call - 1);
        // A bus is never faster than five seconds from stop to stop, whatever its lateness would be.
        cost += (outside(step, STEP_S) / SLACK_S).powi(2).min(25.0);
    }
    cost
}

/// Cheapest way to give each bus a run of its own (Bertsekas' auction).
fn match_all(may: &[Vec<May>], runs: usize) -> Vec<Option<usize>> {
    const NONE: f64 = -10_000.0;
    const BID: f64 = 0.002;
    let mut price = vec![0.0; runs];
    let mut owner: Vec<Option<usize>> = vec![None; runs];
    let mut given: Vec<Option<usize>> = vec![None; may.len()];
    let mut waiting: Vec<usize> = (0..may.len()).filter(|i| !may[*i].is_empty()).collect();
    let mut rounds = 0_u64;
    while let Some(bus) = waiting.pop() {
        rounds += 1;
        if rounds > 50_000_000 {
            break;
        }
        let worth = |m: &May| -m.cost - price[m.run];
        let Some(best) = may[bus].iter().max_by(|a, b| worth(a).total_cmp(&worth(b))) else { continue };
        let (top, run) = (worth(best), best.run);
        if top < NONE {
            continue;
        }
        let second = may[bus]
            .iter()
            .filter(|m| m.run != run)
            .map(worth)
            .fold(f64::NEG_INFINITY, f64::max)
            .max(top - 50.0);
        price[run] += top - second + BID;
        if let Some(out) = owner[run].replace(bus) {
            given[out] = None;
            waiting.push(out);
        }
        given[bus] = Some(run);
    }
    given
}
