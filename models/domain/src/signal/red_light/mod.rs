//! Red-light running: a passage over a stop line joined with what the signal group showed, and with the errors of both
//! clocks. It is a violation only when no clock error can explain it.
//!
//! Suggested reading order: `lamp` (what a group showed, by our clock), `stop_line` (how a vehicle passed), here the
//! judgement over both.

pub mod lamp;
pub mod stop_line;
pub mod told;

#[cfg(test)]
mod tests;

pub use told::{EvidenceStill, LampState, RedLightRun};

use super::Aspect;
use crate::units::{DurationMs, UtcMillis};

/// What one signal group showed from one moment on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shown {
    /// The earliest moment at which it can have begun, and the latest; but for the controller's error.
    pub at: UtcMillis,
    pub by: UtcMillis,
    pub aspect: Aspect,
    /// As the controller told it (RSMP S0001); `-` where nobody knows.
    pub state: char,
    /// By the controller's own clock.
    pub controller_at: UtcMillis,
}

/// What one signal group showed, by our clock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trace {
    /// In order; each lasts until the next.
    changes: Vec<Shown>,
    /// Nothing is known from here on.
    until: UtcMillis,
}

/// How far each clock may be off, as is known of it. The controller's includes how late it notices a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClockErrors {
    pub camera: DurationMs,
    pub controller: DurationMs,
}

/// One road user over one stop line, by the camera's clock. Three of the moments are those of the evidence's pictures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Passage {
    /// The last picture in which all of it was before the line.
    pub before: UtcMillis,
    /// When it touched the ground on the line, between two pictures.
    pub at: UtcMillis,
    /// The first picture in which it touched the ground beyond the line.
    pub beyond: UtcMillis,
    /// The first picture in which it was so far beyond the line that it has gone through.
    pub after: UtcMillis,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Red throughout, whatever the clocks' errors; for at least so long when its foremost point came to the line.
    Violation { red_for: DurationMs },
    /// Something else than red was shown.
    Allowed,
    /// Red and something else lie within the errors.
    Doubtful,
    /// The trace does not say what was shown, or says that nobody knows.
    Undecided,
}

impl Trace {
    /// `changes` in their order.
    pub fn new(changes: Vec<Shown>, until: UtcMillis) -> Self {
        Self { changes, until }
    }

    /// Everything that can have been shown from `from` to `to` by a controller whose clock is off by at most `error`, and
    /// where it begins in [`Self::changes`]; `None` when part of it is not known.
    pub fn within(&self, from: UtcMillis, to: UtcMillis, error: DurationMs) -> Option<(usize, &[Shown])> {
        let known = self.changes.first().is_some_and(|first| first.by + error <= from);
        if !known || to >= self.until - error {
            return None;
        }
        let ends = |i: usize| self.changes.get(i + 1).map(|next| next.by + error);
        let first = (0..self.changes.len()).find(|&i| ends(i).is_none_or(|end| end > from))?;
        let last = self.changes.iter().rposition(|shown| shown.at - error <= to)?;
        self.changes.get(first..=last.max(first)).map(|shown| (first, shown))
    }

    pub fn changes(&self) -> &[Shown] {
        &self.changes
    }

    /// Up to when it is known.
    pub fn until(&self) -> UtcMillis {
        self.until
    }

    /// The first of the reds without a break of which number `index` is one.
    pub fn red_since(&self, index: usize) -> Option<&Shown> {
        let before = self.changes.get(..=index)?;
        let broken = before.iter().rposition(|shown| !shown.aspect.forbids_crossing());
        before.get(broken.map_or(0, |at| at + 1))
    }
}

/// What the lamp says of a passage.
pub fn judge(trace: &Trace, passage: &Passage, errors: ClockErrors) -> Verdict {
    let (camera, controller) = (errors.camera.0.saturating_abs(), errors.controller.0.saturating_abs());
    let (from, to) = (passage.before - DurationMs(camera), passage.beyond + DurationMs(camera));
    let controller = DurationMs(controller);
    let Some((first, shown)) = trace.within(from, to, controller) else { return Verdict::Undecided };
    if shown.iter().any(|shown| shown.aspect == Aspect::Unknown) {
        return Verdict::Undecided;
    }
    let red = shown.iter().filter(|shown| shown.aspect.forbids_crossing()).count();
    if red == 0 {
        return Verdict::Allowed;
    }
    if red < shown.len() {
        return Verdict::Doubtful;
    }
    let began = trace.red_since(first).map_or(from, |began| began.by + controller);
    Verdict::Violation { red_for: DurationMs(from.since(began).0.max(0)) }
}
