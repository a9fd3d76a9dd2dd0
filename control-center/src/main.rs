//! `control-center`: what runs in the hall. One file per subcommand in `commands/`.
//!
//! Suggested reading order: `commands/serve` (what is started), `tasks` (facts from the bus into the store),
//! `auth/guard` (who may), `api` (what the page and programs ask).

mod api;
mod areas;
mod auth;
mod city_view;
mod commands;
mod config;
mod convert;
mod gateways;
mod hall;
mod headers;
mod metrics;
mod page;
mod pictures;
mod signals;
mod stills;
mod tasks;
mod tls;
mod tracker_orders;
mod transit;

use std::io::IsTerminal;

use clap::{Parser, Subcommand};

/// The hall of Ngã Tư: takes what the poles tell, keeps it, and shows it to those who signed in.
#[derive(Parser)]
#[command(version)]
struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Works as a service until Ctrl-C.
    Serve(commands::serve::Args),
    /// Enrols a gateway: writes the certificate that lets it onto the bus.
    GatewayCertificate(commands::gateway_certificate::Args),
    /// A gateway may not speak any more: a running hall cuts it off.
    RevokeGateway(commands::revoke_gateway::Args),
    /// Checks an operator's timetable, or takes it in.
    #[command(subcommand)]
    Gtfs(commands::gtfs::Command),
    /// Positions of buses that are not believed, and the way to overrule that.
    #[command(subcommand)]
    Fixes(commands::fixes::Command),
    /// What trackers are asked to do, and what they answered.
    #[command(subcommand)]
    Orders(commands::orders::Command),
    /// Prints totals of what is stored, as one line of JSON.
    Figures(commands::figures::Args),
    /// Prints who looked at what, when and why, as lines of JSON.
    Audit(commands::audit::Args),
    /// Adds a user with a role and prints the password once.
    AddUser(commands::add_user::Args),
    /// Users, their roles and rights.
    #[command(subcommand)]
    Users(commands::users::Command),
    /// Gives a user a new random password and prints it once.
    ResetPassword(commands::reset_password::Args),
}

fn main() -> std::process::ExitCode {
    hardware_bus::read_and_write_on_one_thread();
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_env_filter(
            tracing_subscriber::EnvFilter::try_from_default_env()
                .unwrap_or_else(|_| "info,zenoh=warn,zenoh_transport=warn".into()),
        )
        .init();
    let done = match Args::parse().command {
        Command::Serve(args) => commands::serve::run(&args),
        Command::GatewayCertificate(args) => commands::gateway_certificate::run(&args),
        Command::RevokeGateway(args) => commands::revoke_gateway::run(&args),
        Command::Gtfs(command) => commands::gtfs::run(&command),
        Command::Fixes(command) => commands::fixes::run(&command),
        Command::Orders(command) => commands::orders::run(&command),
        Command::Figures(args) => commands::figures::run(&args),
        Command::Audit(args) => commands::audit::run(&args),
        Command::AddUser(args) => commands::add_user::run(&args),
        Command::Users(command) => commands::users::run(&command),
        Command::ResetPassword(args) => commands::reset_password::run(&args),
    };
    match done {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(err) => {
            // The one place where a chain of errors is printed.
            eprintln!("control-center: {err:#}");
            std::process::ExitCode::FAILURE
        }
    }
}
