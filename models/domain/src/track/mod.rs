//! Following road users from picture to picture.

use crate::detection::{BBox, Class};
use crate::ids::TrackId;
use crate::units::UtcMillis;

/// One road user as the tracker believes it to be at the time of a step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Track {
    pub id: TrackId,
    /// The class most of its detections voted for, weighted by score.
    pub class: Class,
    /// Filtered box in pixels of the scene.
    pub bbox: BBox,
    /// Filtered speed of the box's centre in pixels a second: x, y.
    pub velocity: (f64, f64),
    /// Score of the last detection that fed it.
    pub score: f32,
    /// First detection.
    pub began: UtcMillis,
    /// Last detection; earlier than the step's time while the track is coasting.
    pub seen: UtcMillis,
}
