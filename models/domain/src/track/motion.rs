//! Where a road user will be: Kalman filters driven by time, never by the count of pictures.
//!
//! Position and speed of each axis of the picture are one two-state filter (white noise on the acceleration). Noise is
//! measured in sizes of the box, so that a near bus and a far motorcycle are treated alike.

use crate::detection::BBox;

/// How much a network's boxes shake: one sigma, in sizes of the box.
pub const JITTER: f64 = 0.06;
/// Speed that a road user may have when first seen, one sigma, in sizes a second: a motorcycle at 50 km/h does seven.
const FIRST_SPEED: f64 = 4.0;
/// Changes of speed of one that stands, in sizes per second and root second; so much more for each size a second that it
/// goes; and never more than this, which also holds for one whose speed is not known yet.
const STARTS: f64 = 0.3;
const PER_SPEED: f64 = 0.3;
const ACCELERATION: f64 = 1.6;
/// The speed is not known while its sigma is larger, in sizes a second.
const UNKNOWN: f64 = 1.0;
/// How far a road user may differ from those that went before it, one sigma in sizes a second.
const USUAL: f64 = 1.2;
/// Growth and shrinking of a box, in sizes per root second.
const GROWTH: f64 = 0.35;
/// Sides below this, in pixels, are taken as this.
const SIDE_MIN: f64 = 2.0;

/// Position and speed along one axis, with their covariance.
#[derive(Debug, Clone, Copy)]
struct Axis {
    at: f64,
    speed: f64,
    var_at: f64,
    covar: f64,
    var_speed: f64,
}

impl Axis {
    fn new(at: f64, size: f64) -> Self {
        let (var_at, var_speed) = ((JITTER * size).powi(2), (FIRST_SPEED * size).powi(2));
        Self { at, speed: 0.0, var_at, covar: 0.0, var_speed }
    }

    fn predict(&mut self, dt: f64, size: f64, acceleration: f64) {
        let q = (acceleration * size).powi(2);
        self.at += self.speed * dt;
        self.var_at += dt * (2.0 * self.covar + dt * self.var_speed) + q * dt.powi(3) / 3.0;
        self.covar += dt * self.var_speed + q * dt.powi(2) / 2.0;
        self.var_speed += q * dt;
    }

    fn update(&mut self, seen: f64, var_seen: f64) {
        let s = self.var_at + var_seen;
        let (k_at, k_speed) = (self.var_at / s, self.covar / s);
        let off = seen - self.at;
        self.at += k_at * off;
        self.speed += k_speed * off;
        self.var_speed -= k_speed * self.covar;
        self.covar *= 1.0 - k_at;
        self.var_at *= 1.0 - k_at;
    }
}

/// A side of the box: it may grow, but its growth is not carried on while the road user is not seen.
#[derive(Debug, Clone, Copy)]
struct Side {
    len: f64,
    var: f64,
}

impl Side {
    fn new(len: f64) -> Self {
        let len = len.max(SIDE_MIN);
        Self { len, var: (2.0 * JITTER * len).powi(2) }
    }

    fn predict(&mut self, dt: f64) {
        self.var += (GROWTH * self.len).powi(2) * dt;
    }

    fn update(&mut self, seen: f64, spread: f64) {
        let gain = self.var / (self.var + (2.0 * spread * self.len).powi(2));
        self.len = (self.len + gain * (seen - self.len)).max(SIDE_MIN);
        self.var *= 1.0 - gain;
    }
}

/// The believed box of one road user and how it moves.
#[derive(Debug, Clone, Copy)]
pub struct Motion {
    x: Axis,
    y: Axis,
    w: Side,
    h: Side,
}

/// Length that stands for the size of a box: the root of its area, in pixels.
pub fn size_of(bbox: &BBox) -> f64 {
    (bbox.w.max(SIDE_MIN) * bbox.h.max(SIDE_MIN)).sqrt()
}

impl Motion {
    /// At rest at `seen`, as far as is known.
    pub fn new(seen: &BBox) -> Self {
        let (c, size) = (seen.center(), size_of(seen));
        Self { x: Axis::new(c.x, size), y: Axis::new(c.y, size), w: Side::new(seen.w), h: Side::new(seen.h) }
    }

    /// Moves on by `dt` seconds; none or negative time changes nothing.
    pub fn predict(&mut self, dt: f64) {
        if dt <= 0.0 {
            return;
        }
        let size = self.size();
        let acceleration = self.acceleration();
        self.x.predict(dt, size, acceleration);
        self.y.predict(dt, size, acceleration);
        self.w.predict(dt);
        self.h.predict(dt);
    }

    /// Takes in a box that was seen now; a low `score` (0..=1) moves the belief less.
    pub fn update(&mut self, seen: &BBox, score: f32) {
        let spread = JITTER * (2.0 - f64::from(score.clamp(0.0, 1.0)));
        let var = (spread * self.size()).powi(2);
        let c = seen.center();
        self.x.update(c.x, var);
        self.y.update(c.y, var);
        self.w.update(seen.w, spread);
        self.h.update(seen.h, spread);
    }

    /// The camera moved: everything lies elsewhere.
    pub fn shift(&mut self, dx: f64, dy: f64) {
        self.x.at += dx;
        self.y.at += dy;
    }

    /// All goes so many pixels a second faster: it was the camera that moved.
    pub fn hasten(&mut self, vx: f64, vy: f64) {
        self.x.speed += vx;
        self.y.speed += vy;
    }

    /// What is known of a velocity before it was seen: pixels a second, with one sigma.
    pub fn expect(&mut self, velocity: (f64, f64), spread: f64) {
        let size = self.size();
        let var = spread.powi(2) + (USUAL * size).powi(2);
        if var < self.x.var_speed {
            (self.x.speed, self.y.speed) = velocity;
            (self.x.var_speed, self.y.var_speed) = (var, var);
        }
    }

    fn acceleration(&self) -> f64 {
        if self.speed_spread() > UNKNOWN {
            return ACCELERATION;
        }
        (STARTS + PER_SPEED * self.relative_speed()).min(ACCELERATION)
    }

    pub fn bbox(&self) -> BBox {
        BBox::new(self.x.at - self.w.len / 2.0, self.y.at - self.h.len / 2.0, self.w.len, self.h.len)
    }

    /// Pixels a second.
    pub fn velocity(&self) -> (f64, f64) {
        (self.x.speed, self.y.speed)
    }

    pub fn size(&self) -> f64 {
        (self.w.len * self.h.len).sqrt()
    }

    /// Speed in sizes of the box a second.
    pub fn relative_speed(&self) -> f64 {
        self.x.speed.hypot(self.y.speed) / self.size()
    }

    /// One sigma of the speed, in sizes of the box a second.
    pub fn speed_spread(&self) -> f64 {
        self.x.var_speed.max(self.y.var_speed).sqrt() / self.size()
    }

    /// How unsure the position is: one sigma, in sizes of the box.
    pub fn spread(&self) -> f64 {
        self.x.var_at.max(self.y.var_at).sqrt() / self.size()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Follows a box that moves at 120 px/s, seen at the given times.
    #[track_caller]
    fn check(times_ms: &[i64]) {
        let at = |ms: i64| BBox::new(0.12 * ms as f64, 50.0, 40.0, 20.0);
        let mut motion = Motion::new(&at(times_ms[0]));
        for pair in times_ms.windows(2) {
            motion.predict((pair[1] - pair[0]) as f64 / 1000.0);
            motion.update(&at(pair[1]), 0.9);
        }
        let (vx, vy) = motion.velocity();
        assert!((vx - 120.0).abs() < 6.0 && vy.abs() < 1.0, "{vx} {vy}");
    }

    #[test]
    fn speed_does_not_depend_on_the_rate_of_pictures() {
        check(&(0..40).map(|i| i * 40).collect::<Vec<_>>());
        check(&(0..10).map(|i| i * 167).collect::<Vec<_>>());
        check(&[0, 40, 80, 200, 640, 700, 900, 1000, 1100, 1500, 1600, 1700]);
    }

    #[test]
    fn no_time_changes_nothing() {
        let mut motion = Motion::new(&BBox::new(1.0, 2.0, 3.0, 4.0));
        motion.predict(0.0);
        motion.predict(-3.0);
        assert_eq!(motion.bbox(), BBox::new(1.0, 2.0, 3.0, 4.0));
    }

    #[test]
    fn a_box_without_area_is_followed_too() {
        let mut motion = Motion::new(&BBox::default());
        motion.predict(0.1);
        motion.update(&BBox::default(), 0.0);
        assert!(motion.spread().is_finite() && motion.relative_speed().is_finite());
    }
}
