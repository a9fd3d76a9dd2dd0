//! Buses' days go from three o'clock to three: what a bus reports at night is of one of them, in its replay, in reports and in files.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use control_center_store::{BusNews, Commit, NewEvent, Store};
use models_domain::geo::LatLon;
use models_domain::transit::passing::Passing;
use models_domain::transit::timetable::{RunKey, TripId};
use models_domain::transit::{Fix, Told};
use models_domain::{DurationMs, Event, EventBody, EventId, MetersPerSecond, Seq, UtcMillis};
use models_wire::v1;
use time::Date;
use time::macros::date;

use crate::buses::{STOPS, Street, timetable};
use crate::harness::{Hall, PROGRAM, with};
use crate::supervise::{client, until};

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
    let text = "[hall]\ndata_dir = \"data\"\nlisten = \"127.0.0.1:0\"\nkeep_events_days = 36500\n[bus]\nlisten = \"127.0.0.1:0\"\n";
    std::fs::write(dir.path().join("hall.toml"), text).unwrap();
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
