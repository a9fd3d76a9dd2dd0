//! Made ways over one line, from left (x < 100) to right.

use super::*;
use crate::detection::BBox;
use crate::geo::Point;
use crate::ids::LineId;
use crate::scene::Line;
use crate::track::{Track, Trail};
use crate::units::UtcMillis;

/// The line runs upwards at x = 100 from y = 200 to y = 0: right of it is right in the picture.
fn counter() -> LineCounter {
    let id = LineId::new("n").unwrap();
    LineCounter::new(Line { id, a: Point::new(100.0, 200.0), b: Point::new(100.0, 0.0) })
}

/// A 40 x 40 car whose lower middle is at (x, y).
fn car(id: u64, began: (i64, f64), at: i64, x: f64, y: f64, vx: f64) -> Track {
    let bbox = |x: f64| BBox::new(x - 20.0, y - 40.0, 40.0, 40.0);
    Track {
        id: TrackId(id),
        class: Class::Car,
        bbox: bbox(x),
        velocity: (vx, 0.0),
        trail: Trail::default(),
        score: 0.8,
        began: UtcMillis(began.0),
        began_bbox: bbox(began.1),
        seen: UtcMillis(at),
        witnessed: true,
        faint: false,
        clear: true,
        as_before: false,
    }
}

/// Feeds (ms, x) of each track in turn, each ending before the next begins; returns "ms direction" of each count.
#[track_caller]
fn check(y: f64, ways: &[&[(i64, f64)]], want: &[&str]) {
    let (mut counter, mut out) = (counter(), Vec::new());
    counter.step(UtcMillis(-5_000), &[], &mut out);
    for (id, way) in (1..).zip(ways) {
        let mut last = way[0];
        for &(ms, x) in &way[1..] {
            let v = (x - last.1) * 1000.0 / (ms - last.0) as f64;
            counter.step(UtcMillis(ms), &[car(id, way[0], ms, x, y, v)], &mut out);
            last = (ms, x);
        }
    }
    counter.finish(&mut out);
    let got: Vec<String> = out.iter().map(|(at, c)| format!("{} {}", at.0, c.direction)).collect();
    assert_eq!(got, want);
}

#[test]
fn over_the_line_and_back() {
    check(100.0, &[&[(0, 50.0), (1000, 150.0)]], &["500 to_right"]);
    check(
        100.0,
        &[&[(0, 50.0), (1000, 150.0), (2000, 50.0), (3000, 150.0)]],
        &["500 to_right", "1500 to_left"],
    );
}

#[test]
fn past_the_end_of_the_line() {
    check(260.0, &[&[(0, 50.0), (1000, 150.0)]], &[]);
}

#[test]
fn standing_on_the_line_and_shaking() {
    let shaking: Vec<(i64, f64)> =
        (0..60).map(|i| (i * 100, 100.0 + [3.0, -4.0, 7.0, -7.0][i as usize % 4])).collect();
    check(100.0, &[&shaking], &[]);
    let mut comes_and_waits = vec![(-1000, 20.0), (-500, 60.0)];
    comes_and_waits.extend(&shaking);
    comes_and_waits.extend([(7000, 130.0), (7100, 140.0)]);
    check(100.0, &[&comes_and_waits], &["6108 to_right"]);
}

#[test]
fn lost_before_or_found_behind() {
    check(100.0, &[&[(0, 0.0), (500, 50.0), (800, 80.0)]], &["1000 to_right"]);
    check(100.0, &[&[(0, 0.0), (500, 10.0), (800, 50.0)]], &[]);
    check(100.0, &[&[(1000, 110.0), (1500, 160.0), (2000, 210.0)]], &["900 to_right"]);
    check(100.0, &[&[(1000, 150.0), (1500, 200.0), (2000, 250.0)]], &[]);
}

#[test]
fn nobody_crosses_before_the_first_picture() {
    let (mut counter, mut out) = (counter(), Vec::new());
    for (ms, x) in [(1000, 110.0), (1500, 160.0), (2000, 210.0)] {
        counter.step(UtcMillis(ms), &[car(1, (1000, 110.0), ms, x, 100.0, 100.0)], &mut out);
    }
    counter.finish(&mut out);
    assert_eq!(out, []);
}

#[test]
fn what_is_hardly_seen_beside_others_crosses_nothing() {
    let (mut counter, mut out) = (counter(), Vec::new());
    for (ms, x) in [(0, 50.0), (500, 90.0), (1000, 150.0)] {
        let ghost = Track { faint: true, ..car(1, (0, 50.0), ms, x, 100.0, 100.0) };
        let next = car(2, (0, 10.0), ms, x - 40.0, 100.0, 100.0);
        counter.step(UtcMillis(ms), &[ghost, next], &mut out);
    }
    assert_eq!(out.iter().map(|(_, c)| c.track.0).collect::<Vec<_>>(), [2]);
}

#[test]
fn a_track_in_two_parts_counts_once() {
    check(
        100.0,
        &[&[(0, 0.0), (500, 50.0), (800, 80.0)], &[(1100, 110.0), (1500, 150.0), (2000, 200.0)]],
        &["1000 to_right"],
    );
    check(
        100.0,
        &[&[(0, 0.0), (1100, 110.0)], &[(1200, 95.0), (1500, 150.0), (2000, 200.0)]],
        &["1000 to_right"],
    );
}

#[test]
fn one_that_stood_for_long_crosses_when_it_moves_off() {
    let (mut counter, mut out) = (counter(), Vec::new());
    let mut rider = car(1, (0, 90.0), 600_000, 130.0, 100.0, 40.0);
    for (ms, x) in [(599_000, 90.0), (600_000, 130.0)] {
        rider.trail.push(UtcMillis(ms), &BBox::new(x - 20.0, 60.0, 40.0, 40.0));
    }
    counter.step(UtcMillis(0), &[], &mut out);
    counter.step(UtcMillis(600_000), &[rider], &mut out);
    assert_eq!(
        out.iter().map(|(at, c)| (at.0, c.direction)).collect::<Vec<_>>(),
        [(599_250, Direction::ToRight)]
    );
}

#[test]
fn two_that_follow_each_other_count_twice() {
    let (mut counter, mut out) = (counter(), Vec::new());
    for i in 0..30 {
        let (ms, x) = (i * 100, 10.0 * i as f64);
        let tracks = [car(1, (0, 0.0), ms, x, 100.0, 100.0), car(2, (0, -50.0), ms, x - 50.0, 100.0, 100.0)];
        counter.step(UtcMillis(ms), &tracks, &mut out);
    }
    assert_eq!(out.iter().map(|(at, c)| (at.0, c.track.0)).collect::<Vec<_>>(), [(1000, 1), (1500, 2)]);
}

/// Pictures (ms, x, still) of one track; what was counted.
fn counted(pictures: &[(i64, f64, bool)]) -> Vec<i64> {
    let (mut counter, mut out) = (counter(), Vec::new());
    for &(ms, x, still) in pictures {
        let tracks = [car(1, (0, pictures[0].1), ms, x, 100.0, 100.0)];
        match still {
            true => counter.still(UtcMillis(ms), &tracks, &mut out),
            false => counter.step(UtcMillis(ms), &tracks, &mut out),
        }
    }
    out.iter().map(|(at, _)| at.0).collect()
}

#[test]
fn boxes_that_move_in_still_pictures_cross_nothing() {
    let there_and_back = |still| {
        [(0, 20.0, false), (400, 60.0, false), (800, 160.0, still), (1200, 60.0, still), (1600, 62.0, false)]
    };
    assert_eq!(counted(&there_and_back(false)).len(), 2);
    assert_eq!(counted(&there_and_back(true)), Vec::<i64>::new());
    // Who was over the line all the same when the next picture moves has crossed it.
    let slow =
        [(0, 20.0, false), (400, 60.0, false), (800, 110.0, true), (1200, 150.0, true), (1600, 160.0, false)];
    assert_eq!(counted(&slow), [880]);
}
