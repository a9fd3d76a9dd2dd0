//! Requests of telephones that stored positions for hours: longer than what a connection may hold of other messages.

mod recorder;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hardware_gps::server::Counters;
use hardware_gps::{GpsServer, GpsServerSettings, Limits, Listener, Transport};
use hardware_ports::SystemClock;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use recorder::Recorder;

const PATIENCE: Duration = Duration::from_secs(10);
const TAKEN: &str = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
const TOO_LARGE: &str = "HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\n\r\n";

struct Running {
    address: SocketAddr,
    recorder: Arc<Recorder>,
    counters: Arc<Counters>,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

async fn start(limits: Limits) -> Running {
    let listener = Listener {
        protocol: "any".to_owned(),
        address: "127.0.0.1:0".parse().expect("an address"),
        transport: Transport::Tcp,
        zone: None,
    };
    let settings =
        GpsServerSettings { listeners: vec![listener], zone_by_device: [].into(), devices: None, limits };
    let server = GpsServer::bind(settings).await.expect("free ports");
    let (recorder, stop) = (Arc::new(Recorder::default()), CancellationToken::new());
    let (address, counters) = (server.addresses()[0], server.counters());
    let task = tokio::spawn(server.run(recorder.clone(), Arc::new(SystemClock::new()), stop.clone()));
    Running { address, recorder, counters, stop, task }
}

impl Running {
    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.expect("the server listens")
    }

    fn kept(&self) -> usize {
        self.recorder.fixes.lock().expect("no panic while held").len()
    }

    async fn end(self) {
        self.stop.cancel();
        timeout(Duration::from_secs(5), self.task).await.expect("it stops").expect("no panic");
    }
}

/// A report of so many positions, 82 bytes each.
fn request(count: usize) -> String {
    let one = r#"{"timestamp":1747231958000,"coords":{"latitude":21.028000,"longitude":105.852000}}"#;
    let body = format!("{{\"device_id\":\"123456\",\"location\":[{}]}}", vec![one; count].join(","));
    let kind = "Content-Type: application/json";
    format!("POST / HTTP/1.1\r\n{kind}\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

async fn asks(stream: &mut TcpStream, request: &str, want: &str) {
    timeout(PATIENCE, stream.write_all(request.as_bytes())).await.expect("in time").expect("written");
    let mut answer = vec![0; want.len()];
    timeout(PATIENCE, stream.read_exact(&mut answer)).await.expect("in time").expect("an open connection");
    assert_eq!(String::from_utf8_lossy(&answer), want);
}

#[tokio::test]
async fn long_batches_are_kept_and_too_long_ones_answered() {
    // Both connections stay open: the second has the room that the first gave back.
    let running = start(Limits { long_messages: 1, ..Limits::default() }).await;
    let [mut first, mut second] = [running.connect().await, running.connect().await];
    asks(&mut first, &request(3000), TAKEN).await;
    assert_eq!(running.kept(), 3000);
    asks(&mut second, &request(1000), TAKEN).await;
    assert_eq!(running.kept(), 4000);
    asks(&mut second, &request(10_000), TOO_LARGE).await;
    asks(&mut second, &request(1), TAKEN).await;
    asks(&mut first, &request(1000), TAKEN).await;
    assert_eq!(running.kept(), 5001);
    running.end().await;
}

#[tokio::test]
async fn without_room_for_long_messages_short_ones_go_on() {
    let limits = Limits { long_messages: 0, message: Duration::from_millis(500), ..Limits::default() };
    let running = start(limits).await;
    let mut stream = running.connect().await;
    asks(&mut stream, &request(100), TAKEN).await;
    // Reset while it still writes, or closed behind it.
    let _ = stream.write_all(request(1000).as_bytes()).await;
    let _ = timeout(PATIENCE, stream.read_to_end(&mut Vec::new())).await.expect("closed in time");
    let counted = async {
        while running.counters.now().too_slow == 0 {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, counted).await.expect("counted in time");
    assert_eq!(running.kept(), 100);
    running.end().await;
}
