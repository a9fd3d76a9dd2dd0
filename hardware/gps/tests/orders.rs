//! Orders over a slow disk, a disk that refuses, a kill and a stop.

mod recorder;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use hardware_gps::protocols::{self, Order};
use hardware_gps::server::Orders;
use hardware_gps::{GpsServer, GpsServerSettings, Limits, Listener, Transport};
use hardware_ports::FakeClock;
use hardware_ports::orders::{OrderDesk, OrderShelf};
use hardware_ports::sink::NotKept;
use models_domain::UtcMillis;
use models_domain::order::{Given, Progress};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use recorder::Recorder;

const PATIENCE: Duration = Duration::from_secs(10);
/// A disk that hangs does so no longer: a test that fails must end.
const HANGS_MAX: Duration = Duration::from_secs(5);

/// What is on it survives a kill. It hangs or refuses when it is told to.
#[derive(Default)]
struct Disk {
    given: Mutex<BTreeMap<u64, Given>>,
    hangs: Mutex<bool>,
    moved: Condvar,
    refuses: AtomicBool,
    starts: AtomicI64,
}

impl Disk {
    fn hang(&self, hangs: bool) {
        *self.hangs.lock().expect("no panic while held") = hangs;
        self.moved.notify_all();
    }

    fn left(&self) -> Vec<Given> {
        self.given.lock().expect("no panic while held").values().cloned().collect()
    }

    fn progress(&self, id: u64) -> Progress {
        self.given.lock().expect("no panic while held")[&id].progress.clone()
    }
}

impl OrderShelf for Disk {
    fn keep(&self, given: &Given) -> Result<(), NotKept> {
        let hangs = self.hangs.lock().expect("no panic while held");
        let waited = self.moved.wait_timeout_while(hangs, HANGS_MAX, |hangs| *hangs);
        drop(waited.expect("no panic while held"));
        if self.refuses.load(Ordering::Relaxed) {
            return Err(NotKept("the disk is full".to_owned()));
        }
        self.given.lock().expect("no panic while held").insert(given.id, given.clone());
        Ok(())
    }

    fn forget(&self, id: u64) {
        self.given.lock().expect("no panic while held").remove(&id);
    }
}

struct Agent {
    address: SocketAddr,
    orders: Arc<Orders>,
    recorder: Arc<Recorder>,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

/// Begins with what is left on the disk, a minute later each time.
async fn start(protocol: &str, disk: &Arc<Disk>) -> Agent {
    let listener = Listener {
        protocol: protocol.to_owned(),
        address: "127.0.0.1:0".parse().expect("an address"),
        transport: Transport::Tcp,
        zone: None,
    };
    let settings = GpsServerSettings {
        listeners: vec![listener],
        zone_by_device: [].into(),
        devices: None,
        limits: Limits::default(),
    };
    let server = GpsServer::bind(settings).await.expect("a free port");
    let address = server.addresses()[0];
    let orders = Arc::new(Orders::on(disk.clone(), disk.left()));
    let (recorder, stop) = (Arc::new(Recorder::default()), CancellationToken::new());
    let server = server.with_orders(orders.clone());
    let minute = disk.starts.fetch_add(1, Ordering::Relaxed);
    let clock = Arc::new(FakeClock::at(UtcMillis(1_772_409_600_000 + minute * 60_000)));
    let task = tokio::spawn(server.run(recorder.clone(), clock, stop.clone()));
    Agent { address, orders, recorder, stop, task }
}

impl Agent {
    async fn give(&self, id: u64, vehicle: &str, text: &str) {
        let (vehicle, order) = (vehicle.parse().expect("a name"), Order::Text(text.to_owned()));
        let expires = UtcMillis(i64::MAX);
        let given = Given { id, vehicle, order, expires, progress: Progress::Waiting };
        let orders = self.orders.clone();
        let giving = tokio::task::spawn_blocking(move || orders.give(given));
        giving.await.expect("no panic").expect("room");
    }

    async fn says(&self, bytes: &[u8]) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).await.expect("the server listens");
        stream.write_all(bytes).await.expect("written");
        stream
    }

    fn progress(&self, id: u64) -> Progress {
        self.orders.look(id).expect("it is known").progress
    }

    /// As a kill does: nothing is told to anybody, and nothing is written any more.
    async fn kill(self) {
        self.task.abort();
        let _ended = self.task.await;
    }
}

async fn exactly(stream: &mut TcpStream, count: usize) -> Vec<u8> {
    let mut bytes = vec![0; count];
    timeout(PATIENCE, stream.read_exact(&mut bytes)).await.expect("in time").expect("an open connection");
    bytes
}

/// Everything up to the last of `end`.
async fn up_to(stream: &mut TcpStream, end: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    while !bytes.windows(end.len()).any(|window| window == end) {
        let read = timeout(PATIENCE, stream.read_buf(&mut bytes)).await;
        assert!(read.expect("in time").expect("an open connection") > 0, "closed after {bytes:02x?}");
    }
    bytes
}

async fn until(what: &str, condition: impl Fn() -> bool) {
    let waiting = async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    timeout(PATIENCE, waiting).await.unwrap_or_else(|_| panic!("in time: {what}"));
}

/// Logins of two GT06 trackers, a position, and a heartbeat.
const LOGIN: &[u8] = b"\x78\x78\x0d\x01\x08\x64\x71\x70\x03\x28\x35\x81\x00\x09\x3f\x04\x0d\x0a";
const NAME: &str = "864717003283581";
const POSITION: &[u8] = b"\x78\x78\x19\x10\x0e\x01\x09\x03\x23\x0e\xc8\x03\xae\x32\xa6\x06\x53\xcd\xed\x00\x18\x00\x00\x02\x00\x72\xfe\xb7\x0d\x0a";
const ANSWER: usize = 10;

/// With its checksum and its end.
fn sealed(mut frame: Vec<u8>) -> Vec<u8> {
    let crc = frame[2..].iter().fold(0xffff_u16, |crc, &byte| {
        (0..8).fold(crc ^ u16::from(byte), |crc, _| if crc & 1 == 1 { (crc >> 1) ^ 0x8408 } else { crc >> 1 })
    });
    frame.extend((!crc).to_be_bytes());
    frame.extend(b"\r\n");
    frame
}

fn other_login() -> Vec<u8> {
    sealed([&LOGIN[..11], &[0x99, 0, 9]].concat())
}

fn heartbeat() -> Vec<u8> {
    sealed(b"\x78\x78\x0a\x13\x46\x04\x04\x00\x01\x00\x0f".to_vec())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_that_hangs_holds_up_nobody_but_what_is_written_to_it() {
    let disk = Arc::new(Disk::default());
    let agent = start("gt06", &disk).await;
    agent.give(1, NAME, "STATUS#").await;
    disk.hang(true);
    // The device that is asked something is answered as ever; the order waits for the disk.
    let mut asked = agent.says(LOGIN).await;
    exactly(&mut asked, ANSWER).await;
    asked.write_all(&[POSITION, &heartbeat()].concat()).await.expect("written");
    assert_eq!(exactly(&mut asked, ANSWER).await[3], 0x13);
    // So is every other one, and its positions are kept.
    let mut other = agent.says(&[&other_login()[..], POSITION, &heartbeat()].concat()).await;
    assert_eq!(exactly(&mut other, 2 * ANSWER).await[ANSWER + 3], 0x13);
    assert_eq!(agent.recorder.fixes.lock().expect("no panic while held").len(), 2);
    assert_eq!(disk.progress(1), Progress::Waiting);
    let unsent = asked.try_read(&mut [0; 64]);
    assert!(unsent.is_err(), "sent before it was written down: {unsent:?}");

    disk.hang(false);
    assert!(up_to(&mut asked, b"STATUS#").await.len() > ANSWER);
    assert!(matches!(disk.progress(1), Progress::Sent { times: 1, .. }));
    // The answer comes while the disk hangs again, and the server stops: it ends in time.
    disk.hang(true);
    agent.give_up(asked).await;
}

impl Agent {
    async fn give_up(self, mut asked: TcpStream) {
        let tag = 2;
        let text = b"\x78\x78\x0e\x15\x06\x00\x00\x00\x02OK\x00\x02\x00\x09";
        assert_eq!(usize::from(text[8]), tag);
        asked.write_all(&sealed(text.to_vec())).await.expect("written");
        until("answered", || matches!(self.progress(1), Progress::Answered { .. })).await;
        self.stop.cancel();
        timeout(Duration::from_millis(2_200), self.task).await.expect("it stops in time").expect("no panic");
    }
}

#[tokio::test]
async fn what_the_disk_refuses_is_not_sent_until_it_takes_it() {
    let disk = Arc::new(Disk::default());
    let agent = start("gt06", &disk).await;
    agent.give(1, NAME, "STATUS#").await;
    disk.refuses.store(true, Ordering::Relaxed);
    let mut stream = agent.says(LOGIN).await;
    exactly(&mut stream, ANSWER).await;
    until("refused", || agent.progress(1) == Progress::Waiting).await;
    for _ in 0..3 {
        stream.write_all(&heartbeat()).await.expect("written");
        assert_eq!(exactly(&mut stream, ANSWER).await[3], 0x13);
    }
    until("refused again", || agent.progress(1) == Progress::Waiting).await;
    disk.refuses.store(false, Ordering::Relaxed);
    stream.write_all(&heartbeat()).await.expect("written");
    up_to(&mut stream, b"STATUS#").await;
    assert!(matches!(disk.progress(1), Progress::Sent { times: 1, .. }), "{:?}", disk.progress(1));
    agent.kill().await;
}

/// What devices say first, by protocol: from it the server knows them.
const FIRST_WORDS: [(&str, &str, &[u8]); 8] = [
    ("gt06", NAME, LOGIN),
    ("jt808", "13912345678", b"\x7e\x00\x02\x00\x00\x01\x39\x12\x34\x56\x78\x00\x01\x33\x7e"),
    ("teltonika", "352093081452251", b"\x00\x0f352093081452251"),
    ("meitrack", "353358017784062", b"$$A27,353358017784062,AAC,1*A4\r\n"),
    ("tk103", "013612345678", b"(013612345678BP00000013612345678HSO)"),
    ("queclink", "135790246811220", b"+ACK:GTHBD,1A0401,135790246811220,,20100214093254,11F0$"),
    ("suntech", "850000", b"ALV;850000\r"),
    ("wialon", "352093081452251", b"#L#352093081452251;NA\r\n"),
];

#[tokio::test]
async fn a_kill_between_sent_and_answered_loses_nothing_and_hides_nothing() {
    let every: Vec<_> = protocols::ALL.iter().filter(|p| p.encode.is_some()).map(|p| p.name).collect();
    let mut named = FIRST_WORDS.map(|(protocol, ..)| protocol).to_vec();
    named.sort_by_key(|name| every.iter().position(|every| every == name));
    assert_eq!(named, every);
    for (protocol, vehicle, first_words) in FIRST_WORDS {
        let disk = Arc::new(Disk::default());
        let agent = start(protocol, &disk).await;
        agent.give(70_001, vehicle, "STATUS1").await;
        // Killed while it waits for its device.
        agent.kill().await;
        let mut heard = Vec::new();
        for times in 1..=3 {
            let agent = start(protocol, &disk).await;
            let mut stream = agent.says(first_words).await;
            heard.push(up_to(&mut stream, b"STATUS1").await);
            // Whoever kills it now finds it said that the device may have done it, so many times.
            let left = disk.progress(70_001);
            assert!(
                matches!(left, Progress::Sent { times: said, .. } if said == times),
                "{protocol}: {left:?}"
            );
            agent.kill().await;
        }
        assert!(heard.windows(2).all(|two| two[0] == two[1]), "{protocol}: another tag");
        // Then nobody hears it any more, and that is said, too.
        let agent = start(protocol, &disk).await;
        let _stream = agent.says(first_words).await;
        until("given up", || matches!(disk.progress(70_001), Progress::Failed { .. })).await;
        agent.kill().await;
    }
}
