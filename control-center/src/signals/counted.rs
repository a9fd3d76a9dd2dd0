//! How many come to each approach of a junction, in car units a second, by the last minutes of its detectors and cameras.

use std::collections::{BTreeMap, BTreeSet};

use control_center_store::{CountRow, DetectorRow, Span, StoreError, TroubleRow, WatchedRow};
use models_domain::count::minutes::{MINUTE, minute_of};
use models_domain::detection::Class;
use models_domain::pcu::PcuTable;
use models_domain::signal::advice::Flows;
use models_domain::signal::detector::{Fault, Reading, Rules, Watch};
use models_domain::{CameraId, DurationMs, JunctionId, UtcMillis};

use super::advice::{Advised, Counter, Why, cameras};
use super::trust::{Untrusted, troubles};
use crate::hall::Hall;

#[cfg(test)]
mod tests;

/// Counts that ended before this say nothing of now.
pub const OLD: DurationMs = DurationMs(10 * 60_000);
/// The mean of so many minutes, the last ones that were counted.
const MEAN_OF: DurationMs = DurationMs(5 * 60_000);
/// How long a detector was covered says something for so long.
const FRESH: DurationMs = DurationMs(3 * 60_000);
/// A camera that saw less of a minute has not counted it.
const WATCHED_MIN_MS: i64 = 30_000;
/// So far back it is looked when a line was crossed last: further than a day, of which a camera may have missed some.
const LAST_CROSSED: DurationMs = DurationMs(3 * 86_400_000);
const ROWS_MAX: u32 = 20_000;

/// Car units and the time in which they were counted, of the last minutes that have any.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Counted {
    units: f64,
    time: DurationMs,
    /// Begin of the newest minute.
    newest: Option<UtcMillis>,
}

/// Begin of the minute, kind of road user, how many.
type Crossed<'a> = (UtcMillis, &'a str, u64);

/// What detectors and lines of cameras counted lately.
pub struct Rows {
    detectors: Vec<DetectorRow>,
    /// Watched are only the minutes in which the camera showed what it should.
    by_camera: BTreeMap<CameraId, (Vec<CountRow>, Vec<WatchedRow>)>,
    /// Lines that nobody crossed for longer than the auto-fail rules have it.
    dead: Vec<Counter>,
    pcu: PcuTable,
}

/// By approach, or why they are not known.
///
/// # Errors
/// [`StoreError`].
pub async fn read(hall: &Hall, advised: &Advised, now: UtcMillis) -> Result<Result<Flows, Why>, StoreError> {
    let counters: Vec<&[Counter]> = advised.counters.iter().map(Vec::as_slice).collect();
    let rows = rows(hall, &advised.junction, &counters, now).await?;
    let mut flows = Flows::new();
    for (approach, counters) in advised.setup.approaches.iter().zip(&advised.counters) {
        if let Some(by) = rows.fault(counters, Some(approach.lane.width)) {
            return Ok(Err(Why::Failed { approach: approach.name.clone(), by }));
        }
        match rows.flow(counters) {
            Ok(flow) => flows.push(flow),
            Err(by) => return Ok(Err(Why::Old { approach: approach.name.clone(), by })),
        }
    }
    Ok(Ok(flows))
}

/// All that these counters of a junction counted lately.
///
/// # Errors
/// [`StoreError`].
pub async fn rows(
    hall: &Hall,
    junction: &JunctionId,
    counters: &[&[Counter]],
    now: UtcMillis,
) -> Result<Rows, StoreError> {
    let span = Span { from: minute_of(now - OLD), to: minute_of(now) + MINUTE };
    let all = || counters.iter().copied().flatten();
    let any = all().any(|counter| matches!(counter, Counter::Detector(_)));
    let detectors = if any {
        hall.store.detector_counts(junction.as_str(), span, MINUTE.0, ROWS_MAX).await?
    } else {
        Vec::new()
    };
    let mut by_camera = BTreeMap::new();
    let cameras = cameras(all());
    let troubles = troubles(hall, &cameras, span.from).await?;
    for camera in cameras {
        let counts = hall.store.counts(Some(camera.as_str()), span, MINUTE.0, ROWS_MAX).await?;
        let watched = hall.store.watched(Some(camera.as_str()), span, MINUTE.0, ROWS_MAX).await?;
        by_camera.insert(camera.clone(), (counts, seeing(watched, &troubles)));
    }
    let mut rows = Rows { detectors, by_camera, dead: Vec::new(), pcu: hall.pcu };
    let quiet: Vec<&Counter> = all().filter(|counter| rows.crossed(counter).next().is_none()).collect();
    for counter in quiet {
        if is_dead(hall, counter, now).await? {
            rows.dead.push(counter.clone());
        }
    }
    Ok(rows)
}

/// Without the minutes in any part of which the camera did not show what it should: nobody counted in them was nobody seen.
fn seeing(watched: Vec<WatchedRow>, troubles: &[TroubleRow]) -> Vec<WatchedRow> {
    let blind = |row: &WatchedRow| {
        let over = |trouble: &TroubleRow| trouble.ended.is_some_and(|ended| ended <= row.from);
        let mut own = troubles.iter().filter(|trouble| trouble.camera == row.camera);
        own.any(|trouble| trouble.began < row.from + MINUTE && !over(trouble))
    };
    watched.into_iter().filter(|row| !blind(row)).collect()
}

/// Whether a camera has watched a line for so long without anybody that it is not to be believed. Detectors are judged at the pole.
async fn is_dead(hall: &Hall, counter: &Counter, now: UtcMillis) -> Result<bool, StoreError> {
    let Counter::Line { camera, line, direction } = counter else { return Ok(false) };
    let (camera, direction) = (camera.as_str(), direction.to_string());
    let begin = minute_of(now - LAST_CROSSED);
    let last = hall.store.last_crossed(camera, (line.as_str(), &direction), begin).await?;
    let span = Span { from: last.map_or(begin, |minute| minute + MINUTE), to: minute_of(now) + MINUTE };
    let rows = hall.store.watched(Some(camera), span, span.to.since(span.from).0, ROWS_MAX).await?;
    Ok(has_no_hits(DurationMs(rows.iter().map(|row| row.watched_ms).sum())))
}

/// The clock of this rule is what was watched: while a camera is away nobody is missed.
fn has_no_hits(watched: DurationMs) -> bool {
    let at = UtcMillis(watched.0);
    let reading = Reading { at, interval: watched, vehicles: Some(0), ..Reading::default() };
    Watch::new(Rules::default()).step(reading).contains(&Fault::NoHits)
}

/// The share of the time, 0 to 1, for which the one of these detectors was covered that was covered most, by its newest minute.
/// `None`: one of them has not told it lately.
///
/// # Errors
/// [`StoreError`].
pub async fn covered(
    hall: &Hall,
    junction: &JunctionId,
    counters: &[Counter],
    now: UtcMillis,
) -> Result<Option<f64>, StoreError> {
    let span = Span { from: minute_of(now - FRESH), to: minute_of(now) + MINUTE };
    let rows = hall.store.detector_counts(junction.as_str(), span, MINUTE.0, ROWS_MAX).await?;
    Ok(most_covered(&rows, counters))
}

fn most_covered(rows: &[DetectorRow], counters: &[Counter]) -> Option<f64> {
    let mut most = None;
    for counter in counters {
        let Counter::Detector(number) = counter else { return None };
        let told = rows.iter().filter(|row| row.detector == *number && row.occupancy.is_some());
        let share = told.max_by_key(|row| row.from)?.occupancy?;
        most = Some(most.map_or(share, |most: f64| most.max(share)));
    }
    most
}

impl Rows {
    /// Car units a second that these count together.
    ///
    /// # Errors
    /// The first that has not counted lately.
    pub fn flow(&self, counters: &[Counter]) -> Result<f64, String> {
        let mut flow = 0.0;
        for counter in counters {
            let counted = self.counted(counter);
            if counted.time.0 <= 0 {
                return Err(name(counter));
            }
            flow += counted.units / counted.time.seconds();
        }
        Ok(flow)
    }

    /// The first of these lines of cameras that the auto-fail rules find unbelievable. `lanes`: how many they go over; `None`: that is
    /// not known, and whether they count too many is not judged.
    pub fn fault(&self, counters: &[Counter], lanes: Option<f64>) -> Option<Untrusted> {
        counters.iter().find_map(|counter| {
            let Counter::Line { camera, .. } = counter else { return None };
            let untrusted =
                |fault: &str| Untrusted::Camera { camera: camera.clone(), fault: fault.to_owned() };
            if self.dead.contains(counter) {
                return Some(untrusted("noHits"));
            }
            let crossed: Vec<_> = self.crossed(counter).collect();
            let chatter = |lanes: f64| chatters(&self.pcu, &crossed, &self.watched(camera), lanes);
            lanes.is_some_and(chatter).then(|| untrusted("chatter"))
        })
    }

    fn counted(&self, counter: &Counter) -> Counted {
        match counter {
            Counter::Detector(number) => detector(&self.pcu, &self.detectors, *number),
            Counter::Line { camera, .. } => {
                camera_line(&self.pcu, &self.crossed(counter).collect::<Vec<_>>(), &self.watched(camera))
            }
        }
    }

    /// Who crossed a camera's line: the minute's begin, the kind, how many. Of a detector nobody.
    fn crossed<'a>(&'a self, counter: &'a Counter) -> impl Iterator<Item = Crossed<'a>> + 'a {
        let here = match counter {
            Counter::Line { camera, line, direction } => {
                let counts = self.by_camera.get(camera).map(|(counts, _)| counts.as_slice());
                Some((counts.unwrap_or_default(), line.as_str(), direction.to_string()))
            }
            Counter::Detector(_) => None,
        };
        here.into_iter().flat_map(|(counts, line, direction)| {
            let is_here = move |row: &&CountRow| row.line == line && row.direction == direction;
            counts.iter().filter(is_here).map(|row| (row.from, row.road_user.as_str(), row.crossings))
        })
    }

    fn watched(&self, camera: &CameraId) -> Vec<(UtcMillis, i64)> {
        let rows = self.by_camera.get(camera).into_iter().flat_map(|(_, watched)| watched);
        rows.map(|row| (row.from, row.watched_ms)).collect()
    }
}

fn name(counter: &Counter) -> String {
    match counter {
        Counter::Detector(number) => format!("detector {number}"),
        Counter::Line { camera, line, .. } => format!("camera {} line {}", camera, line),
    }
}

fn detector(table: &PcuTable, rows: &[DetectorRow], number: u16) -> Counted {
    let own = || rows.iter().filter(|row| row.detector == number && row.counted.0 > 0);
    let newest = own().map(|row| row.from).max();
    let mut counted = Counted { newest, ..Counted::default() };
    for row in own().filter(|row| newest.is_some_and(|newest| newest.since(row.from) < MEAN_OF)) {
        let kinds = row.kinds.iter().map(|(kind, count)| units(table, kind) * *count as f64).sum();
        counted.units += if row.kinds.is_empty() { row.vehicles as f64 } else { kinds };
        counted.time = counted.time + row.counted;
    }
    counted
}

fn camera_line(table: &PcuTable, crossed: &[Crossed<'_>], watched: &[(UtcMillis, i64)]) -> Counted {
    let good = || watched.iter().filter(|(_, ms)| *ms >= WATCHED_MIN_MS);
    let newest = good().map(|(from, _)| *from).max();
    let mut counted = Counted { newest, ..Counted::default() };
    for (minute, ms) in good().filter(|(from, _)| newest.is_some_and(|newest| newest.since(*from) < MEAN_OF))
    {
        counted.time = counted.time + DurationMs(*ms);
        counted.units += units_in(table, crossed, *minute);
    }
    counted
}

/// Whether more crossed a line of so many lanes than can: in car units, since motorcycles pass side by side.
fn chatters(table: &PcuTable, crossed: &[Crossed<'_>], watched: &[(UtcMillis, i64)], lanes: f64) -> bool {
    let usual = Rules::default();
    let mut watch = Watch::new(Rules { chatter_per_30_s: usual.chatter_per_30_s * lanes.max(1.0), ..usual });
    let mut faults = BTreeSet::new();
    for (minute, ms) in watched.iter().filter(|(_, ms)| *ms >= WATCHED_MIN_MS) {
        let vehicles = Some(units_in(table, crossed, *minute).round() as u32);
        let (at, interval) = (*minute + MINUTE, DurationMs(*ms));
        faults = watch.step(Reading { at, interval, vehicles, ..Reading::default() });
    }
    faults.contains(&Fault::Chatter)
}

/// Car units that crossed in one minute.
fn units_in(table: &PcuTable, crossed: &[Crossed<'_>], minute: UtcMillis) -> f64 {
    let here = crossed.iter().filter(|(from, _, _)| *from == minute);
    here.map(|(_, kind, count)| units(table, kind) * *count as f64).sum()
}

/// Car units of one road user, as detectors or cameras call it; of a kind that nobody knows, a car's.
fn units(table: &PcuTable, kind: &str) -> f64 {
    let class = match kind {
        "pedestrian" | "person" => Class::Person,
        "bicycle" => Class::Bicycle,
        "motorcycle" => Class::Motorcycle,
        "bus" | "tram" => Class::Bus,
        "truck" | "truck_with_trailer" => Class::Truck,
        _ => Class::Car,
    };
    table.of(class)
}
