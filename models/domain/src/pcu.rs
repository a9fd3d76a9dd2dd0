//! Passenger-car units: how much of the road one road user takes, so that mixed traffic becomes one number.

use std::collections::BTreeMap;

use crate::detection::Class;

/// Weight of each class, a car being 1. A person on foot weighs nothing unless a scene says so.
///
/// The defaults are the motorcycle-equivalent units of Hanoi (Cao and Sano 2012: car 3.4, bus 10.5, minibus 8.3, bicycle
/// 1.4), divided by that of the car. A truck, which they do not list, is taken as a minibus.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PcuTable {
    weights: [f64; Class::ALL.len()],
}

const CAR_MCU: f64 = 3.4;
/// Heavier than this is a slip of the pen.
const HEAVIEST: f64 = 20.0;

impl Default for PcuTable {
    fn default() -> Self {
        let weight = |class| match class {
            Class::Person => 0.0,
            Class::Bicycle => 1.4 / CAR_MCU,
            Class::Motorcycle => 1.0 / CAR_MCU,
            Class::Car => 1.0,
            Class::Bus => 10.5 / CAR_MCU,
            Class::Truck => 8.3 / CAR_MCU,
        };
        Self { weights: Class::ALL.map(weight) }
    }
}

impl PcuTable {
    pub fn of(&self, class: Class) -> f64 {
        Class::ALL.iter().zip(self.weights).find(|(c, _)| **c == class).map_or(0.0, |(_, weight)| weight)
    }

    pub fn sum(&self, classes: impl IntoIterator<Item = Class>) -> f64 {
        // Not `sum()`: that of nothing is -0.0.
        classes.into_iter().fold(0.0, |sum, class| sum + self.of(class))
    }

    /// This table with some classes weighed anew, by name.
    ///
    /// # Errors
    /// Every name that is no class and every weight outside 0 to 20.
    pub fn with(self, weights: &BTreeMap<String, f64>) -> Result<Self, Vec<String>> {
        let mut table = self;
        let mut problems = Vec::new();
        for (name, &weight) in weights {
            let Some(i) = Class::ALL.iter().position(|c| c.name() == name) else {
                let known = Class::ALL.map(Class::name).join(", ");
                problems.push(format!("pcu: {name:?} is not a class; known are {known}"));
                continue;
            };
            if (0.0..=HEAVIEST).contains(&weight) {
                table.weights[i] = weight;
            } else {
                problems.push(format!("pcu: {name} = {weight} is not within 0 and {HEAVIEST}; a car is 1"));
            }
        }
        if problems.is_empty() { Ok(table) } else { Err(problems) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hanoi_weights() {
        let table = PcuTable::default();
        assert!((table.of(Class::Motorcycle) - 0.294).abs() < 0.001);
        assert!((table.of(Class::Bus) - 3.088).abs() < 0.001);
        assert_eq!(table.of(Class::Person), 0.0);
        assert!((table.sum([Class::Car, Class::Motorcycle, Class::Motorcycle]) - 1.588).abs() < 0.001);
    }

    #[test]
    fn a_scene_may_weigh_anew() {
        let table = PcuTable::default().with(&BTreeMap::from([("truck".to_owned(), 2.0)])).unwrap();
        assert_eq!((table.of(Class::Truck), table.of(Class::Car)), (2.0, 1.0));
        let wrong = BTreeMap::from([("van".to_owned(), 1.0), ("bus".to_owned(), -1.0)]);
        let problems = PcuTable::default().with(&wrong).unwrap_err().join("; ");
        assert_eq!(
            problems,
            "pcu: bus = -1 is not within 0 and 20; a car is 1; \
             pcu: \"van\" is not a class; known are person, bicycle, motorcycle, car, bus, truck"
        );
    }
}
