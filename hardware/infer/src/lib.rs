//! The inference door: ONNX Runtime for the network, OpenCV for the pixels around it.
//!
//! Suggested reading order: `detector`, then what it is made of: `runtime`, `model_file`, `turns`, `tensor`, `pixels`;
//! then pictures for people: `rgb`, `jpeg`, `draw`; and what road users look like: `colour`.

pub mod colour;
pub mod detector;
pub mod draw;
pub mod jpeg;
mod model_file;
mod pixels;
pub mod rgb;
pub mod runtime;
mod tensor;
mod turns;

pub use colour::BoxColours;
pub use detector::{Options, OrtDetector};
pub use draw::{Drawing, Label, annotate};
pub use jpeg::{JpegEncoder, read_picture};
pub use runtime::{Places, Runtime};
