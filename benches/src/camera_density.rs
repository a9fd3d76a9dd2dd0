//! `camera-density`: what the agent costs beside the two things nobody can do without, decoding and inference.
//!
//! For each clip, one after the other: (a) libav's decoder in a plain GStreamer pipeline; (c) the whole agent, which decodes
//! and analyses every picture; (b) ONNX Runtime's own Python wheel on as many prepared tensors as the agent analysed.
//! (a) and (c) are whole processes with their start; (b) is the runs alone.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail};
use clap::Parser;
use models_vision::Manifest;
use models_vision::manifest::DEFAULT;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{Bench, programs, usage};

pub const BENCH: Bench = Bench {
    name: "camera-density",
    about: "CPU time of the whole agent beside decoding and inference alone",
    run,
};

const INFERENCE: &str = include_str!("../python/inference.py");
/// Decoders of libav, one of which can read the clip.
const DECODERS: [&str; 4] = ["avdec_h264", "avdec_h265", "avdec_mpeg4", "avdec_mjpeg"];

/// Prints {"decode_cpu_s","infer_cpu_s","agent_cpu_s","ratio"} and what they are made of; the ratio is agent / (decode +
/// infer).
#[derive(Parser)]
#[command(name = "camera-density")]
struct Args {
    /// Clips to read; those of ../shared/field/video, or else of deploy/clips, when left out.
    #[arg(long = "clip", value_name = "FILE")]
    clips: Vec<PathBuf>,
    /// A shipped network.
    #[arg(long, default_value = DEFAULT)]
    model: String,
}

/// What `edge-agent analyze` prints, as far as it is needed here.
#[derive(Deserialize)]
struct Analysed {
    decoded: u64,
    inferred: u64,
}

#[derive(Default)]
struct Sum {
    decode_s: f64,
    infer_s: f64,
    agent_s: f64,
    pictures: u64,
}

fn run(words: Vec<OsString>) -> anyhow::Result<Value> {
    let args = Args::parse_from(words);
    let manifest = Manifest::shipped(&args.model)?;
    let agent = programs::beside("edge-agent")?;
    let python = programs::cached("venv/bin/python")?;
    let network = programs::cached(&format!("models/{}", manifest.file))?;
    let work = tempfile::tempdir().context("making a folder")?;
    let (scene, script) = (work.path().join("scene.toml"), work.path().join("inference.py"));
    std::fs::write(&script, INFERENCE).context("writing the script")?;
    std::fs::write(&scene, SCENE).context("writing the scene")?;
    let (mut sum, mut clips) = (Sum::default(), Vec::new());
    for clip in programs::clips(&args.clips)? {
        let decode_s = decode(&clip)?;
        let mut analyze = Command::new(&agent);
        analyze.arg("analyze").arg(&clip).arg("--scene").arg(&scene).args(["--model", &args.model]);
        let ran = usage::run(&mut analyze)?;
        let told: Analysed = serde_json::from_slice(&ran.output.stdout).context("what analyze printed")?;
        if told.decoded != told.inferred {
            bail!("{}: of {} pictures {} were analysed", clip.display(), told.decoded, told.inferred);
        }
        let infer_s = infer(&python, &script, &network, &manifest, told.inferred)?;
        let name = clip.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let ratio = ran.cpu_s / (decode_s + infer_s);
        eprintln!(
            "{name}: {} pictures; decode {decode_s:.2} s, infer {infer_s:.2} s, agent {:.2} s: {ratio:.3}",
            told.inferred, ran.cpu_s
        );
        clips.push(json!({ "clip": name, "pictures": told.inferred, "ratio": round(ratio) }));
        sum.decode_s += decode_s;
        sum.infer_s += infer_s;
        sum.agent_s += ran.cpu_s;
        sum.pictures += told.inferred;
    }
    Ok(json!({
        "model": args.model,
        "pictures": sum.pictures,
        "clips": clips,
        "decode_cpu_s": round(sum.decode_s),
        "infer_cpu_s": round(sum.infer_s),
        "agent_cpu_s": round(sum.agent_s),
        "ratio": round(sum.agent_s / (sum.decode_s + sum.infer_s)),
    }))
}

/// Every road user that comes into the picture's middle is counted and judged, as at a junction.
const SCENE: &str = r#"
size = [640, 360]
line = [{ id = "across", a = [0, 180], b = [640, 180] }]
zone = [{ id = "box", polygon = [[160, 90], [480, 90], [480, 270], [160, 270]] }]
rule = [{ kind = "stopped_vehicle", zone = "box", for_ms = 10000 }]
"#;

/// One thread, as in the agent; nothing but demultiplexing and decoding.
fn decode(clip: &Path) -> anyhow::Result<f64> {
    let location = format!("location={}", clip.display());
    let mut last = None;
    for decoder in DECODERS {
        let mut pipeline = Command::new("gst-launch-1.0");
        pipeline.args(["-q", "filesrc", &location, "!", "parsebin", "!", decoder, "max-threads=1", "!"]);
        pipeline.args(["fakesink", "sync=false"]);
        match usage::run(&mut pipeline) {
            Ok(ran) => return Ok(ran.cpu_s),
            Err(err) => last = Some(err),
        }
    }
    Err(last.unwrap_or_else(|| anyhow::anyhow!("no decoder")))
        .with_context(|| format!("decoding {}", clip.display()))
}

fn infer(
    python: &Path,
    script: &Path,
    network: &Path,
    manifest: &Manifest,
    pictures: u64,
) -> anyhow::Result<f64> {
    let input = &manifest.input;
    let mut command = Command::new(python);
    command.arg(script).arg(network).arg(&input.tensor);
    command.args([input.width.to_string(), input.height.to_string(), pictures.to_string()]);
    let ran = usage::run(&mut command)?;
    let text = String::from_utf8_lossy(&ran.output.stdout);
    text.trim().parse().with_context(|| format!("what the Python wheel said: {text:?}"))
}

fn round(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}
