//! Where a road user touched the ground of late: as much of its way as its speed is read from.

use crate::detection::BBox;
use crate::geo::Point;
use crate::units::{DurationMs, UtcMillis};

/// Steps kept. With [`APART`] they span a second and more at every rate of pictures.
const STEPS: usize = 10;
/// Pictures within this time make one step, so that 25 pictures a second reach as far back as six.
const APART: DurationMs = DurationMs(130);
/// Older steps are forgotten: by then it may have braked.
const REACH: DurationMs = DurationMs(1_500);

/// One place of the way: the mean of a few pictures close in time.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Step {
    pub at: UtcMillis,
    /// Of the time, what milliseconds leave over in the mean.
    fraction_ms: f64,
    /// Middle of the lower edge of the box, in pixels of the scene.
    pub foot: Point,
    /// Width and height of the box.
    pub size: (f64, f64),
    /// Pictures in it.
    pub pictures: u32,
    first: UtcMillis,
}

/// The last steps of a track, oldest first. Unfiltered: as the network saw them.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Trail {
    steps: [Step; STEPS],
    len: usize,
}

impl Trail {
    /// Takes note of a box that was seen at `at`. A time that is not later than the last changes nothing; one far from it
    /// begins anew.
    pub fn push(&mut self, at: UtcMillis, bbox: &BBox) {
        let new =
            Step { at, fraction_ms: 0.0, foot: bbox.foot(), size: (bbox.w, bbox.h), pictures: 1, first: at };
        if let Some(last) = self.len.checked_sub(1).map(|i| &mut self.steps[i]) {
            let gone = at.since(last.first);
            if gone.0 <= 0 || at <= last.at {
                if gone < DurationMs(-REACH.0) {
                    *self = Self::default();
                }
                return;
            }
            if gone < APART {
                last.join(&new);
                return;
            }
        }
        let keep = self.steps[..self.len].iter().filter(|s| at.since(s.at) <= REACH);
        let from = self.len - keep.count();
        let from = from.max((self.len + 1).saturating_sub(STEPS));
        self.steps.copy_within(from..self.len, 0);
        self.len -= from;
        self.steps[self.len] = new;
        self.len += 1;
    }

    /// Oldest first.
    pub fn steps(&self) -> &[Step] {
        &self.steps[..self.len]
    }
}

impl Step {
    fn join(&mut self, new: &Step) {
        let share = 1.0 / f64::from(self.pictures + 1);
        let mean = |old: f64, new: f64| old + share * (new - old);
        let late = new.at.since(self.at).0 as f64 - self.fraction_ms;
        let moved = self.fraction_ms + share * late;
        self.at = self.at + DurationMs(moved.floor() as i64);
        self.fraction_ms = moved - moved.floor();
        self.foot = Point::new(mean(self.foot.x, new.foot.x), mean(self.foot.y, new.foot.y));
        self.size = (mean(self.size.0, new.size.0), mean(self.size.1, new.size.1));
        self.pictures += 1;
    }

    /// Seconds after `begin`.
    pub fn seconds_after(&self, begin: UtcMillis) -> f64 {
        (self.at.since(begin).0 as f64 + self.fraction_ms) / 1000.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A foot that goes 100 px/s, seen at the given times; the steps lie on its way and are `want` many.
    #[track_caller]
    fn check(times_ms: impl Iterator<Item = i64>, want: usize) {
        let mut trail = Trail::default();
        for ms in times_ms {
            trail.push(UtcMillis(ms), &BBox::new(0.1 * ms as f64, 0.0, 20.0, 40.0));
        }
        for step in trail.steps() {
            let x = 10.0 + 100.0 * step.seconds_after(UtcMillis(0));
            assert!((step.foot.x - x).abs() < 1e-6, "{step:?} {x}");
        }
        assert!(trail.steps().is_sorted_by(|a, b| a.at < b.at));
        assert_eq!(trail.steps().len(), want);
    }

    #[test]
    fn every_rate_reaches_as_far_back() {
        check((0..100).map(|i| i * 40), 10);
        check((0..100).map(|i| i * 83), 10);
        check((0..100).map(|i| i * 167), 9);
        check([0, 40, 40, 20, 200].into_iter(), 2);
        check([0, 100, 200, 9_000].into_iter(), 1);
        check([9_000, 9_100, 0, 100].into_iter(), 1);
        check(std::iter::empty(), 0);
    }
}
