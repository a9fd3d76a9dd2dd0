//! Where workers hand in what they found. Every call returns at once or after one write to disk; none waits for the hall.

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

    /// Keeps facts that came together. After an error some of them may be kept.
    ///
    /// # Errors
    /// [`NotKept`] when the disk refuses.
    fn keep_all(&self, facts: Vec<(UtcMillis, EventBody)>, lane: Lane) -> Result<(), NotKept> {
        let _ = lane;
        facts.into_iter().try_for_each(|(at, body)| self.keep(at, body).map(drop))
    }

    /// Whether the hall takes live facts more slowly than they come.
    fn is_behind(&self) -> bool {
        false
    }

    /// Whether that lane has no room for about so many facts until the hall has taken some.
    fn is_full(&self, lane: Lane, facts: usize) -> bool {
        let _ = (lane, facts);
        false
    }

    /// The camera is watched from the start, by nobody who knows what was under way: that has ended.
    ///
    /// # Errors
    /// [`NotKept`] as of [`KeepEvents::keep`].
    fn watched_anew(&self, camera: &CameraId) -> Result<(), NotKept> {
        let _ = camera;
        Ok(())
    }
}

/// Which way to the hall a fact takes. Each lane keeps its order; what is late never holds up what is live.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lane {
    Live,
    /// What a device stored while it was offline.
    Late,
}

/// Keeps the picture an event was found in, so that it can be opened later. Bounded: the oldest go first.
pub trait KeepStills: Send + Sync {
    /// Returns at once; a still that cannot be kept is counted and logged, never an error of the camera.
    fn keep_still(&self, id: EventId, picture: &Picture);

    /// A JPEG that proves something, kept by its SHA-256; they are the last to go. When it returns `Ok` it survives a loss of
    /// power: call it before the event that names it is kept.
    ///
    /// # Errors
    /// [`NotKept`] when the disk refuses.
    fn keep_evidence(&self, jpeg: &[u8]) -> Result<(), NotKept>;
}

/// Keeps the records of tracks that are over, so that they can be searched. Bounded: the oldest go first.
pub trait KeepTracks: Send + Sync {
    /// Returns at once; a record that cannot be kept is counted and logged, never an error of the camera.
    fn keep_track(&self, record: TrackRecord);
}
