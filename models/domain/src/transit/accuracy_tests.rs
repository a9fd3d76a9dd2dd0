//! How good predictions were: what is scored, counted, kept and forgotten.

use super::*;
use time::macros::date;

const MONDAY: Date = date!(2026 - 03 - 02);

fn s(s: i64) -> UtcMillis {
    UtcMillis(s * 1000)
}

fn run(date: Date) -> RunKey {
    RunKey { date, trip: "t".into(), start_s: None }
}

fn told(date: Date, at: UtcMillis) -> Arrival {
    Arrival { run: run(date), call: 4, stop: "x".into(), due: s(900), at, spread: DurationMs(0) }
}

fn passing(date: Date, at: UtcMillis) -> Passing {
    Passing {
        vehicle: "bus".parse().unwrap(),
        feed: "f".into(),
        route: "r".into(),
        direction: None,
        run: run(date),
        call: 4,
        stop: "x".into(),
        at,
        due: s(900),
        headway: None,
        gap: DurationMs(0),
    }
}

/// Told two minutes before, by so much too late.
fn score(accuracy: &mut Accuracy, date: Date, error_s: i64) {
    accuracy.told((&"f".into(), &"r".into()), Source::Bus, &[told(date, s(900 + error_s))], s(780));
    accuracy.came(&passing(date, s(900)));
}

fn shown(accuracy: &Accuracy) -> Vec<(u64, f64)> {
    let routes = accuracy.routes(Source::Bus);
    routes.into_values().next().unwrap_or_default().iter().map(|e| (e.scored, e.signed_s)).collect()
}

#[test]
fn what_was_told_is_scored_once_by_its_lead() {
    let mut accuracy = Accuracy::default();
    let (feed, route) = (FeedId::from("f"), RouteId::from("r"));
    accuracy.told((&feed, &route), Source::Bus, &[told(MONDAY, s(1000))], s(0));
    accuracy.told((&feed, &route), Source::Bus, &[told(MONDAY, s(5000))], s(10));
    accuracy.told((&feed, &route), Source::Bus, &[told(MONDAY, s(900))], s(800));
    accuracy.came(&passing(MONDAY, s(910)));
    accuracy.came(&passing(MONDAY, s(910)));
    // 110 s before: 10 s too early. 910 s before: 90 s too late.
    assert_eq!(shown(&accuracy), [(1, -10.0), (0, 0.0), (0, 0.0), (1, 90.0), (0, 0.0)]);
    assert_eq!(accuracy.routes(Source::Bus).into_values().next().unwrap()[3].within_60, 0);
}

#[test]
fn what_was_only_the_timetable_is_scored_apart() {
    let mut accuracy = Accuracy::default();
    accuracy.resume([]);
    let (feed, route) = (FeedId::from("f"), RouteId::from("r"));
    // Nobody was seen on it until a minute before.
    accuracy.told((&feed, &route), Source::Timetable, &[told(MONDAY, s(900))], s(200));
    accuracy.told((&feed, &route), Source::Timetable, &[told(MONDAY, s(900))], s(800));
    accuracy.told((&feed, &route), Source::Bus, &[told(MONDAY, s(955))], s(900));
    accuracy.came(&passing(MONDAY, s(960)));
    let scored = |source| {
        let all = accuracy.routes(source).into_values().next().unwrap_or_default();
        all.map(|e| (e.scored, e.signed_s))
    };
    let none = (0, 0.0);
    assert_eq!(scored(Source::Bus), [(1, -5.0), none, none, none, none]);
    assert_eq!(scored(Source::Timetable), [(1, -60.0), none, none, (1, -60.0), none]);
    // They are kept apart and gone on with.
    let kept = accuracy.changed();
    assert_eq!(kept.iter().filter(|kept| kept.source == Source::Timetable).count(), 2);
    let mut after = Accuracy::default();
    after.resume(kept);
    for source in [Source::Bus, Source::Timetable] {
        assert_eq!(after.routes(source), accuracy.routes(source));
        assert_eq!(Source::named(source.name()), Some(source));
    }
    assert_eq!(Source::named("hearsay"), None);
}

#[test]
fn what_was_told_and_never_came_is_counted() {
    let mut accuracy = Accuracy::default();
    let (feed, route) = (FeedId::from("f"), RouteId::from("r"));
    let t = |s: i64| UtcMillis(1_772_409_600_000 + s * 1_000);
    let mut tell = |call, source, at_s| {
        let arrivals = [Arrival { call, ..told(MONDAY, t(at_s + 600)) }];
        accuracy.told((&feed, &route), source, &arrivals, t(at_s));
    };
    // One comes; one is told by the timetable and then by a bus; of the last nobody was ever seen.
    tell(4, Source::Bus, 780);
    tell(5, Source::Timetable, 700);
    tell(5, Source::Bus, 800);
    tell(6, Source::Timetable, 900);
    accuracy.came(&passing(MONDAY, t(900)));
    let counted = |accuracy: &Accuracy| {
        let of = |source| accuracy.outcomes(source).into_values().next().unwrap_or_default();
        [Source::Bus, Source::Timetable].map(|source| (of(source).came, of(source).never_came))
    };
    assert_eq!(counted(&accuracy), [(1, 0), (0, 0)]);
    accuracy.forget(t(7_999));
    assert_eq!(counted(&accuracy), [(1, 0), (0, 0)], "they may come yet");
    accuracy.forget(t(8_100));
    accuracy.forget(t(8_110));
    assert_eq!(counted(&accuracy), [(1, 1), (0, 2)], "once");
    // Nor is what a clock told that was ahead, and after more than a week nothing is.
    let day = |days: i64| t(days * 86_400);
    accuracy.told((&feed, &route), Source::Bus, &[told(MONDAY, day(3))], day(3));
    accuracy.forget(day(1));
    assert_eq!((counted(&accuracy), accuracy.told.len()), ([(1, 1), (0, 2)], 0));
    accuracy.forget(day(9));
    assert_eq!(accuracy.outcomes, BTreeMap::new());
}

#[test]
fn what_was_kept_goes_on_and_nothing_counts_twice() {
    let mut before = Accuracy::default();
    before.resume([]);
    score(&mut before, MONDAY, 20);
    let kept = before.changed();
    assert_eq!((kept.len(), kept[0].lead_min, kept[0].errors.scored), (1, 3, 1));
    assert_eq!(before.changed(), kept, "nobody said that they are kept");
    before.kept(kept.clone());
    assert_eq!(before.changed(), []);
    // Scored again while it was being kept.
    score(&mut before, MONDAY, 40);
    before.kept(kept.clone());
    assert_eq!(before.changed()[0].errors.scored, 2);

    let mut after = Accuracy::default();
    score(&mut after, MONDAY, -50);
    assert_eq!(after.changed(), [], "a part must not take the place of the whole");
    let other = Scored { lead_min: 99, ..kept[0].clone() };
    after.resume(kept.into_iter().chain([other]));
    after.resume(before.changed());
    assert_eq!(shown(&after)[0], (2, -30.0));
    let kept = after.changed();
    assert_eq!((kept.len(), kept[0].errors.scored, kept[0].errors.absolute_s), (1, 2, 70.0));
}

#[test]
fn a_week_of_service_days_is_shown_and_what_is_not_kept_is_not_forgotten() {
    let mut accuracy = Accuracy::default();
    accuracy.resume([]);
    // Of the last of these days.
    let now = UtcMillis(1_772_409_600_000 + 7 * 86_400_000);
    for days in 0..8 {
        score(&mut accuracy, MONDAY.saturating_add(time::Duration::days(days)), 1);
    }
    assert_eq!(shown(&accuracy)[0], (7, 7.0));
    accuracy.forget(now);
    let changed = accuracy.changed();
    assert_eq!((changed.len(), accuracy.by_day.len()), (8, 8));
    accuracy.kept(changed);
    accuracy.forget(now);
    assert_eq!((accuracy.by_day.len(), shown(&accuracy)[0]), (7, (7, 7.0)));
}
