//! Looking closer at the far part of a picture: where the tiles lie, and which boxes of overlapping parts are one.

use crate::layouts::Candidate;
use crate::letterbox::{Region, SIDES};
use crate::manifest::{Thresholds, Tiles};
use crate::nms;

/// The same road user comes out a little differently of two parts of another scale: from here on two boxes are one.
const SAME_IOU: f64 = 0.45;

/// A box cut by a tile's edge is a double when so much of it lies in a whole one.
const SAME_SHARE: f64 = 0.5;

/// Boxes that end so near to a tile's inner edge, as a share of the tile's side, are cut by it.
const EDGE: f64 = 0.01;

/// What the network is shown of a picture of that size: first all of it, then the tiles, from the left.
pub fn regions(tiles: Option<&Tiles>, picture: (u32, u32)) -> Vec<Region> {
    let whole = Region::whole(picture);
    let mut all = vec![whole];
    let Some(tiles) = tiles else { return all };
    let even = |value: f64, most: u32| (value.clamp(0.0, f64::from(most)) as u32) & !1;
    let top = even(tiles.top * f64::from(picture.1), picture.1);
    let height = even(tiles.bottom * f64::from(picture.1), picture.1).saturating_sub(top);
    // n tiles of width w that share o of it with each neighbour reach over w * (n - o * (n - 1)).
    let columns = f64::from(tiles.columns);
    let width = f64::from(picture.0) / (columns - tiles.overlap * (columns - 1.0));
    for column in 0..tiles.columns {
        let x = even(f64::from(column) * width * (1.0 - tiles.overlap), picture.0);
        let last = column + 1 == tiles.columns;
        // Rounded up, since the neighbour's beginning is rounded down.
        let width = if last { picture.0 - x } else { even(width + 2.0, picture.0 - x) };
        let tile = Region { x, y: top, width, height };
        // A picture too small to be cut is looked at as a whole only.
        if SIDES.contains(&tile.width) && SIDES.contains(&tile.height) && tile != whole {
            all.push(tile);
        }
    }
    all
}

/// The boxes that stay of those of several parts of one picture, best first; boxes in pixels of the picture.
pub fn join(
    parts: Vec<(Region, Vec<Candidate>)>,
    picture: (u32, u32),
    thresholds: &Thresholds,
) -> Vec<Candidate> {
    let (mut whole, mut cut) = (Vec::new(), Vec::new());
    for (part, (region, candidates)) in parts.into_iter().enumerate() {
        for candidate in nms::suppress(candidates, thresholds) {
            let all = if is_cut(&candidate, &region, picture) { &mut cut } else { &mut whole };
            all.push((part, candidate));
        }
    }
    for all in [&mut whole, &mut cut] {
        all.sort_by(|a: &(usize, Candidate), b| b.1.score.total_cmp(&a.1.score));
        all.truncate(nms::MAX_CANDIDATES);
    }
    let mut kept: Vec<(usize, Candidate)> = Vec::new();
    for new in whole {
        let same = |old: &(usize, Candidate)| {
            nms::comparable(&old.1, &new.1) && old.0 != new.0 && old.1.bbox.iou(&new.1.bbox) > SAME_IOU
        };
        if !kept.iter().any(same) {
            kept.push(new);
        }
    }
    for new in cut {
        let same = |old: &(usize, Candidate)| {
            let share = old.1.bbox.intersection(&new.1.bbox) / new.1.bbox.area();
            nms::comparable(&old.1, &new.1) && old.0 != new.0 && share > SAME_SHARE
        };
        if !kept.iter().any(same) {
            kept.push(new);
        }
    }
    let mut kept: Vec<_> = kept.into_iter().map(|(_, candidate)| candidate).collect();
    kept.sort_by(|a, b| b.score.total_cmp(&a.score));
    kept
}

/// Whether the box ends at an edge of the region that is not one of the picture.
fn is_cut(candidate: &Candidate, region: &Region, picture: (u32, u32)) -> bool {
    let axis = |start: f64, length: f64, from: u32, side: u32, all: u32| {
        let near = EDGE * f64::from(side);
        let (first, last) = (f64::from(from), f64::from(from + side));
        (from > 0 && start - first <= near) || (from + side < all && last - (start + length) <= near)
    };
    let b = &candidate.bbox;
    axis(b.x, b.w, region.x, region.width, picture.0) || axis(b.y, b.h, region.y, region.height, picture.1)
}

#[cfg(test)]
mod tests {
    use models_domain::{BBox, Class};

    use super::*;

    const LIMITS: Thresholds = Thresholds { min_score: 0.3, same_class_iou: 0.6, any_vehicle_iou: 0.7 };
    const TWO: Tiles = Tiles { columns: 2, top: 0.0, bottom: 0.5, overlap: 0.1 };

    #[track_caller]
    fn check_regions(tiles: Tiles, picture: (u32, u32), want: &[[u32; 4]]) {
        let found = regions(Some(&tiles), picture);
        let found: Vec<_> = found.iter().map(|r| [r.x, r.y, r.width, r.height]).collect();
        assert_eq!(found, want);
    }

    #[test]
    fn tiles_lie_over_the_far_part() {
        check_regions(TWO, (1920, 1080), &[[0, 0, 1920, 1080], [0, 0, 1012, 540], [908, 0, 1012, 540]]);
        check_regions(
            Tiles { columns: 1, top: 0.25, bottom: 0.75, overlap: 0.0 },
            (640, 480),
            &[[0, 0, 640, 480], [0, 120, 640, 240]],
        );
        // Nothing to look closer at.
        check_regions(TWO, (2, 2), &[[0, 0, 2, 2]]);
        check_regions(
            Tiles { columns: 1, top: 0.0, bottom: 1.0, overlap: 0.0 },
            (640, 480),
            &[[0, 0, 640, 480]],
        );
        assert_eq!(regions(None, (640, 480)), [Region::whole((640, 480))]);
    }

    #[test]
    fn every_column_of_the_far_part_is_in_a_tile() {
        for picture in [(1920, 1080), (641, 361), (333, 251), (64, 48), (20, 20)] {
            for columns in 1..=8 {
                let all = regions(Some(&Tiles { columns, ..TWO }), picture);
                let mut to = 0;
                for tile in &all[1..] {
                    assert!(tile.x <= to && tile.x % 2 == 0 && tile.x + tile.width <= picture.0, "{all:?}");
                    to = tile.x + tile.width;
                }
                assert!(all.len() == 1 || to == picture.0, "{all:?}");
            }
        }
    }

    fn at(class: Class, [x, y, w, h]: [f64; 4], score: f32) -> Candidate {
        Candidate { class, bbox: BBox::new(x, y, w, h), score }
    }

    /// Boxes as (part, box), all motorcycles but for what says otherwise; which of them stay, best first.
    #[track_caller]
    fn check(given: &[(usize, Candidate)], want: &[usize]) {
        let picture = (1920, 1080);
        let mut parts: Vec<_> = regions(Some(&TWO), picture).into_iter().map(|r| (r, Vec::new())).collect();
        for (part, candidate) in given {
            parts[*part].1.push(*candidate);
        }
        let want: Vec<_> = want.iter().map(|&i| given[i].1).collect();
        assert_eq!(join(parts, picture, &LIMITS), want);
    }

    #[test]
    fn one_road_user_in_two_parts_is_one() {
        use Class::{Car, Motorcycle, Person, Truck};
        let seen = at(Motorcycle, [400.0, 200.0, 40.0, 80.0], 0.5);
        // A little off, IoU 0.54: one across parts, two within one.
        let again = at(Motorcycle, [412.0, 200.0, 40.0, 80.0], 0.6);
        check(&[(0, seen), (1, again)], &[1]);
        check(&[(1, seen), (1, again)], &[1, 0]);
        // Its rider stays.
        check(&[(0, seen), (1, at(Person, [402.0, 190.0, 36.0, 70.0], 0.4))], &[0, 1]);
        // Between the tiles, in both and in the whole.
        let car = |score, off| at(Car, [930.0 + off, 300.0, 60.0, 40.0], score);
        check(
            &[(0, car(0.4, 0.0)), (1, car(0.8, 1.0)), (2, at(Truck, [930.0, 300.0, 60.0, 40.0], 0.7))],
            &[1],
        );
    }

    #[test]
    fn a_box_cut_by_a_seam_goes_when_the_whole_one_is_there() {
        use Class::{Bus, Car, Person};
        // The left tile ends at 1012, the right one begins at 908.
        let bus = at(Bus, [900.0, 300.0, 300.0, 150.0], 0.4);
        let left = at(Bus, [900.0, 300.0, 108.0, 150.0], 0.9);
        let right = at(Bus, [909.0, 300.0, 291.0, 150.0], 0.8);
        check(&[(0, bus), (1, left), (2, right)], &[0]);
        check(&[(1, left), (0, at(Person, [900.0, 300.0, 300.0, 150.0], 0.5))], &[0, 1]);
        // Better half a bus than none.
        check(&[(1, left)], &[0]);
        // Cut by the tile's lower edge at 540; the picture's own edges cut nothing.
        let below = at(Car, [100.0, 480.0, 100.0, 60.0], 0.9);
        check(&[(1, below), (0, at(Car, [100.0, 480.0, 100.0, 120.0], 0.3))], &[1]);
        let at_the_edge = at(Car, [0.0, 0.0, 100.0, 60.0], 0.5);
        check(&[(1, at_the_edge), (0, at(Car, [0.0, 0.0, 100.0, 120.0], 0.3))], &[0]);
    }
}
