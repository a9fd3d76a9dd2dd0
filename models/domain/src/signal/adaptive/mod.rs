//! Control that adapts to the traffic seen, bounded around the plan: its stages in its order (one without traffic may be
//! left out), a longest wait, no green into a full exit, and the plan's own times wherever a detector has failed.
//!
//! Every second it asks what leaving the present stage now, or a little later, for which stage, would cost all vehicles in
//! sight over the next two minutes (`model`), and makes the cheapest its wish. The wish then has to pass `safety`.

mod learn;
mod model;
mod priority;
mod seen;

#[cfg(test)]
mod tests;

pub use model::HORIZON_S;
pub use priority::{Bus, Rules};
pub use seen::{Lane, LaneSeen, Vehicle};

use learn::Learned;
use model::{Ahead, Line};
use priority::Priority;

use super::group_set::GroupSet;
use super::lights::Lights;
use super::plan::{Layout, Plan};
use super::safety::{self, Wish};
use crate::units::{DurationMs, UtcMillis};

/// How much longer the present stage may stay, in seconds, as it is tried.
const MORE_S: [usize; 14] = [1, 2, 3, 4, 5, 6, 8, 10, 12, 15, 18, 22, 26, 32];

/// From so long a stand on, the first vehicle of a lane counts more from second to second.
const PATIENCE_S: f64 = 40.0;

/// Whoever waits has green so long before the longest red is over. That bound ends with green and a driver's wait when he moves; he has
/// stood for a second before he is seen to, and those who stand within the junction may hold his green back.
const BEFORE_BOUND: DurationMs = DurationMs(5_000);

/// Leaving a stage must promise so much: the model is not exact.
const WORTH_S: f64 = 0.5;

/// Steers one junction. Give it every second what is seen.
#[derive(Debug, Clone)]
pub struct Adaptive {
    lanes: Vec<Lane>,
    learned: Learned,
    priority: Priority,
}

impl Adaptive {
    pub fn new(plan: &Plan, lanes: Vec<Lane>) -> Self {
        Self::with_rules(plan, lanes, Rules::default())
    }

    pub fn with_rules(plan: &Plan, lanes: Vec<Lane>, rules: Rules) -> Self {
        let learned = Learned::new(plan, &lanes);
        let priority = Priority::new(rules, lanes.len());
        Self { lanes, learned, priority }
    }

    /// The groups at whose line somebody stands.
    pub fn waiting(&self, seen: &[LaneSeen]) -> GroupSet {
        let standing = self.lanes.iter().zip(seen).filter(|(_, seen)| seen.waits() || seen.failed);
        standing.fold(GroupSet::EMPTY, |all, (lane, _)| all.or(&lane.groups))
    }

    /// The wish of this second. `seen` is by lane, in the order given to `new`; `buses` are those that report themselves,
    /// whether they are among the vehicles seen or not.
    pub fn step(
        &mut self,
        layout: &Layout,
        plan: &Plan,
        lights: &Lights,
        at: UtcMillis,
        seen: &[LaneSeen],
        buses: &[Bus],
    ) -> Option<Wish> {
        let now = plan.stage_of(lights.wanted())?;
        self.learned.step(now, lights, at, seen);
        let asked = self.priority.ask(&self.lanes, plan, lights, at, seen, buses);
        let seen = self.priority.weigh(seen, buses);
        let stage = match lights.stage_age(at) {
            Some(age) => {
                let asked = asked.filter(|asked| may_give(plan, now, age, *asked));
                let chosen = asked.unwrap_or_else(|| self.choose(layout, plan, now, age, &seen));
                in_time(layout, plan, lights, at, chosen)
            }
            None => now,
        };
        let greens = plan.stages[stage].greens;
        Some(Wish { greens, made_at: at, expires_at: at + layout.limits.wish_age_max })
    }

    fn choose(&self, layout: &Layout, plan: &Plan, now: usize, age: DurationMs, seen: &[LaneSeen]) -> usize {
        let stage = &plan.stages[now];
        if age < stage.green_min {
            return now;
        }
        let fixed = |stage: &super::plan::Stage| {
            let lanes = self.lanes.iter().zip(seen);
            lanes.into_iter().any(|(lane, seen)| seen.failed && !lane.groups.and(&stage.greens).is_empty())
        };
        if fixed(stage) && age < stage.green {
            return now;
        }
        // A stage whose traffic is not seen is never left out.
        let order = (1..plan.stages.len()).map(|ahead| (now + ahead) % plan.stages.len());
        let reach = order.clone().position(|next| fixed(&plan.stages[next])).map_or(order.len(), |at| at + 1);
        let nexts: Vec<usize> = order.take(reach).collect();
        let ahead = self.ahead(layout, plan, now, seen);
        let age_s = whole_seconds(age);
        if fixed(stage) || age >= stage.green_max {
            return self.leave(&ahead, now, age_s, &nexts).map_or(now, |(next, _)| next);
        }
        let stay = self.stay(&ahead, now, age_s, &nexts, stage.green_max);
        match self.leave(&ahead, now, age_s, &nexts) {
            Some((next, price)) if price + WORTH_S < stay => next,
            Some(_) | None => now,
        }
    }

    /// The best stage to go to now, with its price.
    fn leave(&self, ahead: &Ahead, now: usize, age_s: usize, nexts: &[usize]) -> Option<(usize, f64)> {
        let mut best: Option<(usize, f64)> = None;
        for next in nexts {
            let bound = best.map_or(f64::INFINITY, |(_, price)| price);
            let price = ahead.price(now, age_s, 0, *next, bound);
            if price < bound {
                best = Some((*next, price));
            }
        }
        best
    }

    /// The least price of staying for a second or more.
    fn stay(&self, ahead: &Ahead, now: usize, age_s: usize, nexts: &[usize], green_max: DurationMs) -> f64 {
        let mut best = ahead.price(now, age_s, 1, now, f64::INFINITY);
        let left = whole_seconds(green_max).saturating_sub(age_s);
        for more in MORE_S.into_iter().filter(|more| *more <= left.max(1)) {
            for next in nexts {
                best = best.min(ahead.price(now, age_s, more, *next, best));
            }
        }
        best
    }

    fn ahead(&self, layout: &Layout, plan: &Plan, now: usize, seen: &[LaneSeen]) -> Ahead {
        let line = |(index, (lane, seen)): (usize, (&Lane, &LaneSeen))| {
            let rates = plan.stages.iter().enumerate().map(|(stage, shown)| {
                let let_go = lane.groups.and(&shown.greens);
                let free = let_go.minus(&seen.blocked);
                let open = if let_go.is_empty() { 0.0 } else { free.len() as f64 / let_go.len() as f64 };
                self.learned.rate(index, stage, now) * open
            });
            let impatience = 1.0 + (seen.head_wait.seconds() - PATIENCE_S).max(0.0) / 8.0;
            Line::new(lane, seen, rates.collect(), impatience)
        };
        let change = |from: &super::plan::Stage, to: &super::plan::Stage| {
            whole_seconds(layout.change_time(&from.greens, &to.greens))
        };
        let lines: Vec<Line> = self.lanes.iter().zip(seen).enumerate().map(line).collect();
        Ahead {
            owns: owns(&lines, plan.stages.len()),
            lines,
            change_s: plan
                .stages
                .iter()
                .map(|from| plan.stages.iter().map(|to| change(from, to)).collect())
                .collect(),
            green_min_s: plan.stages.iter().map(|stage| whole_seconds(stage.green_min)).collect(),
            green_max_s: plan.stages.iter().map(|stage| whole_seconds(stage.green_max)).collect(),
        }
    }
}

/// A stage asked for is kept up to its longest green, and begun once the present one has had its shortest.
fn may_give(plan: &Plan, now: usize, age: DurationMs, asked: usize) -> bool {
    let stage = &plan.stages[now];
    if asked == now { age < stage.green_max } else { age >= stage.green_min }
}

/// The stage that was chosen, unless somebody would wait for too long by it: then his, if nobody else waits for too long by that one.
/// Where it is not known who waits, always the chosen.
fn in_time(layout: &Layout, plan: &Plan, lights: &Lights, at: UtcMillis, chosen: usize) -> usize {
    let greens = &plan.stages[chosen].greens;
    let overdue = safety::overdue(layout, lights, at + BEFORE_BOUND, greens);
    let own = overdue.filter(|(group, _)| !greens.contains(*group)).and_then(|(group, _)| {
        let with = plan.stages.iter().enumerate().filter(|(_, stage)| stage.greens.contains(group));
        with.min_by_key(|(_, stage)| stage.yielding.contains(group))
    });
    let own = own.filter(|(_, stage)| safety::overdue(layout, lights, at, &stage.greens).is_none());
    own.map_or(chosen, |(stage, _)| stage)
}

/// By stage, the lanes that empty in it about as fast as in any other.
fn owns(lines: &[Line], stages: usize) -> Vec<Vec<usize>> {
    let own = |line: &Line, stage: usize| {
        let best = line.rates.iter().copied().fold(0.0, f64::max);
        best > 0.0 && line.rates[stage] >= 0.6 * best
    };
    (0..stages).map(|stage| (0..lines.len()).filter(|lane| own(&lines[*lane], stage)).collect()).collect()
}

fn whole_seconds(time: DurationMs) -> usize {
    usize::try_from((time.0 + 999) / 1000).unwrap_or(0)
}
