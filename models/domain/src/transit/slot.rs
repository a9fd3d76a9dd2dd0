//! Which start of a repeated trip a bus is told by, where starts are no promise.
//!
//! `frequencies.txt` without exact times promises a distance between buses and no start. A run needs a name all the same, and it is
//! the start that is nearest and that no other bus has. GTFS-realtime lets `start_time` be any for such a trip, and wants it to stay
//! once it was told: so starts of one way are one run to the bus that does it, and it changes only where two have the same.

use std::sync::Arc;

use super::assign::Candidate;
use super::claims::RunName;
use super::plan::DayPlan;
use super::vehicle::{Doing, Vehicle, Work};
use crate::ids::VehicleId;
use crate::units::UtcMillis;

/// Another bus has the same start, when that is as likely as this.
const TAKEN: f64 = 0.5;
/// Who gives way is drawn anew so often.
const DRAWN_MS: i64 = 5_000;

impl Candidate {
    /// Both go one way, and the starts of neither are a promise: by which of them a bus is told says nothing of it.
    pub fn is_one_with(&self, plan: &DayPlan, run: usize) -> bool {
        let table = &plan.timetable;
        let (own, other) = (&self.plan.runs[self.run], &plan.runs[run]);
        self.plan.feed == plan.feed
            && Arc::ptr_eq(&self.plan.timetable, table)
            && table.trip(own).pattern == table.trip(other).pattern
            && !table.keeps_times(own)
            && !table.keeps_times(other)
    }

    fn is_of(&self, doing: &Doing) -> bool {
        self.is_one_with(&doing.plan, doing.run)
    }
}

/// How likely each is among all that are one with it.
pub fn sum_up(list: &mut [Candidate]) {
    let one = |a: &Candidate, b: &Candidate| std::ptr::eq(a, b) || a.is_one_with(&b.plan, b.run);
    let sure: Vec<f64> =
        list.iter().map(|c| list.iter().filter(|o| one(c, o)).map(|o| o.share).sum()).collect();
    list.iter_mut().zip(sure).for_each(|(c, sure)| c.sure = sure);
}

/// How likely a bus does each run, best first, for others to know. Of runs that are one with what it does that one counts for all.
pub fn claims(list: &[Candidate], doing: Option<&Doing>) -> Vec<(RunName, f64)> {
    let mut told = false;
    let claim = |c: &Candidate| match doing.filter(|d| c.is_of(d)) {
        None => Some((c.name(), c.share)),
        Some(_) if std::mem::replace(&mut told, true) => None,
        Some(doing) => Some((doing.key(), c.sure)),
    };
    list.iter().filter_map(claim).collect()
}

impl Vehicle {
    /// The start that it is told by, where starts are no promise.
    pub(super) fn slot(&self) -> Option<RunName> {
        let doing = self.doing().filter(|d| !d.plan.timetable.keeps_times(&d.plan.runs[d.run]))?;
        Some(doing.key())
    }

    /// Two buses that were put onto one start at once: one takes the next that is free. Which one is drawn from its name and the
    /// moment, for else both would change, and meet again.
    pub(super) fn give_way(&mut self, list: &[Candidate], taken: f64, at: UtcMillis) {
        if taken < TAKEN || !draws(&self.id, at) {
            return;
        }
        let (Work::Waiting(doing) | Work::Running(doing)) = &mut self.work else { return };
        let Some(free) = list.iter().find(|c| c.is_of(doing)).filter(|c| c.name() != doing.key()) else {
            return;
        };
        (doing.plan, doing.run) = (free.plan.clone(), free.run);
        let (table, run) = (&doing.plan.timetable, &doing.plan.runs[doing.run]);
        for passing in &mut doing.pending {
            passing.run = table.key(run);
            (passing.due, passing.headway) = (table.passes(run, passing.call), table.promised_headway(run));
        }
    }
}

/// Heads or tails, the same whenever it is asked for: FNV-1a of the name and the moment.
fn draws(id: &VehicleId, at: UtcMillis) -> bool {
    let moment = at.0.div_euclid(DRAWN_MS).to_le_bytes();
    let bytes = id.as_str().bytes().chain(moment);
    let mixed =
        bytes.fold(0xcbf2_9ce4_8422_2325_u64, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3));
    (mixed >> 33) & 1 == 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_two_buses_one_soon_gives_way_and_the_other_not() {
        let (a, b): (VehicleId, VehicleId) = ("bus-1".parse().unwrap(), "bus-2".parse().unwrap());
        let at = |n: i64| UtcMillis(1_772_384_400_000 + n * 10_000);
        let apart = (0..100).filter(|n| draws(&a, at(*n)) != draws(&b, at(*n))).count();
        assert!((30..=70).contains(&apart), "{apart} of 100");
        assert_eq!(draws(&a, at(3)), draws(&a, at(3)));
    }
}
