//! How long a stay goes on, and whose it is.

use super::*;
use crate::detection::Class;
use crate::track::Trail;

const MEMORY: Memory =
    Memory { away: DurationMs(5_000), near: 0.5, walks: 0.0, quiet: QUIET, hidden: Hidden::Counts };

fn seconds(s: i64) -> UtcMillis {
    UtcMillis(s * 1_000)
}

/// A car, last seen at `seen`.
fn car(seen: UtcMillis) -> Track {
    let bbox = BBox::new(0.0, 0.0, 40.0, 40.0);
    Track {
        id: TrackId(1),
        class: Class::Car,
        bbox,
        velocity: (0.0, 0.0),
        trail: Trail::default(),
        score: 0.9,
        began: seconds(0),
        began_bbox: bbox,
        seen,
        witnessed: true,
        faint: false,
        clear: true,
        as_before: false,
    }
}

/// Whether a stay goes on from second 0 to the picture of second `until`, with these spans unwatched.
#[track_caller]
fn check(until: i64, unwatched: &[(i64, i64)], goes_on: bool) {
    let mut stays = Stays::new(MEMORY);
    stays.begin(seconds(0), &[]);
    stays.inside(seconds(0), &car(seconds(0)));
    for (from, until) in unwatched {
        stays.unwatched(seconds(*from), seconds(*until));
    }
    assert_eq!(stays.begin(seconds(until), &[]).is_empty(), goes_on, "{until} s, unwatched {unwatched:?}");
    assert!(stays.unwatched.iter().all(|(_, end)| *end > seconds(until)));
}

/// In how many seconds, of pictures of one each, the stay of a car is over that was told of, is followed and out of sight
/// until then, or is seen outside; 30 when it goes on.
fn lasts(hidden: Hidden, outside: bool, unwatched: Option<(i64, i64)>) -> i64 {
    let mut stays = Stays::new(Memory { hidden, ..MEMORY });
    stays.begin(seconds(0), &[car(seconds(0))]);
    stays.inside(seconds(0), &car(seconds(0))).told = true;
    if let Some((from, until)) = unwatched {
        stays.unwatched(seconds(from), seconds(until));
    }
    let mut pictures = (1..30).filter(|s| unwatched.is_none_or(|(from, until)| !(from..until).contains(s)));
    let seen = |s: i64| seconds(if outside { s } else { 0 });
    pictures.find(|s| !stays.begin(seconds(*s), &[car(seen(*s))]).is_empty()).unwrap_or(30)
}

#[test]
fn who_was_told_of_has_not_left_before_it_is_seen_outside_or_nobody_watched() {
    assert_eq!(lasts(Hidden::Counts, false, None), 6);
    assert_eq!(lasts(Hidden::IsThere, false, None), 30);
    assert_eq!(lasts(Hidden::IsThere, true, None), 6);
    assert_eq!(lasts(Hidden::IsThere, false, Some((10, 14))), 30);
    assert_eq!(lasts(Hidden::IsThere, false, Some((10, 18))), 18);
}

#[test]
fn a_quiet_span_is_a_glimpse_and_what_nobody_watched_is_not() {
    check(1_800, &[], true);
    check(1_800, &[(300, 304)], true);
    check(1_800, &[(300, 306)], false);
    check(1_800, &[(300, 303), (600, 603)], false);
    check(1_800, &[(1_900, 2_000)], true);
    check(7_200, &[], false);
}

/// Who walked when it was last seen has left when nothing moves afterwards; whoever is there then is somebody new.
#[test]
fn who_was_on_the_move_does_not_stay_through_a_quiet_span() {
    for (speed, ends) in [(9.0, false), (11.0, true)] {
        let mut stays = Stays::new(MEMORY);
        stays.begin(seconds(0), &[]);
        stays.inside(seconds(0), &Track { velocity: (0.0, speed), ..car(seconds(0)) });
        assert!(stays.begin(seconds(2), &[]).is_empty(), "{speed}: not yet away for long");
        assert_eq!(stays.begin(seconds(60), &[]).len(), usize::from(ends), "{speed} pixels a second");
    }
}

/// Pictures come every two seconds: what is seen then counts as it is.
#[test]
fn a_gap_among_pictures_counts_as_long_as_it_was() {
    check(4, &[(1, 4)], true);
    check(6, &[(-10, 6)], false);
}

#[test]
fn a_stay_begins_when_somebody_can_have_come_and_goes_on_under_another_name() {
    let mut stays = Stays::new(MEMORY);
    let at = |s: i64, id: u64, as_before: bool| Track {
        id: TrackId(id),
        began: seconds(s),
        as_before,
        ..car(seconds(s))
    };
    stays.begin(seconds(0), &[]);
    let stay = stays.inside(seconds(0), &at(0, 1, true));
    assert!(!stay.has_begun(seconds(7)) && stay.since == seconds(7));
    let stay = stays.inside(seconds(8), &at(0, 1, false));
    assert!(stay.has_begun(seconds(8)) && stay.since == seconds(7));
    // Its track is lost; by now the picture is used to it.
    stays.begin(seconds(10), &[]);
    let stay = stays.inside(seconds(10), &at(10, 2, true));
    assert!(stay.has_begun(seconds(10)) && stay.since == seconds(7));
}
