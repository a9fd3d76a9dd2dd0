//! Mode, plan and its cycle's length of a controller out of S0007, S0008, S0011, S0012, S0014 and S0028, which may come one by one. Pure.

use std::collections::BTreeMap;

use models_domain::signal::order::{ControllerNow, Mode};

use super::message::{Quality, Status, StatusValue};
use super::outgoing::StatusName;
use super::sxl::{Code, SxlVersion};
use crate::controllers::Memory;
use crate::order::Value;

/// Longest cycle, as the counter of S0001 has it.
const CYCLE_MAX_S: u32 = 999;

/// What is asked for and subscribed to.
const NAMES: [(&str, &str); 7] = [
    ("S0007", "status"),
    ("S0008", "status"),
    ("S0011", "status"),
    ("S0012", "status"),
    ("S0014", "status"),
    ("S0014", "source"),
    ("S0028", "status"),
];

/// Those that the site's list has.
pub fn names(version: SxlVersion) -> Vec<StatusName> {
    let has = |(code, name): &(&str, &str)| {
        Code::status(code).is_some_and(|known| known.arguments(version).any(|a| a.name == *name))
    };
    NAMES.iter().filter(|one| has(one)).map(|(code, name)| StatusName { code, name }).collect()
}

/// Whether `status` answers a question for [`names`].
pub fn answers(status: &Status) -> bool {
    status.values.iter().any(|value| value.code == "S0014")
        && status.values.iter().any(|value| value.code == "S0007")
}

/// What was said last of one of the statuses that make the mode.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Said {
    /// Nothing, or that there is no such status.
    #[default]
    Nothing,
    Is(bool),
    /// It was said how it is, and then that this is not known.
    Unknown,
}

impl Said {
    fn not(self) -> Self {
        match self {
            Said::Is(is) => Said::Is(!is),
            Said::Nothing | Said::Unknown => self,
        }
    }
}

/// What was said last, of each.
#[derive(Debug, Clone, Default)]
pub struct Flags {
    on: Said,
    manual: Said,
    flash: Said,
    all_red: Said,
    plan: Option<u8>,
    forced: Option<bool>,
    /// Seconds of a cycle, by plan.
    cycles: BTreeMap<u8, u32>,
    /// Of the site, also over its other links.
    memory: Memory,
}

impl Flags {
    /// Of a link that begins, to the site that `memory` is of.
    pub fn of(memory: Memory) -> Self {
        Self { memory, ..Self::default() }
    }

    /// Takes over what `status` says; whether there was anything. What was buffered is of a time that has passed.
    pub fn learn(&mut self, status: &Status) -> bool {
        let mut any = false;
        for value in &status.values {
            any |= match value.quality {
                Quality::Recent => self.read(value),
                Quality::Undefined | Quality::Unknown => self.forget(value),
                Quality::Old => false,
            };
        }
        any
    }

    fn read(&mut self, value: &StatusValue) -> bool {
        let known = Code::status(&value.code).and_then(|code| code.argument(&value.name));
        let Some(read) = known.and_then(|known| known.read(&value.value).ok()) else { return false };
        if let Some(of_mode) = self.of_mode(value) {
            let said = first(&read);
            *of_mode = said;
            if said != Said::Nothing {
                self.memory.mode_told(&value.code);
            }
            return true;
        }
        match (value.code.as_str(), value.name.as_str()) {
            ("S0014", "status") => self.plan = integer(&read),
            ("S0014", "source") => self.forced = forced(&read),
            ("S0028", "status") => self.cycles = cycles(&read),
            _ => return false,
        }
        true
    }

    /// It does not know: at once, as with lamps, since nobody says any more that it is as before. Only of what it said how it is: a
    /// status that a list does not have is told in the same words by core 3.1.2. What it said over another link is none of now, and
    /// still tells the two apart.
    fn forget(&mut self, value: &StatusValue) -> bool {
        let told = self.memory.is_mode_told(&value.code);
        let Some(said) = self.of_mode(value) else { return false };
        if *said == Said::Nothing && !told {
            return false;
        }
        *said = Said::Unknown;
        true
    }

    /// Where it is kept, if it is one of those that make the mode.
    fn of_mode(&mut self, value: &StatusValue) -> Option<&mut Said> {
        match (value.code.as_str(), value.name.as_str()) {
            ("S0007", "status") => Some(&mut self.on),
            ("S0008", "status") => Some(&mut self.manual),
            ("S0011", "status") => Some(&mut self.flash),
            ("S0012", "status") => Some(&mut self.all_red),
            _ => None,
        }
    }

    pub fn now(&self) -> ControllerNow {
        // Whoever works it by hand may have it flash: that is what it shows. What is not known may be so, and stands before the rest.
        let modes = [
            (self.on.not(), Mode::Dark),
            (self.flash, Mode::Flash),
            (self.all_red, Mode::AllRed),
            (self.manual, Mode::Manual),
        ];
        let first = modes.into_iter().find(|(said, _)| matches!(said, Said::Is(true) | Said::Unknown));
        let mode = match first {
            Some((Said::Unknown, _)) => Some(Mode::Unknown),
            Some((Said::Nothing | Said::Is(_), mode)) => Some(mode),
            None => (self.on == Said::Is(true)).then_some(Mode::Normal),
        };
        ControllerNow {
            mode,
            plan: self.plan,
            plan_forced: self.forced,
            cycle_length_s: self.plan.and_then(|plan| self.cycles.get(&plan).copied()),
            ..ControllerNow::default()
        }
    }
}

/// Of a controller with several intersections the first is ours.
fn first(value: &Value) -> Said {
    let Value::Booleans(all) = value else { return Said::Nothing };
    all.first().map_or(Said::Nothing, |is| Said::Is(*is))
}

fn integer(value: &Value) -> Option<u8> {
    if let Value::Integer(number) = value { u8::try_from(*number).ok() } else { None }
}

/// `01-60,02-75`: plan and seconds; what is none of that is left out.
fn cycles(value: &Value) -> BTreeMap<u8, u32> {
    let Value::Text(text) = value else { return BTreeMap::new() };
    let pair = |pair: &str| {
        let (plan, seconds) = pair.split_once('-')?;
        let seconds = seconds.trim().parse().ok().filter(|seconds| (1..=CYCLE_MAX_S).contains(seconds))?;
        Some((plan.trim().parse().ok()?, seconds))
    };
    text.split(',').filter_map(pair).collect()
}

fn forced(value: &Value) -> Option<bool> {
    if let Value::Texts(all) = value { all.first().map(|source| source == "forced") } else { None }
}

#[cfg(test)]
mod tests {
    use super::super::message::{Body, decode};
    use super::*;

    #[track_caller]
    fn check(reports: &[&str], want: &str) {
        let mut flags = Flags::default();
        for report in reports {
            let value = |text: &str| {
                let (name, rest) = text.split_once('=').unwrap();
                let (code, name) = name.split_once('.').unwrap();
                let (value, quality) = rest.split_once('/').unwrap_or((rest, "recent"));
                format!(r#"{{"sCI":"{code}","n":"{name}","s":"{value}","q":"{quality}"}}"#)
            };
            let values: Vec<String> = report.split(' ').map(value).collect();
            let packet = format!(
                r#"{{"mType":"rSMsg","type":"StatusUpdate","mId":"1","cId":"c","sTs":"2026-01-01T00:00:00.000Z","sS":[{}]}}"#,
                values.join(",")
            );
            let Body::Status(status) = decode(packet.as_bytes()).unwrap().body else { panic!("no status") };
            flags.learn(&status);
        }
        let now = flags.now();
        assert_eq!(format!("{:?} {:?} {:?}", now.mode, now.plan, now.plan_forced), want);
    }

    #[test]
    fn mode_and_plan() {
        check(
            &["S0007.status=True S0011.status=False S0014.status=2 S0014.source=forced"],
            "Some(Normal) Some(2) Some(true)",
        );
        check(&["S0007.status=True", "S0011.status=True"], "Some(Flash) None None");
        check(
            &["S0007.status=True S0011.status=True", "S0011.status=False S0012.status=True"],
            "Some(AllRed) None None",
        );
        check(&["S0007.status=False,True S0011.status=True"], "Some(Dark) None None");
        let by_hand = "S0007.status=True S0008.status=True S0014.status=2 S0014.source=calendar_clock";
        check(&[by_hand], "Some(Manual) Some(2) Some(false)");
        check(&[by_hand, "S0011.status=True"], "Some(Flash) Some(2) Some(false)");
        check(&[by_hand, "S0008.status=False"], "Some(Normal) Some(2) Some(false)");
        // Of another intersection, and of a site that does not know.
        check(&["S0007.status=True S0008.status=False,True"], "Some(Normal) None None");
        check(&["S0007.status=True S0008.status=True/undefined"], "Some(Normal) None None");
        check(&["S0014.status=7 S0014.source=calendar_clock"], "None Some(7) Some(false)");
        // Buffered values, and such as are no values, say nothing of now.
        check(&["S0014.status=7", "S0014.status=9/old S0014.status=900"], "None Some(7) None");
    }

    #[test]
    fn a_mode_that_the_site_does_not_know_any_more_is_unknown() {
        let runs = "S0007.status=True S0008.status=False S0011.status=False S0014.status=2";
        check(&[runs], "Some(Normal) Some(2) None");
        for lost in ["S0007.status=True", "S0008.status=False", "S0011.status=True"] {
            for quality in ["unknown", "undefined"] {
                let lost = format!("{lost}/{quality}");
                check(&[runs, &lost], "Some(Unknown) Some(2) None");
                check(&[runs, &lost, runs], "Some(Normal) Some(2) None");
            }
        }
        // It is dark, or flashes, whatever else it does not know; and it may be dark.
        check(&[runs, "S0007.status=False S0011.status=False/unknown"], "Some(Dark) Some(2) None");
        check(&[runs, "S0011.status=True S0008.status=False/unknown"], "Some(Flash) Some(2) None");
        check(&[runs, "S0011.status=True S0007.status=True/unknown"], "Some(Unknown) Some(2) None");
        // What it never said.
        check(&["S0007.status=True S0011.status=True/unknown"], "Some(Normal) None None");
        check(&["S0007.status=True/unknown"], "None None None");
    }

    #[test]
    fn every_list_has_them() {
        for version in ["1.0.15", "1.2.1", "1.3.0"] {
            let codes: Vec<&str> = names(SxlVersion::parse(version)).iter().map(|name| name.code).collect();
            let sources = if version == "1.0.15" { 1 } else { 2 };
            let mut want = vec!["S0007", "S0008", "S0011", "S0012"];
            want.extend(std::iter::repeat_n("S0014", sources));
            want.push("S0028");
            assert_eq!(codes, want, "{version}");
        }
    }

    #[test]
    fn length_of_the_cycle_of_the_plan_that_runs() {
        let text = |text: &str| cycles(&Value::Text(text.into()));
        assert_eq!(text("01-60,2-75"), BTreeMap::from([(1, 60), (2, 75)]));
        assert_eq!(text("1-0,2-1000,x-3,4,300-60"), BTreeMap::new());
        let mut flags = Flags { plan: Some(2), cycles: text("01-60,02-75"), ..Flags::default() };
        assert_eq!(flags.now().cycle_length_s, Some(75));
        flags.plan = Some(9);
        assert_eq!(flags.now().cycle_length_s, None);
    }
}
