//! How good predictions were, measured all the time: what was told is kept until the bus has come, then compared. Added up by
//! service day, so that it can be kept and gone on with. Where no bus was seen to come there is nothing to compare: that is counted.

use std::collections::{BTreeMap, BTreeSet};

use time::Date;

use super::eta::Arrival;
use super::passing::Passing;
use super::timetable::{FeedId, RouteId, RunKey};
use crate::units::{DurationMs, UtcMillis};

/// How long before it happened something was told: up to 3, 6, 12, 20 and 30 minutes.
pub const LEADS_MIN: [i64; 5] = [3, 6, 12, 20, 30];
/// One told time is kept for each stop and so long.
const EVERY_MS: i64 = 60_000;
/// What has not happened so long after it was told last never did, as far as anybody knows.
const KEPT_MS: i64 = 2 * 3_600_000;
/// East of Greenwich it is a day on.
const AHEAD: DurationMs = DurationMs(24 * 3_600_000);
/// Service days that are added up for whoever asks, the newest among them.
pub const DAYS: u16 = 7;

/// Errors of what was told of one route within one lead.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Errors {
    pub scored: u64,
    pub absolute_s: f64,
    pub signed_s: f64,
    pub within_60: u64,
    pub within_180: u64,
}

/// Errors by lead, shortest first.
pub type ByLead = [Errors; LEADS_MIN.len()];
type OfDay = (FeedId, Date, RouteId, Source);
/// When it was told, which time, and by what.
type Told = (UtcMillis, UtcMillis, Source);

/// What passengers were told an arrival by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    /// Where a bus was seen, on the run or on the one before it in its block.
    Bus,
    /// Nothing but the timetable: nobody was seen on the run just then.
    Timetable,
}

/// Errors of one route on one service day within one lead, as they are kept.
#[derive(Debug, Clone, PartialEq)]
pub struct Scored {
    pub feed: FeedId,
    pub day: Date,
    pub route: RouteId,
    pub source: Source,
    /// One of [`LEADS_MIN`].
    pub lead_min: i64,
    pub errors: Errors,
}

/// What became of arrivals that passengers were told of, each counted once for whatever it was told by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Outcomes {
    pub came: u64,
    /// No bus was seen to come within two hours of when it was told last. Of what nobody was seen on it may have come all the same.
    pub never_came: u64,
}

/// What was told of one stop of a run.
#[derive(Debug, Clone, PartialEq)]
struct Awaited {
    route: RouteId,
    /// In the order in which it was told; never empty.
    told: Vec<Told>,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub struct Accuracy {
    /// By stop of a run.
    told: BTreeMap<(FeedId, RunKey, usize), Awaited>,
    by_day: BTreeMap<OfDay, ByLead>,
    /// Since the start: they are not kept.
    outcomes: BTreeMap<OfDay, Outcomes>,
    /// Sums, with the place of their lead, that are not kept as they are now.
    changed: BTreeSet<(OfDay, usize)>,
    resumed: bool,
    /// No service day is later: what is was made by a clock that was ahead.
    last: Option<Date>,
}

impl Source {
    /// Short stable name for the store.
    pub fn name(self) -> &'static str {
        match self {
            Source::Bus => "bus",
            Source::Timetable => "timetable",
        }
    }

    pub fn named(name: &str) -> Option<Self> {
        [Self::Bus, Self::Timetable].into_iter().find(|source| source.name() == name)
    }
}

impl Accuracy {
    /// Remembers what is told at `now` of one run of a route.
    pub fn told(
        &mut self,
        (feed, route): (&FeedId, &RouteId),
        source: Source,
        arrivals: &[Arrival],
        now: UtcMillis,
    ) {
        let lead_ms = LEADS_MIN[LEADS_MIN.len() - 1] * 60_000;
        for a in arrivals.iter().filter(|a| a.at.since(now).0 <= lead_ms) {
            let awaited = self.told.entry((feed.clone(), a.run.clone(), a.call));
            let list = &mut awaited.or_insert_with(|| Awaited::of(route)).told;
            // A bus that is seen on its run tells at once what only the timetable told before.
            if list.last().is_none_or(|(at, _, by)| now.since(*at).0 >= EVERY_MS || *by != source) {
                list.push((now, a.at, source));
            }
        }
    }

    /// A bus came: everything told before of this stop is scored, once.
    pub fn came(&mut self, p: &Passing) {
        let Some(awaited) = self.told.remove(&(p.feed.clone(), p.run.clone(), p.call)) else { return };
        let of_day = |source| (p.feed.clone(), p.run.date, p.route.clone(), source);
        let before: Vec<Told> = awaited.told.into_iter().filter(|(at, ..)| *at < p.at).collect();
        for source in sources(&before) {
            self.outcomes.entry(of_day(source)).or_default().came += 1;
        }
        for (at, said, source) in before {
            let lead = p.at.since(at).0;
            let Some(bucket) = LEADS_MIN.iter().position(|min| lead <= min * 60_000) else { continue };
            self.by_day.entry(of_day(source)).or_default()[bucket].add(said.since(p.at));
            self.changed.insert((of_day(source), bucket));
        }
    }

    /// Counts what was told and never happened, and forgets it, and days that are not added up any more and are kept.
    pub fn forget(&mut self, now: UtcMillis) {
        for ((feed, run, _), awaited) in &self.told {
            // What was told by a clock that was ahead says nothing of buses.
            if awaited.age_ms(now) < KEPT_MS {
                continue;
            }
            for source in sources(&awaited.told) {
                let of_day = (feed.clone(), run.date, awaited.route.clone(), source);
                self.outcomes.entry(of_day).or_default().never_came += 1;
            }
        }
        self.told.retain(|_, awaited| awaited.age_ms(now).abs() < KEPT_MS);
        let last = date_of(now + AHEAD);
        self.last = Some(last);
        let oldest = last.saturating_sub(time::Duration::days(i64::from(DAYS) + 1));
        self.outcomes.retain(|of_day, _| of_day.1 >= oldest);
        let Some(first) = self.first_day() else { return };
        let waits = |of_day: &OfDay| self.changed.iter().any(|(changed, _)| changed == of_day);
        self.by_day.retain(|of_day, _| of_day.1 >= first || waits(of_day));
    }

    /// What became of what was told of each route by this, over the same days as [`Accuracy::routes`].
    pub fn outcomes(&self, told_by: Source) -> BTreeMap<(&FeedId, &RouteId), Outcomes> {
        let mut routes: BTreeMap<(&FeedId, &RouteId), Outcomes> = BTreeMap::new();
        let first = self.first_day();
        for ((feed, day, route, source), more) in &self.outcomes {
            if *source == told_by && first.is_none_or(|first| *day >= first) && self.is_there(*day) {
                let sums = routes.entry((feed, route)).or_default();
                sums.came += more.came;
                sums.never_came += more.never_came;
            }
        }
        routes
    }

    /// Errors of each route over the newest [`DAYS`] service days, of what was told by this.
    pub fn routes(&self, told_by: Source) -> BTreeMap<(&FeedId, &RouteId), ByLead> {
        let mut routes: BTreeMap<(&FeedId, &RouteId), ByLead> = BTreeMap::new();
        let first = self.first_day();
        for ((feed, day, route, source), errors) in &self.by_day {
            if *source == told_by && first.is_none_or(|first| *day >= first && self.is_there(*day)) {
                let sums = routes.entry((feed, route)).or_default();
                sums.iter_mut().zip(errors).for_each(|(sum, more)| sum.join(more));
            }
        }
        routes
    }

    fn is_there(&self, day: Date) -> bool {
        self.last.is_none_or(|last| day <= last)
    }

    fn first_day(&self) -> Option<Date> {
        let newest = self.by_day.keys().map(|(_, day, ..)| *day).filter(|day| self.is_there(*day)).max()?;
        Some(newest.saturating_sub(time::Duration::days(i64::from(DAYS) - 1)))
    }

    /// Goes on from what was kept before the start: added to what has been scored since, and only the first time. Leads of another
    /// build are left out.
    pub fn resume(&mut self, kept: impl IntoIterator<Item = Scored>) {
        if std::mem::replace(&mut self.resumed, true) {
            return;
        }
        for Scored { feed, day, route, source, lead_min, errors } in kept {
            if let Some(bucket) = LEADS_MIN.iter().position(|min| *min == lead_min) {
                self.by_day.entry((feed, day, route, source)).or_default()[bucket].join(&errors);
            }
        }
    }

    /// Whole sums that are not kept as they are, to be kept in place of what was kept of them. Nothing before [`Accuracy::resume`]:
    /// a part of a day must not take the place of the whole.
    pub fn changed(&self) -> Vec<Scored> {
        let scored = |(of_day, bucket): &(OfDay, usize)| {
            let errors = self.by_day.get(of_day)?[*bucket];
            let (feed, day, route, source) = of_day.clone();
            Some(Scored { feed, day, route, source, lead_min: LEADS_MIN[*bucket], errors })
        };
        self.changed.iter().filter(|_| self.resumed).filter_map(scored).collect()
    }

    /// These are kept. What was scored meanwhile has changed still.
    pub fn kept(&mut self, scored: Vec<Scored>) {
        for Scored { feed, day, route, source, lead_min, errors } in scored {
            let Some(bucket) = LEADS_MIN.iter().position(|min| *min == lead_min) else { continue };
            let of_day = (feed, day, route, source);
            if self.by_day.get(&of_day).is_some_and(|by_lead| by_lead[bucket] == errors) {
                self.changed.remove(&(of_day, bucket));
            }
        }
    }
}

impl Awaited {
    fn of(route: &RouteId) -> Self {
        Self { route: route.clone(), told: Vec::new() }
    }

    /// Since it was told last; negative when time ran backwards.
    fn age_ms(&self, now: UtcMillis) -> i64 {
        self.told.last().map_or(KEPT_MS, |(at, ..)| now.since(*at).0)
    }
}

fn sources(told: &[Told]) -> BTreeSet<Source> {
    told.iter().map(|(.., source)| *source).collect()
}

fn date_of(at: UtcMillis) -> Date {
    let seconds = at.0.div_euclid(1_000);
    time::OffsetDateTime::from_unix_timestamp(seconds).map_or(Date::MAX, time::OffsetDateTime::date)
}

impl Errors {
    fn join(&mut self, more: &Self) {
        self.scored += more.scored;
        self.absolute_s += more.absolute_s;
        self.signed_s += more.signed_s;
        self.within_60 += more.within_60;
        self.within_180 += more.within_180;
    }

    fn add(&mut self, error: DurationMs) {
        let s = error.seconds();
        self.scored += 1;
        self.absolute_s += s.abs();
        self.signed_s += s;
        self.within_60 += u64::from(s.abs() <= 60.0);
        self.within_180 += u64::from(s.abs() <= 180.0);
    }
}

#[cfg(test)]
#[path = "accuracy_tests.rs"]
mod tests;
