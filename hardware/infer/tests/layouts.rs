//! Every layout through the real ONNX Runtime: small networks that see a car where the picture is white.

#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

mod onnx;

use hardware_infer::{Inspected, Options, OrtDetector, Places, Runtime};
use hardware_ports::camera::Picture;
use hardware_ports::infer::Detector;
use models_domain::{BBox, Class, Detection};
use models_vision::layouts;
use models_vision::manifest::{Channels, DEFAULT, Manifest, Tiles};
use onnx::Graph;
use sha2::{Digest, Sha256};

/// Pixels a side of the input of each of these networks.
const SIDE: u64 = 64;
const CLASSES: u64 = 6;
/// Ours by its place in [`Class::ALL`].
const CAR: usize = 3;

fn runtime() -> &'static Runtime {
    Runtime::load(&Places::of_this_process()).unwrap_or_else(|err| panic!("{err}"))
}

fn manifest(layout: &str, tensors: &[&str], model: &[u8]) -> Manifest {
    let mut made = Manifest::shipped(DEFAULT).unwrap();
    made.name = format!("test-{layout}");
    made.sha256 = Sha256::digest(model).iter().map(|b| format!("{b:02x}")).collect();
    made.layout = layouts::by_name(layout).unwrap();
    made.tensors = tensors.iter().map(|t| (*t).to_owned()).collect();
    made.classes = Class::ALL.into_iter().enumerate().collect();
    let input = &mut made.input;
    (input.width, input.height, input.channels) = (SIDE as u32, SIDE as u32, Channels::Rgb);
    (input.mean, input.std) = ([0.0; 3], [255.0; 3]);
    made.thresholds.min_score = 0.3;
    made
}

/// A convolution whose kernel is one cell: `whiteness[channel]` times how white the cell is, plus `bias[channel]`.
fn per_cell(graph: &mut Graph, name: &str, stride: u64, whiteness: &[f32], bias: &[f32]) {
    let channels = whiteness.len() as u64;
    let area = 3 * stride * stride;
    let weights: Vec<f32> = whiteness.iter().flat_map(|w| vec![w / area as f32; area as usize]).collect();
    let (weights_name, bias_name) = (format!("{name}_w"), format!("{name}_b"));
    graph.floats(&weights_name, &[channels, 3, stride, stride], &weights);
    graph.floats(&bias_name, &[channels], bias);
    let (kernel, step) = ([stride as i64; 2], [stride as i64; 2]);
    let attributes: [onnx::Attribute<'_>; 2] = [("kernel_shape", &kernel), ("strides", &step)];
    graph.node("Conv", &["picture", &weights_name, &bias_name], name, &attributes, &[]);
}

fn reshape(graph: &mut Graph, from: &str, to: &str, shape: &[i64]) {
    let name = format!("{to}_shape");
    graph.integers(&name, shape);
    graph.node("Reshape", &[from, &name], to, &[], &[]);
}

/// `[1, a, b]` to `[1, b, a]`.
fn turn(graph: &mut Graph, from: &str, to: &str) {
    graph.node("Transpose", &[from], to, &[("perm", &[0, 2, 1])], &[]);
}

/// One number a class: `car` for the car, `other` for the rest.
fn car(car: f32, other: f32) -> Vec<f32> {
    (0..CLASSES as usize).map(|id| if id == CAR { car } else { other }).collect()
}

fn begun() -> Graph {
    begun_for(1)
}

/// `batch`: 0 for any.
fn begun_for(batch: u64) -> Graph {
    let mut graph = Graph::default();
    graph.input("picture", &[batch, 3, SIDE, SIDE]);
    graph
}

fn cells(stride: u64) -> u64 {
    (SIDE / stride) * (SIDE / stride)
}

fn nanodet() -> (Manifest, Vec<u8>) {
    let mut graph = begun();
    let names: Vec<String> = ["scores", "sides"]
        .iter()
        .flat_map(|kind| [8, 16, 32].map(|stride| format!("{kind}_{stride}")))
        .collect();
    // Each side reaches one stride: bin 1 of 11.
    let sides: Vec<f32> = (0..44).map(|i| if i % 11 == 1 { 100.0 } else { 0.0 }).collect();
    for (i, stride) in [8, 16, 32, 8, 16, 32].into_iter().enumerate() {
        let (whiteness, bias) =
            if i < 3 { (car(1.0, 0.0), vec![0.0; 6]) } else { (vec![0.0; 44], sides.clone()) };
        let name = &names[i];
        per_cell(&mut graph, &format!("{name}_c"), stride, &whiteness, &bias);
        let channels = bias.len() as u64;
        reshape(
            &mut graph,
            &format!("{name}_c"),
            &format!("{name}_r"),
            &[1, channels as i64, cells(stride) as i64],
        );
        turn(&mut graph, &format!("{name}_r"), name);
        graph.output(name, &[1, cells(stride), channels]);
    }
    let model = graph.model();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    (manifest("nanodet", &names, &model), model)
}

fn centernet() -> (Manifest, Vec<u8>) {
    let mut graph = begun();
    per_cell(&mut graph, "heat", 4, &car(1.0, 0.0), &[0.0; 6]);
    // The first of the four white cells begins 4 left of and above the middle.
    per_cell(&mut graph, "sides", 4, &[0.0; 4], &[4.0, 4.0, 12.0, 12.0]);
    graph.output("heat", &[1, CLASSES, 16, 16]);
    graph.output("sides", &[1, 4, 16, 16]);
    let model = graph.model();
    (manifest("centernet", &["heat", "sides"], &model), model)
}

/// `channels` numbers for each cell of strides 8, 16, 32 as `[1, channels, cells]`, called "all".
fn all_strides(graph: &mut Graph, whiteness: &[f32], bias: &[f32]) {
    for stride in [8, 16, 32] {
        per_cell(graph, &format!("c{stride}"), stride, whiteness, bias);
        let shape = [1, bias.len() as i64, cells(stride) as i64];
        reshape(graph, &format!("c{stride}"), &format!("r{stride}"), &shape);
    }
    graph.node("Concat", &["r8", "r16", "r32"], "all", &[], &[("axis", 2)]);
}

fn yolox() -> (Manifest, Vec<u8>) {
    let mut graph = begun();
    let size = 2.0_f32.ln();
    let whiteness = [vec![0.0, 0.0, 0.0, 0.0, 1.0], vec![0.0; 6]].concat();
    let bias = [vec![0.5, 0.5, size, size, 0.0], car(1.0, 0.0)].concat();
    all_strides(&mut graph, &whiteness, &bias);
    turn(&mut graph, "all", "output");
    graph.output("output", &[1, 84, 11]);
    let model = graph.model();
    (manifest("yolox", &["output"], &model), model)
}

/// Middle and size of the box of each cell, as x, y, width, height: two strides wide.
fn boxes(strides: &[u64], scale: f32) -> Vec<[f32; 4]> {
    let of = |stride: u64| {
        let side = SIDE / stride;
        let at = move |n: u64| (n as f32 + 0.5) * stride as f32 / scale;
        let size = 2.0 * stride as f32 / scale;
        (0..side).flat_map(move |row| (0..side).map(move |column| [at(column), at(row), size, size]))
    };
    strides.iter().flat_map(|stride| of(*stride)).collect()
}

fn yolov8() -> (Manifest, Vec<u8>) {
    yolov8_of(1, &[0.0; 6])
}

fn yolov8_of(batch: u64, bias: &[f32]) -> (Manifest, Vec<u8>) {
    let mut graph = begun_for(batch);
    graph.metadata("names", "{0: 'person', 3: 'car'}");
    all_strides(&mut graph, &car(1.0, 0.0), bias);
    let boxes = boxes(&[8, 16, 32], 1.0);
    let lines: Vec<f32> = (0..4).flat_map(|i| boxes.iter().map(move |b| b[i])).collect();
    graph.floats("boxes", &[1, 4, 84], &lines);
    graph.node("Concat", &["boxes", "all"], "output0", &[], &[("axis", 1)]);
    graph.output("output0", &[1, 10, 84]);
    let model = graph.model();
    (manifest("yolov8", &["output0"], &model), model)
}

/// `nothing`: whether there is a number for it.
fn guesses(layout: &str, nothing: bool) -> (Manifest, Vec<u8>) {
    let mut graph = begun();
    let (mut whiteness, mut bias) = (car(19.0, 0.0), car(-10.0, -10.0));
    if nothing {
        whiteness.push(0.0);
        bias.push(0.0);
    }
    let numbers = bias.len() as u64;
    per_cell(&mut graph, "c", 8, &whiteness, &bias);
    reshape(&mut graph, "c", "r", &[1, numbers as i64, 64]);
    turn(&mut graph, "r", "logits");
    graph.floats("all_boxes", &[1, 64, 4], &boxes(&[8], SIDE as f32).concat());
    graph.node("Identity", &["all_boxes"], "boxes", &[], &[]);
    graph.output("logits", &[1, 64, numbers]);
    graph.output("boxes", &[1, 64, 4]);
    let model = graph.model();
    (manifest(layout, &["logits", "boxes"], &model), model)
}

fn every() -> Vec<(Manifest, Vec<u8>)> {
    let made =
        vec![nanodet(), centernet(), yolox(), yolov8(), guesses("detr", true), guesses("rtdetr", false)];
    let names: Vec<_> = made.iter().map(|(m, _)| m.layout.name).collect();
    let known: Vec<_> = layouts::ALL.iter().map(|l| l.name).collect();
    assert_eq!(names, known, "every layout is tested here");
    made
}

/// Black, with a white square of 8 x 8 pixels.
fn square(width: u32, height: u32, x: u32, y: u32) -> Picture {
    let white = |i: u32| (x..x + 8).contains(&(i % width)) && (y..y + 8).contains(&(i / width));
    let data = (0..width * height).flat_map(|i| [if white(i) { 255 } else { 0 }; 3]);
    Picture::from_rgb(width, height, data.collect())
}

fn open(manifest: Manifest, model: &[u8]) -> OrtDetector {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("made.onnx");
    std::fs::write(&file, model).unwrap();
    OrtDetector::open(runtime(), manifest, &file, &Options::default()).unwrap_or_else(|err| panic!("{err}"))
}

#[track_caller]
fn one_car(found: &[Detection], want: BBox, of: &str) {
    let [car] = found else { panic!("{of}: {found:?}") };
    assert!(car.class == Class::Car && car.score > 0.99, "{of}: {car:?}");
    let near = |a: f64, b: f64| (a - b).abs() < 0.01;
    let b = car.bbox;
    assert!(near(b.x, want.x) && near(b.y, want.y) && near(b.w, want.w) && near(b.h, want.h), "{of}: {b:?}");
}

#[test]
fn each_layout_sees_a_car_where_the_picture_is_white() {
    for (manifest, model) in every() {
        let name = manifest.layout.name;
        let detector = open(manifest, &model);
        assert_eq!(detector.detect(&square(64, 64, 100, 100)).unwrap(), [], "{name} in black");
        one_car(&detector.detect(&square(64, 64, 24, 16)).unwrap(), BBox::new(20.0, 12.0, 16.0, 16.0), name);
        one_car(&detector.detect(&square(64, 64, 40, 48)).unwrap(), BBox::new(36.0, 44.0, 16.0, 16.0), name);
    }
}

#[test]
fn a_model_without_a_manifest_is_recognised() {
    let folder = tempfile::tempdir().unwrap();
    for (manifest, model) in every() {
        let file = folder.path().join("made.onnx");
        std::fs::write(&file, &model).unwrap();
        let mut inspected = Inspected::open(runtime(), &file).unwrap();
        assert_eq!(inspected.sha256, manifest.sha256);
        assert_eq!(inspected.inputs[0].shape, [1, 3, 64, 64].map(Some));
        let names: Vec<_> = inspected.outputs.iter().map(|p| p.name.clone()).collect();
        assert_eq!(names, manifest.tensors);
        let look = inspected.look_at_grey(&manifest).unwrap();
        assert_eq!(look.found.iter().filter(|d| d.score > 0.9).count(), 0);
        assert_eq!(look.doubts, Vec::<String>::new(), "{}", manifest.layout.name);
        let mut other = manifest.clone();
        other.classes.push((50, Class::Bus));
        let err = inspected.look_at_grey(&other).unwrap_err().to_string();
        assert!(err.contains("or more"), "{err}");
    }
}

#[test]
fn a_network_that_gives_no_numbers_is_refused_and_one_before_its_sigmoid_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("made.onnx");
    let (manifest, model) = yolov8_of(1, &[f32::NAN; 6]);
    std::fs::write(&file, &model).unwrap();
    let refused = OrtDetector::open(runtime(), manifest.clone(), &file, &Options::default()).err().unwrap();
    assert!(refused.to_string().contains("its tensor \"output0\" holds what is no number"), "{refused}");
    let mut inspected = Inspected::open(runtime(), &file).unwrap();
    let doubts = inspected.look_at_grey(&manifest).unwrap().doubts;
    assert!(doubts.len() == 1 && doubts[0].contains("holds what is no number"), "{doubts:?}");
    assert_eq!(inspected.names, [(0, "person".to_owned()), (CAR, "car".to_owned())]);
    assert_eq!((inspected.outputs[0].float, inspected.outputs[0].numbers.as_str()), (true, "f32"));

    let (manifest, model) = yolov8_of(1, &[-7.0; 6]);
    std::fs::write(&file, &model).unwrap();
    let doubts = Inspected::open(runtime(), &file).unwrap().look_at_grey(&manifest).unwrap().doubts;
    assert!(doubts.len() == 1 && doubts[0].contains("the sigmoid is missing"), "{doubts:?}");
}

/// As exports often are: the batch is open at the input, and one is written into the layers.
#[test]
fn a_batch_that_is_open_in_name_only_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("made.onnx");
    let (manifest, model) = yolov8_of(0, &[0.0; 6]);
    std::fs::write(&file, &model).unwrap();
    let mut inspected = Inspected::open(runtime(), &file).unwrap();
    assert_eq!(inspected.inputs[0].shape, [None, Some(3), Some(64), Some(64)]);
    assert!(inspected.look_at_grey(&manifest).is_ok() && inspected.takes_two(&manifest).is_err());
    let open = |batch| {
        OrtDetector::open(runtime(), manifest.clone(), &file, &Options { batch, ..Options::default() })
    };
    assert!(open(1).is_ok());
    assert!(open(4).is_err(), "not when the first batch of a street is full");
}

#[test]
fn tiles_find_what_the_whole_picture_is_too_coarse_for() {
    let (whole, model) = nanodet();
    let tiles = Tiles { columns: 2, top: 0.0, bottom: 1.0, overlap: 0.0 };
    let tiled = Manifest { tiles: Some(tiles), ..whole.clone() };
    // Twice as wide as the input: in the whole, the square covers a quarter of a cell.
    let picture = square(128, 64, 88, 16);
    assert_eq!(open(whole, &model).detect(&picture).unwrap(), []);
    one_car(
        &open(tiled.clone(), &model).detect(&picture).unwrap(),
        BBox::new(84.0, 12.0, 16.0, 16.0),
        "tiled",
    );
    // A square that the seam cuts is one car, seen in both tiles.
    let overlapping = Manifest { tiles: Some(Tiles { overlap: 0.5, ..tiles }), ..tiled };
    let found = open(overlapping, &model).detect(&square(128, 64, 64, 16)).unwrap();
    assert_eq!(found.len(), 1, "{found:?}");
}
