//! Public transport: where a vehicle is.

use crate::geo::LatLon;
use crate::ids::VehicleId;
use crate::units::{Degrees, Meters, MetersPerSecond, UtcMillis};

/// One position that a tracker reported. `Event::at` of its event is `at`.
#[derive(Debug, Clone, PartialEq)]
pub struct Fix {
    pub vehicle: VehicleId,
    /// When the device measured it, by the device's clock.
    pub at: UtcMillis,
    /// When the adapter received it.
    pub received: UtcMillis,
    pub position: LatLon,
    pub speed: MetersPerSecond,
    /// Clockwise from north.
    pub course: Option<Degrees>,
    pub altitude: Option<Meters>,
    /// What the device itself says of the fix: false when it had no satellites.
    pub valid: bool,
    /// Protocol that brought it, such as `gt06`.
    pub protocol: String,
}
