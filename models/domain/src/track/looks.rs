//! How well moving vehicles are seen here, by the size of their boxes: what is seen far worse than they are is a piece of one of
//! them, its shadow or a mark on the road beside it, and goes along with it.

use std::collections::BTreeMap;

use super::motion::size_of;
use crate::detection::{BBox, Class};
use crate::units::DurationMs;

/// Below this share of what is usual a vehicle is hardly seen.
const SHARE: f32 = 0.35;
/// Seconds of moving vehicles that a size remembers ...
const MEMORY_S: f32 = 120.0;
/// ... and below which it tells nothing.
const ENOUGH_S: f32 = 5.0;

/// Mean scores by the size of the box. Of people and two-wheelers nothing is kept: a street has faint ones that are real.
#[derive(Debug, Clone, Default)]
pub struct Looks {
    /// By half octaves of the box's size.
    levels: BTreeMap<i16, Mean>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Mean {
    seconds: f32,
    score: f32,
}

impl Looks {
    /// Takes note of a moving vehicle that was seen clearly once: of late with the score `usual`, and now for `time`.
    pub fn learn(&mut self, bbox: &BBox, class: Class, usual: f32, time: DurationMs) {
        let Some(level) = level(bbox, class) else { return };
        let seconds = time.seconds() as f32;
        if seconds <= 0.0 {
            return;
        }
        let mean = self.levels.entry(level).or_default();
        mean.seconds = (mean.seconds + seconds).min(MEMORY_S);
        mean.score += (seconds / mean.seconds).min(1.0) * (usual - mean.score);
    }

    /// Whether one of this size with the score `usual` is seen far worse than others.
    pub fn is_faint(&self, bbox: &BBox, class: Class, usual: f32) -> bool {
        let mean = level(bbox, class).and_then(|level| self.levels.get(&level));
        mean.is_some_and(|mean| mean.seconds >= ENOUGH_S && usual < SHARE * mean.score)
    }
}

/// Half octaves of the box's size.
fn level(bbox: &BBox, class: Class) -> Option<i16> {
    let level = (2.0 * size_of(bbox).log2()).round();
    let heavy = class.is_vehicle() && !class.is_two_wheeler();
    (heavy && level.is_finite() && level.abs() < 100.0).then_some(level as i16)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn car(size: f64) -> BBox {
        BBox::new(10.0, 10.0, size, size)
    }

    #[test]
    fn what_is_seen_far_worse_than_others_of_its_size_is_faint() {
        let mut looks = Looks::default();
        for _ in 0..30 {
            looks.learn(&car(50.0), Class::Car, 0.6, DurationMs(150));
        }
        assert!(!looks.is_faint(&car(50.0), Class::Car, 0.1), "four and a half seconds tell nothing");
        for _ in 0..30 {
            looks.learn(&car(50.0), Class::Car, 0.6, DurationMs(150));
        }
        assert!(looks.is_faint(&car(50.0), Class::Truck, 0.2));
        assert!(!looks.is_faint(&car(50.0), Class::Car, 0.22));
        assert!(!looks.is_faint(&car(15.0), Class::Car, 0.1), "of smaller ones nothing is known");
        assert!(!looks.is_faint(&car(50.0), Class::Motorcycle, 0.1));
        // By night all are seen worse.
        for _ in 0..1_600 {
            looks.learn(&car(50.0), Class::Car, 0.3, DurationMs(150));
        }
        assert!(!looks.is_faint(&car(50.0), Class::Car, 0.12));
    }
}
