//! Whether anything moves in decoded pictures: told from their brightness alone, for a hundredth of what the network takes.
//!
//! A picture is a grid of cells, each the mean brightness of some pixels, and is held against the one from about a second
//! before, its light adjusted: clouds and automatic exposure change all cells at once. What a cell changes by when nothing
//! moves (noise, leaves, a clock that ticks) is learned for each cell by itself. Two neighbours that change by more are
//! motion; so is one alone that changes by much more.

use std::collections::VecDeque;

use crate::units::{DurationMs, UtcMillis};

/// A picture is held against the newest one that is older by this.
const LAG: DurationMs = DurationMs(800);
/// Pictures closer together are not kept to be held against.
const APART: DurationMs = DurationMs(190);
/// What is farther back says nothing any more, unless there is nothing newer.
const KEPT: DurationMs = DurationMs(2_500);
const BREAK: DurationMs = DurationMs(120_000);
/// A change of brightness (of 255) below this is never motion ...
const LEAST: f32 = 1.5;
/// ... nor is one below so many times what the cell usually changes by.
const TIMES: f32 = 2.5;
/// One cell alone must change by so much more.
const ALONE: f32 = 3.0;
/// What a cell usually changes by, before it is known.
const USUAL: f32 = 0.8;
/// It follows larger changes fast and smaller ones slowly: it stands near the largest.
const LARGER: f32 = 0.2;
const SMALLER: f32 = 0.01;
/// Where something may move that nobody recognised, larger changes are followed more slowly.
const LARGER_UNSURE: f32 = 0.05;
/// Cells darker than this say nothing of the light.
const DARK: f32 = 20.0;

/// Mean brightness of each cell of a picture, 0 to 255, row by row.
#[derive(Debug, Clone, PartialEq)]
pub struct Grid {
    pub columns: usize,
    pub cells: Vec<f32>,
}

/// How sure it is that nothing moved in a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Calm {
    /// Neither its brightness nor anything else says that something moves.
    Sure,
    /// Its brightness says so, but the network saw nothing that moves.
    Unsure,
}

/// The pictures of one camera, newest last.
#[derive(Debug, Clone, Default)]
pub struct Stillness {
    past: VecDeque<(UtcMillis, Grid)>,
    usual: Vec<f32>,
    /// By how much the newest picture's cells changed.
    changed: Vec<f32>,
}

impl Stillness {
    /// Whether something moves in a picture; `None` where there is none to hold it against.
    pub fn look(&mut self, at: UtcMillis, grid: Grid) -> Option<bool> {
        let is_other = |(then, old): &(UtcMillis, Grid)| {
            at.since(*then).0.abs() > BREAK.0
                || (old.columns, old.cells.len()) != (grid.columns, grid.cells.len())
        };
        if self.past.iter().any(is_other) {
            self.past.clear();
        }
        if self.usual.len() != grid.cells.len() {
            self.usual = vec![USUAL; grid.cells.len()];
        }
        // On the way up, earlier pictures come after later ones.
        self.past.retain(|(then, _)| *then < at);
        while self.past.len() > 1 && self.past.get(1).is_some_and(|(then, _)| at.since(*then) > KEPT) {
            self.past.pop_front();
        }
        self.changed.clear();
        let older = self.past.iter().rev().find(|(then, _)| at.since(*then) >= LAG);
        let older = older.or(self.past.front());
        let is_first = older.is_none();
        if let Some((_, old)) = older {
            change(old, &grid, &mut self.changed);
        }
        let moves = (!is_first).then(|| self.is_motion(grid.columns.max(1)));
        if self.past.back().is_none_or(|(then, _)| at.since(*then) >= APART) {
            self.past.push_back((at, grid));
        }
        moves
    }

    /// Nothing moved in the picture that was looked at last.
    pub fn learn(&mut self, calm: Calm) {
        let larger = match calm {
            Calm::Sure => LARGER,
            Calm::Unsure => LARGER_UNSURE,
        };
        for (usual, changed) in self.usual.iter_mut().zip(&self.changed) {
            let off = changed - *usual;
            *usual += if off > 0.0 { larger * off } else { SMALLER * off };
        }
    }

    /// Something was taken for usual that was motion.
    pub fn doubt(&mut self) {
        self.usual.iter_mut().for_each(|usual| *usual *= 0.5);
    }

    fn is_motion(&self, columns: usize) -> bool {
        let over = |i: usize| match (self.changed.get(i), self.usual.get(i)) {
            (Some(changed), Some(usual)) => changed / (LEAST + TIMES * usual),
            (None, _) | (_, None) => 0.0,
        };
        (0..self.changed.len()).any(|i| {
            let here = over(i);
            here > 1.0
                && (here > ALONE
                    || (i % columns + 1 < columns && over(i + 1) > 1.0)
                    || over(i + columns) > 1.0)
        })
    }
}

/// By how much each cell changed beside the light.
fn change(old: &Grid, new: &Grid, changed: &mut Vec<f32>) {
    let pairs = || old.cells.iter().zip(&new.cells);
    let mut light: Vec<f32> =
        pairs().step_by(3).filter(|(old, _)| **old > DARK).map(|(old, new)| new / old).collect();
    let middle = light.len() / 2;
    let light = match light.is_empty() {
        true => 1.0,
        false => *light.select_nth_unstable_by(middle, f32::total_cmp).1,
    };
    changed.extend(pairs().map(|(old, new)| (new - light * old).abs()));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ladder::chance::Chance;

    const COLUMNS: usize = 40;
    const ROWS: usize = 30;

    /// A street of stripes with noise, its light swinging, leaves in one corner, and a car two cells wide.
    fn street(chance: &mut Chance, t_s: f64, noise: f64, car: Option<f64>) -> Grid {
        let light = 1.0 + 0.05 * (t_s / 10.0).sin();
        let cell = |i: usize| {
            let (x, y) = (i % COLUMNS, i / COLUMNS);
            let mut value = 60.0 + 40.0 * ((x / 3 + y / 4) % 3) as f64;
            if x < 6 && y < 5 {
                value += 15.0 * (t_s * 1.7 + x as f64 + 2.0 * y as f64).sin();
            }
            if car.is_some_and(|at| y == 20 && (x as f64 - at).abs() < 1.1) {
                value += 25.0;
            }
            (value * light + noise * (chance.wait(1.0) - 1.0)) as f32
        };
        Grid { columns: COLUMNS, cells: (0..COLUMNS * ROWS).map(cell).collect() }
    }

    /// Shares of the pictures in which motion was told: without a car, and with one.
    fn told(every_ms: i64, noise: f64) -> (f64, f64) {
        let (mut still, mut chance) = (Stillness::default(), Chance::new(5));
        let mut told = [(0, 0); 2];
        for n in 0..800 {
            let t_s = (n * every_ms) as f64 / 1e3;
            // Learned first; then in ten pictures of thirty a car drives by. Who has just left changes the picture too.
            let (drives, calm) = (n >= 200 && n % 30 < 10, n < 200 || n % 30 >= 20);
            let car = drives.then_some(3.0 * (n % 10) as f64 + 4.0);
            let moves = still.look(UtcMillis(n * every_ms), street(&mut chance, t_s, noise, car));
            if calm {
                still.learn(if moves == Some(true) { Calm::Unsure } else { Calm::Sure });
            }
            if n >= 200 && (drives || calm) {
                let of = &mut told[usize::from(drives)];
                *of = (of.0 + usize::from(moves == Some(true)), of.1 + 1);
            }
        }
        let [none, some] = told.map(|(yes, all)| f64::from(yes as u32) / f64::from(all as u32));
        (none, some)
    }

    #[test]
    fn a_car_is_told_from_noise_leaves_and_light() {
        for (every_ms, noise) in [(100, 0.3), (100, 1.0), (167, 0.5), (2_000, 0.5)] {
            let (none, some) = told(every_ms, noise);
            assert!(none < 0.1 && some > 0.97, "{every_ms} ms, noise {noise}: {none} and {some}");
        }
    }

    #[test]
    fn the_first_picture_of_another_size_tells_nothing() {
        let (mut still, mut chance) = (Stillness::default(), Chance::new(5));
        let grid = street(&mut chance, 0.0, 0.0, None);
        assert_eq!(still.look(UtcMillis(0), grid.clone()), None);
        assert_eq!(still.look(UtcMillis(100), grid.clone()), Some(false));
        let small = Grid { columns: 2, cells: vec![1.0; 4] };
        assert_eq!(still.look(UtcMillis(200), small), None);
        assert_eq!(still.look(UtcMillis(i64::MAX), grid), None);
    }
}
