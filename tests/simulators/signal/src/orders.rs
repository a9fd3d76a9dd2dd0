//! What a supervisor may change at a site: mode, plan, inputs, alarms; and what the site tells of it. Pure.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::config::Site;
use crate::plan::Shown;
use crate::rsmp::timestamp;

/// The level 2 code of every simulated site (RSMP "securityCode").
pub const SECURITY_CODE: &str = "2222";

/// Inputs of a site.
const INPUTS: usize = 8;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    Normal,
    YellowFlash,
    Dark,
}

/// What was ordered, and holds until it is ordered otherwise or expires.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ordered {
    pub mode: Mode,
    /// When the mode ends by itself.
    pub mode_until_ms: Option<i64>,
    /// `None`: by the controller's own calendar, which is plan 1.
    pub plan: Option<u8>,
    pub inputs: [bool; INPUTS],
    /// Groups that were started (M0010), from 0: they are green, or become so, until they are stopped.
    pub started: BTreeSet<usize>,
}

impl Default for Ordered {
    fn default() -> Self {
        Self {
            mode: Mode::Normal,
            mode_until_ms: None,
            plan: None,
            inputs: [false; INPUTS],
            started: BTreeSet::new(),
        }
    }
}

impl Ordered {
    /// Lets a mode expire.
    pub fn tick(&mut self, utc_ms: i64) {
        if self.mode_until_ms.is_some_and(|until| until <= utc_ms) {
            self.mode = Mode::Normal;
            self.mode_until_ms = None;
        }
    }

    /// What the lamps show in this mode, instead of the plan's groups.
    pub fn over(&self, site: &Site, mut shown: Shown) -> Shown {
        let instead = match self.mode {
            Mode::Normal if self.all_red(site) => "B",
            Mode::Normal => return shown,
            Mode::YellowFlash => "c",
            Mode::Dark => "b",
        };
        shown.groups = instead.repeat(shown.groups.chars().count());
        shown
    }

    fn all_red(&self, site: &Site) -> bool {
        site.all_red_input.is_some_and(|input| self.inputs.get(input - 1) == Some(&true))
    }

    /// Its plan runs as it is made: no mode and no started group stands in its way.
    pub fn is_undisturbed(&self, site: &Site) -> bool {
        self.mode == Mode::Normal && !self.all_red(site) && self.started.is_empty()
    }

    /// The group that a component is, from 0: `HN+AG0101=001SG003` is the third.
    pub fn group(site: &Site, component: &str) -> Option<usize> {
        let base = site.component.split_once('=')?.0;
        let number: usize = component.strip_prefix(base)?.strip_prefix("=001SG")?.parse().ok()?;
        number.checked_sub(1).filter(|index| *index < site.groups.len())
    }

    /// Does what a CommandRequest asks; the CommandResponse.
    ///
    /// # Errors
    /// The reason for a MessageNotAck.
    pub fn command(&mut self, site: &Site, utc_ms: i64, message: &Value) -> Result<Value, String> {
        let arguments =
            message["arg"].as_array().filter(|arguments| !arguments.is_empty()).ok_or("arg is missing")?;
        let value = |name: &str| arguments.iter().find(|a| a["n"] == name).and_then(|a| a["v"].as_str());
        let code = arguments[0]["cCI"].as_str().unwrap_or_default();
        let here = message["cId"].as_str() == Some(site.component.as_str());
        let group = Self::group(site, message["cId"].as_str().unwrap_or_default());
        let known =
            (here && matches!(code, "M0001" | "M0002" | "M0006")) || (group.is_some() && code == "M0010");
        if known {
            if value("securityCode") != Some(SECURITY_CODE) {
                return Err("Invalid security code".to_owned());
            }
            if code == "M0002" && value("status") == Some("True") {
                let plan = value("timeplan").unwrap_or_default();
                if plan != "1" && !site.plans.contains_key(plan) {
                    return Err(format!("there is no plan {plan}"));
                }
            }
            match group {
                _ if site.deaf => {}
                Some(group) if value("status") == Some("True") => drop(self.started.insert(group)),
                Some(group) => drop(self.started.remove(&group)),
                None => self.obey(code, utc_ms, value)?,
            }
        }
        let age = if known { "recent" } else { "undefined" };
        let answer = |argument: &Value| {
            let value = if known { argument["v"].clone() } else { Value::Null };
            json!({ "cCI": argument["cCI"], "n": argument["n"], "v": value, "age": age })
        };
        Ok(json!({
            "mType": "rSMsg", "type": "CommandResponse", "ntsOId": site.component, "xNId": "", "cId": message["cId"],
            "cTS": timestamp(utc_ms), "rvs": arguments.iter().map(answer).collect::<Vec<_>>(),
        }))
    }

    fn obey<'a>(
        &mut self,
        code: &str,
        utc_ms: i64,
        value: impl Fn(&str) -> Option<&'a str>,
    ) -> Result<(), String> {
        let number = |name: &str, max: i64| {
            let number = value(name).and_then(|text| text.parse::<i64>().ok());
            number
                .filter(|number| (0..=max).contains(number))
                .ok_or_else(|| format!("{name} is out of range"))
        };
        let on = || match value("status") {
            Some("True") => Ok(true),
            Some("False") => Ok(false),
            Some(_) | None => Err("status must be True or False".to_owned()),
        };
        match code {
            "M0001" => {
                let minutes = number("timeout", 1440)?;
                self.mode = match value("status") {
                    Some("NormalControl") => Mode::Normal,
                    Some("YellowFlash") => Mode::YellowFlash,
                    Some("Dark") => Mode::Dark,
                    Some(_) | None => {
                        return Err("status must be NormalControl, YellowFlash or Dark".to_owned());
                    }
                };
                self.mode_until_ms =
                    (minutes > 0 && self.mode != Mode::Normal).then(|| utc_ms + minutes * 60_000);
            }
            "M0002" => {
                let plan = u8::try_from(number("timeplan", 255)?).map_err(|_| "timeplan is out of range")?;
                self.plan = on()?.then_some(plan);
            }
            _ => {
                let input = number("input", INPUTS as i64)?;
                let index = usize::try_from(input - 1).map_err(|_| "there is no such input")?;
                self.inputs[index] = on()?;
            }
        }
        Ok(())
    }

    /// A value of a status beside S0001; `None`: the site does not have it.
    pub fn status(&self, site: &Site, code: &str, name: &str) -> Option<String> {
        let flag = |is: bool| if is { "True" } else { "False" }.to_owned();
        let source = |ordered: bool| if ordered { "forced" } else { "calendar_clock" }.to_owned();
        Some(match (code, name) {
            ("S0003", "inputstatus") => self.inputs.iter().map(|on| if *on { '1' } else { '0' }).collect(),
            ("S0007" | "S0011" | "S0012" | "S0020", "intersection") => "0".to_owned(),
            ("S0012", "status") => flag(self.all_red(site)),
            ("S0012", "source") => source(self.all_red(site)),
            ("S0007", "status") => flag(self.mode != Mode::Dark),
            ("S0011", "status") => flag(self.mode == Mode::YellowFlash),
            ("S0007" | "S0011", "source") => source(self.mode != Mode::Normal),
            ("S0014", "status") => self.plan.unwrap_or(1).to_string(),
            ("S0014", "source") => source(self.plan.is_some()),
            ("S0028", "status") => {
                let plans = site.plans.keys().filter_map(|plan| plan.parse().ok());
                let cycle = |plan: u8| format!("{plan:02}-{}", site.under(plan).cycle_s());
                std::iter::once(1).chain(plans).map(cycle).collect::<Vec<_>>().join(",")
            }
            ("S0020", "controlmode") => "control".to_owned(),
            _ => return None,
        })
    }
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
    if step == "Request" {
        alarm["aSp"] = "Issue".into();
    } else {
        alarm["aSp"] = step.into();
        alarm["aTs"] = timestamp(utc_ms).into();
    }
    Ok(alarm.clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::rsmp::{Fault, alarm};

    fn site() -> Site {
        let street = include_str!("../../../../deploy/config/street-signals.toml");
        Config::parse(street).unwrap().sites.remove(0)
    }

    /// `M0001 status=Dark timeout=5`, with the right code unless another is given.
    fn request(text: &str) -> Value {
        let mut words = text.split(' ');
        let code = words.next().unwrap();
        let mut pairs: Vec<(&str, &str)> = words.map(|word| word.split_once('=').unwrap()).collect();
        if !text.contains("securityCode") {
            pairs.push(("securityCode", SECURITY_CODE));
        }
        let argument =
            |(name, value): &(&str, &str)| json!({ "cCI": code, "cO": "x", "n": name, "v": value });
        json!({ "cId": site().component, "arg": pairs.iter().map(argument).collect::<Vec<_>>() })
    }

    #[track_caller]
    fn check(text: &str, want: Result<&str, &str>) {
        let mut ordered = Ordered::default();
        let done = ordered.command(&site(), 1_000, &request(text));
        let told = done.map(|answer| {
            let until = ordered.mode_until_ms.unwrap_or(0);
            let inputs = ordered.status(&site(), "S0003", "inputstatus").unwrap();
            format!(
                "{} {:?} {until} {:?} {inputs}",
                answer["rvs"][0]["age"].as_str().unwrap(),
                ordered.mode,
                ordered.plan
            )
        });
        assert_eq!(told.as_deref().map_err(String::as_str), want);
    }

    #[test]
    fn commands_are_done_or_refused_with_a_reason() {
        check("M0001 status=YellowFlash timeout=0", Ok("recent YellowFlash 0 None 00000000"));
        check("M0001 status=Dark timeout=5", Ok("recent Dark 301000 None 00000000"));
        check("M0001 status=Dim timeout=5", Err("status must be NormalControl, YellowFlash or Dark"));
        check("M0001 status=Dark timeout=x", Err("timeout is out of range"));
        check("M0001 status=Dark timeout=5 securityCode=1", Err("Invalid security code"));
        check("M0002 status=True timeplan=3", Ok("recent Normal 0 Some(3) 00000000"));
        check("M0002 status=True timeplan=9", Err("there is no plan 9"));
        check("M0002 status=False timeplan=3", Ok("recent Normal 0 None 00000000"));
        check("M0006 status=True input=2", Ok("recent Normal 0 None 01000000"));
        check("M0006 status=True input=0", Err("there is no such input"));
        check("M0999 status=True", Ok("undefined Normal 0 None 00000000"));
    }

    #[test]
    fn a_mode_shows_and_expires() {
        let site = site();
        let mut ordered = Ordered::default();
        ordered.command(&site, 0, &request("M0001 status=YellowFlash timeout=1")).unwrap();
        let plan = crate::plan::shown(&site, 7);
        assert_eq!(ordered.over(&site, plan.clone()).groups, "cccccc");
        ordered.tick(59_999);
        assert_eq!(ordered.mode, Mode::YellowFlash);
        ordered.tick(60_000);
        assert_eq!(ordered.over(&site, plan.clone()).groups, plan.groups);
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
        assert_eq!(step("Resume").unwrap(), r#""Resume" "Acknowledged" "notSuspended""#);
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
            alarms[0] = crate::rsmp::followed(&alarms[0], alarm(&site, Fault::Lamp, active, 3));
            let alarm = &alarms[0];
            format!("{} {} {} {}", alarm["aSp"], alarm["aS"], alarm["ack"], alarm["sS"]).replace('"', "")
        };
        assert_eq!(next(false), "Issue inActive Acknowledged Suspended");
        assert_eq!(next(true), "Issue Active notAcknowledged Suspended");
    }

    #[test]
    fn cycles_by_plan() {
        let ordered = Ordered::default();
        let told = ordered.status(&site(), "S0028", "status").unwrap();
        assert!(told.starts_with("01-70,"), "{told}");
        assert!(ordered.is_undisturbed(&site()));
        assert!(!Ordered { mode: Mode::Dark, ..Ordered::default() }.is_undisturbed(&site()));
    }
}
