//! The tables as a whole, and values both ways.

use models_domain::UtcMillis;
use serde_json::json;

use super::*;

#[test]
fn every_code_that_a_supervisor_must_know() {
    let codes = |from: u32, to: u32, letter: char| (from..=to).map(move |n| format!("{letter}{n:04}"));
    let statuses =
        codes(1, 35, 'S').chain(codes(91, 92, 'S')).chain(codes(95, 98, 'S')).chain(codes(201, 208, 'S'));
    let commands = codes(1, 8, 'M').chain(codes(10, 23, 'M')).chain(codes(103, 104, 'M'));
    let missing = |code: &String| Code::status(code).or(Code::command(code)).is_none();
    let missing: Vec<String> = statuses.chain(commands).filter(missing).collect();
    // S0025 to S0027 and the like are all there; the list itself has no code between S0092 and S0095.
    assert_eq!(missing, Vec::<String>::new());
}

#[test]
fn names_of_a_version() {
    let names = |code: &str, version: &str| -> Vec<&str> {
        Code::status(code)
            .unwrap()
            .arguments(SxlVersion::parse(version))
            .map(|argument| argument.name)
            .collect()
    };
    assert_eq!(names("S0003", "1.0.15"), ["inputstatus", "extendedinputstatus"]);
    assert_eq!(names("S0003", "1.1"), ["inputstatus", "extendedinputstatus"]);
    assert_eq!(names("S0003", "1.2.1"), ["inputstatus"]);
    assert_eq!(names("S0005", "1.2"), ["status"]);
    assert_eq!(names("S0005", "1.3.0"), ["status", "statusByIntersection"]);
    assert_eq!(names("S0033", "1.0.15"), Vec::<&str>::new());
}

#[track_caller]
fn check(code: &str, name: &str, wire: serde_json::Value, want: Result<Value, &str>) {
    let argument = Code::status(code).or(Code::command(code)).unwrap().argument(name).unwrap();
    assert_eq!(argument.read(&wire), want.clone().map_err(str::to_owned));
    if let Ok(value) = want {
        assert_eq!(argument.write(&value).and_then(|written| argument.read(&written)), Ok(value));
    }
}

#[test]
fn values_both_ways() {
    check("S0001", "cyclecounter", json!("17"), Ok(Value::Integer(17)));
    check("S0001", "cyclecounter", json!(17), Ok(Value::Integer(17)));
    check(
        "S0001",
        "cyclecounter",
        json!("1000"),
        Err("cyclecounter must be a whole number from 0 to 999, not \"1000\""),
    );
    check("S0005", "status", json!("True"), Ok(Value::Boolean(true)));
    check("S0005", "status", json!("perhaps"), Err("status must be True or False, not \"perhaps\""));
    check("S0205", "vehicles", json!("3,0,-1"), Ok(Value::Integers(vec![3, 0, -1])));
    check("S0007", "source", json!("forced,other"), Ok(Value::Texts(vec!["forced".into(), "other".into()])));
    check("S0007", "status", json!("True,False"), Ok(Value::Booleans(vec![true, false])));
    check(
        "S0201",
        "starttime",
        json!("2026-02-17T00:00:00.000Z"),
        Ok(Value::Time(UtcMillis(1_771_286_400_000))),
    );
    check("M0001", "status", json!("Dark"), Ok(Value::Text("Dark".into())));
}

#[test]
fn each_of_a_list_is_typed() {
    let item = |values: &[(&str, Value)]| -> BTreeMap<String, Value> {
        values.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect()
    };
    let waits = json!({ "r": "7", "t": "2026-02-17T00:00:00.000Z", "s": "queued" });
    let over = json!({ "r": "a", "t": "2026-02-17T00:00:00.000Z", "s": "completed", "e": "4", "d": "255" });
    let since = ("t", Value::Time(UtcMillis(1_771_286_400_000)));
    let want = [
        item(&[("r", Value::Text("7".into())), since.clone(), ("s", Value::Text("queued".into()))]),
        item(&[
            ("r", Value::Text("a".into())),
            since,
            ("s", Value::Text("completed".into())),
            ("e", Value::Integer(4)),
            ("d", Value::Integer(255)),
        ]),
    ];
    check("S0033", "status", json!([waits, over]), Ok(Value::Array(want.into())));
    check("S0033", "status", json!([]), Ok(Value::Array(vec![])));
    let starting = item(&[("intersection", Value::Integer(0)), ("startup", Value::Boolean(true))]);
    check(
        "S0005",
        "statusByIntersection",
        json!([{ "intersection": "0", "startup": "True" }]),
        Ok(Value::Array(vec![starting])),
    );
    let route = item(&[("id", Value::Integer(255))]);
    check("S0035", "emergencyroutes", json!([{ "id": "255" }]), Ok(Value::Array(vec![route])));
}

#[test]
fn a_list_with_one_odd_item_is_none() {
    #[track_caller]
    fn odd(code: &str, name: &str, item: serde_json::Value, want: &str) {
        let good = match code {
            "S0033" => json!({ "r": "7", "t": "2026-02-17T00:00:00.000Z", "s": "queued" }),
            "S0005" => json!({ "intersection": "1", "startup": "False" }),
            _ => json!({ "id": "1" }),
        };
        check(code, name, json!([good, item]), Err(&format!("{name}: {want}")));
    }
    check("S0033", "status", json!({}), Err("status must be a list, not something else"));
    check("S0033", "status", json!("[]"), Err("status must be a list, not \"[]\""));
    odd("S0033", "status", json!("7"), "each must be an object");
    odd("S0033", "status", json!({ "r": "8", "s": "queued" }), "t is missing");
    odd("S0033", "status", json!({ "r": "8", "since": "now" }), "there is no \"since\"");
    odd(
        "S0033",
        "status",
        json!({ "r": "8", "t": "2026-02-17T00:00:00.000Z", "s": "stale", "e": "256" }),
        "e must be a whole number from 0 to 255, not \"256\"",
    );
    odd("S0033", "status", json!({ "r": [] }), "r must be a text, not something else");
    odd("S0005", "statusByIntersection", json!({ "intersection": "1" }), "startup is missing");
    odd(
        "S0005",
        "statusByIntersection",
        json!({ "intersection": "1", "startup": "perhaps" }),
        "startup must be True or False, not \"perhaps\"",
    );
    odd(
        "S0035",
        "emergencyroutes",
        json!({ "id": "0" }),
        "id must be a whole number from 1 to 255, not \"0\"",
    );
}

/// What would not be read back as it was is not written.
#[test]
fn a_list_of_another_kind_is_not_written() {
    let routes = Code::status("S0035").and_then(|code| code.argument("emergencyroutes")).unwrap();
    let list = |name: &str| Value::Array(vec![BTreeMap::from([(name.to_owned(), Value::Integer(2))])]);
    assert_eq!(routes.write(&list("id")), Ok(json!([{ "id": "2" }])));
    assert_eq!(routes.write(&list("route")), Err("emergencyroutes: id is missing".to_owned()));
    let number = Code::status("S0034").and_then(|code| code.argument("status")).unwrap();
    let refused = "status must be a whole number from 0 to 65535, not a list";
    assert_eq!(number.write(&list("id")), Err(refused.to_owned()));
}

/// A site may send anything.
#[test]
fn no_value_makes_it_panic() {
    let odd = [
        json!(null),
        json!(""),
        json!(","),
        json!("-"),
        json!("9".repeat(400)),
        json!([[1]]),
        json!([{}]),
        json!([{ "id": [{ "id": 1 }] }]),
        json!(1.5),
        json!("\u{0}đ"),
    ];
    let all = STATUSES.iter().chain(COMMANDS).flat_map(|code| code.arguments);
    for (argument, odd) in all.flat_map(|argument| odd.iter().map(move |odd| (argument, odd))) {
        if let Ok(value) = argument.read(odd) {
            let _ = argument.write(&value);
        }
    }
}
