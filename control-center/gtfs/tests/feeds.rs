//! Whole feeds: a small one that is right, ones that are wrong in one place each, and the field's if it is there.

mod small;

use std::path::Path;
use std::sync::Arc;

use control_center_gtfs::feeds::{Feeds, Version};
use control_center_gtfs::report::Weight;
use control_center_gtfs::{Source, Zone, read};
use models_domain::UtcMillis;
use models_domain::transit::timetable::FeedId;
use time::macros::date;

use small::{import, small};

#[test]
fn a_right_feed_has_no_problem() {
    let (feed, report) = import(&small(), None);
    assert_eq!(report.problems, []);
    let table = feed.unwrap().timetable;
    assert_eq!((table.trips.len(), table.patterns.len()), (2, 2));
    // The stop without a time is half way.
    assert_eq!(table.trips[0].calls[1].arrive_s, 8 * 3600 + 300);
    assert_eq!(table.stops[1].name, "Hai, đông");
}

#[test]
fn a_trip_after_midnight_belongs_to_the_day_before() {
    let (feed, _) = import(&small(), None);
    let mut feeds = Feeds::default();
    let id = FeedId::from("xe");
    feeds.add(id, Version { takes_effect: date!(2026 - 01 - 01), feed: Arc::new(feed.unwrap()) });
    // Saturday 2026-03-07 01:06 in Hanoi: nothing runs on a Saturday, but Friday's last trip is under way.
    let at = UtcMillis(1_772_820_360_000);
    let plans = feeds.plans(at);
    let runs: Vec<(String, usize)> = plans.iter().map(|p| (p.day.date.to_string(), p.runs.len())).collect();
    assert_eq!(runs, [("2026-03-06".to_owned(), 2), ("2026-03-07".to_owned(), 0)]);
    let (table, late) = (&plans[0].timetable, &plans[0].runs[1]);
    assert!(table.departs(late, 0) < at && at < table.ends(late));
}

#[test]
fn versions_take_effect_at_their_date() {
    let (old, _) = import(&small(), None);
    let mut files = small();
    files.insert(
        "frequencies.txt",
        "trip_id,start_time,end_time,headway_secs\nt1,06:00:00,07:00:00,900\n".to_owned(),
    );
    let (new, report) = import(&files, None);
    assert_eq!(report.problems, []);
    let (id, mut feeds) = (FeedId::from("xe"), Feeds::default());
    feeds.add(id.clone(), Version { takes_effect: date!(2026 - 01 - 01), feed: Arc::new(old.unwrap()) });
    feeds.add(id.clone(), Version { takes_effect: date!(2026 - 03 - 10), feed: Arc::new(new.unwrap()) });
    let runs = |date| feeds.plan(&id, date).map(|p| p.runs.len());
    assert_eq!(runs(date!(2025 - 12 - 31)), None);
    assert_eq!(runs(date!(2026 - 03 - 09)), Some(2));
    assert_eq!(runs(date!(2026 - 03 - 10)), Some(5));
    let plan = feeds.plan(&id, date!(2026 - 03 - 10)).unwrap();
    let table = &plan.timetable;
    let second = &plan.runs[1];
    assert_eq!(second.start_s, Some(6 * 3600 + 900));
    let zone = Zone::new("Asia/Ho_Chi_Minh").unwrap();
    assert_eq!(zone.local(table.ends(second)), "2026-03-10T06:25:00");
}

/// Each line: file, what is replaced by what, the first line of the report that follows.
const WRONG: &[(&str, &str, &str, &str)] = &[
    (
        "stop_times.txt",
        "t2,25:04:00",
        "t2,25:64:00",
        "left out: stop_times.txt:6: arrival_time: \"25:64:00\" is not a time like 25:10:00",
    ),
    (
        "stop_times.txt",
        "t2,25:04:00",
        "t2,24:04:00",
        "left out: stop_times.txt:6: arrival_time: trip t2: the bus would be there before it left the stop before",
    ),
    ("stop_times.txt", ",s2,2", ",s9,2", "left out: stop_times.txt:3: stop_id: no usable stop s9"),
    (
        "stop_times.txt",
        "s2,2\nt2,25:10:00,25:10:00,s1,9",
        "s2,2\nt2,25:10:00,25:10:00,s1,2",
        "left out: stop_times.txt:7: stop_sequence: trip t2: number 2 is there already, in line 6",
    ),
    ("stops.txt", "105.81\n", "1o5.81\n", "left out: stops.txt:3: stop_lon: \"1o5.81\" is not such a number"),
    (
        "stops.txt",
        "s3,Ba,21.0,105.82",
        "s3,Ba,0,0",
        "left out: stops.txt:4: stop_lat: 0,0 is nowhere: the position was not known",
    ),
    ("trips.txt", "r1,w,t2", "r1,x,t2", "left out: trips.txt:3: service_id: service x is in no calendar"),
    ("trips.txt", "r1,w,t2", "r2,w,t2", "left out: trips.txt:3: route_id: no usable route r2"),
    (
        "trips.txt",
        "t2,b1,",
        "t2,b1,g",
        "warning: trips.txt:3: shape_id: shape g has no line: the stops make one",
    ),
    ("trips.txt", "t1,b1,\n", "t1,b1,,,,,\n", "left out: trips.txt:2: 9 values for 5 columns"),
    (
        "calendar.txt",
        "20261231",
        "20261331",
        "left out: calendar.txt:2: end_date: \"20261331\" is not a date like 20260331",
    ),
    (
        "agency.txt",
        "Asia/Ho_Chi_Minh",
        "Hanoi",
        "fatal: agency.txt: zone \"Hanoi\" is not in the tz database; it is written like Asia/Ho_Chi_Minh",
    ),
    (
        "agency.txt",
        "Asia/Ho_Chi_Minh",
        "UTC",
        "warning: agency.txt:2: agency_timezone: agency_timezone UTC is 7 hours off the sun at longitude 105.80: every \
         time would be wrong by that; set the feed's zone in the configuration, or with --zone",
    ),
    (
        "routes.txt",
        "route_id,",
        "id,",
        "fatal: routes.txt:1: route_id: has no column route_id; it has id, agency_id, route_short_name, route_long_name, route_type",
    ),
];

#[test]
fn what_is_wrong_is_named() {
    for (file, from, to, want) in WRONG {
        let mut files = small();
        let text = files[file].replacen(from, to, 1);
        assert_ne!(text, files[file], "{file} has no {from:?}");
        files.insert(file, text);
        let (feed, report) = import(&files, None);
        let got = report.to_string();
        assert_eq!(got.lines().next().unwrap(), *want);
        assert_eq!(feed.is_none(), want.starts_with("fatal"), "{got}");
    }
    let mut files = small();
    files.remove("stops.txt");
    assert!(import(&files, None).1.to_string().starts_with("fatal: stops.txt: the feed has no such file"));
}

#[test]
fn where_nobody_may_board_is_known() {
    let mut files = small();
    let mut times = files["stop_times.txt"].replacen("stop_sequence\n", "stop_sequence,pickup_type\n", 1);
    for (call, kind) in [("s1,1\n", "1"), ("s2,2\nt1", "0"), ("s3,1\n", "2"), ("s1,9\n", "1")] {
        let (line, rest) = call.split_once('\n').unwrap();
        assert_eq!(times.matches(call).count(), 1, "{call:?}");
        times = times.replacen(call, &format!("{line},{kind}\n{rest}"), 1);
    }
    files.insert("stop_times.txt", times);
    let (feed, report) = import(&files, None);
    assert_eq!(report.problems, []);
    let table = feed.unwrap().timetable;
    let may = |trip: usize| table.trips[trip].calls.iter().map(|call| call.may_board).collect::<Vec<_>>();
    assert_eq!((may(0), may(1)), (vec![false, true, true], vec![true, true, false]));
}

#[test]
fn a_repeated_trip_without_a_usable_start_does_not_run_at_its_own_times() {
    let runs = |starts: &str| {
        let mut files = small();
        let columns = "trip_id,start_time,end_time,headway_secs";
        files.insert("frequencies.txt", format!("{columns}\n{starts}"));
        let (feed, report) = import(&files, None);
        let feed = feed.unwrap();
        let runs = feed.timetable.runs(feed.zone.service_day(date!(2026 - 03 - 06)));
        let runs: Vec<_> = runs.iter().map(|r| (feed.timetable.trip(r).id.0.clone(), r.start_s)).collect();
        (runs, report.problems.iter().map(ToString::to_string).collect::<Vec<_>>())
    };
    let (bad, t2) = ("t1,00:00:00,24:00:00,0\n", ("t2".to_owned(), None));
    let why =
        "frequencies.txt:2: headway_secs: a repeated trip needs a headway above 0 and an end after its start";
    let left_out = "frequencies.txt:2: trip_id: none of its starts can be used; trip t1 is left out";
    let (without, told) = runs(bad);
    assert_eq!((without, &told[..2]), (vec![t2.clone()], [why, left_out].map(String::from).as_slice()));
    let (without, told) = runs("t1,06:00:00,07:00:00,1800,0,0\n");
    let unread = "frequencies.txt:2: 6 values for 4 columns";
    assert_eq!((without, &told[..2]), (vec![t2.clone()], [unread, left_out].map(String::from).as_slice()));
    // One that can be used is enough.
    let (with, told) = runs(&format!("{bad}t1,06:00:00,07:00:00,1800\n"));
    let starts = [6 * 3600, 6 * 3600 + 1800].map(|s| ("t1".to_owned(), Some(s)));
    assert_eq!((with, told), ([&starts[..], &[t2]].concat(), vec![why.to_owned()]));
}

#[test]
fn a_trip_with_a_row_that_cannot_be_used_is_left_out_as_a_whole() {
    let check = |from: &str, to: &str, (line, why): (u64, &str), gone: &[&str]| {
        let mut files = small();
        assert!(files["stop_times.txt"].contains(from), "{from:?}");
        files.insert("stop_times.txt", files["stop_times.txt"].replacen(from, to, 1));
        let (feed, report) = import(&files, None);
        let file = format!("stop_times.txt:{line}");
        let left_out =
            |trip: &&str| format!("{file}: trip_id: a row of it cannot be used; trip {trip} is left out");
        let want: Vec<_> = [format!("{file}: {why}")].into_iter().chain(gone.iter().map(left_out)).collect();
        let told: Vec<_> = report.problems.iter().map(ToString::to_string).collect();
        assert_eq!(told[..want.len()], want);
        let trips: Vec<_> = feed.unwrap().timetable.trips.iter().map(|trip| trip.id.0.clone()).collect();
        let left: Vec<_> = ["t1", "t2"].into_iter().filter(|trip| !gone.contains(trip)).collect();
        assert_eq!(trips, left);
    };
    check("t1,,,s2,2\n", "t1,,,s2,2,,\n", (3, "7 values for 5 columns"), &["t1"]);
    check("t1,,,s2,2\n", "t1,,,s9,2\n", (3, "stop_id: no usable stop s9"), &["t1"]);
    // The quote takes in the first row of the other trip.
    let two = (4, "one row has 2 lines: a quote is not closed");
    check("s3,3\nt2,25:00:00,25:00:00,s3,1", "\"s3,3\nt2,25:00:00,25:00:00,s3\",1", two, &["t1", "t2"]);
}

#[test]
fn a_configured_zone_wins() {
    let mut files = small();
    files.insert("agency.txt", files["agency.txt"].replace("Asia/Ho_Chi_Minh", "UTC"));
    let (feed, report) = import(&files, Some("Asia/Ho_Chi_Minh"));
    assert_eq!(report.problems, []);
    let feed = feed.unwrap();
    let day = feed.zone.service_day(date!(2026 - 03 - 06));
    assert_eq!(feed.zone.local(day.start), "2026-03-06T00:00:00");
}

#[test]
fn the_fields_feed_of_hanoi() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let path = here.ancestors().map(|p| p.join("shared/field/gtfs/hanoi_subset.zip")).find(|p| p.exists());
    let Some(path) = path else {
        println!("skipped: no field material here");
        return;
    };
    let (feed, report) = read(&mut Source::open(&path).unwrap(), Some("Asia/Ho_Chi_Minh")).unwrap();
    assert_eq!((report.routes, report.stops, report.trips), (63, 372, 2447), "{report}");
    assert_eq!(report.count(Weight::LeftOut), 0, "{report}");
    assert_eq!(feed.unwrap().timetable.patterns.len(), 63);
}
