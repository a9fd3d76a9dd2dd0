//! What is seen of greens and rounds, and in which order the stages come.

use super::control::{Green, Steer};
use super::{Look, State};
use crate::signal::order::SeenGroup;
use crate::units::UtcMillis;

/// A stage followed the one before it so often in a row, with nobody's order, until that is the plan's order.
const FOLLOWED: u32 = 2;

impl Steer {
    /// Follows greens and rounds, and what is wanted.
    pub(super) fn see(&mut self, at: UtcMillis, look: &Look<'_>) {
        if look.seen.groups().len() != look.layout.groups.len() {
            // What becomes of the green is not seen.
            (self.green, self.last) = (None, None);
        }
        // Another plan runs, or it is not known which.
        if look.greens.iter().any(Option::is_none) {
            self.followed.clear();
        }
        self.followed.resize(look.plan.stages.len(), 0);
        if look.blocked.is_some() || self.state != State::Follows {
            self.own = false;
        }
        let greens = look.seen.greens().and(&look.plan.served());
        let stage = look.plan.stage_of(&greens);
        let lamps = greens.iter().filter_map(|group| look.seen.groups().get(usize::from(group)));
        let lamps: Vec<&SeenGroup> = lamps.collect();
        if let Some(green) = self.green.filter(|green| Some(green.stage) != stage) {
            if let Some((kind, plans)) = green.ordered {
                self.tally.count(green.stage, kind, at.since(green.since), plans);
                self.judge_green(at, look, kind, at.since(green.since) - plans);
            }
            self.green = None;
        }
        if let Some(stage) = stage.filter(|_| self.green.is_none()) {
            let since = lamps.iter().map(|lamp| lamp.since).max().unwrap_or(at);
            self.green = Some(Green { stage, since, spent: false, ordered: None });
            self.follows(look, stage);
            self.last = Some(stage);
        }
        // Of a green whose begin was not seen it is not known when the plan ends it.
        let begun = lamps.iter().all(|lamp| lamp.begun && lamp.since <= at);
        if let Some(green) = self.green.as_mut().filter(|_| !begun) {
            green.spent = true;
        }
        // Before its shortest green is over the control has not said anything.
        let decided = !self.green.is_some_and(|green| is_early(at, look, green));
        let wanted = look.told.ok().filter(|_| decided).map(|now| (now.stage, now.wants));
        self.steady = if wanted == self.wanted { self.steady.saturating_add(1) } else { 1 };
        self.wanted = wanted;
    }

    /// A stage has begun.
    fn follows(&mut self, look: &Look<'_>, stage: usize) {
        let Some(last) = self.last else {
            self.own = true;
            return;
        };
        if stage <= last {
            self.round();
        }
        if let Some(followed) = self.followed.get_mut(last).filter(|_| self.own) {
            *followed = if stage == look.plan.after(last) { followed.saturating_add(1) } else { 0 };
        }
        self.own = look.blocked.is_none() && self.state == State::Follows;
    }

    /// Whether the stages come in the order in which they are set up, as far as the junction showed by itself of late.
    pub(super) fn is_in_order(&self) -> bool {
        self.followed.iter().all(|followed| *followed >= FOLLOWED)
    }

    fn round(&mut self) {
        self.rounds = if self.rests { 0 } else { self.rounds + u32::from(self.round_ordered) };
        self.rests = self.rounds >= self.bounds.rounds;
        self.round_ordered = false;
    }
}

/// The shortest green that the control keeps to is not over.
pub(super) fn is_early(at: UtcMillis, look: &Look<'_>, green: Green) -> bool {
    look.plan.stages.get(green.stage).is_some_and(|stage| at.since(green.since) < stage.green_min)
}
