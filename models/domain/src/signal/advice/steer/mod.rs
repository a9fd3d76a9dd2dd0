//! Adaptive control that orders: around the plan that the junction shows by itself, a stage's green is held a little longer, or the next
//! stage of the plan is called a little sooner, and the plan goes on from there. Pure: what the advice wants, the lamps and other
//! orders come in, what to order goes out. Safety judges each order as any other.
//!
//! Every order ends by itself within its bounds; whatever makes the advice silent gives back what stands at once, and so does having none. `control` keeps what was
//! ordered, `decide` says what is to be, `heed` whether the controller did it, `see` follows lamps, `room` reckons the longest waits, `tally` counts what was done, `why` has the reasons for doing
//! nothing.

mod control;
mod decide;
mod heed;
mod room;
mod see;
mod tally;
mod why;

#[cfg(test)]
mod tests;

pub use control::Steer;
pub use tally::{StageTally, Tally};
pub use why::{Back, Why};

use super::Now;
use crate::signal::group_set::GroupSet;
use crate::signal::order::Seen;
use crate::signal::plan::{Layout, Plan};
use crate::units::{DurationMs, UtcMillis};

/// What it is held to, beside what safety holds every order to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// A green is at most so much longer than the plan's own, and so much shorter.
    pub stretch_max: DurationMs,
    pub shorten_max: DurationMs,
    /// Nobody stands at red for longer because of it; `None`: no longer than the group's own longest red.
    pub longest_wait: Option<DurationMs>,
    /// A green is held from so long before the plan would end it: before those on foot get their flashing green.
    pub ahead: DurationMs,
    /// After so many rounds of the plan with orders comes one without.
    pub rounds: u32,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            stretch_max: DurationMs(15_000),
            shorten_max: DurationMs(12_000),
            longest_wait: None,
            ahead: DurationMs(8_000),
            rounds: 5,
        }
    }
}

/// What is known now.
#[derive(Debug, Clone, Copy)]
pub struct Look<'a> {
    pub layout: &'a Layout,
    pub plan: &'a Plan,
    pub seen: &'a Seen,
    /// What the advice wants, or why it says nothing.
    pub told: Result<&'a Now, Silence<'a>>,
    /// The mean green of each stage that nobody ordered anything of.
    pub greens: &'a [Option<DurationMs>],
    /// Groups whose exit is full, or not known not to be.
    pub full: GroupSet,
    /// What keeps any order from being made here.
    pub blocked: Option<&'a Why>,
    /// Number of the city's day.
    pub day: i64,
}

/// Why the advice says nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Silence<'a> {
    /// Lamps are between two stages: what was wanted before still holds.
    Changing,
    /// By its name.
    Reason(&'a str),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The stage that is shown stays.
    Hold,
    /// The next stage of the plan is called.
    Next,
}

/// What the pole is to be asked.
#[derive(Debug, Clone, PartialEq)]
pub enum Call {
    /// Green for a stage's groups for so long from `called` on, while `from` is the green that is shown; `plans`: the plan's own of
    /// that stage.
    Green {
        kind: Kind,
        stage: usize,
        groups: GroupSet,
        from: GroupSet,
        called: UtcMillis,
        hold: DurationMs,
        patience: DurationMs,
        plans: DurationMs,
    },
    /// Its own plan again.
    Release { order: u64 },
}

/// A green that was called for so long ago was called for other lamps.
const CALLED_BEFORE: DurationMs = DurationMs(1_500);

impl Call {
    /// What is left of the green that is called for, to be asked just before it is ordered; `None`: it is too late, or other lamps
    /// are shown than those that it was called for.
    pub fn left(&self, at: UtcMillis, seen: &Seen) -> Option<DurationMs> {
        let Call::Green { kind, groups, from, called, hold, .. } = self else { return None };
        let (age, greens) = (at.since(*called), seen.greens());
        let shown = match kind {
            Kind::Hold => groups.is_subset(&greens),
            Kind::Next => from.is_subset(&greens) && (groups.is_subset(from) || !groups.is_subset(&greens)),
        };
        (shown && (DurationMs(0)..=CALLED_BEFORE).contains(&age)).then(|| *hold - age)
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// The plan is followed; [`Steer::why`] says why.
    Follows,
    /// The pole is being asked.
    Calling {
        kind: Kind,
        stage: usize,
    },
    Ordered {
        kind: Kind,
        stage: usize,
        order: u64,
        until: UtcMillis,
    },
    /// `again`: when the pole is asked, once more.
    Back {
        order: u64,
        until: UtcMillis,
        why: Back,
        again: UtcMillis,
    },
}

/// Why an order was not taken.
#[derive(Debug, Clone, PartialEq)]
pub enum Refused {
    /// The hall did not send it.
    Here(Why),
    /// The pole refused it, or did not answer.
    Pole(String),
}

/// What came of asking the pole to let go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Released {
    /// Nothing of the order stands any more.
    Over,
    /// It was sent, and the pole did not do it or did not answer.
    Sent,
    /// It could not be sent, or must not be now.
    NotSent,
}

/// Why an order stands no more though its time is not over.
#[derive(Debug, Clone, PartialEq)]
pub enum Lost {
    /// Somebody else's took its place, or the hall or the pole was away.
    Ended,
    /// The pole could not carry it out.
    Pole(String),
}
