//! Which pictures are analysed, and how many a second were.

use std::collections::VecDeque;
use std::time::Duration;

use models_domain::{DurationMs, UtcMillis};

/// Early by this much is early enough: cameras do not keep time to the millisecond.
const EARLY: DurationMs = DurationMs(10);
/// What "a second" is averaged over.
const WINDOW: Duration = Duration::from_secs(10);

/// Lets through at most so many pictures a second, evenly.
pub struct AnalyzePace {
    period: DurationMs,
    due: Option<UtcMillis>,
    /// Grows by the share of each picture; at 1 one is analysed.
    credit: f64,
}

/// Whether a picture's time to be analysed has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    Yes,
    No,
    /// It had, but the machine is overloaded.
    Shed,
}

impl AnalyzePace {
    pub fn new(fps: f64) -> Self {
        let period = if fps > 0.0 { (1000.0 / fps).min(60_000.0) } else { 60_000.0 };
        Self { period: DurationMs(period as i64), due: None, credit: 0.0 }
    }

    /// What becomes of the picture taken at `at` when only this `share` (0..=1) of what is due can be analysed.
    pub fn turn(&mut self, at: UtcMillis, share: f64) -> Turn {
        if !self.is_due(at) {
            return Turn::No;
        }
        self.credit = (self.credit + share).min(1.0);
        if self.credit < 1.0 - 1e-6 {
            return Turn::Shed;
        }
        self.credit = 0.0_f64.max(self.credit - 1.0);
        Turn::Yes
    }

    fn is_due(&mut self, at: UtcMillis) -> bool {
        let late = match self.due {
            None => self.period,
            Some(due) => at.since(due),
        };
        // A clock that was set back must not stop the analysis.
        let set_back = late.0 < -2 * self.period.0;
        if late.0 < -EARLY.0 && !set_back {
            return false;
        }
        let on_time = late < self.period && !set_back;
        self.due = Some(if on_time { at - late + self.period } else { at + self.period });
        true
    }
}

/// Pictures a second over the last [`WINDOW`].
#[derive(Default)]
pub struct Rate {
    began: Option<Duration>,
    times: VecDeque<Duration>,
}

impl Rate {
    pub fn picture(&mut self, now: Duration) -> f32 {
        self.began.get_or_insert(now);
        self.times.push_back(now);
        self.now(now)
    }

    pub fn now(&mut self, now: Duration) -> f32 {
        while self.times.front().is_some_and(|t| now.saturating_sub(*t) > WINDOW) {
            self.times.pop_front();
        }
        let since_start = now.saturating_sub(self.began.unwrap_or(now));
        let span = since_start.clamp(Duration::from_secs(1), WINDOW);
        self.times.len() as f32 / span.as_secs_f32()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(fps: f64, every_ms: i64, want: usize) {
        let mut pace = AnalyzePace::new(fps);
        let analysed = (0..10_000 / every_ms).filter(|i| pace.is_due(UtcMillis(i * every_ms))).count();
        assert_eq!(analysed, want);
    }

    #[test]
    fn at_most_so_many_a_second_and_evenly() {
        check(10.0, 40, 100);
        check(10.0, 100, 100);
        check(10.0, 167, 59);
        check(25.0, 40, 250);
        check(0.5, 40, 5);
    }

    #[test]
    fn of_what_is_due_a_share_is_analysed_and_the_rest_shed() {
        let mut pace = AnalyzePace::new(10.0);
        let turns: Vec<Turn> = (0..100).map(|i| pace.turn(UtcMillis(i * 50), 0.5)).collect();
        let count = |wanted| turns.iter().filter(|t| **t == wanted).count();
        assert_eq!((count(Turn::Yes), count(Turn::Shed), count(Turn::No)), (25, 25, 50));
    }

    #[test]
    fn a_clock_set_back_does_not_stop_it() {
        let mut pace = AnalyzePace::new(10.0);
        assert!(pace.is_due(UtcMillis(1_000_000)));
        assert!(pace.is_due(UtcMillis(5)));
        assert!(!pace.is_due(UtcMillis(50)));
        assert!(pace.is_due(UtcMillis(105)));
    }
}
