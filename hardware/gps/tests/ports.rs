//! Ports that several protocols share, by connection and by datagram; what addresses and clocks of devices may not mix up; and
//! what a device that says rubbish is answered.

mod recorder;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hardware_gps::protocols::{Order, Zone};
use hardware_gps::server::{Counters, Orders};
use hardware_gps::{GpsServer, GpsServerSettings, Limits, Listener, Transport};
use hardware_ports::FakeClock;
use hardware_ports::orders::OrderDesk;
use models_domain::order::{Given, Progress};
use models_domain::transit::Fix;
use models_domain::{DurationMs, UtcMillis};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use recorder::Recorder;

const PATIENCE: Duration = Duration::from_secs(10);
/// When all devices here report: 2025-05-14 14:12:38 UTC.
const AT: i64 = 1_747_231_958_000;

struct Running {
    tcp: SocketAddr,
    udp: SocketAddr,
    recorder: Arc<Recorder>,
    counters: Arc<Counters>,
    orders: Arc<Orders>,
    clock: Arc<FakeClock>,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

/// Any protocol, by both ways; +08:00 for the JT/T 808 terminal and the GT06 tracker.
async fn start() -> Running {
    let listener = |transport| {
        let address = "127.0.0.1:0".parse().expect("an address");
        Listener { protocol: "any".to_owned(), address, transport, zone: None }
    };
    let east: Zone = "+08:00".parse().expect("a zone");
    let zone_by_device =
        BTreeMap::from([("13912345678", east), (GT06_NAME, east)].map(|(d, z)| (d.into(), z)));
    let listeners = vec![listener(Transport::Tcp), listener(Transport::Udp)];
    let settings = GpsServerSettings { listeners, zone_by_device, devices: None, limits: Limits::default() };
    let server = GpsServer::bind(settings).await.expect("free ports");
    let (tcp, udp) = (server.addresses()[0], server.addresses()[1]);
    let (recorder, counters, orders) =
        (Arc::new(Recorder::default()), server.counters(), Arc::new(Orders::default()));
    let (clock, stop) = (Arc::new(FakeClock::at(UtcMillis(AT))), CancellationToken::new());
    let server = server.with_orders(orders.clone());
    let task = tokio::spawn(server.run(recorder.clone(), clock.clone(), stop.clone()));
    Running { tcp, udp, recorder, counters, orders, clock, stop, task }
}

impl Running {
    fn fixes(&self) -> Vec<Fix> {
        self.recorder.fixes.lock().expect("no panic while held").clone()
    }

    async fn kept(&self, what: &str, count: usize) -> Vec<Fix> {
        until(what, || self.fixes().len() >= count).await;
        self.fixes()
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.tcp).await.expect("the server listens")
    }

    /// A socket with an address of its own, as each device has.
    async fn device(&self) -> UdpSocket {
        let socket = UdpSocket::bind("127.0.0.1:0").await.expect("a port");
        socket.connect(self.udp).await.expect("a peer");
        socket
    }

    fn give(&self, id: u64, vehicle: &str, order: Order) {
        let (vehicle, expires) = (vehicle.parse().expect("a name"), UtcMillis(i64::MAX));
        self.orders.give(Given { id, vehicle, order, expires, progress: Progress::Waiting }).expect("room");
    }

    fn progress(&self, id: u64) -> Progress {
        self.orders.look(id).expect("it is known").progress
    }

    async fn end(self) {
        self.stop.cancel();
        timeout(Duration::from_secs(5), self.task).await.expect("it stops").expect("no panic");
    }
}

async fn until(what: &str, condition: impl Fn() -> bool) {
    let waiting = async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    timeout(PATIENCE, waiting).await.unwrap_or_else(|_| panic!("in time: {what}"));
}

async fn exactly(stream: &mut TcpStream, count: usize) -> Vec<u8> {
    let mut bytes = vec![0; count];
    timeout(PATIENCE, stream.read_exact(&mut bytes)).await.expect("in time").expect("an open connection");
    bytes
}

async fn datagram(socket: &UdpSocket) -> Vec<u8> {
    let mut bytes = [0; 256];
    let length = timeout(PATIENCE, socket.recv(&mut bytes)).await.expect("in time").expect("an answer");
    bytes[..length].to_vec()
}

const GT06_NAME: &str = "864717003283581";
const GT06_LOGIN: &[u8] = b"\x78\x78\x0d\x01\x08\x64\x71\x70\x03\x28\x35\x81\x00\x09\x3f\x04\x0d\x0a";
const IMEI: &[u8] = b"\x00\x0f352093081452251";
const QUECLINK_PLACE: &str = "1,36.0,90,12.0,105.852000,21.028000,20250514141238,0452,0004,0001,0002";
const H02: &str = "*HQ,2705171109,V1,141238,A,2101.6800,N,10551.1200,E,010.00,090,140525,FFFFFBFF#";
const TK103: &str = "(027044702512BR00250514A2101.6800N10551.1200E036.0141238090.0001000000L00000000)";
const WIALON: &str = "2.0;352093081452251#SD#140525;141238;2101.68;N;10551.12;E;36;90;12;7;";
const NMEA: &str = "$IMEI=355797031609284\r\n$GPRMC,141238,A,2101.68,N,10551.12,E,19.4,90.0,140525,,\r\n";

/// Of the reflected polynomials: CRC-16/X-25 of GT06, CRC-16/ARC of Teltonika and Wialon.
fn crc(bytes: &[u8], polynomial: u16, begin: u16) -> u16 {
    bytes.iter().fold(begin, |crc, &byte| {
        (0..8).fold(
            crc ^ u16::from(byte),
            |crc, _| if crc & 1 == 1 { (crc >> 1) ^ polynomial } else { crc >> 1 },
        )
    })
}

fn gt06_sealed(frame: &[u8]) -> Vec<u8> {
    let sum = !crc(&frame[2..], 0x8408, 0xffff);
    [frame, &sum.to_be_bytes(), b"\r\n"].concat()
}

/// 22:12:38 on a clock of +08:00.
fn gt06_position() -> Vec<u8> {
    let mut frame = vec![0x78, 0x78, 23, 0x12, 25, 5, 14, 22, 12, 38, 0xc9];
    frame.extend(37_850_400_u32.to_be_bytes());
    frame.extend(190_533_600_u32.to_be_bytes());
    frame.extend([36, 0x14, 90, 0, 7]);
    gt06_sealed(&frame)
}

fn gt06_heartbeat() -> Vec<u8> {
    gt06_sealed(b"\x78\x78\x0a\x13\x46\x04\x04\x00\x01\x00\x0f")
}

/// 22:12:38 on a clock of +08:00; `lat` in millionths.
fn jt808(lat: u32) -> Vec<u8> {
    let mut bytes =
        b"\x02\x00\x00\x1c\x01\x39\x12\x34\x56\x78\x00\x09\x00\x00\x00\x00\x00\x00\x00\x03".to_vec();
    bytes.extend(lat.to_be_bytes());
    bytes.extend(105_852_000_u32.to_be_bytes());
    bytes.extend([0, 12, 1, 0x68, 0, 90, 0x25, 5, 0x14, 0x22, 0x12, 0x38]);
    bytes.push(bytes.iter().fold(0, |sum, byte| sum ^ byte));
    assert!(!bytes.contains(&0x7e) && !bytes.contains(&0x7d), "these would have to be escaped");
    [&[0x7e][..], &bytes, &[0x7e]].concat()
}

fn teltonika_records() -> Vec<u8> {
    let mut data = vec![8, 1];
    data.extend(AT.to_be_bytes());
    data.push(0);
    data.extend(1_058_520_000_i32.to_be_bytes());
    data.extend(210_280_000_i32.to_be_bytes());
    data.extend([0, 12, 0, 90, 8, 0, 36, 0, 0, 0, 0, 0, 0, 1]);
    data
}

fn teltonika_packet(data: &[u8]) -> Vec<u8> {
    let size = u32::try_from(data.len()).expect("short").to_be_bytes();
    [&[0; 4][..], &size, data, &u32::from(crc(data, 0xa001, 0)).to_be_bytes()].concat()
}

fn teltonika_datagram() -> Vec<u8> {
    let rest = [&[0xca, 0xfe, 1, 5][..], IMEI, &teltonika_records()].concat();
    [&u16::try_from(rest.len()).expect("short").to_be_bytes(), &rest[..]].concat()
}

fn meitrack() -> Vec<u8> {
    let place = "35,21.028000,105.852000,250514141238,A,8,23,36,90,0.9,12,198825,552588";
    let rest = format!(",861451040910625,AAA,{place}*");
    let head = format!("$$A{}{rest}", rest.len() + 4);
    format!("{head}{:02X}\r\n", head.bytes().fold(0_u8, u8::wrapping_add)).into_bytes()
}

/// The messages that both ways share.
fn said_by_both() -> Vec<(&'static str, Vec<u8>)> {
    let queclink = format!("+RESP:GTTRI,861971050039361,1,0,99,{QUECLINK_PLACE},00,20250514141240,1B0F$");
    let suntech =
        "ST300STT;205589913;40;313;20250514;14:12:38;c99e48;+21.028000;+105.852000;036.000;090.00;20;1;9\r";
    let osmand = "GET /?id=123456&timestamp=1747231958&lat=21.028&lon=105.852 HTTP/1.1\r\nHost: a\r\n\r\n";
    let wialon =
        format!("{WIALON}{:04X}\r\n", crc(&WIALON.as_bytes()["2.0;352093081452251#SD#".len()..], 0xa001, 0));
    vec![
        ("jt808", jt808(21_028_000)),
        ("meitrack", meitrack()),
        ("queclink", queclink.into_bytes()),
        ("suntech", suntech.as_bytes().to_vec()),
        ("osmand", osmand.as_bytes().to_vec()),
        ("h02", H02.as_bytes().to_vec()),
        ("tk103", TK103.as_bytes().to_vec()),
        ("t55_nmea", NMEA.as_bytes().to_vec()),
        ("wialon", wialon.into_bytes()),
    ]
}

fn check(fixes: &[Fix], protocol: &str, count: usize) {
    let fix = &fixes[count];
    assert_eq!((fix.protocol.as_str(), fix.at.0), (protocol, AT), "{fix:?}");
    assert!(
        (fix.position.lat.0 - 21.028).abs() < 1e-5 && (fix.position.lon.0 - 105.852).abs() < 1e-5,
        "{fix:?}"
    );
}

#[tokio::test]
async fn connections_tell_their_protocol_by_their_first_bytes() {
    let running = start().await;
    let mut said = said_by_both();
    said.push(("gt06", [GT06_LOGIN, &gt06_position()].concat()));
    said.push(("teltonika", [IMEI, &teltonika_packet(&teltonika_records())].concat()));
    for (count, (protocol, bytes)) in said.iter().enumerate() {
        let mut stream = running.connect().await;
        stream.set_nodelay(true).expect("a socket");
        // In pieces: the first bytes alone may fit several.
        for piece in bytes.chunks(3) {
            stream.write_all(piece).await.expect("written");
        }
        check(&running.kept(protocol, count + 1).await, protocol, count);
    }
    running.end().await;
}

#[tokio::test]
async fn datagrams_tell_their_protocol_too() {
    let running = start().await;
    let mut said = said_by_both();
    said.push(("gt06", [GT06_LOGIN, &gt06_position()].concat()));
    said.push(("teltonika", teltonika_datagram()));
    for (count, (protocol, bytes)) in said.iter().enumerate() {
        running.device().await.send(bytes).await.expect("sent");
        check(&running.kept(protocol, count + 1).await, protocol, count);
    }
    running.end().await;
}

#[tokio::test]
async fn an_address_that_was_silent_is_a_stranger_again() {
    let running = start().await;
    let device = running.device().await;
    device.send(GT06_LOGIN).await.expect("sent");
    datagram(&device).await;
    let idle = i64::try_from(Limits::default().idle.as_millis()).expect("short");
    running.clock.advance(DurationMs(idle - 1));
    device.send(&[gt06_position(), gt06_heartbeat()].concat()).await.expect("sent");
    assert_eq!(datagram(&device).await[3], 0x13);
    assert_eq!(running.fixes().len(), 1);
    // Now the address may be another device's, which has not said who it is.
    running.clock.advance(DurationMs(idle));
    device.send(&gt06_position()).await.expect("sent");
    until("nobody's position", || running.counters.now().nameless == 1).await;
    assert_eq!(running.fixes().len(), 1);
    // Which may speak another protocol.
    running.clock.advance(DurationMs(idle));
    device.send(&teltonika_datagram()).await.expect("sent");
    check(&running.kept("the other device's", 2).await, "teltonika", 1);
    running.end().await;
}

#[tokio::test]
async fn an_order_waits_for_a_teltonika_device_and_is_answered() {
    let running = start().await;
    running.give(1, "352093081452251", Order::Text("getinfo".to_owned()));
    assert_eq!(running.progress(1), Progress::Waiting);
    let mut stream = running.connect().await;
    stream.write_all(IMEI).await.expect("written");
    let order = teltonika_packet(b"\x0c\x01\x05\x00\x00\x00\x07getinfo\x01");
    assert_eq!(exactly(&mut stream, 1 + order.len()).await, [&[1][..], &order].concat());
    assert!(matches!(running.progress(1), Progress::Sent { times: 1, .. }));
    // A position first: only codec 12 answers.
    stream.write_all(&teltonika_packet(&teltonika_records())).await.expect("written");
    assert_eq!(exactly(&mut stream, 4).await, [0, 0, 0, 1]);
    let answer = teltonika_packet(b"\x0c\x01\x06\x00\x00\x00\x06INI:ok\x01");
    stream.write_all(&answer).await.expect("written");
    until("answered", || matches!(running.progress(1), Progress::Answered { .. })).await;
    assert!(matches!(running.progress(1), Progress::Answered { text, .. } if text == "INI:ok"));
    running.end().await;
}

#[tokio::test]
async fn an_order_for_a_teltonika_device_that_sends_datagrams_says_why_it_cannot_be() {
    let running = start().await;
    running.give(1, "352093081452251", Order::Locate);
    let device = running.device().await;
    device.send(&teltonika_datagram()).await.expect("sent");
    // Its own answer, and nothing else.
    assert_eq!(datagram(&device).await, [0, 5, 0xca, 0xfe, 1, 5, 1]);
    until("refused", || matches!(running.progress(1), Progress::Failed { .. })).await;
    assert!(matches!(running.progress(1), Progress::Failed { why } if why.contains("report by TCP")));
    running.end().await;
}

#[tokio::test]
async fn what_cannot_be_read_is_answered_and_counted_and_ends_nothing() {
    let running = start().await;
    let mut stream = running.connect().await;
    let more_than_are_bad = Limits::default().bad_in_a_row as usize + 1;
    for _ in 0..more_than_are_bad {
        stream.write_all(&jt808(91_000_000)).await.expect("written");
        assert_eq!(exactly(&mut stream, 20).await[..3], [0x7e, 0x80, 0x01]);
    }
    stream.write_all(&jt808(21_028_000)).await.expect("written");
    check(&running.kept("the sound one", 1).await, "jt808", 0);
    let counts = running.counters.now();
    assert_eq!((counts.left_out, counts.bad, counts.fixes), (more_than_are_bad as u64, 0, 1));
    running.end().await;
}
