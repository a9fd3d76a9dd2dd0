//! Files of a recorded trace: positions of buses, and what another system predicted on them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::Context;
use control_center_gtfs::Zone;
use models_domain::geo::LatLon;
use models_domain::transit::assign::SignOn;
use models_domain::transit::matching::Seen;
use models_domain::transit::timetable::{BlockId, RouteId, TripId};
use models_domain::transit::vehicle::Observed;
use models_domain::{Degrees, MetersPerSecond, UtcMillis, VehicleId};
use serde::Deserialize;

/// The three files of a trace.
pub struct Names {
    /// What follows `avl_`.
    pub label: String,
    pub avl: PathBuf,
    pub predictions: PathBuf,
    pub gtfs: PathBuf,
}

/// A prediction of another system.
pub struct Theirs {
    pub vehicle: VehicleId,
    /// The newest fix that it knew.
    pub at: UtcMillis,
    pub trip: TripId,
    pub sequence: u32,
    pub predicted: UtcMillis,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct AvlRow {
    vehicle_id: String,
    time: String,
    assignment_id: String,
    assignment_type: String,
    heading: Option<f64>,
    latitude: f64,
    longitude: f64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PredictionRow {
    avl_time: String,
    gtfs_stop_seq: u32,
    prediction_time: String,
    trip_id: String,
    vehicle_id: String,
}

/// `avl_S2_2113.csv` goes with `predictions_S2_2113.csv` and `gtfs_S2` or `gtfs_S2.zip`.
pub fn names(dir: &Path) -> anyhow::Result<Vec<Names>> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(dir).with_context(|| format!("listing {}", dir.display()))? {
        let avl = entry.with_context(|| format!("listing {}", dir.display()))?.path();
        let file = avl.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
        let Some(label) = file.strip_prefix("avl_").and_then(|f| f.strip_suffix(".csv")) else { continue };
        let network = label.split('_').next().unwrap_or(label);
        let gtfs =
            ["", ".zip"].map(|end| dir.join(format!("gtfs_{network}{end}"))).into_iter().find(|p| p.exists());
        let predictions = dir.join(format!("predictions_{label}.csv"));
        if let Some(gtfs) = gtfs.filter(|_| predictions.exists()) {
            all.push(Names { label: label.to_owned(), avl, predictions, gtfs });
        }
    }
    all.sort_by(|a, b| a.label.cmp(&b.label));
    Ok(all)
}

/// Fixes by vehicle, oldest first. Speeds are made of the fixes before: the trace has none.
pub fn avl(path: &Path, zone: &Zone) -> anyhow::Result<BTreeMap<VehicleId, Vec<Observed>>> {
    let mut by_vehicle: BTreeMap<VehicleId, Vec<Observed>> = BTreeMap::new();
    let mut reader = csv::Reader::from_path(path).with_context(|| format!("reading {}", path.display()))?;
    for row in reader.deserialize() {
        let row: AvlRow = row.with_context(|| format!("reading {}", path.display()))?;
        let position = LatLon::new(row.latitude, row.longitude);
        let seen = Seen {
            at: time(&row.time, zone)?,
            position,
            speed: MetersPerSecond(0.0),
            course: row.heading.map(Degrees),
        };
        let mut signed = SignOn::default();
        match row.assignment_type.as_str() {
            "BLOCK_ID" => signed.block = Some(BlockId(row.assignment_id)),
            "TRIP_ID" => signed.trip = Some(TripId(row.assignment_id)),
            "ROUTE_ID" => signed.route = Some(RouteId(row.assignment_id)),
            _ => {}
        }
        let observed = Observed {
            placed: true,
            seen,
            doors_open: None,
            engine_on: None,
            sos: false,
            signed: Some(signed),
        };
        by_vehicle.entry(VehicleId::from_device(&row.vehicle_id)?).or_default().push(observed);
    }
    for fixes in by_vehicle.values_mut() {
        fixes.sort_by_key(|o| o.seen.at);
        for i in 1..fixes.len() {
            let (before, now) = (&fixes[i - 1].seen, &fixes[i].seen);
            let took_s = now.at.since(before.at).seconds().max(1.0);
            fixes[i].seen.speed = MetersPerSecond(before.position.distance(now.position).0 / took_s);
        }
    }
    Ok(by_vehicle)
}

pub fn theirs(path: &Path, zone: &Zone) -> anyhow::Result<Vec<Theirs>> {
    let mut reader = csv::Reader::from_path(path).with_context(|| format!("reading {}", path.display()))?;
    let mut all = Vec::new();
    for row in reader.deserialize() {
        let row: PredictionRow = row.with_context(|| format!("reading {}", path.display()))?;
        all.push(Theirs {
            vehicle: VehicleId::from_device(&row.vehicle_id)?,
            at: time(&row.avl_time, zone)?,
            trip: TripId(row.trip_id),
            sequence: row.gtfs_stop_seq,
            predicted: time(&row.prediction_time, zone)?,
        });
    }
    Ok(all)
}

fn time(text: &str, zone: &Zone) -> anyhow::Result<UtcMillis> {
    zone.parse_local(text).with_context(|| format!("{text:?} is not a time like 2016-04-29 08:23:52"))
}
