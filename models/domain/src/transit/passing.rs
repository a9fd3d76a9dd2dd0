//! When a bus passed each stop of its run, told from where it was between fixes.

use super::plan::DayPlan;
use super::timetable::{FeedId, PatternStop, RouteId, RunKey, StopId};
use crate::ids::VehicleId;
use crate::units::{DurationMs, Meters, UtcMillis};

/// A bus reached a stop.
#[derive(Debug, Clone, PartialEq)]
pub struct Passing {
    pub vehicle: VehicleId,
    pub feed: FeedId,
    pub route: RouteId,
    pub direction: Option<u8>,
    pub run: RunKey,
    /// Number of the call in its trip, from 0.
    pub call: usize,
    pub stop: StopId,
    pub at: UtcMillis,
    /// When the timetable wanted the bus to leave its first stop, or to arrive at another. Where only `headway` is promised it tells no more than how long the way takes.
    pub due: UtcMillis,
    /// So long after the bus before, where a trip is repeated and its starts are no promise.
    pub headway: Option<DurationMs>,
    /// The two fixes between which it happened lie this far apart: how well `at` is known.
    pub gap: DurationMs,
}

impl Passing {
    /// How late the bus was; negative when early; `None` where no time was promised.
    pub fn late(&self) -> Option<DurationMs> {
        self.headway.is_none().then(|| self.at.since(self.due))
    }
}

/// A bus has left its first stop, and reached its last, this far from them: it stands where there is room.
pub const ROOM: Meters = Meters(30.0);

/// Where along the shape a call counts as passed.
pub fn mark(stops: &[PatternStop], call: usize) -> Meters {
    let along = stops[call].along.0;
    match call {
        0 => Meters(along + ROOM.0),
        _ if call + 1 == stops.len() => Meters(along - ROOM.0),
        _ => Meters(along),
    }
}

/// Stops passed on the way `from` … `to` of a run, with the moment at which a bus was there that went evenly between the two.
pub fn between(
    plan: &DayPlan,
    run: usize,
    vehicle: &VehicleId,
    (from_at, from): (UtcMillis, Meters),
    (to_at, to): (UtcMillis, Meters),
) -> Vec<Passing> {
    let (table, r) = (&plan.timetable, &plan.runs[run]);
    let pattern = table.pattern(r);
    let gap = to_at.since(from_at);
    let marks = (0..pattern.stops.len()).map(|call| (call, mark(&pattern.stops, call).0));
    let passed = marks.filter(|(_, along)| from.0 < *along && *along <= to.0);
    passed
        .map(|(call, along)| {
            let stop = pattern.stops[call];
            let share = (along - from.0) / (to.0 - from.0);
            Passing {
                vehicle: vehicle.clone(),
                feed: plan.feed.clone(),
                route: table.route(r).id.clone(),
                direction: pattern.direction,
                run: table.key(r),
                call,
                stop: table.stops[stop.stop].id.clone(),
                at: from_at + DurationMs((gap.0 as f64 * share) as i64),
                due: table.passes(r, call),
                headway: table.promised_headway(r),
                gap,
            }
        })
        .collect()
}
