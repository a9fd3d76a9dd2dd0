//! A short look ahead: every lane is a line of vehicles that arrive, wait and leave; a sequence of stages has a price.

use super::seen::{Lane, LaneSeen};
use crate::units::MetersPerSecond;

/// How far ahead a sequence of stages is followed.
pub const HORIZON_S: usize = 120;

/// What a stop costs beside the wait: braking and getting under way again.
const STOP_COST_S: f64 = 3.0;

/// Of the change after a green, so long is still driven into.
const CHANGE_DRIVEN_S: usize = 2;

/// A lane with its traffic of the near future.
#[derive(Debug, Clone)]
pub struct Line {
    /// `(second at which it would cross the stop line if nothing held it, weight)`, in order.
    pub arrivals: Vec<(f64, f64)>,
    /// Vehicles a second at which it empties, by stage.
    pub rates: Vec<f64>,
}

/// How far a line has been worked off.
#[derive(Debug, Clone, Copy, Default)]
pub struct Progress {
    next: usize,
    /// Part of the next vehicle that could have left already.
    credit: f64,
}

/// The traffic ahead of one decision.
#[derive(Debug, Clone)]
pub struct Ahead {
    pub lines: Vec<Line>,
    /// Seconds from the end of a stage's green to another's green, by both.
    pub change_s: Vec<Vec<usize>>,
    pub green_min_s: Vec<usize>,
    pub green_max_s: Vec<usize>,
    /// Lanes that a stage is there for, by stage.
    pub owns: Vec<Vec<usize>>,
}

impl Line {
    /// Of those in sight alone: to guess who will come from beyond made the control worse, not better.
    pub fn new(lane: &Lane, seen: &LaneSeen, rates: Vec<f64>, head_weight: f64) -> Self {
        let free = MetersPerSecond(lane.speed_free.0.max(3.0));
        let mut arrivals: Vec<(f64, f64)> = seen
            .vehicles
            .iter()
            .map(|vehicle| {
                let lost = (free.0 - vehicle.speed.0).max(0.0) / free.0 * STOP_COST_S / 2.0;
                (vehicle.to_line.0.max(0.0) / free.0 + lost.min(1.0), vehicle.weight)
            })
            .collect();
        arrivals.sort_by(|one, other| one.0.total_cmp(&other.0));
        if let Some(first) = arrivals.first_mut() {
            first.1 *= head_weight;
        }
        Self { arrivals, rates }
    }

    /// One second with `rate`; the price of who leaves.
    fn second(&self, progress: &mut Progress, now_s: usize, rate: f64) -> f64 {
        let end = (now_s + 1) as f64;
        let waiting = self.arrivals.get(progress.next).is_some_and(|(at, _)| *at <= end);
        if rate <= 0.0 {
            progress.credit = 0.0;
            return 0.0;
        }
        progress.credit = if waiting { progress.credit + rate } else { (progress.credit + rate).min(1.0) };
        let mut price = 0.0;
        while progress.credit >= 1.0 {
            let Some((at, weight)) = self.arrivals.get(progress.next).filter(|(at, _)| *at <= end) else {
                break;
            };
            price += weight * held((end - at).max(0.0));
            progress.credit -= 1.0;
            progress.next += 1;
        }
        price
    }

    /// The price of those who are still there at the end.
    fn rest(&self, progress: &Progress) -> f64 {
        let end = HORIZON_S as f64;
        let best = self.rates.iter().copied().fold(0.05, f64::max);
        let left = self.arrivals[progress.next..].iter().take_while(|(at, _)| *at < end);
        // Each also waits for those before it.
        left.enumerate().map(|(nth, (at, weight))| weight * (held(end - at) + 10.0 + nth as f64 / best)).sum()
    }

    /// Whether somebody is at the line by `until_s`.
    fn busy(&self, progress: &Progress, until_s: usize) -> bool {
        self.arrivals.get(progress.next).is_some_and(|(at, _)| *at <= until_s as f64)
    }
}

/// A vehicle that crosses within a second of its time was not stopped.
fn held(wait_s: f64) -> f64 {
    if wait_s <= 1.5 { 0.0 } else { wait_s + STOP_COST_S }
}

impl Ahead {
    /// The price of: the stage `now` (green for `age_s`) stays `more_s`, then `next` until it has nobody left, and so on
    /// in the order of the plan. Stops early once it is dearer than `bound`.
    pub fn price(&self, now: usize, age_s: usize, more_s: usize, next: usize, bound: f64) -> f64 {
        let mut run =
            Run { ahead: self, progress: vec![Progress::default(); self.lines.len()], now_s: 0, price: 0.0 };
        run.green(now, more_s);
        let mut from = now;
        let mut to = next;
        if next == now {
            let left = self.green_max_s[now].saturating_sub(age_s + more_s);
            run.until_empty(now, left);
            to = run.after(now);
        }
        while run.now_s < HORIZON_S && run.price < bound {
            if to != from {
                run.change(from, to);
                run.green(to, self.green_min_s[to]);
            } else {
                run.green(to, 1);
            }
            run.until_empty(to, self.green_max_s[to].saturating_sub(self.green_min_s[to]));
            from = to;
            to = run.after(to);
        }
        run.price + run.rest()
    }
}

/// One sequence of stages being followed.
struct Run<'a> {
    ahead: &'a Ahead,
    progress: Vec<Progress>,
    now_s: usize,
    price: f64,
}

impl Run<'_> {
    fn second(&mut self, rate: impl Fn(&Line) -> f64) {
        if self.now_s >= HORIZON_S {
            return;
        }
        for (line, progress) in self.ahead.lines.iter().zip(&mut self.progress) {
            self.price += line.second(progress, self.now_s, rate(line));
        }
        self.now_s += 1;
    }

    fn green(&mut self, stage: usize, seconds: usize) {
        for _ in 0..seconds {
            self.second(|line| line.rates[stage]);
        }
    }

    fn until_empty(&mut self, stage: usize, seconds_max: usize) {
        for _ in 0..seconds_max {
            let wanted = |lane: &usize| self.ahead.lines[*lane].busy(&self.progress[*lane], self.now_s + 3);
            if self.now_s >= HORIZON_S || !self.ahead.owns[stage].iter().any(wanted) {
                return;
            }
            self.green(stage, 1);
        }
    }

    fn change(&mut self, from: usize, to: usize) {
        for second in 0..self.ahead.change_s[from][to] {
            self.second(|line| {
                let both = line.rates[from].min(line.rates[to]);
                if second < CHANGE_DRIVEN_S { line.rates[from] } else { both }
            });
        }
    }

    /// The next stage in the plan's order that somebody waits for.
    fn after(&self, stage: usize) -> usize {
        let stages = self.ahead.owns.len();
        let order = (1..stages).map(|ahead| (stage + ahead) % stages);
        let busy = |lane: &usize| self.ahead.lines[*lane].busy(&self.progress[*lane], self.now_s);
        order.into_iter().find(|next| self.ahead.owns[*next].iter().any(busy)).unwrap_or(stage)
    }

    fn rest(&self) -> f64 {
        self.ahead.lines.iter().zip(&self.progress).map(|(line, progress)| line.rest(progress)).sum()
    }
}
