//! `edge-agent models check MODEL.onnx`: which layouts fit a model that has no manifest, and a manifest for it.

use std::io::Write;
use std::path::Path;

use hardware_infer::{Answer, Inspected, Places, Port, Runtime};
use models_domain::Class;
use models_vision::layouts::{self, Layout, Tensor};
use models_vision::manifest::{DEFAULT, Manifest};
use models_vision::names;

use super::check::{more_inputs, ports};

/// COCO's numbers of the road users.
const COCO: [(usize, Class); 6] = [
    (0, Class::Person),
    (1, Class::Bicycle),
    (2, Class::Car),
    (3, Class::Motorcycle),
    (5, Class::Bus),
    (7, Class::Truck),
];

/// Of more outputs than this only the first are tried, in every order.
const OUTPUTS_MAX: usize = 8;

/// Where pictures go in.
struct Intake {
    tensor: String,
    width: u32,
    height: u32,
}

/// What the model is, which layouts fit, and how a manifest for it goes.
pub(super) fn bare(file: &Path, places: &Places) -> anyhow::Result<()> {
    let mut model = Inspected::open(Runtime::load(places)?, file)?;
    let mut out = std::io::stdout().lock();
    writeln!(out, "inputs:  {}", ports(&model.inputs))?;
    writeln!(out, "outputs: {}", ports(&model.outputs))?;
    let Some((tensor, width, height)) = picture_input(&model.inputs) else {
        anyhow::bail!(
            "{} has no input for pictures: one tensor [batch, 3, height, width] of 32-bit floats is needed",
            file.display()
        );
    };
    if let Some(text) = more_inputs(&tensor, &model.inputs) {
        anyhow::bail!("{}: {text}", file.display());
    }
    let (width, height) = match (width, height) {
        (Some(width), Some(height)) => (width, height),
        (None, _) | (_, None) => {
            writeln!(out, "its input takes any size; 640 x 384 is tried")?;
            (640, 384)
        }
    };
    for (side, n) in [("width", width), ("height", height)] {
        anyhow::ensure!(n % 32 == 0, "{}: its input's {side} is {n}, no multiple of 32", file.display());
    }
    let intake = Intake { tensor, width, height };
    let floats: Vec<String> = model.outputs.iter().filter(|p| p.float).map(|p| p.name.clone()).collect();
    let mut manifest = probe(&intake)?;
    // It stands in what goes wrong.
    manifest.name = file.display().to_string();
    manifest.tensors = floats.clone();
    let answers = model.answers(&manifest)?;
    let mut refusals = Vec::new();
    let mut fitting = 0;
    for layout in layouts::ALL {
        manifest.layout = layout;
        match order(&mut manifest, &floats, &answers) {
            Ok(tensors) => {
                fitting += 1;
                writeln!(out, "\nlayout {} fits. A manifest for it:\n", layout.name)?;
                writeln!(out, "{}", text(file, &model, &intake, layout, &tensors))?;
                let of = |name: &String| floats.iter().position(|f| f == name).map(|i| answers[i].tensor());
                let read: Vec<Tensor<'_>> = tensors.iter().filter_map(of).collect();
                for doubt in layouts::doubts(&manifest, &read) {
                    writeln!(out, "but {doubt}")?;
                }
            }
            Err(why) => refusals.push(format!("\n  {}: {}; {why}", layout.name, layout.reads)),
        }
    }
    anyhow::ensure!(
        fitting > 0,
        "no layout fits its outputs (one [1, boxes, 6] has suppression inside: export it without, nms=False); known are{}",
        refusals.concat()
    );
    Ok(())
}

/// The first input that pictures can go into: its name, and width and height where they are fixed.
fn picture_input(inputs: &[Port]) -> Option<(String, Option<u32>, Option<u32>)> {
    inputs.iter().find_map(|port| match port.shape[..] {
        // Some exporters leave the number of colours open, too.
        [_, Some(3) | None, height, width] if port.float => {
            let side = |n: Option<u64>| n.and_then(|n| u32::try_from(n).ok());
            Some((port.name.clone(), side(width), side(height)))
        }
        _ => None,
    })
}

/// A manifest that asks for as little as can be.
fn probe(intake: &Intake) -> anyhow::Result<Manifest> {
    let mut manifest = Manifest::shipped(DEFAULT)?;
    manifest.classes = vec![(0, Class::Person)];
    manifest.tiles = None;
    let input = &mut manifest.input;
    (input.tensor, input.width, input.height) = (intake.tensor.clone(), intake.width, intake.height);
    Ok(manifest)
}

/// The outputs in the order that the manifest's layout reads, or why there is none.
fn order(manifest: &mut Manifest, floats: &[String], answers: &[Answer]) -> Result<Vec<String>, String> {
    let layout = manifest.layout;
    let all: Vec<usize> = (0..floats.len().min(OUTPUTS_MAX)).collect();
    let mut first = None;
    for order in orders(&all, layout.tensors) {
        manifest.tensors = order.iter().map(|i| floats[*i].clone()).collect();
        let tensors: Vec<Tensor<'_>> = order.iter().map(|i| answers[*i].tensor()).collect();
        match (layout.decode)(manifest, &tensors, 0.3, &mut Vec::new()) {
            Ok(()) => return Ok(manifest.tensors.clone()),
            Err(err) => first = first.or_else(|| Some(err.to_string())),
        }
    }
    let too_few =
        || format!("it reads {} tensors of 32-bit floats, there are {}", layout.tensors, floats.len());
    Err(first.unwrap_or_else(too_few))
}

/// So many of `all` in every order, the given one first.
fn orders(all: &[usize], take: usize) -> Vec<Vec<usize>> {
    if take == 0 {
        return vec![Vec::new()];
    }
    let with = |first: &usize| {
        let rest: Vec<usize> = all.iter().copied().filter(|other| other != first).collect();
        orders(&rest, take - 1).into_iter().map(|rest| [vec![*first], rest].concat()).collect::<Vec<_>>()
    };
    all.iter().flat_map(with).collect()
}

/// A whole manifest: it can be used as it is once what the network was taught is made sure of.
fn text(file: &Path, model: &Inspected, intake: &Intake, layout: &Layout, tensors: &[String]) -> String {
    let stem = file.file_stem().map(|s| s.to_string_lossy().into_owned()).unwrap_or_default();
    let name = file.file_name().map(|s| s.to_string_lossy().into_owned()).unwrap_or_default();
    let Intake { tensor, width, height } = intake;
    let named = model.names.iter().filter_map(|(number, name)| Some((*number, names::class(name)?)));
    let mut classes: Vec<(usize, Class)> = named.collect();
    let by = match (classes.is_empty(), model.names.is_empty()) {
        (false, _) => "By the names in the model.".to_owned(),
        (true, true) => {
            classes = COCO.to_vec();
            "COCO's numbers: put your network's own here.".to_owned()
        }
        (true, false) => {
            let has: Vec<_> = model.names.iter().map(|(number, name)| format!("{number} {name:?}")).collect();
            let has = has.join(", ");
            format!(
                "None of the model's names is one of ours; write those that are as NUMBER = \"car\". It has {has}"
            )
        }
    };
    let classes: Vec<String> = classes.iter().map(|(id, class)| format!("{id} = \"{class}\"\n")).collect();
    format!(
        "name = {stem:?}\nfile = {name:?}\nsha256 = {:?}\nlicence = \"write here whose it is and on what terms\"\n\n# How networks \
         of this layout are taught as a rule; what yours was taught is what counts.\n[input]\ntensor = {tensor:?}\nwidth = \
         {width}\nheight = {height}\n{}\n\n[output]\nlayout = {:?}\ntensors = {tensors:?}\n\n# {by}\n[classes]\n{}\n[thresholds]\n\
         min_score = 0.12\nsame_class_iou = 0.6\nany_vehicle_iou = 0.7",
        model.sha256,
        layout.taught,
        layout.name,
        classes.concat()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_order_is_tried_the_given_one_first() {
        assert_eq!(orders(&[0, 1], 2), [[0, 1], [1, 0]]);
        assert_eq!(orders(&[0, 1, 2], 1), [[0], [1], [2]]);
        assert_eq!(orders(&[0], 2), Vec::<Vec<usize>>::new());
        assert_eq!(orders(&[0, 1, 2, 3, 4, 5], 6).len(), 720);
    }

    fn answers(shapes: &[&[usize]]) -> (Vec<String>, Vec<Answer>) {
        let of = |shape: &&[usize]| Answer { shape: shape.to_vec(), data: vec![0.0; shape.iter().product()] };
        ((0..shapes.len()).map(|i| format!("t{i}")).collect(), shapes.iter().map(of).collect())
    }

    fn fits(layout: &str, shapes: &[&[usize]]) -> Result<Vec<String>, String> {
        let mut manifest = probe(&Intake { tensor: "picture".to_owned(), width: 64, height: 64 }).unwrap();
        manifest.layout = layouts::by_name(layout).unwrap();
        let (floats, answers) = answers(shapes);
        order(&mut manifest, &floats, &answers)
    }

    #[test]
    fn outputs_are_found_in_any_order_and_beside_others() {
        // Boxes first; a mask behind; NanoDet's scores and sides stride by stride.
        assert_eq!(fits("rtdetr", &[&[1, 20, 4], &[1, 20, 9]]).unwrap(), ["t1", "t0"]);
        assert_eq!(fits("yolov8", &[&[1, 46, 84], &[1, 32, 16, 16]]).unwrap(), ["t0"]);
        let strides: [&[usize]; 6] =
            [&[1, 64, 9], &[1, 64, 44], &[1, 16, 9], &[1, 16, 44], &[1, 4, 9], &[1, 4, 44]];
        assert_eq!(fits("nanodet", &strides).unwrap(), ["t0", "t2", "t4", "t1", "t3", "t5"]);
    }

    #[test]
    fn why_nothing_fits_is_told() {
        let err = fits("yolov8", &[&[1, 300, 6]]).unwrap_err();
        assert!(
            err.contains("\"t0\" has shape [1, 300, 6], layout yolov8 expects [1, 5 or more, 84]"),
            "{err}"
        );
        let err = fits("detr", &[&[1, 300, 6]]).unwrap_err();
        assert_eq!(err, "it reads 2 tensors of 32-bit floats, there are 1");
    }
}
