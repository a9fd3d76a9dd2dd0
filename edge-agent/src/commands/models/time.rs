//! `edge-agent models time`: what the network alone costs on this machine.

use std::io::{BufRead, Write};
use std::num::NonZeroUsize;

use anyhow::Context;
use hardware_infer::{Network, Options, Provider};
use serde::Serialize;

use crate::{models, usage};

const EXAMPLE: &str = "Example:
  edge-agent models time --model nanodet-g-640x384-int8 --batch 4
  {\"model\":\"nanodet-g-640x384-int8\",\"provider\":\"cpu\",\"batch\":4,\"threads\":1,\"pictures\":32,\"cpu_ms_per_picture\":21.3}

Only the network is timed, on tensors made beforehand: no decoding, no preparing, no reading of boxes. CPU time of all threads
of the process, so that other work on the machine hardly matters.";

#[derive(clap::Args)]
#[command(after_help = EXAMPLE)]
pub struct Args {
    /// A shipped network's name, or the path of a manifest (.toml).
    #[arg(long)]
    model: Option<String>,

    /// Pictures at once.
    #[arg(long, default_value = "1")]
    batch: NonZeroUsize,

    /// Threads that work on one batch.
    #[arg(long, default_value = "1")]
    threads: NonZeroUsize,

    /// cpu, openvino, cuda or tensorrt.
    #[arg(long, default_value = "cpu")]
    provider: Provider,

    /// Batches to time.
    #[arg(long, default_value = "8")]
    runs: NonZeroUsize,

    /// Time `--runs` batches for every line of standard input, and answer each with a line: for comparing turn by turn.
    #[arg(long)]
    turns: bool,
}

#[derive(Serialize)]
struct Line<'a> {
    model: &'a str,
    provider: &'a str,
    batch: usize,
    threads: usize,
    pictures: usize,
    cpu_ms_per_picture: f64,
}

pub fn run(args: &Args) -> anyhow::Result<()> {
    let (batch, threads) = (args.batch.get(), args.threads.get());
    let options = Options { threads, batch, provider: args.provider, ..Options::default() };
    let mut network = models::open_network(args.model.as_deref(), &options)?;
    anyhow::ensure!(
        network.batch() == batch,
        "model {} takes one picture at a time, not {batch}",
        network.manifest().name
    );
    let input = &network.manifest().input;
    let size = batch * 3 * input.width as usize * input.height as usize;
    // Something with edges everywhere, the same at every run.
    let mut state = 1_u32;
    let tensor: Vec<f32> = std::iter::repeat_with(|| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as f32 / 64.0 - 2.0
    })
    .take(size)
    .collect();
    // The first run makes what the next ones use again.
    network.run_prepared(&tensor, batch)?;
    if !args.turns {
        return tell(&mut network, &tensor, args);
    }
    for line in std::io::stdin().lock().lines() {
        line.context("reading standard input")?;
        tell(&mut network, &tensor, args)?;
    }
    Ok(())
}

fn tell(network: &mut Network, tensor: &[f32], args: &Args) -> anyhow::Result<()> {
    let before = usage::cpu_seconds();
    for _ in 0..args.runs.get() {
        network.run_prepared(tensor, args.batch.get())?;
    }
    let pictures = args.runs.get() * args.batch.get();
    let ms = (usage::cpu_seconds() - before) * 1_000.0 / pictures as f64;
    let line = Line {
        model: &network.manifest().name,
        provider: network.provider().name(),
        batch: args.batch.get(),
        threads: args.threads.get(),
        pictures,
        cpu_ms_per_picture: (ms * 1_000.0).round() / 1_000.0,
    };
    let mut out = std::io::stdout().lock();
    serde_json::to_writer(&mut out, &line)?;
    writeln!(out)?;
    Ok(())
}
