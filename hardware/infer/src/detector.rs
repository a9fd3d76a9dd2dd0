//! One network, in one or several sessions side by side, shared by all who wait for its answer.

use std::path::Path;
use std::sync::{Mutex, PoisonError};

use hardware_ports::camera::Picture;
use hardware_ports::infer::{Detector, InferError};
use models_domain::Detection;
use models_vision::Manifest;

use crate::network::{Network, Options, prepare};
use crate::provider::Provider;
use crate::runtime::Runtime;
use crate::tensor::Scratch;
use crate::turns::Turns;

/// Preparing a picture runs beside others'; each session serves one picture at a time, first come, first served.
pub struct OrtDetector {
    manifest: Manifest,
    provider: Provider,
    networks: Turns<Network>,
    /// One for each caller that was ever busy at the same time.
    scratches: Mutex<Vec<Scratch>>,
}

impl OrtDetector {
    /// With one session.
    ///
    /// # Errors
    /// As [`Network::open`].
    pub fn open(
        runtime: &Runtime,
        manifest: Manifest,
        file: &Path,
        options: &Options,
    ) -> Result<Self, InferError> {
        let first = Network::open(runtime, manifest, file, options)?;
        Ok(Self::of(first, Vec::new()))
    }

    /// Shares networks that are loaded already, all the same one: so many pictures are looked at side by side.
    pub fn of(first: Network, others: Vec<Network>) -> Self {
        let (manifest, provider) = (first.manifest().clone(), first.provider());
        let networks = Turns::new(std::iter::once(first).chain(others).collect());
        Self { manifest, provider, networks, scratches: Mutex::default() }
    }

    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Where it runs.
    pub fn provider(&self) -> Provider {
        self.provider
    }
}

impl Detector for OrtDetector {
    fn detect(&self, picture: &Picture) -> Result<Vec<Detection>, InferError> {
        let free = self.scratches.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let prepared = prepare(&self.manifest, free.unwrap_or_default(), std::slice::from_ref(picture));
        let (found, scratch) = self.networks.with(|network| network.detect(prepared));
        self.scratches.lock().unwrap_or_else(PoisonError::into_inner).push(scratch);
        let none = || InferError::Picture(format!("{picture:?} was not answered"));
        found.into_iter().next().unwrap_or_else(|| Err(none()))
    }
}
