//! The inference door: road users out of pictures, and pictures for people.

use models_domain::Detection;
pub use models_domain::effort::Priority;
use models_domain::health::Thumb;

use crate::camera::Picture;

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InferError {
    #[error("model {model}: {why}")]
    Model { model: String, why: String },
    #[error("the picture cannot be used: {0}")]
    Picture(String),
}

/// One network, shared by all cameras.
pub trait Detector: Send + Sync {
    /// The road users of one picture, boxes in pixels of that picture, double boxes removed, best first.
    /// Waits for its turn when other cameras are being served.
    ///
    /// # Errors
    /// [`InferError`] when the network fails or the picture is not what it says.
    fn detect(&self, picture: &Picture) -> Result<Vec<Detection>, InferError>;
}

/// Pictures that people look at.
pub trait PictureEncoder: Send + Sync {
    /// The picture as JPEG, scaled down to at most `max_width` pixels; quality 1..=100.
    ///
    /// # Errors
    /// [`InferError::Picture`] when the planes are too short for the size.
    fn jpeg(&self, picture: &Picture, max_width: u32, quality: u8) -> Result<Vec<u8>, InferError>;
}

/// Pictures made small, to see whether a camera still shows what it should.
pub trait PictureMeter: Send + Sync {
    /// The picture as a grey thumb with its texture: a millisecond or less, for about one picture a second.
    ///
    /// # Errors
    /// [`InferError::Picture`] when the planes are too short for the size.
    fn thumb(&self, picture: &Picture) -> Result<Thumb, InferError>;
}
