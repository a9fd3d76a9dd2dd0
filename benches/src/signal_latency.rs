//! `signal-latency`: from a change at a signal controller to everybody who watches the page: RSMP sites -> agents -> zenoh over
//! TLS -> hall -> database -> gRPC stream; or, with `--to bus`, to whoever hears the bus where a hall would.
//!
//! Every junction is an RSMP site with a connection of its own, and shows something new once a second. Agents and hall are real
//! programs; sites and what hears them are in this process and read one clock, so nothing is lost between clocks. All share
//! the machine's cores.

mod bus;
mod page;
mod place;
mod site;

use std::ffi::OsString;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, ensure};
use clap::{Parser, ValueEnum};
use hardware_ports::{Clock, SystemClock};
use models_domain::GatewayId;
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use self::place::Place;
use self::site::Street;
use crate::Bench;

pub const BENCH: Bench = Bench {
    name: "signal-latency",
    about: "time from a change at a signal controller to the page of everybody who watches, or to the bus",
    run,
};

/// Prints {"junctions","p50_ms","p99_ms"}, and with it how many changes were made and seen, and what the programs used.
#[derive(Parser)]
#[command(name = "signal-latency")]
struct Args {
    #[arg(long, default_value_t = 2_000)]
    junctions: usize,
    /// What the time runs to.
    #[arg(long, value_enum, default_value_t = To::Page)]
    to: To,
    /// Agents that share them.
    #[arg(long, default_value_t = 8)]
    agents: usize,
    /// Seconds that are measured.
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// Seconds before that, with all junctions up.
    #[arg(long, default_value_t = 20)]
    warm_up: u64,
    /// Junctions a second that dial in at the beginning.
    #[arg(long, default_value_t = 100)]
    ramp: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum To {
    Page,
    Bus,
}

/// After the last change, for what is on its way.
const SETTLE: Duration = Duration::from_secs(5);

fn run(words: Vec<OsString>) -> anyhow::Result<Value> {
    let args = Args::parse_from(words);
    ensure!(
        args.junctions > 0 && (1..=args.junctions).contains(&args.agents),
        "1 agent or more, and junctions"
    );
    // zenoh, where it is heard here, wants a runtime of several threads.
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    runtime.block_on(measure(&args))
}

async fn measure(args: &Args) -> anyhow::Result<Value> {
    let folder = tempfile::tempdir().context("making a folder")?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let street = Arc::new(Street::new(args.junctions, clock.clone()));
    let stop = CancellationToken::new();
    let (mut place, seeing) = start(args, folder.path(), &street, &stop).await?;
    for index in 0..args.junctions {
        let address = place.address_of(index);
        tokio::spawn(street.clone().run(index, address, stop.clone()));
        // An agent lets few in at once that have not said who they are.
        tokio::time::sleep(Duration::from_secs(1) / args.ramp.max(1)).await;
    }
    let patience = clock.elapsed() + Duration::from_secs(120);
    while street.shown() < args.junctions {
        place.alive()?;
        ensure!(clock.elapsed() < patience, "only {} junctions are shown: {}", street.shown(), place.said());
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    eprintln!("all {} junctions are shown", args.junctions);
    tokio::time::sleep(Duration::from_secs(args.warm_up)).await;
    let before = place.used()?;
    street.measure(true);
    tokio::time::sleep(Duration::from_secs(args.seconds)).await;
    let used = place.used()?;
    street.measure(false);
    tokio::time::sleep(SETTLE).await;
    place.alive()?;
    stop.cancel();
    seeing.await.context("what hears or watches")??;
    let figures = street.figures();
    let part = |now: f64, then: f64| ((now - then) / args.seconds as f64 * 1_000.0).round() / 1_000.0;
    place.stop().await?;
    Ok(json!({
        "junctions": args.junctions,
        "to": if args.to == To::Page { "page" } else { "bus" },
        "p50_ms": figures.at(0.5),
        "p99_ms": figures.at(0.99),
        "max_ms": figures.at(1.0),
        "changes": figures.changes,
        "seen": figures.seen(),
        "agents": args.agents,
        "agents_cores": part(used.agents_s, before.agents_s),
        "hall_cores": part(used.hall_s, before.hall_s),
        "this_cores": part(used.this_s, before.this_s),
        "cores": std::thread::available_parallelism().map_or(0, usize::from),
    }))
}

/// The programs, and what sees the street's changes come out of them.
async fn start(
    args: &Args,
    folder: &Path,
    street: &Arc<Street>,
    stop: &CancellationToken,
) -> anyhow::Result<(Place, JoinHandle<anyhow::Result<()>>)> {
    let gateways = (0..args.agents)
        .map(|number| format!("pole-{number}").parse())
        .collect::<Result<Vec<GatewayId>, _>>()?;
    match args.to {
        To::Page => {
            let (place, hall) = Place::with_hall(folder, args.junctions, &gateways)?;
            let page = page::watch(&hall.page, &hall.password, street.clone()).await?;
            Ok((place, tokio::spawn(page.run(stop.clone()))))
        }
        To::Bus => {
            let ear = bus::open(folder, &gateways).await?;
            let place = Place::without_hall(folder, args.junctions, &gateways, &ear.address)?;
            Ok((place, tokio::spawn(ear.run(street.clone(), stop.clone()))))
        }
    }
}
