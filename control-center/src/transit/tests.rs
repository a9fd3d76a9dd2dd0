//! What the hall follows, leaves out, and never holds up.

use control_center_gtfs::Feed;
use control_center_gtfs::feeds::{Feeds, Version};
use control_center_store::BusEventRow;
use models_domain::event::Phase;
use models_domain::geo::LatLon;
use models_domain::transit::claims::Tick;
use models_domain::transit::day::BusDay;
use models_domain::transit::finding::{Finding, TransitEvent};
use models_domain::transit::shape::Shape;
use models_domain::transit::timetable::*;
use models_domain::{DurationMs, Meters, MetersPerSecond};
use time::macros::date;

use super::*;

const NOW: UtcMillis = UtcMillis(1_764_124_200_000);

fn fix(n: i64, position: LatLon) -> Fix {
    let at = NOW - DurationMs(n * 10_000);
    let speed = MetersPerSecond(5.0);
    let vehicle = VehicleId::new("bus-1").unwrap();
    Fix {
        vehicle,
        at,
        received: at,
        position,
        speed,
        course: None,
        altitude: None,
        valid: true,
        protocol: "gt06".into(),
        told: models_domain::transit::Told::default(),
    }
}

fn newest(transit: &Transit) -> Option<UtcMillis> {
    lock(&transit.live).fleet.day(&VehicleId::new("bus-1").unwrap()).and_then(BusDay::newest)
}

#[test]
fn without_a_timetable_nothing_is_followed() {
    let transit = Transit::new([0; 16]);
    transit.offer((0..100).map(|n| fix(n, LatLon::new(21.03, 105.85))));
    transit.look(NOW);
    assert_eq!((newest(&transit), lock(&transit.waiting).fixes.len()), (None, 0));
}

/// Findings that wait for the store.
fn found(transit: &Transit) -> Vec<(Finding, Phase, Option<LatLon>)> {
    let events = transit.unkept.all().into_iter().flat_map(|news| news.events.clone());
    events.map(|e| (e.event.finding, e.event.phase, e.event.place)).collect()
}

fn calls(fix: Fix) -> Fix {
    let told = models_domain::transit::Told { sos: true, ..fix.told };
    Fix { told, ..fix }
}

#[test]
fn a_call_for_help_is_heard_without_a_timetable() {
    let transit = Transit::new([0; 16]);
    let place = LatLon::new(21.03, 105.85);
    transit.offer([fix(3, place), calls(fix(2, place)), calls(fix(1, place)), fix(0, place)].into_iter());
    transit.look(NOW);
    let want = [(Finding::Sos, Phase::Begun, Some(place)), (Finding::Sos, Phase::Ended, Some(place))];
    assert_eq!(found(&transit), want);
    // Out of a basement: it is shown where the bus was last believed to be, and nowhere where it never was.
    let nowhere = calls(Fix { valid: false, ..fix(0, LatLon::new(0.0, 0.0)) });
    let other = Fix { vehicle: "bus-2".parse().unwrap(), ..nowhere.clone() };
    transit.offer([nowhere, other].into_iter());
    transit.look(NOW);
    let want = [(Finding::Sos, Phase::Begun, Some(place)), (Finding::Sos, Phase::Begun, None)];
    assert_eq!(found(&transit)[2..], want);
}

#[test]
fn a_call_for_help_is_heard_though_its_place_is_not_believed() {
    let transit = with_a_zone();
    let place = LatLon::new(21.03, 105.85);
    let nowhere = |n| calls(Fix { valid: false, ..fix(n, LatLon::new(0.0, 0.0)) });
    transit.offer([fix(3, place), nowhere(2)].into_iter());
    transit.look(NOW);
    assert_eq!(found(&transit), [(Finding::Sos, Phase::Begun, Some(place))]);
    // What came meanwhile is not lost when the day is made anew.
    let (date, span) = transit.day_of(NOW).unwrap();
    let bus = fix(0, place).vehicle;
    let anew = Anew { date, span, due: [(bus, Vec::new())].into(), again: false };
    let reports = |_: &VehicleId, _| {
        Ok::<_, std::convert::Infallible>(Reported { believed: vec![fix(3, place)], rejected: Vec::new() })
    };
    transit.reckon(anew, || NOW, reports).unwrap();
    assert_eq!(found(&transit)[1..], [(Finding::Sos, Phase::Begun, Some(place))]);
    let rejected = vec![nowhere(2)];
    let reports = |_: &VehicleId, span: Span| {
        let mut believed = vec![fix(3, place), fix(1, place)];
        believed.retain(|fix| (span.from..span.to).contains(&fix.at));
        Ok::<_, std::convert::Infallible>(Reported { believed, rejected: rejected.clone() })
    };
    let anew = Anew { date, span, due: [(fix(0, place).vehicle, Vec::new())].into(), again: false };
    transit.reckon(anew, || NOW, reports).unwrap();
    let want = [(Finding::Sos, Phase::Begun, Some(place)), (Finding::Sos, Phase::Ended, Some(place))];
    assert_eq!(found(&transit)[2..], want, "out of the store");
}

#[test]
fn a_call_from_nowhere_says_how_long_before_the_bus_was_seen() {
    let transit = with_a_zone();
    let nowhere = calls(Fix { valid: false, ..fix(2, LatLon::new(0.0, 0.0)) });
    transit.offer([fix(30, LatLon::new(21.03, 105.85)), nowhere].into_iter());
    transit.look(NOW);
    let told = transit.unkept.all().into_iter().flat_map(|news| news.events).map(|kept| kept.event.value);
    assert_eq!(told.collect::<Vec<_>>(), [Some(280.0)]);
}

fn with_a_zone() -> Transit {
    let transit = Transit::new([0; 16]);
    let mut planned = Planned::default();
    planned.zone_by_feed.insert(FeedId("xe".into()), Zone::UTC);
    let planned = planned.turned(NOW).unwrap();
    *lock(&transit.planned) = Arc::new(planned);
    transit
}

#[tokio::test]
async fn only_so_many_reports_are_made_at_once() {
    let transit = Transit::new([0; 16]);
    let (first, second) = (transit.turn("lan").await, transit.turn("minh").await);
    assert!(first.is_some() && second.is_some());
    let waits = async |user: &str| {
        let turn = tokio::time::timeout(Duration::from_millis(20), transit.turn(user));
        turn.await.is_err()
    };
    assert!(waits("hoa").await, "both are taken");
    drop(first);
    assert!(waits("minh").await, "one at a time of one user");
    let third = transit.turn("hoa").await;
    assert!(third.is_some());
    drop((second, third));
    assert!(transit.turn("minh").await.is_some() && transit.turn("minh").await.is_some());
}

#[test]
fn what_is_not_believed_is_not_followed() {
    let transit = Transit::new([0; 16]);
    let mut planned = Planned::default();
    planned.zone_by_feed.insert(FeedId("xe".into()), Zone::UTC);
    *lock(&transit.planned) = Arc::new(planned);
    let told = [(1, 21.03, 105.85), (0, 0.0, 0.0)];
    transit.offer(told.map(|(n, lat, lon)| fix(n, LatLon::new(lat, lon))).into_iter());
    transit.look(NOW);
    assert_eq!(newest(&transit), Some(NOW - DurationMs(10_000)), "nothing is at 0, 0");
}

#[test]
fn nobody_who_asks_waits_for_the_thinking_of_buses() {
    let transit = Transit::new([0; 16]);
    let _thinking = lock(&transit.live);
    let asked = (transit.zones().len(), transit.day_begin(NOW), transit.shown().at, transit.supervised().at);
    assert_eq!(asked, (0, None, UtcMillis(0), UtcMillis(0)));
    assert!(transit.plan(&FeedId("xe".into()), None, NOW).is_none());
    transit.offer(std::iter::once(fix(0, LatLon::new(21.03, 105.85))));
}

#[test]
fn what_is_left_out_is_told() {
    let transit = Transit::new([0; 16]);
    transit.offer((0..=i64::try_from(WAITING).unwrap()).map(|n| fix(n, LatLon::new(21.0, 105.8))));
    let minute = NOW - DurationMs(NOW.0.rem_euclid(60_000));
    let left_out = transit.left_out();
    assert_eq!(left_out, [(VehicleId::new("bus-1").unwrap(), minute)]);
    transit.left_out_still(left_out.clone());
    assert_eq!(transit.left_out(), left_out, "it could not be made due");
    assert_eq!(transit.left_out(), []);
}

#[test]
fn a_bus_may_be_disturbed_on_two_days_at_once_and_no_day_is_lost() {
    let transit = Transit::new([0; 16]);
    let bus = || VehicleId::new("bus-1").unwrap();
    let disturbed = vec![(bus(), NOW - DurationMs(86_400_000)), (bus(), NOW)];
    disturbed.iter().for_each(|(bus, at)| transit.disturb([(bus.clone(), Tick::told(*at))].into()));
    assert_eq!(transit.disturbed(), disturbed);
    assert_eq!(transit.disturbed(), []);
    transit.disturbed_still(disturbed.clone());
    assert_eq!(transit.disturbed(), disturbed, "they could not be made due");
}

#[test]
fn what_was_thought_of_a_former_day_is_asked_for_once() {
    let transit = Transit::new([0; 16]);
    let (first, second) = (date!(2026 - 03 - 02), date!(2026 - 03 - 03));
    let kept = concat!(
        r#"[[29540150,29540155],[["xe","2026-03-02","t-1",null,"#,
        r#"{"told":[[29540160,90],[29540170,20]],"read":[[29540150,29540155,0]]}]]]"#
    );
    let bus = || VehicleId::new("bus-1").unwrap();
    assert!(transit.wants_claims(first));
    transit.remember_claims(
        first,
        vec![(bus(), kept.to_owned()), (VehicleId::new("bus-2").unwrap(), "{".to_owned())],
        Passed::default(),
    );
    assert!(!transit.wants_claims(first) && transit.wants_claims(second));
    let (_, claims) = transit.former(&transit.planned(), first);
    assert_eq!(anew::text(claims.record(&bus())).as_deref(), Some(kept));
    (3..6).for_each(|day| {
        transit.remember_claims(second.replace_day(day).unwrap(), Vec::new(), Passed::default())
    });
    assert!(transit.wants_claims(first), "only few days are held");
}

/// Operator `xe` with a trip by day and one that ends after the buses' day has turned; it is before three o'clock.
fn planned() -> Planned {
    let mut table = Timetable::default();
    table.agencies.push(Agency { id: "a".into(), name: "Xe".into() });
    let days = (20..30).map(|day| date!(2025 - 11 - 01).replace_day(day).unwrap()).collect();
    table.services_by_id.insert("w".into(), Service { added: days, ..Service::default() });
    let (short_name, long_name) = ("32".to_owned(), String::new());
    table.routes.push(Route { id: "32".into(), agency: 0, short_name, long_name });
    let shape = Shape::new(vec![LatLon::new(21.0, 105.8), LatLon::new(21.0, 105.81)]);
    for i in 0..2 {
        let (id, code, name) = (StopId(format!("s{i}")), String::new(), String::new());
        table.stops.push(Stop { id, code, name, position: shape.points()[i] });
    }
    let stops =
        vec![PatternStop { stop: 0, along: Meters(0.0) }, PatternStop { stop: 1, along: shape.length() }];
    table.patterns.push(Pattern { route: 0, direction: Some(0), stops, shape, coarse: false });
    for (trip, begins_s, ends_s) in [("day", 28_800, 32_400), ("night", 90_000, 99_000)] {
        let call =
            |(s, sequence)| Call { sequence, arrive_s: s, depart_s: s, timepoint: false, may_board: true };
        table.trips.push(Trip {
            id: trip.into(),
            pattern: 0,
            service: "w".into(),
            headsign: String::new(),
            block: None,
            calls: [(begins_s, 1), (ends_s, 2)].map(call).to_vec(),
            frequencies: vec![],
        });
    }
    let mut feeds = Feeds::default();
    let feed = Arc::new(Feed { timetable: Arc::new(table), zone: Zone::UTC });
    feeds.add("xe".into(), Version { takes_effect: date!(2025 - 11 - 01), feed });
    Planned::of(feeds, [("xe".into(), Zone::UTC)].into()).turned(NOW).unwrap()
}

#[test]
fn what_was_found_among_buses_of_former_days_ends_with_its_run() {
    let transit = Transit::new([0; 16]);
    *lock(&transit.planned) = Arc::new(planned());
    let today = transit.day_begin(NOW).unwrap();
    let open = |finding, bus: Option<&str>, date: Date, trip: &str| {
        let (vehicle, run) =
            (bus.map(|bus| bus.parse().unwrap()), RunKey { date, trip: trip.into(), start_s: None });
        let event = TransitEvent {
            finding,
            phase: Phase::Begun,
            began: UtcMillis(date.midnight().assume_utc().unix_timestamp() * 1_000) + DurationMs(28_800_000),
            at: NOW,
            vehicle,
            place: None,
            run: Some(("xe".into(), run)),
            stop: None,
            value: None,
        };
        BusEventRow { event, line: None, ended: None }
    };
    let open = vec![
        open(Finding::RunUnseen, None, date!(2025 - 11 - 24), "day"),
        open(Finding::RunUnseen, None, date!(2025 - 11 - 25), "night"),
        open(Finding::Bunching, Some("bus-1"), date!(2025 - 11 - 23), "day"),
        open(Finding::RunUnseen, None, date!(2025 - 11 - 23), "of another timetable"),
    ];
    transit.end_former(open, today, NOW);
    let hours = |h: i64| today + DurationMs((h - 3) * 3_600_000);
    let told = transit.unkept.all().into_iter().flat_map(|news| news.events);
    let told: Vec<_> = told.map(|kept| (kept.event.finding, kept.event.phase, kept.event.at)).collect();
    assert_eq!(
        told,
        [
            (Finding::RunUnseen, Phase::Ended, hours(9 - 24)),
            (Finding::Bunching, Phase::Ended, hours(9 - 48)),
            (Finding::RunUnseen, Phase::Ended, today),
        ]
    );
    // A run of the night is under way yet: it is gone on with, and ends in its time.
    let missing =
        |live: &Live| live.fleet.missing().map(|e| e.run.clone().unwrap().1.trip.0).collect::<Vec<_>>();
    assert_eq!(missing(&lock(&transit.live)), ["night"]);
    transit.tell(NOW + DurationMs(3_600_000 + 600_000));
    assert_eq!(missing(&lock(&transit.live)), Vec::<String>::new());
    let told = transit.unkept.all().pop().unwrap().events.pop().unwrap().event;
    assert_eq!((told.phase, told.at), (Phase::Ended, hours(24 + 3) + DurationMs(1_800_000)));
}

#[test]
fn what_was_over_before_a_restart_is_not_told_again() {
    let transit = Transit::new([0; 16]);
    *lock(&transit.planned) = Arc::new(planned());
    let (began, ended) = (NOW - DurationMs(1_800_000), NOW - DurationMs(600_000));
    let over = |finding, vehicle: Option<&str>| {
        let run = RunKey { date: date!(2025 - 11 - 25), trip: "night".into(), start_s: None };
        let event = TransitEvent {
            finding,
            phase: Phase::Ended,
            began,
            // As the store has it: when its begin was told.
            at: began + DurationMs(60_000),
            vehicle: vehicle.map(|bus| bus.parse().unwrap()),
            place: None,
            run: Some(("xe".into(), run)),
            stop: None,
            value: Some(1_500.0),
        };
        BusEventRow { event, line: None, ended: Some(ended) }
    };
    assert_eq!(news::told(over(Finding::HeadwayGap, None)).at, ended);
    transit.resume(vec![over(Finding::HeadwayGap, None), over(Finding::Bunching, Some("bus-1"))]);
    assert_eq!(lock(&transit.live).fleet.gaps().count(), 0);
    transit.tell(NOW);
    assert_eq!(transit.unkept.all(), []);
}

#[test]
fn a_former_day_of_which_only_passings_are_kept_is_judged_by_them() {
    let transit = Transit::new([0; 16]);
    let (first, second) = (VehicleId::new("bus-1").unwrap(), VehicleId::new("bus-2").unwrap());
    let date = date!(2025 - 11 - 20);
    let run = |trip: &str| (FeedId::from("xe"), RunKey { date, trip: trip.into(), start_s: None });
    let passed = [(first.clone(), [(run("day"), NOW)].into())].into();
    transit.remember_claims(date, Vec::new(), passed);
    let (_, claims) = transit.former(&transit.planned(), date);
    let taken = |run, bus, at| claims.taken(&run, bus, Tick::told(at)).share();
    assert!(taken(run("day"), &second, NOW) > 0.9, "another did it");
    assert!(taken(run("day"), &second, NOW - DurationMs(60_000)) < 0.1, "not yet");
    assert!(taken(run("day"), &first, NOW) < 0.1 && taken(run("night"), &second, NOW) < 0.1);
}

#[test]
fn what_a_day_that_is_over_disproves_is_withdrawn_when_it_was_reckoned() {
    let transit = with_a_zone();
    let (date, span) = transit.day_of(NOW - DurationMs(86_400_000)).unwrap();
    let due = [(VehicleId::new("bus-1").unwrap(), Vec::new())].into();
    let reports = |_: &VehicleId, _| Ok::<_, std::convert::Infallible>(Reported::default());
    transit.reckon(Anew { date, span, due, again: false }, || NOW, reports).unwrap();
    let kept = transit.unkept.all().into_iter().map(|news| (news.whole.unwrap().over, news.withdrawn_at));
    assert_eq!(kept.collect::<Vec<_>>(), [(true, NOW)]);
}

#[test]
fn buses_are_put_in_however_long_it_takes_to_make_them_anew() {
    use std::cell::{Cell, RefCell};
    let transit = Transit::new([0; 16]);
    *lock(&transit.planned) = Arc::new(planned());
    let bus = VehicleId::new("bus-1").unwrap();
    let stored: RefCell<Vec<Fix>> = RefCell::default();
    let report = |from: i64, to: i64| {
        let fixes: Vec<Fix> = (to..from).rev().map(|n| fix(n, LatLon::new(21.03, 105.85))).collect();
        stored.borrow_mut().extend(fixes.iter().cloned());
        transit.offer(fixes.into_iter());
        transit.look(NOW);
    };
    report(300, 200);
    let clock = Cell::new(NOW - DurationMs(2_000_000));
    let (mut asked, (date, span)) = (0, transit.day_of(NOW).unwrap());
    let anew = Anew { date, span, due: [(bus.clone(), Vec::new())].into(), again: false };
    let reports = |vehicle: &VehicleId, span: Span| {
        let within = |f: &&Fix| f.vehicle == *vehicle && (span.from..span.to).contains(&f.at);
        let found: Vec<Fix> = stored.borrow().iter().filter(within).cloned().collect();
        asked += 1;
        // The whole of it takes 25 minutes, in which the bus goes on.
        if asked == 1 {
            report(200, 50);
            clock.set(NOW - DurationMs(500_000));
        } else if span.to >= NOW - DurationMs(600_000) && clock.get() < NOW {
            report(50, 0);
            clock.set(NOW);
        }
        Ok::<_, std::convert::Infallible>(Reported { believed: found, rejected: Vec::new() })
    };
    transit.reckon(anew, || clock.get(), reports).unwrap();
    assert_eq!(transit.disturbed(), [], "it was put in");
    assert!(transit.unkept.all().iter().any(|n| n.whole.as_ref().is_some_and(|w| w.vehicle == bus)));
    assert_eq!(newest(&transit), Some(NOW));
}
