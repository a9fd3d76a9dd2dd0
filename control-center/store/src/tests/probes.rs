//! How buses went on the roads is kept, replaced, read by segment and by time, added up by speed, and forgotten.

use models_domain::UtcMillis;
use models_domain::geo::LatLon;
use models_domain::transit::probe::Sum;

use super::open;
use crate::{ProbeRow, SegmentRow, Span};

fn segment(name: &str) -> SegmentRow {
    let line = vec![LatLon::new(21.0, 105.8), LatLon::new(21.000_123, 105.85)];
    SegmentRow {
        name: name.into(), from: "Cầu Giấy".into(), to: "Xuân Thủy".into(), length_m: 520.5, line
    }
}

fn row(segment: &str, minute: i64, buses: u32, cm: u64) -> ProbeRow {
    let (ms, stop_ms, newest) = (10_000, 4_000, UtcMillis(minute * 60_000 + 77));
    ProbeRow {
        segment: segment.into(),
        bucket: UtcMillis(minute * 60_000),
        sum: Sum { buses, cm, ms, stop_ms, newest },
    }
}

const ALL: Span = Span { from: UtcMillis(0), to: UtcMillis(i64::MAX) };

#[tokio::test]
async fn five_minutes_are_replaced_and_read_by_segment_and_by_time() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await;
    store.keep_segments(&[segment("a"), segment("b")], UtcMillis(1)).await.unwrap();
    assert_eq!(store.segments().await.unwrap(), [segment("a"), segment("b")]);
    store.keep_probes(&[row("a", 0, 1, 5_000), row("b", 0, 2, 8_000), row("a", 5, 1, 9_000)]).await.unwrap();
    // A late position: another sum, and of one nothing is left.
    store.keep_probes(&[row("a", 0, 2, 6_000), row("a", 5, 0, 0), row("a", 10, 1, 7_000)]).await.unwrap();
    store.keep_segments(&[SegmentRow { to: "Mai Dịch".into(), ..segment("a") }], UtcMillis(2)).await.unwrap();
    let of = store.probes_of("a", ALL).await.unwrap();
    assert_eq!(of, [row("a", 0, 2, 6_000), row("a", 10, 1, 7_000)], "kept under the same segment");
    let none = Span { from: UtcMillis(1), to: UtcMillis(600_000) };
    assert_eq!(store.probes_of("a", none).await.unwrap(), []);

    let (mut read, mut place) = (Vec::new(), (UtcMillis(0), i64::MIN));
    while let Some((page, next)) = store.probes_page(place, UtcMillis(i64::MAX), 1).await.unwrap() {
        read.extend(page.into_iter().map(|line| (line.row, line.to)));
        place = next;
    }
    let (mai_dich, xuan_thuy) = ("Mai Dịch".to_owned(), "Xuân Thủy".to_owned());
    let want = [
        (row("a", 0, 2, 6_000), mai_dich.clone()),
        (row("b", 0, 2, 8_000), xuan_thuy),
        (row("a", 10, 1, 7_000), mai_dich),
    ];
    assert_eq!(read, want);
    store.close().await;
}

#[tokio::test]
async fn speeds_are_added_up_and_old_ones_forgotten() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await;
    store.keep_segments(&[segment("a"), segment("b")], UtcMillis(1)).await.unwrap();
    // 6.0, 6.4 and 9.0 m/s; and one that says too little.
    let mut short = row("a", 15, 1, 100);
    short.sum.ms = 4_000;
    store
        .keep_probes(&[row("a", 0, 1, 6_000), row("a", 5, 1, 6_400), row("a", 10, 1, 9_000), short])
        .await
        .unwrap();
    let mut classes = store.speed_classes(ALL).await.unwrap();
    classes.sort_unstable();
    assert_eq!(classes, [("a".to_owned(), 12, 2), ("a".to_owned(), 18, 1)]);
    let before = UtcMillis(360_000);
    assert_eq!(store.forget_probes(before).await.unwrap(), 2);
    assert_eq!(store.forget_probes(before).await.unwrap(), 1, "the segment of which nothing is known");
    assert_eq!(store.forget_probes(before).await.unwrap(), 0);
    assert_eq!(store.segments().await.unwrap(), [segment("a")]);
    assert_eq!(store.probes_of("a", ALL).await.unwrap().len(), 2);
    store.close().await;
}
