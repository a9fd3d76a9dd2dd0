//! A bus's day as scripts: streets in metres, trips, what the bus drives, and what is to be found of it.
//! Each script is also fed shuffled, in batches and with repeats: the result must be the same.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::Path;
use std::sync::Arc;

use models_domain::geo::LatLon;
use models_domain::transit::assign::SignOn;
use models_domain::transit::day::{BusDay, News};
use models_domain::transit::finding::{Finding, Limits};
use models_domain::transit::matching::Seen;
use models_domain::transit::plan::DayPlan;
use models_domain::transit::road::Roads;
use models_domain::transit::shape::Shape;
use models_domain::transit::timetable::*;
use models_domain::transit::vehicle::{Observed, Work};
use models_domain::units::{Degrees, Meters, MetersPerSecond, UtcMillis};
use time::macros::date;

const METER: f64 = 1.0 / 111_195.0;
const DAY: UtcMillis = UtcMillis(1_772_409_600_000);

#[derive(Default)]
struct Script {
    table: Timetable,
    pattern_by_name: BTreeMap<String, usize>,
    observed: Vec<Observed>,
    signed: Option<SignOn>,
    at_s: f64,
    every_s: f64,
    place: (f64, f64),
}

fn earth((east, north): (f64, f64)) -> LatLon {
    LatLon::new(21.0 + north * METER, 105.8 + east * METER / 21.0_f64.to_radians().cos())
}

fn point(text: &str) -> (f64, f64) {
    let (x, y) = text.split_once(',').unwrap_or_else(|| panic!("{text:?} is not EAST,NORTH"));
    (x.parse().expect("a right script"), y.parse().expect("a right script"))
}

fn clock(text: &str) -> f64 {
    text.split(':').fold(0.0, |sum, part| sum * 60.0 + part.parse::<f64>().expect("a right script"))
        * if text.matches(':').count() == 1 { 60.0 } else { 1.0 }
}

impl Script {
    fn read(text: &str) -> Self {
        let mut script = Self { every_s: 15.0, ..Self::default() };
        let agency = Agency { id: "a".into(), name: "Xe".into() };
        script.table.agencies.push(agency);
        let every_day = Service { added: vec![date!(2026 - 03 - 02)], ..Service::default() };
        script.table.services_by_id.insert("w".into(), every_day);
        for line in text
            .lines()
            .map(|l| l.split('#').next().expect("a right script").trim())
            .filter(|l| !l.is_empty())
        {
            script.command(&line.split_whitespace().collect::<Vec<_>>());
        }
        script
    }

    fn command(&mut self, words: &[&str]) {
        match words {
            ["pattern", name, "route", route, "points", rest @ ..] => self.pattern(name, route, rest),
            ["trip", id, "pattern", pattern, "block", block, "at", at, "pace", pace] => {
                self.trip(id, pattern, block, clock(at), pace.parse().expect("a right script"));
            }
            ["sign", "nothing"] => self.signed = None,
            ["sign", "trip", id] => {
                self.signed = Some(SignOn { trip: Some((*id).into()), ..SignOn::default() })
            }
            ["sign", "route", id] => {
                self.signed = Some(SignOn { route: Some((*id).into()), ..SignOn::default() })
            }
            ["every", s] => self.every_s = s.parse().expect("a right script"),
            ["at", time, place] => (self.at_s, self.place) = (clock(time), point(place)),
            ["stand", s, sensors @ ..] => {
                let end = self.at_s + s.parse::<f64>().expect("a right script");
                while self.at_s < end {
                    self.observe(0.0, 0.0, sensors);
                    self.at_s += self.every_s;
                }
            }
            ["go", kmh, rest @ ..] => {
                let (ways, sensors): (Vec<&str>, Vec<&str>) = rest.iter().partition(|w| w.contains(','));
                for way in ways {
                    self.go(point(way), kmh.parse::<f64>().expect("a right script") / 3.6, &sensors);
                }
            }
            _ => panic!("unknown command {words:?}"),
        }
    }

    fn pattern(&mut self, name: &str, route: &str, rest: &[&str]) {
        let route = match self.table.routes.iter().position(|r| r.id.as_str() == route) {
            Some(i) => i,
            None => {
                let route =
                    Route { id: route.into(), agency: 0, short_name: route.into(), long_name: String::new() };
                self.table.routes.push(route);
                self.table.routes.len() - 1
            }
        };
        let cut = rest.iter().position(|w| *w == "stops").expect("a right script");
        let shape = Shape::new(rest[..cut].iter().map(|w| earth(point(w))).collect());
        let mut stops = Vec::new();
        for word in &rest[cut + 1..] {
            let along = Meters(word.parse().expect("a right script"));
            stops.push(PatternStop { stop: self.table.stops.len(), along });
            let id = StopId(format!("{name}{word}"));
            self.table.stops.push(Stop {
                id,
                code: String::new(),
                name: String::new(),
                position: shape.at(along),
            });
        }
        self.pattern_by_name.insert(name.into(), self.table.patterns.len());
        let direction = Some(u8::try_from(self.table.patterns.len() % 2).expect("a right script"));
        self.table.patterns.push(Pattern { route, direction, stops, shape, coarse: false });
    }

    fn trip(&mut self, id: &str, pattern: &str, block: &str, at_s: f64, pace: f64) {
        let pattern = self.pattern_by_name[pattern];
        let calls = self.table.patterns[pattern].stops.iter().zip(1..).map(|(stop, sequence)| {
            let arrive_s = (at_s + stop.along.0 / pace) as i32;
            Call { sequence, arrive_s, depart_s: arrive_s, timepoint: false, may_board: true }
        });
        let calls = calls.collect();
        let block = (block != "-").then(|| block.into());
        let (service, headsign) = ("w".into(), String::new());
        self.table.trips.push(Trip {
            id: id.into(),
            pattern,
            service,
            headsign,
            block,
            calls,
            frequencies: vec![],
        });
    }

    fn go(&mut self, to: (f64, f64), speed: f64, sensors: &[&str]) {
        loop {
            let (dx, dy) = (to.0 - self.place.0, to.1 - self.place.1);
            let (left, step) = (dx.hypot(dy), speed * self.every_s);
            let course = dx.atan2(dy).to_degrees().rem_euclid(360.0);
            if left <= step {
                self.at_s += left / speed;
                self.place = to;
                return self.observe(speed, course, sensors);
            }
            self.at_s += self.every_s;
            self.place = (self.place.0 + dx / left * step, self.place.1 + dy / left * step);
            self.observe(speed, course, sensors);
        }
    }

    fn observe(&mut self, speed: f64, course: f64, sensors: &[&str]) {
        let says = |word| sensors.contains(&word);
        // A few metres of noise, the same at every run.
        let noise = |n: f64| ((self.at_s * n).sin() * 43_758.5).fract() * 6.0;
        let placed = !says("lost");
        let place = if placed { (self.place.0 + noise(1.3), self.place.1 + noise(2.7)) } else { (9e4, 9e4) };
        let position = earth(place);
        self.observed.push(Observed {
            placed,
            seen: Seen {
                at: UtcMillis(DAY.0 + (self.at_s * 1000.0) as i64),
                position,
                speed: MetersPerSecond(speed),
                course: Some(Degrees(course)),
            },
            doors_open: if says("doors") { Some(true) } else { says("shut").then_some(false) },
            engine_on: says("engine").then_some(true),
            sos: says("sos"),
            signed: self.signed.clone(),
        });
    }
}

fn hms(at: UtcMillis) -> String {
    let s = (at.0 - DAY.0) / 1000;
    format!("{:02}:{:02}:{:02}", s / 3600, s / 60 % 60, s % 60)
}

fn told(day: &BusDay, news: &News) -> String {
    let mut lines = Vec::new();
    for p in &news.passings {
        let line =
            format!("{} pass {} {} late {}", hms(p.at), p.run.trip, p.stop, p.at.since(p.due).0 / 1000);
        lines.push((p.at, 0, line));
    }
    for e in &news.events {
        let run = e.run.as_ref().map_or("-", |(_, run)| run.trip.as_str());
        let mut line = format!("{} {} {} {run}", hms(e.at), e.finding.name(), e.phase.name());
        if let Some(stop) = &e.stop {
            write!(line, " {stop}").expect("a right script");
        }
        if let Some(place) = e.place.filter(|_| e.finding == Finding::Sos) {
            let east = (place.lon.0 - 105.8) / METER * 21.0_f64.to_radians().cos();
            write!(line, " at {:.1} km", east / 1000.0).expect("a right script");
        }
        lines.push((e.at, 1, line));
    }
    lines.sort();
    let mut text: String = lines.into_iter().map(|(_, _, line)| line + "\n").collect();
    let work = match &day.bus.work {
        Work::Unknown => "unknown".to_owned(),
        Work::Waiting(d) => format!("waiting for {}", d.key().1.trip),
        Work::Running(d) => format!("running {} at {:.0} m", d.key().1.trip, d.along.0 / 10.0 * 10.0),
        Work::Finished { run, .. } => format!("finished {}", run.trip),
    };
    writeln!(text, "at the end: {work}").expect("a right script");
    text
}

fn check(name: &str, text: &str) {
    let (input, want) = text.split_once("\nwant\n").expect("a line `want`");
    let script = Script::read(input);
    let day = ServiceDay { date: date!(2026 - 03 - 02), start: DAY };
    let table = Arc::new(script.table);
    let roads = Roads::new(&[("f".into(), table.clone())], &[]);
    let plans = [Arc::new(DayPlan::new(FeedId::from("f"), table, day).on(&roads))];
    let limits = Limits::default();
    let id = || "bus".parse().expect("a right script");
    let (whole, news) = BusDay::of(id(), &plans, &script.observed, &limits);
    let got = told(&whole, &news);
    assert_eq!(got.trim(), want.trim(), "{name}: got\n{got}");
    // Shuffled by a fixed generator, each second report twice.
    let mut shuffled: Vec<Observed> =
        script.observed.iter().step_by(2).chain(&script.observed).cloned().collect();
    for round in 1..4_usize {
        for i in (1..shuffled.len()).rev() {
            shuffled.swap(i, (i * 7919 + round * 104_729) % (i + 1));
        }
        let (any_order, found) = BusDay::of(id(), &plans, &shuffled, &limits);
        assert_eq!(told(&any_order, &found), got, "{name}: the order of reports made a difference");
        assert_eq!((&any_order, found), (&whole, news.clone()), "{name}: the order made a difference");
        // Late reports are passed over until the day is made anew.
        let mut live = whole.clone();
        assert!(live.append(&plans, &shuffled, &limits).is_empty() && live == whole, "{name}");
    }
    // Where no two are of one moment, they may as well come one after the other.
    let moments: BTreeSet<UtcMillis> = script.observed.iter().map(|o| o.seen.at).collect();
    if moments.len() == script.observed.len() {
        let (mut live, mut found) = (BusDay::new(id()), News::default());
        for observed in &script.observed {
            found.append(live.append(&plans, std::slice::from_ref(observed), &limits));
        }
        assert_eq!((live, found), (whole, news), "{name}: live it was otherwise");
    }
}

/// Stops that a bus is told to have skipped where of its reports one each half minute comes.
fn skipped(drive: &str) -> Vec<String> {
    let street = "pattern out route R points 0,0 6000,0 stops 0 1000 2000 3000 4000 5000 6000";
    let begins =
        "trip o1 pattern out block b1 at 08:01 pace 12\nevery 1\nsign trip o1\nat 08:00 0,0\nstand 65";
    let script = Script::read(&format!("{street}\n{begins}\n{drive}"));
    let mut kept: Vec<Observed> = Vec::new();
    for observed in script.observed {
        if kept.last().is_none_or(|last| observed.seen.at.since(last.seen.at).0 >= 30_000) {
            kept.push(observed);
        }
    }
    let day = ServiceDay { date: date!(2026 - 03 - 02), start: DAY };
    let plans = [Arc::new(DayPlan::new(FeedId::from("f"), Arc::new(script.table), day))];
    let (_, news) = BusDay::of("bus".parse().expect("a right script"), &plans, &kept, &Limits::default());
    assert!(news.passings.len() > 5, "{news:?}");
    let skipped = news.events.into_iter().filter(|e| e.finding == Finding::StopSkipped);
    skipped.map(|e| e.stop.expect("a stop").0).collect()
}

#[test]
fn with_half_a_minute_between_fixes_only_a_way_that_leaves_no_time_to_halt_tells_of_skipped_stops() {
    let all: Vec<String> = (1..6).map(|km| format!("out{km}000")).collect();
    assert_eq!(skipped("go 43.2 6000,0"), all);
    let halts: String = (1..7).map(|km| format!("go 43.2 {km}000,0\nstand 10\n")).collect();
    assert_eq!(skipped(&halts), Vec::<String>::new());
    // As fast as buses often go by stops where they do not halt, and too slow to tell.
    assert_eq!(skipped("go 28 6000,0"), Vec::<String>::new());
}

#[test]
fn scripts() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/transit");
    let mut names: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|e| e.unwrap().path()).collect();
    names.sort();
    assert!(names.len() >= 8, "{names:?}");
    let failed: Vec<String> = names
        .iter()
        .filter_map(|path| {
            let text = std::fs::read_to_string(path).unwrap();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            std::panic::catch_unwind(|| check(&name, &text)).err().map(|_| name)
        })
        .collect();
    assert!(failed.is_empty(), "{failed:?}");
}
