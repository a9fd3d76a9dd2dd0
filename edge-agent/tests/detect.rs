//! `edge-agent detect` as a technician types it, on real pictures. Clips, network and library are made by deploy/setup; without
//! them these tests fail, they do not skip.

#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

mod clips;

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use hardware_infer::{JpegEncoder, Places};
use hardware_ports::infer::PictureEncoder;
use models_domain::BBox;
use models_vision::manifest::{DEFAULT, Manifest};
use serde::Deserialize;

use clips::each_picture;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    image: PathBuf,
    category: String,
    bbox: [f64; 4],
    score: f64,
}

/// Picture 100 of OpenCV's own clip of people on a square, 768 x 576, as a JPEG in `folder`.
fn square(folder: &Path) -> PathBuf {
    let clip = Places::of_this_process().cache.unwrap().join("clips/vtest.avi");
    assert!(clip.is_file(), "{} is not there; run deploy/setup test", clip.display());
    let mut seen = Vec::new();
    each_picture(&clip, |picture| {
        seen.push(picture);
        if seen.len() > 100 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    let picture = &seen[100];
    let out = folder.join("square.jpg");
    std::fs::write(&out, JpegEncoder.jpeg(picture, 768, 95).unwrap()).unwrap();
    out
}

fn detect(args: &[&str], images: &[&Path]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_edge-agent")).arg("detect").args(args).args(images).output().unwrap()
}

fn rows(output: &Output) -> Vec<Row> {
    let text = std::str::from_utf8(&output.stdout).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn people_on_a_square_are_found_and_a_bad_picture_stops_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let square = square(folder.path());
    let bad = folder.path().join("bad.jpg");
    let whole = std::fs::read(&square).unwrap();
    std::fs::write(&bad, &whole[..200]).unwrap();

    let output = detect(&["--min-score", "0.3"], &[&bad, &square]);
    assert!(!output.status.success());
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("bad.jpg: ") && said.contains("1 of 2 pictures could not be used"), "{said}");

    let found = rows(&output);
    assert!(found.iter().all(|r| r.image == square && (0.3..=1.0).contains(&r.score)));
    assert!(found.is_sorted_by(|a, b| a.score >= b.score));
    // Read by eye from the picture: three people near the tape, one walking, one on the lawn, and a white van.
    for (category, x, y, w, h) in [
        ("person", 587.0, 155.0, 31.0, 80.0),
        ("person", 516.0, 152.0, 27.0, 67.0),
        ("person", 494.0, 150.0, 26.0, 70.0),
        ("person", 348.0, 198.0, 35.0, 76.0),
        ("person", 222.0, 62.0, 16.0, 34.0),
        ("car", 652.0, 43.0, 72.0, 58.0),
    ] {
        let wanted = BBox::new(x, y, w, h);
        let same = |r: &&Row| {
            let [x, y, w, h] = r.bbox;
            r.category == category && BBox::new(x, y, w, h).iou(&wanted) > 0.6
        };
        assert_eq!(found.iter().filter(same).count(), 1, "{category} at {x}, {y}: {found:#?}");
    }
}

#[track_caller]
fn refused(output: &Output, want: &[&str]) {
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && output.stdout.is_empty(), "{said}");
    for part in want {
        assert!(said.contains(part), "{part:?} is not in: {said}");
    }
    assert!(!said.contains("panicked"), "{said}");
}

#[test]
fn a_model_is_named_by_its_manifest_and_checked() {
    let folder = tempfile::tempdir().unwrap();
    let picture = folder.path().join("any.jpg");
    refused(&detect(&["--model", "yolo"], &[&picture]), &["\"yolo\"", DEFAULT]);
    refused(&detect(&["--model", "none.toml"], &[&picture]), &["reading none.toml", "No such file"]);

    let text = std::fs::read_to_string(
        Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../models/manifests/{DEFAULT}.toml")),
    )
    .unwrap();
    let own = folder.path().join("own.toml");
    std::fs::write(&own, text.replace("licence", "license")).unwrap();
    let own_text = own.display().to_string();
    refused(&detect(&["--model", &own_text], &[&picture]), &["own.toml", "unknown field `license`", "line"]);

    // The file beside its manifest goes first, and is not what the manifest says.
    std::fs::write(&own, &text).unwrap();
    let shipped = Manifest::shipped(DEFAULT).unwrap();
    std::fs::write(folder.path().join(&shipped.file), "cut").unwrap();
    refused(
        &detect(&["--model", &own_text], &[&picture]),
        &[&shipped.file, &shipped.sha256, "expected sha256", "run deploy/setup"],
    );

    std::fs::write(&own, text.replace(&shipped.file, "elsewhere.onnx")).unwrap();
    refused(
        &detect(&["--model", &own_text], &[&picture]),
        &["elsewhere.onnx is not there", "run deploy/setup"],
    );
}

#[test]
fn a_library_that_is_missing_or_none_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let garbage = folder.path().join("garbage.so");
    std::fs::write(&garbage, "no library").unwrap();
    for path in [folder.path().join("none.so"), garbage] {
        let output = Command::new(env!("CARGO_BIN_EXE_edge-agent"))
            .args(["detect", "any.jpg"])
            .env("ORT_DYLIB_PATH", &path)
            .output()
            .unwrap();
        refused(&output, &["ONNX Runtime", &path.display().to_string(), "run deploy/setup"]);
    }
}

#[test]
fn help_has_an_example() {
    let output = detect(&["--help"], &[]);
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("Example:"), "{said}");
}
