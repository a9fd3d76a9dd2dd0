//! Packs the programs, their configuration and their service files.

use std::fs;
use std::path::Path;

use anyhow::Context;

use crate::root;

/// What goes into the package, from where (in the workspace) to where (in the package).
const CONTENT: &[(&str, &str)] = &[
    ("target/release/edge-agent", "bin/edge-agent"),
    ("target/release/control-center", "bin/control-center"),
    ("models/manifests", "share/manifests"),
    ("deploy/config", "share/config"),
    ("deploy/systemd", "share/systemd"),
    ("LICENSE", "LICENSE"),
    ("NOTICE", "NOTICE"),
];

pub fn run() -> anyhow::Result<()> {
    root::run("cargo", &["build", "--release", "--workspace", "--locked"])?;
    let out = root::root().join("target/package/ngatu");
    if out.exists() {
        fs::remove_dir_all(&out).with_context(|| format!("emptying {}", out.display()))?;
    }
    for (from, to) in CONTENT {
        copy(&root::root().join(from), &out.join(to))?;
    }
    let name = format!("ngatu-{}-{}.tar.gz", env!("CARGO_PKG_VERSION"), std::env::consts::ARCH);
    root::run("tar", &["-czf", &format!("target/package/{name}"), "-C", "target/package", "ngatu"])?;
    eprintln!("packed target/package/{name}");
    Ok(())
}

fn copy(from: &Path, to: &Path) -> anyhow::Result<()> {
    let what = || format!("copying {} to {}", from.display(), to.display());
    if from.is_dir() {
        for entry in fs::read_dir(from).with_context(what)? {
            let entry = entry.with_context(what)?;
            copy(&entry.path(), &to.join(entry.file_name()))?;
        }
        return Ok(());
    }
    let folder = to.parent().with_context(what)?;
    fs::create_dir_all(folder).with_context(what)?;
    fs::copy(from, to).with_context(what)?;
    Ok(())
}
