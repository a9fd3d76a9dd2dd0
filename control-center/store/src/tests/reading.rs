//! What was stored comes back: lists by pages, sums, the last of each.

use models_domain::{Class, UtcMillis};

use super::{commit, crossing, fix, new, open, rule, stats};
use crate::{Gap, ListFilter, NewEvent, PageKey, StateRow, Store};

const NOW: PageKey = PageKey { at: UtcMillis(i64::MAX), id: i64::MAX };

async fn pages(store: &Store, kinds: &[&str], subject: Option<&str>, limit: u32) -> Vec<Vec<u64>> {
    let (mut before, mut pages) = (NOW, Vec::new());
    loop {
        let filter = ListFilter { kinds, subject, before, limit };
        let rows = store.list(&filter).await.unwrap();
        let Some(last) = rows.last() else { return pages };
        before = last.key;
        pages.push(rows.iter().map(|row| row.seq).collect());
    }
}

#[tokio::test]
async fn lists_are_newest_first_by_pages_and_kinds() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await;
    // Two at the same millisecond, one late, one of another camera, one of the masses.
    let events = vec![
        new(1, 1, 50, rule("c-1")),
        new(1, 2, 70, crossing("c-1", Class::Car)),
        new(1, 3, 70, rule("c-1")),
        new(1, 4, 20, rule("c-2")),
        new(1, 5, 90, fix("bus-1", 90)),
    ];
    store.store(&commit(events)).await.unwrap();
    let both = ["rule", "line_crossing"];
    assert_eq!(pages(&store, &both, None, 2).await, [vec![3, 2], vec![1, 4]]);
    assert_eq!(pages(&store, &both, None, 1).await, [vec![3], vec![2], vec![1], vec![4]]);
    assert_eq!(pages(&store, &both, Some("c-2"), 9).await, [vec![4]]);
    assert_eq!(pages(&store, &["fix"], None, 9).await, [vec![5]]);
    assert!(store.has_event("pole-1", 1, 5).await.unwrap());
    assert!(!store.has_event("pole-1", 1, 6).await.unwrap());
}

#[tokio::test]
async fn unreadable_events_gaps_and_numbers_of_a_hostile_pole_are_kept() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await;
    let unread = NewEvent { event: None, ..new(1, 9, 0, rule("c-1")) };
    let huge = new(1, 10, i64::MAX, stats(u64::MAX));
    let mut it = commit(vec![unread, huge, new(1, 11, i64::MIN, stats(u64::MAX))]);
    it.gaps.push(Gap { gateway: "pole-1".parse().unwrap(), boot: 1, from: 1, to: 8 });
    store.store(&it).await.unwrap();
    assert_eq!(pages(&store, &["unknown"], None, 9).await, [vec![9]]);
    store.figures(UtcMillis(i64::MIN)).await.unwrap();
    assert_eq!(store.progress().await.unwrap(), [("pole-1".parse().unwrap(), 1, 11)]);
    assert!(store.store(&commit(vec![new(u64::MAX, 1, 0, rule("c-1"))])).await.is_err());
}

#[tokio::test]
async fn the_last_of_each_gateway_vehicle_and_session() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await;
    let gateway = "pole-1".parse().unwrap();
    for heard in [1, 2] {
        let row = StateRow {
            gateway: &gateway,
            heard: UtcMillis(heard),
            cameras_up: 4,
            junctions_up: 1,
            payload: &heard.to_be_bytes(),
        };
        store.save_state(&row).await.unwrap();
    }
    let saved = store.states().await.unwrap();
    assert_eq!(
        (saved.len(), saved[0].heard, &saved[0].payload[..]),
        (1, UtcMillis(2), &2_i64.to_be_bytes()[..])
    );
    assert_eq!(store.figures(UtcMillis(0)).await.unwrap().cameras_up, 4);
    store.save_alive(Some(&gateway), false).await.unwrap();
    assert_eq!(store.figures(UtcMillis(0)).await.unwrap().cameras_up, 0);

    let fixes = [fix("bus-1", 5), fix("bus-2", 6), fix("bus-1", 7)];
    let events = (1..).zip(fixes).map(|(seq, body)| new(1, seq, 0, body)).collect();
    store.store(&commit(events)).await.unwrap();
    let last = store.last_fixes(UtcMillis(6)).await.unwrap();
    assert_eq!(last.iter().map(|(_, p)| p[7]).collect::<Vec<_>>(), [2, 3]);

    store.set_password_hash("admin", "h", UtcMillis(0)).await.unwrap();
    store.add_session(&[7; 32], "admin", UtcMillis(0), UtcMillis(10)).await.unwrap();
    assert!(store.session(&[7; 32], UtcMillis(9)).await.unwrap().is_some());
    assert!(store.session(&[7; 32], UtcMillis(10)).await.unwrap().is_none());
    assert!(store.session(&[8; 32], UtcMillis(9)).await.unwrap().is_none());
    store.set_password_hash("admin", "other", UtcMillis(0)).await.unwrap();
    assert!(store.session(&[7; 32], UtcMillis(9)).await.unwrap().is_none());
    assert!(store.add_session(&[9; 32], "nobody", UtcMillis(0), UtcMillis(10)).await.is_err());
}
