//! Feeds as broken systems, strangers and other programs write them.

#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

mod small;

use std::io::Write;

use control_center_gtfs::{Source, read};
use time::macros::date;

use small::{Files, import, small};

/// Whether the service runs on Friday the 6th, Monday the 9th and Saturday the 14th of March 2026, what was told, and whether it may be
/// imported.
fn with_single_days(rows: &str) -> ([bool; 3], Vec<String>, bool) {
    let mut files = small();
    files.insert("calendar_dates.txt", format!("service_id,date,exception_type\n{rows}"));
    let (feed, report) = import(&files, None);
    let table = feed.unwrap().timetable;
    let runs = [date!(2026 - 03 - 06), date!(2026 - 03 - 09), date!(2026 - 03 - 14)]
        .map(|day| table.services_by_id["w"].runs_on(day));
    (runs, report.problems.iter().map(ToString::to_string).collect(), !report.is_refused())
}

#[test]
fn a_service_does_not_run_on_a_day_on_which_it_may_have_been_taken_out() {
    let at = |line: u64, text: &str| format!("calendar_dates.txt:{line}: {text}");
    assert_eq!(with_single_days("w,20260306,2\nw,20260314,1\n"), ([false, true, true], Vec::new(), true));
    // What is said of the day cannot be read: that day only is lost.
    let why = "exception_type: \"02\" is not 1 (added) or 2 (removed): service w does not run on 2026-03-06";
    assert_eq!(with_single_days("w,20260306,02\n"), ([false, true, false], vec![at(2, why)], true));
    // The day cannot be read: it may be any. Without a known service nothing of it can be left out.
    let date = "date: \"6.3.2026\" is not a date like 20260331";
    let any = at(
        2,
        "it cannot be read on which day service w does not run, so it would run on none; correct this row, or delete it if it \
         takes out no day",
    );
    let (runs, told, may) = with_single_days("w,6.3.2026,2\nw,20260314,1\n");
    assert_eq!((runs, &told[..2], may), ([false; 3], [at(2, date), any.clone()].as_slice(), false));
    let (runs, told, may) = with_single_days("w,20260306,2,\n");
    let many = at(2, "4 values for 3 columns");
    assert_eq!((runs, &told[..2], may), ([false; 3], [many, any].as_slice(), false));
    let (runs, told, may) = with_single_days(",20260306,2\n");
    assert_eq!(
        (runs, told[0].as_str(), may),
        ([true, true, false], "calendar_dates.txt:2: service_id: is empty", false)
    );
    assert!(told[1].starts_with("calendar_dates.txt:2: it cannot be read which service"), "{told:?}");
    // One that only may have been added is not needed for the others.
    assert_eq!(with_single_days("w,6.3.2026,1\n"), ([true, true, false], vec![at(2, date)], true));
    // The quote takes in the row after it.
    let (runs, _, may) = with_single_days("w,20260314,\"1\nw,20260306,2\n");
    assert_eq!((runs, may), ([false; 3], false));
}

#[test]
fn a_trip_without_a_route_takes_no_other_trips_place() {
    let mut files = small();
    files.insert("trips.txt", files["trips.txt"].replace("r1,w,t1", ",w,t1"));
    let (feed, report) = import(&files, None);
    let table = feed.unwrap().timetable;
    let trips: Vec<_> = table.trips.iter().map(|trip| (trip.id.as_str(), trip.calls.len())).collect();
    assert_eq!(trips, [("t2", 3)]);
    assert_eq!(report.problems[0].to_string(), "trips.txt:2: route_id: is empty");
    // Behind the last one there is nothing.
    files.insert("trips.txt", small()["trips.txt"].replace("r1,w,t2", ",w,t2"));
    assert_eq!(import(&files, None).0.unwrap().timetable.trips.len(), 1);
}

#[test]
fn a_file_of_which_nothing_can_be_read_is_not_imported() {
    let told = |file: &'static str, text: &[u8]| {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in small() {
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        std::fs::write(folder.path().join(file), text).unwrap();
        let (_, report) = read(&mut Source::open(folder.path()).unwrap(), None).unwrap();
        (report.problems[0].to_string(), report.is_refused())
    };
    // As some programs write Unicode.
    let (why, refused) = told("stops.txt", b"\xff\xfes\0t\0o\0p\0_\0i\0d\0\n\0");
    assert!(
        why.starts_with("stops.txt:1: its header cannot be read; save the file as UTF-8") && refused,
        "{why}"
    );
    let (why, refused) = told("stops.txt", b"");
    assert!(why.ends_with("has no column stop_id; the file is empty") && refused, "{why}");
    let (why, refused) = told("stops.txt", b"stop_id,stop_name,stop_lat,stop_lon\n");
    assert!(why.ends_with("stop_id: no usable stop s1") && refused, "nothing would run: {why}");
    let (why, refused) = told("frequencies.txt", b"\xef\xbb\xbf\r\n");
    assert!(why.starts_with("frequencies.txt: the file is empty") && !refused, "{why}");
    // A quote that is not closed does not fill the screen.
    let (why, _) = told(
        "trips.txt",
        format!("route_id,service_id,trip_id\nr1,\"w,{}\",t1\n", "t\n".repeat(9_999)).as_bytes(),
    );
    assert!(why.chars().count() < 500 && !why.contains('\n'), "{why}");
}

#[test]
fn a_feed_as_other_systems_write_it_is_the_same() {
    let (want, _) = import(&small(), None);
    let mut files = small();
    for text in files.values_mut() {
        *text = format!("\u{feff}{}", text.replace('\n', "\r\n"));
    }
    files.insert("agency.txt", files["agency.txt"].replacen("agency_id", "\"agency_id\"", 1));
    let (feed, report) = import(&files, None);
    assert_eq!((feed, report.problems), (want, Vec::new()));
}

#[test]
fn buses_that_follow_each_other_every_second_are_none() {
    let mut files = small();
    let columns = "trip_id,start_time,end_time,headway_secs";
    let rows = "t1,06:00:00,22:00:00,10\nt1,06:00:00,07:00:00,900\nt1,06:00:00,08:00:00,900\n";
    files.insert("frequencies.txt", format!("{columns}\n{rows}"));
    let (feed, report) = import(&files, None);
    let told: Vec<_> = report.problems.iter().map(ToString::to_string).collect();
    let want = [
        "frequencies.txt:2: headway_secs: a bus every 10 seconds: are these minutes?",
        "frequencies.txt:4: start_time: trip t1 is repeated from there on already",
    ];
    assert_eq!(told, want);
    assert_eq!(feed.unwrap().timetable.trips[0].frequencies.len(), 1);
}

fn zip(files: &Files, folders: &[&str]) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (folder, (name, text)) in
        folders.iter().flat_map(|folder| files.iter().map(move |file| (folder, file)))
    {
        zip.start_file(format!("{folder}{name}"), zip::write::SimpleFileOptions::default()).unwrap();
        zip.write_all(text.as_bytes()).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

#[test]
fn a_zip_holds_one_feed() {
    let (want, _) = import(&small(), None);
    let opened = |folders: &[&str]| Source::from_zip(zip(&small(), folders), "bus.zip");
    // The feed that lies at the top is meant; what lies beside it, as on a Mac, is no feed.
    for folders in [&[""][..], &["hanoi/gtfs/"], &["hanoi\\"], &["old/", ""], &["gtfs/", "__MACOSX/gtfs/._"]]
    {
        let (feed, report) = read(&mut opened(folders).unwrap(), None).unwrap();
        assert_eq!((feed, report.problems), (want.clone(), Vec::new()), "{folders:?}");
    }
    let err = opened(&["north/", "south/"]).err().unwrap().to_string();
    assert!(err.contains("bus.zip") && err.contains("north/, south/"), "{err}");
}
