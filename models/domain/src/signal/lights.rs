//! What every lamp of a junction shows, and how it gets from one stage to another: green, clearance, red, green.

use std::collections::VecDeque;

use super::group_set::GroupSet;
use super::plan::Layout;
use crate::units::{DurationMs, UtcMillis};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Light {
    Red,
    Green,
    /// Yellow of vehicles; the time in which those on foot leave the road.
    Clearing,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lamp {
    pub light: Light,
    pub since: UtcMillis,
    /// When its last green ended.
    pub green_ended: Option<UtcMillis>,
    /// Since when somebody waits at its red.
    pub waiting_since: Option<UtcMillis>,
}

/// All lamps of a junction, by group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lights {
    lamps: Vec<Lamp>,
    wanted: GroupSet,
    /// When the stage was changed, within the layout's window.
    changes: VecDeque<UtcMillis>,
    /// Somebody stands within the junction.
    occupied: bool,
}

/// So much longer than its clearance times a junction is left to those who stand within it.
pub const OCCUPIED_MAX: DurationMs = DurationMs(5_000);

impl Lights {
    /// All red, and nothing known of what was before: every clearance time counts from `at`.
    pub fn all_red(layout: &Layout, at: UtcMillis) -> Self {
        let lamp = Lamp { light: Light::Red, since: at, green_ended: Some(at), waiting_since: None };
        Self {
            lamps: vec![lamp; layout.groups.len()],
            wanted: GroupSet::EMPTY,
            changes: VecDeque::new(),
            occupied: false,
        }
    }

    /// Taken over from a controller that shows `greens` since `at`, everything else red.
    pub fn showing(layout: &Layout, at: UtcMillis, greens: &GroupSet) -> Self {
        let mut lights = Self::all_red(layout, at);
        for (group, lamp) in (0..=u8::MAX).zip(&mut lights.lamps) {
            if greens.contains(group) {
                lamp.light = Light::Green;
            }
        }
        lights.wanted = *greens;
        lights
    }

    /// As a controller shows them: `greens` and everything else red, each since it was seen so.
    pub fn seen(layout: &Layout, greens: &GroupSet, since: impl Fn(u8) -> UtcMillis) -> Self {
        let mut lights = Self::showing(layout, UtcMillis(0), greens);
        for (group, lamp) in (0..=u8::MAX).zip(&mut lights.lamps) {
            lamp.since = since(group);
            lamp.green_ended = Some(lamp.since);
        }
        lights
    }

    pub fn lamps(&self) -> &[Lamp] {
        &self.lamps
    }

    pub fn lamp(&self, group: u8) -> Option<&Lamp> {
        self.lamps.get(usize::from(group))
    }

    /// The stage that is shown, or on its way.
    pub fn wanted(&self) -> &GroupSet {
        &self.wanted
    }

    pub fn greens(&self) -> GroupSet {
        self.of(Light::Green)
    }

    pub fn clearing(&self) -> GroupSet {
        self.of(Light::Clearing)
    }

    /// No change is under way.
    pub fn settled(&self) -> bool {
        self.greens() == self.wanted && self.clearing().is_empty()
    }

    pub fn changes(&self) -> &VecDeque<UtcMillis> {
        &self.changes
    }

    /// Who waits at a red now; the time counts from the first moment of waiting.
    pub fn wait(&mut self, at: UtcMillis, waiting: &GroupSet) {
        for (group, lamp) in (0..=u8::MAX).zip(&mut self.lamps) {
            if lamp.light == Light::Green || !waiting.contains(group) {
                lamp.waiting_since = None;
            } else if lamp.waiting_since.is_none() {
                lamp.waiting_since = Some(at);
            }
        }
    }

    /// Whether somebody stands within the junction, such as those who turn left and could not leave: conflicting traffic
    /// starts up to `OCCUPIED_MAX` later then.
    pub fn occupy(&mut self, occupied: bool) {
        self.occupied = occupied;
    }

    /// Begins a change. Only `safety` calls it, after its checks.
    pub(super) fn begin(&mut self, layout: &Layout, at: UtcMillis, wanted: &GroupSet) {
        if self.wanted == *wanted {
            return;
        }
        self.wanted = *wanted;
        self.changes.push_back(at);
        while self.changes.front().is_some_and(|first| at.since(*first) >= layout.limits.changes_window) {
            self.changes.pop_front();
        }
        for (group, lamp) in (0..=u8::MAX).zip(&mut self.lamps) {
            if lamp.light == Light::Green && !wanted.contains(group) {
                *lamp =
                    Lamp { light: Light::Clearing, since: at, green_ended: Some(at), waiting_since: None };
            }
        }
        self.tick(layout, at);
    }

    /// Lets time pass: ends clearances, and gives green where every conflicting group has been out for long enough.
    pub fn tick(&mut self, layout: &Layout, at: UtcMillis) {
        for (lamp, group) in self.lamps.iter_mut().zip(&layout.groups) {
            if lamp.light == Light::Clearing && at.since(lamp.since) >= group.clearance {
                lamp.light = Light::Red;
                lamp.since = at;
            }
        }
        let extra = if self.occupied { OCCUPIED_MAX } else { DurationMs(0) };
        for group in self.wanted.iter() {
            let red = self.lamp(group).is_some_and(|lamp| lamp.light == Light::Red);
            if red
                && self.clear_at(layout, group) + extra <= at
                && let Some(lamp) = self.lamps.get_mut(usize::from(group))
            {
                lamp.light = Light::Green;
                lamp.since = at;
                lamp.waiting_since = None;
            }
        }
    }

    /// From when `group` may be green, as far as groups that have ended are concerned; never while one is green.
    fn clear_at(&self, layout: &Layout, group: u8) -> UtcMillis {
        let mut clear = UtcMillis(i64::MIN);
        for other in layout.conflicts(group).iter() {
            let Some(lamp) = self.lamp(other) else { continue };
            if lamp.light == Light::Green {
                return UtcMillis(i64::MAX);
            }
            let (Some(ended), Some(time)) = (lamp.green_ended, layout.intergreen(other, group)) else {
                continue;
            };
            clear = clear.max(ended + time);
        }
        clear
    }

    fn of(&self, light: Light) -> GroupSet {
        (0..=u8::MAX)
            .zip(&self.lamps)
            .filter(|(_, lamp)| lamp.light == light)
            .map(|(group, _)| group)
            .collect()
    }

    /// How long the youngest of the wanted greens has been green; nothing while a change is under way.
    pub fn stage_age(&self, at: UtcMillis) -> Option<DurationMs> {
        if !self.settled() {
            return None;
        }
        self.wanted.iter().filter_map(|group| self.lamp(group)).map(|lamp| at.since(lamp.since)).min()
    }
}
