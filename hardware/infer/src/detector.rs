//! One network behind one session, shared by all cameras.

use std::path::Path;
use std::sync::{Mutex, PoisonError};

use hardware_ports::camera::Picture;
use hardware_ports::infer::{Detector, InferError};
use models_domain::Detection;
use models_vision::layouts::Tensor;
use models_vision::post::{self, Wish};
use models_vision::{Letterbox, Manifest};
use ort::session::Session;
use ort::session::builder::GraphOptimizationLevel;
use ort::value::TensorRef;

use crate::model_file;
use crate::runtime::Runtime;
use crate::tensor::Scratch;
use crate::turns::Turns;

/// How a network is run.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Threads that work on one picture.
    pub threads: usize,
    /// What is wanted of the boxes; the manifest's own when not said.
    pub wish: Option<Wish>,
}

impl Default for Options {
    fn default() -> Self {
        Self { threads: 1, wish: None }
    }
}

/// Preparing a picture runs beside others'; the network itself serves one picture at a time, first come, first served.
pub struct OrtDetector {
    manifest: Manifest,
    wish: Wish,
    session: Turns<Session>,
    /// One for each caller that was ever busy at the same time.
    scratches: Mutex<Vec<Scratch>>,
}

impl OrtDetector {
    /// Checks the file against the manifest, loads it and runs it once on an empty picture.
    ///
    /// # Errors
    /// [`InferError::Model`] when the file is missing, is another one, is no network, or is not what its manifest says.
    pub fn open(
        runtime: &Runtime,
        manifest: Manifest,
        file: &Path,
        options: &Options,
    ) -> Result<Self, InferError> {
        let failed = |why: String| InferError::Model { model: manifest.name.clone(), why };
        let bytes = model_file::read(file, &manifest.sha256).map_err(failed)?;
        let session = session(runtime, &bytes, options.threads)
            .map_err(|err| failed(format!("{}: ONNX Runtime refuses it: {err}", file.display())))?;
        let has = |outlets: &[ort::value::Outlet], name: &str| outlets.iter().any(|o| o.name() == name);
        let missing = manifest.tensors.iter().find(|name| !has(session.outputs(), name));
        let missing =
            missing.or((!has(session.inputs(), &manifest.input.tensor)).then_some(&manifest.input.tensor));
        if let Some(name) = missing {
            let text = format!("{} has no tensor {name:?}, which its manifest names", file.display());
            return Err(failed(text));
        }
        let wish = options.wish.unwrap_or_else(|| Wish::of(&manifest));
        let made = Self { wish, manifest, session: Turns::new(session), scratches: Mutex::default() };
        // Shapes are wrong now or never.
        made.detect(&Picture::from_rgb(32, 32, vec![0; 32 * 32 * 3]))?;
        Ok(made)
    }

    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    fn run(&self, tensor: &[f32], place: &Letterbox) -> Result<Vec<Detection>, InferError> {
        let input = &self.manifest.input;
        let shape = [1, 3, input.height as usize, input.width as usize];
        let failed = |why: String| InferError::Model { model: self.manifest.name.clone(), why };
        let ran = |err: ort::Error| failed(format!("running it: {err}"));
        let tensor = TensorRef::from_array_view((shape, tensor)).map_err(ran)?;
        let mut session = self.session.take();
        let outputs = session.run(ort::inputs![input.tensor.as_str() => tensor]).map_err(ran)?;
        let mut tensors = Vec::with_capacity(self.manifest.tensors.len());
        for name in &self.manifest.tensors {
            let value = outputs.get(name).ok_or_else(|| failed(format!("it gave no tensor {name:?}")))?;
            let (shape, data) = value.try_extract_tensor::<f32>().map_err(ran)?;
            let shape = shape.iter().map(|n| usize::try_from(*n).unwrap_or(0)).collect();
            tensors.push(Tensor { shape, data });
        }
        post::detections(&self.manifest, &self.wish, &tensors, place).map_err(|err| failed(err.to_string()))
    }
}

impl Detector for OrtDetector {
    fn detect(&self, picture: &Picture) -> Result<Vec<Detection>, InferError> {
        let free = self.scratches.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut scratch = free.unwrap_or_default();
        let place = scratch.prepare(picture, &self.manifest.input)?;
        let found = self.run(&scratch.tensor, &place);
        self.scratches.lock().unwrap_or_else(PoisonError::into_inner).push(scratch);
        found
    }
}

fn session(runtime: &Runtime, model: &[u8], threads: usize) -> ort::Result<Session> {
    let builder = Session::builder(&runtime.environment)?
        .with_optimization_level(GraphOptimizationLevel::All)?
        .with_intra_threads(threads.max(1))?
        .with_inter_threads(1)?
        // Waiting threads sleep: cores are for decoding while no picture is there.
        .with_intra_op_spinning(false)?;
    let mut builder = builder;
    builder.commit_from_memory(model)
}
