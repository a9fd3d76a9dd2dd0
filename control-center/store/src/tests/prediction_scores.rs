//! Scores of predictions: the last sums of a day, route, source and lead are kept, read back by day, and forgotten by day.

use models_domain::transit::accuracy::{Errors, Scored, Source};
use sqlx::ConnectOptions;
use sqlx::sqlite::SqliteConnectOptions;
use time::Date;
use time::macros::date;

use super::open;

fn scored(day: Date, route: &str, lead_min: i64, scored: u64) -> Scored {
    let errors =
        Errors { scored, absolute_s: 40.5, signed_s: -12.25, within_60: scored, within_180: scored + 1 };
    Scored { feed: "xe".into(), day, route: route.into(), source: Source::Bus, lead_min, errors }
}

#[tokio::test]
async fn the_last_sums_are_kept_by_service_day_route_and_lead() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await;
    let (monday, tuesday) = (date!(2026 - 03 - 02), date!(2026 - 03 - 03));
    let timetable = Scored { source: Source::Timetable, ..scored(tuesday, "32", 3, 9) };
    let first = [
        scored(monday, "32", 3, 1),
        scored(monday, "32", 6, 2),
        scored(tuesday, "32", 3, 3),
        timetable.clone(),
    ];
    store.keep_prediction_scores(&first).await.unwrap();
    store.keep_prediction_scores(&[]).await.unwrap();
    assert_eq!(store.prediction_scores(monday).await.unwrap(), first);
    store.keep_prediction_scores(&[scored(monday, "32", 6, 5), scored(monday, "09", 3, 1)]).await.unwrap();
    store.close().await;

    let store = open(dir.path()).await;
    let want = [
        scored(monday, "09", 3, 1),
        scored(monday, "32", 3, 1),
        scored(monday, "32", 6, 5),
        scored(tuesday, "32", 3, 3),
        timetable,
    ];
    assert_eq!(store.prediction_scores(monday).await.unwrap(), want);
    assert_eq!(store.prediction_scores(tuesday).await.unwrap(), want[3..]);
    assert_eq!(store.forget_prediction_scores(tuesday).await.unwrap(), 3);
    assert_eq!(store.prediction_scores(monday).await.unwrap(), want[3..]);
}

#[tokio::test]
async fn scores_from_before_sources_were_told_apart_are_of_buses() {
    let dir = tempfile::tempdir().unwrap();
    open(dir.path()).await.close().await;
    // As the build before left it.
    let file = SqliteConnectOptions::new().filename(dir.path().join("city.db"));
    let mut raw = file.connect().await.unwrap();
    for undo in [
        "DROP TABLE prediction_score",
        include_str!("../../migrations/0026_prediction_scores.sql"),
        "INSERT INTO prediction_score (feed, day, route, lead_min, scored, absolute_s, signed_s, within_60, within_180) VALUES \
         ('xe', '2026-03-02', '32', 3, 7, 40.5, -12.25, 7, 8), ('xe', '2026-03-03', '09', 6, 1, 40.5, -12.25, 1, 2)",
        "DELETE FROM _sqlx_migrations WHERE version = 32",
    ] {
        sqlx::query(undo).execute(&mut raw).await.unwrap();
    }
    drop(raw);

    let store = open(dir.path()).await;
    let (monday, tuesday) = (date!(2026 - 03 - 02), date!(2026 - 03 - 03));
    let carried = [scored(monday, "32", 3, 7), scored(tuesday, "09", 6, 1)];
    assert_eq!(store.prediction_scores(monday).await.unwrap(), carried);
    // What the timetable told stands beside them from now on, and buses' sums go on in their place.
    let timetable = Scored { source: Source::Timetable, ..scored(monday, "32", 3, 2) };
    let went_on = scored(monday, "32", 3, 9);
    store.keep_prediction_scores(&[timetable.clone(), went_on.clone()]).await.unwrap();
    let want = [went_on, timetable, carried[1].clone()];
    assert_eq!(store.prediction_scores(monday).await.unwrap(), want);
    store.close().await;
}
