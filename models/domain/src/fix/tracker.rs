//! What ails a tracker, told from how it reported.

use super::Reason;
use crate::units::{DurationMs, UtcMillis};

/// How a tracker reported over some time.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Reporting {
    pub reports: u32,
    /// Reports that are not believed, by reason.
    pub rejected: Vec<(Reason, u32)>,
    /// Its bus was doing a run when it was last heard.
    pub under_way: bool,
    /// When its last believed report came.
    pub received: UtcMillis,
    /// Receipt minus the device's time, the least of its last reports: stored positions come late, a right clock is never ahead.
    pub clock_off: DurationMs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Ailment {
    Silent,
    Jumping,
    WrongClock,
    NoSatellites,
}

impl Ailment {
    /// For screens and tables; never changes.
    pub fn name(self) -> &'static str {
        match self {
            Self::Silent => "silent",
            Self::Jumping => "jumping",
            Self::WrongClock => "wrong_clock",
            Self::NoSatellites => "no_satellites",
        }
    }
}

/// Under way, and at any time: parked buses sleep for a night.
const SILENT: DurationMs = DurationMs(5 * 60_000);
const GONE: DurationMs = DurationMs(24 * 3_600_000);
const CLOCK_OFF: DurationMs = DurationMs(30_000);
/// Fewer bad reports than this, or a smaller share of all, are nothing to send a technician for.
const BAD_MIN: u32 = 3;
const JUMPS: f64 = 0.01;
const WITHOUT_FIX: f64 = 0.2;

impl Reporting {
    pub fn ailments(&self, now: UtcMillis) -> Vec<Ailment> {
        let of = |reasons: &[Reason]| -> u32 {
            self.rejected.iter().filter(|(reason, _)| reasons.contains(reason)).map(|(_, n)| n).sum()
        };
        let much = |n: u32, share: f64| n >= BAD_MIN && f64::from(n) >= share * f64::from(self.reports);
        let clock = of(&[Reason::Future, Reason::WeekRollover, Reason::Stale]) >= BAD_MIN
            || self.clock_off.0 > CLOCK_OFF.0
            || self.clock_off.0 < -CLOCK_OFF.0;
        let quiet = now.since(self.received).0;
        let judged = [
            (Ailment::Silent, quiet > GONE.0 || (self.under_way && quiet > SILENT.0)),
            (Ailment::Jumping, much(of(&[Reason::Jump, Reason::TooFast]), JUMPS)),
            (Ailment::WrongClock, clock),
            (Ailment::NoSatellites, much(of(&[Reason::Invalid, Reason::NullIsland]), WITHOUT_FIX)),
        ];
        judged.into_iter().filter(|(_, holds)| *holds).map(|(ailment, _)| ailment).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(change: impl FnOnce(&mut Reporting), want: &[Ailment]) {
        let mut reporting =
            Reporting { reports: 360, received: UtcMillis(1_000_000), ..Reporting::default() };
        change(&mut reporting);
        assert_eq!(reporting.ailments(UtcMillis(1_100_000)), want);
    }

    #[test]
    fn each_ailment_shows() {
        check(|_| {}, &[]);
        let quiet = UtcMillis(1_100_000 - 300_001);
        check(|r| (r.received, r.under_way) = (quiet, true), &[Ailment::Silent]);
        check(|r| r.received = quiet, &[]);
        check(|r| r.received = UtcMillis(1_100_000 - 86_400_001), &[Ailment::Silent]);
        check(|r| r.rejected = vec![(Reason::Jump, 2), (Reason::Double, 40)], &[]);
        check(|r| r.rejected = vec![(Reason::Jump, 4)], &[Ailment::Jumping]);
        check(|r| r.rejected = vec![(Reason::Future, 3)], &[Ailment::WrongClock]);
        check(|r| r.clock_off = DurationMs(3_600_000), &[Ailment::WrongClock]);
        check(|r| r.clock_off = DurationMs(29_000), &[]);
        check(
            |r| r.rejected = vec![(Reason::Invalid, 60), (Reason::NullIsland, 20)],
            &[Ailment::NoSatellites],
        );
    }
}
