//! Where along a shape each stop of a pattern lies: in order, also where the line passes a stop more than once.

use models_domain::geo::LatLon;
use models_domain::transit::shape::Shape;
use models_domain::units::Meters;

/// How far from the line a stop may lie before the line is doubted.
pub const REACH: Meters = Meters(150.0);

/// Where a stop was put.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Placed {
    pub along: Meters,
    pub away: Meters,
}

/// The places of all stops, never going back along the shape and as near to it as that allows.
/// `None` when the line does not pass them in that order.
pub fn place(shape: &Shape, stops: &[LatLon]) -> Option<Vec<Placed>> {
    // For each stop the places that it may have, each with the least cost of everything up to it and where that came from.
    let mut layers: Vec<Vec<(Placed, f64, usize)>> = Vec::with_capacity(stops.len());
    for (i, stop) in stops.iter().enumerate() {
        let mut layer = Vec::new();
        for placed in candidates(shape, *stop, i, stops.len()) {
            let before = match layers.last() {
                None => Some((0.0, 0)),
                Some(last) => cheapest(last, placed.along),
            };
            if let Some((cost, from)) = before {
                layer.push((placed, cost + placed.away.0.powi(2), from));
            }
        }
        if layer.is_empty() {
            return None;
        }
        layers.push(layer);
    }
    let mut best = (0..layers.last()?.len()).min_by(|a, b| {
        let last = &layers[layers.len() - 1];
        last[*a].1.total_cmp(&last[*b].1)
    })?;
    let mut places = Vec::with_capacity(stops.len());
    for layer in layers.iter().rev() {
        let (placed, _, from) = layer[best];
        places.push(placed);
        best = from;
    }
    places.reverse();
    Some(places)
}

fn cheapest(layer: &[(Placed, f64, usize)], along: Meters) -> Option<(f64, usize)> {
    let before = layer.iter().enumerate().filter(|(_, (p, _, _))| p.along.0 <= along.0);
    before.map(|(i, (_, cost, _))| (*cost, i)).min_by(|a, b| a.0.total_cmp(&b.0))
}

fn candidates(shape: &Shape, stop: LatLon, index: usize, count: usize) -> Vec<Placed> {
    let mut found: Vec<Placed> =
        shape.passings(stop, REACH).iter().map(|p| Placed { along: p.along, away: p.away }).collect();
    if found.is_empty() {
        let nearest = shape.nearest(stop, Meters(0.0), shape.length());
        found.extend(nearest.map(|p| Placed { along: p.along, away: p.away }));
    }
    // A small loop at a terminal counts as one passing: its ends stay possible for the first and the last stop.
    for (wanted, along) in [(index == 0, Meters(0.0)), (index + 1 == count, shape.length())] {
        let away = shape.at(along).distance(stop);
        if wanted && away.0 <= REACH.0 {
            found.push(Placed { along, away });
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn out_and_back_along_one_street() {
        let point = LatLon::new;
        let shape = Shape::new(vec![point(21.0, 105.80), point(21.0, 105.82), point(21.0, 105.80)]);
        let stops = [105.801, 105.81, 105.8199, 105.81, 105.801].map(|lon| point(21.0001, lon));
        let along: Vec<i64> =
            place(&shape, &stops).unwrap().iter().map(|p| p.along.0.round() as i64).collect();
        assert_eq!(along, [104, 1038, 2066, 3114, 4049]);
    }

    #[test]
    fn stops_against_the_line_have_no_place() {
        let point = LatLon::new;
        let shape = Shape::new(vec![point(21.0, 105.80), point(21.0, 105.82)]);
        assert!(place(&shape, &[105.815, 105.81, 105.805].map(|lon| point(21.0, lon))).is_none());
    }
}
