//! What a rule measured: typed values that travel with its events.

use std::fmt;

/// One value. Its unit is in the kind.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Measure {
    pub what: MeasureKind,
    pub value: f64,
}

/// What a value measures, in which unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MeasureKind {
    /// Vehicles, counted: two-wheelers too, people on foot not.
    Vehicles,
    /// The same vehicles in passenger-car units.
    Pcu,
    /// People on foot.
    Persons,
    /// Part of the time in which anybody was there, 0..=100 (detector occupancy).
    OccupancyPercent,
    /// Length of a queue on the ground, metres.
    QueueMeters,
    /// Passenger-car units a kilometre and lane.
    DensityPcuPerKmLane,
    /// People a square metre.
    DensityPersonsPerM2,
    /// Metres a second.
    SpeedMps,
    /// One standard deviation of the speed, metres a second.
    SpeedUncertaintyMps,
    /// What is allowed, metres a second.
    SpeedLimitMps,
    /// Level of service: 0 is A, 5 is F.
    LevelOfService,
    /// How far the view has moved, percent of the picture's width.
    ShiftPercent,
    /// What is left of the detail that the camera once showed, 0..=100 and a little beyond.
    DetailPercent,
    /// Mean brightness of the picture as coded, 0..=255.
    Luma,
    /// Vehicles that ran a red light, told.
    RanRed,
    /// Vehicles that were over a stop line so close to a change of its lamp that a clock's error can explain it: not told.
    RedWithinError,
    /// Vehicles over a stop line at what seemed red, of which nobody knows for certain what its lamp showed, or which were
    /// not seen on both sides: not told.
    RedUnproven,
}

impl MeasureKind {
    pub const ALL: [MeasureKind; 17] = [
        MeasureKind::Vehicles,
        MeasureKind::Pcu,
        MeasureKind::Persons,
        MeasureKind::OccupancyPercent,
        MeasureKind::QueueMeters,
        MeasureKind::DensityPcuPerKmLane,
        MeasureKind::DensityPersonsPerM2,
        MeasureKind::SpeedMps,
        MeasureKind::SpeedUncertaintyMps,
        MeasureKind::SpeedLimitMps,
        MeasureKind::LevelOfService,
        MeasureKind::ShiftPercent,
        MeasureKind::DetailPercent,
        MeasureKind::Luma,
        MeasureKind::RanRed,
        MeasureKind::RedWithinError,
        MeasureKind::RedUnproven,
    ];

    /// Short stable name with the unit at its end: the key of tables and JSON lines.
    pub fn name(self) -> &'static str {
        match self {
            MeasureKind::Vehicles => "vehicles",
            MeasureKind::Pcu => "pcu",
            MeasureKind::Persons => "persons",
            MeasureKind::OccupancyPercent => "occupancy_percent",
            MeasureKind::QueueMeters => "queue_m",
            MeasureKind::DensityPcuPerKmLane => "density_pcu_per_km_lane",
            MeasureKind::DensityPersonsPerM2 => "density_persons_per_m2",
            MeasureKind::SpeedMps => "speed_mps",
            MeasureKind::SpeedUncertaintyMps => "speed_uncertainty_mps",
            MeasureKind::SpeedLimitMps => "speed_limit_mps",
            MeasureKind::LevelOfService => "level_of_service",
            MeasureKind::ShiftPercent => "shift_percent",
            MeasureKind::DetailPercent => "detail_percent",
            MeasureKind::Luma => "luma",
            MeasureKind::RanRed => "ran_red",
            MeasureKind::RedWithinError => "red_within_error",
            MeasureKind::RedUnproven => "red_unproven",
        }
    }

    pub fn of(self, value: f64) -> Measure {
        Measure { what: self, value }
    }
}

impl fmt::Display for Measure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={:.2}", self.what.name(), self.value)
    }
}
