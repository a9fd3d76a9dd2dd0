//! Searching tracks through the real hall: two poles over TLS, their archives on disk, one that falls silent, one that dies.

#![allow(clippy::unwrap_used, reason = "a test that panics has failed")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use edge_agent_core::board::Board;
use edge_agent_core::keep::KeepTracks;
use edge_agent_core::keeper::EventKeeper;
use edge_agent_core::outbox::Limits;
use edge_agent_core::pictures::Pictures;
use edge_agent_core::site::{CameraSite, Site};
use edge_agent_core::spool::SpoolSettings;
use edge_agent_core::track_log::{TrackLog, TrackLogSettings};
use edge_agent_core::uplink::Uplink;
use hardware_bus::{BusSettings, Role, TlsFiles, ZenohBus};
use hardware_ports::bus::{Bus, Delivery};
use hardware_ports::camera::Picture;
use hardware_ports::infer::{InferError, PictureEncoder};
use hardware_ports::{Clock, SystemClock};
use models_domain::archive::{Colour, LineTouch, TrackRecord, ZoneTouch};
use models_domain::count::Direction;
use models_domain::scene::Scene;
use models_domain::{BBox, Class, TrackId, UtcMillis};
use models_wire::v1;
use models_wire::v1::city_service_client::CityServiceClient;
use ngatu_tests::programs::{Running, program};
use prost::Message as _;
use serde_json::Value;
use sqlx::ConnectOptions;
use sqlx::sqlite::SqliteConnectOptions;
use tokio_util::sync::CancellationToken;
use tonic::Code;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint};

const WAIT: Duration = Duration::from_secs(60);
/// Begin of the tracks.
const T0: i64 = 1_700_000_000_000;
const TRACKS: u64 = 120;

struct Hall {
    dir: PathBuf,
    _program: Running,
    bus: String,
    city: CityServiceClient<Channel>,
    token: String,
}

impl Hall {
    async fn start(dir: &Path) -> Self {
        fs::write(
            dir.join("hall.toml"),
            "[hall]\ndata_dir = \"hall\"\nlisten = \"127.0.0.1:0\"\n[bus]\nlisten = \"127.0.0.1:0\"\n",
        )
        .unwrap();
        let mut program = Running::start(
            Command::new(program("control-center")).args(["serve", "--config", "hall.toml"]).current_dir(dir),
        );
        let password = program.line_with(WAIT, |line| line.contains("Password "));
        let password = password.split_once("Password ").unwrap().1.trim().to_owned();
        let ready: Value = serde_json::from_str(&program.line_with(WAIT, |l| l.starts_with('{'))).unwrap();
        let bus = ready["bus"].as_str().unwrap().strip_prefix("tls/").unwrap().to_owned();
        let tls = ClientTlsConfig::new()
            .ca_certificate(Certificate::from_pem(fs::read(dir.join("hall/tls/ca.pem")).unwrap()));
        let page = ready["https"].as_str().unwrap().to_owned();
        let channel = Endpoint::from_shared(page).unwrap().tls_config(tls).unwrap().connect().await.unwrap();
        let mut session = v1::session_service_client::SessionServiceClient::new(channel.clone());
        let sign_in = v1::SignInRequest { name: "admin".into(), password };
        let token = session.sign_in(sign_in).await.unwrap().into_inner().token;
        Self { dir: dir.to_owned(), _program: program, bus, city: CityServiceClient::new(channel), token }
    }

    /// Once for each gateway: a new certificate would open the bus anew, and everybody would be away for a moment.
    fn enrol(&self, gateway: &str) -> TlsFiles {
        let out = self.dir.join(gateway);
        if !out.exists() {
            let enrolled = Command::new(program("control-center"))
                .args(["gateway-certificate", "--config", "hall.toml", "--gateway", gateway, "--out"])
                .arg(&out)
                .current_dir(&self.dir)
                .output();
            assert!(enrolled.unwrap().status.success());
        }
        let file = |name: &str| out.join(name);
        TlsFiles { ca: file("ca.pem"), certificate: file("cert.pem"), key: file("key.pem") }
    }

    async fn open(&self, gateway: &str) -> Arc<ZenohBus> {
        let role = Role::Pole { connect: vec![self.bus.clone()] };
        Arc::new(ZenohBus::open(BusSettings { role, tls: self.enrol(gateway) }).await.unwrap())
    }

    async fn search(
        &mut self,
        change: impl FnOnce(&mut v1::SearchTracksRequest, &mut v1::TrackQuery),
    ) -> Result<v1::SearchTracksResponse, tonic::Status> {
        let mut query =
            v1::TrackQuery { from_ms: T0, to_ms: T0 + 3_600_000, limit: 500, ..Default::default() };
        let mut asked = v1::SearchTracksRequest { purpose: "a test".into(), ..Default::default() };
        change(&mut asked, &mut query);
        asked.query = Some(query);
        let mut request = tonic::Request::new(asked);
        request.metadata_mut().insert("authorization", format!("Bearer {}", self.token).parse().unwrap());
        Ok(self.city.search_tracks(request).await?.into_inner())
    }

    #[track_caller]
    fn refused(answer: Result<v1::SearchTracksResponse, tonic::Status>, code: Code, want: &str) {
        let err = answer.unwrap_err();
        assert!(err.code() == code && err.message().starts_with(want), "{err:?}");
    }
}

struct NoPictures;

impl PictureEncoder for NoPictures {
    fn jpeg(&self, _: &Picture, _: u32, _: u8) -> Result<Vec<u8>, InferError> {
        Err(InferError::Picture("there is none".into()))
    }
}

/// A gateway with one camera and its archive.
struct Pole {
    bus: Arc<ZenohBus>,
    stop: CancellationToken,
    running: tokio::task::JoinHandle<()>,
}

impl Pole {
    async fn start(hall: &Hall, name: &str, camera: &str, first: u64) -> Self {
        let bus = hall.open(name).await;
        let dir = hall.dir.join(format!("{name}-data"));
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        let keeper =
            EventKeeper::open(SpoolSettings::new(dir.join("spool")), Limits::default(), clock.clone());
        let settings = TrackLogSettings { segment_bytes: 2_000, ..TrackLogSettings::new(dir.join("tracks")) };
        let archive = TrackLog::open(&settings).unwrap();
        (first..first + TRACKS).for_each(|id| archive.keep_track(track(camera, id)));
        drop(archive);
        let board = Arc::new(Board::default());
        let site = CameraSite {
            id: camera.parse().unwrap(),
            name: camera.into(),
            position: None,
            scene: Scene::empty((640, 360)),
        };
        let uplink = Uplink {
            gateway: name.parse().unwrap(),
            bus: bus.clone(),
            keeper: Arc::new(keeper.unwrap()),
            board: board.clone(),
            pictures: Arc::new(Pictures::new(board, Arc::new(NoPictures))),
            orders: None,
            alarms: None,
            stills: None,
            tracks: Some(Arc::new(TrackLog::open(&settings).unwrap())),
            trackers: None,
            site: Arc::new(Site { cameras: vec![site], junctions: Vec::new() }),
            clock,
        };
        let stop = CancellationToken::new();
        let stopped = stop.clone();
        let running = tokio::spawn(async move { uplink.run_once(&stopped).await.unwrap() });
        Self { bus, stop, running }
    }

    async fn end(self) {
        self.stop.cancel();
        self.running.await.unwrap();
        self.bus.close().await.unwrap();
    }
}

/// One track a second, each of them a pixel higher than the one before it; every third is a car, every fourth is red. Every second
/// crosses the line to the left and every tenth from the first on to the right; every fifth was in the zone.
fn track(camera: &str, id: u64) -> TrackRecord {
    let ended = UtcMillis(T0 + i64::try_from(id).unwrap() * 1_000);
    let crossing = |direction| LineTouch { line: "north".parse().unwrap(), direction, at: ended };
    let lines = match id % 10 {
        1 => vec![crossing(Direction::ToRight)],
        0 | 2 | 4 | 6 | 8 => vec![crossing(Direction::ToLeft)],
        _ => Vec::new(),
    };
    let in_zone = ZoneTouch { zone: "zebra".parse().unwrap(), from: ended, to: ended };
    TrackRecord {
        camera: camera.parse().unwrap(),
        track: TrackId(id),
        class: if id.is_multiple_of(3) { Class::Car } else { Class::Motorcycle },
        began: ended,
        ended,
        path: Vec::new(),
        lines,
        zones: if id.is_multiple_of(5) { vec![in_zone] } else { Vec::new() },
        best_at: ended,
        best_box: BBox::new(0.0, 0.0, 30.0, (id % 1_000) as f64),
        best_score: 0.5,
        colour: id.is_multiple_of(4).then_some(Colour::Red),
        mean_speed: None,
    }
}

fn ids(answer: &v1::SearchTracksResponse) -> Vec<u64> {
    answer.tracks.iter().map(|found| found.track.as_ref().unwrap().track).collect()
}

/// Searches until both gateways are known to the hall and answer.
async fn all_of(hall: &mut Hall, gateways: u32) -> v1::SearchTracksResponse {
    let asking = async {
        loop {
            let answer = hall.search(|_, _| ()).await.unwrap();
            if answer.gateways == gateways && answer.missing.is_empty() {
                return answer;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(WAIT, asking).await.expect("all gateways answer")
}

#[tokio::test(flavor = "multi_thread")]
async fn tracks_are_searched_at_their_gateways_and_what_is_missing_is_said() {
    let dir = tempfile::tempdir().unwrap();
    let mut hall = Hall::start(dir.path()).await;
    let first = Pole::start(&hall, "pole-1", "cam-1", 1).await;
    let second = Pole::start(&hall, "pole-2", "cam-2", 1_001).await;
    let whole = all_of(&mut hall, 2).await;
    let want: Vec<u64> = (1_001..=1_120).rev().chain((1..=120).rev()).collect();
    assert_eq!((ids(&whole), whole.next_page_token.as_str()), (want.clone(), ""));

    pages(&mut hall, &want).await;
    filters(&mut hall).await;
    places_and_sizes(&mut hall).await;
    bad_questions(&mut hall).await;
    silent_and_dead(&mut hall, second).await;
    written_down(&hall).await;
    first.end().await;
}

async fn pages(hall: &mut Hall, want: &[u64]) {
    let (mut seen, mut token) = (Vec::new(), String::new());
    loop {
        let page_token = token.clone();
        let answer =
            hall.search(|asked, query| (asked.page_token, query.limit) = (page_token, 7)).await.unwrap();
        seen.extend(ids(&answer));
        token = answer.next_page_token;
        if token.is_empty() {
            break;
        }
    }
    assert_eq!(seen, want, "page by page it is the same list");
}

async fn filters(hall: &mut Hall) {
    let red_cars = hall
        .search(|_, query| {
            query.road_users = vec![v1::RoadUser::Car.into()];
            query.colours = vec![v1::Colour::Red.into()];
            query.cameras = vec!["cam-1".into()];
            (query.line, query.direction) = (Some("north".into()), Some(v1::Direction::ToLeft.into()));
        })
        .await
        .unwrap();
    assert_eq!((ids(&red_cars), red_cars.gateways), ((1..=10).rev().map(|n| n * 12).collect(), 1));
    let year = hall
        .search(|_, query| (query.from_ms, query.to_ms) = (T0 - 31_536_000_000, T0 + 31_536_000_000))
        .await
        .unwrap();
    assert_eq!((year.tracks.len(), year.missing.len()), (240, 0));
}

/// By zone, by height, by direction alone, and all of them together: what fits is found and nothing else.
async fn places_and_sizes(hall: &mut Hall) {
    let both = |fits: fn(u64) -> bool| -> Vec<u64> {
        let newest_first = (1..=TRACKS).rev().filter(move |n| fits(*n));
        newest_first.clone().map(|n| 1_000 + n).chain(newest_first).collect()
    };
    let in_zone = hall.search(|_, query| query.zone = Some("zebra".into())).await.unwrap();
    assert_eq!(ids(&in_zone), both(|n| n % 5 == 0));
    let elsewhere = hall.search(|_, query| query.zone = Some("pavement".into())).await.unwrap();
    assert_eq!((ids(&elsewhere), elsewhere.gateways, elsewhere.missing.len()), (Vec::new(), 2, 0));

    let high = |min, max| move |query: &mut v1::TrackQuery| (query.height_min, query.height_max) = (min, max);
    let some = hall.search(|_, query| high(Some(100), Some(104))(query)).await.unwrap();
    assert_eq!(ids(&some), both(|n| (100..=104).contains(&n)));
    let highest = hall.search(|_, query| high(Some(119), None)(query)).await.unwrap();
    assert_eq!(ids(&highest), both(|n| n >= 119));
    let none = hall.search(|_, query| high(Some(121), None)(query)).await.unwrap();
    assert_eq!(ids(&none), Vec::<u64>::new());

    let to_right = Some(v1::Direction::ToRight.into());
    let right = hall.search(|_, query| query.direction = to_right).await.unwrap();
    assert_eq!(ids(&right), both(|n| n % 10 == 1));
    let other_line =
        |query: &mut v1::TrackQuery| (query.line, query.direction) = (Some("south".into()), to_right);
    let wrong_line = hall.search(|_, query| other_line(query)).await.unwrap();
    assert_eq!(ids(&wrong_line), Vec::<u64>::new());

    let all_of_them = |direction: v1::Direction| {
        move |query: &mut v1::TrackQuery| {
            (query.zone, query.direction) = (Some("zebra".into()), Some(direction.into()));
            (query.height_min, query.height_max) = (Some(50), Some(70));
        }
    };
    let found = hall.search(|_, query| all_of_them(v1::Direction::ToLeft)(query)).await.unwrap();
    assert_eq!(ids(&found), both(|n| [50, 60, 70].contains(&n)));
    let found = hall.search(|_, query| all_of_them(v1::Direction::ToRight)(query)).await.unwrap();
    assert_eq!(ids(&found), Vec::<u64>::new());
}

async fn bad_questions(hall: &mut Hall) {
    let token = std::mem::take(&mut hall.token);
    let answer = hall.search(|_, _| ()).await;
    Hall::refused(answer, Code::Unauthenticated, "");
    hall.token = token;
    let answer = hall.search(|asked, _| asked.purpose = " x ".into()).await;
    Hall::refused(answer, Code::InvalidArgument, "purpose: say in 3 to 200 characters");
    let answer = hall.search(|_, query| query.cameras = vec!["cam-9".into()]).await;
    Hall::refused(answer, Code::InvalidArgument, "query.cameras: there is no camera cam-9");
    let answer = hall.search(|_, query| query.to_ms = T0).await;
    Hall::refused(answer, Code::InvalidArgument, "query.to: must be after from");
    let answer = hall.search(|asked, _| asked.page_token = "1.2".into()).await;
    Hall::refused(answer, Code::InvalidArgument, "page_token: is not one of mine");
}

/// A gateway that takes the question and goes away before it answers, and one that is gone before it is asked.
async fn silent_and_dead(hall: &mut Hall, second: Pole) {
    let mut damaged = fs::read_dir(hall.dir.join("pole-1-data/tracks")).unwrap().map(|e| e.unwrap().path());
    let damaged = damaged.find(|path| path.to_str().unwrap().contains('_')).unwrap();
    second.end().await;
    let mute = hall.open("pole-2").await;
    let mut questions = mute.answer("city/v1/pole-2/tracks", 4).await.unwrap();
    mute.announce("city/v1/pole-2/alive").await.unwrap();
    let told = v1::GatewayState {
        at_ms: SystemClock::new().now().0,
        cameras: vec![v1::CameraInfo {
            camera: "cam-2".into(),
            link: v1::Link::Up.into(),
            ..Default::default()
        }],
        ..Default::default()
    };
    mute.publish("city/v1/pole-2/state", told.encode_to_vec(), Delivery::Wait).await.unwrap();
    let killed = tokio::spawn(async move {
        let question = questions.recv().await.unwrap();
        mute.close().await.unwrap();
        drop(question);
    });
    let asking = async {
        loop {
            let answer = hall.search(|_, _| ()).await.unwrap();
            if killed.is_finished() {
                return answer;
            }
        }
    };
    let answer = tokio::time::timeout(WAIT, asking).await.expect("the hall answers without pole-2");
    assert_eq!(ids(&answer), (1..=120).rev().collect::<Vec<_>>());
    assert_eq!(answer.missing.iter().map(|m| m.gateway.as_str()).collect::<Vec<_>>(), ["pole-2"]);

    // A file of the archive that is damaged costs its records and no more, and that is said.
    let bytes = fs::read(&damaged).unwrap();
    fs::write(&damaged, vec![0x5A; bytes.len()]).unwrap();
    let answer = hall.search(|_, query| query.cameras = vec!["cam-1".into()]).await.unwrap();
    assert!((80..120).contains(&answer.tracks.len()), "{} tracks", answer.tracks.len());
    let [missing] = &answer.missing[..] else { panic!("{:?}", answer.missing) };
    assert!(
        missing.gateway == "pole-1" && missing.why.contains("bytes of the archive are damaged"),
        "{missing:?}"
    );
}

async fn written_down(hall: &Hall) {
    let file = SqliteConnectOptions::new().filename(hall.dir.join("hall/city.db")).read_only(true);
    let mut database = file.busy_timeout(WAIT).connect().await.unwrap();
    let lines: Vec<(String, String, String)> =
        sqlx::query_as("SELECT user, purpose, what FROM audit WHERE action = 'search_tracks' ORDER BY id")
            .fetch_all(&mut database)
            .await
            .unwrap();
    assert!(lines.iter().all(|(user, purpose, _)| user == "admin" && purpose == "a test"), "{lines:?}");
    let red = format!(
        "from_ms={T0} to_ms={} cameras=cam-1 classes=car colours=red line=north direction=to_left limit=500",
        T0 + 3_600_000
    );
    assert!(lines.iter().any(|(_, _, what)| *what == red), "{lines:?}");
    assert!(lines.iter().all(|(_, _, what)| !what.contains("cam-9")), "what was refused was not asked");
    let shown = Command::new(program("control-center"))
        .args(["audit", "--config", "hall.toml"])
        .current_dir(&hall.dir)
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&shown.stdout).lines().count(), lines.len());
}
