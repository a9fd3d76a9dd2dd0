//! A network in ONNX Runtime: pictures in, road users out, several at once where it can.

use std::path::Path;

use hardware_ports::camera::Picture;
use hardware_ports::infer::InferError;
use models_domain::Detection;
use models_vision::layouts::Tensor;
use models_vision::post::{self, PartFound, Wish};
use models_vision::{Letterbox, Manifest, tiles};
use ort::ep::ExecutionProviderDispatch;
use ort::session::builder::GraphOptimizationLevel;
use ort::session::{Session, SessionOutputs};
use ort::value::{Outlet, TensorRef};

use crate::model_file;
use crate::provider::Provider;
use crate::runtime::Runtime;
use crate::tensor::Scratch;

/// What `models/convert` calls the axis of the pictures.
const BATCH_AXIS: &str = "batch";

/// How a network is run.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Threads that work on one picture.
    pub threads: usize,
    /// What is wanted of the boxes; the manifest's own when not said.
    pub wish: Option<Wish>,
    /// Pictures, or tiles of pictures, that go through it at once. A network whose batch is fixed at 1 takes one at a time.
    pub batch: usize,
    pub provider: Provider,
}

impl Default for Options {
    fn default() -> Self {
        Self { threads: 1, wish: None, batch: 1, provider: Provider::Cpu }
    }
}

/// One loaded network with its session.
pub struct Network {
    manifest: Manifest,
    wish: Wish,
    session: Session,
    batch: usize,
    provider: Provider,
}

/// Pictures on their way: what lies in which slot of the input.
pub struct Prepared {
    scratch: Scratch,
    /// In the order of their slots; or why one cannot be used.
    pictures: Vec<Result<Taken, InferError>>,
    /// One a slot.
    places: Vec<Letterbox>,
}

struct Taken {
    size: (u32, u32),
    slots: usize,
}

impl Network {
    /// Checks the file against the manifest, loads it and runs it on empty pictures; where the provider cannot do that, the
    /// processor does it.
    ///
    /// # Errors
    /// [`InferError::Model`] when the file is missing, is another one, is no network, is not what its manifest says, or gives what
    /// is no number.
    pub fn open(
        runtime: &Runtime,
        manifest: Manifest,
        file: &Path,
        options: &Options,
    ) -> Result<Self, InferError> {
        let failed = |why: String| InferError::Model { model: manifest.name.clone(), why };
        let bytes = model_file::read(file, &manifest.sha256).map_err(failed)?;
        let make = |on: &[ExecutionProviderDispatch]| {
            let session = session(runtime, &bytes, options, on).map_err(|err| {
                let (file, err) = (file.display(), err.to_string());
                failed(format!("{file}: ONNX Runtime refuses it: {err}{}", model_file::remedy(&err)))
            })?;
            Self::made(manifest.clone(), session, file, options)
        };
        let (mut made, provider) = options.provider.make(&manifest.name, options.threads.max(1), make)?;
        made.provider = provider;
        Ok(made)
    }

    /// Tried out, as on the processor.
    fn made(
        manifest: Manifest,
        session: Session,
        file: &Path,
        options: &Options,
    ) -> Result<Self, InferError> {
        let has = |outlets: &[Outlet], name: &str| outlets.iter().any(|o| o.name() == name);
        let missing = manifest.tensors.iter().find(|name| !has(session.outputs(), name));
        let missing =
            missing.or((!has(session.inputs(), &manifest.input.tensor)).then_some(&manifest.input.tensor));
        if let Some(name) = missing {
            let text = format!("{} has no tensor {name:?}, which its manifest names", file.display());
            return Err(failed(&manifest, text));
        }
        let fixed = session.inputs().iter().any(|i| i.name() == manifest.input.tensor && first(i) == Some(1));
        let batch = if fixed { 1 } else { options.batch.max(1) };
        let wish = options.wish.unwrap_or_else(|| Wish::of(&manifest));
        let mut made = Self { wish, manifest, session, batch, provider: Provider::Cpu };
        made.try_out()?;
        Ok(made)
    }

    /// With one picture and with all that it takes: a batch is seldom full, and TensorRT compiles anew, for minutes, for every
    /// number outside of those that it has seen.
    fn try_out(&mut self) -> Result<(), InferError> {
        let most = self.batch;
        (1..=most).filter(|count| [1, most].contains(count)).try_for_each(|count| self.try_with(count))
    }

    /// Shapes are wrong now or never; and what is no number would go unseen for ever, as a street in which nobody is.
    fn try_with(&mut self, count: usize) -> Result<(), InferError> {
        let empty = vec![Picture::from_rgb(32, 32, vec![0; 32 * 32 * 3]); count];
        let (found, scratch) = self.detect(prepare(&self.manifest, Scratch::default(), &empty));
        found.into_iter().collect::<Result<Vec<_>, _>>()?;
        let Self { session, manifest, .. } = self;
        let outputs = run(session, manifest, scratch.tensor(0, count, &manifest.input), count)?;
        let outputs = outputs_of(manifest, &outputs, count)?;
        let mut named = manifest.tensors.iter().zip(&outputs);
        match named.find(|(_, (_, data))| data.iter().any(|v| v.is_nan())) {
            Some((name, _)) => Err(failed(
                manifest,
                format!("its tensor {name:?} holds what is no number (NaN) for an empty picture"),
            )),
            None => Ok(()),
        }
    }

    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Where it runs, which is the processor when what was asked for could not be had.
    pub fn provider(&self) -> Provider {
        self.provider
    }

    /// How many slots go through it at once.
    pub fn batch(&self) -> usize {
        self.batch
    }

    /// Runs it on tensors prepared elsewhere, `[count, 3, height, width]`, and gives nothing back: for timing the network alone.
    ///
    /// # Errors
    /// [`InferError::Model`] when the network fails.
    pub fn run_prepared(&mut self, tensor: &[f32], count: usize) -> Result<(), InferError> {
        run(&mut self.session, &self.manifest, tensor, count).map(|_| ())
    }

    /// The road users of each picture, in the given order; the memory comes back for the next ones.
    pub fn detect(&mut self, prepared: Prepared) -> (Vec<Found>, Scratch) {
        let Prepared { scratch, pictures, places } = prepared;
        let parts = self.parts(&scratch, &places);
        let mut parts = parts.map(Vec::into_iter);
        let found = pictures.into_iter().map(|picture| {
            let Taken { size, slots } = picture?;
            match &mut parts {
                Ok(parts) => {
                    let of_this = parts.take(slots).collect();
                    Ok(post::joined(&self.manifest, &self.wish, size, of_this))
                }
                Err(err) => Err(err.clone()),
            }
        });
        (found.collect(), scratch)
    }

    /// What is in each slot, a batch at a time.
    fn parts(&mut self, scratch: &Scratch, places: &[Letterbox]) -> Result<Vec<PartFound>, InferError> {
        let Self { manifest, wish, session, batch, .. } = self;
        let mut all = Vec::with_capacity(places.len());
        for (number, places) in places.chunks(*batch).enumerate() {
            let tensor = scratch.tensor(number * *batch, places.len(), &manifest.input);
            let outputs = run(session, manifest, tensor, places.len())?;
            let outputs = outputs_of(manifest, &outputs, places.len())?;
            for (slot, place) in places.iter().enumerate() {
                let of_slot = outputs.iter().map(|(shape, data)| {
                    let size = data.len() / places.len();
                    Tensor { shape: shape.clone(), data: &data[slot * size..(slot + 1) * size] }
                });
                let part = post::part(manifest, wish, &of_slot.collect::<Vec<_>>(), place);
                all.push(part.map_err(|err| failed(manifest, err.to_string()))?);
            }
        }
        Ok(all)
    }
}

pub type Found = Result<Vec<Detection>, InferError>;

/// Puts pictures, and their tiles where the manifest asks for them, into the slots of one tensor. A picture that cannot be
/// used takes no slot.
pub fn prepare(manifest: &Manifest, mut scratch: Scratch, pictures: &[Picture]) -> Prepared {
    let mut places = Vec::with_capacity(pictures.len());
    let mut one = |picture: &Picture| {
        let size = (picture.width, picture.height);
        let before = places.len();
        for region in tiles::regions(manifest.tiles.as_ref(), size) {
            match scratch.prepare(places.len(), picture, region, &manifest.input) {
                Ok(place) => places.push(place),
                Err(err) => {
                    places.truncate(before);
                    return Err(err);
                }
            }
        }
        Ok(Taken { size, slots: places.len() - before })
    };
    let pictures = pictures.iter().map(&mut one).collect();
    Prepared { scratch, pictures, places }
}

pub(crate) fn run<'s>(
    session: &'s mut Session,
    manifest: &Manifest,
    tensor: &[f32],
    count: usize,
) -> Result<SessionOutputs<'s>, InferError> {
    let input = &manifest.input;
    let shape = [count, 3, input.height as usize, input.width as usize];
    let ran = |err: ort::Error| failed(manifest, format!("running it: {err}"));
    let tensor = TensorRef::from_array_view((shape, tensor)).map_err(ran)?;
    session.run(ort::inputs![input.tensor.as_str() => tensor]).map_err(ran)
}

/// An output tensor: the shape that it has for one picture, and the numbers of all.
pub(crate) type Output<'o> = (Vec<usize>, &'o [f32]);

/// The manifest's output tensors of `count` pictures.
pub(crate) fn outputs_of<'o>(
    manifest: &Manifest,
    outputs: &'o SessionOutputs<'_>,
    count: usize,
) -> Result<Vec<Output<'o>>, InferError> {
    let of = |name: &String| {
        let value =
            outputs.get(name).ok_or_else(|| failed(manifest, format!("it gave no tensor {name:?}")))?;
        let (shape, data) = value
            .try_extract_tensor::<f32>()
            .map_err(|err| failed(manifest, format!("its tensor {name:?}: {err}")))?;
        let mut shape: Vec<usize> = shape.iter().map(|n| usize::try_from(*n).unwrap_or(0)).collect();
        match shape.first_mut() {
            Some(first) if *first == count => *first = 1,
            // One picture may come without an axis for the batch: the layout says what it expects.
            Some(_) | None if count == 1 => {}
            Some(_) | None => {
                let text = format!("its tensor {name:?} has shape {shape:?} for {count} pictures");
                return Err(failed(manifest, text));
            }
        }
        Ok((shape, data))
    };
    manifest.tensors.iter().map(of).collect()
}

pub(crate) fn failed(manifest: &Manifest, why: String) -> InferError {
    InferError::Model { model: manifest.name.clone(), why }
}

/// The size of a tensor's first axis; -1 where any will do.
fn first(outlet: &Outlet) -> Option<i64> {
    outlet.dtype().tensor_shape().and_then(|shape| shape.first().copied())
}

pub(crate) fn session(
    runtime: &Runtime,
    model: &[u8],
    options: &Options,
    on: &[ExecutionProviderDispatch],
) -> ort::Result<Session> {
    let mut builder = Session::builder(&runtime.environment)?
        .with_optimization_level(GraphOptimizationLevel::All)?
        .with_intra_threads(options.threads.max(1))?
        .with_inter_threads(1)?
        // Waiting threads sleep: cores are for decoding while no picture is there.
        .with_intra_op_spinning(false)?;
    if options.batch <= 1 {
        // A size that is known allows more to be planned when the network is loaded; a network without this axis ignores it.
        builder = builder.with_dimension_override(BATCH_AXIS, 1)?;
    }
    if !on.is_empty() {
        builder = builder.with_execution_providers(on)?;
    }
    builder.commit_from_memory(model)
}
