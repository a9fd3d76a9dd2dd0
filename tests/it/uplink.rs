//! A pole's uplink and a hall over real TLS in one process: the hall is dropped and comes back, nothing is lost or doubled.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use edge_agent_core::board::{Board, Seen};
use edge_agent_core::keep::{KeepEvents, KeepStills};
use edge_agent_core::keeper::EventKeeper;
use edge_agent_core::outbox::Limits;
use edge_agent_core::pictures::Pictures;
use edge_agent_core::site::{CameraSite, Site};
use edge_agent_core::spool::SpoolSettings;
use edge_agent_core::stills::{Stills, StillsSettings};
use edge_agent_core::uplink::Uplink;
use hardware_bus::{Access, BusSettings, Role, TlsFiles, ZenohBus};
use hardware_ports::bus::{Bus, Delivery, Message};
use hardware_ports::camera::{Frame, Picture};
use hardware_ports::infer::{InferError, PictureEncoder};
use hardware_ports::{Clock, SystemClock};
use models_domain::event::CameraStats;
use models_domain::scene::Scene;
use models_domain::{CameraId, DurationMs, EventBody, EventId, GatewayId, UtcMillis};
use models_wire::keys::{ALL_ALIVE, ALL_EVENTS, ALL_STATES, Key, What};
use models_wire::v1;
use prost::Message as _;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tokio::sync::mpsc::Receiver;
use tokio_util::sync::CancellationToken;

/// Every wait ends as soon as its condition holds.
const PATIENCE: Duration = Duration::from_secs(60);
const EVENTS: u64 = 3_000;

fn certificates(dir: &Path) {
    let mut params = CertificateParams::new(Vec::new()).expect("parameters");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().expect("a key");
    let ca = CertifiedIssuer::self_signed(params, key).expect("a certificate");
    std::fs::write(dir.join("ca.pem"), ca.pem()).expect("written");
    for name in ["hall", "pole"] {
        let key = KeyPair::generate().expect("a key");
        let params = CertificateParams::new(vec!["127.0.0.1".into()]).expect("parameters");
        let certificate = params.signed_by(&key, &ca).expect("signed");
        std::fs::write(dir.join(format!("{name}.pem")), certificate.pem()).expect("written");
        std::fs::write(dir.join(format!("{name}.key")), key.serialize_pem()).expect("written");
    }
}

async fn open(dir: &Path, name: &str, role: Role) -> ZenohBus {
    let at = |file: String| dir.join(file);
    let tls = TlsFiles {
        ca: at("ca.pem".into()),
        certificate: at(format!("{name}.pem")),
        key: at(format!("{name}.key")),
    };
    ZenohBus::open(BusSettings { role, tls }).await.expect("the bus opens")
}

/// "Encodes" to the width's text.
struct Plain;

impl PictureEncoder for Plain {
    fn jpeg(&self, _: &Picture, max_width: u32, _: u8) -> Result<Vec<u8>, InferError> {
        Ok(max_width.to_string().into_bytes())
    }
}

fn pole(dir: &Path, bus: Arc<dyn Bus>, board: &Arc<Board>) -> Uplink {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let keeper = EventKeeper::open(SpoolSettings::new(dir.join("spool")), Limits::default(), clock.clone());
    let stills = Stills::open(StillsSettings::new(dir.join("stills")), Arc::new(Plain));
    let scene = Scene::empty((640, 360));
    let camera = CameraSite { id: camera(), name: "Tràng Tiền".into(), position: None, scene };
    Uplink {
        gateway: gateway(),
        bus,
        keeper: Arc::new(keeper.expect("the spool opens")),
        board: board.clone(),
        pictures: Arc::new(Pictures::new(board.clone(), Arc::new(Plain))),
        orders: None,
        alarms: None,
        stills: Some(Arc::new(stills.expect("the stills open"))),
        tracks: None,
        trackers: None,
        site: Arc::new(Site { cameras: vec![camera], junctions: Vec::new() }),
        clock,
    }
}

fn gateway() -> GatewayId {
    "pole-1".parse().expect("an id")
}

fn camera() -> CameraId {
    "cam".parse().expect("an id")
}

/// What a hall has on its disk.
#[derive(Default)]
struct Store {
    stored_by_boot: BTreeMap<u64, u64>,
    frames: Vec<u64>,
}

impl Store {
    fn take(&mut self, batch: v1::EventBatch) -> v1::StoredUpTo {
        let stored = self.stored_by_boot.entry(batch.boot).or_insert(0);
        *stored = (*stored).max(batch.oldest_kept - 1);
        for event in batch.events {
            if event.seq == *stored + 1 {
                *stored = event.seq;
                if let Some(v1::event::Body::CameraStats(stats)) = event.body {
                    self.frames.push(stats.frames);
                }
            }
        }
        v1::StoredUpTo { boot: batch.boot, seq: *stored }
    }

    /// Stores and confirms until so many events are there.
    async fn serve(&mut self, hall: &ZenohBus, until: usize) {
        let mut arriving = hall.subscribe(ALL_EVENTS, 64).await.expect("subscribed");
        while self.frames.len() < until {
            let message = next(&mut arriving).await;
            let stored = self.take(v1::EventBatch::decode(&message.payload[..]).expect("a batch"));
            let key = Key::new(&gateway(), What::Stored).to_string();
            hall.publish(&key, stored.encode_to_vec(), Delivery::Wait).await.expect("published");
        }
    }
}

async fn next<T>(receiver: &mut Receiver<T>) -> T {
    tokio::time::timeout(PATIENCE, receiver.recv()).await.expect("something comes").expect("the bus is open")
}

fn keep(uplink: &Uplink, frames: u64) -> EventId {
    let stats = CameraStats { frames, ..CameraStats::default() };
    uplink.keeper.keep(UtcMillis(1), EventBody::CameraStats { camera: camera(), stats }).expect("kept")
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_or_doubled_when_the_hall_restarts() {
    let dir = tempfile::tempdir().expect("a folder");
    certificates(dir.path());
    let hall =
        open(dir.path(), "hall", Role::Hall { listen: "127.0.0.1:0".into(), access: Access::Everybody })
            .await;
    let address = hall.listening().await.expect("it listens").to_string();
    let bus = Arc::new(open(dir.path(), "pole", Role::Pole { connect: vec![address.clone()] }).await);
    let (board, stop) = (Arc::new(Board::default()), CancellationToken::new());
    let uplink = pole(dir.path(), bus.clone(), &board);
    let (running, stopped) = (uplink.clone(), stop.clone());
    let running = tokio::spawn(async move { running.run_once(&stopped).await });

    let mut store = Store::default();
    (1..=EVENTS / 3).for_each(|n| _ = keep(&uplink, n));
    store.serve(&hall, 100).await;
    hall.close().await.expect("closed");
    drop(hall);
    // The street goes on while nobody listens.
    (EVENTS / 3 + 1..=EVENTS * 2 / 3).for_each(|n| _ = keep(&uplink, n));
    assert!(uplink.keeper.waiting() > EVENTS / 3);

    let hall = open(dir.path(), "hall", Role::Hall { listen: address, access: Access::Everybody }).await;
    (EVENTS * 2 / 3 + 1..=EVENTS).for_each(|n| _ = keep(&uplink, n));
    store.serve(&hall, EVENTS as usize).await;
    assert_eq!(store.frames, (1..=EVENTS).collect::<Vec<_>>());
    questions(&hall, &uplink, &board).await;

    stop.cancel();
    running.await.expect("no panic").expect("an orderly end");
    bus.close().await.expect("closed");
}

/// State, presence, live picture and still, seen from the hall.
async fn questions(hall: &ZenohBus, uplink: &Uplink, board: &Board) {
    let mut alive = hall.watch(ALL_ALIVE, 8).await.expect("watching");
    assert!(next(&mut alive).await.alive);
    let mut states = hall.subscribe(ALL_STATES, 8).await.expect("subscribed");
    let state = v1::GatewayState::decode(&next(&mut states).await.payload[..]).expect("a state");
    assert_eq!(state.cameras[0].name, "Tràng Tiền");

    let picture = Picture::from_rgb(64, 36, vec![0; 64 * 36 * 3]);
    let frame = Frame { at: UtcMillis(50), pts: DurationMs(50), picture: picture.clone() };
    board.update_camera(&camera(), |now| {
        now.seen = Some(Seen { frame, tracks: Vec::new(), size: (640, 360) });
    });
    let ask = v1::PictureRequest { max_width: 32, newer_than_ms: 0 }.encode_to_vec();
    let key = Key::new(&gateway(), What::Picture(camera())).to_string();
    let answer = v1::Picture::decode(&answer(hall, &key, ask).await.payload[..]).expect("a picture");
    assert_eq!((answer.at_ms, &answer.jpeg[..]), (50, &b"32"[..]));

    let id = keep(uplink, 0);
    uplink.stills.as_ref().expect("stills").keep_still(id, &picture);
    let key = Key::new(&gateway(), What::Still(id, 0)).to_string();
    let still = v1::Still::decode(&self::answer(hall, &key, Vec::new()).await.payload[..]).expect("a still");
    assert_eq!(still.jpeg, b"1280");
}

/// Asks until there is an answer.
async fn answer(hall: &ZenohBus, key: &str, question: Vec<u8>) -> Message {
    let asking = async {
        loop {
            let answers = hall.ask(key, question.clone(), Duration::from_secs(2)).await.expect("asked");
            if let Some(first) = answers.into_iter().next() {
                return first;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, asking).await.expect("an answer")
}
