//! Faults of a site, their alarms, and what a supervisor says about them. Pure.

use serde_json::{Value, json};

use crate::components::Component;
use crate::config::Site;
use crate::rsmp::timestamp;

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
    let (code, component, values) = match fault {
        Fault::Detector => (
            "A0302",
            Component::Detector(0),
            json!([
                { "n": "detector", "v": "1" }, { "n": "type", "v": "loop" }, { "n": "errormode", "v": "on" },
                { "n": "manual", "v": "False" }, { "n": "logicerror", "v": "always_on" },
            ]),
        ),
        Fault::Lamp => ("A0202", Component::Group(0), json!([{ "n": "color", "v": "green" }])),
    };
    json!({
        "mType": "rSMsg", "type": "Alarm", "ntsOId": site.component, "xNId": "", "cId": component.name(site),
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

/// Whether any fault is there: all of them are of low priority.
pub fn is_faulty(alarms: &[Value]) -> bool {
    alarms.iter().any(|alarm| alarm["aS"] == "Active")
}

/// What a supervisor says about an alarm, done to it; the alarm as it is then.
///
/// # Errors
/// The reason for a MessageNotAck.
pub fn alarm_step(alarms: &mut [Value], utc_ms: i64, message: &Value) -> Result<Value, String> {
    let same = |alarm: &&mut Value| alarm["aCId"] == message["aCId"] && alarm["cId"] == message["cId"];
    let alarm = alarms.iter_mut().find(same).ok_or("there is no such alarm")?;
    let step = message["aSp"].as_str().unwrap_or_default();
    match step {
        "Acknowledge" => alarm["ack"] = "Acknowledged".into(),
        "Suspend" => alarm["sS"] = "Suspended".into(),
        "Resume" => alarm["sS"] = "notSuspended".into(),
        "Request" => {}
        _ => return Err("aSp must be Acknowledge, Suspend, Resume or Request".to_owned()),
    }
    alarm["aSp"] = match step {
        "Request" => "Issue",
        // What was resumed is told as suspended or not, in a message of the same kind.
        "Resume" => "Suspend",
        _ => step,
    }
    .into();
    if step != "Request" {
        alarm["aTs"] = timestamp(utc_ms).into();
    }
    Ok(alarm.clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    fn site() -> Site {
        let street = include_str!("../../../../deploy/config/street-signals.toml");
        Config::parse(street).unwrap().sites.remove(0)
    }

    #[test]
    fn alarms_are_acknowledged_suspended_and_resumed() {
        let mut alarms = Fault::ALL.map(|fault| alarm(&site(), fault, true, 1));
        let component = alarms[0]["cId"].clone();
        let mut step = |step: &str| {
            let message = json!({ "aCId": "A0302", "cId": component, "aSp": step });
            alarm_step(&mut alarms, 5, &message)
                .map(|alarm| format!("{} {} {}", alarm["aSp"], alarm["ack"], alarm["sS"]))
        };
        assert_eq!(step("Acknowledge").unwrap(), r#""Acknowledge" "Acknowledged" "notSuspended""#);
        assert_eq!(step("Suspend").unwrap(), r#""Suspend" "Acknowledged" "Suspended""#);
        assert_eq!(step("Resume").unwrap(), r#""Suspend" "Acknowledged" "notSuspended""#);
        assert_eq!(step("Request").unwrap(), r#""Issue" "Acknowledged" "notSuspended""#);
        assert_eq!(step("Forget").unwrap_err(), "aSp must be Acknowledge, Suspend, Resume or Request");
        assert!(alarm_step(&mut alarms, 5, &json!({ "aCId": "A1", "cId": "x", "aSp": "Suspend" })).is_err());
    }

    #[test]
    fn what_is_suspended_stays_so_and_a_new_fault_is_to_be_acknowledged_anew() {
        let site = site();
        let mut alarms = vec![alarm(&site, Fault::Lamp, true, 1)];
        for step in ["Acknowledge", "Suspend"] {
            let message = json!({ "aCId": "A0202", "cId": alarms[0]["cId"], "aSp": step });
            alarm_step(&mut alarms, 2, &message).unwrap();
        }
        let mut next = |active: bool| {
            alarms[0] = followed(&alarms[0], alarm(&site, Fault::Lamp, active, 3));
            let alarm = &alarms[0];
            format!("{} {} {} {}", alarm["aSp"], alarm["aS"], alarm["ack"], alarm["sS"]).replace('"', "")
        };
        assert_eq!(next(false), "Issue inActive Acknowledged Suspended");
        assert_eq!(next(true), "Issue Active notAcknowledged Suspended");
    }
}
