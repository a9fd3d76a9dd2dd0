//! Where adapters hand in what devices reported; they answer a device only after the sink has taken its report.

use async_trait::async_trait;
use models_domain::event::LinkState;
use models_domain::signal::detector::Reading;
use models_domain::signal::order::ControllerNow;
use models_domain::signal::{Aggregated, Change, GroupStates, SignalAlarm};
use models_domain::transit::Fix;
use models_domain::{JunctionId, UtcMillis};

/// The other side is gone or cannot keep the report: the device must not be told that it is stored.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the report could not be kept: {0}")]
pub struct NotKept(pub String);

/// Takes reports and keeps them; returns once nothing can lose them any more.
#[async_trait]
pub trait Sink<T: Send + 'static>: Send + Sync {
    async fn accept(&self, report: T) -> Result<(), NotKept>;

    /// Takes all reports of one message; after an error some of them may be kept.
    async fn accept_all(&self, reports: Vec<T>) -> Result<(), NotKept> {
        for report in reports {
            self.accept(report).await?;
        }
        Ok(())
    }
}

/// What the bus adapter hears from trackers.
#[derive(Debug, Clone, PartialEq)]
pub enum GpsReport {
    Fix(Fix),
}

/// What an operator's system tells beside positions: who drives which bus, which tickets were sold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    pub received: UtcMillis,
    /// Such as `RegVehicle`.
    pub kind: &'static str,
    /// Names and values, in the order of the message.
    pub facts: Vec<(&'static str, String)>,
    /// As it came (UFMS `BaseMessage`, protobuf).
    pub message: Vec<u8>,
}

/// What the signal adapter hears from controllers. `at` is when it happened in the street.
#[derive(Debug, Clone, PartialEq)]
pub enum SignalReport {
    Groups {
        junction: JunctionId,
        at: UtcMillis,
        groups: GroupStates,
    },
    Alarm {
        junction: JunctionId,
        at: UtcMillis,
        alarm: SignalAlarm,
    },
    Link {
        junction: JunctionId,
        at: UtcMillis,
        state: LinkState,
    },
    /// The stage without the groups, which may stay as they are; `groups`: as they were told last, with it. It is no word about the lamps.
    Stage {
        junction: JunctionId,
        at: UtcMillis,
        groups: GroupStates,
    },
    /// What it says of itself, as far as it did.
    Now {
        junction: JunctionId,
        at: UtcMillis,
        now: ControllerNow,
    },
    /// What it says of its whole state.
    Aggregated {
        junction: JunctionId,
        at: UtcMillis,
        status: Aggregated,
    },
    /// When its groups may change, in their order; `None` where it does not tell.
    Changes {
        junction: JunctionId,
        at: UtcMillis,
        changes: Vec<Option<Change>>,
    },
    /// What its detectors counted, by their numbers.
    Detectors {
        junction: JunctionId,
        /// By the controller's clock: what comes a second time is known by it.
        told_at: UtcMillis,
        readings: Vec<(u16, Reading)>,
    },
}
