//! A mast in the wind over a junction: who waits, rides by and starts keeps its identity, and the line counts as under a camera at
//! rest. Without the tolerance none of that holds.

use std::collections::BTreeSet;

use crate::count::LineCounter;
use crate::detection::{BBox, Class, Detection};
use crate::geo::Point;
use crate::scene::Line;
use crate::track::{Settings, Tracker};
use crate::units::UtcMillis;

/// Pixels of the picture from left to right.
const WIDTH: f64 = 640.0;
const SECONDS: i64 = 14;
/// When the wind begins, and when those that wait start, seconds.
const WIND: f64 = 1.5;
const GREEN: f64 = 9.0;
/// Those that wait before the line.
const WAITING: usize = 10;
/// Those that ride by over the line, one after the other.
const RIDERS: usize = 14;

/// How the picture lies moved at a time, in pixels.
type Wind = fn(f64) -> (f64, f64);

fn swaying(t: f64, hz: f64, part: f64) -> (f64, f64) {
    let (turn, wide) = (std::f64::consts::TAU * hz * t, part * WIDTH * (t - WIND).clamp(0.0, 1.0));
    (wide * turn.sin(), 0.4 * wide * (0.7 * turn).cos())
}

/// A gust every four seconds: from one picture to the next a part of the width to the side, and slowly back.
fn jerking(t: f64) -> (f64, f64) {
    let since = t.rem_euclid(4.0) - 2.0;
    let left = if since < 0.0 { 0.0 } else { (-since / 0.6).exp() };
    (0.03 * WIDTH * left, -0.015 * WIDTH * left)
}

/// Two rows that wait at the line and start together, and motorcycles that ride by between them.
fn street(t: f64) -> Vec<(Class, BBox)> {
    let gone = 15.0 * (t - GREEN).max(0.0).powi(2);
    let waits = |i: usize| {
        let car = i.is_multiple_of(3);
        let (class, w, h) = if car { (Class::Car, 60.0, 40.0) } else { (Class::Motorcycle, 22.0, 40.0) };
        let (right, foot) = (352.0 - 66.0 * (i % 5) as f64, if i < 5 { 90.0 } else { 270.0 });
        (class, BBox::new(right - w + gone, foot - h, w, h))
    };
    let rides = |i: usize| {
        let x = -30.0 - 60.0 * i as f64 + 120.0 * t;
        (Class::Motorcycle, BBox::new(x, 150.0 + 30.0 * (i % 2) as f64, 22.0, 40.0))
    };
    let all = (0..WAITING).map(waits).chain((0..RIDERS).map(rides));
    all.filter(|(_, b)| b.x > 0.0 && b.x + b.w < WIDTH).collect()
}

/// Numbers -1..1, the same at every run.
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as f64 / (1u64 << 30) as f64 - 1.0
    }
}

/// How many identities and crossings there were.
fn run(wind: Wind, fps: i64, witnesses: usize) -> (usize, usize) {
    let settings = Settings { shake_witnesses: witnesses, ..Settings::default() };
    let line = Line { id: "stop".parse().unwrap(), a: Point::new(360.0, 360.0), b: Point::new(360.0, 0.0) };
    let (mut tracker, mut counter) = (Tracker::new(settings), LineCounter::new(line));
    let (mut identities, mut crossings, mut noise) = (BTreeSet::new(), Vec::new(), Noise(1));
    for n in 0..SECONDS * fps {
        let at = UtcMillis(n * 1_000 / fps);
        let (dx, dy) = wind(at.0 as f64 / 1_000.0);
        let seen: Vec<Detection> = street(at.0 as f64 / 1_000.0)
            .into_iter()
            .map(|(class, b)| {
                let (x, y) = (b.x + dx + 0.03 * b.w * noise.next(), b.y + dy + 0.03 * b.h * noise.next());
                Detection { class, bbox: BBox { x, y, ..b }, score: 0.8 }
            })
            .collect();
        let tracks = tracker.step(at, &seen);
        identities.extend(tracks.iter().map(|t| t.id));
        counter.step(at, tracks, &mut crossings);
    }
    counter.finish(&mut crossings);
    (identities.len(), crossings.len())
}

#[track_caller]
fn check(wind: Wind, fps: i64) {
    let all = (WAITING + RIDERS, WAITING + RIDERS);
    assert_eq!(run(wind, fps, Settings::default().shake_witnesses), all, "{fps} pictures a second");
}

/// Without the tolerance it goes wrong, or the wind would prove nothing.
#[track_caller]
fn check_needed(wind: Wind, fps: i64) {
    check(wind, fps);
    let without = run(wind, fps, usize::MAX);
    assert_ne!(
        without,
        (WAITING + RIDERS, WAITING + RIDERS),
        "{fps} pictures a second, without the tolerance"
    );
}

/// A queue that starts moves alike too, and slowly.
#[test]
fn a_camera_at_rest_is_not_taken_to_shake() {
    for fps in [6, 10, 25] {
        check(|_| (0.0, 0.0), fps);
    }
}

#[test]
fn a_mast_that_sways_once_a_second() {
    for fps in [6, 10, 25] {
        check(|t| swaying(t, 1.0, 0.02), fps);
        check_needed(|t| swaying(t, 1.0, 0.03), fps);
    }
}

#[test]
fn a_mast_that_sways_twice_a_second() {
    for fps in [6, 10, 25] {
        check_needed(|t| swaying(t, 2.0, 0.02), fps);
    }
}

#[test]
fn one_jerk() {
    for fps in [6, 10] {
        check(jerking, fps);
    }
    check_needed(jerking, 25);
}
