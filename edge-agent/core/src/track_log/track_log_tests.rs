//! The archive on real files: what was kept is found, the oldest go, damage and kills cost little.

use std::fs::{self, OpenOptions};
use std::io::Write;

use models_domain::archive::{Colour, LineTouch, ZoneTouch};
use models_domain::count::Direction;
use models_domain::{BBox, Class, TrackId};

use super::*;

fn track(id: u64, ended: i64) -> TrackRecord {
    TrackRecord {
        camera: format!("cam-{}", id % 3).parse().unwrap(),
        track: TrackId(id),
        class: if id.is_multiple_of(2) { Class::Car } else { Class::Motorcycle },
        began: UtcMillis(ended - 500),
        ended: UtcMillis(ended),
        path: Vec::new(),
        lines: Vec::new(),
        zones: Vec::new(),
        best_at: UtcMillis(ended),
        best_box: BBox::new(0.0, 0.0, 10.0, 20.0),
        best_score: 0.5,
        colour: id.is_multiple_of(5).then_some(Colour::Red),
        mean_speed: None,
    }
}

use models_domain::UtcMillis;

fn settings(dir: &Path) -> TrackLogSettings {
    TrackLogSettings { segment_bytes: 1_000, ..TrackLogSettings::new(dir.to_owned()) }
}

/// Keeps tracks `ids`, one a second, and closes the archive.
fn keep(settings: &TrackLogSettings, ids: std::ops::RangeInclusive<u64>) {
    let log = TrackLog::open(settings).unwrap();
    ids.for_each(|id| log.keep_track(track(id, id as i64 * 1_000)));
}

fn all() -> TrackQuery {
    TrackQuery { limit: 500, ..TrackQuery::new(UtcMillis(0), UtcMillis(i64::MAX)) }
}

fn ids(rows: &v1::TrackRows) -> Vec<u64> {
    rows.rows.iter().map(|row| row.track).collect()
}

fn found(settings: &TrackLogSettings, query: &TrackQuery) -> Vec<u64> {
    let rows = TrackLog::open(settings).unwrap().search(query, || false);
    assert!(!rows.partial, "{}", rows.problem);
    ids(&rows)
}

#[test]
fn what_was_kept_is_found_newest_first_and_by_pages() {
    let dir = tempfile::tempdir().unwrap();
    let settings = settings(dir.path());
    keep(&settings, 1..=60);
    keep(&settings, 61..=100);
    assert_eq!(found(&settings, &all()), (1..=100).rev().collect::<Vec<_>>());
    let mut query = TrackQuery { limit: 30, ..all() };
    let log = TrackLog::open(&settings).unwrap();
    let mut seen = Vec::new();
    loop {
        let rows = log.search(&query, || false);
        seen.extend(ids(&rows));
        let Some(last) = rows.rows.last().filter(|_| rows.more) else { break };
        query.after = Some(Cursor { ended: UtcMillis(last.ended_ms), number: last.number });
    }
    assert_eq!(seen, (1..=100).rev().collect::<Vec<_>>());
}

#[test]
fn only_what_was_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    let settings = settings(dir.path());
    keep(&settings, 1..=30);
    let check = |change: &dyn Fn(&mut TrackQuery), want: &[u64]| {
        let mut query = all();
        change(&mut query);
        assert_eq!(found(&settings, &query), want);
    };
    check(&|q| q.colours = vec![Colour::Red], &[30, 25, 20, 15, 10, 5]);
    check(&|q| (q.colours, q.classes) = (vec![Colour::Red], vec![Class::Car]), &[30, 20, 10]);
    check(&|q| (q.cameras, q.from) = (vec!["cam-1".parse().unwrap()], UtcMillis(20_000)), &[28, 25, 22]);
    check(&|q| (q.from, q.to) = (UtcMillis(4_600), UtcMillis(6_500)), &[6, 5]);
    check(&|q| q.height_min = Some(21), &[]);
    check(&|q| q.cameras = vec!["cam-9".parse().unwrap()], &[]);
}

#[test]
fn by_line_direction_zone_and_size_and_all_together_by_pages() {
    let dir = tempfile::tempdir().unwrap();
    let settings = settings(dir.path());
    let log = TrackLog::open(&settings).unwrap();
    for id in 1..=60_u64 {
        let mut one = track(id, id as i64 * 1_000);
        let direction = if id.is_multiple_of(2) { Direction::ToLeft } else { Direction::ToRight };
        if id.is_multiple_of(3) {
            one.lines = vec![LineTouch { line: "north".parse().unwrap(), direction, at: one.began }];
        }
        if id.is_multiple_of(4) {
            one.zones = vec![ZoneTouch { zone: "box".parse().unwrap(), from: one.began, to: one.ended }];
        }
        one.best_box.h = id as f64;
        log.keep_track(one);
    }
    drop(log);
    let check = |change: &dyn Fn(&mut TrackQuery), want: &dyn Fn(u64) -> bool| {
        let mut query = TrackQuery { limit: 7, ..all() };
        change(&mut query);
        let log = TrackLog::open(&settings).unwrap();
        let mut seen = Vec::new();
        loop {
            let rows = log.search(&query, || false);
            assert!(!rows.partial && rows.rows.len() <= 7, "{}", rows.problem);
            seen.extend(ids(&rows));
            let Some(last) = rows.rows.last().filter(|_| rows.more) else { break };
            query.after = Some(Cursor { ended: UtcMillis(last.ended_ms), number: last.number });
        }
        assert_eq!(seen, (1..=60).rev().filter(|id| want(*id)).collect::<Vec<_>>());
    };
    check(&|q| q.line = Some("north".parse().unwrap()), &|id| id.is_multiple_of(3));
    check(&|q| q.direction = Some(Direction::ToRight), &|id| id % 6 == 3);
    check(&|q| q.zone = Some("box".parse().unwrap()), &|id| id.is_multiple_of(4));
    check(&|q| (q.height_min, q.height_max) = (Some(20), Some(40)), &|id| (20..=40).contains(&id));
    let together = |q: &mut TrackQuery| {
        (q.from, q.to) = (UtcMillis(10_000), UtcMillis(55_000));
        (q.classes, q.height_min) = (vec![Class::Car], Some(13));
        (q.line, q.direction) = (Some("north".parse().unwrap()), Some(Direction::ToLeft));
        q.zone = Some("box".parse().unwrap());
    };
    check(&together, &|id| id.is_multiple_of(12) && (13..=55).contains(&id));
    check(&|q| q.line = Some("south".parse().unwrap()), &|_| false);
}

#[test]
fn tracks_that_ended_in_any_order_are_listed_by_time() {
    let dir = tempfile::tempdir().unwrap();
    let settings = settings(dir.path());
    let log = TrackLog::open(&settings).unwrap();
    // The clock was set back in between.
    for (id, ended) in (1..=40).zip((100..120).chain(50..70)) {
        log.keep_track(track(id, ended * 1_000));
    }
    drop(log);
    let times = |limit| {
        let rows = TrackLog::open(&settings).unwrap().search(&TrackQuery { limit, ..all() }, || false);
        rows.rows.iter().map(|r| r.ended_ms / 1_000).collect::<Vec<_>>()
    };
    assert_eq!(times(500), (100..120).rev().chain((50..70).rev()).collect::<Vec<_>>());
    assert_eq!(times(25), (100..120).rev().chain((65..70).rev()).collect::<Vec<_>>());
}

#[test]
fn bounded_and_the_oldest_go_first() {
    let dir = tempfile::tempdir().unwrap();
    let settings = TrackLogSettings { max_bytes: 6_000, ..settings(dir.path()) };
    keep(&settings, 1..=300);
    let left = found(&settings, &all());
    assert_eq!(left[0], 300);
    assert!((30..100).contains(&left.len()), "{} tracks are left", left.len());
    assert_eq!(left, (301 - left.len() as u64..=300).rev().collect::<Vec<_>>());
    let bytes: u64 = fs::read_dir(dir.path()).unwrap().map(|e| e.unwrap().metadata().unwrap().len()).sum();
    assert!(bytes <= 6_000, "{bytes} bytes");
}

/// The newest file, as a kill leaves it: under its first name, not closed.
fn killed(dir: &Path) -> PathBuf {
    let mut files: Vec<PathBuf> = fs::read_dir(dir).unwrap().map(|e| e.unwrap().path()).collect();
    files.sort();
    let newest = files.pop().unwrap();
    let first = newest.file_name().unwrap().to_str().unwrap().split('_').next().unwrap().to_owned();
    let open = dir.join(format!("{first}.seg"));
    fs::rename(&newest, &open).unwrap();
    open
}

#[test]
fn a_kill_in_the_middle_of_a_record_costs_that_record() {
    let dir = tempfile::tempdir().unwrap();
    let settings = settings(dir.path());
    keep(&settings, 1..=22);
    let open = killed(dir.path());
    let whole = fs::read(&open).unwrap();
    let records = segment::scan(&whole).records;
    let last = records.last().unwrap();
    for cut in last.payload.start - 19..last.payload.end {
        fs::write(&open, &whole[..cut]).unwrap();
        assert_eq!(found(&settings, &all()), (1..=21).rev().collect::<Vec<_>>(), "cut at {cut}");
        fs::remove_file(killed(dir.path())).unwrap();
    }
    fs::write(&open, &whole).unwrap();
    // Numbers go on where they were: no two records have one.
    keep(&settings, 23..=24);
    let log = TrackLog::open(&settings).unwrap();
    let mut numbers: Vec<u64> = log.search(&all(), || false).rows.iter().map(|r| r.number).collect();
    numbers.dedup();
    assert_eq!(numbers, (1..=24).rev().collect::<Vec<_>>());
}

#[test]
fn flipped_bits_cost_the_records_they_hit() {
    let dir = tempfile::tempdir().unwrap();
    let settings = settings(dir.path());
    keep(&settings, 1..=40);
    let mut files: Vec<PathBuf> = fs::read_dir(dir.path()).unwrap().map(|e| e.unwrap().path()).collect();
    files.sort();
    let whole = fs::read(&files[1]).unwrap();
    let in_file = segment::scan(&whole).records.len();
    for bit in (0..whole.len() * 8).step_by(37) {
        let mut bytes = whole.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        fs::write(&files[1], bytes).unwrap();
        let rows = TrackLog::open(&settings).unwrap().search(&all(), || false);
        assert_eq!((rows.rows.len(), rows.partial), (39, true), "bit {bit}");
        assert!(rows.problem.contains("bytes of the archive are damaged"), "{}", rows.problem);
    }
    fs::write(&files[1], vec![0xA5; whole.len()]).unwrap();
    assert_eq!(TrackLog::open(&settings).unwrap().search(&all(), || false).rows.len(), 40 - in_file);
    fs::write(&files[1], &whole).unwrap();
    // Files that are none of ours are left alone.
    OpenOptions::new()
        .create(true)
        .append(true)
        .open(dir.path().join("notes.seg"))
        .unwrap()
        .write_all(b"x")
        .unwrap();
    assert_eq!(found(&settings, &all()).len(), 40);
    assert!(dir.path().join("notes.seg").exists());
}

#[test]
fn a_search_that_takes_too_long_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let settings = settings(dir.path());
    keep(&settings, 1..=100);
    let asked = std::cell::Cell::new(0);
    let give_up = || asked.replace(asked.get() + 1) >= 2;
    let rows = TrackLog::open(&settings).unwrap().search(&all(), give_up);
    assert!(rows.partial && rows.problem.starts_with("took too long: "), "{}", rows.problem);
    assert!(!rows.rows.is_empty() && rows.rows.len() < 100);
    // A year of nothing opens no file.
    let year = TrackQuery::new(UtcMillis(31_536_000_000), UtcMillis(2 * 31_536_000_000));
    let rows = TrackLog::open(&settings).unwrap().search(&year, || panic!("asked before a file"));
    assert!(rows.rows.is_empty() && !rows.partial);
}

#[test]
fn a_disk_that_refuses_is_counted_and_the_next_is_kept() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("tracks");
    let settings = settings(&folder);
    let log = TrackLog::open(&settings).unwrap();
    fs::remove_dir_all(&folder).unwrap();
    log.keep_track(track(1, 1_000));
    while log.dropped() == 0 {
        std::thread::yield_now();
    }
    fs::create_dir_all(&folder).unwrap();
    log.keep_track(track(2, 2_000));
    drop(log);
    assert_eq!(found(&settings, &all()), [2]);
}

#[test]
fn searching_beside_writing_sees_whole_records_only() {
    let dir = tempfile::tempdir().unwrap();
    let log = TrackLog::open(&settings(dir.path())).unwrap();
    std::thread::scope(|s| {
        s.spawn(|| (1..=2_000).for_each(|id| log.keep_track(track(id, id as i64))));
        let mut most = 0;
        while most < 500 {
            let rows = log.search(&all(), || false);
            assert!(!rows.partial, "{}", rows.problem);
            let found = ids(&rows);
            assert!(found.windows(2).all(|w| w[0] == w[1] + 1), "{found:?}");
            most = most.max(found.len());
        }
    });
}
