//! Streets whose junctions are to work as one.

use std::collections::BTreeSet;

use models_domain::signal::corridor::{Corridor, Place};
use models_domain::{Meters, MetersPerSecond};
use serde::Deserialize;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawCorridor {
    id: String,
    name: String,
    speed_kmh: f64,
    #[serde(default)]
    junction: Vec<RawPlace>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawPlace {
    id: String,
    at_m: f64,
    /// Signal groups of the through traffic, as people count them.
    out: u8,
    back: u8,
}

pub(super) fn check(raw: Vec<RawCorridor>, problems: &mut Vec<String>) -> Vec<Corridor> {
    let mut ids = BTreeSet::new();
    raw.into_iter().filter_map(|corridor| corridor.check(&mut ids, problems)).collect()
}

impl RawCorridor {
    fn check(self, ids: &mut BTreeSet<String>, problems: &mut Vec<String>) -> Option<Corridor> {
        let before = problems.len();
        let mut wrong = |what: String| problems.push(format!("corridor {:?}: {what}", self.id));
        if self.id.is_empty() || !ids.insert(self.id.clone()) {
            wrong("each needs an id of its own".into());
        }
        if !(5.0..=100.0).contains(&self.speed_kmh) {
            wrong(format!("speed_kmh {} is outside 5..=100", self.speed_kmh));
        }
        if self.junction.len() < 2 {
            wrong("needs at least two [[corridor.junction]]".into());
        }
        if !self.junction.windows(2).all(|pair| pair[0].at_m < pair[1].at_m && pair[1].at_m < 100_000.0) {
            wrong("at_m must grow from junction to junction, up to 100000".into());
        }
        let mut places = Vec::new();
        for place in &self.junction {
            let groups = place.out.checked_sub(1).zip(place.back.checked_sub(1));
            match (place.id.parse(), groups) {
                (Err(bad), _) => wrong(format!("junction {:?}: {bad}", place.id)),
                (Ok(_), None) => {
                    wrong(format!("junction {:?}: out and back are signal groups, counted from 1", place.id));
                }
                (Ok(junction), Some((out, back))) => {
                    places.push(Place { junction, at: Meters(place.at_m), out, back });
                }
            }
        }
        let speed = MetersPerSecond::from_kmh(self.speed_kmh);
        (problems.len() == before).then_some(Corridor { id: self.id, name: self.name, speed, places })
    }
}
