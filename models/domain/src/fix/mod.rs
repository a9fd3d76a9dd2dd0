//! Which of a vehicle's reported positions are believed. The set of reports decides, never the order in which they came.
//!
//! A report is judged by itself first ([`alone`]), then among its neighbours in time ([`judge`]): at most two on each side have
//! a say, so a late one changes the verdict on a few around it and on no other.

mod recent;
pub mod tracker;

#[cfg(test)]
mod tests;

use std::cmp::Ordering;

use crate::transit::Fix;
use crate::units::{DurationMs, Meters, MetersPerSecond, UtcMillis};

pub use recent::Recent;

/// Why a position is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// The same vehicle and time as another report.
    Double,
    /// The device says so itself.
    Invalid,
    /// At 0, 0, where receivers without a fix are.
    NullIsland,
    /// Measured after it was received.
    Future,
    /// A multiple of 1024 weeks too early: the receiver has miscounted the weeks (IS-GPS-200 §20.3.3.3.1.1).
    WeekRollover,
    /// Measured long before it was received.
    Stale,
    /// The device reports a speed that no vehicle of this kind has.
    TooFast,
    /// Too far from its neighbours for the time between them.
    Jump,
}

impl Reason {
    pub const ALL: [Self; 8] = [
        Self::Double,
        Self::Invalid,
        Self::NullIsland,
        Self::Future,
        Self::WeekRollover,
        Self::Stale,
        Self::TooFast,
        Self::Jump,
    ];

    /// For databases and screens; never changes.
    pub fn name(self) -> &'static str {
        match self {
            Self::Double => "double",
            Self::Invalid => "invalid",
            Self::NullIsland => "null_island",
            Self::Future => "future",
            Self::WeekRollover => "week_rollover",
            Self::Stale => "stale",
            Self::TooFast => "too_fast",
            Self::Jump => "jump",
        }
    }

    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.name() == name)
    }
}

/// What is believed of a bus. Generous: a wrong rejection hides a bus.
#[derive(Debug, Clone, PartialEq)]
pub struct Limits {
    /// Clocks of devices and ours differ.
    pub future: DurationMs,
    /// Devices store positions while they have no network.
    pub stale: DurationMs,
    pub speed: MetersPerSecond,
    /// Receivers wander that far whatever the time between two reports.
    pub wander: Meters,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            future: DurationMs(60_000),
            stale: DurationMs(31 * DAY),
            // 200 km/h.
            speed: MetersPerSecond(55.6),
            wander: Meters(500.0),
        }
    }
}

/// One report, and whether somebody has overruled the verdict on it.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    pub fix: Fix,
    /// Believed whatever the rules say.
    pub taken_back: bool,
}

const DAY: i64 = 86_400_000;
const ROLLOVER: i64 = 1024 * 7 * DAY;
/// About 11 m at the equator.
const NEAR_ZERO: f64 = 1e-4;
/// Neighbours on each side that have a say.
pub const NEIGHBOURS: usize = 2;

/// What is wrong with a report, whatever the others say.
pub fn alone(fix: &Fix, limits: &Limits) -> Option<Reason> {
    let age = fix.received.0 - fix.at.0;
    let rolled = (1..=2).any(|times| (age - times * ROLLOVER).abs() <= limits.stale.0);
    if !fix.valid {
        Some(Reason::Invalid)
    } else if fix.position.lat.0.abs() < NEAR_ZERO && fix.position.lon.0.abs() < NEAR_ZERO {
        Some(Reason::NullIsland)
    } else if -age > limits.future.0 {
        Some(Reason::Future)
    } else if rolled {
        Some(Reason::WeekRollover)
    } else if age > limits.stale.0 {
        Some(Reason::Stale)
    } else if fix.speed.0 > limits.speed.0 {
        Some(Reason::TooFast)
    } else {
        None
    }
}

/// When a vehicle called for help, by a report that need not be believed: whoever is in need does not wait for satellites. Where its clock
/// cannot be right, that is when it was received. `None`: it did not, or long ago.
pub fn call(fix: &Fix) -> Option<UtcMillis> {
    if !fix.told.sos {
        return None;
    }
    let limits = Limits::default();
    let age = fix.received.0 - fix.at.0;
    if -age > limits.future.0 || age > 365 * DAY {
        return Some(fix.received);
    }
    (age <= limits.stale.0).then_some(fix.at)
}

/// The verdict on each report of one vehicle, in their order; `None` is believed.
pub fn judge(reports: &[Report], limits: &Limits) -> Vec<Option<Reason>> {
    let mut verdicts: Vec<_> = reports.iter().map(|r| own(r, limits)).collect();
    let mut by_time: Vec<usize> = (0..reports.len()).collect();
    by_time.sort_by(|&a, &b| {
        let (one, other) = (&reports[a], &reports[b]);
        one.fix.at.0.cmp(&other.fix.at.0).then_with(|| better(one, other, limits))
    });
    for pair in by_time.windows(2) {
        let (before, after) = (&reports[pair[0]], &reports[pair[1]]);
        if before.fix.at == after.fix.at && !after.taken_back {
            verdicts[pair[1]] = Some(Reason::Double);
        }
    }
    let believed: Vec<usize> = by_time.into_iter().filter(|&i| verdicts[i].is_none()).collect();
    let suspects: Vec<bool> =
        (0..believed.len()).map(|place| jumps(reports, &believed, place, None, limits)).collect();
    for (place, &i) in believed.iter().enumerate() {
        // Two jumps around a sound report make it a suspect: among those that are none it has another hearing.
        let heard_again = suspects[place] && jumps(reports, &believed, place, Some(&suspects), limits);
        if heard_again && !reports[i].taken_back {
            verdicts[i] = Some(Reason::Jump);
        }
    }
    verdicts
}

fn own(report: &Report, limits: &Limits) -> Option<Reason> {
    if report.taken_back { None } else { alone(&report.fix, limits) }
}

/// Of two reports of the same moment, the one that stands comes first. What they say decides, not when they came.
fn better(one: &Report, other: &Report, limits: &Limits) -> Ordering {
    let is_bad = |r: &Report| own(r, limits).is_some();
    let first_taken_back = other.taken_back.cmp(&one.taken_back);
    let by_good = first_taken_back.then_with(|| is_bad(one).cmp(&is_bad(other)));
    by_good.then_with(|| by_telling(&one.fix, &other.fix))
}

/// The fix that tells more comes first. Equal are those alone that tell the same, whenever they were received.
fn by_telling(one: &Fix, other: &Fix) -> Ordering {
    // A tracker that calls for help often tells the same second twice, once with the call: that one must not be lost.
    let by_call = other.told.sos.cmp(&one.told.sos).then(other.valid.cmp(&one.valid));
    // What a tracker stores it tells again without what came by messages of their own, such as the driver's card.
    let by_more = by_call.then_with(|| facts(other).cmp(&facts(one)));
    by_more.then_with(|| by_numbers(one, other)).then_with(|| by_words(one, other))
}

/// How much a fix tells beside the place.
fn facts(fix: &Fix) -> usize {
    let told = &fix.told;
    let signed = told.signed.iter().flat_map(|s| [s.trip.is_some(), s.block.is_some(), s.route.is_some()]);
    let others = [
        fix.course.is_some(),
        fix.altitude.is_some(),
        told.doors_open.is_some(),
        told.engine_on.is_some(),
        told.driver.is_some(),
    ];
    signed.chain(others).filter(|is_there| *is_there).count()
}

fn by_numbers(one: &Fix, other: &Fix) -> Ordering {
    let numbers = |fix: &Fix| {
        let course = fix.course.map_or(-1.0, |d| d.0);
        let altitude = fix.altitude.map_or(f64::NEG_INFINITY, |m| m.0);
        [fix.position.lat.0, fix.position.lon.0, fix.speed.0, course, altitude]
    };
    let pairs = numbers(one).into_iter().zip(numbers(other));
    pairs.map(|(a, b)| a.total_cmp(&b)).find(|o| o.is_ne()).unwrap_or(Ordering::Equal)
}

fn by_words(one: &Fix, other: &Fix) -> Ordering {
    let (a, b) = (&one.told, &other.told);
    let by_sensors = a.doors_open.cmp(&b.doors_open).then(a.engine_on.cmp(&b.engine_on));
    let by_work = by_sensors.then_with(|| a.driver.cmp(&b.driver)).then_with(|| a.signed.cmp(&b.signed));
    by_work.then_with(|| one.protocol.cmp(&other.protocol))
}

/// Whether most of its neighbours in time cannot have been reached from it. Where `suspects` have no say and nobody else is
/// there, it stays one.
fn jumps(
    reports: &[Report],
    believed: &[usize],
    place: usize,
    suspects: Option<&[bool]>,
    limits: &Limits,
) -> bool {
    let has_say = |other: &usize| suspects.is_none_or(|suspects| !suspects[*other]);
    let before = (0..place).rev().filter(has_say).take(NEIGHBOURS);
    let after = (place + 1..believed.len()).filter(has_say).take(NEIGHBOURS);
    let (mut all, mut far) = (0, 0);
    for other in before.chain(after) {
        all += 1;
        far += usize::from(!reachable(&reports[believed[place]].fix, &reports[believed[other]].fix, limits));
    }
    2 * far > all || (all == 0 && suspects.is_some())
}

fn reachable(one: &Fix, other: &Fix, limits: &Limits) -> bool {
    let seconds = (one.at.0 - other.at.0).abs() as f64 / 1000.0;
    one.position.distance(other.position).0 <= limits.wander.0.max(limits.speed.0 * seconds)
}
