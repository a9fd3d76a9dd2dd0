//! What answers a question, as a table; what cannot be asked, by name.

use super::*;
use crate::archive::record::{LineTouch, ZoneTouch};
use crate::detection::BBox;
use crate::ids::TrackId;

fn track() -> TrackRecord {
    let touch =
        |line: &str, direction, at| LineTouch { line: line.parse().unwrap(), direction, at: UtcMillis(at) };
    TrackRecord {
        camera: "cam-1".parse().unwrap(),
        track: TrackId(7),
        class: Class::Car,
        began: UtcMillis(1_000),
        ended: UtcMillis(9_000),
        path: Vec::new(),
        lines: vec![touch("north", Direction::ToLeft, 2_000), touch("east", Direction::ToRight, 5_000)],
        zones: vec![ZoneTouch { zone: "box".parse().unwrap(), from: UtcMillis(3_000), to: UtcMillis(4_000) }],
        best_at: UtcMillis(5_000),
        best_box: BBox::new(10.0, 10.0, 80.0, 60.0),
        best_score: 0.8,
        colour: Some(Colour::Red),
        mean_speed: None,
    }
}

fn all() -> TrackQuery {
    TrackQuery::new(UtcMillis(0), UtcMillis(10_000))
}

#[track_caller]
fn check(want: bool, change: impl Fn(&mut TrackQuery)) {
    let mut query = all();
    change(&mut query);
    query.check().unwrap();
    assert_eq!(query.matches(&track()), want, "{query:?}");
}

#[test]
fn everything_asked_must_hold() {
    check(true, |_| ());
    check(true, |q| (q.from, q.to) = (UtcMillis(9_000), UtcMillis(9_001)));
    check(false, |q| q.from = UtcMillis(9_001));
    check(false, |q| q.to = UtcMillis(1_000));
    check(true, |q| q.cameras = vec!["cam-2".parse().unwrap(), "cam-1".parse().unwrap()]);
    check(false, |q| q.cameras = vec!["cam-2".parse().unwrap()]);
    check(true, |q| q.classes = vec![Class::Bus, Class::Car]);
    check(false, |q| q.classes = vec![Class::Bus]);
    check(true, |q| q.colours = vec![Colour::Red]);
    check(false, |q| q.colours = vec![Colour::Blue]);
    check(true, |q| q.zone = Some("box".parse().unwrap()));
    check(false, |q| q.zone = Some("other".parse().unwrap()));
    check(true, |q| (q.height_min, q.height_max) = (Some(60), Some(60)));
    check(false, |q| q.height_min = Some(61));
    check(false, |q| q.height_max = Some(59));
}

#[test]
fn a_direction_belongs_to_the_line_that_is_named() {
    check(true, |q| q.direction = Some(Direction::ToRight));
    check(true, |q| q.line = Some("north".parse().unwrap()));
    check(false, |q| (q.line, q.direction) = (Some("north".parse().unwrap()), Some(Direction::ToRight)));
    check(true, |q| (q.line, q.direction) = (Some("east".parse().unwrap()), Some(Direction::ToRight)));
    check(false, |q| q.line = Some("west".parse().unwrap()));
}

#[test]
fn a_track_without_a_colour_answers_no_question_about_colour() {
    let mut grey = track();
    grey.colour = None;
    let mut query = all();
    query.colours = Colour::ALL.to_vec();
    assert!(!query.matches(&grey) && all().matches(&grey));
}

#[test]
fn what_cannot_be_asked_is_named() {
    let refused = |change: &dyn Fn(&mut TrackQuery)| {
        let mut query = all();
        change(&mut query);
        query.check().unwrap_err().to_string()
    };
    assert_eq!(refused(&|q| q.to = UtcMillis(0)), "to: must be after from");
    assert_eq!(refused(&|q| q.limit = 0), "limit: 0 is outside 1..=500");
    assert_eq!(refused(&|q| q.limit = 501), "limit: 501 is outside 1..=500");
    assert_eq!(
        refused(&|q| (q.height_min, q.height_max) = (Some(9), Some(8))),
        "height_max: 8 is less than 9"
    );
    let twice = [Colour::ALL.as_slice(), &Colour::ALL].concat();
    assert_eq!(refused(&|q| q.colours.clone_from(&twice)), "colours: 20 are too many; there are 10");
    assert_eq!(refused(&|q| q.classes = vec![Class::Car; 7]), "road_users: 7 are too many; there are 6");
    let many = vec!["c".parse().unwrap(); 1_001];
    assert_eq!(refused(&|q| q.cameras.clone_from(&many)), "cameras: 1001 are too many; name at most 1000");
}

#[test]
fn the_newest_are_kept_whatever_the_order() {
    let mut found = Found::new(3);
    for ended in [5, 1, 9, 7, 3, 7] {
        let place = Cursor { ended: UtcMillis(ended), number: ended as u64 };
        if found.has_room_for(place) { found.offer(place, ended) } else { found.left_out() }
    }
    let (newest, more) = found.into_newest_first();
    assert_eq!(newest.iter().map(|(_, n)| *n).collect::<Vec<_>>(), [9, 7, 7]);
    assert!(more);
    let mut query = all();
    query.after = Some(newest[0].0);
    assert!(query.is_after(newest[1].0) && !query.is_after(newest[0].0));
}
