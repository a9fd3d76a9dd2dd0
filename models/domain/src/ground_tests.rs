//! A known camera over a known street: places, speeds with their sigma, and what is wrong with marks.

use super::*;
use crate::detection::{BBox, Class, Detection};
use crate::scene::Scene;
use crate::track::{Settings, Tracker, size_of};
use crate::units::UtcMillis;

const SIZE: (u32, u32) = (1280, 720);

/// A camera 7 m up that looks along y, 18° down, focal length 800 pixels.
fn look(x: f64, y: f64, z: f64) -> Point {
    let (sin, cos) = 18_f64.to_radians().sin_cos();
    let depth = y * cos + (7.0 - z) * sin;
    Point::new(640.0 + 800.0 * x / depth, 360.0 + 800.0 * ((7.0 - z) * cos - y * sin) / depth)
}

fn mark(x: f64, y: f64) -> RawMark {
    RawMark { picture: look(x, y, 0.0), meters: Some(Point::new(x, y)), lat_lon: None, within_m: None }
}

fn marks() -> Vec<RawMark> {
    [(-4.0, 15.0), (4.0, 15.0), (5.0, 45.0), (-5.0, 40.0), (0.0, 30.0), (3.0, 22.0)]
        .map(|(x, y)| mark(x, y))
        .to_vec()
}

/// Numbers -1..1, the same at every run.
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as f64 / (1u64 << 30) as f64 - 1.0
    }

    fn gauss(&mut self) -> f64 {
        (0..12).map(|_| self.next()).sum::<f64>() / 2.0
    }
}

/// The box of a motorcycle with its rider (0.8 m wide, 1.6 m high) at x, y.
fn seen(x: f64, y: f64, noise: &mut Noise) -> Detection {
    let (left, right, top) = (look(x - 0.4, y, 0.0), look(x + 0.4, y, 0.0), look(x, y, 1.6));
    let bbox = BBox::new(left.x, top.y, right.x - left.x, left.y - top.y);
    let shake = JITTER * size_of(&bbox);
    let mut moved = || noise.gauss() * shake;
    let bbox = BBox { x: bbox.x + moved(), y: bbox.y + moved(), ..bbox };
    Detection { class: Class::Motorcycle, bbox, score: 0.8 }
}

/// Speeds told of motorcycles at `kmh`, seen `fps` times a second from 40 m on, nearer or `across`: mean error in km/h,
/// mean sigma, share of them within two sigmas.
fn ride(kmh: f64, fps: f64, across: bool) -> (f64, f64, f64) {
    let ground = Ground::new(SIZE, None, &marks()).unwrap();
    let (mut noise, mut errors, mut sigmas, mut within) = (Noise(3), Vec::new(), Vec::new(), 0);
    for _ in 0..60 {
        let mut tracker = Tracker::new(Settings::default());
        for i in 0..(1.8 * fps) as i64 {
            let t = i as f64 / fps;
            let gone = kmh / 3.6 * t;
            let (x, y) = if across { (-8.0 + gone, 25.0) } else { (1.0, 40.0 - gone) };
            // Pictures come a little early or late.
            let at = UtcMillis((t * 1000.0 + 8.0 * noise.gauss()) as i64);
            let tracks = tracker.step(at, &[seen(x, y, &mut noise)]);
            let Some(track) = tracks.first().filter(|_| t > 1.2) else { continue };
            let (speed, sigma) = ground.speed(track).unwrap();
            errors.push(speed.kmh() - kmh);
            sigmas.push(sigma.kmh());
            within += usize::from((speed.kmh() - kmh).abs() <= 2.0 * sigma.kmh());
        }
    }
    let n = errors.len() as f64;
    (errors.iter().sum::<f64>() / n, sigmas.iter().sum::<f64>() / n, within as f64 / n)
}

#[track_caller]
fn check_ride(kmh: f64, fps: f64, across: bool) {
    let (bias, sigma, within) = ride(kmh, fps, across);
    println!(
        "{kmh} km/h at {fps} fps, across {across}: bias {bias:.2}, sigma {sigma:.2}, within {within:.3}"
    );
    assert!(bias.abs() < 0.08 * kmh + 0.5, "bias {bias} sigma {sigma} within {within}");
    assert!(sigma < 0.25 * kmh + 2.0, "bias {bias} sigma {sigma} within {within}");
    assert!(within > 0.9, "bias {bias} sigma {sigma} within {within}");
}

#[test]
fn speeds_lie_within_their_sigma() {
    for fps in [6.0, 25.0] {
        check_ride(30.0, fps, true);
        check_ride(50.0, fps, false);
        check_ride(15.0, fps, false);
    }
}

/// A wide lens: 80 pixels at the edge of the picture.
const WIDE: Lens = Lens {
    focal: (800.0, 800.0),
    center: Point::new(640.0, 360.0),
    k1: -0.22,
    k2: 0.03,
    p1: 0.0,
    p2: 0.0,
    k3: 0.0,
};

/// The scene file of a street seen through [`WIDE`], with its lens or without.
fn scene(lens: &str) -> Scene {
    let mark = |m: &RawMark| {
        let (p, at) = (WIDE.bent(m.picture), m.meters.unwrap());
        format!("[[ground]]\npicture = [{}, {}]\nmeters = [{}, {}]\n", p.x, p.y, at.x, at.y)
    };
    let marks: String = marks().iter().map(mark).collect();
    Scene::parse(&format!("size = [1280, 720]\n{lens}{marks}")).unwrap()
}

/// The mean speed in km/h that a scene tells of a motorcycle at 30 km/h which rides out of the picture's side, seen through [`WIDE`].
fn rides_out(scene: &Scene) -> f64 {
    let (ground, mut noise, mut speeds) = (scene.ground.as_ref().unwrap(), Noise(3), Vec::new());
    for _ in 0..40 {
        let mut tracker = Tracker::new(Settings::default());
        for i in 0..18 {
            let straight = seen(5.0 + 30.0 / 3.6 * 0.1 * f64::from(i), 25.0, &mut noise).bbox;
            let corner = |x: f64, y: f64| WIDE.bent(Point::new(x, y));
            let (top, foot) = (corner(straight.x, straight.y), straight.y + straight.h);
            let (left, right) = (corner(straight.x, foot), corner(straight.x + straight.w, foot));
            let bbox = BBox::new(left.x, top.y, right.x - left.x, (left.y + right.y) / 2.0 - top.y);
            let box_seen = Detection { class: Class::Motorcycle, bbox, score: 0.8 };
            let tracks = tracker.step(UtcMillis(i64::from(i) * 100), &[box_seen]);
            speeds.extend(tracks.first().filter(|_| i > 12).map(|t| ground.speed(t).unwrap().0.kmh()));
        }
    }
    speeds.iter().sum::<f64>() / speeds.len() as f64
}

#[test]
fn through_a_wide_lens_speeds_are_right_with_its_distortion_and_wrong_without() {
    let with = rides_out(&scene("[lens]\nfx = 800\nk1 = -0.22\nk2 = 0.03\n"));
    let without = rides_out(&scene(""));
    assert!((with - 30.0).abs() < 1.5, "{with} km/h, not 30");
    assert!(without < 27.5, "{without} km/h without the lens");
}

#[test]
fn worse_marks_and_worse_times_make_a_speed_less_sure() {
    let sure = Ground::new(SIZE, None, &marks()).unwrap();
    let mut rough: Vec<RawMark> = marks();
    rough.iter_mut().for_each(|m| m.within_m = Some(2.0));
    let rough = Ground::new(SIZE, None, &rough).unwrap();
    let late = sure.clone().with_timing(DurationMs(60));
    let mut tracker = Tracker::new(Settings::default());
    let mut noise = Noise(5);
    for i in 0..12 {
        tracker.step(UtcMillis(i * 100), &[seen(1.0, 40.0 - i as f64, &mut noise)]);
    }
    let tracks = tracker.step(UtcMillis(1200), &[seen(1.0, 28.0, &mut noise)]);
    let sigma = |ground: &Ground| ground.speed(&tracks[0]).unwrap().1.0;
    assert!(sigma(&rough) > 1.1 * sigma(&sure), "{} {}", sigma(&rough), sigma(&sure));
    assert!(sigma(&late) > 1.1 * sigma(&sure), "{} {}", sigma(&late), sigma(&sure));
    let mut in_the_sky = tracks[0];
    in_the_sky.trail = Trail::default();
    assert_eq!(sure.speed(&in_the_sky), None, "no way");
    for i in 0..9 {
        in_the_sky.trail.push(UtcMillis(i * 150), &BBox::new(300.0 + i as f64, 0.0, 20.0, 40.0));
    }
    assert_eq!(sure.speed(&in_the_sky), None);
}

#[test]
fn places_there_and_back() {
    let ground = Ground::new(SIZE, None, &marks()).unwrap();
    let at = ground.at(look(2.0, 35.0, 0.0)).unwrap();
    assert!((at.x - 2.0).hypot(at.y - 35.0) < 0.01, "{at:?}");
    let back = ground.picture(at).unwrap();
    assert!((back.x - look(2.0, 35.0, 0.0).x).abs() < 0.01);
    let way = ground.distance(look(0.0, 20.0, 0.0), look(3.0, 24.0, 0.0)).unwrap();
    assert!((way.0 - 5.0).abs() < 0.01, "{way:?}");
    assert_eq!(ground.at(Point::new(640.0, 10.0)), None, "the sky");
    assert_eq!(ground.lat_lon(look(0.0, 20.0, 0.0)), None);
}

#[test]
fn marks_by_latitude_and_longitude() {
    // Hoàn Kiếm; meters of latitude are 111,195 a degree, of longitude 103,790 there.
    let place = |x: f64, y: f64| Point::new(21.0287 + y / 111_195.08, 105.8524 + x / 103_790.2);
    let by_lat_lon = |m: RawMark| RawMark { lat_lon: m.meters.map(|p| place(p.x, p.y)), meters: None, ..m };
    let ground = Ground::new(SIZE, None, &marks().into_iter().map(by_lat_lon).collect::<Vec<_>>()).unwrap();
    let got = ground.lat_lon(look(2.0, 35.0, 0.0)).unwrap();
    let want = place(2.0, 35.0);
    assert!(got.distance(LatLon::new(want.x, want.y)).0 < 0.05, "{got:?}");
    let mut mixed = marks();
    mixed[0] = by_lat_lon(mark(1.0, 12.0));
    assert_eq!(Ground::new(SIZE, None, &mixed), Err(GroundError::Mixed));
}

#[test]
fn one_wrong_mark_among_many_is_left_out() {
    let mut wrong = marks();
    wrong[4].meters = Some(Point::new(0.0, 37.0));
    let ground = Ground::new(SIZE, None, &wrong).unwrap();
    assert_eq!(ground.left_out(), [5]);
    let at = ground.at(look(2.0, 35.0, 0.0)).unwrap();
    assert!((at.x - 2.0).hypot(at.y - 35.0) < 0.01, "{at:?}");
}

#[track_caller]
fn check(change: impl Fn(&mut Vec<RawMark>), want: &str) {
    let mut marks = marks();
    change(&mut marks);
    let got = Ground::new(SIZE, None, &marks).map_or_else(|err| err.to_string(), |_| "fine".to_owned());
    assert_eq!(got, want);
}

#[test]
fn what_is_wrong_is_said() {
    check(|_| {}, "fine");
    check(|m| m.truncate(3), "ground: 3 points; a plane needs four or more, no three of them in a line");
    check(|m| m[1].picture = m[3].picture, "ground: points 2 and 4 are the same place");
    let line = "ground: the points stand in a line, in the picture and on the ground: four are needed of which no \
                three do; add points to the side of it";
    check(|m| *m = [10.0, 20.0, 30.0, 40.0, 50.0].map(|y| mark(1.0, y)).to_vec(), line);
    check(
        |m| *m = vec![mark(0.0, 10.0), mark(0.0, 20.0), mark(0.0, 30.0), mark(4.0, 25.0)],
        "ground: the points stand in a line, three of every four: four are needed of which no three do; add points to \
         the side of it",
    );
    check(
        |m| m.iter_mut().for_each(|m| m.meters = m.meters.map(|p| Point::new(p.x, -p.y))),
        "ground: the ground is mirrored: seen from above, y must lie to the left of x (x to the right, y away from the \
         camera); turn the sign of one of them in all points",
    );
    check(
        |m| {
            m.truncate(4);
            (m[0].meters, m[1].meters) = (m[1].meters, m[0].meters);
        },
        "ground: no camera sees the points like this, the horizon would run between them: two are mixed up, or one lies \
         above the horizon",
    );
    check(
        |m| {
            m.truncate(5);
            m[4].meters = Some(Point::new(0.0, 36.0));
        },
        "ground: the points do not agree: point 5 is off by 9.7 times what it may be; check it, or add points until 5 \
         agree",
    );
    check(
        |m| m[2].picture = Point::new(1300.0, 5.0),
        "ground, point 3: picture 1300, 5 lies outside the scene of 1280 x 720",
    );
    check(|m| m[2].meters = None, "ground, point 3: has neither meters = [x, y] nor lat_lon = [lat, lon]");
    check(|m| m[2].within_m = Some(0.0), "ground, point 3: within_m 0 is not within 0.001 and 100");
}
