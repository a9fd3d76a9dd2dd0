//! The stream door below the pictures: access units out of a stream or a file, and decoders that make pictures of them.
//!
//! Receiving costs next to nothing; decoding is asked for unit by unit, by whoever climbed the ladder.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use models_domain::DurationMs;
use models_domain::ladder::UnitFacts;

use crate::camera::{CameraError, CameraSource, Frame};

/// How a stream's pictures are coded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Codec {
    H264,
    H265,
    /// Motion JPEG: every picture is a key frame.
    Jpeg,
    /// MPEG-4 part 2, in files.
    Mpeg4,
    /// Whatever else files hold (VP9, MPEG-2 …): key and delta as their container says, watched by its size alone.
    Other,
}

/// What a decoder must know before the first unit. A stream that changes it midway (resolution, codec, parameter sets
/// that matter) hands out a new one: compare with [`Arc::ptr_eq`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamFormat {
    pub codec: Codec,
    /// Pixels; 0 x 0 where only the first picture tells.
    pub size: (u32, u32),
    /// H.264 and H.265: the parameter sets in use, as Annex B; empty until they came in band. Of other codecs what the
    /// decoder must be told, in the words of whoever read the stream.
    pub parameter_sets: Vec<u8>,
}

/// All bytes of one coded picture (RFC 6184 §1.2: access unit). Cloning copies no byte.
#[derive(Clone)]
pub struct AccessUnit {
    pub facts: UnitFacts,
    /// Place in the stream, counting up by one. A number left out is a unit left out, on the way here or by whoever hands
    /// units on: a decoder takes a delta only right after the unit before it, since it would guess the picture otherwise.
    pub number: u64,
    /// How far `facts.at` may be off, either way.
    pub uncertainty: DurationMs,
    /// Presentation time on the stream's own clock.
    pub pts: DurationMs,
    pub format: Arc<StreamFormat>,
    /// Annex B with start codes for H.264 and H.265; a key frame carries its parameter sets.
    pub data: Arc<[u8]>,
}

impl fmt::Debug for AccessUnit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AccessUnit({:?}, {:?})", self.facts, self.format.codec)
    }
}

/// What [`UnitStream::next`] found.
#[derive(Debug)]
pub enum NextUnit {
    Unit(AccessUnit),
    /// Packets were lost: what follows is damaged until the next key frame.
    Lost,
    /// The file is over, or the server ended the stream.
    End,
}

/// An open stream of access units.
#[async_trait]
pub trait UnitStream: Send {
    /// Waits for the next unit. Cancel safe: dropping the future loses nothing.
    ///
    /// # Errors
    /// [`CameraError`] when the stream broke; open it anew after a pause.
    async fn next(&mut self) -> Result<NextUnit, CameraError>;
}

/// Turns units into pictures, on the thread that calls it. One per stream; hardware decoders may hold pictures back.
pub trait PictureDecoder: Send {
    /// Decodes one unit and appends the pictures that are complete, in presentation order. After a gap in
    /// [`AccessUnit::number`] everything is left out until the next key frame. A damaged picture is left out, never guessed.
    ///
    /// # Errors
    /// [`CameraError::Undecodable`] when the decoder gives up; make a new one.
    fn decode(&mut self, unit: &AccessUnit, out: &mut Vec<Frame>) -> Result<(), CameraError>;

    /// Appends the pictures that were held back, so that a lone key frame gives its picture at once; what follows is left
    /// out until the next key frame.
    ///
    /// # Errors
    /// As [`PictureDecoder::decode`].
    fn drain(&mut self, out: &mut Vec<Frame>) -> Result<(), CameraError>;
}

/// Opens streams and makes decoders.
#[async_trait]
pub trait UnitDriver: Send + Sync {
    /// Connects; for a live camera, until the other side plays. Files are read as fast as they are taken.
    ///
    /// # Errors
    /// [`CameraError`] naming the camera without its password.
    async fn open(&self, source: &CameraSource) -> Result<Box<dyn UnitStream>, CameraError>;

    /// The best decoder of this machine for `format`.
    ///
    /// # Errors
    /// [`CameraError::Undecodable`] naming what must be installed.
    fn decoder(
        &self,
        source: &CameraSource,
        format: &Arc<StreamFormat>,
    ) -> Result<Box<dyn PictureDecoder>, CameraError>;
}
