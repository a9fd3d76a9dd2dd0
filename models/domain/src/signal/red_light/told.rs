//! What is told of somebody who ran a red light: everything that the judgement stood on.

use super::Passage;
use crate::count::Direction;
use crate::detection::{BBox, Class};
use crate::ids::{JunctionId, LineId, TrackId};
use crate::units::{DurationMs, UtcMillis};

/// Changes of the lamp that go with an event, at most.
pub const LAMP_MAX: usize = 16;

/// A red light that was run. `Event::at` is when the vehicle touched the ground on the line, by our clock.
#[derive(Debug, Clone, PartialEq)]
pub struct RedLightRun {
    pub line: LineId,
    pub direction: Direction,
    pub junction: JunctionId,
    /// In the controller's order, from 1.
    pub group: u16,
    pub class: Class,
    pub track: TrackId,
    pub passage: Passage,
    /// How long it had been red at least when the vehicle's foremost point came to the line, errors taken off.
    pub red_for: DurationMs,
    /// How long it had been red at `Event::at` as both clocks say; off by at most [`Self::error`].
    pub into_red: DurationMs,
    pub camera_error: DurationMs,
    /// How far the lamp's times may be off, how late the controller notices a change included.
    pub signal_error: DurationMs,
    /// The controller's clock less ours.
    pub clock_ahead: DurationMs,
    /// Until when the lamp is known.
    pub known_until: UtcMillis,
    pub lamp: Vec<LampState>,
    /// Of the pictures at the line, before and after it.
    pub stills: Vec<EvidenceStill>,
}

/// What the lamp showed from one moment on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LampState {
    /// RSMP S0001; `-` where nobody knows.
    pub state: char,
    /// By our clock: it began between these two, but for [`RedLightRun::signal_error`].
    pub at: UtcMillis,
    pub by: UtcMillis,
    pub controller_at: UtcMillis,
}

/// A picture of the evidence. Its JPEG stays at the gateway until the hall has fetched it.
#[derive(Debug, Clone, PartialEq)]
pub struct EvidenceStill {
    pub at: UtcMillis,
    /// The vehicle, in pixels of the scene's size.
    pub bbox: BBox,
    /// SHA-256 of the JPEG.
    pub sha256: [u8; 32],
}

impl RedLightRun {
    /// How far [`Self::into_red`] may be off.
    pub fn error(&self) -> DurationMs {
        self.camera_error + self.signal_error
    }
}
