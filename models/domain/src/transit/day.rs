//! One bus through one day. Live it takes reports as they come; made of all reports of a day, their order plays no part.
//!
//! A report that is older than another is passed over here: whoever keeps the reports makes the day anew with [`BusDay::of`].
//! So nothing of a day lies in memory but where the bus is now, and how it went on the roads.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::claims::{Claims, Note};
use super::finding::{Limits, TransitEvent};
use super::passing::Passing;
use super::plan::DayPlan;
use super::probe::{Ran, go_on};
use super::timetable::{FeedId, RunKey};
use super::vehicle::{Found, Observed, Vehicle};
use crate::ids::VehicleId;
use crate::units::UtcMillis;

/// What is known of one bus of one day.
#[derive(Debug, Clone, PartialEq)]
pub struct BusDay {
    pub bus: Vehicle,
    /// How it went on the roads, in the order of time.
    pub ran: Vec<Ran>,
    /// Runs of which it passed a stop.
    pub runs: BTreeSet<(FeedId, RunKey)>,
    /// The first stop that it was seen to pass of each run whose times are no promise: when, and when by the times of its way.
    pub set_outs: BTreeMap<(FeedId, RunKey), (UtcMillis, UtcMillis)>,
    /// The stop it passed last.
    pub last: Option<Passing>,
    newest: Option<UtcMillis>,
}

/// What reports brought that was not known before.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct News {
    pub passings: Vec<Passing>,
    pub events: Vec<TransitEvent>,
    /// What is to be remembered of the bus among others.
    pub notes: Vec<Note>,
}

impl News {
    /// Nothing to be told.
    pub fn is_empty(&self) -> bool {
        self.passings.is_empty() && self.events.is_empty()
    }

    pub fn append(&mut self, mut later: Self) {
        self.passings.append(&mut later.passings);
        self.events.append(&mut later.events);
        self.notes.append(&mut later.notes);
    }
}

impl BusDay {
    pub fn new(id: VehicleId) -> Self {
        Self {
            bus: Vehicle::new(id),
            ran: Vec::new(),
            runs: BTreeSet::new(),
            set_outs: BTreeMap::new(),
            last: None,
            newest: None,
        }
    }

    /// The day that these reports make, in whatever order they stand, with repeats: the same reports make the same day.
    pub fn of(id: VehicleId, plans: &[Arc<DayPlan>], reports: &[Observed], limits: &Limits) -> (Self, News) {
        Self::of_among(id, plans, reports, (limits, None))
    }

    /// The same where it is known what other buses did: the same of them and the same reports make the same day.
    pub fn of_among(
        id: VehicleId,
        plans: &[Arc<DayPlan>],
        reports: &[Observed],
        (limits, others): (&Limits, Option<&Claims>),
    ) -> (Self, News) {
        let mut day = Self::new(id);
        let news = day.append_among(plans, reports, (limits, others));
        (day, news)
    }

    /// Takes reports, in any order among themselves; those that are not newer than all before are passed over. Of two with the
    /// same fix time one is taken, whichever stands first.
    pub fn append(&mut self, plans: &[Arc<DayPlan>], reports: &[Observed], limits: &Limits) -> News {
        self.append_among(plans, reports, (limits, None))
    }

    /// The same where it is known what other buses do.
    pub fn append_among(
        &mut self,
        plans: &[Arc<DayPlan>],
        reports: &[Observed],
        (limits, others): (&Limits, Option<&Claims>),
    ) -> News {
        let mut by_time: BTreeMap<UtcMillis, &Observed> = BTreeMap::new();
        for observed in reports.iter().filter(|o| self.newest.is_none_or(|newest| o.seen.at > newest)) {
            let kept = by_time.entry(observed.seen.at).or_insert(observed);
            if rank(observed) < rank(kept) {
                *kept = observed;
            }
        }
        let mut news = News::default();
        for (at, observed) in by_time {
            let mut found = Found::default();
            self.bus.step(plans, observed, (limits, others), &mut found);
            self.newest = Some(at);
            news.passings.append(&mut found.passings);
            news.events.append(&mut found.events);
            news.notes.append(&mut found.notes);
            go_on(&mut self.ran, found.ran);
        }
        self.runs.extend(news.passings.iter().map(|p| (p.feed.clone(), p.run.clone())));
        for p in news.passings.iter().filter(|p| p.headway.is_some()) {
            self.set_outs.entry((p.feed.clone(), p.run.clone())).or_insert((p.at, p.due));
        }
        self.last = news.passings.last().or(self.last.as_ref()).cloned();
        news
    }

    /// When it was last seen, as its device says.
    pub fn newest(&self) -> Option<UtcMillis> {
        self.newest
    }

    /// Nothing comes after: what holds ends where the bus was last seen.
    pub fn close(&mut self) -> Vec<TransitEvent> {
        let Some(last) = &self.bus.last else { return Vec::new() };
        self.bus.held.close(last.seen.at, last.seen.position)
    }
}

/// An order of reports that hangs on nothing but what they say.
fn rank(o: &Observed) -> (u64, u64, u64, Option<bool>, Option<bool>, bool, Option<&super::assign::SignOn>) {
    let bits = |v: f64| v.to_bits();
    let (lat, lon) = (o.seen.position.lat.0, o.seen.position.lon.0);
    (bits(lat), bits(lon), bits(o.seen.speed.0), o.doors_open, o.engine_on, o.sos, o.signed.as_ref())
}
