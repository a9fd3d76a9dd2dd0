//! When buses are too fast, and stand too long with a running engine.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use models_domain::geo::LatLon;
use models_domain::transit::finding::Limits;
use models_domain::{DurationMs, MetersPerSecond};
use serde::Deserialize;

use super::speed_roads;

/// What supervisors want to be told of buses.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawBuses {
    speed_limit_kmh: Option<f64>,
    speed_tolerance_kmh: Option<f64>,
    engine_on_s: Option<i64>,
    #[serde(default)]
    speed_area: Vec<RawSpeedArea>,
    /// GeoJSON with the tags of OpenStreetMap.
    speed_roads: Option<PathBuf>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawSpeedArea {
    limit_kmh: f64,
    /// Latitude and longitude.
    corners: Vec<(f64, f64)>,
}

impl RawBuses {
    pub(super) fn check(self, folder: &Path, problems: &mut Vec<String>) -> Limits {
        let mut limits = Limits::default();
        let mut kmh = |key: &str, kmh: f64, least: f64| {
            if !(least..=200.0).contains(&kmh) {
                problems.push(format!("{key} {kmh} is outside {least}..=200"));
            }
            MetersPerSecond::from_kmh(kmh)
        };
        if let Some(limit) = self.speed_limit_kmh {
            limits.speed = kmh("buses.speed_limit_kmh", limit, 5.0);
        }
        if let Some(tolerance) = self.speed_tolerance_kmh {
            limits.speed_tolerance = kmh("buses.speed_tolerance_kmh", tolerance, 0.0);
        }
        for area in self.speed_area {
            let limit = kmh("buses.speed_area.limit_kmh", area.limit_kmh, 5.0);
            let corners: Vec<_> = area.corners.iter().map(|(lat, lon)| LatLon::new(*lat, *lon)).collect();
            limits.speed_areas.push((corners, limit));
        }
        if limits
            .speed_areas
            .iter()
            .any(|(corners, _)| corners.len() < 3 || !corners.iter().all(|c| c.is_sane()))
        {
            problems.push("buses.speed_area.corners: at least three pairs of latitude and longitude".into());
        }
        if let Some(file) = self.speed_roads {
            match speed_roads::read(&folder.join(file)) {
                Ok(roads) => limits.speed_roads = Arc::new(roads),
                Err(why) => problems.push(format!("buses.speed_roads: {why}")),
            }
        }
        if let Some(seconds) = self.engine_on_s {
            if !(30..=86_400).contains(&seconds) {
                problems.push(format!("buses.engine_on_s {seconds} is outside 30..=86400"));
            }
            limits.layover_engine = DurationMs(seconds.saturating_mul(1_000));
        }
        limits
    }
}
