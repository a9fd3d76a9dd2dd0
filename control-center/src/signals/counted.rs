//! How many come to each approach of a junction, in car units a second, by the last minutes of its detectors and cameras.

use std::collections::BTreeMap;

use control_center_store::{CountRow, DetectorRow, Span, StoreError, WatchedRow};
use models_domain::count::minutes::{MINUTE, minute_of};
use models_domain::detection::Class;
use models_domain::pcu::PcuTable;
use models_domain::signal::advice::Flows;
use models_domain::{CameraId, DurationMs, JunctionId, UtcMillis};

use super::advice::{Advised, Counter, Why, cameras};
use crate::hall::Hall;

/// Counts that ended before this say nothing of now.
pub const OLD: DurationMs = DurationMs(10 * 60_000);
/// The mean of so many minutes, the last ones that were counted.
const MEAN_OF: DurationMs = DurationMs(5 * 60_000);
/// How long a detector was covered says something for so long.
const FRESH: DurationMs = DurationMs(3 * 60_000);
/// A camera that saw less of a minute has not counted it.
const WATCHED_MIN_MS: i64 = 30_000;
const ROWS_MAX: u32 = 20_000;

/// Car units and the time in which they were counted, of the last minutes that have any.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Counted {
    units: f64,
    time: DurationMs,
    /// Begin of the newest minute.
    newest: Option<UtcMillis>,
}

/// What detectors and lines of cameras counted lately.
pub struct Rows {
    detectors: Vec<DetectorRow>,
    by_camera: BTreeMap<CameraId, (Vec<CountRow>, Vec<WatchedRow>)>,
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
    for camera in cameras(all()) {
        let counts = hall.store.counts(Some(camera.as_str()), span, MINUTE.0, ROWS_MAX).await?;
        let watched = hall.store.watched(Some(camera.as_str()), span, MINUTE.0, ROWS_MAX).await?;
        by_camera.insert(camera.clone(), (counts, watched));
    }
    Ok(Rows { detectors, by_camera, pcu: hall.pcu })
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

    fn counted(&self, counter: &Counter) -> Counted {
        match counter {
            Counter::Detector(number) => detector(&self.pcu, &self.detectors, *number),
            Counter::Line { camera, line, direction } => {
                let Some((counts, watched)) = self.by_camera.get(camera) else { return Counted::default() };
                let is_here =
                    |row: &&CountRow| row.line == line.as_str() && row.direction == direction.to_string();
                let crossed = counts.iter().filter(is_here);
                let crossed = crossed.map(|row| (row.from, row.road_user.as_str(), row.crossings));
                let seen = watched.iter().map(|row| (row.from, row.watched_ms));
                camera_line(&self.pcu, &crossed.collect::<Vec<_>>(), &seen.collect::<Vec<_>>())
            }
        }
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

fn camera_line(
    table: &PcuTable,
    crossed: &[(UtcMillis, &str, u64)],
    watched: &[(UtcMillis, i64)],
) -> Counted {
    let good = || watched.iter().filter(|(_, ms)| *ms >= WATCHED_MIN_MS);
    let newest = good().map(|(from, _)| *from).max();
    let mut counted = Counted { newest, ..Counted::default() };
    for (minute, ms) in good().filter(|(from, _)| newest.is_some_and(|newest| newest.since(*from) < MEAN_OF))
    {
        counted.time = counted.time + DurationMs(*ms);
        let here = crossed.iter().filter(|(from, _, _)| from == minute);
        counted.units += here.map(|(_, kind, count)| units(table, kind) * *count as f64).sum::<f64>();
    }
    counted
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

#[cfg(test)]
mod tests {
    use super::*;

    const MIN: i64 = 60_000;

    #[test]
    fn the_last_five_minutes_of_a_detector_in_car_units() {
        let row = |detector, minute: i64, vehicles, kinds: &[(&str, u64)]| DetectorRow {
            detector,
            from: UtcMillis(minute * MIN),
            counted: DurationMs(MIN),
            vehicles,
            kinds: kinds.iter().map(|(kind, count)| ((*kind).to_owned(), *count)).collect(),
            ..DetectorRow::default()
        };
        let rows =
            [row(1, 1, 99, &[]), row(1, 7, 10, &[]), row(1, 9, 34, &[("motorcycle", 34)]), row(2, 9, 5, &[])];
        let hanoi = PcuTable::default();
        let one = detector(&hanoi, &rows, 1);
        assert!((one.units - 20.0).abs() < 1e-9, "{one:?}");
        assert_eq!((one.time, one.newest), (DurationMs(2 * MIN), Some(UtcMillis(9 * MIN))));
        assert_eq!(detector(&hanoi, &rows, 3), Counted::default());
    }

    #[test]
    fn the_newest_minute_of_the_detector_that_is_covered_most() {
        let row = |detector, minute: i64, occupancy| DetectorRow {
            detector,
            from: UtcMillis(minute * MIN),
            counted: DurationMs(MIN),
            occupancy,
            ..DetectorRow::default()
        };
        let rows = [
            row(1, 1, Some(0.9)),
            row(1, 2, Some(0.2)),
            row(2, 1, Some(0.5)),
            row(2, 2, None),
            row(3, 2, None),
        ];
        let of = |numbers: &[u16]| {
            let counters: Vec<Counter> = numbers.iter().copied().map(Counter::Detector).collect();
            most_covered(&rows, &counters)
        };
        assert_eq!((of(&[1]), of(&[1, 2]), of(&[2, 1])), (Some(0.2), Some(0.5), Some(0.5)));
        assert_eq!((of(&[1, 3]), of(&[4]), of(&[])), (None, None, None));
    }

    #[test]
    fn the_hall_weighs_with_its_own_table() {
        let own = [("motorcycle".to_owned(), 0.5), ("car".to_owned(), 2.0)].into();
        let own = PcuTable::default().with(&own).unwrap();
        let kinds = vec![("motorcycle".to_owned(), 10), ("tram".to_owned(), 1)];
        let minute = DurationMs(MIN);
        let row = DetectorRow { detector: 1, counted: minute, vehicles: 11, kinds, ..DetectorRow::default() };
        let bus = own.of(Class::Bus);
        assert_eq!(detector(&own, &[row], 1).units, 5.0 + bus);
        let crossed = [(UtcMillis(0), "car", 3), (UtcMillis(0), "motorcycle", 4)];
        assert_eq!(camera_line(&own, &crossed, &[(UtcMillis(0), MIN)]).units, 8.0);
    }

    #[test]
    fn a_camera_that_saw_nobody_has_counted_too() {
        let watched = [(UtcMillis(0), MIN), (UtcMillis(MIN), 10_000), (UtcMillis(2 * MIN), 45_000)];
        let crossed = [(UtcMillis(0), "car", 3), (UtcMillis(MIN), "car", 50)];
        let hanoi = PcuTable::default();
        let counted = camera_line(&hanoi, &crossed, &watched);
        assert_eq!((counted.units, counted.time), (3.0, DurationMs(105_000)));
        assert_eq!(camera_line(&hanoi, &crossed, &[]).time, DurationMs(0));
    }
}
