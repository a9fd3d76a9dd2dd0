//! Days of buses made anew together, a tick at a time: those that are due, and each other as soon as it turns out that it was
//! judged by something that is not so. So each is made once, and the end is the same in whatever order reports came.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use super::claims::{Claims, OfBus, Record, RunName, Tick};
use super::day::{BusDay, News};
use super::finding::Limits;
use super::plan::DayPlan;
use super::vehicle::Observed;
use crate::ids::VehicleId;
use crate::units::{DurationMs, UtcMillis};

/// A day of buses, as far as it is to be settled.
#[derive(Debug, Clone, Copy)]
pub struct Day<'a> {
    pub plans: &'a [Arc<DayPlan>],
    pub limits: &'a Limits,
    pub from: UtcMillis,
    /// What buses report from then on is not asked for.
    pub until: UtcMillis,
}

/// Reports are asked for by so much at a time: those of all buses of a whole day would be too many.
const SLICE: DurationMs = DurationMs(3_600_000);

/// A day that was made anew.
#[derive(Debug, Clone)]
pub struct Made {
    pub day: BusDay,
    /// Its notes are of what came after all that is in the record.
    pub news: News,
    pub record: Record,
}

/// A day that is made anew.
struct Active {
    day: BusDay,
    news: News,
    /// What was thought of it before, and when that changed.
    old: BTreeMap<RunName, OfBus>,
    old_changes: BTreeMap<Tick, BTreeSet<RunName>>,
    /// Runs of which something else is thought now.
    differs: BTreeSet<RunName>,
    ahead: VecDeque<Observed>,
    /// Reports until then were asked for.
    asked: UtcMillis,
}

/// Makes the days of `due` anew, and of all whom that disturbs, among what is thought of others; `claims` are as all of it turns
/// out. `reports` gives those of one bus from a moment and before another, in any order.
///
/// # Errors
/// Those of `reports`.
pub fn settle<E>(
    day: Day<'_>,
    claims: &mut Claims,
    due: impl IntoIterator<Item = VehicleId>,
    mut reports: impl FnMut(&VehicleId, UtcMillis, UtcMillis) -> Result<Vec<Observed>, E>,
) -> Result<Vec<Made>, E> {
    let mut settling = Settling::new(day, due);
    settling.go_on(day.until, claims, &mut reports)?;
    Ok(settling.made(claims))
}

/// Days that are being made anew, some way at a time: what is reported while it takes its time is taken in at the next.
pub struct Settling<'a> {
    day: Day<'a>,
    active: BTreeMap<VehicleId, Active>,
    joins: BTreeSet<VehicleId>,
    tick: Tick,
}

impl<'a> Settling<'a> {
    pub fn new(day: Day<'a>, due: impl IntoIterator<Item = VehicleId>) -> Self {
        let (active, joins) = (BTreeMap::new(), due.into_iter().collect());
        Self { day, active, joins, tick: Tick::before(day.from) }
    }

    /// On to a moment, or to the last whole tick before it.
    ///
    /// # Errors
    /// Those of `reports`.
    pub fn go_on<E>(
        &mut self,
        until: UtcMillis,
        claims: &mut Claims,
        mut reports: impl FnMut(&VehicleId, UtcMillis, UtcMillis) -> Result<Vec<Observed>, E>,
    ) -> Result<(), E> {
        let end = self.day.until;
        let last = if until < end { Tick::before(until) } else { Tick::told(end) };
        let day = Day { until: after(last).min(end), ..self.day };
        loop {
            for vehicle in std::mem::take(&mut self.joins) {
                let joined = Active::join(day, claims, &vehicle, self.tick, &mut reports)?;
                self.active.insert(vehicle, joined);
            }
            if self.tick >= last || self.active.is_empty() {
                return Ok(());
            }
            self.tick = self.tick.next();
            let (active, tick) = (&mut self.active, self.tick);
            for (vehicle, one) in active.iter_mut() {
                one.step(day, claims, vehicle, tick, &mut reports)?;
            }
            let differ = active.iter().flat_map(|(v, one)| one.differs.iter().map(move |run| (run, v)));
            for (run, vehicle) in differ {
                let wrong = claims.wrong_at(run, vehicle, tick);
                self.joins.extend(wrong.filter(|reader| !active.contains_key(*reader)).cloned());
            }
        }
    }

    /// Among what is thought of others by now: `now` is that, but for the buses that are made anew.
    #[must_use]
    pub fn among(&self, claims: &Claims, mut now: Claims) -> Claims {
        for vehicle in self.active.keys() {
            now.put(vehicle, claims.record(vehicle));
        }
        now
    }

    pub fn made(self, claims: &Claims) -> Vec<Made> {
        let made = |(vehicle, Active { day, news, .. })| Made { day, news, record: claims.record(&vehicle) };
        self.active.into_iter().map(made).collect()
    }
}

impl Active {
    /// With everything that it reported until a tick.
    fn join<E>(
        day: Day<'_>,
        claims: &mut Claims,
        vehicle: &VehicleId,
        tick: Tick,
        reports: &mut impl FnMut(&VehicleId, UtcMillis, UtcMillis) -> Result<Vec<Observed>, E>,
    ) -> Result<Self, E> {
        let old = claims.remove(vehicle);
        let mut old_changes: BTreeMap<Tick, BTreeSet<RunName>> = BTreeMap::new();
        for (run, of_bus) in &old {
            for at in of_bus.changes().filter(|at| *at > tick) {
                old_changes.entry(at).or_default().insert(run.clone());
            }
        }
        let mut one = Self {
            day: BusDay::new(vehicle.clone()),
            news: News::default(),
            old,
            old_changes,
            differs: BTreeSet::new(),
            ahead: VecDeque::new(),
            asked: day.from,
        };
        let until = after(tick).min(day.until);
        if until > day.from {
            one.asked = until;
            let before = reports(vehicle, day.from, until)?;
            one.take(day, claims, vehicle, &before);
        }
        Ok(one)
    }

    /// On to a tick.
    fn step<E>(
        &mut self,
        day: Day<'_>,
        claims: &mut Claims,
        vehicle: &VehicleId,
        tick: Tick,
        reports: &mut impl FnMut(&VehicleId, UtcMillis, UtcMillis) -> Result<Vec<Observed>, E>,
    ) -> Result<(), E> {
        let until = after(tick).min(day.until);
        while self.asked < until {
            let to = (self.asked + SLICE).min(day.until);
            let mut more = reports(vehicle, self.asked, to)?;
            more.sort_by_key(|o| o.seen.at);
            self.ahead.extend(more);
            self.asked = to;
        }
        let count = self.ahead.partition_point(|o| o.seen.at < until);
        let batch: Vec<Observed> = self.ahead.drain(..count).collect();
        let mut changed = self.take(day, claims, vehicle, &batch);
        changed.extend(self.old_changes.remove(&tick).unwrap_or_default());
        let none = OfBus::default();
        for run in changed {
            let was = self.old.get(&run).unwrap_or(&none).at(tick);
            if claims.of_bus(&run, vehicle).unwrap_or(&none).at(tick) == was {
                self.differs.remove(&run);
            } else {
                self.differs.insert(run);
            }
        }
        Ok(())
    }

    /// Takes reports; runs of which something else is thought after them.
    fn take(
        &mut self,
        day: Day<'_>,
        claims: &mut Claims,
        vehicle: &VehicleId,
        batch: &[Observed],
    ) -> BTreeSet<RunName> {
        if batch.is_empty() {
            return BTreeSet::new();
        }
        let mut news = self.day.append_among(day.plans, batch, (day.limits, Some(claims)));
        // Notes of all buses' whole days would be gigabytes; what they come to is in the claims.
        let changed = claims.note_all(vehicle, &std::mem::take(&mut news.notes));
        self.news.append(news);
        changed.into_keys().collect()
    }
}

/// The first moment that is not of a tick any more: what a bus was seen to do at its very end counts from it on.
fn after(tick: Tick) -> UtcMillis {
    tick.at() + DurationMs(1)
}
