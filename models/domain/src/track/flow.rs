//! How road users moved here of late: what may be expected of one that was just found.
//!
//! At six pictures a second a rider is more than a box further in the next picture, as near to the next rider's box as to
//! its own. Those who went before tell which way.

use std::collections::BTreeMap;

use crate::detection::{BBox, Class};

use super::motion::size_of;

/// Side of a cell, in sizes of the boxes that are gathered in it.
const SIDE: f64 = 2.0;
/// Most cells kept; a street has some hundreds.
const CELLS: usize = 4_096;
/// A cell remembers about as many road users' pictures.
const MEMORY: f64 = 40.0;
/// Below this it tells nothing.
const ENOUGH: f64 = 4.0;

/// Mean velocities by place, size and kind.
#[derive(Debug, Clone, Default)]
pub struct Flow {
    cells: BTreeMap<Key, Cell>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    /// Power of two of the box's size.
    level: i16,
    column: i32,
    row: i32,
    heavy: bool,
}

/// Velocities in sizes of the box a second.
#[derive(Debug, Clone, Copy, Default)]
struct Cell {
    weight: f64,
    x: f64,
    y: f64,
    /// Mean square off the mean, of both axes together.
    variance: f64,
}

/// A velocity in pixels a second, and one sigma of it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Usual {
    pub velocity: (f64, f64),
    pub spread: f64,
}

impl Flow {
    /// Takes note of a road user that is well known to go at `velocity`, in pixels a second.
    pub fn learn(&mut self, bbox: &BBox, class: Class, velocity: (f64, f64)) {
        let Some(key) = key(bbox, class) else { return };
        if self.cells.len() >= CELLS && !self.cells.contains_key(&key) {
            return;
        }
        let size = size_of(bbox);
        let (x, y) = (velocity.0 / size, velocity.1 / size);
        let cell = self.cells.entry(key).or_default();
        cell.weight = (cell.weight + 1.0).min(MEMORY);
        let share = 1.0 / cell.weight;
        let (dx, dy) = (x - cell.x, y - cell.y);
        cell.x += share * dx;
        cell.y += share * dy;
        cell.variance += share * ((1.0 - share) * (dx * dx + dy * dy) / 2.0 - cell.variance);
    }

    /// What one that was just found here will do; `None` where nobody went yet.
    pub fn usual(&self, bbox: &BBox, class: Class) -> Option<Usual> {
        let cell = self.cells.get(&key(bbox, class)?).filter(|c| c.weight >= ENOUGH)?;
        let size = size_of(bbox);
        Some(Usual { velocity: (cell.x * size, cell.y * size), spread: cell.variance.sqrt() * size })
    }
}

fn key(bbox: &BBox, class: Class) -> Option<Key> {
    let (size, c) = (size_of(bbox), bbox.center());
    let level = size.log2().round();
    let side = SIDE * level.exp2();
    let sound = [c.x, c.y, level].iter().all(|v| v.is_finite() && v.abs() < 1e7);
    sound.then(|| Key {
        level: level as i16,
        column: (c.x / side).floor() as i32,
        row: (c.y / side).floor() as i32,
        heavy: class.is_vehicle() && !class.is_two_wheeler(),
    })
}
