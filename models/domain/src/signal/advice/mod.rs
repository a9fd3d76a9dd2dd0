//! What adaptive control would do at a junction. Counts come by the minute and not by the vehicle: so the
//! queues are reckoned, from what was counted and what the lamps show (`twin`), the control of `adaptive` is asked about
//! them, and both controls are held against one another over the next quarter of an hour (`forecast`). Where it may order, `steer`
//! makes orders of it.

mod forecast;
mod shown;
pub mod steer;
mod twin;

#[cfg(test)]
mod tests;

pub use forecast::Forecast;

use super::Aspect;
use super::adaptive::{Adaptive, Lane};
use super::group_set::GroupSet;
use super::lights::Lights;
use super::order::Seen;
use super::plan::{Layout, Plan};
use crate::units::{DurationMs, UtcMillis};
use shown::Shown;
use twin::Twin;

/// Queues are reckoned for so long before anything is said of them.
pub const WARM_UP: DurationMs = DurationMs(120_000);
/// Not looked at for so long, the queues are not known any more.
const GAP: DurationMs = DurationMs(30_000);
/// Groups that make no stage are a change under way for so long.
const CHANGE_MAX: DurationMs = DurationMs(20_000);

/// Of one approach: where it is, and which signal groups let it go.
#[derive(Debug, Clone, PartialEq)]
pub struct Approach {
    pub name: String,
    pub lane: Lane,
}

/// What has to be known of a junction.
#[derive(Debug, Clone, PartialEq)]
pub struct Setup {
    /// Its stages, of vehicles' groups alone.
    pub plan: Plan,
    pub approaches: Vec<Approach>,
}

/// Car units a second that come to each approach.
pub type Flows = Vec<f64>;

/// What it would do now.
#[derive(Debug, Clone, PartialEq)]
pub struct Now {
    /// The stage that is shown, and for how long it has been.
    pub stage: usize,
    pub age: DurationMs,
    /// The stage that it wants: the same, and the green is held, or another, and it is ended.
    pub wants: usize,
    /// Car units that stand or drive before each stop line, as reckoned.
    pub queues: Vec<usize>,
}

/// Why it says nothing now.
#[derive(Debug, Clone, PartialEq)]
pub enum Why {
    /// Lamps are between two stages.
    Changing,
    /// The queues are reckoned from then on.
    WarmingUp { until: UtcMillis },
    /// The groups that are green make no stage of the setup.
    NoSuchStage { greens: GroupSet },
    /// The lamps are not known.
    NotSeen,
}

/// One junction's advice. Give it the lamps and the counts every second.
#[derive(Debug, Clone)]
pub struct Advisor {
    setup: Setup,
    layout: Layout,
    twin: Twin,
    adaptive: Adaptive,
    shown: Shown,
    warm_up: DurationMs,
    /// Since when it was looked at without a gap, and when last.
    since: Option<UtcMillis>,
    last: UtcMillis,
}

impl Setup {
    /// Everything that is wrong with it for the junction's groups; empty when nothing is.
    pub fn problems(&self, layout: &Layout) -> Vec<String> {
        let mut problems = self.plan.problems(layout);
        let known = |groups: &GroupSet| groups.iter().all(|group| usize::from(group) < layout.groups.len());
        for (index, stage) in self.plan.stages.iter().enumerate() {
            if !known(&stage.greens) {
                let (index, groups) = (index + 1, layout.groups.len());
                problems.push(format!("stage {index}: the junction has {groups} signal groups"));
            }
        }
        for Approach { name, lane } in &self.approaches {
            if !known(&lane.groups) {
                problems.push(format!(
                    "approach {name:?}: the junction has {} signal groups",
                    layout.groups.len()
                ));
            }
        }
        problems
    }

    fn lanes(&self) -> Vec<Lane> {
        self.approaches.iter().map(|approach| approach.lane.clone()).collect()
    }
}

impl Advisor {
    /// # Errors
    /// What is wrong with the setup.
    pub fn new(setup: Setup, layout: Layout) -> Result<Self, Vec<String>> {
        let problems = setup.problems(&layout);
        if !problems.is_empty() {
            return Err(problems);
        }
        let (twin, adaptive) = (Twin::new(&setup.lanes(), 0), Adaptive::new(&setup.plan, setup.lanes()));
        let shown = Shown::new(setup.plan.stages.len());
        Ok(Self { setup, layout, twin, adaptive, shown, warm_up: WARM_UP, since: None, last: UtcMillis(0) })
    }

    /// Queues are reckoned for so long before anything is said, instead of [`WARM_UP`].
    #[must_use]
    pub fn with_warm_up(self, warm_up: DurationMs) -> Self {
        Self { warm_up, ..self }
    }

    pub fn setup(&self) -> &Setup {
        &self.setup
    }

    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// The lamps or the counts are not known: what was reckoned is void.
    pub fn lose(&mut self) {
        self.since = None;
    }

    /// Somebody's order stands: the green that is shown is not the junction's own.
    pub fn touch(&mut self) {
        self.shown.touch();
    }

    /// Another plan runs: what the one before showed says nothing of it.
    pub fn forget_greens(&mut self) {
        self.shown.forget();
    }

    /// The mean green of each stage as the junction shows it by itself; `None` where too few were seen.
    pub fn own_greens(&self) -> Vec<Option<DurationMs>> {
        self.shown.greens()
    }

    /// One look, every second. `flows`: by approach.
    ///
    /// # Errors
    /// Why it says nothing.
    pub fn step(&mut self, at: UtcMillis, seen: &Seen, flows: &Flows) -> Result<Now, Why> {
        if seen.groups().len() != self.layout.groups.len() {
            self.lose();
            return Err(Why::NotSeen);
        }
        let gap = at.since(self.last);
        if self.since.is_none() || gap > GAP || gap.0 < 0 {
            let second = at.0.div_euclid(1_000);
            (self.since, self.last) = (Some(at), at);
            self.twin = Twin::new(&self.setup.lanes(), second.unsigned_abs());
            self.shown.lose();
        }
        let greens = seen.greens().and(&self.setup.plan.served());
        let stage = self.setup.plan.stage_of(&greens);
        self.shown.see(at, stage);
        let lights = self.lights(seen, &greens);
        let seconds = (at.since(self.last).0 / 1_000).max(0);
        self.last = self.last + DurationMs(seconds * 1_000);
        let mut lanes = self.twin.look();
        for _ in 0..seconds {
            lanes = self.twin.step(flows, &greens);
        }
        let wish = self.adaptive.step(&self.layout, &self.setup.plan, &lights, at, &lanes, &[]);
        let until = self.since.unwrap_or(at) + self.warm_up;
        if at < until {
            return Err(Why::WarmingUp { until });
        }
        let (Some(stage), Some(wish)) = (stage, wish) else { return Err(self.no_stage(at, seen, greens)) };
        let age = lights.stage_age(at).ok_or(Why::Changing)?;
        let wants = self.setup.plan.stage_of(&wish.greens).unwrap_or(stage);
        let queues = lanes.iter().map(|lane| lane.vehicles.len()).collect();
        Ok(Now { stage, age, wants, queues })
    }

    /// Both controls over the next quarter of an hour, from empty streets on; takes its time. Without greens that were shown
    /// the setup's own are held against it.
    pub fn forecast(&self, flows: &Flows) -> Option<Forecast> {
        forecast::forecast(&self.setup, &self.layout, flows, &self.shown.greens())
    }

    /// As the lamps are, of vehicles' groups that have a stage; those that are neither red nor green are left out.
    fn lights(&self, seen: &Seen, greens: &GroupSet) -> Lights {
        let since = |group: u8| seen.groups().get(usize::from(group)).map_or(self.last, |lamp| lamp.since);
        Lights::seen(&self.layout, greens, since)
    }

    fn no_stage(&self, at: UtcMillis, seen: &Seen, greens: GroupSet) -> Why {
        let served = self.setup.plan.served();
        let of = |group: u8| seen.groups().get(usize::from(group));
        let between = served.iter().filter_map(of).any(|lamp| match lamp.aspect {
            Aspect::Yellow | Aspect::RedYellow | Aspect::FlashingGreen => true,
            Aspect::Red
            | Aspect::Green
            | Aspect::FlashingYellow
            | Aspect::FlashingRed
            | Aspect::Dark
            | Aspect::Unknown => false,
        });
        let newest = served.iter().filter_map(of).map(|lamp| lamp.since).max().unwrap_or(at);
        if between || at.since(newest) < CHANGE_MAX { Why::Changing } else { Why::NoSuchStage { greens } }
    }
}
