//! `bus-simulator`: buses on the streets of Hanoi whose trackers report to a bus adapter over the public protocols.

mod clock;
mod config;
mod device;
mod drive;
mod gt06;
mod store;

use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context;
use bus_simulator::Fix;
use clap::Parser;
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::config::Config;
use crate::device::{Device, Make, Pace};
use crate::drive::{Bus, Chance};

/// Buses whose GPS trackers report to a bus adapter, as real ones do: they log in, store, send, and send again.
///
/// Prints a JSON line when all are connected, and one at the end: fixes made, and fixes that the adapter acknowledged.
#[derive(Parser)]
#[command(
    after_help = "Example:\n  bus-simulator --gt06 127.0.0.1:5023 --jt808 127.0.0.1:5015 --config deploy/config/street-buses.toml"
)]
struct Args {
    /// Where the adapter listens for GT06.
    #[arg(long)]
    gt06: SocketAddr,
    /// Where the adapter listens for JT/T 808.
    #[arg(long)]
    jt808: SocketAddr,
    /// The routes and how many buses drive on them.
    #[arg(long)]
    config: PathBuf,
    /// Street seconds in a second; above the report period, fixes are dated one second apart.
    #[arg(long, default_value_t = 1.0, value_parser = positive)]
    speedup: f64,
    /// Another number gives other stops and speeds.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Ends by itself after so many seconds; else at Ctrl-C.
    #[arg(long)]
    seconds: Option<u64>,
    /// Writes every fix made, a JSON line each.
    #[arg(long)]
    fixes: Option<PathBuf>,
}

fn positive(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(number) if number > 0.0 && number.is_finite() => Ok(number),
        Ok(_) | Err(_) => Err("not a number above 0".to_owned()),
    }
}

/// How long the end waits for answers.
const LAST_ANSWERS: Duration = Duration::from_secs(3);

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let config = Config::load(&args.config)?;
    let log = match &args.fixes {
        Some(path) => {
            Some(std::fs::File::create(path).with_context(|| format!("creating {}", path.display()))?)
        }
        None => None,
    };
    let log = Arc::new(Mutex::new(log));
    let (parked, off) = (CancellationToken::new(), CancellationToken::new());
    let mut tasks = JoinSet::new();
    let mut devices = Vec::new();
    for (number, (device, bus)) in (0_u64..).zip(fleet(&args, &config)) {
        let seed = args.seed ^ (number << 28);
        let chance = move |kind: u64| Chance(seed ^ (kind << 20));
        let log = log.clone();
        let driven = device.clone();
        let (motion, link) = (parked.clone(), off.clone());
        tasks.spawn(async move {
            let tell = |device: &Device, fix: &Fix| write_fix(&log, device, fix);
            driven.drive(bus, chance(1), motion, tell).await;
        });
        let reporting = device.clone();
        tasks.spawn(async move { reporting.report(chance(2), link).await });
        devices.push(device);
    }
    tokio::select! {
        () = ended(args.seconds) => {}
        () = all_connected(&devices) => {
            say(&json!({"connected": devices.len()}))?;
            ended(args.seconds).await;
        }
    }
    // In order: the buses stand, the trackers wait for the last answers, then the lines are cut.
    parked.cancel();
    let told = tokio::time::timeout(LAST_ANSWERS, all_told(&devices)).await;
    off.cancel();
    tasks.join_all().await;
    if told.is_err() {
        eprintln!("bus-simulator: ended with fixes that the adapter has not acknowledged");
    }
    say(&summary(&devices))
}

/// The buses of all routes, spread along them in both directions.
fn fleet(args: &Args, config: &Config) -> Vec<(Arc<Device>, Bus)> {
    let pace = Pace {
        moving_s: f64::from(config.moving_report_s),
        stopped_s: f64::from(config.stopped_report_s),
        heartbeat: Duration::from_secs_f64(f64::from(config.heartbeat_s) / args.speedup),
        speedup: args.speedup,
    };
    let mut fleet = Vec::new();
    for route in &config.route {
        let buses = route.gt06_buses + route.jt808_buses;
        for number in 0..buses {
            let count = fleet.len() + 1;
            let (make, name, adapter) = if number < route.gt06_buses {
                (Make::Gt06, format!("8647170032{count:05}"), args.gt06)
            } else {
                (Make::Jt808, format!("0139000{count:05}"), args.jt808)
            };
            let chance = Chance(args.seed ^ ((count as u64) << 40));
            let share = (f64::from(number) + 0.5) / f64::from(buses);
            let bus = Bus::new(route, share, number % 2 == 0, chance);
            fleet.push((Arc::new(Device::new(make, name, route.id.clone(), adapter, pace)), bus));
        }
    }
    fleet
}

fn write_fix(log: &Mutex<Option<std::fs::File>>, device: &Device, fix: &Fix) {
    let mut log = log.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(file) = log.as_mut() {
        let line = json!({"device": device.name.trim_start_matches('0'), "at_s": fix.at_s, "lat": fix.lat,
            "lon": fix.lon, "speed_kmh": fix.speed_kmh, "course_deg": fix.course});
        if let Err(err) = writeln!(file, "{line}") {
            eprintln!("bus-simulator: writing the list of fixes: {err}; it ends here");
            *log = None;
        }
    }
}

async fn all_connected(devices: &[Arc<Device>]) {
    while !devices.iter().all(|device| device.connected.load(Ordering::Relaxed)) {
        sleep(Duration::from_millis(50)).await;
    }
}

/// Until every fix made is acknowledged.
async fn all_told(devices: &[Arc<Device>]) {
    loop {
        let open = devices.iter().filter(|device| {
            let store = device.store();
            store.acknowledged() + store.dropped < store.made()
        });
        if open.map(|device| device.hurry()).count() == 0 {
            return;
        }
        sleep(Duration::from_millis(100)).await;
    }
}

/// At the end of `seconds`, at Ctrl-C or at SIGTERM.
async fn ended(seconds: Option<u64>) {
    let time_is_up = async {
        match seconds {
            Some(seconds) => sleep(Duration::from_secs(seconds)).await,
            None => std::future::pending().await,
        }
    };
    let terminated = async {
        match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
            Ok(mut signal) => {
                signal.recv().await;
            }
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        () = time_is_up => {}
        () = terminated => {}
        _ = tokio::signal::ctrl_c() => {}
    }
}

fn summary(devices: &[Arc<Device>]) -> Value {
    let (mut sent, mut acknowledged, mut dropped, mut resent, mut connections) = (0, 0, 0, 0, 0);
    let mut buses = Vec::new();
    for device in devices {
        let store = device.store();
        sent += store.made();
        acknowledged += store.acknowledged();
        dropped += store.dropped;
        resent += store.resent;
        connections += device.connections.load(Ordering::Relaxed);
        let make = match device.make {
            Make::Gt06 => "gt06",
            Make::Jt808 => "jt808",
        };
        buses.push(
            json!({"device": device.name.trim_start_matches('0'), "protocol": make, "route": device.route,
            "fixes_sent": store.made(), "fixes_acked": store.acknowledged()}),
        );
    }
    json!({"fixes_sent": sent, "fixes_acked": acknowledged, "fixes_dropped": dropped, "fixes_resent": resent,
        "connections": connections, "buses": buses})
}

fn say(line: &Value) -> anyhow::Result<()> {
    let mut output = std::io::stdout().lock();
    writeln!(output, "{line}").and_then(|()| output.flush()).context("writing to standard output")
}
