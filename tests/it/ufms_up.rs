//! Positions on their way to the directorate, over a real RabbitMQ: the agent and the broker are killed, and nothing that a tracker
//! was told to be kept is missing there.

#![allow(clippy::unwrap_used, reason = "a test that panics has failed")]

#[path = "../../hardware/gps/tests/rabbit/mod.rs"]
#[allow(dead_code, reason = "the adapter's own tests use the rest of it")]
mod rabbit;

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use hardware_gps::protocols::ufms::{BaseMessage, RegDriver};
use hardware_ports::{Clock, SystemClock};
use ngatu_tests::programs::{self, Running, program};

use crate::tracker_orders::{agent, device, frame, listening, listens, next, position};
use rabbit::Rabbit;

const IN_TIME: Duration = Duration::from_secs(120);
const EVERY_S: i64 = 30;
const DRIVER: &str = "Nguyễn Văn A";

/// A tracker that sends positions one after the other, each after the one before was acknowledged.
struct Tracker {
    stream: TcpStream,
    received: Vec<u8>,
    serial: u16,
}

impl Tracker {
    fn dial(address: &str) -> Self {
        Self { stream: device(address), received: Vec::new(), serial: 1 }
    }

    fn send(&mut self, times_s: impl IntoIterator<Item = i64>) {
        for at_s in times_s {
            self.serial += 1;
            self.stream.write_all(&frame(0x0200, self.serial, &position(at_s))).unwrap();
            // JT/T 808 §8.1: to which message, its kind, 0: taken.
            let answer = loop {
                let (_, body) = next(&mut self.stream, &mut self.received, 0x8001);
                if body[..2] == self.serial.to_be_bytes() {
                    break body;
                }
            };
            assert_eq!(answer[4], 0, "{at_s} was not taken");
        }
    }
}

/// How often each time was told, by the messages that are there.
fn add(told: &mut BTreeMap<i64, usize>, messages: &[Vec<u8>]) {
    for bytes in messages {
        let message = BaseMessage::read(bytes).unwrap();
        let list = message.bus_way_points.map(|list| list.events).unwrap_or_default();
        for point in list.into_iter().chain(message.bus_way_point) {
            assert_eq!(point.vehicle, "29B12345");
            *told.entry(i64::from(point.datetime)).or_default() += 1;
        }
    }
}

/// Waits until so many times have been told.
async fn until(rabbit: &Rabbit, told: &mut BTreeMap<i64, usize>, times: usize) {
    let all = async {
        while told.len() < times {
            add(told, &rabbit.all("directorate").await);
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    let in_time = tokio::time::timeout(IN_TIME, all).await.is_ok();
    assert!(in_time, "{} of {times} times were told: {told:?}", told.len());
}

/// Waits until this start of the agent has written down that so many have arrived: until then it may send them again.
fn all_noted(dir: &Path, count: u64) {
    let read = |name: &str| fs::read_to_string(dir.join("pole/ufms-to").join(name)).unwrap_or_default();
    programs::until(IN_TIME, "what has arrived is written down", || {
        let (boot, confirmed) = (read("boot"), read("confirmed"));
        let (of, number) = confirmed.split_once(' ').unwrap_or_default();
        of == boot && number.parse::<u64>().is_ok_and(|number| number >= count)
    });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_that_was_acknowledged_is_lost_though_agent_and_broker_are_killed() {
    let Some(mut rabbit) = Rabbit::start().await else {
        eprintln!("skipped: rabbitmq-server is not installed (deploy/setup test installs it)");
        return;
    };
    rabbit.declare("directorate", None).await;
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    // The hall is nowhere: what goes to the directorate does not hang on it.
    let text = format!(
        "[gateway]\nid = \"buses\"\ndata_dir = \"pole\"\n\
         [hall]\nconnect = \"127.0.0.1:9\"\nca = \"c/ca.pem\"\ncertificate = \"c/cert.pem\"\nkey = \"c/key.pem\"\n\
         [buses]\n[[buses.listen]]\nprotocol = \"jt808\"\naddress = \"127.0.0.1:0\"\nzone = \"+07:00\"\n\
         [buses.ufms_to]\nurl = \"{}\"\nrouting_key = \"directorate\"\n\
         [buses.ufms_to.plates]\n\"13800138000\" = \"29B12345\"\n",
        rabbit.url()
    );
    fs::write(dir.join("pole.toml"), text).unwrap();
    let begin_s = SystemClock::new().now().0 / 1_000 - 40 * EVERY_S;
    let times = |n: std::ops::Range<i64>| n.map(move |n| begin_s + n * EVERY_S);
    let mut told = BTreeMap::new();

    let (mut running, trackers) = listening(dir);
    Tracker::dial(&trackers).send(times(0..5));
    until(&rabbit, &mut told, 5).await;
    all_noted(dir, 5);

    // The broker is killed, then twice the agent, with positions taken before and after.
    rabbit.stop();
    let mut tracker = Tracker::dial(&trackers);
    tracker.send(times(5..15));
    running.kill();
    let (mut running, trackers) = listening(dir);
    let mut tracker = Tracker::dial(&trackers);
    // What it does not know to be acknowledged it sends again.
    tracker.send(times(13..20));
    running.kill();
    let mut running = agent(dir);
    rabbit.start_again().await;
    // A killed broker may have forgotten a queue that it was told of only seconds before; the directorate's own is older.
    rabbit.declare("directorate", None).await;
    until(&rabbit, &mut told, 20).await;

    // Killed with everything told: nothing of it comes again, and what comes now does.
    all_noted(dir, 15);
    running.kill();
    let (_running, trackers) = listening(dir);
    let mut tracker = Tracker::dial(&trackers);
    tracker.send(times(20..25));
    until(&rabbit, &mut told, 25).await;
    assert_eq!(told.keys().copied().collect::<Vec<_>>(), times(0..25).collect::<Vec<_>>());
    // Of the first five the broker itself may not have written down that they were taken from it before it was killed.
    let again: Vec<_> = told.iter().skip(5).filter(|(_, count)| **count > 1).collect();
    assert!(again.is_empty(), "told again without need: {again:?}");
    rabbit.stop();
}

const REGISTERED: [&str; 3] = ["RegCompany", "RegDriver", "RegVehicle"];

/// All that arrives until the position of that time is there and all are registered, a word each.
async fn kinds_until(rabbit: &Rabbit, last_s: i64) -> Vec<&'static str> {
    let (mut told, mut kinds) = (BTreeMap::<i64, usize>::new(), Vec::new());
    let all = async {
        while !told.contains_key(&last_s) || !registrations(&kinds).ends_with(&REGISTERED) {
            let arrived = rabbit.all("directorate").await;
            add(&mut told, &arrived);
            let kind = |bytes: &Vec<u8>| BaseMessage::read(bytes).unwrap().kind().unwrap().name();
            kinds.extend(arrived.iter().map(kind));
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    let in_time = tokio::time::timeout(IN_TIME, all).await.is_ok();
    assert!(in_time, "{last_s} or who drives was not told: {kinds:?}");
    kinds
}

fn registrations(kinds: &[&'static str]) -> Vec<&'static str> {
    kinds.iter().copied().filter(|kind| !kind.starts_with("BusWay")).collect()
}

/// An agent with the log that a technician would ask for in `pole.log`, and where trackers of JT/T 808 reach it.
fn telling(dir: &Path) -> (Running, String) {
    let log = fs::File::create(dir.join("pole.log")).unwrap();
    let mut command = Command::new(program("edge-agent"));
    command.args(["run", "--config", "pole.toml"]).current_dir(dir).env("RUST_LOG", "info").stderr(log);
    let mut agent = Running::start(&mut command);
    let ready = agent.line_with(IN_TIME, |line| line.contains("is ready"));
    (agent, listens(&ready, "jt808"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whose_bus_it_is_and_who_drives_it_is_told_before_where_it_is_by_each_start() {
    let Some(mut rabbit) = Rabbit::start().await else {
        eprintln!("skipped: rabbitmq-server is not installed (deploy/setup test installs it)");
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let text = format!(
        "[gateway]\nid = \"buses\"\ndata_dir = \"pole\"\n\
         [hall]\nconnect = \"127.0.0.1:9\"\nca = \"c/ca.pem\"\ncertificate = \"c/cert.pem\"\nkey = \"c/key.pem\"\n\
         [buses]\n[[buses.listen]]\nprotocol = \"jt808\"\naddress = \"127.0.0.1:0\"\nzone = \"+07:00\"\n\
         [buses.ufms_to]\nurl = \"{}\"\nrouting_key = \"directorate\"\n\
         [buses.ufms_to.plates]\n\"13800138000\" = \"29B12345\"\n\
         [[buses.ufms_to.vehicle]]\nvehicle = \"29B12345\"\ndriver = \"0100\"\ncompany = \"X\"\n\
         [[buses.ufms_to.driver]]\ndriver = \"0100\"\nname = \"{DRIVER}\"\n\
         [[buses.ufms_to.company]]\ncompany = \"X\"\n",
        rabbit.url()
    );
    fs::write(dir.join("pole.toml"), text).unwrap();
    let begin_s = SystemClock::new().now().0 / 1_000 - 40 * EVERY_S;
    let time = |n: i64| begin_s + n * EVERY_S;

    // Without a queue the broker refuses them, and sends them back.
    let (mut running, trackers) = telling(dir);
    Tracker::dial(&trackers).send((0..3).map(time));
    let log = || fs::read_to_string(dir.join("pole.log")).unwrap();
    programs::until(IN_TIME, "they are refused", || log().contains("registering companies"));
    rabbit.declare("directorate", None).await;
    // The queue may come between two of them, or behind them: then all are told again, and positions may go before.
    kinds_until(&rabbit, time(2)).await;
    running.kill();
    let name = format!("{:?}", DRIVER.as_bytes());
    for private in ["returned us a message", DRIVER, name.trim_matches(['[', ']'])] {
        assert!(!log().contains(private), "{}", log());
    }

    let (mut running, trackers) = listening(dir);
    Tracker::dial(&trackers).send([time(3)]);
    let kinds = kinds_until(&rabbit, time(3)).await;
    assert_eq!(kinds[..3], REGISTERED);
    assert!(kinds[3..].iter().all(|kind| kind.starts_with("BusWay")), "{kinds:?}");
    running.kill();
    rabbit.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_operators_tell_is_sent_on_as_it_came_though_the_agent_is_killed() {
    let Some(mut rabbit) = Rabbit::start().await else {
        eprintln!("skipped: rabbitmq-server is not installed (deploy/setup test installs it)");
        return;
    };
    rabbit.declare("operators", None).await;
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let url = rabbit.url();
    let text = format!(
        "[gateway]\nid = \"buses\"\ndata_dir = \"pole\"\n\
         [hall]\nconnect = \"127.0.0.1:9\"\nca = \"c/ca.pem\"\ncertificate = \"c/cert.pem\"\nkey = \"c/key.pem\"\n\
         [buses.ufms_from]\nurl = \"{url}\"\nqueue = \"operators\"\n\
         [buses.ufms_to]\nurl = \"{url}\"\nrouting_key = \"directorate\"\nstatements = true\n\
         [buses.ufms_to.plates]\n\"13800138000\" = \"29B12345\"\n"
    );
    fs::write(dir.join("pole.toml"), text).unwrap();
    let driver = |n: usize| {
        let reg_driver = Some(RegDriver { driver: format!("{n:04}"), ..RegDriver::default() });
        BaseMessage { msg_type: 410, reg_driver, ..BaseMessage::default() }.write()
    };
    let told: Vec<Vec<u8>> = (0..6).map(driver).collect();
    let mut running = agent(dir);
    for message in &told[..3] {
        rabbit.send("operators", message).await;
    }
    taken(&rabbit, dir, 3).await;
    // The directorate has no queue yet, and refuses them. What was taken from the operator outlives the agent.
    running.kill();
    rabbit.declare("directorate", None).await;
    let mut running = agent(dir);
    let mut arrived = Vec::new();
    all(&rabbit, &mut arrived, 3).await;
    for message in &told[3..] {
        rabbit.send("operators", message).await;
    }
    all(&rabbit, &mut arrived, 6).await;
    assert_eq!(arrived, told, "all of them, in their order");
    running.kill();
    rabbit.stop();
}

/// Waits until the agent has so many statements on its disk and the operator's broker knows.
async fn taken(rabbit: &Rabbit, dir: &Path, count: usize) {
    let kept = || fs::read_to_string(dir.join("pole/statements.jsonl")).unwrap_or_default().lines().count();
    let taken = async {
        while kept() < count || rabbit.waiting("operators").await > 0 {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    assert!(tokio::time::timeout(IN_TIME, taken).await.is_ok(), "{} of {count} were taken", kept());
}

async fn all(rabbit: &Rabbit, arrived: &mut Vec<Vec<u8>>, count: usize) {
    let all = async {
        while arrived.len() < count {
            arrived.extend(rabbit.all("directorate").await);
            // Killed before it had answered the operator's broker, the agent is told the last one again, and tells it again.
            arrived.dedup();
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    let in_time = tokio::time::timeout(IN_TIME, all).await.is_ok();
    assert!(in_time, "{} of {count} arrived", arrived.len());
}
