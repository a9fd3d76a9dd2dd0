//! From output tensors to the road users of a picture.

use models_domain::Detection;

use crate::layouts::{LayoutError, Tensor};
use crate::letterbox::Letterbox;
use crate::manifest::Manifest;
use crate::{nms, riders};

/// What is wanted of the boxes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Wish {
    /// Weaker boxes are left out.
    pub min_score: f32,
    pub riders: Riders,
}

/// Whether a rider and a two-wheeler are told as one road user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Riders {
    /// One box around both, with the class of the two-wheeler: how traffic is counted.
    Merged,
    /// Two boxes, as the network was taught.
    Apart,
}

impl Wish {
    pub fn of(manifest: &Manifest) -> Self {
        Self { min_score: manifest.thresholds.min_score, riders: Riders::Merged }
    }
}

/// The road users of a picture, in its pixels, doubles removed, best first.
///
/// # Errors
/// [`LayoutError`] when the tensors are not what the manifest's layout expects.
pub fn detections(
    manifest: &Manifest,
    wish: &Wish,
    tensors: &[Tensor<'_>],
    place: &Letterbox,
) -> Result<Vec<Detection>, LayoutError> {
    let mut candidates = Vec::new();
    (manifest.layout.decode)(manifest, tensors, wish.min_score, &mut candidates)?;
    let mut kept = nms::suppress(candidates, &manifest.thresholds);
    if wish.riders == Riders::Merged {
        kept = riders::merge(&kept);
    }
    let in_picture = kept.iter().map(|c| Detection {
        class: c.class,
        bbox: place.to_picture(&c.bbox),
        score: c.score.clamp(0.0, 1.0),
    });
    // What lies wholly in the letterbox's margin has no area in the picture.
    Ok(in_picture.filter(|d| d.bbox.area() > 0.0).collect())
}
