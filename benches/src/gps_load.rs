//! `gps-load`: buses' positions from the socket into the hall's database, and the storm after an outage.
//!
//! Every device is a JT/T 808 terminal with a TCP connection of its own to a real edge-agent, behind which a real
//! control-center stores. First all report live. Then all connections break and come back at once, each device with positions
//! that it stored meanwhile, which it sends in batches, each after the answer to the one before, while it goes on reporting
//! live. At the end the database is read from end to end: every position must be there and be believed once.
//!
//! Agent and hall share one core, this program has another. A position's way ends when a reader of the database, which looks
//! every 10 ms, finds it there.

mod device;
mod figures;
mod hall;

use std::ffi::OsString;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use clap::Parser;
use hardware_ports::{Clock, SystemClock};
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use self::device::{Device, Fleet};
use self::figures::{Watch, verify};
use self::hall::Place;
use crate::Bench;

pub const BENCH: Bench = Bench {
    name: "gps-load",
    about: "buses' positions from socket to database, and the storm after an outage",
    run,
};

/// Prints {"devices","live":{"p50_ms","p99_ms",…},"replay":{"lost","doubled","live_p99_ms",…},"peak_mb"}.
#[derive(Parser)]
#[command(name = "gps-load")]
struct Args {
    /// Connections, each of one device.
    #[arg(long, default_value_t = 10_000)]
    devices: usize,
    /// Positions that each device has stored when it comes back; 0 leaves the storm out.
    #[arg(long, default_value_t = 1_000)]
    stored: usize,
    /// Seconds between two live reports of a device.
    #[arg(long, default_value_t = 5)]
    every: u64,
    /// Seconds of live reports that are measured.
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// Seconds over which the devices connect at first.
    #[arg(long, default_value_t = 10)]
    ramp: u64,
    /// Seconds that the storm may take.
    #[arg(long, default_value_t = 3_600)]
    patience: u64,
    /// Leaves it to the system which cores agent, hall and devices use.
    #[arg(long)]
    unpinned: bool,
}

/// Cores of agent and hall, and of this program.
const THEIRS: &str = "0";
const OURS: &str = "1";
/// After the last report, for what is on its way.
const SETTLE: Duration = Duration::from_secs(30);

fn run(words: Vec<OsString>) -> anyhow::Result<Value> {
    let args = Args::parse_from(words);
    ensure!(args.devices > 0 && args.every > 0, "--devices and --every begin at 1");
    hall::room_for(args.devices)?;
    let pinned = !args.unpinned && std::thread::available_parallelism().is_ok_and(|cores| cores.get() > 1);
    if pinned {
        hall::pin_this(OURS)?;
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("starting")?;
    runtime.block_on(measure(&args, pinned))
}

async fn measure(args: &Args, pinned: bool) -> anyhow::Result<Value> {
    let folder = tempfile::tempdir().context("making a folder")?;
    let mut place = Place::start(folder.path(), args.devices, pinned.then_some(THEIRS))?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let fleet = Arc::new(Fleet::new(args.devices, args.stored, args.every, place.trackers, clock.clone()));
    let watch = Watch::begin(&place.database(), fleet.clone(), clock.clone()).await?;

    let calm = start(&fleet, Duration::from_secs(args.ramp), false);
    until(Duration::from_secs(args.ramp + 60), "all devices are connected", || {
        fleet.connected() == args.devices
    })
    .await?;
    tokio::time::sleep(Duration::from_secs(args.every)).await;
    watch.forget();
    let before = place.used()?;
    let began = clock.elapsed();
    tokio::time::sleep(Duration::from_secs(args.seconds)).await;
    let live = place.used()?.since(&before, clock.elapsed() - began);
    let calm_delays = watch.take();
    place.alive()?;
    calm.end().await;
    let mut told = json!({
        "devices": args.devices, "every_s": args.every, "pinned": pinned,
        "live": { "fixes": calm_delays.count(), "p50_ms": calm_delays.at(0.5), "p99_ms": calm_delays.at(0.99),
            "max_ms": calm_delays.at(1.0), "agent_core": live.agent, "hall_core": live.hall,
            "us_per_fix": live.us_per(calm_delays.count()) },
    });
    eprintln!("{told}");
    if args.stored > 0 {
        told["replay"] = storm(args, &mut place, &fleet, &watch, clock.as_ref()).await?;
    } else {
        settle(&fleet, &watch).await;
    }
    let used = place.used()?;
    watch.end().await?;
    place.stop().await?;
    let verified = verify(&folder.path().join(hall::DATABASE), &fleet).await?;
    told["peak_mb"] = json!({ "agent": used.agent_peak_mb, "hall": used.hall_peak_mb });
    told["lost"] = json!(verified.lost);
    told["doubled"] = json!(verified.doubled);
    told["kept_as_double"] = json!(verified.kept_as_double);
    told["otherwise_rejected"] = json!(verified.otherwise_rejected);
    told["rows"] = json!(verified.rows);
    Ok(told)
}

/// All connections come back at once.
async fn storm(
    args: &Args,
    place: &mut Place,
    fleet: &Arc<Fleet>,
    watch: &Watch,
    clock: &dyn Clock,
) -> anyhow::Result<Value> {
    watch.forget();
    fleet.mark_unmeasured();
    let (before, began) = (place.used()?, clock.elapsed());
    let running = start(fleet, Duration::ZERO, true);
    let whole = args.devices * args.stored;
    let patience = Duration::from_secs(args.patience);
    let mut next = Duration::from_secs(10);
    let (mut connected, mut told) = (None, None);
    while fleet.stored_acknowledged.load(Ordering::Relaxed) < whole || watch.stored() < whole {
        let spent = clock.elapsed() - began;
        if spent > patience {
            bail!(
                "after {patience:?} {} of {whole} stored positions are answered, and {} are in the database: {}",
                fleet.stored_acknowledged.load(Ordering::Relaxed),
                watch.stored(),
                place.said()
            );
        }
        if connected.is_none() && fleet.connected() == args.devices {
            connected = Some(spent.as_secs_f64());
        }
        if told.is_none() && fleet.stored_acknowledged.load(Ordering::Relaxed) >= whole {
            told = Some(spent.as_secs_f64());
        }
        if spent > next {
            next += Duration::from_secs(10);
            let used = place.used()?;
            eprintln!(
                "{:.0} s: {} connected, {} of {whole} answered, {} stored, live p99 {:?} ms, agent {:.0} MB, hall {:.0} MB",
                spent.as_secs_f64(),
                fleet.connected(),
                fleet.stored_acknowledged.load(Ordering::Relaxed),
                watch.stored(),
                watch.seen_so_far().at(0.99),
                used.agent_peak_mb,
                used.hall_peak_mb
            );
        }
        place.alive()?;
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let spent = clock.elapsed() - began;
    let used = place.used()?.since(&before, spent);
    running.end().await;
    settle(fleet, watch).await;
    // Reports of the storm's time that came after its end count too.
    let delays = watch.take();
    Ok(json!({
        "stored": whole, "seconds": spent.as_secs_f64(), "fixes_per_s": whole as f64 / spent.as_secs_f64(),
        "all_connected_s": connected, "all_answered_s": told,
        "live_fixes": delays.count(), "live_p50_ms": delays.at(0.5), "live_p99_ms": delays.at(0.99),
        "live_max_ms": delays.at(1.0), "agent_core": used.agent, "hall_core": used.hall,
        "us_per_fix": used.us_per(whole + delays.count()), "broken_connections": fleet.broken.load(Ordering::Relaxed),
    }))
}

/// Devices that report until they are ended.
struct Reporting {
    devices: JoinSet<()>,
    stop: CancellationToken,
}

impl Reporting {
    /// Every connection is reset, whatever was on it.
    async fn end(mut self) {
        self.stop.cancel();
        while self.devices.join_next().await.is_some() {}
    }
}

fn start(fleet: &Arc<Fleet>, ramp: Duration, with_stored: bool) -> Reporting {
    let (mut devices, stop) = (JoinSet::new(), CancellationToken::new());
    for n in 0..fleet.devices.len() {
        let (fleet, stop) = (fleet.clone(), stop.clone());
        let wait = ramp.mul_f64(n as f64 / fleet.devices.len() as f64);
        devices.spawn(async move {
            tokio::select! {
                () = stop.cancelled() => {}
                () = Device::report(&fleet, n, wait, with_stored) => {}
            }
            fleet.devices[n].lock().away(&fleet);
        });
    }
    Reporting { devices, stop }
}

/// Waits for what was sent and is not in the database yet.
async fn settle(fleet: &Fleet, watch: &Watch) {
    let waited = until(SETTLE, "everything is stored", || watch.caught_up(fleet)).await;
    if let Err(err) = waited {
        eprintln!("{err:#}");
    }
}

async fn until(patience: Duration, what: &str, holds: impl Fn() -> bool) -> anyhow::Result<()> {
    let waited = tokio::time::timeout(patience, async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    });
    waited.await.map_err(|_| anyhow::anyhow!("not within {patience:?}: {what}"))
}
