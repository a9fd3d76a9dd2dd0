//! Where a picture lies in a network's input: shape kept, centred, the rest filled.

use models_domain::BBox;

/// Sizes of pictures that are taken, in pixels a side.
pub const SIDES: std::ops::RangeInclusive<u32> = 2..=16_384;

/// The picture's place in the input. All in pixels; `content` is even on both sides so that half-size chroma fits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Letterbox {
    pub picture: (u32, u32),
    pub input: (u32, u32),
    /// Size of the scaled picture inside the input.
    pub content: (u32, u32),
    /// Its upper left corner inside the input.
    pub offset: (u32, u32),
}

impl Letterbox {
    /// `None` when a side of the picture is outside [`SIDES`] or the input is smaller than 2 x 2.
    pub fn fit(picture: (u32, u32), input: (u32, u32)) -> Option<Self> {
        let takes = SIDES.contains(&picture.0) && SIDES.contains(&picture.1) && input.0.min(input.1) >= 2;
        if !takes {
            return None;
        }
        let scale =
            f64::min(f64::from(input.0) / f64::from(picture.0), f64::from(input.1) / f64::from(picture.1));
        let side = |picture: u32, input: u32| {
            let half = (f64::from(picture) * scale / 2.0).round() as u32;
            (half * 2).clamp(2, input - input % 2)
        };
        let content = (side(picture.0, input.0), side(picture.1, input.1));
        let offset = ((input.0 - content.0) / 2, (input.1 - content.1) / 2);
        Some(Self { picture, input, content, offset })
    }

    /// A box of the input as a box of the picture, cut at the picture's edges.
    pub fn to_picture(&self, bbox: &BBox) -> BBox {
        let axis = |start: f64, length: f64, offset: u32, content: u32, picture: u32| {
            let scale = f64::from(picture) / f64::from(content);
            let at = |v: f64| ((v - f64::from(offset)) * scale).clamp(0.0, f64::from(picture));
            (at(start), at(start + length))
        };
        let (left, right) = axis(bbox.x, bbox.w, self.offset.0, self.content.0, self.picture.0);
        let (top, bottom) = axis(bbox.y, bbox.h, self.offset.1, self.content.1, self.picture.1);
        BBox::new(left, top, right - left, bottom - top)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(picture: (u32, u32), content: (u32, u32), offset: (u32, u32)) {
        let made = Letterbox::fit(picture, (640, 384)).unwrap();
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
    fn impossible_sizes_are_refused() {
        for picture in [(0, 0), (1, 100), (100, 0), (20_000, 100), (u32::MAX, u32::MAX)] {
            assert_eq!(Letterbox::fit(picture, (640, 384)), None);
        }
    }

    #[test]
    fn boxes_are_cut_at_the_edges() {
        let made = Letterbox::fit((1920, 1080), (640, 384)).unwrap();
        let out = made.to_picture(&BBox::new(-10.0, 0.0, 30.0, 24.0));
        assert_eq!(out, BBox::new(0.0, 0.0, 60.0, 36.0));
        assert_eq!(made.to_picture(&BBox::new(0.0, 0.0, 10.0, 10.0)).h, 0.0);
    }
}
