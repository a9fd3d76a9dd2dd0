//! What a ladder wants done with its camera, and why.

use super::{HOLD, KEY_EVERY, Ladder, State};
use crate::ladder::{Care, Rung, Why};
use crate::units::DurationMs;

/// Audits that found misses have made it this eager, and everything is decoded instead of key frames only.
const WARY: f64 = 2.0;

impl Ladder {
    pub fn rung(&self) -> Rung {
        match self.state {
            State::Learning | State::Up { .. } => Rung::Full,
            State::Down | State::Standing(_) if self.audits.is_running() || self.follows => Rung::Full,
            State::Down | State::Standing(_) => self.watched(),
        }
    }

    /// Which of the pictures that are decoded are to be analysed.
    pub fn care(&self) -> Care {
        match self.state {
            _ if self.settings.pinned == Some(Rung::Full) => Care::Every,
            State::Down | State::Standing(_) if self.audits.is_running() => Care::Judged,
            State::Learning | State::Down | State::Standing(_) | State::Up { .. } => Care::Moving,
        }
    }

    /// The rung while nothing moves and no audit runs.
    pub(super) fn watched(&self) -> Rung {
        let own = match self.state {
            State::Standing(_) => Rung::KeyFrames,
            State::Down | State::Learning | State::Up { .. } => Rung::Watch,
        };
        // An encoder that puts key frames off while nothing moves does not tell beforehand when the next one comes.
        let waits = self.now.zip(self.keys.back()).map_or(DurationMs(0), |(now, key)| now.since(*key));
        let rare = self.key_every.max(waits) > KEY_EVERY || self.stir.is_intra();
        let rung = self.settings.pinned.map_or(own, |pinned| pinned.max(own));
        if rung == Rung::KeyFrames && (rare || self.eager >= WARY) { Rung::Full } else { rung }
    }

    pub fn why(&self) -> Why {
        let moves = self.moved.is_some_and(|moved| self.looked.is_some_and(|l| l.since(moved) < HOLD));
        match self.state {
            _ if self.settings.pinned == Some(Rung::Full) => Why::Pinned,
            State::Up { .. } | State::Learning if moves => Why::Followed,
            State::Up { .. } => Why::Stirred,
            State::Learning => Why::Learning,
            State::Down | State::Standing(_) if self.audits.is_running() => Why::Audit,
            State::Standing(_) => Why::Followed,
            State::Down if self.follows => Why::Followed,
            State::Down if self.settings.pinned.is_some_and(|p| p > Rung::Watch) => Why::Pinned,
            State::Down => Why::Quiet,
        }
    }
}
