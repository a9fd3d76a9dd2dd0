//! Positions that are not believed: kept, named, taken back; and the order in which they come does not matter.

use models_domain::EventBody;
use models_domain::geo::LatLon;
use models_domain::transit::assign::SignOn;
use models_domain::transit::{Fix, Told};
use models_domain::{Meters, MetersPerSecond, UtcMillis};

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
    let before = store.progress().await.unwrap().iter().map(|(_, _, seq)| *seq).max().unwrap_or(0);
    let event = |(seq, fix): (u64, &Fix)| -> NewEvent { new(1, seq, fix.at.0, EventBody::Fix(fix.clone())) };
    let events: Vec<NewEvent> = (before + 1..).zip(fixes).map(event).collect();
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

/// Ten reports without satellites between what is believed.
fn much_is_invalid() -> Vec<Fix> {
    let mut fixes: Vec<Fix> = (0..10).map(|n| fix(5 * n, 50.0 * n as f64)).collect();
    fixes.extend((10..20).map(|n| Fix { valid: false, ..fix(5 * n, 0.0) }));
    // Away and back: a jump by what is on the other side of them.
    fixes.push(fix(100, 50_000.0));
    fixes.extend((21..31).map(|n| Fix { valid: false, ..fix(5 * n, 0.0) }));
    fixes.extend((31..35).map(|n| fix(5 * n, 50.0 * n as f64)));
    fixes
}

#[tokio::test]
async fn what_is_invalid_stands_between_no_neighbours() {
    let mut told = Vec::new();
    for together in [1, 5, 1_000] {
        let dir = tempfile::tempdir().unwrap();
        let city = open(dir.path()).await;
        store(&city, &much_is_invalid(), together).await;
        told.push(rejected(&city).await);
    }
    assert_eq!((told[0] == told[1], told[0] == told[2], told[0].len()), (true, true, 21));
    assert!(told[0].contains(&(100, "jump".to_owned())), "{told:?}");
}

#[tokio::test]
async fn a_late_report_is_due_though_only_what_is_invalid_came_after_it() {
    let dir = tempfile::tempdir().unwrap();
    let city = open(dir.path()).await;
    let mut fixes = much_is_invalid();
    fixes.truncate(20);
    let late = fixes.remove(8);
    store(&city, &fixes, 1).await;
    assert_eq!(city.due(UtcMillis(i64::MAX), UtcMillis(0), 9).await.unwrap(), []);
    store(&city, &[late], 1).await;
    assert_eq!(city.due(UtcMillis(i64::MAX), UtcMillis(0), 9).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_call_for_help_is_found_whatever_its_place_and_is_due_where_it_comes_late() {
    let dir = tempfile::tempdir().unwrap();
    let city = open(dir.path()).await;
    let mut fixes: Vec<Fix> = (0..6).map(|n| fix(5 * n, 50.0 * n as f64)).collect();
    store(&city, &fixes, 1).await;
    fixes[3].told.sos = true;
    let calls = Fix { valid: false, ..fixes[3].clone() };
    store(&city, &[calls.clone(), Fix { told: Told::default(), ..calls }], 1).await;
    let since = async |ms| {
        let found = city.rejected_calls(&"bus".parse().unwrap(), UtcMillis(NOON + ms)).await.unwrap();
        found.into_iter().map(|fix| fix.at).collect::<Vec<_>>()
    };
    assert_eq!((since(0).await, since(120_000).await), (vec![fixes[3].at], vec![]));
    assert_eq!(city.due(UtcMillis(i64::MAX), UtcMillis(0), 9).await.unwrap().len(), 1);
    let seen =
        city.vehicles_seen(crate::Span { from: UtcMillis(i64::MAX - 1), to: UtcMillis(i64::MAX) }).await;
    assert_eq!(seen.unwrap().len(), 1, "its call may be open");
}

#[tokio::test]
async fn what_is_believed_of_before_the_last_call_is_due_and_a_call_told_twice_is_not() {
    let dir = tempfile::tempdir().unwrap();
    let city = open(dir.path()).await;
    let calls = |fix: Fix| Fix { told: Told { sos: true, ..Told::default() }, ..fix };
    let due = async || city.due(UtcMillis(i64::MAX), UtcMillis(0), 9).await.unwrap().len();
    store(&city, &[fix(0, 0.0), calls(fix(5, 50.0)), calls(fix(5, 50.0))], 1).await;
    assert_eq!(due().await, 0, "told twice");
    store(&city, &[calls(Fix { valid: false, ..fix(20, 0.0) })], 1).await;
    assert_eq!(due().await, 0, "the newest");
    store(&city, &[fix(15, 150.0)], 1).await;
    assert_eq!(due().await, 1);
}

#[tokio::test]
async fn what_a_vehicle_is_said_to_do_is_kept() {
    let dir = tempfile::tempdir().unwrap();
    let city = open(dir.path()).await;
    let mut said = fix(0, 0.0);
    said.told.signed = SignOn::of(Some("t-7".into()), None, Some("32".into()));
    store(&city, &[said.clone(), fix(5, 50.0)], 1).await;
    let span = crate::Span { from: UtcMillis(0), to: UtcMillis(i64::MAX) };
    let kept = city.believed(&said.vehicle, span).await.unwrap();
    assert_eq!(kept.iter().map(|fix| fix.told.signed.clone()).collect::<Vec<_>>(), [said.told.signed, None]);
}

/// What a tracker told live, in several ways more than what it stored of the same moment.
fn told_more(stored: &Fix) -> Vec<Fix> {
    let with = |told: Told| Fix { told, ..stored.clone() };
    vec![
        with(Told { driver: Some("A-17".into()), ..Told::default() }),
        with(Told { signed: SignOn::of(None, None, Some("32".into())), ..Told::default() }),
        Fix { altitude: Some(Meters(12.5)), ..stored.clone() },
        Fix { protocol: "jt808".into(), ..stored.clone() },
    ]
}

#[tokio::test]
async fn of_two_of_a_moment_the_one_that_tells_more_stands_in_either_order() {
    let stored = fix(5, 50.0);
    for told in told_more(&stored) {
        let mut stood = Vec::new();
        for pair in [[stored.clone(), told.clone()], [told.clone(), stored.clone()]] {
            for together in [1, 2] {
                let dir = tempfile::tempdir().unwrap();
                let city = open(dir.path()).await;
                store(&city, &[fix(0, 0.0)], 1).await;
                store(&city, &pair, together).await;
                assert_eq!(rejected(&city).await, [(5, "double".to_owned())]);
                let span = crate::Span { from: stored.at, to: UtcMillis(i64::MAX) };
                stood.extend(city.believed(&stored.vehicle, span).await.unwrap());
            }
        }
        // Where neither tells more, the protocols' names decide.
        let want = if told.protocol == stored.protocol { &told } else { &stored };
        assert_eq!(stood, vec![want.clone(); 4], "{told:?}");
    }
}
