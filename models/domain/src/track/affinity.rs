//! Whether a box may belong to a track, and how well it fits.

use super::assign::FORBIDDEN;
use super::motion::{Motion, size_of};
use crate::detection::{BBox, Class, Detection};
use crate::geo::Point;

/// Sides may differ by this factor from one picture to the next.
const SIZE_RATIO_MAX: f64 = 2.2;

/// A box of quite another kind may be the same road user only when it covers the predicted one this much ...
const SAME_PLACE: f64 = 0.5;
/// ... and costs this.
const OTHER_KIND: f64 = 0.15;

/// How generously boxes are taken for a track's.
#[derive(Debug, Clone, Copy)]
pub struct Gate {
    /// Centre distance that is always allowed, in sizes of the box.
    pub near: f64,
    /// Sigmas of the track's own uncertainty that are allowed on top.
    pub sigmas: f64,
    /// Never more than this, in sizes of the box.
    pub far: f64,
    /// Least overlap with the predicted box.
    pub iou: f64,
}

/// A box with what is needed of it again and again.
#[derive(Debug, Clone, Copy)]
pub struct Seen {
    pub detection: Detection,
    pub center: Point,
    size: f64,
}

impl Seen {
    pub fn new(detection: Detection) -> Self {
        Self { detection, center: detection.bbox.center(), size: size_of(&detection.bbox) }
    }

    pub fn overlaps(&self, other: &Seen) -> bool {
        self.detection.bbox.overlaps(&other.detection.bbox)
    }

    /// The same elsewhere in the picture.
    pub fn shifted(&self, dx: f64, dy: f64) -> Self {
        let bbox = self.detection.bbox;
        Self::new(Detection { bbox: BBox { x: bbox.x + dx, y: bbox.y + dy, ..bbox }, ..self.detection })
    }
}

/// Where a track's next box is looked for.
#[derive(Debug, Clone, Copy)]
pub struct Search {
    class: Class,
    bbox: BBox,
    center: Point,
    size: f64,
    /// Farthest a centre may be off, in sizes of the box.
    allowed: f64,
    iou: f64,
}

impl Search {
    pub fn new(motion: &Motion, class: Class, gate: &Gate) -> Self {
        let bbox = motion.bbox();
        let allowed = (gate.near + gate.sigmas * motion.spread()).min(gate.far);
        Self { class, bbox, center: bbox.center(), size: motion.size(), allowed, iou: gate.iou }
    }

    pub fn iou(&self, seen: &Seen) -> f64 {
        self.bbox.iou(&seen.detection.bbox)
    }

    /// 0 (the same) .. [`FORBIDDEN`] (must not be).
    pub fn cost(&self, seen: &Seen) -> f64 {
        let size = (self.size + seen.size) / 2.0;
        let reach = self.allowed * size;
        let (dx, dy) = ((self.center.x - seen.center.x).abs(), (self.center.y - seen.center.y).abs());
        // Nearly all pairs of a full street end here. A number that is none ends here too.
        if !(dx < reach && dy < reach) {
            return FORBIDDEN;
        }
        let iou = self.iou(seen);
        let strange = match strangeness(self.class, seen.detection.class) {
            Some(strange) => strange,
            // Of weak boxes the place is more to be trusted than the class.
            None if iou >= SAME_PLACE => OTHER_KIND,
            None => return FORBIDDEN,
        };
        let ratio = size_ratio(&self.bbox, &seen.detection.bbox);
        let distance = dx.hypot(dy) / size;
        if ratio > SIZE_RATIO_MAX || distance >= self.allowed || iou < self.iou {
            return FORBIDDEN;
        }
        // Overlap tells large slow boxes apart; distance is all there is for small fast ones.
        let apart = 1.0 - iou;
        let fit = 0.45 * apart + 0.6 * distance / self.allowed + 0.1 * (ratio - 1.0) / (SIZE_RATIO_MAX - 1.0);
        (fit + strange).min(FORBIDDEN)
    }
}

/// Whether the smaller of two boxes is a part of what the larger shows: a network often sees a door or a windscreen as a
/// car of its own. Two-wheelers and people do stand in front of each other, so for them it takes more.
pub fn is_part(a: &BBox, class: Class, b: &BBox, other: Class) -> bool {
    let smaller = a.area().min(b.area());
    if smaller <= 0.0 || strangeness(class, other).is_none() {
        return false;
    }
    let covered = if class.is_vehicle() && !class.is_two_wheeler() { 0.65 } else { 0.85 };
    a.intersection(b) / smaller >= covered
}

/// What it costs that a track of one class is seen as another; `None` when they are of quite different kinds.
pub fn strangeness(track: Class, seen: Class) -> Option<f64> {
    let group = |class: Class| match class {
        Class::Person => 0,
        Class::Bicycle | Class::Motorcycle => 1,
        Class::Car | Class::Bus | Class::Truck => 2,
    };
    match (group(track), group(seen)) {
        (a, b) if a == b => Some(if track == seen { 0.0 } else { 0.02 }),
        // A rider is seen now as a person, now as a two-wheeler.
        (0, 1) | (1, 0) => Some(0.05),
        _ => None,
    }
}

/// The larger over the smaller side, for the pair of sides that differs more; 1 when alike.
fn size_ratio(a: &BBox, b: &BBox) -> f64 {
    let ratio = |p: f64, q: f64| p.max(q).max(2.0) / p.min(q).max(2.0);
    // A turning vehicle changes one side much and the other little, so the sides are not judged alone.
    (ratio(a.w, b.w) * ratio(a.h, b.h)).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    const GATE: Gate = Gate { near: 0.4, sigmas: 2.5, far: 2.0, iou: 0.0 };

    fn seen(class: Class, x: f64) -> Detection {
        Detection { class, bbox: BBox::new(x, 0.0, 20.0, 40.0), score: 0.8 }
    }

    #[track_caller]
    fn check(dt: f64, class: Class, x: f64, want: bool) {
        let mut motion = Motion::new(&BBox::new(0.0, 0.0, 20.0, 40.0));
        motion.predict(dt);
        let cost = Search::new(&motion, Class::Motorcycle, &GATE).cost(&Seen::new(seen(class, x)));
        assert_eq!(cost < FORBIDDEN, want, "{cost}");
    }

    #[test]
    fn a_small_fast_box_is_found_though_it_does_not_overlap() {
        check(0.167, Class::Motorcycle, 40.0, true);
        check(0.040, Class::Motorcycle, 40.0, false);
        check(0.167, Class::Person, 30.0, true);
        check(0.167, Class::Car, 0.0, true);
        check(0.167, Class::Car, 15.0, false);
        check(5.0, Class::Motorcycle, 100.0, false);
    }
}
