//! Areas of the city: what rights are given for. Wards, streets or single junctions, as the hall's file lists them.

use models_domain::JunctionId;
use models_domain::geo::{self, LatLon, Point};

/// Junctions by name, and all that lie within the corners.
#[derive(Debug, Clone, PartialEq)]
pub struct Area {
    pub id: String,
    pub name: String,
    pub junctions: Vec<JunctionId>,
    /// Of a polygon; none, or three and more.
    pub corners: Vec<LatLon>,
}

impl Area {
    /// Whether a junction belongs to it; `position`: as its gateway tells it.
    pub fn holds(&self, junction: &JunctionId, position: Option<LatLon>) -> bool {
        let flat = |place: &LatLon| Point::new(place.lon.0, place.lat.0);
        let corners: Vec<Point> = self.corners.iter().map(flat).collect();
        self.junctions.contains(junction)
            || position.is_some_and(|place| corners.len() >= 3 && geo::inside(&corners, flat(&place)))
    }
}

/// A junction and the areas that it lies in.
#[derive(Debug, Clone)]
pub struct Place<'a> {
    pub junction: &'a JunctionId,
    pub areas: Vec<&'a Area>,
}

impl<'a> Place<'a> {
    pub fn of(areas: &'a [Area], junction: &'a JunctionId, position: Option<LatLon>) -> Self {
        Self { junction, areas: areas.iter().filter(|area| area.holds(junction, position)).collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_junction_is_where_it_is_listed_or_lies() {
        let area = |id: &str, junctions: &[&str], corners: &[(f64, f64)]| Area {
            id: id.into(),
            name: id.into(),
            junctions: junctions.iter().map(|id| id.parse().unwrap()).collect(),
            corners: corners.iter().map(|(lat, lon)| LatLon::new(*lat, *lon)).collect(),
        };
        let square = [(21.0, 105.8), (21.0, 105.9), (21.1, 105.9), (21.1, 105.8)];
        let areas = [area("listed", &["a", "b"], &[]), area("square", &["b"], &square)];
        let at = |junction: &str, position: Option<(f64, f64)>| {
            let junction: JunctionId = junction.parse().unwrap();
            let position = position.map(|(lat, lon)| LatLon::new(lat, lon));
            let place = Place::of(&areas, &junction, position);
            place.areas.iter().map(|area| area.id.clone()).collect::<Vec<_>>()
        };
        assert_eq!(at("a", None), ["listed"]);
        assert_eq!(at("a", Some((21.05, 105.85))), ["listed", "square"]);
        assert_eq!(at("b", None), ["listed", "square"]);
        assert_eq!(at("c", Some((21.05, 105.95))), Vec::<String>::new());
        assert_eq!(at("c", None), Vec::<String>::new());
    }
}
