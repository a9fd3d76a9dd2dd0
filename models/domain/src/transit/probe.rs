//! Buses as measures of traffic: how fast they go on each segment of the roads between their halts, and how that compares.
//!
//! What a bus loses at a stop is no traffic. So only what lies between two fixes counts as running that are both away from any
//! stop of the run, with none between them; the rest says how long buses stand at the stop. With fixes that are far apart and
//! stops that are near each other little is left, and the number of buses says so.

use std::collections::{BTreeMap, BTreeSet};

use super::assign::TERMINAL;
use super::matching::Matched;
use super::road::Piece;
use super::timetable::{FeedId, PatternStop, RunKey};
use super::vehicle::{Doing, Observed};
use crate::units::{DurationMs, Meters, MetersPerSecond, UtcMillis};

/// Figures are kept by this.
pub const BUCKET: DurationMs = DurationMs(5 * 60_000);
/// What is older is not shown as now.
pub const FRESH: DurationMs = DurationMs(15 * 60_000);
/// What is older is not shown at all.
pub const SHOWN: DurationMs = DurationMs(60 * 60_000);
/// A bus stands at its stop within this, before or behind it: buses queue.
const HALT: Meters = Meters(30.0);
/// Fixes farther apart say too little of what was between.
const GAP_MS_MAX: i64 = 60_000;
/// A fix that lies farther back than this is of a bus that turns round.
const BEHIND: Meters = Meters(40.0);
/// No bus goes faster in a city.
const SPEED_MAX: f64 = 28.0;
/// How fast a bus goes near its stop while it does not stand, on the whole.
const ROLLS: f64 = 5.0;
/// The bucket of a moment.
pub fn bucket_of(at: UtcMillis) -> UtcMillis {
    UtcMillis(at.0 - at.0.rem_euclid(BUCKET.0))
}

/// A bucket of a segment, by the segment's index.
pub type Cell = (UtcMillis, u32);

/// How one bus went on a segment within one bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ran {
    pub segment: u32,
    /// The last fix that it is of.
    pub at: UtcMillis,
    /// Way and time between stops.
    pub cm: u32,
    pub ms: u32,
    /// Time that it stood at a stop of the segment.
    pub stop_ms: u32,
}

impl Ran {
    pub fn cell(&self) -> Cell {
        (bucket_of(self.at), self.segment)
    }
}

/// Puts how a bus went on to how it had gone: what is of one bucket of one segment is one. So the last says what is known of the
/// segment that the bus is on, however long it takes to leave it.
pub fn go_on(ran: &mut Vec<Ran>, more: impl IntoIterator<Item = Ran>) {
    for one in more {
        match ran.last_mut().filter(|last| last.cell() == one.cell()) {
            Some(last) => {
                last.at = one.at;
                last.cm = last.cm.saturating_add(one.cm);
                last.ms = last.ms.saturating_add(one.ms);
                last.stop_ms = last.stop_ms.saturating_add(one.stop_ms);
            }
            None => ran.push(one),
        }
    }
}

/// Follows one bus from fix to fix.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Probe {
    before: Option<Before>,
}

#[derive(Debug, Clone, PartialEq)]
struct Before {
    run: (FeedId, RunKey),
    at: UtcMillis,
    along: Meters,
    speed: MetersPerSecond,
    doors_open: bool,
    engine_off: bool,
}

impl Probe {
    /// Takes the next fix of a bus: the run that it is on and where it was put, if it is on one.
    pub fn follow(
        &mut self,
        doing: Option<&Doing>,
        matched: Option<&Matched>,
        observed: &Observed,
        out: &mut Vec<Ran>,
    ) {
        let certain = matched.is_some_and(|m| m.sure && m.behind.0 <= BEHIND.0);
        let Some(doing) = doing.filter(|_| certain) else {
            // On a detour, unsure, turned round or on no run: the way to the next fix says nothing.
            self.before = None;
            return;
        };
        let here = Before {
            run: doing.key(),
            at: observed.seen.at,
            along: doing.along,
            speed: observed.seen.speed,
            doors_open: observed.doors_open == Some(true),
            engine_off: observed.engine_on == Some(false),
        };
        if let Some(before) = self.before.replace(here.clone()).filter(|b| b.run == here.run) {
            step(doing, &before, &here, out);
        }
    }
}

fn step(doing: &Doing, a: &Before, b: &Before, out: &mut Vec<Ran>) {
    let (ms, way) = (b.at.since(a.at).0, b.along.0 - a.along.0);
    let believed = ms > 0 && ms <= GAP_MS_MAX && way >= 0.0 && way * 1000.0 <= SPEED_MAX * ms as f64;
    // A bus whose engine is off waits for no traffic.
    if !believed || (a.engine_off && b.engine_off) {
        return;
    }
    let pattern = doing.plan.timetable.trip(&doing.plan.runs[doing.run]).pattern;
    let Some(pieces) = doing.plan.pieces.get(pattern) else { return };
    let stops = &doing.plan.timetable.patterns[pattern].stops;
    let with_doors = a.doors_open && b.doors_open;
    if !with_doors && clear(stops, a.along, b.along) {
        between(pieces, a, b, out);
    } else if let Some(piece) = piece_at(pieces, halt(stops, a.along, b.along).unwrap_or(b.along)) {
        let stood = if with_doors { ms } else { stood(stops, a, b) };
        go_on(out, [Ran { segment: piece.segment, at: b.at, cm: 0, ms: 0, stop_ms: stood as u32 }]);
    }
}

/// A way between two stops, shared out among the segments that it lies on.
fn between(pieces: &[Piece], a: &Before, b: &Before, out: &mut Vec<Ran>) {
    let (ms, way) = (b.at.since(a.at).0 as f64, b.along.0 - a.along.0);
    let first = pieces.partition_point(|p| p.to.0 < a.along.0);
    for piece in pieces[first..].iter().take_while(|p| p.from.0 <= b.along.0) {
        let part = b.along.0.min(piece.to.0) - a.along.0.max(piece.from.0);
        let share = if way > 0.0 { part / way } else { 1.0 };
        if share > 0.0 {
            let (cm, ms) = ((part * 100.0).round() as u32, (ms * share).round() as u32);
            go_on(out, [Ran { segment: piece.segment, at: b.at, cm, ms, stop_ms: 0 }]);
        }
        if way <= 0.0 {
            break;
        }
    }
}

/// How far around a stop standing belongs to it: where a run begins and ends there is room to wait.
fn room(stops: &[PatternStop], stop: usize) -> f64 {
    if stop == 0 || stop + 1 == stops.len() { TERMINAL.0 } else { HALT.0 }
}

/// Whether neither place is at a stop and none lies between.
fn clear(stops: &[PatternStop], from: Meters, to: Meters) -> bool {
    halt(stops, from, to).is_none()
}

/// A place of the segment that ends at the stop where a bus may have stood on this way.
fn halt(stops: &[PatternStop], from: Meters, to: Meters) -> Option<Meters> {
    let touched = |i: &usize| {
        let (along, room) = (stops[*i].along.0, room(stops, *i));
        along - room <= to.0 && along + room >= from.0
    };
    let stop = (0..stops.len()).find(touched)?;
    Some(Meters((stops[stop].along.0 - 1.0).max(1.0)))
}

/// How many milliseconds of the time between two fixes at or around a stop the bus stood.
fn stood(stops: &[PatternStop], a: &Before, b: &Before) -> i64 {
    let (ms, way) = (b.at.since(a.at).0, b.along.0 - a.along.0);
    let at_stop =
        |along: Meters| (0..stops.len()).any(|i| (stops[i].along.0 - along.0).abs() <= room(stops, i));
    let outside = [a, b].into_iter().filter(|f| !at_stop(f.along)).map(|f| f.speed.0);
    let speeds: Vec<f64> = outside.collect();
    let mean = speeds.iter().sum::<f64>() / speeds.len() as f64;
    // What was not needed for the way, at the speed that the tracker told outside the stop.
    let needed = |speed: f64| (ms - (way / speed * 1000.0) as i64).max(0);
    match mean {
        _ if speeds.is_empty() => needed(ROLLS),
        mean if mean >= 2.0 => needed(mean),
        _ => 0,
    }
}

fn piece_at(pieces: &[Piece], along: Meters) -> Option<&Piece> {
    let i = pieces.partition_point(|p| p.to.0 < along.0);
    pieces.get(i).or(pieces.last()).filter(|p| p.from.0 <= along.0)
}

/// What some buses told of a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sum {
    pub buses: u32,
    pub cm: u64,
    pub ms: u64,
    pub stop_ms: u64,
    pub newest: UtcMillis,
}

impl Sum {
    /// Fewer milliseconds of running say nothing of the speed.
    pub const RUNNING_MS_MIN: u64 = 5_000;

    fn add(&mut self, ran: &Ran) {
        self.cm += u64::from(ran.cm);
        self.ms += u64::from(ran.ms);
        self.stop_ms += u64::from(ran.stop_ms);
        self.newest = self.newest.max(ran.at);
    }

    /// Mean speed of the way between stops (space mean); `None` when too little was seen of it.
    pub fn speed(&self) -> Option<MetersPerSecond> {
        (self.ms >= Self::RUNNING_MS_MIN).then(|| MetersPerSecond(self.cm as f64 * 10.0 / self.ms as f64))
    }

    /// How long a bus stood at a stop of the segment, on average.
    pub fn stands(&self) -> DurationMs {
        DurationMs((self.stop_ms / u64::from(self.buses.max(1))) as i64)
    }

    /// Time over the segment without standing at stops; `None` while nothing moves, and when too little was seen.
    pub fn travel_time(&self, length: Meters) -> Option<DurationMs> {
        let speed = self.speed().filter(|s| s.0 > 0.1)?;
        Some(DurationMs((length.0 / speed.0 * 1000.0) as i64))
    }
}

/// What buses told of some cells; of a cell of which none told anything, nothing.
pub fn totals<'a>(ran: impl Iterator<Item = &'a [Ran]>, cells: &BTreeSet<Cell>) -> BTreeMap<Cell, Sum> {
    let mut sums: BTreeMap<Cell, Sum> = cells.iter().map(|cell| (*cell, Sum::default())).collect();
    let (Some(first), Some(last)) = (cells.first(), cells.last()) else { return sums };
    let until = last.0 + BUCKET;
    for of_bus in ran {
        let from = of_bus.partition_point(|r| r.at < first.0);
        let mut counted: BTreeSet<Cell> = BTreeSet::new();
        for ran in of_bus[from..].iter().take_while(|r| r.at < until) {
            if let Some(sum) = sums.get_mut(&ran.cell()) {
                sum.add(ran);
                sum.buses += u32::from(counted.insert(ran.cell()));
            }
        }
    }
    sums
}

/// What is known of each segment now: all that was told within [`FRESH`]; else the last bucket within [`SHOWN`], whose
/// `newest` says how old it is.
pub fn lately<'a>(ran: impl Iterator<Item = &'a [Ran]>, now: UtcMillis) -> BTreeMap<u32, Sum> {
    let (mut fresh, mut old) = (BTreeMap::<u32, Sum>::new(), BTreeMap::<Cell, Sum>::new());
    for of_bus in ran {
        let from = of_bus.partition_point(|r| r.at <= now - SHOWN);
        let (mut counted, mut counted_old) = (BTreeSet::new(), BTreeSet::new());
        for ran in of_bus[from..].iter().take_while(|r| r.at <= now) {
            let (sum, first) = if ran.at > now - FRESH {
                (fresh.entry(ran.segment).or_default(), counted.insert(ran.segment))
            } else {
                (old.entry(ran.cell()).or_default(), counted_old.insert(ran.cell()))
            };
            sum.add(ran);
            sum.buses += u32::from(first);
        }
    }
    // In the order of time: of the old ones the last stays.
    let mut lately: BTreeMap<u32, Sum> = old.into_iter().map(|((_, segment), sum)| (segment, sum)).collect();
    lately.extend(fresh);
    lately
}

/// How fast buses go on a segment when nothing holds them up: of all buckets that were seen of it, 85 of 100 are slower.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Reference {
    buckets_by_class: BTreeMap<u16, u64>,
}

impl Reference {
    const PERCENTILE: f64 = 0.85;
    /// Classes of speed are so wide.
    pub const CLASS: MetersPerSecond = MetersPerSecond(0.5);
    /// From fewer buckets nobody knows what is usual.
    const BUCKETS_MIN: u64 = 6;

    /// Takes `buckets` whose speed lies in a class, counted from 0.
    pub fn learn(&mut self, class: u16, buckets: u64) {
        *self.buckets_by_class.entry(class.min(100)).or_default() += buckets;
    }

    pub fn speed(&self) -> Option<MetersPerSecond> {
        let all: u64 = self.buckets_by_class.values().sum();
        if all < Self::BUCKETS_MIN {
            return None;
        }
        let mut left = all as f64 * Self::PERCENTILE;
        for (class, buckets) in &self.buckets_by_class {
            if left <= *buckets as f64 {
                let within = left / *buckets as f64;
                return Some(MetersPerSecond((f64::from(*class) + within) * Self::CLASS.0));
            }
            left -= *buckets as f64;
        }
        None
    }
}

/// How traffic flows, by the share of the reference speed that is left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    Free,
    Slow,
    Heavy,
    Standing,
}

impl Level {
    /// By the levels of service of urban streets: A and B, C, D and E, F (HCM 2010, exhibit 17-2).
    pub fn of(speed: MetersPerSecond, reference: MetersPerSecond) -> Self {
        match speed.0 / reference.0.max(0.1) {
            share if share > 0.67 => Self::Free,
            share if share > 0.5 => Self::Slow,
            share if share > 0.3 => Self::Heavy,
            _ => Self::Standing,
        }
    }

    /// Short stable name for JSON and tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Free => "free",
            Self::Slow => "slow",
            Self::Heavy => "heavy",
            Self::Standing => "standing",
        }
    }
}
