//! One finished track as it is kept: where it went, what it touched, what it looked like.

use crate::archive::colour::Colour;
use crate::count::Direction;
use crate::detection::{BBox, Class};
use crate::geo::Point;
use crate::ids::{CameraId, LineId, TrackId, ZoneId};
use crate::units::{MetersPerSecond, UtcMillis};

/// Most points of a path, lines and zones of one record: with them a record stays below a kilobyte.
pub const PATH_MAX: usize = 16;
pub const TOUCHED_MAX: usize = 8;

/// A road user that one camera followed, from its first to its last detection; one that stays longer than
/// [`super::gather::SPAN_MAX`] is kept in several records of the same track.
#[derive(Debug, Clone, PartialEq)]
pub struct TrackRecord {
    pub camera: CameraId,
    pub track: TrackId,
    pub class: Class,
    pub began: UtcMillis,
    pub ended: UtcMillis,
    /// Where it touched the ground, in pixels of the scene, oldest first; simplified, at most [`PATH_MAX`] points.
    pub path: Vec<PathPoint>,
    /// In the order they were crossed.
    pub lines: Vec<LineTouch>,
    /// In the order they were entered.
    pub zones: Vec<ZoneTouch>,
    /// When it was seen best, and its box then, in pixels of the scene.
    pub best_at: UtcMillis,
    pub best_box: BBox,
    /// The network's confidence then, 0..=1.
    pub best_score: f32,
    /// `None` at night, in infrared, or when no colour stands out.
    pub colour: Option<Colour>,
    /// Way over the ground by the time it took; `None` where the camera's geometry is not known.
    pub mean_speed: Option<MetersPerSecond>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PathPoint {
    pub at: UtcMillis,
    pub p: Point,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineTouch {
    pub line: LineId,
    pub direction: Direction,
    pub at: UtcMillis,
}

/// The time between the first and the last picture that showed it in the zone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ZoneTouch {
    pub zone: ZoneId,
    pub from: UtcMillis,
    pub to: UtcMillis,
}

/// Fewer points that stay within `off` pixels of the path, both ends included (Douglas and Peucker 1973), at most `most`.
pub fn simplified(path: &[PathPoint], off: f64, most: usize) -> Vec<PathPoint> {
    let most = most.max(2);
    let Some(last) = path.len().checked_sub(1).filter(|last| *last > 0) else { return path.to_vec() };
    let mut kept = vec![0, last];
    // The worst point of all goes in next, until every one is near or there are enough.
    while kept.len() < most {
        let worst = kept
            .windows(2)
            .filter_map(|pair| farthest(path, pair[0], pair[1]))
            .max_by(|a, b| a.1.total_cmp(&b.1));
        let Some((index, _)) = worst.filter(|(_, far)| *far > off) else { break };
        let place = kept.partition_point(|k| *k < index);
        kept.insert(place, index);
    }
    kept.into_iter().map(|i| path[i]).collect()
}

/// The point between two kept ones that is farthest from their segment.
fn farthest(path: &[PathPoint], from: usize, to: usize) -> Option<(usize, f64)> {
    let (a, b) = (path[from].p, path[to].p);
    let between = (from + 1..to).map(|i| (i, to_segment(path[i].p, a, b)));
    between.max_by(|x, y| x.1.total_cmp(&y.1))
}

fn to_segment(p: Point, a: Point, b: Point) -> f64 {
    let (dx, dy) = (b.x - a.x, b.y - a.y);
    let length = dx * dx + dy * dy;
    let along = if length > 0.0 { ((p.x - a.x) * dx + (p.y - a.y) * dy) / length } else { 0.0 };
    let along = along.clamp(0.0, 1.0);
    (p.x - a.x - along * dx).hypot(p.y - a.y - along * dy)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(points: &[(f64, f64)]) -> Vec<PathPoint> {
        let at = |i: usize| UtcMillis(i as i64 * 100);
        points.iter().enumerate().map(|(i, p)| PathPoint { at: at(i), p: Point::from(*p) }).collect()
    }

    #[track_caller]
    fn check(points: &[(f64, f64)], off: f64, most: usize, want: &[usize]) {
        let whole = path(points);
        let got: Vec<usize> = simplified(&whole, off, most).iter().map(|p| (p.at.0 / 100) as usize).collect();
        assert_eq!(got, want);
    }

    #[test]
    fn a_straight_way_is_two_points_and_a_turn_is_kept() {
        check(&[], 1.0, 9, &[]);
        check(&[(1.0, 1.0)], 1.0, 9, &[0]);
        check(&[(0.0, 0.0), (5.0, 0.4), (10.0, 0.0)], 1.0, 9, &[0, 2]);
        check(&[(0.0, 0.0), (10.0, 0.0), (20.0, 0.0), (20.0, 10.0), (20.0, 20.0)], 1.0, 9, &[0, 2, 4]);
        // There and back: both ends are one place.
        check(&[(0.0, 0.0), (10.0, 0.0), (0.0, 0.0)], 1.0, 9, &[0, 1, 2]);
    }

    #[test]
    fn no_more_points_than_asked_for_and_the_worst_first() {
        let zigzag: Vec<(f64, f64)> = (0..100)
            .map(|i| (f64::from(i) * 10.0, if i == 50 { 90.0 } else { f64::from(i % 2) * 20.0 }))
            .collect();
        let got = simplified(&path(&zigzag), 1.0, 16);
        assert_eq!(got.len(), 16);
        assert!(got.iter().any(|p| p.at.0 == 5_000));
    }
}
