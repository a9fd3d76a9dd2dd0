//! Late buses at a junction, with real programs: their trackers tell where they are, the hall knows their timetable, orders green for one,
//! and gives the junction back behind it; for a second that comes too soon, and for one that comes while somebody's order stands, it
//! orders nothing and says why.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use hardware_ports::{Clock, SystemClock};
use models_wire::v1;
use ngatu_tests::ports::free_address;
use ngatu_tests::programs::{Running, program};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::Instant;
use v1::SignalWish as W;
use v1::transit_service_client::TransitServiceClient;

use super::hall::{Hall, Person};
use super::street::{WAIT, run_pole};

/// The stop line is so far east; so far before it a bus of the test has come when its drive begins.
const LINE_M: f64 = 1_000.0;
const BEFORE_M: f64 = 150.0;
const SPEED_MPS: f64 = 7.0;
const METER: f64 = 1.0 / 111_195.0;
const LAT: f64 = 21.02;

/// Latitude and longitude of a place so far east and north.
fn place((east, north): (f64, f64)) -> (f64, f64) {
    (LAT + north * METER, 105.84 + east * METER / LAT.to_radians().cos())
}

/// A route's way: along a street of its own at first, then into the one with the junction.
fn way(route: usize) -> [(f64, f64); 4] {
    let north = [0.0, 500.0, -500.0][route];
    [(0.0, north), (500.0, north), (700.0, 0.0), (2_000.0, 0.0)]
}

fn length(route: usize) -> f64 {
    way(route).windows(2).map(|pair| (pair[1].0 - pair[0].0).hypot(pair[1].1 - pair[0].1)).sum()
}

/// Where a bus is that has come so far.
fn at(route: usize, along_m: f64) -> (f64, f64) {
    let mut left = along_m;
    for pair in way(route).windows(2) {
        let (dx, dy) = (pair[1].0 - pair[0].0, pair[1].1 - pair[0].1);
        let part = dx.hypot(dy);
        if left <= part {
            return place((pair[0].0 + dx * left / part, pair[0].1 + dy * left / part));
        }
        left -= part;
    }
    place(way(route)[3])
}

fn priority() -> String {
    format!(
        "[[bus_priority]]\nid = \"p\"\nname = \"Kim Mã\"\njunction = \"a\"\nrest_s = 60\n\
         [[bus_priority.approach]]\nname = \"Từ phía tây\"\ngroups = [2]\nstop_line = [{LAT}, {}]\nheading_deg = 90\n",
        place((LINE_M, 0.0)).1
    )
}

/// Group 1 has most of the time, the buses' group 2 little.
const STREET: &str = "reconnect_s = 0.3\nwatchdog_s = 60.0\nacknowledgement_s = 20.0\nspeed = 1.0\nalarm_every_s = 0.0\n\
    alarm_lasts_s = 0.0\n[[site]]\njunction = \"A\"\nsite_id = \"HN+A\"\ncomponent = \"HN+A=001TC000\"\noffset_s = 0\n\
    yellow_s = 3\nall_red_s = 2\nwalk_clear_s = 4\ngroups = [\"vehicle\", \"vehicle\"]\n\
    stages = [{ green_s = 40, groups = [1] }, { green_s = 6, groups = [2] }]\n";

fn pole(hall: &str, rsmp: &str, tracker: &str) -> String {
    let group = |n: u8| format!("{{ component = \"HN+A=001SG00{n}\", green_min_s = 3, red_max_s = 90 }}");
    format!(
        "[gateway]\nid = \"edge-street\"\ndata_dir = \"pole\"\n[hall]\nconnect = \"{hall}\"\nca = \"c/ca.pem\"\n\
         certificate = \"c/cert.pem\"\nkey = \"c/key.pem\"\n[buses]\n[[buses.listen]]\nprotocol = \"osmand\"\n\
         address = \"{tracker}\"\n[signals]\nlisten = \"{rsmp}\"\n[[signals.site]]\nsite_id = \"HN+A\"\n\
         component = \"HN+A=001TC000\"\njunction = \"a\"\nname = \"A\"\nposition = [{LAT}, {}]\nplans = [1]\n\
         security_code = \"2222\"\ngroup = [{}, {}]\nconflict = [{{ groups = [1], with = [2], intergreen_s = 5 }}]\n",
        place((LINE_M, 0.0)).1,
        group(1),
        group(2)
    )
}

fn start_street(dir: &Path, rsmp: &str) -> Running {
    fs::write(dir.join("street.toml"), STREET).unwrap();
    let mut command = Command::new(program("signal-simulator"));
    let mut street =
        Running::start(command.args(["--config", "street.toml", "--connect", rsmp]).current_dir(dir));
    street.line_with(WAIT, |line| line.contains("ready"));
    street
}

/// A trip of each of the routes 30, 31 and 32 that is to leave at `departs_ms`, with halts at its begin, after 400 m and at its end. In a zone
/// where it is about noon, so that no turn of a day falls into the test.
fn write_feed(file: &Path, departs_ms: i64) {
    let hours = 12 - departs_ms.div_euclid(3_600_000).rem_euclid(24);
    let local_s = (departs_ms / 1_000 + hours * 3_600).rem_euclid(86_400);
    let clock = |s: i64| format!("{:02}:{:02}:{:02}", s / 3600, s / 60 % 60, s % 60);
    let mut routes = "route_id,agency_id,route_short_name,route_type\n".to_owned();
    let mut stops = "stop_id,stop_name,stop_lat,stop_lon\n".to_owned();
    let mut shapes = "shape_id,shape_pt_lat,shape_pt_lon,shape_pt_sequence\n".to_owned();
    let mut trips = "route_id,service_id,trip_id,trip_headsign,shape_id\n".to_owned();
    let mut times = "trip_id,arrival_time,departure_time,stop_id,stop_sequence\n".to_owned();
    for route in 0..3 {
        routes += &format!("r{route},a,3{route},3\n");
        trips += &format!("r{route},w,t{route},Giáp Bát,w{route}\n");
        for (i, along_m) in [0.0, 400.0, length(route)].into_iter().enumerate() {
            let ((lat, lon), due) = (at(route, along_m), clock(local_s + (along_m / SPEED_MPS) as i64));
            stops += &format!("s{route}-{i},Trạm {i},{lat},{lon}\n");
            times += &format!("t{route},{due},{due},s{route}-{i},{i}\n");
        }
        for i in 0..=20 {
            let (lat, lon) = at(route, length(route) * f64::from(i) / 20.0);
            shapes += &format!("w{route},{lat},{lon},{i}\n");
        }
    }
    let days = "monday,tuesday,wednesday,thursday,friday,saturday,sunday";
    let zone = format!("Etc/GMT{:+}", -hours);
    let files = [
        (
            "agency.txt",
            format!("agency_id,agency_name,agency_url,agency_timezone\na,Xe,http://x.vn,{zone}\n"),
        ),
        ("routes.txt", routes),
        ("stops.txt", stops),
        ("shapes.txt", shapes),
        ("trips.txt", trips),
        ("stop_times.txt", times),
        (
            "calendar.txt",
            format!("service_id,{days},start_date,end_date\nw,1,1,1,1,1,1,1,20200101,20991231\n"),
        ),
    ];
    let mut zip = zip::ZipWriter::new(fs::File::create(file).unwrap());
    for (name, text) in files {
        zip.start_file(name, zip::write::SimpleFileOptions::default()).unwrap();
        zip.write_all(text.as_bytes()).unwrap();
    }
    zip.finish().unwrap();
}

/// What a bus's tracker tells, by OsmAnd's protocol: speed in knots.
async fn tell(tracker: &str, bus: &str, at_s: i64, (lat, lon): (f64, f64)) {
    let mut stream = TcpStream::connect(tracker).await.unwrap();
    let knots = SPEED_MPS * 3.6 / 1.852;
    let asked = format!(
        "GET /?id={bus}&lat={lat}&lon={lon}&timestamp={at_s}&speed={knots} HTTP/1.1\r\nhost: pole\r\n\r\n"
    );
    stream.write_all(asked.as_bytes()).await.unwrap();
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 200");
}

fn now_s() -> i64 {
    SystemClock::new().now().0 / 1_000
}

/// A bus of a route that has come near the line by now, and drives on each second until it is behind it.
async fn drive(tracker: &str, bus: &str, route: usize) {
    let line_m = length(route) - (2_000.0 - LINE_M);
    let begin_s = now_s();
    let along_m = |at_s: i64| line_m - BEFORE_M + SPEED_MPS * (at_s - begin_s) as f64;
    for before_s in (0..=24).rev().map(|n| n * 5) {
        let at_s = begin_s - before_s;
        tell(tracker, bus, at_s, at(route, along_m(at_s))).await;
    }
    loop {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let at_s = now_s();
        tell(tracker, bus, at_s, at(route, along_m(at_s))).await;
        if along_m(at_s) > line_m + 100.0 {
            return;
        }
    }
}

impl Person<'_> {
    async fn until_routes(&self) {
        let until = Instant::now() + WAIT;
        loop {
            let asked = self.with(v1::ListRoutesRequest::default());
            let mut calls = TransitServiceClient::new(self.channel());
            let routes = calls.list_routes(asked).await.unwrap().into_inner().routes;
            if !routes.is_empty() {
                return;
            }
            assert!(Instant::now() < until, "the timetable is not read");
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
    }

    /// What became of a bus, as soon as it is as wanted.
    async fn until_bus(
        &self,
        bus: &str,
        reached: impl Fn(&v1::BusPriorityRequest) -> bool,
    ) -> v1::BusPriorityRequest {
        let until = Instant::now() + WAIT;
        loop {
            let asked = self.with(v1::ListBusPriorityRequest { junction: "a".into() });
            let listed = self.calls().list_bus_priority(asked).await.unwrap().into_inner();
            assert!(listed.configured);
            if let Some(found) = listed.requests.iter().find(|r| r.vehicle == bus && reached(r)) {
                return found.clone();
            }
            assert!(Instant::now() < until, "{bus}: {:?}", listed.requests);
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    async fn for_buses(&self) -> Vec<v1::SignalOrderRow> {
        let asked = self.with(v1::ListOrdersRequest { junction: "a".into(), ..Default::default() });
        let rows = self.calls().list_orders(asked).await.unwrap().into_inner().orders;
        rows.into_iter().filter(|row| row.asked_by == "bus_priority:p").collect()
    }

    async fn order_plan(&self) -> v1::SignalOrderRow {
        let wanted = v1::SignalWanted { wish: W::Plan.into(), plan: 1, groups: Vec::new() };
        self.ask_for(v1::RequestOrderRequest {
            junction: "a".into(),
            wanted: Some(wanted),
            hold_ms: 600_000,
            patience_ms: 0,
            purpose: "thử nghiệm".into(),
        })
        .await
        .unwrap()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_late_bus_has_green_and_others_their_turn() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let (hall, password) = Hall::start_in(dir, "", &priority()).await;
    let refused = hall.fail(&["add-user", "--user", "bus_priority:p"]);
    assert!(refused.contains("must not begin with \"bus_priority:\""), "{refused}");
    write_feed(&dir.join("feed.zip"), (now_s() - 400) * 1_000);
    hall.run(&["gtfs", "import", "--feed", "xe", "feed.zip"]);
    hall.run(&["gateway-certificate", "--gateway", "edge-street", "--out", "c"]);
    let (rsmp, tracker) = (free_address(), free_address());
    let _pole = run_pole(dir, &pole(&hall.bus, &rsmp, &tracker));
    let _street = start_street(dir, &rsmp);
    let admin = hall.sign_in("admin", &password.unwrap()).await;
    admin.until_routes().await;
    admin.on_its_own_plan().await;

    // A person's order stands: the bus has nothing, and it is said why.
    let theirs = admin.order_plan().await;
    admin.until(theirs.id, "done").await;
    let (_, seen) = tokio::join!(
        drive(&tracker, "bus-1", 0),
        admin.until_bus("bus-1", |r| r.state == "waits" && r.why == "other_order")
    );
    assert_eq!((seen.detail.as_str(), seen.route.as_str(), seen.order), ("admin", "30", 0));
    assert!(seen.late_s > 120.0 && (0.0..161.0).contains(&seen.to_line_m), "{seen:?}");
    let over = admin.until_bus("bus-1", |r| r.ended_ms > 0).await;
    assert_eq!((over.state.as_str(), over.why.as_str()), ("unhelped", "other_order"));
    assert!(over.passed_ms > 0 && admin.for_buses().await.is_empty(), "{over:?}");
    let own = admin.ask(W::OwnPlan, 0).await.unwrap();
    admin.until(own.id, "done").await;

    // The next has green, and the junction is on its own plan behind it.
    let green = async {
        let asked = admin.until_bus("bus-2", |r| r.state == "ordered").await;
        admin.until(asked.order, "done").await
    };
    let (_, done) = tokio::join!(drive(&tracker, "bus-2", 1), green);
    assert!(done.detail.ends_with("green 2"), "{done:?}");
    assert!(done.purpose.starts_with("bus bus-2 of route 31, trip t1"), "{done:?}");
    assert!(
        done.purpose.ends_with("m before Từ phía tây") && done.ends_ms - done.sent_ms <= 30_000,
        "{done:?}"
    );
    let passed = admin.until_bus("bus-2", |r| r.ended_ms > 0).await;
    assert_eq!((passed.state.as_str(), passed.order), ("passed", done.id));
    assert!(passed.asked_ms <= passed.green_ms && passed.asked_ms <= passed.passed_ms, "{passed:?}");
    // Where the junction had only just left that stage, green comes at the moment at which the bus does.
    assert!(passed.green_ms - passed.passed_ms < 3_000, "{passed:?}");
    admin.on_its_own_plan().await;
    let ended = admin.until(done.id, "ended").await;
    assert_eq!(ended.detail, "order");
    let orders = admin.for_buses().await;
    assert_eq!(orders.len(), 2, "green, and back: {orders:?}");

    // One that comes right after it waits like anybody else.
    let (_, waits) =
        tokio::join!(drive(&tracker, "bus-3", 2), admin.until_bus("bus-3", |r| r.state == "waits"));
    assert!(matches!(waits.why.as_str(), "rest" | "others_wait"), "{waits:?}");
    admin.until_bus("bus-3", |r| r.state == "unhelped").await;
    assert_eq!(admin.for_buses().await.len(), 2);

    let audit = hall.run(&["audit"]);
    for words in [
        "\"user\":\"bus_priority:p\",\"action\":\"signal_order_sent\",\"purpose\":\"bus bus-2 of route 31, trip t1",
        "\"user\":\"bus_priority:p\",\"action\":\"signal_order_outcome\",\"purpose\":\"bus bus-2 of route 31, trip t1",
    ] {
        assert!(audit.contains(words), "{words} is not in {audit}");
    }
}
