//! The way of a vehicle that must not wait, stop line after stop line: along a corridor, or along a route that turns from one
//! street into another.

use super::corridor::{Corridor, Way};
use crate::ids::JunctionId;
use crate::units::Meters;

/// A way from somewhere to somewhere, in one direction, as the hall's configuration has it. A junction may lie on several.
#[derive(Debug, Clone, PartialEq)]
pub struct Route {
    pub id: String,
    pub name: String,
    /// In the order of the way, each junction once; at least two.
    pub passes: Vec<Pass>,
}

/// One stop line on a way.
#[derive(Debug, Clone, PartialEq)]
pub struct Pass {
    pub junction: JunctionId,
    /// Along the way from its first stop line; grows.
    pub at: Meters,
    /// The signal group by which the way goes on, turn or not, counted from 0.
    pub group: u8,
}

impl Corridor {
    /// The stop lines of one way in its order, from the way's first.
    pub fn passes(&self, way: Way) -> Vec<Pass> {
        let end = self.places.last().map_or(0.0, |last| last.at.0);
        let begin = self.places.first().map_or(0.0, |first| first.at.0);
        let passes = self.places.iter().map(|place| {
            let (at, group) = match way {
                Way::Out => (place.at.0 - begin, place.out),
                Way::Back => (end - place.at.0, place.back),
            };
            Pass { junction: place.junction.clone(), at: Meters(at), group }
        });
        match way {
            Way::Out => passes.collect(),
            Way::Back => passes.rev().collect(),
        }
    }
}
