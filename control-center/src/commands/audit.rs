//! `control-center audit`: who looked at what, when and why, one line of JSON each.

use std::io::Write;
use std::path::PathBuf;

use anyhow::{Context, ensure};
use control_center_store::{AuditLine, Store};
use hardware_ports::{Clock, SystemClock};
use models_domain::{DurationMs, UtcMillis};
use serde::Serialize;

use crate::config::Config;

#[derive(clap::Args)]
#[command(after_help = "Example:\n  control-center audit --config control-center.toml --days 30\n\
    The hall may run meanwhile. Oldest first, the newest 100,000 lines: {\"at_ms\":…,\"user\":…,\"action\":…,\"purpose\":…,\"what\":…}.")]
pub struct Args {
    /// The hall's configuration file.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Only the last N days; 0 means all.
    #[arg(long, value_name = "N", default_value_t = 0)]
    days: u32,
    /// Without the orders of adaptive control, which are many.
    #[arg(long)]
    but_adaptive: bool,
}

#[derive(Serialize)]
struct Line<'a> {
    at_ms: i64,
    user: &'a str,
    action: &'a str,
    purpose: &'a str,
    what: &'a str,
}

const LINES_MAX: u32 = 100_000;

pub fn run(args: &Args) -> anyhow::Result<()> {
    let config = Config::load(&args.config)?;
    let database = config.database();
    ensure!(database.exists(), "there is no database {}; start the hall once", database.display());
    let since = match i64::from(args.days) {
        0 => UtcMillis(0),
        days => SystemClock::new().now() - DurationMs(days * 86_400_000),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("starting")?;
    let lines = runtime.block_on(async {
        let store = Store::open(&database).await?;
        let lines = if args.but_adaptive {
            store.audit_but_adaptive(since, LINES_MAX + 1).await
        } else {
            store.audit(since, LINES_MAX + 1).await
        };
        store.close().await;
        lines
    })?;
    let cut = lines.len().saturating_sub(LINES_MAX as usize);
    if let Some(first) = lines.get(cut).filter(|_| cut > 0) {
        eprintln!(
            "there are more than {LINES_MAX} lines: none from before {} ms is here; ask for fewer --days, or with --but-adaptive",
            first.at.0
        );
    }
    let mut out = std::io::stdout().lock();
    for AuditLine { at, user, action, purpose, what } in lines.iter().skip(cut) {
        let line = Line { at_ms: at.0, user, action, purpose, what };
        serde_json::to_writer(&mut out, &line).context("printing a line")?;
        writeln!(out).context("printing a line")?;
    }
    Ok(())
}
