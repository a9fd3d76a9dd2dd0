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
    /// Of each run the calls that it passed.
    pub calls_by_run: BTreeMap<(FeedId, RunKey), BTreeSet<usize>>,
    /// The first stop that it was seen to pass of each run whose times are no promise: when, and when by the times of its way.
    pub set_outs: BTreeMap<(FeedId, RunKey), (UtcMillis, UtcMillis)>,
    /// The stop it passed last.
    pub last: Option<Passing>,
    pub(super) newest: Option<UtcMillis>,
    /// When it last called for help from a place that is not believed.
    called: Option<UtcMillis>,
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
            calls_by_run: BTreeMap::new(),
            set_outs: BTreeMap::new(),
            last: None,
            newest: None,
            called: None,
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
        // Of one moment, what is believed of it comes first.
        let mut by_time: BTreeMap<(UtcMillis, bool), &Observed> = BTreeMap::new();
        for observed in reports.iter().filter(|o| self.is_new(o)) {
            let kept = by_time.entry((observed.seen.at, !observed.placed)).or_insert(observed);
            if rank(observed) < rank(kept) {
                *kept = observed;
            }
        }
        let mut news = News::default();
        for ((at, is_call), observed) in by_time {
            let mut found = Found::default();
            self.bus.step(plans, observed, (limits, others), &mut found);
            *(if is_call { &mut self.called } else { &mut self.newest }) = Some(at);
            news.passings.append(&mut found.passings);
            news.events.append(&mut found.events);
            news.notes.append(&mut found.notes);
            go_on(&mut self.ran, found.ran);
        }
        news.passings.iter().for_each(|p| self.pass(p));
        self.last = news.passings.last().or(self.last.as_ref()).cloned();
        news
    }

    fn is_new(&self, observed: &Observed) -> bool {
        let at = observed.seen.at;
        if observed.placed {
            self.newest.is_none_or(|newest| at > newest)
        } else {
            self.newest.is_none_or(|newest| at >= newest) && self.called.is_none_or(|called| at > called)
        }
    }

    /// Remembers that it passed a stop.
    pub fn pass(&mut self, p: &Passing) {
        let run = || (p.feed.clone(), p.run.clone());
        self.calls_by_run.entry(run()).or_default().insert(p.call);
        if p.headway.is_some() {
            self.set_outs.entry(run()).or_insert((p.at, p.due));
        }
    }

    /// Whether anything was heard of it.
    pub fn is_heard(&self) -> bool {
        self.newest.is_some() || self.called.is_some()
    }

    /// When it was last seen, as its device says.
    pub fn newest(&self) -> Option<UtcMillis> {
        self.newest
    }

    /// Nothing comes after: what holds ends where the bus was last seen.
    pub fn close(&mut self) -> Vec<TransitEvent> {
        let last = self.bus.last.as_ref().map(|last| (last.seen.at, last.seen.position));
        let Some(at) = last.map(|(at, _)| at).max(self.called) else { return Vec::new() };
        self.bus.held.close(at, last.map(|(_, place)| place))
    }
}

/// An order of reports that hangs on nothing but what they say. A call for help comes first.
fn rank(o: &Observed) -> impl Ord + '_ {
    let bits = |v: f64| v.to_bits();
    let (lat, lon) = (o.seen.position.lat.0, o.seen.position.lon.0);
    let course = o.seen.course.map(|d| bits(d.0));
    (!o.sos, bits(lat), bits(lon), bits(o.seen.speed.0), course, o.doors_open, o.engine_on, o.signed.as_ref())
}
