//! The colour door: what the pixels of a road user look like.

use models_domain::archive::ColourVotes;
use models_domain::{BBox, Class};

use crate::camera::Picture;
use crate::infer::InferError;

/// Reads colours out of pictures.
pub trait ColourReader: Send + Sync {
    /// Votes of the pixels inside `bbox`, in pixels of `picture`, where a road user of this class shows its paint or its
    /// clothes. `None` when the picture cannot tell: too dark, without colours as infrared is, or the box too small.
    ///
    /// # Errors
    /// [`InferError::Picture`] when the planes are too short for the size.
    fn colours(
        &self,
        picture: &Picture,
        bbox: &BBox,
        class: Class,
    ) -> Result<Option<ColourVotes>, InferError>;
}
