//! The real network in the real ONNX Runtime. Both are made by deploy/setup; without them these tests fail, they do not skip.

#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use hardware_infer::{Network, Options, OrtDetector, Places, Provider, Runtime, SharedOrt, Sharing};
use hardware_ports::SystemClock;
use hardware_ports::camera::{OwnedPlanes, Picture, PixelFormat};
use hardware_ports::infer::{Detector, InferError};
use models_vision::Manifest;
use models_vision::manifest::DEFAULT;
use models_vision::post::{Riders, Wish};
use sha2::{Digest, Sha256};

fn manifest() -> Manifest {
    Manifest::shipped(DEFAULT).unwrap()
}

fn runtime() -> &'static Runtime {
    Runtime::load(&Places::of_this_process()).unwrap_or_else(|err| panic!("{err}"))
}

fn model() -> PathBuf {
    let candidates = Places::of_this_process().models(&manifest().file);
    Places::first_file("the detection network", &candidates).unwrap_or_else(|err| panic!("{err}"))
}

fn open(manifest: Manifest, file: &Path) -> Result<OrtDetector, InferError> {
    OrtDetector::open(runtime(), manifest, file, &Options::default())
}

#[track_caller]
fn refused(manifest: Manifest, file: &Path, want: &[&str]) {
    let err = open(manifest, file).err().expect("an error").to_string();
    for part in want {
        assert!(err.contains(part), "{part:?} is not in: {err}");
    }
}

/// Something with edges everywhere, the same at every run.
fn noise(width: u32, height: u32) -> Picture {
    let mut state = 1_u32;
    let next = |_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    let data = (0..width * height * 3 / 2).map(next).collect();
    let (w, h) = (width as usize, height as usize);
    let planes = vec![(0, w), (w * h, w / 2), (w * h * 5 / 4, w / 2)];
    Picture { width, height, format: PixelFormat::I420, planes: Arc::new(OwnedPlanes { data, planes }) }
}

#[test]
fn nothing_is_found_in_nothing() {
    let detector = open(manifest(), &model()).unwrap();
    for grey in [0, 128, 255] {
        let picture = Picture::from_rgb(640, 360, vec![grey; 640 * 360 * 3]);
        let sure: Vec<_> =
            detector.detect(&picture).unwrap().into_iter().filter(|d| d.score >= 0.4).collect();
        assert_eq!(sure, []);
    }
}

#[test]
fn cameras_that_share_it_get_their_own_answers() {
    let wish = Some(Wish { min_score: 0.02, riders: Riders::Merged });
    let options = Options { wish, ..Options::default() };
    let detector = OrtDetector::open(runtime(), manifest(), &model(), &options).unwrap();
    let sizes = [(1280, 720), (640, 480), (352, 288), (640, 384)];
    let pictures = sizes.map(|(w, h)| noise(w, h));
    let alone = pictures.each_ref().map(|picture| detector.detect(picture).unwrap());
    assert!(alone.iter().any(|found| !found.is_empty()), "noise with so low a threshold gives boxes");
    for (found, (w, h)) in alone.iter().zip(sizes) {
        for d in found {
            let inside = d.bbox.x >= 0.0
                && d.bbox.y >= 0.0
                && d.bbox.x + d.bbox.w <= f64::from(w) + 1e-6
                && d.bbox.y + d.bbox.h <= f64::from(h) + 1e-6;
            assert!(inside && (0.02..=1.0).contains(&d.score), "{d:?} in {w} x {h}");
        }
        assert!(found.is_sorted_by(|a, b| a.score >= b.score));
    }
    std::thread::scope(|scope| {
        for (picture, alone) in pictures.iter().zip(&alone) {
            let detector = &detector;
            scope.spawn(move || {
                for _ in 0..3 {
                    assert_eq!(detector.detect(picture).unwrap(), *alone);
                }
            });
        }
    });
}

#[test]
fn a_batch_sees_what_each_sees_alone() {
    for name in ["nanodet-g-640x384", "nanodet-g-640x384-int8", "nanodet-g-512x288-int8"] {
        let manifest = Manifest::shipped(name).unwrap();
        let file = Places::first_file(name, &Places::of_this_process().models(&manifest.file)).unwrap();
        let wish = Some(Wish { min_score: 0.05, riders: Riders::Apart });
        let open = |batch| {
            let options = Options { wish, batch, ..Options::default() };
            Network::open(runtime(), manifest.clone(), &file, &options).unwrap()
        };
        let pictures = [(1280, 720), (640, 480), (352, 288)].map(|(w, h)| noise(w, h));
        let alone = OrtDetector::of(open(1), Vec::new());
        let alone = pictures.each_ref().map(|picture| alone.detect(picture).unwrap());
        assert!(alone.iter().any(|found| !found.is_empty()), "{name}: noise gives boxes");
        let networks = vec![open(4)];
        assert_eq!((networks[0].batch(), networks[0].provider()), (4, Provider::Cpu));
        let sharing = Sharing { batch: 3, wait: Duration::from_secs(60) };
        let shared = SharedOrt::start(networks, sharing, Arc::new(SystemClock::new())).unwrap();
        std::thread::scope(|scope| {
            for (i, (picture, alone)) in pictures.iter().zip(&alone).enumerate() {
                let shared = &shared;
                scope.spawn(move || {
                    let found = shared.detect(picture).unwrap();
                    // Sums are made in another order, so the last digits differ.
                    assert_eq!(found.len(), alone.len(), "{name}, picture {i}");
                    for (a, b) in found.iter().zip(alone) {
                        assert!(
                            (a.score - b.score).abs() < 1e-3 && a.bbox.iou(&b.bbox) > 0.99,
                            "{a:?}, {b:?}"
                        );
                    }
                });
            }
        });
    }
}

#[test]
fn what_the_library_was_built_without_is_done_by_the_processor() {
    for provider in Provider::ALL {
        let options = Options { provider, ..Options::default() };
        let detector = OrtDetector::open(runtime(), manifest(), &model(), &options).unwrap();
        assert!([provider, Provider::Cpu].contains(&detector.provider()));
        assert!(detector.detect(&noise(320, 240)).is_ok());
    }
}

#[test]
fn a_corrupt_picture_is_an_error_and_the_next_one_is_served() {
    let detector = open(manifest(), &model()).unwrap();
    let good = noise(320, 240);
    let before = detector.detect(&good).unwrap();
    let bad = Picture { width: 3000, ..noise(320, 240) };
    assert!(matches!(detector.detect(&bad), Err(InferError::Picture(_))));
    assert_eq!(detector.detect(&good).unwrap(), before);
}

#[test]
fn another_file_is_refused_by_its_hash() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("other.onnx");
    std::fs::write(&file, b"something else").unwrap();
    let found = hash(b"something else");
    let expected = manifest().sha256;
    refused(manifest(), &file, &["other.onnx", &expected, &found, "run deploy/setup"]);
    refused(manifest(), &folder.path().join("none.onnx"), &["none.onnx", "run deploy/setup"]);
    refused(manifest(), folder.path(), &["run deploy/setup"]);
}

fn hash(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|b| format!("{b:02x}")).collect()
}

#[test]
fn files_that_are_no_network_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("bad.onnx");
    let whole = std::fs::read(model()).unwrap();
    let mut flipped = whole.clone();
    for i in (0..2000).step_by(7) {
        flipped[i] ^= 1 << (i % 8);
    }
    let cuts = [0, 1, 20, 1_000, 100_000, whole.len() / 2, whole.len() - 1].map(|n| &whole[..n]);
    for bytes in cuts.into_iter().chain([&b"\xff\xff\xff\xff garbage"[..], &flipped]) {
        std::fs::write(&file, bytes).unwrap();
        let manifest = Manifest { sha256: hash(bytes), ..manifest() };
        refused(manifest, &file, &[DEFAULT, "bad.onnx"]);
    }
}

#[test]
fn a_manifest_that_says_something_else_than_the_network_is_refused() {
    let mut other = manifest();
    other.input.width = 416;
    refused(other, &model(), &[DEFAULT]);
    let mut other = manifest();
    other.tensors[0] = "heat".into();
    refused(other, &model(), &["has no tensor \"heat\""]);
    let mut other = manifest();
    other.input.tensor = "image".into();
    refused(other, &model(), &["has no tensor \"image\""]);
    let mut other = manifest();
    other.tensors.swap(0, 1);
    refused(other, &model(), &["\"scores_16\"", "layout nanodet expects [1, 3840, 8 or more]"]);
    let mut other = manifest();
    other.classes[0].0 = 80;
    refused(other, &model(), &["81 or more"]);
}
