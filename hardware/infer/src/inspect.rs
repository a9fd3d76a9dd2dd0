//! Looks into a model file without believing any manifest: for saying what is wrong with one of them.

use std::path::Path;

use hardware_ports::camera::Picture;
use hardware_ports::infer::InferError;
use models_domain::Detection;
use models_vision::Manifest;
use models_vision::letterbox::Region;
use models_vision::post::{self, Wish};
use ort::session::Session;
use ort::value::{Outlet, TensorElementType};

use crate::model_file;
use crate::network::{self, Options};
use crate::runtime::Runtime;
use crate::tensor::Scratch;

/// An input or output tensor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Port {
    pub name: String,
    /// Whether it holds 32-bit floats, the only numbers that are read here.
    pub float: bool,
    /// `None` for an axis of any size.
    pub shape: Vec<Option<u64>>,
}

/// A model file that ONNX Runtime takes.
pub struct Inspected {
    /// Lower-case hexadecimal.
    pub sha256: String,
    pub inputs: Vec<Port>,
    pub outputs: Vec<Port>,
    session: Session,
}

impl Inspected {
    /// # Errors
    /// [`InferError::Model`] when the file cannot be read, or ONNX Runtime refuses it.
    pub fn open(runtime: &Runtime, file: &Path) -> Result<Self, InferError> {
        let failed = |why: String| InferError::Model { model: file.display().to_string(), why };
        let (bytes, sha256) = model_file::hashed(file).map_err(failed)?;
        let session =
            network::session(runtime, &bytes, &Options { batch: usize::MAX, ..Options::default() }, &[])
                .map_err(|err| failed(format!("ONNX Runtime refuses it: {err}")))?;
        let inputs = session.inputs().iter().map(port).collect();
        let outputs = session.outputs().iter().map(port).collect();
        Ok(Self { sha256, inputs, outputs, session })
    }

    /// What it sees in a grey picture, read as the manifest says: it should be nothing.
    ///
    /// # Errors
    /// [`InferError::Model`] saying which tensor is not what the manifest says.
    pub fn look_at_grey(&mut self, manifest: &Manifest) -> Result<Vec<Detection>, InferError> {
        let (width, height) = (manifest.input.width, manifest.input.height);
        let grey = Picture::from_rgb(width, height, vec![128; width as usize * height as usize * 3]);
        let mut scratch = Scratch::default();
        let place = scratch.prepare(0, &grey, Region::whole((width, height)), &manifest.input)?;
        let tensor = scratch.tensor(0, 1, &manifest.input);
        let outputs = network::run(&mut self.session, manifest, tensor, 1)?;
        let outputs = network::outputs_of(manifest, &outputs, 1)?;
        let tensors: Vec<_> =
            outputs.into_iter().map(|(shape, data)| models_vision::layouts::Tensor { shape, data }).collect();
        let wish = Wish::of(manifest);
        let part = post::part(manifest, &wish, &tensors, &place);
        let part = part.map_err(|err| network::failed(manifest, err.to_string()))?;
        Ok(post::joined(manifest, &wish, (width, height), vec![part]))
    }
}

fn port(outlet: &Outlet) -> Port {
    let shape = outlet.dtype().tensor_shape().map(|shape| shape.iter().map(|n| u64::try_from(*n).ok()));
    Port {
        name: outlet.name().to_owned(),
        float: outlet.dtype().tensor_type() == Some(TensorElementType::Float32),
        shape: shape.map(Iterator::collect).unwrap_or_default(),
    }
}
