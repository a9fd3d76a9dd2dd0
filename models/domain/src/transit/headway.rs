//! Time between buses: at stops that were passed, and between buses under way; how regular it was.

use std::collections::BTreeMap;

use super::passing::Passing;
use super::timetable::{FeedId, RouteId, RunKey, StopId};
pub use super::variant::Beside;
use super::variant::beside;
use super::vehicle::{Doing, Vehicle, Work};
use crate::ids::VehicleId;
use crate::units::{DurationMs, Meters, UtcMillis};

/// A way that people wait for: a route in one direction.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Line {
    pub feed: FeedId,
    pub route: RouteId,
    pub direction: Option<u8>,
}

/// A bus came to a stop so long after the one before.
#[derive(Debug, Clone, PartialEq)]
pub struct Headway {
    pub line: Line,
    pub stop: StopId,
    pub at: UtcMillis,
    pub behind: DurationMs,
    /// What the timetable has between the two, or promises of the later one.
    pub timetabled: DurationMs,
    /// The same from run to run, where others between the two were promised and not driven; else empty.
    pub between: Vec<DurationMs>,
}

/// When runs that were told to be missing should have come, by route, direction, stop, and how many times before they were to be there.
pub type Missed<'a> = BTreeMap<(&'a RouteId, Option<u8>, &'a StopId, usize), Vec<UtcMillis>>;

/// A bus on the ladder of its line.
#[derive(Debug, Clone, PartialEq)]
pub struct Rung {
    pub vehicle: VehicleId,
    pub line: Line,
    pub run: RunKey,
    pub pattern: usize,
    pub along: Meters,
    /// Stops that it has not passed, but for the last: nobody waits there.
    pub stops_ahead: usize,
    /// `None` where no time is promised.
    pub late: Option<DurationMs>,
    /// Since when the bus ahead has left the place where this one is now.
    pub ahead: Option<DurationMs>,
    /// What the timetable has between the two, or promises of this one.
    pub ahead_timetabled: Option<DurationMs>,
    /// The bus ahead is the next of its pattern; this one is of another that serves the same stops here, and they run as one.
    pub beside: Option<Beside>,
}

/// How regular a line ran.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Regularity {
    pub headways: usize,
    pub mean_s: f64,
    /// How unevenly headways are off what was promised, over its mean: 0 is as promised, 1 is as if by chance.
    pub variation: f64,
    /// What a passenger who comes at any time waits more than the timetable promises, in seconds. Promised are the runs that were seen,
    /// and those that were told to be missing: of others nobody knows whether they were driven.
    pub excess_wait_s: f64,
}

type Buses<'a> = Vec<(&'a VehicleId, &'a Doing)>;

/// Buses nearer than this share of their timetabled headway run as one.
pub const BUNCHED: f64 = 0.25;

impl Passing {
    pub fn line(&self) -> Line {
        Line { feed: self.feed.clone(), route: self.route.clone(), direction: self.direction }
    }
}

/// Headways at every stop, from passings in any order. Where a stop comes twice in a trip, each time counts apart: `times_before` tells
/// how many times before a passing its trip is at that stop.
pub fn headways<'a>(
    passings: impl IntoIterator<Item = &'a Passing>,
    times_before: impl Fn(&Passing) -> usize,
    missed: &Missed<'_>,
) -> Vec<Headway> {
    let mut by_stop: BTreeMap<_, Vec<&Passing>> = BTreeMap::new();
    for p in passings {
        by_stop.entry((&p.feed, &p.route, p.direction, &p.stop, times_before(p))).or_default().push(p);
    }
    let mut all = Vec::new();
    for ((feed, route, direction, stop, times), mut list) in by_stop {
        let line = Line { feed: feed.clone(), route: route.clone(), direction };
        list.sort_by(|a, b| (a.at, &a.run, &a.vehicle).cmp(&(b.at, &b.run, &b.vehicle)));
        // One start may stand for two buses where it is no promise.
        let two = |a: &Passing, b: &Passing| {
            a.run != b.run || (a.headway.is_some() && b.headway.is_some() && a.vehicle != b.vehicle)
        };
        let missed = missed.get(&(route, direction, stop, times)).map_or(&[][..], Vec::as_slice);
        for pair in list.windows(2).filter(|pair| two(pair[0], pair[1])) {
            let timed = pair[1].headway.is_none();
            all.push(Headway {
                between: if timed { between(pair[0].due, pair[1].due, missed) } else { Vec::new() },
                line: line.clone(),
                stop: stop.clone(),
                at: pair[1].at,
                behind: pair[1].at.since(pair[0].at),
                timetabled: pair[1].headway.unwrap_or(DurationMs(pair[1].due.since(pair[0].due).0.abs())),
            });
        }
    }
    all
}

/// From one run to the next between two, where others were missed there.
fn between(one: UtcMillis, other: UtcMillis, missed: &[UtcMillis]) -> Vec<DurationMs> {
    let (from, to) = (one.min(other), one.max(other));
    let mut dues: Vec<UtcMillis> = missed.iter().copied().filter(|due| from < *due && *due < to).collect();
    if dues.is_empty() {
        return Vec::new();
    }
    dues.extend([from, to]);
    dues.sort_unstable();
    dues.windows(2).map(|pair| pair[1].since(pair[0])).collect()
}

impl Headway {
    /// The mean of what was promised between the two, in seconds.
    fn mean_promised_s(&self) -> f64 {
        let (count, sum) = self.promised_s().fold((0.0, 0.0), |(count, sum), s| (count + 1.0, sum + s));
        sum / count
    }

    /// What was promised between the two, in seconds: one distance, or more where runs between were not driven.
    fn promised_s(&self) -> impl Iterator<Item = f64> {
        let whole = self.between.is_empty().then_some(self.timetabled);
        self.between.iter().copied().chain(whole).map(DurationMs::seconds)
    }
}

/// Mean waiting time is half the mean square of the headways over their mean (Osuna and Newell 1972).
pub fn regularity(headways: &[Headway]) -> Regularity {
    fn waits(all_s: impl Iterator<Item = f64>) -> (f64, f64) {
        let (sum, squares) = all_s.fold((0.0, 0.0), |(s, q), h| (s + h, q + h * h));
        (sum, if sum > 0.0 { squares / sum / 2.0 } else { 0.0 })
    }
    let (sum, wait) = waits(headways.iter().map(|h| h.behind.seconds()));
    let (_, promised) = waits(headways.iter().flat_map(Headway::promised_s));
    if headways.is_empty() || sum <= 0.0 {
        return Regularity::default();
    }
    let mean_s = sum / headways.len() as f64;
    let (variation, excess_wait_s) = (variation(headways, mean_s), wait - promised);
    Regularity { headways: headways.len(), mean_s, variation, excess_wait_s }
}

/// Standard deviation of how far headways are off what was promised, over the mean of what was promised (Transit Capacity and Quality
/// of Service Manual, headway adherence): that fewer buses are timetabled in the evening is nothing irregular.
fn variation(headways: &[Headway], mean_s: f64) -> f64 {
    let mean =
        |each: &dyn Fn(&Headway) -> f64| headways.iter().map(each).sum::<f64>() / headways.len() as f64;
    let promised_s = mean(&Headway::mean_promised_s);
    let off_s = |h: &Headway| h.behind.seconds() - h.mean_promised_s() - (mean_s - promised_s);
    let deviation_s = mean(&|h| off_s(h).powi(2)).sqrt();
    if promised_s > 0.0 { deviation_s / promised_s } else { 0.0 }
}

/// The buses under way of every line, foremost first, each with the time to the bus ahead.
pub fn ladder<'a>(buses: impl Iterator<Item = &'a Vehicle>, at: UtcMillis) -> Vec<Rung> {
    let running = buses.filter_map(|bus| match &bus.work {
        Work::Running(doing) => Some((&bus.id, &**doing)),
        Work::Unknown | Work::Waiting(_) | Work::Finished { .. } => None,
    });
    // By feed, timetable (two days may have two) and pattern; and by route and direction.
    let mut by_pattern: BTreeMap<(FeedId, usize, usize), Buses<'_>> = BTreeMap::new();
    let mut by_line: BTreeMap<(FeedId, usize, usize, Option<u8>), Buses<'_>> = BTreeMap::new();
    for (id, doing) in running {
        let pattern = doing.plan.timetable.trip(&doing.plan.runs[doing.run]).pattern;
        let table = std::sync::Arc::as_ptr(&doing.plan.timetable) as usize;
        let p = &doing.plan.timetable.patterns[pattern];
        let line = (doing.plan.feed.clone(), table, p.route, p.direction);
        by_line.entry(line).or_default().push((id, doing));
        by_pattern.entry((doing.plan.feed.clone(), table, pattern)).or_default().push((id, doing));
    }
    let mut rungs = Vec::new();
    for ((feed, timetable, pattern), mut buses) in by_pattern {
        buses.sort_by(|(a, x), (b, y)| y.along.0.total_cmp(&x.along.0).then_with(|| a.cmp(b)));
        for (i, (id, doing)) in buses.iter().enumerate() {
            let ahead = i.checked_sub(1).map(|j| buses[j].1);
            let (table, run) = (&doing.plan.timetable, &doing.plan.runs[doing.run]);
            let p = table.pattern(run);
            let (route, direction) = (table.route(run).id.clone(), p.direction);
            let behind = ahead.and_then(|a| a.when(doing.along)).map(|then| at.min(doing.at).since(then));
            let of_line = by_line.get(&(feed.clone(), timetable, p.route, direction));
            rungs.push(Rung {
                vehicle: (*id).clone(),
                line: Line { feed: feed.clone(), route, direction },
                run: table.key(run),
                pattern,
                along: doing.along,
                stops_ahead: p.stops.len().saturating_sub(doing.next_call + 1),
                late: doing.late(),
                ahead: behind,
                ahead_timetabled: ahead.map(|a| {
                    let departs = |d: &Doing| table.departs(&d.plan.runs[d.run], 0);
                    let between = || DurationMs(departs(doing).since(departs(a)).0.abs());
                    table.promised_headway(run).unwrap_or_else(between)
                }),
                beside: of_line.and_then(|others| beside(doing, at, others, behind)),
            });
        }
    }
    rungs
}

impl Rung {
    /// It runs as one with the bus ahead, or with one of another variant; `None` when there is none, or nothing is known of it.
    pub fn is_bunched(&self) -> Option<bool> {
        if self.beside.is_some() {
            return Some(true);
        }
        let (ahead, wanted) = (self.ahead?, self.ahead_timetabled?);
        Some(ahead.seconds() < BUNCHED * wanted.seconds())
    }

    /// How far it is behind whom it is nearest to: the bus ahead, or one of another variant.
    pub fn behind(&self) -> Option<DurationMs> {
        self.ahead.into_iter().chain(self.beside.as_ref().map(|beside| beside.ahead)).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line() -> Line {
        Line { feed: "f".into(), route: "r".into(), direction: Some(0) }
    }

    fn every(seconds: &[i64]) -> Vec<Headway> {
        let one = |s: &i64| Headway {
            line: line(),
            stop: "s".into(),
            at: UtcMillis(0),
            behind: DurationMs(s * 1000),
            timetabled: DurationMs(600_000),
            between: Vec::new(),
        };
        seconds.iter().map(one).collect()
    }

    #[test]
    fn even_buses_make_nobody_wait_longer() {
        let even = regularity(&every(&[600, 600, 600]));
        assert!(even.variation < 1e-9 && even.excess_wait_s.abs() < 1e-9);
        // Pairs of buses: the same number of buses, and 300 s of mean waiting become 600 s.
        let pairs = regularity(&every(&[1200, 0, 1200, 0]));
        assert!(
            (pairs.variation - 1.0).abs() < 1e-9 && (pairs.excess_wait_s - 300.0).abs() < 1e-9,
            "{pairs:?}"
        );
    }

    #[test]
    fn buses_that_keep_what_was_promised_are_even_however_often_they_are_timetabled() {
        let driven = |promised_s: &[i64], late_s: i64| {
            let mut all = every(promised_s);
            all.iter_mut().zip(promised_s).for_each(|(h, s)| h.timetabled = DurationMs(s * 1_000));
            // One comes late, and the next on time.
            all[0].behind = DurationMs((promised_s[0] + late_s) * 1_000);
            all[1].behind = DurationMs((promised_s[1] - late_s) * 1_000);
            regularity(&all)
        };
        let day = [300, 300, 1_800, 1_800];
        let kept = driven(&day, 0);
        assert!(kept.variation < 1e-9 && kept.excess_wait_s.abs() < 1e-9, "{kept:?}");
        // Two of four are off by 210 s, of 1,050 s in the mean.
        let off = driven(&day, 210).variation;
        assert!((off - 210.0 * 0.5_f64.sqrt() / 1_050.0).abs() < 1e-9, "{off}");
        // Of a run that was told to be missing people know that it was promised.
        let mut missed = every(&[600, 600, 1_200]);
        missed[2].between = vec![DurationMs(600_000); 2];
        assert!(regularity(&missed).variation > 0.4, "{missed:?}");
    }

    #[test]
    fn runs_that_were_missed_were_promised_between_the_two_that_came() {
        let told = |one: i64, other: i64, missed: &[i64]| {
            let at = |s: &i64| UtcMillis(s * 1_000);
            let missed: Vec<UtcMillis> = missed.iter().map(at).collect();
            let told = between(at(&one), at(&other), &missed);
            told.into_iter().map(|d| d.0 / 1_000).collect::<Vec<_>>()
        };
        assert_eq!(told(0, 600, &[-600, 0, 600, 1_200]), Vec::<i64>::new());
        assert_eq!(told(0, 1_800, &[1_200, 600]), [600, 600, 600]);
        assert_eq!(told(1_200, 0, &[500]), [500, 700], "the later one came first");
    }
}
