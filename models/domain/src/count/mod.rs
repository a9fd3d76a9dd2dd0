//! Counting: which way a track crossed a line, added up by the minute.

mod line;
pub mod minutes;

#[cfg(test)]
mod line_tests;

pub use line::LineCounter;
pub use minutes::{MinuteCount, MinuteCounts, Tally};

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::detection::Class;
use crate::ids::{LineId, TrackId};

/// Which side of a line a→b a road user went to, seen standing on a and looking to b in the picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    ToRight,
    ToLeft,
}

impl fmt::Display for Direction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Direction::ToRight => "to_right",
            Direction::ToLeft => "to_left",
        })
    }
}

/// One road user crossed one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineCrossing {
    pub line: LineId,
    pub class: Class,
    pub direction: Direction,
    pub track: TrackId,
}
