//! Between GStreamer's thread and the one that asks for pictures: a bounded queue, and how the stream ended.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hardware_ports::camera::{CameraError, Frame, Next, Pace};

/// Pictures that wait. Two keep the decoder busy while one is looked at; more would only be older.
const CAPACITY: usize = 2;

/// A queue of [`CAPACITY`] pictures. When it is full, [`Pace`] says what happens: the sender waits, or the oldest goes.
pub struct Mailbox {
    pace: Pace,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    frames: VecDeque<Frame>,
    dropped: u64,
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

/// How far a stream has come.
#[derive(Debug)]
pub enum Progress {
    /// Nothing yet.
    Nothing,
    /// The other side said that it plays; no picture yet.
    Connected,
    /// A picture waits.
    Picture,
    Over(Over),
}

impl Mailbox {
    pub fn new(pace: Pace) -> Self {
        Self { pace, state: Mutex::default(), changed: Condvar::new() }
    }

    /// Hands in a picture. False once nobody will take it any more.
    pub fn push(&self, frame: Frame) -> bool {
        let mut state = self.held();
        match self.pace {
            Pace::EveryFrame => {
                let full = |state: &mut State| state.frames.len() >= CAPACITY && !state.closed;
                state = self.changed.wait_while(state, full).unwrap_or_else(PoisonError::into_inner);
            }
            Pace::NewestWins => {
                while state.frames.len() >= CAPACITY {
                    state.frames.pop_front();
                    state.dropped += 1;
                }
            }
        }
        if state.closed {
            return false;
        }
        state.frames.push_back(frame);
        state.delivered += 1;
        self.changed.notify_all();
        true
    }

    /// The other side said that it plays.
    pub fn connected(&self) {
        self.held().connected = true;
        self.changed.notify_all();
    }

    /// The stream is over; only the first reason counts, later ones are its consequences.
    pub fn over(&self, over: Over) {
        self.held().over.get_or_insert(over);
        self.changed.notify_all();
    }

    /// Nobody asks any more: lets a waiting sender go.
    pub fn close(&self) {
        let mut state = self.held();
        state.closed = true;
        state.frames.clear();
        self.changed.notify_all();
    }

    /// Pictures handed in so far, taken or not.
    pub fn delivered(&self) -> u64 {
        self.held().delivered
    }

    pub fn take_dropped(&self) -> u64 {
        std::mem::take(&mut self.held().dropped)
    }

    /// Waits at most `wait` for a picture; those handed in before the end come before the end.
    pub fn next(&self, wait: Duration) -> Result<Next, CameraError> {
        let nothing = |state: &mut State| state.frames.is_empty() && state.over.is_none();
        let mut state = self.wait(wait, nothing);
        if let Some(frame) = state.frames.pop_front() {
            self.changed.notify_all();
            return Ok(Next::Frame(frame));
        }
        match &state.over {
            None => Ok(Next::Idle),
            Some(Over::End) => Ok(Next::End),
            Some(Over::Failed(err)) => Err(err.clone()),
        }
    }

    /// Waits at most `wait` until the stream plays, has a picture or is over.
    pub fn wait_connected(&self, wait: Duration) -> Progress {
        self.wait(wait, |s| !s.connected && s.frames.is_empty() && s.over.is_none()).progress()
    }

    /// Waits at most `wait` until the stream has a picture or is over.
    pub fn wait_picture(&self, wait: Duration) -> Progress {
        self.wait(wait, |s| s.frames.is_empty() && s.over.is_none()).progress()
    }

    fn wait(&self, wait: Duration, go_on: impl FnMut(&mut State) -> bool) -> MutexGuard<'_, State> {
        let waited = self.changed.wait_timeout_while(self.held(), wait, go_on);
        waited.unwrap_or_else(PoisonError::into_inner).0
    }

    /// The state is plain values that no panic can leave half written.
    fn held(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn progress(&self) -> Progress {
        if !self.frames.is_empty() {
            return Progress::Picture;
        }
        match &self.over {
            Some(over) => Progress::Over(over.clone()),
            None if self.connected => Progress::Connected,
            None => Progress::Nothing,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use hardware_ports::camera::Picture;
    use models_domain::{DurationMs, UtcMillis};

    use super::*;

    fn frame(ms: i64) -> Frame {
        Frame { at: UtcMillis(ms), pts: DurationMs(ms), picture: Picture::from_rgb(1, 1, vec![0; 3]) }
    }

    fn pts(mailbox: &Mailbox) -> Option<i64> {
        match mailbox.next(Duration::ZERO).unwrap() {
            Next::Frame(frame) => Some(frame.pts.0),
            Next::Idle | Next::End => None,
        }
    }

    #[test]
    fn newest_wins_and_counts() {
        let mailbox = Mailbox::new(Pace::NewestWins);
        for ms in 0..5 {
            assert!(mailbox.push(frame(ms)));
        }
        assert_eq!((pts(&mailbox), pts(&mailbox), pts(&mailbox)), (Some(3), Some(4), None));
        assert_eq!((mailbox.take_dropped(), mailbox.take_dropped()), (3, 0));
    }

    #[test]
    fn every_frame_waits_for_its_taker() {
        let mailbox = Arc::new(Mailbox::new(Pace::EveryFrame));
        let sender = Arc::clone(&mailbox);
        let thread = std::thread::spawn(move || (0..100).all(|ms| sender.push(frame(ms))));
        for ms in 0..100 {
            let Next::Frame(frame) = mailbox.next(Duration::from_secs(10)).unwrap() else { panic!("{ms}") };
            assert_eq!(frame.pts.0, ms);
        }
        assert!(thread.join().unwrap());
    }

    #[test]
    fn closing_lets_a_waiting_sender_go() {
        let mailbox = Arc::new(Mailbox::new(Pace::EveryFrame));
        let sender = Arc::clone(&mailbox);
        let thread = std::thread::spawn(move || (0..3).all(|ms| sender.push(frame(ms))));
        mailbox.close();
        assert!(!thread.join().unwrap());
    }

    #[test]
    fn what_was_decoded_comes_before_the_end() {
        let mailbox = Mailbox::new(Pace::EveryFrame);
        mailbox.push(frame(7));
        mailbox.over(Over::End);
        assert_eq!(pts(&mailbox), Some(7));
        assert!(matches!(mailbox.next(Duration::ZERO), Ok(Next::End)));
    }
}
