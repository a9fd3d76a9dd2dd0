//! Where the workspace lies, and running a program in it.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, ensure};

/// The folder of the workspace's Cargo.toml.
pub fn root() -> PathBuf {
    let here = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).map(PathBuf::from).unwrap_or(here)
}

/// Runs `program args` in the workspace; fails when it fails.
pub fn run(program: &str, args: &[&str]) -> anyhow::Result<()> {
    eprintln!("+ {program} {}", args.join(" "));
    let status = Command::new(program)
        .args(args)
        .current_dir(root())
        .status()
        .with_context(|| format!("starting {program}"))?;
    ensure!(status.success(), "{program} {}: {status}", args.join(" "));
    Ok(())
}
