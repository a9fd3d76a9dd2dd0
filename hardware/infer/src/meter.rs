//! A picture made small for the watch over its health: grey thumb by OpenCV, fine detail from some rows at full size.

use std::borrow::Cow;

use hardware_ports::camera::{Levels, Picture, PixelFormat};
use hardware_ports::infer::{InferError, PictureMeter};
use models_domain::health::{CELLS, SIZE, Texture, Thumb};
use opencv::core::{Mat, Rect, Size, Vec3b};
use opencv::imgproc;
use opencv::prelude::MatTraitConstManual;

use crate::pixels::check;

/// Rows that a thumb is made of: of larger pictures every second, third … row is left out, which halves the time and
/// changes the mean of a cell of many pixels by nothing that matters.
const ROWS_WANTED: usize = 360;
/// Rows of each cell in which detail is measured.
const DETAIL_ROWS: usize = 6;
/// Pixels that are compared lie this part of the width apart.
const FINE: usize = 320;
const COARSE: usize = 40;

/// Measures any picture; holds nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Meter;

impl PictureMeter for Meter {
    fn thumb(&self, picture: &Picture) -> Result<Thumb, InferError> {
        check(picture)?;
        let failed = |err: opencv::Error| InferError::Picture(format!("measuring {picture:?}: {err}"));
        let (width, height) = (picture.width as usize, picture.height as usize);
        let plane = picture.planes.plane(0);
        let (luma, stride) = match picture.format {
            PixelFormat::I420 | PixelFormat::Nv12 => (Cow::Borrowed(plane.data), plane.stride),
            PixelFormat::Rgb => (Cow::Owned(grey(picture).map_err(failed)?), width),
        };
        let small = small(&luma, stride, width, height).map_err(failed)?;
        let thumb = Thumb { luma: small, cells: textures(&luma, stride, width, height) };
        Ok(match (picture.format, picture.planes.levels()) {
            (PixelFormat::I420 | PixelFormat::Nv12, Levels::Full) => as_limited(thumb),
            (PixelFormat::I420 | PixelFormat::Nv12, Levels::Limited) | (PixelFormat::Rgb, _) => thumb,
        })
    }
}

/// What is dark or without detail is told by limited luma.
fn limited(luma: u8) -> u8 {
    (16 + u32::from(luma) * 219 / 255) as u8
}

fn as_limited(mut thumb: Thumb) -> Thumb {
    thumb.luma.iter_mut().for_each(|p| *p = limited(*p));
    for cell in &mut thumb.cells {
        cell.fine *= 219.0 / 255.0;
        cell.coarse *= 219.0 / 255.0;
    }
    thumb
}

/// Limited-range luma of an RGB picture, without gaps.
fn grey(picture: &Picture) -> opencv::Result<Vec<u8>> {
    let (width, height) = (picture.width as usize, picture.height as usize);
    let plane = picture.planes.plane(0);
    let rows = plane.data.chunks(plane.stride).take(height);
    let data: Vec<u8> = rows.flat_map(|row| &row[..3 * width]).copied().collect();
    let rgb = Mat::new_rows_cols_with_bytes::<Vec3b>(height as i32, width as i32, &data)?;
    let mut full = Mat::default();
    imgproc::cvt_color_def(&rgb, &mut full, imgproc::COLOR_RGB2GRAY)?;
    Ok(full.data_bytes()?.iter().map(|p| limited(*p)).collect())
}

/// The mean of each of the thumb's pixels.
fn small(luma: &[u8], stride: usize, width: usize, height: usize) -> opencv::Result<Vec<u8>> {
    let step = (height / ROWS_WANTED).max(1);
    let rows = (height / step).max(1);
    let all = rows * step * stride;
    let whole = match luma.get(..all) {
        Some(whole) => Cow::Borrowed(whole),
        // A last row that ends with the picture: filled up.
        None => {
            let mut copy = luma.to_vec();
            copy.resize(all, 0);
            Cow::Owned(copy)
        }
    };
    let (rows, columns) = (rows as i32, (step * stride) as i32);
    let every = Mat::new_rows_cols_with_bytes::<u8>(rows, columns, &whole)?;
    let seen = Mat::roi(&every, Rect::new(0, 0, width as i32, rows))?;
    let mut out = Mat::default();
    let size = Size::new(SIZE.0 as i32, SIZE.1 as i32);
    imgproc::resize(&seen, &mut out, size, 0.0, 0.0, imgproc::INTER_AREA)?;
    Ok(out.data_bytes()?.to_vec())
}

/// Mean differences along some rows of each cell of the grid, at full size.
fn textures(luma: &[u8], stride: usize, width: usize, height: usize) -> Vec<Texture> {
    let (fine, coarse) = ((width / FINE).max(1), (width / COARSE).max(2));
    let mut cells = Vec::with_capacity(CELLS.0 * CELLS.1);
    for row in 0..CELLS.1 {
        let (top, bottom) = (row * height / CELLS.1, (row + 1) * height / CELLS.1);
        let lines: Vec<&[u8]> = (0..DETAIL_ROWS)
            .map(|i| top + (2 * i + 1) * (bottom - top) / (2 * DETAIL_ROWS))
            .filter_map(|y| luma.get(y * stride..y * stride + width))
            .collect();
        for column in 0..CELLS.0 {
            let (left, right) = (column * width / CELLS.0, (column + 1) * width / CELLS.0);
            let differs = |apart: usize| {
                let (mut sum, mut n) = (0_u32, 0_usize);
                for line in &lines {
                    let to = right.min(width.saturating_sub(apart));
                    let (Some(here), Some(there)) = (line.get(left..to), line.get(left + apart..to + apart))
                    else {
                        continue;
                    };
                    sum += here.iter().zip(there).map(|(a, b)| u32::from(a.abs_diff(*b))).sum::<u32>();
                    n += here.len();
                }
                sum as f32 / n.max(1) as f32
            };
            cells.push(Texture { fine: differs(fine), coarse: differs(coarse) });
        }
    }
    cells
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use hardware_ports::camera::{OwnedPlanes, Plane, Planes};

    use super::*;

    /// Grey levels of `level(x, y)`, in rows with a gap; the last row ends with the picture.
    fn picture(width: usize, height: usize, level: impl Fn(usize, usize) -> u8) -> Picture {
        let stride = width + 5;
        let mut data: Vec<u8> =
            (0..height).flat_map(|y| (0..stride).map(move |x| (x, y))).map(|(x, y)| level(x, y)).collect();
        data.truncate(stride * (height - 1) + width);
        let (half, chroma) = ((width.div_ceil(2), height.div_ceil(2)), data.len());
        data.resize(chroma + 2 * half.0 * half.1, 128);
        let planes = vec![(0, stride), (chroma, half.0), (chroma + half.0 * half.1, half.0)];
        let planes = Arc::new(OwnedPlanes { data, planes });
        Picture { width: width as u32, height: height as u32, format: PixelFormat::I420, planes }
    }

    #[test]
    fn any_size_gives_a_thumb_of_means() {
        for (width, height) in
            [(1920, 1080), (640, 360), (768, 432), (1279, 719), (160, 90), (48, 33), (2560, 1440)]
        {
            let thumb =
                Meter.thumb(&picture(width, height, |x, _| if 2 * x < width { 40 } else { 200 })).unwrap();
            assert!(thumb.is_sound(), "{width}x{height}");
            assert_eq!((thumb.luma[0], thumb.luma[SIZE.0 - 1]), (40, 200), "{width}x{height}");
            assert!((thumb.mean() - 120.0).abs() < 2.0);
        }
    }

    #[test]
    fn rgb_is_read_as_the_same_light() {
        let grey = Picture::from_rgb(320, 180, vec![128; 320 * 180 * 3]);
        assert!(Meter.thumb(&grey).unwrap().luma.iter().all(|p| *p == 125));
    }

    /// The same memory, from 0 to 255.
    struct Full(Picture);

    impl Planes for Full {
        fn plane(&self, index: usize) -> Plane<'_> {
            self.0.planes.plane(index)
        }

        fn levels(&self) -> Levels {
            Levels::Full
        }
    }

    #[test]
    fn full_range_is_read_as_the_same_light() {
        let limited = picture(320, 180, |x, _| if x % 8 < 4 { 16 } else { 235 });
        let given = picture(320, 180, |x, _| if x % 8 < 4 { 0 } else { 255 });
        let full = Picture { planes: Arc::new(Full(given.clone())), ..given };
        let [limited, full] = [limited, full].map(|p| Meter.thumb(&p).unwrap());
        assert!((limited.mean() - full.mean()).abs() < 1.5, "{} {}", limited.mean(), full.mean());
        for (a, b) in limited.cells.iter().zip(&full.cells) {
            assert!((a.fine - b.fine).abs() < 0.01 && (a.coarse - b.coarse).abs() < 0.01, "{a:?} {b:?}");
        }
    }

    #[test]
    fn what_is_soft_has_less_fine_detail() {
        let stripes = |soft: usize| {
            picture(1280, 720, move |x, _| {
                // Broad stripes with a fine pattern on them.
                let on = |x: usize| {
                    140 * u32::from((x / 25).is_multiple_of(2)) + 60 * u32::from((x / 3).is_multiple_of(2))
                };
                let n = 2 * soft + 1;
                (20 + (0..n).map(|i| on(x + i)).sum::<u32>() / n as u32) as u8
            })
        };
        let ratio = |p: &Picture| {
            let cell = Meter.thumb(p).unwrap().cells[20];
            cell.fine / cell.coarse
        };
        let (sharp, soft) = (ratio(&stripes(0)), ratio(&stripes(7)));
        assert!(soft < 0.8 * sharp, "{soft} {sharp}");
    }

    #[test]
    fn a_picture_that_is_not_what_it_says_is_refused() {
        let mut short = picture(64, 48, |_, _| 0);
        short.height = 480;
        assert!(Meter.thumb(&short).is_err());
    }
}
