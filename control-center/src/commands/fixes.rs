//! `control-center fixes`: positions that are not believed, with the reason, and the way to overrule it.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use control_center_store::{AuditLine, Store};
use hardware_ports::{Clock, SystemClock};
use models_domain::{DurationMs, UtcMillis};
use serde::Serialize;

use crate::config::Config;

#[derive(clap::Subcommand)]
pub enum Command {
    /// Prints the positions that are not believed, newest first, as lines of JSON.
    Rejected(RejectedArgs),
    /// Believes a position whatever the rules say, or leaves it to them again.
    TakeBack(TakeBackArgs),
}

#[derive(clap::Args)]
#[command(after_help = "Example:\n  control-center fixes rejected --config control-center.toml --days 1\n\
    The hall may run meanwhile. At most 100,000 lines: {\"event\":…,\"vehicle\":…,\"at_ms\":…,\"received_ms\":…,\"lat\":…,\"lon\":…,\"protocol\":…,\"reason\":…}.")]
pub struct RejectedArgs {
    /// The hall's configuration file.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Only those received within the last N days; 0 means all.
    #[arg(long, value_name = "N", default_value_t = 1)]
    days: u32,
}

#[derive(clap::Args)]
#[command(
    after_help = "Example:\n  control-center fixes take-back --config control-center.toml --event 8123 --why \"ferry over the Red River\"\n\
    It is written down for `control-center audit`. A running hall reckons that day of the bus anew within seconds."
)]
pub struct TakeBackArgs {
    /// The hall's configuration file.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Number of the event, as `rejected` prints it.
    #[arg(long, value_name = "NUMBER")]
    event: i64,
    /// Why the rules are wrong here.
    #[arg(long, value_name = "TEXT")]
    why: String,
    /// Leaves it to the rules again.
    #[arg(long)]
    undo: bool,
}

#[derive(Serialize)]
struct Line<'a> {
    event: i64,
    vehicle: &'a str,
    at_ms: i64,
    received_ms: i64,
    lat: f64,
    lon: f64,
    protocol: &'a str,
    reason: &'a str,
}

const LINES_MAX: u32 = 100_000;

pub fn run(command: &Command) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("starting")?;
    match command {
        Command::Rejected(args) => runtime.block_on(rejected(args)),
        Command::TakeBack(args) => runtime.block_on(take_back(args)),
    }
}

async fn open(config: &Path) -> anyhow::Result<Store> {
    let database = Config::load(config)?.database();
    ensure!(database.exists(), "there is no database {}; start the hall once", database.display());
    Ok(Store::open(&database).await?)
}

async fn rejected(args: &RejectedArgs) -> anyhow::Result<()> {
    let since = match i64::from(args.days) {
        0 => UtcMillis(0),
        days => SystemClock::new().now() - DurationMs(days * 86_400_000),
    };
    let store = open(&args.config).await?;
    let fixes = store.rejected_fixes(since, LINES_MAX).await;
    store.close().await;
    let mut out = std::io::stdout().lock();
    for fix in &fixes? {
        let line = Line {
            event: fix.event,
            vehicle: &fix.vehicle,
            at_ms: fix.at.0,
            received_ms: fix.received.0,
            lat: fix.position.lat.0,
            lon: fix.position.lon.0,
            protocol: &fix.protocol,
            reason: &fix.reason,
        };
        serde_json::to_writer(&mut out, &line).context("printing a line")?;
        writeln!(out).context("printing a line")?;
    }
    Ok(())
}

async fn take_back(args: &TakeBackArgs) -> anyhow::Result<()> {
    let event = args.event;
    ensure!(!args.why.trim().is_empty(), "--why is empty; say why the rules are wrong here");
    let store = open(&args.config).await?;
    let done = overrule(&store, args).await;
    store.close().await;
    ensure!(
        done?,
        "there is no position with the event {event}; `control-center fixes rejected` prints them"
    );
    Ok(())
}

/// Written down before it is done: nothing is overruled without a trace.
async fn overrule(store: &Store, args: &TakeBackArgs) -> anyhow::Result<bool> {
    let line = AuditLine {
        at: SystemClock::new().now(),
        user: "the command line".to_owned(),
        action: if args.undo { "leave_fix_to_rules" } else { "take_back_fix" }.to_owned(),
        purpose: args.why.clone(),
        what: format!("position of event {}", args.event),
    };
    store.keep_audit(&line).await?;
    Ok(store.take_back_fix(args.event, !args.undo).await?)
}
