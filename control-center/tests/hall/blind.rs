//! A camera that counts for adaptive control is covered: nothing is advised by what it does not see, until it sees again.

use std::fs;
use std::sync::Arc;

use hardware_ports::{Clock, SystemClock};
use models_wire::v1;
use models_wire::v1::event::Body;
use models_wire::v1::signal_service_client::SignalServiceClient;

use crate::harness::{Hall, with};
use crate::street::Pole;
use crate::supervise::until;

const MINUTE: i64 = 60_000;

/// Two streets, each counted by a camera's line.
fn start() -> Hall {
    let stage = |group: u8| {
        format!(
            "[[advice.stage]]\ngroups = [{group}]\ngreen_s = 20\ngreen_min_s = 8\ngreen_max_s = 50\n\
             [[advice.approach]]\nname = \"Phố {group}\"\ngroups = [{group}]\n\
             [[advice.approach.line]]\ncamera = \"c-{group}\"\nline = \"north\"\ndirection = \"to_left\"\n"
        )
    };
    let dir = Arc::new(tempfile::tempdir().unwrap());
    let text = "[hall]\ndata_dir = \"data\"\nlisten = \"127.0.0.1:0\"\n[bus]\nlisten = \"127.0.0.1:0\"\n";
    let advice = format!("[[advice]]\njunction = \"j-1\"\n{}{}", stage(1), stage(2));
    fs::write(dir.path().join("hall.toml"), format!("{text}{advice}")).unwrap();
    Hall::start_in(dir, &[])
}

/// A junction whose first group is green, and both cameras.
async fn tell_state(pole: &Pole, now_ms: i64) {
    let up = v1::Link::Up.into();
    let group =
        v1::SignalGroupTimes { on_foot: false, green_min_ms: 5_000, clearance_ms: 3_000, red_max_ms: 90_000 };
    let conflict = v1::SignalConflict { ending: 1, beginning: 2, intergreen_ms: 5_000 };
    let layout = v1::SignalLayout {
        groups: vec![group; 2],
        conflicts: vec![conflict, v1::SignalConflict { ending: 2, beginning: 1, intergreen_ms: 5_000 }],
        plans: vec![1],
        all_red: false,
    };
    let now = v1::SignalNow { mode: v1::SignalMode::Normal.into(), plan: Some(1), ..Default::default() };
    let junction = v1::JunctionInfo {
        junction: "j-1".into(),
        link: up,
        groups: "1B".into(),
        now: Some(now),
        layout: Some(layout),
        ..Default::default()
    };
    let camera = |camera: &str| v1::CameraInfo {
        camera: camera.into(),
        width: 1280,
        height: 720,
        link: up,
        ..Default::default()
    };
    let state = v1::GatewayState {
        at_ms: now_ms,
        cameras: vec![camera("c-1"), camera("c-2")],
        junctions: vec![junction],
        ..Default::default()
    };
    pole.put("state", &state).await;
}

/// Twelve cars in each of the last six minutes before each camera; events 1 to 12.
fn counted(now_ms: i64) -> Vec<v1::Event> {
    let begin = now_ms - now_ms.rem_euclid(MINUTE);
    let minute = |nth: u64| {
        let minute_ms = begin - i64::try_from(nth.div_ceil(2)).unwrap() * MINUTE;
        let camera = if nth.is_multiple_of(2) { "c-1" } else { "c-2" };
        let cars = v1::MinuteCount {
            line: "north".into(),
            road_user: v1::RoadUser::Car.into(),
            direction: v1::Direction::ToLeft.into(),
            crossings: 12,
        };
        let body = Body::MinuteCounts(v1::MinuteCounts {
            camera: camera.into(),
            minute_ms,
            watched_ms: MINUTE,
            analysed_ms: MINUTE,
            counts: vec![cars],
        });
        v1::Event { seq: nth, at_ms: minute_ms + MINUTE, body: Some(body) }
    };
    (1..=12).map(minute).collect()
}

fn covered(seq: u64, phase: v1::RulePhase, (began_ms, at_ms): (i64, i64)) -> v1::Event {
    let told = v1::RuleEvent {
        camera: "c-2".into(),
        rule: "camera_covered".into(),
        began_ms,
        phase: phase.into(),
        ..Default::default()
    };
    v1::Event { seq, at_ms, body: Some(Body::Rule(told)) }
}

async fn advice(hall: &Hall, token: &str) -> v1::SignalAdvice {
    let mut signals = SignalServiceClient::new(hall.channel().await);
    let asked = with(token, v1::GetAdviceRequest { junction: "j-1".into() });
    signals.get_advice(asked).await.unwrap().into_inner().advice.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_advised_by_a_covered_camera() {
    let hall = start();
    let token = hall.token().await;
    let mut pole = Pole::join(&hall).await;
    let now_ms = SystemClock::new().now().0;
    // What it sends is asked for again until it is stored: then it is connected.
    assert_eq!(pole.send(1, &counted(now_ms)).await, 12);
    tell_state(&pole, now_ms).await;
    let why = |why: &'static str| move |told: &v1::SignalAdvice| told.why == why;
    let told = until("counts of both cameras", || advice(&hall, &token), why("warming_up")).await;
    assert!(told.approaches.iter().all(|one| (one.per_hour.unwrap() - 720.0).abs() < 1.0), "{told:?}");

    let began = now_ms - 30_000;
    assert_eq!(pole.send(13, &[covered(13, v1::RulePhase::Begun, (began, now_ms))]).await, 13);
    let told = until("a covered camera", || advice(&hall, &token), why("camera_failed")).await;
    assert_eq!((told.r#where.as_str(), told.detail.as_str()), ("Phố 2", "camera_covered c-2"));

    // It is over; what it did not see meanwhile makes no street emptier than it is.
    let ends_ms = SystemClock::new().now().0;
    assert_eq!(pole.send(14, &[covered(14, v1::RulePhase::Ended, (began, ends_ms))]).await, 14);
    let told = until("a camera that sees", || advice(&hall, &token), why("warming_up")).await;
    assert!(told.approaches.iter().all(|one| (one.per_hour.unwrap() - 720.0).abs() < 1.0), "{told:?}");
}
