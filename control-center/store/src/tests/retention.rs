//! Old events go, what may be evidence stays, and sums stay.

use models_domain::{Class, EventId, Seq, UtcMillis};

use super::{crossing, new, open, rule, stats};
use crate::{Commit, Store};

async fn store_at(store: &Store, stored: i64, seqs: std::ops::Range<u64>) {
    let body = |seq: u64| match seq % 3 {
        0 => rule("c-1"),
        1 => crossing("c-1", Class::Car),
        _ => stats(seq),
    };
    let events = seqs.map(|seq| new(1, seq, 60_000, body(seq))).collect();
    store
        .store(&Commit { events, gaps: Vec::new(), at: UtcMillis(stored), ..Commit::default() })
        .await
        .unwrap();
}

/// Everything older, in as many calls as it takes.
async fn forget(store: &Store, before: i64) -> u64 {
    let (mut from, mut events) = (0, 0);
    loop {
        let done = store.forget_events(UtcMillis(before), from).await.unwrap();
        events += done.events;
        match done.next {
            Some(next) => from = next,
            None => return events,
        }
    }
}

#[tokio::test]
async fn old_events_go_and_evidence_stays() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await;
    store_at(&store, 1_000, 1..1_201).await;
    store_at(&store, 5_000, 1_201..1_301).await;
    let gateway = "pole-1".parse().unwrap();
    store.keep_still(&gateway, EventId { boot: 1, seq: Seq(3) }, b"jpeg", UtcMillis(2_000)).await.unwrap();
    let before = store.figures(UtcMillis(0)).await.unwrap();

    assert_eq!(forget(&store, 1_000).await, 0, "none is older");
    assert_eq!(forget(&store, 5_000).await, 1_199);
    assert_eq!(forget(&store, 5_000).await, 0);
    for (seq, there) in [(1, false), (3, true), (1_200, false), (1_201, true), (1_300, true)] {
        assert_eq!(store.event_kind("pole-1", 1, seq).await.unwrap().is_some(), there, "event {seq}");
    }
    assert_eq!(store.figures(UtcMillis(0)).await.unwrap(), before, "sums are kept");
    assert_eq!(store.progress().await.unwrap(), [(gateway, 1, 1_300)]);

    // The newest stays, and what comes after it is a new event.
    assert_eq!(forget(&store, i64::MAX).await, 99);
    store_at(&store, 6_000, 1_301..1_302).await;
    assert!(
        store.event_kind("pole-1", 1, 1_300).await.unwrap().is_some()
            && store.event_kind("pole-1", 1, 1_301).await.unwrap().is_some()
    );
}
