//! An order for a tracker, from the command line in the hall to a device on a real socket and back, over two killed programs.

#![allow(clippy::unwrap_used, reason = "a test that panics has failed")]

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use hardware_ports::{Clock, SystemClock};
use models_wire::v1;
use models_wire::v1::transit_service_client::TransitServiceClient;
use ngatu_tests::programs::{Running, program, until};
use serde_json::Value;

use crate::junction_orders::Hall;

const WAIT_MAX: Duration = Duration::from_secs(60);
const PHONE: [u8; 6] = [0x01, 0x38, 0x00, 0x13, 0x80, 0x00];
const VEHICLE: &str = "13800138000";

/// JT/T 808 §4.4: kind, length, phone, serial, body, XOR, between 7e and escaped.
pub fn frame(kind: u16, serial: u16, body: &[u8]) -> Vec<u8> {
    let length = u16::try_from(body.len()).unwrap();
    let mut plain = [kind.to_be_bytes(), length.to_be_bytes()].concat();
    plain.extend(PHONE);
    plain.extend(serial.to_be_bytes());
    plain.extend(body);
    plain.push(plain.iter().fold(0, |sum, b| sum ^ b));
    let escaped = plain.into_iter().flat_map(|b| match b {
        0x7e => vec![0x7d, 2],
        0x7d => vec![0x7d, 1],
        _ => vec![b],
    });
    std::iter::once(0x7e).chain(escaped).chain([0x7e]).collect()
}

/// The next frame of that kind: its serial number and body.
pub fn next(stream: &mut TcpStream, received: &mut Vec<u8>, kind: u16) -> (u16, Vec<u8>) {
    loop {
        if let Some(end) = received.iter().skip(1).position(|b| *b == 0x7e) {
            let whole: Vec<u8> = received.drain(..end + 2).collect();
            let mut plain = Vec::new();
            let mut bytes = whole[1..=end].iter();
            while let Some(b) = bytes.next() {
                plain.push(if *b == 0x7d { bytes.next().unwrap() + 0x7c } else { *b });
            }
            if u16::from_be_bytes([plain[0], plain[1]]) == kind {
                let serial = u16::from_be_bytes([plain[10], plain[11]]);
                return (serial, plain[12..plain.len() - 1].to_vec());
            }
            continue;
        }
        let mut some = [0; 512];
        let read = stream.read(&mut some).unwrap();
        assert!(read > 0, "the agent closed the connection");
        received.extend(&some[..read]);
    }
}

pub fn device(address: &str) -> TcpStream {
    let mut stream = None;
    until(WAIT_MAX, "the agent listens", || {
        stream = TcpStream::connect(address).ok();
        stream.is_some()
    });
    let mut stream = stream.unwrap();
    stream.set_read_timeout(Some(WAIT_MAX)).unwrap();
    stream.write_all(&frame(0x0002, 1, &[])).unwrap();
    stream
}

/// A hall whose gateways dial it at `bus`, and where that is.
fn hall(dir: &Path, bus: &str) -> (Running, String) {
    let text = format!("[hall]\ndata_dir = \"hall\"\nlisten = \"127.0.0.1:0\"\n[bus]\nlisten = \"{bus}\"\n");
    fs::write(dir.join("hall.toml"), text).unwrap();
    let mut hall = Running::start(
        Command::new(program("control-center"))
            .args(["serve", "--insecure-http", "--config", "hall.toml"])
            .current_dir(dir),
    );
    let ready = hall.line_with(WAIT_MAX, |line| line.starts_with('{'));
    let ready: Value = serde_json::from_str(&ready).unwrap();
    (hall, ready["bus"].as_str().unwrap().strip_prefix("tls/").unwrap().to_owned())
}

/// A running agent, and what it says when it is ready.
fn ready(dir: &Path) -> (Running, String) {
    let mut agent = Running::start(
        Command::new(program("edge-agent")).args(["run", "--config", "pole.toml"]).current_dir(dir),
    );
    let ready = agent.line_with(WAIT_MAX, |line| line.contains("is ready"));
    (agent, ready)
}

pub fn agent(dir: &Path) -> Running {
    ready(dir).0
}

/// A running agent, and where trackers of JT/T 808 reach it.
pub fn listening(dir: &Path) -> (Running, String) {
    let (agent, ready) = ready(dir);
    (agent, listens(&ready, "jt808"))
}

/// Where an agent that is ready says that it listens for a protocol.
pub fn listens(ready: &str, protocol: &str) -> String {
    let rest = ready.split_once(&format!("[buses] {protocol} ")).map(|(_, rest)| rest);
    rest.and_then(|rest| rest.split([',', ';']).next()).unwrap_or_else(|| panic!("{ready}")).to_owned()
}

fn run(dir: &Path, args: &[&str]) -> String {
    let ran = Command::new(program("control-center")).args(args).current_dir(dir).output().unwrap();
    let said = String::from_utf8_lossy(&ran.stderr).into_owned();
    assert!(ran.status.success(), "{args:?}: {said}");
    String::from_utf8(ran.stdout).unwrap()
}

fn order(dir: &Path, number: u64) -> Value {
    let lines = run(dir, &["orders", "list", "--config", "hall.toml"]);
    let mut lines = lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    lines.find(|line| line["order"] == number).unwrap()
}

#[test]
fn an_order_reaches_its_tracker_over_killed_programs_and_the_answer_comes_back() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let (mut serving, bus) = hall(dir, "127.0.0.1:0");
    let text = format!(
        "[gateway]\nid = \"buses\"\ndata_dir = \"pole\"\n\
         [hall]\nconnect = \"{bus}\"\nca = \"c/ca.pem\"\ncertificate = \"c/cert.pem\"\nkey = \"c/key.pem\"\n\
         [buses]\n[[buses.listen]]\nprotocol = \"jt808\"\naddress = \"127.0.0.1:0\"\n"
    );
    fs::write(dir.join("pole.toml"), text).unwrap();
    run(dir, &["gateway-certificate", "--config", "hall.toml", "--gateway", "buses", "--out", "c"]);
    let mut pole = agent(dir);

    // The device is away. The hall is killed before its gateway has the order, the gateway after.
    let give = ["orders", "give", "--config", "hall.toml", "--vehicle", VEHICLE, "--gateway", "buses"];
    let asked = ["--text", "QUAY VE BEN", "--why", "detour is over"];
    let number = run(dir, &[&give[..], &asked].concat()).trim().parse::<u64>().unwrap();
    serving.kill();
    let (serving, _) = hall(dir, &bus);
    let shelf = dir.join("pole/tracker-orders").join(format!("{number}.json"));
    until(WAIT_MAX, "the gateway has the order", || shelf.exists());
    pole.kill();
    let (mut pole, trackers) = listening(dir);

    let (mut stream, mut received) = (device(&trackers), Vec::new());
    let (_, body) = next(&mut stream, &mut received, 0x8300);
    assert_eq!(&body[1..], b"QUAY VE BEN");
    until(WAIT_MAX, "the hall knows that it was sent", || order(dir, number)["progress"] == "sent");
    // Killed before the device answers: the device comes again, hears it again, and answers.
    pole.kill();
    let (_pole, trackers) = listening(dir);
    let (mut stream, mut received) = (device(&trackers), Vec::new());
    let (serial, _) = next(&mut stream, &mut received, 0x8300);
    let answer = [&serial.to_be_bytes()[..], &0x8300_u16.to_be_bytes(), &[0]].concat();
    stream.write_all(&frame(0x0001, 2, &answer)).unwrap();
    until(WAIT_MAX, "the answer is in the hall", || order(dir, number)["progress"] == "answered");
    assert_eq!(order(dir, number)["said"], "8300 done");

    let audit = run(dir, &["audit", "--config", "hall.toml"]);
    assert!(audit.contains("give_tracker_order") && audit.contains("detour is over"), "{audit}");
    drop(serving);
}

/// JT/T 808 §8.18: a position of a moving bus, on the clock of its own zone (+07:00).
pub fn position(at_s: i64) -> Vec<u8> {
    let local_s = at_s + 7 * 3_600;
    let date =
        Command::new("date").args(["-u", "-d", &format!("@{local_s}"), "+%y%m%d%H%M%S"]).output().unwrap();
    let digits: Vec<u8> = date.stdout.trim_ascii().iter().map(|digit| digit - b'0').collect();
    let mut body = [0_u32, 2, 21_028_500, 105_854_200].map(u32::to_be_bytes).concat();
    body.extend([0_u16, 100, 90].map(u16::to_be_bytes).concat());
    body.extend(digits.chunks(2).map(|two| two[0] << 4 | two[1]));
    body
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_of_whom_has_the_right_no_more_is_not_sent_though_its_gateway_has_it() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let (hall, _) = Hall::start_in(dir, "", "").await;
    let password = hall.add_user("lan", "administrator");
    hall.run(&["gateway-certificate", "--gateway", "buses", "--out", "c"]);
    let text = format!(
        "[gateway]\nid = \"buses\"\ndata_dir = \"pole\"\n\
         [hall]\nconnect = \"{}\"\nca = \"c/ca.pem\"\ncertificate = \"c/cert.pem\"\nkey = \"c/key.pem\"\n\
         [buses]\n[[buses.listen]]\nprotocol = \"jt808\"\naddress = \"127.0.0.1:0\"\nzone = \"+07:00\"\n",
        hall.bus
    );
    fs::write(dir.join("pole.toml"), text).unwrap();
    let (_pole, trackers) = listening(dir);
    // It is heard once, and goes away.
    let (mut stream, mut received) = (device(&trackers), Vec::new());
    stream.write_all(&frame(0x0200, 2, &position(SystemClock::new().now().0 / 1_000))).unwrap();
    while next(&mut stream, &mut received, 0x8001).1[..2] != [0, 2] {}
    drop(stream);
    let lan = hall.sign_in("lan", &password).await;
    let mut transit = TransitServiceClient::new(hall.channel.clone());
    let mut given = None;
    for _ in 0..600 {
        let asked = v1::GiveTrackerOrderRequest {
            vehicle: VEHICLE.into(),
            order: Some(v1::give_tracker_order_request::Order::Text("TAT MAY".into())),
            purpose: "thử nghiệm".into(),
            expires_hours: 1,
        };
        match transit.give_tracker_order(lan.with(asked)).await {
            Ok(order) => given = order.into_inner().order,
            Err(err) if err.code() == tonic::Code::NotFound => {}
            Err(err) => panic!("{err}"),
        }
        if given.is_some() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let id = given.unwrap().id;
    let shelf = dir.join("pole/tracker-orders").join(format!("{id}.json"));
    until(WAIT_MAX, "the gateway has the order", || shelf.exists());
    hall.run(&["users", "take", "--user", "lan", "--trackers"]);
    let failed = || fs::read_to_string(&shelf).is_ok_and(|kept| kept.contains("lan may not"));
    until(WAIT_MAX, "the gateway knows that it is taken back", failed);
    until(WAIT_MAX, "so does the hall", || order(dir, id)["progress"] == "failed");
    assert!(hall.run(&["audit"]).contains("is taken back: lan may not give trackers orders any more"));

    // The device comes: what it hears first is what somebody asked after that.
    let give = ["orders", "give", "--vehicle", VEHICLE, "--text", "QUAY VE BEN", "--why", "detour is over"];
    let number = hall.run(&give).trim().parse::<u64>().unwrap();
    let shelf = dir.join("pole/tracker-orders").join(format!("{number}.json"));
    until(WAIT_MAX, "the gateway has the other order", || shelf.exists());
    let (mut stream, mut received) = (device(&trackers), Vec::new());
    let (_, body) = next(&mut stream, &mut received, 0x8300);
    assert_eq!(&body[1..], b"QUAY VE BEN");
}
