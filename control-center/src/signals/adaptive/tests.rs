//! Whose orders stand, who else has a junction, and what becomes of a way back.

use super::*;
use control_center_store::{NOT_SENT, NewOrder};
use models_domain::signal::order::Mode;

fn steered() -> Steered {
    Steered {
        junction: "j".parse().unwrap(),
        bounds: Bounds::default(),
        exits: Vec::new(),
        ahead: DurationMs(7 * 3_600_000),
    }
}

fn row(number: u64, asked_by: &str, wanted: Wanted) -> OrderRow {
    let order = NewOrder {
        gateway: "g".parse().unwrap(),
        junction: "j".parse().unwrap(),
        wanted,
        hold: DurationMs(15_000),
        patience: DurationMs(0),
        purpose: String::new(),
        asked_by: asked_by.into(),
    };
    OrderRow {
        id: number,
        order,
        asked: UtcMillis(1),
        approved_by: None,
        number: Some(number),
        sent: Some(UtcMillis(1)),
        ends: Some(UtcMillis(15_001)),
        state: "done".into(),
        detail: String::new(),
        state_at: UtcMillis(2),
    }
}

#[test]
fn what_stands_is_its_own_and_not_given_back_yet() {
    let groups = || Wanted::Groups([0].into_iter().collect());
    let check = |rows: &[OrderRow], want: Option<u64>| {
        assert_eq!(stands(&steered(), rows).map(|(id, _)| id), want);
    };
    check(&[], None);
    check(&[row(1, "lan", groups())], None);
    check(&[row(1, "adaptive:j", groups()), row(2, "lan", groups())], None);
    let mut elsewhere = row(2, "lan", groups());
    elsewhere.order.junction = "k".parse().unwrap();
    check(&[row(1, "adaptive:j", groups()), elsewhere], Some(1));
    check(&[row(3, "adaptive:j", groups()), row(1, "adaptive:j", groups())], Some(3));
    check(&[row(3, "adaptive:j", groups()), row(4, "adaptive:j", Wanted::OwnPlan)], None);
}

#[test]
fn nothing_is_ordered_of_a_controller_that_somebody_else_has_or_may_have() {
    let check = |local_mode: bool, mode: Option<Mode>, plan: Option<u8>, want: Option<Why>| {
        let aggregated = Aggregated { local_mode, ..Aggregated::default() };
        let now = ControllerNow { mode, plan, ..ControllerNow::default() };
        assert_eq!(taken(Some(&aggregated), &now), want);
    };
    check(false, Some(Mode::Normal), Some(1), None);
    check(true, Some(Mode::Normal), Some(1), Some(Why::Local));
    check(false, None, Some(1), Some(Why::ModeUnknown));
    check(false, Some(Mode::Normal), None, Some(Why::PlanUnknown));
}

#[test]
fn what_the_pole_has_in_force_is_its_own_or_somebody_else_s() {
    let all = Adaptives { all: Vec::new(), known: Mutex::default() };
    let owns = |numbers: &[u64], order: u64| all.change(&steered(), |known| known.owns(numbers, order));
    assert!(owns(&[], 0) && !owns(&[], 7) && owns(&[7], 7));
    assert!(owns(&[8], 7), "it was its own a moment ago");
    let more: Vec<u64> = (9..9 + NUMBERS_KEPT as u64).collect();
    assert!(!owns(&more, 7) && owns(&[], 9));
}

#[test]
fn days_begin_at_the_city_s_midnight() {
    let evening = 20 * DAY_MS + 17 * 3_600_000;
    assert_eq!(steered().day(UtcMillis(evening - 1)), 20);
    assert_eq!(steered().day(UtcMillis(evening)), 21);
}

#[test]
fn only_what_the_file_lets_order_does() {
    let steered = steered();
    let all = Adaptives::new(&[]);
    assert!(all.told(&steered.junction).is_none());
    let all = Adaptives { all: vec![Arc::new(steered.clone())], known: Mutex::default() };
    let told = all.told(&steered.junction).unwrap();
    assert_eq!(told.steer.bounds(), &Bounds::default());
    assert!(ordered(&row(1, &steered.orderer(), Wanted::OwnPlan)));
    assert!(!ordered(&row(1, "bus_priority:j", Wanted::OwnPlan)));
}

#[test]
fn a_way_back_that_never_left_the_hall_was_not_sent() {
    let check = |sent: Option<i64>, state: &str, detail: &str, want: Released| {
        let (sent, state, detail) = (sent.map(UtcMillis), state.to_owned(), detail.to_owned());
        let row = OrderRow { sent, state, detail, ..row(2, "adaptive:j", Wanted::OwnPlan) };
        assert_eq!(orders::released(&row), want);
    };
    check(Some(1), "taken", "", Released::Over);
    check(Some(1), "done", "mode normal, plan 1", Released::Over);
    check(Some(1), "silent", "the gateway did not answer", Released::Sent);
    check(Some(1), "refused", "the wish is 6 s old, or has expired", Released::Sent);
    check(Some(1), "silent", NOT_SENT, Released::NotSent);
    check(None, "refused", "somebody ordered something else meanwhile", Released::NotSent);
}
