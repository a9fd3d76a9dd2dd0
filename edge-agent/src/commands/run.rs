//! `edge-agent run`: starts every part that the configuration switches on, and stops them in order.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, ensure};
use edge_agent_core::keeper::EventKeeper;
use edge_agent_core::spool::is_full;
use edge_agent_core::supervise::forever;
use hardware_ports::Clock;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::config::Config;
use crate::memory;
use crate::roll::Roll;
use crate::wiring::{self, Part, Pole};

/// How often written events are brought to the medium: a power cut may cost so much.
const SYNC_EVERY: Duration = Duration::from_millis(250);
/// Every so many syncs the hall's progress is noted on disk.
const NOTE_EVERY: u32 = 20;
/// The end: what makes events first, then the way to the hall, in all less than 5 s.
const WORKERS_STOP_MAX: Duration = Duration::from_millis(2_200);
const UPLINK_STOP_MAX: Duration = Duration::from_millis(2_200);

#[derive(clap::Args)]
#[command(after_help = "Example:\n  edge-agent run --config /etc/ngatu/edge-agent.toml\n\
    deploy/config/edge-agent.example.toml explains every key.\n\
    Ctrl-C or SIGTERM stops in order; what the hall has not confirmed waits on the disk.")]
pub struct Args {
    /// The configuration file; relative paths in it count from its folder.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Only checks the configuration and says what it switches on.
    #[arg(long)]
    check: bool,
}

pub fn run(args: Args) -> anyhow::Result<()> {
    let config = Config::load(&args.config, &wiring::known())?;
    let files = rlimit::increase_nofile_limit(u64::MAX).context("asking how many files may be open")?;
    room_for_trackers(&config, files).with_context(|| args.config.display().to_string())?;
    if args.check {
        return say(&format!("{}: good; {}", args.config.display(), summary(&config)));
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let result = runtime.block_on(service(config));
    // Threads that still wait for a device's answer must not hold up the end.
    runtime.shutdown_timeout(Duration::from_millis(200));
    result
}

async fn service(config: Config) -> anyhow::Result<()> {
    let mut interrupt = signal(SignalKind::interrupt()).context("listening to SIGINT")?;
    let mut terminate = signal(SignalKind::terminate()).context("listening to SIGTERM")?;
    let pole = Pole::open(&config).map_err(|err| explained(err, &config.gateway.data_dir))?;
    let (workers_stop, uplink_stop, sync_stop) =
        (CancellationToken::new(), CancellationToken::new(), CancellationToken::new());
    let roll = Arc::new(Roll::default());
    let (relayed, forwarded) = (pole.relayed.clone(), pole.forwarded.clone());
    let shelves = Arc::new(move || {
        relayed.iter().for_each(|shelf| shelf.sync());
        forwarded.iter().for_each(|shelf| shelf.sync());
    });
    let syncing = tokio::spawn(sync_on_and_on(pole.keeper.clone(), shelves, sync_stop.clone()));
    tokio::spawn(memory::give_back(sync_stop.clone()));
    let uplink = start(vec![wiring::uplink(&config, &pole, &uplink_stop)], &roll, &pole.clock, &uplink_stop);
    let workers = wiring::workers(&config, &pole, &workers_stop);
    let workers = start(workers, &roll, &pole.clock, &workers_stop);

    let ready = async {
        let (work, mut fail) = roll.all_begun().await;
        if !pole.keeper.is_numbered() {
            fail.push("[gateway] data_dir, which is full: nothing is kept until there is room".to_owned());
        }
        let fails =
            if fail.is_empty() { String::new() } else { format!("; not working: {}", fail.join(", ")) };
        say(&format!("edge-agent {} is ready: {}{fails}", config.gateway.id, work.join(", ")))
    };
    tokio::select! {
        result = async { ready.await?; std::future::pending::<anyhow::Result<()>>().await } => result?,
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    tracing::info!("stopping; once more Ctrl-C ends at once");
    tokio::spawn(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        std::process::exit(130);
    });
    workers_stop.cancel();
    ended("cameras and adapters", workers, WORKERS_STOP_MAX).await;
    uplink_stop.cancel();
    ended("the way to the hall", uplink, UPLINK_STOP_MAX).await;
    sync_stop.cancel();
    syncing.await.context("syncing the spool")?;
    let waiting = pole.keeper.waiting();
    pole.keeper.close();
    let numbered = pole.keeper.numbered();
    tracing::info!(waiting, numbered, "stopped; events that wait are sent at the next start");
    Ok(())
}

fn start(
    parts: Vec<Part>,
    roll: &Arc<Roll>,
    clock: &Arc<dyn Clock>,
    stop: &CancellationToken,
) -> JoinSet<()> {
    parts.iter().for_each(|part| roll.enter(&part.name));
    let mut tasks = JoinSet::new();
    for Part { name, mut once } in parts {
        let (roll, clock, stop) = (roll.clone(), clock.clone(), stop.clone());
        tasks.spawn(async move {
            let run = || once(roll.begin(&name));
            forever(&name, &*clock, &stop, run).await;
        });
    }
    tasks
}

async fn ended(what: &str, mut tasks: JoinSet<()>, at_most: Duration) {
    let all = async { while tasks.join_next().await.is_some() {} };
    if tokio::time::timeout(at_most, all).await.is_err() {
        tracing::warn!("{what} did not end within {at_most:?} and are left behind");
    }
}

async fn sync_on_and_on(
    keeper: Arc<EventKeeper>,
    shelves: Arc<dyn Fn() + Send + Sync>,
    stop: CancellationToken,
) {
    let mut round = 0_u32;
    while !stop.is_cancelled() {
        tokio::select! {
            () = stop.cancelled() => {}
            () = tokio::time::sleep(SYNC_EVERY) => {}
        }
        round = round.wrapping_add(1);
        let (keeper, shelves) = (keeper.clone(), shelves.clone());
        let synced = tokio::task::spawn_blocking(move || {
            keeper.sync();
            shelves();
            if round.is_multiple_of(NOTE_EVERY) {
                keeper.number();
                keeper.note_confirmed();
            }
        });
        if let Err(err) = synced.await {
            tracing::error!("syncing the spool: {err}");
        }
    }
}

/// Whatever folder or file of the gateway finds no room, the same is to be done.
fn explained(err: anyhow::Error, data_dir: &Path) -> anyhow::Error {
    if !err.chain().any(|cause| cause.downcast_ref::<std::io::Error>().is_some_and(is_full)) {
        return err;
    }
    err.context(format!(
        "the disk of [gateway] data_dir {} is full, and nothing runs: free space on it and start again",
        data_dir.display()
    ))
}

/// Files that are open beside trackers' connections, with room.
const OTHER_FILES: u64 = 256;

/// A whole fleet that comes back must not find out that there are no sockets left.
fn room_for_trackers(config: &Config, files: u64) -> anyhow::Result<()> {
    let Some(buses) = config.buses.as_ref().filter(|buses| !buses.listen.is_empty()) else { return Ok(()) };
    let one = buses.connections_max as u64 + OTHER_FILES;
    ensure!(
        one <= files,
        "buses.connections_max is {}, and this system lets a process open {files} files: lower it, or raise the hard limit \
         (LimitNOFILE= of the systemd unit, ulimit -Hn in a shell) to {one} or more",
        buses.connections_max
    );
    let all = buses.connections_max as u64 * buses.listen.len() as u64 + OTHER_FILES;
    if all > files {
        tracing::warn!(
            files,
            all,
            "all listeners full at once would need more open files than the system allows"
        );
    }
    Ok(())
}

fn summary(config: &Config) -> String {
    let cameras = config.cameras.iter().flat_map(|c| &c.cameras).count();
    let listeners = config.buses.iter().flat_map(|b| &b.listen).count();
    let sites = config.signals.iter().flat_map(|s| s.junctions()).count();
    format!("{cameras} cameras, {listeners} listeners for buses, {sites} signal sites")
}

/// Standard output is for the reader, logs go to standard error.
fn say(line: &str) -> anyhow::Result<()> {
    let mut out = std::io::stdout();
    writeln!(out, "{line}").and_then(|()| out.flush()).context("writing to standard output")
}

#[cfg(test)]
mod tests {
    use std::io::ErrorKind;

    use super::*;

    #[test]
    fn a_start_that_finds_no_room_says_what_to_do() {
        let of = |kind: ErrorKind| {
            let refused =
                anyhow::Error::from(std::io::Error::from(kind)).context("creating /data/spool/late");
            format!("{:#}", explained(refused.context("opening the spool"), Path::new("/data")))
        };
        let full = of(ErrorKind::StorageFull);
        assert!(
            full.starts_with("the disk of [gateway] data_dir /data is full, and nothing runs: free space"),
            "{full}"
        );
        assert!(full.contains("creating /data/spool/late"), "{full}");
        assert!(of(ErrorKind::PermissionDenied).starts_with("opening the spool: creating /data/spool/late"));
    }
}
