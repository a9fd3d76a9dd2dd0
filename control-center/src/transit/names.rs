//! What stops, routes and blocks are called in the timetable that was in force on a day.

use std::collections::BTreeMap;
use std::sync::Arc;

use models_domain::transit::timetable::{FeedId, Route, RouteId, RunKey, StopId, Timetable};
use time::Date;

use super::planned::Planned;
use crate::hall::Hall;

pub struct Names {
    planned: Arc<Planned>,
    today: Option<Date>,
    /// By the address of a timetable, which `planned` keeps where it is: a feed has another one from a day on.
    by_timetable: BTreeMap<usize, OfTimetable>,
    /// Of those that were asked for.
    block_by_run: BTreeMap<(FeedId, RunKey), String>,
}

#[derive(Default)]
struct OfTimetable {
    stops: BTreeMap<StopId, String>,
    routes: BTreeMap<RouteId, String>,
}

impl Names {
    pub fn new(hall: &Hall) -> Self {
        let planned = hall.transit.planned();
        let today = planned.date(hall.clock.now());
        Self::of(planned, today)
    }

    fn of(planned: Arc<Planned>, today: Option<Date>) -> Self {
        Self { planned, today, by_timetable: BTreeMap::new(), block_by_run: BTreeMap::new() }
    }

    /// `date`: the service day; of today where it is not known.
    pub fn stop(&mut self, feed: &FeedId, date: Option<Date>, stop: &StopId) -> String {
        let name = self.on(feed, date).and_then(|names| names.stops.get(stop));
        name.filter(|n| !n.is_empty()).cloned().unwrap_or_else(|| stop.0.clone())
    }

    /// `date`: the service day; of today where it is not known.
    pub fn route(&mut self, feed: &FeedId, date: Option<Date>, route: &RouteId) -> String {
        let name = self.on(feed, date).and_then(|names| names.routes.get(route));
        name.filter(|n| !n.is_empty()).cloned().unwrap_or_else(|| route.0.clone())
    }

    /// The block of a run; empty where there is none.
    pub fn block(&mut self, run: &(FeedId, RunKey)) -> String {
        let find = || {
            let (feed, key) = run;
            let table = self.planned.timetable(feed, key.date)?;
            let trip = table.trips.iter().find(|trip| trip.id == key.trip)?;
            // All starts of a repeated trip stand in one block.
            trip.block.as_ref().filter(|_| key.start_s.is_none()).map(ToString::to_string)
        };
        if let Some(block) = self.block_by_run.get(run) {
            return block.clone();
        }
        let block = find().unwrap_or_default();
        self.block_by_run.insert(run.clone(), block.clone());
        block
    }

    fn on(&mut self, feed: &FeedId, date: Option<Date>) -> Option<&OfTimetable> {
        let table = self.planned.timetable(feed, date.or(self.today)?)?;
        let address = Arc::as_ptr(&table) as usize;
        Some(self.by_timetable.entry(address).or_insert_with(|| OfTimetable::of(&table)))
    }
}

impl OfTimetable {
    fn of(table: &Timetable) -> Self {
        let title = |r: &Route| {
            let name = if r.short_name.is_empty() { &r.long_name } else { &r.short_name };
            (r.id.clone(), name.clone())
        };
        Self {
            stops: table.stops.iter().map(|s| (s.id.clone(), s.name.clone())).collect(),
            routes: table.routes.iter().map(title).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use control_center_gtfs::feeds::{Feeds, Version};
    use control_center_gtfs::{Feed, Zone};
    use models_domain::geo::LatLon;
    use models_domain::transit::timetable::Stop;
    use time::macros::date;

    use super::*;

    #[test]
    fn names_are_those_of_the_timetable_that_was_in_force() {
        let table = |stop: &str, route: &str| {
            let position = LatLon::new(21.0, 105.8);
            let (id, code, name) = (StopId::from("s1"), String::new(), stop.to_owned());
            let (short_name, long_name) = (route.to_owned(), String::new());
            Timetable {
                stops: vec![Stop { id, code, name, position }],
                routes: vec![Route { id: "r".into(), agency: 0, short_name, long_name }],
                ..Timetable::default()
            }
        };
        let (feed, mut feeds) = (FeedId::from("xe"), Feeds::default());
        let before = (date!(2026 - 01 - 01), table("Ngã Tư Vọng", "32"));
        for (takes_effect, table) in [before, (date!(2026 - 03 - 02), table("Cầu Giấy", "32A"))] {
            let in_force = Arc::new(Feed { timetable: Arc::new(table), zone: Zone::UTC });
            feeds.add(feed.clone(), Version { takes_effect, feed: in_force });
        }
        let planned = Planned::of(feeds, [(feed.clone(), Zone::UTC)].into());
        let mut names = Names::of(Arc::new(planned), Some(date!(2026 - 03 - 02)));
        let mut told = |date| (names.stop(&feed, date, &"s1".into()), names.route(&feed, date, &"r".into()));
        let own = |stop: &str, route: &str| (stop.to_owned(), route.to_owned());
        // In a list the newest comes first.
        assert_eq!(told(None), own("Cầu Giấy", "32A"));
        assert_eq!(told(Some(date!(2026 - 03 - 01))), own("Ngã Tư Vọng", "32"));
        assert_eq!(told(Some(date!(2025 - 12 - 31))), own("s1", "r"), "there was none");
    }
}
