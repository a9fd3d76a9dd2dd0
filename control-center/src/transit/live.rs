//! What was found of buses as viewers read it: in lists, and told to them once when it begins and once when it ends.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{MutexGuard, PoisonError};

use control_center_store::{BusEvent, BusEventRow, BusKey, BusNews};
use models_domain::UtcMillis;
use models_domain::event::Phase;
use models_domain::transit::finding::Finding;
use models_domain::transit::timetable::{FeedId, RouteId, StopId};
use models_wire::v1;
use time::Date;

use crate::hall::Hall;

/// So many findings are remembered to have been told; of more, all are forgotten, and some told twice.
const TOLD_MAX: usize = 200_000;

/// Names of stops and routes, by feed.
pub struct Names<'a> {
    hall: &'a Hall,
    by_feed: BTreeMap<FeedId, OfFeed>,
}

#[derive(Default)]
struct OfFeed {
    stops: BTreeMap<StopId, String>,
    routes: BTreeMap<RouteId, String>,
}

impl<'a> Names<'a> {
    pub fn new(hall: &'a Hall) -> Self {
        Self { hall, by_feed: BTreeMap::new() }
    }

    pub fn stop(&mut self, feed: &FeedId, date: Option<Date>, stop: &StopId) -> String {
        let name = self.of(feed, date).stops.get(stop);
        name.filter(|n| !n.is_empty()).cloned().unwrap_or_else(|| stop.0.clone())
    }

    pub fn route(&mut self, feed: &FeedId, date: Option<Date>, route: &RouteId) -> String {
        let name = self.of(feed, date).routes.get(route);
        name.filter(|n| !n.is_empty()).cloned().unwrap_or_else(|| route.0.clone())
    }

    fn of(&mut self, feed: &FeedId, date: Option<Date>) -> &OfFeed {
        self.by_feed.entry(feed.clone()).or_insert_with(|| {
            let plan = self.hall.transit.plan(feed, date, self.hall.clock.now());
            let Some(table) = plan.map(|p| p.timetable.clone()) else { return OfFeed::default() };
            let title = |r: &models_domain::transit::timetable::Route| {
                let name = if r.short_name.is_empty() { &r.long_name } else { &r.short_name };
                (r.id.clone(), name.clone())
            };
            OfFeed {
                stops: table.stops.iter().map(|s| (s.id.clone(), s.name.clone())).collect(),
                routes: table.routes.iter().map(title).collect(),
            }
        })
    }
}

/// A kept finding in a message.
pub fn bus_event(row: BusEventRow, names: &mut Names<'_>) -> v1::BusEvent {
    let kept = BusEvent { event: row.event, line: row.line };
    let name = BusKey::of(&kept).name;
    let BusEvent { event: e, line } = kept;
    let run = e.run.as_ref();
    let date = run.map(|(_, key)| key.date);
    let feed = line.as_ref().map(|l| &l.feed).or(run.map(|(feed, _)| feed));
    let stop_name = match (&e.stop, feed) {
        (Some(stop), Some(feed)) => names.stop(feed, date, stop),
        (Some(stop), None) => stop.0.clone(),
        (None, _) => String::new(),
    };
    let route_name = line.as_ref().map(|l| names.route(&l.feed, date, &l.route));
    v1::BusEvent {
        finding: e.finding.name().to_owned(),
        vehicle: e.vehicle.map(|v| v.to_string()).unwrap_or_default(),
        feed: feed.map(|f| f.0.clone()).unwrap_or_default(),
        route: line.as_ref().map(|l| l.route.0.clone()).unwrap_or_default(),
        direction: line.and_then(|l| l.direction).map(u32::from),
        trip: run.map(|(_, key)| key.trip.0.clone()).unwrap_or_default(),
        began_ms: e.began.0,
        ended_ms: row.ended.map(|at| at.0),
        place: e.place.map(|p| v1::Position { lat: p.lat.0, lon: p.lon.0 }),
        stop_name,
        value: e.value,
        name,
        route_name: route_name.unwrap_or_default(),
    }
}

/// A finding as an event of the list.
pub fn stored(bus: v1::BusEvent, now: UtcMillis) -> v1::StoredEvent {
    v1::StoredEvent { stored_ms: now.0, bus: Some(bus), ..v1::StoredEvent::default() }
}

/// Which findings viewers were told of, and how they stood then.
#[derive(Debug, Default)]
pub struct Told {
    by_vehicle: BTreeMap<String, BTreeMap<BusKey, (BusEvent, bool)>>,
    count: usize,
}

/// What viewers are to be told.
#[derive(Debug, Default, PartialEq)]
pub struct ToTell {
    pub now: Vec<BusEvent>,
    pub withdrawn: Vec<BusEvent>,
}

impl Told {
    /// Takes what was kept just now; what of it is new. After a late position a bus's whole day is kept anew: most of it was told.
    pub fn take(&mut self, news: &[BusNews]) -> ToTell {
        let mut tell = ToTell::default();
        for news in news {
            let mut again: BTreeSet<BusKey> = BTreeSet::new();
            for kept in latest(&news.events) {
                let key = BusKey::of(kept);
                let over = kept.event.phase != Phase::Begun;
                again.insert(key.clone());
                let of_bus = self.by_vehicle.entry(vehicle(kept)).or_default();
                match of_bus.insert(key, (kept.clone(), over)) {
                    Some((before, was)) if was == over && before.event.value == kept.event.value => {}
                    Some(_) => tell.now.push(kept.clone()),
                    None => {
                        self.count += 1;
                        tell.now.push(kept.clone());
                    }
                }
            }
            let Some((bus, since)) = &news.whole else { continue };
            let Some(of_bus) = self.by_vehicle.get_mut(bus.as_str()) else { continue };
            // Bunching is found among buses, not in one bus's day.
            let gone = |key: &BusKey, kept: &BusEvent| {
                key.at >= *since && kept.event.finding != Finding::Bunching && !again.contains(key)
            };
            let out: Vec<BusKey> =
                of_bus.iter().filter(|(k, (e, _))| gone(k, e)).map(|(k, _)| k.clone()).collect();
            self.count -= out.len();
            tell.withdrawn.extend(out.iter().filter_map(|key| of_bus.remove(key)).map(|(kept, _)| kept));
        }
        if self.count > TOLD_MAX {
            *self = Self::default();
        }
        tell
    }
}

/// Of each finding the last word.
fn latest(events: &[BusEvent]) -> Vec<&BusEvent> {
    let mut last: BTreeMap<BusKey, &BusEvent> = BTreeMap::new();
    events.iter().for_each(|kept| _ = last.insert(BusKey::of(kept), kept));
    last.into_values().collect()
}

fn vehicle(kept: &BusEvent) -> String {
    kept.event.vehicle.as_ref().map(ToString::to_string).unwrap_or_default()
}

/// Tells viewers what was kept just now.
pub fn tell(hall: &Hall, news: &[BusNews]) {
    let tell = told(hall).take(news);
    let now = hall.clock.now();
    let mut names = Names::new(hall);
    let mut send = |kept: BusEvent, withdrawn: bool| {
        let ended = (kept.event.phase != Phase::Begun).then_some(kept.event.at);
        let row = BusEventRow { event: kept.event, line: kept.line, ended };
        hall.view.stored(v1::StoredEvent { withdrawn, ..stored(bus_event(row, &mut names), now) });
    };
    tell.withdrawn.into_iter().for_each(|kept| send(kept, true));
    tell.now.into_iter().for_each(|kept| send(kept, false));
}

/// What was found before: viewers have it from the list.
pub fn known(hall: &Hall, news: &[BusNews]) {
    drop(told(hall).take(news));
}

fn told(hall: &Hall) -> MutexGuard<'_, Told> {
    hall.transit.told.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use models_domain::transit::finding::TransitEvent;

    use super::*;

    fn found(finding: Finding, phase: Phase, began_s: i64, value: f64) -> BusEvent {
        let event = TransitEvent {
            finding,
            phase,
            began: UtcMillis(began_s * 1000),
            at: UtcMillis(began_s * 1000 + 60_000),
            vehicle: Some("bus-1".parse().unwrap()),
            place: None,
            run: None,
            stop: None,
            value: Some(value),
        };
        BusEvent { event, line: None }
    }

    #[track_caller]
    fn check(told: &mut Told, whole: bool, events: &[BusEvent], want: (&[&str], &[&str])) {
        let whole = whole.then(|| ("bus-1".parse().unwrap(), UtcMillis(100_000)));
        let tell = told.take(&[BusNews { whole, events: events.to_vec(), ..BusNews::default() }]);
        let names = |events: &[BusEvent]| {
            let one = |e: &BusEvent| {
                format!("{} {} {}", e.event.finding.name(), e.event.phase.name(), e.event.began.0 / 1000)
            };
            events.iter().map(one).collect::<Vec<_>>()
        };
        assert_eq!(
            (names(&tell.now), names(&tell.withdrawn)),
            (
                want.0.iter().map(ToString::to_string).collect(),
                want.1.iter().map(ToString::to_string).collect()
            )
        );
    }

    #[test]
    fn each_finding_is_told_once_when_it_begins_and_once_when_it_ends() {
        let mut told = Told::default();
        let (late, ended) =
            (found(Finding::Late, Phase::Begun, 200, 400.0), found(Finding::Late, Phase::Ended, 200, 700.0));
        let (sos, bunching) =
            (found(Finding::Sos, Phase::Begun, 300, 0.0), found(Finding::Bunching, Phase::Begun, 250, 60.0));
        let old = found(Finding::OffRoute, Phase::Ended, 50, 0.0);
        check(
            &mut told,
            false,
            &[old.clone(), late.clone(), bunching],
            (&["off_route ended 50", "late begun 200", "bunching begun 250"], &[]),
        );
        check(&mut told, false, std::slice::from_ref(&late), (&[], &[]));
        // A late position: the day is told again as a whole, with one more.
        check(&mut told, true, &[late.clone(), sos.clone()], (&["sos begun 300"], &[]));
        // Begun and ended in one: the end counts.
        check(&mut told, false, &[late, ended.clone()], (&["late ended 200"], &[]));
        // Another late position shows that nobody called for help; what was before the day and what is among buses stays.
        check(&mut told, true, &[ended], (&[], &["sos begun 300"]));
        check(&mut told, false, &[sos], (&["sos begun 300"], &[]));
    }
}
