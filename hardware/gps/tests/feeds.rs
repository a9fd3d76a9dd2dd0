//! Operators' servers over real HTTP on this machine: asked, told what we have, broken, silent.

mod recorder;

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hardware_gps::feeds::{Feed, FeedError, FeedSettings, Polled};
use hardware_ports::{FakeClock, SystemClock};
use models_domain::{DurationMs, UtcMillis};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use recorder::Recorder;

/// Gives these answers, one a request, and remembers the requests.
struct Server {
    url: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Server {
    async fn start(answers: Vec<String>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}/vehicles?key=secret", listener.local_addr().expect("an address"));
        let asked = Arc::new(Mutex::new(Vec::new()));
        let remembered = asked.clone();
        tokio::spawn(async move {
            for answer in answers {
                let (mut stream, _) = listener.accept().await.expect("a connection");
                let mut request = Vec::new();
                while !request.ends_with(b"\r\n\r\n") {
                    stream.read_buf(&mut request).await.expect("a request");
                }
                let request = String::from_utf8_lossy(&request).to_lowercase();
                remembered.lock().expect("no panic while held").push(request);
                stream.write_all(answer.as_bytes()).await.expect("answered");
            }
        });
        Self { url, asked }
    }

    fn asked(&self, at: usize) -> String {
        self.asked.lock().expect("no panic while held")[at].clone()
    }
}

fn siri(second: u32) -> String {
    siri_of("bus-7", &format!("2025-05-14T14:12:{second:02}Z"))
}

fn siri_of(vehicle: &str, at: &str) -> String {
    let body = format!(
        "<Siri><ServiceDelivery><VehicleMonitoringDelivery><VehicleActivity>\
         <RecordedAtTime>{at}</RecordedAtTime><MonitoredVehicleJourney>\
         <VehicleLocation><Longitude>105.852</Longitude><Latitude>21.028</Latitude></VehicleLocation>\
         <VehicleRef>{vehicle}</VehicleRef></MonitoredVehicleJourney></VehicleActivity>\
         </VehicleMonitoringDelivery></ServiceDelivery></Siri>"
    );
    let head = "HTTP/1.1 200 OK\r\nConnection: close\r\nETag: \"v1\"\r\nLast-Modified: Wed, 14 May 2025 14:12:38 GMT";
    format!("{head}\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

fn feed(url: &str) -> Feed {
    feed_of(url, "")
}

fn feed_of(url: &str, prefix: &str) -> Feed {
    let settings = FeedSettings {
        protocol: "siri_vm".to_owned(),
        url: url.to_owned(),
        headers: vec![("X-Key".to_owned(), "of-ours".to_owned())],
        every: Duration::from_secs(1),
        zone: None,
        prefix: prefix.to_owned(),
    };
    Feed::new(settings).expect("a protocol")
}

#[tokio::test]
async fn what_is_new_is_taken_once() {
    let unchanged = "HTTP/1.1 304 Not Modified\r\nConnection: close\r\n\r\n".to_owned();
    let server = Server::start(vec![siri(38), unchanged, siri(38), siri(40)]).await;
    let (mut feed, recorder, clock) = (feed(&server.url), Recorder::default(), SystemClock::new());
    let mut polled = Vec::new();
    for _ in 0..4 {
        polled.push(feed.poll(&recorder, &clock).await.expect("an answer"));
    }
    let taken = |new| Polled::Taken { new, of: 1 };
    assert_eq!(polled, [taken(1), Polled::Unchanged, taken(0), taken(1)]);
    let fixes = recorder.fixes.lock().expect("no panic while held").clone();
    assert_eq!(fixes.iter().map(|fix| fix.at.0).collect::<Vec<_>>(), [1_747_231_958_000, 1_747_231_960_000]);
    assert_eq!((fixes[0].vehicle.as_str(), fixes[0].protocol.as_str()), ("bus-7", "siri_vm"));
    assert!(server.asked(0).contains("x-key: of-ours") && !server.asked(0).contains("if-none-match"));
    assert!(server.asked(1).contains("if-none-match: \"v1\""), "{}", server.asked(1));
    assert!(
        server.asked(1).contains("if-modified-since: wed, 14 may 2025 14:12:38 gmt"),
        "{}",
        server.asked(1)
    );
}

#[tokio::test]
async fn what_was_not_kept_is_asked_for_again() {
    let server = Server::start(vec![siri(38), siri(38)]).await;
    let (mut feed, recorder, clock) = (feed(&server.url), Recorder::default(), SystemClock::new());
    recorder.fails.store(true, Ordering::Relaxed);
    let failed = feed.poll(&recorder, &clock).await;
    assert!(matches!(failed, Err(FeedError::NotKept { .. })), "{failed:?}");
    recorder.fails.store(false, Ordering::Relaxed);
    let polled = feed.poll(&recorder, &clock).await.expect("an answer");
    assert_eq!(polled, Polled::Taken { new: 1, of: 1 });
    assert!(!server.asked(1).contains("if-none-match"), "{}", server.asked(1));
}

#[tokio::test]
async fn errors_name_the_server_without_its_key() {
    let wrong = "HTTP/1.1 500 Oh\r\nConnection: close\r\nContent-Length: 0\r\n\r\n".to_owned();
    let html = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 6\r\n\r\n<html>".to_owned();
    let server = Server::start(vec![wrong, html]).await;
    let (mut feed, recorder, clock) = (feed(&server.url), Recorder::default(), SystemClock::new());
    for want in ["is the address right", "not a SIRI delivery"] {
        let err = feed.poll(&recorder, &clock).await.expect_err("an error").to_string();
        assert!(err.contains(want) && err.contains("/vehicles") && !err.contains("secret"), "{err}");
    }
}

/// 2025-05-14 14:13:00 UTC.
const NOW: UtcMillis = UtcMillis(1_747_231_980_000);

#[tokio::test]
async fn a_time_to_come_does_not_silence_a_vehicle() {
    let times = ["14:12:38", "14:12:40", "14:12:40", "14:15:00", "14:15:00", "14:12:50", "14:15:00"];
    let mut answers: Vec<_> =
        times.iter().map(|time| siri_of("bus-7", &format!("2025-05-14T{time}Z"))).collect();
    answers.insert(1, siri_of("bus-7", "2035-05-14T14:12:38Z"));
    let server = Server::start(answers).await;
    let (mut feed, recorder, clock) = (feed(&server.url), Recorder::default(), FakeClock::at(NOW));
    let mut new = Vec::new();
    for poll in 0..8 {
        if poll == 7 {
            // What was passed on when its time was still to come is not passed on again when it has come.
            clock.advance(DurationMs(120_000));
        }
        match feed.poll(&recorder, &clock).await.expect("an answer") {
            Polled::Taken { new: count, .. } => new.push(count),
            Polled::Unchanged => panic!("all were answers"),
        }
    }
    assert_eq!(new, [1, 1, 1, 0, 1, 0, 1, 0]);
}

#[tokio::test]
async fn vehicles_that_are_gone_for_long_are_forgotten() {
    let at = "2025-05-14T14:12:38Z";
    let names = ["bus-7", "bus-8", "bus-7", "bus-8", "bus-7"];
    let server = Server::start(names.iter().map(|name| siri_of(name, at)).collect()).await;
    let (mut feed, recorder, clock) = (feed(&server.url), Recorder::default(), FakeClock::at(NOW));
    let mut new = Vec::new();
    for minutes in [0, 59, 0, 60, 0] {
        clock.advance(DurationMs(minutes * 60_000));
        let polled = feed.poll(&recorder, &clock).await.expect("an answer");
        new.push(polled == Polled::Taken { new: 1, of: 1 });
    }
    // After 59 minutes bus-7 is still known. An hour later it has been in no answer meanwhile.
    assert_eq!(new, [true, true, false, false, true]);
}

#[tokio::test]
async fn two_operators_may_have_a_bus_of_the_same_name() {
    let recorder = Recorder::default();
    for prefix in ["north-", "south-"] {
        let server = Server::start(vec![siri_of("101", "2025-05-14T14:12:38Z")]).await;
        feed_of(&server.url, prefix).poll(&recorder, &SystemClock::new()).await.expect("an answer");
    }
    let fixes = recorder.fixes.lock().expect("no panic while held").clone();
    assert_eq!(fixes.iter().map(|fix| fix.vehicle.as_str()).collect::<Vec<_>>(), ["north-101", "south-101"]);
}
