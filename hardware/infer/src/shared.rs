//! One accelerator for all cameras: the pictures of those who wait for it go in together, first come, first served.
//!
//! A processor has no use for this: a batch costs a picture as much as one alone does there (`detector`).

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use hardware_ports::Clock;
use hardware_ports::camera::Picture;
use hardware_ports::infer::{Detector, InferError};
use models_domain::Detection;

use crate::network::{Network, prepare};
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

type Found = Result<Vec<Detection>, InferError>;

/// Looks at several pictures; one answer each, in their order.
pub type Look = Box<dyn FnMut(&[Picture]) -> Vec<Found> + Send>;

/// Threads that take pictures as they get to them. When dropped, whoever still waits is told.
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

/// Bounded by the callers: each waits for its answer.
#[derive(Default)]
struct State {
    jobs: VecDeque<Job>,
    stopped: bool,
}

struct Job {
    picture: Picture,
    since: Duration,
    reply: SyncSender<Found>,
}

impl SharedOrt {
    /// One thread for each network: while one prepares pictures, the other's are on the card.
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
        if lanes.is_empty() {
            return Err(failed("no network was given to it"));
        }
        let sharing = Sharing { batch: sharing.batch.max(1), ..sharing };
        let shared = Arc::new(Shared { waiting: Mutex::default(), moved: Condvar::new(), clock, sharing });
        let mut made = Self { shared, threads: Vec::new() };
        for (number, look) in lanes.into_iter().enumerate() {
            let shared = made.shared.clone();
            let thread = std::thread::Builder::new().name(format!("infer-{number}"));
            let thread = thread.spawn(move || shared.run(look));
            let started = |err| failed(&format!("starting its thread {number}: {err}"));
            made.threads.push(thread.map_err(started)?);
        }
        Ok(made)
    }
}

impl Detector for SharedOrt {
    fn detect(&self, picture: &Picture) -> Found {
        let (reply, answer) = sync_channel(1);
        let since = self.shared.clock.elapsed();
        self.shared.state().jobs.push_back(Job { picture: picture.clone(), since, reply });
        self.shared.moved.notify_one();
        // Nobody answers any more only when it ends.
        answer.recv().unwrap_or_else(|_| Err(failed("it ends")))
    }
}

impl Drop for SharedOrt {
    fn drop(&mut self) {
        let left = {
            let mut state = self.shared.state();
            state.stopped = true;
            std::mem::take(&mut state.jobs)
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
            let mut found = found.unwrap_or_else(|_| Vec::new()).into_iter();
            for reply in replies {
                let none = || Err(failed("it gave no answer; a panic stands in the log"));
                // Nobody waits any more when the caller's thread is gone.
                let _ = reply.send(found.next().unwrap_or_else(none));
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
            let until = state.jobs.front().map(|job| job.since + wait);
            let left = until.map(|until| until.saturating_sub(self.clock.elapsed()));
            match left {
                None => state = self.moved.wait(state).unwrap_or_else(PoisonError::into_inner),
                Some(left) if state.jobs.len() >= batch || left.is_zero() => {
                    let many = batch.min(state.jobs.len());
                    let jobs = state.jobs.drain(..many).collect();
                    // What does not fit into this batch is another thread's.
                    if !state.jobs.is_empty() {
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

fn failed(why: &str) -> InferError {
    InferError::Model { model: "shared".into(), why: why.into() }
}

#[cfg(test)]
#[path = "shared_tests.rs"]
mod tests;
