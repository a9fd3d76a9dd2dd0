//! Requests of late buses: the last word on each is kept, what was measured stays, and they are forgotten by age.

use models_domain::transit::timetable::RunKey;
use models_domain::{DurationMs, Meters, UtcMillis};
use time::macros::date;

use super::open;
use crate::{BusPriorityRow, MeasuredPriority};

fn row(id: u64, asked: i64) -> BusPriorityRow {
    BusPriorityRow {
        id,
        priority: "p".into(),
        junction: "kim-ma".parse().unwrap(),
        approach: "Từ phía tây".into(),
        vehicle: "bus-1".parse().unwrap(),
        feed: "xe".into(),
        route: "32".into(),
        run: RunKey { date: date!(2026 - 03 - 02), trip: "t1".into(), start_s: Some(28_800) },
        asked: UtcMillis(asked),
        late: DurationMs(185_000),
        to_line: Meters(120.5),
        state: "waits".into(),
        why: "rest".into(),
        detail: String::new(),
        order: None,
        until: None,
        green: None,
        passed: None,
        ended: None,
        measured: None,
    }
}

#[tokio::test]
async fn the_last_word_is_kept_and_what_was_measured() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await;
    let junction = "kim-ma".parse().unwrap();
    store.keep_bus_priority(&row(1, 1_000)).await.unwrap();
    store.keep_bus_priority(&row(2, 2_000)).await.unwrap();
    assert_eq!(store.open_bus_priorities().await.unwrap(), [row(1, 1_000), row(2, 2_000)]);
    let at = |ms: i64| Some(UtcMillis(ms));
    let passed = BusPriorityRow {
        state: "passed".into(),
        why: String::new(),
        order: Some(9),
        until: at(30_000),
        green: at(3_000),
        passed: at(8_000),
        ended: at(9_000),
        ..row(1, 1_000)
    };
    store.keep_bus_priority(&passed).await.unwrap();
    assert_eq!(store.open_bus_priorities().await.unwrap(), [row(2, 2_000)]);
    assert_eq!(store.last_bus_priority(&junction).await.unwrap(), at(9_000));
    assert_eq!(store.unmeasured_bus_priorities(UtcMillis(9_000), 9).await.unwrap(), []);
    let due = store.unmeasured_bus_priorities(UtcMillis(9_001), 9).await.unwrap();
    assert_eq!(due, std::slice::from_ref(&passed));
    let measured = MeasuredPriority {
        gain: "early".into(),
        gained: DurationMs(12_000),
        others: DurationMs(42_000),
        usual: DurationMs(30_000),
        group: 1,
    };
    store.measure_bus_priority(1, &measured).await.unwrap();
    store.keep_bus_priority(&passed).await.unwrap();
    let measured = BusPriorityRow { measured: Some(measured), ..passed };
    assert_eq!(store.unmeasured_bus_priorities(UtcMillis(99_000), 9).await.unwrap(), []);
    let all = [row(2, 2_000), measured.clone()];
    assert_eq!(store.bus_priorities(None, UtcMillis(0), 9).await.unwrap(), all);
    assert_eq!(store.bus_priorities(Some(&junction), UtcMillis(1_001), 9).await.unwrap(), [row(2, 2_000)]);
    let other = "giang-vo".parse().unwrap();
    assert_eq!(store.bus_priorities(Some(&other), UtcMillis(0), 9).await.unwrap(), []);
    assert_eq!(store.forget_bus_priorities(UtcMillis(2_000)).await.unwrap(), 1);
    assert_eq!(store.forget_bus_priorities(UtcMillis(2_000)).await.unwrap(), 0);
}
