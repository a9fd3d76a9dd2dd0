//! Buses before a stop line, out of what is known of each: how far, how late, and whether anything speaks against it.

use super::Approach;
use crate::ids::VehicleId;
use crate::transit::passing::mark;
use crate::transit::shape::{Shape, turn};
use crate::transit::timetable::{FeedId, PatternStop, RunKey};
use crate::transit::vehicle::{Doing, Observed, Vehicle, Work};
use crate::units::{Degrees, DurationMs, Meters, MetersPerSecond, UtcMillis};

/// So far behind the line a bus is still followed.
pub const BEHIND: Meters = Meters(500.0);
/// Without a word of its tracker for so long nobody knows where it is.
pub const SILENT: DurationMs = DurationMs(30_000);
/// The line that a run follows passes the stop line within this, in about its heading.
const NEAR: Meters = Meters(30.0);
const ASKEW: Degrees = Degrees(45.0);
/// So near a halt a bus stands at it.
const AT_HALT: f64 = 30.0;
/// A halt so far behind the line still lies at it.
const AT_LINE: f64 = 5.0;
/// Slower than this it stands.
const STANDS: MetersPerSecond = MetersPerSecond(2.0);
/// No degree of latitude is shorter.
const METERS_PER_DEGREE: f64 = 110_000.0;

/// A bus whose run leads over an approach's stop line.
#[derive(Debug, Clone, PartialEq)]
pub struct Coming {
    pub vehicle: VehicleId,
    pub feed: FeedId,
    pub run: RunKey,
    /// As passengers know it, else its id.
    pub route: String,
    /// When its tracker told the following.
    pub at: UtcMillis,
    /// To the stop line along its way; negative behind it.
    pub to_line: Meters,
    pub speed: MetersPerSecond,
    pub late: DurationMs,
    pub halt: Halt,
    pub out: Option<Out>,
    /// When it was at the stop line.
    pub crossed: Option<UtcMillis>,
}

/// Halts of its run between a bus and the line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Halt {
    No,
    /// One is still to be served.
    Ahead,
    /// It stands at one.
    Stands,
}

/// Why a bus is not to be reckoned with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Out {
    OffRoute,
    /// Another run is nearly as likely.
    Unsure,
    Silent,
}

impl Out {
    pub fn name(self) -> &'static str {
        match self {
            Out::OffRoute => "off_route",
            Out::Unsure => "unsure",
            Out::Silent => "silent",
        }
    }
}

/// `None`: it is on no run, or on one that does not lead over this line, or it is not near it. A line that was made of stops only does
/// not tell by which streets a bus comes, and counts as not leading there.
pub fn coming(bus: &Vehicle, approach: &Approach, now: UtcMillis) -> Option<Coming> {
    let (Work::Running(doing), Some(last)) = (&bus.work, &bus.last) else { return None };
    let around = (approach.reach.0 + BEHIND.0) / METERS_PER_DEGREE;
    let (here, line) = (last.seen.position, approach.line);
    let wider = around / line.lat.0.to_radians().cos().max(0.1);
    if (here.lat.0 - line.lat.0).abs() > around || (here.lon.0 - line.lon.0).abs() > wider {
        return None;
    }
    let (table, run) = (&doing.plan.timetable, &doing.plan.runs[doing.run]);
    let (pattern, route) = (table.pattern(run), table.route(run));
    let meant = |name: &String| *name == route.id.0 || *name == route.short_name;
    if pattern.coarse || (!approach.routes.is_empty() && !approach.routes.iter().any(meant)) {
        return None;
    }
    let place = place(&pattern.shape, approach, doing.along)?;
    let to_line = Meters(place.0 - doing.along.0);
    if to_line.0 > approach.reach.0 {
        return None;
    }
    let out = if doing.off_since.is_some() {
        Some(Out::OffRoute)
    } else if now.since(doing.at) > SILENT {
        Some(Out::Silent)
    } else {
        (!doing.sure).then_some(Out::Unsure)
    };
    let name = if route.short_name.is_empty() { &route.id.0 } else { &route.short_name };
    Some(Coming {
        vehicle: bus.id.clone(),
        feed: doing.plan.feed.clone(),
        run: doing.key().1,
        route: name.clone(),
        at: doing.at,
        to_line,
        speed: last.seen.speed,
        // Whoever has no times to keep is not late.
        late: doing.late().unwrap_or_default(),
        halt: halt(doing, &pattern.stops, last, place),
        out,
        crossed: doing.when(place).filter(|_| to_line.0 <= 0.0),
    })
}

/// Where along its way a bus crosses the line next, or did just now.
fn place(shape: &Shape, approach: &Approach, along: Meters) -> Option<Meters> {
    let all = shape.passings(approach.line, NEAR);
    let this_way = all.iter().filter(|on| turn(on.course, approach.heading).0 <= ASKEW.0);
    this_way.map(|on| on.along).find(|place| place.0 >= along.0 - BEHIND.0)
}

fn halt(doing: &Doing, stops: &[PatternStop], last: &Observed, line: Meters) -> Halt {
    let along = doing.along.0;
    let before = || stops.iter().enumerate().filter(|(_, stop)| stop.along.0 <= line.0 + AT_LINE);
    // Who passed the line served what was before it.
    if along > line.0 {
        return Halt::No;
    }
    let slow = last.seen.speed.0 < STANDS.0;
    let at_one = before().any(|(_, stop)| (stop.along.0 - along).abs() <= AT_HALT);
    match last.doors_open {
        Some(true) if slow => return Halt::Stands,
        // Who tells that its doors are shut waits for something else, if it was served.
        Some(false) => {}
        Some(true) | None if slow && at_one => return Halt::Stands,
        Some(true) | None => {}
    }
    let ahead = before().any(|(call, _)| call >= doing.next_call && mark(stops, call).0 > along);
    match (ahead, slow && at_one) {
        (true, true) => Halt::Stands,
        (true, false) => Halt::Ahead,
        (false, true | false) => Halt::No,
    }
}
