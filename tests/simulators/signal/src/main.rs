//! `signal-simulator`: traffic light controllers that dial a supervisor over RSMP 3.1.2 to 3.3.0, run fixed-time plans, fail now
//! and then, and buffer what they could not tell.

mod alarms;
mod args;
mod buffer;
mod clock;
mod components;
mod config;
mod counting;
mod keep;
mod lines;
mod link;
mod list;
mod orders;
mod plan;
mod priority;
mod rsmp;
mod statuses;
mod street;
mod subscriptions;
mod timing;
mod tls;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use clap::Parser;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::buffer::Buffer;
use crate::keep::Journal;
use crate::street::{Controller, Counts};

/// Traffic light controllers of a street, as RSMP sites.
///
/// Example: signal-simulator --config deploy/config/street-signals.toml --connect 127.0.0.1:12111
#[derive(Parser)]
#[command(version)]
struct Args {
    /// The controllers (TOML).
    #[arg(long)]
    config: PathBuf,
    /// The supervisor to dial.
    #[arg(long, value_name = "HOST:PORT")]
    connect: String,
    /// Folder for what is not acknowledged yet, so that it outlives a power cut; in memory alone when left out.
    #[arg(long, value_name = "DIR")]
    keep: Option<PathBuf>,
    /// Speaks TLS 1.3 with a supervisor whose certificate this authority (PEM) has signed.
    #[arg(long, value_name = "FILE")]
    tls_ca: Option<PathBuf>,
    /// The certificate that the sites show (PEM).
    #[arg(long, value_name = "FILE", requires = "tls_key", requires = "tls_ca")]
    tls_certificate: Option<PathBuf>,
    #[arg(long, value_name = "FILE")]
    tls_key: Option<PathBuf>,
}

/// One JSON object at the end.
#[derive(Debug, Default, serde::Serialize)]
struct Total {
    changes: u64,
    acknowledged: u64,
    alarms: u64,
    connections: u64,
    /// Not acknowledged yet.
    waiting: usize,
    /// Thrown away because a buffer was full.
    lost: u64,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Args::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(err) => {
            eprintln!("signal-simulator: {err:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(args: Args) -> anyhow::Result<()> {
    let config = config::Config::load(&args.config)?;
    let own = args.tls_certificate.as_deref().zip(args.tls_key.as_deref());
    let tls = match &args.tls_ca {
        Some(ca) => Some(Arc::new(tls::Tls::new(ca, own)?)),
        None => None,
    };
    let stop = CancellationToken::new();
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let mut tasks = JoinSet::new();
    let mut controllers = Vec::new();
    for site in config.sites.clone() {
        let buffer = buffer(args.keep.as_deref(), &site.site_id)?;
        let controller = Controller::new(config.clone(), site, buffer);
        controllers.push(controller.clone());
        let (street, link) = (controller.clone(), controller);
        let stopped = stop.clone();
        tasks.spawn(async move { street.run(stopped).await });
        tasks.spawn(link::run(link, args.connect.clone(), tls.clone(), stop.clone()));
    }
    say(&serde_json::json!({ "ready": true, "sites": controllers.len() }))?;
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    stop.cancel();
    while tasks.join_next().await.is_some() {}
    let mut total = Total::default();
    for controller in &controllers {
        let mut state = controller.state();
        state.buffer.settle();
        let Counts { changes, acknowledged, alarms, connections } = state.counts;
        total.changes += changes;
        total.acknowledged += acknowledged;
        total.alarms += alarms;
        total.connections += connections;
        total.waiting += state.buffer.len();
        total.lost += state.buffer.lost;
    }
    say(&serde_json::to_value(&total)?)
}

/// What the site had not told when it last ran.
fn buffer(folder: Option<&Path>, site_id: &str) -> anyhow::Result<Buffer> {
    let Some(folder) = folder else { return Ok(Buffer::default()) };
    std::fs::create_dir_all(folder).with_context(|| format!("making the folder {}", folder.display()))?;
    let name: String = site_id.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    let (journal, waiting) = Journal::open(&folder.join(name).with_extension("journal"))?;
    Ok(Buffer::kept(journal, waiting))
}

/// One line of JSON on standard output, at once.
fn say(line: &serde_json::Value) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}")?;
    out.flush()?;
    Ok(())
}
