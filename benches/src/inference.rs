//! `inference`: what the network costs in the agent beside ONNX Runtime's own Python wheel, on the same file.
//!
//! Both load the file, one thread each, and take turns: a few batches here, as many there, in changing order. CPU time.

use std::ffi::OsString;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use anyhow::Context;
use clap::Parser;
use models_vision::Manifest;
use models_vision::manifest::SHIPPED;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{Bench, programs};

pub const BENCH: Bench = Bench {
    name: "inference",
    about: "float and int8, batch 1 and 8, beside ONNX Runtime's Python wheel on the same file",
    run,
};

const WHEEL: &str = include_str!("../python/inference_turns.py");

/// Prints {"results": [{"model","batch","ours_ms","wheel_ms","ratio"}], "ratio"}; the last is the worst of them.
#[derive(Parser)]
#[command(name = "inference")]
struct Args {
    /// Shipped networks; all that are made at set-up when left out.
    #[arg(long = "model", value_name = "NAME")]
    models: Vec<String>,
    /// Turns that each takes; the more, the steadier.
    #[arg(long, default_value_t = 12)]
    turns: usize,
}

/// What `edge-agent models time` answers, as far as it is needed here.
#[derive(Deserialize)]
struct Turn {
    cpu_ms_per_picture: f64,
}

fn run(words: Vec<OsString>) -> anyhow::Result<Value> {
    let args = Args::parse_from(words);
    let models = if args.models.is_empty() {
        let at_set_up =
            |name: &&str| Manifest::shipped(name).is_ok_and(|m| m.source.is_some_and(|s| !s.on_request));
        SHIPPED.iter().map(|(name, _)| *name).filter(at_set_up).map(str::to_owned).collect()
    } else {
        args.models
    };
    let mut results = Vec::new();
    let mut worst = 0.0_f64;
    for model in &models {
        for batch in [1, 8] {
            let (ours, wheel) = compare(model, batch, args.turns)?;
            let ratio = ours / wheel;
            worst = worst.max(ratio);
            eprintln!("{model}, batch {batch}: {ours:.2} ms a picture, the wheel {wheel:.2} ms: {ratio:.3}");
            results.push(json!({
                "model": model,
                "batch": batch,
                "ours_ms": round(ours),
                "wheel_ms": round(wheel),
                "ratio": round(ratio),
            }));
        }
    }
    Ok(json!({ "results": results, "ratio": round(worst) }))
}

/// Median milliseconds a picture: ours, the wheel's.
fn compare(model: &str, batch: usize, turns: usize) -> anyhow::Result<(f64, f64)> {
    let manifest = Manifest::shipped(model)?;
    let network = programs::cached(&format!("models/{}", manifest.file))?;
    let runs = (8 / batch).max(1).to_string();
    let batch = batch.to_string();
    let mut agent = Command::new(programs::beside("edge-agent")?);
    agent.args(["models", "time", "--turns", "--model", model, "--batch", &batch, "--runs", &runs]);
    let mut python = Command::new(programs::cached("venv/bin/python")?);
    let input = &manifest.input;
    python.args(["-c", WHEEL]).arg(&network).arg(&input.tensor);
    python.args([input.width.to_string(), input.height.to_string(), batch.clone(), runs.clone()]);
    let (mut ours, mut wheel) = (Player::start(agent)?, Player::start(python)?);
    let (mut ours_ms, mut wheel_ms) = (Vec::new(), Vec::new());
    for turn in 0..turns {
        // Who goes second finds the caches warmer or the processor hotter: in turn.
        if turn % 2 == 0 {
            ours_ms.push(ours.turn()?);
            wheel_ms.push(wheel.turn()?);
        } else {
            wheel_ms.push(wheel.turn()?);
            ours_ms.push(ours.turn()?);
        }
    }
    Ok((median(ours_ms), median(wheel_ms)))
}

/// A process that works once for every line it is given.
struct Player {
    child: Child,
    ask: ChildStdin,
    answers: BufReader<ChildStdout>,
    name: String,
}

impl Player {
    fn start(mut command: Command) -> anyhow::Result<Self> {
        let name = Path::new(command.get_program()).display().to_string();
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().with_context(|| format!("starting {name}"))?;
        let (ask, answers) = (child.stdin.take(), child.stdout.take());
        let (ask, answers) = (ask.context("no way to ask")?, answers.context("no way to hear")?);
        Ok(Self { child, ask, answers: BufReader::new(answers), name })
    }

    fn turn(&mut self) -> anyhow::Result<f64> {
        writeln!(self.ask).with_context(|| format!("asking {}", self.name))?;
        let mut line = String::new();
        self.answers.read_line(&mut line).with_context(|| format!("hearing {}", self.name))?;
        let turn: Turn =
            serde_json::from_str(&line).with_context(|| format!("{} answered {line:?}", self.name))?;
        Ok(turn.cpu_ms_per_picture)
    }
}

impl Drop for Player {
    fn drop(&mut self) {
        // Whoever waits for the next line has nothing to lose.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

fn round(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}
