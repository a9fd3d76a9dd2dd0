//! Which buses may be doing which run, minute by minute: a run that another surely does is hardly done by a second one.
//!
//! A bus is judged by what was thought of others at a full minute that lay half a minute back, whenever that becomes known. So what
//! is thought of all buses hangs on what they reported and not on the order in which that came: whoever was judged by something
//! that turns out otherwise is told of as disturbed, and is to be made anew. As nobody is judged by anything later, that ends, and
//! there is only one end.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

pub use super::minute::{LAG, Level, Minute};
use super::timetable::{FeedId, RunKey};
use crate::ids::VehicleId;

pub type RunName = (FeedId, RunKey);

/// Buses that were judged by something that was not so, and the first minute of which that is so.
pub type Disturbed = BTreeMap<VehicleId, Minute>;

/// Even what seems certain of another bus may be wrong.
const SURE_MAX: f64 = 0.95;
/// Less is not worth a note.
const LEAST: Level = Level::new(2);

/// What is to be remembered of a bus that was judged among others.
#[derive(Debug, Clone, PartialEq)]
pub enum Note {
    /// How likely others did a run, as this bus was judged by.
    Read { run: RunName, minute: Minute, taken: Level },
    /// All that it may be doing, or has done, from a minute on.
    Told { minute: Minute, may: Vec<(RunName, Level)> },
}

/// Of each run: who may be doing it, or has done it, and how likely; and who was judged by that.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Claims {
    /// Shared with whoever makes a day anew meanwhile.
    by_run: BTreeMap<RunName, Arc<OfRun>>,
    by_vehicle: BTreeMap<VehicleId, Runs>,
}

type OfRun = BTreeMap<VehicleId, OfBus>;

#[derive(Debug, Clone, Default, PartialEq)]
struct Runs {
    all: BTreeSet<RunName>,
    /// Those that it may be doing, or has done, at last.
    open: BTreeSet<RunName>,
}

/// Of one bus and one run.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct OfBus {
    /// From each minute on, in their order.
    told: Vec<(Minute, Level)>,
    /// What it was judged by, from the first minute to the last; in their order, with nothing between that was not asked for.
    read: Vec<(Minute, Minute, Level)>,
}

/// Everything of one bus: enough to judge others by, and to know whether it was judged by what is so.
pub type Record = Vec<(RunName, OfBus)>;

impl Claims {
    /// How likely it is that another bus does a run, as was thought at a minute.
    pub fn taken(&self, run: &RunName, vehicle: &VehicleId, minute: Minute) -> Level {
        self.by_run.get(run).map_or(Level::default(), |of| taken(of, vehicle, minute))
    }

    /// How likely it is that any bus does a run, as is thought now.
    pub fn by_any(&self, run: &RunName) -> f64 {
        let Some(of) = self.by_run.get(run) else { return 0.0 };
        1.0 - of.values().map(|bus| 1.0 - bus.at(Minute::LAST).share()).product::<f64>()
    }

    /// Takes what is new of a bus; who else was judged by something that is not so now.
    pub fn add(&mut self, vehicle: &VehicleId, notes: &[Note]) -> Disturbed {
        let mut disturbed = Disturbed::new();
        for (run, from) in self.note_all(vehicle, notes) {
            self.check(&run, vehicle, &[(from, Minute::LAST)], &mut disturbed);
        }
        disturbed
    }

    /// Takes everything of buses that were made anew, instead of what was. They may themselves be among those that are disturbed:
    /// others went on while they were made.
    pub fn replace(&mut self, buses: &[(&VehicleId, &[Note])]) -> Disturbed {
        let old: Vec<_> = buses
            .iter()
            .map(|(vehicle, notes)| {
                let old = self.remove(vehicle);
                self.note_all(vehicle, notes);
                old
            })
            .collect();
        let mut disturbed = Disturbed::new();
        for ((vehicle, _), old) in buses.iter().zip(&old) {
            self.compare(vehicle, old, &mut disturbed);
        }
        disturbed
    }

    /// The same of one that was kept; nobody is looked after.
    pub fn put(&mut self, vehicle: &VehicleId, record: Record) {
        self.remove(vehicle);
        let runs = self.by_vehicle.entry(vehicle.clone()).or_default();
        for (run, of_bus) in record {
            runs.all.insert(run.clone());
            if of_bus.at(Minute::LAST) >= LEAST {
                runs.open.insert(run.clone());
            }
            Arc::make_mut(self.by_run.entry(run).or_default()).insert(vehicle.clone(), of_bus);
        }
    }

    /// Everything of a bus, to be kept.
    pub fn record(&self, vehicle: &VehicleId) -> Record {
        let runs = self.by_vehicle.get(vehicle).into_iter().flat_map(|runs| &runs.all);
        runs.filter_map(|run| Some((run.clone(), self.by_run.get(run)?.get(vehicle)?.clone()))).collect()
    }

    /// Whether nothing is known of any bus.
    pub fn is_empty(&self) -> bool {
        self.by_vehicle.is_empty()
    }

    /// Runs of which something else is thought, and from when on.
    pub(super) fn note_all(&mut self, vehicle: &VehicleId, notes: &[Note]) -> BTreeMap<RunName, Minute> {
        let mut changed = BTreeMap::new();
        for note in notes {
            match note {
                Note::Read { run, minute, taken } => self.of(vehicle, run).judged(*minute, *taken),
                Note::Told { minute, may } => self.tell(vehicle, *minute, may, &mut changed),
            }
        }
        changed
    }

    fn tell(
        &mut self,
        vehicle: &VehicleId,
        minute: Minute,
        may: &[(RunName, Level)],
        changed: &mut BTreeMap<RunName, Minute>,
    ) {
        let may: BTreeMap<&RunName, Level> =
            may.iter().filter(|(_, l)| *l >= LEAST).map(|(run, l)| (run, *l)).collect();
        let runs = self.by_vehicle.entry(vehicle.clone()).or_default();
        let open = std::mem::replace(&mut runs.open, may.keys().map(|run| (*run).clone()).collect());
        let gone = open.iter().filter(|run| !may.contains_key(run)).map(|run| (run, Level::default()));
        for (run, level) in gone.collect::<Vec<_>>().into_iter().chain(may) {
            if self.of(vehicle, run).tell(minute, level) {
                let first = changed.entry(run.clone()).or_insert(minute);
                *first = minute.min(*first);
            }
        }
    }

    pub(super) fn of_bus(&self, run: &RunName, vehicle: &VehicleId) -> Option<&OfBus> {
        self.by_run.get(run)?.get(vehicle)
    }

    /// Who else was judged by what was thought of a run at a minute, and is wrong now.
    pub(super) fn wrong_at<'a>(
        &'a self,
        run: &RunName,
        not: &'a VehicleId,
        minute: Minute,
    ) -> impl Iterator<Item = &'a VehicleId> {
        let of = self.by_run.get(run).map(Arc::as_ref);
        let readers = of.into_iter().flat_map(|of| of.iter().map(move |reader| (of, reader)));
        readers
            .filter(move |(of, (reader, of_bus))| {
                *reader != not && of_bus.read_at(minute).is_some_and(|was| taken(of, reader, minute) != was)
            })
            .map(|(_, (reader, _))| reader)
    }

    fn of(&mut self, vehicle: &VehicleId, run: &RunName) -> &mut OfBus {
        self.by_vehicle.entry(vehicle.clone()).or_default().all.insert(run.clone());
        Arc::make_mut(self.by_run.entry(run.clone()).or_default()).entry(vehicle.clone()).or_default()
    }

    pub(super) fn remove(&mut self, vehicle: &VehicleId) -> BTreeMap<RunName, OfBus> {
        let mut old = BTreeMap::new();
        for run in self.by_vehicle.remove(vehicle).unwrap_or_default().all {
            let Some(of) = self.by_run.get_mut(&run).map(Arc::make_mut) else { continue };
            let was = of.remove(vehicle);
            if of.is_empty() {
                self.by_run.remove(&run);
            }
            old.extend(was.map(|was| (run, was)));
        }
        old
    }

    /// Who was judged by what a bus told before, where it tells something else now; and itself, where others do.
    fn compare(&self, vehicle: &VehicleId, old: &BTreeMap<RunName, OfBus>, disturbed: &mut Disturbed) {
        let none = OfBus::default();
        let own = self.by_vehicle.get(vehicle).into_iter().flat_map(|runs| &runs.all);
        for run in own.chain(old.keys()).collect::<BTreeSet<_>>() {
            let now = self.by_run.get(run).and_then(|of| of.get(vehicle)).unwrap_or(&none);
            let pieces = differing(old.get(run).unwrap_or(&none), now);
            self.check(run, vehicle, &pieces, disturbed);
            if let Some(first) = self.wrong(run, vehicle, now, &[(Minute::FIRST, Minute::LAST)]) {
                disturb(disturbed, vehicle, first);
            }
        }
    }

    /// Who else was judged by what was thought of a run in these times, and is wrong now.
    fn check(&self, run: &RunName, not: &VehicleId, times: &[(Minute, Minute)], disturbed: &mut Disturbed) {
        let Some(of) = self.by_run.get(run).filter(|_| !times.is_empty()) else { return };
        for (reader, of_bus) in of.iter().filter(|(reader, _)| *reader != not) {
            if let Some(first) = self.wrong(run, reader, of_bus, times) {
                disturb(disturbed, reader, first);
            }
        }
    }

    /// The first minute of these times of which a bus was judged by something that is not so.
    fn wrong(
        &self,
        run: &RunName,
        reader: &VehicleId,
        of_bus: &OfBus,
        times: &[(Minute, Minute)],
    ) -> Option<Minute> {
        let of = self.by_run.get(run)?;
        let mut all = of_bus.read.iter().flat_map(|(first, last, level)| {
            times.iter().flat_map(move |(from, to)| {
                let (first, last) = (*first.max(from), *last.min(&to.before_it()));
                first.until(last).map(move |minute| (minute, *level))
            })
        });
        all.find(|(minute, level)| taken(of, reader, *minute) != *level).map(|(minute, _)| minute)
    }
}

impl OfBus {
    pub(super) fn at(&self, minute: Minute) -> Level {
        let after = self.told.partition_point(|(from, _)| *from <= minute);
        after.checked_sub(1).map_or(Level::default(), |i| self.told[i].1)
    }

    /// When something else was thought.
    pub(super) fn changes(&self) -> impl Iterator<Item = Minute> {
        self.told.iter().map(|(from, _)| *from)
    }

    /// What it was judged by at a minute, if it was.
    fn read_at(&self, minute: Minute) -> Option<Level> {
        let place = self.read.partition_point(|(_, last, _)| *last < minute);
        self.read.get(place).filter(|(first, ..)| *first <= minute).map(|(.., level)| *level)
    }

    /// From a minute on, after all that was told before; whether that is something else.
    fn tell(&mut self, minute: Minute, level: Level) -> bool {
        if self.at(Minute::LAST) == level {
            return false;
        }
        self.told.truncate(self.told.partition_point(|(from, _)| *from < minute));
        if self.at(Minute::LAST) != level {
            self.told.push((minute, level));
        }
        true
    }

    fn judged(&mut self, minute: Minute, taken: Level) {
        match self.read.last_mut() {
            Some((_, last, level)) if *level == taken && (*last == minute || last.next() == minute) => {
                *last = minute;
            }
            _ => self.read.push((minute, minute, taken)),
        }
    }
}

fn taken(of: &OfRun, vehicle: &VehicleId, minute: Minute) -> Level {
    let others = of.iter().filter(|(other, _)| *other != vehicle);
    let free: f64 = others.map(|(_, bus)| 1.0 - bus.at(minute).share()).product();
    Level::of((1.0 - free).min(SURE_MAX))
}

fn disturb(disturbed: &mut Disturbed, vehicle: &VehicleId, minute: Minute) {
    let first = disturbed.entry(vehicle.clone()).or_insert(minute);
    *first = minute.min(*first);
}

/// From and until when two tell something else.
fn differing(one: &OfBus, other: &OfBus) -> Vec<(Minute, Minute)> {
    let told = one.told.iter().chain(&other.told);
    let at: Vec<Minute> = told.map(|(from, _)| *from).collect::<BTreeSet<_>>().into_iter().collect();
    let until = at.iter().skip(1).copied().chain(std::iter::once(Minute::LAST));
    at.iter().copied().zip(until).filter(|(from, _)| one.at(*from) != other.at(*from)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transit::timetable::TripId;
    use time::macros::date;

    fn run(trip: &str) -> RunName {
        let key = RunKey { date: date!(2026 - 03 - 02), trip: TripId::from(trip), start_s: None };
        (FeedId::from("f"), key)
    }

    fn told(minute: i32, may: &[(&str, f64)]) -> Note {
        let may = may.iter().map(|(trip, share)| (run(trip), Level::of(*share))).collect();
        Note::Told { minute: Minute::numbered(minute), may }
    }

    fn bus(name: &str) -> VehicleId {
        name.parse().unwrap()
    }

    fn read(claims: &Claims, name: &str, trip: &str, minute: i32) -> Note {
        let taken = claims.taken(&run(trip), &bus(name), Minute::numbered(minute));
        Note::Read { run: run(trip), minute: Minute::numbered(minute), taken }
    }

    #[test]
    fn a_bus_claims_anew_what_it_may_do() {
        let (a, b) = (bus("a"), bus("b"));
        let mut claims = Claims::default();
        claims.add(&a, &[told(10, &[("x", 0.8), ("y", 0.2), ("z", 0.01)])]);
        claims.add(&b, &[told(10, &[("x", 0.5)])]);
        let taken = |claims: &Claims, trip, bus, minute| {
            claims.taken(&run(trip), bus, Minute::numbered(minute)).share()
        };
        assert!((claims.by_any(&run("x")) - 0.9).abs() < 1e-9);
        assert_eq!([taken(&claims, "x", &a, 10), taken(&claims, "x", &a, 9)], [0.5, 0.0]);
        claims.add(&a, &[told(12, &[("y", 1.0)])]);
        assert_eq!([taken(&claims, "y", &b, 11), taken(&claims, "y", &b, 12)], [0.2, SURE_MAX]);
        assert_eq!([taken(&claims, "x", &b, 11), taken(&claims, "x", &b, 12)], [0.8, 0.0]);
        assert!((claims.by_any(&run("x")) - 0.5).abs() < 1e-9 && claims.by_any(&run("z")) < 1e-9);
        claims.add(&b, &[told(13, &[])]);
        assert!(claims.by_any(&run("x")) < 1e-9);
    }

    #[test]
    fn who_was_judged_by_what_is_not_so_is_told_of() {
        let (a, b, c) = (bus("a"), bus("b"), bus("c"));
        let mut claims = Claims::default();
        assert!(claims.add(&a, &[told(10, &[("x", 0.9)])]).is_empty());
        let notes = vec![read(&claims, "b", "x", 11), read(&claims, "b", "x", 12), told(13, &[("y", 0.9)])];
        assert!(claims.add(&b, &notes).is_empty());
        let notes = vec![read(&claims, "c", "y", 12)];
        assert!(claims.add(&c, &notes).is_empty());
        // What comes after it was judged disturbs nobody; what comes late does.
        assert!(claims.add(&a, &[told(13, &[("x", 0.2)])]).is_empty());
        let anew = vec![told(10, &[("x", 0.9)]), told(12, &[("x", 0.5)])];
        assert_eq!(claims.replace(&[(&a, &anew)]), [(b.clone(), Minute::numbered(12))].into());
        let anew = vec![read(&claims, "b", "x", 11), read(&claims, "b", "x", 12), told(12, &[("y", 0.9)])];
        assert_eq!(claims.replace(&[(&b, &anew)]), [(c.clone(), Minute::numbered(12))].into());
        // Made of what was so before: it is itself to be made anew.
        let stale = vec![Note::Read { run: run("y"), minute: Minute::numbered(12), taken: Level::of(0.3) }];
        assert_eq!(claims.replace(&[(&c, &stale)]), [(c.clone(), Minute::numbered(12))].into());
        let right = vec![read(&claims, "c", "y", 12)];
        assert!(claims.replace(&[(&c, &right)]).is_empty());
        let mut kept = Claims::default();
        for bus in [&c, &a, &b] {
            kept.put(bus, claims.record(bus));
        }
        assert_eq!(kept, claims);
        assert!(kept.add(&a, &[told(14, &[])]).is_empty());
    }
}
