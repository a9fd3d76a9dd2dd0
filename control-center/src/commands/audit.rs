//! `control-center audit`: who looked at what, when and why, one line of JSON each.

use std::io::Write;
use std::path::PathBuf;

use anyhow::{Context, ensure};
use control_center_store::{AuditLine, AuditLines, Store};
use hardware_ports::{Clock, SystemClock};
use models_domain::{DurationMs, UtcMillis};
use serde::Serialize;

use crate::config::Config;

#[derive(clap::Args)]
#[command(after_help = "Example:\n  control-center audit --config control-center.toml --days 30\n\
    The hall may run meanwhile. Oldest first: {\"at_ms\":…,\"user\":…,\"action\":…,\"purpose\":…,\"what\":…}.")]
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

/// So many are held in memory at a time.
const PAGE: u32 = 1_000;

pub fn run(args: &Args) -> anyhow::Result<()> {
    let config = Config::load(&args.config)?;
    let database = config.database();
    ensure!(database.exists(), "there is no database {}; start the hall once", database.display());
    let since = match i64::from(args.days) {
        0 => UtcMillis(0),
        days => SystemClock::new().now() - DurationMs(days * 86_400_000),
    };
    let lines = if args.but_adaptive { AuditLines::ButAdaptive } else { AuditLines::All };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("starting")?;
    runtime.block_on(async {
        let store = Store::open(&database).await?;
        let printed = print(&store, since, lines, PAGE, &mut std::io::stdout().lock()).await;
        store.close().await;
        printed
    })
}

/// Writes each line as it is read, a page at a time.
async fn print(
    store: &Store,
    since: UtcMillis,
    lines: AuditLines,
    page: u32,
    out: &mut impl Write,
) -> anyhow::Result<()> {
    let mut after = 0;
    loop {
        let read = store.audit(since, lines, after, page).await?;
        for (_, AuditLine { at, user, action, purpose, what }) in &read {
            let line = Line { at_ms: at.0, user, action, purpose, what };
            serde_json::to_writer(&mut *out, &line).context("printing a line")?;
            writeln!(out).context("printing a line")?;
        }
        let Some((last, _)) = read.last() else { return Ok(()) };
        after = *last;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn every_line_is_printed_once_whatever_a_page_holds() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&dir.path().join("city.db")).await.unwrap();
        for at in 1..=5 {
            let user = if at % 2 == 0 { "adaptive:kim-ma" } else { "lan" };
            let line = AuditLine {
                at: UtcMillis(at),
                user: user.into(),
                action: "a".into(),
                purpose: String::new(),
                what: String::new(),
            };
            store.keep_audit(&line).await.unwrap();
        }
        let printed = async |since: i64, lines: AuditLines, page: u32| {
            let mut out = Vec::new();
            print(&store, UtcMillis(since), lines, page, &mut out).await.unwrap();
            let line =
                |line: &str| serde_json::from_str::<serde_json::Value>(line).unwrap()["at_ms"].as_i64();
            String::from_utf8(out).unwrap().lines().filter_map(line).collect::<Vec<_>>()
        };
        for page in [1, 2, 5, 99] {
            assert_eq!(printed(0, AuditLines::All, page).await, [1, 2, 3, 4, 5]);
            assert_eq!(printed(3, AuditLines::All, page).await, [3, 4, 5]);
            assert_eq!(printed(0, AuditLines::ButAdaptive, page).await, [1, 3, 5]);
        }
    }
}
