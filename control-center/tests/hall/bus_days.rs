//! Buses' days go from three o'clock to three: what a bus reports at night is of one of them, in its replay, in reports and in files.

use std::collections::BTreeMap;
use std::io::{Cursor, Read};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use bytes::Bytes;
use control_center_gtfs::Zone;
use control_center_store::{BusEvent, BusNews, Commit, NewEvent, Store};
use models_domain::event::Phase;
use models_domain::geo::LatLon;
use models_domain::transit::finding::{Finding, TransitEvent};
use models_domain::transit::headway::Line;
use models_domain::transit::passing::Passing;
use models_domain::transit::timetable::{RunKey, TripId};
use models_domain::transit::{Fix, Told};
use models_domain::{DurationMs, Event, EventBody, EventId, MetersPerSecond, Seq, UtcMillis};
use models_wire::v1;
use parquet::file::reader::{FileReader, SerializedFileReader};
use time::Date;
use time::macros::date;

use crate::buses::{STOPS, Street, timetable};
use crate::harness::{Hall, PROGRAM, with};
use crate::supervise::{client, unchunked, until};

const TRIPS: [(&str, i64, &str); 7] = [
    ("t0", 0, "b0"),
    ("t1", 3_600, "b1"),
    ("t2", 7_200, "b2"),
    ("t3", 10_800, "b3"),
    ("t4", 14_400, "b4"),
    ("t5", 18_000, "b5"),
    ("t6", 21_600, "b6"),
];

/// A hall that was told this before it started, with a timetable in a zone.
async fn hall(zone: &str, fixes: Vec<Fix>, news: BusNews) -> Hall {
    let dir = Arc::new(tempfile::tempdir().unwrap());
    let config = "[hall]\ndata_dir = \"data\"\nlisten = \"127.0.0.1:0\"\nkeep_events_days = 36500\n[bus]\nlisten = \"127.0.0.1:0\"\n";
    std::fs::write(dir.path().join("hall.toml"), config).unwrap();
    import_in(zone, dir.path());
    let store = Store::open(&dir.path().join("data/city.db")).await.unwrap();
    let new = |(seq, fix): (u64, Fix)| {
        let event = Event { id: EventId { boot: 1, seq: Seq(seq) }, at: fix.at, body: EventBody::Fix(fix) };
        NewEvent { gateway: "pole-1".parse().unwrap(), boot: 1, seq, payload: Vec::new(), event: Some(event) }
    };
    let events: Vec<NewEvent> = (1..).zip(fixes).map(new).collect();
    store.store(&Commit { events, ..Commit::default() }).await.unwrap();
    store.keep_bus_news(&[news]).await.unwrap();
    store.close().await;
    let hall = Hall::start_in(dir, &[]);
    let (transit, token) = client(&hall).await;
    let ask = || {
        let (mut transit, token) = (transit.clone(), token.clone());
        let asked = v1::GetBusDayRequest { vehicle: "bus-1".into(), day: String::new() };
        async move { transit.get_bus_day(with(&token, asked)).await.is_ok() }
    };
    until("a timetable", ask, |there| *there).await;
    hall
}

fn import_in(zone: &str, dir: &Path) {
    let (route, short_name, stop, lat) = ("r", "32", "s", 21.0);
    let street = Street { route, short_name, stop, lat, apart_deg: 0.005, apart_s: 90, trips: &TRIPS };
    let zip = dir.join("feed.zip");
    std::fs::write(&zip, timetable("Xe", 0, &[street])).unwrap();
    let args = ["gtfs", "import", "--feed", "xe", "--zone", zone, "--config"];
    let import = Command::new(PROGRAM).args(args).arg(dir.join("hall.toml")).arg(&zip).output().unwrap();
    assert!(import.status.success(), "{}", String::from_utf8_lossy(&import.stderr));
}

fn fix(vehicle: &str, at: UtcMillis, valid: bool) -> Fix {
    Fix {
        vehicle: vehicle.parse().unwrap(),
        at,
        received: at,
        position: LatLon::new(21.0, 105.8),
        speed: MetersPerSecond(0.0),
        course: None,
        altitude: None,
        valid,
        protocol: "test".into(),
        told: Told::default(),
    }
}

/// The `n`th stop that the bus passes, stop after stop and run after run: 56 are those of all runs of a service day.
fn passing(n: usize, date: Date, at: UtcMillis) -> Passing {
    let (trip, call) = (TRIPS[n / STOPS % TRIPS.len()].0, n % STOPS);
    Passing {
        vehicle: "bus-1".parse().unwrap(),
        feed: "xe".into(),
        route: "r".into(),
        direction: None,
        run: RunKey { date, trip: TripId(trip.to_owned()), start_s: None },
        call,
        stop: format!("s{call}").as_str().into(),
        at,
        due: at,
        headway: None,
        gap: DurationMs(10_000),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bus_day_is_replayed_from_three_oclock_to_three() {
    // Three o'clock in Hanoi on 3 March 2025. Midnight is 75,600 seconds later.
    let three = UtcMillis(1_740_945_600_000);
    let after_s = [-1, 0, 75_599, 75_600, 86_399, 86_400];
    let moments = after_s.map(|s| three + DurationMs(s * 1_000));
    let fixes = moments.map(|at| fix("bus-1", at, true)).to_vec();
    // The first is of a run of the day before, the last of one that goes on after its day.
    let date = |n: usize| if n == 0 { date!(2025 - 03 - 02) } else { date!(2025 - 03 - 03) };
    let passings = moments.into_iter().enumerate().map(|(n, at)| passing(n, date(n), at)).collect();
    let hall = hall("Asia/Ho_Chi_Minh", fixes, BusNews { passings, ..BusNews::default() }).await;
    let (transit, token) = client(&hall).await;
    for (day, want) in [
        ("2025-03-01", &after_s[..0]),
        ("2025-03-02", &after_s[..1]),
        ("2025-03-03", &after_s[1..5]),
        ("2025-03-04", &after_s[5..]),
        ("2025-03-05", &after_s[..0]),
    ] {
        let asked = v1::GetBusDayRequest { vehicle: "bus-1".into(), day: day.into() };
        let told = transit.clone().get_bus_day(with(&token, asked)).await.unwrap().into_inner();
        let after = |at_ms: i64| (at_ms - three.0) / 1_000;
        let seen: Vec<i64> = told.fixes.iter().map(|fix| after(fix.at_ms)).collect();
        let passed: Vec<i64> = told.passings.iter().map(|passing| after(passing.at_ms)).collect();
        assert_eq!((&seen[..], &passed[..]), (want, want), "{day}");
    }
}

/// Three buses' days around a night in which clocks change.
struct Days {
    zone: &'static str,
    first: Date,
    /// Begin of the first.
    from: UtcMillis,
    hours: [i64; 3],
}

const HALF_HOUR: DurationMs = DurationMs(1_800_000);
/// Runs of a service day go on for so long after the buses' day has turned.
const NIGHT: DurationMs = DurationMs(3 * HALF_HOUR.0);

impl Days {
    /// Begins, and the end of the last.
    fn bounds(&self) -> [UtcMillis; 4] {
        let hours = [0, self.hours[0], self.hours[0] + self.hours[1], self.hours.iter().sum()];
        hours.map(|hours| self.from + DurationMs(hours * 2 * HALF_HOUR.0))
    }

    fn names(&self) -> [String; 3] {
        [0, 1, 2].map(|n| (self.first + time::Duration::days(n)).to_string())
    }

    /// How many half hours each has.
    fn counts(&self) -> [String; 3] {
        self.hours.map(|hours| (2 * hours).to_string())
    }

    /// Each half hour, from a day before them until a day after.
    fn moments(&self) -> impl Iterator<Item = UtcMillis> {
        let [from, .., to] = self.bounds();
        let day_ms = 48 * HALF_HOUR.0;
        let begun_ms = (from.0 - day_ms..to.0 + day_ms).step_by(HALF_HOUR.0 as usize);
        begun_ms.map(UtcMillis)
    }

    /// One bus passes a stop each half hour and is too fast, a lost one tells of no place.
    async fn hall(&self) -> Hall {
        let (mut fixes, mut news) = (Vec::new(), BusNews::default());
        for (n, at) in self.moments().enumerate() {
            fixes.extend([fix("bus-1", at, true), fix("lost", at, false)]);
            let begun = self.bounds().iter().filter(|begin| **begin + NIGHT <= at).count();
            let date = self.first + time::Duration::days(begun as i64 - 1);
            news.passings.push(passing(n, date, at));
            news.events.push(too_fast(at));
        }
        hall(self.zone, fixes, news).await
    }
}

fn too_fast(began: UtcMillis) -> BusEvent {
    let event = TransitEvent {
        finding: Finding::Overspeed,
        phase: Phase::Ended,
        began,
        at: began + DurationMs(20_000),
        vehicle: Some("bus-1".parse().unwrap()),
        place: None,
        run: None,
        stop: None,
        value: Some(70.0),
    };
    BusEvent { event, line: Some(Line { feed: "xe".into(), route: "r".into(), direction: None }) }
}

/// A row of a CSV file, by its columns' names.
type Row = BTreeMap<String, String>;

/// What is downloaded.
struct Files {
    hall: Hall,
    bearer: String,
}

impl Files {
    async fn get(&self, path: &str) -> Vec<u8> {
        let answer =
            self.hall.get(&format!("/transit/{path}"), &[("authorization", self.bearer.as_str())]).await;
        assert_eq!(answer.status(), "200", "{path}: {}", answer.head);
        unchunked(&answer.body)
    }

    /// Rows of a CSV file.
    async fn rows(&self, path: &str) -> Vec<Row> {
        let body = String::from_utf8(self.get(path).await).unwrap();
        csv::Reader::from_reader(body.as_bytes()).into_deserialize().map(Result::unwrap).collect()
    }

    /// The moments of a history's rows, as they stand there.
    async fn moments(&self, path: &str) -> Vec<String> {
        self.rows(path).await.into_iter().map(|mut row| row.remove("at").unwrap()).collect()
    }
}

/// Of each day's file as many rows as it has half hours, and of all of them each half hour once.
async fn histories_are_cut(files: &Files, days: &Days) {
    let ([from, .., to], names) = (days.bounds(), days.names());
    let zone = Zone::new(days.zone).unwrap();
    let all: Vec<String> =
        days.moments().filter(|at| (from..to).contains(at)).map(|at| zone.iso(at)).collect();
    for of in ["positions", "passings"] {
        let mut told = Vec::new();
        for (day, count) in names.iter().zip(days.counts()) {
            let asked = format!("vehicle=bus-1&from={day}");
            let own = files.moments(&format!("{of}.csv?{asked}")).await;
            assert_eq!(own.len().to_string(), count, "{of} of {day}: {own:?}");
            assert!(own[0].starts_with(&format!("{day}T03:00:00")), "{of} of {day} begin at {}", own[0]);
            told.extend(own);
            let parquet = Bytes::from(files.get(&format!("{of}.parquet?{asked}")).await);
            let parquet = SerializedFileReader::new(parquet).unwrap();
            let rows = parquet.metadata().file_metadata().num_rows();
            assert_eq!(rows.to_string(), count, "{of} of {day} as Parquet");
        }
        assert_eq!(told, all, "{of}");
        let asked = format!("vehicle=bus-1&from={}&to={}", names[0], names[2]);
        assert_eq!(files.moments(&format!("{of}.csv?{asked}")).await, all, "{of} of all days");
    }
}

/// Some columns of some rows.
fn cells(rows: &[Row], is_wanted: impl Fn(&Row) -> bool, columns: [&str; 3]) -> Vec<[String; 3]> {
    let wanted = rows.iter().filter(|row| is_wanted(row));
    wanted.map(|row| columns.map(|name| row[name].clone())).collect()
}

async fn reports_are_cut(files: &Files, days: &Days) {
    let (names, counts) = (days.names(), days.counts());
    let of_days = format!("from={}&to={}", names[0], names[2]);
    let report = files.rows(&format!("report.csv?{of_days}")).await;
    let each = |n: usize| [names[n].clone(), counts[n].clone(), counts[n].clone()];
    let of_route = cells(&report, |row| row["route"] == "r", ["service_day", "passings", "overspeeds"]);
    assert_eq!(of_route, [0, 1, 2].map(each));
    // What was rejected is of no run.
    let off_runs =
        cells(&report, |row| row["feed"].is_empty(), ["service_day", "positions_rejected", "overspeeds"]);
    assert_eq!(off_runs, [0, 1, 2].map(|n| [names[n].clone(), counts[n].clone(), "0".to_owned()]));

    let vehicles = files.rows(&format!("vehicles.csv?{of_days}")).await;
    let columns = ["day", "vehicle", "positions_rejected", "passings", "overspeeds"];
    let told: Vec<String> =
        vehicles.iter().map(|row| columns.map(|name| row[name].as_str()).join(",")).collect();
    let both =
        |(day, n): (&String, &String)| [format!("{day},bus-1,0,{n},{n}"), format!("{day},lost,{n},0,0")];
    assert_eq!(told, names.iter().zip(&counts).flat_map(both).collect::<Vec<_>>());

    let book = files.get(&format!("report.xlsx?{of_days}")).await;
    let mut book = zip::ZipArchive::new(Cursor::new(book)).unwrap();
    let mut sheet = |n: u32| {
        let mut text = String::new();
        book.by_name(&format!("xl/worksheets/sheet{n}.xml")).unwrap().read_to_string(&mut text).unwrap();
        text
    };
    // Stops that were passed of the route, of the one bus, and what was rejected of the other.
    let (routes, by_vehicle) = (sheet(1), sheet(3));
    for (n, count) in counts.iter().enumerate() {
        assert!(routes.contains(&format!("r=\"J{}\"><v>{count}</v>", n + 2)), "{routes}");
        for (column, row) in [("D", 2 * n + 2), ("C", 2 * n + 3)] {
            assert!(by_vehicle.contains(&format!("r=\"{column}{row}\"><v>{count}</v>")), "{by_vehicle}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn where_clocks_change_nothing_is_lost_in_a_report_or_a_file_and_nothing_is_in_two_days() {
    // From three o'clock in Berlin on; in the night that ends the second day clocks go on by an hour, and go back.
    for (first, from_ms, hours) in [
        (date!(2025 - 03 - 28), 1_743_127_200_000, [24, 23, 24]),
        (date!(2025 - 10 - 24), 1_761_267_600_000, [24, 25, 24]),
    ] {
        let days = Days { zone: "Europe/Berlin", first, from: UtcMillis(from_ms), hours };
        let hall = days.hall().await;
        let bearer = format!("Bearer {}", hall.token().await);
        let files = Files { hall, bearer };
        histories_are_cut(&files, &days).await;
        reports_are_cut(&files, &days).await;
    }
}
