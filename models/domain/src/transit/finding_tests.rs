//! When findings begin and end, and who is told of them.

use super::*;

#[test]
fn a_bus_is_not_looked_for_where_it_was_seen_long_ago() {
    let (place, at) = (LatLon::new(21.0, 105.8), |min: i64| UtcMillis(min * 60_000));
    let found = [0, 40, 90, 101, 131].map(|min| place_at((at(70), place), at(min)).is_some());
    assert_eq!(found, [false, true, true, false, false]);
}

#[test]
fn a_call_from_where_the_bus_was_keeps_its_place_and_how_old_that_is() {
    let places = [21.0, 21.1, 21.2].map(|lat| LatLon::new(lat, 105.8));
    for (age_s, ends_at) in [(Some(300.0), places[0]), (None, places[2])] {
        let (mut held, mut told) = (Held::default(), Vec::new());
        // It calls on from where it was; then it is seen.
        for (s, holds, value) in [(0, true, age_s), (60, true, Some(360.0)), (120, false, None)] {
            let event = TransitEvent {
                finding: Finding::Sos,
                phase: Phase::Moment,
                began: UtcMillis(s * 1000),
                at: UtcMillis(s * 1000),
                vehicle: None,
                place: Some(places[s as usize / 60]),
                run: None,
                stop: None,
                value,
            };
            held.judge(Some(holds), DurationMs(0), event, &mut told);
        }
        let told: Vec<_> = told.iter().map(|e| (e.phase, e.place, e.value)).collect();
        let want = [(Phase::Begun, Some(places[0]), age_s), (Phase::Ended, Some(ends_at), age_s)];
        assert_eq!(told, want);
    }
    let ages = [-90, 60, 61].map(|s| place_age_s(UtcMillis(0), UtcMillis(s * 1000)));
    assert_eq!(ages, [None, None, Some(61.0)]);
}

/// Minute, engine on, metres north; what is told at which minute.
#[track_caller]
fn check_engine(reports: &[(i64, bool, f64)], want: &[(Phase, i64)]) {
    let (mut held, mut told) = (Held::default(), Vec::new());
    for (min, on, north_m) in reports {
        let event = TransitEvent {
            finding: Finding::EngineOnLayover,
            phase: Phase::Moment,
            began: UtcMillis(min * 60_000),
            at: UtcMillis(min * 60_000),
            vehicle: None,
            place: Some(LatLon::new(21.0 + north_m / 111_195.0, 105.8)),
            run: None,
            stop: None,
            value: None,
        };
        held.judge(Some(*on), Limits::default().layover_engine, event, &mut told);
    }
    let told: Vec<_> = told.iter().map(|e| (e.phase, e.at.0 / 60_000)).collect();
    assert_eq!(told, want);
}

#[test]
fn an_engine_runs_on_between_the_reports_of_a_bus_that_stands() {
    // Off at the last: nobody knows since when, and the driver is not blamed for that.
    let stands = [(0, true, 0.0), (15, true, 40.0), (30, true, -30.0), (45, false, 0.0)];
    check_engine(&stands, &[(Phase::Begun, 15), (Phase::Ended, 30)]);
    check_engine(&[(0, true, 0.0), (15, true, 900.0), (18, true, 900.0)], &[]);
    check_engine(&[(0, true, 0.0), (17, true, 0.0)], &[]);
    check_engine(&[(0, true, 0.0), (15, false, 0.0)], &[]);
}

#[test]
fn passengers_are_told_of_a_detour_that_is_driven_and_of_no_receiver_that_wanders() {
    #[track_caller]
    fn check(way_m: impl Fn(i64) -> f64, seconds: i64, want: usize) {
        let (mut held, mut told) = (Held::default(), Vec::new());
        let event = |s: i64| TransitEvent {
            finding: Finding::OffRoute,
            phase: Phase::Moment,
            began: UtcMillis(s * 1000),
            at: UtcMillis(s * 1000),
            vehicle: None,
            place: Some(LatLon::new(21.0 + way_m(s) / 111_195.0, 105.8)),
            run: None,
            stop: None,
            value: None,
        };
        for s in (0..=seconds).step_by(15) {
            held.judge(Some(true), DurationMs(30_000), event(s), &mut told);
        }
        assert_eq!((held.begun().count(), held.for_passengers().count()), (1, want));
        held.judge(Some(false), DurationMs(30_000), event(seconds + 15), &mut told);
        assert_eq!(held.for_passengers().count(), 0, "it is on its line again");
    }
    let drives = |s: i64| 5.0 * s as f64;
    check(drives, 105, 0);
    check(drives, 120, 1);
    // Beside a tall house, and round a block: what counts is how far it was, not where it is.
    check(|s| 70.0 * ((s / 15) % 2) as f64, 600, 0);
    check(|s| 300.0 - (300.0 - drives(s)).abs(), 120, 1);
}

#[test]
fn a_finding_ends_with_the_worst_that_was_seen() {
    #[track_caller]
    fn check(finding: Finding, values: [f64; 3], want: f64) {
        let (mut held, mut told) = (Held::default(), Vec::new());
        let event = |s: i64, value| TransitEvent {
            finding,
            phase: Phase::Moment,
            began: UtcMillis(s * 1000),
            at: UtcMillis(s * 1000),
            vehicle: None,
            place: None,
            run: None,
            stop: None,
            value: Some(value),
        };
        for (s, value) in (0..).zip(values) {
            held.judge(Some(true), DurationMs(0), event(s, value), &mut told);
        }
        held.judge(Some(false), DurationMs(0), event(9, 0.0), &mut told);
        let told: Vec<_> = told.iter().map(|e| (e.phase, e.value)).collect();
        assert_eq!(told, [(Phase::Begun, Some(values[0])), (Phase::Ended, Some(want))]);
    }
    check(Finding::Overspeed, [58.0, 71.0, 60.0], 71.0);
    check(Finding::Early, [-70.0, -200.0, -90.0], -200.0);
    check(Finding::Bunching, [90.0, 20.0, 100.0], 20.0);
}
