//! Finds the network that a command was told to use: manifest, model file, ONNX Runtime library.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use edge_agent_core::analysis::min_score;
use hardware_infer::{Network, Options, OrtDetector, Places, Runtime, SharedOrt};
use hardware_ports::Clock;
use hardware_ports::infer::Detector;
use models_vision::manifest::{self, Manifest};
use models_vision::post::{Riders, Wish};

use crate::profile::Inference;

/// Opens a network. `model` is the name of a shipped manifest, the name of a manifest `NAME.toml` in the models folder, or
/// the path of a manifest ending in `.toml`; without one, the default network.
///
/// # Errors
/// When manifest, model file or library are missing or not what they should be; each says what to do.
pub fn open(model: Option<&str>, options: &Options) -> anyhow::Result<OrtDetector> {
    Ok(OrtDetector::of(open_network(model, options)?, Vec::new()))
}

/// As [`open`], for who works with the network itself.
///
/// # Errors
/// As [`open`].
pub fn open_network(model: Option<&str>, options: &Options) -> anyhow::Result<Network> {
    let places = Places::of_this_process();
    let (manifest, file) = find(model.unwrap_or(manifest::DEFAULT), &places)?;
    Ok(Network::open(Runtime::load(&places)?, manifest, &file, options)?)
}

/// Opens a network for following road users: weak boxes too, as far as its manifest lets them, and riders as one road user.
///
/// # Errors
/// As [`open`].
pub fn open_for_tracking(model: Option<&str>, threads: usize) -> anyhow::Result<OrtDetector> {
    let places = Places::of_this_process();
    let (manifest, file) = find(model.unwrap_or(manifest::DEFAULT), &places)?;
    let options = Options { threads, wish: Some(for_tracking(&manifest)), ..Options::default() };
    Ok(OrtDetector::open(Runtime::load(&places)?, manifest, &file, &options)?)
}

/// Opens the network of all cameras as the board's profile has it: several sessions side by side on a processor, batches
/// elsewhere. `model` as in [`open`]; the profile's own when not said.
///
/// # Errors
/// As [`open`].
pub fn open_for_cameras(
    model: Option<&str>,
    inference: &Inference,
    clock: Arc<dyn Clock>,
) -> anyhow::Result<Arc<dyn Detector>> {
    let Inference { provider, threads, sharing, .. } = *inference;
    let places = Places::of_this_process();
    let (manifest, file) = find(model.unwrap_or(&inference.model), &places)?;
    let options = Options { provider, threads, batch: sharing.batch, wish: Some(for_tracking(&manifest)) };
    let runtime = Runtime::load(&places)?;
    let cores = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
    let open = |options: &Options| Network::open(runtime, manifest.clone(), &file, options);
    let first = open(&options)?;
    // Where the provider cannot be had, that was told: the others do not try it again.
    let options = Options { provider: first.provider(), ..options };
    let others = (1..inference.lanes_on(cores)).map(|_| open(&options)).collect::<Result<Vec<_>, _>>()?;
    tracing::info!(
        "model {} runs on {}: {} sessions side by side, {threads} threads each, batches of {}",
        manifest.name,
        first.provider(),
        others.len() + 1,
        first.batch(),
    );
    if first.batch() == 1 {
        return Ok(Arc::new(OrtDetector::of(first, others)));
    }
    let networks = std::iter::once(first).chain(others).collect();
    Ok(Arc::new(SharedOrt::start(networks, sharing, clock)?))
}

/// What the tracker has no use for is not asked for; what the manifest says is noise of its network is not either.
fn for_tracking(manifest: &Manifest) -> Wish {
    Wish { min_score: manifest.thresholds.min_score.max(min_score()), riders: Riders::Merged }
}

/// A manifest and its model file.
fn find(model: &str, places: &Places) -> anyhow::Result<(Manifest, PathBuf)> {
    let (manifest, folder) = read_manifest(model, places)?;
    let file = model_file(&manifest, folder.as_deref(), places)
        .map_err(|why| anyhow::anyhow!("model {}: {why}", manifest.name))?;
    Ok((manifest, file))
}

/// The manifest, and its folder when it was read from a file. `model` as in [`open`].
///
/// # Errors
/// When nothing of that name is there, or it is no manifest.
pub fn read_manifest(model: &str, places: &Places) -> anyhow::Result<(Manifest, Option<PathBuf>)> {
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
///
/// # Errors
/// A text that names every place looked at.
pub fn model_file(manifest: &Manifest, folder: Option<&Path>, places: &Places) -> Result<PathBuf, String> {
    let beside = folder.map(|f| f.join(&manifest.file));
    let candidates: Vec<_> = beside.into_iter().chain(places.models(&manifest.file)).collect();
    let found = Places::first_file(&manifest.file, &candidates);
    match manifest.source {
        Some(_) => found,
        // Nothing makes it.
        None => found.map_err(|why| format!("{why}; or, since it is your own, put it beside its manifest")),
    }
}

#[cfg(test)]
mod tests {
    use std::io::{self, Write};
    use std::sync::{Mutex, PoisonError};

    use hardware_infer::{Provider, Sharing};
    use hardware_ports::SystemClock;
    use hardware_ports::camera::Picture;

    use super::*;
    use crate::profile::Lanes;

    /// What was logged.
    #[derive(Clone, Default)]
    struct Log(Arc<Mutex<Vec<u8>>>);

    impl Write for Log {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_manifest_holds_weak_boxes_back_and_no_shipped_one_those_that_the_tracker_needs() {
        let mut own = Manifest::shipped(manifest::DEFAULT).unwrap();
        for (says, want) in [(0.4, 0.4), (0.01, min_score())] {
            own.thresholds.min_score = says;
            assert_eq!(for_tracking(&own).min_score, want);
        }
        for (name, _) in manifest::SHIPPED {
            let wish = for_tracking(&Manifest::shipped(name).unwrap());
            assert_eq!(wish, Wish { min_score: min_score(), riders: Riders::Merged }, "{name}");
        }
    }

    /// The network is made by deploy/setup; without it this fails, it does not skip.
    #[test]
    fn a_profile_whose_provider_is_missing_says_so_once_and_detects() {
        let log = Log::default();
        let writer = log.clone();
        let lines = tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone()).finish();
        let model = "nanodet-g-640x384".to_owned();
        let sharing = Sharing { batch: 1, wait: Default::default() };
        // No NVIDIA library is built for the processors this is tested on.
        let provider = Provider::TensorRt;
        let inference = Inference { provider, model, lanes: Lanes::Fixed(3), threads: 1, sharing };
        let opened = tracing::subscriber::with_default(lines, || {
            open_for_cameras(None, &inference, Arc::new(SystemClock::new()))
        });
        let grey = Picture::from_rgb(64, 36, vec![90; 64 * 36 * 3]);
        assert_eq!(opened.unwrap().detect(&grey), Ok(Vec::new()));
        let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
        let warned: Vec<&str> = log.lines().filter(|line| line.contains("WARN")).collect();
        assert_eq!(warned.len(), 1, "{log}");
        assert!(warned[0].contains("runs on the processor: tensorrt cannot be used: "), "{log}");
        assert!(log.contains("runs on cpu: 3 sessions side by side"), "{log}");
    }
}
