//! What buses teach, and how good it was told to be, whatever is known late or from a clock that was wrong.

#![allow(clippy::unwrap_used, reason = "a test that panics has failed")]

use models_domain::transit::accuracy::{Accuracy, Errors, Outcomes, Scored, Source};
use models_domain::transit::claims::Record;
use models_domain::transit::day::{BusDay, News};
use models_domain::transit::eta::Arrival;
use models_domain::transit::fleet::Fleet;
use models_domain::transit::pace::{DayKind, Habit, Stretch};
use models_domain::transit::passing::Passing;
use models_domain::transit::settle::Made;
use models_domain::transit::timetable::{FeedId, RunKey};
use models_domain::units::{DurationMs, UtcMillis};
use time::macros::date;

/// 2026-03-02.
const DAY: UtcMillis = UtcMillis(1_772_409_600_000);
const EIGHT: Habit = Habit { day: DayKind::Workday, hour: 8 };

/// A bus that took so long for a stretch of a hundred seconds, at such a minute of the day.
fn made(bus: &str, minute: i64, took_s: i64) -> Made {
    let at = DAY + DurationMs(minute * 60_000);
    let passing = |call: usize, s: i64, due_s: i64| Passing {
        vehicle: bus.parse().unwrap(),
        feed: "f".into(),
        route: "32".into(),
        direction: Some(0),
        run: RunKey { date: date!(2026 - 03 - 02), trip: bus.into(), start_s: None },
        call,
        stop: format!("s{call}").as_str().into(),
        at: at + DurationMs(s * 1_000),
        due: at + DurationMs(due_s * 1_000),
        headway: None,
        gap: DurationMs(10_000),
    };
    known(bus, vec![passing(0, 0, 0), passing(1, took_s, 100)])
}

/// A bus that passed these stops, and no other.
fn known(bus: &str, passings: Vec<Passing>) -> Made {
    let mut day = BusDay::new(bus.parse().unwrap());
    passings.iter().for_each(|p| day.pass(p));
    Made { day, news: News { passings, ..News::default() }, record: Record::default() }
}

#[test]
fn after_a_restart_the_bus_before_is_the_one_that_came_last() {
    let habit = |_: &FeedId, _| EIGHT;
    let stretch = Stretch { feed: "f".into(), from: "s0".into(), to: "s1".into() };
    let now = DAY + DurationMs(1_020 * 60_000);
    // By name the bus of the morning comes last, by time the one of ten minutes ago, which took twice as long.
    let mut fleet = Fleet::default();
    fleet.replace([made("a", 1_010, 200), made("z", 360, 100)], habit);
    let mut in_order = Fleet::default();
    in_order.replace([made("z", 360, 100)], habit);
    in_order.replace([made("a", 1_010, 200)], habit);
    let expects = |fleet: &Fleet| fleet.pace.expect(&stretch, EIGHT, now, now);
    assert_eq!(expects(&fleet), expects(&in_order));
}

#[test]
fn what_a_known_bus_did_and_told_late_is_learned_once() {
    let habit = |_: &FeedId, _| EIGHT;
    let stretch = |from: &str, to: &str| Stretch { feed: "f".into(), from: from.into(), to: to.into() };
    let now = DAY + DurationMs(500 * 60_000);
    let whole = || {
        let mut passings = made("a", 480, 200).news.passings;
        let last = passings[1].clone();
        let (at, due) = (last.at + DurationMs(300_000), last.due + DurationMs(100_000));
        passings.push(Passing { call: 2, stop: "s2".into(), at, due, ..last });
        known("a", passings)
    };
    let mut fleet = Fleet::default();
    fleet.replace([made("a", 480, 200)], habit);
    let expects = |fleet: &Fleet, from, to| fleet.pace.expect(&stretch(from, to), EIGHT, now, now).log.exp();
    let first = expects(&fleet, "s0", "s1");
    assert!(first > 1.1 && (expects(&fleet, "s1", "s2") - 1.0).abs() < 1e-9);
    for _ in 0..2 {
        fleet.replace([whole()], habit);
        assert_eq!(expects(&fleet, "s0", "s1"), first, "it was learned before");
    }
    let mut at_once = Fleet::default();
    at_once.replace([whole()], habit);
    assert_eq!(fleet.pace, at_once.pace);
    assert!(expects(&fleet, "s1", "s2") > 1.2);
}

#[test]
fn the_same_drive_on_another_run_teaches_nothing_again() {
    let habit = |_: &FeedId, _| EIGHT;
    let mut fleet = Fleet::default();
    fleet.replace([made("a", 480, 200)], habit);
    let first = fleet.pace.clone();
    // It turns out to be another run, and a fix that came late moves its times a little.
    let on_other = |later_s: i64| {
        let mut passings = made("a", 480, 200).news.passings;
        for p in &mut passings {
            (p.run.trip, p.call) = ("another".into(), p.call + 3);
            p.at = p.at + DurationMs(later_s * 1_000);
        }
        known("a", passings)
    };
    fleet.replace([on_other(0)], habit);
    assert_eq!(fleet.pace, first);
    // Other times are learned instead.
    let mut only = Fleet::default();
    only.replace([on_other(60)], habit);
    fleet.replace([on_other(60)], habit);
    assert_eq!(fleet.pace, only.pace);
    assert_ne!(fleet.pace, first);
}

#[test]
fn what_a_bus_did_not_do_after_all_is_unlearned() {
    let habit = |_: &FeedId, _| EIGHT;
    let mut fleet = Fleet::default();
    fleet.replace([made("a", 480, 200)], habit);
    let first = fleet.pace.clone();
    fleet.replace([made("b", 490, 300)], habit);
    assert_ne!(fleet.pace, first);
    fleet.replace([known("b", Vec::new())], habit);
    assert_eq!(fleet.pace, first);
    // What was learned before today stays.
    fleet.new_day();
    fleet.replace([known("a", Vec::new())], habit);
    let stretch = Stretch { feed: "f".into(), from: "s0".into(), to: "s1".into() };
    let tomorrow = DAY + DurationMs(1_920 * 60_000);
    assert!(fleet.pace.expect(&stretch, EIGHT, tomorrow, tomorrow).log > 0.1);
}

#[test]
fn a_bus_that_is_known_late_to_have_come_came() {
    let mut fleet = Fleet::default();
    let late = made("a", 480, 200);
    let p = late.news.passings[1].clone();
    let told = Arrival {
        run: p.run.clone(),
        call: p.call,
        stop: p.stop.clone(),
        due: p.due,
        at: p.at + DurationMs(30_000),
        spread: DurationMs(0),
    };
    fleet.accuracy.told((&p.feed, &p.route), Source::Bus, &[told], p.at - DurationMs(120_000));
    fleet.replace([late], |_: &FeedId, _| EIGHT);
    fleet.accuracy.forget(p.at + DurationMs(3 * 3_600_000));
    let outcomes: Vec<Outcomes> = fleet.accuracy.outcomes(Source::Bus).into_values().collect();
    assert_eq!(outcomes, [Outcomes { came: 1, never_came: 0 }]);
    let scored = fleet.accuracy.routes(Source::Bus).into_values().next().unwrap()[0];
    assert_eq!((scored.scored, scored.signed_s), (1, 30.0));
}

#[test]
fn days_that_are_not_yet_are_no_newest_days() {
    let scored = |day| Scored {
        feed: "f".into(),
        day,
        route: "32".into(),
        source: Source::Bus,
        lead_min: 3,
        errors: Errors { scored: if day == date!(2026 - 03 - 02) { 5 } else { 7 }, ..Errors::default() },
    };
    let mut accuracy = Accuracy::default();
    accuracy.resume([scored(date!(2026 - 03 - 02)), scored(date!(2031 - 01 - 01))]);
    let shown = |accuracy: &Accuracy| {
        accuracy.routes(Source::Bus).values().map(|by_lead| by_lead[0].scored).sum::<u64>()
    };
    // In Hanoi the next day has begun.
    accuracy.forget(DAY - DurationMs(3_600_000));
    assert_eq!(shown(&accuracy), 5, "what is of today is there");
}
