//! Who is followed keeps its identity whatever rung the camera stands on: up when it comes, down while it stands, up when it goes.
//!
//! What holds: on key frames a road user that stands is the same one for as long as it stands, and one that creeps too. Of a camera
//! that is only watched nobody looks any more at who stood for three minutes; when it leaves, it is another one.

use std::collections::BTreeSet;

use async_trait::async_trait;
use hardware_ports::camera::{Frame, OwnedPlanes, PixelFormat};
use hardware_ports::units::{AccessUnit, PictureDecoder, StreamFormat, UnitDriver, UnitStream};

use super::*;

/// Pixels of the painted pictures; the scene has four times as many on each side.
const SIZE: (usize, usize) = (160, 90);
const CAR: (usize, usize) = (20, 10);
const TOP: usize = 40;
/// Pictures: ten a second, a key frame every two seconds.
const GROUP: u64 = 20;
const QUIET: u64 = 6_000;
/// Driving in, or out.
const DRIVES: u64 = 40;
const MIDDLE: f64 = 70.0;

/// The left edge of the car in a picture, by the picture's number.
#[derive(Clone, Copy)]
struct Way {
    /// How many pictures it stands, and pixels it creeps in each of them.
    stands: u64,
    creeps: f64,
}

impl Way {
    fn at(&self, number: u64) -> Option<f64> {
        let since = number.checked_sub(QUIET + GROUP / 2)?;
        let step = (MIDDLE + CAR.0 as f64) / DRIVES as f64;
        let crept = |n: u64| MIDDLE + self.creeps * n as f64;
        let x = match since {
            _ if since < DRIVES => step * since as f64 - CAR.0 as f64,
            _ if since < DRIVES + self.stands => crept(since - DRIVES),
            _ => crept(self.stands) + step * (since - DRIVES - self.stands) as f64,
        };
        (x < SIZE.0 as f64).then_some(x)
    }

    /// What the camera sends: a stream that is small while nothing moves. It ends with half a minute of an empty street.
    fn steps(&self) -> Vec<Step> {
        let all = QUIET + 2 * DRIVES + self.stands + 320;
        let moves = |number: u64| match (self.at(number), self.at(number.saturating_sub(1))) {
            (Some(x), Some(before)) => (x - before).abs() > 1.0,
            (now, before) => now != before,
        };
        let step = |number: u64| match (number % GROUP, moves(number)) {
            (0, _) => Step::Key(DurationMs(100)),
            (_, true) => Step::Large(DurationMs(100), 6_000),
            (_, false) => Step::Delta(DurationMs(100)),
        };
        (0..all).map(step).collect()
    }
}

/// A camera whose pictures show a white car on a grey street.
struct Painted {
    camera: Arc<ScriptedCamera>,
    way: Way,
}

struct Painter {
    decoder: Box<dyn PictureDecoder>,
    way: Way,
}

#[async_trait]
impl UnitDriver for Painted {
    async fn open(&self, source: &CameraSource) -> Result<Box<dyn UnitStream>, CameraError> {
        self.camera.open(source).await
    }

    fn decoder(
        &self,
        source: &CameraSource,
        format: &Arc<StreamFormat>,
    ) -> Result<Box<dyn PictureDecoder>, CameraError> {
        Ok(Box::new(Painter { decoder: self.camera.decoder(source, format)?, way: self.way }))
    }
}

impl PictureDecoder for Painter {
    fn decode(&mut self, unit: &AccessUnit, out: &mut Vec<Frame>) -> Result<(), CameraError> {
        let before = out.len();
        self.decoder.decode(unit, out)?;
        for frame in &mut out[before..] {
            frame.picture = painted(self.way.at(number_of(&frame.picture)));
        }
        Ok(())
    }

    fn drain(&mut self, out: &mut Vec<Frame>) -> Result<(), CameraError> {
        self.decoder.drain(out)
    }
}

fn painted(car: Option<f64>) -> Picture {
    let (w, h) = SIZE;
    let mut data = vec![90_u8; w * h * 3 / 2];
    if let Some(x) = car {
        let (from, to) = (x.max(0.0) as usize, ((x + CAR.0 as f64).max(0.0) as usize).min(w));
        (TOP..TOP + CAR.1).for_each(|y| data[y * w + from..y * w + to].fill(220));
    }
    let planes = vec![(0, w), (w * h, w / 2), (w * h * 5 / 4, w / 2)];
    let planes = Arc::new(OwnedPlanes { data, planes });
    Picture { width: w as u32, height: h as u32, format: PixelFormat::I420, planes }
}

/// Finds what is white.
struct White;

impl Detector for White {
    fn detect(&self, picture: &Picture) -> Result<Vec<Detection>, InferError> {
        let plane = picture.planes.plane(0);
        let row = &plane.data[(TOP + 2) * plane.stride..][..SIZE.0];
        let white = |p: &u8| *p > 150;
        let (Some(from), Some(to)) = (row.iter().position(white), row.iter().rposition(white)) else {
            return Ok(Vec::new());
        };
        let bbox = BBox::new(from as f64, TOP as f64, (to + 1 - from) as f64, CAR.1 as f64);
        Ok(vec![Detection { class: Class::Car, bbox, score: 0.8 }])
    }
}

struct Followed {
    identities: usize,
    /// From the first to the last point of its path, in pixels of the scene.
    from_to: (f64, f64),
    /// Parts of the key frames and of the other pictures that were decoded: of the quiet time before, and while it stood.
    quiet: (f64, f64),
    stood: (f64, f64),
}

async fn follow(pinned: Option<Rung>, way: Way) -> Followed {
    let opens = vec![Ok(way.steps())];
    let driver = |camera| -> Arc<dyn UnitDriver> { Arc::new(Painted { camera, way }) };
    let ran = run_through(driver, Crossings::Each, pinned, opens, Arc::new(White), 0).await;
    assert!(ran.decoded.damaged.is_empty());
    let parts = |from: u64, to: u64| {
        let decoded = |key: bool| {
            let mut all: Vec<u64> = ran.decoded.units.clone();
            all.sort_unstable();
            all.dedup();
            all.iter().filter(|n| (from..to).contains(n) && (*n % GROUP == 0) == key).count() as f64
        };
        let keys = (to - from) as f64 / GROUP as f64;
        (decoded(true) / keys, decoded(false) / ((to - from) as f64 - keys))
    };
    // The first minutes are for learning; and it takes a few seconds to see that somebody stands.
    let stands = QUIET + GROUP / 2 + DRIVES;
    let xs = ran.tracks.iter().flat_map(|t| t.path.iter().map(|point| point.p.x));
    Followed {
        // Of one that stands for long there are several records.
        identities: ran.tracks.iter().map(|t| t.track).collect::<BTreeSet<_>>().len(),
        from_to: (xs.clone().fold(f64::MAX, f64::min), xs.fold(f64::MIN, f64::max)),
        quiet: parts(QUIET / 2, QUIET),
        stood: parts(stands + 5 * GROUP, stands + way.stands),
    }
}

/// Nothing decoded, then everything, then key frames, then everything again.
#[tokio::test]
async fn who_stands_is_the_same_from_watching_to_full_to_key_frames_and_back() {
    let seen = follow(None, Way { stands: 1_000, creeps: 0.0 }).await;
    assert!(seen.quiet.0 < 0.2 && seen.quiet.1 < 0.2, "it was only watched: {:?}", seen.quiet);
    assert!(seen.stood.0 > 0.9 && seen.stood.1 < 0.2, "on key frames while it stood: {:?}", seen.stood);
    assert_eq!(seen.identities, 1);
    assert!(seen.from_to.0 < 60.0 && seen.from_to.1 > 580.0, "followed from end to end: {:?}", seen.from_to);
}

#[tokio::test]
async fn on_key_frames_who_stands_for_ten_minutes_is_the_same() {
    let seen = follow(Some(Rung::KeyFrames), Way { stands: 6_000, creeps: 0.0 }).await;
    assert!(seen.stood.0 > 0.9 && seen.stood.1 < 0.2, "on key frames while it stood: {:?}", seen.stood);
    assert_eq!(seen.identities, 1);
    assert!(seen.from_to.0 < 60.0 && seen.from_to.1 > 580.0, "followed from end to end: {:?}", seen.from_to);
}

/// A fortieth of its length a second, over a whole minute.
#[tokio::test]
async fn who_creeps_is_the_same() {
    for pinned in [None, Some(Rung::KeyFrames)] {
        let seen = follow(pinned, Way { stands: 600, creeps: 0.05 }).await;
        assert_eq!(seen.identities, 1, "{pinned:?}");
        assert!(seen.from_to.0 < 60.0 && seen.from_to.1 > 580.0, "{pinned:?}: {:?}", seen.from_to);
    }
}

#[tokio::test]
async fn where_nobody_looks_any_more_who_leaves_is_another() {
    let seen = follow(None, Way { stands: 4_000, creeps: 0.0 }).await;
    assert!(seen.stood.0 < 0.8 && seen.stood.1 < 0.2, "only watched in the end: {:?}", seen.stood);
    assert_eq!(seen.identities, 2);
}
