//! A site's clock that is set, and one that is not, as tables over a site that answers.

use std::time::Duration;

use super::house::House;
use crate::controllers::{KnownSite, Synchrony};
use crate::security::{SecurityCode, SecurityCodes};

const HOUR: u64 = 3_600;

/// It is to be set when it is off by more than two seconds.
fn wanted(known: &mut KnownSite) {
    known.clock_off_max = Some(Duration::from_secs(2));
    known.codes = SecurityCodes { one: Some(SecurityCode::new("1111")), two: None };
}

fn house(ahead_ms: i64) -> House {
    let mut house = House::new("1.2.1", wanted);
    house.unit.ahead_ms = Some(ahead_ms);
    house
}

fn sets(told: &[String]) -> usize {
    told.iter().filter(|line| *line == "sent M0104").count()
}

/// Each of `want` is in a line of its own, in this order, and there is no other.
#[track_caller]
fn check(told: &[String], want: &[&str]) {
    assert!(
        told.len() == want.len() && told.iter().zip(want).all(|(line, want)| line.contains(want)),
        "{told:#?}"
    );
}

#[test]
fn a_clock_that_is_off_is_set_and_read_back() {
    for ahead_ms in [40_000, -590_000] {
        let mut house = house(ahead_ms);
        let told = house.run(60);
        let side = if ahead_ms > 0 { "s ahead and was set; it is" } else { "s behind and was set; it is" };
        check(&told, &["sent M0104", side]);
        assert!(house.unit.ahead_ms.unwrap().abs() <= 500, "{:?}", house.unit.ahead_ms);
        check(&house.run(5 * HOUR), &[]);
    }
}

#[test]
fn nothing_is_asked_or_set_unless_it_is_configured() {
    let mut house = House::new("1.2.1", |known| {
        wanted(known);
        known.clock_off_max = None;
    });
    house.unit.ahead_ms = Some(40_000);
    check(&house.run(2 * HOUR), &[]);
    assert_eq!(house.looks, 0);
}

#[test]
fn a_clock_that_may_be_right_is_left_alone() {
    for ahead_ms in [0, 1_900, -1_900, 2_100, -2_100] {
        let mut house = house(ahead_ms);
        let told = house.run(2 * HOUR);
        // By so little more than two seconds it is surely off only where the second has just begun or is nearly over.
        assert!(ahead_ms.abs() > 2_000 || told.is_empty(), "{ahead_ms}: {told:?}");
        assert!((11..=26).contains(&house.looks), "{ahead_ms}: {} looks", house.looks);
    }
}

#[test]
fn it_is_set_once_an_hour_at_most_also_over_another_link() {
    let mut house = house(40_000);
    assert_eq!(sets(&house.run(60)), 1);
    house.unit.ahead_ms = Some(-40_000);
    check(&house.run(HOUR / 2), &[]);
    house.dial_again();
    check(&house.run(HOUR / 3), &[]);
    check(&house.run(HOUR / 2), &["sent M0104", "s behind and was set; it is"]);
}

#[test]
fn one_that_cannot_be_set_is_left_alone_until_it_is_right() {
    let mut refused = house(40_000);
    refused.unit.codes.insert("Level1", "9999".to_owned());
    let why = "cannot be set: *** is no security code of Level1: is security code 1 right (security_code_1 of the site)?; ";
    let (again, over) =
        (format!("{why}it is tried again in an hour"), format!("{why}after 3 failures it is left"));
    check(&refused.run(12 * HOUR), &["sent M0104", &again, "sent M0104", &again, "sent M0104", &over]);

    let mut kept = house(40_000);
    kept.unit.keeps_time = true;
    let told = kept.run(12 * HOUR);
    let (again, over) = ("all the same; it is tried", "all the same; after 3 failures");
    check(&told, &["sent M0104", again, "sent M0104", again, "sent M0104", over]);

    for mut house in [refused, kept] {
        house.unit.codes.insert("Level1", "1111".to_owned());
        house.unit.keeps_time = false;
        check(&house.run(2 * HOUR), &[]);
        // Back in bounds, by whatever: what comes later is a new case.
        house.unit.ahead_ms = Some(0);
        check(&house.run(HOUR / 2), &[]);
        house.unit.ahead_ms = Some(40_000);
        check(&house.run(HOUR / 2), &["sent M0104", "s ahead and was set; it is"]);
    }
}

#[test]
fn without_a_code_or_the_command_it_is_told_once() {
    let mut house = House::new("1.2.1", |known| {
        wanted(known);
        known.codes = SecurityCodes::default();
    });
    house.unit.ahead_ms = Some(40_000);
    let missing = "clock cannot be set: M0104 needs security code 1, and the site has no security_code_1";
    check(&house.run(2 * HOUR), &[missing]);
    assert_eq!(house.looks, 0);
    let mut old = House::new("1.0.7", wanted);
    old.unit.ahead_ms = Some(40_000);
    check(
        &old.run(2 * HOUR),
        &["clock cannot be set: status S0096 is not in the site's signal exchange list"],
    );
}

#[test]
fn what_is_unclear_sets_nothing() {
    let mut slow = house(40_000);
    slow.unit.thinks_ms = 3_000;
    check(&slow.run(2 * HOUR), &[]);
    assert!(slow.looks >= 11, "{} looks", slow.looks);

    let mut mute = house(0);
    mute.unit.ahead_ms = None;
    check(&mute.run(2 * HOUR), &["the controller does not tell its clock (S0096): it is not set"]);

    // Two looks that say different things: somebody else is setting it.
    let mut moved = house(40_000);
    assert_eq!((moved.run(7), moved.looks), (Vec::new(), 1));
    moved.unit.ahead_ms = Some(80_000);
    check(&moved.run(60), &[]);
    assert_eq!(moved.looks, 2);
}

/// Vietnam's local time, told as UTC, and a clock that runs fast.
#[test]
fn what_may_be_local_time_is_told_once_a_day_until_it_is_right() {
    let local = "s ahead: is that local time? It is not set to UTC";
    for off_s in [7 * 3_600 + 5, 7 * 3_600 + 180, 7 * 3_600 + 900, 14 * 3_600 - 2, 11 * 60] {
        let mut house = house(off_s * 1_000);
        check(&house.run(23 * HOUR), &[local]);
        check(&house.run(2 * HOUR), &[local]);
        // What was local stays so over another link, however far it is off.
        house.dial_again();
        house.unit.ahead_ms = Some(40_000);
        check(&house.run(20 * HOUR), &[]);
        house.unit.ahead_ms = Some(0);
        check(&house.run(HOUR / 2), &[]);
        house.unit.ahead_ms = Some(40_000);
        check(&house.run(HOUR / 2), &["sent M0104", "s ahead and was set; it is"]);
    }
}

/// Its battery is empty: no zone is so far away, whole half hour or not.
#[test]
fn a_clock_that_is_off_by_more_than_any_zone_is_set() {
    for off_s in [-26 * 365 * 86_400, 14 * 3_600 + 2, -15 * 3_600] {
        let mut house = house(off_s * 1_000);
        let told = house.run(60);
        check(&told, &["sent M0104", "and was set; it is"]);
        assert!(house.unit.ahead_ms.unwrap().abs() <= 500, "{:?}", house.unit.ahead_ms);
    }
}

/// All but what is said of the Watchdog's time.
fn but_watchdogs(told: Vec<String>) -> Vec<String> {
    told.into_iter().filter(|line| !line.contains("the site's clock is off by")).collect()
}

#[test]
fn no_clock_is_set_by_one_that_is_wrong() {
    let days = |days: i64| days * 86_400_000;
    for (synchrony, ours_ahead_ms, why) in [
        (Synchrony::Unsynchronised, 0, "is not set: nothing keeps the gateway's own clock"),
        (Synchrony::Unsynchronised, -days(365 * 56), "is not set: nothing keeps the gateway's own clock"),
        (Synchrony::Unknown, 0, "is not set: the system does not say whether something keeps"),
        (Synchrony::Synchronised, -days(365 * 56), "is not set: the gateway's own clock is before 2025"),
    ] {
        let mut house = house(40_000);
        (house.synchrony, house.ours_ahead_ms) = (synchrony, ours_ahead_ms);
        check(&but_watchdogs(house.run(5 * HOUR)), &[why]);
        assert_eq!(house.unit.ahead_ms, Some(40_000));
        // Then it is told the time.
        (house.synchrony, house.ours_ahead_ms) = (Synchrony::Synchronised, 0);
        check(&but_watchdogs(house.run(HOUR / 2)), &["sent M0104", "s ahead and was set; it is"]);
        assert!(house.unit.ahead_ms.unwrap().abs() <= 500, "{:?}", house.unit.ahead_ms);
    }
}

/// The clock of the gateway was wrong when the controller's was set by it: that is put right at once.
#[test]
fn when_our_own_clock_is_set_all_begins_anew() {
    let mut house = house(0);
    house.ours_ahead_ms = 300_000;
    check(&but_watchdogs(house.run(60)), &["sent M0104", "s behind and was set; it is"]);
    assert!(house.unit.ahead_ms.unwrap() > 299_000);
    house.ours_ahead_ms = 0;
    check(&but_watchdogs(house.run(120)), &["sent M0104", "s ahead and was set; it is"]);
    assert!(house.unit.ahead_ms.unwrap().abs() <= 500);
}

/// The acknowledgement of the command came, and nothing after it: the clock itself says what became of it.
#[test]
fn an_answer_that_was_lost_is_read_from_the_clock() {
    let mut house = house(40_000);
    house.unit.silent = true;
    check(&house.run(120), &["sent M0104", "s ahead and was set; it is"]);
}
