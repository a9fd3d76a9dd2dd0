//! How much of its gateway a camera gets now, and why: told to people, never silent.

use crate::ladder::{MissEstimate, Rung, Why};

/// Who is served first when the machine cannot serve all: declared per camera.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Priority {
    /// Only whether the camera works and what stands around.
    Health,
    /// Rules that look for incidents.
    Incident,
    /// Junction counts: a picture lost is a count lost.
    Counting,
}

/// What one camera gets now.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Effort {
    pub rung: Rung,
    /// `None` while somebody looks at the live picture, for whom it is decoded.
    pub why: Option<Why>,
    pub priority: Priority,
    /// The part (0..=1) of the pictures whose turn it is that is analysed; below 1 the machine is overloaded, at 0 the camera
    /// rests while others are served.
    pub share: f32,
    /// Pictures left unseen because of the load, since the gateway started.
    pub shed: u64,
    /// What the ladder misses; `None` until the first audit is over and something was found at all.
    pub missed: Option<MissEstimate>,
}
