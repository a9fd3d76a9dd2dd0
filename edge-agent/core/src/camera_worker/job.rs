//! Work that a lane does with a camera's eye, and what its worker waits for.

use std::pin::Pin;

use hardware_ports::camera::CameraError;
use hardware_ports::units::NextUnit;
use tokio_util::sync::CancellationToken;

use super::climb::Work;
use super::eye::{Eye, Seen};

/// What a lane gives back.
pub type Done = Box<(Eye, Seen)>;
pub type Later<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// Why a session with the camera is over.
pub enum Over {
    Stopped,
    Broken(String),
}

/// What a worker woke up for.
pub enum Woken {
    Stop,
    Worked(Done),
    Unit(Result<NextUnit, CameraError>),
    Tick,
}

/// Does the work, until `stop`; this `share` of the pictures is analysed.
pub fn work_through(mut eye: Eye, works: Vec<Work>, share: f64, stop: &CancellationToken) -> Done {
    let mut seen = Seen::default();
    for work in works {
        if !stop.is_cancelled() {
            eye.work(work, share, &mut seen);
        }
    }
    Box::new((eye, seen))
}

/// Waits for the job to be done and takes it away; for ever when there is none.
pub async fn done(job: &mut Option<Later<Done>>) -> Done {
    match job {
        Some(running) => {
            let done = running.await;
            *job = None;
            done
        }
        None => std::future::pending().await,
    }
}
