//! A camera that shakes moves everything in its picture alike: by how much, from the boxes alone.

use super::affinity::{Seen, strangeness};
use super::life::Life;
use crate::detection::BBox;

/// Fewer tracks than this prove nothing.
const WITNESSES: usize = 5;
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

/// How the boxes of this picture lie moved against where the tracks expect them, in pixels; `None` when nothing says so.
pub fn moved(lives: &[Life], seen: &[Seen]) -> Option<(f64, f64)> {
    let witnesses: Vec<&Life> = lives.iter().filter(|l| l.is_confirmed() && l.was_seen_of_late()).collect();
    if witnesses.len() < WITNESSES {
        return None;
    }
    let votes: Vec<Vec<(f64, f64)>> = witnesses.iter().map(|l| moves(l, seen)).collect();
    let same: Vec<f64> = witnesses.iter().map(|l| SAME * l.motion.size()).collect();
    let agree = |m: (f64, f64)| {
        let votes = votes.iter().zip(&same);
        votes.filter(|(all, same)| all.iter().any(|v| (v.0 - m.0).hypot(v.1 - m.1) <= **same)).count()
    };
    let still = agree((0.0, 0.0));
    if still as f64 >= 0.34 * witnesses.len() as f64 {
        return None;
    }
    let tried = votes.iter().flatten().take(TRIED);
    let (count, best) = tried.map(|m| (agree(*m), *m)).max_by_key(|(count, _)| *count)?;
    let enough = count >= WITNESSES.max(3 * still) && count as f64 >= AGREE * witnesses.len() as f64;
    enough.then(|| middle(&votes, &same, best))
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
