//! What was thought of one bus and one run at each time, and what the bus was judged by there.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::tick::{Level, Tick};
use crate::ids::VehicleId;

pub(super) type OfRun = BTreeMap<VehicleId, OfBus>;

/// Even what seems certain of another bus may be wrong.
pub(super) const SURE_MAX: f64 = 0.98;

/// Of one bus and one run.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct OfBus {
    /// From each tick on, in their order.
    told: Vec<(Tick, Level)>,
    /// What it was judged by, whenever it was thought of from the first tick to the last; in their order.
    pub(super) read: Vec<(Tick, Tick, Level)>,
}

impl OfBus {
    /// One that does the run, or did it, from a tick on, as far as anybody knows; what it was judged by is not known.
    pub fn surely(from: Tick) -> Self {
        Self { told: vec![(from, Level::of(SURE_MAX))], read: Vec::new() }
    }

    pub(super) fn at(&self, tick: Tick) -> Level {
        let after = self.told.partition_point(|(from, _)| *from <= tick);
        after.checked_sub(1).map_or(Level::default(), |i| self.told[i].1)
    }

    /// When something else was thought.
    pub(super) fn changes(&self) -> impl Iterator<Item = Tick> {
        self.told.iter().map(|(from, _)| *from)
    }

    /// What it was judged by at a tick, if it was.
    pub(super) fn read_at(&self, tick: Tick) -> Option<Level> {
        let place = self.read.partition_point(|(_, last, _)| *last < tick);
        self.read.get(place).filter(|(first, ..)| *first <= tick).map(|(.., level)| *level)
    }

    /// From a tick on, after all that was told before; whether that is something else.
    pub(super) fn tell(&mut self, tick: Tick, level: Level) -> bool {
        if self.at(Tick::LAST) == level {
            return false;
        }
        self.told.truncate(self.told.partition_point(|(from, _)| *from < tick));
        if self.at(Tick::LAST) != level {
            self.told.push((tick, level));
        }
        true
    }

    /// `before`: when the bus was thought of last.
    pub(super) fn judged(&mut self, before: Option<Tick>, tick: Tick, taken: Level) {
        match self.read.last_mut() {
            Some((_, last, level)) if *level == taken && (*last == tick || Some(*last) == before) => {
                *last = tick;
            }
            _ => self.read.push((tick, tick, taken)),
        }
    }
}

pub(super) fn taken(of: &OfRun, vehicle: &VehicleId, tick: Tick) -> Level {
    let others = of.iter().filter(|(other, _)| *other != vehicle);
    let free: f64 = others.map(|(_, bus)| 1.0 - bus.at(tick).share()).product();
    Level::of((1.0 - free).min(SURE_MAX))
}

/// From and until when two tell something else.
pub(super) fn differing(one: &OfBus, other: &OfBus) -> Vec<(Tick, Tick)> {
    let told = one.told.iter().chain(&other.told);
    let at: Vec<Tick> = told.map(|(from, _)| *from).collect::<BTreeSet<_>>().into_iter().collect();
    let until = at.iter().skip(1).copied().chain(std::iter::once(Tick::LAST));
    at.iter().copied().zip(until).filter(|(from, _)| one.at(*from) != other.at(*from)).collect()
}
