//! One file per way of reading a camera, and the list of them.

mod file;
mod rtsp;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use hardware_ports::Clock;
use hardware_ports::camera::{CameraDriver, CameraError, CameraSource, CameraStream, Pace};

use crate::decode::Decoders;
use crate::mailbox::{Over, Progress};
use crate::pipeline::Running;
use crate::problem::Named;

/// A way of reading cameras.
struct Driver {
    /// Schemes of the addresses it reads; the empty one is a plain path.
    schemes: &'static [&'static str],
    /// Builds the pipeline, not started.
    prepare: fn(&Opening<'_>) -> Result<Running, CameraError>,
    /// How long the other side may take to say that it plays.
    connect: Duration,
    /// How long `open` then waits for the first picture. A live camera may be slow to send a key frame: it is open all
    /// the same, and [`CameraStream::next`] goes on waiting.
    first_picture: Duration,
}

/// What a driver is told.
struct Opening<'a> {
    source: &'a CameraSource,
    pace: Pace,
    decoders: Decoders,
    clock: &'a Arc<dyn Clock>,
}

const DRIVERS: &[Driver] = &[file::DRIVER, rtsp::DRIVER];

/// Opens every kind of camera address that this house reads.
pub struct Cameras {
    pub(crate) clock: Arc<dyn Clock>,
    /// A decoder in hardware failed: it is not tried again until the program starts anew.
    pub(crate) hardware_failed: Arc<AtomicBool>,
}

impl Cameras {
    /// `clock` gives live pictures their time.
    ///
    /// # Errors
    /// [`CameraError::Stream`] when GStreamer cannot be started.
    pub fn new(clock: Arc<dyn Clock>) -> Result<Self, CameraError> {
        gst::init().map_err(|err| CameraError::Stream {
            camera: "GStreamer".to_owned(),
            why: format!("cannot be started: {err}; install the Debian package gstreamer1.0-plugins-base"),
        })?;
        Ok(Self { clock, hardware_failed: Arc::default() })
    }
}

impl CameraDriver for Cameras {
    fn open(&self, source: &CameraSource, pace: Pace) -> Result<Box<dyn CameraStream>, CameraError> {
        let scheme = source.url.split_once("://").map_or("", |(scheme, _)| scheme).to_ascii_lowercase();
        let Some(driver) = DRIVERS.iter().find(|d| d.schemes.contains(&scheme.as_str())) else {
            let known: Vec<&str> =
                DRIVERS.iter().flat_map(|d| d.schemes).copied().filter(|s| !s.is_empty()).collect();
            let why =
                format!("{scheme}:// is not read; known are {}, and the path of a file", known.join(", "));
            return Err(Named::new(source, Vec::new()).not_found(&why));
        };
        let failed = self.hardware_failed.load(Ordering::Relaxed);
        let decoders = if failed { Decoders::Software } else { Decoders::Any };
        let opening = Opening { source, pace, decoders, clock: &self.clock };
        let (running, outcome) = driver.start(&opening)?;
        match outcome {
            Ok(()) => Ok(Box::new(running)),
            Err(err) if running.found.hardware.load(Ordering::Relaxed) => {
                drop(running);
                self.hardware_failed.store(true, Ordering::Relaxed);
                tracing::warn!(%err, "decoding in hardware failed; software from now on");
                let (running, outcome) =
                    driver.start(&Opening { decoders: Decoders::Software, ..opening })?;
                outcome.map(|()| Box::new(running) as _)
            }
            Err(err) => Err(err),
        }
    }
}

impl Driver {
    fn start(&self, opening: &Opening<'_>) -> Result<(Running, Result<(), CameraError>), CameraError> {
        let running = (self.prepare)(opening)?;
        running.play();
        let outcome = self.wait(&running);
        Ok((running, outcome))
    }

    fn wait(&self, running: &Running) -> Result<(), CameraError> {
        let named = &running.named;
        let mut progress = running.mailbox.wait_connected(self.connect);
        if matches!(progress, Progress::Connected) {
            progress = running.mailbox.wait_picture(self.first_picture);
        }
        match progress {
            Progress::Picture | Progress::Connected => Ok(()),
            Progress::Nothing => {
                Err(named.unreachable(&format!("no answer within {} s", self.connect.as_secs())))
            }
            Progress::Over(Over::End) => Err(named.undecodable("it ended before the first whole picture")),
            Progress::Over(Over::Failed(err)) => Err(err),
        }
    }
}
