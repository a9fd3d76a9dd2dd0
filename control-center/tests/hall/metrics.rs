//! The metrics over HTTP: what they say of a gateway with two cameras, and who may not read them.

use std::fs;
use std::sync::Arc;

use hardware_ports::{Clock, SystemClock};
use models_wire::v1;
use models_wire::v1::event::Body;

use crate::harness::{Answer, Hall};
use crate::street::{Pole, SOON};

const TOKEN: &str = "0123456789abcdef0123456789abcdef";

/// A hall that lets a scraper in.
fn start() -> Hall {
    let dir = Arc::new(tempfile::tempdir().unwrap());
    fs::write(dir.path().join("token"), format!("{TOKEN}\n")).unwrap();
    let hall = "[hall]\ndata_dir = \"data\"\nlisten = \"127.0.0.1:0\"\nmetrics_token_file = \"token\"\n";
    fs::write(dir.path().join("hall.toml"), format!("{hall}[bus]\nlisten = \"127.0.0.1:0\"\n")).unwrap();
    Hall::start_in(dir, &[])
}

async fn scrape(hall: &Hall, token: &str) -> Answer {
    hall.get("/metrics", &[("authorization", &format!("Bearer {token}"))]).await
}

/// Asks until a line is there; all lines then.
async fn lines_with(hall: &Hall, want: &str) -> Vec<String> {
    let mut last = String::new();
    let asking = async {
        loop {
            let answer = scrape(hall, TOKEN).await;
            assert_eq!(answer.status(), "200");
            let text = String::from_utf8(answer.body).unwrap();
            if text.lines().any(|line| line.starts_with(want)) {
                return text.lines().map(str::to_owned).collect();
            }
            last = text;
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    };
    let told: Result<Vec<String>, _> = tokio::time::timeout(SOON, asking).await;
    told.unwrap_or_else(|_| panic!("never: {want}, but {last}"))
}

/// One camera that is served in part, and one that cannot be reached, whose reason quotes what nobody should read.
async fn tell_state(pole: &Pole) {
    let effort = v1::Effort {
        rung: v1::Rung::KeyFrames.into(),
        why: v1::RungWhy::Quiet.into(),
        priority: v1::Priority::Counting.into(),
        share: 0.5,
        shed: 17,
        missed: Some(v1::Missed { share: 0.01, low: 0.0025, high: 0.04, audited_ms: 60_000, found: 1 }),
    };
    let busy = v1::CameraInfo {
        camera: "cam-1".into(),
        name: "Tràng Tiền".into(),
        width: 1280,
        height: 720,
        link: v1::Link::Up.into(),
        fps: 5.5,
        effort: Some(effort),
        ..Default::default()
    };
    let away = v1::CameraInfo {
        camera: "cam-2".into(),
        width: 1280,
        height: 720,
        link: v1::Link::Down.into(),
        reason: "rtsp://u:***@cam/x: refused the password".into(),
        ..Default::default()
    };
    let state = v1::GatewayState {
        at_ms: SystemClock::new().now().0,
        cameras: vec![busy, away],
        waiting_events: 42,
        keeps_nothing: true,
        ..Default::default()
    };
    pole.put("state", &state).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_each_camera_gets_is_told() {
    let hall = start();
    let mut pole = Pole::join(&hall).await;
    // As a pole does: what it told before the hall listened to it is lost.
    let telling = async {
        loop {
            tell_state(&pole).await;
            tokio::time::sleep(std::time::Duration::from_secs(1)).await;
        }
    };
    tokio::select! {
        () = telling => {}
        _ = lines_with(&hall, "ngatu_gateway_waiting_events{gateway=\"pole-1\"} 42.0") => {}
    }
    let at_ms = SystemClock::new().now().0 - 90_000;
    let of = |camera: &str| {
        let crossing = v1::LineCrossing {
            camera: camera.into(),
            line: "north".into(),
            road_user: v1::RoadUser::Car.into(),
            direction: v1::Direction::ToLeft.into(),
            track: 1,
        };
        Body::LineCrossing(crossing)
    };
    // The second one is told of a camera that the gateway does not have.
    let event = |seq, camera| v1::Event { seq, at_ms, body: Some(of(camera)) };
    pole.send(1, &[event(1, "cam-1"), event(2, "cam-9")]).await;
    let both = "gateway=\"pole-1\",camera=\"cam-1\"";
    let lines = lines_with(&hall, &format!("ngatu_camera_lag_seconds{{{both}}}")).await;
    assert!(lines.contains(&format!("ngatu_camera_share{{{both}}} 0.5")), "{lines:#?}");
    for (name, value) in [
        ("camera_pictures_per_second", "5.5"),
        ("camera_rung", "1.0"),
        ("camera_priority", "2.0"),
        ("camera_shed_pictures_total", "17"),
        ("camera_missed_share", "0.01"),
        ("camera_missed_share_low", "0.0025"),
        ("camera_missed_share_high", "0.04"),
        ("camera_audited_seconds", "60.0"),
    ] {
        let want = format!("ngatu_{name}{{{both}}} {value}");
        assert!(lines.contains(&want), "{want}: {lines:#?}");
    }
    for want in [
        "ngatu_camera_state{gateway=\"pole-1\",camera=\"cam-1\",state=\"up\"} 1.0",
        "ngatu_camera_state{gateway=\"pole-1\",camera=\"cam-2\",state=\"down\"} 1.0",
        "ngatu_gateway_up{gateway=\"pole-1\"} 1.0",
        "ngatu_gateway_keeps_nothing{gateway=\"pole-1\"} 1.0",
        "ngatu_waiting{store=\"event_batches\"} 0.0",
        "ngatu_waiting{store=\"evidence\"} 0.0",
        "ngatu_waiting{store=\"tracker_orders\"} 0.0",
        "# EOF",
    ] {
        assert!(lines.iter().any(|line| line == want), "{want}: {lines:#?}");
    }
    let lag =
        lines.iter().find_map(|line| line.strip_prefix(&format!("ngatu_camera_lag_seconds{{{both}}} ")));
    let lag: f64 = lag.unwrap_or_else(|| panic!("{lines:#?}")).parse().unwrap();
    assert!((90.0..90.0 + SOON.as_secs_f64()).contains(&lag), "{lag}");
    // Nobody has looked after the second yet, and nothing but ids and our own words is told.
    assert!(!lines.iter().any(|line| line.starts_with("ngatu_camera_rung") && line.contains("cam-2")));
    for hidden in ["rtsp", "password", "Tràng", "cam-9", TOKEN] {
        assert!(!lines.iter().any(|line| line.contains(hidden)), "{hidden}: {lines:#?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_are_for_who_signed_in_and_the_scraper() {
    let hall = start();
    let session = hall.token().await;
    let answer = scrape(&hall, &session).await;
    assert_eq!(answer.status(), "200");
    assert_eq!(
        answer.header("content-type"),
        Some("application/openmetrics-text; version=1.0.0; charset=utf-8")
    );
    assert_eq!(hall.get("/metrics", &[]).await.status(), "401");
    for token in ["", "AAAA", &TOKEN[1..], &format!("{TOKEN}0")] {
        assert_eq!(scrape(&hall, token).await.status(), "401", "{token:?}");
    }
    let cookie = format!("ngatu_session={TOKEN}");
    assert_eq!(hall.get("/metrics", &[("cookie", &cookie)]).await.status(), "401");
    // The scraper's token opens nothing else.
    let bearer = format!("Bearer {TOKEN}");
    let headers = [("authorization", bearer.as_str())];
    assert_eq!(hall.get("/metrics", &headers).await.status(), "200");
    for path in ["/", "/metrics/", "/metricsx", "/transit/report.csv"] {
        assert_eq!(hall.get(path, &headers).await.status(), "303", "{path}");
    }
    assert_eq!(hall.http("POST /metrics", &headers, b"").await.status(), "401");
    let call = hall.grpc_web("/ngatu.v1.CityService/WatchCity", &v1::WatchCityRequest {}, &headers).await;
    assert_eq!(call.grpc_status(), "16");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_token_file_there_is_no_scraper() {
    let hall = Hall::start();
    assert_eq!(scrape(&hall, TOKEN).await.status(), "401");
    assert_eq!(scrape(&hall, "").await.status(), "401");
}
