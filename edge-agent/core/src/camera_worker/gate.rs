//! Which of the decoded pictures go through the network: those in which something moves, and some of the time after.

use hardware_ports::camera::{Frame, Picture, PixelFormat};
use models_domain::ladder::{Calm, Care, Grid, Stillness};
use models_domain::{DurationMs, UtcMillis};

use crate::analysis::Compared;

/// Cells along a picture's width. The network looks at pictures of 640 pixels: 8 of those a cell.
const COLUMNS: usize = 80;
/// Of each cell about so many pixels are read along each side.
const READ: usize = 8;
/// So long after the last motion pictures are still analysed.
const HOLD: DurationMs = DurationMs(1_000);
/// The same while the network has seen nobody move: long enough for a road user to become certain.
const HOLD_UNSEEN: DurationMs = DurationMs(500);
/// What was seen is looked at anew after this long, whatever moves: light changes, and the network may see more.
const RENEW: DurationMs = DurationMs(20_000);
/// Who left changes the picture for about so long: nothing is learned then.
const GHOST: DurationMs = DurationMs(2_500);
/// Time back by more is a clock that was set: pictures that are looked at late are never older, since on the way up they begin
/// [`models_domain::ladder::LOOK_BACK`] before.
const BREAK: DurationMs = DurationMs(5_000);

/// What is done with a decoded picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pass {
    /// It is older than what was judged already.
    Old,
    /// Through the network.
    Analyse(Compared),
    /// Nothing moves in it.
    Still,
    /// Something moves in it, but those before it come first.
    Later,
}

#[derive(Debug)]
pub struct Gate {
    care: Care,
    still: Stillness,
    /// Newest picture that was judged, that went through the network, that moved, and that showed a road user moving.
    judged: Option<UtcMillis>,
    analysed: Option<UtcMillis>,
    moved: Option<UtcMillis>,
    showed: Option<UtcMillis>,
    /// Since the network last looked, something moved or may have.
    changed: bool,
}

impl Gate {
    pub fn new() -> Self {
        let (judged, analysed, moved, showed) = (None, None, None, None);
        let (care, still) = (Care::Every, Stillness::default());
        Self { care, still, judged, analysed, moved, showed, changed: true }
    }

    pub fn careful(&mut self, care: Care) {
        self.care = care;
    }

    /// `alone`: a key frame whose neighbours are not decoded. Whether something moves in it is in `moves`.
    pub fn picture(&mut self, frame: &Frame, alone: bool, moves: &mut bool) -> Pass {
        let is_old = |judged: UtcMillis| (0..BREAK.0).contains(&judged.since(frame.at).0);
        if self.care != Care::Every && self.judged.is_some_and(is_old) {
            return Pass::Old;
        }
        let told = grid(&frame.picture).and_then(|grid| self.still.look(frame.at, grid));
        *moves = told == Some(true);
        if *moves {
            self.moved = Some(frame.at);
        }
        let within =
            |then: Option<UtcMillis>, span| then.is_some_and(|then| frame.at.since(then).0.abs() < span);
        // What was seen to move is remembered a little longer than its motion is.
        let seen = within(self.showed, HOLD.0 + GHOST.0) && within(self.moved, HOLD.0);
        let still = told == Some(false) && !seen && !within(self.moved, HOLD_UNSEEN.0);
        self.changed |= told != Some(false);
        let is_new = within(self.analysed, RENEW.0);
        match self.care {
            Care::Every | Care::Judged => self.analyse(frame.at, still),
            Care::Moving if alone && *moves => Pass::Later,
            Care::Moving if told.is_some() && is_new && (still || alone) => {
                self.still.learn(Calm::Sure);
                self.judged = Some(frame.at);
                Pass::Still
            }
            Care::Moving => self.analyse(frame.at, still),
        }
    }

    /// What came of a picture that went through the network: how many road users move, and how many events.
    pub fn showed(&mut self, at: UtcMillis, still: bool, moving: usize, events: usize) {
        self.changed = false;
        if moving > 0 && !still {
            self.showed = Some(at);
        }
        if moving > 0 && still && events > 0 {
            self.still.doubt();
        }
        if self.showed.is_none_or(|showed| at.since(showed).0.abs() > GHOST.0) {
            self.still.learn(if still { Calm::Sure } else { Calm::Unsure });
        }
    }

    fn analyse(&mut self, at: UtcMillis, still: bool) -> Pass {
        (self.judged, self.analysed) = (Some(at), Some(at));
        Pass::Analyse(Compared { anew: self.changed, still })
    }
}

/// `None` for a picture without a plane of brightness.
fn grid(picture: &Picture) -> Option<Grid> {
    match picture.format {
        PixelFormat::I420 | PixelFormat::Nv12 => {}
        PixelFormat::Rgb => return None,
    }
    let (width, height) = (picture.width as usize, picture.height as usize);
    let side = (width / COLUMNS).max(1);
    let (columns, rows, step) = (width / side, height / side, (side / READ).max(1));
    let plane = picture.planes.plane(0);
    let mut cells = Vec::with_capacity(columns * rows);
    let mut sums = vec![0_u32; columns];
    for row in 0..rows {
        sums.fill(0);
        for y in (0..side).step_by(step) {
            let start = (row * side + y) * plane.stride;
            let line = plane.data.get(start..start + columns * side)?;
            for (sum, cell) in sums.iter_mut().zip(line.chunks_exact(side)) {
                *sum += cell.iter().step_by(step).map(|v| u32::from(*v)).sum::<u32>();
            }
        }
        let read = side.div_ceil(step).pow(2) as f32;
        cells.extend(sums.iter().map(|sum| *sum as f32 / read));
    }
    Some(Grid { columns, cells })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use hardware_ports::camera::OwnedPlanes;

    use super::*;

    /// A grey street of 160 x 96 pixels; a white car at `x`.
    fn frame(at: i64, car: Option<usize>) -> Frame {
        let mut data = vec![90_u8; 160 * 96 * 3 / 2];
        if let Some(x) = car {
            (40..56).for_each(|y| data[y * 160 + x..y * 160 + x + 20].fill(200));
        }
        let planes = vec![(0, 160), (160 * 96, 80), (160 * 96 * 5 / 4, 80)];
        let planes = Arc::new(OwnedPlanes { data, planes });
        let picture = Picture { width: 160, height: 96, format: PixelFormat::I420, planes };
        Frame { at: UtcMillis(at), pts: DurationMs(at), picture }
    }

    fn told(gate: &mut Gate, at: i64, car: Option<usize>, alone: bool) -> String {
        let mut moves = false;
        let pass = gate.picture(&frame(at, car), alone, &mut moves);
        let pass = match pass {
            Pass::Analyse(Compared { anew, still }) => format!("Analyse(anew: {anew}, still: {still})"),
            Pass::Old | Pass::Still | Pass::Later => format!("{pass:?}"),
        };
        format!("{pass}{}", if moves { " moves" } else { "" })
    }

    #[test]
    fn only_what_moves_is_analysed_and_a_second_after_it() {
        let mut gate = Gate::new();
        gate.careful(Care::Moving);
        // Nothing to hold it against.
        assert_eq!(told(&mut gate, 0, None, false), "Analyse(anew: true, still: false)");
        assert_eq!(told(&mut gate, 100, None, false), "Still");
        assert_eq!(told(&mut gate, 1_000, Some(10), false), "Analyse(anew: true, still: false) moves");
        assert_eq!(told(&mut gate, 1_100, Some(20), false), "Analyse(anew: true, still: false) moves");
        // The car stands; a second ago it did not yet.
        assert_eq!(told(&mut gate, 2_000, Some(20), false), "Analyse(anew: true, still: false) moves");
        gate.showed(UtcMillis(2_000), false, 1, 0);
        assert_eq!(told(&mut gate, 2_900, Some(20), false), "Analyse(anew: false, still: false)");
        assert_eq!(told(&mut gate, 3_100, Some(20), false), "Still");
        gate.careful(Care::Judged);
        assert_eq!(told(&mut gate, 4_200, Some(20), false), "Analyse(anew: false, still: true)");
        gate.careful(Care::Every);
        assert_eq!(told(&mut gate, 4_300, Some(20), false), "Analyse(anew: false, still: true)");
    }

    #[test]
    fn motion_in_which_the_network_sees_nobody_is_looked_after_for_less_long() {
        let mut gate = Gate::new();
        gate.careful(Care::Moving);
        for at in [0, 100] {
            told(&mut gate, at, None, false);
        }
        assert_eq!(told(&mut gate, 1_000, Some(10), false), "Analyse(anew: true, still: false) moves");
        gate.showed(UtcMillis(1_000), false, 0, 0);
        told(&mut gate, 1_100, None, false);
        assert_eq!(told(&mut gate, 1_400, None, false), "Analyse(anew: false, still: false)");
        assert_eq!(told(&mut gate, 1_600, None, false), "Still");
    }

    #[test]
    fn a_key_frame_with_motion_waits_for_those_before_it() {
        let mut gate = Gate::new();
        gate.careful(Care::Moving);
        told(&mut gate, 0, None, true);
        assert_eq!(told(&mut gate, 2_000, None, true), "Still");
        assert_eq!(told(&mut gate, 4_000, Some(30), true), "Later moves");
        assert_eq!(told(&mut gate, 1_900, None, false), "Old");
        assert_eq!(told(&mut gate, 3_000, Some(10), false), "Analyse(anew: true, still: false) moves");
        assert_eq!(told(&mut gate, 4_000, Some(30), false), "Analyse(anew: true, still: false) moves");
    }

    #[test]
    fn a_look_after_motion_that_nobody_looked_at_begins_anew() {
        let mut gate = Gate::new();
        gate.careful(Care::Moving);
        told(&mut gate, 0, None, true);
        gate.showed(UtcMillis(0), false, 0, 0);
        assert_eq!(told(&mut gate, 2_000, None, true), "Still");
        assert_eq!(told(&mut gate, 4_000, Some(30), true), "Later moves");
        let key_frames = |gate: &mut Gate, from: i64| -> Vec<String> {
            (0..8).map(|n| told(gate, from + 2_000 * n, Some(30), true)).collect()
        };
        assert_eq!(key_frames(&mut gate, 4_000)[1..], ["Still"; 7]);
        assert_eq!(told(&mut gate, 20_000, Some(30), true), "Analyse(anew: true, still: true)");
        gate.showed(UtcMillis(20_000), true, 0, 0);
        assert_eq!(key_frames(&mut gate, 22_000), ["Still"; 8]);
        assert_eq!(told(&mut gate, 40_000, Some(30), true), "Analyse(anew: false, still: true)");
    }

    #[test]
    fn a_clock_that_is_set_back_leaves_no_picture_unseen() {
        let mut gate = Gate::new();
        gate.careful(Care::Moving);
        told(&mut gate, 60_000, None, false);
        told(&mut gate, 60_100, None, false);
        assert_eq!(told(&mut gate, 58_000, None, false), "Old");
        // Twelve seconds back; then a car comes.
        assert_eq!(told(&mut gate, 48_000, None, false), "Analyse(anew: true, still: false)");
        assert_eq!(told(&mut gate, 48_100, None, false), "Still");
        assert_eq!(told(&mut gate, 49_000, Some(10), false), "Analyse(anew: true, still: false) moves");
    }

    #[test]
    fn what_stands_is_looked_at_anew_now_and_then() {
        let mut gate = Gate::new();
        gate.careful(Care::Moving);
        let analysed = |n: &i64| told(&mut gate, n * 2_000, None, true).starts_with("Analyse");
        assert_eq!((0..40).filter(analysed).collect::<Vec<i64>>(), [0, 10, 20, 30]);
    }
}
