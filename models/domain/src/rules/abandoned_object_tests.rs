//! A made square on which things are put down, taken away, and light changes.

use super::*;
use crate::detection::Class;
use crate::health::{CELLS, Texture};
use crate::ids::TrackId;

/// One second of the square: what stands on it, and who is there.
#[derive(Clone, Copy, Default)]
struct Second {
    bag: bool,
    /// A crate that stands there from the first.
    crate_there: bool,
    /// The person's left edge, in pixels of the thumb.
    person: Option<usize>,
    /// The network does not see the person.
    unseen: bool,
    /// Brightness against the usual, percent.
    light: u32,
}

const EMPTY: Second = Second { bag: false, crate_there: true, person: None, unseen: false, light: 100 };
/// Where the bag is put: x, y, w, h in pixels of the thumb.
const BAG: [usize; 4] = [80, 60, 5, 4];
const CRATE: [usize; 4] = [40, 55, 6, 5];

fn inside_of([x, y, w, h]: [usize; 4], px: usize, py: usize) -> bool {
    (x..x + w).contains(&px) && (y..y + h).contains(&py)
}

fn thumb(s: Second, n: usize) -> Thumb {
    let level = |i: usize| {
        let (x, y) = (i % SIZE.0, i / SIZE.0);
        let person = s.person.is_some_and(|left| inside_of([left, 46, 4, 18], x, y));
        let ground = 90 + (x / 20 * 7 + y / 15 * 5) % 30 + (i * 7 + n * 13) % 3;
        let level = if person {
            30 + (y + n) % 20
        } else if s.bag && inside_of(BAG, x, y) {
            35
        } else if s.crate_there && inside_of(CRATE, x, y) {
            170
        } else {
            ground
        };
        u8::try_from(level as u32 * s.light / 100).unwrap_or(255)
    };
    let luma = (0..SIZE.0 * SIZE.1).map(level).collect();
    Thumb { luma, cells: vec![Texture::default(); CELLS.0 * CELLS.1] }
}

fn track(left: usize, at: UtcMillis) -> Track {
    let mut tracker = crate::track::Tracker::new(crate::track::Settings::default());
    let bbox = BBox::new(left as f64 * 4.0, 46.0 * 4.0, 16.0, 72.0);
    let seen = crate::Detection { class: Class::Person, bbox, score: 0.9 };
    for i in (0..4).rev() {
        tracker.step(at - DurationMs(i * 100), &[seen]);
    }
    Track { id: TrackId(1), ..tracker.tracks()[0] }
}

/// Shows one second after the other; what was told as "second phase x,y".
#[track_caller]
fn check(seconds: &[(usize, Second)], want: &[&str]) {
    let text = "size = [640, 360]\n[[zone]]\nid = \"square\"\npolygon = [[40, 140], [600, 140], [600, 340], [40, 340]]\n";
    let scene = Scene::parse(text).unwrap();
    let params: toml::Table = "zone = \"square\"\nfor_ms = 20000".parse().unwrap();
    let mut rule = (KIND.make)(&scene, params).unwrap();
    let (mut n, mut told) = (0, Vec::new());
    for &(times, second) in seconds {
        for _ in 0..times {
            let at = UtcMillis(n as i64 * 1_000);
            let seen = second.person.filter(|_| !second.unseen).map(|left| track(left, at));
            let mut out = Vec::new();
            rule.look(at, &thumb(second, n), &Vec::from_iter(seen), &mut out);
            let place = |e: &RuleEvent| e.bbox.map_or("-".to_owned(), |b| format!("{:.0},{:.0}", b.x, b.y));
            told.extend(
                out.iter().map(|e| format!("{n} {} {} since {}", e.phase.name(), place(e), e.began.0)),
            );
            n += 1;
        }
    }
    assert_eq!(told, want);
}

fn walk(bag: bool) -> Second {
    Second { bag, person: Some(80), ..EMPTY }
}

const LEFT: Second = Second { bag: true, ..EMPTY };

#[test]
fn a_bag_is_left_and_fetched() {
    check(
        &[(30, EMPTY), (4, walk(true)), (60, LEFT), (3, walk(false)), (30, EMPTY)],
        &["54 begun 320,240 since 34000", "100 ended 320,240 since 34000"],
    );
}

#[test]
fn who_waits_or_passes_leaves_nothing() {
    let waits = Second { person: Some(80), ..EMPTY };
    check(&[(30, EMPTY), (60, waits), (30, EMPTY)], &[]);
    check(&[(30, EMPTY), (4, walk(true)), (10, LEFT), (20, EMPTY)], &[]);
}

#[test]
fn what_was_taken_away_is_no_object() {
    let taken = Second { crate_there: false, ..EMPTY };
    let takes = Second { person: Some(40), ..taken };
    check(&[(40, EMPTY), (4, takes), (80, taken)], &[]);
}

#[test]
fn light_puts_nothing_down() {
    let half = Second { light: 60, ..EMPTY };
    check(&[(30, EMPTY), (60, half), (60, EMPTY), (30, Second { light: 140, ..EMPTY })], &[]);
    // A bag is found in changed light too.
    let dim = Second { light: 70, ..LEFT };
    check(&[(30, EMPTY), (4, walk(true)), (10, LEFT), (40, dim)], &["54 begun 320,240 since 34000"]);
}

#[test]
fn what_nobody_brought_is_a_patch_of_sun() {
    check(&[(30, EMPTY), (80, LEFT)], &[]);
}

#[test]
fn somebody_walks_past_it_meanwhile() {
    let passes = Second { bag: true, person: Some(82), unseen: true, ..EMPTY };
    check(
        &[(30, EMPTY), (4, walk(true)), (10, LEFT), (2, passes), (30, LEFT)],
        &["54 begun 320,240 since 34000"],
    );
}
