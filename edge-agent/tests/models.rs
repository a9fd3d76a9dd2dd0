//! `edge-agent models` as a technician types it. Network, clips and library are made by deploy/setup; without them these tests
//! fail, they do not skip.

#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use hardware_infer::{JpegEncoder, Places};
use hardware_ports::camera::Picture;
use hardware_ports::infer::PictureEncoder;
use models_vision::manifest::{DEFAULT, Manifest};
use serde_json::{Value, json};

fn models(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_edge-agent")).arg("models").args(args).output().unwrap()
}

#[track_caller]
fn said(args: &[&str], success: bool, want: &[&str]) -> String {
    let output = models(args);
    let text = [output.stdout, output.stderr].map(|out| String::from_utf8(out).unwrap()).concat();
    assert!(output.status.success() == success && !text.contains("panicked"), "{args:?}: {text}");
    for part in want {
        assert!(text.contains(part), "{part:?} is not in: {text}");
    }
    text
}

fn shipped_text() -> String {
    let path = format!("../models/manifests/{DEFAULT}.toml");
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

fn model_file() -> PathBuf {
    let file = Manifest::shipped(DEFAULT).unwrap().file;
    Places::first_file(&file, &Places::of_this_process().models(&file)).unwrap()
}

#[test]
fn a_good_network_can_be_used_and_a_bad_one_is_told_everything_at_once() {
    said(&["check", DEFAULT], true, &[&format!("{DEFAULT}: can be used")]);
    let folder = tempfile::tempdir().unwrap();
    let own = folder.path().join("own.toml");
    let shipped = Manifest::shipped(DEFAULT).unwrap();
    let other = shipped.sha256.replace(|c: char| c.is_ascii_digit(), "0");
    let bad = shipped_text()
        .replace(&shipped.sha256, &other)
        .replace("width = 640", "width = 672")
        .replace("\"sides_8\", ", "\"sides_9\", ")
        .replace("5 = \"bus\"\n", "");
    std::fs::write(&own, &bad).unwrap();
    let own = own.display().to_string();
    said(
        &["check", &own],
        false,
        &[
            "3 problems",
            &format!("sha256: the manifest says {other}"),
            &shipped.sha256,
            "the model takes [any, 3, 384, 640], the manifest says [1, 3, 384, 672]",
            "the model has no tensor \"sides_9\"; it has",
            "note: classes: it will never see bus",
        ],
    );
    // Where the tensors are there, they are read.
    std::fs::write(
        &own,
        shipped_text().replace("\"scores_8\", \"scores_16\"", "\"scores_16\", \"scores_8\""),
    )
    .unwrap();
    said(&["check", &own], false, &["1 problem", "\"scores_16\" has shape [1, 960, 80]"]);
    std::fs::write(&own, shipped_text().replace("7 = \"truck\"", "90 = \"truck\"")).unwrap();
    let fewer = "expects [1, 3840, 91 or more]; the least comes of [classes], which has 90 for truck";
    said(&["check", &own], false, &["1 problem", fewer]);
    // A manifest that is none.
    std::fs::write(&own, shipped_text().replace("height = 384", "height = 385").replace("0.6\n", "6.0\n"))
        .unwrap();
    said(
        &["check", &own],
        false,
        &["2 problems", "input.height 385 is not a multiple of 32", "thresholds.same_class_iou 6"],
    );
    said(&["check", "none.toml"], false, &["reading none.toml"]);
}

#[test]
fn a_bare_model_gets_a_manifest() {
    let file = model_file().display().to_string();
    let want =
        ["picture [any, 3, 384, 640]", "layout nanodet fits", &Manifest::shipped(DEFAULT).unwrap().sha256];
    let text = said(&["check", &file], true, &want);
    assert_eq!(text.matches("fits. A manifest for it:").count(), 1, "{text}");
    let folder = tempfile::tempdir().unwrap();
    // It can be used as it is, beside its model.
    let (_, own) = text.split_once("A manifest for it:").unwrap();
    let path = folder.path().join("own.toml");
    std::fs::write(&path, own).unwrap();
    let (path, beside) = (path.display().to_string(), folder.path().join(Manifest::parse(own).unwrap().file));
    let missing = ["1 problem", "is not there", "since it is your own, put it beside its manifest"];
    let elsewhere = folder.path().join("elsewhere.toml");
    std::fs::write(&elsewhere, own.replace("file = \"nano", "file = \"other-nano")).unwrap();
    said(&["check", &elsewhere.display().to_string()], false, &missing);
    std::fs::copy(model_file(), beside).unwrap();
    said(&["check", &path], true, &["nanodet-g-640x384-batch: can be used"]);
    let cut = folder.path().join("cut.onnx");
    std::fs::write(&cut, &std::fs::read(model_file()).unwrap()[..1000]).unwrap();
    said(&["check", &cut.display().to_string()], false, &["cut.onnx", "ONNX Runtime refuses it"]);
}

/// A folder with one grey picture, in which two cars are said to be.
fn grey(folder: &Path) -> Value {
    let picture = Picture::from_rgb(320, 192, vec![128; 320 * 192 * 3]);
    std::fs::write(folder.join("grey.jpg"), JpegEncoder.jpeg(&picture, 320, 90).unwrap()).unwrap();
    json!({
        "images": [{ "id": 1, "file_name": "grey.jpg" }, { "id": 2, "file_name": "gone.jpg" }],
        "categories": [{ "id": 3, "name": "car" }, { "id": 9, "name": "boat" }],
        "annotations": [
            { "image_id": 1, "category_id": 3, "bbox": [10, 10, 50, 40], "iscrowd": 0 },
            { "image_id": 1, "category_id": 3, "bbox": [100, 10, 50, 40] },
            { "image_id": 2, "category_id": 3, "bbox": [100, 10, 50, 40] },
            { "image_id": 1, "category_id": 9, "bbox": [100, 10, 50, 40] },
        ],
    })
}

#[test]
fn a_network_is_scored_against_labels() {
    let folder = tempfile::tempdir().unwrap();
    let labels = folder.path().join("labels.json");
    std::fs::write(&labels, grey(folder.path()).to_string()).unwrap();
    let (labels, images) = (labels.display().to_string(), folder.path().display().to_string());
    let args = ["measure", "--coco", &labels, "--images", &images];
    said(&args, false, &["1 of the 2 pictures", "the first is gone.jpg", "--present-only"]);
    let text = said(
        &[&args[..], &["--present-only"]].concat(),
        true,
        &[
            "car                 2     0.0",
            "left out, and what is found there counts as found wrongly: boat (1)",
        ],
    );
    let last = text.lines().find(|line| line.starts_with('{')).unwrap();
    let last: Value = serde_json::from_str(last).unwrap();
    assert_eq!((&last["model"], &last["pictures"]), (&json!(DEFAULT), &json!(1)));
    assert_eq!((&last["labelled"], &last["ap"], &last["recall"]), (&json!(2), &json!(0.0), &json!(0.0)));

    std::fs::write(&labels, "{\"images\": []}").unwrap();
    said(&args, false, &["labels.json is not COCO's object detection format", "missing field `annotations`"]);
    std::fs::write(
        &labels,
        r#"{"images": [], "annotations": [], "categories": [{"id": 1, "name": "boat"}]}"#,
    )
    .unwrap();
    said(&args, false, &["none of its categories is one of ours; it has boat"]);
}

#[test]
fn a_network_is_timed() {
    let text = said(&["time", "--batch", "2", "--runs", "1"], true, &["\"batch\":2", "\"provider\":\"cpu\""]);
    let told: Value = serde_json::from_str(&text).unwrap();
    assert!(told["cpu_ms_per_picture"].as_f64().unwrap() > 0.0 && told["pictures"] == json!(2), "{text}");
    said(&["time", "--provider", "npu"], false, &["\"npu\" is no execution provider"]);
}

#[test]
fn shipped_networks_and_layouts_are_listed_and_every_help_has_an_example() {
    said(&["list"], true, &[DEFAULT, "(the default)", "nanodet:", "yolov8:", "rtdetr:"]);
    for command in ["check", "measure", "time"] {
        said(&[command, "--help"], true, &["Example"]);
    }
}
