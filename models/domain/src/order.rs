//! What a tracker is asked to do, and how far that got.

use serde::{Deserialize, Serialize};

use crate::ids::VehicleId;
use crate::units::UtcMillis;

/// A wish; each protocol writes those that it knows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// Report the position now.
    Locate,
    /// Report so often while moving.
    ReportEvery { seconds: u32 },
    /// A line of the maker's own command language (GT06, Teltonika), or a text to be shown (JT/T 808).
    Text(String),
}

/// One order for one vehicle's tracker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Given {
    /// Never given twice.
    pub id: u64,
    pub vehicle: VehicleId,
    pub order: Order,
    /// From then on it is not sent any more.
    pub expires: UtcMillis,
    pub progress: Progress,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Progress {
    Waiting,
    /// To the device, so many times; it has not answered.
    Sent {
        at: UtcMillis,
        times: u8,
    },
    /// In the device's words.
    Answered {
        at: UtcMillis,
        text: String,
    },
    /// Not sent, or not answered, before it was too old.
    Expired,
    /// The protocol has no such order, or the device never answered.
    Failed {
        why: String,
    },
}

impl Progress {
    /// For databases and screens; never changes.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Sent { .. } => "sent",
            Self::Answered { .. } => "answered",
            Self::Expired => "expired",
            Self::Failed { .. } => "failed",
        }
    }

    /// Whether nothing more will come of it.
    pub fn is_over(&self) -> bool {
        match self {
            Self::Waiting | Self::Sent { .. } => false,
            Self::Answered { .. } | Self::Expired | Self::Failed { .. } => true,
        }
    }
}
