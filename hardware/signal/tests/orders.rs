//! Every command and every status of every version of the signal exchange list, against the published schemas and index.
//! Skips where the field material is not there.

#![allow(clippy::unwrap_used, reason = "a test that panics has failed")]

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use boon::{Compiler, SchemaIndex, Schemas};
use hardware_signal::controllers::{
    Action, AlarmStep, Answer, Asked, At, Controller, KnownSite, Order, Session, SessionSettings, Synchrony,
    Timing, Value as Typed,
};
use models_domain::{JunctionId, UtcMillis};
use serde_json::{Map, Value, json};

const ID: &str = "8b2f4a7e-9d3c-4f10-a1b2-c3d4e5f60718";

/// A core version and a list that go together.
const PAIRS: [(&str, &str); 4] =
    [("3.1.5", "1.0.15"), ("3.1.5", "1.1.0"), ("3.2.2", "1.2.1"), ("3.3.0", "1.3.0")];

fn field() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/field/signals/rsmp");
    if !folder.is_dir() {
        eprintln!("skipped: {} is not there", folder.display());
        return None;
    }
    folder.canonicalize().ok()
}

fn at(second: u64) -> At {
    let ms = i64::try_from(second).unwrap() * 1000;
    At {
        utc: UtcMillis(1_800_000_000_000 + ms),
        elapsed: Duration::from_secs(second),
        synchrony: Synchrony::Synchronised,
    }
}

/// A link that is up, and has asked all it asks by itself.
fn session(core: &str, sxl: &str) -> Box<dyn Session> {
    let known = KnownSite::new(JunctionId::new("kim-ma").unwrap(), "TC");
    let settings = SessionSettings {
        sites: Arc::new([("HN".to_owned(), known)].into()),
        supervisor_id: "hanoi".into(),
        timing: Timing { pace: Duration::ZERO, ..Timing::default() },
        new_message_id: || ID.to_owned(),
    };
    let mut session = (Controller::by_name("rsmp").unwrap().opener().unwrap())(at(0), settings);
    let version = json!({ "type": "Version", "mId": ID, "RSMP": [{ "vers": core }], "siteId": [{ "sId": "HN" }], "SXL": sxl });
    hear(session.as_mut(), version);
    hear(session.as_mut(), ack());
    hear(session.as_mut(), json!({ "type": "Watchdog", "mId": ID, "wTs": "2027-01-15T08:00:00.000Z" }));
    for _ in 0..6 {
        session.handle_timeout(at(1));
        hear(session.as_mut(), ack());
    }
    session
}

fn ack() -> Value {
    json!({ "type": "MessageAck", "oMId": ID })
}

fn hear(session: &mut dyn Session, mut message: Value) -> Vec<Action> {
    message["mType"] = json!("rSMsg");
    session.receive(at(1), format!("{message}\u{c}").as_bytes());
    std::iter::from_fn(|| session.poll()).collect()
}

struct Checker {
    schemas: Schemas,
    core: SchemaIndex,
}

impl Checker {
    fn new(folder: &Path, core: &str) -> Self {
        let mut schemas = Schemas::new();
        let path = folder.join(format!("core/{core}/rsmp.json"));
        let core = Compiler::new().compile(path.to_str().unwrap(), &mut schemas).unwrap();
        Self { schemas, core }
    }

    /// The one message that the session sends for the order, valid by the core's schema.
    #[track_caller]
    fn sent(&self, session: &mut dyn Session, what: Asked) -> Value {
        session.order(Order { number: 1, what });
        session.handle_timeout(at(1));
        let actions: Vec<Action> = std::iter::from_fn(|| session.poll()).collect();
        let [Action::Send(bytes)] = &actions[..] else { panic!("{actions:?}") };
        let message: Value = serde_json::from_slice(bytes.strip_suffix(b"\x0c").unwrap()).unwrap();
        if let Err(err) = self.schemas.validate(&message, self.core) {
            panic!("{message}\n{err}");
        }
        message
    }
}

/// A value that the list allows, on the wire.
fn example(code: &str, name: &str, kind: &Value) -> Value {
    let word = kind.as_str().unwrap_or("array").trim_end_matches("_as_string");
    match (code, name, word) {
        ("M0001", "status", _) => json!("YellowFlash"),
        ("M0103", "status", _) => json!("Level2"),
        ("M0022", "type", _) => json!("new"),
        (_, "vehicleType", _) => json!("bus"),
        (_, "source", _) => json!("forced"),
        (_, "controlmode", _) => json!("control"),
        ("S0032", "status", _) => json!("local"),
        ("S0033", "s", _) => json!("completed"),
        ("S0091" | "S0092", "status", _) => json!("login"),
        (_, "signalgroupstatus", _) => json!("1B"),
        (_, _, "boolean" | "boolean_list") => json!("True"),
        (_, _, "timestamp") => json!("2027-01-15T08:00:00.000Z"),
        (_, _, "array") => {
            let names = kind["items"].as_object().unwrap().iter();
            let item: Map<String, Value> =
                names.map(|(name, kind)| (name.clone(), example(code, name, kind))).collect();
            json!([item])
        }
        (_, _, _) => json!("1"),
    }
}

fn typed(kind: &Value, wire: &Value) -> Typed {
    let text = wire.as_str().unwrap_or_default();
    match kind.as_str().unwrap_or("array").trim_end_matches("_as_string") {
        "integer" => Typed::Integer(text.parse().unwrap()),
        "boolean" => Typed::Boolean(true),
        _ => Typed::Text(text.to_owned()),
    }
}

/// `(code, [(name, kind)])` of the published index; `optional` ones too when asked for.
fn index(folder: &Path, sxl: &str, part: &str) -> Vec<(String, Vec<(String, Value)>)> {
    let text = std::fs::read_to_string(folder.join(format!("tlc/{sxl}/sxl_index.json"))).unwrap();
    let index: Value = serde_json::from_str(&text).unwrap();
    let codes = index[part].as_object().unwrap().iter();
    codes
        .map(|(code, names)| {
            let named = ["required", "optional"].into_iter().filter_map(|which| names[which].as_object());
            let named = named.flatten().map(|(name, kind)| (name.clone(), kind.clone()));
            (code.clone(), named.collect())
        })
        .collect()
}

#[test]
fn every_command_is_sent_as_its_list_wants_it() {
    let Some(folder) = field() else { return };
    let mut checked = 0;
    for (core, sxl) in PAIRS {
        let checker = Checker::new(&folder, core);
        let mut schemas = Schemas::new();
        let mut compiler = Compiler::new();
        for (code, names) in index(&folder, sxl, "commands") {
            let path = folder.join(format!("tlc/{sxl}/commands/{code}.json"));
            let schema = compiler.compile(path.to_str().unwrap(), &mut schemas).unwrap();
            let values =
                names.iter().map(|(name, kind)| (name.clone(), typed(kind, &example(&code, name, kind))));
            let asked = Asked::Command { code: code.clone(), component: None, values: values.collect() };
            let message = checker.sent(session(core, sxl).as_mut(), asked);
            let arguments = message["arg"].as_array().unwrap();
            assert_eq!(arguments.len(), names.len(), "{message}");
            for argument in arguments {
                if let Err(err) = schemas.validate(argument, schema) {
                    panic!("{sxl} {argument}\n{err}");
                }
                checked += 1;
            }
        }
    }
    println!("{checked} arguments of commands are valid");
    assert!(checked > 250, "{checked}");
}

/// Nothing is configured here: what is missing is told, and nothing is sent.
#[test]
fn every_command_wants_the_security_code_that_its_list_names() {
    let Some(folder) = field() else { return };
    let mut wanted = 0;
    for (core, sxl) in PAIRS {
        for (code, names) in index(&folder, sxl, "commands") {
            let path = folder.join(format!("tlc/{sxl}/commands/{code}.json"));
            let list = std::fs::read_to_string(path).unwrap();
            let named = |level: &&str| list.contains(&format!("\"Security code {level}\""));
            let level = ["1", "2"].into_iter().find(named);
            let others = names.iter().filter(|(name, _)| name != "securityCode");
            let values = others.map(|(name, kind)| (name.clone(), typed(kind, &example(&code, name, kind))));
            let what = Asked::Command { code: code.clone(), component: None, values: values.collect() };
            let mut link = session(core, sxl);
            link.order(Order { number: 1, what });
            let told: Vec<Action> = std::iter::from_fn(|| link.poll()).collect();
            let Some(level) = level else {
                assert_eq!(told, [], "{sxl} {code} needs none");
                continue;
            };
            let [Action::Answered { answer: Answer::Refused(why), .. }] = &told[..] else {
                panic!("{sxl} {code}: {told:?}")
            };
            assert!(why.starts_with(&format!("{code} needs security code {level},")), "{sxl} {why}");
            wanted += 1;
        }
    }
    println!("{wanted} commands want a security code");
    assert!(wanted > 70, "{wanted}");
}

/// What a link that is up warns of when it is told the value.
#[track_caller]
fn warned(core: &str, sxl: &str, status: &Value) -> Vec<Action> {
    let update = json!({
        "type": "StatusUpdate", "mId": ID, "cId": "TC", "sTs": "2027-01-15T08:00:00.000Z", "sS": [status],
    });
    let actions = hear(session(core, sxl).as_mut(), update);
    assert!(actions.iter().any(|action| matches!(action, Action::Send(_))), "it is acknowledged or refused");
    actions.into_iter().filter(|action| matches!(action, Action::Warn(_))).collect()
}

#[test]
fn every_status_is_read_as_its_list_writes_it() {
    let Some(folder) = field() else { return };
    let (mut read, mut refused) = (0, 0);
    for (core, sxl) in PAIRS {
        for (code, names) in index(&folder, sxl, "statuses") {
            for (name, kind) in names {
                let warnings = |value: Value| {
                    let status = json!({ "sCI": code, "n": name, "s": value, "q": "recent" });
                    warned(core, sxl, &status)
                };
                assert_eq!(warnings(example(&code, &name, &kind)), [], "{sxl} {code} {name} {kind}");
                read += 1;
                let told = !warnings(json!({ "odd": true })).is_empty();
                assert!(told, "{sxl} {code} {name}: an object is no value");
                refused += 1;
            }
        }
    }
    println!("{read} values of statuses are read, {refused} odd ones warned of");
    assert!(read > 380, "{read}");
}

/// A list with nothing in it, with `item`, and with one that lacks a value, has an odd one or one too many, or is none.
fn lists(item: &Value) -> Vec<Value> {
    let mut items = vec![item.clone(), json!("odd"), json!([]), json!({})];
    for name in item.as_object().unwrap().keys() {
        let mut lacking = item.clone();
        lacking.as_object_mut().unwrap().remove(name);
        items.push(lacking);
        let own = [json!("odd"), json!(null), json!({}), json!([])].map(|odd| (name.clone(), odd));
        for (name, odd) in own.into_iter().chain([(format!("{name}2"), json!("1"))]) {
            let mut changed = item.clone();
            changed[name] = odd;
            items.push(changed);
        }
    }
    let with = items.iter().map(|odd| json!([item, odd]));
    [json!([])].into_iter().chain(with).collect()
}

/// What is in the lists of S0005, S0033 and S0035: what the schema takes is read, and what it does not is warned of.
#[test]
fn each_of_a_list_is_read_as_its_schema_has_it() {
    let Some(folder) = field() else { return };
    let (mut read, mut refused) = (0, 0);
    for (core, sxl) in PAIRS {
        let mut schemas = Schemas::new();
        let mut compiler = Compiler::new();
        for (code, names) in index(&folder, sxl, "statuses") {
            for (name, kind) in names.iter().filter(|(_, kind)| kind.is_object()) {
                let path = folder.join(format!("tlc/{sxl}/statuses/{code}.json"));
                let schema = compiler.compile(path.to_str().unwrap(), &mut schemas).unwrap();
                for list in lists(&example(&code, name, kind)[0]) {
                    let status = json!({ "sCI": code, "n": name, "s": list, "q": "recent" });
                    let valid = schemas.validate(&status, schema).is_ok();
                    let told = warned(core, sxl, &status);
                    assert_eq!(told.is_empty(), valid, "{sxl} {status} {told:?}");
                    *(if valid { &mut read } else { &mut refused }) += 1;
                }
            }
        }
    }
    println!("{read} lists are read, {refused} odd ones warned of");
    assert!(read > 20 && refused > 100, "{read} {refused}");
}

#[test]
fn alarms_and_aggregated_status_follow_the_schemas() {
    let Some(folder) = field() else { return };
    for (core, sxl) in PAIRS {
        let checker = Checker::new(&folder, core);
        for step in [AlarmStep::Acknowledge, AlarmStep::Suspend, AlarmStep::Resume, AlarmStep::Request] {
            let asked =
                Asked::Alarm { component: "DL1".into(), code: "A0302".into(), external: String::new(), step };
            checker.sent(session(core, sxl).as_mut(), asked);
        }
        checker.sent(session(core, sxl).as_mut(), Asked::AggregatedStatus);
    }
}
