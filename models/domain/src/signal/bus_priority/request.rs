//! One bus that asks for green, and what becomes of it.

use super::coming::Coming;
use super::{Load, Why};
use crate::ids::VehicleId;
use crate::signal::group_set::GroupSet;
use crate::signal::order::Seen;
use crate::signal::plan::Layout;
use crate::transit::timetable::{FeedId, RunKey};
use crate::units::{DurationMs, Meters, UtcMillis};

/// A bus at an approach, by its number.
pub type Key = (VehicleId, usize);

/// What became of one bus that asked.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    pub approach: usize,
    pub vehicle: VehicleId,
    pub feed: FeedId,
    pub run: RunKey,
    pub route: String,
    /// When it asked: how late it was, and how far before the line.
    pub asked: UtcMillis,
    pub late: DurationMs,
    pub to_line: Meters,
    pub state: State,
    /// When its groups were seen green under its order.
    pub green: Option<UtcMillis>,
    /// When it crossed the line.
    pub passed: Option<UtcMillis>,
    /// When it was last known to be there.
    pub known: UtcMillis,
}

#[derive(Debug, Clone, PartialEq)]
pub enum State {
    Waits(Why),
    /// The pole is being asked.
    Calling,
    Ordered {
        order: u64,
        until: UtcMillis,
    },
    Over {
        end: End,
        at: UtcMillis,
        /// What is still to be taken back.
        order: Option<u64>,
    },
}

#[derive(Debug, Clone, PartialEq)]
pub enum End {
    /// It crossed the line while its order stood.
    Passed,
    /// It crossed it without.
    Unhelped(Why),
    /// It stands at a halt.
    Halts,
    /// Nobody knows where it is, it does another run, or it left its way.
    Gone,
    /// The order's time was over before it came.
    Expired,
    /// The order stands no more, for somebody else or the pole ended it.
    Lost(String),
}

impl End {
    /// Short stable name for tables and the wire.
    pub fn name(&self) -> &'static str {
        match self {
            End::Passed => "passed",
            End::Unhelped(_) => "unhelped",
            End::Halts => "halts",
            End::Gone => "gone",
            End::Expired => "expired",
            End::Lost(_) => "lost",
        }
    }
}

/// What the pole is to be asked.
#[derive(Debug, Clone, PartialEq)]
pub enum Call {
    /// Green for so long; no moment that is refused is worth waiting for longer than `patience`.
    Green { key: Key, groups: GroupSet, hold: DurationMs, patience: DurationMs },
    /// Its own plan again.
    Release { key: Key, order: u64 },
}

/// What is known now.
#[derive(Debug, Clone, Copy)]
pub struct Look<'a> {
    /// By the number of the approach.
    pub coming: &'a [(usize, Coming)],
    /// What keeps any order from being made here.
    pub blocked: Option<&'a Why>,
    pub load: &'a Load,
    pub seen: &'a Seen,
    pub layout: &'a Layout,
}

impl Request {
    pub fn had_order(&self) -> bool {
        match &self.state {
            State::Ordered { .. } => true,
            State::Over { end, .. } => !matches!(end, End::Unhelped(_)),
            State::Waits(_) | State::Calling => false,
        }
    }

    pub(super) fn release(&self, key: &Key) -> Option<Call> {
        match self.state {
            State::Over { order: Some(order), .. } => Some(Call::Release { key: key.clone(), order }),
            State::Over { order: None, .. } | State::Waits(_) | State::Calling | State::Ordered { .. } => {
                None
            }
        }
    }
}
