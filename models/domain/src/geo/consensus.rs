//! Which marks agree on one plane, and if none do, why not: what somebody who typed them in must be told.
//!
//! Every four marks that may fix a plane are tried, not a random sample of them: marks are few, and the same file gives
//! the same answer on every gateway.

use super::homography::{Mark, Plane};
use super::{Point, side};

/// More are not taken: trying all fours of them would take seconds.
pub const MARKS_MAX: usize = 24;
/// A mark agrees with a plane when it is off by no more than this, in sigmas of its own.
const AGREES: f64 = 4.0;
/// A plane that others than its four marks vouch for: so many must agree before one may be called wrong.
const QUORUM: usize = 5;
/// Three marks stand in line when the middle one is this near to it, as a share of the line's length.
const IN_LINE: f64 = 0.02;

/// Why marks make no plane; marks are numbered from 1.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum PlaneError {
    #[error("{0} points; a plane needs four or more, no three of them in a line")]
    TooFew(usize),
    #[error("{0} points; at most {MARKS_MAX} are used, leave some out")]
    TooMany(usize),
    #[error("points {0} and {1} are the same place")]
    Twice(usize, usize),
    #[error(
        "the points stand in a line, {place}: four are needed of which no three do; add points to the side of it"
    )]
    InLine { place: &'static str },
    #[error(
        "the ground is mirrored: seen from above, y must lie to the left of x (x to the right, y away from the camera); \
         turn the sign of one of them in all points"
    )]
    Mirrored,
    #[error(
        "no camera sees the points like this, the horizon would run between them: two are mixed up, or one lies above \
         the horizon"
    )]
    Horizon,
    #[error(
        "the points do not agree: point {worst} is off by {off:.1} times what it may be; check it, or add points until \
         {QUORUM} agree"
    )]
    Disagree { worst: usize, off: f64 },
}

/// How three marks turn in the picture and on the ground.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Turn {
    /// As a camera above the ground sees it.
    Seen,
    Mirrored,
    InLine,
}

/// The plane that most marks agree on, and the marks (from 1) that do not.
///
/// # Errors
/// [`PlaneError`] says what is wrong with the marks.
pub fn agreed(marks: &[Mark]) -> Result<(Plane, Vec<usize>), PlaneError> {
    if marks.len() < 4 {
        return Err(PlaneError::TooFew(marks.len()));
    }
    if marks.len() > MARKS_MAX {
        return Err(PlaneError::TooMany(marks.len()));
    }
    twice(marks)?;
    let (mut best, mut mirrored, mut crossed) = (None::<(usize, f64, Plane)>, 0, 0);
    for four in fours(marks.len()) {
        let four = four.map(|i| marks[i]);
        let turns =
            [[0, 1, 2], [0, 1, 3], [0, 2, 3], [1, 2, 3]].map(|[i, j, k]| turn(&four[i], &four[j], &four[k]));
        if turns.contains(&Turn::InLine) {
            continue;
        }
        if turns.iter().any(|t| *t != turns[0]) {
            crossed += 1;
            continue;
        }
        if turns[0] == Turn::Mirrored {
            mirrored += 1;
            continue;
        }
        let Some(plane) = Plane::fit(&four) else { continue };
        let misfits: Vec<f64> = marks.iter().map(|m| plane.misfit(m).min(10.0 * AGREES)).collect();
        let agree = misfits.iter().filter(|m| **m <= AGREES).count();
        let sum: f64 = misfits.iter().sum();
        if best.as_ref().is_none_or(|(n, s, _)| agree > *n || (agree == *n && sum < *s)) {
            best = Some((agree, sum, plane));
        }
    }
    match best {
        // A few wrong marks among right ones make a few odd fours; a whole ground that is mirrored makes nearly all odd.
        Some((agree, _, plane)) if agree >= QUORUM || mirrored == 0 => settle(marks, &plane),
        Some(_) | None if mirrored > crossed => Err(PlaneError::Mirrored),
        Some((_, _, plane)) => settle(marks, &plane),
        None if crossed > 0 => Err(PlaneError::Horizon),
        None => Err(PlaneError::InLine { place: where_in_line(marks) }),
    }
}

/// All that agree with `plane` make the final one.
fn settle(marks: &[Mark], plane: &Plane) -> Result<(Plane, Vec<usize>), PlaneError> {
    let mut plane = plane.clone();
    for _ in 0..3 {
        let agree: Vec<Mark> = marks.iter().filter(|m| plane.misfit(m) <= AGREES).copied().collect();
        match Plane::fit(&agree) {
            Some(better) => plane = better,
            None => break,
        }
    }
    let wrong: Vec<usize> =
        marks.iter().enumerate().filter(|(_, m)| plane.misfit(m) > AGREES).map(|(i, _)| i + 1).collect();
    if wrong.is_empty() || marks.len() - wrong.len() >= QUORUM.max(2 * wrong.len()) {
        return Ok((plane, wrong));
    }
    // All marks together, so that no four of them are taken for right.
    let all = Plane::fit(marks).unwrap_or(plane);
    let misfits = marks.iter().map(|m| all.misfit(m)).enumerate();
    let (worst, off) = misfits.max_by(|a, b| a.1.total_cmp(&b.1)).unwrap_or((0, 0.0));
    Err(PlaneError::Disagree { worst: worst + 1, off })
}

fn twice(marks: &[Mark]) -> Result<(), PlaneError> {
    for (i, a) in marks.iter().enumerate() {
        for (j, b) in marks.iter().enumerate().skip(i + 1) {
            if a.picture == b.picture || a.ground == b.ground {
                return Err(PlaneError::Twice(i + 1, j + 1));
            }
        }
    }
    Ok(())
}

fn fours(n: usize) -> impl Iterator<Item = [usize; 4]> {
    (0..n).flat_map(move |a| {
        (a + 1..n).flat_map(move |b| (b + 1..n).flat_map(move |c| (c + 1..n).map(move |d| [a, b, c, d])))
    })
}

fn turn(a: &Mark, b: &Mark, c: &Mark) -> Turn {
    let (picture, ground) = (bend(a.picture, b.picture, c.picture), bend(a.ground, b.ground, c.ground));
    if picture.abs() < IN_LINE || ground.abs() < IN_LINE {
        Turn::InLine
    } else if picture * ground < 0.0 {
        // y grows downwards in the picture.
        Turn::Seen
    } else {
        Turn::Mirrored
    }
}

/// How far the three are from a line, signed, as a share of its length.
fn bend(a: Point, b: Point, c: Point) -> f64 {
    let apart = |p: Point, q: Point| (p.x - q.x).hypot(p.y - q.y);
    let longest = apart(a, b).max(apart(b, c)).max(apart(a, c));
    side(a, b, c) / longest.powi(2).max(f64::MIN_POSITIVE)
}

fn where_in_line(marks: &[Mark]) -> &'static str {
    let spread = |of: fn(&Mark) -> Point| {
        let n = marks.len();
        let triples = (0..n).flat_map(|i| (i + 1..n).flat_map(move |j| (j + 1..n).map(move |k| [i, j, k])));
        triples
            .map(|[i, j, k]| bend(of(&marks[i]), of(&marks[j]), of(&marks[k])).abs())
            .any(|bend| bend >= IN_LINE)
    };
    match (spread(|m| m.picture), spread(|m| m.ground)) {
        (true, true) => "three of every four",
        (false, true) => "in the picture",
        (true, false) => "on the ground",
        (false, false) => "in the picture and on the ground",
    }
}
