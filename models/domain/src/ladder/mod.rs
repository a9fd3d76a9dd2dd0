//! How much of a stream is decoded: watched only, key frames only, or everything.
//!
//! Pure: it is told of every access unit (its size and kind, nothing decoded) and of what was seen in the pictures that
//! were decoded, and says on which rung the camera stands. It climbs when the stream stirs (`stir.rs`, above its `floor.rs`)
//! or a key frame shows other brightness than the one before (`still.rs`), and comes down when nothing that moves is seen any
//! more. Of what is decoded, only pictures in which something moves go through the network ([`Care`]); who stands in the others
//! is known from before (`steady.rs`). Chance decodes and analyses some quiet spans in full (`audit.rs`); what they find is the
//! estimate of what is missed (`miss.rs`).

mod audit;
mod chance;
mod climb;
mod floor;
mod miss;
mod steady;
mod still;
mod stir;
#[cfg(test)]
mod tests;

pub use self::climb::{LOOK_BACK, Ladder};
pub use self::miss::{CONFIDENCE, MissEstimate, Tally};
pub use self::steady::Steady;
pub use self::still::{Calm, Grid, Stillness};

use crate::scene::Scene;
use crate::units::UtcMillis;

/// What is done with a camera's stream. Each rung costs more than the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rung {
    /// Received and parsed; nothing is decoded.
    Watch,
    /// Key frames only are decoded and analysed.
    KeyFrames,
    /// Everything is decoded; on the way up from the kept group of pictures on.
    Full,
}

/// The least a camera gets where nothing else is said. Who counts or looks for incidents keeps an eye on the key frames: the
/// sizes of its pictures alone do not tell a motorcycle from noise.
pub fn usual_rung(scene: &Scene) -> Option<Rung> {
    (!scene.lines.is_empty() || !scene.rules.is_empty()).then_some(Rung::KeyFrames)
}

/// Which of the decoded pictures are analysed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Care {
    /// All, whatever their times.
    Every,
    /// All but those that are older than one that was analysed.
    Judged,
    /// Those in which something moves; in the others is what was there before.
    Moving,
}

/// Whether a picture can be decoded without those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum UnitKind {
    /// H.264 IDR or recovery point, or an intra picture where these never come; H.265 IRAP, every JPEG.
    Key,
    Delta,
}

/// What an access unit says of itself without being decoded.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct UnitFacts {
    pub at: UtcMillis,
    /// Coded slice data, without parameter sets, SEI and filler.
    pub bytes: u32,
    pub kind: UnitKind,
    /// Quantiser of its slices (mean, in the codec's own 0..=51), where the codec tells it.
    pub qp: Option<f32>,
}

/// What one analysed picture showed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Shown {
    /// Road users that are followed now.
    pub tracks: usize,
    /// Of these, the ones that moved of late.
    pub moving: usize,
    /// Crossings and rule events that this picture made certain.
    pub events: usize,
    /// Nothing moves in it by its brightness: with [`Care::Moving`] it is left out.
    pub still: bool,
}

/// Why a camera stands on its rung; for metrics and people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Why {
    /// A rule or the configuration wants this rung always.
    Pinned,
    /// The stream's own noise is not known yet.
    Learning,
    /// Nothing moves.
    Quiet,
    /// The stream says that something moves.
    Stirred,
    /// Road users are being followed.
    Followed,
    /// A random quiet span is decoded to measure what is missed.
    Audit,
}

/// What may be set of a ladder.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Settings {
    /// Never below this rung.
    pub pinned: Option<Rung>,
    /// Share of the watched time that is decoded in full to measure what is missed, 0 to 0.5.
    pub audit_share: f64,
    /// Share of the quiet time that climbs for nothing may cost, unless audits find misses.
    pub for_nothing_share: f64,
}

impl Default for Settings {
    fn default() -> Self {
        Self { pinned: None, audit_share: 0.015, for_nothing_share: 0.06 }
    }
}
