//! A report that is not simply the newest of its bus makes its day due; what is settled is due no more.

use models_domain::EventBody;
use models_domain::geo::LatLon;
use models_domain::transit::Fix;
use models_domain::{MetersPerSecond, UtcMillis};

use super::{commit, new, open};
use crate::{BusNews, Commit, NewEvent, Store};

const HOUR: i64 = 3_600_000;
/// At a quarter of an hour.
const NOON: i64 = 1_747_231_200_000;

fn fix(seq: u64, vehicle: &str, at_s: i64, east_m: f64) -> NewEvent {
    let at = UtcMillis(NOON + at_s * 1000);
    let fix = Fix {
        vehicle: vehicle.parse().unwrap(),
        at,
        received: at,
        position: LatLon::new(21.0, 105.8 + east_m / 103_900.0),
        speed: MetersPerSecond(10.0),
        course: None,
        altitude: None,
        valid: true,
        protocol: "gt06".into(),
        told: models_domain::transit::Told::default(),
    };
    new(1, seq, at.0, EventBody::Fix(fix))
}

/// Bus and quarter, by bus; everything is ripe.
async fn due(store: &Store) -> Vec<(String, i64)> {
    let mut told = Vec::new();
    loop {
        let some = store.due(UtcMillis(i64::MAX), UtcMillis(0), 1).await.unwrap();
        if some.is_empty() {
            told.sort();
            return told;
        }
        told.extend(some.iter().map(|d| (d.vehicle.to_string(), (d.from.0 - NOON) / 900_000)));
        store.keep_bus_news(&[BusNews { settled: some, ..BusNews::default() }]).await.unwrap();
    }
}

#[tokio::test]
async fn what_comes_in_order_is_not_due_and_what_comes_late_is() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await;
    let mut seq = 0;
    let mut drive = |from_s: i64, to_s: i64| -> Vec<NewEvent> {
        (from_s..to_s)
            .step_by(10)
            .map(|s| {
                seq += 1;
                fix(seq, "bus-1", s, s as f64 * 10.0)
            })
            .collect()
    };
    for some in drive(0, 600).chunks(7) {
        store.store(&commit(some.to_vec())).await.unwrap();
    }
    let (gap, after) = (drive(600, 1_200), drive(1_200, 1_800));
    store.store(&commit(after)).await.unwrap();
    assert_eq!(due(&store).await, []);
    store.store(&commit(gap.clone())).await.unwrap();
    // From 600 s to 1,200 s: two quarters.
    assert_eq!(due(&store).await, [("bus-1".to_owned(), 0), ("bus-1".to_owned(), 1)]);
    // A repeat is a double, and changes nothing.
    let again: Vec<_> = gap.into_iter().zip(1_000..).map(|(e, seq)| NewEvent { seq, ..e }).collect();
    store.store(&commit(again)).await.unwrap();
    assert_eq!(due(&store).await, []);
    store.close().await;
}

#[tokio::test]
async fn a_verdict_that_changes_makes_its_time_due() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await;
    let fixes =
        (0..20).map(|n| fix(n + 1, "bus-1", n as i64 * 10, if n == 9 { 30_000.0 } else { n as f64 * 80.0 }));
    store.store(&commit(fixes.collect())).await.unwrap();
    assert_eq!(due(&store).await, []);
    let jump = store.rejected_fixes(UtcMillis(0), 9).await.unwrap().remove(0);
    assert!(store.take_back_fix(jump.event, true).await.unwrap());
    assert_eq!(due(&store).await, [("bus-1".to_owned(), 0)]);
    store.close().await;
}

#[tokio::test]
async fn a_former_day_is_due_also_when_its_reports_come_in_order() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await;
    let followed_from = Some(UtcMillis(NOON));
    let events = vec![fix(1, "bus-1", -1_000, 0.0), fix(2, "bus-1", -990, 0.0), fix(3, "bus-1", 10, 0.0)];
    store.store(&Commit { followed_from, ..commit(events) }).await.unwrap();
    assert_eq!(due(&store).await, [("bus-1".to_owned(), -2)]);
    store.close().await;
}

#[tokio::test]
async fn at_the_turn_of_the_day_every_bus_of_the_day_before_is_due_once() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await;
    let events = vec![fix(1, "bus-1", 50, 0.0), fix(2, "bus-2", 100, 0.0), fix(3, "bus-3", 25 * 3600, 0.0)];
    store.store(&commit(events)).await.unwrap();
    let (yesterday, today, now) = (UtcMillis(NOON), UtcMillis(NOON + 24 * HOUR), UtcMillis(NOON + 25 * HOUR));
    store.follow_day(yesterday, now).await.unwrap();
    assert_eq!(due(&store).await, []);
    store.follow_day(today, now).await.unwrap();
    assert_eq!(due(&store).await, [("bus-1".to_owned(), 0), ("bus-2".to_owned(), 0)]);
    store.follow_day(today, now).await.unwrap();
    assert_eq!(due(&store).await, []);
    store.close().await;
}

#[tokio::test]
async fn the_restless_wait_and_what_comes_meanwhile_is_not_forgotten() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await;
    let report = |s: i64| [("bus-1".parse().unwrap(), UtcMillis(NOON + s * 1000))];
    store.make_due(&report(0), UtcMillis(1_000)).await.unwrap();
    store.make_due(&report(1), UtcMillis(9_000)).await.unwrap();
    assert_eq!(store.due(UtcMillis(8_000), UtcMillis(999), 9).await.unwrap(), [], "not calm yet");
    assert_eq!(store.due(UtcMillis(8_000), UtcMillis(1_000), 9).await.unwrap().len(), 1, "it waited long");
    let read = store.due(UtcMillis(9_000), UtcMillis(0), 9).await.unwrap();
    store.make_due(&report(2), UtcMillis(9_500)).await.unwrap();
    store.keep_bus_news(&[BusNews { settled: read, ..BusNews::default() }]).await.unwrap();
    assert_eq!(due(&store).await, [("bus-1".to_owned(), 0)]);
    store.close().await;
}
