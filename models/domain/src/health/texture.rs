//! How much detail each part of the picture has, against what it usually has at the same brightness.

use super::thumb::{CELLS, Thumb};

const N: usize = CELLS.0 * CELLS.1;
/// A picture that has kept the detail of fewer of its cells than this is covered.
pub const COVERED_PERCENT: f64 = 35.0;
/// A picture whose sharpness has fallen below this is blurred.
pub const BLURRED_PERCENT: f64 = 58.0;
/// A cell has lost its detail when this part of it is left.
const LOST: f32 = 0.22;
/// Contrast is judged against brightness, less the black of the code and never against less than this.
const BLACK: f32 = 12.0;
const DIM: f32 = 12.0;
/// A cell has detail worth watching when its structure is this part of its brightness.
const TEXTURED: f32 = 0.015;
/// Sharpness is taken where pixels differ by this many levels: below, it is the noise that is measured.
const SHARP_LEVELS: f32 = 4.0;
/// Cells that must have it.
const SHARP_CELLS: usize = 12;
/// Sharpness is learned apart for dark and bright pictures: at night noise looks sharp.
const BRIGHTNESSES: usize = 8;
/// Looks until something is known.
const LEARNED: u32 = 8;
/// Then what is known follows in this time, seconds.
const FOLLOW: f64 = 120.0;

#[derive(Debug, Clone)]
pub struct Textures {
    /// Contrast of each cell.
    contrast: [f32; N],
    looks: u32,
    sharp: [(f64, u32); BRIGHTNESSES],
}

impl Default for Textures {
    fn default() -> Self {
        Self { contrast: [0.0; N], looks: 0, sharp: [(0.0, 0); BRIGHTNESSES] }
    }
}

/// One picture against what is known; 100 where nothing is known yet.
#[derive(Debug, Clone, Copy)]
pub struct Compared {
    pub detail_percent: f64,
    pub sharp_percent: f64,
}

impl Textures {
    pub fn compare(&self, thumb: &Thumb) -> Compared {
        let now = contrasts(thumb);
        let known = self.looks >= LEARNED;
        let textured: Vec<usize> = (0..N).filter(|&i| self.contrast[i] >= TEXTURED).collect();
        let kept = textured.iter().filter(|&&i| now[i] >= LOST * self.contrast[i]).count();
        let enough = known && textured.len() >= N / 10;
        let detail_percent = if enough { 100.0 * kept as f64 / textured.len() as f64 } else { 100.0 };
        let (sharp, looks) = self.sharp[brightness(thumb)];
        let sharp_percent = match sharpness(thumb) {
            Some(now) if looks >= LEARNED && sharp > 0.0 => 100.0 * now / sharp,
            Some(_) | None => 100.0,
        };
        Compared { detail_percent, sharp_percent }
    }

    pub fn learn(&mut self, thumb: &Thumb, seconds: f64) {
        self.looks = self.looks.saturating_add(1);
        let part = rate(self.looks, seconds) as f32;
        for (known, now) in self.contrast.iter_mut().zip(contrasts(thumb)) {
            *known += part * (now - *known);
        }
        if let Some(now) = sharpness(thumb) {
            let (known, looks) = &mut self.sharp[brightness(thumb)];
            *looks = looks.saturating_add(1);
            *known += rate(*looks, seconds) * (now - *known);
        }
    }
}

/// How much of a new look goes into what is known: a plain mean at first.
pub fn rate(looks: u32, seconds: f64) -> f64 {
    let follow = 1.0 - (-seconds / FOLLOW).exp();
    if looks <= LEARNED { 1.0 / f64::from(looks.max(1)) } else { follow.max(1e-4) }
}

fn contrasts(thumb: &Thumb) -> [f32; N] {
    std::array::from_fn(|i| {
        let (sum, n) = thumb.cell(i).fold((0.0, 0.0), |(sum, n), p| (sum + f32::from(p), n + 1.0));
        // Noise differs as much between neighbours as between pixels far apart; what stands in the street does not.
        let structure = (thumb.cells[i].coarse - thumb.cells[i].fine).max(0.0);
        structure / (sum / n - BLACK).max(DIM)
    })
}

/// Fine against coarse differences, the median of the cells that have any.
fn sharpness(thumb: &Thumb) -> Option<f64> {
    let textured = thumb.cells.iter().filter(|c| c.coarse >= SHARP_LEVELS);
    let mut ratios: Vec<f64> = textured.map(|c| f64::from(c.fine / c.coarse)).collect();
    if ratios.len() < SHARP_CELLS {
        return None;
    }
    ratios.sort_by(f64::total_cmp);
    Some(ratios[ratios.len() / 2])
}

fn brightness(thumb: &Thumb) -> usize {
    (thumb.mean() as usize * BRIGHTNESSES / 256).min(BRIGHTNESSES - 1)
}
