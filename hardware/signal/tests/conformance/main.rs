//! One table that every kind of controller is held to, against its simulator. What a kind is to do stands in the README's
//! table, which these tests read: a row that is not done as it says there fails.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test that panics has failed; what was seen is for people"
)]

mod blocks;
mod house;
mod load;
mod newest;
mod older;
mod ordered;
mod settings;
mod streets;
mod tools;

use std::collections::BTreeSet;
use std::time::Duration;

use hardware_ports::signal::{Put, SignalDesk};
use models_domain::DurationMs;
use models_domain::event::Link;
use models_domain::signal::detector::Reading;
use models_domain::signal::order::{Mode, Wanted};
use models_domain::signal::{AlarmStep, AlarmWish, Until};
use tokio::io::AsyncWriteExt;

use house::{House, Kind, Snmp, Wish, junction};
use ordered::{ends_alone, order, own_plan, wrong_secret};

const README: &str = include_str!("../../README.md");

/// What a stage and the way to the next may show; minimum green is green.
const STATES: [&str; 8] = ["4B4B", "4B9B", "4BBB", "NBBB", "BBBB", "B4B4", "B4B9", "BNBB"];

/// What came of a row.
enum Outcome {
    /// Done, and what was seen.
    Yes(String),
    /// Said so by the adapter, with this reason.
    NotOffered(String),
}

use Outcome::{NotOffered, Yes};

const KINDS: [Kind; 6] = [
    Kind::Rsmp,
    Kind::Ntcip(Snmp::V1),
    Kind::Ntcip(Snmp::V2c),
    Kind::Ntcip(Snmp::V3),
    Kind::Ntcip(Snmp::V2cOctets),
    Kind::Spat,
];

/// Side by side, each with a street of its own: most of it is waiting. Many junctions at once come after it, kind by kind.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_kind_does_what_the_table_says() {
    for check in KINDS.map(|kind| tokio::spawn(check(kind))) {
        if let Err(err) = check.await {
            std::panic::resume_unwind(err.into_panic());
        }
    }
    for kind in KINDS {
        compare(kind, "64 junctions at once", sixty_four(kind).await);
    }
}

async fn check(kind: Kind) {
    let mut house = House::open(kind, &Wish::default()).await;
    let mut rows = vec![
        ("state seen within 1 s", seen(&house).await),
        ("signal groups as they are named", groups(&house).await),
        ("plan and mode read", plan(&house).await),
        ("own clock read, with its error", clock(&mut house).await),
        ("alarm told, and that it is over", alarm(&mut house).await),
        ("alarm acknowledged, suspended, resumed", handled(&house).await),
        ("time to change told", changes(&house).await),
        ("volume and occupancy of detectors", detectors(&house).await),
        ("own times held against the configuration", settings::times(&mut house).await),
        ("another plan", order(&house, &Wanted::Plan(2)).await),
        ("green for groups", order(&house, &Wanted::Groups([1].into_iter().collect())).await),
        ("flash", order(&house, &Wanted::Flash).await),
        ("dark", order(&house, &Wanted::Dark).await),
        ("red for everybody", order(&house, &Wanted::AllRed).await),
        ("preempt told, and that it is over", settings::preempt(&mut house).await),
        ("garbage harms nothing", garbage(&mut house).await),
        ("a lost link told with its reason", lost(&mut house).await),
        ("back by itself within 10 s", back(&mut house).await),
    ];
    own_plan(&house).await;
    rows.push(("an order ends in the controller when the pole is dead", ends_alone(house).await));
    rows.push(("a wrong secret said clearly", wrong_secret(kind).await));
    for (row, outcome) in rows {
        compare(kind, row, outcome);
    }
}

#[track_caller]
fn compare(kind: Kind, row: &str, outcome: Outcome) {
    let (said, seen) = match outcome {
        Yes(seen) => ("yes".to_owned(), seen),
        NotOffered(why) => (format!("no: {why}"), String::new()),
    };
    println!("{kind:?} | {row} | {said} | {seen}");
    assert_eq!(in_readme(row, kind), said, "{kind:?}: {row}: {seen}");
}

/// What the README's table says of a row.
fn in_readme(row: &str, kind: Kind) -> String {
    let line = README.lines().find(|line| line.starts_with(&format!("| {row} |")));
    let line = line.unwrap_or_else(|| panic!("the README has no row {row:?}"));
    let column = match kind {
        Kind::Rsmp => 2,
        Kind::Ntcip(_) => 3,
        Kind::Spat => 4,
    };
    line.split('|').nth(column).unwrap().trim().to_owned()
}

/// From when the link is up.
async fn seen(house: &House) -> Outcome {
    house.wait("a link", |junction| junction.is_up()).await;
    let took = house.wait("a state", |junction| !junction.states.is_empty()).await;
    assert!(took < Duration::from_secs(1), "{took:?}");
    Yes(format!("{} ms after the link", took.as_millis()))
}

async fn groups(house: &House) -> Outcome {
    house.wait("a cycle", |junction| junction.states.len() > 16).await;
    let states: Vec<String> = house.of(0).states.iter().map(|(_, state)| state.replace('1', "4")).collect();
    let odd: Vec<&String> = states.iter().filter(|state| !STATES.contains(&state.as_str())).collect();
    assert!(odd.is_empty(), "{odd:?}");
    for wanted in ["4B4B", "NBBB", "B4B4"] {
        assert!(states.iter().any(|state| state == wanted), "no {wanted} in {states:?}");
    }
    Yes(format!("{} states", states.len()))
}

async fn plan(house: &House) -> Outcome {
    if house.kind == Kind::Spat {
        house.wait("the mode", |junction| junction.now.mode == Some(Mode::Normal)).await;
        return NotOffered("a SPaT tells the mode and no plan".to_owned());
    }
    house
        .wait("plan 1 by the unit's own choice", |junction| {
            let now = junction.now;
            (now.mode, now.plan, now.plan_forced) == (Some(Mode::Normal), Some(1), Some(false))
        })
        .await;
    Yes("plan 1".to_owned())
}

async fn clock(house: &mut House) -> Outcome {
    let within =
        |ahead: Option<DurationMs>, from: i64, to: i64| ahead.is_some_and(|a| (from..=to).contains(&a.0));
    house.wait("a clock that is right", |junction| within(junction.now.clock_ahead, -600, 600)).await;
    if house.kind == Kind::Rsmp {
        return Yes(format!("{:?}", house.of(0).now.clock_ahead));
    }
    house.street.fault("0 clock -40").await;
    house.wait("a clock that is off", |junction| within(junction.now.clock_ahead, -41_000, -39_000)).await;
    let off = house.of(0).now.clock_ahead;
    house.street.fault("0 clock 0").await;
    house.wait("a clock that is right again", |junction| within(junction.now.clock_ahead, -600, 600)).await;
    Yes(format!("{off:?} of -40 s"))
}

async fn alarm(house: &mut House) -> Outcome {
    let code = match house.kind {
        Kind::Rsmp => "A0302",
        Kind::Ntcip(_) => "cycleFail",
        Kind::Spat => "failureMode",
    };
    if house.kind != Kind::Rsmp {
        house.street.fault("0 alarm1 8").await;
    }
    let told = |on: bool| move |junction: &house::Junction| junction.alarms.contains(&(code.to_owned(), on));
    let took = house.wait("the alarm", told(true)).await;
    if house.kind != Kind::Rsmp {
        house.street.fault("0 alarm1 0").await;
    }
    house.wait("the end of the alarm", told(false)).await;
    Yes(format!("{code} after {} ms", took.as_millis()))
}

/// The controller's own word each time.
async fn handled(house: &House) -> Outcome {
    let wish = |step| AlarmWish { code: "A0302".into(), component: "HN+0=001DL001".into(), step };
    let mut seen = Vec::new();
    for step in [AlarmStep::Acknowledge, AlarmStep::Suspend, AlarmStep::Resume] {
        match house.desk.alarm(&junction(0), &wish(step)).await {
            Put::Refused(why) if house.kind != Kind::Rsmp => return NotOffered(why),
            put @ (Put::Taken | Put::Refused(_) | Put::Silent) => assert_eq!(put, Put::Taken, "{step:?}"),
        }
        let marks = house.of(0).marks.get("A0302").copied();
        seen.push(format!("{step:?} {marks:?}"));
        // A fault that came anew in between is to be acknowledged anew.
        let suspended = marks.map(|(_, suspended)| suspended);
        assert_eq!(suspended, Some(step == AlarmStep::Suspend), "{seen:?}");
    }
    let nobody = AlarmWish { code: "A9999".into(), ..wish(AlarmStep::Acknowledge) };
    assert_eq!(house.desk.alarm(&junction(0), &nobody).await, Put::Refused("there is no such alarm".into()));
    Yes(seen.join(", "))
}

/// What was foretold, and when it came.
async fn changes(house: &House) -> Outcome {
    if matches!(house.kind, Kind::Ntcip(_)) {
        return NotOffered("NTCIP 1202 tells splits, and not when a group changes".to_owned());
    }
    // RSMP tells when red begins, SPaT when green ends.
    let (until, ends) = match house.kind {
        Kind::Rsmp => (Until::Red, "B"),
        Kind::Spat | Kind::Ntcip(_) => (Until::Change, "N"),
    };
    let told = |junction: &house::Junction| {
        let green = junction.states.last().is_some_and(|(_, state)| state.starts_with('4'));
        let change = junction.changes.first().copied().flatten();
        let ahead = change
            .map(|change| change.earliest.since(junction.states.last().map_or(change.earliest, |s| s.0)));
        green
            && change.is_some_and(|change| change.until == until)
            && ahead.is_some_and(|ahead| (1_000..6_000).contains(&ahead.0))
    };
    house.wait("when green ends", told).await;
    let foretold = house.of(0).changes[0].unwrap().earliest;
    house
        .wait("the end of green", |junction| junction.states.last().is_some_and(|(_, s)| s.starts_with(ends)))
        .await;
    let came = house.of(0).states.last().unwrap().0;
    let off = came.since(foretold);
    assert!(off.0.abs() < 1_000, "{off:?}");
    Yes(format!("{} ms after what was foretold", off.0))
}

async fn detectors(house: &House) -> Outcome {
    if house.kind == Kind::Spat {
        return NotOffered("a SPaT tells of no detectors".to_owned());
    }
    let told = |junction: &house::Junction| {
        let whole = |reading: &Reading| reading.vehicles.is_some() && reading.occupancy.is_some();
        let all: BTreeSet<u16> =
            junction.detectors.iter().filter(|(_, r)| whole(r)).map(|(number, _)| *number).collect();
        let vehicles: u32 = junction.detectors.iter().filter_map(|(_, r)| r.vehicles).sum();
        all == (1..=house::DETECTORS).collect() && vehicles > 0
    };
    house.wait("vehicles and occupancy of all eight", told).await;
    let (number, reading) = house.of(0).detectors.last().copied().unwrap();
    Yes(format!("detector {number}: {:?} vehicles, {:?} covered", reading.vehicles, reading.occupancy))
}

async fn garbage(house: &mut House) -> Outcome {
    let downs = |house: &House| house.of(0).links.iter().filter(|(link, _)| *link == Link::Down).count();
    let before = downs(house);
    if house.kind == Kind::Rsmp {
        for text in [
            &b"GET / HTTP/1.1\r\n\x0c"[..],
            b"\x0c\x0c{\"mType\":\x0c",
            &[0xff; 4096],
            b"{}\x0c[]\x0cnull\x0c",
        ] {
            let mut stranger = tokio::net::TcpStream::connect(&house.addresses[0]).await.unwrap();
            stranger.write_all(text).await.unwrap();
        }
    } else {
        house.street.fault("0 garbage on").await;
    }
    let states = house.of(0).states.len();
    house.wait("states in between", |junction| junction.states.len() > states + 8).await;
    if house.kind != Kind::Rsmp {
        house.street.fault("0 garbage off").await;
    }
    assert_eq!(downs(house), before);
    Yes("8 more states".to_owned())
}

async fn lost(house: &mut House) -> Outcome {
    house.cut().await;
    let is_down =
        |junction: &house::Junction| junction.links.last().is_some_and(|(link, _)| *link == Link::Down);
    let took = house.wait("a lost link", is_down).await;
    let (_, reason) = house.of(0).links.last().cloned().unwrap();
    assert!(took < Duration::from_secs(10) && !reason.is_empty(), "{took:?} {reason:?}");
    Yes(format!("{reason:?} after {} ms", took.as_millis()))
}

async fn back(house: &mut House) -> Outcome {
    let states = house.of(0).states.len();
    house.mend().await;
    let took =
        house.wait("the link again", |junction| junction.is_up() && junction.states.len() > states).await;
    assert!(took < Duration::from_secs(10), "{took:?}");
    Yes(format!("{} ms", took.as_millis()))
}

async fn sixty_four(kind: Kind) -> Outcome {
    const JUNCTIONS: usize = 64;
    let house = House::open(kind, &Wish { junctions: JUNCTIONS, ..Wish::default() }).await;
    let all_live = |all: &std::collections::BTreeMap<_, house::Junction>| {
        all.len() == JUNCTIONS && all.values().all(|one| one.is_up() && one.states.len() > 3)
    };
    let took = house.wait_for("states of all", all_live).await;
    house.close().await;
    Yes(format!("all told {} ms after the start", took.as_millis()))
}
