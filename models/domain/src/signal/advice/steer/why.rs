//! Why nothing is ordered, and why what was ordered is given back.

use crate::units::UtcMillis;

/// Why the plan is left as it is.
#[derive(Debug, Clone, PartialEq)]
pub enum Why {
    /// There is nothing to better now, or it is not time yet.
    Content,
    /// Lamps are between two stages.
    Changing,
    /// The advice says nothing, for this reason of its own.
    Silent(String),
    /// One order for one green.
    Spent,
    /// Too few greens were seen of which nobody ordered anything: the plan's own are not known.
    PlanUnknown,
    /// Another stage than the next of the plan is wanted.
    OtherStage,
    /// An exit is full, or it is not known whether it is: more green would fill the junction.
    Full,
    /// Somebody would stand at red beyond the longest.
    LongestWait,
    /// A round of the plan alone.
    Rest,
    /// Enough was ordered within a minute.
    Rate {
        until: UtcMillis,
    },
    /// Orders failed lately.
    BacksOff {
        until: UtcMillis,
    },
    /// The pole refused too often within an hour.
    Stopped {
        until: UtcMillis,
    },
    /// Somebody's order stands.
    OtherOrder {
        by: String,
    },
    /// The controller is not back on its own plan yet.
    Ending,
    /// Somebody at the cabinet has taken it out of remote control.
    Local,
    /// The controller has not said how it runs.
    ModeUnknown,
    Emergency,
    /// A calendar orders the junction's plans.
    Calendar,
    NotOrderable,
    /// Its moment had passed before it could be ordered.
    Late,
    /// What safety in the hall says against it.
    Safety(String),
    /// The pole did not take it, or could not carry it out.
    Failed(String),
}

impl Why {
    /// Short stable name for the wire.
    pub fn name(&self) -> &'static str {
        match self {
            Why::Content => "content",
            Why::Changing => "changing",
            Why::Silent(_) => "silent",
            Why::Spent => "spent",
            Why::PlanUnknown => "plan_unknown",
            Why::OtherStage => "other_stage",
            Why::Full => "full",
            Why::LongestWait => "longest_wait",
            Why::Rest => "rest",
            Why::Rate { .. } => "rate",
            Why::BacksOff { .. } => "backs_off",
            Why::Stopped { .. } => "stopped",
            Why::OtherOrder { .. } => "other_order",
            Why::Ending => "ending",
            Why::Local => "local",
            Why::ModeUnknown => "mode_unknown",
            Why::Emergency => "emergency",
            Why::Calendar => "calendar",
            Why::NotOrderable => "not_orderable",
            Why::Late => "late",
            Why::Safety(_) => "safety",
            Why::Failed(_) => "failed",
        }
    }

    /// Somebody else orders here, or is about to.
    pub fn is_of_others(&self) -> bool {
        match self {
            Why::OtherOrder { .. } | Why::Emergency | Why::Calendar => true,
            Why::Content
            | Why::Changing
            | Why::Silent(_)
            | Why::Spent
            | Why::PlanUnknown
            | Why::OtherStage
            | Why::Full
            | Why::LongestWait
            | Why::Rest
            | Why::Rate { .. }
            | Why::BacksOff { .. }
            | Why::Stopped { .. }
            | Why::Ending
            | Why::Local
            | Why::ModeUnknown
            | Why::NotOrderable
            | Why::Late
            | Why::Safety(_)
            | Why::Failed(_) => false,
        }
    }

    /// What there is to say besides, and until when it holds.
    pub fn detail(&self) -> (&str, Option<UtcMillis>) {
        match self {
            Why::Silent(text) | Why::Safety(text) | Why::Failed(text) | Why::OtherOrder { by: text } => {
                (text.as_str(), None)
            }
            Why::Rate { until } | Why::BacksOff { until } | Why::Stopped { until } => ("", Some(*until)),
            Why::Content
            | Why::Changing
            | Why::Spent
            | Why::PlanUnknown
            | Why::OtherStage
            | Why::Full
            | Why::LongestWait
            | Why::Rest
            | Why::Ending
            | Why::Local
            | Why::ModeUnknown
            | Why::Emergency
            | Why::Calendar
            | Why::NotOrderable
            | Why::Late => ("", None),
        }
    }
}

/// Why an order is given back before its time is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Back {
    /// The control wants the next stage by now, or the called stage is there.
    Enough,
    /// The stage that was to be held ended all the same.
    Ended,
    /// The advice says nothing any more: a detector has failed, the link is lost, another mode.
    Silent,
    /// Somebody else's turn.
    GivesWay,
    Full,
    LongestWait,
    /// From before the hall was started anew.
    Restart,
}

impl Back {
    /// Short stable name for the wire.
    pub fn name(self) -> &'static str {
        match self {
            Back::Enough => "enough",
            Back::Ended => "ended",
            Back::Silent => "silent",
            Back::GivesWay => "gives_way",
            Back::Full => "full",
            Back::LongestWait => "longest_wait",
            Back::Restart => "restart",
        }
    }
}
