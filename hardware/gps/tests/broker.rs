//! UFMS over a real RabbitMQ: a node of its own, on free ports, in a folder of its own.

mod rabbit;
mod registrations;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use hardware_gps::broker::{BrokerError, Consumer, ConsumerSettings, Publisher, PublisherSettings, Relay};
use hardware_gps::protocols::ufms::{
    BaseMessage, BusTicketPoint, BusTicketStartEndPoint, BusTicketTotal, BusWayPoint, BusWayPoints,
    RegCompany, RegDriver, RegVehicle, WayPoint,
};
use hardware_ports::shelf::FixShelf;
use hardware_ports::sink::{GpsReport, NotKept, Sink, Statement};
use hardware_ports::{Clock, SystemClock};
use models_domain::geo::LatLon;
use models_domain::transit::{Fix, Told};
use models_domain::{MetersPerSecond, VehicleId};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_util::sync::CancellationToken;

use crate::rabbit::Rabbit;

#[derive(Default)]
struct Recorder {
    fixes: Mutex<Vec<Fix>>,
    statements: Mutex<Vec<Statement>>,
    fails: AtomicBool,
}

impl Recorder {
    fn full(&self) -> Result<(), NotKept> {
        if self.fails.load(Ordering::Relaxed) { Err(NotKept("the disk is full".to_owned())) } else { Ok(()) }
    }

    fn counts(&self) -> (usize, usize) {
        let lock = "no panic while held";
        (self.fixes.lock().expect(lock).len(), self.statements.lock().expect(lock).len())
    }
}

#[async_trait]
impl Sink<GpsReport> for Recorder {
    async fn accept(&self, GpsReport::Fix(fix): GpsReport) -> Result<(), NotKept> {
        self.full()?;
        self.fixes.lock().expect("no panic while held").push(fix);
        Ok(())
    }
}

#[async_trait]
impl Sink<Statement> for Recorder {
    async fn accept(&self, statement: Statement) -> Result<(), NotKept> {
        self.full()?;
        self.statements.lock().expect("no panic while held").push(statement);
        Ok(())
    }
}

/// What is on it; the disk itself is tried with the program.
#[derive(Default)]
struct Shelf {
    kept: Mutex<BTreeMap<u64, Fix>>,
    fails: AtomicBool,
}

impl Shelf {
    fn kept(&self) -> BTreeMap<u64, Fix> {
        self.kept.lock().expect("no panic while held").clone()
    }
}

impl FixShelf for Shelf {
    fn keep(&self, fixes: &[Fix]) -> Result<u64, NotKept> {
        if self.fails.load(Ordering::Relaxed) {
            return Err(NotKept("the disk is full".to_owned()));
        }
        let mut kept = self.kept.lock().expect("no panic while held");
        let first = kept.last_key_value().map_or(1, |(last, _)| last + 1);
        kept.extend((first..).zip(fixes.iter().cloned()));
        Ok(first)
    }

    fn forget(&self, numbers: &[u64]) {
        self.kept.lock().expect("no panic while held").retain(|number, _| !numbers.contains(number));
    }

    fn is_full(&self, _: usize) -> bool {
        false
    }
}

fn point(vehicle: &str, datetime: i32) -> BusWayPoint {
    let vehicle = vehicle.to_owned();
    BusWayPoint { vehicle, speed: 36.0, datetime, x: 105.852, y: 21.028, ..BusWayPoint::default() }
}

/// One of each kind: 5 positions, 5 statements.
fn one_of_each() -> Vec<BaseMessage> {
    let of = |msg_type| BaseMessage { msg_type, ..BaseMessage::default() };
    let plate = || "29B12345".to_owned();
    let all = BusWayPoint { door_up: Some(true), ..point("29B12345", 1_747_231_958) };
    let way_point =
        WayPoint { vehicle: plate(), datetime: 1_747_231_958, y: 21.0, x: 105.0, ..WayPoint::default() };
    let list = BusWayPoints { events: (0..3).map(|n| point("29B12346", 1_747_231_960 + n)).collect() };
    let ticket = BusTicketPoint {
        vehicle: plate(),
        route_code: "01".to_owned(),
        fare: 7000.0,
        ..BusTicketPoint::default()
    };
    let total = BusTicketTotal { total: 12, series: "AA".to_owned(), ticket_type: 2 };
    let end = BusTicketStartEndPoint {
        vehicle: plate(),
        point_type: 2,
        tickets: vec![total],
        ..Default::default()
    };
    vec![
        BaseMessage { bus_way_point: Some(all), ..of(102) },
        BaseMessage { way_point: Some(way_point), ..of(100) },
        BaseMessage { bus_way_points: Some(list), ..of(104) },
        BaseMessage { reg_vehicle: Some(RegVehicle { vehicle: plate(), ..Default::default() }), ..of(400) },
        BaseMessage {
            reg_driver: Some(RegDriver { driver: "0100".to_owned(), ..Default::default() }),
            ..of(410)
        },
        BaseMessage {
            reg_company: Some(RegCompany { company: "X".to_owned(), ..Default::default() }),
            ..of(420)
        },
        BaseMessage { bus_ticket_point: Some(ticket), ..of(500) },
        BaseMessage { bus_ticket_start_end_point: Some(end), ..of(501) },
    ]
}

fn to(rabbit: &Rabbit, queue: &str) -> PublisherSettings {
    PublisherSettings { url: rabbit.url(), exchange: String::new(), routing_key: queue.to_owned() }
}

async fn until(what: &str, mut done: impl FnMut() -> bool) {
    let waiting = async {
        while !done() {
            tokio::task::yield_now().await;
        }
    };
    assert!(tokio::time::timeout(Duration::from_secs(60), waiting).await.is_ok(), "{what} in time");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_day_at_the_broker() {
    let Some(mut rabbit) = Rabbit::start().await else {
        eprintln!("skipped: rabbitmq-server is not installed (deploy/setup test installs it)");
        return;
    };
    rabbit.declare("bad", None).await;
    rabbit.declare("positions", Some("bad")).await;
    rabbit.declare("directorate", None).await;
    everything_is_taken_and_kept(&rabbit).await;
    what_is_not_kept_goes_back(&rabbit).await;
    what_nobody_takes_is_refused(&rabbit).await;
    one_that_says_no_more_is_given_up(&rabbit).await;
    registrations::each_process_tells_them_once_before_positions(&rabbit).await;
    registrations::those_that_are_refused_hold_up_no_position(&rabbit).await;
    the_directorate_gets_all_of_it_though_the_broker_was_away(&mut rabbit).await;
    rabbit.stop();
}

struct Taking {
    stop: CancellationToken,
    task: tokio::task::JoinHandle<Result<(), BrokerError>>,
}

async fn take(rabbit: &Rabbit, recorder: &Arc<Recorder>) -> Taking {
    let settings = ConsumerSettings { url: rabbit.url(), queue: "positions".to_owned(), prefetch: 10 };
    let consumer = Consumer::subscribe(&settings).await.expect("a subscription");
    let stop = CancellationToken::new();
    let clock = Arc::new(SystemClock::new());
    let task = tokio::spawn(consumer.run(recorder.clone(), recorder.clone(), clock, stop.clone()));
    Taking { stop, task }
}

async fn everything_is_taken_and_kept(rabbit: &Rabbit) {
    let recorder = Arc::new(Recorder::default());
    let taking = take(rabbit, &recorder).await;
    let publisher = Publisher::connect(to(rabbit, "positions")).await.expect("a connection");
    rabbit.send("positions", b"\xff\x00 no message").await;
    // A protobuf whose one field nobody knows, and which is longer than what is kept.
    let mut long = vec![0xfa, 0x3f, 0x80, 0x80, 0x40];
    long.resize(long.len() + (1 << 20), b'x');
    rabbit.send("positions", &long).await;
    for message in one_of_each() {
        publisher.publish(&message).await.expect("taken over");
    }
    until("all are kept", || recorder.counts() == (5, 5)).await;
    taking.stop.cancel();
    taking.task.await.expect("no panic").expect("stopped");
    let fix = recorder.fixes.lock().expect("no panic while held")[0].clone();
    assert_eq!((fix.vehicle.as_str(), fix.protocol.as_str()), ("29b12345", "ufms"));
    let kinds: Vec<_> =
        recorder.statements.lock().expect("no panic while held").iter().map(|s| s.kind).collect();
    assert_eq!(kinds, ["RegVehicle", "RegDriver", "RegCompany", "BusTicketPoint", "BusTicketStartEndPoint"]);
    // Only what could not be read, and what is too long, is left, where its owner wants such.
    while rabbit.waiting("bad").await < 2 {
        tokio::task::yield_now().await;
    }
    assert_eq!((rabbit.waiting("positions").await, rabbit.waiting("bad").await), (0, 2));
}

async fn what_is_not_kept_goes_back(rabbit: &Rabbit) {
    let recorder = Arc::new(Recorder::default());
    recorder.fails.store(true, Ordering::Relaxed);
    let taking = take(rabbit, &recorder).await;
    let publisher = Publisher::connect(to(rabbit, "positions")).await.expect("a connection");
    publisher.publish(&one_of_each()[0]).await.expect("taken over");
    let end = taking.task.await.expect("no panic");
    assert!(matches!(end, Err(BrokerError::NotKept { .. })), "{end:?}");
    recorder.fails.store(false, Ordering::Relaxed);
    let again = take(rabbit, &recorder).await;
    until("it is kept", || recorder.counts() == (1, 0)).await;
    again.stop.cancel();
    again.task.await.expect("no panic").expect("stopped");
}

async fn what_nobody_takes_is_refused(rabbit: &Rabbit) {
    let publisher = Publisher::connect(to(rabbit, "nowhere")).await.expect("a connection");
    let refused = publisher.publish(&one_of_each()[0]).await;
    assert!(matches!(refused, Err(BrokerError::Refused { .. })), "{refused:?}");
    let wrong =
        PublisherSettings { url: rabbit.url().replace("guest:guest", "guest:wrong"), ..to(rabbit, "x") };
    let err = Publisher::connect(wrong).await.err().expect("refused").to_string();
    assert!(err.contains("are name and password right") && !err.contains("wrong@"), "{err}");
}

/// The broker's answers up to that it has opened the connection; then nothing more, as of one that is still booting.
async fn silent_after_open(rabbit: &Rabbit) -> (String, tokio::task::JoinHandle<()>) {
    const START_TUNE_AND_OPEN_OK: usize = 3;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let own = listener.local_addr().expect("an address").port();
    let theirs = rabbit.port();
    let passing = tokio::spawn(async move {
        let (near, _) = listener.accept().await.expect("a client");
        let (mut from_client, mut to_client) = near.into_split();
        let far = tokio::net::TcpStream::connect(("127.0.0.1", theirs)).await.expect("the broker");
        let (mut from_broker, mut to_broker) = far.into_split();
        let answers = async {
            for _ in 0..START_TUNE_AND_OPEN_OK {
                // Kind, channel, length; then so many bytes and the end's mark (AMQP 0-9-1 §2.3.5).
                let mut head = [0; 7];
                from_broker.read_exact(&mut head).await.expect("a frame");
                let length = u32::from_be_bytes([head[3], head[4], head[5], head[6]]) as usize;
                let mut rest = vec![0; length + 1];
                from_broker.read_exact(&mut rest).await.expect("a frame");
                to_client.write_all(&[&head[..], &rest].concat()).await.expect("passed on");
            }
            std::future::pending::<()>().await;
        };
        tokio::select! {
            () = answers => {}
            _ = tokio::io::copy(&mut from_client, &mut to_broker) => {}
        }
    });
    (rabbit.url().replace(&theirs.to_string(), &own.to_string()), passing)
}

async fn one_that_says_no_more_is_given_up(rabbit: &Rabbit) {
    let (url, passing) = silent_after_open(rabbit).await;
    let opening = Publisher::connect(PublisherSettings { url, ..to(rabbit, "directorate") });
    let end = tokio::time::timeout(Duration::from_secs(60), opening).await.expect("given up").err();
    assert!(matches!(end, Some(BrokerError::Silent { .. })), "{end:?}");
    passing.abort();

    let (url, passing) = silent_after_open(rabbit).await;
    let settings = ConsumerSettings { url, queue: "positions".to_owned(), prefetch: 10 };
    let end = tokio::time::timeout(Duration::from_secs(60), Consumer::subscribe(&settings))
        .await
        .expect("given up");
    assert!(matches!(end, Err(BrokerError::Silent { .. })), "{:?}", end.err());
    passing.abort();
}

fn fix(vehicle: &str, clock: &dyn Clock) -> Fix {
    let now = clock.now();
    Fix {
        vehicle: VehicleId::new(vehicle).expect("an id"),
        at: now,
        received: now,
        position: LatLon::new(21.028, 105.852),
        speed: MetersPerSecond(10.0),
        course: None,
        altitude: None,
        valid: true,
        protocol: "gt06".to_owned(),
        told: Told {
            doors_open: Some(false),
            engine_on: Some(true),
            sos: false,
            driver: Some("0100".to_owned()),
            signed: None,
        },
    }
}

async fn the_directorate_gets_all_of_it_though_the_broker_was_away(rabbit: &mut Rabbit) {
    let recorder = Arc::new(Recorder::default());
    let name = |n: usize| (VehicleId::new(format!("bus{n}")).expect("an id"), format!("29B{n:05}"));
    let plates: BTreeMap<_, _> = (0..6).map(name).collect();
    let (shelf, clock) = (Arc::new(Shelf::default()), SystemClock::new());
    // An earlier start left one, and one of a vehicle that is not sent on any more.
    shelf.keep(&[fix("bus5", &clock), fix("nobody", &clock)]).expect("kept");
    let left = shelf.kept().into_iter().collect();
    let relay = Arc::new(Relay::new(recorder.clone(), plates, shelf.clone(), left));
    assert_eq!(shelf.kept().len(), 1);
    let publisher = Publisher::connect(to(rabbit, "directorate")).await.expect("a connection");
    let (worker, stop) = (relay.clone(), CancellationToken::new());
    let (its_stop, its_clock) = (stop.clone(), SystemClock::new());
    let first = tokio::spawn(async move { worker.run(publisher, &its_clock, &its_stop).await });
    for n in 0..3 {
        relay.accept(GpsReport::Fix(fix(&format!("bus{n}"), &clock))).await.expect("kept");
    }
    relay.accept(GpsReport::Fix(fix("nobody", &clock))).await.expect("kept");
    until("four are sent", || relay.counts().sent == 4 && shelf.kept().is_empty()).await;

    rabbit.stop();
    // What is not on the shelf is not acknowledged, and is taken when it comes again.
    shelf.fails.store(true, Ordering::Relaxed);
    let refused = relay.accept(GpsReport::Fix(fix("bus3", &clock))).await;
    assert!(refused.is_err_and(|err| err.to_string().contains("disk is full")));
    shelf.fails.store(false, Ordering::Relaxed);
    for n in 3..5 {
        relay.accept(GpsReport::Fix(fix(&format!("bus{n}"), &clock))).await.expect("kept");
    }
    let broken = first.await.expect("no panic");
    assert!(broken.is_err() && recorder.counts().0 == 7, "{broken:?}");
    assert_eq!(shelf.kept().len(), 2);
    rabbit.start_again().await;
    let (worker, its_stop, settings) = (relay.clone(), stop.clone(), to(rabbit, "directorate"));
    // As its supervisor does: a broker that has just started may not have its queues yet.
    let again = tokio::spawn(async move {
        while !its_stop.is_cancelled() {
            if let Ok(publisher) = Publisher::connect(settings.clone()).await {
                worker.run(publisher, &SystemClock::new(), &its_stop).await.ok();
            }
        }
    });
    until("six are sent", || relay.counts().sent == 6).await;
    stop.cancel();
    again.await.expect("no panic");
    let counts = relay.counts();
    assert_eq!((counts.late, counts.lost, counts.waiting, shelf.kept().len()), (0, 0, 0, 0));
    let said = rabbit.all("directorate").await;
    let mut plates: Vec<String> = said
        .iter()
        .map(|bytes| BaseMessage::read(bytes).expect("a message"))
        .flat_map(|m| {
            m.bus_way_points.map(|list| list.events).unwrap_or_default().into_iter().chain(m.bus_way_point)
        })
        .map(|point| {
            let told = (point.driver.as_deref(), point.ignition, point.door_up, point.door_down, point.sos);
            assert_eq!(told, (Some("0100"), Some(true), Some(false), Some(false), Some(false)));
            point.vehicle
        })
        .collect();
    plates.sort();
    assert_eq!(plates, (0..6).map(|n| format!("29B{n:05}")).collect::<Vec<_>>());
}
