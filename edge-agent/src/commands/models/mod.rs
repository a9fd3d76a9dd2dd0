//! `edge-agent models`: what is wrong with a network, and how good it is.

mod bare;
mod check;
mod list;
mod measure;
mod time;

#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Lists the shipped networks and what output layouts are read.
    List,
    /// Says what is wrong with a manifest (.toml) and its model, or what a model (.onnx) would need.
    Check(check::Args),
    /// Scores a network against labelled pictures (COCO format).
    Measure(measure::Args),
    /// Times a network alone, on this machine.
    Time(time::Args),
}

pub fn run(args: Args) -> anyhow::Result<()> {
    match args.command {
        Command::List => list::run(),
        Command::Check(args) => check::run(&args),
        Command::Measure(args) => measure::run(&args),
        Command::Time(args) => time::run(&args),
    }
}
