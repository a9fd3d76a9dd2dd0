//! By how much a controller's clock is ahead of ours, where it knows whole seconds: bounds, and what may be said of them. Pure.

use std::fmt;

use models_domain::UtcMillis;

use super::At;

/// An answer that took longer says too little.
const ANSWER_MAX_MS: i64 = 2_000;

/// Our own clock was set when it and what has passed differ by more; two looks that do so are not alike.
const SLACK_MS: i64 = 200;

/// Off by more than the first, and by no more than the farthest zone is from UTC, a clock may keep local time: to set it to UTC
/// would change the plans that run by it.
const LOCAL_BEYOND_MS: i64 = 10 * 60_000;
const LOCAL_MAX_MS: i64 = 14 * 3_600_000;

/// By how much a clock is ahead of ours, in ms: at least, and less than.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ahead {
    least: i64,
    most: i64,
}

impl Ahead {
    /// `told`: the second that it said. `None`: that says too little.
    pub(super) fn read(told: UtcMillis, asked: At, answered: At) -> Option<Self> {
        let took = i64::try_from(answered.elapsed.saturating_sub(asked.elapsed).as_millis()).ok()?;
        let jumped = (answered.utc.since(asked.utc).0 - took).abs() > SLACK_MS;
        let ahead =
            Self { least: told.since(answered.utc).0, most: told.since(asked.utc).0.saturating_add(1_000) };
        (took <= ANSWER_MAX_MS && !jumped).then_some(ahead)
    }

    /// Surely off by more.
    pub(super) fn is_beyond(self, max_ms: i64) -> bool {
        self.least > max_ms || self.most < -max_ms
    }

    /// Surely off by no more.
    pub(super) fn is_within(self, max_ms: i64) -> bool {
        self.least >= -max_ms && self.most <= max_ms
    }

    pub(super) fn agrees(self, other: Self) -> bool {
        self.least <= other.most + SLACK_MS && other.least <= self.most + SLACK_MS
    }

    pub(super) fn middle_ms(self) -> i64 {
        self.least + (self.most - self.least) / 2
    }

    pub(super) fn may_be_local(self) -> bool {
        may_be_zone(self.middle_ms())
    }
}

/// Whether a clock that is off by so many ms may keep the time of a zone.
pub(super) fn may_be_zone(off_ms: i64) -> bool {
    let off_ms = off_ms.saturating_abs();
    off_ms > LOCAL_BEYOND_MS && off_ms <= LOCAL_MAX_MS
}

impl fmt::Display for Ahead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = self.middle_ms();
        let side = if ms < 0 { "behind" } else { "ahead" };
        write!(f, "{:.1} s {side}", ms.unsigned_abs() as f64 / 1_000.0)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use hardware_ports::Synchrony::Synchronised;

    use super::*;

    #[test]
    fn what_an_answer_says() {
        let at = |ms: i64, elapsed: u64| At {
            utc: UtcMillis(ms),
            elapsed: Duration::from_millis(elapsed),
            synchrony: Synchronised,
        };
        let read = |told: i64, asked: At, answered: At| {
            Ahead::read(UtcMillis(told), asked, answered).map(|ahead| (ahead.least, ahead.most))
        };
        assert_eq!(read(40_000, at(100, 0), at(400, 300)), Some((39_600, 40_900)));
        assert_eq!(read(40_000, at(100, 0), at(2_200, 2_100)), None);
        // Ours was set in between.
        assert_eq!(read(40_000, at(100, 0), at(900, 300)), None);
    }

    #[test]
    fn off_surely_perhaps_and_by_a_zone() {
        let ahead = |least: i64| Ahead { least, most: least + 1_000 };
        let judged = |least: i64| (ahead(least).is_within(2_000), ahead(least).is_beyond(2_000));
        assert_eq!(judged(500), (true, false));
        assert_eq!(judged(1_500), (false, false));
        assert_eq!(judged(2_001), (false, true));
        assert_eq!(judged(-2_000), (true, false));
        assert_eq!(judged(-3_001), (false, true));
        assert_eq!([ahead(500).to_string(), ahead(-3_500).to_string()], ["1.0 s ahead", "3.0 s behind"]);
        assert!(ahead(500).agrees(ahead(1_600)) && !ahead(500).agrees(ahead(1_800)));
        let may = |s: i64| ahead(s * 1_000).may_be_local();
        assert!(may(601) && may(-601) && may(7 * 3_600 + 180) && may(-12 * 3_600) && may(14 * 3_600 - 1));
        assert!(!may(0) && !may(-600) && !may(599) && !may(14 * 3_600 + 1) && !may(-26 * 365 * 86_400));
    }
}
