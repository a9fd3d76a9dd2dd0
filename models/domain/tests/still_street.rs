//! What the network sees in pictures in which nothing moves has done nothing; what it sees come has.

#![allow(clippy::unwrap_used, reason = "a test that panics has failed")]

use models_domain::detection::{BBox, Class, Detection};
use models_domain::event::EventBody;
use models_domain::scene::Scene;
use models_domain::track::Settings;
use models_domain::watch::Watch;
use models_domain::{CameraId, UtcMillis};

const SCENE: &str = r#"
size = [640, 360]
[[line]]
id = "over"
a = [320, 360]
b = [320, 0]
[[zone]]
id = "all"
polygon = [[0, 0], [640, 0], [640, 360], [0, 360]]
[[rule]]
kind = "stopped_vehicle"
zone = "all"
for_ms = 5000
[[rule]]
kind = "intrusion"
zone = "all"
classes = ["car"]
[[rule]]
kind = "wrong_way"
zone = "all"
direction = [-1, 0]
[[rule]]
kind = "illegal_parking"
zone = "all"
for_ms = 5000
"#;

/// Pictures come five times a second; each spell is (seconds, whether nothing moves, x at its begin and at its end).
#[track_caller]
fn check(spells: &[(i64, bool, f64, f64)], want: &[&str]) {
    check_in(SCENE, spells, want);
}

#[track_caller]
fn check_in(scene: &str, spells: &[(i64, bool, f64, f64)], want: &[&str]) {
    let camera = CameraId::new("c").unwrap();
    let mut watch = Watch::new(camera, &Scene::parse(scene).unwrap(), Settings::default()).unwrap();
    let (mut at, mut out) = (UtcMillis(0), Vec::new());
    for &(seconds, still, from, to) in spells {
        for i in 0..seconds * 5 {
            let x = from + (to - from) * i as f64 / (seconds * 5) as f64;
            let car = Detection { class: Class::Car, bbox: BBox::new(x, 150.0, 60.0, 40.0), score: 0.8 };
            watch.step(at, &[car], still, &mut out);
            at = UtcMillis(at.0 + 200);
        }
    }
    watch.finish(&mut out);
    let mut got: Vec<String> = out
        .iter()
        .map(|(_, body)| {
            let EventBody::Rule { event, .. } = body else { return body.kind().to_owned() };
            event.rule.clone()
        })
        .collect();
    got.sort();
    assert_eq!(got, want);
}

#[test]
fn who_appears_in_a_still_picture_did_nothing() {
    check(&[(20, true, 200.0, 200.0)], &[]);
    // Nor when somebody else drives by later on ...
    check(&[(20, true, 200.0, 200.0), (10, false, 200.0, 200.0)], &[]);
    // ... and a box that the network moves about in a still picture has not driven.
    check(&[(8, true, 100.0, 500.0)], &[]);
}

#[test]
fn who_drives_off_was_there() {
    let all = ["intrusion", "line_crossing", "wrong_way"];
    check(&[(20, true, 100.0, 100.0), (8, false, 100.0, 500.0)], &all);
}

#[test]
fn who_came_stays_in_the_still_picture() {
    let all = ["illegal_parking", "intrusion", "line_crossing", "stopped_vehicle", "wrong_way"];
    check(&[(8, false, 100.0, 500.0), (20, true, 500.0, 500.0)], &all);
    check(
        &[(2, false, 500.0, 500.0), (20, true, 500.0, 500.0)],
        &["illegal_parking", "intrusion", "stopped_vehicle"],
    );
}

/// The line's own rules count as the line does: what the network moves about in still pictures crosses nothing.
#[test]
fn a_box_that_moves_in_still_pictures_goes_no_wrong_way_over_a_line() {
    let scene = "size = [640, 360]\n[[line]]\nid = \"over\"\na = [320, 360]\nb = [320, 0]\n\
                 [[rule]]\nkind = \"wrong_way\"\nline = \"over\"\nallowed = \"to_left\"\n";
    let there_and_back = |still| {
        [
            (3, false, 150.0, 250.0),
            (4, still, 250.0, 400.0),
            (4, still, 400.0, 250.0),
            (2, false, 250.0, 250.0),
        ]
    };
    check_in(scene, &there_and_back(false), &["line_crossing", "line_crossing", "wrong_way"]);
    check_in(scene, &there_and_back(true), &[]);
}
