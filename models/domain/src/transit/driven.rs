//! The ways that a bus drove: what was told of it among others can be held against them when reports come late.

use std::sync::Arc;

use super::as_one::Way;
use super::day::BusDay;
use super::evidence::when;
use super::plan::DayPlan;
use super::vehicle::{Doing, Work};
use crate::units::{DurationMs, Meters, UtcMillis};

/// Of a way that was driven one place is remembered in so long: bunching that is told lasts as long. A place is 16 bytes: 17 KB of a
/// bus and a day of eighteen hours, and 0.18 GB of 10,000 buses (reckoned, not measured).
const APART: DurationMs = DurationMs(60_000);

/// A run that a bus was on, and where it was then.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Driven {
    pub plan: Arc<DayPlan>,
    /// Index into the plan's runs.
    pub run: usize,
    /// Where it was along the shape, oldest first and never back.
    pub trace: Vec<(UtcMillis, Meters)>,
}

/// The same of what a bus did or still does.
#[derive(Debug, Clone, Copy)]
pub(super) struct Drive<'a> {
    pub plan: &'a Arc<DayPlan>,
    pub run: usize,
    pub trace: &'a [(UtcMillis, Meters)],
}

impl Driven {
    pub fn of(doing: &Doing) -> Self {
        let (mut trace, last): (Vec<(UtcMillis, Meters)>, _) =
            (Vec::new(), doing.trace.len().saturating_sub(1));
        for (i, (at, along)) in doing.trace.iter().enumerate() {
            if i == last || trace.last().is_none_or(|(before, _)| at.since(*before).0 >= APART.0) {
                trace.push((*at, *along));
            }
        }
        trace.shrink_to_fit();
        Self { plan: doing.plan.clone(), run: doing.run, trace }
    }
}

impl Drive<'_> {
    pub fn way(&self) -> Way {
        let table = &self.plan.timetable;
        let pattern = table.pattern(&self.plan.runs[self.run]);
        (Arc::as_ptr(table) as usize, pattern.route, pattern.direction)
    }

    pub fn pattern(&self) -> usize {
        self.plan.timetable.trip(&self.plan.runs[self.run]).pattern
    }

    /// Whether it was on its way at some time from one moment to another.
    pub fn overlaps(&self, from: UtcMillis, to: UtcMillis) -> bool {
        let span = self.trace.first().zip(self.trace.last());
        span.is_some_and(|((first, _), (last, _))| *first <= to && from <= *last)
    }

    /// Where it was from one moment to another.
    pub fn between(&self, from: UtcMillis, to: UtcMillis) -> impl Iterator<Item = &(UtcMillis, Meters)> {
        self.trace.iter().filter(move |(at, _)| (from..=to).contains(at))
    }

    /// When it was `along` its shape, if it was watched then.
    pub fn when(&self, along: Meters) -> Option<UtcMillis> {
        when(self.trace, along)
    }
}

impl BusDay {
    /// Everything that the bus drove this day, as far as anybody knows.
    pub(super) fn drives(&self) -> impl Iterator<Item = Drive<'_>> {
        let now = match &self.bus.work {
            Work::Running(doing) => Some(Drive { plan: &doing.plan, run: doing.run, trace: &doing.trace }),
            Work::Unknown | Work::Waiting(_) | Work::Finished { .. } => None,
        };
        let before = self.bus.driven.iter();
        before.map(|Driven { plan, run, trace }| Drive { plan, run: *run, trace }).chain(now)
    }
}
