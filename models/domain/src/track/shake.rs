//! A camera that shakes moves everything in its picture alike: by how much, from the boxes alone.

use super::affinity::{Seen, strangeness};
use super::life::Life;
use crate::detection::BBox;
use crate::units::DurationMs;

/// Of the tracks so many must agree on one move.
const AGREE: f64 = 0.75;
/// A move is looked for up to so many sizes of a box.
const REACH: f64 = 2.5;
/// Two moves are the same within this, in sizes of a box.
const SAME: f64 = 0.2;
/// A box of one track may be a box of this one: sides differ by no more than this.
const ALIKE: f64 = 1.4;
/// At most so many moves are tried.
const TRIED: usize = 160;

/// Nothing having moved for so long, the camera is at rest again.
const CALM: DurationMs = DurationMs(3_000);
/// A longer step than this says nothing of how it sways.
const BLIND: DurationMs = DurationMs(600);
/// Tracks are drawn to where the camera shows them as a spring would, 1/s: a camera turned for good is followed so, and
/// what all tracks took for their own speed before the shaking was noticed is given back.
const SPRING: f64 = 0.8;

/// What is known of one camera's shaking.
#[derive(Debug, Default)]
pub struct Shake {
    shakes: bool,
    /// How long it has lain still.
    calm: DurationMs,
}

impl Shake {
    /// The boxes as a camera at rest would show them. Tracks stay where they would be under it, and follow slowly.
    ///
    /// `least`: fewer tracks than that prove nothing.
    pub fn rest(&mut self, step: DurationMs, lives: &mut [Life], seen: Vec<Seen>, least: usize) -> Vec<Seen> {
        self.shakes &= step <= BLIND;
        let Some((moved, much)) = moved(lives, &seen, least, self.shakes) else {
            self.calm(step);
            return seen;
        };
        if much {
            (self.shakes, self.calm) = (true, DurationMs(0));
        } else {
            self.calm(step);
        }
        let dt = step.seconds();
        let share = 1.0 - (-2.0 * SPRING * dt).exp();
        // A step that says nothing of how the camera sways says nothing of speeds.
        let faster = if step > BLIND { 0.0 } else { SPRING * SPRING * dt };
        for life in lives {
            life.motion.shift(moved.0 * share, moved.1 * share);
            life.motion.hasten(moved.0 * faster, moved.1 * faster);
        }
        let back = share - 1.0;
        seen.iter().map(|s| s.shifted(back * moved.0, back * moved.1)).collect()
    }

    fn calm(&mut self, step: DurationMs) {
        self.calm.0 = self.calm.0.saturating_add(step.0);
        self.shakes &= self.calm < CALM;
    }
}

/// How the boxes of this picture lie moved against where the tracks expect them, in pixels, and whether that is more than boxes
/// shake by themselves; `None` when nothing says so. Of a camera that shakes every move is told, of another only a large one.
fn moved(lives: &[Life], seen: &[Seen], least: usize, shakes: bool) -> Option<((f64, f64), bool)> {
    let witnesses: Vec<&Life> = lives.iter().filter(|l| l.is_confirmed() && l.was_seen_of_late()).collect();
    if witnesses.len() < least {
        return None;
    }
    let votes: Vec<Vec<(f64, f64)>> = witnesses.iter().map(|l| moves(l, seen)).collect();
    let same: Vec<f64> = witnesses.iter().map(|l| SAME * l.motion.size()).collect();
    let agree = |m: (f64, f64)| {
        let votes = votes.iter().zip(&same);
        votes.filter(|(all, same)| all.iter().any(|v| (v.0 - m.0).hypot(v.1 - m.1) <= **same)).count()
    };
    let still = agree((0.0, 0.0));
    let much = (still as f64) < 0.34 * witnesses.len() as f64;
    if !much && !shakes {
        return None;
    }
    let tried = votes.iter().flatten().take(TRIED);
    // In a row of alike many moves fit as well: the smallest it is.
    let far = |m: &(f64, f64)| m.0.hypot(m.1);
    let (count, best) =
        tried.map(|m| (agree(*m), *m)).max_by(|(a, p), (b, q)| a.cmp(b).then(far(q).total_cmp(&far(p))))?;
    let least = if shakes { least } else { least.max(3 * still) };
    let enough = count >= least && count as f64 >= AGREE * witnesses.len() as f64;
    enough.then(|| (middle(&votes, &same, best), much))
}

/// Where the boxes that could be this track's lie, against where it is expected.
fn moves(life: &Life, seen: &[Seen]) -> Vec<(f64, f64)> {
    let (bbox, class) = (life.motion.bbox(), life.class());
    let (c, reach) = (bbox.center(), REACH * life.motion.size());
    let alike = |a: &BBox| {
        let of = |p: f64, q: f64| p.max(q) <= ALIKE * p.min(q);
        of(a.w, bbox.w) && of(a.h, bbox.h)
    };
    // Nearly all boxes of a full street are out of reach: that is asked first.
    seen.iter()
        .map(|s| (s, (s.center.x - c.x, s.center.y - c.y)))
        .filter(|(_, m)| m.0.abs() <= reach && m.1.abs() <= reach)
        .filter(|(s, _)| alike(&s.detection.bbox) && strangeness(class, s.detection.class).is_some())
        .map(|(_, m)| m)
        .collect()
}

/// The mean of the moves that agree with `best`.
fn middle(votes: &[Vec<(f64, f64)>], same: &[f64], best: (f64, f64)) -> (f64, f64) {
    let off = |v: &(f64, f64)| (v.0 - best.0).hypot(v.1 - best.1);
    let near = votes.iter().zip(same).filter_map(|(all, same)| {
        all.iter().filter(|v| off(v) <= *same).min_by(|a, b| off(a).total_cmp(&off(b)))
    });
    let (n, sum) = near.fold((0.0, (0.0, 0.0)), |(n, s), v| (n + 1.0, (s.0 + v.0, s.1 + v.1)));
    if n > 0.0 { (sum.0 / n, sum.1 / n) } else { best }
}

#[cfg(test)]
#[path = "shake_tests.rs"]
mod tests;
