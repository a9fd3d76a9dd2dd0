//! How trackers reported, counted out of the kept positions.

use models_domain::fix::Reason;
use models_domain::geo::LatLon;
use models_domain::transit::Fix;
use models_domain::transit::passing::Passing;
use models_domain::transit::timetable::RunKey;
use models_domain::{DurationMs, EventBody, MetersPerSecond, UtcMillis};
use sqlx::Row;
use time::macros::date;

use super::{commit, new, open};
use crate::trackers::{HEARD, LAST_REPORTS, REPORTS};
use crate::{BusNews, HeardRow, NewEvent, Span};

fn fix(seq: u64, vehicle: &str, at: i64, lat: f64) -> NewEvent {
    let fix = Fix {
        vehicle: vehicle.parse().unwrap(),
        at: UtcMillis(at),
        received: UtcMillis(at + 700),
        position: LatLon::new(lat, if lat == 0.0 { 0.0 } else { 105.8 }),
        speed: MetersPerSecond(5.0),
        course: None,
        altitude: None,
        valid: true,
        protocol: "gt06".into(),
        told: models_domain::transit::Told::default(),
    };
    new(1, seq, at, EventBody::Fix(fix))
}

fn passing(vehicle: &str, call: usize, at: i64) -> Passing {
    Passing {
        vehicle: vehicle.parse().unwrap(),
        feed: "xe".into(),
        route: "32".into(),
        direction: None,
        run: RunKey { date: date!(2026 - 03 - 02), trip: vehicle.into(), start_s: None },
        call,
        stop: "s".into(),
        at: UtcMillis(at),
        due: UtcMillis(at),
        headway: None,
        gap: DurationMs(10_000),
    }
}

#[tokio::test]
async fn trackers_are_counted_and_positions_read() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await;
    let day = 1_772_409_600_000;
    let fixes = vec![
        fix(1, "bus-1", day, 21.0),
        fix(2, "bus-1", day + 10_000, 0.0),
        fix(3, "bus-1", day + 20_000, 21.001),
        fix(4, "bus-2", day - 90_000_000, 21.0),
    ];
    store.store(&commit(fixes)).await.unwrap();
    let trackers = store.trackers(UtcMillis(day)).await.unwrap();
    let told: Vec<_> =
        trackers.iter().map(|t| (t.vehicle.as_str(), t.reporting.reports, t.at.0 - day)).collect();
    assert_eq!(told, [("bus-1", 3, 20_000), ("bus-2", 0, -90_000_000)]);
    assert_eq!(trackers[0].reporting.rejected, [(Reason::NullIsland, 1)]);
    assert_eq!((trackers[0].reporting.clock_off.0, trackers[0].protocol.as_str()), (700, "gt06"));
    let names: Vec<String> = store.vehicles().await.unwrap().iter().map(ToString::to_string).collect();
    assert_eq!(names, ["bus-1", "bus-2"]);
    let span = Span { from: UtcMillis(day), to: UtcMillis(day + 20_000) };
    let rows = store.positions(&"bus-1".parse().unwrap(), span, 9).await.unwrap();
    let rejected: Vec<_> = rows.iter().map(|r| r.rejected.as_deref()).collect();
    assert_eq!(rejected, [None, Some("null_island")]);
    let bus = "bus-1".parse().unwrap();
    let (mut place, mut paged) = ((UtcMillis(day), i64::MIN), Vec::new());
    while let Some((page, next)) =
        store.positions_page(&bus, place, UtcMillis(day + 20_001), 2).await.unwrap()
    {
        paged.push(page.iter().map(|r| r.at.0 - day).collect::<Vec<_>>());
        place = next;
    }
    assert_eq!(paged, [vec![0, 10_000], vec![20_000]]);
    let until = |from| Span { from: UtcMillis(from), to: UtcMillis(day + 20_001) };
    let day_of_bus = store.believed(&bus, until(day)).await.unwrap();
    let moments: Vec<_> = day_of_bus.iter().map(|f| f.at.0 - day).collect();
    assert_eq!(moments, [0, 20_000], "what is not believed is left out");
    assert_eq!(store.believed(&bus, until(day + 1)).await.unwrap().len(), 1);
    let by_vehicle =
        store.rejected_by_vehicle(Span { from: UtcMillis(0), to: UtcMillis(day * 2) }).await.unwrap();
    assert_eq!(by_vehicle.into_iter().collect::<Vec<_>>(), [("bus-1".to_owned(), 1)]);
    // The other one was not heard on that day.
    let heard = |vehicle: &str, passings| HeardRow { vehicle: vehicle.to_owned(), passings };
    assert_eq!(store.heard(until(day), 9).await.unwrap(), [heard("bus-1", 0)]);
    let passings =
        vec![passing("bus-1", 0, day), passing("bus-1", 1, day + 20_000), passing("bus-2", 0, day + 9_000)];
    store.keep_bus_news(&[BusNews { passings, ..BusNews::default() }]).await.unwrap();
    for (most, of_first) in [(9, 2), (1, 1)] {
        let all = [heard("bus-1", of_first), heard("bus-2", 1)];
        assert_eq!(store.heard(until(day), most).await.unwrap(), all, "whoever passed a stop was there");
    }
    assert_eq!(store.heard(until(day + 20_000), 9).await.unwrap(), [heard("bus-1", 1)]);
    store.close().await;
}

/// The steps in which SQLite answers, such as `SEARCH fix USING COVERING INDEX ...`.
async fn plan(store: &crate::Store, sql: &str) -> Vec<String> {
    let mut explain = sqlx::QueryBuilder::<sqlx::Sqlite>::new("EXPLAIN QUERY PLAN ");
    let rows = explain.push(sql).build().fetch_all(store.readers()).await.unwrap();
    rows.iter().map(|row| row.get("detail")).collect()
}

#[tokio::test]
async fn no_question_about_trackers_reads_the_whole_table() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await;
    for (sql, index) in [(LAST_REPORTS, "fix_sound"), (REPORTS, "fix_reporting"), (HEARD, "fix_sound")] {
        let plan = plan(&store, sql).await;
        let whole =
            |step: &String| ["SCAN fix", "SCAN f ", "SCAN passing"].iter().any(|s| step.starts_with(s));
        assert!(!plan.iter().any(whole), "{plan:#?}");
        assert!(plan.iter().any(|step| step.starts_with("SEARCH fix") && step.contains(index)), "{plan:#?}");
    }
    store.close().await;
}
