//! A made street: riders on a plane seen by a camera, what a network makes of them, and the truth about both.

#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

use std::collections::BTreeMap;
use std::fmt;

use models_domain::count::Direction;
use models_domain::geo::Point;
use models_domain::scene::Scene;
use models_domain::track::{Settings, Track};
use models_domain::watch::Watch;
use models_domain::{BBox, CameraId, Class, Detection, EventBody, UtcMillis};

/// How full, how hidden, how badly seen.
#[derive(Debug, Clone, Copy)]
pub struct Street {
    /// Riders a second on each of the two sides of the street.
    pub riders_per_s: f64,
    /// Chance that a rider who is in full view is not seen in a picture.
    pub missed: f64,
    /// Weak boxes on nothing, a picture.
    pub clutter: f64,
    /// Sudden moves of the camera, in sizes of a near box, on every fifth picture.
    pub shake: f64,
}

impl Street {
    pub fn calm() -> Self {
        Self { riders_per_s: 0.5, missed: 0.1, clutter: 0.3, shake: 0.0 }
    }

    pub fn dense() -> Self {
        Self { riders_per_s: 1.5, missed: 0.2, clutter: 0.5, shake: 0.0 }
    }
}

const SIZE: (u32, u32) = (640, 480);
/// Where riders come into and go out of view, meters from the camera.
const NEAR: f64 = 7.0;
const FAR: f64 = 45.0;
/// The counting line, meters from the camera.
const LINE: f64 = 16.0;

/// Numbers 0..1, the same at every run.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as f64 / (1u64 << 31) as f64
    }

    fn gauss(&mut self) -> f64 {
        (0..12).map(|_| self.next()).sum::<f64>() - 6.0
    }
}

struct Rider {
    /// Comes into view at this time, s.
    from: f64,
    /// Meters from the middle of the street; the left half comes nearer.
    x: f64,
    speed: f64,
    sway: (f64, f64),
    width: f64,
}

impl Rider {
    fn comes_nearer(&self) -> bool {
        self.x < 0.0
    }

    /// Meters on the street at `t`; `None` when out of view.
    fn place(&self, t: f64) -> Option<(f64, f64)> {
        let gone = self.speed * (t - self.from);
        let along = gone + 0.6 * (0.5 * t + self.sway.1).sin();
        let y = if self.comes_nearer() { FAR - along } else { NEAR + along };
        let x = self.x + 0.5 * (0.7 * t + self.sway.0).sin();
        ((NEAR..FAR).contains(&y) && gone >= 0.0).then_some((x, y))
    }

    fn bbox(&self, t: f64) -> Option<BBox> {
        let (x, y) = self.place(t)?;
        let (left, right, top) =
            (look(x - self.width / 2.0, y, 0.0), look(x + self.width / 2.0, y, 0.0), look(x, y, 1.6));
        let bbox = BBox::new(left.x, top.y, right.x - left.x, left.y - top.y);
        let middle = bbox.center().x;
        (0.0..f64::from(SIZE.0)).contains(&middle).then_some(bbox)
    }
}

/// A camera 6 m up, 22° down, focal length 520 pixels.
fn look(x: f64, y: f64, z: f64) -> Point {
    let (sin, cos) = 22_f64.to_radians().sin_cos();
    let depth = y * cos + (6.0 - z) * sin;
    Point::new(320.0 + 520.0 * x / depth, 240.0 + 520.0 * ((6.0 - z) * cos - y * sin) / depth)
}

/// What came out.
#[derive(Debug, Clone, Copy, Default)]
pub struct Score {
    pub movers: usize,
    /// Times that a road user went on under another identity.
    pub switches: usize,
    /// Boxes that the network told.
    boxes: usize,
    /// Part of the pictures of a road user in which a track was on it.
    seen: usize,
    of: usize,
    /// Tracks in pictures that were on nobody.
    ghosts: usize,
    true_crossings: usize,
    found: usize,
    false_crossings: usize,
}

impl Score {
    pub fn add(&mut self, other: &Score) {
        self.movers += other.movers;
        self.switches += other.switches;
        self.boxes += other.boxes;
        self.seen += other.seen;
        self.of += other.of;
        self.ghosts += other.ghosts;
        self.true_crossings += other.true_crossings;
        self.found += other.found;
        self.false_crossings += other.false_crossings;
    }

    pub fn switches_per_hundred(&self) -> f64 {
        100.0 * self.switches as f64 / self.movers.max(1) as f64
    }

    /// Missed and false crossings together.
    pub fn wrong_counts_per_hundred(&self) -> f64 {
        let wrong = self.true_crossings - self.found + self.false_crossings;
        100.0 * wrong as f64 / self.true_crossings.max(1) as f64
    }
}

impl fmt::Display for Score {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} riders, {} switches ({:.1} per hundred), followed {:.1} % (boxes {:.1} %), ghosts {:.2} %; crossings {} true, {} found, \
             {} false ({:.1} % wrong)",
            self.movers,
            self.switches,
            self.switches_per_hundred(),
            100.0 * self.seen as f64 / self.of.max(1) as f64,
            100.0 * self.boxes as f64 / self.of.max(1) as f64,
            100.0 * self.ghosts as f64 / self.of.max(1) as f64,
            self.true_crossings,
            self.found,
            self.false_crossings,
            self.wrong_counts_per_hundred()
        )
    }
}

/// Lets riders drive for as long as `times` last, looks at `times`, and scores what was made of it.
pub fn run(street: &Street, times: &[UtcMillis], seed: u64) -> Score {
    let mut dice = Dice(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15));
    let end = times.last().map_or(0.0, |at| at.0 as f64 / 1000.0);
    let riders = riders(street, end, &mut dice);
    let (a, b) = (look(-9.0, LINE, 0.0), look(9.0, LINE, 0.0));
    let scene = format!(
        "size = [{}, {}]\n[[line]]\nid = \"l\"\na = [{:.1}, {:.1}]\nb = [{:.1}, {:.1}]\n",
        SIZE.0, SIZE.1, a.x, a.y, b.x, b.y
    );
    let scene = Scene::parse(&scene).unwrap();
    let mut watch = Watch::new(CameraId::new("c").unwrap(), &scene, Settings::default()).unwrap();
    let (mut score, mut out) = (Score { movers: riders.len(), ..Score::default() }, Vec::new());
    let mut known = BTreeMap::new();
    for (i, at) in times.iter().enumerate() {
        let t = at.0 as f64 / 1000.0;
        let moved = if i % 5 == 3 { street.shake * 60.0 * dice.gauss() } else { 0.0 };
        let boxes: Vec<(usize, BBox)> = riders
            .iter()
            .enumerate()
            .filter_map(|(i, r)| r.bbox(t).map(|b| (i, BBox { x: b.x + moved, ..b })))
            .collect();
        let seen = see(street, &boxes, &mut dice);
        score.boxes += seen.len();
        let tracks = watch.step(*at, &seen, false, &mut out);
        // The tracker may have taken the camera's move out of the boxes.
        let at_rest: Vec<(usize, BBox)> =
            boxes.iter().map(|(i, b)| (*i, BBox { x: b.x - moved, ..*b })).collect();
        let on = |boxes: &[(usize, BBox)]| {
            let iou = |t: &Track| boxes.iter().map(|(_, b)| b.iou(&t.bbox)).fold(0.0, f64::max);
            tracks.iter().map(iou).sum::<f64>()
        };
        let boxes = if on(&at_rest) > on(&boxes) { at_rest } else { boxes };
        follow(&mut score, &boxes, tracks, *at, &mut known);
    }
    watch.finish(&mut out);
    count(&mut score, &riders, times, &out);
    score
}

fn riders(street: &Street, end: f64, dice: &mut Dice) -> Vec<Rider> {
    let mut riders: Vec<Rider> = Vec::new();
    for left in [true, false] {
        let mut from = 0.0;
        loop {
            // Waves, as signals make them.
            let wave = 0.4 + 0.6 * (1.0 + (from * 0.6_f64).sin());
            from += -(1.0 - dice.next()).ln() / (street.riders_per_s * wave.max(0.3));
            if from >= end {
                break;
            }
            let x = 0.8 + 4.5 * dice.next();
            riders.push(Rider {
                from,
                x: if left { -x } else { x },
                speed: 4.0 + 6.0 * dice.next(),
                sway: (6.3 * dice.next(), 6.3 * dice.next()),
                width: 0.7 + 0.3 * dice.next(),
            });
        }
    }
    riders
}

/// What a network makes of a picture: hidden and small ones are often missed, boxes shake, some double, some are nothing.
fn see(street: &Street, boxes: &[(usize, BBox)], dice: &mut Dice) -> Vec<Detection> {
    let mut seen: Vec<Detection> = Vec::new();
    for (_, bbox) in boxes {
        // The lower edge tells who is in front.
        let in_front = boxes.iter().filter(|(_, b)| b.y + b.h > bbox.y + bbox.h);
        let hidden = in_front.map(|(_, b)| b.intersection(bbox) / bbox.area()).sum::<f64>().min(1.0);
        let small = ((30.0 - bbox.h) / 30.0).max(0.0);
        let missed = street.missed + 0.8 * small + if hidden > 0.25 { 1.3 * (hidden - 0.25) } else { 0.0 };
        let luck = dice.next();
        let mut shake = |side: f64, by: f64| by * side * dice.gauss();
        let (w, h) = (bbox.w, bbox.h);
        let shaken = BBox::new(
            bbox.x + shake(w, 0.06),
            bbox.y + shake(h, 0.05),
            w * (1.0 + shake(1.0, 0.08)),
            h * (1.0 + shake(1.0, 0.06)) * (1.0 - 0.4 * hidden),
        );
        let score = (0.62 - 0.35 * hidden - 0.4 * small + 0.15 * dice.gauss()).clamp(0.05, 0.95) as f32;
        if luck < missed || score < 0.08 {
            continue;
        }
        let class = if dice.next() < 0.15 { Class::Person } else { Class::Motorcycle };
        seen.push(Detection { class, bbox: shaken, score });
        if dice.next() < 0.03 {
            // The rider alone, which was not joined with what is ridden.
            let rider = BBox::new(shaken.x + 0.1 * w, shaken.y, 0.8 * w, 0.65 * h);
            seen.push(Detection { class: Class::Person, bbox: rider, score: 0.7 * score });
        }
    }
    let nothing = if dice.next() < street.clutter { 1 } else { 0 };
    for _ in 0..nothing {
        let bbox = BBox::new(600.0 * dice.next(), 420.0 * dice.next(), 15.0 + 25.0 * dice.next(), 40.0);
        seen.push(Detection { class: Class::Person, bbox, score: (0.1 + 0.25 * dice.next()) as f32 });
    }
    seen.sort_by(|a, b| b.score.total_cmp(&a.score));
    let mut kept: Vec<Detection> = Vec::new();
    for new in seen {
        if !kept.iter().any(|old| old.class == new.class && old.bbox.iou(&new.bbox) > 0.6) {
            kept.push(new);
        }
    }
    kept
}

/// Which track is on whom, best overlap first.
fn follow(
    score: &mut Score,
    boxes: &[(usize, BBox)],
    tracks: &[Track],
    at: UtcMillis,
    known: &mut BTreeMap<usize, u64>,
) {
    let seen: Vec<&Track> = tracks.iter().filter(|t| t.is_seen(at)).collect();
    let mut pairs: Vec<(f64, usize, usize)> = Vec::new();
    for (i, track) in seen.iter().enumerate() {
        for (j, (_, bbox)) in boxes.iter().enumerate() {
            let iou = track.bbox.iou(bbox);
            if iou >= 0.35 {
                pairs.push((iou, i, j));
            }
        }
    }
    pairs.sort_by(|a, b| b.0.total_cmp(&a.0));
    let (mut of_track, mut of_box) = (vec![false; seen.len()], vec![false; boxes.len()]);
    for (_, i, j) in pairs {
        if of_track[i] || of_box[j] {
            continue;
        }
        (of_track[i], of_box[j]) = (true, true);
        let id = seen[i].id.0;
        score.switches += usize::from(known.insert(boxes[j].0, id).is_some_and(|before| before != id));
    }
    score.seen += of_box.iter().filter(|on| **on).count();
    score.of += boxes.len();
    score.ghosts += of_track.iter().filter(|on| !**on).count();
}

/// Crossings told against those that were: same direction, within 0.5 s, each once.
fn count(score: &mut Score, riders: &[Rider], times: &[UtcMillis], out: &[(UtcMillis, EventBody)]) {
    let (begin, end) = (times[0].0, times[times.len() - 1].0);
    let mut told: Vec<(i64, Direction)> = out
        .iter()
        .filter_map(|(at, body)| {
            if let EventBody::LineCrossing { crossing, .. } = body {
                Some((at.0, crossing.direction))
            } else {
                None
            }
        })
        .collect();
    // Where only key frames were looked at, one every two seconds, nothing can be counted.
    let looked = |t: i64| times.iter().filter(|at| (t - 1000..t + 500).contains(&at.0)).count() >= 5;
    for rider in riders {
        let crosses = |t: i64| {
            let y = |t: i64| rider.place(t as f64 / 1000.0).map(|p| p.1);
            matches!((y(t), y(t + 20)), (Some(p), Some(q)) if (p < LINE) != (q < LINE))
        };
        let direction = if rider.comes_nearer() { Direction::ToRight } else { Direction::ToLeft };
        // At the rims of the time it is chance which of them can be told.
        for t in (begin..end).step_by(20).filter(|t| crosses(*t)) {
            let near =
                told.iter().enumerate().filter(|(_, (at, d))| *d == direction && (at - t).abs() <= 500);
            let best = near.min_by_key(|(_, (at, _))| (at - t).abs()).map(|(i, _)| i);
            let inside = (begin + 1500..end - 1000).contains(&t) && looked(t);
            if let Some(i) = best {
                told.swap_remove(i);
            }
            score.true_crossings += usize::from(inside);
            score.found += usize::from(inside && best.is_some());
        }
    }
    let inside = |at: &i64| (begin + 1500..end - 1000).contains(at) && looked(*at);
    score.false_crossings += told.iter().filter(|(at, _)| inside(at)).count();
}
