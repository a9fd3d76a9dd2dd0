//! Keeps one junction at the pole: takes wishes through `safety`, serves whoever has waited too long, and runs the
//! junction's own plan when no wish comes. Pure; one step a second or oftener.

use super::group_set::GroupSet;
use super::lights::Lights;
use super::plan::{Layout, Plan};
use super::safety::{self, Refusal, Wish};
use crate::units::{DurationMs, UtcMillis};

/// Without a wish that could be granted for so long, the junction is on its own plan.
pub const BACKUP: DurationMs = DurationMs(10_000);

/// Who decided what is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    Wish,
    /// Somebody had waited as long as the layout allows.
    LongestWait,
    OwnPlan,
}

/// What became of one step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    pub source: Source,
    /// Why the wish was not granted; empty when it was, or when there was none.
    pub refusals: Vec<Refusal>,
}

#[derive(Debug, Clone)]
pub struct Keeper {
    layout: Layout,
    plan: Plan,
    lights: Lights,
    /// The last moment at which a wish was in force.
    steered_at: Option<UtcMillis>,
}

impl Keeper {
    /// Begins with what the junction shows now.
    ///
    /// # Errors
    /// What is wrong with the layout or the plan, in lines.
    pub fn new(layout: Layout, plan: Plan, lights: Lights) -> Result<Self, String> {
        let problems = [layout.problems(), plan.problems(&layout)].concat();
        if problems.is_empty() {
            Ok(Self { layout, plan, lights, steered_at: None })
        } else {
            Err(problems.join("\n"))
        }
    }

    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    pub fn lights(&self) -> &Lights {
        &self.lights
    }

    /// Lets time pass until `at`, with the groups before whose red somebody waits and the newest wish, if there is one.
    pub fn step(&mut self, at: UtcMillis, waiting: &GroupSet, wish: Option<&Wish>) -> Step {
        self.lights.tick(&self.layout, at);
        // A group without a green in the plan cannot be helped by any stage of it.
        self.lights.wait(at, &waiting.and(&self.plan.served()));
        let refusals = match wish {
            None => Vec::new(),
            Some(wish) => match safety::steer(&self.layout, &mut self.lights, at, wish) {
                Ok(()) => {
                    self.steered_at = Some(at);
                    return Step { source: Source::Wish, refusals: Vec::new() };
                }
                Err(refusals) => refusals,
            },
        };
        if self.rescue(at) {
            return Step { source: Source::LongestWait, refusals };
        }
        // One wish refused is no reason to leave the last one: it may only have come too early.
        if wish.is_some() && refusals.iter().all(Refusal::comes_too_early) {
            self.steered_at = Some(at);
        }
        if self.steered_at.is_some_and(|then| at.since(then) < BACKUP) {
            return Step { source: Source::Wish, refusals };
        }
        if let Some(stage) = self.plan.stage_at(&self.layout, at) {
            self.own_wish(at, self.plan.stages[stage].greens);
        }
        Step { source: Source::OwnPlan, refusals }
    }

    /// Whether cameras see somebody stand within the junction.
    pub fn occupy(&mut self, occupied: bool) {
        self.lights.occupy(occupied);
    }

    /// Serves the group whose longest wait is about to be exceeded.
    fn rescue(&mut self, at: UtcMillis) -> bool {
        let Some((group, _)) = safety::overdue(&self.layout, &self.lights, at, self.lights.wanted()) else {
            return false;
        };
        let stages = self.plan.stages.iter().filter(|stage| stage.greens.contains(group));
        // Of several stages with it, the one that still protects it.
        let Some(stage) = stages.min_by_key(|stage| stage.yielding.contains(group)) else { return false };
        let greens = stage.greens;
        self.own_wish(at, greens)
    }

    fn own_wish(&mut self, at: UtcMillis, greens: GroupSet) -> bool {
        let expires_at = at + self.layout.limits.wish_age_max;
        let wish = Wish { greens, made_at: at, expires_at };
        safety::steer(&self.layout, &mut self.lights, at, &wish).is_ok()
    }
}
