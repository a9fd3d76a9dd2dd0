//! What the hall follows, leaves out, and never holds up.

use models_domain::geo::LatLon;
use models_domain::transit::claims::Tick;
use models_domain::transit::day::BusDay;
use models_domain::{DurationMs, MetersPerSecond};

use super::*;

const NOW: UtcMillis = UtcMillis(1_764_124_200_000);

fn fix(n: i64, position: LatLon) -> Fix {
    let at = NOW - DurationMs(n * 10_000);
    let speed = MetersPerSecond(5.0);
    let vehicle = VehicleId::new("bus-1").unwrap();
    Fix {
        vehicle,
        at,
        received: at,
        position,
        speed,
        course: None,
        altitude: None,
        valid: true,
        protocol: "gt06".into(),
        told: models_domain::transit::Told::default(),
    }
}

fn newest(transit: &Transit) -> Option<UtcMillis> {
    lock(&transit.live).fleet.day(&VehicleId::new("bus-1").unwrap()).and_then(BusDay::newest)
}

#[test]
fn without_a_timetable_nothing_is_followed() {
    let transit = Transit::new([0; 16]);
    transit.offer((0..100).map(|n| fix(n, LatLon::new(21.03, 105.85))));
    transit.look(NOW);
    assert_eq!((newest(&transit), lock(&transit.waiting).fixes.len()), (None, 0));
}

#[tokio::test]
async fn only_so_many_reports_are_made_at_once() {
    let transit = Transit::new([0; 16]);
    let (first, second) = (transit.turn().await, transit.turn().await);
    assert!(first.is_some() && second.is_some());
    let third = tokio::time::timeout(Duration::from_millis(20), transit.turn());
    assert!(third.await.is_err(), "it waits for its turn");
    drop(first);
    assert!(transit.turn().await.is_some());
}

#[test]
fn what_is_not_believed_is_not_followed() {
    let transit = Transit::new([0; 16]);
    let mut planned = Planned::default();
    planned.zone_by_feed.insert(FeedId("xe".into()), Zone::UTC);
    *lock(&transit.planned) = Arc::new(planned);
    let told = [(1, 21.03, 105.85), (0, 0.0, 0.0)];
    transit.offer(told.map(|(n, lat, lon)| fix(n, LatLon::new(lat, lon))).into_iter());
    transit.look(NOW);
    assert_eq!(newest(&transit), Some(NOW - DurationMs(10_000)), "nothing is at 0, 0");
}

#[test]
fn nobody_who_asks_waits_for_the_thinking_of_buses() {
    let transit = Transit::new([0; 16]);
    let _thinking = lock(&transit.live);
    let asked = (transit.zones().len(), transit.day_begin(NOW), transit.shown().at, transit.supervised().at);
    assert_eq!(asked, (0, None, UtcMillis(0), UtcMillis(0)));
    assert!(transit.plan(&FeedId("xe".into()), None, NOW).is_none());
    transit.offer(std::iter::once(fix(0, LatLon::new(21.03, 105.85))));
}

#[test]
fn what_is_left_out_is_told() {
    let transit = Transit::new([0; 16]);
    transit.offer((0..=i64::try_from(WAITING).unwrap()).map(|n| fix(n, LatLon::new(21.0, 105.8))));
    let minute = NOW - DurationMs(NOW.0.rem_euclid(60_000));
    assert_eq!(transit.left_out(), [(VehicleId::new("bus-1").unwrap(), minute)]);
    assert_eq!(transit.left_out(), []);
}

#[test]
fn a_bus_may_be_disturbed_on_two_days_at_once_and_no_day_is_lost() {
    let transit = Transit::new([0; 16]);
    let bus = || VehicleId::new("bus-1").unwrap();
    let disturbed = vec![(bus(), NOW - DurationMs(86_400_000)), (bus(), NOW)];
    disturbed.iter().for_each(|(bus, at)| transit.disturb([(bus.clone(), Tick::told(*at))].into()));
    assert_eq!(transit.disturbed(), disturbed);
    assert_eq!(transit.disturbed(), []);
    transit.disturbed_still(disturbed.clone());
    assert_eq!(transit.disturbed(), disturbed, "they could not be made due");
}

#[test]
fn what_was_thought_of_a_former_day_is_asked_for_once() {
    use time::macros::date;
    let transit = Transit::new([0; 16]);
    let (first, second) = (date!(2026 - 03 - 02), date!(2026 - 03 - 03));
    let kept = concat!(
        r#"[[29540150,29540155],[["xe","2026-03-02","t-1",null,"#,
        r#"{"told":[[29540160,90],[29540170,20]],"read":[[29540150,29540155,0]]}]]]"#
    );
    let bus = || VehicleId::new("bus-1").unwrap();
    assert!(transit.wants_claims(first));
    transit.remember_claims(
        first,
        vec![(bus(), kept.to_owned()), (VehicleId::new("bus-2").unwrap(), "{".to_owned())],
    );
    assert!(!transit.wants_claims(first) && transit.wants_claims(second));
    let (_, claims) = transit.former(&transit.planned(), first);
    assert_eq!(anew::text(claims.record(&bus())).as_deref(), Some(kept));
    (3..6).for_each(|day| transit.remember_claims(second.replace_day(day).unwrap(), Vec::new()));
    assert!(transit.wants_claims(first), "only few days are held");
}
