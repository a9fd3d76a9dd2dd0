//! Orders for trackers, kept and read back.

use models_domain::UtcMillis;
use models_domain::order::{Given, Order, Progress};

use super::{audit, open};
use crate::{AuditLine, TrackerOrderRow};

#[tokio::test]
async fn many_orders_of_one_gateway_do_not_hide_anothers() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await;
    for (id, gateway) in [(1, "pole-1"), (2, "pole-1"), (3, "pole-1"), (4, "pole-2")] {
        let given = Given {
            id,
            vehicle: format!("bus-{id}").parse().unwrap(),
            order: Order::Locate,
            expires: UtcMillis(100),
            progress: Progress::Waiting,
        };
        let row = TrackerOrderRow {
            gateway: gateway.parse().unwrap(),
            given_at: UtcMillis(i64::try_from(id).unwrap()),
            given,
            taken: false,
            user: "lan".into(),
            withdrawn: false,
        };
        let line = AuditLine {
            at: UtcMillis(1),
            user: "lan".into(),
            action: "order_tracker".into(),
            purpose: String::new(),
            what: String::new(),
        };
        store.give_tracker_order(&row, &line).await.unwrap();
    }
    let ids: Vec<u64> = store.open_tracker_orders(2).await.unwrap().iter().map(|r| r.given.id).collect();
    assert_eq!(ids, [1, 2, 4]);
    assert_eq!(store.count_open_tracker_orders().await.unwrap(), 4);
    // Nor do many vehicles' hide one's.
    for (vehicle, want) in [(None, 4), (Some("bus-4"), 4), (Some("bus-1"), 1)] {
        let rows = store.tracker_orders(UtcMillis(0), vehicle, 1).await.unwrap();
        assert_eq!(rows.iter().map(|r| r.given.id).collect::<Vec<_>>(), [want]);
    }
    assert_eq!(store.tracker_orders(UtcMillis(0), Some("bus-9"), 1).await.unwrap(), []);
    // Taken back: it is still to be told to its gateway, and it is over when that knows.
    let line = AuditLine {
        at: UtcMillis(2),
        user: "lan".into(),
        action: "tracker_order_refused".into(),
        purpose: String::new(),
        what: "order 4".into(),
    };
    for _ in 0..2 {
        store.withdraw_tracker_order(4, "no right any more", &line).await.unwrap();
    }
    let open = store.open_tracker_orders(9).await.unwrap();
    let told = open.iter().find(|row| row.given.id == 4).unwrap();
    assert!(told.withdrawn && told.user == "lan" && open.iter().filter(|row| row.withdrawn).count() == 1);
    assert_eq!(told.given.progress, Progress::Failed { why: "no right any more".into() });
    store.tracker_order_told(&told.given).await.unwrap();
    assert!(store.open_tracker_orders(9).await.unwrap().iter().all(|row| row.given.id != 4));
    store.withdraw_tracker_order(4, "once more", &line).await.unwrap();
    let rows = store.tracker_orders(UtcMillis(0), Some("bus-4"), 1).await.unwrap();
    assert!(!rows[0].withdrawn && rows[0].given == told.given);
    let refused = audit(&store).await;
    assert_eq!(refused.iter().filter(|line| line.action == "tracker_order_refused").count(), 1);
    store.close().await;
}
