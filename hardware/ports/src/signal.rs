//! The signal door: asks controllers, whatever kind they are. Whoever asks has checked rights and `safety` before.

use async_trait::async_trait;
use models_domain::signal::AlarmWish;
use models_domain::signal::order::{ControllerNow, Wanted};
use models_domain::{DurationMs, JunctionId};

/// What became of something that was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Put {
    /// The controller took it; what it shows is to be read.
    Taken,
    /// It, or the way to it, refused: nothing of it is in force.
    Refused(String),
    /// No answer came: it may be in force or not.
    Silent,
}

#[async_trait]
pub trait SignalDesk: Send + Sync {
    /// Asks the controller of `junction` for `wanted`; where a controller can end it by itself after `hold`, it is told to.
    async fn put(&self, junction: &JunctionId, wanted: &Wanted, hold: DurationMs) -> Put;

    /// Takes back what was put.
    async fn release(&self, junction: &JunctionId, wanted: &Wanted) -> Put;

    /// Tells the controller that somebody knows of an alarm, or that it is to tell of it no more, or again. [`Put::Taken`]: the
    /// controller's own word says that it is so.
    async fn alarm(&self, junction: &JunctionId, wish: &AlarmWish) -> Put;

    /// What the controller says is in force, asked now.
    ///
    /// # Errors
    /// Why it is not known.
    async fn read(&self, junction: &JunctionId) -> Result<ControllerNow, String>;
}
