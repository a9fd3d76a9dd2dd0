//! Public transport: where a vehicle is, and what that means for the timetable.
//!
//! Suggested reading order: `timetable` (what is to be), `shape` and `matching` (where on its way a bus is), `evidence` and
//! `assign` (which run it does), `slot` (by what name, where starts are no promise), `claims` and `among` (what others do), `vehicle` and `day` (all of that for one bus, with `passing`s and
//! `finding`s), `headway`, `pace`, `eta`, `hold`; `road` and `probe` (buses as measures of traffic); `fleet` and `settle` (all buses),
//! `bunching`, `as_one`, `variant` and `driven`, `missing`, `gap`, `accuracy`, `report`.

pub mod accuracy;
mod among;
mod as_one;
pub mod assign;
mod bunching;
pub mod claims;
pub mod day;
mod doing;
mod driven;
pub mod eta;
pub mod evidence;
pub mod finding;
pub mod fleet;
pub mod gap;
mod grid;
pub mod headway;
pub mod hold;
mod judge;
pub mod matching;
pub mod missing;
mod of_bus;
pub mod pace;
pub mod passing;
pub mod plan;
pub mod probe;
pub mod report;
pub mod road;
pub mod settle;
pub mod shape;
mod slot;
pub mod speed_road;
mod tick;
pub mod timetable;
mod variant;
pub mod vehicle;

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
    pub told: Told,
}

/// What a tracker tells of its vehicle beside the place; `None` where it says nothing.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Told {
    /// Any door for passengers.
    pub doors_open: Option<bool>,
    pub engine_on: Option<bool>,
    /// The driver calls for help.
    pub sos: bool,
    /// Who has signed on, by the card or the number that the device read.
    pub driver: Option<String>,
    /// What the vehicle is said to do.
    pub signed: Option<assign::SignOn>,
}
