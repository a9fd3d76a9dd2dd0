//! Non-maximum suppression: of boxes that lie on each other only the best stays.

use crate::layouts::Candidate;
use crate::manifest::Thresholds;

/// More candidates than this are cut, weakest first: a network gone wrong must not cost quadratic time.
pub const MAX_CANDIDATES: usize = 2000;

/// Whether two boxes can be one road user: of one class, or both vehicles, since one vehicle often comes as car and as truck.
pub fn comparable(a: &Candidate, b: &Candidate) -> bool {
    a.class == b.class || (a.class.is_vehicle() && b.class.is_vehicle())
}

/// The boxes that stay, best first. Same class: above `same_class_iou` the weaker goes. Two vehicles of different classes:
/// above `any_vehicle_iou` the weaker goes, since one vehicle often comes as car and as truck. A person never removes
/// a vehicle nor a vehicle a person: riders sit on what they ride.
pub fn suppress(mut candidates: Vec<Candidate>, thresholds: &Thresholds) -> Vec<Candidate> {
    // Stable, so equal scores keep the network's order and the result is the same at every run.
    candidates.sort_by(|a, b| b.score.total_cmp(&a.score));
    candidates.truncate(MAX_CANDIDATES);
    let mut kept: Vec<Candidate> = Vec::new();
    for new in candidates {
        let limit = |old: &Candidate| match old.class == new.class {
            true => thresholds.same_class_iou,
            false => thresholds.any_vehicle_iou,
        };
        if !kept.iter().any(|old| comparable(old, &new) && old.bbox.iou(&new.bbox) > limit(old)) {
            kept.push(new);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use models_domain::{BBox, Class};

    use super::*;

    const LIMITS: Thresholds = Thresholds { min_score: 0.3, same_class_iou: 0.6, any_vehicle_iou: 0.7 };

    fn at(class: Class, x: f64, score: f32) -> Candidate {
        Candidate { class, bbox: BBox::new(x, 0.0, 100.0, 100.0), score }
    }

    /// Input as (class, x, score) of squares of 100 pixels; which of them stay, best first.
    #[track_caller]
    fn check(given: &[(Class, f64, f32)], want: &[usize]) {
        let boxes: Vec<_> = given.iter().map(|&(class, x, score)| at(class, x, score)).collect();
        let want: Vec<_> = want.iter().map(|&i| boxes[i]).collect();
        assert_eq!(suppress(boxes, &LIMITS), want);
    }

    #[test]
    fn doubles_go() {
        use Class::{Bus, Car, Motorcycle, Person, Truck};
        check(&[], &[]);
        // Moved by 20 of 100: IoU 0.667.
        check(&[(Car, 20.0, 0.5), (Car, 0.0, 0.9)], &[1]);
        check(&[(Car, 0.0, 0.9), (Car, 30.0, 0.5)], &[0, 1]);
        // Different vehicles need more: 0.667 stays, 0.818 goes.
        check(&[(Car, 0.0, 0.9), (Truck, 20.0, 0.5)], &[0, 1]);
        check(&[(Car, 0.0, 0.5), (Truck, 10.0, 0.9), (Bus, 5.0, 0.3)], &[1]);
        check(&[(Person, 0.0, 0.9), (Motorcycle, 0.0, 0.5)], &[0, 1]);
        // A box that went removes nobody.
        check(&[(Car, 0.0, 0.9), (Car, 20.0, 0.8), (Car, 40.0, 0.7)], &[0, 2]);
    }

    #[test]
    fn a_flood_is_cut() {
        let flood = (0..50_000).map(|i| at(Class::Car, f64::from(i) * 200.0, 0.5)).collect();
        assert_eq!(suppress(flood, &LIMITS).len(), MAX_CANDIDATES);
    }
}
