//! What a camera may have of its gateway now: its turn when there are not turns enough, and people who look at its live
//! picture, for whom everything is decoded.

use std::sync::Arc;
use std::time::Duration;

use models_domain::ladder::{Rung, UnitFacts, UnitKind};

use super::pace::{AnalyzePace, Turn};
use crate::lanes::{Grant, Seat};

/// So long after the last question for its picture a camera still counts as looked at.
const LOOKED_AT: Duration = Duration::from_secs(5);

pub struct Claim {
    seat: Arc<Seat>,
    /// Questions for its picture counted so far.
    asked: u64,
    looked_at_until: Duration,
    rested: Rested,
}

/// Counts the pictures that would have been analysed while a camera rests.
struct Rested(AnalyzePace);

impl Rested {
    /// How many of this one unit, when the ladder asks for `least`.
    fn unit(&mut self, facts: &UnitFacts, least: Rung) -> u64 {
        let is_asked = match least {
            Rung::Watch => false,
            Rung::KeyFrames => facts.kind == UnitKind::Key,
            Rung::Full => true,
        };
        u64::from(is_asked && self.0.turn(facts.at, 1.0) == Turn::Yes)
    }
}

impl Claim {
    /// `fps`: most pictures analysed a second.
    pub fn new(seat: Seat, fps: f64) -> Self {
        let rested = Rested(AnalyzePace::new(fps));
        Self { seat: Arc::new(seat), asked: 0, looked_at_until: Duration::ZERO, rested }
    }

    /// How many pictures are left out because this unit comes while it rests.
    pub fn rested(&mut self, facts: &UnitFacts, least: Rung) -> u64 {
        self.rested.unit(facts, least)
    }

    pub fn seat(&self) -> Arc<Seat> {
        Arc::clone(&self.seat)
    }

    /// Told now and then how often somebody asked for the picture.
    pub fn asked(&mut self, asked: u64, now: Duration) {
        if self.asked != asked {
            (self.asked, self.looked_at_until) = (asked, now + LOOKED_AT);
        }
    }

    /// The part of its pictures that is analysed; 0 while it rests.
    pub fn share(&self) -> f64 {
        match self.seat.grant() {
            Grant::Share(share) => share,
            Grant::Rest => 0.0,
        }
    }

    /// The part of what is decoded that is analysed: of a camera that rests that is little anyway.
    pub fn share_of_decoded(&self) -> f64 {
        match self.seat.grant() {
            Grant::Share(share) => share,
            Grant::Rest => 1.0,
        }
    }

    /// Where it stands when the ladder asks for `least`: higher for people who look; lower while it rests, but then too
    /// they see a picture now and then.
    pub fn rung(&self, least: Rung, now: Duration) -> Rung {
        let looked_at = now < self.looked_at_until;
        let wanted = if looked_at { Rung::Full } else { least };
        match (wanted, looked_at) {
            (Rung::Watch, _) => Rung::Watch,
            (Rung::KeyFrames | Rung::Full, _) if self.seat.grant() != Grant::Rest => wanted,
            (Rung::KeyFrames | Rung::Full, true) => Rung::KeyFrames,
            (Rung::KeyFrames | Rung::Full, false) => Rung::Watch,
        }
    }
}

#[cfg(test)]
mod tests {
    use models_domain::UtcMillis;

    use super::*;

    /// Ten seconds of 25 pictures a second, a key frame every two.
    #[track_caller]
    fn check(least: Rung, want: u64) {
        let mut rested = Rested(AnalyzePace::new(3.0));
        let unit = |n: i64| UnitFacts {
            at: UtcMillis(n * 40),
            bytes: 1_000,
            kind: if n % 50 == 0 { UnitKind::Key } else { UnitKind::Delta },
            qp: None,
        };
        assert_eq!((0..250).map(|n| rested.unit(&unit(n), least)).sum::<u64>(), want);
    }

    #[test]
    fn what_would_have_been_analysed_is_counted_and_no_more() {
        check(Rung::Watch, 0);
        check(Rung::KeyFrames, 5);
        check(Rung::Full, 30);
    }
}
