//! What waits when a device hangs up, when the server stops, and when a datagram is lost.

mod recorder;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use hardware_gps::protocols::Order;
use hardware_gps::server::Orders;
use hardware_gps::{GpsServer, GpsServerSettings, Limits, Listener, Transport};
use hardware_ports::FakeClock;
use hardware_ports::orders::OrderDesk;
use models_domain::order::{Given, Progress};
use models_domain::{DurationMs, UtcMillis};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use recorder::Recorder;

/// Login and position of a GT06 tracker. The position is never answered: the tracker does not send it again.
const LOGIN: &[u8] = b"\x78\x78\x0d\x01\x08\x64\x71\x70\x03\x28\x35\x81\x00\x09\x3f\x04\x0d\x0a";
const POSITION: &[u8] = b"\x78\x78\x19\x10\x0e\x01\x09\x03\x23\x0e\xc8\x03\xae\x32\xa6\x06\x53\xcd\xed\x00\x18\x00\x00\x02\x00\x72\xfe\xb7\x0d\x0a";
const LOGIN_ANSWER: usize = 10;
const PATIENCE: Duration = Duration::from_secs(10);

struct Running {
    tcp: SocketAddr,
    udp: SocketAddr,
    recorder: Arc<Recorder>,
    orders: Arc<Orders>,
    clock: Arc<FakeClock>,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

/// Its sink keeps what it is given only after `slow_ms`.
async fn start(slow_ms: u64) -> Running {
    let listener = |transport| Listener {
        protocol: "gt06".to_owned(),
        address: "127.0.0.1:0".parse().expect("an address"),
        transport,
        zone: None,
    };
    let listeners = vec![listener(Transport::Tcp), listener(Transport::Udp)];
    let limits = Limits::default();
    let settings = GpsServerSettings { listeners, zone_by_device: [].into(), devices: None, limits };
    let server = GpsServer::bind(settings).await.expect("free ports");
    let (tcp, udp) = (server.addresses()[0], server.addresses()[1]);
    let (recorder, orders) = (Arc::new(Recorder::default()), Arc::new(Orders::default()));
    recorder.slow_ms.store(slow_ms, Ordering::Relaxed);
    let clock = Arc::new(FakeClock::at(UtcMillis(1_772_409_600_000)));
    let stop = CancellationToken::new();
    let server = server.with_orders(orders.clone());
    let task = tokio::spawn(server.run(recorder.clone(), clock.clone(), stop.clone()));
    Running { tcp, udp, recorder, orders, clock, stop, task }
}

impl Running {
    /// A tracker that has said who it is and where it was.
    async fn tracker(&self) -> TcpStream {
        let mut stream = TcpStream::connect(self.tcp).await.expect("the server listens");
        stream.write_all(&[LOGIN, POSITION].concat()).await.expect("written");
        let mut answer = [0; LOGIN_ANSWER];
        timeout(PATIENCE, stream.read_exact(&mut answer)).await.expect("in time").expect("an answer");
        stream
    }

    fn fixes(&self) -> usize {
        self.recorder.fixes.lock().expect("no panic while held").len()
    }

    async fn end(self) -> usize {
        self.stop.cancel();
        timeout(PATIENCE, self.task).await.expect("it stops").expect("no panic");
        self.recorder.fixes.lock().expect("no panic while held").len()
    }
}

async fn heard(socket: &UdpSocket) -> usize {
    let heard = timeout(PATIENCE, socket.recv(&mut [0; 256])).await;
    heard.expect("in time").expect("a datagram")
}

#[tokio::test]
async fn a_position_is_kept_when_its_device_has_gone() {
    let running = start(300).await;
    running.tracker().await.shutdown().await.expect("an open connection");
    let kept = async {
        while running.fixes() == 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(PATIENCE, kept).await.expect("kept in time");
    assert_eq!(running.end().await, 1);
}

#[tokio::test]
async fn positions_are_kept_when_the_server_stops() {
    let running = start(300).await;
    let _stream = running.tracker().await;
    let socket = UdpSocket::bind("127.0.0.1:0").await.expect("a free port");
    socket.connect(running.udp).await.expect("a peer");
    socket.send(&[LOGIN, POSITION].concat()).await.expect("sent");
    heard(&socket).await;
    assert_eq!(running.end().await, 2);
}

#[tokio::test]
async fn a_datagram_of_several_positions_holds_up_nobody_at_its_port() {
    let running = start(2_000).await;
    let [many, other] = [UdpSocket::bind("127.0.0.1:0"), UdpSocket::bind("127.0.0.1:0")];
    let (many, other) = (many.await.expect("a free port"), other.await.expect("a free port"));
    many.connect(running.udp).await.expect("a peer");
    other.connect(running.udp).await.expect("a peer");
    many.send(&[LOGIN, POSITION, POSITION, POSITION].concat()).await.expect("sent");
    heard(&many).await;
    other.send(LOGIN).await.expect("sent");
    heard(&other).await;
    assert_eq!(running.fixes(), 0);
    let kept = async {
        while running.fixes() < 3 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(PATIENCE, kept).await.expect("all are kept");
    running.end().await;
}

#[tokio::test]
async fn an_order_in_a_datagram_that_was_lost_is_sent_again_after_a_minute() {
    let running = start(0).await;
    let given = Given {
        id: 1,
        vehicle: "864717003283581".parse().expect("a name"),
        order: Order::Text("STATUS#".to_owned()),
        expires: UtcMillis(i64::MAX),
        progress: Progress::Waiting,
    };
    running.orders.give(given).expect("room");
    let socket = UdpSocket::bind("127.0.0.1:0").await.expect("a free port");
    socket.connect(running.udp).await.expect("a peer");
    // With the order, without it, and with it again.
    for (later_ms, order) in [(0, true), (60_000, false), (1, true)] {
        running.clock.advance(DurationMs(later_ms));
        socket.send(LOGIN).await.expect("sent");
        assert_eq!(heard(&socket).await > LOGIN_ANSWER, order, "{later_ms}");
    }
    let progress = running.orders.look(1).expect("it is known").progress;
    assert!(matches!(progress, Progress::Sent { times: 2, .. }), "{progress:?}");
    running.end().await;
}
