//! What statuses and alarms mean: S0001 becomes signal groups, alarms become alarms. Pure.

use std::time::Duration;

use hardware_ports::sink::SignalReport;
use models_domain::signal::{Aggregated, GroupStates, SignalAlarm};
use models_domain::{DurationMs, JunctionId, UtcMillis};

use super::message::{AggregatedStatus, Alarm, Quality, Scalar, Status, StatusValue};
use crate::controllers::KnownSite;

/// "Signal group status".
pub const GROUPS_CODE: &str = "S0001";

/// More signal groups than any junction has; a longer text is a fault.
const GROUPS_MAX: usize = 255;

/// Longest description of an alarm, in characters.
const DESCRIPTION_MAX: usize = 500;

/// Longest functional position or state, in characters.
const WORD_MAX: usize = 64;

/// What a status says about the signal groups.
#[derive(Debug, Clone, PartialEq)]
pub enum Groups {
    Reported(SignalReport),
    /// Asked for, but the site has no such component or does not know.
    Unavailable(Quality),
    /// About something else.
    None,
}

/// Reads S0001 out of a status. `now` is the time of arrival.
///
/// # Errors
/// The reason for `MessageNotAck` when the groups are no such text.
pub fn groups(junction: &JunctionId, now: UtcMillis, status: &Status) -> Result<Groups, String> {
    let value = |name: &str| -> Option<&StatusValue> {
        status.values.iter().find(|value| value.code == GROUPS_CODE && value.name == name)
    };
    let text = |value: &StatusValue| Scalar::from(value.value.clone()).0;
    let number = |name: &str| value(name).and_then(|value| text(value)?.trim().parse().ok());
    let Some(found) = value("signalgroupstatus") else { return Ok(Groups::None) };
    let old = match found.quality {
        Quality::Recent => false,
        Quality::Old => true,
        Quality::Undefined | Quality::Unknown => return Ok(Groups::Unavailable(found.quality)),
    };
    let Some(text) = text(found) else {
        return Err(format!("{GROUPS_CODE} signalgroupstatus must be a string"));
    };
    if text.len() > GROUPS_MAX || !text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') {
        return Err(format!(
            "{GROUPS_CODE} signalgroupstatus must be at most {GROUPS_MAX} of a-h A-G 0-9 N-P"
        ));
    }
    let groups = GroupStates {
        groups: text,
        cycle_s: number("cyclecounter"),
        stage: number("stage"),
        controller_at: status.at.0,
        late: DurationMs(0),
        old,
    };
    // A controller whose clock runs ahead must not put its past into our future.
    let at = if old { status.at.0.min(now) } else { now };
    Ok(Groups::Reported(SignalReport::Groups { junction: junction.clone(), at, groups }))
}

/// The site does not know its groups any more: each of them becomes `-`, so that what it told before is held against nobody and
/// nothing is granted by it. Since when it does not know it does not tell; `told_before`: how long ago it told them last. `None`:
/// it is not known how many groups it has, so nothing of them can stand anywhere.
pub fn unknown_groups(known: &KnownSite, status: &Status, told_before: Duration) -> Option<GroupStates> {
    let count = match known.memory.groups() {
        0 => known.groups.len(),
        told => told,
    };
    (count > 0).then(|| GroupStates {
        groups: "-".repeat(count),
        cycle_s: None,
        stage: None,
        controller_at: status.at.0,
        late: DurationMs(i64::try_from(told_before.as_millis()).unwrap_or(i64::MAX)),
        old: false,
    })
}

/// How far into its cycle the controller is, by S0001; not what it was when the link was down.
pub fn cycle(status: &Status) -> Option<u32> {
    recent(status, "cyclecounter")
}

/// The stage, by S0001; not what it was when the link was down.
pub fn stage(status: &Status) -> Option<u32> {
    recent(status, "stage")
}

fn recent(status: &Status, name: &str) -> Option<u32> {
    let is = |value: &&StatusValue| {
        value.code == GROUPS_CODE && value.name == name && value.quality == Quality::Recent
    };
    Scalar::from(status.values.iter().find(is)?.value.clone()).0?.trim().parse().ok()
}

/// An alarm as the site describes it, whether it was issued, acknowledged, suspended or resumed.
///
/// # Errors
/// The reason for `MessageNotAck` when a word is not one of the standard's.
pub fn alarm(junction: &JunctionId, now: UtcMillis, alarm: &Alarm) -> Result<SignalReport, String> {
    one_of("aSp", &alarm.specialization, ["issue", "acknowledge", "suspend", "resume"])?;
    let active = one_of("aS", &alarm.active, ["inactive", "active"])? == 1;
    let acknowledged = one_of("ack", &alarm.acknowledged, ["notacknowledged", "acknowledged"])? == 1;
    let suspended = one_of("sS", &alarm.suspended, ["notsuspended", "suspended"])? == 1;
    let priority = match alarm.priority.as_str() {
        "1" => 1,
        "2" => 2,
        "3" => 3,
        _ => return Err("Alarm: pri must be 1, 2 or 3".to_owned()),
    };
    let mut said: Vec<String> = alarm.external.iter().filter(|text| !text.is_empty()).cloned().collect();
    said.extend(
        alarm.values.iter().filter_map(|value| Some(format!("{}={}", value.name, value.value.0.as_deref()?))),
    );
    let brief =
        |text: &str, max: usize| text.chars().filter(|c| !c.is_control()).take(max).collect::<String>();
    Ok(SignalReport::Alarm {
        junction: junction.clone(),
        at: alarm.at.0.min(now),
        alarm: SignalAlarm {
            code: brief(&alarm.code, 16),
            component: brief(&alarm.component, 64),
            active,
            acknowledged,
            suspended,
            priority,
            description: brief(&said.join(", "), DESCRIPTION_MAX),
        },
    })
}

/// What the site says of its whole state.
///
/// # Errors
/// The reason for `MessageNotAck` when it has not eight bits.
pub fn aggregated(
    junction: &JunctionId,
    now: UtcMillis,
    told: &AggregatedStatus,
) -> Result<SignalReport, String> {
    let [local_mode, no_communication, high, medium, low, in_use, idle, not_connected] = told.states[..]
    else {
        return Err(format!("AggregatedStatus: se must have 8 states, not {}", told.states.len()));
    };
    let text = |text: &Option<String>| {
        let text = text.iter().flat_map(|text| text.chars());
        text.filter(|c| !c.is_control()).take(WORD_MAX).collect()
    };
    let status = Aggregated {
        local_mode,
        no_communication,
        high_priority_fault: high,
        medium_priority_fault: medium,
        low_priority_fault: low,
        in_use,
        idle,
        not_connected,
        position: text(&told.position),
        state: text(&told.state),
    };
    Ok(SignalReport::Aggregated { junction: junction.clone(), at: now, status })
}

/// Core 3.1.5 and older spell these words with any capital letters.
fn one_of<const N: usize>(field: &str, word: &str, words: [&str; N]) -> Result<usize, String> {
    let found = words.iter().position(|known| known.eq_ignore_ascii_case(word));
    found.ok_or_else(|| format!("Alarm: {field} must be one of {}", words.join(", ")))
}
