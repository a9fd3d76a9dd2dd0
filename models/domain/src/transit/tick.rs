//! When what is thought of buses counts for others, and how likely it is.

use serde::{Deserialize, Serialize};

use crate::units::{DurationMs, UtcMillis};

/// Reports of others that take no longer than this to come are there in time.
const LAG: DurationMs = DurationMs(5_000);
const EVERY_MS: i64 = 5_000;

/// Every fifth second, counted from 1970 on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Tick(i32);

impl Tick {
    pub(super) const FIRST: Self = Self(i32::MIN);
    pub(super) const LAST: Self = Self(i32::MAX);

    /// The tick as of which others are known to a bus that was seen then.
    pub fn known(at: UtcMillis) -> Self {
        Self::of((at - LAG).0.div_euclid(EVERY_MS))
    }

    /// From which tick on it counts what a bus was seen to do then.
    pub fn told(at: UtcMillis) -> Self {
        Self::of((at.0 + EVERY_MS - 1).div_euclid(EVERY_MS))
    }

    pub fn at(self) -> UtcMillis {
        UtcMillis(i64::from(self.0) * EVERY_MS)
    }

    /// The last one that is not after a moment.
    pub fn before(at: UtcMillis) -> Self {
        Self::of(at.0.div_euclid(EVERY_MS))
    }

    fn of(count: i64) -> Self {
        Self(i32::try_from(count).unwrap_or(i32::MAX))
    }

    #[cfg(test)]
    pub(super) fn numbered(count: i32) -> Self {
        Self(count)
    }

    pub(super) fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

/// How likely something is, roughly and in hundredths: so little differences disturb nobody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
pub struct Level(u8);

impl Level {
    pub(super) const fn new(hundredths: u8) -> Self {
        Self(hundredths)
    }

    const STEPS: [u8; 14] = [2, 5, 10, 20, 30, 40, 50, 60, 70, 80, 90, 95, 98, 100];

    /// At least so likely.
    pub fn of(share: f64) -> Self {
        let hundredths = share.clamp(0.0, 1.0) * 100.0 + 1e-9;
        let steps = Self::STEPS.partition_point(|step| f64::from(*step) <= hundredths);
        Self(steps.checked_sub(1).map_or(0, |i| Self::STEPS[i]))
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
    fn others_are_known_as_they_were_five_seconds_ago_or_a_little_more() {
        let known = |ms| Tick::known(UtcMillis(ms)).0;
        assert_eq!([known(10_000), known(14_999), known(15_000)], [1, 1, 2]);
        let told = |ms| Tick::told(UtcMillis(ms)).0;
        assert_eq!([told(5_000), told(5_001), told(10_000)], [1, 2, 2]);
    }
}
