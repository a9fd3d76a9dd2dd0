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

/// A route along a street that runs east, with stops so far apart that it is driven from one to the next in so long.
pub struct Street<'a> {
    pub route: &'a str,
    pub short_name: &'a str,
    /// What its stops' ids begin with.
    pub stop: &'a str,
    pub lat: f64,
    pub apart_deg: f64,
    pub apart_s: i64,
    /// Each with its start, in seconds after the first of all, and its block.
    pub trips: &'a [(&'a str, i64, &'a str)],
}

/// One trip that left its first stop at `departs_ms`, and one so much later.
pub fn feed(departs_ms: i64, later_s: i64) -> Vec<u8> {
    let trips = &[("t1", 0, "b"), ("t2", later_s, "c")];
    let (route, short_name, stop, lat) = ("r", "32", "s", 21.0);
    let street = Street { route, short_name, stop, lat, apart_deg: APART_DEG, apart_s: APART_S, trips };
    timetable("Xe", departs_ms, &[street])
}

/// What an operator runs every day; `first_ms` is when the first trip of all left its first stop.
pub fn timetable(operator: &str, first_ms: i64, streets: &[Street<'_>]) -> Vec<u8> {
    let (zone, offset_s) = noon(first_ms);
    let clock = |s: i64| format!("{:02}:{:02}:{:02}", s / 3600, s / 60 % 60, s % 60);
    let local_s = (first_ms / 1000 + offset_s).rem_euclid(86_400);
    let mut routes = "route_id,agency_id,route_short_name,route_type\n".to_owned();
    let mut stops = "stop_id,stop_name,stop_lat,stop_lon\n".to_owned();
    let mut trips = "route_id,service_id,trip_id,trip_headsign,block_id\n".to_owned();
    let mut times = "trip_id,arrival_time,departure_time,stop_id,stop_sequence\n".to_owned();
    for street in streets {
        let Street { route, short_name, stop, lat, apart_deg, apart_s, .. } = street;
        routes += &format!("{route},a,{short_name},3\n");
        for (trip, _, block) in street.trips {
            trips += &format!("{route},w,{trip},Giáp Bát,{block}\n");
        }
        for i in 0..STOPS {
            stops += &format!("{stop}{i},Trạm <{i}>,{lat},{}\n", 105.8 + apart_deg * i as f64);
            for (trip, later_s, _) in street.trips {
                let at = clock(local_s + later_s + apart_s * i as i64);
                times += &format!("{trip},{at},{at},{stop}{i},{i}\n");
            }
        }
    }
    let days = "monday,tuesday,wednesday,thursday,friday,saturday,sunday";
    let agency =
        format!("agency_id,agency_name,agency_url,agency_timezone\na,{operator},http://x.vn,{zone}\n");
    let calendar = format!("service_id,{days},start_date,end_date\nw,1,1,1,1,1,1,1,20200101,20991231\n");
    let files = [
        ("agency.txt", agency),
        ("routes.txt", routes),
        ("stops.txt", stops),
        ("trips.txt", trips),
        ("stop_times.txt", times),
        ("calendar.txt", calendar),
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
    import_as("xe", dir, feed);
}

pub fn import_as(operator: &str, dir: &Path, feed: &[u8]) {
    let zip = dir.join("feed.zip");
    std::fs::write(&zip, feed).unwrap();
    let import = Command::new(PROGRAM)
        .args(["gtfs", "import", "--feed", operator, "--config"])
        .arg(dir.join("hall.toml"))
        .arg(&zip)
        .output()
        .unwrap();
    assert!(import.status.success(), "{}", String::from_utf8_lossy(&import.stderr));
    let said = String::from_utf8_lossy(&import.stdout).into_owned();
    assert!(said.ends_with(&format!("{operator} is in force from 2020-01-01 on\n")), "{said}");
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

    for file in ["trip-updates", "vehicle-positions", "alerts"] {
        let path = format!("/gtfs-rt/xe/{file}.pb");
        let mut known = false;
        // Made anew every ten seconds: only between two asked at once it may have changed.
        for _ in 0..3 {
            let tag = hall.get(&path, &[]).await.header("etag").unwrap().to_owned();
            let again = hall.get(&path, &[("if-none-match", &tag)]).await;
            known |= again.status() == "304" && again.body.is_empty();
            assert!(again.status() == "304" || again.header("etag") != Some(&tag), "{}", again.head);
        }
        assert!(known, "{file}: who has it is told so");
    }
    let positions = hall.get("/gtfs-rt/xe/vehicle-positions.pb", &[]).await;
    let positions = FeedMessage::decode(&positions.body[..]).unwrap();
    let bus = positions.entity.iter().find_map(|e| e.vehicle.clone()).expect("the bus");
    assert_eq!((bus.vehicle.unwrap().id, bus.trip.unwrap().trip_id), (Some(name.clone()), Some("t1".into())));
    let told_s = positions.header.unwrap().timestamp.unwrap();
    let old_s = SystemClock::new().now().0 / 1000 - told_s.cast_signed();
    assert!((-1..=15).contains(&old_s), "made {old_s} s ago");

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
    for _ in 0..600 {
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
