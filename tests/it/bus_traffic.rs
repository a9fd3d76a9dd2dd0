//! Buses as measures of traffic, from trackers on real sockets through gateway and hall to who asks how fast the roads are.

#![allow(clippy::unwrap_used, reason = "a test that panics has failed")]

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use hardware_ports::{Clock, SystemClock};
use models_wire::v1;
use models_wire::v1::transit_service_client::TransitServiceClient;
use ngatu_tests::programs::{Running, program, until};
use serde_json::Value;
use time::OffsetDateTime;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint};

const WAIT_MAX: Duration = Duration::from_secs(60);
/// Runs begin so often, from midnight (UTC) on.
const EVERY_S: i64 = 300;
const METER: f64 = 1.0 / 111_195.0;
const BEGIN: (f64, f64) = (21.0, 105.8);
/// Halts along a street to the north, in metres, and how fast buses go between them, in metres a second.
const HALTS_M: [i64; 4] = [0, 700, 1400, 2100];
const SPEED: i64 = 7;
const REPORT_S: i64 = 10;

/// A timetable of one line that a bus serves every five minutes, whatever the time is.
fn timetable(path: &Path) {
    let mut stops = "stop_id,stop_name,stop_lat,stop_lon\n".to_owned();
    let mut calls = "trip_id,arrival_time,departure_time,stop_id,stop_sequence\n".to_owned();
    let mut line = "shape_id,shape_pt_lat,shape_pt_lon,shape_pt_sequence\n".to_owned();
    for (i, along) in HALTS_M.iter().enumerate() {
        let lat = BEGIN.0 + *along as f64 * METER;
        stops += &format!("s{i},Halt {i},{lat},{}\n", BEGIN.1);
        line += &format!("line,{lat},{},{i}\n", BEGIN.1);
        let s = along / SPEED;
        let at = format!("00:{:02}:{:02}", s / 60, s % 60);
        calls += &format!("t,{at},{at},s{i},{i}\n");
    }
    let files = [
        ("agency.txt", "agency_id,agency_name,agency_url,agency_timezone\na,Bus,https://a.example,UTC\n"),
        ("routes.txt", "route_id,agency_id,route_short_name,route_type\nr,a,32,3\n"),
        ("trips.txt", "route_id,service_id,trip_id,direction_id,shape_id\nr,always,t,0,line\n"),
        (
            "calendar.txt",
            "service_id,monday,tuesday,wednesday,thursday,friday,saturday,sunday,start_date,end_date\n\
             always,1,1,1,1,1,1,1,20200101,20991231\n",
        ),
        (
            "frequencies.txt",
            "trip_id,start_time,end_time,headway_secs,exact_times\nt,00:00:00,27:00:00,300,1\n",
        ),
        ("stops.txt", &stops),
        ("stop_times.txt", &calls),
        ("shapes.txt", &line),
    ];
    let mut zip = zip::ZipWriter::new(fs::File::create(path).unwrap());
    for (name, text) in files {
        zip.start_file(name, zip::write::SimpleFileOptions::default()).unwrap();
        zip.write_all(text.as_bytes()).unwrap();
    }
    zip.finish().unwrap();
}

/// JT/T 808 §4.4: kind, length, phone, serial, body, XOR, between 7e and escaped.
fn frame(kind: u16, phone: u8, serial: u16, body: &[u8]) -> Vec<u8> {
    let mut plain = [kind.to_be_bytes(), u16::try_from(body.len()).unwrap().to_be_bytes()].concat();
    plain.extend([0x01, 0x38, 0x00, 0x13, 0x80, phone]);
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

/// A position (JT/T 808 §8.18) of a bus that left at `left_s`, in seconds of the epoch.
fn position(phone: u8, serial: u16, left_s: i64, at_s: i64) -> Vec<u8> {
    let end = HALTS_M[HALTS_M.len() - 1];
    let along = ((at_s - left_s) * SPEED).clamp(0, end);
    let goes = 0 < along && along < end;
    let degrees = |d: f64| ((d * 1e6).round() as u32).to_be_bytes();
    // No alarm; located.
    let mut body = vec![0, 0, 0, 0, 0, 0, 0, 2];
    body.extend(degrees(BEGIN.0 + along as f64 * METER));
    body.extend(degrees(BEGIN.1));
    let speed = if goes { SPEED * 36 } else { 0 };
    body.extend([0, 10]);
    body.extend(u16::try_from(speed).unwrap().to_be_bytes());
    body.extend([0, 0]);
    let at = OffsetDateTime::from_unix_timestamp(at_s).unwrap();
    let parts = [(at.year() % 100) as u8, at.month().into(), at.day(), at.hour(), at.minute(), at.second()];
    body.extend(parts.map(|n| n / 10 * 16 + n % 10));
    frame(0x0200, phone, serial, &body)
}

/// Sends a bus's whole run through one connection, as fast as it is taken.
fn drive(address: &str, phone: u8, left_s: i64) -> TcpStream {
    let mut stream = None;
    until(WAIT_MAX, "the agent listens", || {
        stream = TcpStream::connect(address).ok();
        stream.is_some()
    });
    let mut stream = stream.unwrap();
    stream.set_read_timeout(Some(WAIT_MAX)).unwrap();
    let ends_s = left_s + HALTS_M[HALTS_M.len() - 1] / SPEED;
    let (mut at_s, mut serial) = (left_s - 60, 1);
    while at_s <= ends_s + 60 {
        stream.write_all(&position(phone, serial, left_s, at_s)).unwrap();
        (at_s, serial) = (at_s + REPORT_S, serial + 1);
    }
    // The answer to the first says that the connection is a tracker's.
    assert_eq!(stream.read(&mut [0; 1]).unwrap(), 1);
    stream
}

fn run(dir: &Path, args: &[&str]) {
    let ran = Command::new(program("control-center")).args(args).current_dir(dir).output().unwrap();
    assert!(ran.status.success(), "{args:?}: {}", String::from_utf8_lossy(&ran.stderr));
}

/// Signs in; the service and what every call carries.
async fn sign_in(dir: &Path, ready: &Value, password: String) -> (TransitServiceClient<Channel>, String) {
    let ca = Certificate::from_pem(fs::read(dir.join("hall/tls/ca.pem")).unwrap());
    let tls = ClientTlsConfig::new().ca_certificate(ca);
    let page = ready["https"].as_str().unwrap().to_owned();
    let channel = Endpoint::from_shared(page).unwrap().tls_config(tls).unwrap().connect().await.unwrap();
    let mut session = v1::session_service_client::SessionServiceClient::new(channel.clone());
    let sign_in = v1::SignInRequest { name: "admin".into(), password };
    let token = session.sign_in(sign_in).await.unwrap().into_inner().token;
    (TransitServiceClient::new(channel), format!("Bearer {token}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn trackers_on_sockets_tell_how_fast_the_roads_are() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let text = "[hall]\ndata_dir = \"hall\"\nlisten = \"127.0.0.1:0\"\n[bus]\nlisten = \"127.0.0.1:0\"\n";
    fs::write(dir.join("hall.toml"), text).unwrap();
    timetable(&dir.join("line.zip"));
    run(dir, &["gtfs", "import", "--config", "hall.toml", "--feed", "line", "line.zip"]);
    let mut hall = Command::new(program("control-center"));
    let mut hall = Running::start(hall.args(["serve", "--config", "hall.toml"]).current_dir(dir));
    let password = hall.line_with(WAIT_MAX, |line| line.contains("Password "));
    let password = password.split_once("Password ").unwrap().1.trim().to_owned();
    let ready: Value = serde_json::from_str(&hall.line_with(WAIT_MAX, |l| l.starts_with('{'))).unwrap();
    let bus = ready["bus"].as_str().unwrap().strip_prefix("tls/").unwrap();
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let text = format!(
        "[gateway]\nid = \"buses\"\ndata_dir = \"pole\"\n\
         [hall]\nconnect = \"{bus}\"\nca = \"c/ca.pem\"\ncertificate = \"c/cert.pem\"\nkey = \"c/key.pem\"\n\
         [buses]\n[[buses.listen]]\nprotocol = \"jt808\"\naddress = \"{free}\"\nzone = \"+00:00\"\n"
    );
    fs::write(dir.join("pole.toml"), text).unwrap();
    run(dir, &["gateway-certificate", "--config", "hall.toml", "--gateway", "buses", "--out", "c"]);
    let mut pole = Command::new(program("edge-agent"));
    let mut pole = Running::start(pole.args(["run", "--config", "pole.toml"]).current_dir(dir));
    pole.line_with(WAIT_MAX, |line| line.contains("is ready"));

    // Two buses, one run after the other; the second has just come to its end.
    let now_s = SystemClock::new().now().0 / 1000;
    let left_s = (now_s - HALTS_M[3] / SPEED - 60).div_euclid(EVERY_S) * EVERY_S;
    let drives = [(1, left_s - EVERY_S), (2, left_s)];
    let _connections = drives.map(|(phone, left_s)| drive(&free, phone, left_s));

    let (mut transit, token) = sign_in(dir, &ready, password).await;
    let told = async {
        loop {
            let mut request = tonic::Request::new(v1::ListSegmentsRequest { roads: 0 });
            request.metadata_mut().insert("authorization", token.parse().unwrap());
            let told = transit.list_segments(request).await.unwrap().into_inner();
            let of_both = |s: &&v1::SegmentNow| s.speed_mps.is_some();
            if told.segments.len() == 3 && told.now.iter().filter(of_both).count() == 3 {
                return told;
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    };
    let told = tokio::time::timeout(WAIT_MAX, told).await.expect("a speed of each segment");
    for now in &told.now {
        let segment = told.segments.iter().find(|s| s.segment == now.segment).unwrap();
        let speed = now.speed_mps.unwrap();
        assert!((speed - SPEED as f64).abs() < 0.5, "{speed} m/s from {}", segment.from_stop);
        assert!((segment.length_m - 700.0).abs() < 5.0 && segment.routes == ["32"], "{segment:?}");
        assert!((1..=2).contains(&now.buses), "{now:?}");
    }
}
