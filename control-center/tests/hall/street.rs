//! A gateway speaks over the bus; what it says is stored once, confirmed, shown, and there after SIGKILL.

use std::path::Path;
use std::time::Duration;

use hardware_bus::{BusSettings, Role, TlsFiles, ZenohBus};
use hardware_ports::bus::{Bus, Delivery, Message as BusMessage};
use hardware_ports::{Clock, SystemClock};
use models_wire::v1;
use models_wire::v1::city_service_client::CityServiceClient;
use models_wire::v1::city_update::Update;
use models_wire::v1::event::Body;
use prost::Message;
use tokio::sync::mpsc::Receiver;
use tonic::Code;
use tonic::transport::Channel;

use crate::harness::{Hall, with};

pub const BOOT: u64 = 1_700_000_000_000;
pub const SOON: Duration = Duration::from_secs(20);

/// A gateway, enrolled and connected.
pub struct Pole {
    id: String,
    pub bus: ZenohBus,
    pub stored: Receiver<BusMessage>,
}

impl Pole {
    pub async fn join(hall: &Hall) -> Self {
        Self::join_as(hall, "pole-1").await
    }

    /// Enrols the gateway, with a new certificate if it was before, and connects.
    pub async fn join_as(hall: &Hall, id: &str) -> Self {
        // A folder of its own each time: a session that dials again reads its files again.
        let mut folders = (1..).map(|n| hall.dir.path().join(format!("{id}-{n}")));
        let out = folders.find(|folder| !folder.exists()).unwrap();
        hall.run(&["gateway-certificate", "--gateway", id, "--out", out.to_str().unwrap()]);
        let file = |name: &str| Path::new(&out).join(name);
        let tls = TlsFiles { ca: file("ca.pem"), certificate: file("cert.pem"), key: file("key.pem") };
        let role = Role::Pole { connect: vec![hall.bus.to_string()] };
        let bus = ZenohBus::open(BusSettings { role, tls }).await.unwrap();
        let stored = bus.subscribe(&format!("city/v1/{id}/stored"), 100).await.unwrap();
        bus.announce(&format!("city/v1/{id}/alive")).await.unwrap();
        Self { id: id.to_owned(), bus, stored }
    }

    pub async fn put(&self, what: &str, message: &impl Message) {
        let key = format!("city/v1/{}/{what}", self.id);
        self.bus.publish(&key, message.encode_to_vec(), Delivery::Wait).await.unwrap();
    }

    /// Sends the batch, again and again, until the hall says how far it is; that.
    pub async fn send(&mut self, oldest_kept: u64, events: &[v1::Event]) -> u64 {
        while self.stored.try_recv().is_ok() {}
        let batch = v1::EventBatch { boot: BOOT, oldest_kept, events: events.to_vec() };
        let told = async {
            loop {
                self.put("events", &batch).await;
                let answer = tokio::time::timeout(Duration::from_secs(1), self.stored.recv()).await;
                if let Ok(Some(message)) = answer {
                    let told = v1::StoredUpTo::decode(&message.payload[..]).unwrap();
                    assert_eq!(told.boot, BOOT);
                    return told.seq;
                }
            }
        };
        tokio::time::timeout(SOON, told).await.expect("the hall answers")
    }

    pub async fn tell_state(&self) {
        let up = v1::Link::Up.into();
        let camera =
            v1::CameraInfo { camera: "c-1".into(), width: 1280, height: 720, link: up, ..Default::default() };
        let junction = v1::JunctionInfo { junction: "j-1".into(), link: up, ..Default::default() };
        let state = v1::GatewayState {
            at_ms: 1,
            version: String::new(),
            cameras: vec![camera],
            junctions: vec![junction],
            waiting_events: 2,
            keeps_nothing: true,
        };
        self.put("state", &state).await;
    }
}

fn street(seq: u64) -> v1::Event {
    let at_ms = 1_000 + i64::try_from(seq).unwrap();
    let body = match seq % 4 {
        0 if seq == 8 => Body::MinuteCounts(v1::MinuteCounts {
            camera: "c-1".into(),
            minute_ms: 0,
            watched_ms: 60_000,
            analysed_ms: 59_000,
            counts: vec![v1::MinuteCount {
                line: "north".into(),
                road_user: v1::RoadUser::Motorcycle.into(),
                direction: v1::Direction::ToLeft.into(),
                crossings: 70,
            }],
        }),
        0 => Body::LineCrossing(v1::LineCrossing {
            camera: "c-1".into(),
            line: "north".into(),
            road_user: v1::RoadUser::Motorcycle.into(),
            direction: v1::Direction::ToLeft.into(),
            track: seq,
        }),
        1 => {
            Body::Rule(v1::RuleEvent { camera: "c-1".into(), rule: "wrong_way".into(), ..Default::default() })
        }
        2 => Body::Fix(v1::Fix {
            vehicle: "bus-1".into(),
            // Of these days: an old one is not believed, and not shown after a restart.
            fix_ms: SystemClock::new().now().0,
            received_ms: SystemClock::new().now().0,
            lat: 21.03,
            lon: 105.85,
            valid: true,
            ..Default::default()
        }),
        _ => Body::Signal(v1::Signal {
            junction: "j-1".into(),
            groups: format!("e1{}", seq % 10),
            ..Default::default()
        }),
    };
    v1::Event { seq, at_ms, body: Some(body) }
}

pub fn streets(seqs: std::ops::RangeInclusive<u64>) -> Vec<v1::Event> {
    seqs.map(street).collect()
}

pub async fn client(hall: &Hall) -> (CityServiceClient<Channel>, String) {
    (CityServiceClient::new(hall.channel().await), hall.token().await)
}

async fn seqs(city: &mut CityServiceClient<Channel>, token: &str, kinds: &[&str]) -> Vec<u64> {
    let (mut found, mut page_token) = (Vec::new(), String::new());
    loop {
        let kinds = kinds.iter().map(ToString::to_string).collect();
        let request = v1::ListEventsRequest { kinds, limit: 2, page_token, ..Default::default() };
        let answer = city.list_events(with(token, request)).await.unwrap().into_inner();
        found.extend(answer.events.into_iter().map(|e| e.event.unwrap().seq));
        page_token = answer.next_page_token;
        if page_token.is_empty() {
            return found;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_event_is_stored_once_and_survives_the_hall() {
    let hall = Hall::start();
    let mut pole = Pole::join(&hall).await;
    assert_eq!(pole.send(1, &streets(1..=3)).await, 3);
    assert_eq!(pole.send(1, &streets(1..=2)).await, 3, "a repeat is answered");
    assert_eq!(pole.send(1, &streets(7..=8)).await, 3, "nothing past a hole");
    assert_eq!(pole.send(1, &streets(2..=12)).await, 12);
    let (mut city, token) = client(&hall).await;
    assert_eq!(seqs(&mut city, &token, &[]).await, [12, 9, 5, 4, 1]);
    assert_eq!(seqs(&mut city, &token, &["fix", "signal"]).await, [11, 10, 7, 6, 3, 2]);
    let request = v1::GetCountsRequest { bucket_ms: 60_000, ..Default::default() };
    let err = city.get_counts(with(&token, request)).await.unwrap_err();
    assert_eq!(err.code(), Code::InvalidArgument, "too many buckets since 1970");
    let request = v1::GetCountsRequest { camera: "A b".into(), to_ms: 2_000, ..Default::default() };
    let err = city.get_counts(with(&token, request)).await.unwrap_err();
    assert!(err.message().starts_with("camera: camera id \"A b\" is not an id"), "{err}");
    let request = v1::GetCountsRequest { to_ms: 2_000, ..Default::default() };
    let told = city.get_counts(with(&token, request)).await.unwrap().into_inner();
    assert_eq!(
        told.counts.iter().map(|c| (c.line.as_str(), c.crossings)).collect::<Vec<_>>(),
        [("north", 70)]
    );
    let watched: Vec<_> = told.watched.iter().map(|w| (w.from_ms, w.watched_ms, w.analysed_ms)).collect();
    assert_eq!(watched, [(0, 60_000, 59_000)]);
    pole.tell_state().await;

    let hall = hall.kill_and_start();
    let (mut city, token) = client(&hall).await;
    assert_eq!(seqs(&mut city, &token, &[]).await, [12, 9, 5, 4, 1]);
    assert_eq!(pole.send(13, &streets(12..=14)).await, 14, "the same pole goes on with the new hall");
    let figures =
        city.get_figures(with(&token, v1::GetFiguresRequest::default())).await.unwrap().into_inner();
    assert_eq!((figures.crossings, figures.events, figures.fixes, figures.signal_changes), (70, 4, 4, 3));
    assert_eq!(pole.send(40, &streets(40..=41)).await, 41, "what the pole forgot is not waited for");
    assert!(hall.log().contains("events that a hall once confirmed are not in this database"));
    for bad in ["speed", ""] {
        let request = v1::ListEventsRequest { kinds: vec![bad.into()], ..Default::default() };
        assert_eq!(city.list_events(with(&token, request)).await.unwrap_err().code(), Code::InvalidArgument);
    }
    let request = v1::ListEventsRequest { page_token: "x".into(), ..Default::default() };
    assert_eq!(city.list_events(with(&token, request)).await.unwrap_err().code(), Code::InvalidArgument);
}

#[tokio::test(flavor = "multi_thread")]
async fn viewers_see_the_city_change() {
    let hall = Hall::start();
    let mut pole = Pole::join(&hall).await;
    pole.send(1, &streets(1..=1)).await;
    let (mut city, token) = client(&hall).await;
    let mut updates = city.watch_city(with(&token, v1::WatchCityRequest {})).await.unwrap().into_inner();
    pole.tell_state().await;
    let (mut camera, mut alive, mut vehicle, mut groups, mut listed) = (false, false, false, false, false);
    let mut full = false;
    let mut sent = false;
    let seen = async {
        while !(camera && alive && full && vehicle && groups && listed) {
            match updates.message().await.unwrap().unwrap().update.unwrap() {
                Update::Snapshot(now) => {
                    camera |= now.cameras.iter().any(|c| c.info.as_ref().unwrap().camera == "c-1");
                    alive |= now.gateways.iter().any(|g| g.alive);
                    full |= now.gateways.iter().any(|g| g.keeps_nothing);
                }
                Update::Gateway(now) => {
                    alive |= now.alive;
                    full |= now.keeps_nothing;
                }
                Update::Vehicle(now) => vehicle |= now.fix.unwrap().vehicle == "bus-1",
                Update::Junction(now) => groups |= now.info.unwrap().groups == "e13",
                Update::Event(now) => listed |= now.event.unwrap().seq == 4,
                Update::Camera(_) | Update::Hall(_) => {}
            }
            if camera && !sent {
                sent = true;
                pole.send(1, &streets(2..=4)).await;
            }
        }
    };
    tokio::time::timeout(SOON, seen).await.expect("every change is shown");
    // After SIGKILL the map is whole before the pole speaks.
    let hall = hall.kill_and_start();
    drop(pole);
    let (mut city, token) = client(&hall).await;
    let mut updates = city.watch_city(with(&token, v1::WatchCityRequest {})).await.unwrap().into_inner();
    let Some(Update::Snapshot(now)) = updates.message().await.unwrap().unwrap().update else {
        panic!("the whole city first")
    };
    assert_eq!((now.cameras.len(), now.junctions.len(), now.vehicles.len()), (1, 1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn stills_and_live_pictures_come_from_the_pole_on_demand() {
    let hall = Hall::start();
    let mut pole = Pole::join(&hall).await;
    let mut asked_stills = pole.bus.answer("city/v1/pole-1/still/*", 10).await.unwrap();
    let mut asked_pictures = pole.bus.answer("city/v1/pole-1/picture/*", 10).await.unwrap();
    pole.send(1, &streets(1..=2)).await;
    pole.tell_state().await;
    let (mut city, token) = client(&hall).await;

    let answered = tokio::spawn(async move {
        let mut times = 0;
        while let Some(question) = asked_stills.recv().await {
            times += 1;
            if question.key.ends_with("-1") {
                let payload = v1::Still { jpeg: b"jpeg".to_vec() }.encode_to_vec();
                question.reply.send(BusMessage { key: question.key.clone(), payload }).ok();
            } else {
                // The last one of the test.
                return times;
            }
        }
        times
    });
    let still = |seq| v1::GetStillRequest { gateway: "pole-1".into(), boot: BOOT, seq, part: 0 };
    for _ in 0..3 {
        assert_eq!(city.get_still(with(&token, still(1))).await.unwrap().into_inner().jpeg, b"jpeg");
    }
    assert_eq!(city.get_still(with(&token, still(9))).await.unwrap_err().code(), Code::NotFound);
    assert_eq!(city.get_still(with(&token, still(2))).await.unwrap_err().code(), Code::NotFound);
    assert_eq!(answered.await.unwrap(), 2, "the pole is asked once for each");

    let request = v1::WatchPicturesRequest { camera: "c-9".into(), ..Default::default() };
    assert_eq!(city.watch_pictures(with(&token, request)).await.unwrap_err().code(), Code::NotFound);
    tokio::spawn(async move {
        let mut at_ms = 0;
        while let Some(question) = asked_pictures.recv().await {
            let asked = v1::PictureRequest::decode(&question.payload[..]).unwrap();
            assert_eq!(asked.newer_than_ms, at_ms);
            assert_eq!(asked.max_width, 320);
            at_ms += 1;
            let picture = v1::Picture { camera: "c-1".into(), at_ms, ..Default::default() };
            question
                .reply
                .send(BusMessage { key: question.key.clone(), payload: picture.encode_to_vec() })
                .ok();
        }
    });
    let request = v1::WatchPicturesRequest { camera: "c-1".into(), max_width: 320, fps: 20.0 };
    let mut pictures = city.watch_pictures(with(&token, request)).await.unwrap().into_inner();
    let mut last = 0;
    for _ in 0..5 {
        let picture = tokio::time::timeout(SOON, pictures.message()).await.unwrap().unwrap().unwrap();
        assert!(picture.at_ms > last);
        last = picture.at_ms;
    }
}
