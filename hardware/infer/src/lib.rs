//! The inference door: ONNX Runtime for the network, OpenCV for the pixels around it.
//!
//! Suggested reading order: `shared` (all cameras) and `detector` (one caller at a time), then what they are made of:
//! `schedule`, `network`, `provider`, `runtime`, `model_file`, `inspect`, `turns`, `tensor`, `pixels`; then pictures for people:
//! `rgb`, `jpeg`, `draw`; and what road users look like: `colour`.

pub mod colour;
pub mod detector;
pub mod draw;
pub mod inspect;
pub mod jpeg;
mod model_file;
pub mod network;
mod pixels;
pub mod provider;
pub mod rgb;
pub mod runtime;
mod schedule;
pub mod shared;
mod tensor;
mod turns;

pub use colour::BoxColours;
pub use detector::OrtDetector;
pub use draw::{Drawing, Label, annotate};
pub use inspect::{Inspected, Port};
pub use jpeg::{JpegEncoder, read_picture};
pub use network::{Network, Options};
pub use provider::Provider;
pub use runtime::{Places, Runtime};
pub use shared::{SharedOrt, Sharing};
