//! A sink that remembers, and refuses when it is told to.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use hardware_ports::sink::{GpsReport, NotKept, Sink};
use models_domain::transit::Fix;

#[derive(Default)]
pub struct Recorder {
    pub fixes: Mutex<Vec<Fix>>,
    pub fails: AtomicBool,
}

#[async_trait]
impl Sink<GpsReport> for Recorder {
    async fn accept(&self, GpsReport::Fix(fix): GpsReport) -> Result<(), NotKept> {
        if self.fails.load(Ordering::Relaxed) {
            return Err(NotKept("the disk is full".to_owned()));
        }
        self.fixes.lock().expect("no panic while held").push(fix);
        Ok(())
    }
}
