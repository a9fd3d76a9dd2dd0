//! Facts: what a gateway tells the hall, once, in order, and never loses.

use serde::{Deserialize, Serialize};

use crate::count::{LineCrossing, MinuteCounts};
use crate::detection::{BBox, Class};
use crate::ids::{CameraId, EventId, JunctionId, TrackId, ZoneId};
use crate::signal::{GroupStates, SignalAlarm};
use crate::transit::Fix;
use crate::units::{DurationMs, UtcMillis};

/// One fact of one gateway. `at` is when it happened in the street, not when it was sent.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    pub id: EventId,
    pub at: UtcMillis,
    pub body: EventBody,
}

#[derive(Debug, Clone, PartialEq)]
pub enum EventBody {
    LineCrossing {
        camera: CameraId,
        crossing: LineCrossing,
    },
    /// `Event::at` is the end of the minute.
    Counts {
        camera: CameraId,
        counts: MinuteCounts,
    },
    Rule {
        camera: CameraId,
        event: RuleEvent,
    },
    CameraStats {
        camera: CameraId,
        stats: CameraStats,
    },
    CameraState {
        camera: CameraId,
        state: LinkState,
    },
    Fix(Fix),
    Signal {
        junction: JunctionId,
        groups: GroupStates,
    },
    SignalAlarm {
        junction: JunctionId,
        alarm: SignalAlarm,
    },
    SignalState {
        junction: JunctionId,
        state: LinkState,
    },
}

/// Something a rule found worth telling. `Event::at` is the moment it became true.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RuleEvent {
    /// Name of the rule in `rules::ALL`, such as `stopped_vehicle`.
    pub rule: String,
    /// When what it tells of began: for a stopped vehicle, when it stopped.
    pub began: UtcMillis,
    pub zone: Option<ZoneId>,
    pub track: Option<TrackId>,
    pub class: Option<Class>,
    /// Where in the picture, in pixels of the scene's size.
    pub bbox: Option<BBox>,
}

/// What one camera delivered in the `span` before `Event::at`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CameraStats {
    pub span: DurationMs,
    /// Pictures decoded.
    pub frames: u64,
    /// Pictures that went through the network.
    pub inferred: u64,
    /// Road users seen, summed over the pictures.
    pub detections: u64,
    /// Pictures thrown away because newer ones were there.
    pub dropped: u64,
}

/// Whether a camera or a controller can be reached, and why not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkState {
    pub link: Link,
    /// For people: what failed and what to do; empty when all is well. Never holds a credential.
    pub reason: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Link {
    Connecting,
    Up,
    Down,
}

impl EventBody {
    /// Short stable name: the `kind` of tables, JSON lines and metrics.
    pub fn kind(&self) -> &'static str {
        match self {
            EventBody::LineCrossing { .. } => "line_crossing",
            EventBody::Counts { .. } => "counts",
            EventBody::Rule { .. } => "rule",
            EventBody::CameraStats { .. } => "camera_stats",
            EventBody::CameraState { .. } => "camera_state",
            EventBody::Fix(_) => "fix",
            EventBody::Signal { .. } => "signal",
            EventBody::SignalAlarm { .. } => "signal_alarm",
            EventBody::SignalState { .. } => "signal_state",
        }
    }
}
