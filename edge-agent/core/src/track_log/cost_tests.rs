//! What the archive costs. Measurements, not run unless asked for:
//! `cargo test --release -p edge-agent-core -- --ignored --nocapture cost_of_the_archive`

use models_domain::archive::{Colour, LineTouch, PathPoint, ZoneTouch};
use models_domain::count::Direction;
use models_domain::geo::Point;
use models_domain::{BBox, Class, DurationMs, TrackId, UtcMillis};

use super::*;

const TRACKS: u64 = 1_000_000;
const T0: i64 = 1_700_000_000_000;

/// As a busy street leaves them: six points, every second crosses a line, every third a zone; 24 cameras, a day.
fn track(id: u64) -> TrackRecord {
    let began = UtcMillis(T0 + i64::try_from(id * 86_400_000 / TRACKS).unwrap());
    let chance = id.wrapping_mul(6_364_136_223_846_793_005) >> 33;
    let ended = began + DurationMs(3_000 + (chance % 9_000) as i64);
    let point = |i: u64| PathPoint {
        at: began + DurationMs((ended.since(began).0 * i as i64) / 5),
        p: Point::new((chance % 900 + i * 70) as f64, (chance % 500 + i * 30) as f64),
    };
    let line = LineTouch {
        line: "north".parse().unwrap(),
        direction: if chance.is_multiple_of(2) { Direction::ToLeft } else { Direction::ToRight },
        at: began + DurationMs(1_500),
    };
    let zone = ZoneTouch { zone: "junction".parse().unwrap(), from: began, to: ended };
    TrackRecord {
        camera: format!("trang-tien-{:02}", chance % 24).parse().unwrap(),
        track: TrackId(id),
        class: [Class::Motorcycle, Class::Motorcycle, Class::Motorcycle, Class::Car][(chance % 4) as usize],
        began,
        ended,
        path: (0..6).map(point).collect(),
        lines: if id.is_multiple_of(2) { vec![line] } else { Vec::new() },
        zones: if id.is_multiple_of(3) { vec![zone] } else { Vec::new() },
        best_at: began + DurationMs(1_000),
        best_box: BBox::new(400.0, 300.0, 60.0, 120.0),
        best_score: 0.7,
        colour: Some(Colour::ALL[(chance % 10) as usize]),
        mean_speed: None,
    }
}

/// Time on a processor of this process's threads called `name`, in seconds.
fn cpu_s(name: &str) -> f64 {
    let mut sum = 0.0;
    for task in std::fs::read_dir("/proc/self/task").unwrap().map(|t| t.unwrap().path()) {
        let read = |file: &str| std::fs::read_to_string(task.join(file)).unwrap_or_default();
        if read("comm").trim() == name {
            let ns = read("schedstat").split(' ').next().and_then(|ns| ns.parse::<f64>().ok());
            sum += ns.unwrap_or(0.0) / 1e9;
        }
    }
    sum
}

#[test]
#[ignore = "a measurement"]
fn cost_of_the_archive() {
    let dir = tempfile::tempdir().unwrap();
    let log = TrackLog::open(&TrackLogSettings::new(dir.path().to_owned())).unwrap();
    for id in 0..TRACKS {
        while held(&log.shared.queue).waiting.len() > WAITING / 2 {
            std::thread::yield_now();
        }
        log.keep_track(track(id));
    }
    while held(&log.shared.files).next_number() <= TRACKS {
        std::thread::yield_now();
    }
    let (each, bytes) = (cpu_s("tracks") / TRACKS as f64 * 1e6, log.bytes() as f64 / TRACKS as f64);
    assert_eq!(log.dropped(), 0);
    eprintln!("{bytes:.0} bytes a record, {each:.2} us of the writer's processor to append one");

    let day = || TrackQuery::new(UtcMillis(T0), UtcMillis(T0 + 86_400_000));
    let hour = TrackQuery { to: UtcMillis(T0 + 3_600_000), ..day() };
    let rare = TrackQuery {
        cameras: vec!["trang-tien-07".parse().unwrap()],
        classes: vec![Class::Car],
        colours: vec![Colour::Red],
        ..day()
    };
    let by_line = TrackQuery {
        line: Some("north".parse().unwrap()),
        direction: Some(Direction::ToRight),
        zone: Some("junction".parse().unwrap()),
        height_min: Some(121),
        ..day()
    };
    let nothing = TrackQuery { cameras: vec!["elsewhere".parse().unwrap()], ..day() };
    for (name, query) in [
        ("the newest 100 of a day", day()),
        ("the newest 100 of the first hour", hour),
        ("a red car at one camera of 24, of a day", rare),
        ("every record decoded, none found", by_line),
        ("every head read, none found", nothing),
    ] {
        let searched = std::thread::scope(|s| {
            let search = || {
                let rows = log.search(&query, || false);
                assert!(!rows.partial, "{}", rows.problem);
                (rows.rows.len(), cpu_s("searcher"))
            };
            std::thread::Builder::new()
                .name("searcher".into())
                .spawn_scoped(s, search)
                .unwrap()
                .join()
                .unwrap()
        });
        eprintln!("{name}: {} found, {:.3} s of one core", searched.0, searched.1);
    }
}
