//! Greens ahead of a vehicle: when each junction is asked, given back and asked again, and where a tracker puts it.

use super::corridor::{Corridor, Place, Way};
use super::emergency::*;
use super::route::Pass;
use crate::geo::LatLon;
use crate::ids::JunctionId;
use crate::units::{DurationMs, Meters, MetersPerSecond, UtcMillis};

#[test]
fn a_vehicle_is_found_along_the_line() {
    let line = [(0.0, 0.0), (0.003, 320.0), (0.006, 650.0)];
    let line = line.map(|(lon, at)| (LatLon::new(21.0, 105.8 + lon), Meters(at)));
    let at = |lat: f64, lon: f64| along(&line, LatLon::new(21.0 + lat, 105.8 + lon)).map(|m| m.0.round());
    assert_eq!(at(0.0, 0.0015), Some(160.0));
    assert_eq!(at(0.0005, 0.0045), Some(485.0));
    // On a side street before the first junction it comes; beside the corridor it does not.
    assert_eq!(at(0.002, -0.001), Some(-245.0));
    assert_eq!((at(0.002, 0.0015), at(0.002, 0.007), at(0.1, -0.1)), (None, None, None));
    assert_eq!(at(0.0, 0.007), Some(754.0));
    assert_eq!(along(&line[..1], LatLon::new(21.0, 105.8)), None);
}

/// Three junctions, 300 m apart.
fn corridor() -> Corridor {
    let place = |(i, id): (usize, &str)| Place {
        junction: id.parse().unwrap(),
        at: Meters(300.0 * i as f64),
        out: 1,
        back: 2,
    };
    let places = ["a", "b", "c"].into_iter().enumerate().map(place).collect();
    Corridor { id: "abc".into(), name: "A – C".into(), speed: MetersPerSecond(12.0), places }
}

fn run(way: Way) -> Run {
    let drive = (MetersPerSecond(10.0), Meters(400.0));
    Run::new(&corridor().passes(way), (None, None), drive, UtcMillis(0)).unwrap()
}

/// Steps second by second; every order is taken. What was called, as "second junction call".
fn play(run: &mut Run, seconds: std::ops::Range<i64>) -> Vec<String> {
    let mut told = Vec::new();
    for second in seconds {
        let now = UtcMillis(second * 1_000);
        for (i, call) in run.step(now) {
            let id = run.stops[i].junction.clone();
            match call {
                Call::Green { until, patience } => {
                    told.push(format!(
                        "{second} {id} green {} {}",
                        until.since(now).0 / 1000,
                        patience.0 / 1000
                    ));
                    run.answered(i, now, Ok((i as u64 + 1, until)));
                }
                Call::Release { order } => {
                    told.push(format!("{second} {id} release {order}"));
                    run.given_back(i, order);
                }
            }
        }
    }
    told
}

#[test]
fn greens_go_ahead_of_it_and_end_behind_it() {
    let mut run = run(Way::Out);
    let told = play(&mut run, 0..200);
    // Without a tracker it may be anywhere between 80 and 120 % of the way.
    let first = |what: &str| told.iter().find(|line| line.contains(what)).cloned().unwrap_or_default();
    assert_eq!(first("a green"), "5 a green 48 30", "{told:#?}");
    assert_eq!(first("a release"), "54 a release 1");
    assert_eq!(first("b green"), "30 b green 60 30");
    assert_eq!(first("c release"), "129 c release 3");
    assert!(run.is_over());
}

#[test]
fn a_tracker_that_says_it_stands_keeps_the_green_for_no_longer_than_the_run_may_last() {
    let mut run = run(Way::Out);
    for second in 0..1_000 {
        // It stands 20 m before the first line.
        if second >= 38 {
            run.seen(Meters(-20.0), UtcMillis(second * 1_000));
        }
        play(&mut run, second..second + 1);
    }
    let left: Vec<&State> = run.stops.iter().map(|stop| &stop.state).collect();
    assert!(run.is_over() && left.iter().all(|s| matches!(s, State::Left { passed: false, .. })), "{left:?}");
}

#[test]
fn what_is_refused_is_asked_again() {
    let mut run = run(Way::Out);
    let now = UtcMillis(10_000);
    assert!(matches!(run.step(now)[..], [(0, Call::Green { .. })]));
    run.answered(0, now, Err(Why::GatewayAway));
    assert_eq!(run.step(now + DurationMs(1_000)), []);
    assert!(matches!(run.step(now + AGAIN)[..], [(0, Call::Green { .. })]));
}

/// It stands before the first line: whether its green is called for now.
fn first_is_called(run: &mut Run, now: UtcMillis) -> bool {
    run.seen(Meters(-20.0), now);
    run.step(now).iter().any(|(stop, _)| *stop == 0)
}

#[test]
fn what_a_controller_does_not_take_is_tried_less_and_less_often() {
    let mut run = run(Way::Out);
    let failed = || Err(Why::Failed("refused: not now".to_owned()));
    let mut tries = Vec::new();
    for second in 10..200 {
        let now = UtcMillis(second * 1_000);
        if first_is_called(&mut run, now) {
            tries.push(second);
            // The pole takes it, and its controller does not.
            run.answered(0, now, Ok((7, now + DurationMs(60_000))));
            run.answered(0, now, failed());
        }
    }
    assert_eq!(tries, [10, 13, 19, 31, 55, 103, 163]);
    // What the hall did not send harms nobody, and is looked at again soon.
    let now = UtcMillis(230_000);
    assert!(first_is_called(&mut run, now));
    run.answered(0, now, Err(Why::OtherOrder { id: 3, by: "lan".into() }));
    assert!(!first_is_called(&mut run, now + DurationMs(2_000)) && first_is_called(&mut run, now + AGAIN));
    // Once one has stood, all begins anew.
    let now = UtcMillis(240_000);
    run.answered(0, now, Ok((9, now + DurationMs(15_000))));
    let renewed = now + DurationMs(10_000);
    assert!(first_is_called(&mut run, renewed));
    run.answered(0, renewed, failed());
    assert!(first_is_called(&mut run, renewed + AGAIN));
}

#[test]
fn what_is_not_given_back_is_given_back_again() {
    let mut run = run(Way::Out);
    let now = UtcMillis(10_000);
    run.answered(0, now, Ok((7, now + DurationMs(60_000))));
    assert_eq!(run.end(), [(0, Call::Release { order: 7 })]);
    assert!(run.is_over() && !run.is_given_back());
    assert_eq!(run.step(now), [(0, Call::Release { order: 7 })]);
    // An answer that comes when the vehicle is expected no more is taken back as well.
    run.answered(1, now, Err(Why::GatewayAway));
    run.answered(1, now, Ok((8, now + DurationMs(60_000))));
    run.given_back(0, 7);
    assert_eq!(run.step(now), [(1, Call::Release { order: 8 })]);
    run.given_back(1, 7);
    assert!(!run.is_given_back());
    run.given_back(1, 8);
    assert!(run.is_given_back() && run.step(now).is_empty());
}

#[test]
fn a_tracker_is_believed_by_its_time_and_not_for_long() {
    let mut run = run(Way::Out);
    run.seen(Meters(290.0), UtcMillis(20_000));
    run.seen(Meters(100.0), UtcMillis(15_000));
    assert_eq!(run.place(UtcMillis(21_000)).1, Meters(300.0));
    // It is not reckoned on for ever.
    assert_eq!(run.place(UtcMillis(90_000)).1, Meters(490.0));
    let told = play(&mut run, 21..90);
    assert!(
        told.contains(&"25 a release 1".to_owned()) || !told.iter().any(|t| t.contains(" a ")),
        "{told:?}"
    );
}

#[test]
fn the_way_back_is_the_other_way_round() {
    let (b, c): (JunctionId, JunctionId) = ("b".parse().unwrap(), "c".parse().unwrap());
    let drive = (MetersPerSecond(10.0), Meters(0.0));
    let run = Run::new(&corridor().passes(Way::Back), (None, Some(&b)), drive, UtcMillis(0)).unwrap();
    let stops: Vec<_> = run.stops.iter().map(|s| (s.junction.as_str(), s.at.0, s.group)).collect();
    assert_eq!(stops, [("c", 0.0, 2), ("b", 300.0, 2)]);
    let out = corridor().passes(Way::Out);
    let wrong = Run::new(&out, (Some(&c), Some(&b)), drive, UtcMillis(0)).unwrap_err();
    assert_eq!(wrong.to_string(), "the run ends before it begins: c lies behind b on this way");
    let none: JunctionId = "x".parse().unwrap();
    let wrong = Run::new(&out, (Some(&none), None), drive, UtcMillis(0)).unwrap_err();
    assert_eq!(wrong.to_string(), "junction x is not on this way");
}

/// Along one street by group 2, at `b` into another by group 4, and on by group 1.
fn turning() -> Vec<Pass> {
    let pass =
        |(id, at, group): (&str, f64, u8)| Pass { junction: id.parse().unwrap(), at: Meters(at), group };
    [("a", 0.0, 1), ("b", 300.0, 3), ("c", 500.0, 0)].map(pass).into()
}

#[test]
fn a_way_that_turns_has_the_group_of_the_turn_where_it_turns() {
    let drive = (MetersPerSecond(10.0), Meters(400.0));
    let mut run = Run::new(&turning(), (None, None), drive, UtcMillis(0)).unwrap();
    let stops: Vec<_> = run.stops.iter().map(|s| (s.junction.as_str(), s.at.0, s.group)).collect();
    assert_eq!(stops, [("a", 0.0, 1), ("b", 300.0, 3), ("c", 500.0, 0)]);
    // Ahead of it and behind it as along a corridor.
    let told = play(&mut run, 0..200);
    assert!(told.contains(&"30 b green 60 30".to_owned()), "{told:#?}");
    assert!(told.last().is_some_and(|line| line.ends_with("c release 3")) && run.is_over(), "{told:#?}");
    // A stretch of it is measured from its own first line.
    let b: JunctionId = "b".parse().unwrap();
    let run = Run::new(&turning(), (Some(&b), None), drive, UtcMillis(0)).unwrap();
    let stops: Vec<_> = run.stops.iter().map(|s| (s.junction.as_str(), s.at.0, s.group)).collect();
    assert_eq!(stops, [("b", 0.0, 3), ("c", 200.0, 0)]);
}

#[test]
fn a_vehicle_is_found_behind_the_turn_and_not_where_it_missed_it() {
    let line = [(0.0, 0.0, 0.0), (0.0, 0.003, 312.0), (0.003, 0.003, 644.0)];
    let line = line.map(|(lat, lon, at)| (LatLon::new(21.0 + lat, 105.8 + lon), Meters(at)));
    let at = |lat: f64, lon: f64| along(&line, LatLon::new(21.0 + lat, 105.8 + lon)).map(|m| m.0.round());
    assert_eq!((at(0.0, 0.0015), at(0.0015, 0.003)), (Some(156.0), Some(478.0)));
    // It cut the corner, or drove straight on.
    assert_eq!((at(0.0003, 0.0025), at(0.0, 0.0045)), (Some(260.0), None));
}

#[test]
fn a_run_that_began_far_away_is_not_over_when_it_comes_near() {
    let drive = (MetersPerSecond(10.0), Meters(8_000.0));
    let new = || Run::new(&corridor().passes(Way::Out), (None, None), drive, UtcMillis(0)).unwrap();
    let mut seen = new();
    seen.is_at(0, UtcMillis(1_500_000));
    assert!(matches!(seen.step(UtcMillis(1_500_000))[..], [(0, Call::Green { .. }), ..]));
    let mut tracked = new();
    tracked.seen(Meters(-4_000.0), UtcMillis(400_000));
    tracked.seen(Meters(-200.0), UtcMillis(1_500_000));
    assert!(matches!(tracked.step(UtcMillis(1_500_000))[..], [(0, Call::Green { .. })]));
}

#[test]
fn what_was_ordered_before_a_refusal_is_ended_with_the_run() {
    let mut run = run(Way::Out);
    let now = UtcMillis(10_000);
    run.step(now);
    run.answered(0, now, Ok((7, now + DurationMs(20_000))));
    run.answered(0, now, Err(Why::GatewayAway));
    assert_eq!(run.end(), [(0, Call::Release { order: 7 })]);
}
