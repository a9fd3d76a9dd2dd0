//! One bus through one day: which run it does, how far it is, when it passed its stops, and what is worth telling of it.

use std::collections::VecDeque;
use std::sync::Arc;

use super::assign::{self, Candidate, SignOn, TERMINAL, candidates};
use super::finding::{Held, Limits, TransitEvent};
use super::matching::{Matched, Matcher, Seen};
use super::passing::{Passing, between, mark};
use super::plan::DayPlan;
use super::probe::{Probe, Ran};
use super::timetable::{FeedId, RunKey};
use crate::ids::VehicleId;
use crate::units::{DurationMs, Meters, UtcMillis};

/// One report of a bus: where it was, and what its sensors said.
#[derive(Debug, Clone, PartialEq)]
pub struct Observed {
    pub seen: Seen,
    pub doors_open: Option<bool>,
    pub engine_on: Option<bool>,
    pub sos: bool,
    pub signed: Option<SignOn>,
}

/// A run that a bus does.
#[derive(Debug, Clone, PartialEq)]
pub struct Doing {
    pub plan: Arc<DayPlan>,
    /// Index into the plan's runs.
    pub run: usize,
    pub along: Meters,
    /// The fix that `along` is of.
    pub at: UtcMillis,
    /// First call that has not been passed.
    pub next_call: usize,
    /// Where it was along the shape, oldest first.
    pub trace: Vec<(UtcMillis, Meters)>,
    /// Since when fixes lie off the line.
    pub off_since: Option<UtcMillis>,
    matcher: Matcher,
    /// Evaluations in a row in which another run fitted better.
    doubts: u32,
    /// First place that was known: stops before it were not watched.
    from: Meters,
    /// When it last came forward.
    front: UtcMillis,
}

/// What a bus is about.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Work {
    /// On no run that we know: pull-out, deadhead, depot, or not a bus in service.
    #[default]
    Unknown,
    /// At the first stop of a run that has not begun.
    Waiting(Box<Doing>),
    Running(Box<Doing>),
    /// Its run is over, and no next one is known yet.
    Finished {
        feed: FeedId,
        run: RunKey,
    },
}

#[derive(Debug, Clone, PartialEq)]
pub struct Vehicle {
    pub id: VehicleId,
    pub work: Work,
    /// What it may be doing, best first, when last asked.
    pub claims: Vec<(FeedId, RunKey, f64)>,
    pub last: Option<Observed>,
    pub held: Held,
    recent: VecDeque<Seen>,
    next: Option<(FeedId, RunKey)>,
    /// When other runs were last thought of.
    asked: Option<UtcMillis>,
    /// Metres of timetabled way that were run.
    pub service_m: f64,
    probe: Probe,
}

/// What one report brought.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Found {
    pub passings: Vec<Passing>,
    /// Stops that it drove around: when it would have passed them.
    pub around: Vec<Passing>,
    pub events: Vec<TransitEvent>,
    /// How it went on the roads.
    pub ran: Vec<Ran>,
}

/// Other runs are thought of so often.
const CALM_MS: i64 = 60_000;
const UNCERTAIN_MS: i64 = 10_000;
const RECENT_MAX: usize = 12;
const RECENT_MS: i64 = 10 * 60_000;
/// Best of the others must lead by this before it counts, and twice in a row.
const LEAD: f64 = 2.0;
const SCORE_MIN: f64 = -8.0;
/// A bus that turned round is often far from the times of what it does then.
const SCORE_MIN_TURNED: f64 = -14.0;
/// A bus off its line for so long does something else.
const OFF_MS_MAX: i64 = 20 * 60_000;
/// So near its end a run is not begun any more.
const BEGUN_M_MIN: f64 = 300.0;
/// Off its line for so long is no outlier.
const AROUND_MS: i64 = 30_000;
/// Falling so far behind on its line, a bus has turned round.
const TURNED: Meters = Meters(150.0);

impl Vehicle {
    pub fn new(id: VehicleId) -> Self {
        Self {
            id,
            work: Work::Unknown,
            claims: Vec::new(),
            last: None,
            held: Held::default(),
            recent: VecDeque::new(),
            next: None,
            asked: None,
            service_m: 0.0,
            probe: Probe::default(),
        }
    }

    pub fn doing(&self) -> Option<&Doing> {
        match &self.work {
            Work::Waiting(doing) | Work::Running(doing) => Some(doing),
            Work::Unknown | Work::Finished { .. } => None,
        }
    }

    /// Takes the next report in the order of fix times; `plans` hold at least the days around it.
    pub fn step(&mut self, plans: &[Arc<DayPlan>], observed: &Observed, limits: &Limits, found: &mut Found) {
        let seen = &observed.seen;
        self.recent.push_back(seen.clone());
        let old = |s: &Seen| seen.at.since(s.at).0 > RECENT_MS;
        while self.recent.len() > RECENT_MAX || self.recent.front().is_some_and(old) {
            self.recent.pop_front();
        }
        let matched = self.advance(seen, found);
        let running = if let Work::Running(doing) = &self.work { Some(&**doing) } else { None };
        self.probe.follow(running, matched.as_ref(), observed, &mut found.ran);
        self.reconsider(plans, observed, matched, found);
        self.set_out();
        super::judge::judge(self, observed, matched.is_some(), limits, found);
        self.last = Some(observed.clone());
    }

    /// Along the run that it does.
    fn advance(&mut self, seen: &Seen, found: &mut Found) -> Option<Matched> {
        let id = self.id.clone();
        let (Work::Running(doing) | Work::Waiting(doing)) = &mut self.work else { return None };
        let pattern = doing.plan.timetable.trip(&doing.plan.runs[doing.run]).pattern;
        let reach = assign::reach(&doing.plan, pattern);
        let matched = doing.matcher.step(&doing.plan.timetable.patterns[pattern].shape, seen, reach);
        match matched {
            Some(m) => {
                let around = doing.off_since.take().is_some_and(|since| seen.at.since(since).0 >= AROUND_MS);
                let along = Meters(m.along.0.max(doing.along.0));
                self.service_m += along.0 - doing.along.0;
                let passed = doing.go(&id, seen.at, along);
                if around { &mut found.around } else { &mut found.passings }.extend(passed);
            }
            None => _ = doing.off_since.get_or_insert(seen.at),
        }
        matched
    }

    fn reconsider(
        &mut self,
        plans: &[Arc<DayPlan>],
        observed: &Observed,
        matched: Option<Matched>,
        found: &mut Found,
    ) {
        let at = observed.seen.at;
        if let Work::Running(doing) = &self.work
            && doing.is_over()
        {
            self.next =
                doing.plan.next_of_block(doing.run).map(|n| (doing.plan.feed.clone(), doing.plan.key(n)));
            self.work = Work::Finished { feed: doing.plan.feed.clone(), run: doing.plan.key(doing.run) };
            // What it did until now says nothing about what it does next.
            self.recent.retain(|s| s.at == at);
        }
        let turned = matched.is_some_and(|m| m.behind.0 > TURNED.0);
        if let Some(front) = self.doing().filter(|_| turned).map(|d| d.front) {
            self.recent.retain(|s| s.at > front);
        }
        if !turned && !self.is_time(at) {
            return;
        }
        self.asked = Some(at);
        let doing = self.doing().map(Doing::key);
        let recent: Vec<Seen> = self.recent.iter().cloned().collect();
        let signed = observed.signed.as_ref();
        let mut list = candidates(plans, &recent, signed, doing.as_ref(), self.next.as_ref());
        if let Work::Finished { feed, run } = &self.work {
            list.retain(|c| c.plan.feed != *feed || c.plan.key(c.run) != *run);
        }
        self.claims = list.iter().map(|c| (c.plan.feed.clone(), c.plan.key(c.run), c.score)).collect();
        let own =
            list.iter().find(|c| doing == Some((c.plan.feed.clone(), c.plan.key(c.run)))).map(|c| c.score);
        let least = if turned { SCORE_MIN_TURNED } else { SCORE_MIN };
        let own = own.filter(|_| !turned);
        let current = |c: &Candidate| doing == Some((c.plan.feed.clone(), c.plan.key(c.run)));
        let clear = assign::is_clear(&list);
        let best = list.into_iter().find(|c| !turned || !current(c)).filter(|c| c.score >= least);
        let (Work::Running(d) | Work::Waiting(d)) = &mut self.work else {
            if let Some(best) = best.filter(|b| clear && b.is_begun()) {
                self.adopt(best, found);
            }
            return;
        };
        let lost = d.off_since.is_some_and(|since| at.since(since).0 > OFF_MS_MAX);
        let better = best
            .filter(|b| !current(b))
            .filter(|b| own.is_none_or(|own| b.score >= own + LEAD) && b.trace.len() >= 2);
        // A bus on a detour fits nothing for a while, and another line by chance: only time, or turning round, ends its run.
        let astray = d.off_since.is_some_and(|since| at.since(since).0 < 5 * 60_000) && !turned;
        d.doubts = if better.is_some() && !astray { d.doubts + 1 } else { 0 };
        if d.doubts >= 2
            && let Some(better) = better
        {
            super::judge::short_turn(self, &better, at, found);
            self.adopt(better, found);
        } else if lost {
            self.work = Work::Unknown;
            self.next = None;
        }
    }

    /// Whether to think of other runs: seldom while all goes well, for it is most of the work.
    fn is_time(&self, at: UtcMillis) -> bool {
        let every_ms = match &self.work {
            Work::Running(doing) if doing.off_since.is_none() && doing.doubts == 0 => CALM_MS,
            Work::Running(_) | Work::Unknown | Work::Waiting(_) | Work::Finished { .. } => UNCERTAIN_MS,
        };
        self.asked.is_none_or(|asked| at.since(asked).0 >= every_ms)
    }

    fn adopt(&mut self, best: Candidate, found: &mut Found) {
        let Some(first) = best.trace.first().copied() else { return };
        let stops = &best.plan.timetable.pattern(&best.plan.runs[best.run]).stops;
        let next_call = (0..stops.len()).find(|c| mark(stops, *c).0 > first.1.0).unwrap_or(stops.len());
        let mut doing = Doing {
            along: first.1,
            at: first.0,
            next_call,
            trace: vec![first],
            off_since: None,
            matcher: best.matcher,
            doubts: 0,
            from: first.1,
            front: first.0,
            plan: best.plan,
            run: best.run,
        };
        for (at, along) in best.trace.into_iter().skip(1) {
            found.passings.extend(doing.go(&self.id, at, along));
        }
        self.work = Work::Waiting(Box::new(doing));
    }

    /// From waiting to running, once it has left its first stop.
    fn set_out(&mut self) {
        match std::mem::take(&mut self.work) {
            Work::Waiting(doing) if doing.along.0 > TERMINAL.0 || doing.next_call > 0 => {
                self.next = None;
                self.work = Work::Running(doing);
            }
            other @ (Work::Unknown | Work::Waiting(_) | Work::Running(_) | Work::Finished { .. }) => {
                self.work = other
            }
        }
    }
}

impl Doing {
    pub fn key(&self) -> (FeedId, RunKey) {
        (self.plan.feed.clone(), self.plan.key(self.run))
    }

    pub fn length(&self) -> Meters {
        self.plan.timetable.pattern(&self.plan.runs[self.run]).shape.length()
    }

    pub fn is_over(&self) -> bool {
        self.next_call >= self.plan.timetable.trip(&self.plan.runs[self.run]).calls.len()
    }

    /// How late the bus is at its last known place; negative when early. Waiting for its start it is late once that is over.
    pub fn late(&self) -> DurationMs {
        let (table, run) = (&self.plan.timetable, &self.plan.runs[self.run]);
        self.at.since(table.due(run, self.along))
    }

    /// When it was `along` its shape, if it was watched then.
    pub fn when(&self, along: Meters) -> Option<UtcMillis> {
        let i = self.trace.partition_point(|(_, a)| a.0 < along.0);
        let ((t0, a0), (t1, a1)) = (*self.trace.get(i.checked_sub(1)?)?, *self.trace.get(i)?);
        let share = (along.0 - a0.0) / (a1.0 - a0.0).max(1e-9);
        Some(t0 + DurationMs((t1.since(t0).0 as f64 * share) as i64))
    }

    /// First place on this run that was watched.
    pub fn watched_from(&self) -> Meters {
        self.from
    }

    /// On to a place; what it passed on the way, each call once.
    fn go(&mut self, vehicle: &VehicleId, at: UtcMillis, along: Meters) -> Vec<Passing> {
        let along = Meters(along.0.max(self.along.0));
        let mut passed = between(&self.plan, self.run, vehicle, (self.at, self.along), (at, along));
        passed.retain(|p| p.call >= self.next_call);
        if let Some(last) = passed.last() {
            self.next_call = last.call + 1;
        }
        if along.0 > self.along.0 + 5.0 {
            self.front = at;
        }
        (self.at, self.along) = (at, along);
        self.trace.push((at, along));
        passed
    }
}

impl Candidate {
    /// A bus that stands somewhere on a line may be anything; one that moved along it, stands at its begin, or whose driver
    /// signed on to it, does it.
    fn is_begun(&self) -> bool {
        let (Some(first), Some(last)) = (self.trace.first(), self.trace.last()) else { return false };
        let moved = self.signed || (self.trace.len() >= 2 && last.1.0 - first.1.0 > 80.0);
        let length = self.plan.timetable.pattern(&self.plan.runs[self.run]).shape.length();
        last.1.0 <= TERMINAL.0 || (moved && last.1.0 < length.0 - BEGUN_M_MIN)
    }
}
