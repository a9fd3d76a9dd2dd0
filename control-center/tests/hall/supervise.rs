//! Supervisors see routes, buses, a space-time diagram, findings, trackers and reports; all of it is there after SIGKILL.

use std::sync::Arc;
use std::time::Duration;

use control_center_store::Store;
use hardware_ports::{Clock, SystemClock};
use models_domain::transit::accuracy::Scored;
use models_wire::v1;
use models_wire::v1::transit_service_client::TransitServiceClient;
use time::Date;
use tonic::transport::Channel;

use crate::buses::{STOPS, drive_as, feed, import};
use crate::harness::{Hall, with, write_config};
use crate::street::{Pole, SOON};

/// What a call answers once it holds.
pub async fn until<T, F: Future<Output = T>>(
    what: &str,
    ask: impl Fn() -> F,
    holds: impl Fn(&T) -> bool,
) -> T {
    let told = async {
        loop {
            let answer = ask().await;
            if holds(&answer) {
                return answer;
            }
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
    };
    tokio::time::timeout(2 * SOON, told).await.unwrap_or_else(|_| panic!("waiting for {what}"))
}

pub async fn client(hall: &Hall) -> (TransitServiceClient<Channel>, String) {
    (TransitServiceClient::new(hall.channel().await), hall.token().await)
}

async fn space_time(hall: &Hall) -> v1::GetSpaceTimeResponse {
    let (mut transit, token) = client(hall).await;
    let line =
        v1::GetSpaceTimeRequest { feed: "xe".into(), route: "r".into(), direction: None, day: String::new() };
    transit.get_space_time(with(&token, line)).await.unwrap().into_inner()
}

/// Two buses of one route: the first falls back until the second, which is on time, is behind it as one.
pub async fn city() -> (Hall, Pole) {
    let now_ms = SystemClock::new().now().0;
    let departs_ms = now_ms - 840_000;
    let dir = Arc::new(tempfile::tempdir().unwrap());
    write_config(dir.path(), "127.0.0.1:0", "127.0.0.1:0");
    import(dir.path(), &feed(departs_ms, 420));
    let hall = Hall::start_in(dir, &[]);
    let mut pole = Pole::join(&hall).await;
    // 450 s of the way after 840 s: 390 s late, and 30 s of the way before the second.
    let mut fixes = drive_as("imei-1", departs_ms, 1, 57, |s| s * 450.0 / 840.0);
    fixes.extend(drive_as("imei-2", departs_ms + 390_000, 58, 31, |s| s - 30.0));
    let mut nowhere = fixes[87].clone();
    nowhere.seq = 89;
    if let Some(v1::event::Body::Fix(fix)) = &mut nowhere.body {
        (fix.lat, fix.lon, fix.fix_ms) = (0.0, 0.0, fix.fix_ms - 5_000);
    }
    fixes.push(nowhere);
    assert_eq!(pole.send(1, &fixes).await, 89);
    (hall, pole)
}

/// What was told of the next stop is held against when the bus came there.
async fn a_prediction_is_scored(hall: &Hall, pole: &mut Pole) -> v1::PredictionErrors {
    // A few metres beyond the stop: it came there just now, after it was told.
    let farther = drive_as("imei-2", SystemClock::new().now().0, 90, 1, |_| 450.5);
    assert_eq!(pole.send(90, &farther).await, 90);
    let told = predictions(hall).await;
    assert!(told.lead_min == 3 && told.scored > 0 && told.mean_absolute_s < 90.0, "{told:?}");
    told
}

/// How good predictions of the shortest lead were, once it is told.
async fn predictions(hall: &Hall) -> v1::PredictionErrors {
    let (transit, token) = client(hall).await;
    let ask = || {
        let (mut transit, token) = (transit.clone(), token.clone());
        async move {
            transit.list_routes(with(&token, v1::ListRoutesRequest {})).await.unwrap().into_inner().routes
        }
    };
    let scored = |routes: &Vec<v1::RouteNow>| routes.first().is_some_and(|r| !r.predictions.is_empty());
    until("a prediction that is scored", ask, scored).await[0].predictions[0]
}

/// Waits until what was scored is in the store.
async fn a_score_is_kept(hall: &Hall, told: &v1::PredictionErrors) {
    let store = Store::open(&hall.dir.path().join("data/city.db")).await.unwrap();
    let kept = || store.prediction_scores(Date::MIN);
    let all = |kept: &Result<Vec<Scored>, _>| {
        kept.as_ref().unwrap().iter().any(|s| s.errors.scored == told.scored && s.route.as_str() == "r")
    };
    drop(until("the score in the store", kept, all).await);
    store.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn supervisors_see_the_buses_and_their_day() {
    let (hall, mut pole) = city().await;
    let (transit, token) = client(&hall).await;
    let ask = || {
        let (mut transit, token) = (transit.clone(), token.clone());
        async move {
            transit.get_buses(with(&token, v1::GetBusesRequest::default())).await.unwrap().into_inner().buses
        }
    };
    let buses = until("two buses under way", ask, |buses| buses.len() == 2).await;
    let names: Vec<_> = buses.iter().map(|b| (b.vehicle.as_str(), b.trip.as_str(), b.bunched)).collect();
    assert_eq!(names, [("imei-1", "t1", false), ("imei-2", "t2", true)]);
    assert!(buses[0].late_s.is_some_and(|s| (350.0..430.0).contains(&s)), "{:?}", buses[0].late_s);
    assert_eq!((buses[1].ahead_vehicle.as_str(), buses[1].ahead_timetabled_s), ("imei-1", Some(420.0)));
    assert!((1.0..105.0).contains(&buses[1].ahead_s.unwrap()), "{:?}", buses[1].ahead_s);

    let mut transit = transit;
    let routes =
        transit.list_routes(with(&token, v1::ListRoutesRequest {})).await.unwrap().into_inner().routes;
    assert_eq!((routes[0].short_name.as_str(), routes[0].operator.as_str()), ("32", "Xe"));
    assert_eq!((routes[0].buses, routes[0].late, routes[0].bunched, routes[0].missing), (2, 1, 1, 0));
    assert_eq!(routes[0].directions[0].runs_today, 2);

    let line = space_time(&hall).await;
    assert_eq!((line.stops.len(), line.scheduled.len(), line.driven.len()), (STOPS, 2, 2));
    assert!(line.driven.iter().all(|d| d.now && d.points.len() > 3), "{:?}", line.driven);
    let request = v1::GetSpaceTimeRequest {
        feed: "xe".into(),
        route: "r".into(),
        direction: Some(1),
        day: String::new(),
    };
    assert_eq!(
        transit.get_space_time(with(&token, request)).await.unwrap_err().code(),
        tonic::Code::NotFound
    );
    let request = v1::GetSpaceTimeRequest { feed: "xe".into(), day: "1.1.26".into(), ..Default::default() };
    assert_eq!(
        transit.get_space_time(with(&token, request)).await.unwrap_err().code(),
        tonic::Code::InvalidArgument
    );

    let request = v1::ListBusEventsRequest { feed: "xe".into(), ..Default::default() };
    let events = transit.list_bus_events(with(&token, request)).await.unwrap().into_inner().events;
    let late = events.iter().find(|e| e.finding == "late").expect("the first bus is late");
    assert_eq!((late.vehicle.as_str(), late.route.as_str(), late.ended_ms), ("imei-1", "r", None));
    assert!(late.place.is_some() && late.value.unwrap() > 300.0);

    let trackers =
        transit.list_trackers(with(&token, v1::ListTrackersRequest { hours: 1 })).await.unwrap().into_inner();
    let told: Vec<_> = trackers.trackers.iter().map(|t| (t.vehicle.as_str(), t.reports)).collect();
    assert_eq!(told, [("imei-1", 57), ("imei-2", 32)]);
    assert_eq!(trackers.trackers[1].rejected[0].reason, "null_island");

    let day = v1::GetBusDayRequest { vehicle: "imei-2".into(), day: String::new() };
    let replay = transit.get_bus_day(with(&token, day)).await.unwrap().into_inner();
    assert_eq!(replay.fixes.len(), 31);
    assert!(!replay.passings.is_empty() && replay.passings[0].stop_name.starts_with("Trạm"));
    assert_eq!(replay.passings[0].route, "32", "what stands on the bus");

    assert_eq!(routes[0].predictions, []);
    let told = a_prediction_is_scored(&hall, &mut pole).await;
    a_score_is_kept(&hall, &told).await;

    // Nobody else is told, and nothing of it is lost with the hall.
    let refused = TransitServiceClient::new(hall.channel().await).list_routes(v1::ListRoutesRequest {}).await;
    assert_eq!(refused.unwrap_err().code(), tonic::Code::Unauthenticated);
    let passings =
        |line: &v1::GetSpaceTimeResponse| -> usize { line.driven.iter().map(|d| d.points.len()).sum() };
    let before = passings(&line);
    let hall = hall.kill_and_start();
    let after = until("the day after a restart", || space_time(&hall), |line| !line.stops.is_empty()).await;
    assert!(passings(&after) + 2 >= before, "{} of {before} points", passings(&after));
    assert_eq!(predictions(&hall).await, told, "what was scored is gone on with");
}

#[tokio::test(flavor = "multi_thread")]
async fn reports_are_on_the_page_and_in_files() {
    let (hall, _pole) = city().await;
    let (transit, token) = client(&hall).await;
    let ask = || {
        let (mut transit, token) = (transit.clone(), token.clone());
        let request = v1::GetTransitReportRequest::default();
        async move { transit.get_transit_report(with(&token, request)).await.unwrap().into_inner() }
    };
    let passed = |told: &v1::GetTransitReportResponse| told.routes.first().is_some_and(|r| r.passings >= 9);
    let told = until("passings in the report", ask, passed).await;
    let (route, operator) = (&told.routes[0], &told.operators[0]);
    assert_eq!((route.runs_scheduled, route.runs_partial, route.vehicles), (2, 2, 2));
    assert!(route.km_driven > 3.0 && route.km_driven < route.km_scheduled, "{route:?}");
    assert_eq!(route.on_time + route.early + route.late, route.passings);
    assert_eq!((operator.operator.as_str(), operator.passings), ("Xe", route.passings));
    assert_eq!(route.positions_rejected, 1);

    let bearer = format!("Bearer {token}");
    let get = async |path: &str| hall.get(path, &[("authorization", &bearer)]).await;
    let answer = get("/transit/report.csv").await;
    assert_eq!(answer.status(), "200", "{}", answer.head);
    assert!(
        answer.header("content-disposition").unwrap().starts_with("attachment; filename=\"buses-report-")
    );
    let text = text(&answer.body);
    assert!(text.contains("service_day,feed,operator,route") && text.contains(",xe,Xe,r,32,2,"), "{text}");
    let book = get("/transit/report.xlsx?lang=en").await;
    let mut zip = zip::ZipArchive::new(std::io::Cursor::new(unchunked(&book.body))).unwrap();
    assert!(zip.by_name("xl/worksheets/sheet2.xml").is_ok(), "a sheet by route and one by operator");
    let vehicles = self::text(&get("/transit/vehicles.csv").await.body);
    let counted = |vehicle: &str, counts: &str| vehicles.contains(&format!(",{vehicle},{counts},"));
    assert!(counted("imei-1", "0") && counted("imei-2", "1"), "{vehicles}");
    let one = self::text(&get("/transit/vehicles.csv?vehicle=imei-2").await.body);
    assert!(one.contains(",imei-2,") && !one.contains("imei-1"), "{one}");
    let unheeded = [
        "vehicles.csv?feed=xe",
        "traffic.csv?feed=xe",
        "report.csv?vehicle=imei-2",
        "traffic.csv?vehicle=imei-2",
    ];
    for path in unheeded {
        assert_eq!(get(&format!("/transit/{path}")).await.status(), "400", "{path}");
    }
    let passings = self::text(&get("/transit/passings.csv?vehicle=imei-2").await.body);
    assert!(
        passings.contains("feed,service_day,route")
            && passings.contains("imei-2")
            && !passings.contains("imei-1")
    );
    let positions = self::text(&get("/transit/positions.csv").await.body);
    assert_eq!(positions.matches("imei-1,").count(), 57);
    assert_eq!(positions.matches("null_island").count(), 1);
    let parquet = unchunked(&get("/transit/passings.parquet").await.body);
    assert!(parquet.starts_with(b"PAR1") && parquet.ends_with(b"PAR1") && parquet.len() > 1_000);
    assert_eq!(get("/transit/report.csv?from=2.3.26").await.status(), "400");
    assert_eq!(get("/transit/report.pdf").await.status(), "404");

    let refused = hall.get("/transit/report.csv", &[]).await;
    assert_eq!((refused.status(), refused.header("location")), ("303", Some("/sign-in")));
    let audit = hall.run(&["audit"]);
    assert_eq!(audit.matches("download_buses").count(), 7, "{audit}");
    for file in ["passings.csv", "vehicles.csv"] {
        let of_one = |line: &str| line.contains(&format!("file={file}")) && line.contains("vehicle=imei-2");
        assert!(audit.lines().any(of_one), "{audit}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_passengers_are_told_can_be_turned_off() {
    let dir = Arc::new(tempfile::tempdir().unwrap());
    let text = "[hall]\ndata_dir = \"data\"\nlisten = \"127.0.0.1:0\"\npublic_buses = false\n[bus]\nlisten = \"127.0.0.1:0\"\n";
    std::fs::write(dir.path().join("hall.toml"), text).unwrap();
    let hall = Hall::start_in(dir, &[]);
    let bearer = format!("Bearer {}", hall.token().await);
    for path in ["/stops", "/gtfs-rt/xe/alerts.pb", "/siri/xe/vehicle-monitoring.json"] {
        assert_eq!(hall.get(path, &[]).await.status(), "303", "{path}");
        assert_eq!(hall.get(path, &[("authorization", &bearer)]).await.status(), "404", "{path}");
    }
}

pub fn text(body: &[u8]) -> String {
    String::from_utf8_lossy(&unchunked(body)).into_owned()
}

/// The body of an answer, whether it came in chunks (RFC 9112 §7.1) or whole.
pub fn unchunked(body: &[u8]) -> Vec<u8> {
    let mut rest = body;
    let mut whole = Vec::new();
    loop {
        let Some(end) = rest.windows(2).position(|w| w == b"\r\n") else { return body.to_vec() };
        let size = std::str::from_utf8(&rest[..end]).ok().and_then(|t| usize::from_str_radix(t, 16).ok());
        let Some(size) = size.filter(|size| rest.len() >= end + 4 + size) else { return body.to_vec() };
        if size == 0 {
            return whole;
        }
        whole.extend_from_slice(&rest[end + 2..end + 2 + size]);
        rest = &rest[end + 2 + size + 2..];
    }
}
