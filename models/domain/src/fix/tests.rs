//! Days of one bus, whole and shuffled.

use super::*;
use crate::geo::LatLon;
use crate::ids::VehicleId;
use crate::transit::assign::SignOn;
use crate::units::{Degrees, UtcMillis};

/// 2025-05-14 at 14:00.
const NOON: i64 = 1_747_231_200_000;

/// So many seconds after [`NOON`], so many metres east of the lake.
fn report(second: i64, east_m: f64) -> Report {
    let at = UtcMillis(NOON + second * 1000);
    let fix = Fix {
        vehicle: VehicleId::new("bus").unwrap(),
        at,
        received: UtcMillis(at.0 + 2_000),
        position: LatLon::new(21.028, 105.852 + east_m / 103_900.0),
        speed: MetersPerSecond(10.0),
        course: None,
        altitude: None,
        valid: true,
        protocol: "gt06".to_owned(),
        told: crate::transit::Told::default(),
    };
    Report { fix, taken_back: false }
}

#[track_caller]
fn check(reports: &[Report], want: &[Option<Reason>]) {
    assert_eq!(judge(reports, &Limits::default()), want);
}

#[test]
fn what_a_report_says_of_itself() {
    let changed = |change: fn(&mut Fix)| {
        let mut fix = report(0, 0.0).fix;
        change(&mut fix);
        alone(&fix, &Limits::default())
    };
    assert_eq!(changed(|_| {}), None);
    assert_eq!(changed(|fix| fix.valid = false), Some(Reason::Invalid));
    assert_eq!(changed(|fix| fix.position = LatLon::new(0.00001, 0.0)), Some(Reason::NullIsland));
    assert_eq!(changed(|fix| fix.at.0 += DAY), Some(Reason::Future));
    assert_eq!(changed(|fix| fix.at.0 += 30_000), None);
    assert_eq!(changed(|fix| fix.at.0 -= ROLLOVER), Some(Reason::WeekRollover));
    assert_eq!(changed(|fix| fix.at.0 -= 2 * ROLLOVER), Some(Reason::WeekRollover));
    assert_eq!(changed(|fix| fix.at.0 -= 40 * DAY), Some(Reason::Stale));
    assert_eq!(changed(|fix| fix.at.0 -= 20 * DAY), None);
    assert_eq!(changed(|fix| fix.speed = MetersPerSecond(90.0)), Some(Reason::TooFast));
}

#[test]
fn a_jump_away_and_back_is_one_jump() {
    let day: Vec<_> =
        [0.0, 50.0, 9_000.0, 150.0, 200.0].iter().zip(0..).map(|(m, s)| report(5 * s, *m)).collect();
    check(&day, &[None, None, Some(Reason::Jump), None, None]);
    // A tunnel or a ferry: what stays far away is believed.
    let day: Vec<_> = [0.0, 50.0, 100.0, 9_000.0, 9_050.0, 9_100.0]
        .iter()
        .zip(0..)
        .map(|(m, s)| report(5 * s, *m))
        .collect();
    assert!(judge(&day, &Limits::default())[3..].iter().all(Option::is_none));
    // After a pause any place can be reached.
    check(&[report(0, 0.0), report(5, 50.0), report(3600, 90_000.0)], &[None, None, None]);
}

#[test]
fn the_newest_alone_far_away_waits_for_a_second() {
    let mut day = vec![report(0, 0.0), report(5, 50.0), report(10, 9_000.0)];
    assert_eq!(judge(&day, &Limits::default())[2], Some(Reason::Jump));
    day.extend([report(15, 9_050.0), report(20, 9_100.0)]);
    assert_eq!(judge(&day, &Limits::default())[2], None);
}

#[test]
fn doubles_go_by_time_and_the_sound_one_stands() {
    let mut sick = report(5, 80.0);
    sick.fix.valid = false;
    check(
        &[report(5, 50.0), report(0, 0.0), sick, report(5, 50.0)],
        &[None, None, Some(Reason::Double), Some(Reason::Double)],
    );
}

#[test]
fn of_two_reports_of_a_second_the_call_for_help_stands() {
    let mut calls = report(5, 50.0);
    calls.fix.told.sos = true;
    let double = Some(Reason::Double);
    check(&[report(0, 0.0), report(5, 50.0), calls.clone()], &[None, double, None]);
    check(&[calls.clone(), report(0, 0.0), report(5, 50.0)], &[None, None, double]);
    // By another place, too.
    check(&[report(5, -50.0), calls, report(0, 0.0)], &[double, None, None]);
}

/// The same report, with each thing more that it may tell.
fn told_more(stored: &Report) -> Vec<Report> {
    let changes: [fn(&mut Fix); 7] = [
        |fix| fix.told.driver = Some("A-17".to_owned()),
        |fix| fix.told.signed = SignOn::of(Some("t-7".to_owned()), None, None),
        |fix| fix.told.doors_open = Some(false),
        |fix| fix.told.engine_on = Some(false),
        |fix| fix.altitude = Some(Meters(12.0)),
        |fix| fix.course = Some(Degrees(90.0)),
        |fix| fix.told.sos = true,
    ];
    let changed = |change: fn(&mut Fix)| {
        let mut more = stored.clone();
        change(&mut more.fix);
        more
    };
    changes.into_iter().map(changed).collect()
}

#[test]
fn what_was_stamped_live_stands_over_the_same_as_it_was_stored_whichever_came_first() {
    let (stored, double) = (report(5, 50.0), Some(Reason::Double));
    for live in told_more(&stored) {
        check(&[report(0, 0.0), live.clone(), stored.clone()], &[None, None, double]);
        check(&[stored.clone(), report(0, 0.0), live], &[double, None, None]);
    }
}

#[test]
fn of_two_that_tell_as_much_the_same_stands_whichever_came_first() {
    let one = report(5, 50.0);
    let changes: [fn(&mut Fix); 5] = [
        |fix| fix.told.driver = Some("B-2".to_owned()),
        |fix| fix.told.signed = SignOn::of(None, None, Some("34".to_owned())),
        |fix| fix.altitude = Some(Meters(-3.0)),
        |fix| fix.told.doors_open = Some(true),
        |fix| fix.protocol = "jt808".to_owned(),
    ];
    for change in changes {
        let (mut a, mut b) = (one.clone(), one.clone());
        a.fix.told.driver = Some("A-17".to_owned());
        a.fix.told.signed = SignOn::of(None, None, Some("32".to_owned()));
        (a.fix.altitude, a.fix.told.doors_open) = (Some(Meters(12.0)), Some(false));
        b.fix = a.fix.clone();
        change(&mut b.fix);
        let stands = |pair: [&Report; 2]| {
            let pair = pair.map(Clone::clone);
            let verdicts = judge(&pair, &Limits::default());
            assert_eq!(verdicts.iter().filter(|v| v.is_none()).count(), 1, "one of them stands");
            let standing = pair.into_iter().zip(verdicts).find(|(_, verdict)| verdict.is_none());
            standing.map(|(report, _)| report)
        };
        assert_eq!(stands([&a, &b]), stands([&b, &a]));
    }
}

#[test]
fn a_call_for_help_counts_wherever_it_is_from_and_whatever_the_clock() {
    let mut fix = report(5, 0.0).fix;
    fix.valid = false;
    assert_eq!(call(&fix), None, "nobody calls");
    fix.told.sos = true;
    assert_eq!(call(&fix), Some(fix.at));
    let after = |ms: i64| {
        call(&Fix { received: UtcMillis(fix.at.0 + ms), ..fix.clone() }).map(|at| at.since(fix.at).0)
    };
    let day = 86_400_000;
    let (rolled, since_1970) = (1024 * 7 * day, 20_000 * day);
    assert_eq!([after(3 * day), after(40 * day)], [Some(0), None], "stored, and long ago");
    assert_eq!([after(rolled), after(since_1970), after(-day)], [Some(rolled), Some(since_1970), Some(-day)]);
}

#[test]
fn somebody_may_take_a_verdict_back() {
    let mut day: Vec<_> =
        [0.0, 50.0, 9_000.0, 150.0].iter().zip(0..).map(|(m, s)| report(5 * s, *m)).collect();
    day[2].taken_back = true;
    assert_eq!(judge(&day, &Limits::default())[2], None);
    let mut day = vec![report(0, 0.0), report(5, 50.0)];
    day[1].fix.valid = false;
    day[1].taken_back = true;
    check(&day, &[None, None]);
}

/// The same numbers at every run (Numerical Recipes' generator).
fn chance(state: &mut u64) -> u64 {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    *state >> 33
}

/// A day with everything in it that goes wrong.
fn day(seed: &mut u64) -> Vec<Report> {
    let mut reports = Vec::new();
    for step in 0..200 {
        let mut one = report(5 * step, 50.0 * step as f64);
        match chance(seed) % 20 {
            0 => one.fix.valid = false,
            1 => one.fix.position = LatLon::new(0.0, 0.0),
            2 => one.fix.at.0 += DAY,
            3 => one.fix.at.0 -= ROLLOVER,
            4 => one = report(5 * step, 50.0 * step as f64 + 20_000.0),
            5 => one.fix.speed = MetersPerSecond(99.0),
            6 => one.fix.at.0 -= 2_000,
            _ => {}
        }
        for _ in 0..1 + chance(seed) % 7 / 6 {
            reports.push(one.clone());
        }
        if chance(seed).is_multiple_of(10) {
            // The same once more, as it was stamped live.
            let more = told_more(&one);
            reports.push(more[chance(seed) as usize % more.len()].clone());
        }
        if chance(seed).is_multiple_of(15) {
            // Another report of the same moment.
            let mut other = one.clone();
            other.fix.position = LatLon::new(21.029, one.fix.position.lon.0);
            reports.push(other);
        }
    }
    reports
}

/// Times, and all that was told of them.
type Believed = Vec<(i64, String)>;

/// What is believed, and how often each reason was given.
fn outcome(reports: &[Report]) -> (Believed, Vec<(Reason, usize)>) {
    let verdicts = judge(reports, &Limits::default());
    let mut believed: Vec<_> = reports
        .iter()
        .zip(&verdicts)
        .filter(|(_, verdict)| verdict.is_none())
        .map(|(r, _)| (r.fix.at.0, format!("{:?}", r.fix)))
        .collect();
    believed.sort_unstable();
    let count = |reason| verdicts.iter().filter(|v| **v == Some(reason)).count();
    (believed, Reason::ALL.map(|reason| (reason, count(reason))).to_vec())
}

fn shuffle(reports: &mut [Report], seed: &mut u64) {
    for i in (1..reports.len()).rev() {
        reports.swap(i, (chance(seed) % (i as u64 + 1)) as usize);
    }
}

#[test]
fn order_does_not_matter() {
    let mut seed = 7;
    for _ in 0..60 {
        let mut reports = day(&mut seed);
        let want = outcome(&reports);
        assert!(want.0.len() > 100, "{} believed", want.0.len());
        for _ in 0..10 {
            shuffle(&mut reports, &mut seed);
            assert_eq!(outcome(&reports), want);
        }
    }
}

#[test]
fn doubles_do_not_matter() {
    let mut seed = 9;
    for _ in 0..30 {
        let reports = day(&mut seed);
        let twice: Vec<_> = reports.iter().chain(&reports).cloned().collect();
        assert_eq!(outcome(&twice).0, outcome(&reports).0);
    }
}

#[test]
fn where_it_is_does_not_depend_on_the_order_of_the_last_reports() {
    let mut seed = 11;
    for _ in 0..200 {
        let mut last: Vec<_> = (0..6).map(|s| report(5 * s, 50.0 * s as f64)).collect();
        last.push(report(30, 30_000.0));
        let mut ahead = report(32, 300.0);
        ahead.fix.at.0 += DAY;
        last.push(ahead);
        shuffle(&mut last, &mut seed);
        let mut recent = Recent::default();
        let mut place = None;
        for report in &last {
            place = recent.insert(&report.fix, &Limits::default());
        }
        assert_eq!(place.map(|fix| fix.at.0), Some(NOON + 25_000));
    }
}

#[test]
fn where_it_is_tells_all_that_was_told_of_that_moment_whichever_came_first() {
    let stored = report(5, 50.0);
    for live in told_more(&stored) {
        for pair in [[&stored, &live], [&live, &stored]] {
            let (mut recent, limits) = (Recent::default(), Limits::default());
            let places = pair.map(|report| recent.insert(&report.fix, &limits));
            assert_eq!(places[1].as_ref(), Some(&live.fix));
        }
    }
}

#[test]
fn names_stay() {
    for reason in Reason::ALL {
        assert_eq!(Reason::named(reason.name()), Some(reason));
    }
    assert_eq!(Reason::named("tired"), None);
}
