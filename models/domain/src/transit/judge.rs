//! Findings about one bus, from its report and from what it does.

use super::assign::{Candidate, SignOn};
use super::finding::{Finding, Limits, TransitEvent, place_age_s, place_at};
use super::matching::Seen;
use super::passing::{Passing, mark};
use super::timetable::{RouteId, TripId};
use super::vehicle::{Doing, Found, Observed, Vehicle, Work};
use crate::event::Phase;
use crate::units::{DurationMs, MetersPerSecond, UtcMillis};

/// Below this a bus stands, or creeps at a stop.
pub(super) const WALK: MetersPerSecond = MetersPerSecond(5.0 / 3.6);
/// Passing a stop faster than this, nobody gets on.
const PASSES: MetersPerSecond = MetersPerSecond(20.0 / 3.6);
/// With fixes farther apart than this its speed alone does not tell whether a bus halted between them.
const DENSE_MS: i64 = 10_000;
/// Its way tells that of one that was faster than this at both and between them, up to here: trackers report every 30 s, and not to
/// the second.
const HURRIES: MetersPerSecond = MetersPerSecond(30.0 / 3.6);
const SPARSE_MS: i64 = 31_000;
/// No bus brakes or gains speed harder with people standing in it (m/s²), nor halts for anybody in less time.
const HARD_MPS2: f64 = 1.5;
const HALT_S: f64 = 4.0;
/// A bus halts within this of its stop, and two fixes may tell a way that is longer by so much.
const AT_STOP_M: f64 = 40.0;
const WAY_ERROR_M: f64 = 20.0;

pub fn judge(bus: &mut Vehicle, observed: &Observed, on_line: bool, limits: &Limits, found: &mut Found) {
    let seen = &observed.seen;
    let doing = bus.doing();
    let run = doing.map(Doing::key);
    let running = matches!(bus.work, Work::Running(_));
    // What it does is not told of before it is sure.
    let sure = doing.is_some_and(|d| d.sure);
    let late = doing.filter(|d| on_line && d.sure).and_then(Doing::late);
    // Nobody is early or late on such a run, nor while no run is driven.
    let timeless = !running || doing.is_some_and(|d| d.late().is_none());
    let limit = limits.speed_at(seen.position, seen.course);
    let stands = seen.speed.0 < WALK.0;
    let waits = stands && matches!(bus.work, Work::Waiting(_) | Work::Finished { .. });
    let doors = observed.doors_open.map(|open| open && !stands);
    let engine = if waits { observed.engine_on } else { Some(false) };
    let wrong = observed.signed.as_ref().zip(doing).filter(|_| running && sure).map(|(s, d)| !agrees(s, d));
    let seconds = late.map(DurationMs::seconds);
    let off = (running && sure).then_some(!on_line);
    let too_fast = seen.speed.0 > limit.0 + limits.speed_tolerance.0;
    let early = late.filter(|_| running).map(|l| l.0 < -limits.early.0);
    let tardy = late.filter(|_| running).map(|l| l.0 > limits.late.0);
    let judged = [
        (Finding::OffRoute, off.or(Some(false)), 30_000, None),
        (Finding::Overspeed, Some(too_fast), 10_000, Some(seen.speed.kmh())),
        (Finding::DoorsOpenMoving, doors, 0, Some(seen.speed.kmh())),
        (Finding::EngineOnLayover, engine, limits.layover_engine.0, None),
        (Finding::Sos, Some(observed.sos), 0, None),
        (Finding::Early, early.or(timeless.then_some(false)), 60_000, seconds),
        (Finding::Late, tardy.or(timeless.then_some(false)), 60_000, seconds),
        (Finding::WrongSignOn, wrong, 120_000, None),
    ];
    let skipped = skipped(bus, observed, found);
    for (finding, holds, after_ms, value) in judged {
        let event = event(bus, observed, finding, run.clone(), value);
        bus.held.judge(holds, DurationMs(after_ms), event, &mut found.events);
    }
    found.events.extend(skipped);
}

/// A call for help from who knows where.
pub fn call(bus: &mut Vehicle, observed: &Observed, found: &mut Found) {
    let last = bus.last.as_ref().map(|last| (last.seen.at, last.seen.position));
    let at = observed.seen.at;
    let place = last.and_then(|last| place_at(last, at));
    let age_s = last.filter(|_| place.is_some()).and_then(|(seen, _)| place_age_s(seen, at));
    let event = event(bus, observed, Finding::Sos, bus.doing().map(Doing::key), age_s);
    let event = TransitEvent { place, ..event };
    bus.held.judge(Some(observed.sos), DurationMs(0), event, &mut found.events);
}

/// On its own run a bus must have been watched so far, and over so many stops.
const WATCHED_M: f64 = 800.0;
const STOPS_MIN: usize = 2;
/// So far, and in so many reports, it must have gone on the way back.
const BACK_M: f64 = 100.0;
const BACK_REPORTS: usize = 3;
/// Where nothing was heard for longer, nobody knows how the bus came from one place to the other.
const UNHEARD: DurationMs = DurationMs(120_000);

/// The run ends here although stops are left: the bus turned round and does another one. Only where it was surely on its run, and
/// watched without a break on it, where it turned, and on its way back: a leap, or a run that it was put on wrongly, is no turn.
pub fn short_turn(bus: &Vehicle, other: &Candidate, turned: bool, at: UtcMillis, found: &mut Found) {
    let Some(doing) = bus.doing().filter(|d| turned && d.sure && matches!(bus.work, Work::Running(_))) else {
        return;
    };
    let (old, new) = (&doing.plan.timetable, &other.plan.timetable);
    let (from, to) = (old.pattern(&doing.plan.runs[doing.run]), new.pattern(&other.plan.runs[other.run]));
    // To be put onto another run of the same way is our mistake made good, not the driver's.
    let same_way =
        doing.plan.feed == other.plan.feed && from.route == to.route && from.direction == to.direction;
    let left = from.stops.len() - doing.next_call;
    let watched_m = doing.along.0 - doing.watched_from().0;
    if same_way || left < 2 || doing.passed_while_watched() < STOPS_MIN || watched_m < WATCHED_M {
        return;
    }
    let line = bus.line(other);
    let back_m = line.last.along.0 - line.first().1.0;
    if line.trace.len() < BACK_REPORTS || back_m < BACK_M || !bus.heard_since(doing.front(), UNHEARD) {
        return;
    }
    found.events.push(TransitEvent {
        finding: Finding::ShortTurn,
        phase: Phase::Moment,
        began: doing.at,
        at,
        vehicle: Some(bus.id.clone()),
        place: Some(from.shape.at(doing.along)),
        run: Some(doing.key()),
        stop: Some(old.stops[from.stops[doing.next_call].stop].id.clone()),
        value: Some(left as f64),
    });
}

fn agrees(signed: &SignOn, doing: &Doing) -> bool {
    let trip = doing.plan.timetable.trip(&doing.plan.runs[doing.run]);
    let route = &doing.plan.timetable.route(&doing.plan.runs[doing.run]).id;
    let table = &doing.plan.timetable;
    let timeless = !table.keeps_times(&doing.plan.runs[doing.run]);
    // Where starts are no promise, trips of one way are one to the bus that takes it, and a block says nothing.
    let one_way =
        |id: &TripId| timeless && table.trips.iter().any(|t| t.id == *id && t.pattern == trip.pattern);
    // Of what this timetable does not have nothing can be said.
    let trip_fits =
        signed.trip.as_ref().is_none_or(|t| *t == trip.id || one_way(t) || !doing.plan.has_trip(t));
    let block_fits = timeless
        || signed.block.as_ref().is_none_or(|b| trip.block.as_ref() == Some(b) || !doing.plan.has_block(b));
    let known_route = |id: &RouteId| table.routes.iter().any(|r| r.id == *id);
    trip_fits && block_fits && signed.route.as_ref().is_none_or(|r| r == route || !known_route(r))
}

/// Stops that were passed at speed, or around which the bus drove while it was off its line.
fn skipped(bus: &Vehicle, observed: &Observed, found: &Found) -> Vec<TransitEvent> {
    let Some(last) = &bus.last else { return Vec::new() };
    let Some(doing) = bus.doing() else { return Vec::new() };
    let ends = doing.plan.timetable.trip(&doing.plan.runs[doing.run]).calls.len() - 1;
    let stayed_shut = last.doors_open != Some(true) && observed.doors_open != Some(true);
    let fast = last.seen.speed.0 > PASSES.0 && observed.seen.speed.0 > PASSES.0 && stayed_shut;
    let now = found.passings.iter().filter(|p| p.at > last.seen.at && p.at <= observed.seen.at);
    let by = |p: &Passing| p.gap.0 <= DENSE_MS || went_by(doing, p, (&last.seen, &observed.seen));
    let hurried = now.filter(|p| p.call > 0 && p.call < ends && fast && by(p));
    hurried
        .chain(&found.around)
        .map(|p| {
            let mut event =
                event(bus, observed, Finding::StopSkipped, Some((p.feed.clone(), p.run.clone())), None);
            let stop = doing.plan.timetable.stops.iter().find(|s| s.id == p.stop);
            (event.began, event.stop, event.place) = (p.at, Some(p.stop.clone()), stop.map(|s| s.position));
            event
        })
        .collect()
}

/// Whether a bus cannot have halted at a stop that it passed between two fixes, by its speeds there and by how far it came meanwhile.
fn went_by(doing: &Doing, p: &Passing, (from, to): (&Seen, &Seen)) -> bool {
    let [.., (from_at, from_along), (to_at, to_along)] = doing.trace[..] else { return false };
    let known = (from_at, to_at) == (from.at, to.at) && doing.key() == (p.feed.clone(), p.run.clone());
    let (took, way_m) = (to.at.since(from.at), to_along.0 - from_along.0);
    let slowest = from.speed.0.min(to.speed.0).min(way_m / took.seconds());
    if !known || slowest <= HURRIES.0 || took.0 > SPARSE_MS {
        return false;
    }
    let stops = &doing.plan.timetable.pattern(&doing.plan.runs[doing.run]).stops;
    let ways = (mark(stops, p.call).0 - from_along.0, way_m - WAY_ERROR_M);
    !may_have_halted((from.speed.0, to.speed.0), ways, took.seconds())
}

/// Whether there was time to brake, to halt near a stop that lies `stop_m` on a way of `way_m`, and to gain speed again. Speeds are in
/// m/s, at the begin and at the end of the way.
fn may_have_halted((from_mps, to_mps): (f64, f64), (stop_m, way_m): (f64, f64), took_s: f64) -> bool {
    let brakes_m = |mps: f64| mps * mps / (2.0 * HARD_MPS2);
    let first_m = (stop_m - AT_STOP_M).max(brakes_m(from_mps));
    let last_m = (stop_m + AT_STOP_M).min(way_m - brakes_m(to_mps));
    // Between a speed and a stand, with more speed between where there is room.
    let needs_s = |mps: f64, way_m: f64| {
        let most_mps = (HARD_MPS2 * way_m + mps * mps / 2.0).sqrt();
        (2.0 * most_mps - mps) / HARD_MPS2
    };
    let with_halt_s = |halt_m: f64| needs_s(from_mps, halt_m) + HALT_S + needs_s(to_mps, way_m - halt_m);
    // Over the places of a halt the time is like a hill: it is least at one of the ends.
    first_m <= last_m && with_halt_s(first_m).min(with_halt_s(last_m)) <= took_s
}

fn event(
    bus: &Vehicle,
    observed: &Observed,
    finding: Finding,
    run: Option<(super::timetable::FeedId, super::timetable::RunKey)>,
    value: Option<f64>,
) -> TransitEvent {
    TransitEvent {
        finding,
        phase: Phase::Moment,
        began: observed.seen.at,
        at: observed.seen.at,
        vehicle: Some(bus.id.clone()),
        place: Some(observed.seen.position),
        run,
        stop: None,
        value,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bus_that_came_too_far_has_not_halted() {
        // Both speeds, where the stop lies, how far it came, in how long.
        let halts =
            |mps: f64, stop_m: f64, way_m: f64, s: f64| may_have_halted((mps, mps), (stop_m, way_m), s);
        assert!(!halts(10.0, 150.0, 280.0, 30.0), "10 m/s all the way");
        assert!(halts(10.0, 100.0, 180.0, 30.0), "it lost ten seconds");
        assert!(!halts(10.0, 75.0, 130.0, 15.0), "10 m/s all the way");
        assert!(halts(10.0, 60.0, 70.0, 20.0), "it lost two thirds of the time");
        // The stop is just behind the first fix, and just before the second.
        assert!(!halts(12.0, 8.0, 340.0, 30.0) && !halts(12.0, 332.0, 340.0, 30.0));
        assert!(!halts(12.0, 5.0, 340.0, 60.0), "nobody brakes like that");
        assert!(halts(12.0, 8.0, 220.0, 30.0));
    }
}
