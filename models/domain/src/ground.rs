//! The ground that a camera sees: pixels to meters, and how fast a road user is, with how sure that is.

use serde::Deserialize;

use crate::geo::consensus::{PlaneError, agreed};
use crate::geo::homography::{Mark, Plane};
use crate::geo::lens::Lens;
use crate::geo::{LatLon, Point};
use crate::track::{JITTER, Step, Track, Trail};
use crate::units::{DurationMs, Meters, MetersPerSecond, UtcMillis};

/// How well somebody points at a mark in a picture, one sigma in pixels.
const POINTED: f64 = 1.5;
/// How well a mark is measured on the street, one sigma.
const SURVEYED: Meters = Meters(0.1);
/// The same when it is read off a map.
const ON_MAP: Meters = Meters(0.5);
/// How much a picture's time shakes against its camera's shutter, one sigma, when nobody says.
const TIMING: DurationMs = DurationMs(10);
/// The lower edge of a box lies a little above the ground (bumper, shadow) and so shows a little too far away: of the
/// speed, for a bumper 0.2 m above the ground and a camera at 7 m.
const ABOVE_GROUND: f64 = 0.03;
/// A way shorter than this tells no speed.
const SHORTEST: DurationMs = DurationMs(250);
/// Mean earth radius (IUGG).
const EARTH: Meters = Meters(6_371_008.8);

/// The ground plane of one camera. East and north where marks have latitude and longitude, otherwise the x and y they were
/// given in; right-handed as seen from above.
#[derive(Debug, Clone, PartialEq)]
pub struct Ground {
    size: (u32, u32),
    lens: Option<Lens>,
    plane: Plane,
    origin: Option<LatLon>,
    left_out: Vec<usize>,
    timing: DurationMs,
}

/// `[[ground]]` of a scene file: one place known in the picture and on the ground.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawMark {
    /// Pixels of the scene, as the camera shows it (with the lens's distortion).
    picture: Point,
    /// x to the right, y away from the camera.
    meters: Option<Point>,
    /// Latitude, longitude in degrees.
    lat_lon: Option<Point>,
    /// How well the place is known, one sigma; 0.1 m for `meters`, 0.5 m for `lat_lon` when left out.
    within_m: Option<f64>,
}

#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum GroundError {
    #[error("ground: {0}")]
    Plane(PlaneError),
    #[error("ground, point {number}: {why}")]
    Mark { number: usize, why: String },
    #[error("ground: points with meters and points with lat_lon cannot be mixed")]
    Mixed,
}

impl Ground {
    /// From the marks of a scene of `size` pixels.
    ///
    /// # Errors
    /// [`GroundError`] names the mark or says what is wrong with them all.
    pub fn new(size: (u32, u32), lens: Option<Lens>, marks: &[RawMark]) -> Result<Self, GroundError> {
        let origin = marks.iter().find_map(|m| m.lat_lon).map(|p| LatLon::new(p.x, p.y));
        if origin.is_some() && marks.iter().any(|m| m.lat_lon.is_none()) {
            return Err(GroundError::Mixed);
        }
        let marks: Vec<Mark> = marks
            .iter()
            .enumerate()
            .map(|(i, mark)| {
                let made = mark.check(size, lens.as_ref(), origin);
                made.map_err(|why| GroundError::Mark { number: i + 1, why })
            })
            .collect::<Result<_, _>>()?;
        let (plane, left_out) = agreed(&marks).map_err(GroundError::Plane)?;
        Ok(Self { size, lens, plane, origin, left_out, timing: TIMING })
    }

    /// Says how much the times of this camera's pictures shake, one sigma.
    #[must_use]
    pub fn with_timing(self, timing: DurationMs) -> Self {
        Self { timing, ..self }
    }

    /// The marks (numbered from 1) that do not fit the others and were not used. Worth a warning.
    pub fn left_out(&self) -> &[usize] {
        &self.left_out
    }

    /// Where a pixel of the scene lies on the ground, in meters. `None` at and above the horizon.
    pub fn at(&self, p: Point) -> Option<Point> {
        self.plane.to_ground(self.straight(p)?)
    }

    /// Where a place on the ground, in meters, is seen. `None` for what lies behind the camera.
    pub fn picture(&self, place: Point) -> Option<Point> {
        let p = self.plane.to_picture(place)?;
        Some(self.lens.map_or(p, |lens| lens.bent(p)))
    }

    /// Where a pixel of the scene lies on the earth. `None` at and above the horizon, and without latitudes in the scene.
    pub fn lat_lon(&self, p: Point) -> Option<LatLon> {
        let (origin, place) = (self.origin?, self.at(p)?);
        let lat = origin.lat.0 + (place.y / EARTH.0).to_degrees();
        let lon = origin.lon.0 + (place.x / (EARTH.0 * origin.lat.0.to_radians().cos())).to_degrees();
        Some(LatLon::new(lat, lon))
    }

    /// Meters between two pixels of the scene along the ground.
    pub fn distance(&self, p: Point, q: Point) -> Option<Meters> {
        let (p, q) = (self.at(p)?, self.at(q)?);
        Some(Meters((p.x - q.x).hypot(p.y - q.y)))
    }

    /// How fast `track` goes over the ground, as the mean of the last second or so of its way, and one sigma of that: of
    /// the shaking of its box, of the marks that fix the ground at this place, of the pictures' times, and of the box's
    /// lower edge lying above the ground.
    ///
    /// `None` when its way is shorter than three pictures or 0.25 s, or does not lie on the ground (at or above the
    /// horizon). Of one just found sigma is large: judge by `speed - 2 * sigma`.
    pub fn speed(&self, track: &Track) -> Option<(MetersPerSecond, MetersPerSecond)> {
        let places = self.places(&track.trail)?;
        let on_ground: Vec<Point> =
            places.iter().map(|p| self.plane.to_ground(p.straight)).collect::<Option<_>>()?;
        let rough = Line::fit(&places, &on_ground, None)?;
        let by_timing = (rough.velocity, self.timing.seconds());
        let line = Line::fit(&places, &on_ground, Some(by_timing))?;
        let speed = line.velocity.0.hypot(line.velocity.1);
        let marks = self.plane.spread_of(|to_ground| {
            let moved: Vec<Point> = places.iter().map(|p| to_ground(p.straight)).collect::<Option<_>>()?;
            let (vx, vy) = Line::fit(&places, &moved, Some(by_timing))?.velocity;
            Some(vx.hypot(vy))
        })?;
        let spread = [line.spread(), marks, ABOVE_GROUND * speed].iter().map(|s| s * s).sum::<f64>().sqrt();
        (speed.is_finite() && spread.is_finite()).then_some((MetersPerSecond(speed), MetersPerSecond(spread)))
    }

    /// The trail without the lens's distortion, with how much each place shakes on the ground.
    fn places(&self, trail: &Trail) -> Option<Vec<Place>> {
        // A box that the picture's edge cuts does not show where the wheels are.
        let cut = |s: &&Step| s.foot.y < f64::from(self.size.1) - 1.5;
        let steps: Vec<&Step> = trail.steps().iter().filter(cut).collect();
        let (first, last) = (steps.first()?, steps.last()?);
        if steps.len() < 3 || last.at.since(first.at) < SHORTEST {
            return None;
        }
        steps.iter().map(|step| self.place(step, first.at)).collect()
    }

    fn place(&self, step: &Step, begin: UtcMillis) -> Option<Place> {
        let foot = step.foot;
        let slope = |dx: f64, dy: f64| {
            let (p, q) = (
                self.at(Point::new(foot.x - dx, foot.y - dy))?,
                self.at(Point::new(foot.x + dx, foot.y + dy))?,
            );
            Some((q.x - p.x, q.y - p.y))
        };
        let (x, y) = (slope(0.5, 0.0)?, slope(0.0, 0.5)?);
        // Pictures close in time are wrong together: of n of them no more than the root counts.
        let px = (JITTER * (step.size.0 * step.size.1).sqrt()).powi(2) / f64::from(step.pictures).sqrt();
        let shake =
            [px * (x.0 * x.0 + y.0 * y.0), px * (x.1 * x.1 + y.1 * y.1), px * (x.0 * x.1 + y.0 * y.1)];
        Some(Place { t: step.seconds_after(begin), straight: self.straight(foot)?, shake })
    }

    fn straight(&self, p: Point) -> Option<Point> {
        match &self.lens {
            Some(lens) => lens.straight(p),
            None => Some(p),
        }
    }
}

/// One step of a way: when, where in the straightened picture, and the variances of x and y and their covariance in m².
struct Place {
    t: f64,
    straight: Point,
    shake: [f64; 3],
}

/// A way taken as straight and steady.
struct Line {
    velocity: (f64, f64),
    /// Variances of x and y and their covariance.
    variance: [f64; 3],
}

impl Line {
    /// Weighted least squares over time, each axis for itself. `timing`: a velocity known so far, and how much the times
    /// shake in seconds: a time that is off by t is a place that is off by v t.
    fn fit(places: &[Place], on_ground: &[Point], timing: Option<((f64, f64), f64)>) -> Option<Self> {
        let shake = |p: &Place| {
            let ((vx, vy), s) = timing.unwrap_or(((0.0, 0.0), 0.0));
            [p.shake[0] + (vx * s).powi(2), p.shake[1] + (vy * s).powi(2), p.shake[2] + vx * vy * s * s]
        };
        let shakes: Vec<[f64; 3]> = places.iter().map(shake).collect();
        // The share of each place in the speed along one axis.
        let shares = |axis: usize| -> Option<Vec<f64>> {
            let weight: Vec<f64> = shakes.iter().map(|s| 1.0 / s[axis].max(1e-12)).collect();
            let all: f64 = weight.iter().sum();
            let middle = weight.iter().zip(places).map(|(w, p)| w * p.t).sum::<f64>() / all;
            let moment: f64 = weight.iter().zip(places).map(|(w, p)| w * (p.t - middle).powi(2)).sum();
            (moment > 0.0 && moment.is_finite())
                .then(|| weight.iter().zip(places).map(|(w, p)| w * (p.t - middle) / moment).collect())
        };
        let (a, b) = (shares(0)?, shares(1)?);
        let sum = |f: &dyn Fn(usize) -> f64| (0..places.len()).map(f).sum::<f64>();
        let velocity = (sum(&|i| a[i] * on_ground[i].x), sum(&|i| b[i] * on_ground[i].y));
        let variance = [
            sum(&|i| a[i] * a[i] * shakes[i][0]),
            sum(&|i| b[i] * b[i] * shakes[i][1]),
            sum(&|i| a[i] * b[i] * shakes[i][2]),
        ];
        let mean = (sum(&|i| on_ground[i].x), sum(&|i| on_ground[i].y));
        let n = places.len() as f64;
        let t = sum(&|i| places[i].t) / n;
        // Boxes that shake more than they should, or a way that bends or brakes, make the speed less sure.
        let off = sum(&|i| {
            let x = on_ground[i].x - mean.0 / n - velocity.0 * (places[i].t - t);
            let y = on_ground[i].y - mean.1 / n - velocity.1 * (places[i].t - t);
            x * x / shakes[i][0].max(1e-12) + y * y / shakes[i][1].max(1e-12)
        });
        let worse = (off / (2.0 * n - 4.0)).max(1.0);
        Some(Self { velocity, variance: variance.map(|v| v * worse) })
    }

    /// One sigma of the speed, along its way; of one that stands, in the direction that is less sure.
    fn spread(&self) -> f64 {
        let (vx, vy) = self.velocity;
        let speed = vx.hypot(vy);
        let [xx, yy, xy] = self.variance;
        let along = if speed > 1e-3 {
            (vx * vx * xx + vy * vy * yy + 2.0 * vx * vy * xy) / (speed * speed)
        } else {
            xx.max(yy)
        };
        along.max(0.0).sqrt()
    }
}

impl RawMark {
    fn check(&self, size: (u32, u32), lens: Option<&Lens>, origin: Option<LatLon>) -> Result<Mark, String> {
        let Point { x, y } = self.picture;
        if !(0.0..=f64::from(size.0)).contains(&x) || !(0.0..=f64::from(size.1)).contains(&y) {
            return Err(format!("picture {x}, {y} lies outside the scene of {} x {}", size.0, size.1));
        }
        let picture = match lens {
            Some(lens) => lens
                .straight(self.picture)
                .ok_or("the lens's distortion cannot be undone there".to_owned())?,
            None => self.picture,
        };
        let (ground, usual) = match (self.meters, self.lat_lon, origin) {
            (Some(meters), None, _) => (meters, SURVEYED),
            (None, Some(p), Some(origin)) => (flat(origin, LatLon::new(p.x, p.y))?, ON_MAP),
            (Some(_), Some(_), _) => return Err("has meters and lat_lon; give one of them".to_owned()),
            (None, _, _) => return Err("has neither meters = [x, y] nor lat_lon = [lat, lon]".to_owned()),
        };
        if !ground.x.is_finite() || !ground.y.is_finite() || ground.x.hypot(ground.y) > 100_000.0 {
            return Err(format!("{}, {} m are not meters on a street", ground.x, ground.y));
        }
        let ground_spread = self.within_m.unwrap_or(usual.0);
        if !(0.001..=100.0).contains(&ground_spread) {
            return Err(format!("within_m {ground_spread} is not within 0.001 and 100"));
        }
        Ok(Mark { picture, ground, picture_spread: POINTED, ground_spread })
    }
}

/// East and north of `origin` in meters; a plane is good enough within a picture.
fn flat(origin: LatLon, place: LatLon) -> Result<Point, String> {
    if !place.is_sane() {
        return Err(format!("lat_lon {}, {} is no latitude and longitude", place.lat.0, place.lon.0));
    }
    if place.distance(origin).0 > 5_000.0 {
        return Err("lat_lon lies more than 5 km from the first point".to_owned());
    }
    let north = (place.lat.0 - origin.lat.0).to_radians() * EARTH.0;
    let east = (place.lon.0 - origin.lon.0).to_radians() * EARTH.0 * origin.lat.0.to_radians().cos();
    Ok(Point::new(east, north))
}

#[cfg(test)]
#[path = "ground_tests.rs"]
mod tests;
