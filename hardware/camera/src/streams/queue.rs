//! Between GStreamer's thread and the task that asks for units: a bounded queue whose sender waits, and how the stream
//! ended.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use hardware_ports::camera::CameraError;
use tokio::sync::Notify;

/// Units that wait. A few keep demuxer and decoder busy at once.
const CAPACITY: usize = 8;

/// When it is full the sender waits: a file is read as fast as it is taken, and a live source holds back by itself.
#[derive(Default)]
pub struct Queue {
    state: Mutex<State>,
    room: Condvar,
    news: Notify,
}

#[derive(Default)]
struct State {
    samples: VecDeque<gst::Sample>,
    delivered: u64,
    connected: bool,
    over: Option<Over>,
    closed: bool,
}

/// How a stream ended.
#[derive(Debug, Clone)]
pub enum Over {
    End,
    Failed(CameraError),
}

/// What the queue has for its taker.
#[derive(Debug)]
pub enum Taken {
    Sample(gst::Sample),
    Over(Over),
}

impl Queue {
    /// Hands in a sample. False once nobody will take it any more.
    pub fn push(&self, sample: gst::Sample) -> bool {
        let full = |state: &mut State| state.samples.len() >= CAPACITY && !state.closed;
        let mut state = self.room.wait_while(self.held(), full).unwrap_or_else(PoisonError::into_inner);
        if state.closed {
            return false;
        }
        state.samples.push_back(sample);
        state.delivered += 1;
        drop(state);
        self.news.notify_one();
        true
    }

    /// The other side said that it plays.
    pub fn connected(&self) {
        self.held().connected = true;
        self.news.notify_one();
    }

    /// The stream is over; only the first reason counts, later ones are its consequences.
    pub fn over(&self, over: Over) {
        self.held().over.get_or_insert(over);
        self.news.notify_one();
    }

    /// Nobody asks any more: lets a waiting sender go.
    pub fn close(&self) {
        let mut state = self.held();
        state.closed = true;
        state.samples.clear();
        drop(state);
        self.room.notify_all();
    }

    /// Samples handed in so far, taken or not.
    pub fn delivered(&self) -> u64 {
        self.held().delivered
    }

    /// The next sample; those handed in before the end come before the end. Cancel safe. For one taker.
    pub async fn next(&self) -> Taken {
        loop {
            if let Some(taken) = self.try_next() {
                return taken;
            }
            self.news.notified().await;
        }
    }

    fn try_next(&self) -> Option<Taken> {
        let mut state = self.held();
        if let Some(sample) = state.samples.pop_front() {
            drop(state);
            self.room.notify_one();
            return Some(Taken::Sample(sample));
        }
        state.over.clone().map(Taken::Over)
    }

    /// Until the other side plays, something came, or it is over.
    pub async fn started(&self) {
        loop {
            {
                let state = self.held();
                if state.connected || state.over.is_some() || !state.samples.is_empty() {
                    return;
                }
            }
            self.news.notified().await;
        }
    }

    /// Why it is over before anything came; `None` while something waits or may come.
    pub fn failed_at_once(&self) -> Option<Over> {
        let state = self.held();
        if state.samples.is_empty() { state.over.clone() } else { None }
    }

    fn held(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
