//! One network for all cameras: their newest pictures, in batches, by priority.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use hardware_ports::Clock;
use hardware_ports::camera::Picture;
use hardware_ports::infer::{Answer, Detector, InferError, Priority, Served, SharedDetector};
use models_domain::{CameraId, Detection};

use crate::network::{Network, prepare};
use crate::schedule::Schedule;
use crate::tensor::Scratch;

/// How pictures are gathered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sharing {
    /// Pictures that are looked at together.
    pub batch: usize,
    /// How long the first of a batch that is not full waits for others.
    pub wait: Duration,
}

impl Default for Sharing {
    /// On a processor a batch costs as much a picture as one alone does, so nobody waits for others.
    fn default() -> Self {
        Self { batch: 1, wait: Duration::ZERO }
    }
}

/// Looks at several pictures; one answer each, in their order.
pub type Look = Box<dyn FnMut(&[Picture]) -> Vec<Result<Vec<Detection>, InferError>> + Send>;

/// Threads that take pictures as they get to them. Ends, and sheds what still waits, when dropped.
pub struct SharedOrt {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

struct Shared {
    waiting: Mutex<State>,
    moved: Condvar,
    clock: Arc<dyn Clock>,
    sharing: Sharing,
}

#[derive(Default)]
struct State {
    schedule: Schedule<Job>,
    stopped: bool,
}

struct Job {
    picture: Picture,
    reply: Reply,
}

/// Is answered exactly once, whatever becomes of it.
struct Reply(Option<Box<dyn FnOnce(Answer) + Send>>);

impl Reply {
    fn give(mut self, answer: Answer) {
        self.now(answer);
    }

    fn now(&mut self, answer: Answer) {
        if let Some(reply) = self.0.take()
            && catch_unwind(AssertUnwindSafe(|| reply(answer))).is_err()
        {
            tracing::error!("a camera's worker panicked over an answer; the detector goes on");
        }
    }
}

impl Drop for Reply {
    fn drop(&mut self) {
        self.now(Answer::Shed);
    }
}

impl SharedOrt {
    /// One thread for each network; several of them, with one thread each, do more pictures a second than one with several.
    ///
    /// # Errors
    /// [`InferError::Model`] when there is none, or the system gives no thread.
    pub fn start(
        networks: Vec<Network>,
        sharing: Sharing,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, InferError> {
        let look = |mut network: Network| -> Look {
            let mut scratch = Scratch::default();
            Box::new(move |pictures| {
                let prepared = prepare(network.manifest(), std::mem::take(&mut scratch), pictures);
                let (found, back) = network.detect(prepared);
                scratch = back;
                found
            })
        };
        Self::start_with(networks.into_iter().map(look).collect(), sharing, clock)
    }

    /// The same over anything that can look at pictures.
    ///
    /// # Errors
    /// As [`SharedOrt::start`].
    pub fn start_with(lanes: Vec<Look>, sharing: Sharing, clock: Arc<dyn Clock>) -> Result<Self, InferError> {
        let failed = |why: String| InferError::Model { model: "shared".into(), why };
        if lanes.is_empty() {
            return Err(failed("no network was given to it".into()));
        }
        let sharing = Sharing { batch: sharing.batch.max(1), ..sharing };
        let shared = Arc::new(Shared { waiting: Mutex::default(), moved: Condvar::new(), clock, sharing });
        let mut made = Self { shared, threads: Vec::new() };
        for (number, look) in lanes.into_iter().enumerate() {
            let shared = made.shared.clone();
            let thread = std::thread::Builder::new().name(format!("infer-{number}"));
            let thread = thread.spawn(move || shared.run(look));
            made.threads.push(thread.map_err(|err| failed(format!("starting its thread {number}: {err}")))?);
        }
        Ok(made)
    }

    /// What each camera got so far.
    pub fn served(&self) -> BTreeMap<CameraId, Served> {
        self.shared.state().schedule.served()
    }
}

impl SharedDetector for SharedOrt {
    fn submit(
        &self,
        camera: &CameraId,
        priority: Priority,
        picture: Picture,
        answer: Box<dyn FnOnce(Answer) + Send>,
    ) {
        let job = Job { picture, reply: Reply(Some(answer)) };
        let old = self.shared.state().schedule.submit(camera, priority, job, self.shared.clock.elapsed());
        self.shared.moved.notify_one();
        // Answered when nothing is locked any more: whoever is told may submit again.
        drop(old);
    }
}

/// For callers that wait for their answer: they are gathered into batches all the same.
impl Detector for SharedOrt {
    fn detect(&self, picture: &Picture) -> Result<Vec<Detection>, InferError> {
        let failed = |why: String| InferError::Model { model: "shared".into(), why };
        // A camera of its own for each caller, of which no picture can take another's place: it waits for the one it has.
        let caller = format!("caller-{:?}", std::thread::current().id()).to_ascii_lowercase();
        let caller: String = caller.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-').collect();
        let caller = caller.parse::<CameraId>().map_err(|err| failed(err.to_string()))?;
        let (told, answer) = sync_channel(1);
        let tell = move |answer| {
            // Nobody waits any more when the caller's thread is gone.
            let _ = told.send(answer);
        };
        self.submit(&caller, Priority::Counting, picture.clone(), Box::new(tell));
        match answer.recv() {
            Ok(Answer::Seen(seen)) => Ok(seen),
            Ok(Answer::Failed(err)) => Err(err),
            Ok(Answer::Shed) | Err(_) => Err(failed("it ends".into())),
        }
    }
}

impl Drop for SharedOrt {
    fn drop(&mut self) {
        let left = {
            let mut state = self.shared.state();
            state.stopped = true;
            state.schedule.clear()
        };
        self.shared.moved.notify_all();
        drop(left);
        for thread in self.threads.drain(..) {
            // A lane that panicked has said so.
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self, mut look: Look) {
        while let Some(jobs) = self.next() {
            let (pictures, replies): (Vec<_>, Vec<_>) =
                jobs.into_iter().map(|job| (job.picture, job.reply)).unzip();
            let found = catch_unwind(AssertUnwindSafe(|| look(&pictures)));
            drop(pictures);
            let failed = |why: &str| InferError::Model { model: "shared".into(), why: why.into() };
            let mut found = found.unwrap_or_else(|_| Vec::new()).into_iter();
            for reply in replies {
                reply.give(match found.next() {
                    Some(Ok(seen)) => Answer::Seen(seen),
                    Some(Err(err)) => Answer::Failed(err),
                    None => Answer::Failed(failed("it gave no answer; a panic stands in the log")),
                });
            }
        }
    }

    /// Waits for pictures; `None` when it is over.
    fn next(&self) -> Option<Vec<Job>> {
        let Sharing { batch, wait } = self.sharing;
        let mut state = self.state();
        loop {
            if state.stopped {
                return None;
            }
            let (count, since) = state.schedule.waiting();
            let until = since.map(|since| since + wait);
            let left = until.map(|until| until.saturating_sub(self.clock.elapsed()));
            match left {
                None => state = self.moved.wait(state).unwrap_or_else(PoisonError::into_inner),
                Some(left) if count >= batch || left.is_zero() => {
                    let jobs = state.schedule.take(batch);
                    // What does not fit into this batch is another thread's.
                    if count > jobs.len() {
                        self.moved.notify_one();
                    }
                    return Some(jobs);
                }
                Some(left) => {
                    let waited = self.moved.wait_timeout(state, left);
                    state = waited.unwrap_or_else(PoisonError::into_inner).0;
                }
            }
        }
    }
}

#[cfg(test)]
#[path = "shared_tests.rs"]
mod tests;
