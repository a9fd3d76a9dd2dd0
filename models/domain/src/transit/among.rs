//! A bus among others: what it was judged by, and what it tells of itself.

use std::cell::RefCell;
use std::collections::BTreeMap;

use super::claims::{Claims, Level, Note, RunName, Tick};
use super::vehicle::{Found, Vehicle};
use crate::ids::VehicleId;
use crate::units::UtcMillis;

/// What others do, as it is known of them at a moment of one bus; what it asked for is remembered.
pub struct Among<'a> {
    claims: Option<&'a Claims>,
    vehicle: VehicleId,
    tick: Tick,
    asked: RefCell<Vec<(RunName, Level)>>,
}

impl<'a> Among<'a> {
    /// `None`: it is judged alone.
    pub fn new(claims: Option<&'a Claims>, vehicle: &VehicleId, at: UtcMillis) -> Self {
        Self { claims, vehicle: vehicle.clone(), tick: Tick::known(at), asked: RefCell::default() }
    }

    /// How likely it is that another does a run.
    pub fn taken(&self, run: &RunName) -> f64 {
        let Some(claims) = self.claims else { return 0.0 };
        let taken = claims.taken(run, &self.vehicle, self.tick);
        self.asked.borrow_mut().push((run.clone(), taken));
        taken.share()
    }

    pub fn asked(self) -> Option<Note> {
        let (tick, taken) = (self.tick, self.asked.into_inner());
        self.claims.map(|_| Note::Read { tick, taken })
    }
}

impl Vehicle {
    /// Others hear of what it may be doing, where that is something else than before.
    pub(super) fn tell_others(&mut self, at: UtcMillis, found: &mut Found) {
        found.notes.append(&mut self.asked_for);
        let mut may: BTreeMap<RunName, Level> = BTreeMap::new();
        for (run, share) in self.claims.iter().chain(&self.ended) {
            let level = may.entry(run.clone()).or_default();
            *level = Level::of(*share).max(*level);
        }
        let may: Vec<(RunName, Level)> = may.into_iter().collect();
        if may != self.told {
            self.told.clone_from(&may);
            found.notes.push(Note::Told { tick: Tick::told(at), may });
        }
    }
}
