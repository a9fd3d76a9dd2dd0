//! Speed limits of roads from a GeoJSON file (RFC 7946) with the tags of OpenStreetMap, as Overpass and its like export it.

use std::path::Path;

use geojson::{Feature, FeatureCollection, Geometry, Value};
use models_domain::MetersPerSecond;
use models_domain::geo::LatLon;
use models_domain::transit::speed_road::{RoadLimit, SpeedRoad, SpeedRoads};

/// km/h of one statute mile an hour.
const MPH: f64 = 1.609_344;

/// How many roads have no limit that can be read is logged; where none has one, that is an error.
pub(super) fn read(path: &Path) -> Result<SpeedRoads, String> {
    let shown = path.display();
    let text = std::fs::read_to_string(path).map_err(|err| {
        format!("reading {shown}: {err}; is it there, beside this file or by its whole path?")
    })?;
    let roads = roads(&text).map_err(|why| format!("{shown}: {why}"))?;
    let told = |road: &&SpeedRoad| {
        [road.forward, road.backward].iter().any(|limit| matches!(limit, RoadLimit::Is(_)))
    };
    let with_limit = roads.iter().filter(told).count();
    if with_limit == 0 {
        return Err(format!(
            "{shown}: no LineString in it has a maxspeed that can be read, such as 50; was it exported with its tags?"
        ));
    }
    tracing::info!(roads = roads.len(), with_limit, "speed limits of roads are read from {shown}");
    Ok(SpeedRoads::new(roads))
}

fn roads(text: &str) -> Result<Vec<SpeedRoad>, String> {
    let all: FeatureCollection =
        text.parse().map_err(|err| format!("not a GeoJSON FeatureCollection: {err}"))?;
    let mut roads = Vec::new();
    for (n, feature) in all.features.iter().enumerate() {
        let Some(geometry) = &feature.geometry else { continue };
        let (forward, backward) = limits(feature);
        for line in lines(geometry).map_err(|why| format!("feature {}: {why}", n + 1))? {
            roads.push(SpeedRoad { line, forward, backward });
        }
    }
    Ok(roads)
}

/// Along the line and against it (wiki.openstreetmap.org, Key:maxspeed, Key:oneway); what is said of buses comes first.
fn limits(feature: &Feature) -> (RoadLimit, RoadLimit) {
    let tag = |key: &str| feature.property(key).and_then(speed);
    let along = |key: &str| {
        let told = tag("maxspeed:bus").or_else(|| tag(key)).or_else(|| tag("maxspeed"));
        told.map_or(RoadLimit::Unknown, RoadLimit::Is)
    };
    let (forward, backward) = (along("maxspeed:forward"), along("maxspeed:backward"));
    match feature.property("oneway").and_then(|value| value.as_str()).unwrap_or("no") {
        "yes" | "true" | "1" => (forward, RoadLimit::Closed),
        "-1" | "reverse" => (RoadLimit::Closed, backward),
        _ => (forward, backward),
    }
}

/// `50`, `50 km/h`, `30 mph`; as a number too.
fn speed(value: &serde_json::Value) -> Option<MetersPerSecond> {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let (number, factor) = match text.trim().strip_suffix("mph") {
        Some(number) => (number, MPH),
        None => (text.trim().trim_end_matches("km/h"), 1.0),
    };
    let kmh = number.trim().parse::<f64>().ok()? * factor;
    (5.0..=200.0).contains(&kmh).then(|| MetersPerSecond::from_kmh(kmh))
}

/// What is no line, such as a crossing's point, has none.
fn lines(geometry: &Geometry) -> Result<Vec<Vec<LatLon>>, String> {
    let place = |position: &Vec<f64>| match position.as_slice() {
        [lon, lat, ..] if LatLon::new(*lat, *lon).is_sane() => Ok(LatLon::new(*lat, *lon)),
        _ => Err(format!("{position:?} is no longitude and latitude in degrees (WGS 84)")),
    };
    let line = |positions: &Vec<Vec<f64>>| positions.iter().map(place).collect::<Result<Vec<_>, _>>();
    match &geometry.value {
        Value::LineString(positions) => Ok(vec![line(positions)?]),
        Value::MultiLineString(all) => all.iter().map(line).collect(),
        Value::Point(_)
        | Value::MultiPoint(_)
        | Value::Polygon(_)
        | Value::MultiPolygon(_)
        | Value::GeometryCollection(_) => Ok(Vec::new()),
    }
}

#[cfg(test)]
mod tests {
    use models_domain::Degrees;
    use serde_json::json;

    use super::*;

    fn file(features: &[(serde_json::Value, serde_json::Value)]) -> String {
        let feature = |(geometry, tags): &(serde_json::Value, serde_json::Value)| json!({"type": "Feature", "geometry": geometry, "properties": tags});
        let features: Vec<_> = features.iter().map(feature).collect();
        json!({"type": "FeatureCollection", "features": features}).to_string()
    }

    fn street(tags: serde_json::Value) -> (serde_json::Value, serde_json::Value) {
        (json!({"type": "LineString", "coordinates": [[105.80, 21.0], [105.81, 21.0]]}), tags)
    }

    /// km/h eastwards and westwards in the middle of the street; 45 where nothing is told.
    fn told(tags: serde_json::Value) -> [i64; 2] {
        let roads = SpeedRoads::new(roads(&file(&[street(tags)])).unwrap());
        [90.0, 270.0].map(|course| {
            let otherwise = MetersPerSecond::from_kmh(45.0);
            let limit = roads.at(LatLon::new(21.0, 105.805), Some(Degrees(course)), otherwise);
            limit.kmh().round() as i64
        })
    }

    #[test]
    fn tags_of_openstreetmap() {
        assert_eq!(told(json!({"maxspeed": "60"})), [60; 2]);
        assert_eq!(told(json!({"maxspeed": 60})), [60; 2]);
        assert_eq!(told(json!({"maxspeed": "50 mph"})), [80; 2]);
        assert_eq!(told(json!({"maxspeed": "80", "maxspeed:bus": "60 km/h"})), [60; 2]);
        assert_eq!(told(json!({"maxspeed": "60", "oneway": "yes"})), [60, 45]);
        assert_eq!(told(json!({"maxspeed": "60", "oneway": "-1"})), [45, 60]);
        assert_eq!(told(json!({"maxspeed:forward": "60", "maxspeed:backward": "40"})), [60, 40]);
        assert_eq!(told(json!({"maxspeed": "VN:urban"})), [45; 2]);
        assert_eq!(told(json!({"maxspeed": "none", "highway": "motorway"})), [45; 2]);
    }

    #[test]
    fn what_is_wrong_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let err = |text: &str| {
            let path = dir.path().join("roads.geojson");
            std::fs::write(&path, text).unwrap();
            read(&path).unwrap_err().replace(&path.display().to_string(), "FILE")
        };
        assert!(err("{}").starts_with("FILE: not a GeoJSON FeatureCollection: "), "{}", err("{}"));
        assert!(
            err(&file(&[street(json!({"highway": "primary"}))])).starts_with("FILE: no LineString in it has")
        );
        let turned = json!({"type": "LineString", "coordinates": [[21.0, 105.80], [21.0, 105.81]]});
        assert_eq!(
            err(&file(&[(turned, json!({"maxspeed": "60"}))])),
            "FILE: feature 1: [21.0, 105.8] is no longitude and latitude in degrees (WGS 84)"
        );
        let missing = read(&dir.path().join("none")).unwrap_err();
        assert!(missing.starts_with("reading ") && missing.contains("none: No such file"), "{missing}");
    }

    #[test]
    fn points_and_areas_are_left_out_and_limits_in_words_are_unknown() {
        let point = (json!({"type": "Point", "coordinates": [105.8, 21.0]}), json!({"maxspeed": "30"}));
        let parts = json!({"type": "MultiLineString", "coordinates": [[[105.8, 21.0], [105.81, 21.0]], [[105.8, 21.1], [105.81, 21.1]]]});
        let urban = street(json!({"maxspeed": "VN:urban"}));
        let roads = roads(&file(&[point, (parts, json!({"maxspeed": "70"})), urban])).unwrap();
        let seventy = RoadLimit::Is(MetersPerSecond::from_kmh(70.0));
        let limits: Vec<_> = roads.iter().map(|road| road.forward).collect();
        assert_eq!(limits, [seventy, seventy, RoadLimit::Unknown]);
    }
}
