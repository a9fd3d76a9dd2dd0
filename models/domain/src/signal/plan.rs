//! What a junction may show (its layout: groups, conflicts, times) and what it shows by itself (its plan).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::group_set::GroupSet;
use crate::units::{DurationMs, UtcMillis};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum GroupKind {
    Vehicle,
    Pedestrian,
}

/// One signal group with its times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Group {
    pub kind: GroupKind,
    pub green_min: DurationMs,
    /// After green: yellow for vehicles, flashing green or red for those on foot who are still on the road.
    pub clearance: DurationMs,
    /// Longest red while somebody waits.
    pub red_max: DurationMs,
}

/// What all wishes for a junction are held to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// A wish older than this is void: whoever made it may have lost sight of the junction.
    pub wish_age_max: DurationMs,
    /// How far a wish may come from the future, for clocks that differ.
    pub clock_error_max: DurationMs,
    /// At most so many changes of stage within `changes_window`.
    pub changes_max: usize,
    pub changes_window: DurationMs,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            wish_age_max: DurationMs(5_000),
            clock_error_max: DurationMs(1_000),
            changes_max: 10,
            changes_window: DurationMs(60_000),
        }
    }
}

/// The groups of a junction, and which must never be green together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    pub groups: Vec<Group>,
    pub limits: Limits,
    /// From the end of the first group's green to the second's green. That a pair is here says that it conflicts.
    intergreen: BTreeMap<(u8, u8), DurationMs>,
    conflicts: Vec<GroupSet>,
}

impl Layout {
    pub fn new(groups: Vec<Group>, limits: Limits) -> Self {
        let conflicts = vec![GroupSet::EMPTY; groups.len()];
        Self { groups, limits, intergreen: BTreeMap::new(), conflicts }
    }

    /// `ending` and `beginning` conflict; so long must pass between their greens in this order. The other order has
    /// the same time until it is told.
    pub fn set_intergreen(&mut self, ending: u8, beginning: u8, time: DurationMs) {
        self.intergreen.insert((ending, beginning), time);
        self.intergreen.entry((beginning, ending)).or_insert(time);
        for (one, other) in [(ending, beginning), (beginning, ending)] {
            if let Some(set) = self.conflicts.get_mut(usize::from(one)) {
                set.insert(other);
            }
        }
    }

    pub fn intergreen(&self, ending: u8, beginning: u8) -> Option<DurationMs> {
        self.intergreen.get(&(ending, beginning)).copied()
    }

    /// Every ordered pair that conflicts, with its time.
    pub fn intergreens(&self) -> impl Iterator<Item = (u8, u8, DurationMs)> + '_ {
        self.intergreen.iter().map(|(&(ending, beginning), time)| (ending, beginning, *time))
    }

    pub fn group(&self, group: u8) -> Option<&Group> {
        self.groups.get(usize::from(group))
    }

    pub fn conflicts(&self, group: u8) -> GroupSet {
        self.conflicts.get(usize::from(group)).copied().unwrap_or_default()
    }

    /// The first pair of `greens` that conflicts.
    pub fn conflict_in(&self, greens: &GroupSet) -> Option<(u8, u8)> {
        greens.iter().find_map(|one| {
            let other = self.conflicts(one).and(greens).iter().next()?;
            Some((one, other))
        })
    }

    /// From the end of the stage `from` to the green of `to`; zero when nothing of it must be waited for.
    pub fn change_time(&self, from: &GroupSet, to: &GroupSet) -> DurationMs {
        let (ending, beginning) = (from.minus(to), to.minus(from));
        let pairs = ending.iter().flat_map(|a| beginning.iter().map(move |b| (a, b)));
        pairs.filter_map(|(a, b)| self.intergreen(a, b)).max().unwrap_or_default()
    }

    /// Everything that is wrong with it; empty when nothing is.
    pub fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        if self.groups.is_empty() || self.groups.len() > super::group_set::GROUPS_MAX {
            problems.push(format!("{} signal groups; there must be 1 to 256", self.groups.len()));
        }
        for (index, group) in self.groups.iter().enumerate() {
            if group.green_min.0 <= 0 || group.clearance.0 < 0 || group.red_max.0 <= 0 {
                problems.push(format!(
                    "group {}: green_min and red_max must be positive, clearance not negative",
                    index + 1
                ));
            }
        }
        for (&(ending, beginning), time) in &self.intergreen {
            let pair = format!("groups {} and {}", u16::from(ending) + 1, u16::from(beginning) + 1);
            match self.group(ending).filter(|_| self.group(beginning).is_some()) {
                None => problems.push(format!("{pair}: there is no such group")),
                Some(_) if ending == beginning => {
                    problems.push(format!("{pair}: a group has no conflict with itself"));
                }
                Some(group) if *time < group.clearance => {
                    problems.push(format!("{pair}: the intergreen is shorter than the clearance time"));
                }
                Some(_) => {}
            }
        }
        problems
    }
}

/// Groups that are green together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stage {
    pub greens: GroupSet,
    /// Those of `greens` that must still give way to others, such as a left turn against the oncoming traffic.
    pub yielding: GroupSet,
    /// As the plan has it.
    pub green: DurationMs,
    pub green_min: DurationMs,
    pub green_max: DurationMs,
}

/// What a junction shows by itself: stages in their order, over and over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    pub stages: Vec<Stage>,
    /// Start of the first stage's green after a whole number of cycles since 1970.
    pub offset: DurationMs,
}

impl Plan {
    /// One round: every green, and every change between them.
    pub fn cycle(&self, layout: &Layout) -> DurationMs {
        let spans = (0..self.stages.len()).map(|stage| self.span(layout, stage).0);
        DurationMs(spans.sum())
    }

    /// The stage that the plan wants at `at`, by the cycle clock. During a change it is the coming stage.
    pub fn stage_at(&self, layout: &Layout, at: UtcMillis) -> Option<usize> {
        let cycle = self.cycle(layout).0;
        if cycle <= 0 {
            return None;
        }
        let mut into = (at - self.offset).0.rem_euclid(cycle);
        for (index, stage) in self.stages.iter().enumerate() {
            if into < stage.green.0 {
                return Some(index);
            }
            into -= self.span(layout, index).0;
            if into < 0 {
                return Some(self.after(index));
            }
        }
        None
    }

    pub fn after(&self, stage: usize) -> usize {
        (stage + 1) % self.stages.len().max(1)
    }

    /// The plan's stage with just these greens.
    pub fn stage_of(&self, greens: &GroupSet) -> Option<usize> {
        self.stages.iter().position(|stage| stage.greens == *greens)
    }

    /// The groups that are green in some stage.
    pub fn served(&self) -> GroupSet {
        self.stages.iter().fold(GroupSet::EMPTY, |all, stage| all.or(&stage.greens))
    }

    /// Everything that is wrong with it for `layout`; empty when nothing is.
    pub fn problems(&self, layout: &Layout) -> Vec<String> {
        let mut problems = Vec::new();
        if self.stages.is_empty() {
            problems.push("a plan needs a stage".to_owned());
        }
        for (index, stage) in self.stages.iter().enumerate() {
            let name = index + 1;
            if let Some((a, b)) = layout.conflict_in(&stage.greens) {
                problems.push(format!("stage {name}: groups {} and {} conflict", a + 1, b + 1));
            }
            let least =
                stage.greens.iter().filter_map(|group| layout.group(group)).map(|g| g.green_min).max();
            if least.is_some_and(|least| stage.green < least || stage.green_min < least) {
                problems.push(format!("stage {name}: its green is shorter than a group's minimum green"));
            }
            if stage.green_max < stage.green || stage.green < stage.green_min {
                problems.push(format!("stage {name}: green must lie between green_min and green_max"));
            }
        }
        problems
    }

    /// A stage's green and the change after it.
    fn span(&self, layout: &Layout, stage: usize) -> DurationMs {
        let Some(now) = self.stages.get(stage) else { return DurationMs(0) };
        let next = &self.stages[self.after(stage)];
        DurationMs(now.green.0 + layout.change_time(&now.greens, &next.greens).0)
    }
}
