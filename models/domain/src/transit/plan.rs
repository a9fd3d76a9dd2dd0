//! The runs of one operator on one service day, with an index of which could be where a bus is.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use super::road::{PiecesByPattern, Roads};
use super::timetable::{BlockId, FeedId, Pattern, Run, RunKey, ServiceDay, Timetable, TripId};
use crate::geo::LatLon;
use crate::units::UtcMillis;

/// About 500 m: how far outside the box around a pattern a bus may be and still be looked for on it.
const MARGIN_DEGREES: f64 = 0.005;

#[derive(Debug, Clone, PartialEq)]
pub struct DayPlan {
    pub feed: FeedId,
    pub timetable: Arc<Timetable>,
    pub day: ServiceDay,
    /// In the order of their starts.
    pub runs: Vec<Run>,
    /// Where the patterns run on the roads; empty where nobody measures them.
    pub pieces: PiecesByPattern,
    runs_by_pattern: BTreeMap<usize, Vec<usize>>,
    runs_by_block: BTreeMap<BlockId, Vec<usize>>,
    box_by_pattern: BTreeMap<usize, [f64; 4]>,
    run_by_key: HashMap<RunKey, usize>,
    first_trip_by_pattern: BTreeMap<usize, TripId>,
    trips: HashSet<TripId>,
}

impl DayPlan {
    pub fn new(feed: FeedId, timetable: Arc<Timetable>, day: ServiceDay) -> Self {
        let runs = timetable.runs(day);
        Self::of(feed, timetable, day, runs)
    }

    /// The plan of those runs that `keep` holds for.
    #[must_use]
    pub fn only(&self, keep: impl Fn(&Run) -> bool) -> Self {
        let runs = self.runs.iter().filter(|run| keep(run)).cloned().collect();
        let pieces = self.pieces.clone();
        Self { pieces, ..Self::of(self.feed.clone(), self.timetable.clone(), self.day, runs) }
    }

    fn of(feed: FeedId, timetable: Arc<Timetable>, day: ServiceDay, runs: Vec<Run>) -> Self {
        let mut runs_by_pattern: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        let mut runs_by_block: BTreeMap<BlockId, Vec<usize>> = BTreeMap::new();
        for (i, run) in runs.iter().enumerate() {
            let trip = timetable.trip(run);
            runs_by_pattern.entry(trip.pattern).or_default().push(i);
            if let Some(block) = trip.block.as_ref().filter(|_| run.start_s.is_none()) {
                runs_by_block.entry(block.clone()).or_default().push(i);
            }
        }
        let run_by_key = runs.iter().enumerate().rev().map(|(i, run)| (timetable.key(run), i)).collect();
        let first_trip_by_pattern =
            timetable.trips.iter().rev().map(|trip| (trip.pattern, trip.id.clone())).collect();
        let trips = runs.iter().map(|run| timetable.trip(run).id.clone()).collect();
        let bounds = |p: &usize| (*p, around(&timetable.patterns[*p]));
        let box_by_pattern = runs_by_pattern.keys().map(bounds).collect();
        let pieces = PiecesByPattern::default();
        Self {
            feed,
            timetable,
            day,
            runs,
            pieces,
            runs_by_pattern,
            runs_by_block,
            box_by_pattern,
            run_by_key,
            first_trip_by_pattern,
            trips,
        }
    }

    /// With buses as measures of these roads.
    #[must_use]
    pub fn on(self, roads: &Roads) -> Self {
        let pieces = roads.pieces(&self.feed, &self.timetable);
        Self { pieces, ..self }
    }

    /// Patterns that run this day and whose surroundings hold `position`.
    pub fn patterns_near(&self, position: LatLon) -> impl Iterator<Item = usize> {
        let (lat, lon) = (position.lat.0, position.lon.0);
        let near = move |b: &[f64; 4]| (b[0]..=b[1]).contains(&lat) && (b[2]..=b[3]).contains(&lon);
        self.box_by_pattern.iter().filter(move |(_, b)| near(b)).map(|(p, _)| *p)
    }

    /// Patterns that run this day.
    pub fn patterns(&self) -> impl Iterator<Item = usize> {
        self.runs_by_pattern.keys().copied()
    }

    /// Runs of a pattern, in the order of their starts, as indices into `runs`.
    pub fn runs_of(&self, pattern: usize) -> &[usize] {
        self.runs_by_pattern.get(&pattern).map_or(&[], Vec::as_slice)
    }

    /// The block that a run is of. Of a trip that is repeated all starts stand in its block, and no one bus does them all: it tells
    /// nothing of what a bus does next.
    pub fn block(&self, run: usize) -> Option<&BlockId> {
        let run = &self.runs[run];
        self.timetable.trip(run).block.as_ref().filter(|_| run.start_s.is_none())
    }

    /// Whether a bus begins its day with this run, as the first of its block.
    pub fn pulls_out(&self, run: usize) -> bool {
        let block = self.block(run).and_then(|block| self.runs_by_block.get(block));
        block.is_some_and(|runs| runs.first() == Some(&run))
    }

    /// The run that the same bus does after this one.
    pub fn next_of_block(&self, run: usize) -> Option<usize> {
        let runs = self.runs_by_block.get(self.block(run)?)?;
        let ends = self.timetable.ends(&self.runs[run]);
        runs.iter().copied().find(|next| *next != run && self.timetable.departs(&self.runs[*next], 0) >= ends)
    }

    /// The first trip of the timetable that takes a pattern, whose name stays from day to day.
    pub fn first_trip(&self, pattern: usize) -> Option<&TripId> {
        self.first_trip_by_pattern.get(&pattern)
    }

    pub fn key(&self, run: usize) -> RunKey {
        self.timetable.key(&self.runs[run])
    }

    /// Whether a trip of that name runs this day.
    pub fn has_trip(&self, trip: &TripId) -> bool {
        self.trips.contains(trip)
    }

    /// Whether something of that block runs this day.
    pub fn has_block(&self, block: &BlockId) -> bool {
        self.runs_by_block.contains_key(block)
    }

    pub fn find(&self, key: &RunKey) -> Option<usize> {
        self.run_by_key.get(key).copied()
    }

    /// Runs that should have started more than `grace_ms` ago, are not over, and that no bus in `covered` does. None of those whose
    /// times are no promise.
    pub fn missing(&self, at: UtcMillis, grace_ms: i64, covered: impl Fn(&RunKey) -> bool) -> Vec<usize> {
        let due = self.runs.partition_point(|r| self.timetable.departs(r, 0).0 + grace_ms < at.0);
        let missed = |run: &Run| self.timetable.ends(run) > at && self.timetable.keeps_times(run);
        (0..due).filter(|i| missed(&self.runs[*i]) && !covered(&self.key(*i))).collect()
    }
}

/// The plan that a run is of, and its index there.
pub fn find<'a>(plans: &'a [Arc<DayPlan>], feed: &FeedId, key: &RunKey) -> Option<(&'a Arc<DayPlan>, usize)> {
    let plan = plans.iter().find(|plan| plan.feed == *feed && plan.day.date == key.date)?;
    Some((plan, plan.find(key)?))
}

fn around(pattern: &Pattern) -> [f64; 4] {
    let mut b = [f64::MAX, f64::MIN, f64::MAX, f64::MIN];
    for p in pattern.shape.points() {
        b = [b[0].min(p.lat.0), b[1].max(p.lat.0), b[2].min(p.lon.0), b[3].max(p.lon.0)];
    }
    [b[0] - MARGIN_DEGREES, b[1] + MARGIN_DEGREES, b[2] - MARGIN_DEGREES, b[3] + MARGIN_DEGREES]
}
