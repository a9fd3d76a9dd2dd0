//! What networks' output tensors mean: one file per layout, one list.

mod nanodet;

use models_domain::{BBox, Class};

use crate::manifest::Manifest;

/// Every known layout; a manifest names one.
pub const LAYOUTS: &[Layout] = &[nanodet::LAYOUT];

/// One way in which detectors write boxes and scores.
#[derive(Debug)]
pub struct Layout {
    pub name: &'static str,
    /// How many output tensors it reads.
    pub tensors: usize,
    pub decode: Decode,
}

/// Adds every box whose score reaches `min_score`, in pixels of the input. Never panics, whatever the tensors hold.
pub type Decode =
    fn(&Manifest, &[Tensor<'_>], min_score: f32, &mut Vec<Candidate>) -> Result<(), LayoutError>;

/// An output tensor, row-major.
#[derive(Debug, Clone)]
pub struct Tensor<'a> {
    pub shape: Vec<usize>,
    pub data: &'a [f32],
}

/// A box before doubles are removed, in pixels of the network's input.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Candidate {
    pub class: Class,
    pub bbox: BBox,
    pub score: f32,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("output tensor {tensor:?} has shape {found:?}, layout {layout} expects {expected}")]
pub struct LayoutError {
    pub layout: &'static str,
    pub tensor: String,
    pub found: Vec<usize>,
    pub expected: String,
}

pub fn by_name(name: &str) -> Option<&'static Layout> {
    LAYOUTS.iter().find(|l| l.name == name)
}

pub fn names() -> String {
    LAYOUTS.iter().map(|l| l.name).collect::<Vec<_>>().join(", ")
}
