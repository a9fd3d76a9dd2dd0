//! When settings are read by block, and when by single objects: with a unit whose blocks are right, of another packing, refused, others'
//! or not there.

use std::time::Duration;

use super::own_tests::layout;
use super::table::Blocks;
use super::tests::House;
use crate::controllers::Access;
use crate::controllers::ntcip::objects::{
    ASC_BLOCK_DATA, ASC_BLOCK_GET_CONTROL, COORD_PATTERN_STATUS, Numbering, PATTERN_CYCLE_TIME,
    PATTERN_OFFSET_TIME, PATTERN_SEQUENCE_NUMBER, PATTERN_SPLIT_NUMBER, PHASE_MAXIMUM_1, PHASE_MINIMUM_GREEN,
    PHASE_PEDESTRIAN_CLEAR, PHASE_RED_CLEAR, PHASE_WALK, PHASE_YELLOW_CHANGE, SPLIT_MODE, SPLIT_TIME,
    SYS_UP_TIME, Var,
};

/// A unit with times of phases 2 and 4, and patterns 1 and 3, both with the splits of table 5.
fn house(blocks: Blocks) -> House {
    House::new(|settings, table| {
        settings.blocks = true;
        settings.poll = Duration::from_secs(1);
        table.blocks = blocks;
        for phase in [2, 4] {
            table.set(&PHASE_WALK.row(phase), 7);
            table.set(&PHASE_PEDESTRIAN_CLEAR.row(phase), 12);
            table.set(&PHASE_MINIMUM_GREEN.row(phase), 5);
            table.set(&PHASE_MAXIMUM_1.row(phase), 40);
            table.set(&PHASE_YELLOW_CHANGE.row(phase), 30);
            table.set(&PHASE_RED_CLEAR.row(phase), 20);
            table.set(&SPLIT_TIME.cell(5, phase), 25);
            table.set(&SPLIT_MODE.cell(5, phase), 4);
        }
        for (pattern, cycle_s) in [(1, 70), (3, 90)] {
            table.set(&PATTERN_CYCLE_TIME.row(pattern), cycle_s);
            table.set(&PATTERN_OFFSET_TIME.row(pattern), 10);
            table.set(&PATTERN_SPLIT_NUMBER.row(pattern), 5);
            table.set(&PATTERN_SEQUENCE_NUMBER.row(pattern), 1);
        }
    })
}

/// Warnings of so many minutes.
fn minutes(house: &mut House, minutes: u32) -> Vec<String> {
    let told = (0..minutes).flat_map(|_| house.run(60_000));
    told.filter(|line| line.starts_with("warn") || line.starts_with("down")).collect()
}

/// How often a block was chosen, and how often one was told.
fn asked(house: &House) -> (usize, usize) {
    (house.table.times(&ASC_BLOCK_GET_CONTROL.var()), house.table.times(&ASC_BLOCK_DATA.var()))
}

fn green(phase: u32) -> Var {
    PHASE_MINIMUM_GREEN.row(phase)
}

#[test]
fn a_block_that_tells_the_same_is_read_instead() {
    let mut house = house(Blocks::Right);
    assert_eq!(minutes(&mut house, 1), Vec::<String>::new());
    assert_eq!(asked(&house), (3, 3), "phases, pattern, splits");
    assert_eq!(minutes(&mut house, 60), Vec::<String>::new());
    assert_eq!(asked(&house), (6, 6));
    for var in [green(2), PATTERN_SPLIT_NUMBER.row(1), SPLIT_TIME.cell(5, 4)] {
        assert_eq!(house.table.times(&var), 1, "{var}");
    }
}

#[test]
fn lamps_keep_their_rhythm_beside_blocks() {
    let mut house = house(Blocks::Right);
    house.asker.settings.poll = Duration::from_millis(100);
    let [_, _, greens, ..] = Numbering::Bits8.phase_status();
    house.run(10_000);
    let lamps = house.table.times(&greens.row(1));
    assert!((100..=102).contains(&lamps), "{lamps}");
    assert_eq!(asked(&house), (3, 3));
}

#[test]
fn another_pattern_is_read_by_itself_once() {
    let mut house = house(Blocks::Right);
    minutes(&mut house, 1);
    house.table.set(&COORD_PATTERN_STATUS.var(), 3);
    minutes(&mut house, 1);
    assert_eq!(house.table.times(&PATTERN_SPLIT_NUMBER.row(3)), 1);
    assert_eq!((house.table.times(&green(4)), house.table.times(&SPLIT_TIME.cell(5, 2))), (1, 1), "by block");
    house.table.set(&COORD_PATTERN_STATUS.var(), 1);
    minutes(&mut house, 1);
    assert_eq!(house.table.times(&PATTERN_SPLIT_NUMBER.row(1)), 1, "by block");
    assert_eq!(asked(&house), (9, 9));
}

/// A block by itself is never believed: what it tells anew is asked for.
#[test]
fn what_a_block_tells_anew_is_told_by_single_objects() {
    let mut house = house(Blocks::Right);
    minutes(&mut house, 1);
    house.table.set(&green(4), 7);
    let changed = "warn the controller's settings were changed: phaseMinimumGreen.4 from 5 to 7";
    assert_eq!(minutes(&mut house, 61), [changed]);
    assert_eq!(house.table.times(&green(4)), 2);
    assert_eq!(asked(&house), (7, 7), "phases twice: it is held against them anew");
    assert_eq!(minutes(&mut house, 60), Vec::<String>::new());
    assert_eq!((house.table.times(&green(4)), asked(&house)), (2, (10, 10)));
}

/// It is asked for again an hour later, as where there is no block; a block alone tells nothing of it.
#[test]
fn what_single_objects_do_not_tell_no_block_tells() {
    let mut house = house(Blocks::Right);
    let walk = PHASE_WALK.row(4);
    house.table.values.remove(walk.oid());
    assert_eq!(minutes(&mut house, 61), Vec::<String>::new());
    assert_eq!((house.table.times(&walk), house.table.times(&green(4)), asked(&house)), (2, 1, (6, 6)));
}

/// It goes on being right only where it is looked at: once a day.
#[test]
fn after_a_day_it_is_held_against_single_objects_again() {
    let mut house = house(Blocks::Right);
    minutes(&mut house, 24 * 60 - 30);
    assert_eq!(house.table.times(&green(2)), 1);
    minutes(&mut house, 120);
    assert_eq!(house.table.times(&green(2)), 2);
}

/// Told once, and never asked for again; what single objects tell fits the configuration all the while.
#[track_caller]
fn check_left(mut house: House, want_asked: (usize, usize), why: &str) {
    house.asker.settings.layout = Some(layout());
    let text = format!("warn the controller's settings are read by single objects and not by block: {why}");
    assert_eq!(minutes(&mut house, 1), [text]);
    assert_eq!(asked(&house), want_asked);
    assert_eq!(minutes(&mut house, 130), Vec::<String>::new());
    assert_eq!(asked(&house), want_asked);
    assert_eq!(house.table.times(&green(2)), 3);
    assert_eq!(house.table.times(&SPLIT_TIME.cell(5, 4)), 3);
}

#[test]
fn a_block_that_differs_is_not_believed() {
    check_left(house(Blocks::Shifted), (1, 1), "phaseWalk.2 is 7 by itself and 3 in the block");
    check_left(
        house(Blocks::Others),
        (1, 1),
        "the block begins with 00 03 63 01, and 00 00 02 03 was asked for",
    );
}

#[test]
fn a_unit_that_has_no_blocks_or_refuses_them_is_left_alone() {
    let not = |word: &str| format!("it does not let ascBlockGetControl be set ({word})");
    for blocks in [Blocks::None, Blocks::Refuses] {
        check_left(house(blocks), (1, 0), &not("notWritable"));
    }
    let mut old = house(Blocks::None);
    old.asker.settings.access = Access::Community { v1: true, community: "public".into() };
    old.asker.snmp = super::Snmp::new(old.asker.settings.access.clone());
    old.table.v1 = true;
    check_left(old, (1, 0), &not("noSuchName"));
    let mut untold = house(Blocks::Right);
    untold.table.busy_with = Some(ASC_BLOCK_DATA.var().oid().to_vec());
    check_left(untold, (1, 1), "it does not tell ascBlockData (genErr)");
}

#[test]
fn silence_about_a_block_keeps_no_lamps_waiting() {
    for (silent, asked) in [(ASC_BLOCK_GET_CONTROL, (1, 0)), (ASC_BLOCK_DATA, (1, 1))] {
        let mut first = house(Blocks::Right);
        first.asker.settings.poll = Duration::from_millis(100);
        first.table.deaf_to = Some(silent.var().oid().to_vec());
        let [_, _, greens, ..] = Numbering::Bits8.phase_status();
        first.run(10_000);
        let lamps = first.table.times(&greens.row(1));
        assert!((100..=102).contains(&lamps), "{}: {lamps}", silent.name);
        let mut second = house(Blocks::Right);
        second.table.deaf_to = Some(silent.var().oid().to_vec());
        let why = format!("no answer about {} came before lamps were to be looked at again", silent.name);
        check_left(second, asked, &why);
    }
}

#[test]
fn nothing_is_chosen_where_nobody_allows_it_or_an_order_is_held() {
    let mut unset = house(Blocks::Right);
    unset.asker.settings.blocks = false;
    minutes(&mut unset, 70);
    assert_eq!((asked(&unset), unset.table.times(&green(2))), ((0, 0), 2));
    let mut held = house(Blocks::Right);
    held.run(1_000);
    held.plan(3);
    held.table.set(&COORD_PATTERN_STATUS.var(), 3);
    minutes(&mut held, 1);
    assert_eq!((asked(&held), held.table.times(&PATTERN_SPLIT_NUMBER.row(3))), ((0, 0), 1));
    held.plan(0);
    held.table.set(&COORD_PATTERN_STATUS.var(), 1);
    minutes(&mut held, 1);
    assert_eq!(asked(&held), (3, 3));
}

/// Between the choice of a block and what it tells.
#[test]
fn an_order_goes_before_a_block_that_was_chosen() {
    let mut house = house(Blocks::Right);
    house.table.deaf_to = Some(ASC_BLOCK_DATA.var().oid().to_vec());
    while asked(&house).0 == 0 {
        house.run(10);
    }
    house.plan(3);
    assert_eq!(house.run(50), ["Done"]);
    assert_eq!(asked(&house), (1, 0));
    house.table.set(&COORD_PATTERN_STATUS.var(), 3);
    assert_eq!(minutes(&mut house, 1), Vec::<String>::new());
    assert_eq!(asked(&house), (1, 0));
}

#[test]
fn a_restart_opens_it_again_unless_it_may_be_to_blame() {
    let mut house = house(Blocks::Refuses);
    assert_eq!(minutes(&mut house, 6).len(), 1);
    house.table.blocks = Blocks::Right;
    house.table.set(&SYS_UP_TIME.var(), 300);
    house.table.set(&COORD_PATTERN_STATUS.var(), 3);
    assert_eq!(minutes(&mut house, 1), ["warn the controller was started anew"]);
    assert_eq!(asked(&house), (4, 3));
    house.table.set(&SYS_UP_TIME.var(), 3);
    let told = minutes(&mut house, 1);
    assert!(told.len() == 2 && told[1].ends_with("it is asked for none any more"), "{told:?}");
    minutes(&mut house, 120);
    house.table.set(&SYS_UP_TIME.var(), 2);
    minutes(&mut house, 120);
    assert_eq!(asked(&house), (4, 3));
}

/// Whatever a block is made of: no panic, one line at most, and what is told is what single objects tell.
#[test]
fn nonsense_in_blocks_is_left_aside() {
    for seed in 0..300 {
        let mut house = house(Blocks::Nonsense(seed));
        house.asker.settings.layout = Some(layout());
        house.asker.settings.poll = Duration::from_millis(500);
        let told = house.run(20_000);
        let lines = told.iter().filter(|line| line.starts_with("warn")).count();
        assert!(lines <= 1 && !told.iter().any(|line| line.starts_with("alarm")), "{seed}: {told:?}");
        assert_eq!(house.table.times(&SPLIT_TIME.cell(5, 4)), 1, "{seed}");
    }
}
