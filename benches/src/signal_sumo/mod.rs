//! `signal-sumo`: the adaptive control in Eclipse SUMO beside fixed-time and max-pressure, seed by seed.
//!
//! The control is the pole's own: `models_domain::signal`, with `safety` before every change. SUMO stands in for the
//! controller and for the cameras, which see 200 m of every lane and no vehicle's way, and for buses, which report themselves.

mod episode;
mod junction;
mod kept;
mod network;
mod traci;

use std::ffi::OsString;
use std::path::PathBuf;

use anyhow::{Context, bail};
use clap::Parser;
use models_domain::DurationMs;
use serde_json::{Value, json};

use crate::{Bench, programs};
use episode::{Network, Outcome};
use junction::{Chooser, Street};

pub const BENCH: Bench = Bench {
    name: "signal-sumo",
    about: "delay under our adaptive control, fixed-time and max-pressure, in Eclipse SUMO",
    run,
};

/// Prints {"network", "bound_s", "seeds": [{"fixed_s", "max_pressure_s", "ours_s", "longest_wait_s"}], "kept"} and their medians, and fails
/// after that when a condition of "kept" is broken: nobody stood before a stop line for longer than "bound_s" (the longest red while somebody
/// waits; "longest_wait_s" is until he moved, "longest_red_wait_s" until his green), every seed's delay is at most fixed-time's, the median at
/// most that of max-pressure, as it ran and as the baselines.json beside the network has it, and the street does not stand at the end. null:
/// not judged, with --only-ours.
///
/// Where there are buses, ours runs a second time with priority for them: "priority" says what it gave and what it cost.
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
    /// Ours runs once more with priority for buses, as being so late; 0: not.
    #[arg(long, value_name = "SECONDS", default_value_t = 300)]
    bus_late: u32,
    /// As being so full, 0 to 1.
    #[arg(long, default_value_t = 1.0)]
    bus_load: f64,
    /// How far from its line a bus makes itself known.
    #[arg(long, value_name = "METRES", default_value_t = 400.0)]
    bus_seen: f64,
    /// Breaks one detector of every junction after so many seconds.
    #[arg(long, value_name = "SECONDS")]
    fail_detector_after: Option<u32>,
}

/// The outcomes of one seed.
struct Seed {
    fixed: Option<Outcome>,
    pressure: Option<Outcome>,
    ours: Outcome,
    /// Ours with priority for buses; `None` where there are none.
    priority: Option<Outcome>,
}

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
    let all: Vec<&Seed> = results.iter().map(|(_, seed)| seed).collect();
    let published_s = kept::published_s(&args.network, &network.name);
    let kept = kept::judge(&all, published_s);
    let mut told = report(&network, &results);
    told["median"]["max_pressure_published_s"] = json!(published_s);
    told["kept"] = kept::told(&kept);
    let broken = kept::broken(&kept);
    if !broken.is_empty() {
        crate::tell(&told)?;
        bail!("not kept: {}", broken.join(", "));
    }
    Ok(told)
}

fn one_seed(sumo: &std::path::Path, network: &Network, seed: u32, args: &Args) -> anyhow::Result<Seed> {
    let steered = |chooser, buses| {
        let street = Street { buses, bus_seen_m: args.bus_seen, fail_after_s: args.fail_detector_after };
        episode::steered(sumo, network, seed, chooser, street)
            .with_context(|| format!("{}, seed {seed}, {chooser:?}", network.name))
    };
    let ours = steered(Chooser::Ours, None)?;
    let mut priority = None;
    if args.bus_late > 0 && ours.buses > 0 {
        let late = DurationMs(i64::from(args.bus_late) * 1_000);
        priority = Some(steered(Chooser::Ours, Some((late, args.bus_load)))?);
    }
    let (mut fixed, mut pressure) = (None, None);
    if !args.only_ours {
        fixed = Some(
            episode::fixed(sumo, network, seed).with_context(|| format!("{}, seed {seed}", network.name))?,
        );
        pressure = Some(steered(Chooser::MaxPressure, None)?);
    }
    let of = |outcome: Option<Outcome>| outcome.map_or(f64::NAN, |outcome| outcome.delay_s);
    eprintln!(
        "{} seed {seed}: fixed {:.2} s, max-pressure {:.2} s, ours {:.2} s (wait {:.0} s of {:.0} s, {} unfinished, {} rescues, {} violations)",
        network.name,
        of(fixed),
        of(pressure),
        ours.delay_s,
        ours.longest_wait_s,
        ours.bound_s,
        ours.unfinished,
        ours.rescues,
        ours.violations
    );
    if let Some(with) = priority {
        eprintln!(
            "  priority: buses {:.2} s to {:.2} s, others {:.2} s to {:.2} s (wait {:.0} s, {} violations)",
            ours.bus_delay_s,
            with.bus_delay_s,
            ours.other_delay_s,
            with.other_delay_s,
            with.longest_wait_s,
            with.violations
        );
    }
    Ok(Seed { fixed, pressure, ours, priority })
}

fn report(network: &Network, results: &[(u32, Seed)]) -> Value {
    let seeds = results.iter().map(|(number, seed)| {
        let Seed { fixed, pressure, ours, priority } = seed;
        json!({
            "seed": number,
            "fixed_s": fixed.map(|outcome| round(outcome.delay_s)),
            "max_pressure_s": pressure.map(|outcome| round(outcome.delay_s)),
            "ours_s": round(ours.delay_s),
            "longest_wait_s": round(ours.longest_wait_s),
            "longest_red_wait_s": round(ours.longest_red_wait_s),
            "vehicles": ours.vehicles,
            "unfinished": ours.unfinished,
            "violations": ours.violations,
            "fixed_buses": fixed.map(buses),
            "buses": buses(*ours),
            "buses_priority": priority.map(|with| {
                let mut told = buses(with);
                told["ours_s"] = json!(round(with.delay_s));
                told["longest_wait_s"] = json!(round(with.longest_wait_s));
                told["violations"] = json!(with.violations);
                told
            }),
        })
    });
    let of =
        |pick: fn(&Seed) -> Option<f64>| median(results.iter().filter_map(|(_, seed)| pick(seed)).collect());
    json!({
        "network": network.name,
        "bound_s": results.first().map(|(_, seed)| round(seed.ours.bound_s)),
        "seeds": seeds.collect::<Vec<_>>(),
        "median": {
            "fixed_s": of(|seed| seed.fixed.map(|outcome| outcome.delay_s)),
            "max_pressure_s": of(|seed| seed.pressure.map(|outcome| outcome.delay_s)),
            "ours_s": of(|seed| Some(seed.ours.delay_s)),
        },
        "priority": priority(results),
    })
}

/// `bus_s`: of all buses; `lit_bus_s`: of those that went over a stop line with a light.
fn buses(outcome: Outcome) -> Value {
    json!({
        "bus_s": round(outcome.bus_delay_s),
        "lit_bus_s": (outcome.lit_buses > 0).then(|| round(outcome.lit_bus_delay_s)),
        "others_s": round(outcome.other_delay_s),
    })
}

/// What priority gave and what it cost: means of all seeds, against ours without it and against fixed-time.
fn priority(results: &[(u32, Seed)]) -> Option<Value> {
    let pairs: Vec<(&Seed, Outcome)> =
        results.iter().filter_map(|(_, seed)| Some((seed, seed.priority?))).collect();
    let mean = |pick: &dyn Fn(&Seed, &Outcome) -> Option<f64>| {
        let values: Vec<f64> = pairs.iter().filter_map(|(seed, with)| pick(seed, with)).collect();
        (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
    };
    let change = |before: Option<f64>, after: Option<f64>| {
        before.zip(after).map(|(before, after)| round((after / before - 1.0) * 100.0))
    };
    let compare = |before: Option<f64>, after: Option<f64>| {
        let percent = change(before, after);
        json!({ "before_s": before.map(round), "after_s": after.map(round), "change_percent": percent })
    };
    let first = pairs.first()?;
    let (bus, others) = (mean(&|_, with| Some(with.bus_delay_s)), mean(&|_, with| Some(with.other_delay_s)));
    let bus_before = mean(&|seed, _| Some(seed.ours.bus_delay_s));
    let others_before = mean(&|seed, _| Some(seed.ours.other_delay_s));
    Some(json!({
        "buses": first.1.buses,
        "lit_buses": first.1.lit_buses,
        // A run does not fail for these: hardware/signal/README.md says what no light can do for a bus.
        "kept": {
            "bus_30_percent_less": change(bus_before, bus).map(|percent| percent <= -30.0),
            "others_3_percent_more_at_most": change(others_before, others).map(|percent| percent <= 3.0),
        },
        "bus": compare(bus_before, bus),
        "lit_bus": compare(
            mean(&|seed, _| Some(seed.ours.lit_bus_delay_s)),
            mean(&|_, with| Some(with.lit_bus_delay_s)),
        ),
        "others": compare(others_before, others),
        "bus_fixed": compare(mean(&|seed, _| Some(seed.fixed?.bus_delay_s)), bus),
        "others_fixed": compare(mean(&|seed, _| Some(seed.fixed?.other_delay_s)), others),
    }))
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
