//! What was found of buses as viewers read it: in lists, and told to them once when it begins and once when it ends.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{MutexGuard, PoisonError};

use control_center_store::{BusEvent, BusEventRow, BusKey, BusNews};
use models_domain::UtcMillis;
use models_domain::event::Phase;
use models_domain::transit::finding::Finding;
use models_wire::v1;

pub use super::names::Names;
use crate::hall::Hall;

/// So many findings are remembered to have been told; of more, all are forgotten, and some told twice.
const TOLD_MAX: usize = 200_000;

/// A kept finding in a message.
pub fn bus_event(row: BusEventRow, names: &mut Names) -> v1::BusEvent {
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
    let block = run.filter(|_| matches!(e.finding, Finding::RunMissing | Finding::RunUnseen));
    let block = block.map(|run| names.block(run)).unwrap_or_default();
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
        block,
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
    /// Takes what was kept just now; what of it is new. When a bus's whole day is kept anew, most of it was told.
    pub fn take(&mut self, news: &BusNews) -> ToTell {
        let mut tell = ToTell { withdrawn: news.withdrawn.clone(), ..ToTell::default() };
        for kept in &news.withdrawn {
            let gone = BusKey::of(kept);
            drop(self.withdraw(&vehicle(kept), |key, _| *key == gone));
        }
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
        if let Some(whole) = &news.whole {
            let within = |key: &BusKey| whole.span.from <= key.at && key.at < whole.span.to;
            // Bunching is found among buses, not in one bus's day.
            tell.withdrawn.extend(self.withdraw(whole.vehicle.as_str(), |key, kept| {
                within(key) && kept.event.finding != Finding::Bunching && !again.contains(key)
            }));
        }
        if news.whole.as_ref().is_some_and(|whole| whole.over) {
            // As the store does it: a bus came for these runs after all.
            let done: BTreeSet<_> = news.passings.iter().map(|p| (p.feed.clone(), p.run.clone())).collect();
            tell.withdrawn.extend(self.withdraw("", |_, kept| {
                let run = kept.event.run.as_ref();
                matches!(kept.event.finding, Finding::RunMissing | Finding::RunUnseen)
                    && run.is_some_and(|run| done.contains(run))
            }));
        }
        if self.count > TOLD_MAX {
            *self = Self::default();
        }
        tell
    }

    /// Of one bus, or of none.
    fn withdraw(&mut self, vehicle: &str, gone: impl Fn(&BusKey, &BusEvent) -> bool) -> Vec<BusEvent> {
        let Some(of_bus) = self.by_vehicle.get_mut(vehicle) else { return Vec::new() };
        let out = of_bus.extract_if(.., |key, (kept, _)| gone(key, kept));
        let out: Vec<BusEvent> = out.map(|(_, (kept, _))| kept).collect();
        self.count -= out.len();
        out
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

/// Takes what was kept just now, in the order in which it was found.
pub fn kept(hall: &Hall, news: &[BusNews]) {
    let mut names = Names::new(hall);
    for news in news {
        // Viewers have what was found before from the list.
        if news.whole.as_ref().is_some_and(|whole| whole.again) {
            drop(told(hall).take(news));
        } else {
            tell(hall, news, &mut names);
        }
    }
}

/// Tells viewers what of it is new.
fn tell(hall: &Hall, news: &BusNews, names: &mut Names) {
    let tell = told(hall).take(news);
    let now = hall.clock.now();
    let mut send = |kept: BusEvent, withdrawn: bool| {
        let ended = (kept.event.phase != Phase::Begun).then_some(kept.event.at);
        let row = BusEventRow { event: kept.event, line: kept.line, ended };
        hall.view.stored(v1::StoredEvent { withdrawn, ..stored(bus_event(row, names), now) });
    };
    tell.withdrawn.into_iter().for_each(|kept| send(kept, true));
    tell.now.into_iter().for_each(|kept| send(kept, false));
}

fn told(hall: &Hall) -> MutexGuard<'_, Told> {
    hall.transit.told.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use control_center_store::{Span, Whole};
    use models_domain::DurationMs;
    use models_domain::transit::finding::TransitEvent;
    use models_domain::transit::passing::Passing;
    use models_domain::transit::timetable::RunKey;
    use time::macros::date;

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

    fn day(over: bool) -> Whole {
        let span = Span { from: UtcMillis(100_000), to: UtcMillis(900_000) };
        Whole { vehicle: "bus-1".parse().unwrap(), span, over, again: false }
    }

    #[track_caller]
    fn check(told: &mut Told, whole: bool, events: &[BusEvent], want: (&[&str], &[&str])) {
        let whole = whole.then(|| day(false));
        let tell = told.take(&BusNews { whole, events: events.to_vec(), ..BusNews::default() });
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
        let (old, next) = (
            found(Finding::OffRoute, Phase::Ended, 50, 0.0),
            found(Finding::OffRoute, Phase::Ended, 900, 0.0),
        );
        check(
            &mut told,
            false,
            &[old, late.clone(), bunching, next],
            (&["off_route ended 50", "late begun 200", "bunching begun 250", "off_route ended 900"], &[]),
        );
        check(&mut told, false, std::slice::from_ref(&late), (&[], &[]));
        // A late position: the day is told again as a whole, with one more.
        check(&mut told, true, &[late.clone(), sos.clone()], (&["sos begun 300"], &[]));
        // Begun and ended in one: the end counts.
        check(&mut told, false, &[late, ended.clone()], (&["late ended 200"], &[]));
        // Another late position shows that nobody called for help; what is of other days or among buses stays.
        check(&mut told, true, &[ended], (&[], &["sos begun 300"]));
        check(&mut told, false, &[sos], (&["sos begun 300"], &[]));
    }

    #[test]
    fn what_never_was_so_is_withdrawn_whoever_told_it() {
        let (mut told, mut gap) = (Told::default(), found(Finding::HeadwayGap, Phase::Begun, 200, 1_500.0));
        gap.event.vehicle = None;
        let news = BusNews { withdrawn: vec![gap.clone()], ..BusNews::default() };
        let want = ToTell { withdrawn: vec![gap.clone()], ..ToTell::default() };
        // Told before a restart.
        assert_eq!(told.take(&news), want);
        let begun = BusNews { events: vec![gap.clone()], ..BusNews::default() };
        assert_eq!(told.take(&begun).now.len(), 1);
        assert_eq!(told.take(&news), want);
        assert_eq!(told.take(&begun).now.len(), 1, "it may begin once more");
    }

    #[test]
    fn a_run_that_a_bus_came_for_after_all_is_not_missing_once_its_day_is_over() {
        let missing = |trip: &str| {
            let mut kept = found(Finding::RunMissing, Phase::Begun, 200, 0.0);
            let run = RunKey { date: date!(2026 - 03 - 02), trip: trip.into(), start_s: None };
            (kept.event.vehicle, kept.event.run) = (None, Some(("xe".into(), run)));
            kept
        };
        let (done, other) = (missing("done"), missing("other"));
        let passing = Passing {
            vehicle: "bus-1".parse().unwrap(),
            feed: "xe".into(),
            route: "32".into(),
            direction: None,
            run: done.event.run.clone().unwrap().1,
            call: 0,
            stop: "s".into(),
            at: UtcMillis(210_000),
            due: UtcMillis(200_000),
            headway: None,
            gap: DurationMs(10_000),
        };
        let mut told = Told::default();
        told.take(&BusNews { events: vec![done.clone(), other], ..BusNews::default() });
        for (over, want) in [(false, vec![]), (true, vec![done]), (true, vec![])] {
            let passings = vec![passing.clone()];
            let tell = told.take(&BusNews { whole: Some(day(over)), passings, ..BusNews::default() });
            assert_eq!((tell.now, tell.withdrawn), (vec![], want), "over: {over}");
        }
    }
}
