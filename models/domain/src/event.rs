//! Facts: what a gateway tells the hall, once, in order, and never loses.

use crate::count::{LineCrossing, MinuteCounts};
use crate::detection::{BBox, Class};
use crate::ids::{CameraId, EventId, JunctionId, TrackId, ZoneId};
use crate::measure::{Measure, MeasureKind};
use crate::signal::detector::Reading;
use crate::signal::order::OrderTold;
use crate::signal::red_light::RedLightRun;
use crate::signal::{GroupStates, SignalAlarm};
use crate::track::Track;
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
    /// `Event::at` is when the vehicle was on the line.
    RedLight {
        camera: CameraId,
        run: Box<RedLightRun>,
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
    SignalOrder {
        junction: JunctionId,
        told: OrderTold,
    },
    /// What detectors of a controller counted, by their numbers; each with the end of its interval.
    Detectors {
        junction: JunctionId,
        readings: Vec<(u16, Reading)>,
    },
}

/// Something a rule found worth telling. `Event::at` is the moment it became true.
#[derive(Debug, Clone, PartialEq)]
pub struct RuleEvent {
    /// Name of the rule in `rules::ALL` or of the trouble in `health::ALL`, such as `stopped_vehicle`.
    pub rule: String,
    pub phase: Phase,
    /// When what it tells of began: for a stopped vehicle, when it stopped; for figures, the begin of their span.
    pub began: UtcMillis,
    pub zone: Option<ZoneId>,
    pub track: Option<TrackId>,
    pub class: Option<Class>,
    /// Where in the picture, in pixels of the scene's size.
    pub bbox: Option<BBox>,
    /// Of a turning movement: the lines or zones by which road users came and went.
    pub way: Option<Way>,
    /// What was measured, each kind at most once.
    pub measures: Vec<Measure>,
}

/// Where in its course the thing is that a rule tells of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Phase {
    /// It happened, and nothing more will be told of it.
    Moment,
    /// It began and goes on: an event with [`Phase::Ended`] and the same `began` follows. When the gateway stops meanwhile,
    /// after its next start, for when it was last known to go on.
    Begun,
    /// It is over; it took from `began` to `Event::at`.
    Ended,
    /// Nothing happened: the figures of a span, at most one a minute and subject.
    Figure,
}

/// From one line or zone of the scene to another.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Way {
    pub from: String,
    pub to: String,
}

impl RuleEvent {
    /// An event of which nothing but its rule and begin is known yet.
    pub fn new(rule: &str, phase: Phase, began: UtcMillis) -> Self {
        Self {
            rule: rule.to_owned(),
            phase,
            began,
            zone: None,
            track: None,
            class: None,
            bbox: None,
            way: None,
            measures: Vec::new(),
        }
    }

    /// The same about one road user.
    #[must_use]
    pub fn about(self, track: &Track) -> Self {
        Self { track: Some(track.id), class: Some(track.class), bbox: Some(track.bbox), ..self }
    }

    pub fn measure(&self, what: MeasureKind) -> Option<f64> {
        self.measures.iter().find(|m| m.what == what).map(|m| m.value)
    }
}

impl Phase {
    /// Short stable name for JSON lines and tables.
    pub fn name(self) -> &'static str {
        match self {
            Phase::Moment => "moment",
            Phase::Begun => "begun",
            Phase::Ended => "ended",
            Phase::Figure => "figure",
        }
    }
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
    /// The camera that it tells of, if it tells of one.
    pub fn camera(&self) -> Option<&CameraId> {
        match self {
            EventBody::LineCrossing { camera, .. }
            | EventBody::Counts { camera, .. }
            | EventBody::Rule { camera, .. }
            | EventBody::RedLight { camera, .. }
            | EventBody::CameraStats { camera, .. }
            | EventBody::CameraState { camera, .. } => Some(camera),
            EventBody::Fix(_)
            | EventBody::Signal { .. }
            | EventBody::SignalAlarm { .. }
            | EventBody::SignalState { .. }
            | EventBody::SignalOrder { .. }
            | EventBody::Detectors { .. } => None,
        }
    }

    /// Whether people will want to see the picture it was found in.
    pub fn wants_still(&self) -> bool {
        match self {
            EventBody::LineCrossing { .. } | EventBody::RedLight { .. } => true,
            EventBody::Rule { event, .. } => event.phase != Phase::Figure,
            EventBody::Counts { .. }
            | EventBody::CameraStats { .. }
            | EventBody::CameraState { .. }
            | EventBody::Fix(_)
            | EventBody::Signal { .. }
            | EventBody::SignalAlarm { .. }
            | EventBody::SignalState { .. }
            | EventBody::SignalOrder { .. }
            | EventBody::Detectors { .. } => false,
        }
    }

    /// Short stable name: the `kind` of tables, JSON lines and metrics.
    pub fn kind(&self) -> &'static str {
        match self {
            EventBody::LineCrossing { .. } => "line_crossing",
            EventBody::Counts { .. } => "counts",
            // Figures come every minute: apart, so that they bury nobody's events.
            EventBody::Rule { event, .. } => match event.phase {
                Phase::Moment | Phase::Begun | Phase::Ended => "rule",
                Phase::Figure => "figure",
            },
            EventBody::RedLight { .. } => "red_light",
            EventBody::CameraStats { .. } => "camera_stats",
            EventBody::CameraState { .. } => "camera_state",
            EventBody::Fix(_) => "fix",
            EventBody::Signal { .. } => "signal",
            EventBody::SignalAlarm { .. } => "signal_alarm",
            EventBody::SignalState { .. } => "signal_state",
            EventBody::SignalOrder { .. } => "signal_order",
            EventBody::Detectors { .. } => "detectors",
        }
    }
}
