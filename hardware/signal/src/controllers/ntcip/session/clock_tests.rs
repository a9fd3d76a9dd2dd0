//! When a unit's clock is set by ours, and when it is left alone: in simulated time, with a unit that is a table of values.

use std::time::Duration;

use super::tests::{House, START_S};
use crate::controllers::Synchrony;
use crate::controllers::ntcip::objects::{GLOBAL_LOCAL_TIME_DIFFERENTIAL, GLOBAL_TIME, Value};

#[test]
fn a_clock_that_is_off_is_told_and_set_where_that_is_wanted() {
    let mut house = House::new(|settings, table| {
        settings.clock_off_max = Some(Duration::from_secs(2));
        table.set(&GLOBAL_TIME.var(), START_S + 40);
    });
    let told = house.run(2_000);
    assert!(
        told.contains(&"warn the controller's clock is off by 40.5 s; check its time source".to_owned()),
        "{told:?}"
    );
    assert!(told.contains(&"warn the controller's clock was set".to_owned()), "{told:?}");
    let Some(Value::Number(set)) = house.table.values.get(GLOBAL_TIME.var().oid()) else { panic!() };
    assert!((START_S..=START_S + 3).contains(set), "{set}");
}

#[test]
fn a_clock_that_may_keep_local_time_is_not_set() {
    const ZONE_S: i64 = 7 * 3_600;
    let run = |ahead_s: i64, zone_s: Option<i64>| {
        let mut house = House::new(|settings, table| {
            settings.clock_off_max = Some(Duration::from_secs(2));
            table.set(&GLOBAL_TIME.var(), START_S + ahead_s);
            if let Some(zone_s) = zone_s {
                table.set(&GLOBAL_LOCAL_TIME_DIFFERENTIAL.var(), zone_s);
            }
        });
        let told = house.run(2_000);
        (house, told)
    };
    let count = |told: &[String], what: &str| told.iter().filter(|line| line.contains(what)).count();
    let (set, local) = ("the controller's clock was set", "is not set: is that local time?");
    for (ahead_s, zone_s, sets) in [
        (ZONE_S + 3, None, 0),
        (ZONE_S + 3, Some(0), 0),
        (-5 * 3_600, None, 0),
        // Neither UTC nor its own zone's time.
        (ZONE_S - 1_800, Some(ZONE_S), 0),
        (ZONE_S + 40, Some(ZONE_S), 1),
        (400, None, 1),
        // No zone is as far as that.
        (15 * 3_600, None, 1),
    ] {
        let (_, told) = run(ahead_s, zone_s);
        assert_eq!(
            (count(&told, set), count(&told, local)),
            (sets, 1 - sets),
            "{ahead_s} {zone_s:?} {told:?}"
        );
    }
    // Nine minutes ahead of a zone is not nine minutes ahead, until it was right once.
    let (mut house, _) = run(ZONE_S + 3, None);
    let then = |house: &mut House, ahead_s: i64, elapsed_s: i64| {
        house.table.set(&GLOBAL_TIME.var(), START_S + elapsed_s + ahead_s);
        let told = house.run(2_000);
        (count(&told, set), count(&told, local))
    };
    assert_eq!(then(&mut house, 540, 2), (0, 0), "and that is told once");
    assert_eq!(then(&mut house, 1, 4), (0, 0));
    assert_eq!(then(&mut house, 540, 6), (1, 0));
    // Hours off by a clock of ours that was wrong itself says nothing.
    let (mut house, _) = run(0, None);
    (house.synchrony, house.ours_ahead_ms) = (Synchrony::Unsynchronised, -8 * 3_600_000);
    assert_eq!(then(&mut house, 5, 2), (0, 0));
    (house.synchrony, house.ours_ahead_ms) = (Synchrony::Synchronised, 0);
    assert_eq!(then(&mut house, 5, 4), (1, 0));
    // Its zone is named in the unit at last, and read with the next link.
    let (mut house, told) = run(ZONE_S + 40, None);
    assert_eq!((count(&told, set), count(&told, local)), (0, 1));
    house.table.set(&GLOBAL_LOCAL_TIME_DIFFERENTIAL.var(), ZONE_S);
    house.table.silent = true;
    house.run(10_000);
    house.table.silent = false;
    house.table.set(&GLOBAL_TIME.var(), START_S + 12 + ZONE_S + 40);
    let told = house.run(12_000);
    assert_eq!((count(&told, set), count(&told, local)), (1, 0), "{told:?}");
}

#[test]
fn no_clock_is_set_by_one_that_is_wrong_and_once_that_is_set_all_begins_anew() {
    let year_ms = 365 * 86_400_000;
    for (synchrony, ours_ahead_ms, why) in [
        (Synchrony::Unsynchronised, -56 * year_ms, "nothing keeps the gateway's own clock"),
        (Synchrony::Unknown, 0, "the system does not say"),
        (Synchrony::Synchronised, -56 * year_ms, "the gateway's own clock is before 2025"),
    ] {
        let mut house = House::new(|settings, table| {
            settings.clock_off_max = Some(Duration::from_secs(2));
            table.set(&GLOBAL_TIME.var(), START_S + 400);
        });
        (house.synchrony, house.ours_ahead_ms) = (synchrony, ours_ahead_ms);
        let told = house.run(20_000);
        let kept: Vec<&String> = told.iter().filter(|line| line.contains("and is not set: ")).collect();
        assert!(kept.len() == 1 && kept[0].contains(why), "{told:?}");
        assert!(!told.iter().any(|line| line.contains("clock was set")), "{told:?}");
        (house.synchrony, house.ours_ahead_ms) = (Synchrony::Synchronised, 0);
        let sets = |told: &[String]| told.iter().filter(|line| line.contains("clock was set")).count();
        assert_eq!(sets(&house.run(5_000)), 1);
        // Off again at once, but not set within the minute; unless ours was found to be wrong.
        house.table.set(&GLOBAL_TIME.var(), START_S + 400);
        assert_eq!(sets(&house.run(5_000)), 0);
        house.ours_ahead_ms = 200_000;
        assert_eq!(sets(&house.run(5_000)), 1);
    }
}
