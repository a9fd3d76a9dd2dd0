//! `control-center orders`: what trackers are asked to do, and what they say to it.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use control_center_store::Store;
use hardware_ports::{Clock, SystemClock};
use models_domain::order::{Order, Progress};
use models_domain::{DurationMs, GatewayId, UtcMillis, VehicleId};
use serde::Serialize;

use crate::config::Config;
use crate::tracker_orders::{self, COMMAND_LINE, Wish, words};

#[derive(clap::Subcommand)]
pub enum Command {
    /// Asks a vehicle's tracker to do something.
    Give(GiveArgs),
    /// Prints orders and how far they got, newest first, as lines of JSON.
    List(ListArgs),
}

#[derive(clap::Args)]
#[command(after_help = "Examples:\n  \
    control-center orders give --config control-center.toml --vehicle 864717003283581 --locate --why \"driver does not answer\"\n  \
    control-center orders give --config control-center.toml --vehicle 864717003283581 --text \"STATUS#\" --why \"battery low\"\n\
    JT/T 808, GT06, Teltonika and Suntech understand orders. Whoever may read the hall's files may give them; it is written down\n\
    for `control-center audit`. A running hall brings it to the gateway that the vehicle was last heard by, and there it waits\n\
    for the tracker. Prints the order's number: `control-center orders list` says what the tracker answered.")]
#[command(group = clap::ArgGroup::new("order").required(true).args(["locate", "every", "text"]))]
pub struct GiveArgs {
    /// The hall's configuration file.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// The vehicle, as the map and `fixes` name it.
    #[arg(long, value_name = "VEHICLE")]
    vehicle: String,
    /// Report the position now.
    #[arg(long)]
    locate: bool,
    /// Report every so many seconds while moving.
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(1..=86_400))]
    every: Option<u32>,
    /// A command in the maker's own language, or for JT/T 808 a text to be shown and read aloud.
    #[arg(long, value_name = "TEXT")]
    text: Option<String>,
    /// Why.
    #[arg(long, value_name = "TEXT")]
    why: String,
    /// It is not sent any more after so many hours.
    #[arg(long, value_name = "HOURS", default_value_t = 24, value_parser = clap::value_parser!(u16).range(1..=720))]
    expires: u16,
    /// The gateway that the tracker dials, for a vehicle that was never heard.
    #[arg(long, value_name = "GATEWAY")]
    gateway: Option<String>,
}

#[derive(clap::Args)]
#[command(after_help = "Example:\n  control-center orders list --config control-center.toml --days 1\n\
    Lines: {\"order\":…,\"vehicle\":…,\"gateway\":…,\"given_ms\":…,\"expires_ms\":…,\"what\":…,\"progress\":\"waiting\" | \"sent\" | \"answered\" | \"expired\" | \"failed\",\"at_ms\":…,\"said\":…}.")]
pub struct ListArgs {
    /// The hall's configuration file.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Only those given within the last N days; 0 means all.
    #[arg(long, value_name = "N", default_value_t = 1)]
    days: u32,
}

#[derive(Serialize)]
struct Line<'a> {
    order: u64,
    vehicle: &'a str,
    gateway: &'a str,
    given_ms: i64,
    expires_ms: i64,
    what: String,
    progress: &'a str,
    /// When it was sent or answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    at_ms: Option<i64>,
    /// The tracker's answer, or why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    said: Option<&'a str>,
}

const LINES_MAX: u32 = 100_000;

pub fn run(command: &Command) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("starting")?;
    match command {
        Command::Give(args) => runtime.block_on(give(args)),
        Command::List(args) => runtime.block_on(list(args)),
    }
}

async fn open(config: &Path) -> anyhow::Result<Store> {
    let database = Config::load(config)?.database();
    ensure!(database.exists(), "there is no database {}; start the hall once", database.display());
    Ok(Store::open(&database).await?)
}

#[allow(clippy::print_stdout, reason = "a command's answer to the person who typed it")]
async fn give(args: &GiveArgs) -> anyhow::Result<()> {
    ensure!(!args.why.trim().is_empty(), "--why is empty; say what the order is for");
    let order = match (&args.text, args.every) {
        (Some(text), _) => Order::Text(text.clone()),
        (None, Some(seconds)) => Order::ReportEvery { seconds },
        (None, None) => Order::Locate,
    };
    let vehicle = VehicleId::from_device(&args.vehicle).context("--vehicle")?;
    let gateway = args.gateway.as_ref().map(|g| g.parse::<GatewayId>()).transpose().context("--gateway")?;
    let (user, why) = (COMMAND_LINE.to_owned(), args.why.clone());
    let wish = Wish { vehicle, order, gateway, hours: u32::from(args.expires), user, why };
    let store = open(&args.config).await?;
    let kept = tracker_orders::give(&store, wish, SystemClock::new().now()).await;
    store.close().await;
    println!("{}", kept?.given.id);
    Ok(())
}

async fn list(args: &ListArgs) -> anyhow::Result<()> {
    let since = match i64::from(args.days) {
        0 => UtcMillis(0),
        days => SystemClock::new().now() - DurationMs(days * 86_400_000),
    };
    let store = open(&args.config).await?;
    let rows = store.tracker_orders(since, None, LINES_MAX).await;
    store.close().await;
    let mut out = std::io::stdout().lock();
    for row in &rows? {
        let (at_ms, said) = match &row.given.progress {
            Progress::Waiting | Progress::Expired => (None, None),
            Progress::Sent { at, .. } => (Some(at.0), None),
            Progress::Answered { at, text } => (Some(at.0), Some(text.as_str())),
            Progress::Failed { why } => (None, Some(why.as_str())),
        };
        let line = Line {
            order: row.given.id,
            vehicle: row.given.vehicle.as_str(),
            gateway: row.gateway.as_str(),
            given_ms: row.given_at.0,
            expires_ms: row.given.expires.0,
            what: words(&row.given.order),
            progress: row.given.progress.name(),
            at_ms,
            said,
        };
        serde_json::to_writer(&mut out, &line).context("printing a line")?;
        writeln!(out).context("printing a line")?;
    }
    Ok(())
}
