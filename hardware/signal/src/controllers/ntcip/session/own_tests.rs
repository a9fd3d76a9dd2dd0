//! How the unit's own settings are read: when, how often, and with what a unit has not or does not answer.

use std::time::Duration;

use models_domain::DurationMs;
use models_domain::signal::plan::{Group, GroupKind, Layout, Limits};

use super::tests::House;
use crate::controllers::ntcip::objects::{
    COORD_PATTERN_STATUS, Numbering, PATTERN_CYCLE_TIME, PATTERN_SPLIT_NUMBER, PHASE_MAXIMUM_1,
    PHASE_MINIMUM_GREEN, PHASE_RED_CLEAR, PHASE_WALK, PHASE_YELLOW_CHANGE, SPLIT_TIME,
};
use crate::controllers::{Access, Asked, Order, Session};

/// A unit with times of phases 2 and 4, and splits of pattern 1 in table 5.
fn house() -> House {
    House::new(|_, table| {
        for phase in [2, 4] {
            table.set(&PHASE_MINIMUM_GREEN.row(phase), 5);
            table.set(&PHASE_YELLOW_CHANGE.row(phase), 30);
            table.set(&PHASE_RED_CLEAR.row(phase), 20);
            table.set(&SPLIT_TIME.cell(5, phase), 25);
        }
        table.set(&PATTERN_SPLIT_NUMBER.row(1), 5);
    })
}

#[test]
fn all_is_read_after_the_start_and_lamps_keep_their_rhythm() {
    let mut house = house();
    let [_, _, green, ..] = Numbering::Bits8.phase_status();
    house.run(10_000);
    let lamps = house.table.times(&green.row(1));
    // Every 100 ms from the first, and once to find out where the phases are.
    assert!((100..=102).contains(&lamps), "{lamps}");
    for var in [PHASE_MINIMUM_GREEN.row(2), PATTERN_SPLIT_NUMBER.row(1), SPLIT_TIME.cell(5, 4)] {
        assert_eq!(house.table.times(&var), 1, "{var}");
    }
    let most = house.table.asked.iter().filter_map(|asked| asked.strip_prefix("get ")?.parse::<usize>().ok());
    assert_eq!(most.max(), Some(8));
}

#[test]
fn it_is_read_again_with_another_pattern_and_after_an_hour_but_for_what_is_not_there() {
    let mut house = house();
    house.run(5_000);
    house.table.set(&COORD_PATTERN_STATUS.var(), 3);
    house.run(5_000);
    assert_eq!(house.table.times(&PHASE_MINIMUM_GREEN.row(2)), 2);
    assert_eq!(house.table.times(&PATTERN_SPLIT_NUMBER.row(3)), 1);
    assert_eq!(house.table.times(&SPLIT_TIME.cell(5, 2)), 1, "pattern 3 names no splits");
    house.table.set(&PHASE_MINIMUM_GREEN.row(4), 7);
    let told: Vec<String> = (0..61).flat_map(|_| house.run(60_000)).collect();
    assert_eq!(house.table.times(&PHASE_MINIMUM_GREEN.row(2)), 3);
    assert_eq!(house.table.times(&PHASE_WALK.row(2)), 2, "it had none an hour before");
    let changed = "warn the controller's settings were changed: phaseMinimumGreen.4 from 5 to 7";
    assert_eq!(told.iter().filter(|line| line.starts_with("warn")).collect::<Vec<_>>(), [changed]);
}

#[test]
fn a_unit_of_v1_is_not_asked_again_for_what_it_lacks() {
    let mut house = House::new(|settings, table| {
        settings.access = Access::Community { v1: true, community: "public".into() };
        table.v1 = true;
        table.set(&PHASE_MINIMUM_GREEN.row(2), 5);
        table.set(&PHASE_MAXIMUM_1.row(4), 30);
    });
    house.run(20_000);
    let before = house.table.times(&PHASE_WALK.row(4));
    assert!(before > 0 && house.table.times(&PHASE_MAXIMUM_1.row(4)) > 0);
    house.table.set(&COORD_PATTERN_STATUS.var(), 3);
    let read = house.table.times(&PHASE_MINIMUM_GREEN.row(2));
    let told = house.run(20_000);
    assert_eq!(house.table.times(&PHASE_WALK.row(4)), before);
    assert!(house.table.times(&PHASE_MINIMUM_GREEN.row(2)) > read);
    assert!(!told.iter().any(|line| line.starts_with("down")), "{told:?}");
}

#[test]
fn a_unit_that_leaves_such_questions_unanswered_keeps_its_link() {
    let mut house = house();
    house.table.deaf_to = Some(PHASE_MINIMUM_GREEN.row(2).oid().to_vec());
    house.asker.settings.poll = Duration::from_millis(1_000);
    let told = house.run(50_000);
    assert!(!told.iter().any(|line| line.starts_with("down")), "{told:?}");
    assert_eq!(house.table.times(&PHASE_MINIMUM_GREEN.row(2)), 1);
    house.run(60_000);
    assert_eq!(house.table.times(&PHASE_MINIMUM_GREEN.row(2)), 2, "tried again after a minute");
    house.table.deaf_to = None;
    house.run(130_000);
    assert_eq!(house.table.times(&SPLIT_TIME.cell(5, 2)), 1);
}

/// Groups of phases 2 and 4, with times as the unit of [`house`] has them.
pub(super) fn layout() -> Layout {
    let group = Group {
        kind: GroupKind::Vehicle,
        green_min: DurationMs(5_000),
        clearance: DurationMs(3_000),
        red_max: DurationMs(90_000),
    };
    let mut layout = Layout::new(vec![group, group], Limits::default());
    layout.set_intergreen(0, 1, DurationMs(5_000));
    layout
}

fn minutes(house: &mut House, minutes: u32) -> Vec<String> {
    (0..minutes).flat_map(|_| house.run(60_000)).filter(|line| !line.starts_with("Some(")).collect()
}

/// The rest is read and held against the configuration, and it is said which is not.
#[test]
fn a_variable_that_is_never_answered_is_left_out_and_told_once() {
    let mut house = house();
    house.asker.settings.layout = Some(layout());
    house.asker.settings.poll = Duration::from_millis(1_000);
    house.table.deaf_to = Some(PHASE_MINIMUM_GREEN.row(2).oid().to_vec());
    house.table.set(&PHASE_RED_CLEAR.row(4), 10);
    let told = minutes(&mut house, 7);
    let left =
        "warn times not held against the configuration: the controller does not tell phaseMinimumGreen.2";
    assert_eq!(told[told.len() - 2..], ["alarm timesShorter true", left], "{told:?}");
    assert_eq!(house.table.times(&PHASE_MINIMUM_GREEN.row(2)), 6, "8, 8, 4, 2 at once, then twice alone");
    assert_eq!(house.table.times(&SPLIT_TIME.cell(5, 4)), 1);
    let read = house.table.times(&PHASE_MINIMUM_GREEN.row(4));
    assert_eq!(minutes(&mut house, 70), Vec::<String>::new());
    assert!(house.table.times(&PHASE_MINIMUM_GREEN.row(4)) > read, "read again");
}

#[test]
fn what_a_busy_unit_does_not_tell_is_asked_for_again() {
    let mut house = house();
    house.asker.settings.layout = Some(layout());
    house.table.busy_with = Some(PHASE_YELLOW_CHANGE.row(2).oid().to_vec());
    house.table.set(&PHASE_YELLOW_CHANGE.row(2), 25);
    assert!(!house.run(50_000).iter().any(|line| line.starts_with("alarm") || line.starts_with("down")));
    assert_eq!(house.table.times(&PHASE_YELLOW_CHANGE.row(2)), 1);
    house.table.busy_with = None;
    assert_eq!(minutes(&mut house, 1).last().map(String::as_str), Some("alarm timesShorter true"));
}

#[test]
fn an_alarm_about_a_time_that_is_told_no_more_ends() {
    let mut house = house();
    house.asker.settings.layout = Some(layout());
    house.table.set(&PHASE_MINIMUM_GREEN.row(4), 9);
    assert_eq!(house.run(5_000).last().map(String::as_str), Some("alarm timesLonger true"));
    house.table.values.remove(PHASE_MINIMUM_GREEN.row(4).oid());
    house.table.set(&COORD_PATTERN_STATUS.var(), 3);
    assert_eq!(house.run(5_000).last().map(String::as_str), Some("alarm timesLonger false"));
}

/// While the link was lost another unit was put in: nobody has changed its times.
#[test]
fn what_is_known_of_a_unit_ends_with_the_link() {
    let mut house = house();
    house.run(5_000);
    house.table.silent = true;
    house.run(10_000);
    house.table.silent = false;
    house.table.set(&PHASE_MINIMUM_GREEN.row(4), 9);
    let told = house.run(10_000);
    assert!(told.contains(&"up ".to_owned()), "{told:?}");
    assert!(!told.iter().any(|line| line.contains("settings were changed")), "{told:?}");
    assert_eq!(house.table.times(&SPLIT_TIME.cell(5, 4)), 2, "all was read again");
}

#[test]
fn times_that_are_not_as_configured_are_an_alarm_until_they_fit() {
    let mut house = house();
    house.asker.settings.layout = Some(layout());
    house.table.set(&PHASE_RED_CLEAR.row(4), 10);
    let text = "warn junction a: signal group 2 (phase 4): times in the controller are shorter than configured, so the \
                street has not what orders are judged by: yellow with red clear 4 s (configured 5 s); set \
                phaseYellowChange.4 and phaseRedClear.4 in the controller so that it is 5 s, or, after checking the \
                junction's design, intergreen_s with signal group 1 here to 4 s";
    let told = house.run(5_000);
    assert_eq!(told[told.len() - 2..], [text, "alarm timesShorter true"]);
    // Read again, and nothing said of it again.
    house.table.set(&COORD_PATTERN_STATUS.var(), 3);
    assert_eq!(house.run(5_000), ["Some(Normal) Some(3) Some(false)"]);
    house.table.set(&PHASE_RED_CLEAR.row(4), 20);
    house.table.set(&PHASE_MINIMUM_GREEN.row(2), 9);
    house.table.set(&COORD_PATTERN_STATUS.var(), 1);
    let told = house.run(5_000);
    assert!(told[2].contains("minimum green 9 s (configured 5 s)"), "{told:?}");
    assert_eq!(told[3..], ["alarm timesLonger true", "alarm timesShorter false"]);
}

#[test]
fn the_cycle_of_the_pattern_that_runs_is_told() {
    let mut house = house();
    house.table.set(&PATTERN_CYCLE_TIME.row(1), 70);
    house.run(5_000);
    let ask = |house: &mut House| {
        house.asker.order(Order { number: 4, what: Asked::Now });
        let told = house.run(20);
        told.into_iter().find(|line| line.starts_with("Now(")).unwrap_or_default()
    };
    let told = ask(&mut house);
    assert!(told.contains("cycle_length_s: Some(70)"), "{told}");
    // A pattern without one.
    house.table.set(&COORD_PATTERN_STATUS.var(), 254);
    let told = ask(&mut house);
    assert!(told.contains("plan: Some(254)") && told.contains("cycle_length_s: None"), "{told}");
}
