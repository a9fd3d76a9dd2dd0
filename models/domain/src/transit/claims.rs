//! Which buses may be doing which run: a run that another surely does is hardly done by a second one.

use std::collections::BTreeMap;

use super::timetable::{FeedId, RunKey};
use crate::ids::VehicleId;

pub type RunName = (FeedId, RunKey);

/// Of each run: who may be doing it, or has done it, and how likely, from 0 to 1.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Claims {
    by_run: BTreeMap<RunName, Vec<(VehicleId, f64)>>,
    by_vehicle: BTreeMap<VehicleId, Vec<RunName>>,
}

/// Even what seems certain of another bus may be wrong.
const SURE_MAX: f64 = 0.95;
/// Less is not worth a note.
const LEAST: f64 = 0.02;

impl Claims {
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    /// What is thought of one bus, instead of what was.
    pub fn put(&mut self, vehicle: &VehicleId, claims: impl Iterator<Item = (RunName, f64)>) {
        let old = self.by_vehicle.remove(vehicle).unwrap_or_default();
        for run in old {
            if let Some(list) = self.by_run.get_mut(&run) {
                list.retain(|(other, _)| other != vehicle);
                if list.is_empty() {
                    self.by_run.remove(&run);
                }
            }
        }
        let mut runs = Vec::new();
        for (run, share) in claims.filter(|(_, share)| *share >= LEAST) {
            self.by_run.entry(run.clone()).or_default().push((vehicle.clone(), share));
            runs.push(run);
        }
        if !runs.is_empty() {
            self.by_vehicle.insert(vehicle.clone(), runs);
        }
    }

    /// How likely it is that another bus does a run.
    pub fn by_others(&self, run: &RunName, vehicle: &VehicleId) -> f64 {
        let Some(list) = self.by_run.get(run) else { return 0.0 };
        let free: f64 = list.iter().filter(|(other, _)| other != vehicle).map(|(_, p)| 1.0 - p).product();
        (1.0 - free).min(SURE_MAX)
    }

    /// How likely it is that any bus does a run.
    pub fn by_any(&self, run: &RunName) -> f64 {
        let Some(list) = self.by_run.get(run) else { return 0.0 };
        1.0 - list.iter().map(|(_, p)| 1.0 - p).product::<f64>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transit::timetable::TripId;
    use time::macros::date;

    #[test]
    fn a_bus_claims_anew_what_it_may_do() {
        let run = |trip: &str| {
            (
                FeedId::from("f"),
                RunKey { date: date!(2026 - 03 - 02), trip: TripId::from(trip), start_s: None },
            )
        };
        let (a, b): (VehicleId, VehicleId) = ("a".parse().unwrap(), "b".parse().unwrap());
        let mut claims = Claims::default();
        claims.put(&a, [(run("x"), 0.8), (run("y"), 0.2)].into_iter());
        claims.put(&b, [(run("x"), 0.5)].into_iter());
        assert!((claims.by_any(&run("x")) - 0.9).abs() < 1e-9);
        assert!((claims.by_others(&run("x"), &a) - 0.5).abs() < 1e-9);
        claims.put(&a, [(run("y"), 1.0)].into_iter());
        assert!((claims.by_others(&run("y"), &b) - SURE_MAX).abs() < 1e-9);
        assert!((claims.by_any(&run("x")) - 0.5).abs() < 1e-9);
        claims.put(&b, std::iter::empty());
        assert!(claims.by_any(&run("x")) < 1e-9);
    }
}
