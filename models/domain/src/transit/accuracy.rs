//! How good predictions were, measured all the time: what was told is kept until the bus has come, then compared. Added up by
//! service day, so that it can be kept and gone on with.

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
/// What never happened is forgotten after so long.
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
    /// Nothing but the timetable: nobody was seen on the run.
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

#[derive(Debug, Clone, Default, PartialEq)]
pub struct Accuracy {
    /// Of each stop of a run.
    told: BTreeMap<(FeedId, RunKey, usize), Vec<Told>>,
    by_day: BTreeMap<OfDay, ByLead>,
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
    /// Remembers what is told at `now` of one run.
    pub fn told(&mut self, feed: &FeedId, source: Source, arrivals: &[Arrival], now: UtcMillis) {
        let lead_ms = LEADS_MIN[LEADS_MIN.len() - 1] * 60_000;
        for a in arrivals.iter().filter(|a| a.at.since(now).0 <= lead_ms) {
            let list = self.told.entry((feed.clone(), a.run.clone(), a.call)).or_default();
            if list.last().is_none_or(|(at, ..)| now.since(*at).0 >= EVERY_MS) {
                list.push((now, a.at, source));
            }
        }
    }

    /// A bus came: everything told before of this stop is scored, once.
    pub fn came(&mut self, p: &Passing) {
        let Some(list) = self.told.remove(&(p.feed.clone(), p.run.clone(), p.call)) else { return };
        for (at, said, source) in list.into_iter().filter(|(at, ..)| *at < p.at) {
            let lead = p.at.since(at).0;
            let Some(bucket) = LEADS_MIN.iter().position(|min| lead <= min * 60_000) else { continue };
            let of_day = (p.feed.clone(), p.run.date, p.route.clone(), source);
            self.by_day.entry(of_day.clone()).or_default()[bucket].add(said.since(p.at));
            self.changed.insert((of_day, bucket));
        }
    }

    /// Forgets what was told and never happened, and days that are not added up any more and are kept.
    pub fn forget(&mut self, now: UtcMillis) {
        self.told.retain(|_, list| list.last().is_some_and(|(at, ..)| now.since(*at).0.abs() < KEPT_MS));
        self.last = Some(date_of(now + AHEAD));
        let Some(first) = self.first_day() else { return };
        let waits = |of_day: &OfDay| self.changed.iter().any(|(changed, _)| changed == of_day);
        self.by_day.retain(|of_day, _| of_day.1 >= first || waits(of_day));
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
mod tests {
    use super::*;
    use time::macros::date;

    const MONDAY: Date = date!(2026 - 03 - 02);

    fn s(s: i64) -> UtcMillis {
        UtcMillis(s * 1000)
    }

    fn run(date: Date) -> RunKey {
        RunKey { date, trip: "t".into(), start_s: None }
    }

    fn told(date: Date, at: UtcMillis) -> Arrival {
        Arrival { run: run(date), call: 4, stop: "x".into(), due: s(900), at, spread: DurationMs(0) }
    }

    fn passing(date: Date, at: UtcMillis) -> Passing {
        Passing {
            vehicle: "bus".parse().unwrap(),
            feed: "f".into(),
            route: "r".into(),
            direction: None,
            run: run(date),
            call: 4,
            stop: "x".into(),
            at,
            due: s(900),
            headway: None,
            gap: DurationMs(0),
        }
    }

    /// Told two minutes before, by so much too late.
    fn score(accuracy: &mut Accuracy, date: Date, error_s: i64) {
        accuracy.told(&"f".into(), Source::Bus, &[told(date, s(900 + error_s))], s(780));
        accuracy.came(&passing(date, s(900)));
    }

    fn shown(accuracy: &Accuracy) -> Vec<(u64, f64)> {
        let routes = accuracy.routes(Source::Bus);
        routes.into_values().next().unwrap_or_default().iter().map(|e| (e.scored, e.signed_s)).collect()
    }

    #[test]
    fn what_was_told_is_scored_once_by_its_lead() {
        let mut accuracy = Accuracy::default();
        let feed = FeedId::from("f");
        accuracy.told(&feed, Source::Bus, &[told(MONDAY, s(1000))], s(0));
        accuracy.told(&feed, Source::Bus, &[told(MONDAY, s(5000))], s(10));
        accuracy.told(&feed, Source::Bus, &[told(MONDAY, s(900))], s(800));
        accuracy.came(&passing(MONDAY, s(910)));
        accuracy.came(&passing(MONDAY, s(910)));
        // 110 s before: 10 s too early. 910 s before: 90 s too late.
        assert_eq!(shown(&accuracy), [(1, -10.0), (0, 0.0), (0, 0.0), (1, 90.0), (0, 0.0)]);
        assert_eq!(accuracy.routes(Source::Bus).into_values().next().unwrap()[3].within_60, 0);
    }

    #[test]
    fn what_was_only_the_timetable_is_scored_apart() {
        let mut accuracy = Accuracy::default();
        accuracy.resume([]);
        let feed = FeedId::from("f");
        // Nobody was seen on it until a minute before.
        accuracy.told(&feed, Source::Timetable, &[told(MONDAY, s(900))], s(200));
        accuracy.told(&feed, Source::Timetable, &[told(MONDAY, s(900))], s(800));
        accuracy.told(&feed, Source::Bus, &[told(MONDAY, s(955))], s(900));
        accuracy.came(&passing(MONDAY, s(960)));
        let scored = |source| {
            let all = accuracy.routes(source).into_values().next().unwrap_or_default();
            all.map(|e| (e.scored, e.signed_s))
        };
        let none = (0, 0.0);
        assert_eq!(scored(Source::Bus), [(1, -5.0), none, none, none, none]);
        assert_eq!(scored(Source::Timetable), [(1, -60.0), none, none, (1, -60.0), none]);
        // They are kept apart and gone on with.
        let kept = accuracy.changed();
        assert_eq!(kept.iter().filter(|kept| kept.source == Source::Timetable).count(), 2);
        let mut after = Accuracy::default();
        after.resume(kept);
        for source in [Source::Bus, Source::Timetable] {
            assert_eq!(after.routes(source), accuracy.routes(source));
            assert_eq!(Source::named(source.name()), Some(source));
        }
        assert_eq!(Source::named("hearsay"), None);
    }

    #[test]
    fn what_was_kept_goes_on_and_nothing_counts_twice() {
        let mut before = Accuracy::default();
        before.resume([]);
        score(&mut before, MONDAY, 20);
        let kept = before.changed();
        assert_eq!((kept.len(), kept[0].lead_min, kept[0].errors.scored), (1, 3, 1));
        assert_eq!(before.changed(), kept, "nobody said that they are kept");
        before.kept(kept.clone());
        assert_eq!(before.changed(), []);
        // Scored again while it was being kept.
        score(&mut before, MONDAY, 40);
        before.kept(kept.clone());
        assert_eq!(before.changed()[0].errors.scored, 2);

        let mut after = Accuracy::default();
        score(&mut after, MONDAY, -50);
        assert_eq!(after.changed(), [], "a part must not take the place of the whole");
        let other = Scored { lead_min: 99, ..kept[0].clone() };
        after.resume(kept.into_iter().chain([other]));
        after.resume(before.changed());
        assert_eq!(shown(&after)[0], (2, -30.0));
        let kept = after.changed();
        assert_eq!((kept.len(), kept[0].errors.scored, kept[0].errors.absolute_s), (1, 2, 70.0));
    }

    #[test]
    fn a_week_of_service_days_is_shown_and_what_is_not_kept_is_not_forgotten() {
        let mut accuracy = Accuracy::default();
        accuracy.resume([]);
        // Of the last of these days.
        let now = UtcMillis(1_772_409_600_000 + 7 * 86_400_000);
        for days in 0..8 {
            score(&mut accuracy, MONDAY.saturating_add(time::Duration::days(days)), 1);
        }
        assert_eq!(shown(&accuracy)[0], (7, 7.0));
        accuracy.forget(now);
        let changed = accuracy.changed();
        assert_eq!((changed.len(), accuracy.by_day.len()), (8, 8));
        accuracy.kept(changed);
        accuracy.forget(now);
        assert_eq!((accuracy.by_day.len(), shown(&accuracy)[0]), (7, (7, 7.0)));
    }
}
