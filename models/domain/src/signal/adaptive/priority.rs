//! Priority for buses that are late: how much one counts, and the green that is kept or brought forward for one that no
//! light of its own can help.
//!
//! A bus before a stop line counts more than a car, the later and the fuller the more: the look ahead (`model`) then lets a
//! green last for it, or end others earlier, where that costs the others least. A bus that has to give way to a road before
//! it reaches a light, or without ever reaching one, is helped by emptying that road: it asks for the stage that does so.
//! Neither cuts a minimum green or a clearance time, nor makes anybody wait beyond the layout's longest red: `safety` is
//! behind both. Who waited for a bus is served first afterwards.

use super::seen::{Lane, LaneSeen, Vehicle};
use crate::signal::group_set::GroupSet;
use crate::signal::lights::Lights;
use crate::signal::plan::Plan;
use crate::units::{DurationMs, Meters, MetersPerSecond, UtcMillis};

/// When a bus gets priority, and how much.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rules {
    /// A bus that is less late gets nothing.
    pub late_from: DurationMs,
    /// From here on it gets all there is.
    pub late_full: DurationMs,
    /// How much a second of a very late and full bus counts, against one of a car.
    pub weight_max: f64,
    /// So long before it is at the line where it gives way, a bus asks for its way to be emptied; one that stands in a queue
    /// asks at once.
    pub ask_ahead: DurationMs,
    /// The stage asked for is not kept longer for one bus.
    pub hold_max: DurationMs,
    /// Nothing is asked for while somebody else has stood so long.
    pub others_wait_max: DurationMs,
    /// After a stage was kept for a bus, the others have so long before the next may ask, or until all who stood at red
    /// meanwhile have left, within these two times.
    pub recovery_min: DurationMs,
    pub recovery_max: DurationMs,
    /// How much more those count, until they are served, who stood at red while a stage was kept.
    pub owed_weight: f64,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            late_from: DurationMs(60_000),
            late_full: DurationMs(240_000),
            weight_max: 20.0,
            ask_ahead: DurationMs(10_000),
            hold_max: DurationMs(40_000),
            others_wait_max: DurationMs(60_000),
            recovery_min: DurationMs(10_000),
            recovery_max: DurationMs(45_000),
            owed_weight: 1.5,
        }
    }
}

impl Rules {
    /// What a second of a bus counts: 1 when it is not late. `load`: the share of its places that are taken, 0 to 1.
    pub fn weight(&self, late: DurationMs, load: f64) -> f64 {
        let span = (self.late_full.0 - self.late_from.0).max(1) as f64;
        let late = ((late.0 - self.late_from.0) as f64 / span).clamp(0.0, 1.0);
        1.0 + (self.weight_max - 1.0) * late * (0.5 + 0.5 * load.clamp(0.0, 1.0))
    }
}

/// A bus as it reports itself, further ahead than cameras see.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bus {
    /// Of the junction's lanes the one whose stop line it comes to.
    pub lane: usize,
    /// To that line, or to the line where it gives way.
    pub to_line: Meters,
    pub speed: MetersPerSecond,
    pub late: DurationMs,
    /// The share of its places that are taken, 0 to 1.
    pub load: f64,
    /// It comes to a line where it gives way first: the groups that empty the road beyond.
    pub gives_way_to: Option<GroupSet>,
}

/// As near as this, a vehicle that a camera sees is the bus that reports itself there.
const SAME_M: f64 = 15.0;

/// Slower than this, it stands in a queue.
const STANDS: MetersPerSecond = MetersPerSecond(2.0);

/// What one junction has granted.
#[derive(Debug, Clone)]
pub struct Priority {
    rules: Rules,
    /// Since when a stage is kept for a bus.
    held_since: Option<UtcMillis>,
    held_until: Option<UtcMillis>,
    /// By lane: how many of those are still there who stood at red while a stage was kept for a bus.
    owed: Vec<usize>,
}

impl Priority {
    pub fn new(rules: Rules, lanes: usize) -> Self {
        Self { rules, held_since: None, held_until: None, owed: vec![0; lanes] }
    }

    /// What is seen, with the buses in their places and with their weights, and with what is owed to others.
    pub fn weigh(&self, seen: &[LaneSeen], buses: &[Bus]) -> Vec<LaneSeen> {
        let mut seen = seen.to_vec();
        for (seen, _) in seen.iter_mut().zip(&self.owed).filter(|(_, owed)| **owed > 0) {
            seen.vehicles.iter_mut().for_each(|vehicle| vehicle.weight *= self.rules.owed_weight);
        }
        for bus in buses.iter().filter(|bus| bus.gives_way_to.is_none()) {
            let Some(lane) = seen.get_mut(bus.lane) else { continue };
            let weight = self.rules.weight(bus.late, bus.load);
            let apart = |vehicle: &Vehicle| (vehicle.to_line.0 - bus.to_line.0).abs();
            let same = lane.vehicles.iter_mut().min_by(|one, other| apart(one).total_cmp(&apart(other)));
            match same.filter(|vehicle| apart(vehicle) <= SAME_M) {
                Some(vehicle) => vehicle.weight = vehicle.weight.max(weight),
                None => lane.vehicles.push(Vehicle { to_line: bus.to_line, speed: bus.speed, weight }),
            }
        }
        seen
    }

    /// The stage that a bus asks for now, if it may.
    pub fn ask(
        &mut self,
        lanes: &[Lane],
        plan: &Plan,
        lights: &Lights,
        at: UtcMillis,
        seen: &[LaneSeen],
        buses: &[Bus],
    ) -> Option<usize> {
        let asked = self.wanted(plan, buses).filter(|stage| self.may(lanes, plan, at, seen, *stage));
        let reds = |lane: &Lane| lane.groups.and(lights.wanted()).is_empty();
        for ((owed, lane), seen) in self.owed.iter_mut().zip(lanes).zip(seen) {
            let standing = seen.vehicles.iter().filter(|vehicle| vehicle.speed.0 < STANDS.0).count();
            let left = owed.saturating_sub(seen.passed as usize).min(seen.vehicles.len());
            *owed = if asked.is_some() && reds(lane) { standing } else { left };
        }
        match asked {
            Some(_) => {
                self.held_since.get_or_insert(at);
                self.held_until = Some(at);
            }
            None => self.held_since = None,
        }
        asked
    }

    /// The stage that empties the road for the bus that counts most.
    fn wanted(&self, plan: &Plan, buses: &[Bus]) -> Option<usize> {
        let rules = &self.rules;
        let due =
            |bus: &&Bus| bus.speed.0 < STANDS.0 || bus.to_line.0 <= bus.speed.0 * rules.ask_ahead.seconds();
        let weigh = |bus: &Bus| rules.weight(bus.late, bus.load);
        let asking = buses.iter().filter(|bus| bus.gives_way_to.is_some() && weigh(bus) > 1.0).filter(due);
        let first = asking.max_by(|one, other| weigh(one).total_cmp(&weigh(other)))?;
        let groups = first.gives_way_to?;
        plan.stages.iter().position(|stage| groups.minus(&stage.greens).is_empty())
    }

    fn may(&self, lanes: &[Lane], plan: &Plan, at: UtcMillis, seen: &[LaneSeen], stage: usize) -> bool {
        let rules = &self.rules;
        let held = self.held_since.is_some_and(|since| at.since(since) > rules.hold_max);
        let least =
            if self.owed.iter().any(|owed| *owed > 0) { rules.recovery_max } else { rules.recovery_min };
        let recovers =
            self.held_since.is_none() && self.held_until.is_some_and(|until| at.since(until) < least);
        let greens = plan.stages[stage].greens;
        let against = lanes.iter().zip(seen).filter(|(lane, _)| lane.groups.and(&greens).is_empty());
        let long = against.into_iter().any(|(_, seen)| seen.head_wait > rules.others_wait_max);
        !held && !recovers && !long
    }
}
