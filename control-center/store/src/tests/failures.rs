//! Doubles, a full disk, damage, a newer schema: refused by name, and it goes on when the cause is gone.

use std::fs;

use super::{commit, new, open, rule};
use crate::{Kind, Store, StoreError};

async fn stored(store: &Store) -> i64 {
    sqlx::query_scalar("SELECT count(*) FROM event").fetch_one(store.readers()).await.unwrap()
}

#[tokio::test]
async fn a_transaction_is_whole_or_not_at_all() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await;
    store.store(&commit(vec![new(1, 1, 0, rule("c-1"))])).await.unwrap();
    let double = commit(vec![new(1, 2, 0, rule("c-1")), new(1, 1, 0, rule("c-1"))]);
    assert!(store.store(&double).await.is_err());
    assert_eq!(stored(&store).await, 1);
    store.store(&commit(vec![new(1, 2, 0, rule("c-1"))])).await.unwrap();
    assert_eq!(stored(&store).await, 2);
}

#[tokio::test]
async fn an_operation_given_up_halfway_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await;
    let many = commit((1..=3_000).map(|seq| new(1, seq, 0, rule("c-1"))).collect());
    for polls in 0..200 {
        let mut work = Box::pin(store.store(&many));
        for _ in 0..polls {
            if futures_poll_once(&mut work).await {
                break;
            }
        }
        drop(work);
        let now = stored(&store).await;
        assert!(now == 0 || now == 3_000, "{now} of a transaction that was given up");
        if now == 3_000 {
            return;
        }
    }
}

/// Polls once, then lets others work; whether it is done.
async fn futures_poll_once(work: &mut (impl Future + Unpin)) -> bool {
    let done =
        std::future::poll_fn(|cx| std::task::Poll::Ready(std::pin::Pin::new(&mut *work).poll(cx).is_ready()));
    let done = done.await;
    tokio::task::yield_now().await;
    done
}

#[tokio::test]
async fn a_full_disk_is_named_and_goes_on_when_there_is_space() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await;
    let mut writer = store.writer().await.unwrap();
    // SQLite's own way to run out of space; it holds for this one connection.
    sqlx::query("PRAGMA max_page_count = 40").execute(&mut writer.connection).await.unwrap();
    writer.good();
    let many = commit((1..=3_000).map(|seq| new(1, seq, 0, rule("c-1"))).collect());
    let err = store.store(&many).await.unwrap_err();
    assert!(matches!(err, StoreError::Full { .. }), "{err}");
    assert_eq!(err.kind(), Kind::Unavailable);
    assert!(err.to_string().contains("city.db is full; free some space"), "{err}");
    assert_eq!(stored(&store).await, 0);
    store.store(&many).await.unwrap();
    assert_eq!(stored(&store).await, 3_000);
}

#[tokio::test]
async fn a_file_that_is_no_database_is_named_and_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("city.db");
    fs::write(&file, "not a database ".repeat(1_000)).unwrap();
    let err = Store::open(&file).await.err().unwrap();
    assert!(matches!(err, StoreError::Damaged { .. }), "{err}");
    assert!(err.to_string().contains("put back a backup, or move it away"), "{err}");
    assert!(fs::read_to_string(&file).unwrap().starts_with("not a database"));
}

#[tokio::test]
async fn a_place_that_cannot_be_written_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let err = Store::open(dir.path()).await.err().unwrap().to_string();
    assert!(err.contains("cannot be written; check its owner"), "{err}");
    fs::write(dir.path().join("file"), "").unwrap();
    let err = Store::open(&dir.path().join("file/city.db")).await.err().unwrap().to_string();
    assert!(err.contains("making the folder"), "{err}");
}

#[tokio::test]
async fn a_newer_schema_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await;
    let mut writer = store.writer().await.unwrap();
    sqlx::query(
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
         VALUES (9999, 'from the future', 1, x'00', 0)",
    )
    .execute(&mut writer.connection)
    .await
    .unwrap();
    writer.good();
    store.close().await;
    let err = Store::open(&dir.path().join("city.db")).await.err().unwrap();
    assert!(matches!(err, StoreError::Newer { version: 9999, .. }), "{err}");
}

#[tokio::test]
async fn an_older_file_is_opened_again_and_again() {
    let dir = tempfile::tempdir().unwrap();
    for n in 1..4 {
        let store = open(dir.path()).await;
        store.store(&commit(vec![new(n, 1, 0, rule("c-1"))])).await.unwrap();
        store.close().await;
    }
    assert_eq!(stored(&open(dir.path()).await).await, 3);
}
