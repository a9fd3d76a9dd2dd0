//! What a bus is about: a run that it does, and how far it has come on it.

use std::sync::Arc;

use super::evidence::when;
use super::matching::Matcher;
use super::passing::{Passing, between, mark};
use super::plan::DayPlan;
use super::timetable::{FeedId, RunKey};
use crate::ids::VehicleId;
use crate::units::{DurationMs, Meters, UtcMillis};

/// What a bus is about.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Work {
    /// On no run that we know: pull-out, deadhead, depot, or not a bus in service.
    #[default]
    Unknown,
    /// At the first stop of a run that has not begun.
    Waiting(Box<Doing>),
    Running(Box<Doing>),
    /// Its run is over, and no next one is known yet.
    Finished {
        feed: FeedId,
        run: RunKey,
    },
}

/// A run that a bus does.
#[derive(Debug, Clone, PartialEq)]
pub struct Doing {
    pub plan: Arc<DayPlan>,
    /// Index into the plan's runs.
    pub run: usize,
    pub along: Meters,
    /// The fix that `along` is of.
    pub at: UtcMillis,
    /// First call that has not been passed.
    pub next_call: usize,
    /// Where it was along the shape, oldest first.
    pub trace: Vec<(UtcMillis, Meters)>,
    /// Since when fixes lie off the line.
    pub off_since: Option<UtcMillis>,
    /// No other run is nearly as likely. Until then nothing is told of it that cannot be taken back.
    pub sure: bool,
    /// Stops that it passed before that was sure.
    pub(super) pending: Vec<Passing>,
    pub(super) matcher: Matcher,
    /// Evaluations in a row in which another run fitted better.
    pub(super) doubts: u32,
    /// First place that was known: stops before it were not watched.
    pub(super) from: Meters,
    /// When it last came forward.
    pub(super) front: UtcMillis,
}

impl Doing {
    pub fn key(&self) -> (FeedId, RunKey) {
        (self.plan.feed.clone(), self.plan.key(self.run))
    }

    pub fn length(&self) -> Meters {
        self.plan.timetable.pattern(&self.plan.runs[self.run]).shape.length()
    }

    pub fn is_over(&self) -> bool {
        self.next_call >= self.plan.timetable.trip(&self.plan.runs[self.run]).calls.len()
    }

    /// How late the bus is at its last known place; negative when early. Waiting for its start it is late once that is over. `None`
    /// where no time is promised.
    pub fn late(&self) -> Option<DurationMs> {
        let (table, run) = (&self.plan.timetable, &self.plan.runs[self.run]);
        table.keeps_times(run).then(|| self.at.since(table.due(run, self.along)))
    }

    /// When it left its first stop; reckoned from the times of its way where it was first seen on it.
    pub fn set_out(&self) -> UtcMillis {
        let (table, run) = (&self.plan.timetable, &self.plan.runs[self.run]);
        let (at, along) = self.trace.first().copied().unwrap_or((self.at, self.along));
        let seen = self.when(mark(&table.pattern(run).stops, 0));
        seen.unwrap_or_else(|| at - table.due(run, along).since(table.departs(run, 0)))
    }

    /// When it was `along` its shape, if it was watched then.
    pub fn when(&self, along: Meters) -> Option<UtcMillis> {
        when(&self.trace, along)
    }

    /// First place on this run that was watched.
    pub fn watched_from(&self) -> Meters {
        self.from
    }

    /// When it last came forward.
    pub(super) fn front(&self) -> UtcMillis {
        self.front
    }

    /// Stops that it was seen to pass.
    pub(super) fn passed_while_watched(&self) -> usize {
        let stops = &self.plan.timetable.pattern(&self.plan.runs[self.run]).stops;
        (0..self.next_call).filter(|call| mark(stops, *call).0 > self.from.0).count()
    }

    /// On to a place; what it passed on the way, each call once.
    pub(super) fn go(&mut self, vehicle: &VehicleId, at: UtcMillis, along: Meters) -> Vec<Passing> {
        let along = Meters(along.0.max(self.along.0));
        let mut passed = between(&self.plan, self.run, vehicle, (self.at, self.along), (at, along));
        passed.retain(|p| p.call >= self.next_call);
        if let Some(last) = passed.last() {
            self.next_call = last.call + 1;
        }
        if along.0 > self.along.0 + 5.0 {
            self.front = at;
        }
        (self.at, self.along) = (at, along);
        self.trace.push((at, along));
        passed
    }
}
