//! Which plans junctions run: begun, gone on, changed and lost; read for a time; and how far apart cycles begin.

use control_center_core::city::{GatewayState, JunctionInfo};
use models_domain::GatewayId;
use models_domain::event::LinkState;
use models_domain::signal::order::ControllerNow;

use super::*;

fn at(s: i64) -> UtcMillis {
    UtcMillis(s * 1_000)
}

fn pole() -> GatewayId {
    "pole".parse().unwrap()
}

fn runs_plan(plan: u8, cycle_length_s: Option<u32>) -> ControllerNow {
    ControllerNow { mode: Some(Mode::Normal), plan: Some(plan), cycle_length_s, ..ControllerNow::default() }
}

/// The gateway tells at a second what its junction does.
fn tell(city: &mut City, s: i64, link: Link, now: ControllerNow) {
    let junction = JunctionInfo {
        id: "a".parse().unwrap(),
        name: String::new(),
        position: None,
        state: LinkState { link, reason: String::new() },
        groups: String::new(),
        changes: Vec::new(),
        now,
        aggregated: None,
        order: 0,
        ending: String::new(),
        can: None,
        handles_alarms: false,
        alarms: None,
    };
    let state = GatewayState {
        at: at(s),
        waiting: 0,
        keeps_nothing: false,
        cameras: Vec::new(),
        junctions: vec![junction],
    };
    city.presence(&pole(), true, at(s));
    city.state(&pole(), state, at(s));
}

/// Plan, length of its cycle, and its time in seconds.
fn words(rows: impl IntoIterator<Item = PlanRow>) -> Vec<String> {
    let word = |row: PlanRow| {
        let cycle = row.cycle_length_s.map_or("-".to_owned(), |s| s.to_string());
        format!("{} {cycle} {}-{}", row.plan, row.began.0 / 1_000, row.until.0 / 1_000)
    };
    rows.into_iter().map(word).collect()
}

fn look(watch: &mut Watch, city: &City, s: i64) -> Vec<String> {
    words(watch.look(city, at(s)).into_iter().map(|(_, row)| row))
}

const NOTHING: [&str; 0] = [];

#[test]
fn a_plan_is_kept_when_it_begins_goes_on_changes_and_is_lost() {
    let (mut city, mut watch) = (City::default(), Watch::default());
    assert_eq!(look(&mut watch, &city, 0), NOTHING);
    tell(&mut city, 0, Link::Up, runs_plan(1, None));
    assert_eq!(look(&mut watch, &city, 0), ["1 - 0-0"]);
    assert_eq!(look(&mut watch, &city, 5), NOTHING);
    tell(&mut city, 7, Link::Up, runs_plan(1, Some(90)));
    assert_eq!(look(&mut watch, &city, 10), ["1 90 0-10"], "its cycle is told");
    assert_eq!(look(&mut watch, &city, 65), NOTHING);
    assert_eq!(look(&mut watch, &city, 70), ["1 90 0-70"], "once a minute");
    tell(&mut city, 72, Link::Up, runs_plan(1, None));
    assert_eq!(look(&mut watch, &city, 75), NOTHING);
    tell(&mut city, 78, Link::Up, runs_plan(2, Some(90)));
    assert_eq!(look(&mut watch, &city, 80), ["1 90 0-80", "2 90 80-80"]);
    tell(&mut city, 81, Link::Up, runs_plan(2, Some(70)));
    assert_eq!(look(&mut watch, &city, 85), ["2 90 80-85", "2 70 85-85"], "it was changed at the controller");
    assert_eq!(look(&mut watch, &city, 90), NOTHING);
    // It was heard of last at second 90.
    tell(&mut city, 93, Link::Down, runs_plan(2, Some(70)));
    assert_eq!(look(&mut watch, &city, 95), ["2 70 85-90"]);
    let flashes = ControllerNow { mode: Some(Mode::Flash), ..runs_plan(2, Some(70)) };
    tell(&mut city, 97, Link::Up, flashes);
    assert_eq!(look(&mut watch, &city, 100), NOTHING, "no plan runs while it flashes");
    tell(&mut city, 103, Link::Up, runs_plan(2, Some(70)));
    assert_eq!(look(&mut watch, &city, 105), ["2 70 105-105"]);
    tell(&mut city, 106, Link::Up, ControllerNow { mode: None, ..runs_plan(2, Some(70)) });
    assert_eq!(look(&mut watch, &city, 107), ["2 70 105-105"], "nobody says that it runs");
    assert_eq!(look(&mut watch, &city, 108), NOTHING);
    tell(&mut city, 109, Link::Up, runs_plan(2, Some(70)));
    assert_eq!(look(&mut watch, &city, 110), ["2 70 110-110"]);
    city.presence(&pole(), false, at(112));
    assert_eq!(look(&mut watch, &city, 115), ["2 70 110-110"]);
    assert_eq!(look(&mut watch, &city, 120), NOTHING);
}

#[test]
fn a_clock_that_is_set_back_begins_another_row() {
    let (mut city, mut watch) = (City::default(), Watch::default());
    tell(&mut city, 4_000, Link::Up, runs_plan(1, Some(90)));
    assert_eq!(look(&mut watch, &city, 4_000), ["1 90 4000-4000"]);
    assert_eq!(look(&mut watch, &city, 4_060), ["1 90 4000-4060"]);
    assert_eq!(look(&mut watch, &city, 500), ["1 90 4000-4060", "1 90 500-500"]);
    assert_eq!(look(&mut watch, &city, 560), ["1 90 500-560"], "and is kept by the minute");
}

#[test]
fn plans_of_a_time_are_cut_to_it_and_short_breaks_are_none() {
    let row =
        |plan, (began, until)| PlanRow { plan, cycle_length_s: Some(90), began: at(began), until: at(until) };
    let rows = vec![row(1, (0, 100)), row(1, (200, 300)), row(1, (500, 600)), row(2, (600, 700))];
    let window = Window { from: at(50), to: at(650) };
    assert_eq!(words(joined(rows, window)), ["1 90 50-300", "1 90 500-600", "2 90 600-650"]);
}

/// A change each twenty seconds, told 300 ms late, of a controller whose cycles of 90 s begin at `begin_ms`.
fn counted(begin_ms: i64, second: impl Fn(i64) -> Option<u32>) -> Vec<Change> {
    let change = |i: i64| Change {
        at: UtcMillis(begin_ms + i * 20_000 + 300),
        groups: "1".into(),
        cycle_s: second(i * 20),
        stage: None,
    };
    (0..15).map(change).collect()
}

#[test]
fn offsets_are_reckoned_from_what_controllers_count() {
    let of = |cycle_length_s| vec![PlanRow { plan: 1, cycle_length_s, began: at(0), until: at(300) }];
    let counts = |s: i64| u32::try_from(s % 90).ok();
    let places = [
        (of(Some(90)), counted(1_000, counts)),
        (of(Some(90)), counted(111_400, counts)),
        (of(Some(90)), counted(90_700, counts)),
        // Of another length, of an unknown one, of none; one that stands still, one that does not keep its cycle, one that tells nothing.
        (of(Some(60)), counted(1_000, counts)),
        (of(None), counted(1_000, counts)),
        (Vec::new(), counted(1_000, counts)),
        (of(Some(90)), counted(1_000, |_| Some(7))),
        (of(Some(90)), counted(1_000, |s| u32::try_from(s % 70).ok())),
        (of(Some(90)), counted(1_000, |_| None)),
    ];
    let (plans, changes): (Vec<_>, Vec<_>) = places.into_iter().unzip();
    let mut want = vec![Some(0), Some(20), Some(0)];
    want.resize(plans.len(), None);
    assert_eq!(offsets(&plans, &changes), want);
    // Where the first does not tell, nobody's is known.
    assert_eq!(offsets(&plans[8..], &changes[8..]), [None]);
    let turned = |order: [usize; 2]| {
        let pick = order.map(|i| (plans[i].clone(), changes[i].clone()));
        let (plans, changes): (Vec<_>, Vec<_>) = pick.into_iter().unzip();
        offsets(&plans, &changes)
    };
    assert_eq!((turned([8, 0]), turned([1, 0])), (vec![None, None], vec![Some(0), Some(70)]));
}
