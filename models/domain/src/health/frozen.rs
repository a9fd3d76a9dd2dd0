//! A picture that stands still. A live sensor has noise: even an empty street at night changes a level here and there, so
//! still means still to the last bit, but for a clock that the camera writes at the edge.

use super::thumb::{CELLS, Thumb};
use crate::units::{DurationMs, UtcMillis};

/// Most cells in which a written clock ticks, all of them in the two upper or two lower rows.
const CLOCK_CELLS: usize = 8;
const CLOCK_ROWS: usize = 2;
/// Looks that must agree before one says that it stands still: a network that stutters repeats a picture too.
const LOOKS: u32 = 5;
/// Two looks nearer to each other than this are one: a picture looked at twice is no picture that stands still.
const APART: DurationMs = DurationMs(200);

#[derive(Debug, Clone, Default)]
pub struct Frozen {
    last: Option<(UtcMillis, Thumb)>,
    still: u32,
}

impl Frozen {
    /// Whether the last looks agreed, too few of them to say so.
    pub fn is_unsure(&self) -> bool {
        (1..LOOKS).contains(&self.still)
    }

    /// Whether it stands still; `None` while that is not known yet.
    pub fn step(&mut self, at: UtcMillis, thumb: &Thumb) -> Option<bool> {
        let Some((before, last)) = &self.last else {
            self.last = Some((at, thumb.clone()));
            return None;
        };
        if (0..APART.0).contains(&at.since(*before).0) {
            return None;
        }
        let is_same = stands(last, thumb);
        self.still = if is_same { self.still.saturating_add(1) } else { 0 };
        self.last = Some((at, thumb.clone()));
        match is_same {
            true if self.still < LOOKS => None,
            same => Some(same),
        }
    }
}

fn stands(a: &Thumb, b: &Thumb) -> bool {
    let changed = (0..CELLS.0 * CELLS.1).filter(|&i| a.cell(i).ne(b.cell(i)) || a.cells[i] != b.cells[i]);
    let mut cells = 0;
    for cell in changed {
        let row = cell / CELLS.0;
        if (CLOCK_ROWS..CELLS.1 - CLOCK_ROWS).contains(&row) {
            return false;
        }
        cells += 1;
    }
    cells <= CLOCK_CELLS
}
