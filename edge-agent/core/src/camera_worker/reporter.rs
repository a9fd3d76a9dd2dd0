//! What a camera's worker says to the others: events to the outbox, stills beside them, the camera's state on the board.

use std::sync::Arc;
use std::time::Duration;

use hardware_ports::Clock;
use hardware_ports::camera::Picture;
use models_domain::count::minutes::MINUTE;
use models_domain::count::{MinuteCounts, Tally};
use models_domain::event::{Link, LinkState};
use models_domain::{CameraId, EventBody, UtcMillis};

use super::facts::Facts;
use crate::board::{Board, CameraNow};
use crate::keep::{KeepEvents, KeepStills};

/// Whether every single crossing goes to the hall beside the counts of its minute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Crossings {
    /// Each is an event with its picture: for lines where each one matters, and for a few cameras.
    Each,
    /// Only the counts; each crossing stays at the gateway in the record of its track.
    Counted,
}

/// Nothing said here is lost: what the outbox refuses waits and is tried again.
pub struct Reporter {
    pub camera: CameraId,
    pub facts: Facts,
    pub minutes: Tally,
    crossings: Crossings,
    events: Arc<dyn KeepEvents>,
    stills: Arc<dyn KeepStills>,
    board: Arc<Board>,
    clock: Arc<dyn Clock>,
}

impl Reporter {
    pub fn new(
        camera: CameraId,
        crossings: Crossings,
        events: Arc<dyn KeepEvents>,
        stills: Arc<dyn KeepStills>,
        board: Arc<Board>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let (facts, minutes) = (Facts::new(clock.elapsed()), Tally::default());
        Self { camera, facts, minutes, crossings, events, stills, board, clock }
    }

    /// An event, and the picture it was found in; kept where people will want to see it.
    pub fn found(&mut self, at: UtcMillis, body: EventBody, picture: Option<Picture>) {
        let picture = picture.filter(|_| body.wants_still());
        if let EventBody::LineCrossing { crossing, .. } = &body {
            self.minutes.crossing(at, crossing);
            if self.crossings == Crossings::Counted {
                return;
            }
        }
        self.facts.push(at, body, picture);
    }

    /// An event with the JPEGs that prove it, if any; they are on the disk before it.
    pub fn proven(&mut self, at: UtcMillis, body: EventBody, jpegs: &[Vec<u8>]) {
        for err in jpegs.iter().filter_map(|jpeg| self.stills.keep_evidence(jpeg).err()) {
            tracing::error!(camera = %self.camera, "a picture that proves an event is lost: {err}");
        }
        self.facts.push(at, body, None);
    }

    pub fn on_board(&self, change: impl FnOnce(&mut CameraNow)) {
        self.board.update_camera(&self.camera, change);
    }

    /// How often people asked for its picture.
    pub fn asked(&self) -> u64 {
        self.board.asked(&self.camera)
    }

    /// Minutes and figures when they are due, and whatever waits.
    pub fn tick(&mut self) {
        let mut over = Vec::new();
        self.minutes.tick(self.clock.now(), &mut over);
        self.counted(over);
        self.facts.push_due_stats(&self.camera, self.clock.as_ref());
        self.hand_over(self.clock.elapsed());
    }

    fn counted(&mut self, minutes: Vec<MinuteCounts>) {
        for counts in minutes {
            let at = self.clock.now().min(counts.minute + MINUTE);
            self.facts.push(at, EventBody::Counts { camera: self.camera.clone(), counts }, None);
        }
    }

    /// Hands what waits to the outbox, oldest first, and the picture of each event to the stills.
    pub fn hand_over(&mut self, now: Duration) {
        while let Some((at, body, picture)) = self.facts.next(now) {
            match self.events.keep(*at, body.clone()) {
                Ok(id) => {
                    if let Some(picture) = picture {
                        self.stills.keep_still(id, picture);
                    }
                    self.facts.kept();
                }
                Err(err) => {
                    let before = self.facts.what_is_wrong();
                    self.facts.refused(now, &err);
                    if self.facts.what_is_wrong() != before {
                        tracing::warn!(camera = %self.camera, "{err}; tried again");
                    }
                }
            }
        }
    }

    /// Pictures come; what is wrong all the same is said.
    pub fn tell_up(&mut self) {
        let trouble = self.facts.what_is_wrong();
        self.tell(Link::Up, &trouble);
    }

    /// The camera's state, on the board at once and as an event when it is news; whether it was.
    pub fn tell(&mut self, link: Link, reason: &str) -> bool {
        let news = self.facts.is_news(link, reason);
        if news {
            let state = LinkState { link, reason: reason.to_owned() };
            let body = EventBody::CameraState { camera: self.camera.clone(), state: state.clone() };
            self.facts.push(self.clock.now(), body, None);
            self.on_board(|now| now.state = state);
            self.hand_over(self.clock.elapsed());
        }
        news
    }

    /// The last words before the end.
    pub fn close(&mut self) {
        let mut over = Vec::new();
        self.minutes.finish(&mut over);
        self.counted(over);
        self.facts.push_stats(&self.camera, self.clock.as_ref());
        self.hand_over(self.clock.elapsed());
        let lost = self.facts.waiting();
        if lost > 0 {
            tracing::error!(camera = %self.camera, lost, "stopped while events could not be kept");
        }
    }
}
