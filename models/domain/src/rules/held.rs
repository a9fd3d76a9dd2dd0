//! What rules over a whole zone share: a state with a begin and an end, whole minutes, and means over time.

use crate::units::{DurationMs, UtcMillis};

/// Nothing is concluded from a span without pictures that is longer than this.
const GAP: DurationMs = DurationMs(15_000);
/// Figures are told by whole minutes of the clock, so that those of several cameras add up.
const MINUTE_MS: i64 = 60_000;

/// A state that must last before it is believed, and be gone for a while before it is taken as over.
#[derive(Debug, Clone)]
pub struct Held {
    begin_after: DurationMs,
    end_after: DurationMs,
    /// Since when it is, once it is believed.
    on: Option<UtcMillis>,
    /// Since when the pictures say otherwise.
    changing: Option<UtcMillis>,
    last: Option<UtcMillis>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// Since when.
    Began(UtcMillis),
    /// When it had begun.
    Ended(UtcMillis),
}

impl Held {
    pub fn new(begin_after: DurationMs, end_after: DurationMs) -> Self {
        Self { begin_after, end_after, on: None, changing: None, last: None }
    }

    /// `is`: what this picture says; `None` when it is between the level that begins the state and the one that ends it.
    pub fn step(&mut self, at: UtcMillis, is: Option<bool>) -> Option<Turn> {
        let gap = self.last.is_some_and(|last| at.since(last) > GAP || at < last);
        self.last = Some(at);
        if gap {
            self.changing = None;
        }
        let other = match is {
            None => return None,
            Some(is) => is != self.on.is_some(),
        };
        if !other {
            self.changing = None;
            return None;
        }
        let since = *self.changing.get_or_insert(at);
        let wait = if self.on.is_some() { self.end_after } else { self.begin_after };
        if at.since(since) < wait {
            return None;
        }
        self.changing = None;
        match self.on.take() {
            Some(began) => Some(Turn::Ended(began)),
            None => {
                self.on = Some(since);
                Some(Turn::Began(since))
            }
        }
    }

    pub fn is_on(&self) -> bool {
        self.on.is_some()
    }

    /// Whether the pictures began to say something else than what is believed.
    pub fn is_turning(&self) -> bool {
        self.changing.is_some()
    }

    /// Forgets the state without telling its end.
    pub fn reset(&mut self) {
        (self.on, self.changing) = (None, None);
    }
}

/// Tells when a minute of the clock is over.
#[derive(Debug, Clone, Default)]
pub struct Minute(Option<i64>);

impl Minute {
    /// The begin of the minute that ended since the last call, if one did.
    pub fn over(&mut self, at: UtcMillis) -> Option<UtcMillis> {
        let now = at.0.div_euclid(MINUTE_MS);
        let before = self.0.replace(now)?;
        (before != now).then(|| UtcMillis(before.saturating_mul(MINUTE_MS)))
    }

    /// The begin of the minute that is under way, if one is: nothing more will come.
    pub fn end(&mut self) -> Option<UtcMillis> {
        self.0.take().map(|minute| UtcMillis(minute.saturating_mul(MINUTE_MS)))
    }
}

/// Means over time: a picture counts for the time until the next one.
#[derive(Debug, Clone)]
pub struct Means<const N: usize> {
    sums: [f64; N],
    seconds: f64,
    last: Option<(UtcMillis, [f64; N])>,
}

impl<const N: usize> Default for Means<N> {
    fn default() -> Self {
        Self { sums: [0.0; N], seconds: 0.0, last: None }
    }
}

impl<const N: usize> Means<N> {
    pub fn add(&mut self, at: UtcMillis, values: [f64; N]) {
        if let Some((before, old)) = self.last.replace((at, values)) {
            let span = at.since(before);
            if (DurationMs(0)..=GAP).contains(&span) {
                self.seconds += span.seconds();
                self.sums.iter_mut().zip(old).for_each(|(sum, v)| *sum += v * span.seconds());
            }
        }
    }

    /// The means since the last call, and the seconds they stand for; `None` when nothing was seen.
    pub fn take(&mut self) -> Option<([f64; N], f64)> {
        let seconds = std::mem::take(&mut self.seconds);
        let sums = std::mem::replace(&mut self.sums, [0.0; N]);
        (seconds > 0.0).then(|| (sums.map(|sum| sum / seconds), seconds))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(pictures: &[(i64, Option<bool>)], want: &[&str]) {
        let mut held = Held::new(DurationMs(2_000), DurationMs(3_000));
        let turns = pictures.iter().filter_map(|&(at, is)| {
            held.step(UtcMillis(at), is).map(|turn| match turn {
                Turn::Began(since) => format!("{at} began {}", since.0),
                Turn::Ended(since) => format!("{at} ended {}", since.0),
            })
        });
        assert_eq!(turns.collect::<Vec<_>>(), want);
    }

    #[test]
    fn a_state_lasts_before_it_is_believed() {
        let (y, n) = (Some(true), Some(false));
        check(&[(0, y), (1_000, y), (1_500, n), (2_000, y), (3_900, y)], &[]);
        check(
            &[(0, y), (2_000, y), (3_000, n), (4_000, y), (5_000, n), (8_000, n)],
            &["2000 began 0", "8000 ended 0"],
        );
        // Between the two levels nothing changes, and what was on its way goes on.
        check(&[(0, y), (1_000, None), (2_000, y), (3_000, None), (9_000, None)], &["2000 began 0"]);
        // A camera that was away proves nothing.
        check(&[(0, y), (1_000, y), (60_000, y)], &[]);
        check(&[(5_000, y), (1_000, y), (2_000, y), (3_000, y)], &["3000 began 1000"]);
    }

    #[test]
    fn means_leave_gaps_out() {
        let mut means = Means::<1>::default();
        for (at, value) in [(0, 2.0), (1_000, 4.0), (4_000, 0.0), (100_000, 9.0), (99_000, 9.0)] {
            means.add(UtcMillis(at), [value]);
        }
        assert_eq!(means.take(), Some(([3.5], 4.0)));
        assert_eq!(means.take(), None);
    }

    #[test]
    fn minutes_of_the_clock() {
        let mut minute = Minute::default();
        let over: Vec<_> =
            [59_000, 59_999, 60_001, 119_000, 240_000].map(|at| minute.over(UtcMillis(at))).into();
        assert_eq!(over, [None, None, Some(UtcMillis(0)), None, Some(UtcMillis(60_000))]);
    }
}
