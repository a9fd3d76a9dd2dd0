//! How long a change of the lamps takes from the controller to the bus, and from the pole to everybody who watches the page.
//! Prints milliseconds; the bounds are wide, for machines that do other work meanwhile.

use std::time::Duration;

use hardware_ports::{Clock, SystemClock};
use models_wire::v1;
use ngatu_tests::ports::free_address;
use prost::Message as _;
use v1::city_service_client::CityServiceClient;
use v1::city_update::Update;
use v1::event::Body;

use super::hall::Hall as Whole;
use super::pole::{Hall, certificates};
use super::street::{WAIT, start_pole, start_street_at};

/// A cycle of 34 s in 0.7 s: a dozen changes a second, each told within 2 ms.
const SPEED: f64 = 50.0;
const CHANGES: usize = 200;

#[track_caller]
#[allow(clippy::print_stdout, reason = "the figures are what it is run for")]
fn told(what: &str, mut ms: Vec<i64>, most: i64) {
    ms.sort_unstable();
    let at = |share: usize| ms[(ms.len() - 1) * share / 100];
    println!("{what}: {} changes, p50 {} ms, p99 {} ms, most {} ms", ms.len(), at(50), at(99), at(100));
    assert!(at(50) <= most, "{what}: half take more than {} ms", at(50));
}

#[tokio::test(flavor = "multi_thread")]
async fn from_the_controller_to_the_bus() {
    let dir = tempfile::tempdir().unwrap();
    certificates(dir.path());
    let mut hall = Hall::open(dir.path()).await;
    let (address, rsmp) = (hall.bus.listening().await.unwrap().to_string(), free_address());
    let _pole = start_pole(dir.path(), &address, &rsmp, "certificates");
    let _street = start_street_at(dir.path(), &rsmp, SPEED);
    let clock = SystemClock::new();
    let (mut to_bus, mut to_pole) = (Vec::new(), Vec::new());
    while to_bus.len() < CHANGES {
        let message = tokio::time::timeout(WAIT, hall.events.recv()).await.unwrap().unwrap();
        let now = clock.now().0;
        let batch = v1::EventBatch::decode(&message.payload[..]).unwrap();
        for event in &batch.events {
            let Some(Body::Signal(signal)) = &event.body else { continue };
            if !signal.old && event.seq > 20 {
                to_bus.push(now - signal.controller_ms);
                to_pole.push(event.at_ms - signal.controller_ms);
            }
        }
        hall.hear(&message).await;
    }
    told("controller to pole", to_pole, 100);
    told("controller to bus", to_bus, 100);
}

#[tokio::test(flavor = "multi_thread")]
async fn from_the_pole_to_the_page() {
    let dir = tempfile::tempdir().unwrap();
    let (hall, password) = Whole::start(dir.path(), "127.0.0.1:0", "127.0.0.1:0").await;
    hall.run(&["gateway-certificate", "--gateway", "edge-street", "--out", "certificates"]);
    let rsmp = free_address();
    let _pole = start_pole(dir.path(), &hall.bus, &rsmp, "certificates");
    let _street = start_street_at(dir.path(), &rsmp, SPEED);
    let admin = hall.sign_in("admin", &password.unwrap()).await;
    let asked = admin.with(v1::WatchCityRequest {});
    let mut updates =
        CityServiceClient::new(hall.channel.clone()).watch_city(asked).await.unwrap().into_inner();
    let clock = SystemClock::new();
    let (mut to_page, mut last, begun) = (Vec::new(), 0, clock.elapsed());
    while to_page.len() < CHANGES {
        let update = tokio::time::timeout(WAIT, updates.message()).await.unwrap().unwrap().unwrap();
        let now = clock.now().0;
        let Some(Update::Junction(junction)) = update.update else { continue };
        let settled = clock.elapsed().saturating_sub(begun) > Duration::from_secs(3);
        if junction.since_ms > last && settled {
            to_page.push(now - junction.since_ms);
        }
        last = last.max(junction.since_ms);
    }
    told("pole to page", to_page, 300);
}
