//! Orders for trackers, kept and read back.

use models_domain::UtcMillis;
use models_domain::order::{Given, Order, Progress};

use super::open;
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
    // Nor do many vehicles' hide one's.
    for (vehicle, want) in [(None, 4), (Some("bus-4"), 4), (Some("bus-1"), 1)] {
        let rows = store.tracker_orders(UtcMillis(0), vehicle, 1).await.unwrap();
        assert_eq!(rows.iter().map(|r| r.given.id).collect::<Vec<_>>(), [want]);
    }
    assert_eq!(store.tracker_orders(UtcMillis(0), Some("bus-9"), 1).await.unwrap(), []);
    store.close().await;
}
