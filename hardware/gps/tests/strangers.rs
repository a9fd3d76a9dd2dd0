//! What strangers on the open net do: they connect again and again, say nothing of use, and leave messages unfinished.

mod recorder;

use std::fmt::Debug;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hardware_gps::server::{Counters, Counts};
use hardware_gps::{GpsServer, GpsServerSettings, Limits, Listener, Transport};
use hardware_ports::SystemClock;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tracing::field::Field;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata};

use recorder::Recorder;

const PATIENCE: Duration = Duration::from_secs(10);

struct Running {
    address: SocketAddr,
    counters: Arc<Counters>,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

async fn start(limits: Limits, devices: Option<&str>) -> Running {
    let listener = Listener {
        protocol: "any".to_owned(),
        address: "127.0.0.1:0".parse().expect("an address"),
        transport: Transport::Tcp,
        zone: None,
    };
    let devices = devices.map(|device| [device.to_owned()].into());
    let settings =
        GpsServerSettings { listeners: vec![listener], zone_by_device: [].into(), devices, limits };
    let server = GpsServer::bind(settings).await.expect("free ports");
    let stop = CancellationToken::new();
    let (address, counters) = (server.addresses()[0], server.counters());
    let clock = Arc::new(SystemClock::new());
    let task = tokio::spawn(server.run(Arc::new(Recorder::default()), clock, stop.clone()));
    Running { address, counters, stop, task }
}

impl Running {
    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.expect("the server listens")
    }

    /// What it has counted once it has ended.
    async fn end(self) -> Counts {
        self.stop.cancel();
        timeout(PATIENCE, self.task).await.expect("it stops").expect("no panic");
        self.counters.now()
    }
}

/// Waits until the server closed the connection, discarding what it still says. A reset is a close, too.
async fn closed(stream: &mut TcpStream) {
    let _ = timeout(PATIENCE, stream.read_to_end(&mut Vec::new())).await.expect("closed in time");
}

/// Lines that the log shows by default.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    fn count(&self, begin: &str) -> usize {
        let lines = self.0.lock().expect("no panic while held");
        lines.iter().filter(|line| line.starts_with(begin)).count()
    }
}

impl tracing::Subscriber for Log {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("hardware_gps") && *metadata.level() <= Level::INFO
    }

    fn event(&self, event: &Event<'_>) {
        let mut line = String::new();
        event.record(&mut |field: &Field, value: &dyn Debug| {
            if field.name() == "message" {
                line = format!("{value:?}");
            }
        });
        self.0.lock().expect("no panic while held").push(line);
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

#[tokio::test]
async fn who_connects_again_and_again_does_not_fill_the_log() {
    const TIMES: u64 = 20;
    let log = Log::default();
    let _shown = tracing::subscriber::set_default(log.clone());
    let running = start(Limits::default(), None).await;
    for _ in 0..TIMES {
        let mut stream = running.connect().await;
        stream
            .write_all(b"\x16\x03\x01\x02\x00\x01\x00 and more than enough to tell")
            .await
            .expect("written");
        closed(&mut stream).await;
    }
    let mut answers = running.connect().await;
    let unasked = "(027044702512,ZC03,140525,141238,$one\nof many$)".repeat(20);
    answers.write_all(unasked.as_bytes()).await.expect("written");
    answers.shutdown().await.expect("said");
    closed(&mut answers).await;
    let counted = running.end().await;
    assert_eq!((counted.connections, counted.messages), (TIMES + 1, 20));
    assert_eq!((log.count("connection ended"), log.count("answered")), (1, 0));

    let running = start(Limits { connections: 0, ..Limits::default() }, None).await;
    for _ in 0..TIMES {
        closed(&mut running.connect().await).await;
    }
    assert_eq!((running.end().await.refused, log.count("refused")), (TIMES, 1));
}

/// A heartbeat of GT06: it names nobody, and is answered.
const HEARTBEAT: &[u8] = b"\x78\x78\x0a\x13\x46\x04\x04\x00\x01\x00\x0f";

#[tokio::test]
async fn whoever_does_not_say_which_listed_device_it_is_does_not_stay() {
    let limits = Limits { message: Duration::from_millis(300), ..Limits::default() };
    let running = start(limits, Some("864717003283581")).await;
    let mut stranger = running.connect().await;
    // Each is answered, and begins no new patience.
    let waited = async {
        while stranger.write_all(&sealed(HEARTBEAT)).await.is_ok()
            && matches!(stranger.read(&mut [0; 64]).await, Ok(1..))
        {}
    };
    timeout(PATIENCE, waited).await.expect("closed in time");
    assert_eq!(running.end().await.too_slow, 1);
}

/// With its checksum and its end.
fn sealed(frame: &[u8]) -> Vec<u8> {
    let crc = frame[2..].iter().fold(0xffff_u16, |crc, &byte| {
        (0..8).fold(crc ^ u16::from(byte), |crc, _| if crc & 1 == 1 { (crc >> 1) ^ 0x8408 } else { crc >> 1 })
    });
    [frame, &(!crc).to_be_bytes(), b"\r\n"].concat()
}
