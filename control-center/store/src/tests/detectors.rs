//! What detectors counted: halves of a minute become one row, readings go to the minute of their middle, old ones go.

use models_domain::signal::detector::{KindCounts, Reading, RoadUserKind};
use models_domain::{DurationMs, EventBody, MetersPerSecond, UtcMillis};

use super::{commit, new, open};
use crate::{DetectorRow, Span, Store};

const HOUR: Span = Span { from: UtcMillis(0), to: UtcMillis(3_600_000) };

fn told(junction: &str, readings: &[(u16, Reading)]) -> EventBody {
    EventBody::Detectors { junction: junction.parse().unwrap(), readings: readings.to_vec() }
}

fn reading(end_s: i64, length_s: i64) -> Reading {
    Reading { at: UtcMillis(end_s * 1_000), interval: DurationMs(length_s * 1_000), ..Reading::default() }
}

async fn shown(store: &Store, junction: &str, bucket_ms: i64) -> Vec<String> {
    let rows = store.detector_counts(junction, HOUR, bucket_ms, 100).await.unwrap();
    let row = |row: DetectorRow| {
        let kinds: Vec<String> = row.kinds.iter().map(|(kind, n)| format!(" {kind} {n}")).collect();
        format!(
            "{} from {}: {} in {} s, {:?} {:?}{}",
            row.detector,
            row.from.0 / 60_000,
            row.vehicles,
            row.counted.0 / 1_000,
            row.occupancy,
            row.speed_mps,
            kinds.concat()
        )
    };
    rows.into_iter().map(row).collect()
}

#[tokio::test]
async fn minutes_are_added_up() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await;
    let vehicles = |n: u32, reading: Reading| Reading { vehicles: Some(n), ..reading };
    let covered = |share: f64, reading: Reading| Reading { occupancy: Some(share), ..reading };
    let mut kinds = KindCounts::default();
    kinds.set(RoadUserKind::Motorcycle, 9);
    kinds.set(RoadUserKind::Tram, 0);
    let first = Reading { speed: Some(MetersPerSecond(8.0)), kinds, ..vehicles(10, reading(70, 60)) };
    let events = vec![
        new(1, 1, 70_000, told("a", &[(1, first), (2, vehicles(3, reading(70, 60)))])),
        // The other half comes in a message of its own.
        new(1, 2, 70_000, told("a", &[(1, covered(0.25, reading(70, 60)))])),
        // Its middle lies in minute 1.
        new(1, 3, 130_000, told("a", &[(1, covered(0.5, vehicles(30, reading(130, 60))))])),
        new(1, 4, 70_000, told("b", &[(1, vehicles(99, reading(70, 60)))])),
    ];
    store.store(&commit(events)).await.unwrap();
    let minutes = [
        "1 from 0: 10 in 60 s, Some(0.25) Some(8.0) motorcycle 9",
        "1 from 1: 30 in 60 s, Some(0.5) None",
        "2 from 0: 3 in 60 s, None None",
    ];
    assert_eq!(shown(&store, "a", 60_000).await, minutes);
    assert_eq!(
        shown(&store, "a", 300_000).await,
        ["1 from 0: 40 in 120 s, Some(0.375) Some(8.0) motorcycle 9", "2 from 0: 3 in 60 s, None None"]
    );
    // What was buffered comes late and is added.
    let late = Reading { speed: Some(MetersPerSecond(2.0)), kinds, ..vehicles(10, reading(50, 20)) };
    store.store(&commit(vec![new(1, 5, 50_000, told("a", &[(1, late)]))])).await.unwrap();
    assert_eq!(
        shown(&store, "a", 60_000).await[0],
        "1 from 0: 20 in 80 s, Some(0.25) Some(5.0) motorcycle 18"
    );
    assert_eq!(shown(&store, "b", 60_000).await, ["1 from 0: 99 in 60 s, None None"]);
    assert_eq!(shown(&store, "c", 60_000).await, Vec::<String>::new());

    assert_eq!(store.forget_detectors(UtcMillis(60_000)).await.unwrap(), 4);
    assert_eq!(store.forget_detectors(UtcMillis(60_000)).await.unwrap(), 0);
    assert_eq!(shown(&store, "a", 60_000).await, &minutes[1..2]);
    store.close().await;
}

#[tokio::test]
async fn no_reading_breaks_the_sums() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await;
    let huge = Reading {
        at: UtcMillis(i64::MAX),
        interval: DurationMs(i64::MAX),
        vehicles: Some(u32::MAX),
        occupancy: Some(f64::INFINITY),
        speed: Some(MetersPerSecond(f64::MAX)),
        kinds: KindCounts::default(),
    };
    let small = Reading { at: UtcMillis(i64::MIN), interval: DurationMs(-5), ..huge };
    for seq in 1..4 {
        store
            .store(&commit(vec![new(1, seq, 0, told("a", &[(1, huge), (1, small), (65_535, huge)]))]))
            .await
            .unwrap();
    }
    let all = Span { from: UtcMillis(i64::MAX / 2), to: UtcMillis(i64::MAX) };
    assert_eq!(store.detector_counts("a", all, 60_000, 100).await.unwrap().len(), 2);
    store.close().await;
}
