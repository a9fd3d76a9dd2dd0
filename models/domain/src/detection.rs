//! What a network sees in one picture.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::geo::Point;

/// The road users that the system tells apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    Person,
    Bicycle,
    Motorcycle,
    Car,
    Bus,
    Truck,
}

impl Class {
    pub const ALL: [Class; 6] =
        [Class::Person, Class::Bicycle, Class::Motorcycle, Class::Car, Class::Bus, Class::Truck];

    pub fn name(self) -> &'static str {
        match self {
            Class::Person => "person",
            Class::Bicycle => "bicycle",
            Class::Motorcycle => "motorcycle",
            Class::Car => "car",
            Class::Bus => "bus",
            Class::Truck => "truck",
        }
    }

    pub fn is_vehicle(self) -> bool {
        self != Class::Person
    }

    pub fn is_two_wheeler(self) -> bool {
        matches!(self, Class::Bicycle | Class::Motorcycle)
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a class; known are person, bicycle, motorcycle, car, bus, truck")]
pub struct UnknownClass(pub String);

impl FromStr for Class {
    type Err = UnknownClass;
    fn from_str(text: &str) -> Result<Self, UnknownClass> {
        Class::ALL.into_iter().find(|c| c.name() == text).ok_or_else(|| UnknownClass(text.to_owned()))
    }
}

/// An upright box in pixels of the picture it was seen in; `x`, `y` is its upper left corner.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct BBox {
    pub x: f64,
    pub y: f64,
    pub w: f64,
    pub h: f64,
}

impl BBox {
    pub const fn new(x: f64, y: f64, w: f64, h: f64) -> Self {
        Self { x, y, w, h }
    }

    pub fn area(&self) -> f64 {
        self.w.max(0.0) * self.h.max(0.0)
    }

    pub fn center(&self) -> Point {
        Point::new(self.x + self.w / 2.0, self.y + self.h / 2.0)
    }

    /// Where the road user touches the ground: the middle of the lower edge.
    pub fn foot(&self) -> Point {
        Point::new(self.x + self.w / 2.0, self.y + self.h)
    }

    pub fn intersection(&self, other: &BBox) -> f64 {
        let w = (self.x + self.w).min(other.x + other.w) - self.x.max(other.x);
        let h = (self.y + self.h).min(other.y + other.h) - self.y.max(other.y);
        w.max(0.0) * h.max(0.0)
    }

    /// Whether they share more than an edge.
    pub fn overlaps(&self, other: &BBox) -> bool {
        self.x < other.x + other.w
            && other.x < self.x + self.w
            && self.y < other.y + other.h
            && other.y < self.y + self.h
    }

    /// Intersection over union, 0..=1.
    pub fn iou(&self, other: &BBox) -> f64 {
        let both = self.intersection(other);
        let union = self.area() + other.area() - both;
        if union > 0.0 { both / union } else { 0.0 }
    }

    /// The smallest box around both.
    pub fn union(&self, other: &BBox) -> BBox {
        let (x, y) = (self.x.min(other.x), self.y.min(other.y));
        let right = (self.x + self.w).max(other.x + other.w);
        let bottom = (self.y + self.h).max(other.y + other.h);
        BBox::new(x, y, right - x, bottom - y)
    }
}

/// One road user in one picture; `score` is the network's confidence, 0..=1.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Detection {
    pub class: Class,
    pub bbox: BBox,
    pub score: f32,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overlap() {
        let a = BBox::new(0.0, 0.0, 10.0, 10.0);
        assert_eq!(a.iou(&a), 1.0);
        assert_eq!(a.iou(&BBox::new(20.0, 0.0, 5.0, 5.0)), 0.0);
        assert!((a.iou(&BBox::new(5.0, 0.0, 10.0, 10.0)) - 1.0 / 3.0).abs() < 1e-12);
        assert_eq!(BBox::default().iou(&BBox::default()), 0.0);
        assert_eq!(a.union(&BBox::new(20.0, 5.0, 5.0, 20.0)), BBox::new(0.0, 0.0, 25.0, 25.0));
    }

    #[test]
    fn classes_by_name() {
        for class in Class::ALL {
            assert_eq!(class.name().parse(), Ok(class));
        }
        assert!("van".parse::<Class>().is_err());
    }
}
