//! Orders of devices that come, go, answer and are deaf.

use super::*;

const HOUR: UtcMillis = UtcMillis(3_600_000);
const BEGAN: UtcMillis = UtcMillis(1_000);

fn text(text: &str) -> Order {
    Order::Text(text.to_owned())
}

fn given(id: u64, vehicle: &str, order: Order, expires: UtcMillis) -> Given {
    Given { id, vehicle: VehicleId::new(vehicle).unwrap(), order, expires, progress: Progress::Waiting }
}

fn progress(orders: &Orders, ids: impl IntoIterator<Item = u64>) -> Vec<Progress> {
    ids.into_iter().map(|id| orders.look(id).unwrap().progress).collect()
}

#[test]
fn waits_is_sent_once_a_connection_and_is_answered() {
    let orders = Orders::default();
    orders.give(given(1, "a", text("one"), HOUR)).unwrap();
    orders.give(given(2, "a", text("two"), HOUR)).unwrap();
    // Given again: the first time counts.
    orders.give(given(2, "a", text("two"), HOUR)).unwrap();
    assert!(orders.due("b", BEGAN, BEGAN).0.is_empty());
    // A device writes its name as it likes.
    let (due, _) = orders.due("A", BEGAN, UtcMillis(2_000));
    let [one, two] = &due[..] else { panic!("{}", due.len()) };
    assert_eq!((&one.order, &two.order), (&text("one"), &text("two")));
    let second = two.tag;
    assert!(orders.due("a", BEGAN, UtcMillis(3_000)).0.is_empty());
    // It comes again: what it has not answered is sent again.
    orders.answered("a", &Answer { tag: Some(second), text: "ok".to_owned() }, UtcMillis(4_000));
    assert_eq!(orders.due("a", UtcMillis(5_000), UtcMillis(6_000)).0.len(), 1);
    // Without a tag, the oldest that was sent.
    orders.answered("a", &Answer { tag: None, text: "done".to_owned() }, UtcMillis(7_000));
    let answered = |at, text: &str| Progress::Answered { at: UtcMillis(at), text: text.to_owned() };
    assert_eq!(progress(&orders, [2, 1]), [answered(4_000, "ok"), answered(7_000, "done")]);
}

#[test]
fn too_old_too_often_too_many() {
    let orders = Orders::default();
    orders.give(given(1, "a", text("old"), UtcMillis(1_500))).unwrap();
    assert!(orders.due("a", BEGAN, UtcMillis(1_500)).0.is_empty());
    orders.give(given(2, "a", text("deaf"), HOUR)).unwrap();
    for connection in 2..6 {
        orders.due("a", UtcMillis(connection * 10_000), UtcMillis(connection * 10_000 + 1));
    }
    let said = progress(&orders, [1, 2]);
    assert!(matches!(&said[..], [Progress::Expired, Progress::Failed { .. }]), "{said:?}");
    for id in 10..10 + PER_DEVICE as u64 {
        orders.give(given(id, "a", text("many"), HOUR)).unwrap();
    }
    assert!(orders.give(given(99, "a", text("many"), HOUR)).is_err());
    orders.expire(HOUR);
    assert!(orders.give(given(99, "a", text("many"), HOUR)).is_ok());
}

#[test]
fn what_is_taken_back_is_sent_no_more_and_stays_so() {
    let orders = Orders::default();
    let back = |id| Given {
        progress: Progress::Failed { why: "no right".into() },
        ..given(id, "a", text("one"), HOUR)
    };
    (1..4).for_each(|id| orders.give(given(id, "a", text("one"), HOUR)).unwrap());
    assert_eq!(orders.due("a", BEGAN, UtcMillis(2_000)).0.len(), 3);
    orders.answered("a", &Answer { tag: None, text: "ok".into() }, UtcMillis(3_000));
    // The first was answered before; the second was sent; of the ninth nothing was known yet.
    for id in [1, 2, 9] {
        orders.withdraw(back(id)).unwrap();
        orders.give(given(id, "a", text("one"), HOUR)).unwrap();
    }
    let answered = Progress::Answered { at: UtcMillis(3_000), text: "ok".into() };
    assert_eq!(progress(&orders, [1, 2, 9]), [answered, back(2).progress, back(9).progress]);
    let (due, _) = orders.due("a", UtcMillis(5_000), UtcMillis(6_000));
    assert_eq!(due.iter().map(|due| due.id).collect::<Vec<_>>(), [3]);
}

#[test]
fn what_is_over_is_bounded_on_the_shelf_too() {
    #[derive(Default)]
    struct Shelf(Mutex<HashMap<u64, Given>>);
    impl OrderShelf for Shelf {
        fn keep(&self, given: &Given) -> Result<(), NotKept> {
            self.0.lock().unwrap().insert(given.id, given.clone());
            Ok(())
        }

        fn forget(&self, id: u64) {
            self.0.lock().unwrap().remove(&id);
        }
    }
    let shelf = Arc::new(Shelf::default());
    let orders = Orders::on(shelf.clone(), Vec::new());
    for n in 0..REMEMBERED as u64 + 10 {
        orders.give(given(n, &format!("d{n}"), text("x"), UtcMillis(1))).unwrap();
    }
    orders.expire(HOUR);
    let left: Vec<Given> = shelf.0.lock().unwrap().values().cloned().collect();
    assert_eq!(left.len(), REMEMBERED);
    let again = Orders::on(shelf.clone(), left);
    again.give(given(9_999, "a", text("new"), HOUR)).unwrap();
    assert_eq!(again.due("a", BEGAN, BEGAN).0.len(), 1);
    assert_eq!(again.write(), BTreeSet::new());
    let sent = Progress::Sent { at: BEGAN, times: 1 };
    assert_eq!(shelf.0.lock().unwrap()[&9_999].progress, sent);
}

#[test]
fn an_answer_finds_its_order_after_a_restart() {
    let left = |ids: &[u64]| ids.iter().map(|id| given(*id, "a", text("x"), HOUR)).collect::<Vec<_>>();
    let tags = |ids: &[u64]| {
        let orders = Orders::default();
        orders.with(|inner| left(ids).into_iter().for_each(|given| inner.take(given)));
        orders.due("a", BEGAN, BEGAN).0.iter().map(|due| due.tag).collect::<Vec<_>>()
    };
    assert_eq!(tags(&[7, 9]), [8, 10]);
    assert_eq!(tags(&[9]), [10]);
    // Never 0, and never that of another one.
    let twins = tags(&[65_534, 65_534 + 65_535, 0]);
    assert_eq!(twins, [65_535, 1, 2]);
}
