//! Operators' servers over real HTTP on this machine: asked, told what we have, broken, silent.

mod recorder;

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hardware_gps::feeds::{Feed, FeedError, FeedSettings, Polled};
use hardware_ports::SystemClock;
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
    let body = format!(
        "<Siri><ServiceDelivery><VehicleMonitoringDelivery><VehicleActivity>\
         <RecordedAtTime>2025-05-14T14:12:{second:02}Z</RecordedAtTime><MonitoredVehicleJourney>\
         <VehicleLocation><Longitude>105.852</Longitude><Latitude>21.028</Latitude></VehicleLocation>\
         <VehicleRef>bus-7</VehicleRef></MonitoredVehicleJourney></VehicleActivity>\
         </VehicleMonitoringDelivery></ServiceDelivery></Siri>"
    );
    let head = "HTTP/1.1 200 OK\r\nConnection: close\r\nETag: \"v1\"\r\nLast-Modified: Wed, 14 May 2025 14:12:38 GMT";
    format!("{head}\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

fn feed(url: &str) -> Feed {
    let settings = FeedSettings {
        protocol: "siri_vm".to_owned(),
        url: url.to_owned(),
        headers: vec![("X-Key".to_owned(), "of-ours".to_owned())],
        every: Duration::from_secs(1),
        zone: None,
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
