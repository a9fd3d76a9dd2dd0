//! What a camera may have of its gateway now: its turn when there are not turns enough, and people who look at its live
//! picture, for whom everything is decoded.

use std::sync::Arc;
use std::time::Duration;

use models_domain::ladder::Rung;

use crate::lanes::{Grant, Seat};

/// So long after the last question for its picture a camera still counts as looked at.
const LOOKED_AT: Duration = Duration::from_secs(5);

pub struct Claim {
    seat: Arc<Seat>,
    /// Questions for its picture counted so far.
    asked: u64,
    looked_at_until: Duration,
}

impl Claim {
    pub fn new(seat: Seat) -> Self {
        Self { seat: Arc::new(seat), asked: 0, looked_at_until: Duration::ZERO }
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
