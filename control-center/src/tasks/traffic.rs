//! Buses as measures of traffic: kept every half minute, beside what cameras count, against what is usual there.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use control_center_store::{CountRow, ProbeRow, Span, WatchedRow};
use models_domain::count::minutes::minute_of;
use models_domain::transit::probe::{FRESH, Reference};
use models_domain::{CameraId, DurationMs, UtcMillis};
use models_wire::convert::event::class_to_wire;
use models_wire::v1;

use super::transit::work;
use crate::hall::Hall;

const EVERY: Duration = Duration::from_secs(30);
/// What is usual is learned anew every so many rounds, from so much of what was kept.
const LEARN_EVERY: u32 = 120;
const LEARNED: DurationMs = DurationMs(28 * 24 * 3_600_000);
/// Gateways tell a minute when it is over; so long after that it is here.
const TOLD: DurationMs = DurationMs(20_000);
const ROWS_MAX: u32 = 200_000;
/// So much waits while the store does not take it; of more, the oldest is left out.
const UNKEPT_MAX: usize = 1_000_000;

pub async fn run(hall: Arc<Hall>) -> anyhow::Result<()> {
    let mut round = 0_u32;
    let mut unkept: BTreeMap<(UtcMillis, String), ProbeRow> = BTreeMap::new();
    loop {
        // What waits for the store goes on waiting, whatever fails.
        let learns = round == 1 || round.is_multiple_of(LEARN_EVERY);
        if let Err(err) = look(&hall, &mut unkept, learns).await {
            tracing::error!("traffic by buses: {err:#}");
        }
        round = round.wrapping_add(1);
        tokio::time::sleep(EVERY).await;
    }
}

async fn look(
    hall: &Arc<Hall>,
    unkept: &mut BTreeMap<(UtcMillis, String), ProbeRow>,
    learns: bool,
) -> anyhow::Result<()> {
    keep(hall, unkept).await?;
    // The first rounds see little of a day that is still being read.
    if learns {
        learn(hall).await?;
    }
    count(hall).await
}

async fn keep(hall: &Arc<Hall>, unkept: &mut BTreeMap<(UtcMillis, String), ProbeRow>) -> anyhow::Result<()> {
    let new = work(hall, |hall| hall.transit.unkept_traffic()).await?;
    unkept.extend(new.rows.into_iter().map(|row| ((row.bucket, row.segment.clone()), row)));
    while unkept.len() > UNKEPT_MAX {
        unkept.pop_first();
    }
    if !new.segments.is_empty()
        && let Err(err) = hall.store.keep_segments(&new.segments, hall.clock.now()).await
    {
        work(hall, |hall| hall.transit.traffic(|traffic, _| traffic.keep_again())).await?;
        return Err(err).context("keeping the roads");
    }
    if unkept.is_empty() {
        return Ok(());
    }
    let rows: Vec<ProbeRow> = unkept.values().cloned().collect();
    match hall.store.keep_probes(&rows).await {
        Ok(()) => unkept.clear(),
        Err(err) => {
            tracing::error!("{:#}; {} are kept in memory", anyhow::Error::from(err), unkept.len());
        }
    }
    Ok(())
}

async fn learn(hall: &Arc<Hall>) -> anyhow::Result<()> {
    let now = hall.clock.now();
    let classes = hall.store.speed_classes(Span { from: now - LEARNED, to: now }).await?;
    let mut references: BTreeMap<String, Reference> = BTreeMap::new();
    for (segment, class, buckets) in classes {
        references.entry(segment).or_default().learn(class, buckets);
    }
    work(hall, |hall| hall.transit.traffic(|traffic, _| traffic.reference_by_segment = references)).await
}

/// What cameras beside the roads counted in the last quarter of an hour.
async fn count(hall: &Arc<Hall>) -> anyhow::Result<()> {
    let places = hall.view.camera_places();
    let beside = move |hall: &Hall| {
        hall.transit.traffic(|traffic, _| {
            traffic.beside(&places);
            traffic.cameras()
        })
    };
    let cameras = work(hall, beside).await?;
    let to = minute_of(hall.clock.now() - TOLD);
    let span = Span { from: to - FRESH, to };
    let mut flow_by_camera = BTreeMap::new();
    if !cameras.is_empty() {
        let counts = hall.store.counts(None, span, FRESH.0, ROWS_MAX).await?;
        let watched = hall.store.watched(None, span, FRESH.0, ROWS_MAX).await?;
        if [counts.len(), watched.len()].contains(&(ROWS_MAX as usize)) {
            tracing::warn!(rows = ROWS_MAX, "more counts than are read at once: some roads show no flow");
        }
        flow_by_camera = work(hall, move |_| flows(&cameras, &counts, &watched, span)).await?;
    }
    work(hall, |hall| hall.transit.traffic(|traffic, _| traffic.flow_by_camera = flow_by_camera)).await
}

/// Of each of these cameras that was watched.
fn flows(
    cameras: &BTreeSet<CameraId>,
    counts: &[CountRow],
    watched: &[WatchedRow],
    span: Span,
) -> BTreeMap<CameraId, v1::SegmentFlow> {
    let mut counts_by_camera: BTreeMap<&str, Vec<&CountRow>> = BTreeMap::new();
    for count in counts {
        counts_by_camera.entry(&count.camera).or_default().push(count);
    }
    let mut watched_ms_by_camera: BTreeMap<&str, i64> = BTreeMap::new();
    for row in watched {
        *watched_ms_by_camera.entry(&row.camera).or_default() += row.watched_ms;
    }
    let of = |camera: &CameraId| {
        let watched_ms = watched_ms_by_camera.get(camera.as_str()).copied().unwrap_or_default();
        let counts = counts_by_camera.get(camera.as_str()).map_or(&[][..], Vec::as_slice);
        Some((camera.clone(), flow(camera, counts, watched_ms, span)?))
    };
    cameras.iter().filter_map(of).collect()
}

/// On the line that most crossed; `None` when nobody watched.
fn flow(camera: &CameraId, counts: &[&CountRow], watched_ms: i64, span: Span) -> Option<v1::SegmentFlow> {
    if watched_ms == 0 {
        return None;
    }
    let mut by_line: BTreeMap<&str, BTreeMap<&str, u64>> = BTreeMap::new();
    for count in counts {
        let line = by_line.entry(&count.line).or_default();
        *line.entry(&count.road_user).or_default() += count.crossings;
    }
    let busiest = by_line.into_iter().max_by_key(|(_, by_class)| by_class.values().sum::<u64>());
    let (line, by_class) = busiest.unwrap_or_default();
    let class = |(road_user, crossings): (&str, u64)| v1::ClassFlow {
        road_user: road_user.parse().map_or(v1::RoadUser::Unspecified, class_to_wire).into(),
        crossings,
    };
    let mut classes: Vec<v1::ClassFlow> = by_class.into_iter().map(class).collect();
    classes.sort_by_key(|c| std::cmp::Reverse(c.crossings));
    Some(v1::SegmentFlow {
        camera: camera.to_string(),
        away_m: 0.0,
        from_ms: span.from.0,
        to_ms: span.to.0,
        watched_ms,
        line: line.to_owned(),
        classes,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_busiest_line_is_told_and_nothing_of_a_camera_that_did_not_watch() {
        let count = |camera: &str, line: &str, road_user: &str, crossings| CountRow {
            camera: camera.into(),
            line: line.into(),
            road_user: road_user.into(),
            direction: "to_left".into(),
            from: UtcMillis(0),
            crossings,
        };
        let counts = [
            count("a", "north", "car", 9),
            count("a", "south", "car", 3),
            count("a", "south", "motorcycle", 40),
            count("b", "x", "car", 99),
        ];
        let watched =
            [WatchedRow { camera: "a".into(), from: UtcMillis(0), watched_ms: 840_000, analysed_ms: 1 }];
        let span = Span { from: UtcMillis(0), to: UtcMillis(900_000) };
        let cameras = ["a", "b"].map(|camera| camera.parse().unwrap()).into();
        let by_camera = flows(&cameras, &counts, &watched, span);
        let of = |camera: &str| by_camera.get(&camera.parse::<CameraId>().unwrap()).cloned();
        let told = of("a").unwrap();
        let classes: Vec<_> = told.classes.iter().map(|c| (c.road_user(), c.crossings)).collect();
        assert_eq!((told.line.as_str(), told.watched_ms), ("south", 840_000));
        assert_eq!(classes, [(v1::RoadUser::Motorcycle, 40), (v1::RoadUser::Car, 3)]);
        assert_eq!(of("b"), None);
    }
}
