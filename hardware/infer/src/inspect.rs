//! Looks into a model file without believing any manifest: for saying what is wrong with one of them.

use std::path::Path;

use hardware_ports::camera::Picture;
use hardware_ports::infer::InferError;
use models_domain::Detection;
use models_vision::layouts::{self, Tensor};
use models_vision::letterbox::Region;
use models_vision::post::{self, Wish};
use models_vision::{Letterbox, Manifest, names};
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
    /// What it holds: f32, f16, i64 …
    pub numbers: String,
    /// `None` for an axis of any size.
    pub shape: Vec<Option<u64>>,
}

/// A model file that ONNX Runtime takes.
pub struct Inspected {
    /// Lower-case hexadecimal.
    pub sha256: String,
    pub inputs: Vec<Port>,
    pub outputs: Vec<Port>,
    /// What it calls its classes, by number; empty when it does not say.
    pub names: Vec<(usize, String)>,
    session: Session,
}

/// What a network sees in a grey picture.
#[derive(Debug, Clone, PartialEq)]
pub struct Look {
    pub found: Vec<Detection>,
    /// What its numbers say against the manifest, for people.
    pub doubts: Vec<String>,
}

/// What it says to a grey picture.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    pub shape: Vec<usize>,
    pub data: Vec<f32>,
}

impl Answer {
    pub fn tensor(&self) -> Tensor<'_> {
        Tensor { shape: self.shape.clone(), data: &self.data }
    }
}

impl Inspected {
    /// # Errors
    /// [`InferError::Model`] when the file cannot be read, or ONNX Runtime refuses it.
    pub fn open(runtime: &Runtime, file: &Path) -> Result<Self, InferError> {
        let failed = |why: String| InferError::Model { model: file.display().to_string(), why };
        let (bytes, sha256) = model_file::hashed(file).map_err(failed)?;
        let session =
            network::session(runtime, &bytes, &Options { batch: usize::MAX, ..Options::default() }, &[])
                .map_err(|err| err.to_string())
                .map_err(|err| {
                    failed(format!("ONNX Runtime refuses it: {err}{}", model_file::remedy(&err)))
                })?;
        let inputs = session.inputs().iter().map(port).collect();
        let outputs = session.outputs().iter().map(port).collect();
        let names = session.metadata().ok().and_then(|metadata| metadata.custom(names::KEY));
        let names = names.map(|text| names::read(&text)).unwrap_or_default();
        Ok(Self { sha256, inputs, outputs, names, session })
    }

    /// What it says to a grey picture: the manifest's tensors, in their order.
    ///
    /// # Errors
    /// [`InferError::Model`] when it cannot be run so, or has no such tensor of 32-bit floats.
    pub fn answers(&mut self, manifest: &Manifest) -> Result<Vec<Answer>, InferError> {
        Ok(self.placed_answers(manifest, 1)?.0)
    }

    /// Whether it takes two pictures at once, as it must on an accelerator.
    ///
    /// # Errors
    /// [`InferError::Model`] saying why not.
    pub fn takes_two(&mut self, manifest: &Manifest) -> Result<(), InferError> {
        self.placed_answers(manifest, 2).map(|_| ())
    }

    /// What it sees in a grey picture, read as the manifest says: it should be nothing.
    ///
    /// # Errors
    /// [`InferError::Model`] saying which tensor is not what the manifest says.
    pub fn look_at_grey(&mut self, manifest: &Manifest) -> Result<Look, InferError> {
        let (answers, place) = self.placed_answers(manifest, 1)?;
        let tensors: Vec<_> = answers.iter().map(Answer::tensor).collect();
        let part = post::part(manifest, &Wish::of(manifest), &tensors, &place);
        let part = part.map_err(|err| network::failed(manifest, err.to_string()))?;
        let size = (manifest.input.width, manifest.input.height);
        let found = post::joined(manifest, &Wish::of(manifest), size, vec![part]);
        Ok(Look { found, doubts: layouts::doubts(manifest, &tensors) })
    }

    /// To so many grey pictures, and where each lies in the input.
    fn placed_answers(
        &mut self,
        manifest: &Manifest,
        count: usize,
    ) -> Result<(Vec<Answer>, Letterbox), InferError> {
        let (width, height) = (manifest.input.width, manifest.input.height);
        let grey = Picture::from_rgb(width, height, vec![128; width as usize * height as usize * 3]);
        let mut scratch = Scratch::default();
        let whole = Region::whole((width, height));
        for slot in 1..count {
            scratch.prepare(slot, &grey, whole, &manifest.input)?;
        }
        let place = scratch.prepare(0, &grey, whole, &manifest.input)?;
        let tensor = scratch.tensor(0, count, &manifest.input);
        let outputs = network::run(&mut self.session, manifest, tensor, count)?;
        let outputs = network::outputs_of(manifest, &outputs, count)?;
        let answers = outputs.into_iter().map(|(shape, data)| Answer { shape, data: data.to_vec() });
        Ok((answers.collect(), place))
    }
}

fn port(outlet: &Outlet) -> Port {
    let shape = outlet.dtype().tensor_shape().map(|shape| shape.iter().map(|n| u64::try_from(*n).ok()));
    Port {
        name: outlet.name().to_owned(),
        float: outlet.dtype().tensor_type() == Some(TensorElementType::Float32),
        numbers: outlet.dtype().tensor_type().map_or("no tensor".to_owned(), |kind| kind.to_string()),
        shape: shape.map(Iterator::collect).unwrap_or_default(),
    }
}
