//! `signal-sumo`: the adaptive control in Eclipse SUMO beside fixed-time and max-pressure, seed by seed.
//!
//! The control is the pole's own: `models_domain::signal`, with `safety` before every change. SUMO stands in for the
//! controller and for the cameras, which see 200 m of every lane and no vehicle's way.

mod episode;
mod junction;
mod network;
mod traci;

use std::ffi::OsString;
use std::path::PathBuf;

use anyhow::Context;
use clap::Parser;
use serde_json::{Value, json};

use crate::{Bench, programs};
use episode::{Network, Outcome};
use junction::{Chooser, Street};

pub const BENCH: Bench = Bench {
    name: "signal-sumo",
    about: "delay under our adaptive control, fixed-time and max-pressure, in Eclipse SUMO",
    run,
};

/// Prints {"network", "seeds": [{"fixed_s", "max_pressure_s", "ours_s", "longest_wait_s"}]} and their medians.
///
/// Delay is a vehicle's time loss and departure delay, over all vehicles, those that never departed included.
#[derive(Parser)]
#[command(name = "signal-sumo")]
struct Args {
    /// A folder with a .sumocfg, or a .net.xml and a .rou.xml.
    #[arg(long, value_name = "DIR")]
    network: PathBuf,
    #[arg(long, default_value_t = 10)]
    seeds: u32,
    #[arg(long, default_value_t = 1)]
    first_seed: u32,
    /// Episodes at a time.
    #[arg(long, default_value_t = 2)]
    jobs: usize,
    /// Runs ours alone.
    #[arg(long)]
    only_ours: bool,
    /// How much a second of a bus counts, against one of a car: priority.
    #[arg(long, default_value_t = 1.0)]
    bus_weight: f64,
    /// Breaks one detector of every junction after so many seconds.
    #[arg(long, value_name = "SECONDS")]
    fail_detector_after: Option<u32>,
}

/// The three outcomes of one seed: fixed-time, max-pressure, ours.
type Seed = (Option<Outcome>, Option<Outcome>, Outcome);

fn run(words: Vec<OsString>) -> anyhow::Result<Value> {
    let args = Args::parse_from(words);
    let network = Network::find(&args.network)?;
    let sumo = sumo()?;
    let seeds: Vec<u32> = (args.first_seed..args.first_seed + args.seeds).collect();
    let mut results: Vec<(u32, Seed)> = Vec::new();
    for few in seeds.chunks(args.jobs.max(1)) {
        let one = |seed: u32| one_seed(&sumo, &network, seed, &args).map(|outcome| (seed, outcome));
        let done = std::thread::scope(|scope| {
            let running: Vec<_> = few.iter().map(|seed| scope.spawn(move || one(*seed))).collect();
            running.into_iter().map(|thread| thread.join()).collect::<Vec<_>>()
        });
        for outcome in done {
            results.push(outcome.map_err(|_| anyhow::anyhow!("an episode stopped in the middle"))??);
        }
    }
    Ok(report(&network, &results))
}

fn one_seed(sumo: &std::path::Path, network: &Network, seed: u32, args: &Args) -> anyhow::Result<Seed> {
    let street = Street { bus_weight: args.bus_weight, fail_after_s: args.fail_detector_after };
    let steered = |chooser| {
        episode::steered(sumo, network, seed, chooser, street)
            .with_context(|| format!("{}, seed {seed}, {chooser:?}", network.name))
    };
    let ours = steered(Chooser::Ours)?;
    let (mut fixed, mut pressure) = (None, None);
    if !args.only_ours {
        fixed = Some(
            episode::fixed(sumo, network, seed).with_context(|| format!("{}, seed {seed}", network.name))?,
        );
        pressure = Some(steered(Chooser::MaxPressure)?);
    }
    let of = |outcome: Option<Outcome>| outcome.map_or(f64::NAN, |outcome| outcome.delay_s);
    eprintln!(
        "{} seed {seed}: fixed {:.2} s, max-pressure {:.2} s, ours {:.2} s (wait {:.0} s, {} unfinished, {} rescues, {} violations)",
        network.name,
        of(fixed),
        of(pressure),
        ours.delay_s,
        ours.longest_wait_s,
        ours.unfinished,
        ours.rescues,
        ours.violations
    );
    Ok((fixed, pressure, ours))
}

fn report(network: &Network, results: &[(u32, Seed)]) -> Value {
    let seeds = results.iter().map(|(seed, (fixed, pressure, ours))| {
        json!({
            "seed": seed,
            "fixed_s": fixed.map(|outcome| round(outcome.delay_s)),
            "max_pressure_s": pressure.map(|outcome| round(outcome.delay_s)),
            "ours_s": round(ours.delay_s),
            "longest_wait_s": round(ours.longest_wait_s),
            "vehicles": ours.vehicles,
            "unfinished": ours.unfinished,
            "bus_s": round(ours.bus_delay_s),
            "others_s": round(ours.other_delay_s),
            "fixed_bus_s": fixed.map(|outcome| round(outcome.bus_delay_s)),
            "fixed_others_s": fixed.map(|outcome| round(outcome.other_delay_s)),
            "violations": ours.violations,
        })
    });
    let of =
        |pick: fn(&Seed) -> Option<f64>| median(results.iter().filter_map(|(_, seed)| pick(seed)).collect());
    json!({
        "network": network.name,
        "seeds": seeds.collect::<Vec<_>>(),
        "median": {
            "fixed_s": of(|seed| seed.0.map(|outcome| outcome.delay_s)),
            "max_pressure_s": of(|seed| seed.1.map(|outcome| outcome.delay_s)),
            "ours_s": of(|seed| Some(seed.2.delay_s)),
        },
    })
}

/// SUMO's program out of its PyPI wheel, which benches/run installs.
fn sumo() -> anyhow::Result<PathBuf> {
    let lib = programs::cached("sumo/lib")?;
    let pythons = std::fs::read_dir(&lib).with_context(|| format!("reading {}", lib.display()))?;
    let program = |python: std::fs::DirEntry| python.path().join("site-packages/sumo/bin/sumo");
    let found = pythons.filter_map(Result::ok).map(program).find(|program| program.is_file());
    found.with_context(|| {
        format!("no SUMO below {}; start this by benches/run, which installs it", lib.display())
    })
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    let upper = *values.get(middle)?;
    let lower = if values.len().is_multiple_of(2) { values[middle - 1] } else { upper };
    Some(round((lower + upper) / 2.0))
}

fn round(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}
