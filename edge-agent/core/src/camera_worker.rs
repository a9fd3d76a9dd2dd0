//! START READING HERE: a camera's picture becomes an event. Stream -> frame -> [`Analysis`] -> outbox and board.
//!
//! One thread per camera runs [`CameraWorker::run`]: it opens the stream, takes the newest picture, judges it (detect,
//! track, count, rules: `analysis.rs`), hands what it found to the outbox and the latest picture to the board, and opens
//! the stream anew when it breaks. Nothing it found is lost: what the outbox refuses is tried again.

mod facts;
mod pace;

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::time::Duration;

use hardware_ports::Clock;
use hardware_ports::camera::{CameraDriver, CameraSource, CameraStream, Frame, Next, Pace};
use hardware_ports::infer::{Detector, PictureMeter};
use models_domain::event::{Link, LinkState};
use models_domain::scene::Scene;
use models_domain::{CameraId, DurationMs, EventBody, UtcMillis};
use tokio_util::sync::CancellationToken;

use self::facts::Facts;
use self::pace::{AnalyzePace, Rate};
use crate::analysis::Analysis;
use crate::board::{Board, Seen};
use crate::keep::{KeepEvents, KeepStills};
use crate::supervise::Backoff;

/// Longest single wait; the stop flag is looked at in between.
const WAIT: Duration = Duration::from_millis(250);
/// A stream that sends no picture for this long is taken as broken.
const SILENT: Duration = Duration::from_secs(10);
/// A camera that is back must be found within 10 s, opening it included.
const PAUSE_MAX: Duration = Duration::from_secs(4);
/// Pictures whose time is farther off than this have no time of day: a clip counts from 0.
const CLOCK_OFF: DurationMs = DurationMs(86_400_000);

/// One camera and what is to be watched in its picture.
#[derive(Debug, Clone)]
pub struct CameraTask {
    pub id: CameraId,
    pub source: CameraSource,
    pub scene: Scene,
    /// Most pictures analysed a second; the others are counted and left.
    pub analyze_fps: f64,
    /// Spreads the pauses between two tries, so that many cameras do not come back in step.
    pub seed: u64,
}

/// What is behind the doors of a worker.
#[derive(Clone)]
pub struct Doors {
    pub driver: Arc<dyn CameraDriver>,
    pub detector: Arc<dyn Detector>,
    /// Without one nothing is said of the cameras' health.
    pub meter: Option<Arc<dyn PictureMeter>>,
    pub events: Arc<dyn KeepEvents>,
    pub stills: Arc<dyn KeepStills>,
    pub board: Arc<Board>,
    pub clock: Arc<dyn Clock>,
}

/// The work of one camera.
pub struct CameraWorker {
    task: CameraTask,
    doors: Doors,
    analysis: Analysis,
    facts: Facts,
    pace: AnalyzePace,
    rate: Rate,
    /// Blocks for that long.
    sleep: Box<dyn Fn(Duration) + Send>,
}

/// Why a session with the camera is over.
enum Over {
    Stopped,
    Broken(String),
}

impl CameraWorker {
    /// # Errors
    /// Every rule of the scene that is unknown or has a wrong key.
    pub fn new(task: CameraTask, doors: Doors) -> Result<Self, Vec<String>> {
        let analysis = Analysis::new(task.id.clone(), &task.scene, Arc::clone(&doors.detector))?;
        let analysis = analysis.with_meter(doors.meter.clone());
        let now = doors.clock.elapsed();
        let pace = AnalyzePace::new(task.analyze_fps);
        let sleep = Box::new(std::thread::sleep);
        Ok(Self { facts: Facts::new(now), rate: Rate::default(), task, doors, analysis, pace, sleep })
    }

    /// Works until `stop` is cancelled; then ends within a second. Blocking: run it on a thread of its own.
    pub fn run(mut self, stop: &CancellationToken) {
        self.tell(Link::Connecting, "");
        let mut backoff = Backoff::default();
        let mut chance = self.task.seed;
        while !stop.is_cancelled() {
            let began = self.doors.clock.elapsed();
            match self.session(stop) {
                Over::Stopped => break,
                Over::Broken(why) => {
                    if self.tell(Link::Down, &why) {
                        tracing::warn!(camera = %self.task.id, "{why}");
                    }
                }
            }
            chance = chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let ran = self.doors.clock.elapsed().saturating_sub(began);
            self.pause(backoff.next(ran, chance >> 32).min(PAUSE_MAX), stop);
        }
        for (at, body) in self.analysis.finish() {
            self.facts.push(at, body, None);
        }
        self.facts.push_stats(&self.task.id, self.doors.clock.as_ref());
        self.hand_over();
        let lost = self.facts.waiting();
        if lost > 0 {
            tracing::error!(camera = %self.task.id, lost, "stopped while events could not be kept");
        }
    }

    /// From opening the stream until it breaks or `stop`.
    fn session(&mut self, stop: &CancellationToken) -> Over {
        let mut stream = match self.open(stop) {
            Ok(stream) => stream,
            Err(over) => return over,
        };
        let mut heard = self.doors.clock.elapsed();
        loop {
            if stop.is_cancelled() {
                return Over::Stopped;
            }
            let next = stream.next(WAIT);
            self.facts.dropped(stream.take_dropped());
            match next {
                Ok(Next::Frame(frame)) => {
                    heard = self.doors.clock.elapsed();
                    self.take(frame);
                }
                Ok(Next::Idle) if self.doors.clock.elapsed().saturating_sub(heard) >= SILENT => {
                    let silent = SILENT.as_secs();
                    return Over::Broken(format!(
                        "{}: sent no picture for {silent} s; check what else reads it and its stream settings",
                        self.task.source
                    ));
                }
                Ok(Next::Idle) => {}
                Ok(Next::End) => return Over::Broken(format!("{}: the stream ended", self.task.source)),
                Err(err) => return Over::Broken(err.to_string()),
            }
            self.tick();
        }
    }

    /// Opening may block for long, so it has a thread of its own that is left behind when `stop` comes.
    fn open(&mut self, stop: &CancellationToken) -> Result<Box<dyn CameraStream>, Over> {
        let (opened, answer) = sync_channel(1);
        let (driver, source) = (Arc::clone(&self.doors.driver), self.task.source.clone());
        let opener = std::thread::Builder::new()
            .name(format!("open {}", self.task.id))
            .spawn(move || opened.send(driver.open(&source, Pace::NewestWins)));
        if let Err(err) = opener {
            return Err(Over::Broken(format!("{}: no thread to open it: {err}", self.task.source)));
        }
        loop {
            match answer.recv_timeout(WAIT) {
                Ok(Ok(stream)) => return Ok(stream),
                Ok(Err(err)) => return Err(Over::Broken(err.to_string())),
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(Over::Broken(format!("{}: its driver failed", self.task.source)));
                }
                Err(RecvTimeoutError::Timeout) if stop.is_cancelled() => return Err(Over::Stopped),
                Err(RecvTimeoutError::Timeout) => self.tick(),
            }
        }
    }

    /// One picture: counted, and judged when its turn has come.
    fn take(&mut self, mut frame: Frame) {
        self.facts.picture();
        let now = self.doors.clock.now();
        if frame.at.since(now).0.saturating_abs() > CLOCK_OFF.0 {
            frame.at = now;
        }
        // When no more events can be kept, no more are made: the street goes on, the disk is what must be looked at.
        if self.facts.is_full() || !self.pace.is_due(frame.at) {
            return self.tell_up();
        }
        match self.analysis.step(&frame) {
            Ok(analysed) => {
                self.facts.analysed(analysed.detections);
                let tracks = analysed.tracks.to_vec();
                for (at, body) in analysed.events {
                    let picture = body.wants_still().then(|| frame.picture.clone());
                    self.facts.push(at, body, picture);
                }
                let fps = self.rate.picture(self.doors.clock.elapsed());
                let size = self.analysis.size();
                self.doors.board.update_camera(&self.task.id, |now| {
                    now.fps = fps;
                    now.seen = Some(Seen { frame, tracks, size });
                });
            }
            Err(err) => self.facts.not_analysed(format!("its pictures cannot be analysed: {err}")),
        }
        self.hand_over();
        self.tell_up();
    }

    /// What is due from time to time, pictures or not.
    fn tick(&mut self) {
        self.facts.push_due_stats(&self.task.id, self.doors.clock.as_ref());
        self.hand_over();
        let fps = self.rate.now(self.doors.clock.elapsed());
        self.doors.board.update_camera(&self.task.id, |now| now.fps = fps);
    }

    /// Hands what waits to the outbox, oldest first, and the picture of each event to the stills.
    fn hand_over(&mut self) {
        let now = self.doors.clock.elapsed();
        while let Some((at, body, picture)) = self.facts.next(now) {
            match self.doors.events.keep(*at, body.clone()) {
                Ok(id) => {
                    if let Some(picture) = picture {
                        self.doors.stills.keep_still(id, picture);
                    }
                    self.facts.kept();
                }
                Err(err) => {
                    let before = self.facts.what_is_wrong();
                    self.facts.refused(now, &err);
                    if self.facts.what_is_wrong() != before {
                        tracing::warn!(camera = %self.task.id, "{err}; tried again");
                    }
                }
            }
        }
    }

    fn tell_up(&mut self) {
        let trouble = self.facts.what_is_wrong();
        self.tell(Link::Up, &trouble);
    }

    /// The camera's state, on the board at once and as an event when it is news; whether it was.
    fn tell(&mut self, link: Link, reason: &str) -> bool {
        let state = LinkState { link, reason: reason.to_owned() };
        let news = self.facts.is_news(&state);
        if news {
            let at: UtcMillis = self.doors.clock.now();
            let body = EventBody::CameraState { camera: self.task.id.clone(), state: state.clone() };
            self.facts.push(at, body, None);
            self.doors.board.update_camera(&self.task.id, |now| now.state = state);
            self.hand_over();
        }
        news
    }

    fn pause(&mut self, pause: Duration, stop: &CancellationToken) {
        let until = self.doors.clock.elapsed() + pause;
        while !stop.is_cancelled() {
            let left = until.saturating_sub(self.doors.clock.elapsed());
            if left.is_zero() {
                return;
            }
            (self.sleep)(left.min(WAIT));
            self.tick();
        }
    }
}
