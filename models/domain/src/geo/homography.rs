//! The map between a picture and a plane, by least squares over marks whose place is known in both, with its covariance.
//!
//! Hartley and Zisserman, Multiple View Geometry (2nd ed.), §4.1 (linear start in scaled coordinates), §4.5 (least squares
//! on the error in the picture), §5.2 (covariance). Pure on purpose: OpenCV's findHomography tells no covariance, and a
//! plane that is fixed by a handful of marks needs no library.

use super::Point;
use super::linear::{Matrix3, inverse, times_vector};

/// Unknowns of the map: eight of its nine numbers, the ninth is 1.
type Eight = [f64; 8];

/// Farther from the camera than this many times the middle of the marks there is nothing to tell: the horizon is near.
const FAR: f64 = 100.0;
/// Steps of the least squares; four are enough in practice.
const STEPS: usize = 12;

/// One place that is known in the picture and on the ground.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Mark {
    /// Pixels, without the lens's distortion.
    pub picture: Point,
    /// Meters, right-handed as seen from above.
    pub ground: Point,
    /// How well it was pointed at, one sigma in pixels.
    pub picture_spread: f64,
    /// How well it was surveyed, one sigma in meters.
    pub ground_spread: f64,
}

/// A plane seen by a camera.
#[derive(Debug, Clone, PartialEq)]
pub struct Plane {
    /// Ground to picture, both in scaled coordinates.
    map: Eight,
    back: Matrix3,
    covariance: [Eight; 8],
    picture: Scale,
    ground: Scale,
}

/// Moves the middle of some points to 0 and their mean distance from it to √2.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Scale {
    middle: Point,
    by: f64,
}

impl Scale {
    fn of(points: impl Iterator<Item = Point> + Clone) -> Self {
        let n = points.clone().count().max(1) as f64;
        let sum = points.clone().fold((0.0, 0.0), |s, p| (s.0 + p.x, s.1 + p.y));
        let middle = Point::new(sum.0 / n, sum.1 / n);
        let mean = points.map(|p| (p.x - middle.x).hypot(p.y - middle.y)).sum::<f64>() / n;
        Self { middle, by: std::f64::consts::SQRT_2 / mean.max(f64::MIN_POSITIVE) }
    }

    fn scaled(&self, p: Point) -> Point {
        Point::new((p.x - self.middle.x) * self.by, (p.y - self.middle.y) * self.by)
    }

    fn back(&self, p: Point) -> Point {
        Point::new(p.x / self.by + self.middle.x, p.y / self.by + self.middle.y)
    }
}

impl Plane {
    /// The plane that fits `marks` best; `None` when they do not fix one (fewer than four, or too many on one line).
    pub fn fit(marks: &[Mark]) -> Option<Self> {
        if marks.len() < 4 {
            return None;
        }
        let picture = Scale::of(marks.iter().map(|m| m.picture));
        let ground = Scale::of(marks.iter().map(|m| m.ground));
        let pairs: Vec<(Point, Point)> =
            marks.iter().map(|m| (ground.scaled(m.ground), picture.scaled(m.picture))).collect();
        let mut map = linear_start(&pairs)?;
        let variances = |map: &Eight| -> Vec<f64> {
            let by = marks.iter().zip(&pairs);
            by.map(|(m, (g, _))| {
                let (_, slope) = seen(map, *g);
                let stretch = slope.iter().flatten().map(|v| v * v).sum::<f64>() / 2.0;
                let of_picture = (m.picture_spread * picture.by).powi(2);
                (of_picture + (m.ground_spread * ground.by).powi(2) * stretch).max(f64::MIN_POSITIVE)
            })
            .collect()
        };
        let mut covariance = None;
        for _ in 0..STEPS {
            let (normal, right, _) = equations(&map, &pairs, &variances(&map));
            let inverse = inverse(normal)?;
            let step = times_vector(&inverse, &right);
            map.iter_mut().zip(step).for_each(|(m, s)| *m += s);
            covariance = Some(inverse);
            if step.iter().all(|s| s.abs() < 1e-12) {
                break;
            }
        }
        let (_, _, chi2) = equations(&map, &pairs, &variances(&map));
        // Marks that agree worse than they were said to make the whole map less sure.
        let freedom = 2.0 * (marks.len() as f64) - 8.0;
        let worse = if freedom > 0.0 { (chi2 / freedom).max(1.0) } else { 1.0 };
        let covariance = covariance?.map(|row| row.map(|v| v * worse));
        let back = inverse(matrix(&map))?;
        map.iter().chain(covariance.iter().flatten()).all(|v| v.is_finite()).then_some(Self {
            map,
            back,
            covariance,
            picture,
            ground,
        })
    }

    /// Where a pixel lies on the ground, in meters; `None` at and above the horizon.
    pub fn to_ground(&self, p: Point) -> Option<Point> {
        self.to_ground_by(&self.back, p)
    }

    /// Where a place on the ground is seen, in pixels; `None` for what lies behind the camera.
    pub fn to_picture(&self, p: Point) -> Option<Point> {
        let g = self.ground.scaled(p);
        let depth = self.map[6] * g.x + self.map[7] * g.y + 1.0;
        (depth > 1.0 / FAR).then(|| self.picture.back(seen(&self.map, g).0))
    }

    /// One sigma of a number that is read off the plane, from how well the marks fix it. `read` is given ways from
    /// pixels to meters, each a little different; `None` when one of them cannot read it.
    pub fn spread_of(&self, read: impl Fn(&dyn Fn(Point) -> Option<Point>) -> Option<f64>) -> Option<f64> {
        let mut slope = [0.0; 8];
        for (i, slope) in slope.iter_mut().enumerate() {
            let step = 0.1 * self.covariance[i][i].max(0.0).sqrt() + 1e-9;
            let moved = |by: f64| {
                let mut map = self.map;
                map[i] += by;
                let back = inverse(matrix(&map))?;
                read(&|p| self.to_ground_by(&back, p))
            };
            *slope = (moved(step)? - moved(-step)?) / (2.0 * step);
        }
        let variance: f64 =
            times_vector(&self.covariance, &slope).iter().zip(&slope).map(|(a, b)| a * b).sum();
        variance.is_finite().then(|| variance.max(0.0).sqrt())
    }

    /// How far a mark is off, in sigmas of its own.
    pub fn misfit(&self, mark: &Mark) -> f64 {
        let g = self.ground.scaled(mark.ground);
        if self.map[6] * g.x + self.map[7] * g.y + 1.0 <= 0.0 {
            return f64::INFINITY;
        }
        let (at, slope) = seen(&self.map, g);
        let want = self.picture.scaled(mark.picture);
        let stretch = slope.iter().flatten().map(|v| v * v).sum::<f64>() / 2.0;
        let variance = (mark.picture_spread * self.picture.by).powi(2)
            + (mark.ground_spread * self.ground.by).powi(2) * stretch;
        (at.x - want.x).hypot(at.y - want.y) / variance.sqrt()
    }

    fn to_ground_by(&self, back: &Matrix3, p: Point) -> Option<Point> {
        let p = self.picture.scaled(p);
        let [x, y, near] = times_vector(back, &[p.x, p.y, 1.0]);
        // `near` is one over the depth, in depths of the middle of the marks.
        (near > 1.0 / FAR).then(|| self.ground.back(Point::new(x / near, y / near)))
    }
}

fn matrix(m: &Eight) -> Matrix3 {
    [[m[0], m[1], m[2]], [m[3], m[4], m[5]], [m[6], m[7], 1.0]]
}

/// Where the map shows a place, and the derivatives of that by the place.
fn seen(m: &Eight, g: Point) -> (Point, [[f64; 2]; 2]) {
    let depth = m[6] * g.x + m[7] * g.y + 1.0;
    let at = Point::new((m[0] * g.x + m[1] * g.y + m[2]) / depth, (m[3] * g.x + m[4] * g.y + m[5]) / depth);
    let slope = [
        [(m[0] - at.x * m[6]) / depth, (m[1] - at.x * m[7]) / depth],
        [(m[3] - at.y * m[6]) / depth, (m[4] - at.y * m[7]) / depth],
    ];
    (at, slope)
}

/// The map that solves the equations multiplied out; close to the best one.
fn linear_start(pairs: &[(Point, Point)]) -> Option<Eight> {
    let (mut normal, mut right) = ([[0.0; 8]; 8], [0.0; 8]);
    for (g, p) in pairs {
        add(&mut normal, &mut right, &[g.x, g.y, 1.0, 0.0, 0.0, 0.0, -p.x * g.x, -p.x * g.y], p.x, 1.0);
        add(&mut normal, &mut right, &[0.0, 0.0, 0.0, g.x, g.y, 1.0, -p.y * g.x, -p.y * g.y], p.y, 1.0);
    }
    Some(times_vector(&inverse(normal)?, &right))
}

/// The normal equations of one step at `map`, and the sum of squared errors in sigmas.
fn equations(map: &Eight, pairs: &[(Point, Point)], variances: &[f64]) -> ([Eight; 8], Eight, f64) {
    let (mut normal, mut right, mut chi2) = ([[0.0; 8]; 8], [0.0; 8], 0.0);
    for ((g, p), variance) in pairs.iter().zip(variances) {
        let (at, _) = seen(map, *g);
        let d = map[6] * g.x + map[7] * g.y + 1.0;
        let (gx, gy, one) = (g.x / d, g.y / d, 1.0 / d);
        let (off_x, off_y) = (p.x - at.x, p.y - at.y);
        let weight = 1.0 / variance;
        add(&mut normal, &mut right, &[gx, gy, one, 0.0, 0.0, 0.0, -at.x * gx, -at.x * gy], off_x, weight);
        add(&mut normal, &mut right, &[0.0, 0.0, 0.0, gx, gy, one, -at.y * gx, -at.y * gy], off_y, weight);
        chi2 += (off_x * off_x + off_y * off_y) * weight;
    }
    (normal, right, chi2)
}

fn add(normal: &mut [Eight; 8], right: &mut Eight, row: &Eight, value: f64, weight: f64) {
    for i in 0..8 {
        for j in 0..8 {
            normal[i][j] += weight * row[i] * row[j];
        }
        right[i] += weight * row[i] * value;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A camera 8 m up that looks along y, 20° down, focal length 700 pixels, picture 1280 x 720.
    fn look(x: f64, y: f64) -> Point {
        let (sin, cos) = 20_f64.to_radians().sin_cos();
        let depth = y * cos + 8.0 * sin;
        Point::new(640.0 + 700.0 * x / depth, 360.0 + 700.0 * (8.0 * cos - y * sin) / depth)
    }

    fn mark(x: f64, y: f64) -> Mark {
        Mark { picture: look(x, y), ground: Point::new(x, y), picture_spread: 1.0, ground_spread: 0.02 }
    }

    #[test]
    fn a_known_camera_is_found_again() {
        let plane =
            Plane::fit(&[mark(-4.0, 15.0), mark(4.0, 15.0), mark(5.0, 45.0), mark(-5.0, 40.0)]).unwrap();
        for (x, y) in [(0.0, 12.0), (3.0, 60.0), (-8.0, 20.0)] {
            let at = plane.to_ground(look(x, y)).unwrap();
            assert!((at.x - x).hypot(at.y - y) < 1e-6, "{at:?}");
            let seen = plane.to_picture(Point::new(x, y)).unwrap();
            assert!((seen.x - look(x, y).x).hypot(seen.y - look(x, y).y) < 1e-6);
        }
        // 20° down with 700 pixels: the horizon is 255 pixels above the middle.
        assert_eq!(plane.to_ground(Point::new(640.0, 100.0)), None);
        assert_eq!(plane.to_picture(Point::new(0.0, -30.0)), None);
    }

    #[test]
    fn the_spread_is_what_shaken_marks_show() {
        let places = [(-4.0, 15.0), (4.0, 15.0), (5.0, 45.0), (-5.0, 40.0), (0.0, 30.0), (3.0, 22.0)];
        let marks: Vec<Mark> = places.iter().map(|&(x, y)| mark(x, y)).collect();
        let p = look(1.0, 50.0);
        let told = Plane::fit(&marks).unwrap().spread_of(|to_ground| to_ground(p).map(|g| g.y)).unwrap();
        let (mut seed, mut squares) = (1u64, 0.0);
        let mut gauss = |sigma: f64| {
            let sum: f64 = (0..12)
                .map(|_| {
                    seed =
                        seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                    (seed >> 33) as f64 / (1u64 << 31) as f64
                })
                .sum();
            (sum - 6.0) * sigma
        };
        for _ in 0..500 {
            let mut shaken = marks.clone();
            for m in &mut shaken {
                m.picture = Point::new(m.picture.x + gauss(1.0), m.picture.y + gauss(1.0));
                m.ground = Point::new(m.ground.x + gauss(0.02), m.ground.y + gauss(0.02));
            }
            let y = Plane::fit(&shaken).unwrap().to_ground(p).unwrap().y;
            squares += (y - 50.0).powi(2);
        }
        let shown = (squares / 500.0_f64).sqrt();
        assert!((0.7..1.4).contains(&(told / shown)), "{told} {shown}");
    }

    #[test]
    fn marks_on_a_line_fix_nothing() {
        assert_eq!(Plane::fit(&[mark(0.0, 10.0), mark(0.0, 20.0), mark(0.0, 30.0), mark(0.0, 40.0)]), None);
        assert_eq!(Plane::fit(&[mark(0.0, 10.0), mark(0.0, 20.0), mark(0.0, 30.0), mark(4.0, 40.0)]), None);
        assert_eq!(Plane::fit(&[mark(0.0, 10.0), mark(5.0, 20.0), mark(0.0, 30.0)]), None);
    }
}
