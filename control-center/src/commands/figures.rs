//! `control-center figures`: what the store holds, in one line.

use std::io::Write;
use std::path::PathBuf;

use anyhow::{Context, ensure};
use control_center_store::Store;
use hardware_ports::{Clock, SystemClock};
use models_domain::{DurationMs, UtcMillis};
use serde::Serialize;

use crate::config::Config;

#[derive(clap::Args)]
#[command(after_help = "Example:\n  control-center figures --config control-center.toml --minutes 60\n\
    The hall may run meanwhile. A crossing is told within about 15 s. Prints {\"frames\":…,\"detections\":…,\"crossings\":…,\"events\":…,\"fixes\":…,\"signal_changes\":…}.")]
pub struct Args {
    /// The hall's configuration file.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Only what happened in the last N minutes and the running one; 0 means all.
    #[arg(long, value_name = "N", default_value_t = 0)]
    minutes: u32,
}

#[derive(Serialize)]
struct Line {
    frames: u64,
    detections: u64,
    crossings: u64,
    /// Of rules.
    events: u64,
    fixes: u64,
    signal_changes: u64,
}

pub fn run(args: &Args) -> anyhow::Result<()> {
    let config = Config::load(&args.config)?;
    let database = config.database();
    ensure!(database.exists(), "there is no database {}; start the hall once", database.display());
    let since = match i64::from(args.minutes) {
        0 => UtcMillis(0),
        minutes => SystemClock::new().now() - DurationMs(minutes * 60_000),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("starting")?;
    let figures = runtime.block_on(async {
        let store = Store::open(&database).await?;
        let figures = store.figures(since).await;
        store.close().await;
        figures
    })?;
    let line = Line {
        frames: figures.frames,
        detections: figures.detections,
        crossings: figures.crossings,
        events: figures.rule_events,
        fixes: figures.fixes,
        signal_changes: figures.signal_changes,
    };
    let mut out = std::io::stdout().lock();
    serde_json::to_writer(&mut out, &line).context("printing the figures")?;
    writeln!(out).context("printing the figures")
}
