//! Finds the network that a command was told to use: manifest, model file, ONNX Runtime library.

use std::path::{Path, PathBuf};

use anyhow::Context;
use edge_agent_core::analysis::min_score;
use hardware_infer::{Options, OrtDetector, Places, Runtime};
use models_vision::manifest::{self, Manifest};
use models_vision::post::{Riders, Wish};

/// Opens a network. `model` is the name of a shipped manifest, the name of a manifest `NAME.toml` in the models folder, or
/// the path of a manifest ending in `.toml`; without one, the default network.
///
/// # Errors
/// When manifest, model file or library are missing or not what they should be; each says what to do.
pub fn open(model: Option<&str>, options: &Options) -> anyhow::Result<OrtDetector> {
    let places = Places::of_this_process();
    let (manifest, folder) = read_manifest(model.unwrap_or(manifest::DEFAULT), &places)?;
    let file = model_file(&manifest, folder.as_deref(), &places)
        .map_err(|why| anyhow::anyhow!("model {}: {why}", manifest.name))?;
    let runtime = Runtime::load(&places)?;
    Ok(OrtDetector::open(runtime, manifest, &file, options)?)
}

/// Opens a network for following road users: weak boxes too, which the tracker needs, and riders as one road user.
///
/// # Errors
/// As [`open`].
pub fn open_for_tracking(model: Option<&str>, threads: usize) -> anyhow::Result<OrtDetector> {
    let wish = Wish { min_score: min_score(), riders: Riders::Merged };
    open(model, &Options { threads, wish: Some(wish) })
}

/// The manifest, and its folder when it was read from a file.
fn read_manifest(model: &str, places: &Places) -> anyhow::Result<(Manifest, Option<PathBuf>)> {
    let path = Path::new(model);
    if path.extension().is_some_and(|e| e == "toml") {
        return read(path);
    }
    match Manifest::shipped(model) {
        Ok(manifest) => Ok((manifest, None)),
        Err(unknown) => {
            // A name, not a path: it must not lead out of the models folder.
            let plain = path.components().count() == 1 && !model.starts_with('.');
            let own = places.models(&format!("{model}.toml")).into_iter().find(|p| plain && p.is_file());
            match own {
                Some(path) => read(&path),
                None => Err(unknown.into()),
            }
        }
    }
}

fn read(path: &Path) -> anyhow::Result<(Manifest, Option<PathBuf>)> {
    let text = std::fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
    let manifest = Manifest::parse(&text).with_context(|| format!("parsing {}", path.display()))?;
    Ok((manifest, path.parent().map(Path::to_owned)))
}

/// Beside its manifest first, then in the models folders.
fn model_file(manifest: &Manifest, folder: Option<&Path>, places: &Places) -> Result<PathBuf, String> {
    let beside = folder.map(|f| f.join(&manifest.file));
    let candidates: Vec<_> = beside.into_iter().chain(places.models(&manifest.file)).collect();
    Places::first_file(&manifest.file, &candidates)
}
