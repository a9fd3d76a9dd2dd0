//! `edge-agent models check`: everything that is wrong with a network, at once.

use std::io::Write;
use std::path::Path;

use hardware_infer::{Inspected, Places, Port, Runtime};
use models_domain::Class;
use models_vision::manifest::{Input, Manifest, ManifestError};
use models_vision::names;

use super::bare::bare;
use crate::models;

const EXAMPLE: &str = "Examples:
  edge-agent models check /etc/ngatu/models/our-city.toml
  our-city: 2 problems
    sha256: the manifest says 5d0e…, our-city.onnx has 9f31…
    output.tensors: the model has no tensor \"scores\"; it has boxes [1, 300, 4], logits [1, 300, 6]

  edge-agent models check our-city.onnx
  Says which layouts fit the model's outputs, or why none does, and prints a manifest for it: write it beside the model and check it.

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
    of_classes(manifest, &model.names, &mut findings.problems);
    let before = findings.problems.len();
    of_input(&manifest.input, &model.inputs, &mut findings.problems);
    for name in &manifest.tensors {
        match model.outputs.iter().find(|port| port.name == *name) {
            Some(port) if port.float => {}
            Some(port) => findings.problems.push(format!(
                "output.tensors: {name:?} holds {}, not f32: export it with 32-bit floats (half=False)",
                port.numbers
            )),
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
        Ok(look) => {
            let sure = look.found.iter().filter(|d| d.score >= 0.5).count();
            let clear = look.doubts.is_empty();
            findings.problems.extend(look.doubts.into_iter().map(|doubt| format!("output: {doubt}")));
            if sure > 0 && clear {
                findings.notes.push(format!(
                    "it is sure of {sure} road users in a plain grey picture; are channels, mean and std right?"
                ));
            }
        }
        Err(err) => {
            let text = err.to_string();
            findings.problems.push(format!("output: {text}{}", too_few_classes(manifest, &text)));
            return Ok(());
        }
    }
    let input = model.inputs.iter().find(|port| port.name == manifest.input.tensor);
    let open = input.is_some_and(|port| port.shape.first() == Some(&None));
    if open && let Err(err) = model.takes_two(manifest) {
        findings.notes.push(format!(
            "input: it says that it takes any number of pictures at once, and does not take two, so it cannot be used where a \
             profile has batches; export it with a batch of 1, or with the batch left open in every layer: {err}"
        ));
    }
    Ok(())
}

/// A network with fewer classes than the manifest's numbers need counts them otherwise: where the number comes from.
fn too_few_classes(manifest: &Manifest, err: &str) -> String {
    let last = manifest.classes.last().filter(|_| err.contains(" or more"));
    last.map(|(id, class)| format!("; the least comes of [classes], which has {id} for {class}"))
        .unwrap_or_default()
}

/// The manifest's class numbers against the names that the model carries.
fn of_classes(manifest: &Manifest, names: &[(usize, String)], problems: &mut Vec<String>) {
    for (id, class) in manifest.classes.iter().filter(|_| !names.is_empty()) {
        match names.iter().find(|(number, _)| number == id) {
            None => {
                let has: Vec<_> = names.iter().map(|(number, name)| format!("{number} {name}")).collect();
                problems.push(format!(
                    "classes: the manifest has {id} for {class}, the model has no such number; it has {}",
                    has.join(", ")
                ));
            }
            // What the model calls otherwise, a van, may count as what the city likes.
            Some((_, name)) if names::class(name).is_some_and(|named| named != *class) => problems
                .push(format!("classes: the manifest has {id} for {class}, the model says it is {name}")),
            Some(_) => {}
        }
    }
}

fn of_input(input: &Input, inputs: &[Port], problems: &mut Vec<String>) {
    let Some(port) = inputs.iter().find(|port| port.name == input.tensor) else {
        let has = ports(inputs);
        problems.push(format!("input.tensor: the model has no input {:?}; it has {has}", input.tensor));
        return;
    };
    if !port.float {
        problems.push(format!(
            "input.tensor: {:?} takes {}, not f32: export it with 32-bit floats (half=False)",
            input.tensor, port.numbers
        ));
    }
    if let Some(text) = more_inputs(&input.tensor, inputs) {
        problems.push(format!("input.tensor: {text}"));
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

/// What is wrong when pictures are not all that the model wants.
pub(super) fn more_inputs(input: &str, inputs: &[Port]) -> Option<String> {
    let others: Vec<_> = inputs.iter().filter(|p| p.name != input).map(|p| p.name.as_str()).collect();
    (!others.is_empty()).then(|| {
        format!(
            "the model needs more inputs than one: {}; export it without its own post-processing (orig_target_sizes, im_shape, \
             scale_factor) and without a mask (pixel_mask), so that it takes pictures and gives boxes and scores as they are",
            others.join(", ")
        )
    })
}

pub(super) fn ports(ports: &[Port]) -> String {
    let of = |p: &Port| {
        let numbers = if p.float { String::new() } else { format!(" of {}", p.numbers) };
        format!("{} {}{numbers}", p.name, shape(&p.shape))
    };
    ports.iter().map(of).collect::<Vec<_>>().join(", ")
}

fn shape(shape: &[Option<u64>]) -> String {
    let sides: Vec<_> = shape.iter().map(|n| n.map_or("any".to_owned(), |n| n.to_string())).collect();
    format!("[{}]", sides.join(", "))
}

#[cfg(test)]
mod tests {
    use models_vision::manifest::DEFAULT;

    use super::*;

    #[test]
    fn class_numbers_are_held_against_the_models_names() {
        let mut manifest = Manifest::shipped(DEFAULT).unwrap();
        manifest.classes = vec![(0, Class::Person), (2, Class::Car), (9, Class::Bus)];
        let said = |names: &[(usize, &str)]| {
            let names: Vec<_> = names.iter().map(|(number, name)| (*number, (*name).to_owned())).collect();
            let mut problems = Vec::new();
            of_classes(&manifest, &names, &mut problems);
            problems
        };
        assert_eq!(said(&[]), Vec::<String>::new());
        assert_eq!(said(&[(0, "person"), (2, "van"), (9, "bus")]), Vec::<String>::new());
        let told = said(&[(0, "person"), (2, "bus")]);
        assert!(told.len() == 2 && told[0].contains("says it is bus"), "{told:?}");
        assert!(told[1].contains("no such number"), "{told:?}");
    }
}
