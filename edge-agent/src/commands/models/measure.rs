//! `edge-agent models measure`: average precision against labelled pictures, as COCO defines it.

use std::fs::File;
use std::io::{BufReader, Write};
use std::num::NonZeroUsize;
use std::path::PathBuf;

use anyhow::Context;
use hardware_infer::{Options, read_picture};
use hardware_ports::infer::Detector;
use models_vision::measure::{Coco, Found, Labelled, Report, Scores, report};
use models_vision::post::{Riders, Wish};
use serde::Serialize;

use crate::models;

const EXAMPLE: &str = "Example:
  edge-agent models measure --coco labels.json --images frames/ --model our-city.toml
  class        labelled      AP    AP50  precision  recall
  motorcycle       1204    31.2    58.4       0.71    0.49
  …
  {\"model\":\"our-city\",\"pictures\":231,\"ap\":0.285,\"ap50\":0.512, …}

labels.json is COCO's object detection format (`images`, `annotations`, `categories`); of the categories those are scored that
bear our names: person, bicycle, motorcycle (or motorbike), car, bus, truck. AP is the mean over IoU 0.50 to 0.95, in per cent
in the table and 0..=1 in the last line. Riders and what they ride are two boxes, as COCO labels them.";

/// As COCO's own tools: weak boxes count, at the end of the list.
const MIN_SCORE: f32 = 0.01;

#[derive(clap::Args)]
#[command(after_help = EXAMPLE)]
pub struct Args {
    /// The labels, in COCO's format.
    #[arg(long, value_name = "FILE")]
    coco: PathBuf,

    /// The folder that the labels' file names count from.
    #[arg(long, value_name = "DIR")]
    images: PathBuf,

    /// A shipped network's name, or the path of a manifest (.toml).
    #[arg(long)]
    model: Option<String>,

    /// Precision and recall are those of boxes at least so sure; the manifest's own threshold when not said.
    #[arg(long)]
    min_score: Option<f32>,

    /// Threads that work on one picture; all cores when not said.
    #[arg(long)]
    threads: Option<NonZeroUsize>,

    /// Leave out pictures that are not in the folder, instead of ending there.
    #[arg(long)]
    present_only: bool,
}

/// The last line. Scores are 0..=1; null where nothing is labelled.
#[derive(Serialize)]
struct Line<'a> {
    model: &'a str,
    pictures: usize,
    labelled: usize,
    ap: Option<f64>,
    ap50: Option<f64>,
    precision: Option<f64>,
    recall: Option<f64>,
    by_class: Vec<ClassLine>,
}

#[derive(Serialize)]
struct ClassLine {
    class: &'static str,
    labelled: usize,
    ap: Option<f64>,
    ap50: Option<f64>,
}

pub fn run(args: &Args) -> anyhow::Result<()> {
    let labelled = read(args)?;
    let cores = || std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let threads = args.threads.map_or_else(cores, NonZeroUsize::get);
    let wish = Some(Wish { min_score: MIN_SCORE, riders: Riders::Apart });
    let detector = models::open(args.model.as_deref(), &Options { threads, wish, ..Options::default() })?;
    let mut found = Vec::new();
    for (picture, name) in labelled.pictures.iter().enumerate() {
        let path = args.images.join(name);
        let read = read_picture(&path)?;
        let seen = detector.detect(&read).with_context(|| path.display().to_string())?;
        found.extend(seen.iter().map(|d| Found { picture, class: d.class, bbox: d.bbox, score: d.score }));
    }
    let sure = args.min_score.unwrap_or(detector.manifest().thresholds.min_score);
    let made = report(&labelled.truths, &found, sure);
    print(&detector.manifest().name, labelled.pictures.len(), &made)
}

fn read(args: &Args) -> anyhow::Result<Labelled> {
    let coco = &args.coco;
    let file = File::open(coco).with_context(|| format!("opening {}", coco.display()))?;
    let read: Coco = serde_json::from_reader(BufReader::new(file))
        .with_context(|| format!("{} is not COCO's object detection format", coco.display()))?;
    let mut labelled = read.labelled().with_context(|| coco.display().to_string())?;
    let missing: Vec<_> =
        labelled.pictures.iter().filter(|name| !args.images.join(name).is_file()).cloned().collect();
    if !missing.is_empty() && !args.present_only {
        anyhow::bail!(
            "{} of the {} pictures of {} are not in {}, the first is {}; leave them out with --present-only",
            missing.len(),
            labelled.pictures.len(),
            coco.display(),
            args.images.display(),
            missing[0]
        );
    }
    if !labelled.left_out.is_empty() {
        let left_out: Vec<_> =
            labelled.left_out.iter().take(10).map(|(name, n)| format!("{name} ({n})")).collect();
        eprintln!(
            "edge-agent: {} categories of {} are none of ours and left out, and what is found there counts as found wrongly: \
             {}; rename those that are ours",
            labelled.left_out.len(),
            coco.display(),
            left_out.join(", ")
        );
    }
    labelled.without(&missing);
    anyhow::ensure!(!labelled.pictures.is_empty(), "{} lists no picture that is there", coco.display());
    Ok(labelled)
}

fn print(model: &str, pictures: usize, made: &Report) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "class        labelled      AP    AP50  precision  recall")?;
    let rows = made.by_class.iter().map(|(class, scores)| (class.name(), scores));
    for (name, Scores { ap, ap50, precision, recall, truths }) in rows.chain([("all", &made.all)]) {
        let percent = |v: &Option<f64>| v.map_or("-".to_owned(), |v| format!("{:.1}", v * 100.0));
        let share = |v: &Option<f64>| v.map_or("-".to_owned(), |v| format!("{v:.2}"));
        let (ap, ap50) = (percent(ap), percent(ap50));
        let (precision, recall) = (share(precision), share(recall));
        writeln!(out, "{name:<12} {truths:>8} {ap:>7} {ap50:>7} {precision:>10} {recall:>7}")?;
    }
    let round = |v: Option<f64>| v.map(|v| (v * 10_000.0).round() / 10_000.0);
    let by_class = made.by_class.iter().map(|(class, s)| ClassLine {
        class: class.name(),
        labelled: s.truths,
        ap: round(s.ap),
        ap50: round(s.ap50),
    });
    let all = &made.all;
    let line = Line {
        model,
        pictures,
        labelled: all.truths,
        ap: round(all.ap),
        ap50: round(all.ap50),
        precision: round(all.precision),
        recall: round(all.recall),
        by_class: by_class.collect(),
    };
    serde_json::to_writer(&mut out, &line)?;
    writeln!(out)?;
    Ok(())
}
