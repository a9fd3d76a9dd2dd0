//! Green for late buses in the street: which bus may have a junction's green, from when, and for how long. Pure: what is known of the
//! buses, the lamps, the load and of other orders comes in, what to order goes out. Safety judges each order as any other.
//!
//! `coming` finds the buses before a stop line, `request` is one that asks, `turns` gives them their turn,
//! `measured` says what that gave and cost.

pub mod coming;
pub mod measured;
pub mod request;
pub mod turns;

#[cfg(test)]
mod tests;

use super::group_set::GroupSet;
use crate::geo::LatLon;
use crate::ids::JunctionId;
use crate::units::{Degrees, DurationMs, Meters, MetersPerSecond};

/// One junction at which late buses may have green.
#[derive(Debug, Clone, PartialEq)]
pub struct Setup {
    pub id: String,
    pub name: String,
    pub junction: JunctionId,
    pub bounds: Bounds,
    pub approaches: Vec<Approach>,
}

/// What priority is held to, beside what safety holds every order to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// A bus that is less late gets nothing.
    pub late_from: DurationMs,
    /// A bus asks when it may be at the line within this: others keep their minimum green and clear the junction.
    pub ahead: DurationMs,
    /// One order lasts no longer, from when it is sent.
    pub green_max: DurationMs,
    /// After one, nobody gets another for so long, nor before all who waited at red for it have had green.
    pub rest: DurationMs,
    /// Whether it may end a plan that a calendar ordered; the calendar orders it again afterwards.
    pub over_calendar: bool,
    /// Whether a load that is not known, though it should be, keeps buses from asking.
    pub unknown_load: Unknown,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unknown {
    Nothing,
    AsQuiet,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            late_from: DurationMs(120_000),
            ahead: DurationMs(20_000),
            green_max: DurationMs(30_000),
            rest: DurationMs(120_000),
            over_calendar: false,
            unknown_load: Unknown::Nothing,
        }
    }
}

/// A way over a stop line.
#[derive(Debug, Clone, PartialEq)]
pub struct Approach {
    pub name: String,
    /// Those that let a bus over the line.
    pub groups: GroupSet,
    /// The stop line, and where a bus drives to that crosses it.
    pub line: LatLon,
    pub heading: Degrees,
    /// A bus farther before the line is not looked at.
    pub reach: Meters,
    /// As fast as buses come here when nothing holds them up.
    pub speed: MetersPerSecond,
    /// Ids or short names; empty: all whose way leads over the line.
    pub routes: Vec<String>,
}

/// What others have to bear, by their counts.
#[derive(Debug, Clone, PartialEq)]
pub enum Load {
    /// Nobody is to count it.
    NotMeasured,
    /// Car units an hour.
    Quiet(f64),
    /// More than they may be.
    Busy {
        per_h: f64,
        max: f64,
    },
    Unknown(String),
}

/// Why a bus that asks has no green ordered.
#[derive(Debug, Clone, PartialEq)]
pub enum Why {
    /// Another bus comes first.
    Turn,
    /// Others have their turn after the last one.
    Rest,
    /// Those who waited for the last one have not had green yet.
    OthersWait,
    /// It has a halt before the line, or stands at one.
    Halts,
    /// It made up for its delay.
    NotLate,
    Busy {
        per_h: f64,
        max: f64,
    },
    LoadUnknown(String),
    /// Somebody's order stands.
    OtherOrder {
        by: String,
    },
    Emergency,
    /// A calendar's plan is in force, and may not be ended.
    Calendar,
    NotOrderable,
    GatewayAway,
    LinkDown,
    /// Another mode than the plan's.
    NotNormal,
    /// The controller has not said how it runs.
    ModeUnknown,
    /// What safety says against it.
    Safety(String),
    /// The pole did not take it, or could not carry it out.
    Failed(String),
    /// Orders failed lately.
    BacksOff,
}

impl Why {
    /// Short stable name for tables and the wire.
    pub fn name(&self) -> &'static str {
        match self {
            Why::Turn => "turn",
            Why::Rest => "rest",
            Why::OthersWait => "others_wait",
            Why::Halts => "halts",
            Why::NotLate => "not_late",
            Why::Busy { .. } => "busy",
            Why::LoadUnknown(_) => "load_unknown",
            Why::OtherOrder { .. } => "other_order",
            Why::Emergency => "emergency",
            Why::Calendar => "calendar",
            Why::NotOrderable => "not_orderable",
            Why::GatewayAway => "gateway_away",
            Why::LinkDown => "link_down",
            Why::NotNormal => "not_normal",
            Why::ModeUnknown => "mode_unknown",
            Why::Safety(_) => "safety",
            Why::Failed(_) => "failed",
            Why::BacksOff => "backs_off",
        }
    }

    /// What there is to say besides.
    pub fn detail(&self) -> String {
        match self {
            Why::Busy { per_h, max } => format!("{per_h:.0} > {max:.0}"),
            Why::LoadUnknown(text) | Why::Safety(text) | Why::Failed(text) => text.clone(),
            Why::OtherOrder { by } => by.clone(),
            Why::Turn
            | Why::Rest
            | Why::OthersWait
            | Why::Halts
            | Why::NotLate
            | Why::Emergency
            | Why::Calendar
            | Why::NotOrderable
            | Why::GatewayAway
            | Why::LinkDown
            | Why::NotNormal
            | Why::ModeUnknown
            | Why::BacksOff => String::new(),
        }
    }
}
