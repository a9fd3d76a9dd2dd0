//! One bus through one day: which run it does, how far it is, when it passed its stops, and what is worth telling of it.

use std::sync::Arc;

use super::among::Among;
use super::assign::{self, Candidate, Known, SignOn, TERMINAL, candidates};
use super::claims::{Claims, Level, Note, RunName};
pub use super::doing::{Doing, Work};
use super::driven::Driven;
use super::evidence::{Evidence, HOPELESS, Line};
use super::finding::{Held, Limits, TransitEvent};
use super::matching::{Matched, Seen};
use super::passing::{Passing, mark};
use super::plan::DayPlan;
use super::probe::{Probe, Ran};
use super::slot::claims;
use crate::ids::VehicleId;
use crate::units::{DurationMs, Meters, UtcMillis};

/// One report of a bus: where it was, and what its sensors said.
#[derive(Debug, Clone, PartialEq)]
pub struct Observed {
    pub seen: Seen,
    /// Its place is believed. Of one that is not only the call for help counts, at the place that was believed last.
    pub placed: bool,
    pub doors_open: Option<bool>,
    pub engine_on: Option<bool>,
    pub sos: bool,
    pub signed: Option<SignOn>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Vehicle {
    pub id: VehicleId,
    pub work: Work,
    /// What it may be doing, best first, when last asked, and how likely that is, from 0 to 1.
    pub claims: Vec<(RunName, f64)>,
    /// Runs that it did to their end, and how likely that is.
    pub ended: Vec<(RunName, f64)>,
    pub last: Option<Observed>,
    pub held: Held,
    /// The ways that it drove today before what it does now.
    pub(super) driven: Vec<Driven>,
    evidence: Evidence,
    next: Option<RunName>,
    /// What it ended last was the last of its block.
    block_over: bool,
    /// When other runs were last thought of.
    asked: Option<UtcMillis>,
    /// Metres of timetabled way that were run.
    pub service_m: f64,
    probe: Probe,
    /// What others heard of it last.
    pub(super) told: Vec<(RunName, Level)>,
    /// What it asked for while it was judged; taken with each step.
    pub(super) asked_for: Vec<Note>,
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
    /// What is to be remembered of it among others.
    pub notes: Vec<Note>,
}

/// Other runs are thought of so often.
const CALM_MS: i64 = 60_000;
const UNCERTAIN_MS: i64 = 10_000;
/// A run is taken for what a bus does when it is as likely as this; it is sure from the next on, and again unsure below the last.
const LIKELY: f64 = 0.5;
const SURE: f64 = 0.85;
const UNSURE: f64 = 0.6;
/// So likely, nothing else is looked for.
const CALM: f64 = 0.97;
/// Best of the others must lead by this before it counts, and twice in a row.
const LEAD: f64 = 1.0;
const SCORE_MIN: f64 = -8.0;
/// A bus that turned round is often far from the times of what it does then.
const SCORE_MIN_TURNED: f64 = -14.0;
/// A bus off its line for so long does something else.
const OFF_MS_MAX: i64 = 20 * 60_000;
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
            ended: Vec::new(),
            last: None,
            held: Held::default(),
            driven: Vec::new(),
            evidence: Evidence::default(),
            next: None,
            block_over: false,
            asked: None,
            service_m: 0.0,
            probe: Probe::default(),
            told: Vec::new(),
            asked_for: Vec::new(),
        }
    }

    pub fn doing(&self) -> Option<&Doing> {
        match &self.work {
            Work::Waiting(doing) | Work::Running(doing) => Some(doing),
            Work::Unknown | Work::Finished { .. } => None,
        }
    }

    fn doing_mut(&mut self) -> Option<&mut Doing> {
        match &mut self.work {
            Work::Waiting(doing) | Work::Running(doing) => Some(doing),
            Work::Unknown | Work::Finished { .. } => None,
        }
    }

    /// Takes the next report in the order of fix times; `plans` hold at least the days around it. `others` are buses whose runs
    /// this one hardly does too.
    pub fn step(
        &mut self,
        plans: &[Arc<DayPlan>],
        observed: &Observed,
        (limits, others): (&Limits, Option<&Claims>),
        found: &mut Found,
    ) {
        let seen = &observed.seen;
        if !observed.placed {
            super::judge::call(self, observed, found);
            return;
        }
        if self.evidence.look(plans, seen, self.is_calm()) {
            self.leave();
            (self.work, self.next, self.asked) = (Work::Unknown, None, None);
        }
        let matched = self.advance(seen, found);
        let running = if let Work::Running(doing) = &self.work { Some(&**doing) } else { None };
        self.probe.follow(running, matched.as_ref(), observed, &mut found.ran);
        self.reconsider(plans, observed, (matched, others), found);
        self.set_out();
        if others.is_some() && self.asked == Some(seen.at) {
            self.tell_others(seen.at, found);
        }
        super::judge::judge(self, observed, matched.is_some(), limits, found);
        self.last = Some(observed.clone());
    }

    /// Along the run that it does.
    fn advance(&mut self, seen: &Seen, found: &mut Found) -> Option<Matched> {
        let id = self.id.clone();
        let (Work::Running(doing) | Work::Waiting(doing)) = &mut self.work else { return None };
        let pattern = doing.plan.timetable.trip(&doing.plan.runs[doing.run]).pattern;
        let reach = assign::reach(&doing.plan.timetable, pattern);
        let matched = doing.matcher.step(&doing.plan.timetable.patterns[pattern].shape, seen, reach);
        match matched {
            Some(m) => {
                let around = doing.off_since.take().is_some_and(|since| seen.at.since(since).0 >= AROUND_MS);
                let along = Meters(m.along.0.max(doing.along.0));
                self.service_m += along.0 - doing.along.0;
                let passed = doing.go(&id, seen.at, along);
                if around {
                    // On a run that it may not be doing it left out nothing.
                    found.around.extend(passed.into_iter().filter(|_| doing.sure));
                } else if doing.sure {
                    found.passings.extend(passed);
                } else {
                    doing.pending.extend(passed);
                }
            }
            None => _ = doing.off_since.get_or_insert(seen.at),
        }
        matched
    }

    fn reconsider(
        &mut self,
        plans: &[Arc<DayPlan>],
        observed: &Observed,
        (matched, others): (Option<Matched>, Option<&Claims>),
        found: &mut Found,
    ) {
        let at = observed.seen.at;
        let turned = matched.is_some_and(|m| m.behind.0 > TURNED.0);
        if let Some(front) = self.doing().filter(|_| turned).map(|d| d.front) {
            self.evidence.begin_anew(plans, |s| s.at > front);
        }
        let over = matches!(&self.work, Work::Running(doing) if doing.is_over());
        if !turned && !over && !self.is_time(at) {
            return;
        }
        let mut list = self.ask(plans, observed, others);
        if over {
            // Now that its whole way is known, another run of the same way may fit better.
            let best =
                list.into_iter().next().filter(|c| c.sure >= LIKELY && !self.does(c) && self.was_on(c));
            if let Some(best) = best {
                self.adopt(best, found);
                self.set_out();
            }
            if matches!(&self.work, Work::Running(doing) if !doing.is_over()) {
                return;
            }
            self.end(plans, found);
            list = self.ask(plans, observed, others);
        }
        // That it stands speaks against no run before it goes on: whoever does another one here would stand as well.
        let own = list.iter().find(|c| self.does(c)).filter(|_| !turned);
        let own = own.map(|c| (c.score + c.overdue, c.sure));
        if let (Some((_, share)), Some(doing)) = (own, self.doing_mut()) {
            doing.sure = share >= SURE || (doing.sure && share >= UNSURE);
            if doing.sure {
                found.passings.append(&mut doing.pending);
            }
        }
        let least = if turned { SCORE_MIN_TURNED } else { SCORE_MIN };
        let best = list.into_iter().find(|c| !turned || !self.does(c)).filter(|c| c.score >= least);
        let begun = best.as_ref().is_some_and(|b| b.sure >= LIKELY && b.is_begun(self.line(b)));
        let better =
            best.as_ref().filter(|b| !self.does(b) && (turned || b.sure >= LIKELY)).is_some_and(|b| {
                own.is_none_or(|(score, _)| b.score >= score + LEAD) && self.line(b).trace.len() >= 2
            });
        let Some(d) = self.doing_mut() else {
            if let Some(best) = best.filter(|_| begun) {
                self.adopt(best, found);
            }
            return;
        };
        let lost = d.off_since.is_some_and(|since| at.since(since).0 > OFF_MS_MAX);
        // A bus on a detour fits nothing for a while, and another line by chance: only time, or turning round, ends its run.
        let astray = d.off_since.is_some_and(|since| at.since(since).0 < 5 * 60_000) && !turned;
        d.doubts = if better && !astray { d.doubts + 1 } else { 0 };
        if d.doubts >= 2
            && let Some(better) = best
        {
            super::judge::short_turn(self, &better, turned, at, found);
            if turned {
                self.leave();
            }
            self.adopt(better, found);
        } else if lost {
            self.leave();
            self.work = Work::Unknown;
            self.next = None;
        }
    }

    /// Everything that it may be doing.
    fn ask(
        &mut self,
        plans: &[Arc<DayPlan>],
        observed: &Observed,
        others: Option<&Claims>,
    ) -> Vec<Candidate> {
        let at = observed.seen.at;
        self.asked = Some(at);
        let own = self
            .doing()
            .map(|d| (d.plan.timetable.clone(), d.plan.timetable.trip(&d.plan.runs[d.run]).pattern));
        let top = self.evidence.lines().iter().map(Line::fits).fold(f64::MIN, f64::max);
        self.evidence.retain(|line| {
            let is_own =
                own.as_ref().is_some_and(|(t, p)| *p == line.pattern && Arc::ptr_eq(t, &line.timetable));
            is_own || line.fits() >= top - HOPELESS
        });
        let among = Among::new(others, &self.id, at);
        let taken = |run: &RunName| among.taken(run);
        let done = match &self.work {
            Work::Finished { feed, run } => Some((feed.clone(), run.clone())),
            Work::Unknown | Work::Waiting(_) | Work::Running(_) => None,
        };
        let (signed, next) = (observed.signed.as_ref(), self.next.as_ref());
        let block_over = done.is_some() && self.block_over;
        let known = Known { signed, next, done: done.as_ref(), block_over, taken: &taken };
        let list = candidates(plans, &self.evidence, at, &known);
        let shared = self.slot().map_or(0.0, |run| among.taken(&run));
        self.asked_for.extend(among.asked());
        self.give_way(&list, shared, at);
        self.claims = claims(&list, self.doing());
        list
    }

    pub(super) fn line(&self, candidate: &Candidate) -> &Line {
        &self.evidence.lines()[candidate.line]
    }

    fn does(&self, candidate: &Candidate) -> bool {
        self.doing().is_some_and(|d| {
            let same = d.plan.feed == candidate.plan.feed && d.plan.day == candidate.plan.day;
            (same && d.run == candidate.run) || candidate.is_one_with(&d.plan, d.run)
        })
    }

    /// Whether the line of a run was followed for as long as that of what it does.
    fn was_on(&self, candidate: &Candidate) -> bool {
        let line = self.line(candidate);
        let begun = self.doing().and_then(|d| d.trace.first()).map(|(at, _)| *at + DurationMs(60_000));
        line.last.along.0 > TERMINAL.0 && begun.is_some_and(|begun| line.first().0 <= begun)
    }

    /// Where it was on what it does is remembered, whatever it does next.
    fn leave(&mut self) {
        if let Work::Running(doing) = &self.work {
            self.driven.push(Driven::of(doing));
        }
    }

    /// The run is over.
    fn end(&mut self, plans: &[Arc<DayPlan>], found: &mut Found) {
        let Work::Running(doing) = &mut self.work else { return };
        found.passings.append(&mut doing.pending);
        let name = doing.key();
        let share = self.claims.iter().find(|(run, _)| *run == name).map_or(0.5, |(_, share)| *share);
        let (plan, run) = (doing.plan.clone(), doing.run);
        self.driven.push(Driven::of(doing));
        self.ended.push((name.clone(), share));
        self.next = plan.next_of_block(run).map(|n| (plan.feed.clone(), plan.key(n)));
        let trip = plan.timetable.trip(&plan.runs[run]);
        self.block_over = self.next.is_none() && plan.block(run).is_some();
        let own = trip.pattern;
        let fits = self.evidence.lines().iter().find(|l| l.pattern == own && l.is_of(&plan)).map(Line::fits);
        self.evidence.end(plans, |line| {
            let same = line.pattern == own && line.is_of(&plan);
            fits.filter(|_| !same).map(|fits| fits - line.fits())
        });
        self.work = Work::Finished { feed: name.0, run: name.1 };
    }

    /// What it does is known well, and nothing speaks against it.
    fn is_calm(&self) -> bool {
        let Work::Running(doing) = &self.work else { return false };
        let clear = self.claims.first().is_some_and(|(_, share)| *share >= CALM);
        doing.off_since.is_none() && doing.doubts == 0 && doing.sure && clear
    }

    /// Whether it was heard from a moment on without a longer break than `unheard`.
    pub(super) fn heard_since(&self, from: UtcMillis, unheard: DurationMs) -> bool {
        let mut before = from;
        let recent = self.evidence.recent().filter(|s| s.at > from);
        recent.map(|s| s.at.since(std::mem::replace(&mut before, s.at))).all(|gap| gap.0 <= unheard.0)
    }

    /// Whether to think of other runs: seldom while all goes well, for it is most of the work.
    fn is_time(&self, at: UtcMillis) -> bool {
        let every_ms = if self.is_calm() { CALM_MS } else { UNCERTAIN_MS };
        self.asked.is_none_or(|asked| at.since(asked).0 >= every_ms)
    }

    fn adopt(&mut self, best: Candidate, found: &mut Found) {
        let line = self.line(&best);
        let (first, matcher, trace) = (line.first(), line.matcher.clone(), line.trace.clone());
        let stops = &best.plan.timetable.pattern(&best.plan.runs[best.run]).stops;
        let next_call = (0..stops.len()).find(|c| mark(stops, *c).0 > first.1.0).unwrap_or(stops.len());
        let mut doing = Doing {
            along: first.1,
            at: first.0,
            next_call,
            trace: vec![first],
            off_since: None,
            sure: best.sure >= SURE,
            pending: Vec::new(),
            matcher,
            doubts: 0,
            from: first.1,
            front: first.0,
            plan: best.plan,
            run: best.run,
        };
        for (at, along) in trace.into_iter().skip(1) {
            let passed = doing.go(&self.id, at, along);
            if doing.sure { &mut found.passings } else { &mut doing.pending }.extend(passed);
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
