//! What cameras and detectors see of a junction, lane by lane.

use crate::signal::group_set::GroupSet;
use crate::units::{DurationMs, Meters, MetersPerSecond};

/// One lane before a stop line.
#[derive(Debug, Clone, PartialEq)]
pub struct Lane {
    /// The signal groups that let it go.
    pub groups: GroupSet,
    pub speed_free: MetersPerSecond,
    /// How many vehicles leave it side by side: 1, or more for short lanes that are watched as one.
    pub width: f64,
}

/// A vehicle on its way to the stop line.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Vehicle {
    pub to_line: Meters,
    pub speed: MetersPerSecond,
    /// How much a second of its delay counts: 1 for a car, more for a bus that is late and full.
    pub weight: f64,
}

/// One lane at one instant.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct LaneSeen {
    /// In any order.
    pub vehicles: Vec<Vehicle>,
    /// Over the stop line since the step before.
    pub passed: u32,
    /// How long the first vehicle has stood.
    pub head_wait: DurationMs,
    /// Groups whose exit is full: green for them fills the junction.
    pub blocked: GroupSet,
    /// What watches the lane has failed: it is served as the plan has it.
    pub failed: bool,
}

impl LaneSeen {
    /// Somebody stands at the line.
    pub fn waits(&self) -> bool {
        self.vehicles.iter().any(|vehicle| vehicle.to_line.0 < 15.0 && vehicle.speed.0 < 1.0)
    }
}
