//! Whether the controller did what was ordered: the pole reads lamps back, and green for a stage that is green anyhow is soon seen.

use super::control::{HOUR, Steer};
use super::{Kind, Look, Silence, State};
use crate::units::{DurationMs, UtcMillis};

/// Begin and end of a green are seen to a second.
const CLEARLY: DurationMs = DurationMs(1_000);
/// An order that was taken so short before the green ended may have come too late.
const TOO_LATE: DurationMs = DurationMs(3_000);
/// So many orders in a row that were taken and not done are enough for an hour.
const UNHEEDED_MAX: u32 = 3;

impl Steer {
    /// A green with an order in it is over; `beyond`: by how much it was longer than the plan's own.
    pub(super) fn judge_green(&mut self, at: UtcMillis, look: &Look<'_>, kind: Kind, beyond: DurationMs) {
        let shorter = beyond < DurationMs(-CLEARLY.0);
        if (kind == Kind::Hold && beyond > CLEARLY) || (kind == Kind::Next && shorter) {
            return self.heeded();
        }
        let disturbed = look.blocked.is_some() || matches!(look.told, Err(Silence::Reason(_)));
        let in_time = self.taken_at.is_some_and(|taken| at.since(taken) > TOO_LATE);
        // A hold that is over was to keep the green for no longer.
        let stood = match (&self.state, kind) {
            (State::Ordered { until, .. }, Kind::Hold) => at < *until,
            (State::Follows | State::Calling { .. } | State::Back { .. }, Kind::Hold) => false,
            (
                State::Follows | State::Calling { .. } | State::Ordered { .. } | State::Back { .. },
                Kind::Next,
            ) => true,
        };
        if in_time && stood && !disturbed {
            self.not_heeded(at);
        }
    }

    fn heeded(&mut self) {
        (self.failures, self.unheeded, self.again) = (0, 0, None);
    }

    fn not_heeded(&mut self, at: UtcMillis) {
        self.failed(at);
        self.unheeded += 1;
        if self.unheeded >= UNHEEDED_MAX {
            self.stopped = Some(at + HOUR);
            self.unheeded = 0;
        }
    }
}
