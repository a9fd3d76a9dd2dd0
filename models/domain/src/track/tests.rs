//! The tracker on made streets: every rate of pictures, dropped pictures, doubtful boxes, broken clocks.

use std::collections::{BTreeMap, BTreeSet};

use super::*;

/// A road user that starts at `x`, `y` at time `from` and moves at a steady speed in pixels a second.
#[derive(Clone, Copy)]
struct Mover {
    class: Class,
    x: f64,
    y: f64,
    vx: f64,
    vy: f64,
    w: f64,
    h: f64,
}

impl Mover {
    fn at(&self, ms: i64, noise: &mut Noise) -> Detection {
        let t = ms as f64 / 1000.0;
        let mut shake = |size: f64| noise.next() * 0.05 * size;
        let bbox = BBox::new(
            self.x + self.vx * t + shake(self.w),
            self.y + self.vy * t + shake(self.h),
            self.w + shake(self.w),
            self.h + shake(self.h),
        );
        Detection { class: self.class, bbox, score: 0.6 + 0.2 * noise.next() as f32 }
    }
}

/// Numbers -1..1, the same at every run.
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as f64 / (1u64 << 30) as f64 - 1.0
    }
}

/// Runs the movers and returns, for each, the ids of the tracks nearest to it, and the number of ids in all.
fn run(
    movers: &[Mover],
    times_ms: &[i64],
    hidden: impl Fn(usize, i64) -> bool,
) -> (Vec<BTreeSet<u64>>, usize) {
    let mut tracker = Tracker::new(Settings::default());
    let (mut noise, mut ids) = (Noise(1), vec![BTreeSet::new(); movers.len()]);
    let mut all = BTreeSet::new();
    for &ms in times_ms {
        let seen: Vec<(usize, Detection)> = movers
            .iter()
            .enumerate()
            .filter(|(i, _)| !hidden(*i, ms))
            .map(|(i, m)| (i, m.at(ms, &mut noise)))
            .collect();
        let boxes: Vec<Detection> = seen.iter().map(|(_, d)| *d).collect();
        for track in tracker.step(UtcMillis(ms), &boxes) {
            all.insert(track.id.0);
            if let Some((i, _)) = seen
                .iter()
                .map(|(i, d)| (*i, d.bbox.iou(&track.bbox)))
                .filter(|(_, iou)| *iou > 0.5 && track.is_seen(UtcMillis(ms)))
                .max_by(|a, b| a.1.total_cmp(&b.1))
            {
                ids[i].insert(track.id.0);
            }
        }
    }
    (ids, all.len())
}

/// Each mover is followed under exactly one id and nothing else is.
#[track_caller]
fn check(movers: &[Mover], times_ms: &[i64], hidden: impl Fn(usize, i64) -> bool) {
    let (ids, all) = run(movers, times_ms, hidden);
    for (i, ids) in ids.iter().enumerate() {
        assert_eq!(ids.len(), 1, "mover {i}: {ids:?}");
    }
    assert_eq!(all, movers.len());
}

/// A column of motorcycles, each 1.3 boxes further between two pictures at six a second, and one against the stream.
fn motorcycles() -> Vec<Mover> {
    let one = |i: usize| Mover {
        class: Class::Motorcycle,
        x: -150.0 * i as f64,
        y: 200.0 + 45.0 * (i % 3) as f64,
        vx: 160.0,
        vy: 6.0,
        w: 22.0,
        h: 40.0,
    };
    let mut all: Vec<Mover> = (0..9).map(one).collect();
    all.push(Mover { x: 900.0, y: 330.0, vx: -150.0, vy: 0.0, ..one(0) });
    all
}

#[test]
fn motorcycles_at_six_pictures_a_second() {
    check(&motorcycles(), &(0..36).map(|i| i * 167).collect::<Vec<_>>(), |_, _| false);
}

#[test]
fn motorcycles_at_25_and_at_a_shaky_rate() {
    check(&motorcycles(), &(0..150).map(|i| i * 40).collect::<Vec<_>>(), |_, _| false);
    let mut at = 0;
    let steps = [40, 40, 120, 40, 200, 80, 40, 160];
    let shaky: Vec<i64> = (0..60)
        .map(|i| {
            at += steps[i % steps.len()];
            at
        })
        .collect();
    check(&motorcycles(), &shaky, |_, _| false);
}

#[test]
fn dropped_pictures_and_short_occlusions_keep_identities() {
    let times: Vec<i64> = (0..100).map(|i| i * 80).filter(|ms| ms % 720 != 0 || *ms == 0).collect();
    check(&motorcycles(), &times, |i, ms| (2_000 + 160 * i as i64..2_900 + 160 * i as i64).contains(&ms));
}

#[test]
fn a_parked_car_keeps_its_id_while_a_bus_hides_it() {
    let car = Mover { class: Class::Car, x: 300.0, y: 200.0, vx: 0.0, vy: 0.0, w: 60.0, h: 40.0 };
    let bus = Mover { class: Class::Bus, x: -400.0, y: 170.0, vx: 120.0, vy: 0.0, w: 200.0, h: 110.0 };
    let times: Vec<i64> = (0..120).map(|i| i * 100).collect();
    check(&[car, bus], &times, |i, ms| i == 0 && (3_800..7_500).contains(&ms));
}

#[test]
fn two_walkers_cross() {
    let one = Mover { class: Class::Person, x: 0.0, y: 100.0, vx: 40.0, vy: 0.0, w: 16.0, h: 44.0 };
    let other = Mover { x: 200.0, y: 108.0, vx: -40.0, ..one };
    check(&[one, other], &(0..50).map(|i| i * 100).collect::<Vec<_>>(), |_, _| false);
}

#[test]
fn doubtful_boxes_are_believed_when_they_go_on_with_a_track_or_go_steadily() {
    let doubtful = |ms: i64, score: f32| Detection {
        class: Class::Car,
        bbox: BBox::new(0.1 * ms as f64, 50.0, 60.0, 40.0),
        score,
    };
    let mut tracker = Tracker::new(Settings::default());
    for ms in (0..3_000).step_by(100) {
        assert!(tracker.step(UtcMillis(ms), &[doubtful(0, 0.25)]).is_empty());
    }
    for ms in (3_000..9_000).step_by(100) {
        let score = if ms < 4_000 { 0.7 } else { 0.2 };
        let tracks = tracker.step(UtcMillis(ms), &[doubtful(ms, score)]);
        assert!(ms < 3_300 || (tracks.len() == 1 && tracks[0].is_seen(UtcMillis(ms))), "{ms}");
    }
}

#[test]
fn a_doubtful_box_that_goes_steadily_is_believed() {
    let mut tracker = Tracker::new(Settings::default());
    let mut believed = 0;
    for ms in (0..2_000).step_by(100) {
        let bbox = BBox::new(0.1 * ms as f64, 50.0, 60.0, 40.0);
        let seen = Detection { class: Class::Car, bbox, score: 0.22 };
        believed += usize::from(!tracker.step(UtcMillis(ms), &[seen]).is_empty());
    }
    assert!((10..18).contains(&believed), "{believed}");
}

#[test]
fn the_class_is_what_most_boxes_say() {
    let mut tracker = Tracker::new(Settings::default());
    let mut classes = BTreeMap::new();
    for i in 0..20 {
        let class = if i % 3 == 0 { Class::Truck } else { Class::Bus };
        let seen = Detection { class, bbox: BBox::new(f64::from(i), 50.0, 90.0, 60.0), score: 0.7 };
        for track in tracker.step(UtcMillis(i64::from(i) * 100), &[seen]) {
            classes.insert(track.id, track.class);
        }
    }
    assert_eq!(classes.into_values().collect::<Vec<_>>(), [Class::Bus]);
}

#[test]
fn clocks_that_stand_or_jump_break_nothing() {
    let mut tracker = Tracker::new(Settings::default());
    let car = Detection { class: Class::Car, bbox: BBox::new(10.0, 10.0, 60.0, 40.0), score: 0.8 };
    let mut ids = BTreeSet::new();
    let odd = Detection { bbox: BBox::new(f64::NAN, 0.0, f64::INFINITY, -1.0), ..car };
    for at in [0, 100, 200, 300, 300, 300, -50_000, -49_900, 400, i64::MIN, i64::MAX, i64::MAX, 0, 100] {
        for track in tracker.step(UtcMillis(at), &[car, odd]) {
            assert!(track.bbox.x.is_finite() && track.velocity.0.is_finite(), "{track:?}");
            ids.insert(track.id);
        }
    }
    assert!(ids.len() <= 3, "{ids:?}");
    assert!(tracker.step(UtcMillis(60_000), &[]).is_empty(), "all forgotten after a minute");
}

/// When something seen with this score, that goes steadily on, is believed, in milliseconds; a picture every `every_ms`.
fn believed_after(score: f32, every_ms: i64) -> Option<i64> {
    let mut tracker = Tracker::new(Settings::default());
    (0..3_000 / every_ms).map(|i| i * every_ms).find(|&ms| {
        let bbox = BBox::new(100.0 + 60.0 * ms as f64 / 1000.0, 100.0, 30.0, 40.0);
        !tracker.step(UtcMillis(ms), &[Detection { class: Class::Motorcycle, bbox, score }]).is_empty()
    })
}

#[test]
fn more_pictures_a_second_of_something_doubtful_prove_no_more() {
    let (slow, fast) = (believed_after(0.22, 167).unwrap(), believed_after(0.22, 40).unwrap());
    assert!((600..=700).contains(&slow), "{slow}");
    assert!((slow - 120..=slow + 120).contains(&fast), "{fast}, but {slow} at six a second");
    assert!(believed_after(0.8, 40).unwrap() < 300);
}

#[test]
fn what_is_seen_far_worse_than_vehicles_of_its_size_is_faint() {
    let mut tracker = Tracker::new(Settings::default());
    let mut faint = BTreeMap::new();
    for ms in (0..12_000).step_by(160) {
        // Lanes of cars, each followed by a mark on the road that its shadow moves over.
        let lane = |n: i64| {
            let x = (ms as f64 * 0.06 + 120.0 * n as f64) % 720.0;
            let car = BBox::new(x, 100.0, 50.0, 40.0);
            let ghost = BBox::new(x - 55.0, 105.0, 45.0, 36.0);
            let seen = |bbox, score| Detection { class: Class::Car, bbox, score };
            [seen(car, 0.7), seen(ghost, 0.2)]
        };
        let boxes: Vec<Detection> = (0..3).flat_map(lane).collect();
        for track in tracker.step(UtcMillis(ms), &boxes).iter().filter(|t| t.is_seen(UtcMillis(ms))) {
            if ms > 10_000 {
                faint.insert(track.id.0, (track.score < 0.3, track.faint));
            }
        }
    }
    assert!(faint.values().any(|(ghost, _)| *ghost) && faint.values().any(|(ghost, _)| !*ghost));
    assert!(faint.values().all(|(ghost, faint)| ghost == faint), "{faint:?}");
}

/// A car that drives by, seen six times a second with these scores: whether its track is clear at the end.
fn is_clear(scores: &[f32]) -> bool {
    let mut tracker = Tracker::new(Settings::default());
    let mut clear = None;
    for (n, score) in scores.iter().enumerate() {
        let bbox = BBox::new(20.0 * n as f64, 200.0, 60.0, 40.0);
        let seen = Detection { class: Class::Car, bbox, score: *score };
        clear = tracker.step(UtcMillis(167 * n as i64), &[seen]).first().map(|track| track.clear);
    }
    clear.expect("nobody is followed")
}

#[test]
fn one_sure_box_makes_a_track_clear_for_good() {
    let sure = Settings::default().sure;
    let mut scores = [sure - 0.01; 12];
    assert!(!is_clear(&scores), "never seen clearly");
    scores[11] = sure;
    assert!(is_clear(&scores), "at the very score");
    scores = [0.2; 12];
    scores[0] = 0.6;
    assert!(is_clear(&scores), "bad boxes take nothing back");
}
