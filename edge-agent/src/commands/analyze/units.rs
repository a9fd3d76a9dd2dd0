//! A stream's units for a command that is no service: read by a task, taken one by one.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use hardware_ports::camera::{CameraError, CameraSource};
use hardware_ports::units::{NextUnit, UnitDriver};
use tokio::runtime::Runtime;
use tokio::sync::mpsc;

/// Units read ahead; more wait where they come from.
const AHEAD: usize = 64;

/// An open stream.
pub struct Units {
    runtime: Runtime,
    units: mpsc::Receiver<Result<NextUnit, CameraError>>,
}

impl Units {
    /// # Errors
    /// When the source cannot be opened.
    pub fn open(driver: Arc<dyn UnitDriver>, source: CameraSource) -> anyhow::Result<Self> {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        let runtime = builder.worker_threads(1).enable_all().build().context("starting to read")?;
        let (into, units) = mpsc::channel(AHEAD);
        let mut stream = runtime.block_on(async move { driver.open(&source).await })?;
        runtime.spawn(async move {
            loop {
                let next = stream.next().await;
                let is_last = matches!(next, Ok(NextUnit::End) | Err(_));
                if into.send(next).await.is_err() || is_last {
                    return;
                }
            }
        });
        Ok(Self { runtime, units })
    }

    /// The next unit; `None` when there was none for `wait`.
    pub fn next(&mut self, wait: Duration) -> Option<Result<NextUnit, CameraError>> {
        if let Ok(next) = self.units.try_recv() {
            return Some(next);
        }
        let units = &mut self.units;
        let next = self.runtime.block_on(async { tokio::time::timeout(wait, units.recv()).await });
        next.map(|next| next.unwrap_or(Ok(NextUnit::End))).ok()
    }

    /// Whether more can be taken without waiting.
    pub fn is_ready(&self) -> bool {
        !self.units.is_empty()
    }
}
