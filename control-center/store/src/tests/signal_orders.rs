//! Orders of junctions: each step once, with its line in the audit; what poles tell never sets one back.

use models_domain::signal::order::{OrderTold, Step, Wanted};
use models_domain::signal::rate::Sent;
use models_domain::{DurationMs, EventBody, UtcMillis};

use super::{audit, commit, new, open};
use crate::{APPROVE_WITHIN, AuditLines, NOT_SENT, NewOrder, SENT, Store, TAKEN, WAITING};

fn order(wanted: Wanted) -> NewOrder {
    NewOrder {
        gateway: "pole-1".parse().unwrap(),
        junction: "kim-ma".parse().unwrap(),
        wanted,
        hold: DurationMs(60_000),
        patience: DurationMs(0),
        purpose: "thử".into(),
        asked_by: "lan".into(),
    }
}

async fn told(store: &Store, seq: u64, number: u64, step: Step) {
    let told = OrderTold { number, step, detail: step.name().into() };
    let body = EventBody::SignalOrder { junction: "kim-ma".parse().unwrap(), told };
    store.store(&commit(vec![new(1, seq, 9_000 + i64::try_from(seq).unwrap(), body)])).await.unwrap();
}

#[tokio::test]
async fn a_calendar_gives_way() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await;
    let of = |asked_by: &str, wanted: Wanted| NewOrder { asked_by: asked_by.into(), ..order(wanted) };
    let send = async |order: &NewOrder, at: i64| {
        let id = store.ask_order(order, UtcMillis(at)).await.unwrap();
        let row = store.order(id).await.unwrap().unwrap();
        store.send_order(&row, None, None, true, UtcMillis(at)).await.unwrap()
    };
    let calendar = of("calendar:c", Wanted::Plan(2));
    assert!(send(&calendar, 1_000).await.is_some());
    // Its own stands, a person's takes its place, and it does not take it back.
    assert!(send(&calendar, 2_000).await.is_some());
    assert!(send(&of("lan", Wanted::Plan(1)), 3_000).await.is_some());
    assert_eq!(send(&calendar, 4_000).await, None);
    assert!(send(&of("an", Wanted::Plan(2)), 5_000).await.is_some());
    // Their time is over.
    assert!(send(&calendar, 65_000).await.is_some());
    // Once a junction is back on its own plan nothing stands.
    let own = send(&of("lan", Wanted::OwnPlan), 70_000).await.unwrap();
    assert_eq!(send(&calendar, 71_000).await, None);
    told(&store, 1, own, Step::Done).await;
    assert!(send(&calendar, 72_000).await.is_some());
}

#[tokio::test]
async fn an_order_for_a_bus_gives_way_to_all_but_a_calendar() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await;
    let of = |asked_by: &str, wanted: Wanted| NewOrder { asked_by: asked_by.into(), ..order(wanted) };
    let send = async |order: &NewOrder, at: i64| {
        let id = store.ask_order(order, UtcMillis(at)).await.unwrap();
        let row = store.order(id).await.unwrap().unwrap();
        store.send_order(&row, None, None, true, UtcMillis(at)).await.unwrap()
    };
    let bus = of("bus_priority:p", Wanted::Groups([0].into_iter().collect()));
    assert!(send(&of("calendar:c", Wanted::Plan(2)), 1_000).await.is_some());
    assert!(send(&bus, 2_000).await.is_some());
    // A calendar waits for it; it goes on, and back.
    assert_eq!(send(&of("calendar:c", Wanted::Plan(2)), 3_000).await, None);
    assert!(send(&of("bus_priority:p", Wanted::OwnPlan), 4_000).await.is_some());
    // A person takes its place, and keeps it.
    assert!(send(&of("lan", Wanted::Plan(1)), 5_000).await.is_some());
    assert_eq!(send(&bus, 6_000).await, None);
    assert_eq!(send(&of("bus_priority:p", Wanted::OwnPlan), 7_000).await, None, "it is not its to give back");
    assert!(send(&bus, 66_000).await.is_some());
}

#[tokio::test]
async fn adaptive_control_gives_way_to_everybody_and_keeps_nobody() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await;
    let groups = || Wanted::Groups([0].into_iter().collect());
    let of = |asked_by: &str, wanted: Wanted| NewOrder {
        asked_by: asked_by.into(),
        purpose: format!("of {asked_by}"),
        ..order(wanted)
    };
    let send = async |order: &NewOrder, newest: Option<u64>, at: i64| {
        let id = store.ask_order(order, UtcMillis(at)).await.unwrap();
        let row = store.order(id).await.unwrap().unwrap();
        store.send_order(&row, None, newest, true, UtcMillis(at)).await.unwrap()
    };
    let adaptive = of("adaptive:kim-ma", groups());
    for (nth, other) in ["calendar:c", "bus_priority:p", "lan"].into_iter().enumerate() {
        let at = 1_000_000 * (i64::try_from(nth).unwrap() + 1);
        // Its own does not keep it, nor anybody who has not looked at it.
        assert!(send(&adaptive, Some(0), at).await.is_some());
        assert!(send(&adaptive, Some(0), at + 1_000).await.is_some());
        assert!(send(&of(other, groups()), Some(0), at + 2_000).await.is_some(), "{other}");
        for wanted in [groups(), Wanted::OwnPlan] {
            let late = of("adaptive:kim-ma", wanted);
            assert_eq!(send(&late, Some(u64::MAX >> 1), at + 3_000).await, None, "{other}");
        }
    }
    // What had to wait for its turn to write is of lamps that may have changed since; a way back is not.
    for (wanted, goes) in [(groups(), false), (Wanted::OwnPlan, true)] {
        let id = store.ask_order(&of("adaptive:kim-ma", wanted), UtcMillis(4_000_000)).await.unwrap();
        let row = store.order(id).await.unwrap().unwrap();
        let sent = store.send_order(&row, None, Some(0), true, UtcMillis(4_001_600)).await.unwrap();
        assert_eq!(sent.is_some(), goes);
    }
    // It waits until the time of a way back is over, too.
    let own = send(&of("lan", Wanted::OwnPlan), None, 5_000_000).await.unwrap();
    told(&store, 1, own, Step::Done).await;
    assert_eq!(send(&adaptive, Some(own), 5_001_000).await, None);
    assert!(send(&adaptive, Some(own), 5_060_000).await.is_some());
}

#[tokio::test]
async fn many_orders_of_adaptive_control_hide_nobody_else_s_and_are_forgotten() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await;
    let junction: models_domain::JunctionId = "kim-ma".parse().unwrap();
    let ask = async |asked_by: &str, at: i64| {
        let order = NewOrder { asked_by: asked_by.into(), ..order(Wanted::OwnPlan) };
        store.ask_order(&order, UtcMillis(at)).await.unwrap()
    };
    let person = ask("lan", 1_000).await;
    for at in 0..20 {
        ask("adaptive:kim-ma", 2_000 + at).await;
    }
    let bus = ask("bus_priority:p", 3_000).await;
    let ids = |rows: Vec<crate::OrderRow>| rows.into_iter().map(|row| row.id).collect::<Vec<_>>();
    assert_eq!(ids(store.orders_but_adaptive(&junction, 9).await.unwrap()), [bus, person]);
    assert_eq!(ids(store.orders_but_adaptive(&junction, 1).await.unwrap()), [bus]);
    assert_eq!(store.orders(Some("kim-ma"), false, 99).await.unwrap().len(), 22);
    assert_eq!(store.forget_adaptive_orders(UtcMillis(2_015)).await.unwrap(), 15);
    assert_eq!(store.forget_adaptive_orders(UtcMillis(2_015)).await.unwrap(), 0);
    assert_eq!(store.orders(Some("kim-ma"), false, 99).await.unwrap().len(), 7);
}

#[tokio::test]
async fn what_a_person_sent_meanwhile_keeps_a_run_from_passing_it() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await;
    let groups = || Wanted::Groups([0].into_iter().collect());
    let run = |wanted: Wanted| NewOrder { purpose: "emergency 7: 115".into(), ..order(wanted) };
    let send = async |order: &NewOrder, newest: Option<u64>, at: i64| {
        let id = store.ask_order(order, UtcMillis(at)).await.unwrap();
        let row = store.order(id).await.unwrap().unwrap();
        store.send_order(&row, None, newest, true, UtcMillis(at)).await.unwrap()
    };
    // Nothing stands, and the run's own does not keep it.
    let first = send(&run(groups()), Some(0), 1_000).await.unwrap();
    assert!(send(&run(groups()), Some(0), 2_000).await.is_some());
    // Looked at, then a person's is approved, then it is sent: not past it, neither green nor the way back.
    let person = order(Wanted::Flash);
    let id = store.ask_order(&person, UtcMillis(3_000)).await.unwrap();
    let waiting = store.order(id).await.unwrap().unwrap();
    let approved =
        store.send_order(&waiting, Some("mai"), None, true, UtcMillis(4_000)).await.unwrap().unwrap();
    for wanted in [groups(), Wanted::OwnPlan] {
        assert_eq!(send(&run(wanted), Some(first), 5_000).await, None);
    }
    // Who has looked at it, and may pass it all the same, does.
    assert!(send(&run(Wanted::OwnPlan), Some(approved), 6_000).await.is_some());
    // A calendar's and a bus's keep nobody.
    let calendar = NewOrder { asked_by: "calendar:c".into(), ..order(Wanted::Plan(2)) };
    assert_eq!(send(&calendar, None, 70_000).await, Some(70_000));
    let bus = NewOrder { asked_by: "bus_priority:p".into(), ..order(groups()) };
    assert_eq!(send(&bus, Some(0), 71_000).await, Some(71_000));
    assert!(send(&run(groups()), Some(0), 72_000).await.is_some());
}

#[tokio::test]
async fn from_asking_to_its_end() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await;
    let groups = Wanted::Groups([0, 255].into_iter().collect());
    let id = store.ask_order(&order(groups.clone()), UtcMillis(5_000)).await.unwrap();
    let row = store.order(id).await.unwrap().unwrap();
    assert_eq!((row.state.as_str(), row.order.wanted.clone(), row.number), (WAITING, groups, None));
    assert_eq!(store.orders(None, true, 9).await.unwrap().len(), 1);

    let number = store.send_order(&row, Some("an"), None, true, UtcMillis(6_000)).await.unwrap().unwrap();
    assert_eq!(number, 6_000);
    assert_eq!(
        store.send_order(&row, Some("an"), None, true, UtcMillis(6_001)).await.unwrap(),
        None,
        "sent twice"
    );
    let gone = store.move_order(&row, (WAITING, "declined"), "an", "", UtcMillis(6_002)).await.unwrap();
    assert!(!gone, "declined after it was sent");

    // The pole's word overtakes the answer to the question, and is not set back by it.
    told(&store, 1, number, Step::Done).await;
    assert!(!store.move_order(&row, (SENT, TAKEN), "an", "", UtcMillis(6_003)).await.unwrap());
    assert_eq!(store.orders_in_force(UtcMillis(65_999)).await.unwrap().len(), 1);
    assert_eq!(store.orders_in_force(UtcMillis(66_000)).await.unwrap().len(), 0);
    told(&store, 2, number, Step::Ended).await;
    told(&store, 3, number, Step::Refused).await;
    let row = store.order(id).await.unwrap().unwrap();
    assert_eq!((row.state.as_str(), row.detail.as_str(), row.state_at), ("ended", "ended", UtcMillis(9_002)));
    assert_eq!(store.orders_in_force(UtcMillis(7_000)).await.unwrap().len(), 0);
    // An order of a hall that was set back: no row, no harm.
    told(&store, 4, 77, Step::Done).await;

    let lines = audit(&store).await;
    let lines: Vec<String> =
        lines.into_iter().map(|l| format!("{} {} {}", l.user, l.action, l.what)).collect();
    assert_eq!(
        lines,
        [
            "lan signal_order_asked order 1: junction=kim-ma wish=groups 1 256 hold_s=60",
            "an signal_order_approved order 1 as number 6000: junction=kim-ma wish=groups 1 256 hold_s=60",
            "lan signal_order_outcome order 1: done done",
            "lan signal_order_outcome order 1: ended ended",
            "lan signal_order_outcome order 1: refused refused",
        ]
    );
}

#[tokio::test]
async fn numbers_grow_also_when_the_clock_does_not() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await;
    let mut numbers = Vec::new();
    for (at, wanted) in [(9_000, Wanted::Plan(2)), (9_000, Wanted::Flash), (4_000, Wanted::OwnPlan)] {
        let id = store.ask_order(&order(wanted), UtcMillis(at)).await.unwrap();
        let row = store.order(id).await.unwrap().unwrap();
        numbers.push(store.send_order(&row, Some("mai"), None, true, UtcMillis(at)).await.unwrap().unwrap());
    }
    assert_eq!(numbers, [9_000, 9_001, 9_002]);
    let sent = async |since| store.orders_sent(&"kim-ma".parse().unwrap(), UtcMillis(since)).await.unwrap();
    // Those that lie ahead of the clock too.
    let one = |number: u64, at: i64, stops_service: bool| Sent { number, at: UtcMillis(at), stops_service };
    let ahead = [one(9_000, 9_000, false), one(9_001, 9_000, true)];
    assert_eq!(sent(5_000).await, ahead);
    assert_eq!(sent(4_000).await, [&ahead[..], &[one(9_002, 4_000, false)]].concat());
    // One that never left the hall is none.
    let id = store.ask_order(&order(Wanted::Plan(2)), UtcMillis(9_500)).await.unwrap();
    let row = store.order(id).await.unwrap().unwrap();
    store.send_order(&row, Some("mai"), None, true, UtcMillis(9_500)).await.unwrap().unwrap();
    assert_eq!(sent(5_000).await.len(), 3);
    assert!(store.move_order(&row, (SENT, "silent"), "mai", NOT_SENT, UtcMillis(9_501)).await.unwrap());
    assert_eq!(sent(5_000).await, ahead);
}

#[tokio::test]
async fn a_green_that_goes_on_counts_once() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await;
    let junction: models_domain::JunctionId = "kim-ma".parse().unwrap();
    let green = |group: u8| order(Wanted::Groups([group].into_iter().collect()));
    let only_send = async |order: &NewOrder, shown: bool, at: i64| {
        let id = store.ask_order(order, UtcMillis(at)).await.unwrap();
        let row = store.order(id).await.unwrap().unwrap();
        assert!(store.send_order(&row, None, None, shown, UtcMillis(at)).await.unwrap().is_some());
        row
    };
    let send = async |order: &NewOrder, at: i64| {
        let row = only_send(order, true, at).await;
        assert!(store.move_order(&row, (SENT, TAKEN), "lan", "", UtcMillis(at)).await.unwrap());
    };
    let counted = async || {
        let sent = store.orders_sent(&junction, UtcMillis(0)).await.unwrap();
        sent.into_iter().map(|one| one.number).collect::<Vec<_>>()
    };
    let stands_at = async |gateway: &str, at: i64| {
        let held = store.order_standing(&junction, &gateway.parse().unwrap(), UtcMillis(at)).await.unwrap();
        held.map(|held| held.order.number)
    };
    let stands = async |at: i64| stands_at("pole-1", at).await;
    assert_eq!(stands(999).await, None);
    for at in [1_000, 11_000, 21_000] {
        send(&green(0), at).await;
    }
    assert_eq!((counted().await, stands(21_000).await), (vec![1_000], Some(21_000)));
    // Another one, and the first again after it; what was refused stands nowhere.
    send(&green(1), 30_000).await;
    send(&green(0), 31_000).await;
    told(&store, 1, 31_000, Step::Refused).await;
    send(&green(1), 32_000).await;
    assert_eq!((counted().await, stands(32_000).await), (vec![1_000, 30_000, 31_000], Some(32_000)));
    // After its time, and of another gateway; a plan begins anew.
    send(&green(1), 92_000).await;
    assert_eq!(stands_at("pole-2", 92_000).await, None);
    send(&NewOrder { gateway: "pole-2".parse().unwrap(), ..green(1) }, 93_000).await;
    assert_eq!((stands(93_000).await, stands_at("pole-2", 93_000).await), (Some(92_000), Some(93_000)));
    send(&order(Wanted::Plan(2)), 94_000).await;
    send(&order(Wanted::Plan(2)), 95_000).await;
    let all = [1_000, 30_000, 31_000, 92_000, 93_000, 94_000, 95_000];
    assert_eq!(counted().await, all);
    // Nobody knows whether the pole got the one before.
    only_send(&green(0), true, 300_000).await;
    assert_eq!(stands(300_000).await, None);
    // It was taken, and the lamps do not show it.
    send(&green(0), 301_000).await;
    only_send(&green(0), false, 302_000).await;
    assert_eq!(counted().await, [&all[..], &[300_000, 301_000, 302_000]].concat());
}

#[tokio::test]
async fn the_store_sends_nothing_that_stops_service_on_one_word_and_nothing_old() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await;
    for wanted in [Wanted::Flash, Wanted::Dark, Wanted::AllRed] {
        let id = store.ask_order(&order(wanted), UtcMillis(1_000)).await.unwrap();
        let row = store.order(id).await.unwrap().unwrap();
        let asker = row.order.asked_by.clone();
        let late = UtcMillis(1_000) + APPROVE_WITHIN;
        for (who, at) in
            [(None, UtcMillis(2_000)), (Some(asker.as_str()), UtcMillis(2_000)), (Some("mai"), late)]
        {
            assert_eq!(store.send_order(&row, who, None, true, at).await.unwrap(), None, "{who:?} {at:?}");
        }
        assert!(store.send_order(&row, Some("mai"), None, true, UtcMillis(2_000)).await.unwrap().is_some());
    }
}

#[tokio::test]
async fn what_the_hall_ordered_by_itself_is_forgotten_by_age() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await;
    let ask = async |by: &str, at: i64| {
        let new = NewOrder { asked_by: by.into(), ..order(Wanted::Plan(2)) };
        store.ask_order(&new, UtcMillis(at)).await.unwrap()
    };
    for (by, at) in [("calendar:c", 1_000), ("bus_priority:p", 1_000), ("lan", 1_000), ("calendar:c", 5_000)]
    {
        ask(by, at).await;
    }
    // One that was asked long ago may stand until now.
    let row = store.order(ask("calendar:d", 1_000).await).await.unwrap().unwrap();
    assert!(store.send_order(&row, None, None, true, UtcMillis(1_500)).await.unwrap().is_some());
    assert_eq!(store.forget_orders(UtcMillis(5_000)).await.unwrap(), 2);
    let left: Vec<String> =
        store.orders(None, false, 9).await.unwrap().into_iter().map(|row| row.order.asked_by).collect();
    assert_eq!(left, ["calendar:d", "calendar:c", "lan"]);
    assert_eq!(audit(&store).await.len(), 6, "the audit has all");
    assert_eq!(store.forget_orders(UtcMillis(100_000)).await.unwrap(), 2);
}

#[tokio::test]
async fn an_order_of_adaptive_control_has_one_line_in_the_audit() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await;
    let send = async |wanted: Wanted, at: i64| {
        let new = NewOrder { asked_by: "adaptive:kim-ma".into(), ..order(wanted) };
        let id = store.ask_order(&new, UtcMillis(at)).await.unwrap();
        let row = store.order(id).await.unwrap().unwrap();
        (store.send_order(&row, None, None, true, UtcMillis(at)).await.unwrap().unwrap(), row)
    };
    let (green, row) = send(Wanted::Groups([0].into_iter().collect()), 1_000).await;
    assert!(store.move_order(&row, (SENT, TAKEN), "adaptive:kim-ma", "", UtcMillis(1_001)).await.unwrap());
    for (seq, step) in [(1, Step::Done), (2, Step::Ending), (3, Step::Ended)] {
        told(&store, seq, green, step).await;
    }
    let (own, _) = send(Wanted::OwnPlan, 2_000).await;
    told(&store, 4, own, Step::Done).await;
    let (number, row) = send(Wanted::Groups([1].into_iter().collect()), 3_000).await;
    assert!(
        store.move_order(&row, (SENT, "silent"), "adaptive:kim-ma", "no answer", UtcMillis(4)).await.unwrap()
    );
    // The pole says the same of it.
    told(&store, 5, number, Step::Refused).await;
    let id = store.ask_order(&order(Wanted::Plan(2)), UtcMillis(5_000)).await.unwrap();
    // One that the controller did not answer, and another whose end nobody tells.
    let (number, _) = send(Wanted::Groups([2].into_iter().collect()), 6_000).await;
    told(&store, 6, number, Step::Silent).await;
    let (number, _) = send(Wanted::Groups([3].into_iter().collect()), 7_000).await;
    told(&store, 7, number, Step::Done).await;
    let untold = async |over| store.adaptive_orders_untold(UtcMillis(0), UtcMillis(over)).await.unwrap();
    assert!(untold(67_000).await.is_empty() && untold(67_001).await.len() == 1);
    for row in untold(67_001).await {
        let given_up = (row.state.as_str(), "silent");
        assert!(store.move_order(&row, given_up, "adaptive:kim-ma", "?", UtcMillis(8)).await.unwrap());
    }
    assert!(untold(i64::MAX).await.is_empty() && audit(&store).await.len() == 6);
    let lines = audit(&store).await;
    let lines: Vec<String> = lines.into_iter().map(|l| format!("{} {}", l.action, l.what)).collect();
    assert_eq!(
        lines,
        [
            "signal_order_outcome order 1: junction=kim-ma wish=groups 1 hold_s=60: ended ended",
            "signal_order_outcome order 2: junction=kim-ma wish=own_plan hold_s=60: done done",
            "signal_order_outcome order 3: junction=kim-ma wish=groups 2 hold_s=60: silent no answer",
            &format!("signal_order_asked order {id}: junction=kim-ma wish=plan 2 hold_s=60"),
            "signal_order_outcome order 5: junction=kim-ma wish=groups 3 hold_s=60: silent silent",
            "signal_order_outcome order 6: junction=kim-ma wish=groups 4 hold_s=60: silent ?",
        ]
    );
    let people = store.audit(UtcMillis(0), AuditLines::ButAdaptive, 0, 2).await.unwrap();
    assert_eq!(people.iter().map(|(_, line)| line.user.as_str()).collect::<Vec<_>>(), ["lan"]);
    let (last, _) = people[0];
    assert_eq!(store.audit(UtcMillis(0), AuditLines::ButAdaptive, last, 2).await.unwrap(), []);
}
