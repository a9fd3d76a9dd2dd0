//! What trackers say and what they understand, for whoever plays one: the simulator of this crate, and the load measurement.
//!
//! Written by the standard for itself: it shares no code with what reads it.

pub mod jt808;

/// Where and when, as a device measured it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Fix {
    /// Seconds of 1970, UTC.
    pub at_s: i64,
    pub lat: f64,
    pub lon: f64,
    pub speed_kmh: u8,
    /// Degrees, 0..360.
    pub course: u16,
}
