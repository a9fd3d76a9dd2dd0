//! A picture's planes as OpenCV sees them: bounds checked once, pixels read in place.

use std::borrow::Cow;

use hardware_ports::camera::{Picture, PixelFormat};
use hardware_ports::infer::InferError;
use models_vision::letterbox::{Region, SIDES};
use opencv::core::{Mat, MatTraitConst, Rect, Size, Vec2b, Vec3b};
use opencv::imgproc;
use opencv::prelude::MatTraitConstManual;

use crate::conversion::Conversion;

/// Rows wider than this are no picture.
const MAX_STRIDE: usize = 1 << 20;

/// One plane whose rows are known to lie inside its memory.
struct Rows<'a> {
    data: &'a [u8],
    stride: usize,
    /// Pixels a row.
    width: usize,
    height: usize,
    /// Bytes a pixel: 1, 2 or 3.
    channels: usize,
    /// The part that is looked at, in pixels of this plane.
    part: Rect,
}

/// A picture resized plane by plane; memory is used again for the next one.
#[derive(Default)]
pub struct Resized {
    luma: Mat,
    chroma: [Mat; 2],
    /// Of the picture it came from, for reading it back.
    format: Option<PixelFormat>,
    conversion: Conversion,
}

/// One row of a resized picture.
pub enum Row<'a> {
    Rgb(&'a [u8]),
    /// `chroma` holds pairs (U, V) for two pixels each: planes apart, or interleaved.
    Planar {
        y: &'a [u8],
        u: &'a [u8],
        v: &'a [u8],
    },
    Interleaved {
        y: &'a [u8],
        uv: &'a [u8],
    },
}

/// Is this a picture that can be read at all?
///
/// # Errors
/// [`InferError::Picture`] saying what is wrong with it.
pub fn check(picture: &Picture) -> Result<(), InferError> {
    layout(picture, &whole(picture)).map(|_| ())
}

/// All of a picture.
pub fn whole(picture: &Picture) -> Region {
    Region::whole((picture.width, picture.height))
}

fn layout<'a>(picture: &'a Picture, region: &Region) -> Result<Vec<Rows<'a>>, InferError> {
    let (w, h) = (picture.width, picture.height);
    if !SIDES.contains(&w) || !SIDES.contains(&h) {
        return Err(InferError::Picture(format!(
            "its size {w} x {h} is outside {} to {} pixels a side",
            SIDES.start(),
            SIDES.end()
        )));
    }
    let inside = |from: u32, side: u32, all: u32| from.checked_add(side).is_some_and(|to| to <= all);
    let fits = inside(region.x, region.width, w) && inside(region.y, region.height, h);
    if !fits || region.width.min(region.height) == 0 {
        return Err(InferError::Picture(format!("{region:?} is no part of {picture:?}")));
    }
    let (w, h) = (w as usize, h as usize);
    let half = (w.div_ceil(2), h.div_ceil(2));
    let planes: &[_] = match picture.format {
        PixelFormat::I420 => &[(w, h, 1), (half.0, half.1, 1), (half.0, half.1, 1)],
        PixelFormat::Nv12 => &[(w, h, 1), (half.0, half.1, 2)],
        PixelFormat::Rgb => &[(w, h, 3)],
    };
    let of = |(index, &(width, height, channels)): (usize, &(usize, usize, usize))| {
        let plane = picture.planes.plane(index);
        let row = width * channels;
        // Neither product can overflow: the stride is bounded before it is used.
        let fits = (row..=MAX_STRIDE).contains(&plane.stride)
            && plane.data.len() >= (height - 1) * plane.stride + row;
        if fits {
            let part = part(region, width < w);
            Ok(Rows { data: plane.data, stride: plane.stride, width, height, channels, part })
        } else {
            Err(InferError::Picture(format!(
                "plane {index} of {picture:?} has {} bytes in rows of {}, too few for {height} rows of {row}",
                plane.data.len(),
                plane.stride
            )))
        }
    };
    planes.iter().enumerate().map(of).collect()
}

/// The region in pixels of a plane; `halved` planes have one for each two by two.
fn part(region: &Region, halved: bool) -> Rect {
    let of = |v: u32| if halved { v.div_ceil(2) } else { v } as i32;
    let from = |v: u32| if halved { v / 2 } else { v } as i32;
    Rect::new(from(region.x), from(region.y), of(region.width), of(region.height))
}

impl Rows<'_> {
    /// Resizes into `out`, which keeps its memory when the size stays the same. Bilinear, as the networks' figures were
    /// measured.
    fn resize(&self, to: (u32, u32), out: &mut Mat) -> Result<(), opencv::Error> {
        let whole = self.stride * self.height;
        let regular = self.stride.is_multiple_of(self.channels) && self.data.len() >= whole;
        let (data, stride) = if regular {
            (Cow::Borrowed(&self.data[..whole]), self.stride)
        } else {
            // A last row that ends with the picture, or a stride that is no whole number of pixels: rare, so copied.
            let row = self.width * self.channels;
            let rows = self.data.chunks(self.stride).take(self.height);
            (Cow::Owned(rows.flat_map(|r| &r[..row]).copied().collect::<Vec<u8>>()), row)
        };
        let (rows, columns) = (self.height as i32, (stride / self.channels) as i32);
        let all = match self.channels {
            1 => Mat::new_rows_cols_with_bytes::<u8>(rows, columns, &data)?,
            2 => Mat::new_rows_cols_with_bytes::<Vec2b>(rows, columns, &data)?,
            _ => Mat::new_rows_cols_with_bytes::<Vec3b>(rows, columns, &data)?,
        };
        let seen = Mat::roi(&all, self.part)?;
        if (self.part.width, self.part.height) == (to.0 as i32, to.1 as i32) {
            return seen.copy_to(out);
        }
        let size = Size::new(to.0 as i32, to.1 as i32);
        imgproc::resize(&seen, out, size, 0.0, 0.0, imgproc::INTER_LINEAR)
    }
}

impl Resized {
    /// Takes a part of a picture at another size (chroma at half of it, rounded up).
    ///
    /// # Errors
    /// [`InferError::Picture`] when the planes are too short, the region is not inside, or OpenCV refuses.
    pub fn load(&mut self, picture: &Picture, region: &Region, to: (u32, u32)) -> Result<(), InferError> {
        self.format = None;
        let planes = layout(picture, region)?;
        let half = (to.0.div_ceil(2), to.1.div_ceil(2));
        let [u, v] = &mut self.chroma;
        let places = [(to, &mut self.luma), (half, u), (half, v)];
        for (plane, (size, out)) in planes.iter().zip(places) {
            plane
                .resize(size, out)
                .map_err(|err| InferError::Picture(format!("resizing {picture:?}: {err}")))?;
        }
        self.format = Some(picture.format);
        self.conversion = Conversion::of(picture);
        Ok(())
    }

    /// How the rows of a picture that is not RGB become that.
    pub fn conversion(&self) -> Conversion {
        self.conversion
    }

    /// Calls `each` with the number and pixels of every row, from the top.
    ///
    /// # Errors
    /// [`InferError::Picture`] when no picture of that size was loaded.
    pub fn rows(&self, size: (u32, u32), mut each: impl FnMut(usize, Row<'_>)) -> Result<(), InferError> {
        let (width, height) = (size.0 as usize, size.1 as usize);
        let (half, half_height) = (width.div_ceil(2), height.div_ceil(2));
        let [u, v] = &self.chroma;
        match self.format {
            Some(PixelFormat::Rgb) => {
                let rgb = pixels(&self.luma, width * 3, height)?;
                rgb.chunks_exact(width * 3).enumerate().for_each(|(i, row)| each(i, Row::Rgb(row)));
            }
            Some(PixelFormat::I420) => {
                let y = pixels(&self.luma, width, height)?;
                let (u, v) = (pixels(u, half, half_height)?, pixels(v, half, half_height)?);
                for (i, y) in y.chunks_exact(width).enumerate() {
                    let at = i / 2 * half..(i / 2 + 1) * half;
                    each(i, Row::Planar { y, u: &u[at.clone()], v: &v[at] });
                }
            }
            Some(PixelFormat::Nv12) => {
                let y = pixels(&self.luma, width, height)?;
                let uv = pixels(u, half * 2, half_height)?;
                for (i, y) in y.chunks_exact(width).enumerate() {
                    let uv = &uv[i / 2 * half * 2..(i / 2 + 1) * half * 2];
                    each(i, Row::Interleaved { y, uv });
                }
            }
            None => return Err(InferError::Picture("nothing was loaded".into())),
        }
        Ok(())
    }
}

/// All bytes of a plane that has `rows` rows of `row` bytes without gaps.
fn pixels(mat: &Mat, row: usize, rows: usize) -> Result<&[u8], InferError> {
    match mat.data_bytes() {
        Ok(bytes) if bytes.len() == row * rows => Ok(bytes),
        Ok(bytes) => {
            Err(InferError::Picture(format!("{} bytes where {row} x {rows} should be", bytes.len())))
        }
        Err(err) => Err(InferError::Picture(err.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use hardware_ports::camera::OwnedPlanes;

    use super::*;

    fn picture(
        width: u32,
        height: u32,
        format: PixelFormat,
        data: usize,
        planes: &[(usize, usize)],
    ) -> Picture {
        let planes = OwnedPlanes { data: vec![128; data], planes: planes.to_vec() };
        Picture { width, height, format, planes: Arc::new(planes) }
    }

    #[track_caller]
    fn refused(picture: &Picture, want: &str) {
        let err = check(picture).unwrap_err().to_string();
        assert!(err.contains(want), "{err}");
        assert!(Resized::default().load(picture, &whole(picture), (64, 32)).is_err());
    }

    #[test]
    fn pictures_that_are_not_what_they_say_are_refused() {
        use PixelFormat::{I420, Nv12, Rgb};
        refused(&picture(0, 0, Rgb, 0, &[(0, 0)]), "size 0 x 0");
        refused(&picture(u32::MAX, u32::MAX, Rgb, 9, &[(0, 12)]), "is outside 2 to 16384");
        refused(&picture(4, 4, Rgb, 47, &[(0, 12)]), "plane 0");
        refused(&picture(4, 4, Rgb, 48, &[(0, 11)]), "in rows of 11");
        refused(&picture(4, 4, Rgb, 48, &[(0, usize::MAX)]), "plane 0");
        refused(&picture(4, 4, Rgb, 48, &[(49, 12)]), "has 0 bytes");
        refused(&picture(4, 4, I420, 20, &[(0, 4), (16, 2)]), "plane 2");
        refused(&picture(5, 5, I420, 25 + 9 + 8, &[(0, 5), (25, 3), (34, 3)]), "plane 2");
        refused(&picture(4, 4, Nv12, 16 + 7, &[(0, 4), (16, 4)]), "plane 1");
    }

    /// Every pixel grey, whatever the strides and ends of the planes.
    #[track_caller]
    fn grey(picture: &Picture, to: (u32, u32)) {
        let mut resized = Resized::default();
        resized.load(picture, &whole(picture), to).unwrap();
        let mut rows = 0;
        let mut all_grey = true;
        resized
            .rows(to, |i, row| {
                assert_eq!(i, rows);
                rows += 1;
                let parts: &[&[u8]] = match &row {
                    Row::Rgb(rgb) => &[*rgb],
                    Row::Planar { y, u, v } => &[*y, *u, *v],
                    Row::Interleaved { y, uv } => &[*y, *uv],
                };
                all_grey &= parts.iter().all(|p| !p.is_empty() && p.iter().all(|b| *b == 128));
            })
            .unwrap();
        assert!(all_grey && rows == to.1 as usize, "{picture:?} to {to:?}");
        assert!(resized.rows((to.0 + 2, to.1), |_, _| ()).is_err());
    }

    #[test]
    fn planes_with_gaps_short_ends_and_odd_sizes_are_read() {
        use PixelFormat::{I420, Nv12, Rgb};
        for to in [(64, 32), (2, 2), (5, 5), (7, 3)] {
            grey(&picture(4, 4, Rgb, 48, &[(0, 12)]), to);
            grey(&picture(4, 4, Rgb, 3 * 13 + 12, &[(0, 13)]), to);
            grey(&picture(5, 5, I420, 40 + 12 + 11, &[(0, 8), (40, 4), (52, 4)]), to);
            grey(&picture(5, 5, Nv12, 25 + 18, &[(0, 5), (25, 6)]), to);
            grey(&picture(5, 5, Nv12, 25 + 20, &[(0, 5), (25, 7)]), to);
        }
    }

    #[test]
    fn a_part_is_read_and_nothing_beside_it() {
        let (w, h) = (16_usize, 8_usize);
        // Luma says where it is from; chroma too, at half.
        let y = (0..w * h).map(|i| (i % w * 10 + i / w) as u8);
        let half = |add: usize| (0..w * h / 4).map(move |i| (i % 8 * 10 + i / 8 + add) as u8);
        let data: Vec<u8> = y.chain(half(100)).chain(half(150)).collect();
        let planes = OwnedPlanes { data, planes: vec![(0, w), (w * h, w / 2), (w * h * 5 / 4, w / 2)] };
        let picture = Picture { width: 16, height: 8, format: PixelFormat::I420, planes: Arc::new(planes) };
        let region = Region { x: 4, y: 2, width: 6, height: 4 };
        let mut resized = Resized::default();
        resized.load(&picture, &region, (6, 4)).unwrap();
        let mut first = None;
        resized
            .rows((6, 4), |i, row| {
                if let (0, Row::Planar { y, u, v }) = (i, row) {
                    first = Some((y.to_vec(), u.to_vec(), v.to_vec()));
                }
            })
            .unwrap();
        let want = (vec![42, 52, 62, 72, 82, 92], vec![121, 131, 141], vec![171, 181, 191]);
        assert_eq!(first, Some(want));
        for (x, width) in [(12, 6), (0, 0), (0, 17), (u32::MAX, 4)] {
            let outside = Region { x, width, ..region };
            assert!(resized.load(&picture, &outside, (6, 4)).is_err(), "{outside:?}");
        }
    }
}
