//! Which run a bus is doing: every run that passes where it was seen gets a chance, and what the driver signed on to is one
//! argument among others.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::claims::RunName;
use super::evidence::{Evidence, Line, Mark};
use super::plan::DayPlan;
use super::slot::sum_up;
use super::timetable::{BlockId, FeedId, RouteId, RunKey, Timetable, TripId};
use crate::units::{Meters, UtcMillis};

/// What the driver told the bus that it does; any of it may be wrong or missing.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct SignOn {
    pub trip: Option<TripId>,
    pub block: Option<BlockId>,
    pub route: Option<RouteId>,
}

/// Bytes of an id that is worth keeping: it is kept with each position.
const ID_MAX: usize = 256;

impl SignOn {
    /// `None` where all of it is missing, or longer than any id.
    pub fn of(trip: Option<String>, block: Option<String>, route: Option<String>) -> Option<Self> {
        let there = |text: &String| (1..=ID_MAX).contains(&text.len());
        let trip = trip.filter(there).map(TripId);
        let (block, route) = (block.filter(there).map(BlockId), route.filter(there).map(RouteId));
        (trip.is_some() || block.is_some() || route.is_some()).then_some(Self { trip, block, route })
    }
}

/// A run that a bus may be doing.
#[derive(Debug, Clone, PartialEq)]
pub struct Candidate {
    pub plan: Arc<DayPlan>,
    /// Index into the plan's runs.
    pub run: usize,
    /// Log-likelihood up to a constant: a difference of 1 is little, of 4 is much.
    pub score: f64,
    /// Of that, what it costs that the bus is not at its next mark yet; what that is of is known once it is there.
    pub overdue: f64,
    /// How likely it is among all that the bus may be about, from 0 to 1.
    pub share: f64,
    /// The same of all runs that are one with it.
    pub sure: f64,
    /// Index into the lines of the evidence.
    pub line: usize,
    /// The driver signed on to this run, or to its block.
    pub signed: bool,
}

/// What is known of a bus beside where it was seen.
pub struct Known<'a> {
    pub signed: Option<&'a SignOn>,
    /// What its block has next.
    pub next: Option<&'a RunName>,
    /// What it has just ended, and does not do again.
    pub done: Option<&'a RunName>,
    /// That was the last of its block: as far as is timetabled it drives away now.
    pub block_over: bool,
    /// How likely it is that another bus does a run, from 0 to below 1.
    pub taken: &'a dyn Fn(&RunName) -> f64,
}

/// Buses may be this far from the line; on a line that does not follow the streets, farther.
pub const REACH: Meters = Meters(60.0);
pub const REACH_COARSE: Meters = Meters(250.0);

/// Within this way of its first stop a bus has not set out.
pub const TERMINAL: Meters = Meters(120.0);

const WAITS_MS_MAX: i64 = 20 * 60_000;
const EARLY_MS_MAX: i64 = 30 * 60_000;
const LATE_MS_MAX: i64 = 90 * 60_000;
const SIGNED_TRIP: f64 = 5.0;
const SIGNED_BLOCK: f64 = 4.0;
const SIGNED_ROUTE: f64 = 2.0;
const NEXT_OF_BLOCK: f64 = 2.5;
/// What fits no better than this may as well be no run at all.
const NO_RUN: f64 = -7.0;
/// With each stop that it passes, by so much: nobody drives from stop to stop exactly as timetabled.
const NO_RUN_STEP: f64 = 1.0;
/// That a block is over speaks so much for no run.
const BLOCK_OVER: f64 = 6.0;
const CANDIDATES_MAX: usize = 12;
/// How far buses set out early, and late: one standard deviation, in seconds.
const EARLY_S: f64 = 75.0;
const LATE_S: f64 = 180.0;
/// How much slower than timetabled whole journeys are: one standard deviation, as a logarithm.
const JAM: f64 = 0.2;

/// Where starts are no promise: what a start costs for each headway that it lies away. Less than that another bus has it, so that
/// there is one for each also where more buses run than are promised.
const START_AWAY: f64 = 0.8;
const START_AWAY_MAX: f64 = 8.0;
/// So near its end a run is not begun any more.
const BEGUN_M_MIN: f64 = 300.0;

/// The runs that fit what was seen until `at`, best first.
pub fn candidates(
    plans: &[Arc<DayPlan>],
    evidence: &Evidence,
    at: UtcMillis,
    known: &Known<'_>,
) -> Vec<Candidate> {
    let mut found: Vec<Candidate> = Vec::new();
    for (index, line) in evidence.lines().iter().enumerate() {
        let fits = line.fits();
        let passed = line.passed();
        for plan in plans.iter().filter(|plan| line.is_of(plan)) {
            for run in timely(plan, line.pattern, at) {
                let Some((cost, overdue)) = time_cost(plan, run, line, &passed, at) else { continue };
                let sign = known.signed.map_or(0.0, |s| sign_score(plan, run, s));
                let (score, signed) = (fits - cost - overdue + sign, sign >= SIGNED_BLOCK);
                let (plan, share, sure) = (plan.clone(), 0.0, 0.0);
                found.push(Candidate { plan, run, score, overdue, share, sure, line: index, signed });
            }
        }
    }
    found.retain(|c| known.done.is_none_or(|(feed, run)| c.plan.feed != *feed || c.plan.key(c.run) != *run));
    sort(&mut found);
    found.truncate(CANDIDATES_MAX);
    for candidate in &mut found {
        let name = candidate.name();
        candidate.score += if known.next == Some(&name) { NEXT_OF_BLOCK } else { 0.0 };
        candidate.score += (1.0 - (known.taken)(&name)).ln();
    }
    sort(&mut found);
    let steps = found.first().map_or(0, |c| evidence.lines()[c.line].passed().0.len());
    let no_run = NO_RUN - NO_RUN_STEP * steps as f64 + if known.block_over { BLOCK_OVER } else { 0.0 };
    let top = found.first().map_or(no_run, |c| c.score.max(no_run));
    let all: f64 = (no_run - top).exp() + found.iter().map(|c| (c.score - top).exp()).sum::<f64>();
    found.iter_mut().for_each(|c| c.share = (c.score - top).exp() / all);
    sum_up(&mut found);
    found
}

fn sort(list: &mut [Candidate]) {
    let order = |c: &Candidate| (c.plan.day.date, c.run);
    list.sort_by(|a, b| {
        let feeds = || a.plan.feed.cmp(&b.plan.feed);
        b.score.total_cmp(&a.score).then_with(feeds).then_with(|| order(a).cmp(&order(b)))
    });
}

impl Candidate {
    pub fn name(&self) -> RunName {
        (self.plan.feed.clone(), self.plan.key(self.run))
    }

    /// A bus that stands somewhere on a line may be anything; one that moved along it, stands at its begin, or whose driver
    /// signed on to it, does it.
    pub(super) fn is_begun(&self, line: &Line) -> bool {
        let ((_, first), last) = (line.first(), line.last.along);
        let moved = self.signed || (line.trace.len() >= 2 && last.0 - first.0 > 80.0);
        let length = line.pattern().shape.length();
        last.0 <= TERMINAL.0 || (moved && last.0 < length.0 - BEGUN_M_MIN)
    }
}

pub fn reach(table: &Timetable, pattern: usize) -> Meters {
    if table.patterns[pattern].coarse { REACH_COARSE } else { REACH }
}

/// Runs of a pattern that may be under way, or waiting to start, at `at`.
fn timely(plan: &DayPlan, pattern: usize, at: UtcMillis) -> impl Iterator<Item = usize> {
    let table = &plan.timetable;
    let all = plan.runs_of(pattern);
    // They are in the order of their starts.
    let begun = all.partition_point(|i| table.departs(&plan.runs[*i], 0).0 - WAITS_MS_MAX <= at.0);
    let over = move |i: &&usize| at.0 <= table.ends(&plan.runs[**i]).0 + LATE_MS_MAX;
    all[..begun].iter().rev().take_while(over).copied()
}

/// How ill the times at which a bus was on a line fit a run, and that it is not farther yet; `None` when it cannot be that run.
///
/// A bus is late or early when it sets out, and from stop to stop it stays about so: that the lateness is steady says which of
/// several lines along one street it follows, and what it is says which run.
fn time_cost(
    plan: &DayPlan,
    run: usize,
    line: &Line,
    (passed, ahead): &(Vec<(Mark, UtcMillis)>, Option<Mark>),
    at: UtcMillis,
) -> Option<(f64, f64)> {
    let (table, r) = (&plan.timetable, &plan.runs[run]);
    let length = table.pattern(r).shape.length();
    let along = line.last.along;
    let over = if along.0 > length.0 - TERMINAL.0 / 2.0 { 4.0 } else { 0.0 };
    let departs = table.departs(r, 0);
    let promised = table.promised_headway(r);
    let late_cost = |late_s: f64| match promised {
        // Any start is as good; the nearest is taken that no other bus has.
        Some(apart) => (START_AWAY * (late_s / apart.seconds().max(1.0)).abs()).min(START_AWAY_MAX),
        None => late_cost(late_s),
    };
    if along.0 <= TERMINAL.0 && passed.is_empty() {
        let late_s = at.since(departs).seconds();
        let waits = if late_s < 0.0 { 0.5 * (late_s / 900.0).powi(2) } else { late_cost(late_s) };
        return Some((waits, 0.0));
    }
    if !(-EARLY_MS_MAX..=LATE_MS_MAX).contains(&at.since(table.due(r, along)).0) {
        return None;
    }
    let late_s = |(mark, at): &(Mark, UtcMillis)| at.since(mark.due(table, r)).seconds();
    let mut cost = over;
    cost += match passed.first() {
        Some(left @ (Mark { call: Some(0), .. }, _)) => late_cost(late_s(left)),
        // Seen first on its way, it may have lost or won time before.
        Some(first) => 0.5 * late_cost(late_s(first)),
        None => 0.5 * late_cost(at.since(table.due(r, along)).seconds()),
    };
    let steps: Vec<(f64, f64)> = passed
        .windows(2)
        .map(|pair| {
            let timetabled_s = pair[1].0.due(table, r).since(pair[0].0.due(table, r)).seconds();
            (late_s(&pair[1]) - late_s(&pair[0]), timetabled_s)
        })
        .collect();
    cost += steps_cost(&steps);
    let overdue = passed.last().zip(*ahead).map_or(0.0, |((mark, left), next)| {
        let due_s = next.due(table, r).since(mark.due(table, r)).seconds();
        step_cost((at.since(*left).seconds() - due_s).max(0.0), due_s)
    });
    Some((cost, overdue))
}

/// Huber's: like a bell near the middle, and no more than straight far out.
fn huber(deviations: f64) -> f64 {
    let x = deviations.abs();
    if x <= 2.0 { x * x / 2.0 } else { 2.0 * x - 2.0 }
}

fn late_cost(late_s: f64) -> f64 {
    huber(if late_s < 0.0 { late_s / EARLY_S } else { late_s / LATE_S }).min(14.0)
}

/// Of the time lost and the timetabled time from stop to stop. A bus in a jam is slow all along, and that is one misfortune, not
/// one at each stop.
fn steps_cost(steps: &[(f64, f64)]) -> f64 {
    let evenly: f64 = steps.iter().map(|(lost_s, due_s)| step_cost(*lost_s, *due_s)).sum();
    let (lost_s, due_s) = steps.iter().fold((0.0, 0.0), |sum, step| (sum.0 + step.0, sum.1 + step.1));
    if due_s < 1.0 || lost_s <= 0.0 {
        return evenly;
    }
    let slower = lost_s / due_s;
    let jammed: f64 = steps.iter().map(|(lost_s, due_s)| step_cost(lost_s - slower * due_s, *due_s)).sum();
    evenly.min(jammed + huber(slower.ln_1p() / JAM))
}

/// Of time lost or won from one stop to the next.
fn step_cost(lost_s: f64, timetabled_s: f64) -> f64 {
    huber(lost_s / (8.0 + 0.12 * timetabled_s.max(0.0))).min(4.0)
}

fn sign_score(plan: &DayPlan, run: usize, signed: &SignOn) -> f64 {
    let trip = plan.timetable.trip(&plan.runs[run]);
    if signed.trip.as_ref() == Some(&trip.id) {
        return SIGNED_TRIP;
    }
    if signed.block.is_some() && signed.block == trip.block {
        return SIGNED_BLOCK;
    }
    if signed.route.as_ref() == Some(&plan.timetable.route(&plan.runs[run]).id) { SIGNED_ROUTE } else { 0.0 }
}

/// What each bus claims to do, once no run may be done by two: the better fit keeps it, the other takes its next best.
/// `claims` are of one bus each, best first; the answer is an index into each.
pub fn settle(claims: &[Vec<(FeedId, RunKey, f64)>]) -> Vec<Option<usize>> {
    let mut all: Vec<(f64, usize, usize)> = Vec::new();
    for (bus, list) in claims.iter().enumerate() {
        all.extend(list.iter().enumerate().map(|(i, (_, _, score))| (*score, bus, i)));
    }
    all.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)).then(a.2.cmp(&b.2)));
    let mut taken: BTreeMap<(&FeedId, &RunKey), usize> = BTreeMap::new();
    let mut settled = vec![None; claims.len()];
    for (_, bus, i) in all {
        let (feed, run, _) = &claims[bus][i];
        if settled[bus].is_none() && !taken.contains_key(&(feed, run)) {
            taken.insert((feed, run), bus);
            settled[bus] = Some(i);
        }
    }
    settled
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::date;

    #[test]
    fn no_run_is_done_twice() {
        let run = |trip: &str, score| {
            let key = RunKey { date: date!(2026 - 03 - 02), trip: TripId::from(trip), start_s: None };
            (FeedId::from("f"), key, score)
        };
        let claims = vec![
            vec![run("a", 1.0), run("b", 0.5)],
            vec![run("a", 3.0), run("b", 2.9)],
            vec![run("b", -1.0)],
            vec![],
        ];
        assert_eq!(settle(&claims), [Some(1), Some(0), None, None]);
    }
}
