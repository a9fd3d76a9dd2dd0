//! Finds and loads the ONNX Runtime library, once per process, and says where models lie.

use std::env;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock, PoisonError};

use hardware_ports::infer::InferError;
use ort::environment::Environment;

const LIBRARY: &str = "libonnxruntime.so";

/// Where things that `deploy/setup` made may lie.
#[derive(Debug, Clone, Default)]
pub struct Places {
    /// `$ORT_DYLIB_PATH`: taken as is when set, and nothing else is tried then.
    pub named_library: Option<PathBuf>,
    /// The folder of the running program.
    pub program: Option<PathBuf>,
    /// `$NGATU_CACHE`, or `ngatu` in `$XDG_CACHE_HOME`, or `~/.cache/ngatu`; as deploy/lib/say.sh says.
    pub cache: Option<PathBuf>,
}

impl Places {
    pub fn of_this_process() -> Self {
        let set = |name: &str| env::var_os(name).filter(|v| !v.is_empty()).map(PathBuf::from);
        let program = env::current_exe().ok().and_then(|exe| exe.parent().map(Path::to_owned));
        let cache = set("NGATU_CACHE")
            .or_else(|| set("XDG_CACHE_HOME").map(|cache| cache.join("ngatu")))
            .or_else(|| set("HOME").map(|home| home.join(".cache/ngatu")));
        Self { named_library: set("ORT_DYLIB_PATH"), program, cache }
    }

    /// Files that may be the library, best first.
    fn libraries(&self) -> Vec<PathBuf> {
        match &self.named_library {
            Some(path) => vec![path.clone()],
            None => self.beside("lib", LIBRARY),
        }
    }

    /// Files that may be the model of that name, best first.
    pub fn models(&self, file: &str) -> Vec<PathBuf> {
        self.beside("models", file)
    }

    fn beside(&self, folder: &str, file: &str) -> Vec<PathBuf> {
        let program = self.program.iter().flat_map(|p| [p.join(file), p.join(folder).join(file)]);
        let cache = self.cache.iter().map(|c| c.join(folder).join(file));
        program.chain(cache).collect()
    }

    /// The first of `candidates` that is a file.
    ///
    /// # Errors
    /// A text that names every place looked at, and the remedy.
    pub fn first_file(what: &str, candidates: &[PathBuf]) -> Result<PathBuf, String> {
        candidates.iter().find(|path| path.is_file()).cloned().ok_or_else(|| {
            let looked: Vec<_> = candidates.iter().map(|path| path.display().to_string()).collect();
            format!("{what} is not there; looked at {}; run deploy/setup, which makes it", looked.join(", "))
        })
    }
}

/// The loaded library and its one environment: all sessions of the process live in it.
pub struct Runtime {
    pub(crate) environment: Environment,
}

static RUNTIME: OnceLock<Runtime> = OnceLock::new();
static LOADING: Mutex<()> = Mutex::new(());

impl Runtime {
    /// Loads the library at the first call; later calls give the same, wherever they say it is. May be called again
    /// after a failure.
    ///
    /// # Errors
    /// [`InferError::Model`] when the library is nowhere, is no ONNX Runtime, or is too old.
    pub fn load(places: &Places) -> Result<&'static Self, InferError> {
        let _alone = LOADING.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(loaded) = RUNTIME.get() {
            return Ok(loaded);
        }
        let failed = |why: String| InferError::Model { model: "ONNX Runtime".into(), why };
        let path = Places::first_file(LIBRARY, &places.libraries()).map_err(|why| {
            let named = if places.named_library.is_some() { " (ORT_DYLIB_PATH is set)" } else { "" };
            failed(format!("{why}{named}"))
        })?;
        let builder = ort::init_from(&path).map_err(|err| {
            failed(format!("{} cannot be loaded: {err}; run deploy/setup, which fetches it", path.display()))
        })?;
        let environment = builder
            .with_name("ngatu")
            .with_telemetry(false)
            .build()
            .map_err(|err| failed(format!("{}: no environment: {err}", path.display())))?;
        tracing::debug!(library = %path.display(), "ONNX Runtime loaded");
        Ok(RUNTIME.get_or_init(|| Self { environment }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_named_library_is_the_only_one_tried() {
        let mut places = Places {
            named_library: Some("/x/ort.so".into()),
            program: Some("/opt/ngatu".into()),
            cache: Some("/cache".into()),
        };
        assert_eq!(places.libraries(), [PathBuf::from("/x/ort.so")]);
        places.named_library = None;
        let want = [
            "/opt/ngatu/libonnxruntime.so",
            "/opt/ngatu/lib/libonnxruntime.so",
            "/cache/lib/libonnxruntime.so",
        ];
        assert_eq!(places.libraries(), want.map(PathBuf::from));
        let want = ["/opt/ngatu/a.onnx", "/opt/ngatu/models/a.onnx", "/cache/models/a.onnx"];
        assert_eq!(places.models("a.onnx"), want.map(PathBuf::from));
    }

    #[test]
    fn a_missing_file_names_every_place_and_the_remedy() {
        let err = Places::first_file("it", &["/no/a".into(), "/no/b".into()]).unwrap_err();
        assert_eq!(err, "it is not there; looked at /no/a, /no/b; run deploy/setup, which makes it");
    }
}
