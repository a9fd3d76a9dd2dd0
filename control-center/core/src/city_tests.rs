//! What is shown is the newest by sane time, in whatever order it arrives.

use models_domain::signal::order::ControllerNow;
use models_domain::signal::{GroupStates, SignalAlarm};
use models_domain::{EventId, MetersPerSecond, Seq};

use super::*;

const NOW: UtcMillis = UtcMillis(1_000_000_000);

fn pole() -> GatewayId {
    "pole-1".parse().unwrap()
}

fn fix(at: i64) -> EventBody {
    EventBody::Fix(Fix {
        vehicle: "bus-1".parse().unwrap(),
        at: UtcMillis(at),
        received: NOW,
        position: LatLon::new(21.0, 105.8),
        speed: MetersPerSecond(1.0),
        course: None,
        altitude: None,
        valid: true,
        protocol: "gt06".into(),
        told: models_domain::transit::Told::default(),
    })
}

fn groups(groups: &str, old: bool) -> EventBody {
    let controller_at = UtcMillis(0);
    let groups = GroupStates {
        groups: groups.into(),
        cycle_s: None,
        stage: None,
        controller_at,
        late: models_domain::DurationMs(0),
        old,
    };
    EventBody::Signal { junction: "j-1".parse().unwrap(), groups }
}

fn alarm(code: &str, active: bool) -> EventBody {
    let alarm = SignalAlarm {
        code: code.into(),
        component: "sg1".into(),
        active,
        acknowledged: false,
        suspended: false,
        priority: 2,
        description: String::new(),
    };
    EventBody::SignalAlarm { junction: "j-1".parse().unwrap(), alarm }
}

fn link(link: Link) -> EventBody {
    EventBody::CameraState { camera: "c-1".parse().unwrap(), state: up(link) }
}

fn up(link: Link) -> LinkState {
    LinkState { link, reason: String::new() }
}

fn told(at: UtcMillis) -> GatewayState {
    let camera = CameraInfo {
        id: "c-1".parse().unwrap(),
        name: "Tràng Tiền".into(),
        position: None,
        size: (1920, 1080),
        lines: Vec::new(),
        zones: Vec::new(),
        state: up(Link::Up),
        fps: 5.0,
        effort: None,
    };
    let junction = JunctionInfo {
        id: "j-1".parse().unwrap(),
        name: String::new(),
        position: None,
        state: up(Link::Up),
        groups: String::new(),
        changes: Vec::new(),
        now: ControllerNow::default(),
        aggregated: None,
        order: 0,
        ending: String::new(),
        can: None,
        handles_alarms: true,
        alarms: None,
    };
    GatewayState { at, waiting: 3, keeps_nothing: false, cameras: vec![camera], junctions: vec![junction] }
}

/// Applies `(at, body)` in this order and in the opposite one; the present must be `want` both times.
#[track_caller]
fn check(facts: &[(i64, EventBody)], want: &str) {
    let mut backwards = facts.to_vec();
    backwards.reverse();
    for facts in [facts.to_vec(), backwards] {
        let mut city = City::default();
        city.state(&pole(), told(UtcMillis(1)), NOW);
        for (at, body) in facts {
            let id = EventId { boot: 1, seq: Seq(1) };
            city.event(&pole(), &Event { id, at: UtcMillis(at), body }, NOW);
        }
        let vehicle = city.vehicles.values().map(|v| v.fix.at.0).collect::<Vec<_>>();
        let junction = &city.junctions.values().next().unwrap();
        let alarms = junction.active_alarms().map(|a| a.code.as_str()).collect::<Vec<_>>();
        let camera = city.cameras.values().next().unwrap().info.state.link;
        assert_eq!(format!("{vehicle:?} {:?} {alarms:?} {camera:?}", junction.info.groups), want);
    }
}

#[test]
fn the_newest_sane_fact_is_shown() {
    check(&[], r#"[] "" [] Up"#);
    check(&[(5, fix(5)), (9, fix(9)), (7, fix(7))], r#"[9] "" [] Up"#);
    check(&[(5, groups("1e", false)), (9, groups("e1", false))], r#"[] "e1" [] Up"#);
    check(&[(5, groups("1e", false)), (9, groups("e1", true))], r#"[] "1e" [] Up"#);
    check(&[(5, alarm("A1", true)), (6, alarm("A1", false)), (7, alarm("A2", true))], r#"[] "" ["A2"] Up"#);
    check(&[(5, alarm("A1", true)), (6, alarm("A1", false))], r#"[] "" [] Up"#);
    check(&[(5, link(Link::Down))], r#"[] "" [] Down"#);
    check(&[(5, link(Link::Down)), (6, link(Link::Connecting))], r#"[] "" [] Connecting"#);
}

#[test]
fn of_two_reports_of_a_moment_the_one_that_tells_more_is_shown_whichever_came_first() {
    let EventBody::Fix(stored) = fix(9) else { panic!("a fix") };
    let mut stamped = stored.clone();
    stamped.told.driver = Some("A-17".into());
    for pair in [[&stored, &stamped], [&stamped, &stored]] {
        let mut city = City::default();
        let shown = pair.map(|fix| city.fix(&pole(), fix, NOW));
        assert_eq!(shown[1].is_some(), pair[1] == &stamped, "told again only where it tells more");
        let drivers: Vec<_> = city.vehicles.values().map(|v| v.fix.told.driver.as_deref()).collect();
        assert_eq!(drivers, [Some("A-17")]);
    }
}

#[test]
fn the_stage_is_the_one_told_last_until_the_link_is_lost() {
    let mut city = City::default();
    city.state(&pole(), told(UtcMillis(1)), NOW);
    let mut stage_after = |at: i64, body: EventBody| {
        let id = EventId { boot: 1, seq: Seq(1) };
        city.event(&pole(), &Event { id, at: UtcMillis(at), body }, NOW);
        city.junctions.values().next().unwrap().stage
    };
    let shown = |text: &str, stage: Option<u32>, old: bool| {
        let EventBody::Signal { junction, groups } = groups(text, old) else { panic!("groups are a signal") };
        EventBody::Signal { junction, groups: GroupStates { stage, ..groups } }
    };
    assert_eq!(stage_after(5, shown("1e", None, false)), None);
    assert_eq!(stage_after(6, shown("1e", Some(1), false)), Some(1));
    // The yellow between two stages tells none.
    assert_eq!(stage_after(7, shown("Ne", None, false)), Some(1));
    assert_eq!(stage_after(9, shown("e1", Some(2), false)), Some(2));
    assert_eq!(stage_after(10, shown("1e", Some(1), true)), Some(2), "of an outage that is over");
    assert_eq!(stage_after(8, shown("1e", Some(1), false)), Some(2), "it came late");
    let state = up(Link::Down);
    let lost = EventBody::SignalState { junction: "j-1".parse().unwrap(), state };
    assert_eq!(stage_after(11, lost), None);
}

#[test]
fn nobody_takes_over_what_another_gateway_has() {
    let (owner, thief) = (pole(), "thief".parse::<GatewayId>().unwrap());
    let mut city = City::default();
    city.state(&owner, told(UtcMillis(1)), NOW);
    city.presence(&owner, false, NOW);
    let news = |body| Event { id: EventId { boot: 1, seq: Seq(1) }, at: UtcMillis(9), body };
    let changes = city.state(&thief, told(UtcMillis(5)), NOW);
    assert!(!changes.iter().any(|change| !matches!(change, Change::Gateway(_))), "{changes:?}");
    assert_eq!(city.gateways[&thief].claims, ["c-1", "j-1"]);
    for body in [groups("1e", false), alarm("A1", true), link(Link::Down)] {
        assert_eq!(city.event(&thief, &news(body), NOW), None);
    }
    assert!(city.junctions.values().all(|j| j.gateway == owner && j.info.groups.is_empty()));
    // It is told no more by the first, or the first is cut off: then it is the other's.
    let mut freed = city_of(&city);
    freed.state(&owner, GatewayState { junctions: Vec::new(), ..told(UtcMillis(10)) }, NOW);
    freed.state(&thief, told(UtcMillis(11)), NOW);
    assert_eq!(freed.gateways[&thief].claims, ["c-1"]);
    assert!(freed.junctions.values().all(|j| j.gateway == thief));
    city.cut_off(&owner);
    city.state(&thief, told(UtcMillis(11)), NOW);
    assert!(city.gateways[&thief].claims.is_empty() && city.cameras.values().all(|c| c.gateway == thief));
}

/// Another one like it.
fn city_of(city: &City) -> City {
    let mut other = City::default();
    for id in city.gateways.keys().filter(|id| city.junctions.values().any(|j| j.gateway == **id)) {
        other.state(id, told(UtcMillis(1)), NOW);
    }
    other
}

#[test]
fn a_clock_in_the_future_freezes_nothing() {
    check(&[(5, fix(NOW.0 + 86_400_000)), (9, fix(9))], r#"[9] "" [] Up"#);
    check(&[(5, fix(NOW.0 + 59_000))], r#"[1000059000] "" [] Up"#);
    let mut city = City::default();
    city.state(&pole(), told(UtcMillis(i64::MAX)), NOW);
    let later = UtcMillis(NOW.0 + 1);
    let body = link(Link::Down);
    city.event(&pole(), &Event { id: EventId { boot: 1, seq: Seq(1) }, at: later, body }, later);
    assert_eq!(city.cameras.values().next().unwrap().info.state.link, Link::Down);
}

#[test]
fn an_invalid_fix_is_no_place() {
    let EventBody::Fix(mut f) = fix(5) else { panic!("a fix") };
    f.valid = false;
    assert_eq!(City::default().fix(&pole(), &f, NOW), None);
}

#[test]
fn a_gateway_brings_drops_and_changes() {
    let mut city = City::default();
    assert_eq!(city.state(&pole(), told(UtcMillis(1)), NOW), [Change::Everything]);
    let same = city.state(&pole(), told(UtcMillis(2)), NOW);
    assert!(matches!(&same[..], [Change::Gateway(_)]), "{same:?}");
    let mut slower = told(UtcMillis(3));
    slower.cameras[0].fps = 2.0;
    let changes = city.state(&pole(), slower, NOW);
    assert!(matches!(&changes[..], [Change::Gateway(_), Change::Camera(_)]), "{changes:?}");
    let mut without = told(UtcMillis(4));
    without.cameras.clear();
    assert_eq!(city.state(&pole(), without, NOW), [Change::Everything]);
    assert!(city.cameras.is_empty());
    assert!(matches!(&city.presence(&pole(), true, NOW)[..], [Change::Gateway(_)]));
    assert!(city.presence(&pole(), true, NOW).is_empty());
}

#[test]
fn a_jump_is_no_place_until_it_is_confirmed() {
    let mut city = City::default();
    let mut places = Vec::new();
    for (at, east) in [(1_000, 0.0), (6_000, 0.001), (11_000, 0.5), (16_000, 0.002), (21_000, -0.7)] {
        let EventBody::Fix(mut f) = fix(at) else { panic!("a fix") };
        f.position.lon.0 += east;
        city.fix(&pole(), &f, NOW);
        places.push(city.vehicles.values().next().map(|v| v.fix.at.0));
    }
    let at = |millis| Some(millis);
    assert_eq!(places[..4], [at(1_000), at(6_000), at(6_000), at(16_000)]);
    assert_eq!(places[4], at(16_000), "one report far away is not believed");
}

/// `A1 there`, `A2 suspended`, as the city has them after a state with `alarms` at `at`.
#[track_caller]
fn state_tells(city: &mut City, at: i64, link: Link, alarms: &[(&str, bool, bool)], want: &str) {
    let listed = |(code, active, suspended): &(&str, bool, bool)| SignalAlarm {
        code: (*code).to_owned(),
        component: String::new(),
        active: *active,
        acknowledged: false,
        suspended: *suspended,
        priority: 2,
        description: String::new(),
    };
    let mut state = told(UtcMillis(at));
    state.junctions[0].state = up(link);
    state.junctions[0].alarms = Some(alarms.iter().map(listed).collect());
    city.state(&pole(), state, NOW);
    let junction = city.junctions.values().next().unwrap();
    let one = |alarm: &SignalAlarm| {
        let is = if alarm.suspended { "suspended" } else { "there" };
        format!("{} {is}", alarm.code)
    };
    assert_eq!(junction.listed_alarms().map(one).collect::<Vec<_>>().join(", "), want);
}

#[test]
fn a_hall_that_was_started_anew_has_the_alarms_of_the_gateways_state() {
    let mut city = City::default();
    let all = [("A1", true, false), ("A2", false, true)];
    state_tells(&mut city, 10, Link::Up, &all, "A1 there, A2 suspended");
    // A controller that is away takes none of them with it.
    state_tells(&mut city, 20, Link::Down, &[], "A1 there, A2 suspended");
    // An older state says nothing of a newer event.
    let id = EventId { boot: 1, seq: Seq(1) };
    city.event(&pole(), &Event { id, at: UtcMillis(40), body: alarm("A3", true) }, NOW);
    state_tells(&mut city, 30, Link::Up, &[("A1", true, true)], "A1 suspended, A3 there");
    state_tells(&mut city, 50, Link::Up, &[], "");
}

#[test]
fn how_long_a_group_is_at_red_outlives_a_lost_link() {
    let mut city = City::default();
    let state = |city: &mut City, at: i64, link: Link, groups: &str| {
        let mut state = told(UtcMillis(at));
        (state.junctions[0].state, state.junctions[0].groups) = (up(link), groups.to_owned());
        city.state(&pole(), state, NOW);
    };
    let event = |city: &mut City, at: i64, body: EventBody| {
        city.event(&pole(), &Event { id: EventId { boot: 1, seq: Seq(1) }, at: UtcMillis(at), body }, NOW);
    };
    let red_from = |city: &City| {
        let groups = city.junctions.values().next().unwrap().seen.groups();
        groups.iter().map(|group| group.red_from.0).collect::<Vec<_>>()
    };
    state(&mut city, 1, Link::Up, "1B");
    event(&mut city, 5, groups("BB", false));
    let (junction, down) = ("j-1".parse().unwrap(), up(Link::Down));
    event(&mut city, 50, EventBody::SignalState { junction, state: down });
    // What a state says meanwhile is of before.
    state(&mut city, 51, Link::Down, "1B");
    assert!(red_from(&city).is_empty());
    state(&mut city, 52, Link::Up, "BB");
    assert_eq!(red_from(&city), [5, 1]);
    state(&mut city, 60, Link::Connecting, "BB");
    state(&mut city, 70, Link::Up, "BB");
    assert_eq!(red_from(&city), [5, 1]);
}
