//! `edge-agent detect`: road users in pictures, as JSON lines.

use std::io::Write;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use anyhow::Context;
use hardware_infer::{Drawing, JpegEncoder, Label, Options, annotate, read_picture};
use hardware_ports::infer::{Detector, PictureEncoder};
use models_domain::Detection;
use models_vision::post::{Riders, Wish};
use serde::Serialize;

use crate::models;

const EXAMPLE: &str = "Example:
  edge-agent detect --min-score 0.3 junction.jpg square.png
  {\"image\":\"junction.jpg\",\"category\":\"car\",\"bbox\":[412.5,301.0,88.2,60.4],\"score\":0.871}

One line per road user, best first within each picture; bbox is [x, y, width, height] in pixels of the picture.
A picture that cannot be read is named on standard error, the others go on, and the exit status is 1 at the end.";

#[derive(clap::Args)]
#[command(after_help = EXAMPLE)]
pub struct Args {
    /// JPEG or PNG files.
    #[arg(required = true, value_name = "IMAGE")]
    images: Vec<PathBuf>,

    /// A shipped network's name, or the path of a manifest (.toml).
    #[arg(long)]
    model: Option<String>,

    /// Leave out weaker boxes. Low, because average precision is measured over all scores; the service uses the
    /// manifest's own threshold.
    #[arg(long, default_value_t = 0.05, value_parser = score)]
    min_score: f32,

    /// Whether a rider and a two-wheeler are one road user, as traffic is counted, or two, as COCO labels them.
    #[arg(long, value_enum, default_value_t = RidersArg::Merged)]
    riders: RidersArg,

    /// Threads that work on one picture; all cores when not said.
    #[arg(long)]
    threads: Option<NonZeroUsize>,

    /// Also write each picture with its boxes drawn, as JPEG of the same name, into this folder.
    #[arg(long, value_name = "FOLDER")]
    annotated: Option<PathBuf>,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum RidersArg {
    Merged,
    Apart,
}

/// One line of the output.
#[derive(Serialize)]
struct Row<'a> {
    image: &'a str,
    category: &'a str,
    bbox: [f64; 4],
    score: f64,
}

fn score(text: &str) -> Result<f32, String> {
    match text.parse() {
        Ok(score) if (0.0..=1.0).contains(&score) => Ok(score),
        Ok(_) | Err(_) => Err("not a number from 0 to 1".to_owned()),
    }
}

pub fn run(args: Args) -> anyhow::Result<()> {
    let riders = match args.riders {
        RidersArg::Merged => Riders::Merged,
        RidersArg::Apart => Riders::Apart,
    };
    let cores = || std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let options = Options {
        threads: args.threads.map_or_else(cores, NonZeroUsize::get),
        wish: Some(Wish { min_score: args.min_score, riders }),
        ..Options::default()
    };
    let detector = models::open(args.model.as_deref(), &options)?;
    let mut failed = 0_usize;
    for image in &args.images {
        match one(&detector, image, args.annotated.as_deref()) {
            Ok(found) => print(image, &found)?,
            Err(err) => {
                failed += 1;
                eprintln!("edge-agent: {err:#}");
            }
        }
    }
    anyhow::ensure!(failed == 0, "{failed} of {} pictures could not be used", args.images.len());
    Ok(())
}

fn one(detector: &dyn Detector, image: &Path, annotated: Option<&Path>) -> anyhow::Result<Vec<Detection>> {
    let picture = read_picture(image)?;
    let found = detector.detect(&picture).with_context(|| image.display().to_string())?;
    if let Some(folder) = annotated {
        let labels: Vec<_> = found.iter().map(label).collect();
        let size = (picture.width, picture.height);
        let drawing = Drawing { size, labels: &labels, lines: &[], zones: &[] };
        let jpeg = JpegEncoder.jpeg(&annotate(&picture, &drawing)?, u32::MAX, 90)?;
        let name = image.with_extension("jpg");
        let out = folder.join(name.file_name().context("a picture without a name")?);
        std::fs::write(&out, jpeg).with_context(|| format!("writing {}", out.display()))?;
    }
    Ok(found)
}

fn label(found: &Detection) -> Label {
    let text = format!("{} {:.2}", found.class, found.score);
    Label { bbox: found.bbox, class: found.class, text }
}

fn print(image: &Path, found: &[Detection]) -> anyhow::Result<()> {
    let image = image.to_string_lossy();
    let mut out = std::io::stdout().lock();
    for detection in found {
        let b = &detection.bbox;
        let row = Row {
            image: &image,
            category: detection.class.name(),
            bbox: [b.x, b.y, b.w, b.h].map(|v| (v * 100.0).round() / 100.0),
            score: (f64::from(detection.score) * 10_000.0).round() / 10_000.0,
        };
        serde_json::to_writer(&mut out, &row)?;
        out.write_all(b"\n")?;
    }
    Ok(())
}
