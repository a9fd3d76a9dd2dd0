//! `tracker`: what one step of the tracker costs with a full street, boxes shaking, some missing, some doubtful.

use std::ffi::OsString;

use anyhow::{Result, bail};
use clap::Parser;
use hardware_ports::{Clock, SystemClock};
use models_domain::track::{Settings, Tracker};
use models_domain::{BBox, Class, Detection, UtcMillis};
use serde_json::{Value, json};

use crate::Bench;

const ROAD_USERS: usize = 100;
const STEPS: usize = 600;
/// Of so many rounds the quickest counts: what else runs on the machine only makes them slower.
const ROUNDS: usize = 9;
/// Six pictures a second.
const BETWEEN_MS: i64 = 167;

pub const BENCH: Bench = Bench { name: "tracker", about: "one step of the tracker in a full street", run };

/// Prints {"tracks","detections","followed","step_us","tracks_per_s"}: one step with a hundred road users and as many boxes.
#[derive(Parser)]
#[command(name = "tracker")]
struct Args {}

fn run(words: Vec<OsString>) -> Result<Value> {
    let Args {} = Args::parse_from(words);
    let clock = SystemClock::new();
    let pictures: Vec<Vec<Detection>> = (0..STEPS).map(picture).collect();
    let mut best = f64::INFINITY;
    let mut followed = 0;
    for _ in 0..ROUNDS {
        let mut tracker = Tracker::new(Settings::default());
        followed = 0;
        let begin = clock.elapsed();
        for (i, seen) in pictures.iter().enumerate() {
            followed += tracker.step(UtcMillis(i as i64 * BETWEEN_MS), seen).len();
        }
        best = best.min((clock.elapsed() - begin).as_secs_f64());
    }
    let tracks = followed as f64 / STEPS as f64;
    if !(0.9..1.1).contains(&(tracks / ROAD_USERS as f64)) {
        bail!("{tracks:.1} tracks on {ROAD_USERS} road users: the tracker does not follow them");
    }
    let detections = pictures.iter().map(Vec::len).sum::<usize>() as f64 / STEPS as f64;
    let step_us = best * 1e6 / STEPS as f64;
    Ok(json!({
        "tracks": ROAD_USERS,
        "detections": (detections * 10.0).round() / 10.0,
        "followed": (tracks * 10.0).round() / 10.0,
        "step_us": (step_us * 10.0).round() / 10.0,
        "tracks_per_s": (followed as f64 / best).round(),
    }))
}

/// Ten rows of riders 640 x 480, each swaying to and fro over about its neighbour's place at up to two boxes a second.
fn picture(step: usize) -> Vec<Detection> {
    let t = step as f64 * BETWEEN_MS as f64 / 1000.0;
    let mut seen: Vec<Detection> = (0..ROAD_USERS)
        .map(|i| {
            let chance =
                |salt: usize| f64::from(scatter((step * ROAD_USERS + i) * 8 + salt)) / f64::from(u32::MAX);
            let (row, place) = ((i / 10) as f64, (i % 10) as f64);
            let x = 60.0 * place + 30.0 * (t + row).sin() + 1.5 * (chance(0) - 0.5);
            let y = 45.0 * row + 5.0 * (1.3 * t + place).sin() + 2.0 * (chance(1) - 0.5);
            let bbox = BBox::new(x, y, 22.0 + 2.0 * chance(2), 40.0 + 3.0 * chance(3));
            let class = if chance(4) < 0.1 { Class::Person } else { Class::Motorcycle };
            Detection { class, bbox, score: (0.15 + 0.8 * chance(5)) as f32 }
        })
        .collect();
    // Every tenth is missed, and as many boxes are on nobody.
    for (i, detection) in seen.iter_mut().enumerate() {
        if scatter(step * ROAD_USERS + i).is_multiple_of(10) {
            detection.bbox.x += 30.0;
            detection.score = 0.15;
        }
    }
    seen
}

/// A number that looks like chance and is the same at every run.
fn scatter(n: usize) -> u32 {
    let mut x = (n as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    x ^= x >> 31;
    (x.wrapping_mul(0xBF58_476D_1CE4_E5B9) >> 32) as u32
}
