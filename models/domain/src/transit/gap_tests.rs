//! When it is told that nobody was seen to set out, and when that is taken back.

use super::*;
use crate::geo::LatLon;
use crate::transit::shape::Shape;
use crate::transit::timetable::{
    Call, Frequency, Pattern, PatternStop, Route, Service, ServiceDay, Stop, Timetable, Trip,
};
use crate::units::Meters;
use time::macros::date;

/// A kilometre that buses drive every ten minutes from 6:00 to 10:00.
fn plan() -> Arc<DayPlan> {
    let place = |i: usize| LatLon::new(21.0 + i as f64 / 111.195_08, 105.8);
    let stop = |i: usize| Stop {
        id: format!("s{i}").as_str().into(),
        code: String::new(),
        name: String::new(),
        position: place(i),
    };
    let call = |sequence: u32, s: i32| Call {
        sequence,
        arrive_s: s,
        depart_s: s,
        timepoint: false,
        may_board: true,
    };
    let trip = Trip {
        id: "t".into(),
        pattern: 0,
        service: "w".into(),
        headsign: String::new(),
        block: None,
        calls: vec![call(0, 0), call(1, 120)],
        frequencies: vec![Frequency { start_s: 21_600, end_s: 36_000, headway_s: 600, exact: false }],
    };
    let pattern = Pattern {
        route: 0,
        direction: Some(0),
        stops: (0..2).map(|i| PatternStop { stop: i, along: Meters(1000.0 * i as f64) }).collect(),
        shape: Shape::new((0..2).map(place).collect()),
        coarse: false,
    };
    let route = Route { id: "r".into(), agency: 0, short_name: "32".into(), long_name: String::new() };
    let service = Service { added: vec![date!(2026 - 03 - 02)], ..Service::default() };
    let table = Timetable {
        routes: vec![route],
        stops: (0..2).map(stop).collect(),
        patterns: vec![pattern],
        trips: vec![trip],
        services_by_id: [("w".to_owned(), service)].into(),
        ..Timetable::default()
    };
    let day = ServiceDay { date: date!(2026 - 03 - 02), start: UtcMillis(0) };
    Arc::new(DayPlan::new("f".into(), Arc::new(table), day))
}

/// Minutes after seven.
fn at(minutes: i64) -> UtcMillis {
    UtcMillis((7 * 60 + minutes) * 60_000)
}

/// That nobody had set out since 7:00, told at 7:26.
fn told(plan: &DayPlan) -> TransitEvent {
    begun(plan, &promise(plan, 0, at(26)).unwrap(), at(0), at(26))
}

fn days(plan: &DayPlan, set_out: &[i64]) -> BTreeMap<VehicleId, BusDay> {
    let mut day = BusDay::new("bus-1".parse().unwrap());
    for (run, minutes) in set_out.iter().enumerate() {
        let due = plan.timetable.departs(&plan.runs[run], 0);
        day.set_outs.insert((plan.feed.clone(), plan.key(run)), (at(*minutes), due));
    }
    [(day.bus.id.clone(), day)].into()
}

/// Buses are known now to have set out at these minutes.
#[track_caller]
fn check(set_out: &[i64], ended: &[(Phase, UtcMillis)], withdrawn: usize) {
    let (plan, mut gaps, mut gone) = (plan(), Gaps::default(), Vec::new());
    gaps.resume(told(&plan));
    let news = gaps.look(&days(&plan, set_out), std::slice::from_ref(&plan), at(50), &mut gone);
    assert_eq!(news.iter().map(|e| (e.phase, e.at)).collect::<Vec<_>>(), ended);
    assert_eq!(gone, vec![told(&plan); withdrawn]);
    assert_eq!(gaps.iter().count(), 1 - ended.len() - withdrawn);
}

#[test]
fn a_gap_that_late_reports_disprove_is_withdrawn() {
    check(&[0], &[], 0);
    check(&[0, 40], &[(Phase::Ended, at(40))], 0);
    check(&[0, 26, 40], &[(Phase::Ended, at(26))], 0);
    // Somebody had set out before it was too long; who came after changes nothing.
    check(&[0, 20], &[], 1);
    check(&[0, 20, 40], &[], 1);
    // Another gap was too long meanwhile, and both were told in one.
    check(&[0, 1, 40], &[(Phase::Ended, at(40))], 0);
}

#[test]
fn a_gap_that_was_over_is_withdrawn_as_well() {
    let plan = plan();
    let mut before = Gaps::default();
    before.resume(told(&plan));
    let look = |gaps: &mut Gaps, set_out: &[i64]| {
        let mut gone = Vec::new();
        let news = gaps.look(&days(&plan, set_out), std::slice::from_ref(&plan), at(50), &mut gone);
        (news, gone)
    };
    let (ended, gone) = look(&mut before, &[0, 40]);
    assert_eq!((ended.len(), gone.len()), (1, 0));
    let mut after = Gaps::default();
    after.resume(ended[0].clone());
    for mut gaps in [before, after] {
        assert_eq!(gaps.iter().count(), 0, "it holds no more");
        let mut counts = |set_out: &[i64]| {
            let (news, gone) = look(&mut gaps, set_out);
            (news.len(), gone.len())
        };
        // It was too long all the same.
        assert_eq!([counts(&[1, 40]), counts(&[0, 10, 40])], [(0, 0), (0, 0)]);
        assert_eq!(counts(&[0, 20, 40]), (0, 1));
        assert_eq!(counts(&[0, 20, 40]), (0, 0), "once");
    }
}

#[test]
fn trackers_that_broke_hide_no_gap_where_others_are_heard() {
    let well = |silent_minutes: &[i64]| {
        let mut under_way = UnderWay::default();
        silent_minutes.iter().for_each(|minutes| under_way.add(minutes * 60_000));
        under_way.is_well()
    };
    assert!(well(&[]) && well(&[1, 6]) && !well(&[1, 6, 6]), "half of them");
    assert!(well(&[1, 181, 600, 600]) && !well(&[1, 6, 179, 600]), "three hours later");
    assert!(!well(&[600]), "nobody is heard");
}
