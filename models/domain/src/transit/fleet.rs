//! All buses of the city now: who does which run, when every stop ahead is reached, and what has been learned.

mod outlook;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::accuracy::Accuracy;
use super::assign::settle;
use super::bunching::Bunching;
use super::claims::{Claims, Disturbed, Tick};
use super::day::{BusDay, News};
use super::finding::{Finding, Limits, STANDS_UNHEARD, TransitEvent};
use super::gap::Gaps;
use super::headway::{Rung, ladder};
use super::judge::WALK;
use super::missing::Missing;
use super::pace::{Habit, Pace, Traversal, traversal};
use super::passing::Passing;
use super::plan::DayPlan;
use super::probe::{Cell, Ran};
use super::settle::Made;
use super::timetable::FeedId;
use super::vehicle::{Observed, Vehicle, Work};
use crate::ids::VehicleId;
use crate::units::{DurationMs, UtcMillis};

pub use outlook::Outlook;

/// A bus that has not reported for so long is not under way any more, as far as anybody can tell.
pub const SILENT: DurationMs = DurationMs(5 * 60_000);

#[derive(Debug, Clone, Default)]
pub struct Fleet {
    pub limits: Limits,
    pub pace: Pace,
    pub accuracy: Accuracy,
    days: BTreeMap<VehicleId, BusDay>,
    claims: Claims,
    missing: Missing,
    gaps: Gaps,
    bunching: Bunching,
    /// Findings among buses that never were, since this was last taken.
    withdrawn: Vec<TransitEvent>,
    /// Of the roads: where and when buses tell something else than before, since this was last taken.
    changed: BTreeSet<Cell>,
    /// Buses that are to be made anew, since this was last taken.
    disturbed: Disturbed,
}

impl Fleet {
    /// Takes reports of one bus that are newer than all before; of others see [`BusDay`].
    pub fn absorb(
        &mut self,
        plans: &[Arc<DayPlan>],
        vehicle: &VehicleId,
        batch: &[Observed],
        habit: impl Fn(&FeedId, UtcMillis) -> Habit,
    ) -> News {
        let day = self.days.entry(vehicle.clone()).or_insert_with(|| BusDay::new(vehicle.clone()));
        let (before, ran, last) = (day.last.clone(), day.ran.len(), day.ran.last().copied());
        let mut news = day.append_among(plans, batch, (&self.limits, Some(&self.claims)));
        let disturbed = self.claims.add(vehicle, &std::mem::take(&mut news.notes));
        disturb(&mut self.disturbed, disturbed);
        let more = day.ran[ran.saturating_sub(1)..].iter().filter(|ran| Some(**ran) != last);
        self.changed.extend(more.map(Ran::cell));
        news.passings.iter().for_each(|passing| self.accuracy.came(passing));
        let learned: Vec<_> = traversals(before.as_ref(), &news.passings, habit).collect();
        self.pace.learn_today(vehicle, &learned);
        news
    }

    /// Takes what many buses reported meanwhile as if it had come in order: of all of them up to a tick before any of the next, so that
    /// each finds the others as they are known to it then. Gives what is to be told of each.
    pub fn absorb_all(
        &mut self,
        plans: &[Arc<DayPlan>],
        reports: impl IntoIterator<Item = (VehicleId, Observed)>,
        habit: impl Fn(&FeedId, UtcMillis) -> Habit,
    ) -> BTreeMap<VehicleId, News> {
        let mut batches: BTreeMap<(Tick, VehicleId), Vec<Observed>> = BTreeMap::new();
        for (vehicle, observed) in reports {
            batches.entry((Tick::told(observed.seen.at), vehicle)).or_default().push(observed);
        }
        let mut told: BTreeMap<VehicleId, News> = BTreeMap::new();
        for ((_, vehicle), batch) in batches {
            let news = self.absorb(plans, &vehicle, &batch, &habit);
            told.entry(vehicle).or_default().append(news);
        }
        told
    }

    /// Puts in days that were made anew among these [`Fleet::claims`] from all that their buses reported, and learns from them what it
    /// had learned from these days as they were known before. Gives what is to be told of each.
    pub fn replace(
        &mut self,
        made: impl IntoIterator<Item = Made>,
        habit: impl Fn(&FeedId, UtcMillis) -> Habit,
    ) -> Vec<(VehicleId, News)> {
        let (mut days, mut records) = (Vec::new(), Vec::new());
        for Made { day, mut news, record } in made {
            self.disturbed.remove(&day.bus.id);
            // It came all the same where that became known late.
            news.passings.iter().for_each(|passing| self.accuracy.came(passing));
            records.push((day.bus.id.clone(), record, std::mem::take(&mut news.notes)));
            days.push((day, news));
        }
        let disturbed = self.claims.replace(records);
        disturb(&mut self.disturbed, disturbed);
        let (mut told, mut learned) = (Vec::new(), Vec::new());
        for (day, news) in days {
            let vehicle = day.bus.id.clone();
            self.changed.extend(day.ran.iter().map(Ran::cell));
            let ways: Vec<_> = day.drives().map(|drive| drive.way()).collect();
            let old = self.days.insert(vehicle.clone(), day);
            let before = old.iter().flat_map(BusDay::drives).map(|drive| drive.way());
            self.bunching.doubt(&vehicle, before.chain(ways));
            learned.push((vehicle.clone(), traversals(None, &news.passings, &habit).collect::<Vec<_>>()));
            // What it told of the roads before may not be so any more.
            self.changed.extend(old.iter().flat_map(|old| old.ran.iter().map(Ran::cell)));
            told.push((vehicle, news));
        }
        self.pace.relearn_today(learned);
        told
    }

    /// What buses may be doing, for those whose days are made anew. Little is copied.
    pub fn claims(&self) -> Claims {
        self.claims.clone()
    }

    /// The same, to be looked at.
    pub fn claims_now(&self) -> &Claims {
        &self.claims
    }

    /// Buses that were judged by something of others that is not so, since this was last asked, and when. Made anew until nobody is
    /// disturbed any more, all are as if everything had come at once and in order.
    pub fn take_disturbed(&mut self) -> Disturbed {
        std::mem::take(&mut self.disturbed)
    }

    /// Begins a new day: what was learned stays. What buses did on the one before may be asked for yet.
    pub fn new_day(&mut self) -> Claims {
        self.days.clear();
        self.pace.end_day();
        self.disturbed.clear();
        self.changed.clear();
        self.missing.clear();
        self.gaps.clear();
        self.bunching.clear();
        std::mem::take(&mut self.claims)
    }

    pub fn buses(&self) -> impl Iterator<Item = &Vehicle> {
        self.days.values().map(|day| &day.bus)
    }

    pub fn day(&self, vehicle: &VehicleId) -> Option<&BusDay> {
        self.days.get(vehicle)
    }

    /// How each bus went on the roads today, in the order of time.
    pub fn ran(&self) -> impl Iterator<Item = &[Ran]> {
        self.days.values().map(|day| day.ran.as_slice())
    }

    /// Where and when buses told something else of the roads since this was last asked.
    pub fn take_changed(&mut self) -> BTreeSet<Cell> {
        std::mem::take(&mut self.changed)
    }

    /// Findings that hold.
    pub fn open(&self) -> impl Iterator<Item = &TransitEvent> {
        let of_buses = self.days.values().flat_map(|day| day.bus.held.begun());
        of_buses.chain(self.missing.iter()).chain(self.gaps.iter())
    }

    /// Findings that hold and that passengers may be told: a bus is on a detour once it was seen to drive one, and while it is heard.
    pub fn for_passengers(&self, now: UtcMillis) -> impl Iterator<Item = &TransitEvent> {
        let heard = self.days.values().map(|day| &day.bus).filter(move |bus| is_heard(bus, now));
        heard.flat_map(|bus| bus.held.for_passengers()).chain(self.missing.iter()).chain(self.gaps.iter())
    }

    /// Runs that no bus came for, or that nobody is seen on.
    pub fn missing(&self) -> impl Iterator<Item = &TransitEvent> {
        self.missing.iter()
    }

    /// Ways on which for long nobody was seen to set out.
    pub fn gaps(&self) -> impl Iterator<Item = &TransitEvent> {
        self.gaps.iter()
    }

    /// Buses heard of lately whose run no other bus does better.
    pub fn working(&self, now: UtcMillis) -> Vec<&Vehicle> {
        let heard = self.buses().filter(|bus| is_heard(bus, now));
        let doing: Vec<&Vehicle> = heard.filter(|b| b.doing().is_some()).collect();
        let own = |bus: &&Vehicle| {
            let key = bus.doing().map(super::vehicle::Doing::key);
            let share = bus.claims.iter().find(|(run, _)| key.as_ref() == Some(run)).map_or(0.0, |c| c.1);
            key.map(|(feed, run)| vec![(feed, run, share)]).unwrap_or_default()
        };
        let settled = settle(&doing.iter().map(own).collect::<Vec<_>>());
        doing.into_iter().zip(settled).filter(|(_, won)| won.is_some()).map(|(bus, _)| bus).collect()
    }

    pub fn ladder(&self, now: UtcMillis) -> Vec<Rung> {
        ladder(self.working(now).into_iter(), now)
    }

    /// Goes on with findings among buses that were told before a restart: bunching, missing runs and gaps; of bunching and gaps also
    /// with those of today that are over.
    pub fn resume(&mut self, open: impl IntoIterator<Item = TransitEvent>) {
        for event in open {
            match (event.finding, event.vehicle.clone(), event.run.clone()) {
                (Finding::RunMissing | Finding::RunUnseen, _, Some(key)) => self.missing.resume(key, event),
                (Finding::HeadwayGap, _, Some(_)) => self.gaps.resume(event),
                (Finding::Bunching, Some(bus), _) => self.bunching.resume(bus, event),
                _ => {}
            }
        }
    }

    /// Does not tell again at once what was withdrawn before a restart, though it seemed to hold.
    pub fn refuse(&mut self, withdrawn: impl IntoIterator<Item = TransitEvent>) {
        for event in withdrawn {
            if let (Finding::Bunching, Some(bus)) = (event.finding, event.vehicle.clone()) {
                self.bunching.refuse(bus, event);
            }
        }
    }

    /// Buses that run as one with the bus ahead, begun or ended since last asked.
    pub fn look_for_bunching(
        &mut self,
        plans: &[Arc<DayPlan>],
        ladder: &[Rung],
        now: UtcMillis,
    ) -> Vec<TransitEvent> {
        self.bunching.look(ladder, (&self.days, plans), now, &mut self.withdrawn)
    }

    /// Runs that no bus came for or that nobody is seen on, and ways on which for long nobody set out, begun or ended since last asked.
    pub fn look_for_missing(&mut self, plans: &[Arc<DayPlan>], now: UtcMillis) -> Vec<TransitEvent> {
        let mut news = self.missing.look((&self.days, &self.claims, &self.pace), plans, now);
        news.extend(self.gaps.look(&self.days, plans, now, &mut self.withdrawn));
        news
    }

    /// What was told among buses and late reports show never to have been so, since this was last asked: it has no end.
    pub fn take_withdrawn(&mut self) -> Vec<TransitEvent> {
        std::mem::take(&mut self.withdrawn)
    }
}

/// Whether a bus was heard lately enough to be where it is taken to be. One that stands and waits reports seldom, and again as soon as
/// it drives.
pub(super) fn is_heard(bus: &Vehicle, now: UtcMillis) -> bool {
    let Some(last) = &bus.last else { return false };
    let waits = matches!(bus.work, Work::Waiting(_) | Work::Finished { .. });
    let most = if waits && last.seen.speed.0 < WALK.0 { STANDS_UNHEARD } else { SILENT };
    now.since(last.seen.at).0 <= most.0
}

/// From stop to stop, in the order of one bus's passings.
fn traversals<'a>(
    before: Option<&'a Passing>,
    passings: &'a [Passing],
    habit: impl Fn(&FeedId, UtcMillis) -> Habit + 'a,
) -> impl Iterator<Item = Traversal> + 'a {
    let froms = before.into_iter().chain(passings);
    let tos = passings.iter().skip(usize::from(before.is_none()));
    froms.zip(tos).filter_map(move |(from, to)| traversal(from, to, habit(&to.feed, to.at)))
}

fn disturb(all: &mut Disturbed, more: Disturbed) {
    for (vehicle, tick) in more {
        let first = all.entry(vehicle).or_insert(tick);
        *first = tick.min(*first);
    }
}
