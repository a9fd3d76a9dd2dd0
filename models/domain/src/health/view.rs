//! Whether the edges of the picture lie where they used to.
//!
//! The direction in which brightness grows at an edge does not change with exposure, and hardly with rain or dusk. Its mean
//! over time is long where something stands (kerbs, houses, masts) and short where things move.

use super::texture::rate;
use super::thumb::{SIZE, Thumb};
use crate::units::{DurationMs, UtcMillis};

/// A brightness that grows by this many levels a pixel counts half as an edge.
const SOFT: f32 = 4.0;
/// An edge that stands has a mean direction of this length.
const STANDS: f32 = 0.35;
/// Edges needed to judge by, in pixels of the thumb.
const EDGES: usize = 250;
/// A camera shakes within this many pixels of the thumb, that is 1.25 % of the picture's width.
const SHAKES: i32 = 2;
/// Farthest move that is looked for: beyond, it is another view.
const REACH: (i32, i32) = (24, 16);
const STRIDE: i32 = 2;
/// Below this part of what is usual the view is looked for elsewhere ...
const ALIKE: f64 = 0.55;
/// ... found where this part of it is reached ...
const FOUND: f64 = 0.6;
/// ... and another when it is below this everywhere.
const ANOTHER: f64 = 0.25;
/// Looks until something is known.
const LEARNED: u32 = 8;

type Slope = (f32, f32);

#[derive(Debug, Clone, Default)]
pub struct View {
    /// Mean direction at each pixel; empty before the first look.
    mean: Vec<Slope>,
    looks: u32,
    /// How well a picture usually fits.
    usual: f64,
    other_since: Option<UtcMillis>,
}

#[derive(Debug, Clone, Copy)]
pub struct Compared {
    /// How well the edges fit, against what is usual; 1 while nothing is known.
    pub alike: f64,
    /// Where they are found instead, in pixels of the thumb.
    moved: Option<(i32, i32)>,
}

impl Compared {
    pub fn moved(&self) -> bool {
        self.moved.is_some()
    }

    pub fn is_another(&self) -> bool {
        self.moved.is_none() && self.alike < ANOTHER
    }

    /// Of the picture's width.
    pub fn shift_percent(&self) -> f64 {
        let far = self.moved.map_or(0.0, |(x, y)| f64::from(x).hypot(f64::from(y)));
        100.0 * far / SIZE.0 as f64
    }
}

impl View {
    pub fn compare(&self, thumb: &Thumb) -> Compared {
        let nothing = Compared { alike: 1.0, moved: None };
        if self.looks < LEARNED || self.usual <= 0.0 {
            return nothing;
        }
        let standing = self.standing();
        if standing.len() < EDGES {
            return nothing;
        }
        let now = slopes(thumb);
        let near = best(&standing, &now, (SHAKES, SHAKES), 1);
        let alike = near.0 / self.usual;
        if alike >= ALIKE {
            return Compared { alike, moved: None };
        }
        let (score, place) = best(&standing, &now, REACH, STRIDE);
        let far = place.0.abs() > SHAKES || place.1.abs() > SHAKES;
        let found = far && score >= FOUND * self.usual && score >= 1.5 * near.0;
        Compared { alike, moved: found.then_some(place) }
    }

    pub fn learn(&mut self, thumb: &Thumb, seconds: f64) {
        let now = slopes(thumb);
        self.other_since = None;
        if self.mean.is_empty() {
            self.mean = vec![(0.0, 0.0); now.len()];
        }
        self.looks = self.looks.saturating_add(1);
        if self.looks > LEARNED / 2 {
            let score = best(&self.standing(), &now, (SHAKES, SHAKES), 1).0;
            let part = rate(self.looks - LEARNED / 2, seconds);
            self.usual += part * (score - self.usual);
        }
        let part = rate(self.looks, seconds) as f32;
        for (mean, now) in self.mean.iter_mut().zip(now) {
            mean.0 += part * (now.0 - mean.0);
            mean.1 += part * (now.1 - mean.1);
        }
    }

    /// For how long pictures have shown something else; call for each that does.
    pub fn has_been_another(&mut self, at: UtcMillis) -> DurationMs {
        at.since(*self.other_since.get_or_insert(at))
    }

    /// Edges that stand: where, and their mean direction.
    fn standing(&self) -> Vec<(i32, i32, Slope)> {
        let place = |i: usize| ((i % SIZE.0) as i32, (i / SIZE.0) as i32);
        let all = self.mean.iter().enumerate().filter(|(_, m)| m.0.hypot(m.1) >= STANDS);
        all.map(|(i, m)| (place(i).0, place(i).1, *m)).collect()
    }
}

/// The best fit of the standing edges within `reach` of their place, 0..=1, and where.
fn best(standing: &[(i32, i32, Slope)], now: &[Slope], reach: (i32, i32), stride: i32) -> (f64, (i32, i32)) {
    let steps = |reach: i32| (-reach / stride..=reach / stride).map(move |i| i * stride);
    let mut best = (0.0, (0, 0));
    for dy in steps(reach.1) {
        for dx in steps(reach.0) {
            let (mut fit, mut all) = (0.0_f32, 0.0_f32);
            for &(x, y, m) in standing {
                let (x, y) = (x + dx, y + dy);
                if (0..SIZE.0 as i32).contains(&x) && (0..SIZE.1 as i32).contains(&y) {
                    let n = now[y as usize * SIZE.0 + x as usize];
                    fit += m.0 * n.0 + m.1 * n.1;
                    all += m.0.hypot(m.1);
                }
            }
            let score = f64::from(fit / all.max(f32::MIN_POSITIVE));
            if score > best.0 {
                best = (score, (dx, dy));
            }
        }
    }
    best
}

/// Direction in which brightness grows at each pixel; of length near 1 at an edge, near 0 elsewhere.
fn slopes(thumb: &Thumb) -> Vec<Slope> {
    let (w, h) = SIZE;
    let at = |x: usize, y: usize| f32::from(thumb.luma[y * w + x]);
    let mut out = vec![(0.0, 0.0); w * h];
    for y in 1..h - 1 {
        for x in 1..w - 1 {
            let dx = (at(x + 1, y) - at(x - 1, y)) / 2.0;
            let dy = (at(x, y + 1) - at(x, y - 1)) / 2.0;
            let length = dx.hypot(dy) + SOFT;
            out[y * w + x] = (dx / length, dy / length);
        }
    }
    out
}
