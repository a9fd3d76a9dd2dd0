//! Means of the last minutes, what a camera that saw nothing has counted, and which lines are not to be believed.

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
    let rows =
        [row(1, 1, Some(0.9)), row(1, 2, Some(0.2)), row(2, 1, Some(0.5)), row(2, 2, None), row(3, 2, None)];
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

fn watched(camera: &str, minutes: std::ops::Range<i64>) -> Vec<WatchedRow> {
    let row = |minute: i64| WatchedRow {
        camera: camera.into(),
        from: UtcMillis(minute * MIN),
        watched_ms: MIN,
        analysed_ms: MIN,
    };
    minutes.map(row).collect()
}

fn north() -> Counter {
    let (camera, line) = ("c".parse().unwrap(), "north".parse().unwrap());
    Counter::Line { camera, line, direction: models_domain::count::Direction::ToLeft }
}

/// What crossed the line of `north` in each minute, all of them cars.
fn rows(cars: &[u64], watched: Vec<WatchedRow>) -> Rows {
    let row = |(minute, crossings): (i64, &u64)| CountRow {
        camera: "c".into(),
        line: "north".into(),
        road_user: "car".into(),
        direction: "to_left".into(),
        from: UtcMillis(minute * MIN),
        crossings: *crossings,
    };
    let counts = (0..).zip(cars).map(row).collect();
    let by_camera = [("c".parse().unwrap(), (counts, watched))].into();
    Rows { detectors: Vec::new(), by_camera, dead: Vec::new(), pcu: PcuTable::default() }
}

#[test]
fn minutes_of_a_covered_camera_are_no_minutes_without_traffic() {
    let trouble = |camera: &str, began_s: i64, ended_s: Option<i64>| TroubleRow {
        camera: camera.into(),
        trouble: "camera_covered".into(),
        began: UtcMillis(began_s * 1_000),
        ended: ended_s.map(|s| UtcMillis(s * 1_000)),
    };
    let left = |troubles: &[TroubleRow]| {
        let rows = seeing(watched("c", 0..6), troubles);
        rows.iter().map(|row| row.from.0 / MIN).collect::<Vec<_>>()
    };
    assert_eq!(left(&[trouble("other", 0, None)]), [0, 1, 2, 3, 4, 5]);
    // From within the second minute on, and to within the fifth.
    assert_eq!(left(&[trouble("c", 119, None)]), [0]);
    assert_eq!(left(&[trouble("c", 119, Some(250))]), [0, 5]);
    assert_eq!(left(&[trouble("c", 120, Some(240))]), [0, 1, 4, 5]);
    // Ten cars a minute, then nobody for two minutes behind a cover: the flow is that of before.
    let covered = seeing(watched("c", 0..5), &[trouble("c", 180, None)]);
    let flow = rows(&[10, 10, 10], covered).flow(&[north()]).unwrap();
    assert!((flow * 60.0 - 10.0).abs() < 1e-9, "{flow}");
    let blind = seeing(watched("c", 0..5), &[trouble("c", 0, None)]);
    assert_eq!(rows(&[], blind).flow(&[north()]), Err("camera c line north".to_owned()));
}

#[test]
fn the_auto_fail_rules_hold_for_lines_of_cameras() {
    let fault = |rows: &Rows, lanes: Option<f64>| {
        rows.fault(&[Counter::Detector(1), north()], lanes).map(|by| by.to_string())
    };
    // 38 in 30 s and lane are too many; a minute that says so is enough, for ten minutes.
    let (full, many) = (rows(&[75; 3], watched("c", 0..3)), rows(&[5, 76, 5], watched("c", 0..3)));
    assert_eq!(fault(&full, Some(1.0)), None);
    assert_eq!(fault(&many, Some(1.0)).as_deref(), Some("camera c: chatter"));
    assert_eq!((fault(&many, Some(2.0)), fault(&many, None)), (None, None));
    let mut silent = rows(&[], watched("c", 0..3));
    assert_eq!(fault(&silent, Some(1.0)), None);
    silent.dead.push(north());
    assert_eq!(fault(&silent, None).as_deref(), Some("camera c: noHits"));
    let hours = |hours: i64| has_no_hits(DurationMs(hours * 3_600_000));
    assert_eq!((hours(0), hours(23), hours(24)), (false, false, true));
}
