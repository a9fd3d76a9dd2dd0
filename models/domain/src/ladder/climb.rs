//! When a camera climbs and comes down.
//!
//! How easily it climbs is a matter of two wishes. Climbing for nothing costs, so each such climb makes it a little harder
//! and quiet time makes it easier again: it settles where about [`Settings::for_nothing_share`] of the quiet time is spent on
//! them, as sensitive as that allows. What an audit finds missed raises that share.

mod wishes;

use std::collections::VecDeque;

use super::audit::{Audits, Outcome};
use super::floor::{Floor, Quiet};
use super::miss::{MissEstimate, Tally};
use super::stir::{Cost, SPANS, Stir};
use super::{Rung, Settings, Shown, UnitFacts, UnitKind};
use crate::units::{DurationMs, UtcMillis};

/// How long nothing that moves must have been seen before it comes down, and the same when nothing that moves was seen at
/// all since it climbed: pictures of the time before were looked at too.
const HOLD: DurationMs = DurationMs(2_000);
const HOLD_FOR_NOTHING: DurationMs = DurationMs(800);
/// On the way up pictures are looked at from so long before on: whoever keeps groups of pictures keeps at least that.
pub const LOOK_BACK: DurationMs = DurationMs(2_500);
/// Time on either side of a picture that shows motion which the floor does not learn from.
const MOTION_BEFORE: DurationMs = DurationMs(1_000);
const MOTION_AFTER: DurationMs = DurationMs(1_500);
/// Pictures of so long after a climb must have shown nothing for it to be called empty.
const CONFIRMED: DurationMs = DurationMs(400);
/// A second that nobody saw and that did not make it climb within this time was quiet.
const UNSEEN: DurationMs = DurationMs(3_000);
/// Without a single picture for so long the decoder has failed, and staying up is of no use.
const NO_PICTURE: DurationMs = DurationMs(30_000);
/// A road user that stands is looked at in key frames for so long, then it is furniture.
const STANDING: DurationMs = DurationMs(180_000);
/// By so many of the last pictures it is told who stands.
const STANDING_PICTURES: usize = 8;
/// The same where key frames are rarer than [`KEY_EVERY`] and everything must be decoded for it.
const STANDING_FULL: DurationMs = DurationMs(20_000);
const KEY_EVERY: DurationMs = DurationMs(2_500);
/// Times of so many key frames are remembered: pictures come out of the decoder later than they are told of.
const KEYS: usize = 8;
/// Time back or ahead by more is a break in the stream.
const BREAK: DurationMs = DurationMs(5_000);

/// Thresholds, in spreads of the floor.
const EASIEST: f64 = 2.0;
const HARDEST: f64 = 20.0;
const FIRST: f64 = 2.5;
/// A climb for nothing makes the next one this much harder.
const HARDER: f64 = 1.25;
/// Seconds that are decoded for such a climb, about: [`LOOK_BACK`] and [`HOLD_FOR_NOTHING`].
const FOR_NOTHING_S: f64 = 3.0;
/// How much the share of climbs for nothing may grow when audits find misses.
const EAGER_MAX: f64 = 8.0;
/// Stirring that was looked at and found empty is no news; that is forgotten with this time constant.
const EXCUSED_S: f64 = 20.0;
/// Most that is excused, in spreads: what goes on is learned by the floor instead.
const EXCUSED_MAX: f64 = 10.0;

/// One camera's ladder.
#[derive(Debug, Clone)]
pub struct Ladder {
    settings: Settings,
    stir: Stir,
    floor: Floor,
    audits: Audits,
    state: State,
    now: Option<UtcMillis>,
    keys: VecDeque<UtcMillis>,
    key_every: DurationMs,
    /// Seconds of the stream that the floor has not learned yet.
    untaught: VecDeque<(UtcMillis, [Cost; SPANS])>,
    /// Newest picture that was analysed, and newest that showed something moving.
    looked: Option<UtcMillis>,
    moved: Option<UtcMillis>,
    /// Standing road users in each of the last pictures, and how many of them are furniture.
    standing: VecDeque<usize>,
    furniture: usize,
    /// Spreads above the floor at which it climbs.
    threshold: f64,
    /// Factor on the share of climbs for nothing.
    eager: f64,
    /// Spreads above the floor that were looked at and found empty.
    excused: f64,
    /// An audit is over and saw something that still moves.
    follows: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Learning,
    Down,
    /// Somebody stands there who is not furniture.
    Standing(UtcMillis),
    Up {
        since: UtcMillis,
        /// Newest stirring that was news.
        stirred: UtcMillis,
        for_nothing: bool,
    },
}

impl Ladder {
    /// `pinned`: never below this rung. `seed`: chance for the audits, so that cameras do not audit in step.
    pub fn new(pinned: Option<Rung>, seed: u64) -> Self {
        Self::with(Settings { pinned, ..Settings::default() }, seed)
    }

    pub fn with(settings: Settings, seed: u64) -> Self {
        Self {
            settings,
            stir: Stir::default(),
            floor: Floor::default(),
            audits: Audits::new(settings.audit_share, seed),
            state: State::Learning,
            now: None,
            keys: VecDeque::new(),
            key_every: DurationMs(0),
            untaught: VecDeque::new(),
            looked: None,
            moved: None,
            standing: VecDeque::new(),
            furniture: 0,
            threshold: FIRST,
            eager: 1.0,
            excused: 0.0,
            follows: false,
        }
    }

    /// Takes note of an access unit, decoded or not, in decoding order; the rung to treat it on.
    pub fn unit(&mut self, unit: &UnitFacts) -> Rung {
        let (at, passed) = self.pass(unit.at);
        if unit.kind == UnitKind::Key {
            self.key_every = self.keys.back().map_or(DurationMs(0), |key| at.since(*key));
            self.keys.push_back(at);
            if self.keys.len() > KEYS {
                self.keys.pop_front();
            }
        }
        self.audit(at, passed);
        if let Some(second) = self.stir.unit(unit, self.floor.slope()) {
            self.note(at, second);
            if self.floor.is_known() {
                // While pictures are looked at, what was a few seconds ago is known.
                let spans = if self.is_down() { SPANS } else { 1 };
                self.stirred(at, f64::from(self.floor.above(&second, spans, self.stir.is_intra())));
            }
        }
        self.come_down(at);
        self.rung()
    }

    /// Takes note of an analysed picture.
    pub fn shown(&mut self, at: UtcMillis, shown: &Shown) {
        if self.now.is_some_and(|now| at.since(now).0.unsigned_abs() > NO_PICTURE.0.unsigned_abs()) {
            return;
        }
        let looked = self.looked.map_or(at, |looked| looked.max(at));
        self.looked = Some(looked);
        self.audits.looked(at);
        if !shown.still {
            if self.standing.len() >= STANDING_PICTURES {
                self.standing.pop_front();
            }
            self.standing.push_back(shown.tracks.saturating_sub(shown.moving));
        }
        // In a still picture only boxes that shake seem to move.
        if shown.moving > 0 && !shown.still {
            self.moved = Some(self.moved.map_or(at, |moved| moved.max(at)));
            // What stirred before it was seen was no empty stirring.
            self.excused = 0.0;
            match &mut self.state {
                State::Up { for_nothing, .. } => *for_nothing = false,
                State::Standing(_) => self.climb(looked),
                State::Learning | State::Down => {}
            }
        }
        if shown.events > 0 {
            // Who stands is known from before, whether the picture is analysed or not.
            let is_known = shown.still && shown.moving == 0 && self.watched() > Rung::Watch;
            if is_known { self.audits.caught(shown.events) } else { self.audits.found(at, shown.events) }
        }
        self.learn(looked);
    }

    /// Takes note of a decoded picture in which something moves by its brightness, analysed or not.
    pub fn moves(&mut self, at: UtcMillis) {
        let is_seen = match self.watched() {
            Rung::Watch => false,
            Rung::KeyFrames => self.keys.contains(&at),
            Rung::Full => true,
        };
        match &mut self.state {
            State::Down | State::Standing(_) if is_seen => {
                let now = self.now.unwrap_or(at);
                self.climb(now);
                // Whatever it was, the sizes of pictures did not mislead.
                self.state = State::Up { since: now, stirred: now, for_nothing: false };
            }
            State::Up { stirred, .. } => *stirred = at.max(*stirred),
            State::Down | State::Standing(_) | State::Learning => {}
        }
    }

    /// What is missed of this camera; `None` until the first audit is over and something was found at all, and where everything is
    /// always analysed.
    pub fn miss(&self) -> Option<MissEstimate> {
        self.audits.tally().estimate()
    }

    /// What [`Ladder::miss`] is made of, to be added up over cameras.
    pub fn tally(&self) -> Tally {
        *self.audits.tally()
    }

    fn is_down(&self) -> bool {
        matches!(self.state, State::Down | State::Standing(_))
    }

    /// The stream's time and how much of it passed.
    fn pass(&mut self, at: UtcMillis) -> (UtcMillis, DurationMs) {
        let passed = self.now.map_or(DurationMs(0), |now| at.since(now));
        if passed.0.unsigned_abs() <= BREAK.0.unsigned_abs() {
            let now = self.now.map_or(at, |now| now.max(at));
            self.now = Some(now);
            return (now, DurationMs(passed.0.max(0)));
        }
        // A hole, or a clock that was set: times before it mean nothing any more.
        self.audits.abandon();
        self.untaught.clear();
        (self.now, self.looked, self.moved) = (Some(at), None, None);
        self.keys.clear();
        self.standing.clear();
        self.follows = false;
        self.state = match self.state {
            State::Up { for_nothing, .. } => State::Up { since: at, stirred: at, for_nothing },
            State::Standing(_) => State::Standing(at),
            State::Learning | State::Down => self.state,
        };
        (at, DurationMs(0))
    }

    fn audit(&mut self, at: UtcMillis, passed: DurationMs) {
        // Where every picture is analysed anyway nothing is missed, and there is nothing to check.
        let is_watched = self.is_down() && !self.follows && self.settings.pinned != Some(Rung::Full);
        let watched = if is_watched { passed } else { DurationMs(0) };
        let ran = self.audits.is_running();
        match self.audits.step(at, watched) {
            Outcome::Open => {}
            Outcome::Clean => self.eager = (self.eager * 0.97).max(1.0),
            Outcome::Missed => {
                self.eager = (self.eager * 2.0).min(EAGER_MAX);
                self.threshold = (self.threshold / 2.0).max(EASIEST);
            }
        }
        self.follows |= ran && !self.audits.is_running();
        if self.is_down() {
            // In balance: one climb for nothing, `HARDER`, for so much quiet time.
            let every = FOR_NOTHING_S / (self.settings.for_nothing_share * self.eager).max(1e-6);
            self.threshold = (self.threshold * HARDER.powf(-passed.seconds() / every)).max(EASIEST);
        }
        self.excused *= (-passed.seconds() / EXCUSED_S).exp();
    }

    /// `above` the floor, in spreads.
    fn stirred(&mut self, at: UtcMillis, above: f64) {
        let is_news = above > self.threshold && above > self.excused + self.threshold / 2.0;
        match &mut self.state {
            State::Down | State::Standing(_) if is_news => self.climb(at),
            State::Up { stirred, .. } if is_news => *stirred = at,
            State::Learning | State::Down | State::Standing(_) | State::Up { .. } => {}
        }
        let empty = self.looked.is_some_and(|looked| {
            at.since(looked) < MOTION_AFTER
                && self.moved.is_none_or(|moved| looked.since(moved) > MOTION_AFTER)
        });
        if empty && self.rung() == Rung::Full && self.looked_since_climb() {
            self.excused = self.excused.max(above.min(EXCUSED_MAX));
        }
    }

    /// Whether pictures of some time after the climb were seen.
    fn looked_since_climb(&self) -> bool {
        match self.state {
            State::Up { since, .. } => self.looked.is_some_and(|looked| looked.since(since) >= CONFIRMED),
            State::Learning | State::Down | State::Standing(_) => true,
        }
    }

    fn climb(&mut self, at: UtcMillis) {
        self.audits.climbed(at, at - LOOK_BACK);
        if !self.audits.is_running() {
            self.untaught.clear();
        }
        self.follows = false;
        self.state = State::Up { since: at, stirred: at, for_nothing: true };
    }

    fn come_down(&mut self, at: UtcMillis) {
        let still = self.looked.filter(|l| self.moved.is_none_or(|moved| l.since(moved) >= HOLD));
        match self.state {
            State::Learning if self.floor.is_known() && still.is_some() => {
                self.furniture = self.standing_most();
                self.state = State::Down;
            }
            State::Up { since, stirred, for_nothing } => {
                let hold = if for_nothing { HOLD_FOR_NOTHING } else { HOLD };
                let looked = still.is_some_and(|looked| looked.since(since) >= hold);
                let blind = self.looked.is_none_or(|l| l < since) && at.since(since) >= NO_PICTURE;
                if looked && at.since(stirred) >= hold || blind {
                    if for_nothing && !blind {
                        self.threshold = (self.threshold * HARDER).min(HARDEST);
                    }
                    // Seen all the time: one that comes and goes in the detector's eyes is furniture.
                    let new = self.standing.iter().min().is_some_and(|least| *least > self.furniture);
                    let most = self.standing_most();
                    if most < self.furniture {
                        // It may only be hidden: furniture goes piece by piece.
                        self.furniture -= 1;
                    }
                    self.stir.forget();
                    self.state = if new { State::Standing(at) } else { State::Down };
                }
            }
            State::Standing(since) => {
                let long = if self.rung() == Rung::Full { STANDING_FULL } else { STANDING };
                if self.standing_most() <= self.furniture || at.since(since) >= long {
                    self.furniture = self.standing_most();
                    self.state = State::Down;
                }
            }
            State::Learning | State::Down => {}
        }
        self.follows &= still.is_none() && self.looked.is_some();
    }

    fn standing_most(&self) -> usize {
        self.standing.iter().max().copied().unwrap_or(0)
    }

    /// Keeps a second for the floor until it is known whether something moved in it.
    fn note(&mut self, at: UtcMillis, second: [Cost; SPANS]) {
        if self.untaught.back().is_some_and(|(last, _)| at.since(*last) < DurationMs(1_000)) {
            return;
        }
        self.untaught.push_back((at, second));
        if self.rung() == Rung::Full {
            // Judged by `learn`, when its pictures were looked at.
            while self.untaught.len() > 60 {
                self.untaught.pop_front();
            }
            return;
        }
        // Unseen: what did not make it climb within a while counts as quiet.
        while self.untaught.front().is_some_and(|(then, _)| at.since(*then) > UNSEEN) {
            if let Some((_, second)) = self.untaught.pop_front() {
                self.floor.learn(&second, Quiet::Unseen, self.stir.is_intra());
            }
        }
    }

    fn learn(&mut self, looked: UtcMillis) {
        if self.rung() != Rung::Full {
            return;
        }
        while self.untaught.front().is_some_and(|(then, _)| looked.since(*then) >= MOTION_BEFORE) {
            let Some((then, second)) = self.untaught.pop_front() else { return };
            let quiet = self.moved.is_none_or(|moved| then.since(moved) > MOTION_AFTER);
            if quiet && self.floor.learn(&second, Quiet::Seen, self.stir.is_intra()) {
                self.excused = 0.0;
            }
        }
    }
}
