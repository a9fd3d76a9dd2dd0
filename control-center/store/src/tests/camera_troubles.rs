//! When pictures were not what they should be, and which lines were crossed last.

use models_domain::event::{Phase, RuleEvent};
use models_domain::{Class, EventBody, UtcMillis};

use super::{commit, counts, new, open};
use crate::{NewEvent, Store};

/// An event of `c-1` or another camera; its `began` in seconds, and when it was told.
fn told(seq: u64, camera: &str, rule: &str, phase: Phase, (began, at): (i64, i64)) -> NewEvent {
    let event = RuleEvent::new(rule, phase, UtcMillis(began * 1_000));
    new(1, seq, at * 1_000, EventBody::Rule { camera: camera.parse().unwrap(), event })
}

async fn troubles(store: &Store, since_s: i64) -> Vec<String> {
    let rows = store.camera_troubles(UtcMillis(since_s * 1_000)).await.unwrap();
    let row = |row: &crate::TroubleRow| {
        let ended = row.ended.map_or("on".to_owned(), |at| (at.0 / 1_000).to_string());
        format!("{} {} {}-{ended}", row.camera, row.trouble, row.began.0 / 1_000)
    };
    rows.iter().map(row).collect()
}

#[tokio::test]
async fn a_trouble_goes_on_until_its_end_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await;
    let events = vec![
        told(1, "c-1", "camera_covered", Phase::Begun, (100, 120)),
        told(2, "c-1", "stopped_vehicle", Phase::Begun, (100, 120)),
        told(3, "c-2", "camera_frozen", Phase::Begun, (50, 110)),
        told(4, "c-2", "camera_frozen", Phase::Ended, (50, 200)),
        // Its begin was never heard of.
        told(5, "c-3", "camera_dark", Phase::Ended, (10, 300)),
    ];
    store.store(&commit(events)).await.unwrap();
    let all = ["c-1 camera_covered 100-on", "c-2 camera_frozen 50-200", "c-3 camera_dark 10-300"];
    assert_eq!(troubles(&store, 0).await, all);
    assert_eq!(troubles(&store, 200).await, [all[0], all[2]]);
    let end = told(6, "c-1", "camera_covered", Phase::Ended, (100, 400));
    store.store(&commit(vec![end])).await.unwrap();
    assert_eq!(troubles(&store, 300).await, ["c-1 camera_covered 100-400"]);
    assert!(troubles(&store, 400).await.is_empty());
}

#[tokio::test]
async fn an_end_that_was_lost_comes_with_the_next_begin_and_old_ones_go() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await;
    let events = vec![
        told(1, "c-1", "camera_turned", Phase::Begun, (100, 120)),
        told(2, "c-1", "camera_blurred", Phase::Begun, (110, 130)),
        told(3, "c-1", "camera_turned", Phase::Begun, (500, 520)),
    ];
    store.store(&commit(events)).await.unwrap();
    let all = ["c-1 camera_turned 100-500", "c-1 camera_blurred 110-on", "c-1 camera_turned 500-on"];
    assert_eq!(troubles(&store, 0).await, all);
    let later = 500 + 3 * 86_400;
    let begin = told(4, "c-1", "camera_dark", Phase::Begun, (later, later + 60));
    store.store(&commit(vec![begin])).await.unwrap();
    let dark = format!("c-1 camera_dark {later}-on");
    assert_eq!(troubles(&store, 0).await, [all[1], all[2], dark.as_str()]);
}

#[tokio::test]
async fn when_a_line_was_crossed_last() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await;
    let events = vec![
        new(1, 1, 0, counts("c-1", 2, &[(Class::Car, 2)])),
        new(1, 2, 0, counts("c-1", 5, &[(Class::Motorcycle, 1)])),
        new(1, 3, 0, counts("c-1", 9, &[])),
        new(1, 4, 0, counts("c-2", 8, &[(Class::Car, 1)])),
    ];
    store.store(&commit(events)).await.unwrap();
    let last = async |direction: &str, minute: i64| {
        let since = UtcMillis(minute * 60_000);
        let found = store.last_crossed("c-1", ("north", direction), since).await.unwrap();
        found.map(|begin| begin.0 / 60_000)
    };
    assert_eq!((last("to_left", 0).await, last("to_left", 5).await), (Some(5), Some(5)));
    assert_eq!((last("to_left", 6).await, last("to_right", 0).await), (None, None));
}
