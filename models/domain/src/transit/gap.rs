//! Where only the distance between buses is promised no single start can be missed: what is told there is that for long nobody was
//! seen to set out.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::Arc;

use super::day::BusDay;
use super::finding::{Finding, TransitEvent};
use super::fleet::SILENT;
use super::missing::SILENT_UNDER_WAY;
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
    /// Those of this day that ended: reports may be later still.
    over: Vec<(Way, TransitEvent)>,
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
        let resumed = self.resumed.iter().filter(|event| event.phase != Phase::Ended);
        self.open_by_way.values().chain(resumed)
    }

    /// Goes on with what was told before a restart, or remembers it where it is over.
    pub fn resume(&mut self, event: TransitEvent) {
        self.resumed.push(event);
    }

    /// Begun or ended since last asked; `withdrawn` are those that never were: what came late tells of a bus that set out before
    /// it had been too long.
    pub fn look(
        &mut self,
        days: &BTreeMap<VehicleId, BusDay>,
        plans: &[Arc<DayPlan>],
        now: UtcMillis,
        withdrawn: &mut Vec<TransitEvent>,
    ) -> Vec<TransitEvent> {
        let seen = Seen::of(days, plans, now);
        let mut news = Vec::new();
        for event in std::mem::take(&mut self.resumed) {
            let is_over = event.phase == Phase::Ended;
            match way_of(plans, &event) {
                Some(way) if is_over => self.over.push((way, event)),
                Some(way) => _ = self.open_by_way.insert(way, event),
                // Of a timetable that is not in force any more.
                None if is_over => {}
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
            let Some(left) = seen.left_by_way.get(way).and_then(BTreeSet::last) else { continue };
            let from = promise.since.max(*left);
            let long = is_long(from, promise.headway, now);
            if long && seen.is_well(plan, promise.run) && !self.open_by_way.contains_key(way) {
                let event = begun(plan, promise, from, now);
                self.open_by_way.insert(way.clone(), event.clone());
                news.push(event);
            }
        }
        let (left_by_way, Self { open_by_way, over, .. }) = (&seen.left_by_way, self);
        open_by_way.retain(|way, event| {
            let left = left_by_way.get(way).filter(|all| all.last().is_some_and(|left| *left > last(event)));
            let over_at = match left {
                // What was told before a restart holds until a bus is seen.
                None if promised.contains_key(way) => return true,
                None => Some(now),
                Some(left) => first_long(event, left),
            };
            match over_at {
                Some(at) => {
                    let event = ended(event, at);
                    over.push((way.clone(), event.clone()));
                    news.push(event);
                }
                None => withdrawn.push(event.clone()),
            }
            false
        });
        over.retain(|(way, event)| {
            let was = left_by_way.get(way).is_none_or(|left| was_long_among(event, left));
            if !was {
                withdrawn.push(event.clone());
            }
            was
        });
        news
    }
}

/// What buses tell: made anew from their days each time, so that late reports and restarts change nothing.
#[derive(Default)]
struct Seen {
    /// When buses were seen to set out.
    left_by_way: BTreeMap<Way, BTreeSet<UtcMillis>>,
    under_way_by_route: BTreeMap<(FeedId, RouteId), UnderWay>,
    /// Whether any bus at all is heard: in the last five minutes, for one that stands and is silent for sixteen does not tell that the
    /// way to us is open.
    any: bool,
}

/// The buses under way on a route.
#[derive(Debug, Clone, Copy, Default)]
struct UnderWay {
    heard: usize,
    unheard: usize,
    /// Silent for so long that their way must be over: their trackers broke.
    gone: usize,
}

impl UnderWay {
    fn add(&mut self, silent_ms: i64) {
        let count = match silent_ms {
            ms if ms <= SILENT.0 => &mut self.heard,
            ms if ms <= SILENT_UNDER_WAY.0 => &mut self.unheard,
            _ => &mut self.gone,
        };
        *count += 1;
    }

    /// Whether a bus of the route would be heard if it set out: where those under way are not, the way to us is cut, and not the
    /// service. What broke in the morning says nothing of that for the rest of the day, unless nobody is heard at all.
    fn is_well(self) -> bool {
        let gone = if self.heard > 0 { 0 } else { self.gone };
        self.heard >= self.unheard + gone
    }
}

impl Seen {
    fn of(days: &BTreeMap<VehicleId, BusDay>, plans: &[Arc<DayPlan>], now: UtcMillis) -> Self {
        let mut seen = Self::default();
        for day in days.values() {
            let silent_ms = day.newest().map_or(i64::MAX, |at| now.since(at).0);
            seen.any |= silent_ms <= SILENT.0;
            if let Work::Running(doing) = &day.bus.work {
                let (plan, run) = (&doing.plan, &doing.plan.runs[doing.run]);
                let route = (plan.feed.clone(), plan.timetable.route(run).id.clone());
                seen.under_way_by_route.entry(route).or_default().add(silent_ms);
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
            self.left_by_way.entry(way).or_default().insert(at);
        }
    }

    fn is_well(&self, plan: &DayPlan, run: usize) -> bool {
        let route = (plan.feed.clone(), plan.timetable.route(&plan.runs[run]).id.clone());
        self.any && self.under_way_by_route.get(&route).copied().unwrap_or_default().is_well()
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

/// Whether nobody has set out for too long.
fn is_long(from: UtcMillis, headway: DurationMs, now: UtcMillis) -> bool {
    now.since(from).seconds() > HEADWAYS * headway.seconds()
}

/// The first that set out when nobody had for too long.
fn first_long(event: &TransitEvent, left: &BTreeSet<UtcMillis>) -> Option<UtcMillis> {
    let (mut from, headway) = (last(event), event.began.since(last(event)));
    let mut after = left.range((Bound::Excluded(from), Bound::Unbounded));
    after.find(|left| is_long(std::mem::replace(&mut from, **left), headway, **left)).copied()
}

/// Whether between two of those that set out until it ended it had been too long.
fn was_long_among(ended: &TransitEvent, left: &BTreeSet<UtcMillis>) -> bool {
    let headway = ended.began.since(last(ended));
    let until = left.range((Bound::Excluded(last(ended)), Bound::Included(ended.at)));
    let mut from = last(ended);
    until.chain([&ended.at]).any(|left| is_long(std::mem::replace(&mut from, *left), headway, *left))
}

/// When the bus before set out.
fn last(event: &TransitEvent) -> UtcMillis {
    event.at - DurationMs((event.value.unwrap_or_default() * 1_000.0) as i64)
}

fn way_of(plans: &[Arc<DayPlan>], event: &TransitEvent) -> Option<Way> {
    let (feed, key) = event.run.as_ref()?;
    let (plan, run) = plan::find(plans, feed, key)?;
    way(plan, plan.timetable.trip(&plan.runs[run]).pattern)
}

#[cfg(test)]
#[path = "gap_tests.rs"]
mod tests;
