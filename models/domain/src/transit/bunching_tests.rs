//! Bunching that is told, and what late reports disprove of it.

use super::*;
use crate::geo::LatLon;
use crate::transit::driven::Driven;
use crate::transit::headway::Line;
use crate::transit::shape::Shape;
use crate::transit::timetable::{
    Call, Pattern, PatternStop, Route, Run, RunKey, Service, ServiceDay, Stop, Timetable, Trip,
};
use crate::units::Meters;
use time::macros::date;

fn pair(ahead_s: i64) -> Vec<Rung> {
    let rung = |name: &str, ahead: Option<i64>| Rung {
        vehicle: name.parse().unwrap(),
        line: Line { feed: "f".into(), route: "r".into(), direction: Some(0) },
        run: RunKey { date: date!(2026 - 03 - 02), trip: name.into(), start_s: None },
        pattern: 0,
        along: Meters(0.0),
        stops_ahead: 9,
        late: None,
        ahead: ahead.map(|s| DurationMs(s * 1000)),
        ahead_timetabled: ahead.map(|_| DurationMs(600_000)),
        beside: None,
    };
    vec![rung("a", None), rung("b", Some(ahead_s))]
}

fn look(bunching: &mut Bunching, ladder: &[Rung], s: i64) -> Vec<(Phase, i64, Option<f64>)> {
    let mut withdrawn = Vec::new();
    let news = bunching.look(ladder, (&BTreeMap::new(), &[]), UtcMillis(s * 1000), &mut withdrawn);
    assert_eq!(withdrawn, [], "nothing is known of where they were");
    news.into_iter().map(|e| (e.phase, e.began.0 / 1000, e.value)).collect()
}

#[test]
fn it_begins_after_a_minute_ends_once_and_survives_a_restart() {
    let mut bunching = Bunching::default();
    assert_eq!(look(&mut bunching, &pair(100), 0), []);
    assert_eq!(look(&mut bunching, &pair(400), 30), [], "not for long enough");
    assert_eq!(look(&mut bunching, &pair(100), 40), []);
    assert_eq!(look(&mut bunching, &pair(90), 100), [(Phase::Begun, 40, Some(90.0))]);
    assert_eq!(look(&mut bunching, &pair(80), 110), []);
    let open = bunching.held.values().flat_map(Held::begun).cloned().collect::<Vec<_>>();
    let mut after = Bunching::default();
    open.into_iter().for_each(|event| after.resume("b".parse().unwrap(), event));
    assert_eq!(look(&mut after, &pair(80), 120), [], "it was told before");
    assert_eq!(look(&mut after, &pair(300), 130), [(Phase::Ended, 40, Some(80.0))]);
    // The bus went out of sight.
    assert_eq!(look(&mut bunching, &[], 140), [(Phase::Ended, 40, Some(80.0))]);
    assert_eq!(look(&mut bunching, &[], 150), []);
}

/// Ten kilometres that buses `a` and `b` set out on ten minutes apart, to be driven in a quarter of an hour; a `twin` is to set out
/// with `b`, an `extra` bus three minutes after it; a way back; and a `variant` of the way out that sets out with `a`.
fn plan() -> Arc<DayPlan> {
    let place = |i: usize| LatLon::new(21.0 + 10.0 * i as f64 / 111.195_08, 105.8);
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
    let trip = |id: &str, pattern: usize, from_s: i32| Trip {
        id: id.into(),
        pattern,
        service: "w".into(),
        headsign: String::new(),
        block: None,
        calls: vec![call(0, from_s), call(1, from_s + 900)],
        frequencies: Vec::new(),
    };
    let pattern = Pattern {
        route: 0,
        direction: Some(0),
        stops: (0..2).map(|i| PatternStop { stop: i, along: Meters(10_000.0 * i as f64) }).collect(),
        shape: Shape::new((0..2).map(place).collect()),
        coarse: false,
    };
    let route = Route { id: "r".into(), agency: 0, short_name: "32".into(), long_name: String::new() };
    let service = Service { added: vec![date!(2026 - 03 - 02)], ..Service::default() };
    let table = Timetable {
        routes: vec![route],
        stops: (0..2).map(stop).collect(),
        patterns: vec![pattern.clone(), Pattern { direction: Some(1), ..pattern.clone() }, pattern],
        trips: vec![
            trip("a", 0, 0),
            trip("b", 0, 600),
            trip("c", 1, 600),
            trip("twin", 0, 600),
            trip("extra", 0, 780),
            trip("variant", 2, 0),
        ],
        services_by_id: [("w".to_owned(), service)].into(),
        ..Timetable::default()
    };
    let day = ServiceDay { date: date!(2026 - 03 - 02), start: UtcMillis(0) };
    Arc::new(DayPlan::new("f".into(), Arc::new(table), day))
}

/// What each bus is known to have driven: its trip, and at which second it was how many metres along.
type Known<'a> = &'a [(&'a str, &'a str, &'a [(i64, f64)])];

fn days(plan: &Arc<DayPlan>, known: Known<'_>) -> BTreeMap<VehicleId, BusDay> {
    let day = |(bus, trip, trace): &(&str, &str, &[(i64, f64)])| {
        let mut day = BusDay::new(bus.parse().unwrap());
        let is_its = |run: &Run| plan.timetable.key(run).trip.as_str() == *trip;
        let run = plan.runs.iter().position(is_its).unwrap();
        let trace: Vec<_> = trace.iter().map(|(s, m)| (UtcMillis(s * 1000), Meters(*m))).collect();
        day.newest = trace.last().map(|(at, _)| *at);
        day.bus.driven.push(Driven { plan: plan.clone(), run, trace });
        (day.bus.id.clone(), day)
    };
    known.iter().map(day).collect()
}

/// The days of all of these were made anew.
fn doubt(bunching: &mut Bunching, known: &BTreeMap<VehicleId, BusDay>) {
    for (vehicle, day) in known {
        bunching.doubt(vehicle, day.drives().map(|drive| drive.way()));
    }
}

const AHEAD: &[(i64, f64)] = &[(0, 0.0), (900, 10_000.0)];
const BEHIND: &[(i64, f64)] = &[(600, 0.0), (800, 2_000.0), (1_000, 4_000.0), (1_500, 10_000.0)];
/// It caught up with the one ahead, which had come 2 km in ten minutes.
const SLOW: &[(i64, f64)] = &[(0, 0.0), (600, 2_000.0), (1_200, 10_000.0)];
const FAST: &[(i64, f64)] = &[(600, 0.0), (690, 1_900.0), (720, 2_500.0), (1_300, 10_000.0)];

/// What is told of `b` at its end, and what of it is withdrawn, by what is known then; and the same when that comes later, or after
/// a restart.
#[track_caller]
fn check(known: Known<'_>, was: bool) {
    let plan = plan();
    let (plans, none) = (std::slice::from_ref(&plan), BTreeMap::new());
    let known = days(&plan, known);
    let (mut bunching, mut gone) = (Bunching::default(), Vec::new());
    bunching.look(&pair(90), (&none, plans), UtcMillis(700_000), &mut gone);
    let begun = bunching.look(&pair(90), (&none, plans), UtcMillis(760_000), &mut gone);
    assert_eq!((begun.len(), gone.len()), (1, 0));
    let mut open = bunching.clone();
    doubt(&mut open, &known);
    assert_eq!(open.look(&pair(90), (&known, plans), UtcMillis(800_000), &mut gone), []);
    assert_eq!(gone.is_empty(), was, "while it is told to hold");
    gone.clear();
    let mut late = bunching.clone();
    let ended = late.look(&pair(300), (&none, plans), UtcMillis(820_000), &mut gone);
    assert_eq!((ended.len(), ended[0].phase, gone.len()), (1, Phase::Ended, 0));
    let now = bunching.look(&pair(300), (&known, plans), UtcMillis(820_000), &mut gone);
    assert_eq!((now.len(), gone.len()), (usize::from(was), usize::from(!was)), "at its end");
    let mut after = Bunching::default();
    after.resume("b".parse().unwrap(), ended[0].clone());
    for mut over in [late, after] {
        gone.clear();
        assert_eq!(over.look(&[], (&known, plans), UtcMillis(900_000), &mut gone), []);
        assert_eq!(gone, [], "nobody's day was made anew");
        for _ in 0..2 {
            doubt(&mut over, &known);
            assert_eq!(over.look(&[], (&known, plans), UtcMillis(900_000), &mut gone), []);
            assert_eq!(gone, if was { vec![] } else { ended.clone() }, "once it was over");
        }
    }
}

#[test]
fn what_late_reports_disprove_is_withdrawn() {
    check(&[("a", "a", SLOW), ("b", "b", FAST)], true);
    check(&[("a", "a", AHEAD), ("b", "b", BEHIND)], false);
    // Whoever was ahead did something else, or the bus itself.
    check(&[("a", "c", SLOW), ("b", "b", FAST)], false);
    check(&[("a", "a", SLOW), ("b", "c", FAST)], false);
    // Or it was of another variant of the line.
    check(&[("a", "variant", SLOW), ("b", "b", FAST)], true);
    check(&[("a", "variant", AHEAD), ("b", "b", FAST)], false);
    // Another one was as near.
    check(&[("a", "c", SLOW), ("b", "b", FAST), ("other", "a", SLOW)], true);
}

/// Nearer to `b` than the bus ahead, and yet not too near: fifty seconds where three minutes are promised, and ten where nothing is.
const EXTRA: &[(i64, f64)] = &[(650, 0.0), (740, 1_900.0), (770, 2_500.0), (1_350, 10_000.0)];
const TWIN: &[(i64, f64)] = &[(610, 0.0), (700, 1_900.0), (730, 2_500.0), (1_310, 10_000.0)];

#[test]
fn whoever_is_nearest_hides_no_other_and_where_nothing_is_promised_nobody_is_too_near() {
    for (bus, trace) in [("extra", EXTRA), ("twin", TWIN)] {
        check(&[("a", "a", SLOW), ("b", "b", FAST), (bus, bus, trace)], true);
        check(&[("a", "a", AHEAD), ("b", "b", FAST), (bus, bus, trace)], false);
        check(&[("b", "b", FAST), (bus, bus, trace)], false);
    }
}

#[test]
fn what_was_withdrawn_begins_again_only_from_other_evidence() {
    let (plan, pair_s) = (plan(), [pair(90), pair(400)]);
    let plans = std::slice::from_ref(&plan);
    let (never, was) = (
        days(&plan, &[("a", "a", AHEAD), ("b", "b", BEHIND)]),
        days(&plan, &[("a", "a", SLOW), ("b", "b", FAST)]),
    );
    let look = |bunching: &mut Bunching, near: bool, known: &_, s: i64, gone: &mut Vec<_>| {
        let ladder = &pair_s[usize::from(!near)];
        let news = bunching.look(ladder, (known, plans), UtcMillis(s * 1_000), gone);
        news.into_iter().map(|e| (e.phase, e.began.0 / 1_000)).collect::<Vec<_>>()
    };
    let (mut bunching, mut gone) = (Bunching::default(), Vec::new());
    assert_eq!(look(&mut bunching, true, &never, 700, &mut gone), []);
    assert_eq!(look(&mut bunching, true, &never, 760, &mut gone), [(Phase::Begun, 700)]);
    for s in [800, 860, 920, 980] {
        doubt(&mut bunching, &never);
        assert_eq!(look(&mut bunching, true, &never, s, &mut gone), [], "after {s} s");
    }
    assert_eq!(gone.len(), 1, "it is withdrawn once");
    // It was over meanwhile by the ladder itself.
    let mut over = bunching.clone();
    assert_eq!(look(&mut over, false, &never, 990, &mut gone), []);
    assert_eq!(look(&mut over, true, &never, 1_000, &mut gone), []);
    assert_eq!(look(&mut over, true, &never, 1_060, &mut gone), [(Phase::Begun, 1_000)]);
    // Or what came later yet bears it out.
    doubt(&mut bunching, &was);
    assert_eq!(look(&mut bunching, true, &was, 990, &mut gone), []);
    assert_eq!(look(&mut bunching, true, &was, 1_000, &mut gone), []);
    assert_eq!(look(&mut bunching, true, &was, 1_060, &mut gone), [(Phase::Begun, 1_000)]);
    assert_eq!(gone.len(), 1);
}

#[test]
fn what_was_withdrawn_is_not_told_again_after_a_restart() {
    let (plan, none) = (plan(), BTreeMap::new());
    let plans = std::slice::from_ref(&plan);
    let never = days(&plan, &[("a", "a", AHEAD), ("b", "b", BEHIND)]);
    let (mut before, mut gone) = (Bunching::default(), Vec::new());
    for s in [700, 760] {
        before.look(&pair(90), (&none, plans), UtcMillis(s * 1_000), &mut gone);
    }
    doubt(&mut before, &never);
    before.look(&pair(90), (&never, plans), UtcMillis(800_000), &mut gone);
    let [withdrawn] = &gone[..] else { panic!("{gone:?}") };
    // It begins again where it is not known to be refused, or is over by the ladder itself.
    let bus = || "b".parse::<VehicleId>().unwrap();
    for (refused, over, begins) in [(true, false, 0), (true, true, 1), (false, false, 1)] {
        let mut after = Bunching::default();
        if refused {
            after.refuse(bus(), withdrawn.clone());
        }
        let ladder = |s: i64| if over && s == 820 { pair(400) } else { pair(90) };
        let looks = [810, 820, 830, 890];
        let told: usize = looks.iter().map(|s| look(&mut after, &ladder(*s), *s).len()).sum();
        assert_eq!(told, begins, "refused: {refused}, over: {over}");
    }
    // What was told of the bus later, and of a run, is not refused by what was withdrawn before.
    let later = TransitEvent { began: withdrawn.began + DurationMs(1_000), ..withdrawn.clone() };
    for phase in [Phase::Begun, Phase::Ended] {
        let mut after = Bunching::default();
        after.resume(bus(), TransitEvent { phase, ..later.clone() });
        after.refuse(bus(), withdrawn.clone());
        assert!(after.refused.is_empty(), "{phase:?}");
    }
    let mut after = Bunching::default();
    [later.clone(), withdrawn.clone()].into_iter().for_each(|event| after.refuse(bus(), event));
    assert_eq!(after.refused[&bus()], later, "the last counts");
}

#[test]
fn where_nothing_is_known_of_the_bus_it_stays_as_it_was_told() {
    check(&[("a", "a", AHEAD)], true);
    check(&[("a", "a", AHEAD), ("b", "b", &[(100, 0.0), (200, 100.0)])], true);
    check(&[], true);
}

#[test]
fn only_what_was_told_of_a_remade_bus_or_on_its_ways_is_asked_for_again() {
    let plan = plan();
    let plans = std::slice::from_ref(&plan);
    let known = days(&plan, &[("a", "a", AHEAD), ("b", "b", BEHIND), ("c", "c", AHEAD)]);
    let way = |bus: &str| {
        known[&bus.parse::<VehicleId>().unwrap()].drives().map(|drive| drive.way()).collect::<Vec<_>>()
    };
    assert_ne!(way("a"), way("c"));
    let mut told = Bunching::default();
    for s in [700, 760] {
        told.look(&pair(90), (&BTreeMap::new(), plans), UtcMillis(s * 1_000), &mut Vec::new());
    }
    // Of another bus: what was told of `b` is asked for where it drove the same way, before or by now.
    for (bus, ways, is_asked) in
        [("b", vec![], true), ("a", way("a"), true), ("c", way("c"), false), ("c", way("b"), true)]
    {
        let (mut bunching, mut gone) = (told.clone(), Vec::new());
        bunching.doubt(&bus.parse().unwrap(), ways);
        bunching.look(&pair(90), (&known, plans), UtcMillis(800_000), &mut gone);
        assert_eq!(gone.len(), usize::from(is_asked), "{bus}");
    }
}
