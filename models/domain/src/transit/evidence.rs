//! What was seen of a bus since it began its journey, as evidence for each line that it may be driving along.
//!
//! Each line near the bus is matched as the fixes come, so none is matched twice, and what lies long ago still counts: where
//! several lines leave one place by the same street, only the whole way tells them apart.

use std::collections::VecDeque;
use std::sync::Arc;

use super::assign::{TERMINAL, reach};
use super::matching::{Matched, Matcher, Seen};
use super::passing::mark;
use super::plan::DayPlan;
use super::shape::turn;
use super::timetable::{FeedId, Pattern, Run, Timetable};
use crate::units::{Meters, UtcMillis};

/// One line, and how everything seen fits it.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    pub feed: FeedId,
    pub timetable: Arc<Timetable>,
    pub pattern: usize,
    pub matcher: Matcher,
    /// Where it was along the shape, oldest first and never back; of a halt its begin and its end.
    pub trace: Vec<(UtcMillis, Meters)>,
    pub last: Matched,
    /// What another journey that fitted better has taken from this one.
    pub handicap: f64,
    /// Weights: of what lies on the line, by how far beside it, against its direction; of what does not, and of what was before.
    on: f64,
    away: f64,
    against: f64,
    off: f64,
    off_in_a_row: f64,
    before: f64,
    /// How long it stood at its first stop.
    stood_ms: i64,
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct Evidence {
    lines: Vec<Line>,
    /// The last fixes, from which evidence begins anew.
    recent: VecDeque<Seen>,
    looked: Option<Seen>,
    /// Where lines were last looked for.
    sought: Option<Seen>,
    /// Weight of everything since the journey began.
    journey: f64,
    leap: Option<Seen>,
}

const RECENT_MAX: usize = 12;
const RECENT_MS: i64 = 10 * 60_000;
/// So far a bus goes for a fix to say as much as it can.
const WHOLE_M: f64 = 40.0;
/// A fix of a bus that stands says so little.
const STANDS: f64 = 0.05;
/// Half of the fixes of a bus on its line lie within this; beyond, it counts less and less how far.
const AWAY_M: f64 = 25.0;
/// Fixes near each other err alike: no more than so many speak for themselves.
const APART_MAX: f64 = 8.0;
/// Nobody knows more of a line that the bus left so long ago.
const OFF_MAX: f64 = 25.0;
/// A line that fits so much worse than another is not thought of any more.
pub const HOPELESS: f64 = 12.0;
const UNEXPLAINED_MAX: f64 = 10.0;
/// What speaks against a run whose begin nobody saw.
const MIDWAY: f64 = 2.0;
/// A bus that stands so long at a first stop may begin there, whatever it did before.
const STOOD_MS: i64 = 90_000;
const ANEW: f64 = 2.0;
/// Faster than this nobody drives: the bus, or its tracker, is somewhere else now.
const LEAP_MPS: f64 = 45.0;
const LEAP_M: f64 = 800.0;
/// New lines are looked for so far from where they were last.
const SEEK_M: f64 = 30.0;
/// Where stops lie farther apart, the time is taken between them too, about so often.
const PIECE_M: f64 = 500.0;

impl Evidence {
    pub fn lines(&self) -> &[Line] {
        &self.lines
    }

    /// The last fixes, oldest first.
    pub fn recent(&self) -> impl Iterator<Item = &Seen> {
        self.recent.iter()
    }

    /// Takes the next fix. With `calm`, what it does is known well: others are not looked for, and seldom followed. `true` when the
    /// bus turned out to be somewhere else altogether, and nothing from before holds.
    pub fn look(&mut self, plans: &[Arc<DayPlan>], seen: &Seen, calm: bool) -> bool {
        let old = |s: &Seen| seen.at.since(s.at).0 > RECENT_MS;
        let leapt = self.leaps(seen);
        if self.leap.is_some() && !leapt {
            return false;
        }
        self.recent.push_back(seen.clone());
        while self.recent.len() > RECENT_MAX || self.recent.front().is_some_and(old) {
            self.recent.pop_front();
        }
        let spaced_ms = if calm { 20_000 } else { 8_000 };
        if leapt || self.looked.as_ref().is_none_or(|l| seen.at.since(l.at).0 >= spaced_ms) {
            self.weigh(plans, seen, calm);
        }
        leapt
    }

    /// One fix far away is an error; two there are a leap.
    fn leaps(&mut self, seen: &Seen) -> bool {
        let far = |from: &Seen| {
            let far_m = from.position.distance(seen.position).0;
            far_m > LEAP_M && far_m > LEAP_MPS * seen.at.since(from.at).seconds()
        };
        if !self.recent.back().is_some_and(far) {
            self.leap = None;
            return false;
        }
        match self.leap.replace(seen.clone()) {
            Some(before) if !far(&before) => {
                *self = Self::default();
                true
            }
            Some(_) | None => false,
        }
    }

    /// Forgets what was before, but for the fixes that are kept.
    pub fn begin_anew(&mut self, plans: &[Arc<DayPlan>], kept: impl Fn(&Seen) -> bool) {
        let recent = std::mem::take(self).recent;
        for seen in recent.iter().filter(|s| kept(s)) {
            self.recent.push_back(seen.clone());
            self.weigh(plans, seen, false);
        }
    }

    /// A run ends here: lines that end here too are done with; those that go on may still be what it really does, which `worse`
    /// tells by how much they were behind.
    pub fn end(&mut self, plans: &[Arc<DayPlan>], worse: impl Fn(&Line) -> Option<f64>) {
        self.lines.retain_mut(|line| {
            let place = line.last.along.0 - line.last.behind.0;
            let left = line.pattern().shape.length().0 - line.last.along.0;
            // One that begins here is looked at anew: on the way here the bus drove against it, or only by chance along it.
            let goes_on = left > 300.0 && place > TERMINAL.0;
            let Some(handicap) = worse(line).filter(|_| goes_on) else { return false };
            line.handicap += handicap.clamp(0.0, HOPELESS);
            true
        });
        let last = self.recent.back().cloned();
        (self.journey, self.sought, self.recent) = (0.0, None, VecDeque::new());
        if let Some(seen) = last {
            self.seek(plans, &seen);
            self.recent.push_back(seen);
        }
    }

    /// Only lines that may still be it.
    pub fn retain(&mut self, hopeful: impl Fn(&Line) -> bool) {
        self.lines.retain(hopeful);
    }

    fn weigh(&mut self, plans: &[Arc<DayPlan>], seen: &Seen, calm: bool) {
        let gone_m = self.looked.as_ref().map_or(WHOLE_M, |l| l.position.distance(seen.position).0);
        let weight = (gone_m / WHOLE_M).clamp(STANDS, 1.0);
        let lapse = self.looked.as_ref().map_or(0, |l| seen.at.since(l.at).0);
        self.lines.retain_mut(|line| {
            line.step(seen, weight, lapse);
            let in_force = |p: &Arc<DayPlan>| line.is_of(p);
            line.off_in_a_row < OFF_MAX && plans.iter().any(in_force)
        });
        let moved = self.sought.as_ref().is_none_or(|s| s.position.distance(seen.position).0 > SEEK_M);
        if moved && !calm {
            self.seek(plans, seen);
        }
        self.journey += weight;
        self.looked = Some(seen.clone());
    }

    fn seek(&mut self, plans: &[Arc<DayPlan>], seen: &Seen) {
        self.sought = Some(seen.clone());
        for plan in plans {
            for pattern in plan.patterns_near(seen.position) {
                if self.lines.iter().any(|l| l.pattern == pattern && l.is_of(plan)) {
                    continue;
                }
                self.lines.extend(Line::begin(plan, pattern, seen, self.journey));
            }
        }
    }
}

impl Line {
    fn begin(plan: &DayPlan, pattern: usize, seen: &Seen, before: f64) -> Option<Self> {
        let mut matcher = Matcher::default();
        let shape = &plan.timetable.patterns[pattern].shape;
        let last = matcher.step(shape, seen, reach(&plan.timetable, pattern))?;
        let mut line = Self {
            feed: plan.feed.clone(),
            timetable: plan.timetable.clone(),
            pattern,
            matcher,
            trace: vec![(seen.at, last.along)],
            last,
            handicap: 0.0,
            on: 0.0,
            away: 0.0,
            against: 0.0,
            off: 0.0,
            off_in_a_row: 0.0,
            before,
            stood_ms: 0,
        };
        line.count(seen, 1.0);
        Some(line)
    }

    pub fn pattern(&self) -> &Pattern {
        &self.timetable.patterns[self.pattern]
    }

    pub fn is_of(&self, plan: &DayPlan) -> bool {
        Arc::ptr_eq(&self.timetable, &plan.timetable) && self.feed == plan.feed
    }

    /// Where it was first seen on the line.
    pub fn first(&self) -> (UtcMillis, Meters) {
        self.trace.first().copied().unwrap_or_default()
    }

    fn step(&mut self, seen: &Seen, weight: f64, lapse_ms: i64) {
        let reach = reach(&self.timetable, self.pattern);
        let Some(matched) = self.matcher.step(&self.timetable.patterns[self.pattern].shape, seen, reach)
        else {
            (self.off, self.off_in_a_row) = (self.off + weight, self.off_in_a_row + weight);
            return;
        };
        self.off_in_a_row = 0.0;
        self.last = matched;
        if matched.along.0 <= TERMINAL.0 && weight < 0.5 {
            self.stood_ms += lapse_ms;
        }
        self.count(seen, weight);
        // An earlier guess of where it is, taken back.
        let back = self.trace.last().is_some_and(|(_, a)| a.0 > matched.along.0 + 50.0);
        if back {
            self.trace.retain(|(_, a)| a.0 <= matched.along.0);
        }
        let along = Meters(self.trace.last().map_or(0.0, |(_, a)| a.0).max(matched.along.0));
        let halts = |(_, a): &(UtcMillis, Meters)| (along.0 - a.0).abs() < 5.0;
        if self.trace.len() >= 2 && self.trace[self.trace.len() - 2..].iter().all(halts) {
            self.trace.pop();
        }
        self.trace.push((seen.at, along));
    }

    fn count(&mut self, seen: &Seen, weight: f64) {
        let matched = self.last;
        self.on += weight;
        self.away += weight * (1.0 + (matched.away.0 / AWAY_M).powi(2)).ln();
        let fix_along = matched.along.0 - matched.behind.0;
        let place =
            self.pattern().shape.nearest(seen.position, Meters(fix_along - 1.0), Meters(fix_along + 1.0));
        let turned = place.zip(seen.course).is_some_and(|(p, c)| turn(p.course, c).0 > 100.0);
        if seen.speed.0 > 2.0 && turned {
            self.against += weight;
        }
    }

    /// How far the way itself speaks for the line, as a logarithm of chance up to a constant.
    pub fn fits(&self) -> f64 {
        let apart = self.on.min(APART_MAX) / self.on.max(0.01);
        let (_, first) = self.first();
        let unexplained = (self.off + self.before).min(UNEXPLAINED_MAX);
        let begins = first.0 <= TERMINAL.0;
        let unexplained =
            if begins && self.stood_ms >= STOOD_MS { unexplained.min(ANEW) } else { unexplained };
        let behind = if self.last.behind.0 > 100.0 { 6.0 } else { 0.0 };
        let unsure = if self.last.sure { 0.0 } else { 1.0 };
        let midway = if begins { 0.0 } else { MIDWAY };
        let progress_m = self.last.along.0 - first.0 - self.last.behind.0;
        (progress_m / 200.0).clamp(0.0, 3.0)
            - apart * self.away
            - (3.0 * self.against).min(12.0)
            - unexplained
            - behind
            - unsure
            - midway
            - self.handicap
    }

    /// Marks that were passed while it was watched, and when; and the next one.
    pub fn passed(&self) -> (Vec<(Mark, UtcMillis)>, Option<Mark>) {
        let marks = self.marks();
        let passed: Vec<_> = marks.iter().filter_map(|m| Some((*m, when(&self.trace, m.along)?))).collect();
        let ahead = passed.last().and_then(|(last, _)| marks.iter().find(|m| m.along.0 > last.along.0));
        (passed, ahead.copied())
    }

    /// Each call, and where stops lie far apart, some marks between them. So lines along one street are judged by about as many
    /// times, whether buses halt often there or seldom.
    fn marks(&self) -> Vec<Mark> {
        let stops = &self.pattern().stops;
        let mut marks: Vec<Mark> = Vec::new();
        for call in 0..stops.len() {
            let along = mark(stops, call);
            if let Some(before) = marks.last().map(|m| m.along.0) {
                let pieces = ((along.0 - before) / PIECE_M).round().max(1.0);
                let between = (1..pieces as u32)
                    .map(|i| Meters(before + (along.0 - before) * f64::from(i) / pieces))
                    .map(|along| Mark { call: None, along });
                marks.extend(between);
            }
            marks.push(Mark { call: Some(call), along });
        }
        marks
    }
}

/// A place on a line at which the time is taken.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Mark {
    /// `None` between stops.
    pub call: Option<usize>,
    pub along: Meters,
}

impl Mark {
    /// When a run wants the bus to be there.
    pub fn due(&self, table: &Timetable, run: &Run) -> UtcMillis {
        match self.call {
            Some(call) => table.passes(run, call),
            None => table.due(run, self.along),
        }
    }
}

/// When it was `along`, if it was watched then.
pub fn when(trace: &[(UtcMillis, Meters)], along: Meters) -> Option<UtcMillis> {
    let i = trace.partition_point(|(_, a)| a.0 < along.0);
    let ((t0, a0), (t1, a1)) = (*trace.get(i.checked_sub(1)?)?, *trace.get(i)?);
    let share = (along.0 - a0.0) / (a1.0 - a0.0).max(1e-9);
    Some(t0 + crate::units::DurationMs((t1.since(t0).0 as f64 * share) as i64))
}
