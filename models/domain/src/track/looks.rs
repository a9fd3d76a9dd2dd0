//! How well moving vehicles are seen here, by the size of their boxes: what is seen far worse than they are is a piece of one of
//! them, its shadow or a mark on the road beside it, and goes along with it.

use std::collections::BTreeMap;

use super::motion::size_of;
use crate::detection::{BBox, Class};
use crate::units::{DurationMs, UtcMillis};

/// Below this share of what is usual a vehicle is hardly seen.
const SHARE: f32 = 0.35;
/// Seconds of moving vehicles that a size remembers ...
const MEMORY_S: f32 = 120.0;
/// ... and below which it tells nothing.
const ENOUGH_S: f32 = 5.0;
/// What was learned longer ago tells nothing: light and weather change.
const FRESH: DurationMs = DurationMs(300_000);

/// Mean scores by the size of the box. Of people and two-wheelers nothing is kept: a street has faint ones that are real.
#[derive(Debug, Clone, Default)]
pub struct Looks {
    /// By half octaves of the box's size.
    levels: BTreeMap<i16, Mean>,
}

#[derive(Debug, Clone, Copy)]
struct Mean {
    seconds: f32,
    score: f32,
    /// When it was last learned.
    at: UtcMillis,
}

impl Looks {
    /// Takes note of a moving vehicle that was seen clearly once: of late with the score `usual`, and now for `time`.
    pub fn learn(&mut self, at: UtcMillis, bbox: &BBox, class: Class, usual: f32, time: DurationMs) {
        let Some(level) = level(bbox, class) else { return };
        let seconds = time.seconds() as f32;
        if seconds <= 0.0 {
            return;
        }
        let new = Mean { seconds: 0.0, score: 0.0, at };
        let mean = self.levels.entry(level).or_insert(new);
        if !mean.is_fresh(at) {
            *mean = new;
        }
        mean.at = at;
        mean.seconds = (mean.seconds + seconds).min(MEMORY_S);
        mean.score += (seconds / mean.seconds).min(1.0) * (usual - mean.score);
    }

    /// Whether one of this size with the score `usual` is seen far worse than others.
    pub fn is_faint(&self, at: UtcMillis, bbox: &BBox, class: Class, usual: f32) -> bool {
        let mean = level(bbox, class).and_then(|level| self.levels.get(&level));
        mean.is_some_and(|mean| mean.is_fresh(at) && mean.seconds >= ENOUGH_S && usual < SHARE * mean.score)
    }
}

impl Mean {
    fn is_fresh(&self, at: UtcMillis) -> bool {
        at.since(self.at).0.abs() <= FRESH.0
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

    /// Cars of that size that are seen with this score, for so long from `at_s` on.
    fn drive(looks: &mut Looks, at_s: i64, score: f32, for_s: i64) {
        for ms in (0..for_s * 1_000).step_by(100) {
            looks.learn(UtcMillis(at_s * 1_000 + ms), &car(50.0), Class::Car, score, DurationMs(100));
        }
    }

    #[test]
    fn what_is_seen_far_worse_than_others_of_its_size_is_faint() {
        let mut looks = Looks::default();
        let faint = |looks: &Looks, at_s: i64, size: f64, class: Class, score: f32| {
            looks.is_faint(UtcMillis(at_s * 1_000), &car(size), class, score)
        };
        drive(&mut looks, 0, 0.6, 4);
        assert!(!faint(&looks, 4, 50.0, Class::Car, 0.1), "four seconds tell nothing");
        drive(&mut looks, 4, 0.6, 4);
        assert!(faint(&looks, 8, 50.0, Class::Truck, 0.2));
        assert!(!faint(&looks, 8, 50.0, Class::Car, 0.22));
        assert!(!faint(&looks, 8, 15.0, Class::Car, 0.1), "of smaller ones nothing is known");
        assert!(!faint(&looks, 8, 50.0, Class::Motorcycle, 0.1));
        // In the rain all are seen so badly that nobody tells how vehicles are seen.
        assert!(faint(&looks, 300, 50.0, Class::Car, 0.2));
        assert!(!faint(&looks, 310, 50.0, Class::Car, 0.2));
        // By night all are seen worse, and what the day said is over.
        drive(&mut looks, 400, 0.3, 8);
        assert!(!faint(&looks, 408, 50.0, Class::Car, 0.12) && faint(&looks, 408, 50.0, Class::Car, 0.1));
    }
}
