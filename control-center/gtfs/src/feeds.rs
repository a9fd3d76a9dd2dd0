//! Several operators, each with timetables that take effect at a date.

use std::collections::BTreeMap;
use std::sync::Arc;

use models_domain::UtcMillis;
use models_domain::transit::plan::DayPlan;
use models_domain::transit::timetable::FeedId;
use time::Date;

use crate::Feed;

/// One operator's timetable that is in force from a day on.
#[derive(Debug, Clone)]
pub struct Version {
    /// First service day; the version before is in force until the day before.
    pub takes_effect: Date,
    pub feed: Arc<Feed>,
}

/// Every operator's versions.
#[derive(Debug, Clone, Default)]
pub struct Feeds {
    versions_by_feed: BTreeMap<FeedId, BTreeMap<Date, Arc<Feed>>>,
}

impl Feeds {
    /// A version that takes effect on the same day as another replaces it.
    pub fn add(&mut self, id: FeedId, version: Version) {
        self.versions_by_feed.entry(id).or_default().insert(version.takes_effect, version.feed);
    }

    pub fn is_empty(&self) -> bool {
        self.versions_by_feed.is_empty()
    }

    pub fn ids(&self) -> impl Iterator<Item = &FeedId> {
        self.versions_by_feed.keys()
    }

    /// The timetable of an operator that is in force on a service day.
    pub fn on(&self, id: &FeedId, date: Date) -> Option<&Arc<Feed>> {
        self.versions_by_feed.get(id)?.range(..=date).next_back().map(|(_, feed)| feed)
    }

    /// The plans that a bus may be running at `at`: of the day there and of the day before, whose trips may go on after midnight.
    pub fn plans(&self, at: UtcMillis) -> Vec<DayPlan> {
        let mut plans = Vec::new();
        for id in self.ids() {
            // The zone is an operator's, not a version's: any version tells what day it is there.
            let any = self.versions_by_feed.get(id).and_then(|v| v.values().next_back());
            let Some(today) = any.map(|feed| feed.zone.date(at)) else { continue };
            for date in [today.previous_day(), Some(today)].into_iter().flatten() {
                plans.extend(self.plan(id, date));
            }
        }
        plans
    }

    pub fn plan(&self, id: &FeedId, date: Date) -> Option<DayPlan> {
        let feed = self.on(id, date)?;
        let day = feed.zone.service_day(date);
        Some(DayPlan::new(id.clone(), feed.timetable.clone(), day))
    }
}
