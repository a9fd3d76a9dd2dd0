//! When what is thought of buses counts for others, and how likely it is.

use serde::{Deserialize, Serialize};

use crate::units::{DurationMs, UtcMillis};

/// Reports of others that take no longer than this to come are there in time.
pub const LAG: DurationMs = DurationMs(30_000);
const MINUTE_MS: i64 = 60_000;

/// A full minute, counted from 1970 on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Minute(i32);

impl Minute {
    pub(super) const FIRST: Self = Self(i32::MIN);
    pub(super) const LAST: Self = Self(i32::MAX);

    /// By which minute's state a bus is judged that was seen then.
    pub fn known(at: UtcMillis) -> Self {
        Self::of((at - LAG).0.div_euclid(MINUTE_MS))
    }

    /// From which minute on it counts what a bus was seen to do then.
    pub fn told(at: UtcMillis) -> Self {
        Self::of((at.0 + MINUTE_MS - 1).div_euclid(MINUTE_MS))
    }

    pub fn at(self) -> UtcMillis {
        UtcMillis(i64::from(self.0) * MINUTE_MS)
    }

    /// The last one that is not after a moment.
    pub fn before(at: UtcMillis) -> Self {
        Self::of(at.0.div_euclid(MINUTE_MS))
    }

    fn of(count: i64) -> Self {
        Self(i32::try_from(count).unwrap_or(i32::MAX))
    }

    #[cfg(test)]
    pub(super) fn numbered(count: i32) -> Self {
        Self(count)
    }

    pub(super) fn before_it(self) -> Self {
        Self(self.0.saturating_sub(1))
    }

    /// This one, those after it, and `last`.
    pub(super) fn until(self, last: Self) -> impl Iterator<Item = Self> {
        (self.0..=last.0).map(Self)
    }

    pub(super) fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

/// How likely something is, in hundredths: so little differences disturb nobody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
pub struct Level(u8);

impl Level {
    pub(super) const fn new(hundredths: u8) -> Self {
        Self(hundredths)
    }

    pub fn of(share: f64) -> Self {
        Self((share.clamp(0.0, 1.0) * 100.0 + 1e-9) as u8)
    }

    /// From 0 to 1.
    pub fn share(self) -> f64 {
        f64::from(self.0) / 100.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_judged_by_a_minute_that_was_over_half_a_minute_before() {
        let known = |s: i64| Minute::known(UtcMillis(s * 1000)).0;
        assert_eq!([known(90), known(149), known(150)], [1, 1, 2]);
        let told = |ms| Minute::told(UtcMillis(ms)).0;
        assert_eq!([told(60_000), told(60_001), told(120_000)], [1, 2, 2]);
    }
}
