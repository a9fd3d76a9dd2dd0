//! What a camera worker has to tell and could not hand over yet: events in order, figures, state.

use std::collections::VecDeque;
use std::time::Duration;

use hardware_ports::Clock;
use hardware_ports::camera::Picture;
use hardware_ports::sink::NotKept;
use models_domain::event::{CameraStats, Link, LinkState};
use models_domain::{CameraId, DurationMs, EventBody, UtcMillis};

/// Figures are told this often, the first ones sooner: what is live goes to the hall by the gateway's state, these are kept.
const STATS_EVERY: Duration = Duration::from_secs(15);
const STATS_FIRST: Duration = Duration::from_secs(5);
/// An event that was refused is tried again after this.
const RETRY: Duration = Duration::from_secs(1);
/// Events that may wait; from then on no more pictures are analysed, so that none is lost.
const WAITING_MAX: usize = 1_000;
/// Pictures kept with waiting events: they are large.
const PICTURES_MAX: usize = 20;

/// A stream that cannot be decoded for so long, because no key frame comes, is said to be so.
const BLIND_AFTER: Duration = Duration::from_secs(30);
const BLIND: &str = "no key frame comes, so nothing of its pictures can be seen; set a key frame (I-frame) every 2 s in the camera";
const BLANK: &str =
    "its pictures come out damaged and are left out; check its network and its stream settings";

/// And the picture that goes with it.
type Fact = (UtcMillis, EventBody, Option<Picture>);

/// The worker's memory of what is still to be told.
pub struct Facts {
    waiting: VecDeque<Fact>,
    retry_at: Option<Duration>,
    /// Why the last pictures could not be decoded or glanced at; for people, as the next two.
    unseen: String,
    /// Why the last picture could not be analysed.
    trouble: String,
    /// Why the outbox refused the oldest.
    refused: Option<String>,
    /// Since when its units cannot be decoded, and whether that is long.
    blind_since: Option<Duration>,
    is_blind: bool,
    /// Units are decoded, and nothing comes of them.
    is_blank: bool,
    told: Option<LinkState>,
    stats: CameraStats,
    stats_since: Duration,
    stats_every: Duration,
    shed: u64,
}

impl Facts {
    pub fn new(now: Duration) -> Self {
        Self {
            waiting: VecDeque::new(),
            retry_at: None,
            unseen: String::new(),
            trouble: String::new(),
            refused: None,
            blind_since: None,
            is_blind: false,
            is_blank: false,
            told: None,
            stats: CameraStats::default(),
            stats_since: now,
            stats_every: STATS_FIRST,
            shed: 0,
        }
    }

    /// When there is no room, one state of the camera replaces the one before: a camera may come and go for as long as the
    /// disk is full.
    pub fn push(&mut self, at: UtcMillis, body: EventBody, picture: Option<Picture>) {
        let is_state = |body: &EventBody| matches!(body, EventBody::CameraState { .. });
        if self.is_full() && is_state(&body) && self.waiting.back().is_some_and(|(_, last, _)| is_state(last))
        {
            self.waiting.pop_back();
        }
        let room = self.waiting.len() < PICTURES_MAX;
        self.waiting.push_back((at, body, picture.filter(|_| room)));
    }

    /// The oldest that waits, when its time to be tried has come.
    pub fn next(&self, now: Duration) -> Option<&Fact> {
        if self.retry_at.is_some_and(|at| now < at) { None } else { self.waiting.front() }
    }

    pub fn kept(&mut self) {
        self.waiting.pop_front();
        self.retry_at = None;
        self.refused = None;
    }

    pub fn refused(&mut self, now: Duration, err: &NotKept) {
        self.retry_at = Some(now + RETRY);
        self.refused = Some(format!("its events cannot be kept and wait: {err}"));
    }

    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// Events of one more picture may not find room.
    pub fn is_full(&self) -> bool {
        self.waiting.len() >= WAITING_MAX
    }

    /// Pictures decoded, the ones of them left out because of the load, and why the last could not be decoded or glanced at.
    pub fn decoded(&mut self, pictures: u64, shed: u64, unseen: Option<String>) {
        if pictures > 0 || unseen.is_some() {
            self.unseen = unseen.unwrap_or_default();
        }
        self.stats.frames += pictures;
        self.dropped(shed);
    }

    /// A picture and what the network saw in it; `None`: what was seen before holds for it.
    pub fn judged(&mut self, detections: Option<usize>) {
        self.trouble.clear();
        let Some(detections) = detections else { return };
        self.stats.inferred += 1;
        self.stats.detections += detections as u64;
    }

    /// Pictures that were due and left unseen because the machine was behind.
    pub fn dropped(&mut self, pictures: u64) {
        self.stats.dropped += pictures;
        self.shed += pictures;
    }

    /// The same since the start.
    pub fn shed(&self) -> u64 {
        self.shed
    }

    pub fn not_analysed(&mut self, why: String) {
        self.trouble = why;
    }

    /// A unit came, or the stream is over: whether nothing can be decoded before the next key frame.
    pub fn blind(&mut self, is_blind: bool, now: Duration) {
        self.blind_since = is_blind.then(|| self.blind_since.unwrap_or(now));
        self.is_blind = self.blind_since.is_some_and(|since| now.saturating_sub(since) >= BLIND_AFTER);
    }

    /// Whether units are decoded and no picture comes of them.
    pub fn blank(&mut self, is_blank: bool) {
        self.is_blank = is_blank;
    }

    /// Whether its pictures are seen, as far as the work that is done tells.
    pub fn sees(&self) -> bool {
        !self.is_full() && !self.is_blank && self.unseen.is_empty() && self.trouble.is_empty()
    }

    /// What is wrong now although units come; empty when all is well.
    pub fn what_is_wrong(&self) -> String {
        let trouble = if self.unseen.is_empty() { &self.trouble } else { &self.unseen };
        let seen = || match (self.is_blind, self.is_blank && trouble.is_empty()) {
            (true, _) => BLIND.to_owned(),
            (false, true) => BLANK.to_owned(),
            (false, false) => trouble.clone(),
        };
        self.refused.clone().unwrap_or_else(seen)
    }

    /// Whether this was not told yet; it counts as told from now on.
    pub fn is_news(&mut self, link: Link, reason: &str) -> bool {
        let news = self.told.as_ref().is_none_or(|told| told.link != link || told.reason != reason);
        if news {
            self.told = Some(LinkState { link, reason: reason.to_owned() });
        }
        news
    }

    /// Whether the camera was told to be up.
    pub fn was_up(&self) -> bool {
        self.told.as_ref().is_some_and(|told| told.link == Link::Up)
    }

    /// Of a stream of which nothing was decoded there is nothing to tell.
    pub fn push_due_stats(&mut self, camera: &CameraId, clock: &dyn Clock) {
        let is_due = clock.elapsed().saturating_sub(self.stats_since) >= self.stats_every;
        if is_due && self.stats != CameraStats::default() {
            self.push_stats(camera, clock);
            self.stats_every = STATS_EVERY;
        }
    }

    /// While older events wait the figures go on growing: one with a longer span says as much as many.
    pub fn push_stats(&mut self, camera: &CameraId, clock: &dyn Clock) {
        if self.refused.is_some() {
            return;
        }
        let now = clock.elapsed();
        let span = now.saturating_sub(self.stats_since).as_millis();
        let span = DurationMs(i64::try_from(span).unwrap_or(i64::MAX));
        let stats = CameraStats { span, ..std::mem::take(&mut self.stats) };
        self.stats_since = now;
        self.push(clock.now(), EventBody::CameraStats { camera: camera.clone(), stats }, None);
    }
}

#[cfg(test)]
mod tests {
    use models_domain::event::Link;

    use super::*;

    #[test]
    fn a_damaged_picture_is_trouble_until_the_next_is_decoded_and_one_not_analysed_until_the_next_is() {
        let mut facts = Facts::new(Duration::ZERO);
        facts.decoded(0, 0, Some("damaged".to_owned()));
        facts.not_analysed("no network".to_owned());
        facts.decoded(0, 0, None);
        assert_eq!((facts.sees(), facts.what_is_wrong()), (false, "damaged".to_owned()));
        // As a glance does: it asks no network.
        facts.decoded(1, 0, None);
        assert_eq!((facts.sees(), facts.what_is_wrong()), (false, "no network".to_owned()));
        facts.judged(Some(0));
        assert_eq!((facts.sees(), facts.what_is_wrong()), (true, String::new()));
    }

    #[test]
    fn a_camera_that_comes_and_goes_on_a_full_disk_takes_no_memory() {
        let camera: CameraId = "c".parse().unwrap();
        let mut facts = Facts::new(Duration::ZERO);
        for n in 0..10 * WAITING_MAX {
            let link = if n % 2 == 0 { Link::Up } else { Link::Down };
            let state = LinkState { link, reason: n.to_string() };
            facts.push(UtcMillis(0), EventBody::CameraState { camera: camera.clone(), state }, None);
        }
        assert_eq!(facts.waiting(), WAITING_MAX);
        let last = facts.waiting.back().map(|(_, body, _)| body.clone());
        let state = LinkState { link: Link::Down, reason: (10 * WAITING_MAX - 1).to_string() };
        assert_eq!(last, Some(EventBody::CameraState { camera, state }), "the newest is told in the end");
    }
}
