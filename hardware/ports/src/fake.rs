//! Scripted doors for tests of pure logic: a street that plays a list of steps and moves a [`FakeClock`] with it.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use models_domain::{Detection, DurationMs, UtcMillis};

use crate::camera::{CameraDriver, CameraError, CameraSource, CameraStream, Frame, Next, Pace, Picture};
use crate::clock::FakeClock;
use crate::infer::{Detector, InferError};

/// One thing a scripted stream does when asked for the next picture.
#[derive(Debug, Clone)]
pub enum Step {
    /// A picture, this long after the step before.
    Picture(DurationMs),
    /// Nothing for the whole wait, so many times.
    Silence(u32),
    End,
    Fail(CameraError),
}

/// Gives the scripted streams one after the other; when none is left, nobody answers any more.
pub struct ScriptedCamera {
    clock: Arc<FakeClock>,
    opens: Mutex<VecDeque<Result<Vec<Step>, CameraError>>>,
}

impl ScriptedCamera {
    pub fn new(clock: Arc<FakeClock>, opens: Vec<Result<Vec<Step>, CameraError>>) -> Self {
        Self { clock, opens: Mutex::new(opens.into()) }
    }

    /// How many scripted openings are still to come.
    pub fn left(&self) -> usize {
        held(&self.opens).len()
    }
}

impl CameraDriver for ScriptedCamera {
    fn open(&self, source: &CameraSource, _pace: Pace) -> Result<Box<dyn CameraStream>, CameraError> {
        let gone =
            CameraError::Unreachable { camera: source.to_string(), why: "the script is over".to_owned() };
        let steps = held(&self.opens).pop_front().unwrap_or(Err(gone))?;
        Ok(Box::new(ScriptedStream { clock: Arc::clone(&self.clock), steps: steps.into() }))
    }
}

struct ScriptedStream {
    clock: Arc<FakeClock>,
    steps: VecDeque<Step>,
}

impl CameraStream for ScriptedStream {
    fn next(&mut self, wait: Duration) -> Result<Next, CameraError> {
        use crate::Clock as _;
        match self.steps.pop_front() {
            Some(Step::Picture(after)) => {
                self.clock.advance(after);
                let at = self.clock.now();
                let picture = Picture::from_rgb(16, 16, vec![0; 16 * 16 * 3]);
                Ok(Next::Frame(Frame { at, pts: at.since(UtcMillis(0)), picture }))
            }
            Some(Step::Silence(times)) => {
                self.clock.advance(DurationMs(i64::try_from(wait.as_millis()).unwrap_or(i64::MAX)));
                if times > 1 {
                    self.steps.push_front(Step::Silence(times - 1));
                }
                Ok(Next::Idle)
            }
            Some(Step::Fail(err)) => Err(err),
            Some(Step::End) | None => Ok(Next::End),
        }
    }

    fn take_dropped(&mut self) -> u64 {
        0
    }
}

/// Sees the scripted road users, one list a picture; when the script is over, nobody.
#[derive(Default)]
pub struct ScriptedDetector {
    pictures: Mutex<VecDeque<Result<Vec<Detection>, InferError>>>,
}

impl ScriptedDetector {
    pub fn new(pictures: Vec<Result<Vec<Detection>, InferError>>) -> Self {
        Self { pictures: Mutex::new(pictures.into()) }
    }
}

impl Detector for ScriptedDetector {
    fn detect(&self, _picture: &Picture) -> Result<Vec<Detection>, InferError> {
        held(&self.pictures).pop_front().unwrap_or(Ok(Vec::new()))
    }
}

fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
