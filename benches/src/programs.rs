//! Where the programs, models and clips of a measurement are.

use std::env;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

/// A program of ours, from the same build.
///
/// # Errors
/// When it was not built.
pub fn beside(name: &str) -> anyhow::Result<PathBuf> {
    let here = env::current_exe().context("finding this program")?;
    let program = here.with_file_name(name);
    if !program.is_file() {
        bail!("{} is not there; start benches by benches/run, which builds it", program.display());
    }
    Ok(program)
}

/// What `deploy/setup` and `deploy/clips` made.
pub fn cache() -> PathBuf {
    let set = |name: &str| env::var_os(name).filter(|v| !v.is_empty()).map(PathBuf::from);
    set("NGATU_CACHE")
        .or_else(|| set("XDG_CACHE_HOME").map(|cache| cache.join("ngatu")))
        .or_else(|| set("HOME").map(|home| home.join(".cache/ngatu")))
        .unwrap_or_else(|| PathBuf::from(".ngatu"))
}

/// A file of the cache, by its path within.
///
/// # Errors
/// When it is not there; the text says what makes it.
pub fn cached(path: &str) -> anyhow::Result<PathBuf> {
    let file = cache().join(path);
    if !file.exists() {
        bail!("{} is not there; deploy/setup test makes it", file.display());
    }
    Ok(file)
}

/// The clips given, or those that are there by themselves: the field's where they are, else the registry's.
///
/// # Errors
/// When there is none.
pub fn clips(given: &[PathBuf]) -> anyhow::Result<Vec<PathBuf>> {
    if !given.is_empty() {
        return Ok(given.to_vec());
    }
    let field = Path::new("../shared/field/video");
    let of_field = ["quiet_street.mp4", "car_park_lane.mp4", "junction.mp4"].map(|name| field.join(name));
    let there: Vec<PathBuf> = of_field.into_iter().filter(|clip| clip.is_file()).collect();
    if there.is_empty() {
        Ok(vec![cached("clips/bikes.mp4")?, cached("clips/vtest.avi")?])
    } else {
        Ok(there)
    }
}
