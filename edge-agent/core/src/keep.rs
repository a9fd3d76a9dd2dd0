//! Where workers hand in what they found. Both calls return at once or after one write to disk; neither waits for the hall.

use hardware_ports::camera::Picture;
use hardware_ports::sink::NotKept;
use models_domain::archive::TrackRecord;
use models_domain::{CameraId, EventBody, EventId, UtcMillis};

/// Takes facts and never loses one: numbered, on disk, and sent until the hall says "stored up to".
pub trait KeepEvents: Send + Sync {
    /// Keeps one fact. When it returns, a killed process has lost nothing.
    ///
    /// # Errors
    /// [`NotKept`] when the disk refuses; the fact is not numbered then and the caller may try again.
    fn keep(&self, at: UtcMillis, body: EventBody) -> Result<EventId, NotKept>;

    /// The camera is watched from the start, by nobody who knows what was under way: that has ended.
    ///
    /// # Errors
    /// [`NotKept`] as of [`KeepEvents::keep`].
    fn watched_anew(&self, camera: &CameraId) -> Result<(), NotKept> {
        let _ = camera;
        Ok(())
    }
}

/// Keeps the picture an event was found in, so that it can be opened later. Bounded: the oldest go first.
pub trait KeepStills: Send + Sync {
    /// Returns at once; a still that cannot be kept is counted and logged, never an error of the camera.
    fn keep_still(&self, id: EventId, picture: &Picture);
}

/// Keeps the records of tracks that are over, so that they can be searched. Bounded: the oldest go first.
pub trait KeepTracks: Send + Sync {
    /// Returns at once; a record that cannot be kept is counted and logged, never an error of the camera.
    fn keep_track(&self, record: TrackRecord);
}
