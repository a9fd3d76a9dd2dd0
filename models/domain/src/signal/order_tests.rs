//! What stands against a person's order: a table, and every order at every moment of a cycle.

use super::GroupSet;
use super::order::{Book, InForce, ORDERS_MAX, Order, STOPS_MAX, Seen, Wanted};
use super::plan::{Group, GroupKind, Layout, Limits};
use super::safety::{Known, Refusal, check_moment, check_order, not_waited_out};
use crate::units::{DurationMs, UtcMillis};

/// Groups 1 and 2 against 3 (vehicles); 4 walks with 1 and 2, against 3.
fn layout() -> Layout {
    let group = |kind, clearance| Group {
        kind,
        green_min: DurationMs(5_000),
        clearance: DurationMs(clearance),
        red_max: DurationMs(120_000),
    };
    let vehicle = group(GroupKind::Vehicle, 3_000);
    let mut layout =
        Layout::new(vec![vehicle, vehicle, vehicle, group(GroupKind::Pedestrian, 8_000)], Limits::default());
    for other in [0, 1, 3] {
        layout.set_intergreen(other, 2, DurationMs(10_000));
    }
    layout
}

fn order(wanted: Wanted) -> Order {
    Order {
        number: 8,
        wanted,
        made_at: UtcMillis(100_000),
        expires_at: UtcMillis(130_000),
        patience: DurationMs(0),
    }
}

fn groups(numbers: &[u8]) -> Wanted {
    Wanted::Groups(numbers.iter().map(|number| number - 1).collect())
}

/// `reports`: seconds and what was shown from then on. The order arrives at second 101.
#[track_caller]
fn check(reports: &str, change: impl FnOnce(&mut Order, &mut Book), wanted: Wanted, want: &str) {
    let mut seen = Seen::default();
    for report in reports.split_whitespace() {
        let (second, states) = report.split_once(':').unwrap();
        seen.report(UtcMillis(second.parse::<i64>().unwrap() * 1_000), states);
    }
    let (layout, mut order) = (layout(), order(wanted));
    let mut book = Book { last_number: 7, ..Book::default() };
    change(&mut order, &mut book);
    let known = Known { layout: &layout, plans: &[1, 2], seen: &seen, book: &book };
    let refusals = check_order(known, UtcMillis(101_000), &order);
    let names: Vec<String> = refusals.iter().map(ToString::to_string).collect();
    assert_eq!(names.join("; "), want);
}

const STAGE_1: &str = "60:44B4";

fn nothing(_: &mut Order, _: &mut Book) {}

#[test]
fn what_is_granted() {
    for wanted in
        [Wanted::Plan(2), groups(&[1, 2]), groups(&[3]), Wanted::Flash, Wanted::Dark, Wanted::AllRed]
    {
        check(STAGE_1, nothing, wanted, "");
    }
    check("", nothing, Wanted::OwnPlan, "");
}

#[test]
fn age_number_length_and_rate() {
    let old = |order: &mut Order, _: &mut Book| order.made_at = UtcMillis(95_000);
    check(STAGE_1, old, Wanted::Plan(2), "the wish is 6 s old, or has expired");
    check(STAGE_1, old, Wanted::OwnPlan, "the wish is 6 s old, or has expired");
    let over = |order: &mut Order, _: &mut Book| order.expires_at = UtcMillis(101_000);
    check(STAGE_1, over, Wanted::Plan(2), "the wish is 1 s old, or has expired");
    let ahead = |order: &mut Order, _: &mut Book| order.made_at = UtcMillis(103_000);
    check(STAGE_1, ahead, Wanted::Plan(2), "the wish comes 2 s from the future; compare the clocks");
    let doubled = |order: &mut Order, _: &mut Book| order.number = 7;
    check(
        STAGE_1,
        doubled,
        Wanted::OwnPlan,
        "order 7 is not newer than order 7: it was kept back or doubled",
    );
    let long = |order: &mut Order, _: &mut Book| order.expires_at = UtcMillis(100_000 + 7_200_001);
    check(STAGE_1, long, Wanted::Flash, "at most 7200 s may be ordered, not 7200.001");
    let often = |_: &mut Order, book: &mut Book| {
        for _ in 0..ORDERS_MAX {
            book.take(UtcMillis(50_000), 3, &Wanted::Plan(1), &GroupSet::EMPTY);
        }
    };
    let enough = |changes| format!("{changes} changes within the last 60 s are enough");
    for wanted in [Wanted::Plan(2), groups(&[3])] {
        check(STAGE_1, often, wanted, &enough(6));
    }
    // The green in force goes on, which changes no lamp; another one would.
    let goes_on = |given: &mut Order, book: &mut Book| {
        often(given, book);
        let order = Order { number: 7, ..order(groups(&[3])) };
        book.in_force = Some(InForce { order, heard_at: UtcMillis(100_000), ending: None, let_go: false });
    };
    let stage_2 = "60:BB4B";
    check(stage_2, goes_on, groups(&[3]), "");
    check(stage_2, goes_on, groups(&[1]), &enough(6));
    // It is in force and not shown.
    check(STAGE_1, goes_on, groups(&[3]), &enough(6));
    // Whoever ordered so much keeps nobody from what stops service, and that has its own bound.
    for wanted in [Wanted::OwnPlan, Wanted::Flash, Wanted::Dark, Wanted::AllRed] {
        check(STAGE_1, often, wanted, "");
    }
    let stopped = |_: &mut Order, book: &mut Book| {
        for wanted in [Wanted::Flash, Wanted::Dark, Wanted::AllRed].iter().take(STOPS_MAX) {
            book.take(UtcMillis(50_000), 3, wanted, &GroupSet::EMPTY);
        }
    };
    for wanted in [Wanted::Flash, Wanted::Dark, Wanted::AllRed] {
        check(STAGE_1, stopped, wanted, &enough(3));
    }
    for wanted in [Wanted::OwnPlan, Wanted::Plan(2), groups(&[3])] {
        check(STAGE_1, stopped, wanted, "");
    }
}

#[test]
fn a_pole_waits_for_what_will_have_changed_within_its_patience() {
    let until = UtcMillis(9);
    let waited = [
        Refusal::MinimumGreen { group: 0, until },
        Refusal::Changing { group: 0 },
        Refusal::PedestrianClearance { group: 0, until },
    ];
    let lasts = [
        Refusal::TooManyChanges { changes: 6, window: DurationMs(60_000) },
        Refusal::MaximumRed { group: 0, until },
        Refusal::NotSeen,
    ];
    let all = [waited, lasts].concat();
    assert_eq!(not_waited_out(&all, DurationMs(1)), lasts);
    assert_eq!(not_waited_out(&all, DurationMs(30_000)), lasts);
    assert_eq!(not_waited_out(&waited, DurationMs(30_000)), []);
    for never in [0, 30_001] {
        assert_eq!(not_waited_out(&all, DurationMs(never)), all);
    }
}

#[test]
fn what_the_junction_does_not_have_or_must_not_show() {
    check(STAGE_1, nothing, Wanted::Plan(3), "the junction has no plan 3");
    check(STAGE_1, nothing, groups(&[9]), "the junction has no signal group 9");
    check(STAGE_1, nothing, groups(&[]), "no signal group is named");
    check(STAGE_1, nothing, groups(&[1, 3]), "signal groups 1 and 3 conflict");
    check("", nothing, Wanted::Plan(2), "what the junction shows now is not known");
    check("60:44B", nothing, Wanted::Flash, "what the junction shows now is not known");
}

#[test]
fn what_the_lamps_say_against_it() {
    let young = "60:44B4 90:BBBB 98:11B1";
    let minimum = |n| format!("signal group {n} has its minimum green until 103000");
    check(young, nothing, Wanted::Flash, &[1, 2, 4].map(minimum).join("; "));
    check(young, nothing, groups(&[3]), &[1, 2, 4].map(minimum).join("; "));
    check(young, nothing, groups(&[1]), "");
    check(young, nothing, Wanted::Plan(2), "");
    let yellow = "60:44B4 92:44B9 100:NNBB";
    let changing = |n| format!("a change is under way: signal group {n} is not at rest yet");
    check(yellow, nothing, Wanted::Dark, &[1, 2].map(changing).join("; "));
    // Green ended at 95 without flashing: the eight seconds last until 103.
    check(
        "60:44B4 95:44BB",
        nothing,
        groups(&[3]),
        "those on foot leave the road before signal group 4 until 103000",
    );
    check(
        "60:44B4 95:44B9",
        nothing,
        groups(&[3]),
        "those on foot leave the road before signal group 4 until 103000",
    );
    // Of a controller that does not know its lamps.
    check("60:44B4 100:----", nothing, Wanted::Flash, &[1, 2, 3, 4].map(changing).join("; "));
    check("60:44B4 100:----", nothing, groups(&[3]), &[1, 2, 4].map(changing).join("; "));
    check("60:44B4 100:----", nothing, groups(&[1]), &changing(3));
    // It knows them again: those on foot may have had green until just before.
    check(
        "60:44B4 90:---- 95:44BB",
        nothing,
        groups(&[3]),
        "those on foot leave the road before signal group 4 until 103000",
    );
    // Red since second 5: the bound of 120 s ends at 125, the order at 130.
    check(
        "5:44B4",
        nothing,
        groups(&[1]),
        "signal group 3 would wait at red for longer than its maximum, until 125000",
    );
    let minutes = |order: &mut Order, _: &mut Book| order.expires_at = UtcMillis(280_000);
    let waits =
        |(n, until)| format!("signal group {n} would wait at red for longer than its maximum, until {until}");
    check(
        STAGE_1,
        minutes,
        Wanted::AllRed,
        &[(1, 221_000), (2, 221_000), (3, 180_000), (4, 221_000)].map(waits).join("; "),
    );
}

/// Every set of groups and every mode, at every tenth of a second of two cycles: what is granted has no conflict and cuts
/// into no minimum green, no clearance and no bound of red.
#[test]
fn nothing_unsafe_is_granted_at_any_moment() {
    let layout = layout();
    let cycle = [
        (0, "11B1"),
        (5, "44B4"),
        (24, "44B9"),
        (32, "NNBB"),
        (35, "BBBB"),
        (37, "BB1B"),
        (65, "BBNB"),
        (68, "BBBB"),
    ];
    let mut all: Vec<Wanted> =
        vec![Wanted::Flash, Wanted::Dark, Wanted::AllRed, Wanted::Plan(1), Wanted::Plan(9)];
    all.extend(
        (0..16_u8).map(|bits| Wanted::Groups((0..4).filter(|group| bits >> group & 1 == 1).collect())),
    );
    let (mut seen, mut cases, mut granted) = (Seen::default(), 0, 0);
    for tenth in 0..1_400_i64 {
        let at = UtcMillis(tenth * 100);
        if let Some((_, states)) = cycle.iter().find(|(second, _)| second * 1_000 == at.0 % 70_000) {
            seen.report(at, states);
        }
        for wanted in &all {
            for holds in [1_000, 60_000, 299_000] {
                cases += 1;
                let order =
                    Order { made_at: at, expires_at: at + DurationMs(holds), ..order(wanted.clone()) };
                let book = Book::default();
                let known = Known { layout: &layout, plans: &[1, 2], seen: &seen, book: &book };
                let refusals = check_order(known, at, &order);
                assert!(check_moment(&layout, &seen, at, &order).is_empty() || !refusals.is_empty());
                if refusals.is_empty() {
                    granted += 1;
                    assert_safe(&layout, &seen, at, &order);
                }
            }
        }
    }
    println!("{cases} orders judged, {granted} granted");
    assert!(granted > 20_000 && granted < cases / 2, "{granted} of {cases}");
}

/// Said anew, without the code under test.
fn assert_safe(layout: &Layout, seen: &Seen, at: UtcMillis, order: &Order) {
    let shown: Vec<_> = seen.groups().to_vec();
    let loses: Vec<usize> = match &order.wanted {
        Wanted::Plan(plan) => {
            assert!([1, 2].contains(plan));
            return;
        }
        Wanted::OwnPlan => return,
        Wanted::Flash | Wanted::Dark | Wanted::AllRed => (0..4).collect(),
        Wanted::Groups(greens) => {
            let against_side = !greens.and(&[0, 1, 3].into_iter().collect::<GroupSet>()).is_empty();
            assert!(!(against_side && greens.contains(2)), "{greens:?} conflict");
            (0..4).filter(|g| if *g == 2 { against_side } else { greens.contains(2) }).collect()
        }
    };
    for group in loses {
        let (lamp, times) = (shown[group], layout.groups[group]);
        let age = at.since(lamp.since).0;
        let is = |text: &str| text.chars().any(|c| super::Aspect::of(c) == lamp.aspect);
        assert!(!is("4") || age >= 5_000, "group {group} is green for {age} ms");
        assert!(!is("N9"), "group {group} is in its clearance");
        if times.kind == GroupKind::Pedestrian
            && let Some(ended) = lamp.green_ended
            && is("B")
        {
            assert!(at.since(ended).0 >= 8_000, "somebody walks");
        }
        if is("B") && !matches!(order.wanted, Wanted::Flash | Wanted::Dark) {
            assert!(order.expires_at.since(lamp.since).0 <= 120_000, "group {group} waits too long");
        }
    }
}

#[test]
fn an_order_that_waits_for_its_moment_gets_old_too() {
    let mut seen = Seen::default();
    seen.report(UtcMillis(0), "44B4");
    let long = Order { expires_at: UtcMillis(300_000), ..order(Wanted::Plan(2)) };
    assert_eq!(check_moment(&layout(), &seen, UtcMillis(135_000), &long), []);
    let late = check_moment(&layout(), &seen, UtcMillis(135_001), &long);
    assert_eq!(late, [Refusal::TooOld { age: DurationMs(35_001) }]);
    let over = check_moment(&layout(), &seen, UtcMillis(130_000), &order(Wanted::Plan(2)));
    assert_eq!(over, [Refusal::TooOld { age: DurationMs(30_000) }]);
}
