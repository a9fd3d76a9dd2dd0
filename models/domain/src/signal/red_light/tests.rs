//! The judgement as a table: only what no error explains is a violation.

use super::lamp::Lamp;
use super::*;

/// `G0 Y20000 R23000`: changes with their millisecond; known for two minutes.
fn trace(text: &str) -> Trace {
    let change = |word: &str| {
        let aspect = match &word[..1] {
            "G" => Aspect::Green,
            "Y" => Aspect::Yellow,
            "R" => Aspect::Red,
            _ => Aspect::Unknown,
        };
        // `R23000+400`: it arrived so much later.
        let (at, late) = word[1..].split_once('+').unwrap_or((&word[1..], "0"));
        let at = UtcMillis(at.parse().unwrap());
        let by = at + DurationMs(late.parse().unwrap());
        Shown { at, by, aspect, state: '-', controller_at: at }
    };
    Trace::new(text.split(' ').map(change).collect(), UtcMillis(120_000))
}

#[track_caller]
fn check(text: &str, at: i64, errors: (i64, i64), want: Verdict) {
    let at = UtcMillis(at);
    check_passage(text, Passage { before: at, at, beyond: at, after: at }, errors, want);
}

#[track_caller]
fn check_passage(text: &str, passage: Passage, errors: (i64, i64), want: Verdict) {
    let errors = ClockErrors { camera: DurationMs(errors.0), controller: DurationMs(errors.1) };
    assert_eq!(judge(&trace(text), &passage, errors), want);
}

fn red(ms: i64) -> Verdict {
    Verdict::Violation { red_for: DurationMs(ms) }
}

#[test]
fn only_what_no_error_explains() {
    let cycle = "G0 Y20000 R23000 G60000";
    check(cycle, 22_999, (0, 0), Verdict::Allowed);
    check(cycle, 23_000, (0, 0), red(0));
    check(cycle, 23_299, (200, 100), Verdict::Doubtful);
    check(cycle, 23_300, (200, 100), red(0));
    check(cycle, 40_000, (200, 100), red(16_700));
    check(cycle, 59_699, (200, 100), red(36_399));
    check(cycle, 59_700, (200, 100), Verdict::Doubtful);
    check(cycle, 60_300, (200, 100), Verdict::Allowed);
    check(cycle, 119_800, (200, 100), Verdict::Undecided);
    check(cycle, 119_700, (200, 99), Verdict::Allowed);
    check("G1000 R2000", 1_100, (200, 0), Verdict::Undecided);
    check("R0 U30000 R40000", 29_900, (200, 0), Verdict::Undecided);
    check("R0 U30000 R40000", 29_700, (200, 0), red(29_500));
    // A controller that reports red twice has shown it throughout.
    check("G0 R10000 R20000", 20_000, (100, 0), red(9_900));
    check("G0 R10000 R20000", 30_000, (100, 0), red(19_900));
}

#[test]
fn a_change_that_was_told_late_may_have_come_about_late() {
    let cycle = "G0 Y20000 R23000+400 G60000+3000";
    check(cycle, 23_399, (0, 0), Verdict::Doubtful);
    check(cycle, 23_400, (0, 0), red(0));
    check(cycle, 61_000, (0, 0), Verdict::Doubtful);
    check(cycle, 63_000, (0, 0), Verdict::Allowed);
}

#[test]
fn the_whole_passage_must_lie_in_red() {
    let cycle = "G0 Y20000 R23000 G60000";
    let passage = |before: i64, beyond: i64| Passage {
        before: UtcMillis(before),
        at: UtcMillis(beyond),
        beyond: UtcMillis(beyond),
        after: UtcMillis(beyond + 500),
    };
    // Its front was over the line while it was yellow, its rear wheels followed at red.
    check_passage(cycle, passage(22_900, 23_900), (50, 0), Verdict::Doubtful);
    check_passage(cycle, passage(23_050, 23_900), (50, 0), red(0));
    // It stood on the line and went when it was green.
    check_passage(cycle, passage(30_000, 60_400), (50, 0), Verdict::Doubtful);
    check_passage(cycle, passage(59_000, 59_900), (50, 0), red(35_950));
    // Farther than any error, and nonsense.
    check_passage(cycle, passage(30_000, 30_500), (i64::MIN, i64::MAX), Verdict::Undecided);
}

#[test]
fn a_lamp_that_was_told_of_once_is_no_trace() {
    assert_eq!(Lamp::default().trace(1), None);
}
