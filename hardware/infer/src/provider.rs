//! What a network runs on: ONNX Runtime's execution providers, each with the processor as its way out.

use std::fmt;
use std::str::FromStr;

use ort::ep::{self, ExecutionProvider, ExecutionProviderDispatch};

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
    /// NVIDIA, compiled for the very card when the network is loaded: minutes at every start. Works in 16-bit floats where that is
    /// faster, so its accuracy is to be measured.
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

    /// Makes something that runs on it, or on the processor when that fails, which is told in one line. `make` should have it work
    /// once: some makers' libraries are found to be missing only then.
    pub(crate) fn make<T, E: fmt::Display>(
        self,
        model: &str,
        threads: usize,
        make: impl Fn(&[ExecutionProviderDispatch]) -> Result<T, E>,
    ) -> Result<(T, Self), E> {
        self.make_if(self.in_library(), model, threads, make)
    }

    fn make_if<T, E: fmt::Display>(
        self,
        in_library: bool,
        model: &str,
        threads: usize,
        make: impl Fn(&[ExecutionProviderDispatch]) -> Result<T, E>,
    ) -> Result<(T, Self), E> {
        let made = match (self, in_library) {
            (Self::Cpu, _) => return Ok((make(&[])?, Self::Cpu)),
            (_, false) => Err("this ONNX Runtime library is built without it".to_owned()),
            (_, true) => make(&self.dispatches(threads)).map_err(|err| err.to_string()),
        };
        match made {
            Ok(made) => Ok((made, self)),
            Err(why) => {
                // Where the processor cannot run it either, the model is at fault and not the card.
                let made = make(&[])?;
                tracing::warn!("model {model} runs on the processor: {self} cannot be used: {why}");
                Ok((made, Self::Cpu))
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
    fn what_fails_when_it_first_works_is_done_by_the_processor() {
        let of = |provider: Provider, card: Result<&'static str, &'static str>| {
            let make = |on: &[ExecutionProviderDispatch]| if on.is_empty() { Ok("processor") } else { card };
            provider.make_if(true, "m", 1, make)
        };
        assert_eq!(of(Provider::Cuda, Ok("card")), Ok(("card", Provider::Cuda)));
        for provider in [Provider::Cuda, Provider::TensorRt, Provider::OpenVino] {
            assert_eq!(of(provider, Err("libcudnn_ops.so.9 is missing")), Ok(("processor", Provider::Cpu)));
        }
        let broken = |_: &[ExecutionProviderDispatch]| Err::<(), _>("no network");
        assert_eq!(Provider::Cuda.make_if(true, "m", 1, broken), Err("no network"));
        assert_eq!(Provider::Cpu.make_if(true, "m", 1, broken), Err("no network"));
    }

    #[test]
    fn providers_by_name() {
        for provider in Provider::ALL {
            assert_eq!(provider.name().parse(), Ok(provider));
        }
        let err = "npu".parse::<Provider>().unwrap_err();
        assert_eq!(err, "\"npu\" is no execution provider; known are cpu, openvino, cuda, tensorrt");
    }
}
