//! What is learned of one stretch, what buses did today apart: as a set, whichever order it became known in, and so that what a bus
//! did not do after all is unlearned.

use std::cmp::Ordering;
use std::sync::Arc;

use super::Traversal;
use super::known::{Known, Ran};
use crate::ids::VehicleId;

/// 40 bytes: reckoned, and not measured, some 20 KB of a bus and a day, and 0.2 GB of 10,000 buses.
#[derive(Debug, Clone, PartialEq)]
struct OfBus {
    vehicle: Arc<VehicleId>,
    ran: Ran,
}

#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct OfStretch {
    /// By all that was learned.
    known: Known,
    /// By what was learned before today, where a bus ran it today.
    before: Option<Known>,
    /// In the order of time, but for what was put in since that was last learned from.
    today: Vec<OfBus>,
}

impl OfStretch {
    pub fn known(&self) -> &Known {
        &self.known
    }

    /// Takes what happened on a day before.
    pub fn learn_former(&mut self, t: &Traversal) {
        let ran = self.known.ran(t);
        match &mut self.before {
            None => self.known.learn(&ran),
            Some(before) => {
                before.learn(&ran);
                self.relearn();
            }
        }
    }

    /// Takes what a bus did today, and learns from it.
    pub fn learn(&mut self, vehicle: &Arc<VehicleId>, t: &Traversal) {
        match self.put(vehicle, t) {
            Ordering::Less => self.relearn(),
            Ordering::Equal | Ordering::Greater => {
                if let Some(last) = self.today.last() {
                    self.known.learn(&last.ran);
                }
            }
        }
    }

    /// Takes what a bus did today, to be learned from with [`OfStretch::relearn`]: how it stands to what was last until now.
    pub fn put(&mut self, vehicle: &Arc<VehicleId>, t: &Traversal) -> Ordering {
        // First what was known before: `ran` notes the route.
        self.before.get_or_insert_with(|| self.known.clone());
        let one = OfBus { vehicle: vehicle.clone(), ran: self.known.ran(t) };
        let order = self.today.last().map_or(Ordering::Greater, |last| one.order(last));
        self.today.push(one);
        order
    }

    /// Lets go of what a bus did today; until [`OfStretch::relearn`] it is learned still.
    pub fn forget(&mut self, vehicle: &VehicleId) {
        self.today.retain(|one| *one.vehicle != *vehicle);
    }

    /// Learns from today once more, in the order of time. Calm days have no need of it.
    pub fn relearn(&mut self) {
        let before = if self.today.is_empty() { self.before.take() } else { self.before.clone() };
        if let Some(before) = before {
            self.known = before;
            self.today.sort_by(OfBus::order);
            self.today.iter().for_each(|one| self.known.learn(&one.ran));
        }
    }

    /// The day is over: what it taught stays.
    pub fn end_day(&mut self) {
        (self.before, self.today) = (None, Vec::new());
    }
}

impl OfBus {
    /// By time; of the same moment by everything else, so that none stands before another by chance.
    fn order(&self, other: &Self) -> Ordering {
        let (a, b) = (&self.ran, &other.ran);
        let by_bus = a.at.cmp(&b.at).then_with(|| self.vehicle.cmp(&other.vehicle));
        let by_time = by_bus.then_with(|| a.log.total_cmp(&b.log));
        by_time.then_with(|| (a.habit, &a.route).cmp(&(b.habit, &b.route)))
    }
}

#[cfg(test)]
mod tests {
    use super::super::{DayKind, Habit, Stretch};
    use super::*;
    use crate::units::UtcMillis;

    #[test]
    fn the_name_of_a_route_is_kept_once_also_before_it_is_learned() {
        let stretch = Stretch { feed: "f".into(), from: "a".into(), to: "b".into() };
        let at = |s: i64| Traversal {
            stretch: stretch.clone(),
            route: "r".into(),
            habit: Habit { day: DayKind::Workday, hour: 8 },
            at: UtcMillis(s * 1_000),
            took_s: 120.0,
            timetabled_s: 100.0,
        };
        let (mut of, bus) = (OfStretch::default(), Arc::new("b".parse::<VehicleId>().unwrap()));
        for s in [0, 600] {
            _ = of.put(&bus, &at(s));
        }
        of.relearn();
        let [one, other] = &of.today[..] else { panic!("two") };
        assert!(Arc::ptr_eq(&one.ran.route, &other.ran.route));
        // And nothing else stays of what a bus did not do after all.
        of.forget(&bus);
        of.relearn();
        assert_eq!(of, OfStretch::default());
    }
}
