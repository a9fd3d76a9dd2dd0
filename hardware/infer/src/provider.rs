//! What a network runs on: ONNX Runtime's execution providers, each with the processor as its way out.

use std::fmt;
use std::str::FromStr;

use ort::ep::{self, ExecutionProvider, ExecutionProviderDispatch};
use ort::session::Session;

/// Where a network's arithmetic is done. All but the first need an ONNX Runtime library built with them (PyPI's
/// `onnxruntime-openvino`, `onnxruntime-gpu`) and the maker's drivers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Provider {
    #[default]
    Cpu,
    /// Intel's processors and their graphics.
    OpenVino,
    /// NVIDIA.
    Cuda,
    /// NVIDIA, compiled for the very card when the network is loaded: minutes the first time.
    TensorRt,
}

impl Provider {
    pub const ALL: [Self; 4] = [Self::Cpu, Self::OpenVino, Self::Cuda, Self::TensorRt];

    /// As profiles call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::OpenVino => "openvino",
            Self::Cuda => "cuda",
            Self::TensorRt => "tensorrt",
        }
    }

    /// Whether the loaded library was built with it.
    fn in_library(self) -> bool {
        let has = match self {
            Self::Cpu => Ok(true),
            Self::OpenVino => ep::OpenVINO::is_available(),
            Self::Cuda => ep::CUDA::is_available(),
            Self::TensorRt => ep::TensorRT::is_available(),
        };
        has.unwrap_or(false)
    }

    /// What is tried, best first; ONNX Runtime gives each part of a network to the first that can do it, and what none of
    /// them can to the processor.
    fn dispatches(self, threads: usize) -> Vec<ExecutionProviderDispatch> {
        match self {
            Self::Cpu => Vec::new(),
            Self::OpenVino => {
                vec![ep::OpenVINO::default().with_num_threads(threads).build().error_on_failure()]
            }
            Self::Cuda => vec![ep::CUDA::default().build().error_on_failure()],
            Self::TensorRt => vec![
                ep::TensorRT::default().with_fp16(true).build().error_on_failure(),
                // What TensorRT cannot do stays on the card where that is possible.
                ep::CUDA::default().build().fail_silently(),
            ],
        }
    }

    /// Makes a session on it, or on the processor when that fails, which is told in one line.
    pub(crate) fn session(
        self,
        model: &str,
        threads: usize,
        make: impl Fn(&[ExecutionProviderDispatch]) -> ort::Result<Session>,
    ) -> ort::Result<(Session, Self)> {
        let made = match (self, self.in_library()) {
            (Self::Cpu, _) => return Ok((make(&[])?, Self::Cpu)),
            (_, false) => Err("this ONNX Runtime library is built without it".to_owned()),
            (_, true) => make(&self.dispatches(threads)).map_err(|err| err.to_string()),
        };
        match made {
            Ok(session) => Ok((session, self)),
            Err(why) => {
                tracing::warn!("model {model} runs on the processor: {self} cannot be used: {why}");
                Ok((make(&[])?, Self::Cpu))
            }
        }
    }
}

impl fmt::Display for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Provider {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|p| p.name() == text).ok_or_else(|| {
            let known = Self::ALL.map(Self::name).join(", ");
            format!("{text:?} is no execution provider; known are {known}")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn providers_by_name() {
        for provider in Provider::ALL {
            assert_eq!(provider.name().parse(), Ok(provider));
        }
        let err = "npu".parse::<Provider>().unwrap_err();
        assert_eq!(err, "\"npu\" is no execution provider; known are cpu, openvino, cuda, tensorrt");
    }
}
