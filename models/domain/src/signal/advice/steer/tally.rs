//! What was ordered today, and what it did to the greens.

use std::collections::BTreeMap;

use super::{Back, Kind};
use crate::units::DurationMs;

/// One day of one junction.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tally {
    day: i64,
    /// Greens that were ordered, and those that the pole or the hall's own safety refused.
    pub orders: u32,
    pub refusals: u32,
    pub by_stage: BTreeMap<usize, StageTally>,
    pub backs: BTreeMap<Back, u32>,
}

/// Of one stage: by how much its greens were longer and shorter than the plan's own, and how many.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct StageTally {
    pub held: DurationMs,
    pub held_times: u32,
    pub shortened: DurationMs,
    pub shortened_times: u32,
}

impl Tally {
    /// Begins anew with each day.
    pub(super) fn on(&mut self, day: i64) {
        if self.day != day {
            *self = Self { day, ..Self::default() };
        }
    }

    /// A green with an order in it is over.
    pub(super) fn count(&mut self, stage: usize, kind: Kind, green: DurationMs, plans: DurationMs) {
        let one = self.by_stage.entry(stage).or_default();
        match kind {
            Kind::Hold => {
                one.held = one.held + DurationMs((green - plans).0.max(0));
                one.held_times += 1;
            }
            Kind::Next => {
                one.shortened = one.shortened + DurationMs((plans - green).0.max(0));
                one.shortened_times += 1;
            }
        }
    }

    pub(super) fn back(&mut self, why: Back) {
        *self.backs.entry(why).or_default() += 1;
    }
}
