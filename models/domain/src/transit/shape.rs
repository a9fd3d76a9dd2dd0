//! The line that a pattern follows on the ground, measured along itself.

use crate::geo::LatLon;
use crate::units::{Degrees, Meters};

const METERS_PER_DEGREE: f64 = 111_195.08;

/// A polyline on the earth with the way from its begin to each of its points.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Shape {
    points: Vec<LatLon>,
    along_m: Vec<f64>,
}

/// Where a position falls on a shape.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct OnShape {
    pub along: Meters,
    /// Distance between the position and the line.
    pub away: Meters,
    /// Direction of the line there, clockwise from north.
    pub course: Degrees,
}

impl Shape {
    /// Repeated points are dropped; a shape of fewer than two points has no length and matches nothing.
    pub fn new(points: Vec<LatLon>) -> Self {
        let mut kept: Vec<LatLon> = Vec::with_capacity(points.len());
        let mut along_m = Vec::with_capacity(points.len());
        for point in points {
            let before =
                kept.last().zip(along_m.last()).map(|(p, m): (&LatLon, &f64)| (p.distance(point).0, *m));
            match before {
                Some((step, _)) if step < 0.01 => {}
                Some((step, m)) => {
                    kept.push(point);
                    along_m.push(m + step);
                }
                None => {
                    kept.push(point);
                    along_m.push(0.0);
                }
            }
        }
        Self { points: kept, along_m }
    }

    pub fn length(&self) -> Meters {
        Meters(self.along_m.last().copied().unwrap_or(0.0))
    }

    pub fn points(&self) -> &[LatLon] {
        &self.points
    }

    /// The place `along` the line; its begin and end bound it.
    pub fn at(&self, along: Meters) -> LatLon {
        let i = self.along_m.partition_point(|m| *m <= along.0);
        if i == 0 || i >= self.points.len() {
            let end = if i == 0 { self.points.first() } else { self.points.last() };
            return end.copied().unwrap_or_default();
        }
        let (a, b) = (self.points[i - 1], self.points[i]);
        let t = (along.0 - self.along_m[i - 1]) / (self.along_m[i] - self.along_m[i - 1]);
        LatLon::new(a.lat.0 + (b.lat.0 - a.lat.0) * t, a.lon.0 + (b.lon.0 - a.lon.0) * t)
    }

    /// The line from one place to another along it, with both; its own begin and end bound it.
    pub fn between(&self, from: Meters, to: Meters) -> Vec<LatLon> {
        let inner = self.points.iter().zip(&self.along_m).filter(|(_, m)| from.0 < **m && **m < to.0);
        let inner = inner.map(|(point, _)| *point);
        std::iter::once(self.at(from)).chain(inner).chain([self.at(to)]).collect()
    }

    /// The nearest place between `from` and `to` along the line.
    pub fn nearest(&self, position: LatLon, from: Meters, to: Meters) -> Option<OnShape> {
        self.pieces(position, from, to).min_by(|a, b| a.away.0.total_cmp(&b.away.0))
    }

    /// Every place where the line passes `position` within `reach`: one for each passing, nearest of its passing.
    ///
    /// A line that comes back over itself or crosses itself passes more than once.
    pub fn passings(&self, position: LatLon, reach: Meters) -> Vec<OnShape> {
        let mut found: Vec<OnShape> = Vec::new();
        let mut open = false;
        for piece in self.pieces(position, Meters(0.0), self.length()) {
            if piece.away.0 > reach.0 {
                open = false;
                continue;
            }
            match found.last_mut() {
                // A sharp turn begins another passing: out and back along one street are two.
                Some(last) if open && turn(last.course, piece.course).0 < 100.0 => {
                    if piece.away.0 < last.away.0 {
                        *last = piece;
                    }
                }
                Some(_) | None => found.push(piece),
            }
            open = true;
        }
        found
    }

    fn pieces(&self, position: LatLon, from: Meters, to: Meters) -> impl Iterator<Item = OnShape> {
        let first = self.along_m.partition_point(|m| *m < from.0).saturating_sub(1);
        let scale = position.lat.0.to_radians().cos();
        let plane = move |p: LatLon| {
            (
                (p.lon.0 - position.lon.0) * scale * METERS_PER_DEGREE,
                (p.lat.0 - position.lat.0) * METERS_PER_DEGREE,
            )
        };
        let count = self.points.len().saturating_sub(1);
        (first.min(count)..count).take_while(move |i| self.along_m[*i] <= to.0).filter_map(move |i| {
            let (a, b) = (plane(self.points[i]), plane(self.points[i + 1]));
            let (dx, dy) = (b.0 - a.0, b.1 - a.1);
            let (start, length) = (self.along_m[i], self.along_m[i + 1] - self.along_m[i]);
            let t = -(a.0 * dx + a.1 * dy) / (dx * dx + dy * dy).max(1e-9);
            let (low, high) = ((from.0 - start) / length, (to.0 - start) / length);
            let (low, high) = (low.clamp(0.0, 1.0), high.clamp(0.0, 1.0));
            (low <= high).then(|| {
                let t = t.clamp(low, high);
                let away = (a.0 + t * dx).hypot(a.1 + t * dy);
                let course = dx.atan2(dy).to_degrees().rem_euclid(360.0);
                OnShape { along: Meters(start + t * length), away: Meters(away), course: Degrees(course) }
            })
        })
    }
}

/// The angle between two directions, 0 to 180.
pub fn turn(a: Degrees, b: Degrees) -> Degrees {
    let d = (a.0 - b.0).rem_euclid(360.0);
    Degrees(d.min(360.0 - d))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(points: &[(f64, f64)]) -> Shape {
        Shape::new(points.iter().map(|(lat, lon)| LatLon::new(*lat, *lon)).collect())
    }

    #[test]
    fn out_and_back_are_two_passings() {
        let shape = line(&[(21.0, 105.80), (21.0, 105.82), (21.0, 105.80)]);
        let found = shape.passings(LatLon::new(21.0001, 105.805), Meters(30.0));
        let along: Vec<i64> = found.iter().map(|p| p.along.0.round() as i64).collect();
        assert_eq!(along, [519, 3633]);
        assert!((turn(found[0].course, found[1].course).0 - 180.0).abs() < 0.1);
    }

    #[test]
    fn a_loop_passes_its_begin_twice() {
        let shape = line(&[(21.0, 105.8), (21.0, 105.81), (21.01, 105.81), (21.01, 105.8), (21.0, 105.8)]);
        let found = shape.passings(LatLon::new(21.0, 105.8001), Meters(40.0));
        assert_eq!(found.len(), 2);
        assert!(found[0].along.0 < 40.0 && found[1].along.0 > shape.length().0 - 40.0);
    }

    #[test]
    fn nearest_keeps_to_its_window() {
        let shape = line(&[(21.0, 105.80), (21.0, 105.82), (21.0, 105.80)]);
        let back = shape.nearest(LatLon::new(21.0, 105.805), Meters(2100.0), Meters(9999.0)).unwrap();
        assert_eq!(back.along.0.round() as i64, 3633);
        assert!(line(&[(21.0, 105.8)]).nearest(LatLon::new(21.0, 105.8), Meters(0.0), Meters(9.0)).is_none());
        let middle = shape.at(Meters(1038.0));
        assert!((middle.lon.0 - 105.81).abs() < 1e-4, "{middle:?}");
    }
}
