//! People who look at a camera's live picture: for them everything is decoded.

use std::time::Duration;

use models_domain::ladder::Rung;

/// So long after the last question for its picture a camera still counts as looked at.
const LOOKED_AT: Duration = Duration::from_secs(5);

#[derive(Default)]
pub struct Onlookers {
    /// Questions counted so far.
    asked: u64,
    until: Duration,
}

impl Onlookers {
    /// Told now and then how often somebody asked for the picture.
    pub fn asked(&mut self, asked: u64, now: Duration) {
        if self.asked != asked {
            (self.asked, self.until) = (asked, now + LOOKED_AT);
        }
    }

    pub fn rung(&self, least: Rung, now: Duration) -> Rung {
        if now < self.until { Rung::Full } else { least }
    }
}
