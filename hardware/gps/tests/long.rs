//! Requests of telephones that stored positions for hours, and messages in packets: longer than what a connection may hold of others.

mod recorder;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hardware_gps::server::Counters;
use hardware_gps::{GpsServer, GpsServerSettings, Limits, Listener, Transport};
use hardware_ports::SystemClock;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use recorder::Recorder;

const PATIENCE: Duration = Duration::from_secs(10);
const TAKEN: &str = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
const TOO_LARGE: &str = "HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\n\r\n";

struct Running {
    address: SocketAddr,
    datagrams: SocketAddr,
    recorder: Arc<Recorder>,
    counters: Arc<Counters>,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

async fn start(limits: Limits) -> Running {
    start_for(None, limits).await
}

/// Of these devices alone.
async fn start_for(devices: Option<&[&str]>, limits: Limits) -> Running {
    let listener = |transport| Listener {
        protocol: "any".to_owned(),
        address: "127.0.0.1:0".parse().expect("an address"),
        transport,
        zone: None,
    };
    let listeners = vec![listener(Transport::Tcp), listener(Transport::Udp)];
    let devices = devices.map(|names| names.iter().map(|name| (*name).to_owned()).collect());
    let settings = GpsServerSettings { listeners, zone_by_device: [].into(), devices, limits };
    let server = GpsServer::bind(settings).await.expect("free ports");
    let (recorder, stop) = (Arc::new(Recorder::default()), CancellationToken::new());
    let (address, datagrams, counters) = (server.addresses()[0], server.addresses()[1], server.counters());
    let task = tokio::spawn(server.run(recorder.clone(), Arc::new(SystemClock::new()), stop.clone()));
    Running { address, datagrams, recorder, counters, stop, task }
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

const OURS: [u8; 6] = [0x01, 0x39, 0x12, 0x34, 0x56, 0x78];

/// A message of terminal 013912345678.
fn message(kind: u16, attributes: u16, serial: u16, rest: &[u8]) -> Vec<u8> {
    message_of(OURS, kind, attributes, serial, rest)
}

fn message_of(phone: [u8; 6], kind: u16, attributes: u16, serial: u16, rest: &[u8]) -> Vec<u8> {
    let head = [kind, attributes].map(u16::to_be_bytes).concat();
    let mut bytes = [&head[..], &phone, &serial.to_be_bytes(), rest].concat();
    bytes.push(bytes.iter().fold(0, |sum, byte| sum ^ byte));
    assert!(!bytes.contains(&0x7e) && !bytes.contains(&0x7d), "nothing is to be escaped");
    [&[0x7e][..], &bytes, &[0x7e]].concat()
}

/// One of so many, a thousand bytes each.
fn packet(index: u16, total: u16) -> Vec<u8> {
    packet_of(OURS, index, total)
}

fn packet_of(phone: [u8; 6], index: u16, total: u16) -> Vec<u8> {
    let numbers = [total, index].map(u16::to_be_bytes).concat();
    message_of(phone, 0x0f01, 1 << 13 | 1_000, index, &[&numbers[..], &[0; 1_000]].concat())
}

/// Waits for so many acknowledgements: delimiters, header (12), serial number, kind and result (5), checksum.
async fn acknowledged(stream: &mut TcpStream, count: u16) {
    let mut answers = vec![0; usize::from(count) * (1 + 12 + 5 + 1 + 1)];
    timeout(PATIENCE, stream.read_exact(&mut answers)).await.expect("in time").expect("an open connection");
}

#[tokio::test]
async fn messages_in_packets_have_room_for_few_devices_at_a_time() {
    const TOTAL: u16 = 20;
    let limits = Limits { long_messages: 1, message: Duration::from_millis(500), ..Limits::default() };
    let running = start(limits).await;
    let mut first = running.connect().await;
    let most: Vec<u8> = (1..TOTAL).flat_map(|index| packet(index, TOTAL)).collect();
    for _ in 0..2 {
        // All but the last: the others may not hold so much, and a heartbeat goes on.
        first.write_all(&[&most[..], &message(0x0002, 0, 99, &[])].concat()).await.expect("written");
        acknowledged(&mut first, 1).await;
        // Of another its packets are dropped, and what else it says is answered at once.
        let mut second = running.connect().await;
        second.write_all(&[&most[..], &message(0x0002, 0, 99, &[])].concat()).await.expect("written");
        acknowledged(&mut second, 1).await;
        // Whole, the first gives the room back.
        first.write_all(&packet(TOTAL, TOTAL)).await.expect("written");
        acknowledged(&mut first, TOTAL).await;
        // They come again.
        second.write_all(&[&most[..], &packet(TOTAL, TOTAL)].concat()).await.expect("written");
        acknowledged(&mut second, TOTAL).await;
    }
    assert_eq!(running.counters.now().too_slow, 0);
    running.end().await;
}

#[tokio::test]
async fn packets_in_datagrams_are_dropped_where_there_is_no_room() {
    const TOTAL: u16 = 20;
    for (long_messages, answers) in [(0, vec![20]), (1, vec![20 * usize::from(TOTAL), 20])] {
        let running = start(Limits { long_messages, ..Limits::default() }).await;
        let socket = UdpSocket::bind("127.0.0.1:0").await.expect("a port");
        socket.connect(running.datagrams).await.expect("a peer");
        for packet in (1..=TOTAL).map(|index| packet(index, TOTAL)).chain([message(0x0002, 0, 99, &[])]) {
            socket.send(&packet).await.expect("sent");
        }
        for length in answers {
            let mut answer = [0; 1024];
            let got = timeout(PATIENCE, socket.recv(&mut answer)).await.expect("in time");
            assert_eq!(got.expect("an answer"), length, "{long_messages}");
        }
        running.end().await;
    }
}

#[tokio::test]
async fn packets_of_strangers_by_datagram_take_no_room() {
    const TOTAL: u16 = 20;
    let limits = Limits { long_messages: 1, ..Limits::default() };
    let running = start_for(Some(&["13912345678"]), limits).await;
    let [stranger, ours] = [UdpSocket::bind("127.0.0.1:0").await, UdpSocket::bind("127.0.0.1:0").await]
        .map(|socket| socket.expect("a port"));
    let unlisted = [0x01, 0x39, 0x12, 0x34, 0x56, 0x79];
    for packet in (1..TOTAL).map(|index| packet_of(unlisted, index, TOTAL)) {
        stranger.send_to(&packet, running.datagrams).await.expect("sent");
    }
    for packet in (1..=TOTAL).map(|index| packet(index, TOTAL)) {
        ours.send_to(&packet, running.datagrams).await.expect("sent");
    }
    let mut answer = [0; 1024];
    let got = timeout(PATIENCE, ours.recv(&mut answer)).await.expect("in time");
    assert_eq!(got.expect("an answer"), 20 * usize::from(TOTAL));
    running.end().await;
}
