//! Packs the programs, their configuration and their service files.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;

use crate::root;

/// What goes into the package, from where (in the workspace) to where (in the package).
const CONTENT: &[(&str, &str)] = &[
    ("models/manifests", "share/manifests"),
    ("deploy/config", "share/config"),
    ("deploy/systemd", "share/systemd"),
    ("LICENSE", "LICENSE"),
    ("NOTICE", "NOTICE"),
];

pub fn run() -> anyhow::Result<()> {
    // The page is embedded into the hall; ONNX Runtime and the network are fetched.
    root::run("deploy/setup", &["build"])?;
    root::run("cargo", &["build", "--release", "--workspace", "--locked"])?;
    let out = root::root().join("target/package/ngatu");
    if out.exists() {
        fs::remove_dir_all(&out).with_context(|| format!("emptying {}", out.display()))?;
    }
    let programs = env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| root::root().join("target"), PathBuf::from)
        .join("release");
    for program in ["edge-agent", "control-center"] {
        copy(&programs.join(program), &out.join("bin").join(program))?;
    }
    for (from, to) in CONTENT {
        copy(&root::root().join(from), &out.join(to))?;
    }
    copy(&cache()?.join("lib/libonnxruntime.so"), &out.join("lib/libonnxruntime.so"))?;
    copy(&cache()?.join("models"), &out.join("bin/models"))?;
    let name = format!("ngatu-{}-{}.tar.gz", env!("CARGO_PKG_VERSION"), std::env::consts::ARCH);
    root::run("tar", &["-czf", &format!("target/package/{name}"), "-C", "target/package", "ngatu"])?;
    eprintln!("packed target/package/{name}");
    Ok(())
}

/// Where deploy/setup keeps what it fetched: deploy/lib/say.sh.
fn cache() -> anyhow::Result<PathBuf> {
    let folder = |name: &str| env::var_os(name).map(PathBuf::from);
    folder("NGATU_CACHE")
        .or_else(|| folder("XDG_CACHE_HOME").map(|f| f.join("ngatu")))
        .or_else(|| folder("HOME").map(|f| f.join(".cache/ngatu")))
        .context("HOME is not set, so there is no cache folder; set NGATU_CACHE")
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
