//! The audits: spans chosen by chance in which a camera that is only watched is decoded in full, to count what it misses.

use super::chance::Chance;
use super::miss::Tally;
use crate::units::{DurationMs, UtcMillis};

/// Length of an audit: long enough for a road user to come in and cross.
const LENGTH: DurationMs = DurationMs(8_000);
/// A camera's first audit comes after about so long: then there is an estimate.
const FIRST_S: f64 = 60.0;
/// How long a road user must have been seen before a crossing is certain; what crosses earlier after the decoder began
/// would not have been counted with or without the audit.
const LEAD: DurationMs = DurationMs(1_000);
/// How long after an audit a climb may still reach back into it, from the kept group of pictures on.
const REACH: DurationMs = DurationMs(10_000);
/// The tally is halved when this much was audited: a camera's street changes.
const REMEMBERED: DurationMs = DurationMs(4 * 3_600_000);

#[derive(Debug, Clone)]
pub(super) struct Audits {
    share: f64,
    chance: Chance,
    /// Watched time until the next one begins, seconds.
    wait_s: f64,
    last: Option<Audit>,
    tally: Tally,
}

/// An audit that runs, or is over and not yet entered into the tally.
#[derive(Debug, Clone)]
struct Audit {
    began: UtcMillis,
    end: UtcMillis,
    is_over: bool,
    /// From here on the ladder's own climb would have found everything.
    caught_from: Option<UtcMillis>,
    found: Vec<(UtcMillis, u64)>,
}

/// What an audit that is now closed found that would have been missed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    Open,
    Clean,
    Missed,
}

impl Audits {
    /// `share` of the watched time is audited, 0 to 1.
    pub fn new(share: f64, seed: u64) -> Self {
        let mut audits = Self {
            share,
            chance: Chance::new(seed),
            wait_s: f64::INFINITY,
            last: None,
            tally: Tally::default(),
        };
        audits.draw();
        audits.wait_s = audits.wait_s.min(audits.wait_s * FIRST_S / audits.mean_s());
        audits
    }

    pub fn tally(&self) -> &Tally {
        &self.tally
    }

    pub fn is_running(&self) -> bool {
        self.last.as_ref().is_some_and(|a| !a.is_over)
    }

    /// Time goes on to `at`. `watched`: how much of it the camera spent watched, by the ladder's own judgement.
    pub fn step(&mut self, at: UtcMillis, watched: DurationMs) -> Outcome {
        let mut outcome = Outcome::Open;
        if let Some(audit) = &mut self.last {
            audit.is_over |= at >= audit.end;
            if audit.is_over && at.since(audit.end) > REACH {
                outcome = self.close();
            }
        }
        if !self.is_running() {
            self.tally.watched.0 += watched.0;
            self.wait_s -= watched.seconds();
            if self.wait_s <= 0.0 && self.last.is_none() && watched.0 > 0 {
                let end = at + LENGTH;
                self.last =
                    Some(Audit { began: at, end, is_over: false, caught_from: None, found: Vec::new() });
                self.draw();
            }
        }
        outcome
    }

    /// The ladder climbs by itself, and decodes from the key frame at `from` on.
    pub fn climbed(&mut self, at: UtcMillis, from: UtcMillis) {
        if !self.is_running() {
            // What it reaches back to was not only watched after all.
            let reached = at.since(from + LEAD).0.max(0);
            self.tally.watched.0 = (self.tally.watched.0 - reached).max(0);
        }
        if let Some(audit) = &mut self.last {
            audit.is_over = true;
            audit.end = audit.end.min(at);
            audit.caught_from.get_or_insert(from + LEAD);
        }
    }

    /// The stream's time broke: what was open cannot be judged.
    pub fn abandon(&mut self) {
        self.last = None;
    }

    /// `count` crossings and events became certain that are found whether an audit runs or not.
    pub fn caught(&mut self, count: usize) {
        self.tally.caught += count as u64;
    }

    /// `count` crossings and events became certain in the picture at `at`.
    pub fn found(&mut self, at: UtcMillis, count: usize) {
        let count = count as u64;
        match &mut self.last {
            Some(audit) if at >= audit.began + LEAD && at <= audit.end => audit.found.push((at, count)),
            Some(_) | None => self.tally.caught += count,
        }
    }

    fn draw(&mut self) {
        self.wait_s = if self.share > 0.0 { self.chance.wait(self.mean_s()) } else { f64::INFINITY };
    }

    /// Watched time between two audits.
    fn mean_s(&self) -> f64 {
        let share = self.share.clamp(0.0, 0.5);
        LENGTH.seconds() * (1.0 - share) / share.max(1e-9)
    }

    fn close(&mut self) -> Outcome {
        let Some(audit) = self.last.take() else { return Outcome::Open };
        let caught_from = audit.caught_from.unwrap_or(audit.end + LEAD);
        let (mut caught, mut missed) = (0, 0);
        for (at, count) in audit.found {
            if at < caught_from { missed += count } else { caught += count }
        }
        let judged = audit.end.min(caught_from).since(audit.began + LEAD);
        self.tally.add(&Tally {
            caught,
            audited: DurationMs(judged.0.max(0)),
            audits: 1,
            found: missed,
            found_squared: missed * missed,
            ..Tally::default()
        });
        if self.tally.audited >= REMEMBERED {
            self.tally.halve();
        }
        if missed > 0 { Outcome::Missed } else { Outcome::Clean }
    }
}
