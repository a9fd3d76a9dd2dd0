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
/// Analysed pictures farther apart than this say nothing of what lies between: the camera rests, the machine is behind, or the
/// decoder waits for a key frame.
const APART: DurationMs = DurationMs(1_500);
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
    /// Watched time since the last climb or audit.
    watched: DurationMs,
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
    /// From when to when its pictures were analysed without a hole.
    looked: Vec<(UtcMillis, UtcMillis)>,
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
            watched: DurationMs(0),
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
            self.watched.0 += watched.0;
            self.wait_s -= watched.seconds();
            if self.wait_s <= 0.0 && self.last.is_none() && watched.0 > 0 {
                self.last = Some(Audit::new(at));
                self.watched = DurationMs(0);
                self.draw();
            }
        }
        outcome
    }

    /// The ladder climbs by itself, and decodes from the key frame at `from` on.
    pub fn climbed(&mut self, at: UtcMillis, from: UtcMillis) {
        if !self.is_running() {
            // What it reaches back to was not only watched after all; farther back than the last climb all was seen anyway.
            let reached = at.since(from + LEAD).0.clamp(0, self.watched.0);
            self.tally.watched.0 = (self.tally.watched.0 - reached).max(0);
        }
        self.watched = DurationMs(0);
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

    /// The picture at `at` was analysed.
    pub fn looked(&mut self, at: UtcMillis) {
        let Some(audit) = &mut self.last else { return };
        match audit.looked.last_mut() {
            // On the way up earlier pictures come after later ones.
            Some((_, to)) if at <= *to => {}
            Some((_, to)) if at.since(*to) <= APART => *to = at,
            Some(_) | None => audit.looked.push((at, at)),
        }
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
        let judged = audit.judged();
        let is_judged = |at: UtcMillis| judged.iter().any(|(from, to)| (*from..=*to).contains(&at));
        let (mut caught, mut missed) = (0, 0);
        for (at, count) in &audit.found {
            let would_be_caught = audit.caught_from.is_some_and(|from| *at >= from);
            if is_judged(*at) && !would_be_caught { missed += count } else { caught += count }
        }
        let audited: i64 = judged.iter().map(|(from, to)| to.since(*from).0.max(0)).sum();
        self.tally.add(&Tally {
            caught,
            audited: DurationMs(audited),
            audits: u64::from(audited > 0),
            found: missed,
            found_squared: missed * missed,
            ..Tally::default()
        });
        if self.tally.audited >= REMEMBERED {
            self.tally.halve();
        }
        match (missed, audited) {
            (1.., _) => Outcome::Missed,
            (0, 1..) => Outcome::Clean,
            // Nobody looked: that is no news of what is missed.
            (0, _) => Outcome::Open,
        }
    }
}

impl Audit {
    fn new(began: UtcMillis) -> Self {
        let (looked, found) = (Vec::new(), Vec::new());
        Self { began, end: began + LENGTH, is_over: false, caught_from: None, looked, found }
    }

    /// When a crossing would have been found by it alone, from and to; the first may be after the second.
    fn judged(&self) -> Vec<(UtcMillis, UtcMillis)> {
        let until = self.caught_from.map_or(self.end, |from| self.end.min(from));
        let one = |(from, to): &(UtcMillis, UtcMillis)| ((*from).max(self.began) + LEAD, (*to).min(until));
        self.looked.iter().map(one).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An audit right away, with pictures analysed at these times (milliseconds after its begin) and one crossing; what came of it.
    #[track_caller]
    fn check(looked: impl IntoIterator<Item = i64>, crossing: i64, want: (Outcome, i64, u64, u64)) {
        let mut audits = Audits::new(0.5, 3);
        audits.step(UtcMillis(0), DurationMs(10_000_000));
        assert!(audits.is_running());
        looked.into_iter().for_each(|at| audits.looked(UtcMillis(at)));
        audits.found(UtcMillis(crossing), 1);
        let outcome = audits.step(UtcMillis(0) + LENGTH + REACH + DurationMs(1), DurationMs(0));
        let tally = audits.tally();
        assert_eq!((outcome, tally.audited.0, tally.found, tally.caught), want);
    }

    #[test]
    fn only_what_was_looked_at_counts_as_audited() {
        let all = || (-2_000..=8_000).step_by(200);
        check(all(), 5_000, (Outcome::Missed, 7_000, 1, 0));
        // Road users were seen from the begin on, but who came only then could not be certain yet.
        check(all(), 800, (Outcome::Clean, 7_000, 0, 1));
        // Others had its turn, or no key frame came in all the time.
        check([], 9_000, (Outcome::Open, 0, 0, 1));
        check((0..=8_000).step_by(2_000), 9_000, (Outcome::Open, 0, 0, 1));
        // The decoder began late, and there was a hole.
        let holed = || (3_000..=5_000).step_by(200).chain((7_000..=9_000).step_by(200));
        check(holed(), 4_400, (Outcome::Missed, 1_000, 1, 0));
        check(holed(), 7_400, (Outcome::Clean, 1_000, 0, 1));
    }

    #[test]
    fn a_climb_takes_back_no_more_than_was_watched_before_it() {
        let mut audits = Audits::new(0.0, 3);
        let mut climb = |at: i64, watched| {
            audits.step(UtcMillis(at), DurationMs(watched));
            audits.climbed(UtcMillis(at), UtcMillis(at - 2_500));
            audits.tally().watched.0
        };
        assert_eq!(climb(10_000, 10_000), 8_500);
        // Down for half a second since.
        assert_eq!(climb(15_000, 500), 8_500);
        assert_eq!(climb(20_000, 2_000), 9_000);
    }
}
