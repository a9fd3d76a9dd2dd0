//! `ngatu-benches NAME`: measures one thing on this machine, with the programs that stand beside it.
//!
//! One file per measurement and one list. Ratios are taken within one run. The last line is one JSON object.

mod accuracy;
mod bus_hall;
mod camera_density;
mod decoding;
mod driven;
mod gps_load;
mod idle;
mod inference;
mod ladder;
mod latency;
mod programs;
mod reconnects;
mod red_light;
mod signal_latency;
mod signal_sumo;
mod soak;
mod started;
mod street;
mod tracker;
mod transit;
mod transit_assign;
mod transit_feed;
mod transit_lists;
mod transit_settle;
mod usage;

use std::ffi::OsString;
use std::io::Write;
use std::process::ExitCode;

use anyhow::Context;

/// One measurement.
struct Bench {
    name: &'static str,
    /// What it tells, in a line.
    about: &'static str,
    /// Takes what follows the name on the command line, the name first, and gives the JSON object.
    run: fn(Vec<OsString>) -> anyhow::Result<serde_json::Value>,
}

const BENCHES: &[Bench] = &[
    accuracy::BENCH,
    camera_density::BENCH,
    decoding::BENCH,
    gps_load::BENCH,
    idle::BENCH,
    inference::BENCH,
    ladder::BENCH,
    latency::BENCH,
    reconnects::BENCH,
    red_light::BENCH,
    signal_latency::BENCH,
    signal_sumo::BENCH,
    soak::BENCH,
    tracker::BENCH,
    transit::BENCH,
    transit_assign::BENCH,
    transit_feed::BENCH,
    transit_lists::BENCH,
    transit_settle::BENCH,
];

fn main() -> ExitCode {
    hardware_bus::read_and_write_on_one_thread();
    let mut words = std::env::args_os().skip(1).peekable();
    let name = words.peek().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let Some(bench) = BENCHES.iter().find(|bench| bench.name == name) else {
        eprintln!("benches/run NAME [OPTIONS], where NAME is one of");
        BENCHES.iter().for_each(|bench| eprintln!("  {:16} {}", bench.name, bench.about));
        return ExitCode::FAILURE;
    };
    match (bench.run)(words.collect()).and_then(|result| tell(&result)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(err) => {
            eprintln!("{name}: {err:#}");
            ExitCode::FAILURE
        }
    }
}

fn tell(result: &serde_json::Value) -> anyhow::Result<()> {
    writeln!(std::io::stdout(), "{result}").context("writing the result to standard output")
}
