//! RSMP 3.2.2 as a traffic light site writes and reads it: JSON packets ended by a form feed.

use serde_json::{Value, json};
use time::OffsetDateTime;
use time::macros::format_description;

use crate::config::Site;
use crate::orders::Ordered;
use crate::plan::Shown;

/// Core versions of this site, oldest first.
pub const CORE: [&str; 4] = ["3.1.5", "3.2.0", "3.2.1", "3.2.2"];
const SXL: &str = "1.2.1";
const PACKET_MAX: usize = 1024 * 1024;
const FORM_FEED: u8 = 0x0c;

pub fn timestamp(utc_ms: i64) -> String {
    let format = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");
    let at = OffsetDateTime::from_unix_timestamp_nanos(i128::from(utc_ms) * 1_000_000);
    at.ok().and_then(|at| at.format(format).ok()).unwrap_or_default()
}

pub fn packet(message: &Value) -> Vec<u8> {
    let mut bytes = message.to_string().into_bytes();
    bytes.push(FORM_FEED);
    bytes
}

/// `message` with the number `id`, and `q` of its values as `old` tells.
pub fn numbered(mut message: Value, id: &str, old: bool) -> Value {
    message["mId"] = id.into();
    if let Some(values) = message.get_mut("sS").filter(|_| old).and_then(Value::as_array_mut) {
        for value in values.iter_mut().filter(|value| value["q"] == "recent") {
            value["q"] = "old".into();
        }
    }
    message
}

pub fn version(site: &Site) -> Value {
    let core: Vec<Value> = CORE.iter().map(|version| json!({ "vers": version })).collect();
    json!({ "mType": "rSMsg", "type": "Version", "RSMP": core, "siteId": [{ "sId": site.site_id }], "SXL": SXL })
}

pub fn watchdog(utc_ms: i64) -> Value {
    json!({ "mType": "rSMsg", "type": "Watchdog", "wTs": timestamp(utc_ms) })
}

pub fn ack(id: &str) -> Value {
    json!({ "mType": "rSMsg", "type": "MessageAck", "oMId": id })
}

pub fn not_ack(id: &str, reason: &str) -> Value {
    json!({ "mType": "rSMsg", "type": "MessageNotAck", "oMId": id, "rea": reason })
}

/// Whether any fault is there: all of them are of low priority.
pub fn is_faulty(alarms: &[Value]) -> bool {
    alarms.iter().any(|alarm| alarm["aS"] == "Active")
}

/// `faulty`: a fault of low priority is there.
pub fn aggregated_status(site: &Site, utc_ms: i64, faulty: bool) -> Value {
    json!({
        "mType": "rSMsg", "type": "AggregatedStatus", "ntsOId": site.component, "xNId": "", "cId": site.component,
        "aSTS": timestamp(utc_ms), "fP": null, "fS": null,
        "se": [false, false, false, false, faulty, true, false, false],
    })
}

/// S0001: `kind` is `StatusUpdate` or `StatusResponse`, `names` the values that are wanted.
pub fn groups(site: &Site, kind: &str, utc_ms: i64, shown: &Shown, names: &[String]) -> Value {
    let value = |name: &String| {
        let text = match name.as_str() {
            "signalgroupstatus" => Some(shown.groups.clone()),
            "cyclecounter" => Some(shown.cycle_s.to_string()),
            "basecyclecounter" => Some(shown.base_cycle_s.to_string()),
            "stage" => Some(shown.stage.to_string()),
            _ => None,
        };
        let quality = if text.is_some() { "recent" } else { "undefined" };
        json!({ "sCI": "S0001", "n": name, "s": text, "q": quality })
    };
    let values: Vec<Value> = names.iter().map(value).collect();
    json!({
        "mType": "rSMsg", "type": kind, "ntsOId": site.component, "xNId": "", "cId": site.component,
        "sTs": timestamp(utc_ms), "sS": values,
    })
}

/// Other statuses than S0001: `kind` is `StatusUpdate` or `StatusResponse`.
pub fn statuses(site: &Site, kind: &str, utc_ms: i64, ordered: &Ordered, asked: &Value) -> Value {
    let value = |asked: &Value| {
        let (code, name) =
            (asked["sCI"].as_str().unwrap_or_default(), asked["n"].as_str().unwrap_or_default());
        let text = ordered.status(site, code, name);
        let quality = if text.is_some() { "recent" } else { "undefined" };
        json!({ "sCI": code, "n": name, "s": text, "q": quality })
    };
    let values: Vec<Value> = asked["sS"].as_array().into_iter().flatten().map(value).collect();
    json!({
        "mType": "rSMsg", "type": kind, "ntsOId": site.component, "xNId": "", "cId": site.component,
        "sTs": timestamp(utc_ms), "sS": values,
    })
}

/// S0025 of a group (from 0): `kind` is `StatusUpdate` or `StatusResponse`, `times` when it goes to green and to red.
pub fn foretold(
    site: &Site,
    group: usize,
    kind: &str,
    utc_ms: i64,
    times: Option<(i64, i64)>,
    names: &[String],
) -> Value {
    let value = |name: &String| {
        let text = times.and_then(|(green, red)| match name.as_str() {
            "minToGEstimate" | "maxToGEstimate" | "likelyToGEstimate" => Some(timestamp(green)),
            "minToREstimate" | "maxToREstimate" | "likelyToREstimate" => Some(timestamp(red)),
            "ToGConfidence" | "ToRConfidence" => Some("100".to_owned()),
            _ => None,
        });
        let quality = if text.is_some() { "recent" } else { "unknown" };
        json!({ "sCI": "S0025", "n": name, "s": text, "q": quality })
    };
    let base = site.component.split_once('=').map_or(site.site_id.as_str(), |(base, _)| base);
    json!({
        "mType": "rSMsg", "type": kind, "ntsOId": site.component, "xNId": "", "cId": format!("{base}=001SG{:03}", group + 1),
        "sTs": timestamp(utc_ms), "sS": names.iter().map(value).collect::<Vec<_>>(),
    })
}

/// The group (from 0) and the names of the S0025 values that a message is about.
pub fn s0025_names(site: &Site, message: &Value) -> Option<(usize, Vec<String>)> {
    let group = Ordered::group(site, message["cId"].as_str()?)?;
    let name = |value: &Value| {
        (value["sCI"].as_str()? == "S0025").then(|| value["n"].as_str().map(str::to_owned))?
    };
    Some((group, message["sS"].as_array()?.iter().map(name).collect::<Option<_>>()?))
}

/// Names of the S0001 values that a StatusRequest or StatusSubscribe is about; `None` when it is about anything else.
pub fn s0001_names(site: &Site, message: &Value) -> Option<Vec<String>> {
    if message["cId"].as_str() != Some(site.component.as_str()) {
        return None;
    }
    let name = |value: &Value| {
        (value["sCI"].as_str()? == "S0001").then(|| value["n"].as_str().map(str::to_owned))?
    };
    message["sS"].as_array()?.iter().map(name).collect()
}

/// A fault that comes and goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// A0302: a detector logic that is on for too long.
    Detector,
    /// A0202: a lamp of a signal group is out.
    Lamp,
}

impl Fault {
    pub const ALL: [Fault; 2] = [Fault::Detector, Fault::Lamp];
}

/// The alarm of `fault`, issued at `utc_ms`.
pub fn alarm(site: &Site, fault: Fault, active: bool, utc_ms: i64) -> Value {
    let base = site.component.split_once('=').map_or(site.site_id.as_str(), |(base, _)| base);
    let (code, component, values) = match fault {
        Fault::Detector => (
            "A0302",
            format!("{base}=001DL001"),
            json!([
                { "n": "detector", "v": "1" }, { "n": "type", "v": "loop" }, { "n": "errormode", "v": "on" },
                { "n": "manual", "v": "False" }, { "n": "logicerror", "v": "always_on" },
            ]),
        ),
        Fault::Lamp => ("A0202", format!("{base}=001SG001"), json!([{ "n": "color", "v": "green" }])),
    };
    json!({
        "mType": "rSMsg", "type": "Alarm", "ntsOId": site.component, "xNId": "", "cId": component,
        "aCId": code, "xACId": "", "xNACId": "", "aSp": "Issue", "ack": "notAcknowledged",
        "aS": if active { "Active" } else { "inActive" }, "sS": "notSuspended", "aTs": timestamp(utc_ms),
        "cat": "D", "pri": "3", "rvs": values,
    })
}

/// `alarm` after `before`: what was suspended stays so, and is told to nobody; a fault that comes anew is to be acknowledged anew.
pub fn followed(before: &Value, mut alarm: Value) -> Value {
    alarm["sS"] = before["sS"].clone();
    if alarm["aS"] != "Active" {
        alarm["ack"] = before["ack"].clone();
    }
    alarm
}

/// Cuts what arrives into messages; text that is no JSON is `Value::Null`.
#[derive(Default)]
pub struct Incoming {
    bytes: Vec<u8>,
}

impl Incoming {
    pub fn push(&mut self, bytes: &[u8]) -> anyhow::Result<Vec<Value>> {
        self.bytes.extend_from_slice(bytes);
        let mut messages = Vec::new();
        while let Some(end) = self.bytes.iter().position(|byte| *byte == FORM_FEED) {
            let packet: Vec<u8> = self.bytes.drain(..=end).collect();
            if end > 0 {
                messages.push(serde_json::from_slice(&packet[..end]).unwrap_or(Value::Null));
            }
        }
        anyhow::ensure!(self.bytes.len() <= PACKET_MAX, "the supervisor sends no form feed");
        Ok(messages)
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use boon::{Compiler, Schemas};

    use super::*;
    use crate::config::Config;

    const STREET: &str = include_str!("../../../../deploy/config/street-signals.toml");
    const ID: &str = "8b2f4a7e-9d3c-4f10-a1b2-c3d4e5f60718";

    /// Against the published JSON schemas, where the field material is there.
    #[allow(clippy::too_many_lines, reason = "a row for each kind of message")]
    #[test]
    fn every_kind_of_message_follows_the_schemas() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../../shared/field/signals/rsmp");
        if !folder.is_dir() {
            eprintln!("skipped: {} is not there", folder.display());
            return;
        }
        let mut schemas = Schemas::new();
        let mut compiler = Compiler::new();
        let mut compile = |schemas: &mut Schemas, path: &str| {
            compiler.compile(folder.join(path).canonicalize().unwrap().to_str().unwrap(), schemas).unwrap()
        };
        let core = compile(&mut schemas, "core/3.2.2/rsmp.json");
        let s0001 = compile(&mut schemas, "tlc/1.2.1/statuses/S0001.json");
        let alarm_values =
            ["A0302", "A0202"].map(|code| compile(&mut schemas, &format!("tlc/1.2.1/alarms/{code}.json")));
        let names = ["signalgroupstatus", "stage", "cyclecounter", "basecyclecounter"].map(str::to_owned);
        for site in Config::parse(STREET).unwrap().sites {
            let shown = crate::plan::shown(&site, 7);
            let update = groups(&site, "StatusUpdate", 1_767_225_600_000, &shown, &names);
            for value in update["sS"].as_array().unwrap() {
                schemas.validate(value, s0001).unwrap_or_else(|err| panic!("{value}\n{err}"));
            }
            let alarms = Fault::ALL.map(|fault| alarm(&site, fault, true, 1_767_225_600_123));
            for (alarm, schema) in alarms.iter().zip(alarm_values) {
                for value in alarm["rvs"].as_array().unwrap() {
                    schemas.validate(value, schema).unwrap_or_else(|err| panic!("{value}\n{err}"));
                }
            }
            let asked = json!({ "sS": [
                { "sCI": "S0014", "n": "status" }, { "sCI": "S0014", "n": "source" }, { "sCI": "S0011", "n": "status" },
                { "sCI": "S0007", "n": "intersection" }, { "sCI": "S0003", "n": "inputstatus" }, { "sCI": "S0020", "n": "controlmode" },
                { "sCI": "S0208", "n": "MC" }, { "sCI": "S0028", "n": "status" },
            ] });
            let told = statuses(&site, "StatusResponse", 1, &Ordered::default(), &asked);
            for value in told["sS"].as_array().unwrap() {
                let code = value["sCI"].as_str().unwrap();
                let schema = compile(&mut schemas, &format!("tlc/1.2.1/statuses/{code}.json"));
                schemas.validate(value, schema).unwrap_or_else(|err| panic!("{value}\n{err}"));
            }
            let foreseen = ["minToGEstimate", "likelyToREstimate", "ToRConfidence"].map(str::to_owned);
            let schema = compile(&mut schemas, "tlc/1.2.1/statuses/S0025.json");
            for times in [Some((1_767_225_600_000, 1_767_225_630_000)), None] {
                let told = foretold(&site, 0, "StatusUpdate", 1, times, &foreseen);
                for value in told["sS"].as_array().unwrap() {
                    schemas.validate(value, schema).unwrap_or_else(|err| panic!("{value}\n{err}"));
                }
            }
            let command = json!({ "cId": site.component, "arg": [
                { "cCI": "M0002", "cO": "setPlan", "n": "status", "v": "True" },
                { "cCI": "M0002", "cO": "setPlan", "n": "timeplan", "v": "3" },
                { "cCI": "M0002", "cO": "setPlan", "n": "securityCode", "v": crate::orders::SECURITY_CODE },
            ] });
            let answered = Ordered::default().command(&site, 1, &command).unwrap();
            let mut known = Fault::ALL.map(|fault| alarm(&site, fault, true, 1));
            let name = known[0].clone();
            let stepped = ["Acknowledge", "Suspend", "Resume"].map(|step| {
                let mut message = name.clone();
                message["aSp"] = step.into();
                crate::orders::alarm_step(&mut known, 2, &message).unwrap()
            });
            let messages = [
                version(&site),
                watchdog(0),
                ack(ID),
                not_ack(ID, "why"),
                aggregated_status(&site, 1, true),
                groups(&site, "StatusResponse", 1, &shown, &["nothing".to_owned()]),
                update,
                told,
                answered,
            ];
            for (message, old) in
                messages.into_iter().chain(alarms).chain(stepped).zip([false, true].into_iter().cycle())
            {
                let message = numbered(message, ID, old);
                schemas.validate(&message, core).unwrap_or_else(|err| panic!("{message}\n{err}"));
            }
        }
    }

    #[test]
    fn counts_follow_the_schemas() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../../shared/field/signals/rsmp");
        if !folder.is_dir() {
            eprintln!("skipped: {} is not there", folder.display());
            return;
        }
        let (mut schemas, mut compiler) = (Schemas::new(), Compiler::new());
        let mut compile = |schemas: &mut Schemas, path: &str| {
            compiler.compile(folder.join(path).canonicalize().unwrap().to_str().unwrap(), schemas).unwrap()
        };
        let core = compile(&mut schemas, "core/3.2.2/rsmp.json");
        for site in Config::parse(STREET).unwrap().sites {
            let names = |codes: [&str; 4], start: &str| -> Vec<(String, String)> {
                let named = [start, "vehicles", "speed", "occupancy", "P", "MC", "F"];
                let each = |code: &str| named.map(|name| (code.to_owned(), name.to_owned()));
                codes.into_iter().flat_map(each).collect()
            };
            let one = format!("{}=001DL001", site.site_id);
            let all = names(["S0205", "S0206", "S0207", "S0208"], "start");
            let single = names(["S0201", "S0202", "S0203", "S0204"], "starttime");
            let counted = [
                crate::counting::statuses(&site, &site.component, "StatusUpdate", (0, 60_000), &all),
                crate::counting::statuses(&site, &one, "StatusUpdate", (0, 60_000), &single),
            ];
            for value in counted.iter().flat_map(|message| message["sS"].as_array().unwrap()) {
                if value["q"] == "undefined" {
                    continue;
                }
                let code = value["sCI"].as_str().unwrap();
                let schema = compile(&mut schemas, &format!("tlc/1.2.1/statuses/{code}.json"));
                schemas.validate(value, schema).unwrap_or_else(|err| panic!("{value}\n{err}"));
            }
            for (message, old) in counted.into_iter().zip([false, true]) {
                let message = numbered(message, ID, old);
                schemas.validate(&message, core).unwrap_or_else(|err| panic!("{message}\n{err}"));
            }
        }
    }
}
