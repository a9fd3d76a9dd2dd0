//! Where only the distance between buses is promised no single start can be missed: what is told there is that for long nobody was
//! seen to set out.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::day::BusDay;
use super::finding::{Finding, TransitEvent};
use super::fleet::SILENT;
use super::plan::{self, DayPlan};
use super::timetable::{FeedId, RouteId, TripId};
use super::vehicle::Work;
use crate::event::Phase;
use crate::ids::VehicleId;
use crate::units::{DurationMs, UtcMillis};

/// So many headways without a bus that was seen to set out: one without a tracker makes two.
const HEADWAYS: f64 = 2.5;
/// Between two starts no farther apart than so many headways the promise goes on.
const GOES_ON: f64 = 1.5;

/// A way that buses take, by the first trip of the timetable that takes it: its name stays from day to day.
type Way = (FeedId, TripId);

#[derive(Debug, Clone, Default)]
pub struct Gaps {
    open_by_way: BTreeMap<Way, TransitEvent>,
    /// Told before a restart, and not put to their ways yet.
    resumed: Vec<TransitEvent>,
}

/// What is promised now of a way.
struct Promise {
    way: Way,
    /// The start that stands for it.
    run: usize,
    headway: DurationMs,
    /// Since when it holds without a break.
    since: UtcMillis,
}

impl Gaps {
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    pub fn iter(&self) -> impl Iterator<Item = &TransitEvent> {
        self.open_by_way.values().chain(&self.resumed)
    }

    /// Goes on with what was told before a restart.
    pub fn resume(&mut self, event: TransitEvent) {
        self.resumed.push(event);
    }

    /// Begun or ended since last asked.
    pub fn look(
        &mut self,
        days: &BTreeMap<VehicleId, BusDay>,
        plans: &[Arc<DayPlan>],
        now: UtcMillis,
    ) -> Vec<TransitEvent> {
        let seen = Seen::of(days, plans, now);
        let mut news = Vec::new();
        for event in std::mem::take(&mut self.resumed) {
            match way_of(plans, &event) {
                Some(way) => _ = self.open_by_way.insert(way, event),
                // Of a timetable that is not in force any more.
                None => news.push(ended(&event, now)),
            }
        }
        let mut promised = BTreeMap::new();
        for plan in plans {
            for promise in promises(plan, now) {
                promised.insert(promise.way.clone(), (plan, promise));
            }
        }
        for (way, (plan, promise)) in &promised {
            // Where nobody was seen today nothing is known of buses, but of trackers.
            let Some(left) = seen.left_by_way.get(way) else { continue };
            let from = promise.since.max(*left);
            let waited = now.since(from);
            let long = waited.seconds() > HEADWAYS * promise.headway.seconds();
            if long && seen.is_well(plan, promise.run) && !self.open_by_way.contains_key(way) {
                let event = begun(plan, promise, from, now);
                self.open_by_way.insert(way.clone(), event.clone());
                news.push(event);
            }
        }
        let left_by_way = &seen.left_by_way;
        self.open_by_way.retain(|way, event| {
            let left = left_by_way.get(way).copied().filter(|left| *left > last(event));
            // What was told before a restart holds until a bus is seen.
            let holds = left.is_none() && promised.contains_key(way);
            if !holds {
                news.push(ended(event, left.unwrap_or(now)));
            }
            holds
        });
        news
    }
}

/// What buses tell: made anew from their days each time, so that late reports and restarts change nothing.
#[derive(Default)]
struct Seen {
    /// When a bus was last seen to set out.
    left_by_way: BTreeMap<Way, UtcMillis>,
    /// Of the buses under way on each route, how many there are and how many of them are heard.
    heard_by_route: BTreeMap<(FeedId, RouteId), (usize, usize)>,
    /// Whether any bus at all is heard.
    any: bool,
}

impl Seen {
    fn of(days: &BTreeMap<VehicleId, BusDay>, plans: &[Arc<DayPlan>], now: UtcMillis) -> Self {
        let mut seen = Self::default();
        for day in days.values() {
            let heard = day.newest().is_some_and(|at| now.since(at).0 <= SILENT.0);
            seen.any |= heard;
            if let Work::Running(doing) = &day.bus.work {
                let (plan, run) = (&doing.plan, &doing.plan.runs[doing.run]);
                let route = (plan.feed.clone(), plan.timetable.route(run).id.clone());
                let count = seen.heard_by_route.entry(route).or_default();
                *count = (count.0 + 1, count.1 + usize::from(heard));
                if !plan.timetable.keeps_times(run) {
                    seen.left(way(plan, plan.timetable.trip(run).pattern), doing.set_out());
                }
            }
            for ((feed, key), (at, due)) in &day.set_outs {
                let Some((plan, run)) = plan::find(plans, feed, key) else { continue };
                let run = &plan.runs[run];
                let set_out = *at - due.since(plan.timetable.departs(run, 0));
                seen.left(way(plan, plan.timetable.trip(run).pattern), set_out);
            }
        }
        seen
    }

    fn left(&mut self, way: Option<Way>, at: UtcMillis) {
        if let Some(way) = way {
            let left = self.left_by_way.entry(way).or_insert(at);
            *left = at.max(*left);
        }
    }

    /// Whether a bus of the route would be heard if it set out: where those under way are not, the way to us is cut, and not the
    /// service.
    fn is_well(&self, plan: &DayPlan, run: usize) -> bool {
        let route = (plan.feed.clone(), plan.timetable.route(&plan.runs[run]).id.clone());
        let (under_way, heard) = self.heard_by_route.get(&route).copied().unwrap_or_default();
        self.any && 2 * heard >= under_way
    }
}

/// What a day's plan promises at a moment of each way whose starts are none.
fn promises(plan: &DayPlan, now: UtcMillis) -> Vec<Promise> {
    plan.patterns().filter_map(|pattern| promise(plan, pattern, now)).collect()
}

fn promise(plan: &DayPlan, pattern: usize, now: UtcMillis) -> Option<Promise> {
    let table = &plan.timetable;
    let runs = plan.runs_of(pattern);
    let begun = runs.partition_point(|r| table.departs(&plan.runs[*r], 0) <= now);
    let mut back = runs[..begun].iter().rev().copied().filter(|r| !table.keeps_times(&plan.runs[*r]));
    let run = back.next()?;
    let frequency = table.frequency(&plan.runs[run])?;
    if now >= plan.day.start + DurationMs(i64::from(frequency.end_s) * 1_000) {
        return None;
    }
    let mut since = table.departs(&plan.runs[run], 0);
    for before in back {
        let (start, apart) =
            (table.departs(&plan.runs[before], 0), table.promised_headway(&plan.runs[before])?);
        if since.since(start).seconds() > GOES_ON * apart.seconds() {
            break;
        }
        since = start;
    }
    let headway = table.promised_headway(&plan.runs[run])?;
    Some(Promise { way: way(plan, pattern)?, run, headway, since })
}

fn way(plan: &DayPlan, pattern: usize) -> Option<Way> {
    Some((plan.feed.clone(), plan.first_trip(pattern)?.clone()))
}

fn begun(plan: &DayPlan, promise: &Promise, from: UtcMillis, now: UtcMillis) -> TransitEvent {
    let (table, run) = (&plan.timetable, &plan.runs[promise.run]);
    let first = &table.stops[table.pattern(run).stops[0].stop];
    TransitEvent {
        finding: Finding::HeadwayGap,
        phase: Phase::Begun,
        began: from + promise.headway,
        at: now,
        vehicle: None,
        place: Some(first.position),
        run: Some((plan.feed.clone(), plan.key(promise.run))),
        stop: Some(first.id.clone()),
        value: Some(now.since(from).seconds()),
    }
}

fn ended(event: &TransitEvent, at: UtcMillis) -> TransitEvent {
    let at = at.max(event.began);
    TransitEvent { phase: Phase::Ended, at, value: Some(at.since(last(event)).seconds()), ..event.clone() }
}

/// When the bus before set out.
fn last(begun: &TransitEvent) -> UtcMillis {
    begun.at - DurationMs((begun.value.unwrap_or_default() * 1_000.0) as i64)
}

fn way_of(plans: &[Arc<DayPlan>], event: &TransitEvent) -> Option<Way> {
    let (feed, key) = event.run.as_ref()?;
    let (plan, run) = plan::find(plans, feed, key)?;
    way(plan, plan.timetable.trip(&plan.runs[run]).pattern)
}
