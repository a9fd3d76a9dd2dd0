//! `edge-agent`: what runs at the pole. One file per subcommand in `commands/`.

mod commands;
mod config;
mod memory;
mod models;
mod profile;
mod roll;
mod usage;
mod wiring;

use clap::{Parser, Subcommand};
use tracing_subscriber::filter::{Directive, EnvFilter, LevelFilter};

/// Camera gateway, bus adapter and signal adapter of Ngã Tư.
#[derive(Parser)]
#[command(version)]
struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Works as a service: every section of the configuration file that is there is switched on.
    Run(commands::run::Args),
    /// Analyses one clip or stream, as the service would, and prints counts and events.
    Analyze(commands::analyze::Args),
    /// Finds road users in pictures.
    Detect(commands::detect::Args),
    /// Follows given detections (MOTChallenge) and prints tracks.
    Track(commands::track::Args),
    /// Tools for detection networks.
    Models(commands::models::Args),
    /// Says what this machine has, how fast it is, and how many cameras it carries.
    Probe(commands::probe::Args),
    /// Tools for GPS trackers.
    Gps(commands::gps::Args),
}

fn main() -> std::process::ExitCode {
    hardware_bus::read_and_write_on_one_thread();
    tracing_subscriber::fmt().with_writer(std::io::stderr).with_env_filter(log_filter()).init();
    memory::share_arenas();
    let done = match Args::parse().command {
        Command::Run(args) => commands::run::run(args),
        Command::Analyze(args) => commands::analyze::run(args),
        Command::Detect(args) => commands::detect::run(args),
        Command::Track(args) => commands::track::run(args),
        Command::Models(args) => commands::models::run(args),
        Command::Probe(args) => commands::probe::run(args),
        Command::Gps(args) => commands::gps::run(args),
    };
    match done {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(err) => {
            // The one place where a chain of errors is printed.
            eprintln!("edge-agent: {err:#}");
            std::process::ExitCode::FAILURE
        }
    }
}

/// What a broker sends back its library prints whole at `warn`, names of drivers too; that it was refused we say ourselves.
const UNTOLD: &str = "lapin::returned_messages=error";

/// `RUST_LOG`, or what is of use every day; neither tells what must not be in a log.
fn log_filter() -> EnvFilter {
    let asked = EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| "info,retina=warn,zenoh=warn,zenoh::net::routing::hat::peer=error".into());
    // If it could not be read, too little would be told and not too much.
    asked.add_directive(UNTOLD.parse::<Directive>().unwrap_or_else(|_| LevelFilter::ERROR.into()))
}
