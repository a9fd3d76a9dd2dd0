//! Crossings added up by the minute of the street, with how much of that minute was really looked at.
//!
//! A minute is told once it is over and a little later. Crossings do not wait for that longer than [`PART`], and one that
//! becomes certain late is told late: each as one more [`MinuteCounts`] of the same minute, and whoever keeps them adds
//! them up. A minute that was watched is told even if nothing crossed, so that "no traffic" and "nobody looked" are two
//! different things.

use std::collections::BTreeMap;

use super::{Direction, LineCrossing};
use crate::detection::Class;
use crate::ids::LineId;
use crate::units::{DurationMs, UtcMillis};

pub const MINUTE: DurationMs = DurationMs(60_000);
/// A minute is told this long after its end: crossings become certain a little after they happened.
const GRACE: DurationMs = DurationMs(10_000);
/// A crossing is told this long after it happened, though its minute still runs.
const PART: DurationMs = DurationMs(15_000);
/// Between two signs of life of a stream that are farther apart, nobody was looking.
const WATCHED_GAP: DurationMs = DurationMs(5_000);
/// The same between two analysed pictures; key frames come every two seconds.
const ANALYSED_GAP: DurationMs = DurationMs(2_500);
/// Minutes kept open; beyond it the oldest is told early.
const OPEN_MAX: usize = 32;

/// What one camera counted in one minute. More of the same minute may follow and is to be added.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MinuteCounts {
    /// Begin of the minute: a whole multiple of 60,000.
    pub minute: UtcMillis,
    /// How much of it the stream was there and judged, decoded or not; at most a minute.
    pub watched: DurationMs,
    /// How much of it pictures went through the network; at most `watched`.
    pub analysed: DurationMs,
    /// Only what is above zero.
    pub crossings: Vec<MinuteCount>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MinuteCount {
    pub line: LineId,
    pub class: Class,
    pub direction: Direction,
    pub crossings: u32,
}

/// Adds up one camera's minutes. Times are the street's; only [`Tally::tick`] takes the gateway's own.
#[derive(Debug, Default)]
pub struct Tally {
    open_by_minute: BTreeMap<UtcMillis, Open>,
    watched: Option<UtcMillis>,
    analysed: Option<UtcMillis>,
    /// Gateway's time less the street's, from the last tick that had news of the street.
    offset: DurationMs,
    news: bool,
}

#[derive(Debug, Default)]
struct Open {
    watched: i64,
    analysed: i64,
    crossings: BTreeMap<(LineId, Class, Direction), u32>,
    /// When the first of `crossings` was told of, by the street's time.
    crossed: Option<UtcMillis>,
}

impl Tally {
    /// The stream was there at `at` and could be looked at: call it for every access unit or picture of which that is so,
    /// whatever is done with it.
    pub fn watched(&mut self, at: UtcMillis) {
        self.news = true;
        if let Some(since) = self.watched.replace(at) {
            self.add(since, at, WATCHED_GAP, |open| &mut open.watched);
        }
    }

    /// A picture of `at` went through the network, some time after [`Tally::watched`] was told of it.
    pub fn analysed(&mut self, at: UtcMillis) {
        if let Some(since) = self.analysed.replace(at) {
            self.add(since, at, ANALYSED_GAP, |open| &mut open.analysed);
        }
    }

    pub fn crossing(&mut self, at: UtcMillis, crossing: &LineCrossing) {
        let key = (crossing.line.clone(), crossing.class, crossing.direction);
        let watched = self.watched.unwrap_or(at);
        let open = self.open(at);
        open.crossed.get_or_insert(watched);
        let n = open.crossings.entry(key).or_default();
        *n = n.saturating_add(1);
    }

    /// Appends what is to be told by now of each minute, oldest first. `now` is the gateway's time: while the camera is silent the
    /// street's time goes on with it.
    pub fn tick(&mut self, now: UtcMillis, out: &mut Vec<MinuteCounts>) {
        if let Some(street) = self.watched.filter(|_| self.news) {
            self.offset = now.since(street);
            self.news = false;
        }
        let street = now - self.offset;
        // A minute from the future is one from before the clock was set back.
        let is_over = |minute: UtcMillis| {
            street.since(minute).0 >= MINUTE.0 + GRACE.0 || minute.since(street).0 > GRACE.0
        };
        let waits = |open: &Open| {
            open.crossed.is_some_and(|at| street.since(at).0.unsigned_abs() >= PART.0.unsigned_abs())
        };
        let due = |(minute, open): (&UtcMillis, &Open)| (is_over(*minute) || waits(open)).then_some(*minute);
        let due: Vec<UtcMillis> = self.open_by_minute.iter().filter_map(due).collect();
        out.extend(due.into_iter().filter_map(|minute| self.close(minute)));
        while self.open_by_minute.len() > OPEN_MAX {
            let oldest = self.open_by_minute.keys().next().copied();
            out.extend(oldest.and_then(|minute| self.close(minute)));
        }
    }

    /// Appends everything that is still open.
    pub fn finish(&mut self, out: &mut Vec<MinuteCounts>) {
        let open: Vec<UtcMillis> = self.open_by_minute.keys().copied().collect();
        out.extend(open.into_iter().filter_map(|minute| self.close(minute)));
    }

    fn close(&mut self, minute: UtcMillis) -> Option<MinuteCounts> {
        let open = self.open_by_minute.remove(&minute)?;
        let count = |((line, class, direction), crossings)| MinuteCount { line, class, direction, crossings };
        let watched = open.watched.min(MINUTE.0);
        Some(MinuteCounts {
            minute,
            watched: DurationMs(watched),
            analysed: DurationMs(open.analysed.min(watched)),
            crossings: open.crossings.into_iter().map(count).collect(),
        })
    }

    /// Adds the time between two signs to the minutes it lies in.
    fn add(&mut self, since: UtcMillis, at: UtcMillis, gap: DurationMs, of: impl Fn(&mut Open) -> &mut i64) {
        if !(1..=gap.0).contains(&at.since(since).0) {
            return;
        }
        let mut from = since;
        while from < at {
            let to = at.min(minute_of(from) + MINUTE);
            *of(self.open(from)) += to.since(from).0;
            from = to;
        }
    }

    fn open(&mut self, at: UtcMillis) -> &mut Open {
        self.open_by_minute.entry(minute_of(at)).or_default()
    }
}

/// Begin of the minute that `at` lies in.
pub fn minute_of(at: UtcMillis) -> UtcMillis {
    UtcMillis(at.0.saturating_sub(at.0.rem_euclid(MINUTE.0)))
}

#[cfg(test)]
#[path = "minutes_tests.rs"]
mod tests;
