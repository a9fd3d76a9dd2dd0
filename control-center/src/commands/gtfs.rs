//! `control-center gtfs`: checks an operator's timetable and takes it in.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use control_center_gtfs::report::{Report, Weight};
use control_center_gtfs::{Feed, Source, read};
use control_center_store::{Store, TimetableRow};
use hardware_ports::{Clock, SystemClock};
use models_domain::transit::timetable::FeedId;
use time::Date;
use time::macros::format_description;

use crate::config::Config;

#[derive(clap::Subcommand)]
pub enum Command {
    /// Says what is wrong with a GTFS feed: file, line and column of each problem.
    Check(CheckArgs),
    /// Takes a GTFS feed in; a running hall picks it up within a minute.
    Import(ImportArgs),
}

#[derive(clap::Args)]
#[command(after_help = "Example:\n  control-center gtfs check hanoi.zip --zone Asia/Ho_Chi_Minh\n\
    Exits with 1 when it would not be imported.")]
pub struct CheckArgs {
    /// A zip, or a folder of .txt files.
    #[arg(value_name = "FILE")]
    feed: PathBuf,
    /// Time zone that wins over the feed's agency_timezone.
    #[arg(long, value_name = "ZONE")]
    zone: Option<String>,
    /// The report as JSON.
    #[arg(long)]
    json: bool,
}

#[derive(clap::Args)]
#[command(
    after_help = "Example:\n  control-center gtfs import --config control-center.toml --feed transerco \\\n    \
    --takes-effect 2026-12-01 --zone Asia/Ho_Chi_Minh hanoi.zip"
)]
pub struct ImportArgs {
    /// The hall's configuration file.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Our name of the operator; a version of the same day is replaced.
    #[arg(long, value_name = "ID")]
    feed: String,
    /// First service day; without it the first day of the feed's calendar.
    #[arg(long, value_name = "YYYY-MM-DD")]
    takes_effect: Option<String>,
    /// Time zone that wins over the feed's agency_timezone.
    #[arg(long, value_name = "ZONE")]
    zone: Option<String>,
    /// A zip.
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

pub fn run(command: &Command) -> anyhow::Result<()> {
    match command {
        Command::Check(args) => check(args),
        Command::Import(args) => import(args),
    }
}

fn check(args: &CheckArgs) -> anyhow::Result<()> {
    let (feed, report) = read(&mut Source::open(&args.feed)?, args.zone.as_deref())?;
    print(&report, args.json)?;
    usable(feed, &report, &args.feed).map(|_| ())
}

fn import(args: &ImportArgs) -> anyhow::Result<()> {
    let config = Config::load(&args.config)?;
    // The operator's name is a part of addresses.
    let feed =
        models_domain::AreaId::new(args.feed.clone()).map(|id| FeedId(id.to_string())).map_err(|_| {
            anyhow::anyhow!("--feed {:?} is not an id: 1 to 64 of a-z, 0-9, '_' and '-'", args.feed)
        })?;
    let path = &args.file;
    let zip = std::fs::read(path).with_context(|| format!("reading {}", path.display()))?;
    let mut source = Source::from_zip(zip.clone(), &path.display().to_string())?;
    let (read, report) = read(&mut source, args.zone.as_deref())?;
    print(&report, false)?;
    let read = usable(read, &report, path)?;
    let row = TimetableRow {
        feed,
        takes_effect: takes_effect(args.takes_effect.as_deref(), &read, path)?,
        imported: SystemClock::new().now(),
        zone: args.zone.clone(),
        zip,
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("starting")?;
    runtime.block_on(async {
        let store = Store::open(&config.database()).await?;
        let done = store.put_timetable(&row).await;
        store.close().await;
        done
    })?;
    let mut out = std::io::stdout().lock();
    writeln!(out, "{} is in force from {} on", row.feed, row.takes_effect).context("printing")
}

fn usable(feed: Option<Feed>, report: &Report, path: &Path) -> anyhow::Result<Feed> {
    match feed {
        Some(feed) if !report.is_refused() => Ok(feed),
        Some(_) | None => bail!("{} is not imported; mend what is marked fatal or refused", path.display()),
    }
}

fn takes_effect(asked: Option<&str>, feed: &Feed, path: &Path) -> anyhow::Result<Date> {
    match asked {
        Some(text) => Date::parse(text, format_description!("[year]-[month]-[day]"))
            .with_context(|| format!("--takes-effect {text:?} is not a day like 2026-12-01")),
        None => Ok(control_center_gtfs::extent(&feed.timetable)
            .with_context(|| format!("{} runs on no day at all", path.display()))?
            .0),
    }
}

fn print(report: &Report, json: bool) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    if json {
        serde_json::to_writer_pretty(&mut out, report).context("printing the report")?;
        return writeln!(out).context("printing the report");
    }
    writeln!(out, "{report}").context("printing the report")?;
    let (left_out, warnings) = (report.count(Weight::LeftOut), report.count(Weight::Warning));
    writeln!(out, "{left_out} left out, {warnings} warnings").context("printing the report")
}
