//! What a junction shows, kept from report to report, and what a controller says held against what was wanted.

use super::*;

#[test]
fn groups_are_followed_from_report_to_report() {
    let mut seen = Seen::default();
    for (at, states) in [(0, "1B"), (5, "4B"), (9, "NB"), (12, "BB"), (14, "B1")] {
        seen.report(UtcMillis(at), states);
        assert_eq!(seen.groups()[1].begun, at == 14, "red from the begin on");
    }
    let group = |index: usize| seen.groups()[index];
    assert_eq!(
        (group(0).aspect, group(0).since, group(0).green_ended),
        (Aspect::Red, UtcMillis(12), Some(UtcMillis(9)))
    );
    assert_eq!((group(1).aspect, group(1).since), (Aspect::Green, UtcMillis(14)));
    assert_eq!(seen.greens().to_string(), "2");
    // Nobody knows, and then it is found as it is.
    seen.report(UtcMillis(20), "--");
    seen.report(UtcMillis(30), "BB");
    let found = |red_from: i64| {
        let (since, red_from) = (UtcMillis(30), UtcMillis(red_from));
        SeenGroup { aspect: Aspect::Red, since, begun: false, green_ended: None, red_from }
    };
    assert_eq!(seen.groups(), [found(12), found(20)]);
    seen.lose();
    assert!(seen.greens().is_empty() && seen.groups().is_empty());
}

/// `reports`: a time and what is shown from then on, `-` for a lost link. Since when the first group may be at red.
#[track_caller]
fn check_red(reports: &str, want: i64) {
    let mut seen = Seen::default();
    for report in reports.split_whitespace() {
        let (at, states) = report.split_once(':').unwrap();
        if states == "-" {
            seen.lose();
        } else {
            seen.report(UtcMillis(at.parse().unwrap()), states);
        }
    }
    assert_eq!(seen.groups()[0].red_from, UtcMillis(want), "{reports}");
}

#[test]
fn a_red_that_is_found_may_have_begun_when_something_else_was_seen_last() {
    check_red("5:1B 9:BB", 9);
    check_red("5:1B 9:BB 20:- 22:BB", 9);
    check_red("5:1B 9:BB 20:- 22:BB 25:- 26:- 27:BB", 9);
    check_red("5:1B 20:- 22:BB", 5);
    check_red("5:1B 9:BB 20:- 22:1B 25:- 27:BB", 22);
    // Another number of groups for a moment.
    check_red("5:1B 9:BB 20:BBB 22:BB", 9);
    check_red("5:1B 9:BB 20:eB 22:BB", 9);
    check_red("5:1B 9:eB 20:- 22:BB", 9);
    check_red("5:BB 9:dB 12:BB", 12);
    // The clock was set back.
    check_red("5:1B 9:BB 20:- 7:BB", 7);
}

#[test]
fn what_followed_a_state_that_nobody_knows_was_not_seen_to_begin() {
    let mut seen = Seen::default();
    for (at, states) in [(0, "4"), (5, "e"), (9, "B")] {
        seen.report(UtcMillis(at), states);
    }
    let group = seen.groups()[0];
    assert_eq!((group.since, group.begun, group.green_ended), (UtcMillis(9), false, None));
}

#[test]
fn what_a_controller_says_is_held_against_what_was_wanted() {
    let mut now = ControllerNow { plan: Some(1), ..ControllerNow::default() };
    let none = GroupSet::EMPTY;
    assert!(!now.shows(&Wanted::Plan(1), &none), "its mode is not known");
    now.learn(&ControllerNow {
        mode: Some(Mode::Normal),
        plan_forced: Some(true),
        ..ControllerNow::default()
    });
    assert!(now.shows(&Wanted::Plan(1), &none) && !now.shows(&Wanted::Plan(2), &none));
    assert!(!now.shows(&Wanted::OwnPlan, &none) && !now.shows(&Wanted::Flash, &none));
    now.learn(&ControllerNow { mode: Some(Mode::Dark), ..ControllerNow::default() });
    assert!(now.shows(&Wanted::Dark, &none) && !now.shows(&Wanted::Plan(1), &none));
    now.learn(&ControllerNow { mode: Some(Mode::Manual), ..ControllerNow::default() });
    assert!(!now.shows(&Wanted::Plan(1), &none) && !now.shows(&Wanted::OwnPlan, &none));
    // It said so once, and now that it does not know.
    now.learn(&ControllerNow { mode: Some(Mode::Normal), ..ControllerNow::default() });
    now.learn(&ControllerNow { mode: Some(Mode::Unknown), ..ControllerNow::default() });
    assert!(!now.shows(&Wanted::Plan(1), &none) && !now.shows(&Wanted::OwnPlan, &none));
    let one: GroupSet = [1].into_iter().collect();
    assert!(now.shows(&Wanted::Groups(one), &one) && !now.shows(&Wanted::Groups(one), &none));
}

#[test]
fn a_way_back_is_tried_later_and_later_and_once_a_minute_at_least() {
    let seconds = [0, 1, 2, 3, 4, 5, u32::MAX].map(|times| again_after(times).seconds());
    assert_eq!(seconds, [3.0, 6.0, 12.0, 24.0, 48.0, 60.0, 60.0]);
}
