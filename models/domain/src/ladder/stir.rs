//! Whether a stream says that something moves: how large its pictures are against what they are when nothing does.
//!
//! A picture's cost is the logarithm of its bytes, brought to one quantiser: an encoder that holds its bit rate spends motion
//! on a coarser quantiser instead of on bytes. The pictures of one, two and four seconds are looked at together, the largest
//! of them left out: the sizes of I, P and B pictures alternate, a burnt-in clock ticks, and none of that is motion. Noise
//! averages out over the longer ones, haste shows in the shorter. Against each stands its [`super::floor`].

use std::collections::VecDeque;

use super::{UnitFacts, UnitKind};
use crate::units::{DurationMs, UtcMillis};

/// How many lengths of time are looked at, and how long they are.
pub(super) const SPANS: usize = 3;
const SPAN: [DurationMs; SPANS] = [DurationMs(1_000), DurationMs(2_000), DurationMs(4_000)];
/// Fewer pictures than this say nothing, so a slow stream's spans are longer.
const UNITS_MIN: usize = 4;
const UNITS_MAX: usize = 256;
/// The last span is looked at so often.
const EVERY: DurationMs = DurationMs(190);
/// A hole in the stream or a clock that was set: the spans begin anew.
const BREAK: DurationMs = DurationMs(5_000);
/// Of how many pictures one, besides the largest, is left out.
const LEFT_OUT_OF: usize = 10;
/// Bytes that a picture costs which repeats the one before it; below them sizes say nothing.
const EMPTY_BYTES: f32 = 48.0;
/// So many key frames in a row, and the stream has nothing else (Motion JPEG, intra only).
const KEYS_ONLY: u32 = 10;

/// Mean over a span's pictures.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Cost {
    /// Natural logarithm of the bytes.
    pub bytes: f32,
    /// Quantiser; 0 where it is not told.
    pub qp: f32,
}

impl Cost {
    /// Logarithm of the bytes at quantiser 0, when `slope` is what they shrink by with each step.
    pub fn level(&self, slope: f32) -> f32 {
        self.bytes + slope * self.qp
    }
}

/// The last seconds of one stream.
#[derive(Debug, Clone, Default)]
pub(super) struct Stir {
    units: VecDeque<(UtcMillis, Cost)>,
    keys_in_a_row: u32,
    newest: Option<UtcMillis>,
    looked: Option<UtcMillis>,
    sorted: Vec<(f32, Cost)>,
}

impl Stir {
    /// The cost of each span that ends with this unit; `None` while there are too few pictures, and between two looks.
    pub fn unit(&mut self, unit: &UnitFacts, slope: f32) -> Option<[Cost; SPANS]> {
        let far = |then: UtcMillis| unit.at.since(then).0.unsigned_abs() > BREAK.0.unsigned_abs();
        if self.newest.is_some_and(far) {
            self.units.clear();
            (self.newest, self.looked) = (None, None);
        }
        let newest = self.newest.map_or(unit.at, |newest| newest.max(unit.at));
        self.newest = Some(newest);
        if !self.is_counted(unit.kind) {
            return None;
        }
        let qp = unit.qp.filter(|qp| qp.is_finite()).unwrap_or(0.0);
        self.units.push_back((unit.at, Cost { bytes: (EMPTY_BYTES + unit.bytes as f32).ln(), qp }));
        let longest = SPAN[SPANS - 1];
        while self.units.len() > UNITS_MIN
            && (self.units.len() > UNITS_MAX
                || self.units.front().is_some_and(|(at, _)| newest.since(*at) >= longest))
        {
            self.units.pop_front();
        }
        if self.units.len() < UNITS_MIN || self.looked.is_some_and(|looked| newest.since(looked) < EVERY) {
            return None;
        }
        self.looked = Some(newest);
        Some(SPAN.map(|span| self.span(newest, span, slope)))
    }

    /// What was so far has been looked at.
    pub fn forget(&mut self) {
        self.units.clear();
    }

    /// Whether every picture of the stream is a key frame.
    pub fn is_intra(&self) -> bool {
        self.keys_in_a_row >= KEYS_ONLY
    }

    /// Key frames are another kind of picture than those between them, and count only where there are no others.
    fn is_counted(&mut self, kind: UnitKind) -> bool {
        match kind {
            UnitKind::Key => {
                self.keys_in_a_row = self.keys_in_a_row.saturating_add(1);
                if self.keys_in_a_row == KEYS_ONLY {
                    self.units.clear();
                }
            }
            UnitKind::Delta => {
                if self.is_intra() {
                    self.units.clear();
                }
                self.keys_in_a_row = 0;
            }
        }
        kind == UnitKind::Delta || self.is_intra()
    }

    fn span(&mut self, newest: UtcMillis, span: DurationMs, slope: f32) -> Cost {
        let count =
            self.units.iter().rev().take_while(|(at, _)| newest.since(*at) < span).count().max(UNITS_MIN);
        self.sorted.clear();
        self.sorted.extend(self.units.iter().rev().take(count).map(|(_, cost)| (cost.level(slope), *cost)));
        let count = self.sorted.len();
        let kept = count - 1 - count / LEFT_OUT_OF;
        let (kept, _, _) = self.sorted.select_nth_unstable_by(kept, |a, b| a.0.total_cmp(&b.0));
        let mean = |of: fn(&Cost) -> f32| {
            kept.iter().map(|(_, cost)| of(cost)).sum::<f32>() / kept.len().max(1) as f32
        };
        Cost { bytes: mean(|c| c.bytes), qp: mean(|c| c.qp) }
    }
}
