//! What access rules cost, in one run. Figures, not promises: `cargo test --release --workspace --test it -- --ignored
//! --nocapture rules_cost`.

use std::time::{Duration, Instant};

use hardware_bus::{Access, ZenohBus};
use hardware_ports::bus::{Bus, Delivery};

use crate::city::{City, PATIENCE, granted, next, publish_until_heard};

const MESSAGES: usize = 100_000;
/// Gateways in the city.
const GATEWAYS: usize = 700;

#[allow(clippy::disallowed_methods, reason = "a measurement")]
fn now() -> Instant {
    Instant::now()
}

fn city_of(gateways: usize) -> Access {
    let names: Vec<String> =
        std::iter::once("a".to_owned()).chain((1..gateways).map(|n| format!("pole-{n}"))).collect();
    granted(&names.iter().map(String::as_str).collect::<Vec<_>>())
}

/// Messages of 200 bytes a second from a pole to a hall; the queue is made long enough to hold them all.
async fn rate(city: &City, access: Access) -> f64 {
    let hall = city.guarded_hall("127.0.0.1:0", access).await;
    let address = hall.listening().await.unwrap().to_string();
    let mut events = hall.subscribe("city/v1/*/events", MESSAGES).await.unwrap();
    let pole = city.pole_as("a", &address).await;
    publish_until_heard(&pole, &mut events, "city/v1/a/events", b"begin").await;
    let raw = raw_pole(city, &address).await;
    let began = now();
    let flooding = flood(raw);
    for _ in 0..MESSAGES {
        next(&mut events).await;
    }
    let rate = MESSAGES as f64 / began.elapsed().as_secs_f64();
    // Only now: closing throws away what has not been sent yet.
    flooding.await.unwrap().close().await.unwrap();
    pole.close().await.unwrap();
    hall.close().await.unwrap();
    rate
}

/// zenoh itself, connected: the door waits for each message on a thread of its own, which would be measured too.
async fn raw_pole(city: &City, address: &str) -> zenoh::Session {
    let files = city.files("a");
    let mut config = zenoh::Config::default();
    let text = |path: &std::path::Path| format!("{:?}", path.display().to_string());
    for (key, value) in [
        ("mode", "\"client\"".to_owned()),
        ("scouting/multicast/enabled", "false".to_owned()),
        ("connect/endpoints", format!("[\"tls/{address}\"]")),
        ("transport/link/tls/root_ca_certificate", text(&files.ca)),
        ("transport/link/tls/enable_mtls", "true".to_owned()),
        ("transport/link/tls/connect_certificate", text(&files.certificate)),
        ("transport/link/tls/connect_private_key", text(&files.key)),
    ] {
        config.insert_json5(key, &value).unwrap();
    }
    zenoh::open(config).await.unwrap()
}

fn flood(session: zenoh::Session) -> tokio::task::JoinHandle<zenoh::Session> {
    use zenoh::Wait;
    tokio::task::spawn_blocking(move || {
        let publisher = session.declare_publisher("city/v1/a/events");
        let publisher = publisher.congestion_control(zenoh::qos::CongestionControl::Block).wait().unwrap();
        while !publisher.matching_status().wait().unwrap().matching() {
            std::thread::yield_now();
        }
        for _ in 0..MESSAGES {
            publisher.put([7; 200]).wait().unwrap();
        }
        drop(publisher);
        session
    })
}

/// From the change of rules until the first message of each pole is heard again.
async fn reload(city: &City, gateways: usize, poles: usize) -> (Duration, Duration) {
    let hall = city.guarded_hall("127.0.0.1:0", city_of(gateways)).await;
    let address = hall.listening().await.unwrap().to_string();
    let mut events = hall.subscribe("city/v1/*/events", 100_000).await.unwrap();
    let mut open: Vec<ZenohBus> = Vec::new();
    for _ in 0..poles {
        open.push(city.pole_as("a", &address).await);
    }
    for (n, pole) in open.iter().enumerate() {
        publish_until_heard(pole, &mut events, "city/v1/a/events", n.to_string().as_bytes()).await;
    }
    let began = now();
    hall.regrant(city_of(gateways + 1)).await.unwrap();
    let opened = began.elapsed();
    while events.try_recv().is_ok() {}
    let mut missing: std::collections::BTreeSet<String> = (0..poles).map(|n| n.to_string()).collect();
    let speak = async {
        loop {
            for (n, pole) in open.iter().enumerate() {
                let text = n.to_string().into_bytes();
                pole.publish("city/v1/a/events", text, Delivery::Wait).await.unwrap();
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let hear = async {
        while !missing.is_empty() {
            missing.remove(&String::from_utf8(next(&mut events).await.payload).unwrap());
        }
    };
    tokio::select! {
        () = hear => {}
        () = speak => {}
        () = tokio::time::sleep(PATIENCE) => {}
    }
    let back = began.elapsed();
    assert!(missing.is_empty(), "they do not come back");
    (opened, back)
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement"]
async fn rules_cost() {
    let city = City::new(&["hall", "a"]);
    for _ in 0..3 {
        let (without, with) = (rate(&city, Access::Everybody).await, rate(&city, city_of(GATEWAYS)).await);
        println!(
            "200 B over TLS: {without:.0}/s without rules, {with:.0}/s with {GATEWAYS} gateways: {:.3}",
            with / without
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement"]
async fn reload_cost() {
    let city = City::new(&["hall", "a"]);
    for (gateways, poles) in [(1, 1), (GATEWAYS, 1), (GATEWAYS, 50)] {
        let (opened, back) = reload(&city, gateways, poles).await;
        println!(
            "new rules for {gateways} gateways: open after {opened:?}, all of {poles} poles heard after {back:?}"
        );
    }
}
