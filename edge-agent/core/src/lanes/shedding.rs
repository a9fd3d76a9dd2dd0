//! How much each class of cameras gets when the machine cannot serve all. Pure: it is told how long work waited.

use std::time::Duration;

use hardware_ports::infer::Priority;

/// From the lowest class on.
const CLASSES: [Priority; 3] = [Priority::Health, Priority::Incident, Priority::Counting];
/// The shares are looked at this often.
const PERIOD: Duration = Duration::from_millis(500);
/// Work that waits longer than this means that the machine is behind; shorter than that, that it has room.
const BEHIND: Duration = Duration::from_millis(250);
const AT_EASE: Duration = Duration::from_millis(60);
const CUT: f64 = 0.75;
const RAISE: f64 = 0.1;
/// Whatever happens, each camera gets so much of its pictures.
const LEAST: f64 = 0.1;

/// The lowest class is cut first, and the highest raised first.
#[derive(Debug, Clone)]
pub struct Shedding {
    since: Duration,
    worst: Duration,
    shares: [Share; 3],
}

#[derive(Debug, Clone, Copy)]
struct Share {
    of: Priority,
    share: f64,
    /// Cameras of this class worked lately.
    busy: bool,
}

impl Shedding {
    pub fn new(now: Duration) -> Self {
        let shares = CLASSES.map(|of| Share { of, share: 1.0, busy: false });
        Self { since: now, worst: Duration::ZERO, shares }
    }

    /// Work of a camera of this class began at `now` after it had waited so long.
    pub fn waited(&mut self, now: Duration, class: Priority, wait: Duration) {
        self.worst = self.worst.max(wait);
        self.shares.iter_mut().filter(|s| s.of == class).for_each(|s| s.busy = true);
        if now.saturating_sub(self.since) >= PERIOD {
            self.decide();
            self.since = now;
            self.worst = Duration::ZERO;
            self.shares.iter_mut().for_each(|s| s.busy = false);
        }
    }

    pub fn share(&self, class: Priority) -> f64 {
        self.shares.iter().find(|s| s.of == class).map_or(1.0, |s| s.share)
    }

    fn decide(&mut self) {
        if self.worst > BEHIND {
            if let Some(lowest) = self.shares.iter_mut().find(|s| s.busy && s.share > LEAST) {
                lowest.share = (lowest.share * CUT).max(LEAST);
            }
        } else if self.worst < AT_EASE
            && let Some(highest) = self.shares.iter_mut().rev().find(|s| s.share < 1.0)
        {
            highest.share = (highest.share + RAISE).min(1.0);
        }
    }
}

#[cfg(test)]
mod tests {
    use Priority::{Counting, Health, Incident};

    use super::*;

    /// `seconds` of work of all `classes` that waits `wait_ms`.
    fn pass(shedding: &mut Shedding, classes: &[Priority], seconds: u64, wait_ms: u64) {
        let start = shedding.since;
        for i in 1..=seconds * 10 {
            let now = start + Duration::from_millis(i * 100);
            for class in classes {
                shedding.waited(now, *class, Duration::from_millis(wait_ms));
            }
        }
    }

    #[track_caller]
    fn check(shedding: &Shedding, want: [f64; 3]) {
        let shares = [Health, Incident, Counting].map(|c| (shedding.share(c) * 100.0).round() / 100.0);
        assert_eq!(shares, want);
    }

    #[test]
    fn the_lowest_class_is_shed_first_and_comes_back_last() {
        let mut shedding = Shedding::new(Duration::ZERO);
        let all = [Health, Incident, Counting];
        pass(&mut shedding, &all, 5, 100);
        check(&shedding, [1.0, 1.0, 1.0]);
        pass(&mut shedding, &all, 1, 300);
        check(&shedding, [0.56, 1.0, 1.0]);
        pass(&mut shedding, &all, 4, 300);
        check(&shedding, [0.1, 0.75, 1.0]);
        pass(&mut shedding, &all, 60, 300);
        check(&shedding, [0.1, 0.1, 0.1]);
        pass(&mut shedding, &all, 4, 10);
        check(&shedding, [0.1, 0.1, 0.8]);
        pass(&mut shedding, &all, 60, 10);
        check(&shedding, [1.0, 1.0, 1.0]);
    }

    #[test]
    fn a_class_without_cameras_is_not_cut_in_vain() {
        let mut shedding = Shedding::new(Duration::ZERO);
        pass(&mut shedding, &[Counting], 1, 300);
        check(&shedding, [1.0, 1.0, 0.56]);
    }
}
