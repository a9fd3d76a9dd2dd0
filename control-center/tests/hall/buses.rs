//! A timetable is imported, a bus drives, and anybody may read where it will be, without signing in.

use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use hardware_ports::{Clock, SystemClock};
use models_wire::gtfs_realtime::FeedMessage;
use models_wire::v1;
use prost::Message;

use crate::harness::{Hall, PROGRAM, write_config};
use crate::street::{Pole, SOON};

pub const STOPS: usize = 8;
/// Stops lie so far apart, and a bus takes so long from one to the next.
const APART_DEG: f64 = 0.005;
const APART_S: i64 = 90;

/// A zone in which it is about noon, so that no turn of a day falls into the test.
pub fn noon(now_ms: i64) -> (String, i64) {
    let hours = 12 - now_ms.div_euclid(3_600_000).rem_euclid(24);
    // The names of these zones count westwards.
    (format!("Etc/GMT{:+}", -hours), hours * 3600)
}

/// One trip that left its first stop at `departs_ms`, and one so much later.
pub fn feed(departs_ms: i64, later_s: i64) -> Vec<u8> {
    let (zone, offset_s) = noon(departs_ms);
    let clock = |s: i64| format!("{:02}:{:02}:{:02}", s / 3600, s / 60 % 60, s % 60);
    let local_s = (departs_ms / 1000 + offset_s).rem_euclid(86_400);
    let mut stops = "stop_id,stop_name,stop_lat,stop_lon\n".to_owned();
    let mut times = "trip_id,arrival_time,departure_time,stop_id,stop_sequence\n".to_owned();
    for i in 0..STOPS {
        stops += &format!("s{i},Trạm <{i}>,21.0,{}\n", 105.8 + APART_DEG * i as f64);
        for (trip, later) in [("t1", 0), ("t2", later_s)] {
            let at = clock(local_s + later + APART_S * i as i64);
            times += &format!("{trip},{at},{at},s{i},{i}\n");
        }
    }
    let days = "monday,tuesday,wednesday,thursday,friday,saturday,sunday";
    let files = [
        (
            "agency.txt",
            format!("agency_id,agency_name,agency_url,agency_timezone\na,Xe,http://x.vn,{zone}\n"),
        ),
        ("routes.txt", "route_id,agency_id,route_short_name,route_type\nr,a,32,3\n".into()),
        ("stops.txt", stops),
        (
            "trips.txt",
            "route_id,service_id,trip_id,trip_headsign,block_id\nr,w,t1,Giáp Bát,b\nr,w,t2,Giáp Bát,c\n"
                .into(),
        ),
        ("stop_times.txt", times),
        (
            "calendar.txt",
            format!("service_id,{days},start_date,end_date\nw,1,1,1,1,1,1,1,20200101,20991231\n"),
        ),
    ];
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, text) in files {
        zip.start_file(name, zip::write::SimpleFileOptions::default()).unwrap();
        zip.write_all(text.as_bytes()).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

/// What its tracker tells: thirty seconds late all the way.
fn drive(departs_ms: i64) -> Vec<v1::Event> {
    drive_as("imei-1", departs_ms, 1, 17, |s| s - 30.0)
}

/// `fixes` of a bus, one every 15 s; `driven` says how many seconds of the timetable it has done so long after `from_ms`.
pub fn drive_as(
    vehicle: &str,
    from_ms: i64,
    first_seq: u64,
    fixes: i64,
    driven: impl Fn(f64) -> f64,
) -> Vec<v1::Event> {
    (0..fixes)
        .map(|i| {
            let at_ms = from_ms + i * 15_000;
            let driven_s = driven(i as f64 * 15.0).max(0.0);
            let body = v1::event::Body::Fix(v1::Fix {
                vehicle: vehicle.into(),
                fix_ms: at_ms,
                received_ms: at_ms + 500,
                lat: 21.0,
                lon: 105.8 + APART_DEG * driven_s / APART_S as f64,
                speed_mps: 5.8,
                course_deg: Some(90.0),
                valid: true,
                protocol: "test".into(),
                ..v1::Fix::default()
            });
            v1::Event { seq: first_seq + u64::try_from(i).unwrap(), at_ms, body: Some(body) }
        })
        .collect()
}

/// Takes the timetable in, as operator `xe`.
pub fn import(dir: &Path, feed: &[u8]) {
    let zip = dir.join("feed.zip");
    std::fs::write(&zip, feed).unwrap();
    let import = Command::new(PROGRAM)
        .args(["gtfs", "import", "--feed", "xe", "--config"])
        .arg(dir.join("hall.toml"))
        .arg(&zip)
        .output()
        .unwrap();
    assert!(import.status.success(), "{}", String::from_utf8_lossy(&import.stderr));
    assert!(String::from_utf8_lossy(&import.stdout).ends_with("xe is in force from 2020-01-01 on\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn passengers_are_told_of_a_bus_that_drives() {
    let now_ms = SystemClock::new().now().0;
    let departs_ms = now_ms - 240_000;
    let dir = Arc::new(tempfile::tempdir().unwrap());
    write_config(dir.path(), "127.0.0.1:0", "127.0.0.1:0");
    import(dir.path(), &feed(departs_ms, 3600));
    let hall = Hall::start_in(dir, &[]);
    let mut pole = Pole::join(&hall).await;
    let fixes = drive(departs_ms);
    assert_eq!(pole.send(1, &fixes).await, 17);

    let updates = "/gtfs-rt/xe/trip-updates.pb";
    let told = async {
        loop {
            let answer = hall.get(updates, &[]).await;
            let feed = FeedMessage::decode(&answer.body[..]).unwrap_or_default();
            if let Some(update) = feed.entity.first().and_then(|e| e.trip_update.clone()) {
                return (answer.header("etag").unwrap().to_owned(), update);
            }
            tokio::time::sleep(std::time::Duration::from_millis(300)).await;
        }
    };
    let (_, update) = tokio::time::timeout(SOON, told).await.expect("a trip update");
    assert_eq!(update.trip.trip_id.as_deref(), Some("t1"));
    let next = &update.stop_time_update[0];
    assert_eq!(next.stop_id.as_deref(), Some("s3"));
    let late_s = next.arrival.as_ref().unwrap().time.unwrap() - (departs_ms / 1000 + 3 * APART_S);
    assert!((15..=45).contains(&late_s), "{late_s} s late");
    let name = update.vehicle.unwrap().id.unwrap();
    assert!(!name.contains("imei"), "{name} is the tracker's own name");

    let answer = hall.get("/gtfs-rt/xe/alerts.pb", &[]).await;
    let tag = answer.header("etag").unwrap().to_owned();
    let again = hall.get("/gtfs-rt/xe/alerts.pb", &[("if-none-match", &tag)]).await;
    assert!(again.status() == "304" || again.header("etag") != Some(&tag), "{}", again.head);

    let page = hall.get("/stops/xe/s4?lang=en", &[]).await;
    let text = String::from_utf8(page.body).unwrap();
    assert!(text.contains("Trạm &lt;4&gt;") && text.contains("Giáp Bát"), "{text}");
    assert!(text.contains("from the bus's position") && !text.contains("imei"), "{text}");
    let siri = hall.get("/siri/xe/stop-monitoring.json?stop=s4", &[]).await;
    let text = String::from_utf8(siri.body).unwrap();
    assert!(text.contains("\"Monitored\":true") && text.contains("ExpectedArrivalTime"), "{text}");
    let siri = hall.get("/siri/xe/vehicle-monitoring.json", &[]).await;
    assert!(String::from_utf8(siri.body).unwrap().contains(&name));
    assert_eq!(hall.get("/stops/xe/none", &[]).await.status(), "404");
    assert!(
        String::from_utf8(hall.get("/stops?q=tr%E1%BA%A1m", &[]).await.body)
            .unwrap()
            .contains("/stops/xe/s0")
    );
    // Nobody may ask without end.
    let mut refused = false;
    for _ in 0..80 {
        refused |= hall.get("/stops", &[]).await.status() == "429";
    }
    assert!(refused);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rejected_position_has_its_reason_and_can_be_taken_back() {
    let hall = Hall::start();
    let mut pole = Pole::join(&hall).await;
    let mut fixes = drive(SystemClock::new().now().0 - 240_000);
    let Some(v1::event::Body::Fix(fix)) = &mut fixes[3].body else { panic!("a fix") };
    (fix.lat, fix.lon) = (0.0, 0.0);
    assert_eq!(pole.send(1, &fixes).await, 17);

    let rejected = || hall.run(&["fixes", "rejected", "--days", "1"]);
    let told = rejected();
    let line: serde_json::Value = serde_json::from_str(told.trim()).expect("one line");
    assert_eq!((line["vehicle"].as_str(), line["reason"].as_str()), (Some("imei-1"), Some("null_island")));
    let event = line["event"].to_string();
    hall.run(&["fixes", "take-back", "--event", &event, "--why", "it was there"]);
    assert!(!rejected().contains(&format!("\"event\":{event},")));
    hall.run(&["fixes", "take-back", "--undo", "--event", &event, "--why", "a mistake"]);
    assert!(rejected().contains("null_island"));
    let said = hall.fail(&["fixes", "take-back", "--event", "999999", "--why", "x"]);
    assert!(said.contains("999999") && said.contains("fixes rejected"), "{said}");
    let audit = hall.run(&["audit"]);
    assert!(audit.contains("take_back_fix") && audit.contains("it was there"), "{audit}");
}
