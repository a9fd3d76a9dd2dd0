//! `edge-agent models check`: everything that is wrong with a network, at once.

use std::io::Write;
use std::path::Path;

use hardware_infer::{Inspected, Places, Port, Runtime};
use models_domain::Class;
use models_vision::layouts::{self, Layout};
use models_vision::manifest::{DEFAULT, Input, Manifest, ManifestError};

use crate::models;

const EXAMPLE: &str = "Examples:
  edge-agent models check /etc/ngatu/models/our-city.toml
  our-city: 2 problems
    sha256: the manifest says 5d0e…, our-city.onnx has 9f31…
    output.tensors: the model has no tensor \"scores\"; it has boxes [1, 300, 4], logits [1, 300, 6]

  edge-agent models check our-city.onnx
  Says which layouts fit the model's outputs, and prints the beginning of a manifest for it.

The exit status is 1 when there is a problem.";

#[derive(clap::Args)]
#[command(after_help = EXAMPLE)]
pub struct Args {
    /// A manifest (.toml), a model (.onnx), or a shipped network's name.
    #[arg(value_name = "FILE")]
    file: String,
}

/// What was found out.
#[derive(Default)]
struct Findings {
    /// It cannot be used so.
    problems: Vec<String>,
    /// It can, but somebody should know.
    notes: Vec<String>,
}

pub fn run(args: &Args) -> anyhow::Result<()> {
    let path = Path::new(&args.file);
    let places = Places::of_this_process();
    if path.extension().is_some_and(|e| e == "onnx") {
        return bare(path, &places);
    }
    let (manifest, folder) = match models::read_manifest(&args.file, &places) {
        Ok(read) => read,
        Err(err) => return not_a_manifest(&args.file, err),
    };
    let mut findings = Findings::default();
    of_manifest(&manifest, &mut findings);
    match models::model_file(&manifest, folder.as_deref(), &places) {
        Ok(file) => of_model(&manifest, &file, &places, &mut findings)?,
        Err(why) => findings.problems.push(format!("file: {why}")),
    }
    tell(&manifest.name, &findings)
}

/// A manifest that says too little to go on; every problem is told on a line of its own.
fn not_a_manifest(name: &str, err: anyhow::Error) -> anyhow::Result<()> {
    let known = err.downcast_ref::<ManifestError>();
    let Some(ManifestError::Invalid(problems)) = known else { return Err(err) };
    let findings = Findings { problems: problems.clone(), notes: Vec::new() };
    tell(name, &findings)
}

fn tell(name: &str, findings: &Findings) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    let count = match findings.problems.len() {
        0 => "can be used".to_owned(),
        1 => "1 problem".to_owned(),
        n => format!("{n} problems"),
    };
    writeln!(out, "{name}: {count}")?;
    for problem in &findings.problems {
        writeln!(out, "  {problem}")?;
    }
    for note in &findings.notes {
        writeln!(out, "  note: {note}")?;
    }
    anyhow::ensure!(findings.problems.is_empty(), "{name} cannot be used: {count}");
    Ok(())
}

fn of_manifest(manifest: &Manifest, findings: &mut Findings) {
    let has = |class: &Class| manifest.classes.iter().any(|(_, c)| c == class);
    let missing: Vec<_> = Class::ALL.into_iter().filter(|c| !has(c)).map(Class::name).collect();
    if !missing.is_empty() {
        findings.notes.push(format!("classes: it will never see {}", missing.join(", ")));
    }
    if manifest.measured.is_empty() {
        let text = "measured: nothing; score it with `edge-agent models measure` and write the figure down";
        findings.notes.push(text.to_owned());
    }
}

fn of_model(
    manifest: &Manifest,
    file: &Path,
    places: &Places,
    findings: &mut Findings,
) -> anyhow::Result<()> {
    let runtime = Runtime::load(places)?;
    let mut model = match Inspected::open(runtime, file) {
        Ok(model) => model,
        Err(err) => {
            findings.problems.push(format!("file: {err}"));
            return Ok(());
        }
    };
    if model.sha256 != manifest.sha256 {
        findings.problems.push(format!(
            "sha256: the manifest says {}, {} has {}",
            manifest.sha256,
            file.display(),
            model.sha256
        ));
    }
    let before = findings.problems.len();
    of_input(&manifest.input, &model.inputs, &mut findings.problems);
    for name in &manifest.tensors {
        match model.outputs.iter().find(|port| port.name == *name) {
            Some(port) if port.float => {}
            Some(_) => {
                findings.problems.push(format!("output.tensors: {name:?} does not hold 32-bit floats"))
            }
            None => findings.problems.push(format!(
                "output.tensors: the model has no tensor {name:?}; it has {}",
                ports(&model.outputs)
            )),
        }
    }
    if findings.problems.len() > before {
        return Ok(());
    }
    match model.look_at_grey(manifest) {
        Ok(found) => {
            let sure = found.iter().filter(|d| d.score >= 0.5).count();
            if sure > 0 {
                findings.notes.push(format!(
                    "it is sure of {sure} road users in a plain grey picture; are channels, mean and std right?"
                ));
            }
        }
        Err(err) => findings.problems.push(format!("output: {err}")),
    }
    Ok(())
}

fn of_input(input: &Input, inputs: &[Port], problems: &mut Vec<String>) {
    let Some(port) = inputs.iter().find(|port| port.name == input.tensor) else {
        let has = ports(inputs);
        problems.push(format!("input.tensor: the model has no input {:?}; it has {has}", input.tensor));
        return;
    };
    if !port.float {
        problems.push(format!("input.tensor: {:?} does not take 32-bit floats", input.tensor));
    }
    let others: Vec<_> = inputs.iter().filter(|p| p.name != input.tensor).map(|p| p.name.as_str()).collect();
    if !others.is_empty() {
        problems.push(format!("input.tensor: the model needs more inputs than one: {}", others.join(", ")));
    }
    let wanted = [1, 3, u64::from(input.height), u64::from(input.width)];
    let fits = port.shape.len() == 4 && port.shape.iter().zip(wanted).all(|(n, w)| n.is_none_or(|n| n == w));
    if !fits {
        problems.push(format!(
            "input: the model takes {}, the manifest says [1, 3, {}, {}] (batch, colours, height, width)",
            shape(&port.shape),
            input.height,
            input.width
        ));
    }
}

/// A model without a manifest: what it is, which layouts fit, and how a manifest for it begins.
fn bare(file: &Path, places: &Places) -> anyhow::Result<()> {
    let mut model = Inspected::open(Runtime::load(places)?, file)?;
    let mut out = std::io::stdout().lock();
    writeln!(out, "inputs:  {}", ports(&model.inputs))?;
    writeln!(out, "outputs: {}", ports(&model.outputs))?;
    let Some((input, width, height)) = picture_input(&model.inputs) else {
        anyhow::bail!(
            "{} has no input for pictures: one float tensor [batch, 3, height, width] is needed",
            file.display()
        );
    };
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
    let fitting: Vec<_> = layouts::ALL
        .iter()
        .filter_map(|layout| Some((layout, fits(layout, &mut model, &input, (width, height))?)))
        .collect();
    if fitting.is_empty() {
        let known: Vec<_> = layouts::ALL.iter().map(|l| format!("\n  {}: {}", l.name, l.reads)).collect();
        anyhow::bail!("no layout fits its outputs; known are{}", known.concat());
    }
    for (layout, tensors) in fitting {
        writeln!(out, "\nlayout {} fits. A manifest begins:\n", layout.name)?;
        writeln!(out, "{}", skeleton(file, &model, &input, (width, height), layout, &tensors))?;
    }
    Ok(())
}

/// The first input that pictures can go into: its name, and width and height where they are fixed.
fn picture_input(inputs: &[Port]) -> Option<(String, Option<u32>, Option<u32>)> {
    inputs.iter().find_map(|port| match port.shape[..] {
        [_, Some(3), height, width] if port.float => {
            let side = |n: Option<u64>| n.and_then(|n| u32::try_from(n).ok());
            Some((port.name.clone(), side(width), side(height)))
        }
        _ => None,
    })
}

/// The outputs in an order that the layout reads.
fn fits(
    layout: &'static Layout,
    model: &mut Inspected,
    input: &str,
    size: (u32, u32),
) -> Option<Vec<String>> {
    let floats: Vec<String> = model.outputs.iter().filter(|p| p.float).map(|p| p.name.clone()).collect();
    let mut manifest = Manifest::shipped(DEFAULT).ok()?;
    manifest.layout = layout;
    manifest.classes = vec![(0, Class::Person)];
    manifest.tiles = None;
    (manifest.input.tensor, manifest.input.width, manifest.input.height) = (input.to_owned(), size.0, size.1);
    let reversed: Vec<_> = floats.iter().rev().cloned().collect();
    [floats, reversed].into_iter().find(|order| {
        manifest.tensors = order.iter().take(layout.tensors).cloned().collect();
        order.len() == layout.tensors && model.look_at_grey(&manifest).is_ok()
    })
}

fn skeleton(
    file: &Path,
    model: &Inspected,
    input: &str,
    (width, height): (u32, u32),
    layout: &Layout,
    tensors: &[String],
) -> String {
    let stem = file.file_stem().map(|s| s.to_string_lossy().into_owned()).unwrap_or_default();
    let name = file.file_name().map(|s| s.to_string_lossy().into_owned()).unwrap_or_default();
    format!(
        "name = {stem:?}\nfile = {name:?}\nsha256 = {:?}\n\n[input]\ntensor = {input:?}\nwidth = {width}\nheight = \
         {height}\n\n[output]\nlayout = {:?}\ntensors = {tensors:?}\n\n# licence, [source], the rest of [input], [classes] and \
         [thresholds] as in models/manifests/{DEFAULT}.toml",
        model.sha256, layout.name
    )
}

fn ports(ports: &[Port]) -> String {
    ports.iter().map(|p| format!("{} {}", p.name, shape(&p.shape))).collect::<Vec<_>>().join(", ")
}

fn shape(shape: &[Option<u64>]) -> String {
    let sides: Vec<_> = shape.iter().map(|n| n.map_or("any".to_owned(), |n| n.to_string())).collect();
    format!("[{}]", sides.join(", "))
}
