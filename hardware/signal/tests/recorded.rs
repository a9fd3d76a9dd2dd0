//! A recorded session of 1,242 messages between a site and a supervisor (RSMP core 3.2.2, SXL TLC 1.2.1), and the
//! published JSON schemas. Skips where the field material is not there.

#![allow(clippy::unwrap_used, reason = "a test that panics has failed")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use boon::{Compiler, SchemaIndex, Schemas};
use hardware_ports::sink::SignalReport;
use hardware_signal::controllers::{
    Action, At, Controller, KnownSite, Session, SessionSettings, Synchrony, Timing,
};
use models_domain::{JunctionId, UtcMillis};
use serde_json::{Value, json};

const MESSAGE_ID: &str = "8b2f4a7e-9d3c-4f10-a1b2-c3d4e5f60718";

fn field() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/field/signals/rsmp");
    if !folder.is_dir() {
        eprintln!("skipped: {} is not there", folder.display());
        return None;
    }
    folder.canonicalize().ok()
}

/// What one side sent, in order.
fn sent_by(folder: &Path, who: &str) -> Vec<Value> {
    let text = std::fs::read_to_string(folder.join("session_core3.2.2_tlc1.2.1.jsonl")).unwrap();
    let rows = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    rows.filter(|row| row["who"] == who && row["dir"] == "sent")
        .map(|mut row| row["message"].take())
        .collect()
}

/// What is asked for.
const STATUSES: [&str; 16] = [
    "S0001", "S0007", "S0008", "S0011", "S0012", "S0014", "S0025", "S0028", "S0201", "S0202", "S0203",
    "S0204", "S0205", "S0206", "S0207", "S0208",
];

/// Core versions without a published schema here: what they send and want is 3.1.5 without what came with it.
const OLDER: [&str; 3] = ["3.1.2", "3.1.3", "3.1.4"];

struct Checker {
    schemas: Schemas,
    core: SchemaIndex,
    is_older: bool,
    /// One value of each status. (The list's own rsmp.json cannot be compiled: its S0023.json has an empty `allOf`.)
    statuses: Vec<(&'static str, SchemaIndex)>,
}

impl Checker {
    fn new(folder: &Path, core: &str) -> Self {
        let mut schemas = Schemas::new();
        let mut compiler = Compiler::new();
        let mut compile = |path: PathBuf| compiler.compile(path.to_str().unwrap(), &mut schemas).unwrap();
        let is_older = OLDER.contains(&core);
        let core = if is_older { "3.1.5" } else { core };
        let core = compile(folder.join(format!("core/{core}/rsmp.json")));
        let status = |code| (code, compile(folder.join(format!("tlc/1.2.1/statuses/{code}.json"))));
        let statuses = STATUSES.map(status).into();
        Self { schemas, core, is_older, statuses }
    }

    #[track_caller]
    fn check(&self, message: &Value) {
        let message = &if self.is_older { made_newer(message) } else { message.clone() };
        let schema = |value: &Value| {
            let known = self.statuses.iter().find(|(code, _)| value["sCI"] == *code);
            known.unwrap_or_else(|| panic!("{value}")).1
        };
        let values = message["sS"].as_array().into_iter().flatten().map(|value| (value, schema(value)));
        for (value, schema) in values.chain([(message, self.core)]) {
            if let Err(err) = self.schemas.validate(value, schema) {
                panic!("{message}\n{err}");
            }
        }
    }
}

/// A message of ours to an older site, as 3.1.5 wants it.
#[track_caller]
fn made_newer(message: &Value) -> Value {
    assert!(message["type"] != "AggregatedStatusRequest" && message["aSp"] != "Request", "{message}");
    let mut message = message.clone();
    let subscribes = message["type"] == "StatusSubscribe";
    let values = message.get_mut("sS").filter(|_| subscribes).and_then(Value::as_array_mut);
    for value in values.into_iter().flatten() {
        assert!(value.get("sOc").is_none(), "{value}");
        value["sOc"] = json!(value["uRt"] == "0");
    }
    message
}

/// What the site sent, as one of `core` would have sent it.
fn made_older(core: &str, message: &mut Value) {
    if core == "3.1.2" {
        for bit in message.get_mut("se").and_then(Value::as_array_mut).into_iter().flatten() {
            *bit = json!(bit.to_string());
        }
        for value in message.get_mut("sS").and_then(Value::as_array_mut).into_iter().flatten() {
            if value["q"] == "undefined" {
                (value["q"], value["s"]) = (json!("unknown"), json!(""));
            }
        }
    }
    if message["type"] == "Alarm" {
        for (field, old, new) in [
            ("aSp", "issue", "Issue"),
            ("ack", "NotAcknowledged", "notAcknowledged"),
            ("ack", "acknowledged", "Acknowledged"),
            ("aS", "active", "Active"),
            ("aS", "inactive", "inActive"),
            ("sS", "NotSuspended", "notSuspended"),
        ] {
            if message[field] == new {
                message[field] = json!(old);
            }
        }
    }
}

fn at(second: u64) -> At {
    let ms = i64::try_from(second).unwrap() * 1000;
    // Later than the recording: what it tells has happened.
    At {
        utc: UtcMillis(1_800_000_000_000 + ms),
        elapsed: Duration::from_secs(second),
        synchrony: Synchrony::Synchronised,
    }
}

fn session() -> Box<dyn Session> {
    session_of(vec![], vec![])
}

fn session_of(detectors: Vec<String>, groups: Vec<String>) -> Box<dyn Session> {
    let known = KnownSite { detectors, groups, ..KnownSite::new(JunctionId::new("recorded").unwrap(), "TC") };
    let settings = SessionSettings {
        sites: Arc::new([("RN+SI0001".to_owned(), known)].into()),
        supervisor_id: "hanoi".into(),
        timing: Timing::default(),
        new_message_id: || MESSAGE_ID.to_owned(),
    };
    (Controller::by_name("rsmp").unwrap().opener().unwrap())(at(0), settings)
}

fn packet(message: &Value) -> Vec<u8> {
    let mut bytes = serde_json::to_vec(message).unwrap();
    bytes.push(0x0c);
    bytes
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Outcome {
    acknowledged: usize,
    groups: usize,
    old: usize,
    alarms: usize,
    asked: usize,
}

/// Plays the site's messages; a new Version is a new connection. Every message of ours is checked and acknowledged.
fn replay(folder: &Path, offered: Option<&str>, chosen: &str) -> Outcome {
    let checker = Checker::new(folder, chosen);
    let mut outcome = Outcome::default();
    let mut link = session();
    let mut second = 0;
    for mut message in sent_by(folder, "site") {
        let mut lines = Vec::new();
        if checker.is_older {
            made_older(chosen, &mut message);
        }
        if message["type"] == "Version" {
            link = session();
            second = 0;
            if let Some(offered) = offered {
                message["RSMP"] = json!([{ "vers": offered }]);
            }
            lines.push(message);
            // The recording leaves out Watchdogs and acknowledgements.
            lines.push(json!({ "mType": "rSMsg", "type": "MessageAck", "oMId": MESSAGE_ID }));
            lines.push(json!({ "mType": "rSMsg", "type": "Watchdog", "mId": MESSAGE_ID, "wTs": "2027-01-15T08:00:00.000Z" }));
        } else {
            lines.push(message);
        }
        for line in lines {
            let answers = play(&mut *link, &line, &mut second, &checker, &mut outcome);
            let own = matches!(line["type"].as_str(), Some("MessageAck" | "MessageNotAck"));
            let want = if own { vec![] } else { vec![line["mId"].clone()] };
            assert_eq!(answers, want, "{line}");
        }
    }
    outcome
}

/// The numbers that were acknowledged because of `line`.
fn play(
    link: &mut dyn Session,
    line: &Value,
    second: &mut u64,
    checker: &Checker,
    outcome: &mut Outcome,
) -> Vec<Value> {
    let mut acknowledged = Vec::new();
    link.receive(at(*second), &packet(line));
    *second += 1;
    if (*second).is_multiple_of(60) {
        let watchdog =
            json!({ "mType": "rSMsg", "type": "Watchdog", "mId": "w", "wTs": "2027-01-15T08:00:00.000Z" });
        link.receive(at(*second), &packet(&watchdog));
    }
    loop {
        while let Some(action) = link.poll() {
            match action {
                Action::Send(bytes) => {
                    let message: Value =
                        serde_json::from_slice(bytes.strip_suffix(b"\x0c").unwrap()).unwrap();
                    if message["oMId"] == "w" {
                        continue;
                    }
                    checker.check(&message);
                    if message["type"] == "MessageAck" {
                        outcome.acknowledged += 1;
                        acknowledged.push(message["oMId"].clone());
                    } else {
                        let groups = message["sS"][0]["sCI"] == "S0001";
                        outcome.asked += usize::from(groups && message["type"] == "StatusSubscribe");
                        let ack = json!({ "mType": "rSMsg", "type": "MessageAck", "oMId": message["mId"] });
                        link.receive(at(*second), &packet(&ack));
                    }
                }
                Action::Keep(SignalReport::Groups { groups, .. }) => {
                    outcome.groups += 1;
                    outcome.old += usize::from(groups.old);
                }
                Action::Keep(SignalReport::Alarm { .. }) => outcome.alarms += 1,
                Action::Keep(
                    SignalReport::Link { .. }
                    | SignalReport::Stage { .. }
                    | SignalReport::Now { .. }
                    | SignalReport::Aggregated { .. }
                    | SignalReport::Changes { .. }
                    | SignalReport::Detectors { .. },
                )
                | Action::Identified { .. }
                | Action::Down { .. }
                | Action::Answered { .. }
                | Action::Warn(_) => {}
                Action::Up { remark } => assert_eq!(remark, ""),
                Action::Close { reason } => panic!("closed after {line}: {reason}"),
            }
        }
        if link.poll_timeout() > at(*second).elapsed {
            return acknowledged;
        }
        link.handle_timeout(at(*second));
    }
}

#[test]
fn every_message_of_the_site_is_understood_and_ours_follow_the_schemas() {
    let Some(folder) = field() else { return };
    let want = Outcome { acknowledged: 291, groups: 16, old: 3, alarms: 9, asked: 9 };
    assert_eq!(replay(&folder, None, "3.3.0"), want);
    assert_eq!(replay(&folder, Some("3.2.2"), "3.2.2"), want);
    assert_eq!(replay(&folder, Some("3.1.5"), "3.1.5"), want);
    for core in OLDER {
        assert_eq!(replay(&folder, Some(core), core), want, "core {core}");
    }
}

#[test]
fn damaged_recordings_never_panic() {
    let Some(folder) = field() else { return };
    let mut shortest_by_kind: BTreeMap<String, Value> = BTreeMap::new();
    for message in sent_by(&folder, "site") {
        let kept = shortest_by_kind.entry(message["type"].to_string()).or_insert_with(|| message.clone());
        if message.to_string().len() < kept.to_string().len() {
            *kept = message;
        }
    }
    let version = shortest_by_kind["\"Version\""].clone();
    let play = |bytes: &[u8]| {
        let mut link = session();
        link.receive(at(0), &packet(&version));
        link.receive(at(0), bytes);
        link.receive(at(1), b"\x0c");
        link.handle_timeout(at(1));
        assert!(std::iter::from_fn(|| link.poll()).count() < 16);
    };
    for message in shortest_by_kind.values().map(packet) {
        (0..message.len()).for_each(|length| play(&message[..length]));
        for bit in 0..message.len() * 8 {
            let mut damaged = message.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            play(&damaged);
        }
    }
}

#[test]
fn refusals_follow_the_schemas() {
    let Some(folder) = field() else { return };
    let checker = Checker::new(&folder, "3.2.2");
    let version = json!({
        "mType": "rSMsg", "type": "Version", "mId": MESSAGE_ID, "RSMP": [{ "vers": "9.9" }], "SXL": "1.2.1",
        "siteId": [{ "sId": "RN+SI0001" }],
    });
    let mut link = session();
    link.receive(at(0), &packet(&version));
    let sent: Vec<Action> = std::iter::from_fn(|| link.poll()).collect();
    let [Action::Send(refusal), Action::Close { .. }] = &sent[..] else { panic!("{sent:?}") };
    checker.check(&serde_json::from_slice(refusal.strip_suffix(b"\x0c").unwrap()).unwrap());
}

/// Counts of each detector by itself, and when each group goes to green, where the configuration names them.
#[test]
fn subscriptions_to_single_detectors_and_groups_follow_the_schemas() {
    let Some(folder) = field() else { return };
    let checker = Checker::new(&folder, "3.2.2");
    let mut link = session_of(vec!["DL1".into(), "DL2".into()], vec!["SG1".into(), "SG2".into()]);
    let version = json!({
        "mType": "rSMsg", "type": "Version", "mId": MESSAGE_ID, "RSMP": [{ "vers": "3.2.2" }], "SXL": "1.2.1",
        "siteId": [{ "sId": "RN+SI0001" }],
    });
    let ack = json!({ "mType": "rSMsg", "type": "MessageAck", "oMId": MESSAGE_ID });
    let watchdog =
        json!({ "mType": "rSMsg", "type": "Watchdog", "mId": "w", "wTs": "2027-01-15T08:00:00.000Z" });
    let mut asked = Vec::new();
    for message in [&version, &ack, &watchdog] {
        link.receive(at(0), &packet(message));
    }
    for second in 1..14 {
        while let Some(action) = link.poll() {
            let Action::Send(bytes) = action else { continue };
            let message: Value = serde_json::from_slice(bytes.strip_suffix(b"\x0c").unwrap()).unwrap();
            if message["type"] == "StatusSubscribe" {
                checker.check(&message);
                asked.push(format!("{} {}", message["cId"], message["sS"][0]["sCI"]));
            }
        }
        link.receive(at(second), &packet(&ack));
        link.handle_timeout(at(second));
    }
    let asked: Vec<String> = asked.iter().map(|one| one.replace('"', "")).collect();
    assert_eq!(asked, ["TC S0001", "TC S0007", "SG1 S0025", "SG2 S0025", "DL1 S0201", "DL2 S0201"]);
}
