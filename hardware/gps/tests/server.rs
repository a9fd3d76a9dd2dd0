//! The server over real sockets on this machine: cut, glued, wrong and slow input, and a sink that fails.

mod recorder;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use hardware_gps::protocols::Order;
use hardware_gps::server::{Counters, Orders};
use hardware_gps::{GpsServer, GpsServerSettings, Limits, Listener, Transport};
use hardware_ports::SystemClock;
use hardware_ports::orders::OrderDesk;
use models_domain::UtcMillis;
use models_domain::order::{Given, Progress};
use models_domain::transit::Fix;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use recorder::Recorder;

/// Login and position of a GT06 tracker.
const LOGIN: &str = "78780d01086471700328358100093f040d0a";
const POSITION: &str = "787819100e010903230ec803ae32a60653cded00180000020072feb70d0a";

struct Running {
    addresses: Vec<SocketAddr>,
    recorder: Arc<Recorder>,
    counters: Arc<Counters>,
    orders: Arc<Orders>,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

async fn start(limits: Limits) -> Running {
    start_for(limits, None).await
}

/// Takes these devices only.
async fn start_for(limits: Limits, devices: Option<&[&str]>) -> Running {
    let listener = |protocol: &str, transport| Listener {
        protocol: protocol.to_owned(),
        address: "127.0.0.1:0".parse().expect("an address"),
        transport,
        zone: None,
    };
    let listeners = vec![
        listener("gt06", Transport::Tcp),
        listener("jt808", Transport::Tcp),
        listener("gt06", Transport::Udp),
        listener("any", Transport::Tcp),
        listener("any", Transport::Udp),
    ];
    let devices = devices.map(|all| all.iter().map(ToString::to_string).collect());
    let settings = GpsServerSettings { listeners, zone_by_device: [].into(), devices, limits };
    let server = GpsServer::bind(settings).await.expect("free ports");
    let recorder = Arc::new(Recorder::default());
    let (addresses, counters) = (server.addresses().to_vec(), server.counters());
    let orders = Arc::new(Orders::default());
    let server = server.with_orders(orders.clone());
    let stop = CancellationToken::new();
    let task = tokio::spawn(server.run(recorder.clone(), Arc::new(SystemClock::new()), stop.clone()));
    Running { addresses, recorder, counters, orders, stop, task }
}

impl Running {
    async fn connect(&self, listener: usize) -> TcpStream {
        TcpStream::connect(self.addresses[listener]).await.expect("the server listens")
    }

    fn fixes(&self) -> Vec<Fix> {
        self.recorder.fixes.lock().expect("no panic while held").clone()
    }

    async fn end(self) {
        self.stop.cancel();
        tokio::time::timeout(Duration::from_secs(5), self.task).await.expect("it stops").expect("no panic");
    }
}

fn unhex(digits: &str) -> Vec<u8> {
    let digits: Vec<u8> = digits.bytes().filter(u8::is_ascii_hexdigit).collect();
    let pair = |pair: &[u8]| u8::from_str_radix(str::from_utf8(pair).expect("ASCII"), 16).expect("digits");
    digits.chunks(2).map(pair).collect()
}

async fn answer(stream: &mut TcpStream, length: usize) -> Vec<u8> {
    let mut answer = vec![0; length];
    let read = tokio::time::timeout(Duration::from_secs(10), stream.read_exact(&mut answer)).await;
    read.expect("an answer in time").expect("an open connection");
    answer
}

/// Waits until the server closed the connection, discarding what it still says.
async fn closed(stream: &mut TcpStream) {
    let mut rest = Vec::new();
    let read = tokio::time::timeout(Duration::from_secs(10), stream.read_to_end(&mut rest)).await;
    // A reset is a close, too.
    let _ = read.expect("closed in time");
}

/// A position is not answered: a heartbeat behind it is, and so tells that it was taken.
fn heartbeat() -> Vec<u8> {
    sealed(unhex("78780a134604040001000f"))
}

/// With its checksum and its end.
fn sealed(mut frame: Vec<u8>) -> Vec<u8> {
    let crc = frame[2..].iter().fold(0xffff_u16, |crc, &byte| {
        (0..8).fold(crc ^ u16::from(byte), |crc, _| if crc & 1 == 1 { (crc >> 1) ^ 0x8408 } else { crc >> 1 })
    });
    frame.extend((!crc).to_be_bytes());
    frame.extend(b"\r\n");
    frame
}

#[tokio::test]
async fn byte_by_byte_and_all_at_once() {
    let running = start(Limits::default()).await;
    let all = [unhex(LOGIN), unhex(POSITION), heartbeat()].concat();
    let mut stream = running.connect(0).await;
    stream.set_nodelay(true).expect("a socket");
    for byte in &all {
        stream.write_all(&[*byte]).await.expect("written");
        stream.flush().await.expect("flushed");
    }
    answer(&mut stream, 20).await;
    let mut glued = running.connect(0).await;
    glued.write_all(&[all.clone(), all].concat()).await.expect("written");
    answer(&mut glued, 40).await;
    let fixes = running.fixes();
    assert_eq!(fixes.len(), 3);
    assert_eq!(fixes[0].vehicle.as_str(), "864717003283581");
    assert_eq!(fixes[0].protocol, "gt06");
    assert!((fixes[0].position.lat.0 + 34.304_377).abs() < 1e-5);
    running.end().await;
}

#[tokio::test]
async fn noise_first_then_a_device_and_others_go_on() {
    let running = start(Limits { bad_in_a_row: 3, ..Limits::default() }).await;
    let mut good = running.connect(0).await;
    let mut noisy = running.connect(0).await;
    noisy.write_all(b"GET / HTTP/1.1\r\n\r\n").await.expect("written");
    noisy.write_all(&unhex(LOGIN)).await.expect("written");
    answer(&mut noisy, 10).await;
    let mut hostile = running.connect(0).await;
    let broken = unhex(POSITION.replace("feb7", "0000").as_str());
    hostile.write_all(&broken.repeat(5)).await.expect("written");
    closed(&mut hostile).await;
    good.write_all(&[unhex(LOGIN), unhex(POSITION), heartbeat()].concat()).await.expect("written");
    answer(&mut good, 20).await;
    assert_eq!(running.fixes().len(), 1);
    assert!(running.counters.now().bad >= 4, "{:?}", running.counters.now());
    running.end().await;
}

#[tokio::test]
async fn the_slow_are_ended() {
    let limits =
        Limits { message: Duration::from_millis(200), idle: Duration::from_millis(400), ..Limits::default() };
    let running = start(limits).await;
    let mut silent = running.connect(0).await;
    let mut slow = running.connect(0).await;
    slow.write_all(&unhex(LOGIN)).await.expect("written");
    answer(&mut slow, 10).await;
    slow.write_all(&unhex(POSITION)[..7]).await.expect("written");
    closed(&mut slow).await;
    closed(&mut silent).await;
    let mut idle = running.connect(0).await;
    idle.write_all(&unhex(LOGIN)).await.expect("written");
    answer(&mut idle, 10).await;
    closed(&mut idle).await;
    assert_eq!(running.counters.now().too_slow, 3);
    running.end().await;
}

#[tokio::test]
async fn too_many_are_refused() {
    let running = start(Limits { connections: 1, ..Limits::default() }).await;
    let mut first = running.connect(0).await;
    first.write_all(&unhex(LOGIN)).await.expect("written");
    answer(&mut first, 10).await;
    let mut second = running.connect(1).await;
    closed(&mut second).await;
    assert_eq!(running.counters.now().refused, 1);
    running.end().await;
}

#[tokio::test]
async fn what_is_not_kept_is_not_acknowledged() {
    let running = start(Limits::default()).await;
    let report = jt808_report();
    running.recorder.fails.store(true, Ordering::Relaxed);
    let mut stream = running.connect(1).await;
    stream.write_all(&report).await.expect("written");
    let mut rest = Vec::new();
    let read = tokio::time::timeout(Duration::from_secs(10), stream.read_to_end(&mut rest)).await;
    let _ = read.expect("closed in time");
    assert!(rest.is_empty(), "{rest:02x?}");
    assert_eq!(running.counters.now().not_kept, 1);

    running.recorder.fails.store(false, Ordering::Relaxed);
    let mut again = running.connect(1).await;
    again.write_all(&report).await.expect("written");
    let acknowledged = answer(&mut again, 20).await;
    assert_eq!(&acknowledged[..3], [0x7e, 0x80, 0x01]);
    assert_eq!(running.fixes().len(), 1);
    running.end().await;
}

/// Position of terminal 013912345678 with serial number 9.
fn jt808_report() -> Vec<u8> {
    let mut bytes = unhex("0200001c0139123456780009");
    bytes.extend(unhex("00000000000000030140dca0064f1e0d000c0168005a250514211238"));
    bytes.push(bytes.iter().fold(0, |sum, byte| sum ^ byte));
    let mut frame = vec![0x7e];
    for byte in bytes {
        match byte {
            0x7e => frame.extend([0x7d, 2]),
            0x7d => frame.extend([0x7d, 1]),
            _ => frame.push(byte),
        }
    }
    frame.push(0x7e);
    frame
}

#[tokio::test]
async fn only_listed_devices_are_kept_and_answered() {
    let running = start_for(Limits::default(), Some(&["864717003283581"])).await;
    let mut stranger = running.connect(1).await;
    stranger.write_all(&jt808_report()).await.expect("written");
    let mut said = Vec::new();
    let read = tokio::time::timeout(Duration::from_secs(10), stranger.read_to_end(&mut said)).await;
    let _ = read.expect("closed in time");
    assert!(said.is_empty(), "{said:02x?}");
    assert_eq!((running.fixes().len(), running.counters.now().unlisted), (0, 1));

    let mut ours = running.connect(0).await;
    ours.write_all(&[unhex(LOGIN), unhex(POSITION), heartbeat()].concat()).await.expect("written");
    answer(&mut ours, 20).await;
    assert_eq!((running.fixes().len(), running.counters.now().unlisted), (1, 1));
    running.end().await;
}

#[tokio::test]
async fn a_position_without_a_name_ends_the_connection() {
    let running = start(Limits::default()).await;
    let mut stream = running.connect(0).await;
    stream.write_all(&unhex(POSITION)).await.expect("written");
    closed(&mut stream).await;
    assert_eq!(running.counters.now().nameless, 1);
    assert!(running.fixes().is_empty());
    running.end().await;
}

#[tokio::test]
async fn datagrams() {
    let running = start(Limits::default()).await;
    let socket = UdpSocket::bind("127.0.0.1:0").await.expect("a port");
    socket.connect(running.addresses[2]).await.expect("a peer");
    let mut answer = [0; 64];
    for message in [unhex(LOGIN), [unhex(POSITION), heartbeat()].concat()] {
        socket.send(&message).await.expect("sent");
        let got = tokio::time::timeout(Duration::from_secs(10), socket.recv(&mut answer)).await;
        assert_eq!(got.expect("in time").expect("an answer"), 10);
    }
    assert_eq!(running.fixes().len(), 1);
    running.end().await;
}

#[tokio::test]
async fn listeners_that_cannot_be_opened_say_why() {
    let taken = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = taken.local_addr().expect("an address");
    for (protocol, want) in [("gt06", "is the port taken"), ("gt07", "listening for buses")] {
        let listener =
            Listener { protocol: protocol.to_owned(), address, transport: Transport::Tcp, zone: None };
        let settings = GpsServerSettings {
            listeners: vec![listener],
            zone_by_device: [].into(),
            devices: None,
            limits: Limits::default(),
        };
        let err = GpsServer::bind(settings).await.err().expect("refused").to_string();
        assert!(err.contains(want), "{err}");
    }
}

const H02: &str = "*HQ,2705171109,V1,141238,A,2101.6800,N,10551.1200,E,010.00,090,140525,FFFFFBFF#";
const TK103: &str = "(027044702512BR00250514A2101.6800N10551.1200E036.0141238090.0001000000L00000000)";
const WIALON: &str = "#L#352093081452251;NA\r\n#SD#140525;141238;2101.68;N;10551.12;E;36;90;12;7\r\n";
const NMEA: &str = "$IMEI=355797031609284\r\n$GPRMC,141238,A,2101.68,N,10551.12,E,19.4,90.0,140525,,\r\n";

/// Waits until so many fixes are kept.
async fn kept(running: &Running, count: usize) -> Vec<Fix> {
    let waiting = async {
        while running.fixes().len() < count {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), waiting).await.expect("kept in time");
    running.fixes()
}

#[tokio::test]
async fn several_protocols_share_a_port() {
    let running = start(Limits::default()).await;
    let said = [
        ("gt06", [unhex(LOGIN), unhex(POSITION)].concat()),
        ("jt808", jt808_report()),
        ("h02", H02.as_bytes().to_vec()),
        ("tk103", TK103.as_bytes().to_vec()),
        ("wialon", WIALON.as_bytes().to_vec()),
        ("t55_nmea", NMEA.as_bytes().to_vec()),
    ];
    for (count, (protocol, bytes)) in said.iter().enumerate() {
        let mut stream = running.connect(3).await;
        // The first byte alone: it does not tell enough.
        stream.write_all(&bytes[..1]).await.expect("written");
        stream.flush().await.expect("flushed");
        stream.write_all(&bytes[1..]).await.expect("written");
        let fixes = kept(&running, count + 1).await;
        assert_eq!(fixes.last().map(|fix| fix.protocol.as_str()), Some(*protocol));
    }
    let socket = UdpSocket::bind("127.0.0.1:0").await.expect("a port");
    socket.send_to(H02.as_bytes(), running.addresses[4]).await.expect("sent");
    assert_eq!(kept(&running, said.len() + 1).await[said.len()].protocol, "h02");
    let mut stranger = running.connect(3).await;
    stranger.write_all(b"\x16\x03\x01\x02\x00\x01\x00 and more than enough to tell").await.expect("written");
    closed(&mut stranger).await;
    running.end().await;
}

#[tokio::test]
async fn orders_wait_for_the_device_and_its_answer_is_kept() {
    let running = start(Limits::default()).await;
    let given = |id, vehicle: &str, order| Given {
        id,
        vehicle: vehicle.parse().expect("a name"),
        order,
        expires: UtcMillis(i64::MAX),
        progress: Progress::Waiting,
    };
    let progress = |id| running.orders.look(id).expect("it is known").progress;
    running.orders.give(given(1, "864717003283581", Order::Text("STATUS#".to_owned()))).expect("room");
    let mut stream = running.connect(0).await;
    stream.write_all(&unhex(LOGIN)).await.expect("written");
    // The answer to the login, then the order: 78 78, length, 80, length of the text, tag, text, serial, sum, 0d 0a.
    let said = answer(&mut stream, 10 + 22).await;
    assert_eq!(&said[13..16], [0x80, 11, 0]);
    assert_eq!(&said[19..26], b"STATUS#");
    assert!(matches!(progress(1), Progress::Sent { times: 1, .. }));
    let tag = u16::from(said[18]);
    stream.write_all(&gt06_answer(tag, b"Battery:4.1V")).await.expect("written");
    stream.write_all(&heartbeat()).await.expect("written");
    answer(&mut stream, 10).await;
    assert!(matches!(progress(1), Progress::Answered { text, .. } if text == "Battery:4.1V"));

    // A device that is there hears it at once; one that can be asked nothing says so.
    running.orders.give(given(2, "864717003283581", Order::Locate)).expect("room");
    assert_eq!(answer(&mut stream, 21).await[3], 0x80);
    running.orders.give(given(3, "2705171109", Order::Locate)).expect("room");
    let mut mute = running.connect(3).await;
    mute.write_all(H02.as_bytes()).await.expect("written");
    let failed = async {
        while progress(3) == Progress::Waiting {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), failed).await.expect("told in time");
    assert!(matches!(progress(3), Progress::Failed { why } if why.contains("h02")));
    running.end().await;
}

fn gt06_answer(tag: u16, text: &[u8]) -> Vec<u8> {
    let length = u8::try_from(text.len()).expect("short");
    let mut frame = vec![0x78, 0x78, length + 12, 0x15, length + 4, 0, 0];
    frame.extend(tag.to_be_bytes());
    frame.extend(text);
    frame.extend([0, 2, 0, 9]);
    sealed(frame)
}
