//! Positions that are not believed: kept, named, taken back; and the order in which they come does not matter.

use models_domain::EventBody;
use models_domain::geo::LatLon;
use models_domain::transit::Fix;
use models_domain::{MetersPerSecond, UtcMillis};

use super::{commit, new, open};
use crate::{NewEvent, Store};

const NOON: i64 = 1_747_231_200_000;

/// So many seconds after [`NOON`], so many metres east.
fn fix(second: i64, east_m: f64) -> Fix {
    Fix {
        vehicle: "bus".parse().unwrap(),
        at: UtcMillis(NOON + second * 1000),
        received: UtcMillis(NOON + second * 1000 + 2_000),
        position: LatLon::new(21.0, 105.8 + east_m / 103_900.0),
        speed: MetersPerSecond(10.0),
        course: None,
        altitude: None,
        valid: true,
        protocol: "gt06".into(),
        told: models_domain::transit::Told::default(),
    }
}

/// Every fifth second; with a jump, a double, one that says it is invalid, one of tomorrow.
fn day() -> Vec<Fix> {
    let mut fixes: Vec<Fix> = (0..40).map(|n| fix(5 * n, 50.0 * n as f64)).collect();
    fixes[11] = fix(55, 20_000.0);
    fixes[20].valid = false;
    fixes.push(fix(75, 750.0));
    fixes.push(Fix { at: UtcMillis(NOON + 86_400_000), ..fix(90, 900.0) });
    fixes
}

async fn store(store: &Store, fixes: &[Fix], together: usize) {
    let event =
        |(n, fix): (usize, &Fix)| -> NewEvent { new(1, n as u64 + 1, fix.at.0, EventBody::Fix(fix.clone())) };
    let events: Vec<NewEvent> = fixes.iter().enumerate().map(event).collect();
    for some in events.chunks(together) {
        store.store(&commit(some.to_vec())).await.unwrap();
    }
}

/// Reasons by time in seconds.
async fn rejected(store: &Store) -> Vec<(i64, String)> {
    let rejected = store.rejected_fixes(UtcMillis(0), 100).await.unwrap();
    let mut told: Vec<_> = rejected.into_iter().map(|r| ((r.at.0 - NOON) / 1000, r.reason)).collect();
    told.sort();
    told
}

#[tokio::test]
async fn any_order_gives_the_same_verdicts() {
    let want = [(55, "jump"), (75, "double"), (100, "invalid"), (86_400, "future")];
    let want = want.map(|(second, reason)| (second, reason.to_owned()));
    let mut noise = 7_u64;
    for together in [1, 3, 50] {
        let folder = tempfile::tempdir().unwrap();
        let city = open(folder.path()).await;
        let mut fixes = day();
        for i in (1..fixes.len()).rev() {
            noise = noise.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            fixes.swap(i, (noise >> 33) as usize % (i + 1));
        }
        store(&city, &fixes, together).await;
        assert_eq!(rejected(&city).await, want, "{together} together");
    }
}

#[tokio::test]
async fn a_verdict_is_taken_back_and_left_to_the_rules_again() {
    let folder = tempfile::tempdir().unwrap();
    let city = open(folder.path()).await;
    store(&city, &day(), 7).await;
    let jump = city
        .rejected_fixes(UtcMillis(0), 100)
        .await
        .unwrap()
        .into_iter()
        .find(|r| r.reason == "jump")
        .unwrap();
    assert_eq!((jump.vehicle.as_str(), jump.protocol.as_str()), ("bus", "gt06"));
    assert!(city.take_back_fix(jump.event, true).await.unwrap());
    assert!(!rejected(&city).await.iter().any(|(second, _)| *second == 55));
    assert!(city.take_back_fix(jump.event, false).await.unwrap());
    assert!(rejected(&city).await.contains(&(55, "jump".to_owned())));
    assert!(!city.take_back_fix(999_999, true).await.unwrap());
}

#[tokio::test]
async fn the_last_place_is_the_newest_believed() {
    let folder = tempfile::tempdir().unwrap();
    let city = open(folder.path()).await;
    let mut fixes = day();
    fixes.reverse();
    store(&city, &fixes, 5).await;
    let last = city.last_fixes(UtcMillis(0)).await.unwrap();
    // The one of 39 times 5 seconds came third.
    assert_eq!(last, [("pole-1".to_owned(), 3_u64.to_be_bytes().to_vec())]);
}
