//! The inference door: road users out of pictures, and pictures for people.

pub use models_domain::effort::Priority;
use models_domain::health::Thumb;
use models_domain::{CameraId, Detection};

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

/// What came of a picture that was handed to a [`SharedDetector`].
#[derive(Debug)]
pub enum Answer {
    /// As [`Detector::detect`].
    Seen(Vec<Detection>),
    /// A newer picture of the same camera took its place before its turn came, or the machine is overloaded.
    Shed,
    Failed(InferError),
}

/// What a camera got of a [`SharedDetector`] so far, in pictures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Served {
    /// Looked at, or failed.
    pub seen: u64,
    /// [`Answer::Shed`].
    pub shed: u64,
}

/// One network that serves all cameras in batches: the newest picture of each camera wins, and no camera waits for ever.
pub trait SharedDetector: Send + Sync {
    /// Hands a picture in and returns at once; `answer` is called exactly once, on a thread of the detector, or, for the
    /// [`Answer::Shed`] of a picture whose place this one takes, before this returns: it must not wait for anything.
    fn submit(
        &self,
        camera: &CameraId,
        priority: Priority,
        picture: Picture,
        answer: Box<dyn FnOnce(Answer) + Send>,
    );
}
