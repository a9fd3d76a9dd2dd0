//! A picture made small: grey, with what its full size says about fine detail.

/// Width, height of every thumb in pixels, whatever the shape of the picture.
pub const SIZE: (usize, usize) = (160, 90);
/// Columns, rows of the grid in which detail is measured.
pub const CELLS: (usize, usize) = (16, 9);

/// Luma as coded (16..=235 from most cameras), row by row, [`SIZE`] pixels; and the texture of each cell of the grid,
/// row by row, [`CELLS`].
#[derive(Debug, Clone, PartialEq)]
pub struct Thumb {
    pub luma: Vec<u8>,
    pub cells: Vec<Texture>,
}

/// How much neighbouring pixels differ, in levels of luma: mean of absolute differences along the rows.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Texture {
    /// Between pixels a 320th of the picture's width apart: goes first when the lens loses its focus.
    pub fine: f32,
    /// Between pixels a 40th of it apart.
    pub coarse: f32,
}

impl Thumb {
    /// Has it as many pixels and cells as it should?
    pub fn is_sound(&self) -> bool {
        self.luma.len() == SIZE.0 * SIZE.1 && self.cells.len() == CELLS.0 * CELLS.1
    }

    pub fn mean(&self) -> f64 {
        self.luma.iter().map(|p| f64::from(*p)).sum::<f64>() / self.luma.len().max(1) as f64
    }

    /// Part of the picture that is brighter than `level`, 0..=1.
    pub fn brighter_than(&self, level: u8) -> f64 {
        self.luma.iter().filter(|p| **p > level).count() as f64 / self.luma.len().max(1) as f64
    }

    /// Pixels of one cell.
    pub fn cell(&self, index: usize) -> impl Iterator<Item = u8> + '_ {
        let (w, h) = (SIZE.0 / CELLS.0, SIZE.1 / CELLS.1);
        let (x, y) = (index % CELLS.0 * w, index / CELLS.0 * h);
        (y..y + h).flat_map(move |row| self.luma[row * SIZE.0 + x..][..w].iter().copied())
    }
}
