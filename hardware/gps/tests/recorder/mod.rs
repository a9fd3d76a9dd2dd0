//! A sink that remembers, and refuses or lets wait when it is told to.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use hardware_ports::sink::{GpsReport, NotKept, Sink};
use models_domain::transit::Fix;

#[derive(Default)]
pub struct Recorder {
    pub fixes: Mutex<Vec<Fix>>,
    pub fails: AtomicBool,
    /// It keeps what it is given only after so long.
    pub slow_ms: AtomicU64,
}

#[async_trait]
impl Sink<GpsReport> for Recorder {
    async fn accept(&self, GpsReport::Fix(fix): GpsReport) -> Result<(), NotKept> {
        if self.fails.load(Ordering::Relaxed) {
            return Err(NotKept("the disk is full".to_owned()));
        }
        match self.slow_ms.load(Ordering::Relaxed) {
            0 => {}
            ms => tokio::time::sleep(Duration::from_millis(ms)).await,
        }
        self.fixes.lock().expect("no panic while held").push(fix);
        Ok(())
    }
}
