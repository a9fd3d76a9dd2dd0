//! Whether a stream says that something moves: how large its pictures are against what they are when nothing does.
//!
//! The measure of a picture is what it would have cost at one fixed quantiser: an encoder that holds its bit rate spends
//! motion on a coarser quantiser instead of on bytes. A second of pictures is looked at together, the largest of them left
//! out: the sizes of I, P and B pictures alternate, a burnt-in clock ticks, and none of that is motion. Against it stands
//! the floor: the median and the spread of such seconds when nothing moved.

use std::collections::VecDeque;

use super::{UnitFacts, UnitKind};
use crate::units::{DurationMs, UtcMillis};

/// Pictures this close together are looked at as one.
const WINDOW: DurationMs = DurationMs(1_000);
/// Fewer pictures than this say nothing, so a slow stream's window is longer.
const WINDOW_UNITS_MIN: usize = 4;
const WINDOW_UNITS_MAX: usize = 128;
/// A hole in the stream or a clock that was set: the window begins anew.
const BREAK: DurationMs = DurationMs(5_000);
/// Of how many pictures one, besides the largest, is left out.
const LEFT_OUT_OF: usize = 10;
/// Bytes that a picture costs which repeats the one before it; below them sizes say nothing.
const EMPTY_BYTES: f64 = 48.0;
/// The quantiser at which an encoder's bytes are compared: one that is common by day.
const QP: f64 = 28.0;
/// H.264 §8.5.8, H.265 §8.6.3: the quantiser's step doubles every 6, and with it, roughly, the bits halve.
const QP_DOUBLES: f64 = 6.0;
/// So many key frames in a row, and the stream has nothing else (Motion JPEG, intra only).
const KEYS_ONLY: u32 = 10;
/// Seconds that the floor remembers, and the fewest to know it.
const FLOOR_SECONDS: usize = 120;
const FLOOR_SECONDS_MIN: usize = 4;
/// A spread below this is luck, natural logarithm.
const SPREAD_MIN: f64 = 0.03;
/// So many seconds in a row this far off the floor, in spreads, and it is another one now.
const FAR: f64 = 3.0;
const FAR_SECONDS: usize = 4;
/// The same for intra pictures, whose size is steadier by far.
const SPREAD_MIN_INTRA: f64 = 0.002;

/// The last second of one stream.
#[derive(Debug, Clone, Default)]
pub(super) struct Stir {
    window: VecDeque<(UtcMillis, f64)>,
    keys_in_a_row: u32,
    newest: Option<UtcMillis>,
}

impl Stir {
    /// Natural logarithm of the last second's mean cost; `None` while there are too few pictures for it.
    pub fn unit(&mut self, unit: &UnitFacts) -> Option<f64> {
        if self.newest.is_some_and(|newest| unit.at.since(newest).0.unsigned_abs() > BREAK.0.unsigned_abs()) {
            self.window.clear();
            self.newest = None;
        }
        let newest = self.newest.map_or(unit.at, |newest| newest.max(unit.at));
        self.newest = Some(newest);
        match unit.kind {
            UnitKind::Key => self.keys_in_a_row = self.keys_in_a_row.saturating_add(1),
            UnitKind::Delta if self.is_intra() => {
                self.window.clear();
                self.keys_in_a_row = 0;
            }
            UnitKind::Delta => self.keys_in_a_row = 0,
        }
        if unit.kind == UnitKind::Key && !self.is_intra() {
            return self.level();
        }
        self.window.push_back((unit.at, cost(unit)));
        while self.window.len() > WINDOW_UNITS_MIN
            && (self.window.len() > WINDOW_UNITS_MAX
                || self.window.front().is_some_and(|(at, _)| newest.since(*at) >= WINDOW))
        {
            self.window.pop_front();
        }
        self.level()
    }

    /// Whether every picture of the stream is a key frame.
    pub fn is_intra(&self) -> bool {
        self.keys_in_a_row >= KEYS_ONLY
    }

    fn level(&self) -> Option<f64> {
        if self.window.len() < WINDOW_UNITS_MIN {
            return None;
        }
        let mut costs: Vec<f64> = self.window.iter().map(|(_, cost)| *cost).collect();
        costs.sort_unstable_by(f64::total_cmp);
        let kept = costs.len() - 1 - costs.len() / LEFT_OUT_OF;
        Some((costs[..kept].iter().sum::<f64>() / kept as f64).ln())
    }
}

fn cost(unit: &UnitFacts) -> f64 {
    let bytes = f64::from(unit.bytes);
    match unit.qp {
        Some(qp) => EMPTY_BYTES + bytes * ((f64::from(qp) - QP) / QP_DOUBLES).exp2(),
        None => EMPTY_BYTES + bytes,
    }
}

/// What the stream costs when nothing moves; learned.
#[derive(Debug, Clone, Default)]
pub(super) struct Floor {
    seconds: VecDeque<f64>,
    median: f64,
    spread: f64,
    /// The newest seconds in a row that were far from the floor, on one side.
    far: Vec<f64>,
}

/// How sure it is that nothing moved in a second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Quiet {
    /// Its pictures were looked at.
    Seen,
    /// It did not stir enough to be looked at.
    Unseen,
}

impl Floor {
    pub fn is_known(&self) -> bool {
        self.seconds.len() >= FLOOR_SECONDS_MIN
    }

    /// One second in which nothing moved. Whether the floor is another one now.
    pub fn learn(&mut self, level: f64, quiet: Quiet, intra: bool) -> bool {
        let off = if self.is_known() { (level - self.median) / self.spread_of(intra) } else { 0.0 };
        let side = self.far.last().map_or(off, |last| last - self.median);
        if off.abs() <= FAR || off * side <= 0.0 || (off > 0.0 && quiet == Quiet::Unseen) {
            self.far.clear();
        } else {
            self.far.push(level);
        }
        let is_news = self.far.len() >= FAR_SECONDS;
        if is_news {
            // The light went on, the gain went up: what was before says nothing any more.
            self.seconds = self.far.drain(..).collect();
        } else {
            if self.seconds.len() >= FLOOR_SECONDS {
                self.seconds.pop_front();
            }
            self.seconds.push_back(level);
        }
        let mut sorted: Vec<f64> = self.seconds.iter().copied().collect();
        sorted.sort_unstable_by(f64::total_cmp);
        self.median = quantile(&sorted, 0.5);
        let mut off: Vec<f64> = sorted.iter().map(|s| (s - self.median).abs()).collect();
        off.sort_unstable_by(f64::total_cmp);
        // Of a normal distribution its standard deviation. The tail is left out: it may be motion that was not seen.
        self.spread = 1.4826 * quantile(&off, 0.5);
        is_news
    }

    fn spread_of(&self, intra: bool) -> f64 {
        self.spread.max(if intra { SPREAD_MIN_INTRA } else { SPREAD_MIN })
    }

    /// How far `level` is above the floor, in spreads; for intra pictures how far off it.
    pub fn above(&self, level: f64, intra: bool) -> f64 {
        if intra {
            (level - self.median).abs() / self.spread_of(intra)
        } else {
            (level - self.median) / self.spread_of(intra)
        }
    }
}

/// Of sorted values; 0 of none.
fn quantile(sorted: &[f64], share: f64) -> f64 {
    let at = (sorted.len().saturating_sub(1) as f64 * share).round();
    sorted.get(at as usize).copied().unwrap_or(0.0)
}
