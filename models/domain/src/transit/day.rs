//! All reports of one bus of one day, in whatever order they came: the same reports give the same result.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::finding::{Limits, TransitEvent};
use super::passing::Passing;
use super::plan::DayPlan;
use super::probe::{Cell, Ran};
use super::vehicle::{Observed, Vehicle};
use crate::ids::VehicleId;
use crate::units::UtcMillis;

/// What is known of one bus of one day.
#[derive(Debug, Clone, PartialEq)]
pub struct BusDay {
    pub bus: Vehicle,
    pub passings: Vec<Passing>,
    pub events: Vec<TransitEvent>,
    /// How it went on the roads, in the order of time.
    pub ran: Vec<Ran>,
    /// Of the roads: where and when it tells something else than before, since this was last emptied.
    pub changed: BTreeSet<Cell>,
    observed_by_time: BTreeMap<UtcMillis, Observed>,
}

/// What a batch of reports did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Absorbed {
    /// Nothing but repeats.
    Nothing,
    /// Passings and events from these places on are new; those before are as they were.
    Appended { passings: usize, events: usize },
    /// A report older than another changed what was known: everything may be different.
    Rewritten,
}

impl BusDay {
    pub fn new(id: VehicleId) -> Self {
        Self {
            bus: Vehicle::new(id),
            passings: Vec::new(),
            events: Vec::new(),
            ran: Vec::new(),
            changed: BTreeSet::new(),
            observed_by_time: BTreeMap::new(),
        }
    }

    /// Takes reports in any order, with repeats. Of two with the same fix time one is kept, whichever came first.
    pub fn absorb(&mut self, plans: &[Arc<DayPlan>], batch: &[Observed], limits: &Limits) -> Absorbed {
        let latest = self.observed_by_time.last_key_value().map(|(at, _)| *at);
        let mut fresh: BTreeMap<UtcMillis, ()> = BTreeMap::new();
        for observed in batch {
            let at = observed.seen.at;
            let kept = self.observed_by_time.get(&at);
            if kept.is_none_or(|kept| rank(observed) < rank(kept)) {
                self.observed_by_time.insert(at, observed.clone());
                fresh.insert(at, ());
            }
        }
        let Some(first) = fresh.keys().next().copied() else { return Absorbed::Nothing };
        if latest.is_none_or(|latest| first > latest) {
            let at = Absorbed::Appended { passings: self.passings.len(), events: self.events.len() };
            self.replay(first, plans, limits);
            return at;
        }
        self.bus = Vehicle::new(self.bus.id.clone());
        (self.passings, self.events) = (Vec::new(), Vec::new());
        self.changed.extend(self.ran.drain(..).map(|ran| ran.cell()));
        self.replay(UtcMillis(i64::MIN), plans, limits);
        Absorbed::Rewritten
    }

    pub fn observed(&self) -> impl Iterator<Item = &Observed> {
        self.observed_by_time.values()
    }

    fn replay(&mut self, from: UtcMillis, plans: &[Arc<DayPlan>], limits: &Limits) {
        for observed in self.observed_by_time.range(from..).map(|(_, o)| o) {
            let mut found = super::vehicle::Found::default();
            self.bus.step(plans, observed, limits, &mut found);
            self.passings.append(&mut found.passings);
            self.events.append(&mut found.events);
            self.changed.extend(found.ran.iter().map(Ran::cell));
            self.ran.append(&mut found.ran);
        }
    }
}

/// An order of reports that hangs on nothing but what they say.
fn rank(o: &Observed) -> (u64, u64, u64, Option<bool>, Option<bool>, bool, Option<&super::assign::SignOn>) {
    let bits = |v: f64| v.to_bits();
    let (lat, lon) = (o.seen.position.lat.0, o.seen.position.lon.0);
    (bits(lat), bits(lon), bits(o.seen.speed.0), o.doors_open, o.engine_on, o.sos, o.signed.as_ref())
}
