//! What is to be: operators' timetables, and the plans of the days that buses may be driving. Read by everybody, never changed:
//! whoever learns of something new puts another in its place.

use std::collections::BTreeMap;
use std::sync::Arc;

use control_center_gtfs::feeds::{Feeds, Version};
use control_center_gtfs::report::Weight;
use control_center_gtfs::{Source, Zone, read};
use control_center_store::{Span, TimetableRow};
use models_domain::transit::pace::Habit;
use models_domain::transit::plan::DayPlan;
use models_domain::transit::timetable::{FeedId, Timetable};
use models_domain::{DurationMs, UtcMillis};
use time::Date;

/// Buses' days begin at this local hour, when hardly any runs.
const DAY_BEGINS: DurationMs = DurationMs(3 * 3_600_000);

/// The buses' day of a moment in a zone: the one whose [`day_span`] holds it, also in a night in which clocks are changed.
pub fn day_at(zone: &Zone, at: UtcMillis) -> Date {
    let date = zone.date(at - DAY_BEGINS);
    if at < begin(zone, date) {
        return date.previous_day().unwrap_or(date);
    }
    date.next_day().filter(|next| begin(zone, *next) <= at).unwrap_or(date)
}

/// From a buses' day's begin to its end, 23 to 25 hours; `None` for the last day that can be written.
pub fn day_span(zone: &Zone, date: Date) -> Option<Span> {
    Some(Span { from: begin(zone, date), to: begin(zone, date.next_day()?) })
}

fn begin(zone: &Zone, date: Date) -> UtcMillis {
    zone.service_day(date).start + DAY_BEGINS
}

#[derive(Debug, Clone, Default)]
pub struct Planned {
    feeds: Feeds,
    pub zone_by_feed: BTreeMap<FeedId, Zone>,
    /// Of the day before, the day and the day after.
    pub plans: Vec<Arc<DayPlan>>,
    pub day: Option<Date>,
}

impl Planned {
    #[cfg(test)]
    pub fn of(feeds: Feeds, zone_by_feed: BTreeMap<FeedId, Zone>) -> Self {
        Self { feeds, zone_by_feed, ..Self::default() }
    }

    /// Reads timetables; one that cannot be read is left out, and said.
    pub fn read(rows: Vec<TimetableRow>) -> Self {
        let mut planned = Self::default();
        for row in rows {
            let name = format!("{} of {}", row.feed, row.takes_effect);
            let read = Source::from_zip(row.zip, &name).and_then(|mut s| read(&mut s, row.zone.as_deref()));
            match read {
                Ok((Some(feed), report)) => {
                    if report.is_refused() {
                        tracing::error!(
                            "the timetable {name} was imported before what is marked refused was looked for; mend that and import \
                             it again: {report}"
                        );
                    } else if report.count(Weight::LeftOut) > 0 {
                        tracing::warn!("of the timetable {name} something is left out: {report}");
                    }
                    planned.zone_by_feed.insert(row.feed.clone(), feed.zone.clone());
                    let version = Version { takes_effect: row.takes_effect, feed: Arc::new(feed) };
                    planned.feeds.add(row.feed, version);
                }
                Ok((None, report)) => tracing::error!("the timetable {name} is left out: {report}"),
                Err(err) => {
                    tracing::error!("the timetable {name} is left out: {:#}", anyhow::Error::from(err));
                }
            }
        }
        planned
    }

    /// The same on another day; `None` when it is that already, or there is no timetable.
    pub fn turned(&self, now: UtcMillis) -> Option<Self> {
        let today = self.date(now)?;
        (self.day != Some(today)).then(|| Self {
            feeds: self.feeds.clone(),
            zone_by_feed: self.zone_by_feed.clone(),
            plans: self.plans_around(today),
            day: Some(today),
        })
    }

    /// The buses' day of a moment; `None` without a timetable.
    pub fn date(&self, at: UtcMillis) -> Option<Date> {
        Some(day_at(self.zone_by_feed.values().next()?, at))
    }

    /// From a buses' day's begin to its end.
    pub fn span(&self, date: Date) -> Option<Span> {
        day_span(self.zone_by_feed.values().next()?, date)
    }

    /// Plans that a bus may be driving on a buses' day: of that day, the one before and the one after.
    pub fn plans_around(&self, date: Date) -> Vec<Arc<DayPlan>> {
        if self.day == Some(date) && !self.plans.is_empty() {
            return self.plans.clone();
        }
        let days = [date.previous_day(), Some(date), date.next_day()];
        let all = self.feeds.ids().flat_map(|id| days.iter().flatten().map(move |day| (id, *day)));
        all.filter_map(|(id, day)| self.feeds.plan(id, day)).map(Arc::new).collect()
    }

    /// The plan of a feed for a service day; of today when no day is given. `None`: no such feed.
    pub fn plan(&self, feed: &FeedId, date: Option<Date>, now: UtcMillis) -> Option<Arc<DayPlan>> {
        let date = date.or_else(|| Some(day_at(self.zone_by_feed.get(feed)?, now)))?;
        let have = self.plans.iter().find(|p| p.feed == *feed && p.day.date == date).cloned();
        have.or_else(|| self.feeds.plan(feed, date).map(Arc::new))
    }

    /// The timetable of a feed that is in force on a day.
    pub fn timetable(&self, feed: &FeedId, date: Date) -> Option<Arc<Timetable>> {
        self.feeds.on(feed, date).map(|feed| feed.timetable.clone())
    }

    pub fn habit(&self, feed: &FeedId, at: UtcMillis) -> Habit {
        self.zone_by_feed.get(feed).unwrap_or(&Zone::UTC).habit(at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::date;

    #[test]
    fn each_moment_is_of_one_day_also_where_clocks_are_changed() {
        // Clocks are changed there on 29 March and on 25 October, both at 1 o'clock UTC.
        let zone = Zone::new("Europe/Berlin").unwrap();
        for (around, hours) in [
            (date!(2026 - 03 - 29), [24, 23, 24]),
            (date!(2026 - 10 - 25), [24, 25, 24]),
            (date!(2026 - 12 - 01), [24, 24, 24]),
        ] {
            let days = [-2, -1, 0].map(|days| around + time::Duration::days(days));
            let spans = days.map(|day| day_span(&zone, day).unwrap());
            assert_eq!(spans.map(|span| span.to.since(span.from).0 / 3_600_000), hours);
            let (mut at, last) = (spans[0].from, spans[2].to);
            while at < last {
                let day = day_at(&zone, at);
                let span = day_span(&zone, day).unwrap();
                assert!(span.from <= at && at < span.to, "{at:?} is not within {day}");
                at = UtcMillis(at.0 + 600_000);
            }
        }
    }
}
