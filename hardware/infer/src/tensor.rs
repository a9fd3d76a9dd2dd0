//! Pictures as a network wants them: letterboxed, normalised, one float plane a colour, one after another in one batch.

use hardware_ports::camera::Picture;
use hardware_ports::infer::InferError;
use models_vision::Letterbox;
use models_vision::letterbox::Region;
use models_vision::manifest::{Channels, Input};

use crate::conversion::Conversion;
use crate::pixels::{Resized, Row, check};

/// Memory for pictures on their way into the network; used again and again.
#[derive(Default)]
pub struct Scratch {
    resized: Resized,
    /// `[slots, 3, height, width]`.
    tensor: Vec<f32>,
    /// Whose margins each slot holds.
    filled: Vec<Option<Letterbox>>,
    /// What chroma adds to each pixel of two rows, by colour.
    tints: [Vec<f32>; 3],
}

/// `(value cut to 0..=255 - mean) / std` of one colour, as one multiplication and one addition.
#[derive(Clone, Copy)]
struct Scale {
    factor: f32,
    shift: f32,
}

impl Scale {
    #[inline(always)]
    fn of(self, value: f32) -> f32 {
        // Not `mul_add`: where the target has no such instruction that is a call for every pixel.
        value.clamp(0.0, 255.0) * self.factor + self.shift
    }
}

impl Scratch {
    /// `count` slots from `first` on, `[count, 3, height, width]`.
    pub fn tensor(&self, first: usize, count: usize, input: &Input) -> &[f32] {
        let one = 3 * area(input);
        &self.tensor[first * one..(first + count) * one]
    }

    /// Fills slot number `slot` with a part of the picture and says where in it that lies.
    ///
    /// # Errors
    /// [`InferError::Picture`] when the picture is not what it says, or has no such region.
    pub fn prepare(
        &mut self,
        slot: usize,
        picture: &Picture,
        region: Region,
        input: &Input,
    ) -> Result<Letterbox, InferError> {
        check(picture)?;
        let place = Letterbox::fit(region, (input.width, input.height), input.fit).ok_or_else(|| {
            InferError::Picture(format!("{region:?} of {picture:?} has an impossible size"))
        })?;
        self.resized.load(picture, &region, place.content)?;
        let area = area(input);
        let scales: [Scale; 3] = std::array::from_fn(|c| Scale {
            factor: 1.0 / input.std[c],
            shift: -input.mean[c] / input.std[c],
        });
        if self.filled.len() <= slot {
            self.filled.resize(slot + 1, None);
            self.tensor.resize((slot + 1) * 3 * area, 0.0);
        }
        let tensor = &mut self.tensor[slot * 3 * area..(slot + 1) * 3 * area];
        // The margins are the same wherever in the picture the region lies.
        let same = |held: Letterbox| (held.content, held.offset) == (place.content, place.offset);
        if !self.filled[slot].is_some_and(same) {
            for (plane, scale) in tensor.chunks_exact_mut(area).zip(scales) {
                plane.fill(scale.of(input.pad));
            }
        }
        // Not whole again until every row is written.
        self.filled[slot] = None;
        let (first, rest) = tensor.split_at_mut(area);
        let (second, third) = rest.split_at_mut(area);
        // From here on in the order red, green, blue.
        let (planes, scales) = match input.channels {
            Channels::Rgb => ([first, second, third], scales),
            Channels::Bgr => ([third, second, first], [scales[2], scales[1], scales[0]]),
        };
        write(&self.resized, &mut self.tints, &place, planes, scales)?;
        self.filled[slot] = Some(place);
        Ok(place)
    }
}

fn area(input: &Input) -> usize {
    input.width as usize * input.height as usize
}

/// Every pixel of the resized picture into its place in the three planes.
fn write(
    resized: &Resized,
    tints: &mut [Vec<f32>; 3],
    place: &Letterbox,
    [red, green, blue]: [&mut [f32]; 3],
    scales: [Scale; 3],
) -> Result<(), InferError> {
    let width = place.content.0 as usize;
    tints.iter_mut().for_each(|tint| tint.resize(width, 0.0));
    let by = resized.conversion();
    resized.rows(place.content, |i, row| {
        let at = (i + place.offset.1 as usize) * place.input.0 as usize + place.offset.0 as usize;
        let out = [&mut red[at..at + width], &mut green[at..at + width], &mut blue[at..at + width]];
        match row {
            Row::Rgb(rgb) => write_rgb(rgb, out, scales),
            Row::Planar { y, u, v } => {
                if i % 2 == 0 {
                    tint(tints, by, u.iter().zip(v).map(|(u, v)| (*u, *v)));
                }
                write_yuv(y, by, tints, out, scales);
            }
            Row::Interleaved { y, uv } => {
                if i % 2 == 0 {
                    tint(tints, by, uv.chunks_exact(2).map(|uv| (uv[0], uv[1])));
                }
                write_yuv(y, by, tints, out, scales);
            }
        }
    })
}

fn write_rgb(rgb: &[u8], [red, green, blue]: [&mut [f32]; 3], scales: [Scale; 3]) {
    for (((r, g), b), rgb) in red.iter_mut().zip(green).zip(blue).zip(rgb.chunks_exact(3)) {
        *r = scales[0].of(f32::from(rgb[0]));
        *g = scales[1].of(f32::from(rgb[1]));
        *b = scales[2].of(f32::from(rgb[2]));
    }
}

/// One pair (U, V) tints two pixels of a row.
fn tint([red, green, blue]: &mut [Vec<f32>; 3], by: Conversion, chroma: impl Iterator<Item = (u8, u8)>) {
    let pairs = red.chunks_exact_mut(2).zip(green.chunks_exact_mut(2)).zip(blue.chunks_exact_mut(2));
    for (((r, g), b), (u, v)) in pairs.zip(chroma) {
        let [red, green, blue] = by.tint(u, v);
        r.fill(red);
        g.fill(green);
        b.fill(blue);
    }
}

/// Colour by colour, so that the compiler makes vector code of it.
fn write_yuv(y: &[u8], by: Conversion, tints: &[Vec<f32>; 3], out: [&mut [f32]; 3], scales: [Scale; 3]) {
    for ((out, tint), scale) in out.into_iter().zip(tints).zip(scales) {
        for ((out, tint), y) in out.iter_mut().zip(tint).zip(y) {
            *out = scale.of(by.light(*y) + tint);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use hardware_ports::camera::{Levels, OwnedPlanes, PixelFormat, Plane, Planes};
    use models_vision::manifest::{DEFAULT, Fit, Manifest};

    use super::*;

    fn input() -> Input {
        Manifest::shipped(DEFAULT).unwrap().input
    }

    fn whole(scratch: &mut Scratch, picture: &Picture) -> Letterbox {
        let region = Region::whole((picture.width, picture.height));
        scratch.prepare(0, picture, region, &input()).unwrap()
    }

    /// The three colours (blue, green, red) at a place of the tensor, on 0..=255 again.
    fn at(scratch: &Scratch, x: usize, y: usize) -> [f32; 3] {
        let input = input();
        std::array::from_fn(|c| {
            let value = scratch.tensor[c * 640 * 384 + y * 640 + x] * input.std[c] + input.mean[c];
            (value * 10.0).round() / 10.0
        })
    }

    #[test]
    fn an_rgb_picture_lies_in_the_middle_as_bgr() {
        let mut scratch = Scratch::default();
        let data = [200, 100, 50].repeat(768 * 576);
        let place = whole(&mut scratch, &Picture::from_rgb(768, 576, data));
        assert_eq!((place.content, place.offset), ((512, 384), (64, 0)));
        assert_eq!(at(&scratch, 64, 0), [50.0, 100.0, 200.0]);
        assert_eq!(at(&scratch, 575, 383), [50.0, 100.0, 200.0]);
        for outside in [(0, 0), (63, 200), (576, 200), (639, 383)] {
            assert_eq!(at(&scratch, outside.0, outside.1), [0.0, 0.0, 0.0]);
        }
        // A picture of another shape leaves nothing of the one before.
        let wide = Picture::from_rgb(640, 64, vec![255; 640 * 64 * 3]);
        whole(&mut scratch, &wide);
        assert_eq!(at(&scratch, 320, 100), [0.0, 0.0, 0.0]);
        assert_eq!(at(&scratch, 320, 192), [255.0, 255.0, 255.0]);
    }

    #[test]
    fn slots_lie_one_after_another_and_parts_are_taken_from_their_place() {
        let mut scratch = Scratch::default();
        let row = [[10, 20, 30].repeat(320), [200, 100, 50].repeat(320)].concat();
        let picture = Picture::from_rgb(640, 384, row.repeat(384));
        let of = |x| Region { x, y: 0, width: 320, height: 192 };
        for (slot, x) in [(1, 320), (0, 0)] {
            scratch.prepare(slot, &picture, of(x), &input()).unwrap();
        }
        assert_eq!(scratch.tensor(0, 2, &input()).len(), 2 * 3 * 640 * 384);
        assert_eq!(scratch.tensor(1, 1, &input()).len(), 3 * 640 * 384);
        assert_eq!(at(&scratch, 320, 192), [30.0, 20.0, 10.0]);
        scratch.tensor.drain(..3 * 640 * 384);
        assert_eq!(at(&scratch, 320, 192), [50.0, 100.0, 200.0]);
    }

    #[test]
    fn what_is_left_over_is_padded_as_the_network_was_taught() {
        let grey = Input { pad: 114.0, fit: Fit::UpperLeft, ..input() };
        let mut scratch = Scratch::default();
        let picture = Picture::from_rgb(768, 576, [200, 100, 50].repeat(768 * 576));
        let region = Region::whole((768, 576));
        let place = scratch.prepare(0, &picture, region, &grey).unwrap();
        assert_eq!((place.content, place.offset), ((512, 384), (0, 0)));
        assert_eq!(at(&scratch, 511, 383), [50.0, 100.0, 200.0]);
        assert_eq!(at(&scratch, 512, 0), [114.0, 114.0, 114.0]);
    }

    /// Planes from 0 to 255.
    struct Full(OwnedPlanes);

    impl Planes for Full {
        fn plane(&self, index: usize) -> Plane<'_> {
            self.0.plane(index)
        }

        fn levels(&self) -> Levels {
            Levels::Full
        }
    }

    #[test]
    fn full_range_keeps_its_shadows_and_lights() {
        let (w, h) = (64_usize, 36_usize);
        let y = [vec![10; w / 2], vec![245; w / 2]].concat().repeat(h);
        let data = [y, vec![128; w * h / 2]].concat();
        let planes = vec![(0, w), (w * h, w / 2), (w * h + w * h / 4, w / 2)];
        let full: Arc<dyn Planes> =
            Arc::new(Full(OwnedPlanes { data: data.clone(), planes: planes.clone() }));
        let limited: Arc<dyn Planes> = Arc::new(OwnedPlanes { data, planes });
        let mut scratch = Scratch::default();
        let mut seen = |planes: Arc<dyn Planes>| {
            whole(&mut scratch, &Picture { width: 64, height: 36, format: PixelFormat::I420, planes });
            (at(&scratch, 100, 192), at(&scratch, 500, 192))
        };
        assert_eq!(seen(full), ([10.0; 3], [245.0; 3]));
        assert_eq!(seen(limited), ([0.0; 3], [255.0; 3]));
    }

    #[test]
    fn the_formats_agree() {
        let (w, h) = (64_usize, 36_usize);
        // Red on the left, blue on the right.
        let half = |left: u8, right: u8, w: usize| [vec![left; w / 2], vec![right; w / 2]].concat();
        let y = half(81, 41, w).repeat(h);
        let (u, v) = (half(90, 240, w / 2), half(240, 110, w / 2));
        let uv: Vec<u8> = u.iter().zip(&v).flat_map(|(u, v)| [*u, *v]).collect();
        let i420 = [y.clone(), u.repeat(h / 2), v.repeat(h / 2)].concat();
        let nv12 = [y, uv.repeat(h / 2)].concat();
        let quarter = w * h / 4;
        let i420_planes = vec![(0, w), (w * h, w / 2), (w * h + quarter, w / 2)];
        for (format, data, planes) in
            [(PixelFormat::I420, i420, i420_planes), (PixelFormat::Nv12, nv12, vec![(0, w), (w * h, w)])]
        {
            let planes = Arc::new(OwnedPlanes { data, planes });
            let picture = Picture { width: w as u32, height: h as u32, format, planes };
            let mut scratch = Scratch::default();
            whole(&mut scratch, &picture);
            let near = |found: [f32; 3], want: [f32; 3]| {
                assert!(found.iter().zip(want).all(|(a, b)| (a - b).abs() < 2.0), "{format:?}: {found:?}");
            };
            near(at(&scratch, 100, 192), [0.0, 0.0, 255.0]);
            near(at(&scratch, 500, 192), [255.0, 0.0, 0.0]);
        }
    }
}
