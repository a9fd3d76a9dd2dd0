//! The areas that rights are given for.

use std::collections::BTreeSet;

use models_domain::geo::LatLon;
use serde::Deserialize;

use super::named;
use crate::areas::Area;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawArea {
    id: String,
    name: String,
    #[serde(default)]
    junctions: Vec<String>,
    /// Latitude and longitude.
    #[serde(default)]
    corners: Vec<(f64, f64)>,
}

pub(super) fn check(raw: Vec<RawArea>, problems: &mut Vec<String>) -> Vec<Area> {
    let mut ids = BTreeSet::new();
    raw.into_iter().map(|area| area.check(&mut ids, problems)).collect()
}

impl RawArea {
    fn check(self, ids: &mut BTreeSet<String>, problems: &mut Vec<String>) -> Area {
        let mut wrong = |what: String| problems.push(format!("area {:?}: {what}", self.id));
        named(&self.id, &self.name, ids, &mut wrong);
        let mut junctions = Vec::new();
        for junction in &self.junctions {
            match junction.parse() {
                Ok(junction) => junctions.push(junction),
                Err(bad) => wrong(format!("junction {junction:?}: {bad}")),
            }
        }
        let corners: Vec<_> = self.corners.iter().map(|(lat, lon)| LatLon::new(*lat, *lon)).collect();
        let some = corners.len() >= 3 && corners.iter().all(|corner| corner.is_sane());
        if !corners.is_empty() && !some {
            wrong("corners: at least three pairs of latitude and longitude".into());
        }
        if corners.is_empty() && junctions.is_empty() {
            wrong("needs junctions or corners".into());
        }
        Area { id: self.id, name: self.name, junctions, corners }
    }
}
