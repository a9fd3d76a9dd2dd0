//! How far a controller's clock is ahead of ours, out of readings that know whole seconds only. Pure.
//!
//! A reading of `s` seconds at our moment `t` says that its clock is at least `s` and less than `s + 1`. Readings at
//! different parts of the second narrow this down.

use std::collections::VecDeque;

use models_domain::{DurationMs, UtcMillis};

/// Readings that are remembered; at one a second a drift of 100 ppm is 2 ms among them.
const READINGS_MAX: usize = 20;

/// A clock that differs from ours by its own zone, but for so much, keeps local time where UTC belongs.
const LOCAL_WITHIN_MS: i64 = 10 * 60_000;

#[derive(Debug, Clone, Default)]
pub struct Clock {
    /// By how much it is ahead at least, in ms.
    ahead_least: VecDeque<i64>,
}

impl Clock {
    /// `seconds`: what it said (since 1970); `asked` and `told`: our times between which it said so.
    pub fn read(&mut self, seconds: i64, asked: UtcMillis, told: UtcMillis) {
        let middle = asked.0 + (told.0 - asked.0) / 2;
        let least = seconds.saturating_mul(1_000).saturating_sub(middle);
        // It was set, or ours was.
        if self.ahead_least.iter().any(|other| (other - least).abs() > 1_500) {
            self.ahead_least.clear();
        }
        if self.ahead_least.len() >= READINGS_MAX {
            self.ahead_least.pop_front();
        }
        self.ahead_least.push_back(least);
    }

    pub fn forget(&mut self) {
        self.ahead_least.clear();
    }

    /// The middle of what is possible.
    pub fn ahead(&self) -> Option<DurationMs> {
        let least = *self.ahead_least.iter().max()?;
        let most = *self.ahead_least.iter().min()? + 1_000;
        Some(DurationMs(least + (most - least) / 2))
    }

    /// `offset_s`: how far local time is ahead of UTC there. Whether it tells local time where UTC belongs.
    pub fn is_local(&self, offset_s: i64) -> bool {
        let ahead = self.ahead().unwrap_or_default().0;
        offset_s != 0 && (ahead - offset_s * 1_000).abs() < LOCAL_WITHIN_MS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(true_ahead_ms: i64, times_ms: &[i64], want_ms: i64) {
        let mut clock = Clock::default();
        for time in times_ms {
            let seconds = (time + true_ahead_ms).div_euclid(1_000);
            clock.read(seconds, UtcMillis(time - 5), UtcMillis(time + 5));
        }
        assert_eq!(clock.ahead(), Some(DurationMs(want_ms)));
    }

    #[test]
    fn readings_narrow_it_down() {
        check(0, &[5_000], 500);
        check(2_300, &[5_000], 2_500);
        check(2_300, &[5_000, 6_100, 7_200, 8_300, 9_400, 10_500, 11_600, 12_700, 13_800, 14_900], 2_350);
        check(-40_000, &[100_000, 101_300, 102_600, 103_950], -39_975);
    }

    #[test]
    fn a_clock_that_was_set_is_measured_anew() {
        let mut clock = Clock::default();
        assert_eq!(clock.ahead(), None);
        clock.read(5, UtcMillis(5_000), UtcMillis(5_000));
        clock.read(36, UtcMillis(6_000), UtcMillis(6_000));
        assert_eq!(clock.ahead(), Some(DurationMs(30_500)));
        assert!(!clock.is_local(7 * 3_600) && !clock.is_local(0));
        clock.read(7 + 25_200, UtcMillis(6_500), UtcMillis(6_500));
        assert!(clock.is_local(7 * 3_600));
    }
}
