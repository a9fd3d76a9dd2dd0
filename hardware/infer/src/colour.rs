//! Colours inside a box, read from a few hundred pixels of the decoder's own planes.
//!
//! A grid of pixels over the part of the box that is mostly paint or clothes, turned to hue, saturation and value by
//! OpenCV and named by `models_domain::archive::Colour`. Nothing is copied but these pixels. Light that is itself
//! coloured (sodium lamps, a red signal) is not taken out: white under it reads as yellow or orange.

use hardware_ports::camera::{Picture, PixelFormat};
use hardware_ports::colour::ColourReader;
use hardware_ports::infer::InferError;
use models_domain::archive::{Colour, ColourVotes};
use models_domain::{BBox, Class};
use opencv::core::{Mat, Vec3b};
use opencv::imgproc;
use opencv::prelude::MatTraitConstManual;

use crate::conversion::Conversion;
use crate::pixels::check;

/// Pixels a side of the grid over the box, and over the whole picture.
const GRID: usize = 20;
const OVERVIEW: (usize, usize) = (24, 14);
/// A box narrower or lower than this, in pixels, shows no paint.
const SIDE_MIN: f64 = 12.0;
/// A picture darker than this on average, of 255, is night: lamps say nothing of paint.
const NIGHT_BELOW: f32 = 38.0;
/// Mean difference between the strongest and the weakest of red, green and blue; infrared has next to none.
const COLOURLESS_BELOW: f32 = 5.0;

/// [`ColourReader`] on the processor.
#[derive(Debug, Clone, Copy, Default)]
pub struct BoxColours;

impl ColourReader for BoxColours {
    fn colours(
        &self,
        picture: &Picture,
        bbox: &BBox,
        class: Class,
    ) -> Result<Option<ColourVotes>, InferError> {
        check(picture)?;
        let Some(part) = shown(bbox, class, picture) else { return Ok(None) };
        if !tells_colours(picture) {
            return Ok(None);
        }
        let by = Conversion::of(picture);
        let pixels: Vec<u8> = grid(&part, GRID, GRID)
            .flat_map(|(x, y)| rgb_at(picture, by, x, y).map(|v| (v + 0.5) as u8))
            .collect();
        votes(&pixels).map(Some).map_err(|err| InferError::Picture(format!("colours of {picture:?}: {err}")))
    }
}

/// The part of a box that is mostly the road user's own surface, within the picture.
fn shown(bbox: &BBox, class: Class, picture: &Picture) -> Option<BBox> {
    // Left, top, width and height as parts of the box: glass is above, wheels, shadow and road are below.
    let (x, y, w, h) = match class {
        Class::Car => (0.2, 0.35, 0.6, 0.35),
        Class::Bus | Class::Truck => (0.15, 0.25, 0.7, 0.45),
        // A rider's clothes cover more of the picture than the machine does.
        Class::Motorcycle | Class::Bicycle => (0.3, 0.2, 0.4, 0.45),
        Class::Person => (0.3, 0.2, 0.4, 0.35),
    };
    let left = (bbox.x + x * bbox.w).max(0.0);
    let top = (bbox.y + y * bbox.h).max(0.0);
    let right = (bbox.x + (x + w) * bbox.w).min(f64::from(picture.width));
    let bottom = (bbox.y + (y + h) * bbox.h).min(f64::from(picture.height));
    let part = BBox::new(left, top, right - left, bottom - top);
    // Of what is no number, `max` and `min` would make one.
    let sound = [bbox.x, bbox.y, bbox.w, bbox.h].iter().all(|side| side.is_finite());
    let large = bbox.w >= SIDE_MIN && bbox.h >= SIDE_MIN && part.w >= 4.0 && part.h >= 4.0;
    (sound && large).then_some(part)
}

/// Whether the picture as a whole is bright and colourful enough to tell one paint from another.
fn tells_colours(picture: &Picture) -> bool {
    let whole = BBox::new(0.0, 0.0, f64::from(picture.width), f64::from(picture.height));
    let by = Conversion::of(picture);
    let (mut light, mut tint, mut n) = (0.0, 0.0, 0.0);
    for (x, y) in grid(&whole, OVERVIEW.0, OVERVIEW.1) {
        let rgb = rgb_at(picture, by, x, y);
        let (least, most) = (rgb[0].min(rgb[1]).min(rgb[2]), rgb[0].max(rgb[1]).max(rgb[2]));
        light += most;
        tint += most - least;
        n += 1.0;
    }
    light >= NIGHT_BELOW * n && tint >= COLOURLESS_BELOW * n
}

/// Middles of the cells of a grid over `part`.
fn grid(part: &BBox, columns: usize, rows: usize) -> impl Iterator<Item = (usize, usize)> + use<> {
    let part = *part;
    (0..rows * columns).map(move |i| {
        let (column, row) = ((i % columns) as f64 + 0.5, (i / columns) as f64 + 0.5);
        let x = part.x + part.w * column / columns as f64;
        let y = part.y + part.h * row / rows as f64;
        (x.max(0.0) as usize, y.max(0.0) as usize)
    })
}

/// Red, green and blue of a pixel, 0..=255. `check` has found the planes long enough for the picture's size.
fn rgb_at(picture: &Picture, by: Conversion, x: usize, y: usize) -> [f32; 3] {
    let (x, y) = (x.min(picture.width as usize - 1), y.min(picture.height as usize - 1));
    let byte = |plane: usize, at: usize, row: usize| {
        let plane = picture.planes.plane(plane);
        plane.data.get(row * plane.stride + at).copied().unwrap_or(0)
    };
    let rgb = match picture.format {
        PixelFormat::Rgb => [0, 1, 2].map(|c| f32::from(byte(0, x * 3 + c, y))),
        PixelFormat::I420 => by.rgb(byte(0, x, y), byte(1, x / 2, y / 2), byte(2, x / 2, y / 2)),
        PixelFormat::Nv12 => by.rgb(byte(0, x, y), byte(1, x / 2 * 2, y / 2), byte(1, x / 2 * 2 + 1, y / 2)),
    };
    rgb.map(|v| v.clamp(0.0, 255.0))
}

/// Names every pixel of `rgb`, three bytes each.
fn votes(rgb: &[u8]) -> Result<ColourVotes, opencv::Error> {
    let pixels = i32::try_from(rgb.len() / 3).unwrap_or(0);
    let rgb = Mat::new_rows_cols_with_bytes::<Vec3b>(1, pixels, rgb)?;
    let mut hsv = Mat::default();
    imgproc::cvt_color_def(&rgb, &mut hsv, imgproc::COLOR_RGB2HSV)?;
    let mut votes = ColourVotes::default();
    for pixel in hsv.data_bytes()?.chunks_exact(3) {
        votes.vote(Colour::of_hsv(pixel[0], pixel[1], pixel[2]));
    }
    Ok(votes)
}

#[cfg(test)]
#[path = "colour_tests.rs"]
mod tests;
