//! Sums by the minute: what is told twice of a minute is added, a repeat is not; old files get their minutes.

use models_domain::{Class, DurationMs, EventBody, UtcMillis};

use super::{audit, commit, counts, crossing, fix, new, open, rule, stats};
use crate::{AuditLine, AuditLines, Figures, Span, Store};

const HOUR: Span = Span { from: UtcMillis(0), to: UtcMillis(3_600_000) };

async fn shown(store: &Store, camera: Option<&str>, bucket_ms: i64) -> Vec<String> {
    let rows = store.counts(camera, HOUR, bucket_ms, 100).await.unwrap();
    rows.iter()
        .map(|c| format!("{} {} {} {}", c.from.0 / 60_000, c.camera, c.road_user, c.crossings))
        .collect()
}

async fn watched(store: &Store, bucket_ms: i64) -> Vec<String> {
    let rows = store.watched(None, HOUR, bucket_ms, 100).await.unwrap();
    rows.iter()
        .map(|w| format!("{} {} {}/{}", w.from.0 / 60_000, w.camera, w.watched_ms, w.analysed_ms))
        .collect()
}

#[tokio::test]
async fn sums_come_from_minutes() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await;
    let events = vec![
        // One crossing after the other is a list, not a sum: the minutes have them already.
        new(1, 1, 59_999, crossing("c-1", Class::Car)),
        new(1, 2, 60_000, counts("c-1", 0, &[(Class::Car, 2), (Class::Motorcycle, 30)])),
        new(1, 3, 120_000, counts("c-1", 1, &[(Class::Bus, 1)])),
        new(1, 4, 120_000, counts("c-2", 1, &[])),
        new(1, 5, 60_000, stats(100)),
        new(1, 6, 60_000, fix("bus-1", 60_000)),
        new(1, 7, 60_000, rule("c-1")),
    ];
    store.store(&commit(events)).await.unwrap();
    let by_minute = ["0 c-1 car 2", "0 c-1 motorcycle 30", "1 c-1 bus 1"];
    assert_eq!(
        shown(&store, Some("c-1"), 60_000).await,
        ["1 c-1 bus 1", "0 c-1 car 2", "0 c-1 motorcycle 30"]
    );
    assert_eq!(shown(&store, None, 3_600_000).await, ["0 c-1 bus 1", "0 c-1 car 2", "0 c-1 motorcycle 30"]);
    assert_eq!(by_minute.len(), shown(&store, None, 60_000).await.len());
    assert_eq!(store.counts(None, HOUR, 60_000, 2).await.unwrap().len(), 2);
    // No traffic and nobody watching are two things: c-2 was watched, c-9 was not.
    assert!(shown(&store, Some("c-2"), 60_000).await.is_empty());
    assert_eq!(watched(&store, 60_000).await, ["0 c-1 60000/6000", "1 c-1 60000/6000", "1 c-2 60000/6000"]);
    assert_eq!(watched(&store, 3_600_000).await, ["0 c-1 120000/12000", "0 c-2 60000/6000"]);
    let want =
        Figures { frames: 100, detections: 7, crossings: 33, rule_events: 1, fixes: 1, ..Figures::default() };
    assert_eq!(store.figures(UtcMillis(0)).await.unwrap(), want);
    let since = store.figures(UtcMillis(60_000 + 59_999)).await.unwrap();
    assert_eq!((since.crossings, since.frames), (1, 100), "the minute that the moment lies in counts");
}

#[tokio::test]
async fn what_comes_late_is_added_and_a_repeat_is_not() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await;
    let first = || new(1, 1, 60_000, counts("c-1", 0, &[(Class::Car, 2)]));
    store.store(&commit(vec![first()])).await.unwrap();
    // The same event again refuses the whole transaction.
    let repeat = commit(vec![new(1, 2, 60_000, counts("c-1", 0, &[(Class::Car, 5)])), first()]);
    assert!(store.store(&repeat).await.is_err());
    assert_eq!(shown(&store, None, 60_000).await, ["0 c-1 car 2"]);
    let mut late = counts("c-1", 0, &[(Class::Car, 1), (Class::Truck, 1)]);
    if let EventBody::Counts { counts, .. } = &mut late {
        counts.watched = DurationMs(10);
    }
    // Two of one minute in one transaction too.
    let more = vec![new(1, 2, 60_000, late), new(2, 1, 60_000, counts("c-1", 0, &[(Class::Car, 1)]))];
    store.store(&commit(more)).await.unwrap();
    assert_eq!(shown(&store, None, 60_000).await, ["0 c-1 car 4", "0 c-1 truck 1"]);
    assert_eq!(watched(&store, 60_000).await, ["0 c-1 60000/18000"], "a minute is no longer than a minute");
    assert_eq!(store.figures(UtcMillis(0)).await.unwrap().crossings, 5);
}

#[tokio::test]
async fn a_file_from_before_there_were_minutes_has_them_after_the_upgrade() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("city.db");
    let store = open(dir.path()).await;
    let events = vec![
        new(1, 1, 10, crossing("c-1", Class::Car)),
        new(1, 2, 59_999, crossing("c-1", Class::Car)),
        new(1, 3, 60_000, crossing("c-1", Class::Bus)),
        new(1, 4, 60_000, stats(100)),
        new(1, 5, 60_000, fix("bus-1", 60_000)),
        new(1, 6, 60_000, rule("c-1")),
    ];
    store.store(&commit(events)).await.unwrap();
    // As the first schema left it.
    let mut writer = store.writer().await.unwrap();
    for undo in [
        "DROP TABLE minute_count",
        "DROP TABLE minute_watched",
        "DROP TABLE minute_figure",
        "DROP TABLE audit",
        "DELETE FROM _sqlx_migrations WHERE version = 2",
    ] {
        sqlx::query(undo).execute(&mut writer.connection).await.unwrap();
    }
    writer.good();
    store.close().await;
    let store = Store::open(&path).await.unwrap();
    assert_eq!(shown(&store, None, 60_000).await, ["1 c-1 bus 1", "0 c-1 car 2"]);
    assert!(watched(&store, 60_000).await.is_empty(), "nobody wrote down how much was watched");
    let want =
        Figures { frames: 100, detections: 7, crossings: 3, rule_events: 1, fixes: 1, ..Figures::default() };
    assert_eq!(store.figures(UtcMillis(0)).await.unwrap(), want);
}

#[tokio::test]
async fn who_looked_at_what_stays_written_down() {
    let dir = tempfile::tempdir().unwrap();
    let line = |at| AuditLine {
        at: UtcMillis(at),
        user: "admin".into(),
        action: "search_tracks".into(),
        purpose: "vụ va chạm 12/3".into(),
        what: "all red cars".into(),
    };
    let store = open(dir.path()).await;
    // The hall's clock was set back before the last of them.
    for at in [5, 9, 7] {
        store.keep_audit(&line(at)).await.unwrap();
    }
    store.close().await;
    let store = open(dir.path()).await;
    assert_eq!(audit(&store).await, [line(5), line(9), line(7)]);
    let page = async |since, after, limit| {
        store.audit(UtcMillis(since), AuditLines::All, after, limit).await.unwrap()
    };
    assert_eq!(page(6, 0, 10).await, [(2, line(9)), (3, line(7))]);
    assert_eq!(page(0, 0, 2).await, [(1, line(5)), (2, line(9))]);
    assert_eq!(page(0, 2, 2).await, [(3, line(7))]);
    assert_eq!(page(0, 3, 2).await, []);
}
