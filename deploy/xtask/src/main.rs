//! `cargo xtask check | gen | package`: what a developer runs that is not a test.

mod check;
mod gen_code;
mod package;
mod root;

use clap::{Parser, Subcommand};

/// Chores of the project.
#[derive(Parser)]
#[command(after_help = "Example: cargo xtask gen")]
struct Args {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Subcommand)]
enum Chore {
    /// Formatting, lints and generated code, as CI wants them.
    Check,
    /// Writes models/wire/src/gen from models/wire/proto.
    Gen {
        /// Only compare; fail when they differ.
        #[arg(long)]
        check: bool,
    },
    /// Builds in release and packs what a machine needs into target/package.
    Package,
}

fn main() -> anyhow::Result<()> {
    match Args::parse().chore {
        Chore::Check => check::run(),
        Chore::Gen { check } => gen_code::run(check),
        Chore::Package => package::run(),
    }
}
