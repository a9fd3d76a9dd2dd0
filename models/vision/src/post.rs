//! From output tensors to the road users of a picture.

use models_domain::Detection;

use crate::layouts::{Candidate, LayoutError, Tensor};
use crate::letterbox::{Letterbox, Region};
use crate::manifest::Manifest;
use crate::{riders, tiles};

/// What is wanted of the boxes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Wish {
    /// Weaker boxes are left out.
    pub min_score: f32,
    pub riders: Riders,
}

/// Whether a rider and a two-wheeler are told as one road user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Riders {
    /// One box around both, with the class of the two-wheeler: how traffic is counted.
    Merged,
    /// Two boxes, as the network was taught.
    Apart,
}

impl Wish {
    pub fn of(manifest: &Manifest) -> Self {
        Self { min_score: manifest.thresholds.min_score, riders: Riders::Merged }
    }
}

/// The boxes of one region of a picture, in pixels of the picture.
pub type PartFound = (Region, Vec<Candidate>);

/// Reads what the network said of one region: `tensors` in the order of the manifest's, each of one picture: `[1, …]`.
///
/// # Errors
/// [`LayoutError`] when the tensors are not what the manifest's layout expects.
pub fn part(
    manifest: &Manifest,
    wish: &Wish,
    tensors: &[Tensor<'_>],
    place: &Letterbox,
) -> Result<PartFound, LayoutError> {
    let mut candidates = Vec::new();
    (manifest.layout.decode)(manifest, tensors, wish.min_score, &mut candidates)?;
    for candidate in &mut candidates {
        candidate.bbox = place.to_picture(&candidate.bbox);
    }
    // What lies wholly in the letterbox's margin has no area in the picture.
    candidates.retain(|c| c.bbox.area() > 0.0);
    Ok((place.region, candidates))
}

/// The road users of a picture of that size, doubles removed, best first. One part for each of its
/// [`crate::tiles::regions`].
pub fn joined(
    manifest: &Manifest,
    wish: &Wish,
    picture: (u32, u32),
    parts: Vec<PartFound>,
) -> Vec<Detection> {
    let mut kept = tiles::join(parts, picture, &manifest.thresholds);
    if wish.riders == Riders::Merged {
        kept = riders::merge(&kept);
        kept.sort_by(|a, b| b.score.total_cmp(&a.score));
    }
    let of = |c: &Candidate| Detection { class: c.class, bbox: c.bbox, score: c.score.clamp(0.0, 1.0) };
    kept.iter().map(of).collect()
}

#[cfg(test)]
mod tests {
    use models_domain::{BBox, Class};

    use super::*;
    use crate::manifest::{DEFAULT, Fit};

    /// Boxes planted into stride 16 as (class number, column, row, score, [left, top, right, bottom] in strides).
    #[track_caller]
    fn check(planted: &[(usize, usize, usize, f32, [usize; 4])], riders: Riders, want: &[(Class, [f64; 4])]) {
        let manifest = Manifest::shipped(DEFAULT).unwrap();
        let of = |n: usize| [3840, 960, 240].map(|cells| (cells, n, vec![0.0_f32; cells * n]));
        let mut tensors = [of(80), of(44)].concat();
        for &(class, column, row, score, sides) in planted {
            let cell = row * 40 + column;
            tensors[1].2[cell * 80 + class] = score;
            for (side, bin) in sides.into_iter().enumerate() {
                tensors[4].2[cell * 44 + side * 11 + bin] = 100.0;
            }
        }
        let of = |(cells, n, data): &'_ (usize, usize, Vec<f32>)| (vec![1, *cells, *n], data.clone());
        let owned: Vec<_> = tensors.iter().map(of).collect();
        let views: Vec<_> = owned.iter().map(|(shape, data)| Tensor { shape: shape.clone(), data }).collect();
        // Twice as large as the input's content, which stands 12 pixels below the upper edge.
        let picture = (1280, 720);
        let place = Letterbox::fit(Region::whole(picture), (640, 384), Fit::Letterbox).unwrap();
        let wish = Wish { min_score: 0.15, riders };
        let found = joined(&manifest, &wish, picture, vec![part(&manifest, &wish, &views, &place).unwrap()]);
        let found: Vec<_> = found.iter().map(|d| (d.class, d.bbox)).collect();
        let want: Vec<_> = want.iter().map(|&(c, [x, y, w, h])| (c, BBox::new(x, y, w, h))).collect();
        assert_eq!(found, want);
    }

    #[test]
    fn tensors_become_road_users_of_the_picture() {
        let car = (2, 10, 10, 0.8, [2, 1, 2, 1]);
        let same_as_truck = (7, 10, 10, 0.6, [2, 1, 2, 1]);
        let rider = (0, 20, 10, 0.5, [1, 3, 1, 1]);
        let motorcycle = (3, 20, 11, 0.3, [1, 1, 1, 1]);
        let in_the_margin = (2, 30, 0, 0.9, [1, 0, 1, 0]);
        let all = [car, same_as_truck, rider, motorcycle, in_the_margin];
        let seen_car = (Class::Car, [272.0, 280.0, 128.0, 64.0]);
        check(&all, Riders::Merged, &[seen_car, (Class::Motorcycle, [624.0, 216.0, 64.0, 160.0])]);
        check(
            &all,
            Riders::Apart,
            &[
                seen_car,
                (Class::Person, [624.0, 216.0, 64.0, 128.0]),
                (Class::Motorcycle, [624.0, 312.0, 64.0, 64.0]),
            ],
        );
        check(&[], Riders::Merged, &[]);
    }
}
