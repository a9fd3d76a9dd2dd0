//! Which run a bus is doing: every run that passes where it was seen is scored, and what the driver signed on to is one
//! argument among others.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::matching::{Matcher, Seen};
use super::plan::DayPlan;
use super::timetable::{BlockId, FeedId, RouteId, RunKey, TripId};
use crate::units::{Meters, UtcMillis};

/// What the driver told the bus that it does; any of it may be wrong or missing.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct SignOn {
    pub trip: Option<TripId>,
    pub block: Option<BlockId>,
    pub route: Option<RouteId>,
}

/// A run that a bus may be doing.
#[derive(Debug, Clone, PartialEq)]
pub struct Candidate {
    pub plan: Arc<DayPlan>,
    /// Index into the plan's runs.
    pub run: usize,
    /// Log-likelihood up to a constant: a difference of 1 is little, of 4 is much.
    pub score: f64,
    pub matcher: Matcher,
    /// Where it was along the shape, oldest first.
    pub trace: Vec<(UtcMillis, Meters)>,
    /// The driver signed on to this run, or to its block.
    pub signed: bool,
}

/// Buses may be this far from the line; on a line that does not follow the streets, farther.
pub const REACH: Meters = Meters(60.0);
pub const REACH_COARSE: Meters = Meters(250.0);

/// Within this way of its first stop a bus has not set out.
pub const TERMINAL: Meters = Meters(120.0);

const WAITS_MS_MAX: i64 = 20 * 60_000;
const EARLY_MS_MAX: i64 = 30 * 60_000;
const LATE_MS_MAX: i64 = 90 * 60_000;
/// Half of the fixes of a bus on its line lie within this; beyond, it counts less and less how far.
const AWAY_M: f64 = 25.0;
/// By how much a run must lead before nobody's word is needed: over those of other ways, and of its own way.
const LEAD_OTHER: f64 = 1.0;
const LEAD_SAME: f64 = 0.2;
const SIGNED_TRIP: f64 = 4.0;
const SIGNED_BLOCK: f64 = 3.0;
const SIGNED_ROUTE: f64 = 1.5;
const CANDIDATES_MAX: usize = 8;

/// The runs that `recent` (oldest first) fits, best first. `doing` is what the bus did until now, `next` what its block has next.
pub fn candidates(
    plans: &[Arc<DayPlan>],
    recent: &[Seen],
    signed: Option<&SignOn>,
    doing: Option<&(FeedId, RunKey)>,
    next: Option<&(FeedId, RunKey)>,
) -> Vec<Candidate> {
    let Some(last) = recent.last() else { return Vec::new() };
    let mut found: Vec<(Candidate, RunKey)> = Vec::new();
    let mut fits: BTreeMap<(FeedId, usize, usize), Option<Fit>> = BTreeMap::new();
    for plan in plans {
        for pattern in plan.patterns_near(last.position) {
            let timely = timely(plan, pattern, last.at);
            if timely.is_empty() {
                continue;
            }
            // Yesterday's and today's plan mostly share their timetable, and so the fit.
            let shared = Arc::as_ptr(&plan.timetable) as usize;
            let fit = fits
                .entry((plan.feed.clone(), shared, pattern))
                .or_insert_with(|| fit(plan, pattern, recent));
            let Some(fit) = fit else { continue };
            for run in timely {
                let Some(time) = time_score(plan, run, last.at, fit.along) else { continue };
                let key = (plan.feed.clone(), plan.key(run));
                let sign = signed.map_or(0.0, |s| sign_score(plan, run, s));
                let mut score = fit.score + time + sign;
                score += if doing == Some(&key) { 2.0 } else { 0.0 };
                score += if next == Some(&key) { 2.0 } else { 0.0 };
                let (matcher, trace) = (fit.matcher.clone(), fit.trace.clone());
                found.push((
                    Candidate {
                        plan: plan.clone(),
                        run,
                        score,
                        matcher,
                        trace,
                        signed: sign >= SIGNED_BLOCK,
                    },
                    key.1,
                ));
            }
        }
    }
    found.sort_by(|(a, ak), (b, bk)| b.score.total_cmp(&a.score).then_with(|| ak.cmp(bk)));
    found.truncate(CANDIDATES_MAX);
    found.into_iter().map(|(candidate, _)| candidate).collect()
}

/// Whether the first of `list` (best first) leads clearly enough to be believed.
pub fn is_clear(list: &[Candidate]) -> bool {
    let pattern = |c: &Candidate| (c.plan.feed.clone(), c.plan.timetable.trip(&c.plan.runs[c.run]).pattern);
    let Some(best) = list.first() else { return false };
    list[1..].iter().all(|other| {
        let lead = if pattern(other) == pattern(best) { LEAD_SAME } else { LEAD_OTHER };
        best.score - other.score >= lead
    })
}

struct Fit {
    score: f64,
    along: Meters,
    matcher: Matcher,
    trace: Vec<(UtcMillis, Meters)>,
}

pub fn reach(plan: &DayPlan, pattern: usize) -> Meters {
    if plan.timetable.patterns[pattern].coarse { REACH_COARSE } else { REACH }
}

fn fit(plan: &DayPlan, pattern: usize, recent: &[Seen]) -> Option<Fit> {
    let (shape, reach) = (&plan.timetable.patterns[pattern].shape, reach(plan, pattern));
    let mut matcher = Matcher::default();
    let mut trace: Vec<(UtcMillis, Meters)> = Vec::new();
    let (mut away, mut against, mut missed, mut last) = (0.0, 0.0, 0_u32, None);
    for seen in recent {
        last = matcher.step(shape, seen, reach);
        match last {
            Some(m) => {
                away += (1.0 + (m.away.0 / AWAY_M).powi(2)).ln();
                let place = shape.nearest(seen.position, Meters(m.along.0 - 1.0), Meters(m.along.0 + 1.0));
                let turned = place.zip(seen.course).map(|(p, c)| super::shape::turn(p.course, c).0);
                against += if seen.speed.0 > 2.0 && turned.is_some_and(|t| t > 100.0) { 1.0 } else { 0.0 };
                trace.push((seen.at, m.along));
            }
            None => missed += 1,
        }
    }
    let last = last?;
    let count = trace.len() as f64;
    let progress_m = last.along.0 - trace[0].1.0 - last.behind.0;
    let behind = if last.behind.0 > 100.0 { 6.0 } else { 0.0 };
    let unsure = if last.sure { 0.0 } else { 1.0 };
    let mut score = -away / count - 6.0 * against / count - behind - unsure;
    score -= 6.0 * f64::from(missed) / recent.len() as f64;
    score += (progress_m / 200.0).clamp(0.0, 3.0);
    Some(Fit { score, along: last.along, matcher, trace })
}

/// Runs of a pattern that may be under way, or waiting to start, at `at`.
fn timely(plan: &DayPlan, pattern: usize, at: UtcMillis) -> Vec<usize> {
    let table = &plan.timetable;
    let may = |i: &usize| {
        let run = &plan.runs[*i];
        table.departs(run, 0).0 - WAITS_MS_MAX <= at.0 && at.0 <= table.ends(run).0 + LATE_MS_MAX
    };
    plan.runs_of(pattern).iter().copied().filter(may).collect()
}

/// How well a bus that is `along` now fits the times of a run; `None` when it cannot be that run.
fn time_score(plan: &DayPlan, run: usize, at: UtcMillis, along: Meters) -> Option<f64> {
    let (table, r) = (&plan.timetable, &plan.runs[run]);
    let length = table.pattern(r).shape.length();
    let over = if along.0 > length.0 - TERMINAL.0 / 2.0 { 4.0 } else { 0.0 };
    let departs = table.departs(r, 0);
    if along.0 <= TERMINAL.0 && at < departs {
        return Some(-0.5 * (departs.since(at).seconds() / 900.0).powi(2));
    }
    let late_ms = at.since(table.due(r, along)).0;
    if !(-EARLY_MS_MAX..=LATE_MS_MAX).contains(&late_ms) {
        return None;
    }
    let spread_ms = if late_ms < 0 { 240_000.0 } else { 480_000.0 };
    Some((-0.5 * (late_ms as f64 / spread_ms).powi(2)).max(-12.0) - over)
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
