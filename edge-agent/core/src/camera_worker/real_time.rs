//! A clip in a camera's place: its pictures come when the street would have sent them.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use hardware_ports::Clock;
use hardware_ports::camera::CameraError;
use hardware_ports::units::{NextUnit, UnitStream};
use models_domain::DurationMs;

/// Holds each unit back until its presentation time has come.
pub struct InRealTime {
    stream: Box<dyn UnitStream>,
    clock: Arc<dyn Clock>,
    /// When the first came, and its presentation time.
    began: Option<(Duration, DurationMs)>,
    held: Option<NextUnit>,
}

impl InRealTime {
    pub fn new(stream: Box<dyn UnitStream>, clock: Arc<dyn Clock>) -> Self {
        Self { stream, clock, began: None, held: None }
    }

    fn early_by(&mut self, next: &NextUnit) -> Duration {
        let NextUnit::Unit(unit) = next else { return Duration::ZERO };
        let now = self.clock.elapsed();
        let (began, first) = *self.began.get_or_insert((now, unit.pts));
        let after = u64::try_from(unit.pts.0 - first.0).unwrap_or(0);
        (began + Duration::from_millis(after)).saturating_sub(now)
    }
}

#[async_trait]
impl UnitStream for InRealTime {
    /// Cancel safe: what is held back stays held.
    async fn next(&mut self) -> Result<NextUnit, CameraError> {
        let next = match self.held.take() {
            Some(held) => held,
            None => self.stream.next().await?,
        };
        let early = self.early_by(&next);
        if early.is_zero() {
            return Ok(next);
        }
        self.held = Some(next);
        tokio::time::sleep(early).await;
        match self.held.take() {
            Some(next) => Ok(next),
            None => self.stream.next().await,
        }
    }
}
