//! What a camera shows in a scenario: a made-up street or square, small and grey, and all that may happen to it.

use models_domain::health::{CELLS, SIZE, Texture, Thumb};
use serde::Deserialize;

/// `"look"` of a picture; what is left out is as on a good day.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Look {
    /// A square with little on it instead of a street.
    square: bool,
    /// Brightness of all.
    light: f64,
    /// Pixels by which the view has moved.
    shift: [i32; 2],
    /// Part of the picture from the left that something covers.
    covered: f64,
    /// 1 is sharp.
    sharp: f64,
    /// Levels by which each pixel differs from picture to picture.
    noise: f64,
    /// A lamp of the street.
    lamp: bool,
    /// The picture stands, but for a clock in its corner.
    frozen: bool,
    /// Left, top, width, height and level of what stands there, in pixels of the small picture.
    things: Vec<[i32; 5]>,
}

impl Default for Look {
    fn default() -> Self {
        Self {
            square: false,
            light: 1.0,
            shift: [0, 0],
            covered: 0.0,
            sharp: 1.0,
            noise: 1.5,
            lamp: true,
            frozen: false,
            things: Vec::new(),
        }
    }
}

/// Houses with windows, 0..=1.
fn street(x: i32, y: i32) -> f64 {
    let house = f64::from((x.div_euclid(13) * 7 + y.div_euclid(11) * 5).rem_euclid(9)) / 9.0;
    let window = if x.rem_euclid(13) < 4 && y.rem_euclid(11) < 5 { 0.35 } else { 0.0 };
    (0.15 + 0.6 * house + window).min(1.0)
}

/// Slabs of a pavement.
fn square(x: i32, y: i32) -> f64 {
    (74.0 + f64::from((x / 20 * 7 + y / 15 * 5) % 30)) / 200.0
}

/// -1..1, the same at every run.
fn chance(number: usize, i: usize) -> f64 {
    let seed = (number as u64) << 32 | i as u64;
    let mixed = (seed ^ seed >> 29).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    ((mixed ^ mixed >> 32).wrapping_mul(0x94D0_49BB_1331_11EB) >> 40) as f64 / (1_u64 << 23) as f64 - 1.0
}

fn inside([left, top, w, h]: [i32; 4], x: i32, y: i32) -> bool {
    (left..left + w).contains(&x) && (top..top + h).contains(&y)
}

impl Look {
    /// As the `number`th picture shows it.
    pub fn thumb(&self, number: usize) -> Thumb {
        let level = |i: usize| self.level(number, i).clamp(0.0, 255.0) as u8;
        let mut thumb = Thumb { luma: (0..SIZE.0 * SIZE.1).map(level).collect(), cells: Vec::new() };
        thumb.cells = (0..CELLS.0 * CELLS.1).map(|i| self.texture(&thumb, i)).collect();
        thumb
    }

    fn level(&self, number: usize, i: usize) -> f64 {
        let (x, y) = ((i % SIZE.0) as i32, (i / SIZE.0) as i32);
        if self.frozen && inside([0, 0, 20, 6], x, y) {
            return (number % 10 * 20) as f64;
        }
        // A picture that stands is the same one again and again.
        let number = if self.frozen { 0 } else { number };
        if let Some(thing) = self.things.iter().find(|[l, t, w, h, _]| inside([*l, *t, *w, *h], x, y)) {
            return f64::from(thing[4]);
        }
        if !self.square && self.lamp && inside([100, 8, 4, 12], x, y) {
            return 230.0;
        }
        // A bus that goes by now and then.
        if !self.square && number % 11 < 2 && inside([40, 50, 35, 30], x, y) {
            return 16.0 + 180.0 * self.light;
        }
        let (sx, sy) = (x + self.shift[0], y + self.shift[1]);
        let seen = match (f64::from(x) < self.covered * SIZE.0 as f64, self.square) {
            (true, _) => 0.3,
            (false, true) => square(sx, sy),
            (false, false) => street(sx, sy),
        };
        16.0 + 200.0 * self.light * seen + self.noise * chance(number, i)
    }

    fn texture(&self, thumb: &Thumb, cell: usize) -> Texture {
        let (low, high) = thumb.cell(cell).fold((255_u8, 0_u8), |(low, high), p| (low.min(p), high.max(p)));
        let coarse = f32::from(high - low.min(high)) / 4.0;
        Texture { fine: coarse * 0.5 * self.sharp as f32, coarse }
    }
}
