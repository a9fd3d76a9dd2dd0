//! The same way with a controller that is dialled: hall, agent and an NTCIP 1202 unit as programs of their own. Orders are
//! granted, seen, expired, and over when the wire to the hall is cut; and what the unit's detectors count is kept in the hall.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use hardware_ports::{Clock, SystemClock};
use models_wire::v1;
use ngatu_tests::programs::{Running, program};
use v1::SignalWish as W;

use super::hall::{Hall, Person};
use super::street::{WAIT, Wire, run_pole};

/// Phase 2 against 4; those on foot walk with 2. A cycle of 34 s; the unit is on its own 6 s after the last refresh.
const UNIT: &str = r#"
[[unit]]
listen = "127.0.0.1:0"
community = "not for everybody"
yellow_s = 3
all_red_s = 2
ped_clear_s = 4
stages = [{ green_s = 12, phases = [2], peds = [2] }, { green_s = 12, phases = [4] }]
patterns = { 2 = [14, 10] }
red_preempt = 3
backup_s = 6
"#;

/// A unit with this configuration, and where it answers.
pub fn start_unit(dir: &Path, unit: &str) -> (Running, String) {
    fs::write(dir.join("unit.toml"), unit).unwrap();
    let mut unit = Running::start(
        Command::new(program("ntcip-simulator")).args(["--config", "unit.toml"]).current_dir(dir),
    );
    let ready: serde_json::Value = serde_json::from_str(&unit.line(WAIT)).unwrap();
    (unit, ready["addresses"][0].as_str().unwrap().to_owned())
}

fn start_pole(dir: &Path, hall: &str, unit: &str) -> Running {
    fs::write(dir.join("community"), "not for everybody\n").unwrap();
    let text = format!(
        r#"
[gateway]
id = "edge-street"
data_dir = "pole"

[hall]
connect = "{hall}"
ca = "certificates/ca.pem"
certificate = "certificates/cert.pem"
key = "certificates/key.pem"

[[signals.dial]]
address = "{unit}"
community_file = "community"
junction = "a"
name = "A"
position = [21.02, 105.85]
plans = [1, 2]
all_red_preempt = 3
group = [
    {{ component = "phase 2", red_max_s = 60 }},
    {{ component = "phase 4", red_max_s = 60 }},
    {{ component = "ped 2", red_max_s = 60, kind = "pedestrian", clearance_s = 4 }},
]
conflict = [{{ groups = [1, 3], with = [2], intergreen_s = 5 }}]
"#
    );
    run_pole(dir, &text)
}

#[tokio::test(flavor = "multi_thread")]
async fn orders_reach_a_controller_that_is_dialled() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let (hall, password) = Hall::start(dir, "127.0.0.1:0", "127.0.0.1:0").await;
    hall.run(&["gateway-certificate", "--gateway", "edge-street", "--out", "certificates"]);
    let second = hall.add_user("lan", "administrator");
    let wire = Wire::to(hall.bus.clone()).await;
    let (_unit, address) = start_unit(dir, UNIT);
    let _pole = start_pole(dir, &wire.address, &address);
    let admin = hall.sign_in("admin", &password.unwrap()).await;
    let lan = hall.sign_in("lan", &second).await;
    admin.on_its_own_plan().await;

    let plan = admin.ask(W::Plan, 120).await.unwrap();
    let done = admin.until(plan.id, "done").await;
    assert!(done.detail.starts_with("mode normal, plan 2 (ordered)"), "{done:?}");
    let own = admin.ask(W::OwnPlan, 0).await.unwrap();
    admin.until(own.id, "done").await;
    assert_eq!(admin.row(plan.id).await.state, "ended");
    admin.on_its_own_plan().await;

    // The side street's green, for longer than the unit waits for a refresh.
    let group = admin.ask(W::Groups, 15).await.unwrap();
    let done = admin.until(group.id, "done").await;
    assert!(done.detail.ends_with("green 2"), "{done:?}");
    assert_eq!(admin.until(group.id, "ended").await.detail, "expiry");
    admin.on_its_own_plan().await;

    let flash = admin.ask(W::Flash, 10).await.unwrap();
    assert_eq!(flash.state, "waiting");
    lan.approve(flash.id).await.unwrap();
    lan.until(flash.id, "done").await;
    lan.until_now("flash", |now| now.mode() == v1::SignalMode::Flash).await;
    assert_eq!(lan.until(flash.id, "ended").await.detail, "expiry");
    admin.on_its_own_plan().await;

    counts_are_kept(&admin).await;

    let cut = admin.ask(W::Plan, 600).await.unwrap();
    admin.until(cut.id, "done").await;
    wire.cut();
    let at = SystemClock::new().now().0;
    tokio::time::sleep(Duration::from_secs(14)).await;
    wire.mend();
    let ended = admin.until(cut.id, "ended").await;
    assert_eq!(ended.detail, "link_loss");
    assert!((5_000..16_000).contains(&(ended.state_ms - at)), "{ended:?}");
    admin.on_its_own_plan().await;
    let log = fs::read_to_string(dir.join("pole.log")).unwrap();
    assert!(!log.contains("not for everybody"), "the community is in the log");
}

/// Minutes of all eight detectors, of this hour.
async fn counts_are_kept(person: &Person<'_>) {
    let until = tokio::time::Instant::now() + WAIT;
    loop {
        let now = SystemClock::new().now().0;
        let asked = v1::GetDetectorCountsRequest {
            junction: "a".into(),
            from_ms: now - 3_600_000,
            to_ms: now + 60_000,
            bucket_ms: 0,
        };
        let answer = person.calls().get_detector_counts(person.with(asked)).await.unwrap().into_inner();
        let whole = |number: u32| {
            let mut own = answer.buckets.iter().filter(|bucket| bucket.detector == number);
            own.any(|bucket| bucket.counted_ms > 0 && bucket.occupancy.is_some())
        };
        let vehicles: u64 = answer.buckets.iter().map(|bucket| bucket.vehicles).sum();
        if (1..=8).all(whole) && vehicles > 0 {
            return;
        }
        assert!(tokio::time::Instant::now() < until, "{answer:?}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}
