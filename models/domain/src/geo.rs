//! Plane geometry of a picture (pixels, y down) and positions on the earth (WGS 84).

pub mod consensus;
pub mod homography;
pub mod lens;
mod linear;

use serde::{Deserialize, Serialize};

use crate::units::{Degrees, Meters};

/// A point of the picture in pixels; y grows downwards.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(from = "(f64, f64)", into = "(f64, f64)")]
pub struct Point {
    pub x: f64,
    pub y: f64,
}

impl Point {
    pub const fn new(x: f64, y: f64) -> Self {
        Self { x, y }
    }
}

impl From<(f64, f64)> for Point {
    fn from((x, y): (f64, f64)) -> Self {
        Self { x, y }
    }
}

impl From<Point> for (f64, f64) {
    fn from(p: Point) -> Self {
        (p.x, p.y)
    }
}

/// Twice the signed area of a, b, p. With y down: negative when `p` is left of a→b as seen from a towards b, positive right.
pub fn side(a: Point, b: Point, p: Point) -> f64 {
    (b.x - a.x) * (p.y - a.y) - (b.y - a.y) * (p.x - a.x)
}

/// Whether the closed segments p–q and a–b meet.
pub fn segments_meet(p: Point, q: Point, a: Point, b: Point) -> bool {
    let (d1, d2) = (side(a, b, p), side(a, b, q));
    let (d3, d4) = (side(p, q, a), side(p, q, b));
    let on = |u: Point, v: Point, w: Point| {
        w.x >= u.x.min(v.x) && w.x <= u.x.max(v.x) && w.y >= u.y.min(v.y) && w.y <= u.y.max(v.y)
    };
    (d1 * d2 < 0.0 && d3 * d4 < 0.0)
        || (d1 == 0.0 && on(a, b, p))
        || (d2 == 0.0 && on(a, b, q))
        || (d3 == 0.0 && on(p, q, a))
        || (d4 == 0.0 && on(p, q, b))
}

/// Whether `p` lies inside the polygon (even-odd rule; the last corner joins the first).
pub fn inside(polygon: &[Point], p: Point) -> bool {
    let mut odd = false;
    for (i, a) in polygon.iter().enumerate() {
        let b = &polygon[(i + 1) % polygon.len()];
        if (a.y > p.y) != (b.y > p.y) && p.x < (b.x - a.x) * (p.y - a.y) / (b.y - a.y) + a.x {
            odd = !odd;
        }
    }
    odd
}

/// A position on the earth, WGS 84.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct LatLon {
    pub lat: Degrees,
    pub lon: Degrees,
}

impl LatLon {
    pub const fn new(lat: f64, lon: f64) -> Self {
        Self { lat: Degrees(lat), lon: Degrees(lon) }
    }

    /// Within ±90°, ±180° and a number.
    pub fn is_sane(self) -> bool {
        (-90.0..=90.0).contains(&self.lat.0) && (-180.0..=180.0).contains(&self.lon.0)
    }

    /// Great-circle distance on a sphere of 6,371,008.8 m (mean earth radius, IUGG).
    pub fn distance(self, to: LatLon) -> Meters {
        let (a, b) = (self.lat.0.to_radians(), to.lat.0.to_radians());
        let (dlat, dlon) = (b - a, (to.lon.0 - self.lon.0).to_radians());
        let h = (dlat / 2.0).sin().powi(2) + a.cos() * b.cos() * (dlon / 2.0).sin().powi(2);
        Meters(2.0 * 6_371_008.8 * h.sqrt().min(1.0).asin())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn left_of_an_upward_line_is_left_in_the_picture() {
        let (a, b) = (Point::new(10.0, 100.0), Point::new(10.0, 0.0));
        assert!(side(a, b, Point::new(0.0, 50.0)) < 0.0);
        assert!(side(a, b, Point::new(20.0, 50.0)) > 0.0);
    }

    #[test]
    fn segments() {
        let p = Point::new;
        assert!(segments_meet(p(0.0, 0.0), p(2.0, 2.0), p(0.0, 2.0), p(2.0, 0.0)));
        assert!(segments_meet(p(0.0, 0.0), p(1.0, 0.0), p(1.0, 0.0), p(1.0, 5.0)));
        assert!(!segments_meet(p(0.0, 0.0), p(1.0, 0.0), p(2.0, -1.0), p(2.0, 1.0)));
    }

    #[test]
    fn polygons() {
        let square = [(0.0, 0.0), (4.0, 0.0), (4.0, 4.0), (0.0, 4.0)].map(Point::from);
        assert!(inside(&square, Point::new(1.0, 3.0)));
        assert!(!inside(&square, Point::new(5.0, 3.0)));
        assert!(!inside(&[], Point::new(0.0, 0.0)));
    }

    #[test]
    fn hoan_kiem_to_west_lake() {
        let d = LatLon::new(21.0287, 105.8524).distance(LatLon::new(21.0587, 105.8190)).0;
        assert!((4_700.0..4_900.0).contains(&d), "{d}");
    }
}
