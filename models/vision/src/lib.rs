//! Numbers around a network: what its manifest says, where a picture lies in its input, what its output tensors mean.
//! Pure; the network itself runs in `hardware/infer`.
//!
//! Suggested reading order: `manifest`, `letterbox`, `layouts`, then what is made of the boxes: `nms`, `tiles`, `riders`,
//! `post`; how good a network is: `measure`; and what it calls its classes: `names`.

pub mod layouts;
pub mod letterbox;
pub mod manifest;
pub mod measure;
pub mod names;
pub mod nms;
pub mod post;
pub mod riders;
pub mod tiles;

pub use letterbox::Letterbox;
pub use manifest::Manifest;
