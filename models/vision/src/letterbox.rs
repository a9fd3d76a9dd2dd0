//! Where a picture, or a part of it, lies in a network's input.

use models_domain::BBox;

use crate::manifest::Fit;

/// Sizes of pictures that are taken, in pixels a side.
pub const SIDES: std::ops::RangeInclusive<u32> = 2..=16_384;

/// A part of a picture, in its pixels; `x` and `y` are even, so that half-size chroma begins there too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Region {
    pub x: u32,
    pub y: u32,
    pub width: u32,
    pub height: u32,
}

impl Region {
    pub fn whole(picture: (u32, u32)) -> Self {
        Self { x: 0, y: 0, width: picture.0, height: picture.1 }
    }
}

/// The region's place in the input. All in pixels; `content` is even on both sides so that half-size chroma fits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Letterbox {
    pub region: Region,
    pub input: (u32, u32),
    /// Size of the scaled region inside the input.
    pub content: (u32, u32),
    /// Its upper left corner inside the input.
    pub offset: (u32, u32),
}

impl Letterbox {
    /// `None` when a side of the region is outside [`SIDES`] or the input is smaller than 2 x 2.
    pub fn fit(region: Region, input: (u32, u32), fit: Fit) -> Option<Self> {
        let takes = SIDES.contains(&region.width) && SIDES.contains(&region.height);
        if !takes || input.0.min(input.1) < 2 {
            return None;
        }
        let full = (input.0 - input.0 % 2, input.1 - input.1 % 2);
        let of = |input: u32, side: u32| f64::from(input) / f64::from(side);
        let scale = f64::min(of(input.0, region.width), of(input.1, region.height));
        let side = |side: u32, full: u32| {
            let half = (f64::from(side) * scale / 2.0).round() as u32;
            (half * 2).clamp(2, full)
        };
        let kept = (side(region.width, full.0), side(region.height, full.1));
        let (content, offset) = match fit {
            Fit::Letterbox => (kept, ((input.0 - kept.0) / 2, (input.1 - kept.1) / 2)),
            Fit::UpperLeft => (kept, (0, 0)),
            Fit::Stretch => (full, (0, 0)),
        };
        Some(Self { region, input, content, offset })
    }

    /// A box of the input as a box of the picture, cut at the region's edges.
    pub fn to_picture(&self, bbox: &BBox) -> BBox {
        let axis = |start: f64, length: f64, offset: u32, content: u32, from: u32, side: u32| {
            let scale = f64::from(side) / f64::from(content);
            let at = |v: f64| f64::from(from) + ((v - f64::from(offset)) * scale).clamp(0.0, f64::from(side));
            (at(start), at(start + length))
        };
        let Region { x, y, width, height } = self.region;
        let (left, right) = axis(bbox.x, bbox.w, self.offset.0, self.content.0, x, width);
        let (top, bottom) = axis(bbox.y, bbox.h, self.offset.1, self.content.1, y, height);
        BBox::new(left, top, right - left, bottom - top)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fit(picture: (u32, u32), fit: Fit) -> Letterbox {
        Letterbox::fit(Region::whole(picture), (640, 384), fit).unwrap()
    }

    #[track_caller]
    fn check(picture: (u32, u32), content: (u32, u32), offset: (u32, u32)) {
        let made = fit(picture, Fit::Letterbox);
        assert_eq!((made.content, made.offset), (content, offset), "{picture:?}");
        let whole = BBox::new(offset.0.into(), offset.1.into(), content.0.into(), content.1.into());
        assert_eq!(made.to_picture(&whole), BBox::new(0.0, 0.0, picture.0.into(), picture.1.into()));
    }

    #[test]
    fn pictures_keep_their_shape() {
        check((1920, 1080), (640, 360), (0, 12));
        check((640, 384), (640, 384), (0, 0));
        check((768, 576), (512, 384), (64, 0));
        check((320, 192), (640, 384), (0, 0));
        check((1080, 1920), (216, 384), (212, 0));
        check((16_384, 2), (640, 2), (0, 191));
        check((333, 251), (510, 384), (65, 0));
    }

    #[test]
    fn other_networks_want_it_otherwise() {
        let corner = fit((768, 576), Fit::UpperLeft);
        assert_eq!((corner.content, corner.offset), ((512, 384), (0, 0)));
        let stretched = fit((1000, 1000), Fit::Stretch);
        assert_eq!((stretched.content, stretched.offset), ((640, 384), (0, 0)));
        let out = stretched.to_picture(&BBox::new(320.0, 192.0, 64.0, 96.0));
        assert_eq!(out, BBox::new(500.0, 500.0, 100.0, 250.0));
    }

    #[test]
    fn impossible_sizes_are_refused() {
        for picture in [(0, 0), (1, 100), (100, 0), (20_000, 100), (u32::MAX, u32::MAX)] {
            assert_eq!(Letterbox::fit(Region::whole(picture), (640, 384), Fit::Letterbox), None);
        }
    }

    #[test]
    fn boxes_are_cut_at_the_edges() {
        let made = fit((1920, 1080), Fit::Letterbox);
        let out = made.to_picture(&BBox::new(-10.0, 0.0, 30.0, 24.0));
        assert_eq!(out, BBox::new(0.0, 0.0, 60.0, 36.0));
        assert_eq!(made.to_picture(&BBox::new(0.0, 0.0, 10.0, 10.0)).h, 0.0);
    }

    #[test]
    fn boxes_of_a_part_are_told_in_the_picture() {
        let part = Region { x: 1280, y: 100, width: 640, height: 384 };
        let made = Letterbox::fit(part, (640, 384), Fit::Letterbox).unwrap();
        let out = made.to_picture(&BBox::new(-10.0, 20.0, 30.0, 40.0));
        assert_eq!(out, BBox::new(1280.0, 120.0, 20.0, 40.0));
    }
}
