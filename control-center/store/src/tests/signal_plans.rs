//! Which plans junctions ran: one that goes on is kept once, read for its junction and time, and forgotten when it is over.

use models_domain::{JunctionId, UtcMillis};

use super::open;
use crate::{PlanRow, Store};

fn row(plan: u8, cycle_length_s: Option<u32>, (began, until): (i64, i64)) -> PlanRow {
    PlanRow { plan, cycle_length_s, began: UtcMillis(began), until: UtcMillis(until) }
}

async fn plans(store: &Store, junction: &str, (from, to): (i64, i64)) -> Vec<PlanRow> {
    let junction: JunctionId = junction.parse().unwrap();
    store.plans(&junction, UtcMillis(from), UtcMillis(to)).await.unwrap()
}

#[tokio::test]
async fn a_plan_that_goes_on_is_kept_once() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await;
    let [a, b]: [JunctionId; 2] = ["a", "b"].map(|id| id.parse().unwrap());
    let first = [(a.clone(), row(1, None, (0, 10))), (b.clone(), row(4, Some(90), (0, 10)))];
    store.keep_plans(&first).await.unwrap();
    store.keep_plans(&[]).await.unwrap();
    // It is heard of again, its cycle is told, and another one begins.
    let (went_on, next) = (row(1, Some(60), (0, 70)), row(2, Some(80), (70, 70)));
    store.keep_plans(&[(a.clone(), went_on), (a.clone(), next)]).await.unwrap();
    assert_eq!(plans(&store, "a", (0, 100)).await, [went_on, next]);
    assert_eq!(plans(&store, "b", (0, 100)).await, [first[1].1]);
    // From a moment on, and up to one.
    assert_eq!(plans(&store, "a", (71, 100)).await, []);
    assert_eq!(plans(&store, "a", (70, 100)).await, [went_on, next]);
    assert_eq!(plans(&store, "a", (0, 70)).await, [went_on]);
    store.close().await;
    let store = open(dir.path()).await;
    assert_eq!(store.forget_plans(UtcMillis(70)).await.unwrap(), 1, "what goes on is not over");
    assert_eq!(plans(&store, "a", (0, 100)).await, [went_on, next]);
    assert_eq!(plans(&store, "b", (0, 100)).await, []);
    assert_eq!(store.forget_plans(UtcMillis(100)).await.unwrap(), 2);
}
