//! Made-up streets: who has come, who was there, who drives by.

use super::*;
use crate::detection::Class;
use crate::health::Texture;
use crate::track::Trail;

/// Scene and small picture are alike here: a pixel is a pixel.
const SCENE: (u32, u32) = (160, 90);
const PLACE: BBox = BBox::new(40.0, 30.0, 20.0, 14.0);

fn seconds(s: i64) -> UtcMillis {
    UtcMillis(s * 1_000)
}

/// A street of stones, as bright as `light` says, with things of these levels on it.
fn street(light: f64, things: &[(BBox, u8)]) -> Thumb {
    let level = |i: usize| {
        let (x, y) = (i % SIZE.0, i / SIZE.0);
        let on = |(b, _): &&(BBox, u8)| {
            (b.x..b.x + b.w).contains(&(x as f64)) && (b.y..b.y + b.h).contains(&(y as f64))
        };
        let stone = 40.0 + ((x / 3 * 7 + y / 2 * 5) % 11) as f64 * 12.0;
        let sheet = ((x * 3 + y * 5) % 7 * 8) as u8;
        things.iter().find(on).map_or((light * stone) as u8, |(_, level)| *level + sheet)
    };
    let cells = vec![Texture::default(); crate::health::CELLS.0 * crate::health::CELLS.1];
    Thumb { luma: (0..SIZE.0 * SIZE.1).map(level).collect(), cells }
}

fn car(id: u64, at: UtcMillis, bbox: BBox, speed: f64) -> Track {
    Track {
        id: TrackId(id),
        class: Class::Car,
        bbox,
        velocity: (speed, 0.0),
        trail: Trail::default(),
        score: 0.5,
        began: at,
        began_bbox: bbox,
        seen: at,
        witnessed: true,
        faint: false,
        clear: true,
        as_before: false,
    }
}

/// One picture with a look: whose place looks as before.
fn see(scenery: &mut Scenery, s: i64, thumb: &Thumb, tracks: &mut [Track]) -> Vec<bool> {
    tracks.iter_mut().for_each(|track| track.seen = seconds(s));
    scenery.step(seconds(s), tracks);
    scenery.look(seconds(s), thumb, tracks);
    tracks.iter().map(|track| track.as_before).collect()
}

/// Of whom an empty street was seen for a minute.
fn known() -> Scenery {
    let mut scenery = Scenery::new(SCENE);
    (0..=60).for_each(|s| scenery.keep(seconds(s), &street(1.0, &[])));
    scenery
}

/// Of whom only the dark was seen.
fn flat() -> Scenery {
    let mut scenery = Scenery::new(SCENE);
    (0..=60).for_each(|s| scenery.keep(seconds(s), &street(0.02, &[])));
    scenery
}

#[test]
fn who_is_where_all_looks_as_before_has_not_come() {
    let mut scenery = known();
    let thing = [(PLACE, 90)];
    let mut tracks = [car(1, seconds(61), PLACE, 0.0)];
    assert!(scenery.step(seconds(61), &mut tracks), "nobody looked yet");
    assert_eq!(see(&mut scenery, 61, &street(0.7, &[]), &mut tracks), [true], "darker, and the same");
    assert!(!scenery.step(seconds(62), &mut tracks), "all is known");
    let mut came = [car(2, seconds(62), PLACE, 0.0)];
    assert_eq!(see(&mut scenery, 62, &street(1.0, &thing), &mut came), [false]);
    // It stays who came when the picture has grown used to it ...
    for s in 63..200 {
        assert_eq!(see(&mut scenery, s, &street(1.0, &thing), &mut came), [false], "{s}");
    }
    // ... and who is found there then has stood there.
    let mut new = [car(3, seconds(200), PLACE, 0.0)];
    assert_eq!(see(&mut scenery, 200, &street(1.0, &thing), &mut new), [true]);
}

#[test]
fn who_drives_by_before_a_parked_car_makes_nobody_come() {
    let mut scenery = known();
    let passes = [(BBox::new(30.0, 28.0, 24.0, 16.0), 200)];
    let mut first = [car(1, seconds(61), PLACE, 0.0)];
    assert_eq!(see(&mut scenery, 61, &street(1.0, &passes), &mut first), [false]);
    assert_eq!(see(&mut scenery, 62, &street(1.0, &[]), &mut first), [false], "once may be chance");
    assert_eq!(see(&mut scenery, 63, &street(1.0, &[]), &mut first), [true], "it is past");
    // What is known to have been there: looks at which it looks otherwise tell nothing for two seconds, wherever its box goes.
    let at = |x: f64| BBox::new(x, 28.0, 24.0, 16.0);
    for (s, x, as_before) in [(64, 30.0, true), (65, 60.0, true), (66, 60.0, false)] {
        let mut track = [car(1, seconds(61), at(x), 30.0)];
        assert_eq!(see(&mut scenery, s, &street(1.0, &[(at(x), 200)]), &mut track), [as_before], "{s}");
    }
}

#[test]
fn who_has_come_has_though_its_box_is_narrow_for_a_while_when_the_picture_is_used_to_it() {
    let mut scenery = known();
    let lorry = BBox::new(40.0, 30.0, 48.0, 24.0);
    let half = BBox::new(40.0, 30.0, 20.0, 24.0);
    for s in 61..200 {
        let place = if s % 45 == 0 { half } else { lorry };
        let mut tracks = [car(1, seconds(61), place, 0.0)];
        assert_eq!(see(&mut scenery, s, &street(1.0, &[(lorry, 90)]), &mut tracks), [false], "{s}");
    }
}

#[test]
fn who_stops_where_a_parked_car_was_under_its_name_has_come_after_a_while() {
    let mut scenery = known();
    let told: Vec<bool> = (61..90)
        .map(|s| {
            let thing = [(PLACE, 90)];
            let things = if s < 70 { &thing[..0] } else { &thing };
            see(&mut scenery, s, &street(1.0, things), &mut [car(1, seconds(61), PLACE, 0.0)])[0]
        })
        .collect();
    assert_eq!(told.iter().position(|as_before| !as_before), Some(19), "{told:?}");
}

#[test]
fn who_came_is_not_taken_for_what_was_there_by_one_look_nor_light_for_somebody() {
    let mut scenery = known();
    let other = BBox::new(90.0, 30.0, 20.0, 14.0);
    let at = |s: i64, place: BBox| car(1, seconds(61).min(seconds(s)), place, 0.0);
    assert_eq!(see(&mut scenery, 61, &street(1.0, &[(PLACE, 90)]), &mut [at(61, PLACE)]), [false]);
    assert_eq!(see(&mut scenery, 62, &street(1.0, &[]), &mut [at(62, other)]), [false], "once");
    assert_eq!(see(&mut scenery, 63, &street(1.0, &[]), &mut [at(63, other)]), [true]);
    // A light shadow that grows over the place for some minutes.
    for s in 64..400 {
        let shadow = BBox::new(90.0, 0.0, (s - 64) as f64 / 17.0, 90.0);
        let mut thumb = street(1.0, &[]);
        let dark = |i: usize| (shadow.x..shadow.x + shadow.w).contains(&((i % SIZE.0) as f64));
        thumb
            .luma
            .iter_mut()
            .enumerate()
            .filter(|(i, _)| dark(*i))
            .for_each(|(_, level)| *level -= *level / 5);
        assert_eq!(see(&mut scenery, s, &thumb, &mut [at(s, other)]), [true], "{s}");
    }
}

#[test]
fn whom_the_first_pictures_show_may_have_come_just_before_them() {
    let mut scenery = Scenery::new(SCENE);
    for s in 0..120 {
        assert_eq!(
            see(&mut scenery, s, &street(1.0, &[]), &mut [car(1, seconds(5), PLACE, 0.0)]),
            [false],
            "{s}"
        );
    }
}

#[test]
fn where_nobody_can_tell_everybody_can_have_come() {
    let mut young = Scenery::new(SCENE);
    (0..30).for_each(|s| young.keep(seconds(s), &street(1.0, &[])));
    let cases = [
        (young, PLACE, street(1.0, &[])),
        (known(), BBox::new(40.0, 30.0, 2.0, 14.0), street(1.0, &[])),
        (known(), BBox::new(-90.0, 30.0, 20.0, 14.0), street(1.0, &[])),
        (flat(), PLACE, street(0.02, &[])),
    ];
    for (mut scenery, place, thumb) in cases {
        let mut tracks = [car(1, seconds(61), place, 0.0)];
        assert_eq!(see(&mut scenery, 61, &thumb, &mut tracks), [false], "{place:?}");
    }
    let mut back = known();
    back.keep(seconds(5), &street(1.0, &[]));
    assert!(back.kept.len() == 1 && back.usual.is_none(), "the clock was set back");
}
