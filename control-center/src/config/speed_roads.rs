//! Speed limits of roads from a GeoJSON file (RFC 7946) with the tags of OpenStreetMap, as Overpass and its like export it.

use std::path::Path;

use geojson::{Feature, FeatureCollection, Geometry, Value};
use models_domain::MetersPerSecond;
use models_domain::geo::LatLon;
use models_domain::transit::speed_road::{SpeedRoad, SpeedRoads};

/// km/h of one statute mile an hour.
const MPH: f64 = 1.609_344;

/// The roads whose limit a bus can be held against; how many have none that can be read is logged.
pub(super) fn read(path: &Path) -> Result<SpeedRoads, String> {
    let shown = path.display();
    let text = std::fs::read_to_string(path).map_err(|err| format!("reading {shown}: {err}"))?;
    let (roads, unread) = roads(&text).map_err(|why| format!("{shown}: {why}"))?;
    if roads.is_empty() {
        return Err(format!(
            "{shown}: no LineString in it has a maxspeed that can be read, such as 50; was it exported with its tags?"
        ));
    }
    tracing::info!(roads = roads.len(), unread, "speed limits of roads are read from {shown}");
    Ok(SpeedRoads::new(roads))
}

/// And how many roads have a maxspeed that is no number, such as `VN:urban`.
fn roads(text: &str) -> Result<(Vec<SpeedRoad>, usize), String> {
    let all: FeatureCollection =
        text.parse().map_err(|err| format!("not a GeoJSON FeatureCollection: {err}"))?;
    let (mut roads, mut unread) = (Vec::new(), 0);
    for (n, feature) in all.features.iter().enumerate() {
        let Some(geometry) = &feature.geometry else { continue };
        match limits(feature) {
            None => unread += usize::from(feature.contains_property("maxspeed")),
            Some((forward, backward)) => {
                for line in lines(geometry).map_err(|why| format!("feature {}: {why}", n + 1))? {
                    roads.push(SpeedRoad { line, forward, backward });
                }
            }
        }
    }
    Ok((roads, unread))
}

type Limit = Option<MetersPerSecond>;

/// Along the line and against it (wiki.openstreetmap.org, Key:maxspeed, Key:oneway); what is said of buses comes first.
fn limits(feature: &Feature) -> Option<(Limit, Limit)> {
    let tag = |key: &str| feature.property(key).and_then(speed);
    let along = |key: &str| tag("maxspeed:bus").or_else(|| tag(key)).or_else(|| tag("maxspeed"));
    let (forward, backward) = (along("maxspeed:forward"), along("maxspeed:backward"));
    let oneway = feature.property("oneway").and_then(|value| value.as_str()).unwrap_or("no");
    let limits = match oneway {
        "yes" | "true" | "1" => (forward, None),
        "-1" | "reverse" => (None, backward),
        _ => (forward, backward),
    };
    (limits.0.is_some() || limits.1.is_some()).then_some(limits)
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

    /// km/h eastwards and westwards in the middle of the street.
    fn told(tags: serde_json::Value) -> [Option<i64>; 2] {
        let (roads, _) = roads(&file(&[street(tags)])).unwrap();
        let roads = SpeedRoads::new(roads);
        [90.0, 270.0].map(|course| {
            let limit = roads.at(LatLon::new(21.0, 105.805), Some(Degrees(course)));
            limit.map(|limit| limit.kmh().round() as i64)
        })
    }

    #[test]
    fn tags_of_openstreetmap() {
        assert_eq!(told(json!({"maxspeed": "60"})), [Some(60); 2]);
        assert_eq!(told(json!({"maxspeed": 60})), [Some(60); 2]);
        assert_eq!(told(json!({"maxspeed": "50 mph"})), [Some(80); 2]);
        assert_eq!(told(json!({"maxspeed": "80", "maxspeed:bus": "60 km/h"})), [Some(60); 2]);
        assert_eq!(told(json!({"maxspeed": "60", "oneway": "yes"})), [Some(60), None]);
        assert_eq!(told(json!({"maxspeed": "60", "oneway": "-1"})), [None, Some(60)]);
        assert_eq!(told(json!({"maxspeed:forward": "60", "maxspeed:backward": "40"})), [Some(60), Some(40)]);
        assert_eq!(told(json!({"maxspeed": "VN:urban"})), [None; 2]);
        assert_eq!(told(json!({"maxspeed": "none", "highway": "motorway"})), [None; 2]);
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
    fn points_areas_and_limits_in_words_are_left_out() {
        let point = (json!({"type": "Point", "coordinates": [105.8, 21.0]}), json!({"maxspeed": "30"}));
        let parts = json!({"type": "MultiLineString", "coordinates": [[[105.8, 21.0], [105.81, 21.0]], [[105.8, 21.1], [105.81, 21.1]]]});
        let urban = street(json!({"maxspeed": "VN:urban"}));
        let (roads, unread) = roads(&file(&[point, (parts, json!({"maxspeed": "70"})), urban])).unwrap();
        assert_eq!((roads.len(), unread), (2, 1));
    }
}
