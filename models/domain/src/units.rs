//! Quantities with their unit in the type.

use std::ops::{Add, Sub};

use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Default, Serialize, Deserialize)]
pub struct MetersPerSecond(pub f64);

impl MetersPerSecond {
    pub fn from_kmh(kmh: f64) -> Self {
        Self(kmh / 3.6)
    }

    pub fn from_knots(knots: f64) -> Self {
        Self(knots * 1.852 / 3.6)
    }

    pub fn kmh(self) -> f64 {
        self.0 * 3.6
    }
}

#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Default, Serialize, Deserialize)]
pub struct Meters(pub f64);

/// An angle: latitude (north positive), longitude (east positive), or course (clockwise from north).
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Default, Serialize, Deserialize)]
pub struct Degrees(pub f64);

/// Milliseconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct UtcMillis(pub i64);

/// A length of time in milliseconds; negative when time ran backwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct DurationMs(pub i64);

impl DurationMs {
    pub fn seconds(self) -> f64 {
        self.0 as f64 / 1000.0
    }
}

impl Add for DurationMs {
    type Output = DurationMs;
    fn add(self, more: DurationMs) -> DurationMs {
        DurationMs(self.0.saturating_add(more.0))
    }
}

impl Sub for DurationMs {
    type Output = DurationMs;
    fn sub(self, less: DurationMs) -> DurationMs {
        DurationMs(self.0.saturating_sub(less.0))
    }
}

impl UtcMillis {
    /// Time from `earlier` to `self`; negative if time ran backwards.
    pub fn since(self, earlier: UtcMillis) -> DurationMs {
        DurationMs(self.0.saturating_sub(earlier.0))
    }
}

impl Add<DurationMs> for UtcMillis {
    type Output = UtcMillis;
    fn add(self, by: DurationMs) -> UtcMillis {
        UtcMillis(self.0.saturating_add(by.0))
    }
}

impl Sub<DurationMs> for UtcMillis {
    type Output = UtcMillis;
    fn sub(self, by: DurationMs) -> UtcMillis {
        UtcMillis(self.0.saturating_sub(by.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conversions() {
        assert!((MetersPerSecond::from_kmh(36.0).0 - 10.0).abs() < 1e-12);
        assert!((MetersPerSecond::from_knots(10.0).kmh() - 18.52).abs() < 1e-12);
        assert_eq!(UtcMillis(5).since(UtcMillis(9)), DurationMs(-4));
        assert_eq!(UtcMillis(i64::MAX) + DurationMs(1), UtcMillis(i64::MAX));
    }
}
