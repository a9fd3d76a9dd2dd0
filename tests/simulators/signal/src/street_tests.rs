//! What a controller tells by itself: alarms that were cleared, its whole state, and where in the cycle its groups changed.

use serde_json::json;

use super::*;
use crate::list::Version;

/// A moment at which nothing else begins.
const START_MS: i64 = 1_767_225_600_000;

/// `always`: one fault is there all the time.
fn controller(sxl: &str, always: bool) -> Arc<Controller> {
    let config = Config::parse(include_str!("../one-site.toml")).unwrap();
    let each_s = if always { 1_000.0 } else { 0.0 };
    let sxl = Version::parse(sxl).unwrap();
    let config = Config { sxl, alarm_every_s: each_s, alarm_lasts_s: each_s, ..config };
    let site = config.sites[0].clone();
    Controller::new(config, site, Buffer::default())
}

fn order(controller: &Controller, code: &str, order: &str, values: &[(&str, Value)]) {
    let argument = |(name, value): &(&str, Value)| json!({ "cCI": code, "cO": order, "n": name, "v": value });
    let arguments: Vec<Value> = values.iter().map(argument).collect();
    let asked = json!({ "cId": controller.site.component, "arg": arguments });
    let Controller { config, site, .. } = controller;
    controller.state().ordered.command(site, config.sxl, START_MS, &asked).unwrap();
}

/// A second later: what there is to tell.
fn look(controller: &Controller, second: i64) -> Vec<String> {
    controller.tick(START_MS + second * 1_000);
    let mut state = controller.state();
    let next = || {
        let message = state.buffer.next("x")?.message;
        state.buffer.acknowledged("x");
        let on = |bit: usize| message["se"][bit - 1] == true;
        let word = |name: &str| message[name].as_str().unwrap().to_owned();
        Some(match message["type"].as_str().unwrap() {
            "Alarm" => format!("{} {}", word("aCId"), word("aS")),
            "AggregatedStatus" => format!("fault {} in use {} idle {}", on(5), on(6), on(7)),
            other => panic!("{other}"),
        })
    };
    std::iter::from_fn(next).collect()
}

const NOTHING: [&str; 0] = [];

fn set_input(controller: &Controller, on: &str) {
    let values = [("status", json!(on)), ("securityCode", json!("2222")), ("input", json!("7"))];
    order(controller, "M0006", "setInput", &values);
}

#[test]
fn an_alarm_that_is_cleared_comes_again_while_its_cause_is_there() {
    let controller = controller("1.3.0", false);
    assert_eq!(look(&controller, 0), NOTHING);
    set_input(&controller, "True");
    let (raised, over) = (
        ["A0302 Active", "fault true in use true idle false"],
        ["A0302 inActive", "fault false in use true idle false"],
    );
    assert_eq!(look(&controller, 1), raised);
    order(&controller, "M0024", "clearAlarms", &[("status", json!(false))]);
    assert_eq!(look(&controller, 2), NOTHING);
    order(&controller, "M0024", "clearAlarms", &[("status", json!(true))]);
    assert_eq!(look(&controller, 3), over);
    assert_eq!(look(&controller, 4), raised);
    set_input(&controller, "False");
    assert_eq!(look(&controller, 5), over);
    order(&controller, "M0024", "clearAlarms", &[("status", json!(true))]);
    assert_eq!(look(&controller, 6), NOTHING);
}

#[test]
fn from_list_1_3_on_a_restart_clears_alarms() {
    let restart = [("status", json!("True")), ("securityCode", json!("2222"))];
    for (sxl, clears) in [("1.2.1", false), ("1.3.0", true)] {
        let controller = controller(sxl, true);
        assert_eq!(look(&controller, 0).len(), 2, "{sxl}");
        order(&controller, "M0004", "setRestart", &restart);
        assert_eq!(look(&controller, 1), NOTHING, "{sxl}");
        let told = [look(&controller, 2), look(&controller, 3)];
        assert_eq!(
            told.iter().map(Vec::len).collect::<Vec<_>>(),
            if clears { [2, 2] } else { [0, 0] },
            "{told:?}"
        );
        assert_eq!(look(&controller, 4), NOTHING, "{sxl}");
    }
}

#[test]
fn from_list_1_3_on_a_site_that_is_dark_or_flashes_is_idle() {
    let mode = |word: &str| {
        let texts = [("status", word), ("securityCode", "2222"), ("timeout", "0"), ("intersection", "0")];
        texts.map(|(name, text)| (name, json!(text)))
    };
    for sxl in ["1.2.1", "1.3.0"] {
        let controller = controller(sxl, false);
        let mut told = look(&controller, 0);
        for (word, second) in [("Dark", 1), ("YellowFlash", 2), ("NormalControl", 3)] {
            order(&controller, "M0001", "setValue", &mode(word));
            told.extend(look(&controller, second));
        }
        let want = ["fault false in use false idle true", "fault false in use true idle false"];
        assert_eq!(told, if sxl == "1.3.0" { &want[..] } else { &[] });
    }
}

#[test]
fn who_wants_no_alarms_is_told_of_none() {
    let controller = controller("1.3.0", false);
    controller.state().wants_alarms = false;
    set_input(&controller, "True");
    assert_eq!(look(&controller, 0), ["fault true in use true idle false"]);
    assert_eq!(controller.state().alarms[0]["aS"], "Active");
}

#[test]
fn the_cycle_of_the_last_change_stays_until_the_next() {
    let controller = controller("1.3.0", false);
    controller.tick(START_MS);
    let mut changed = None;
    for second in 1..60 {
        let before = controller.state().shown.groups.clone();
        controller.tick(START_MS + second * 1_000);
        let state = controller.state();
        if state.shown.groups != before {
            changed = Some(state.shown.cycle_s * 1_000);
        }
        let told = controller.value(&state, Component::Controller, ("S0001", "millisecond"), (0, 0));
        assert!(changed.is_none_or(|changed| told == Some(Value::from(changed.to_string()))), "{told:?}");
    }
    assert!(changed.is_some());
}
