//! Which things lie near a place.

use std::collections::BTreeMap;

use crate::geo::LatLon;

/// Things by squares of the earth of about 220 m.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Grid {
    by_square: BTreeMap<(i32, i32), Vec<usize>>,
}

impl Grid {
    fn square(at: LatLon) -> (i32, i32) {
        ((at.lat.0 / 0.002).floor() as i32, (at.lon.0 / 0.002).floor() as i32)
    }

    pub fn add(&mut self, at: LatLon, thing: usize) {
        self.by_square.entry(Self::square(at)).or_default().push(thing);
    }

    /// In the square and those around it, in the order in which they were added.
    pub fn near(&self, at: LatLon) -> Vec<usize> {
        let (y, x) = Self::square(at);
        let squares = (y - 1..=y + 1).flat_map(|y| (x - 1..=x + 1).map(move |x| (y, x)));
        let mut near: Vec<usize> =
            squares.filter_map(|square| self.by_square.get(&square)).flatten().copied().collect();
        near.sort_unstable();
        near
    }
}
