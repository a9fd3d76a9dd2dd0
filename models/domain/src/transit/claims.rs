//! Which buses may be doing which run, and when: a run that another surely does is hardly done by a second one.
//!
//! A bus is judged by what was thought of others as of five seconds before or a little more, whenever that becomes known. So what is
//! thought of all buses hangs on what they reported and not on the order in which that came: whoever was judged by something
//! that turns out otherwise is told of as disturbed, and is to be made anew. As nobody is judged by anything later, that ends, and
//! there is only one end.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

pub use super::of_bus::OfBus;
use super::of_bus::{OfRun, differing, taken};
pub use super::tick::{Level, Tick};
use super::timetable::{FeedId, RunKey};
use crate::ids::VehicleId;

pub type RunName = (FeedId, RunKey);

/// Buses that were judged by something that was not so, and the first tick as of which that is so.
pub type Disturbed = BTreeMap<VehicleId, Tick>;

/// Less is not worth a note.
const LEAST: Level = Level::new(2);

/// What is to be remembered of a bus that was judged among others.
#[derive(Debug, Clone, PartialEq)]
pub enum Note {
    /// How likely others did runs, as this bus was judged by when it was thought of.
    Read { tick: Tick, taken: Vec<(RunName, Level)> },
    /// All that it may be doing, or has done, from a tick on.
    Told { tick: Tick, may: Vec<(RunName, Level)> },
}

/// Of each run: who may be doing it, or has done it, and how likely; and who was judged by that.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Claims {
    /// Both shared with whoever makes a day anew meanwhile: what is not changed is not copied.
    by_run: BTreeMap<RunName, Arc<OfRun>>,
    by_vehicle: BTreeMap<VehicleId, Arc<Runs>>,
}

#[derive(Debug, Clone, Default, PartialEq)]
struct Runs {
    all: BTreeSet<RunName>,
    /// Those that it may be doing, or has done, at last.
    open: BTreeSet<RunName>,
    /// When it was thought of.
    asked: Vec<Tick>,
}

/// Everything of one bus: enough to judge others by, and to know whether it was judged by what is so.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Record {
    /// When it was thought of.
    pub asked: Vec<Tick>,
    pub runs: Vec<(RunName, OfBus)>,
}

impl Claims {
    /// How likely it is that another bus does a run, as was thought at a tick.
    pub fn taken(&self, run: &RunName, vehicle: &VehicleId, tick: Tick) -> Level {
        self.by_run.get(run).map_or(Level::default(), |of| taken(of, vehicle, tick))
    }

    /// How likely it is that any bus does a run, as is thought now.
    pub fn by_any(&self, run: &RunName) -> f64 {
        let Some(of) = self.by_run.get(run) else { return 0.0 };
        1.0 - of.values().map(|bus| 1.0 - bus.at(Tick::LAST).share()).product::<f64>()
    }

    /// Takes what is new of a bus; who else was judged by something that is not so now.
    pub fn add(&mut self, vehicle: &VehicleId, notes: &[Note]) -> Disturbed {
        let mut disturbed = Disturbed::new();
        for (run, from) in self.note_all(vehicle, notes) {
            self.check(&run, vehicle, &[(from, Tick::LAST)], &mut disturbed);
        }
        disturbed
    }

    /// Takes everything of buses that were made anew, and what came after that, instead of what was. They may themselves be among
    /// those that are disturbed: others went on while they were made.
    pub fn replace(&mut self, buses: Vec<(VehicleId, Record, Vec<Note>)>) -> Disturbed {
        let (mut all, mut disturbed) = (Vec::new(), Disturbed::new());
        for (vehicle, record, later) in buses {
            let old = self.put(&vehicle, record);
            self.note_all(&vehicle, &later);
            all.push((vehicle, old));
        }
        all.iter().for_each(|(vehicle, old)| self.compare(vehicle, old, &mut disturbed));
        disturbed
    }

    /// The same of one that was kept; nobody is looked after. Gives what was.
    pub fn put(&mut self, vehicle: &VehicleId, record: Record) -> BTreeMap<RunName, OfBus> {
        let old = self.remove(vehicle);
        if record == Record::default() {
            return old;
        }
        let runs = Arc::make_mut(self.by_vehicle.entry(vehicle.clone()).or_default());
        runs.asked = record.asked;
        for (run, of_bus) in record.runs {
            runs.all.insert(run.clone());
            if of_bus.at(Tick::LAST) >= LEAST {
                runs.open.insert(run.clone());
            }
            Arc::make_mut(self.by_run.entry(run).or_default()).insert(vehicle.clone(), of_bus);
        }
        old
    }

    /// Everything of a bus, to be kept.
    pub fn record(&self, vehicle: &VehicleId) -> Record {
        let Some(of) = self.by_vehicle.get(vehicle) else { return Record::default() };
        let runs = of.all.iter().filter_map(|run| Some((run.clone(), self.of_bus(run, vehicle)?.clone())));
        Record { asked: of.asked.clone(), runs: runs.collect() }
    }

    /// Whether nothing is known of any bus.
    pub fn is_empty(&self) -> bool {
        self.by_vehicle.is_empty()
    }

    /// Runs of which something else is thought, and from when on.
    pub(super) fn note_all(&mut self, vehicle: &VehicleId, notes: &[Note]) -> BTreeMap<RunName, Tick> {
        let mut changed = BTreeMap::new();
        for note in notes {
            match note {
                Note::Read { tick, taken } => self.judged(vehicle, *tick, taken),
                Note::Told { tick, may } => self.tell(vehicle, *tick, may, &mut changed),
            }
        }
        changed
    }

    fn judged(&mut self, vehicle: &VehicleId, tick: Tick, taken: &[(RunName, Level)]) {
        let asked = &mut self.runs(vehicle).asked;
        let before = asked.last().copied();
        if before != Some(tick) {
            asked.push(tick);
        }
        for (run, level) in taken {
            self.of(vehicle, run).judged(before, tick, *level);
        }
    }

    fn tell(
        &mut self,
        vehicle: &VehicleId,
        tick: Tick,
        may: &[(RunName, Level)],
        changed: &mut BTreeMap<RunName, Tick>,
    ) {
        let may: BTreeMap<&RunName, Level> =
            may.iter().filter(|(_, l)| *l >= LEAST).map(|(run, l)| (run, *l)).collect();
        let runs = self.runs(vehicle);
        let open = std::mem::replace(&mut runs.open, may.keys().map(|run| (*run).clone()).collect());
        let gone = open.iter().filter(|run| !may.contains_key(run)).map(|run| (run, Level::default()));
        for (run, level) in gone.collect::<Vec<_>>().into_iter().chain(may) {
            if self.of(vehicle, run).tell(tick, level) {
                let first = changed.entry(run.clone()).or_insert(tick);
                *first = tick.min(*first);
            }
        }
    }

    fn asked(&self, vehicle: &VehicleId) -> &[Tick] {
        self.by_vehicle.get(vehicle).map_or(&[], |runs| &runs.asked)
    }

    pub(super) fn of_bus(&self, run: &RunName, vehicle: &VehicleId) -> Option<&OfBus> {
        self.by_run.get(run)?.get(vehicle)
    }

    /// Who else was judged by what was thought of a run at a tick, and is wrong now.
    pub(super) fn wrong_at<'a>(
        &'a self,
        run: &RunName,
        not: &'a VehicleId,
        tick: Tick,
    ) -> impl Iterator<Item = &'a VehicleId> {
        let of = self.by_run.get(run).map(Arc::as_ref);
        let readers = of.into_iter().flat_map(|of| of.iter().map(move |reader| (of, reader)));
        readers
            .filter(move |(of, (reader, of_bus))| {
                *reader != not
                    && self.asked(reader).binary_search(&tick).is_ok()
                    && of_bus.read_at(tick).is_some_and(|was| taken(of, reader, tick) != was)
            })
            .map(|(_, (reader, _))| reader)
    }

    fn runs(&mut self, vehicle: &VehicleId) -> &mut Runs {
        Arc::make_mut(self.by_vehicle.entry(vehicle.clone()).or_default())
    }

    fn of(&mut self, vehicle: &VehicleId, run: &RunName) -> &mut OfBus {
        let runs = self.runs(vehicle);
        if !runs.all.contains(run) {
            runs.all.insert(run.clone());
        }
        Arc::make_mut(self.by_run.entry(run.clone()).or_default()).entry(vehicle.clone()).or_default()
    }

    pub(super) fn remove(&mut self, vehicle: &VehicleId) -> BTreeMap<RunName, OfBus> {
        let mut old = BTreeMap::new();
        for run in &self.by_vehicle.remove(vehicle).unwrap_or_default().all {
            let Some(of) = self.by_run.get_mut(run).map(Arc::make_mut) else { continue };
            let was = of.remove(vehicle);
            if of.is_empty() {
                self.by_run.remove(run);
            }
            old.extend(was.map(|was| (run.clone(), was)));
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
            if let Some(first) = self.wrong(run, vehicle, now, &[(Tick::FIRST, Tick::LAST)]) {
                disturb(disturbed, vehicle, first);
            }
        }
    }

    /// Who else was judged by what was thought of a run in these times, and is wrong now.
    fn check(&self, run: &RunName, not: &VehicleId, times: &[(Tick, Tick)], disturbed: &mut Disturbed) {
        let Some(of) = self.by_run.get(run).filter(|_| !times.is_empty()) else { return };
        for (reader, of_bus) in of.iter().filter(|(reader, _)| *reader != not) {
            if let Some(first) = self.wrong(run, reader, of_bus, times) {
                disturb(disturbed, reader, first);
            }
        }
    }

    /// The first tick of these times of which a bus was judged by something that is not so.
    fn wrong(
        &self,
        run: &RunName,
        reader: &VehicleId,
        of_bus: &OfBus,
        times: &[(Tick, Tick)],
    ) -> Option<Tick> {
        let of = self.by_run.get(run)?;
        let asked = self.asked(reader);
        let mut all = of_bus.read.iter().flat_map(|(first, last, level)| {
            times.iter().flat_map(move |(from, to)| {
                let (first, end) = (*first.max(from), last.next().min(*to));
                let place = |tick| asked.partition_point(|m| *m < tick);
                let ticks = asked.get(place(first)..place(end)).unwrap_or(&[]);
                ticks.iter().map(move |tick| (*tick, *level))
            })
        });
        all.find(|(tick, level)| taken(of, reader, *tick) != *level).map(|(tick, _)| tick)
    }
}

fn disturb(disturbed: &mut Disturbed, vehicle: &VehicleId, tick: Tick) {
    let first = disturbed.entry(vehicle.clone()).or_insert(tick);
    *first = tick.min(*first);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transit::of_bus::SURE_MAX;
    use crate::transit::timetable::TripId;
    use time::macros::date;

    fn run(trip: &str) -> RunName {
        let key = RunKey { date: date!(2026 - 03 - 02), trip: TripId::from(trip), start_s: None };
        (FeedId::from("f"), key)
    }

    fn told(tick: i32, may: &[(&str, f64)]) -> Note {
        let may = may.iter().map(|(trip, share)| (run(trip), Level::of(*share))).collect();
        Note::Told { tick: Tick::numbered(tick), may }
    }

    fn bus(name: &str) -> VehicleId {
        name.parse().unwrap()
    }

    fn read(claims: &Claims, name: &str, trip: &str, tick: i32) -> Note {
        let taken = claims.taken(&run(trip), &bus(name), Tick::numbered(tick));
        Note::Read { tick: Tick::numbered(tick), taken: vec![(run(trip), taken)] }
    }

    #[test]
    fn a_bus_claims_anew_what_it_may_do() {
        let (a, b) = (bus("a"), bus("b"));
        let mut claims = Claims::default();
        claims.add(&a, &[told(10, &[("x", 0.8), ("y", 0.2), ("z", 0.01)])]);
        claims.add(&b, &[told(10, &[("x", 0.5)])]);
        let taken =
            |claims: &Claims, trip, bus, tick| claims.taken(&run(trip), bus, Tick::numbered(tick)).share();
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
        let anew = |bus: &VehicleId, notes| vec![(bus.clone(), Record::default(), notes)];
        let notes = vec![told(10, &[("x", 0.9)]), told(12, &[("x", 0.5)])];
        assert_eq!(claims.replace(anew(&a, notes)), [(b.clone(), Tick::numbered(12))].into());
        let notes = vec![read(&claims, "b", "x", 11), read(&claims, "b", "x", 12), told(12, &[("y", 0.9)])];
        assert_eq!(claims.replace(anew(&b, notes)), [(c.clone(), Tick::numbered(12))].into());
        // Made of what was so before: it is itself to be made anew.
        let taken = vec![(run("y"), Level::of(0.3))];
        let stale = vec![Note::Read { tick: Tick::numbered(12), taken }];
        assert_eq!(claims.replace(anew(&c, stale)), [(c.clone(), Tick::numbered(12))].into());
        let right = vec![read(&claims, "c", "y", 12)];
        assert!(claims.replace(anew(&c, right)).is_empty());
        let mut kept = Claims::default();
        for bus in [&c, &a, &b] {
            kept.put(bus, claims.record(bus));
        }
        assert_eq!(kept, claims);
        // Who makes days anew meanwhile has a copy: nothing of others is copied for that, nor when one bus tells something new.
        let copy = kept.clone();
        assert!(kept.add(&a, &[told(14, &[])]).is_empty());
        let shared = |bus| Arc::ptr_eq(&copy.by_vehicle[bus], &kept.by_vehicle[bus]);
        assert_eq!([shared(&a), shared(&b), shared(&c)], [false, true, true]);
    }
}
