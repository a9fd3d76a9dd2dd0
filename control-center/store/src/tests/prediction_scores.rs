//! Scores of predictions: the last sums of a day, route and lead are kept, read back by day, and forgotten by day.

use models_domain::transit::accuracy::{Errors, Scored};
use time::Date;
use time::macros::date;

use super::open;

fn scored(day: Date, route: &str, lead_min: i64, scored: u64) -> Scored {
    let errors =
        Errors { scored, absolute_s: 40.5, signed_s: -12.25, within_60: scored, within_180: scored + 1 };
    Scored { feed: "xe".into(), day, route: route.into(), lead_min, errors }
}

#[tokio::test]
async fn the_last_sums_are_kept_by_service_day_route_and_lead() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await;
    let (monday, tuesday) = (date!(2026 - 03 - 02), date!(2026 - 03 - 03));
    let first = [scored(monday, "32", 3, 1), scored(monday, "32", 6, 2), scored(tuesday, "32", 3, 3)];
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
    ];
    assert_eq!(store.prediction_scores(monday).await.unwrap(), want);
    assert_eq!(store.prediction_scores(tuesday).await.unwrap(), want[3..]);
    assert_eq!(store.forget_prediction_scores(tuesday).await.unwrap(), 3);
    assert_eq!(store.prediction_scores(monday).await.unwrap(), want[3..]);
}
