//! The inference door: ONNX Runtime for the network, OpenCV for the pixels around it.
//!
//! Suggested reading order: `detector` (all cameras, on a processor) and `shared` (on an accelerator), then what they are made
//! of: `network`, `provider`, `runtime`, `model_file`, `inspect`, `turns`, `tensor`, `pixels`, `conversion`; then pictures for people:
//! `rgb`, `jpeg`, `draw`; what road users look like: `colour`; and small pictures for the watch over a camera's health:
//! `meter`.

pub mod colour;
mod conversion;
pub mod detector;
pub mod draw;
pub mod inspect;
pub mod jpeg;
pub mod meter;
mod model_file;
pub mod network;
mod pixels;
pub mod provider;
pub mod rgb;
pub mod runtime;
pub mod shared;
mod tensor;
mod turns;

pub use colour::BoxColours;
pub use detector::OrtDetector;
pub use draw::{Drawing, Label, annotate};
pub use inspect::{Answer, Inspected, Look, Port};
pub use jpeg::{JpegEncoder, read_picture};
pub use meter::Meter;
pub use network::{Network, Options};
pub use provider::Provider;
pub use runtime::{Places, Runtime};
pub use shared::{SharedOrt, Sharing};
