//! `ListSegments` and `GetSegmentDay`: how buses go on the roads, beside what cameras count.

use std::collections::BTreeMap;
use std::sync::Arc;

use control_center_store::Span;
use models_domain::transit::probe::BUCKET;
use models_domain::{CameraId, DurationMs, Meters};
use models_wire::v1;
use time::Date;
use tonic::Status;

use super::internal;
use crate::hall::Hall;
use crate::transit::planned::{day_at, day_span};

const ROWS_MAX: u32 = 100_000;

pub async fn list(hall: &Arc<Hall>, known: u64) -> Result<v1::ListSegmentsResponse, Status> {
    let at_work = hall.clone();
    let told = move || {
        let now = at_work.clock.now();
        at_work.transit.traffic(|traffic, fleet| traffic.told(fleet, now, known))
    };
    tokio::task::spawn_blocking(told).await.map_err(internal)
}

/// `date`: a service day; of today when there is none.
pub async fn day(
    hall: &Arc<Hall>,
    name: &str,
    date: Option<Date>,
) -> Result<v1::GetSegmentDayResponse, Status> {
    let zones = hall.transit.zones();
    let zone = zones.values().next().ok_or_else(|| Status::not_found("there is no timetable yet"))?;
    let (at_work, asked) = (hall.clone(), name.to_owned());
    let known = move || {
        at_work.transit.traffic(|traffic, _| {
            let segment = traffic.segment(&asked)?;
            let camera = traffic.camera_by_segment.get(&asked).cloned();
            Some((segment.shape.length(), traffic.reference(&asked), camera))
        })
    };
    let known = tokio::task::spawn_blocking(known).await.map_err(internal)?;
    let (length, reference, camera) =
        known.ok_or_else(|| Status::not_found(format!("there is no segment {name:?} of the roads now")))?;
    let date = date.unwrap_or_else(|| day_at(zone, hall.clock.now()));
    let span = day_span(zone, date).ok_or_else(|| Status::invalid_argument("day: has no end"))?;
    let rows = hall.store.probes_of(name, span).await.map_err(internal)?;
    let buckets = rows.into_iter().map(|row| v1::SegmentBucket {
        from_ms: row.bucket.0,
        buses: row.sum.buses,
        speed_mps: row.sum.speed().map(|s| s.0),
        travel_s: row.sum.travel_time(length).map(DurationMs::seconds),
        stands_s: row.sum.stands().seconds(),
    });
    let mut told = v1::GetSegmentDayResponse {
        day: date.to_string(),
        from_ms: span.from.0,
        to_ms: span.to.0,
        reference_mps: reference.map(|r| r.0),
        buckets: buckets.collect(),
        ..v1::GetSegmentDayResponse::default()
    };
    if let Some(camera) = camera {
        flow(hall, camera, span, &mut told).await?;
    }
    Ok(told)
}

/// What the camera counted on the line that most crossed on that day.
async fn flow(
    hall: &Hall,
    (camera, away): (CameraId, Meters),
    span: Span,
    told: &mut v1::GetSegmentDayResponse,
) -> Result<(), Status> {
    let counts =
        hall.store.counts(Some(camera.as_str()), span, BUCKET.0, ROWS_MAX).await.map_err(internal)?;
    let watched =
        hall.store.watched(Some(camera.as_str()), span, BUCKET.0, ROWS_MAX).await.map_err(internal)?;
    let mut by_line: BTreeMap<String, BTreeMap<i64, u64>> = BTreeMap::new();
    for count in counts {
        *by_line.entry(count.line).or_default().entry(count.from.0).or_default() += count.crossings;
    }
    let busiest = by_line.into_iter().max_by_key(|(_, by_time)| by_time.values().sum::<u64>());
    let (line, crossings) = busiest.unwrap_or_default();
    let bucket = |w: control_center_store::WatchedRow| v1::FlowBucket {
        from_ms: w.from.0,
        crossings: crossings.get(&w.from.0).copied().unwrap_or(0),
        watched_ms: w.watched_ms,
    };
    told.flow = watched.into_iter().map(bucket).collect();
    (told.camera, told.away_m, told.line) = (camera.to_string(), away.0, line);
    Ok(())
}
