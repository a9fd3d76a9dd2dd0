//! Faults of controllers from when to when, and work orders: one open for a part, one step at a time, each in the audit.

use models_domain::signal::maintenance::{BACK_WITHIN, Fault, FaultKind, News, Part, State, Step};
use models_domain::{JunctionId, UtcMillis};

use super::{audit, open};
use crate::{AuditLine, Moved, NewWorkOrder, Opened, Store, WorkOrderFilter, WorkOrderMove};

fn a() -> JunctionId {
    "a".parse().unwrap()
}

fn part(kind: FaultKind, name: &str) -> Part {
    Part { kind, name: name.into() }
}

fn fault(part: Part, codes: &[&str], began: i64) -> Fault {
    let codes = codes.iter().map(|code| (*code).to_owned()).collect();
    Fault { part, codes, text: "đèn hỏng".into(), priority: 2, began: UtcMillis(began) }
}

fn line(at: i64, user: &str, action: &str) -> AuditLine {
    let (user, action) = (user.to_owned(), action.to_owned());
    AuditLine { at: UtcMillis(at), user, action, purpose: "vì sao".into(), what: "junction=a".into() }
}

async fn told(store: &Store, news: News) {
    store.keep_faults(&[(a(), news)]).await.unwrap();
}

#[tokio::test]
async fn a_fault_is_kept_once_from_its_begin_to_its_end() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await;
    let (lamp, lost) = (part(FaultKind::Lamp, "SG1"), part(FaultKind::Link, ""));
    told(&store, News::Began(fault(lamp.clone(), &["A0202"], 10))).await;
    // A hall that was killed tells it again.
    told(&store, News::Began(fault(lamp.clone(), &["A0202"], 30))).await;
    told(&store, News::Changed(fault(lamp.clone(), &["A0201", "A0202"], 10))).await;
    told(&store, News::Began(fault(lost.clone(), &["gateway"], 40))).await;
    drop(store);
    let store = open(dir.path()).await;
    let there: Vec<Fault> = store.open_faults().await.unwrap().into_iter().map(|row| row.fault).collect();
    assert_eq!(there, [fault(lamp.clone(), &["A0201", "A0202"], 10), fault(lost.clone(), &["gateway"], 40)]);
    told(&store, News::Ended { part: lost.clone(), at: UtcMillis(50) }).await;
    told(&store, News::Ended { part: lamp.clone(), at: UtcMillis(5) }).await;
    assert_eq!(store.open_faults().await.unwrap(), []);
    let losses = async |since| {
        let rows = store.losses(None, UtcMillis(since)).await.unwrap();
        rows.into_iter().map(|row| (row.fault.began.0, row.ended.map(|at| at.0))).collect::<Vec<_>>()
    };
    assert_eq!(losses(49).await, [(40, Some(50))]);
    assert_eq!(losses(50).await, []);
    told(&store, News::Began(fault(lost, &["controller"], 60))).await;
    assert_eq!(losses(50).await, [(60, None)]);
    let of = async |junction: JunctionId| store.losses(Some(&junction), UtcMillis(50)).await.unwrap().len();
    assert_eq!([of(a()).await, of("b".parse().unwrap()).await], [1, 0]);
    // Both that are over, the lamp's no earlier than it began; the third is there.
    assert_eq!(store.forget_faults(UtcMillis(10)).await.unwrap(), 0);
    assert_eq!(store.forget_faults(UtcMillis(11)).await.unwrap(), 1);
    assert_eq!(store.forget_faults(UtcMillis(1_000)).await.unwrap(), 1);
}

async fn opened(store: &Store, new: &NewWorkOrder, line: &AuditLine) -> u64 {
    match store.open_work_order(new, line).await.unwrap() {
        Opened::New(id) => id,
        Opened::There(id) => panic!("{id} is open"),
    }
}

fn new(part: Part, assignee: &str) -> NewWorkOrder {
    NewWorkOrder {
        junction: a(),
        part,
        codes: vec!["A0201".into()],
        text: "đèn hỏng".into(),
        priority: 2,
        due: UtcMillis(500),
        assignee: assignee.into(),
        note: "thay bóng".into(),
    }
}

fn step(id: u64, version: u32, step: Step, to: State, assignee: &str) -> WorkOrderMove {
    WorkOrderMove { id, version, step, to, assignee: assignee.into(), note: "đã thay".into() }
}

#[tokio::test]
async fn one_open_work_order_for_a_part_and_one_step_at_a_time() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await;
    let lamp = part(FaultKind::Lamp, "SG1");
    let id = opened(&store, &new(lamp.clone(), ""), &line(5, "lan", "opened")).await;
    let again = store.open_work_order(&new(lamp.clone(), ""), &line(6, "lan", "again")).await.unwrap();
    assert_eq!(again, Opened::There(id));
    let other = new(part(FaultKind::Lamp, "SG2"), "hoa");
    let second = opened(&store, &other, &line(7, "lan", "opened")).await;
    assert!(second > id);

    let take = step(id, 1, Step::Take, State::Taken, "minh");
    assert_eq!(store.move_work_order(&take, &line(8, "minh", "take")).await.unwrap(), Moved::Yes);
    let late = step(id, 1, Step::Take, State::Taken, "hoa");
    assert_eq!(store.move_work_order(&late, &line(9, "hoa", "take")).await.unwrap(), Moved::Meanwhile);
    let done = step(id, 2, Step::Done, State::Done, "minh");
    assert_eq!(store.move_work_order(&done, &line(10, "minh", "done")).await.unwrap(), Moved::Yes);
    // A note does not change since when it is done.
    let note = step(id, 3, Step::Note, State::Done, "minh");
    assert_eq!(store.move_work_order(&note, &line(20, "lan", "note")).await.unwrap(), Moved::Yes);
    drop(store);
    let store = open(dir.path()).await;
    let row = store.work_order(id).await.unwrap().unwrap();
    assert_eq!((row.state, row.closed, row.version), (State::Done, Some(UtcMillis(10)), 4));
    assert_eq!((row.opened.0, row.opened_by.as_str(), row.order.assignee.as_str()), (5, "lan", "minh"));
    assert_eq!(row.order, NewWorkOrder { note: String::new(), ..new(lamp.clone(), "minh") });
    let moves = store.work_order_moves(id).await.unwrap();
    let moves: Vec<String> =
        moves.iter().map(|m| format!("{} {} {} {}", m.at.0, m.user, m.step, m.note)).collect();
    assert_eq!(
        moves,
        ["5 lan open thay bóng", "8 minh take đã thay", "10 minh done đã thay", "20 lan note đã thay"]
    );

    // Reopening gives way to one that was opened since.
    let third = opened(&store, &new(lamp, ""), &line(30, "lan", "opened")).await;
    let reopen = step(id, 4, Step::Reopen, State::Open, "");
    let moved = store.move_work_order(&reopen, &line(31, "lan", "reopen")).await.unwrap();
    assert_eq!(moved, Moved::AnotherOpen);
    let cancel = step(third, 1, Step::Cancel, State::Cancelled, "");
    assert_eq!(store.move_work_order(&cancel, &line(32, "lan", "cancel")).await.unwrap(), Moved::Yes);
    assert_eq!(store.move_work_order(&reopen, &line(33, "lan", "reopen")).await.unwrap(), Moved::Yes);

    let audit = audit(&store).await;
    let audit: Vec<String> =
        audit.iter().map(|line| format!("{} {} {}", line.user, line.action, line.what)).collect();
    let of = |id: u64, who: &str| format!("{who} work_order={id} junction=a");
    let want = [
        of(id, "lan opened"),
        of(second, "lan opened"),
        of(id, "minh take"),
        of(id, "minh done"),
        of(id, "lan note"),
        of(third, "lan opened"),
        of(third, "lan cancel"),
        of(id, "lan reopen"),
    ];
    assert_eq!(audit, want);
}

#[tokio::test]
async fn lists_and_the_last_fault_of_a_part() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await;
    let lamp = part(FaultKind::Lamp, "SG1");
    told(&store, News::Began(fault(lamp.clone(), &["A0201"], 1))).await;
    told(&store, News::Ended { part: lamp.clone(), at: UtcMillis(4) }).await;
    told(&store, News::Began(fault(lamp.clone(), &["A0202"], 6))).await;
    let id = opened(&store, &new(lamp.clone(), ""), &line(5, "lan", "x")).await;
    let door = new(part(FaultKind::Door, ""), "hoa");
    let door = opened(&store, &door, &line(7, "lan", "x")).await;
    let b = NewWorkOrder { junction: "b".parse().unwrap(), ..new(lamp.clone(), "hoa") };
    let b = opened(&store, &b, &line(8, "lan", "x")).await;
    store.move_work_order(&step(b, 1, Step::Done, State::Done, "hoa"), &line(9, "hoa", "x")).await.unwrap();
    let list = async |filter: WorkOrderFilter<'_>| {
        let rows = store.work_orders(&filter, 10).await.unwrap();
        rows.into_iter().map(|row| row.id).collect::<Vec<_>>()
    };
    let all = WorkOrderFilter::default();
    assert_eq!(list(all.clone()).await, [door, id]);
    assert_eq!(
        list(WorkOrderFilter { closed_since: Some(UtcMillis(9)), ..all.clone() }).await,
        [b, door, id]
    );
    assert_eq!(list(WorkOrderFilter { closed_since: Some(UtcMillis(10)), ..all.clone() }).await, [door, id]);
    assert_eq!(list(WorkOrderFilter { assignee: Some("hoa"), ..all.clone() }).await, [door]);
    let b_id = "b".parse().unwrap();
    let of_b = WorkOrderFilter { junction: Some(&b_id), closed_since: Some(UtcMillis(0)), ..all };
    assert_eq!(list(of_b).await, [b]);
    let last = async |id| store.work_order(id).await.unwrap().unwrap().last_fault;
    assert_eq!(last(id).await, Some((fault(lamp.clone(), &["A0202"], 6), None)));
    assert_eq!(last(door).await, None);
    // The same part of another junction.
    assert_eq!(last(b).await, None);
    // Of one that is done the first that came after it; of one that was cancelled what was there then.
    told(&store, News::Ended { part: lamp.clone(), at: UtcMillis(19) }).await;
    store.move_work_order(&step(id, 1, Step::Done, State::Done, ""), &line(20, "lan", "x")).await.unwrap();
    let cancel = step(door, 1, Step::Cancel, State::Cancelled, "");
    store.move_work_order(&cancel, &line(20, "lan", "x")).await.unwrap();
    for (began, ended) in [(30, 40), (50, 60), (BACK_WITHIN.0 + 30, BACK_WITHIN.0 + 40)] {
        for part in [lamp.clone(), part(FaultKind::Door, "")] {
            told(&store, News::Began(fault(part.clone(), &["again"], began))).await;
            told(&store, News::Ended { part, at: UtcMillis(ended) }).await;
        }
    }
    assert_eq!(last(id).await, Some((fault(lamp.clone(), &["again"], 30), Some(UtcMillis(40)))));
    assert_eq!(last(door).await, None);
    let done =
        WorkOrderFilter { closed_since: Some(UtcMillis(20)), only_done: true, ..WorkOrderFilter::default() };
    assert_eq!(list(done).await, [id]);
    assert_eq!(store.work_order(99).await.unwrap(), None);
    assert_eq!(store.work_order(u64::MAX).await.unwrap(), None);
    assert_eq!(store.forget_work_orders(UtcMillis(9)).await.unwrap(), 0);
    assert_eq!(store.forget_work_orders(UtcMillis(10)).await.unwrap(), 1);
    assert_eq!(store.work_order_moves(b).await.unwrap(), []);
}
