//! RSMP 3.1.2 to 3.3.0 as a traffic light site writes and reads it: JSON packets ended by a form feed.

use serde_json::{Value, json};
use time::OffsetDateTime;
use time::macros::format_description;

use crate::components::Component;
use crate::config::{Config, Site};
use crate::list::Version;
use crate::plan::Shown;
use crate::subscriptions::Name;

const PACKET_MAX: usize = 1024 * 1024;
const FORM_FEED: u8 = 0x0c;

/// From this version of core on lists have names, the supervisor answers our Version in a shape of its own, the site lists its
/// components, and a message has one command alone.
pub const SINCE_3_3: Version = Version::new(3, 3, 0);

/// What our list is called from then on.
const LIST: &str = "tlc";

/// What the aggregated status tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Whole {
    /// A fault of low priority is there.
    pub faulty: bool,
    /// In use; else idle.
    pub in_use: bool,
}

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

/// `message` as core had it before 3.1.3: states of the aggregated status and unknown values are texts.
pub fn in_words(mut message: Value) -> Value {
    for state in message.get_mut("se").and_then(Value::as_array_mut).into_iter().flatten() {
        *state = state.to_string().into();
    }
    for value in message.get_mut("sS").and_then(Value::as_array_mut).into_iter().flatten() {
        if value["s"].is_null() {
            value["s"] = "".into();
        }
    }
    message
}

pub fn version(config: &Config, site: &Site) -> Value {
    let (core, sxl) = (config.cores(), config.sxl.to_string());
    let offered: Vec<Value> = core.iter().map(|version| json!({ "vers": version.to_string() })).collect();
    let mut message = json!({
        "mType": "rSMsg", "type": "Version", "RSMP": offered, "siteId": [{ "sId": site.site_id }], "SXL": sxl,
    });
    if core.iter().any(|version| *version >= SINCE_3_3) {
        message["step"] = "Request".into();
        message["SXLS"] = json!([{ "name": LIST, "version": sxl }]);
    }
    message
}

/// The highest version of core that the supervisor's Version has too; `None`: there is none, or it means another site or list, or
/// does not take ours.
pub fn common(config: &Config, site: &Site, message: &Value) -> Option<Version> {
    let list = message["SXL"].as_str().and_then(Version::parse);
    let names_us = |ids: &Vec<Value>| ids.iter().any(|id| id["sId"] == site.site_id.as_str());
    if list.is_some_and(|list| list != config.sxl) || !message["siteId"].as_array().is_none_or(names_us) {
        return None;
    }
    let theirs = message["RSMP"].as_array().into_iter().flatten();
    let theirs = theirs.filter_map(|version| Version::parse(version["vers"].as_str()?));
    let core = theirs.filter(|version| config.cores().contains(version)).max()?;
    (core < SINCE_3_3 || takes_list(config, message)).then_some(core)
}

/// Whether a response of core 3.3.0 takes our list.
fn takes_list(config: &Config, message: &Value) -> bool {
    let is_ours = |list: &Value| {
        let version = list["version"].as_str().and_then(Version::parse);
        list["name"] == LIST && version == Some(config.sxl) && list.get("rejected").is_none()
    };
    message["SXLS"].as_array().is_some_and(|lists| lists.iter().any(is_ours))
}

/// Whether the supervisor wants alarms, by its Version: before core 3.3.0, and when it does not say, it does.
pub fn wants_alarms(core: Version, message: &Value) -> bool {
    core < SINCE_3_3 || message["receiveAlarms"] != false
}

/// What the site consists of.
pub fn component_list(site: &Site) -> Value {
    let one = |component: Component| json!({ "id": component.name(site), "type": component.kind(), "name": component.title() });
    let all: Vec<Value> = Component::all(site).map(one).collect();
    json!({ "mType": "rSMsg", "type": "ComponentList", "components": all })
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

pub fn aggregated_status(site: &Site, utc_ms: i64, Whole { faulty, in_use }: Whole) -> Value {
    json!({
        "mType": "rSMsg", "type": "AggregatedStatus", "ntsOId": site.component, "xNId": "", "cId": site.component,
        "aSTS": timestamp(utc_ms), "fP": null, "fS": null,
        "se": [false, false, false, false, faulty, in_use, !in_use, false],
    })
}

/// Values of one component: `kind` is `StatusUpdate` or `StatusResponse`; what it does not know is `unknown`.
pub fn status(
    site: &Site,
    component: Component,
    kind: &str,
    utc_ms: i64,
    values: Vec<(Name, Option<Value>)>,
) -> Value {
    let value = |((code, name), value): (Name, Option<Value>)| {
        let quality = if value.is_some() { "recent" } else { "unknown" };
        json!({ "sCI": code, "n": name, "s": value, "q": quality })
    };
    json!({
        "mType": "rSMsg", "type": kind, "ntsOId": site.component, "xNId": "", "cId": component.name(site),
        "sTs": timestamp(utc_ms), "sS": values.into_iter().map(value).collect::<Vec<_>>(),
    })
}

/// The answer to a question for a component that is not there.
pub fn no_component(site: &Site, kind: &str, utc_ms: i64, asked: &Value) -> Value {
    let value = |asked: &Value| json!({ "sCI": asked["sCI"], "n": asked["n"], "s": null, "q": "undefined" });
    json!({
        "mType": "rSMsg", "type": kind, "ntsOId": site.component, "xNId": "", "cId": asked["cId"],
        "sTs": timestamp(utc_ms), "sS": asked["sS"].as_array().into_iter().flatten().map(value).collect::<Vec<_>>(),
    })
}

/// A value of S0001.
pub fn group_value(shown: &Shown, name: &str) -> Option<Value> {
    Some(Value::from(match name {
        "signalgroupstatus" => shown.groups.clone(),
        "cyclecounter" => shown.cycle_s.to_string(),
        "basecyclecounter" => shown.base_cycle_s.to_string(),
        "stage" => shown.stage.to_string(),
        "millisecond" => shown.changed_ms.to_string(),
        _ => return None,
    }))
}

/// A value of S0025; `times`: when the group goes to green and to red (milliseconds).
pub fn forecast_value(times: Option<(i64, i64)>, name: &str) -> Option<Value> {
    let (green, red) = times?;
    Some(Value::from(match name {
        "minToGEstimate" | "maxToGEstimate" | "likelyToGEstimate" => timestamp(green),
        "minToREstimate" | "maxToREstimate" | "likelyToREstimate" => timestamp(red),
        "ToGConfidence" | "ToRConfidence" => "100".to_owned(),
        _ => return None,
    }))
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
#[path = "rsmp_tests.rs"]
mod tests;
