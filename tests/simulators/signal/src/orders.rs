//! What a supervisor may change at a site, and what holds until it is ordered otherwise or expires. Pure.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::args::{Args, dashed};
use crate::components::Component;
use crate::config::Site;
use crate::lines::{Lines, series};
use crate::list::{self, Command, Security, Version};
use crate::plan::Shown;
use crate::priority::Priorities;
use crate::rsmp::timestamp;
use crate::timing::{Timing, has_plan};

/// The codes of every simulated site, level 1 and level 2, until they are changed (RSMP "securityCode").
pub const SECURITY_CODES: [&str; 2] = ["1111", "2222"];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    Normal,
    YellowFlash,
    Dark,
}

/// A detector logic that is forced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Forced {
    pub on: bool,
    /// When it is released by itself (milliseconds of the machine).
    until_ms: Option<i64>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ordered {
    pub mode: Mode,
    /// When the mode ends by itself, and what it was before.
    pub mode_until: Option<(i64, Mode)>,
    /// The mode has ended, and the start-up sequence is not over yet.
    pub starting: bool,
    /// How often it has started up.
    pub start_ups: u64,
    /// `None`: by the controller's own calendar.
    pub plan: Option<u8>,
    /// Traffic situation.
    pub situation: Option<u8>,
    pub fixed_time: bool,
    pub inputs: Lines,
    pub outputs: Lines,
    /// Groups that were started (M0010), from 0: they are green, or become so, until they are stopped.
    pub started: BTreeSet<usize>,
    /// Groups that were stopped (M0011), from 0: they are red, or become so.
    pub stopped: BTreeSet<usize>,
    /// Detector logics that are forced, from 0.
    pub detectors: BTreeMap<usize, Forced>,
    /// Sensitivity of loop detectors, from 1.
    pub levels: BTreeMap<u8, u8>,
    /// Emergency routes that are on, the last one last.
    pub routes: Vec<u8>,
    pub priorities: Priorities,
    pub timing: Timing,
    /// When the timing was changed last (milliseconds of the machine).
    pub changed_ms: i64,
    /// Level 1 and level 2.
    pub codes: [String; 2],
    /// By how much the site's clock is ahead of the machine's.
    pub ahead_ms: i64,
    /// A restart was ordered (M0004).
    pub restart: bool,
    /// All alarms are to be cleared (M0024).
    pub clear_alarms: bool,
}

impl Default for Ordered {
    fn default() -> Self {
        Self {
            mode: Mode::Normal,
            mode_until: None,
            starting: false,
            start_ups: 0,
            plan: None,
            situation: None,
            fixed_time: false,
            inputs: Lines::default(),
            outputs: Lines::default(),
            started: BTreeSet::new(),
            stopped: BTreeSet::new(),
            detectors: BTreeMap::new(),
            levels: BTreeMap::new(),
            routes: Vec::new(),
            priorities: Priorities::default(),
            timing: Timing::default(),
            changed_ms: 0,
            codes: SECURITY_CODES.map(str::to_owned),
            ahead_ms: 0,
            restart: false,
            clear_alarms: false,
        }
    }
}

impl Ordered {
    /// Lets a mode and what forces detectors expire.
    pub fn tick(&mut self, utc_ms: i64) {
        self.detectors.retain(|_, forced| forced.until_ms.is_none_or(|until| utc_ms < until));
        if let Some((until, before)) = self.mode_until
            && until <= utc_ms
        {
            self.change_mode(before);
            self.mode_until = None;
        }
    }

    fn change_mode(&mut self, mode: Mode) {
        let begins = mode == Mode::Normal && self.mode != Mode::Normal;
        self.starting = begins || (mode == Mode::Normal && self.starting);
        self.start_ups += u64::from(begins);
        self.mode = mode;
    }

    /// What a restart leaves: settings, codes and clock.
    pub fn restarted(&self) -> Self {
        Self {
            starting: true,
            start_ups: self.start_ups + 1,
            levels: self.levels.clone(),
            timing: self.timing.clone(),
            changed_ms: self.changed_ms,
            codes: self.codes.clone(),
            ahead_ms: self.ahead_ms,
            ..Self::default()
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

    pub fn all_red(&self, site: &Site) -> bool {
        site.all_red_input.is_some_and(|input| self.inputs.is_on(input))
    }

    /// Groups, from 0, that are to be green whatever the plan says: of the last emergency route, of M0010, of priority.
    pub fn wanted(&self, site: &Site) -> BTreeSet<usize> {
        let stage = |route: &u8| site.stages.get(usize::from(*route) - 1);
        if let Some(stage) = self.routes.last().and_then(stage) {
            return stage.groups.iter().map(|group| group - 1).collect();
        }
        if self.started.is_empty() { self.priorities.active().collect() } else { self.started.clone() }
    }

    /// Its plan runs as it is made: no mode and no ordered group stands in its way.
    pub fn is_undisturbed(&self, site: &Site) -> bool {
        self.mode == Mode::Normal
            && !self.starting
            && !self.all_red(site)
            && self.stopped.is_empty()
            && self.wanted(site).is_empty()
    }

    /// The plan that runs at a time of the machine, and who decided (RSMP "source").
    pub fn plan_now(&self, site: &Site, zone_s: i64, at_ms: i64) -> (u8, &'static str) {
        if let Some(plan) = self.plan.or(self.situation) {
            return (plan, "forced");
        }
        let local_ms = at_ms + self.ahead_ms + zone_s * 1000;
        let plan = self.timing.plan_at(local_ms).filter(|plan| has_plan(site, *plan).is_ok());
        (plan.unwrap_or(1), "calendar_clock")
    }

    /// Does what a CommandRequest asks, all of it or nothing; the CommandResponse.
    ///
    /// # Errors
    /// The reason for a MessageNotAck.
    pub fn command(
        &mut self,
        site: &Site,
        version: Version,
        at_ms: i64,
        message: &Value,
    ) -> Result<Value, String> {
        let arguments =
            message["arg"].as_array().filter(|arguments| !arguments.is_empty()).ok_or("arg is missing")?;
        let component = Component::of(site, message["cId"].as_str().unwrap_or_default());
        if let Some(component) = component {
            let mut codes: Vec<&str> = Vec::new();
            for argument in arguments {
                let code = argument["cCI"].as_str().ok_or("cCI is missing")?;
                if !codes.contains(&code) {
                    codes.push(code);
                }
            }
            let mut after = self.clone();
            for code in codes {
                let args = Args(arguments.iter().filter(|argument| argument["cCI"] == code).collect());
                let command = list::command(version, component, code)?;
                command.check(version, &args)?;
                after.check_code(command, &args)?;
                after.obey(command, site, component, at_ms, &args)?;
            }
            if !site.deaf {
                *self = after;
            }
        }
        let answer = |one: &Value| {
            // RSMP core, "Unknown component".
            let (value, age) =
                if component.is_some() { (one["v"].clone(), "recent") } else { (Value::Null, "undefined") };
            json!({ "cCI": one["cCI"], "n": one["n"], "v": value, "age": age })
        };
        Ok(json!({
            "mType": "rSMsg", "type": "CommandResponse", "ntsOId": site.component, "xNId": "", "cId": message["cId"],
            "cTS": timestamp(at_ms + self.ahead_ms), "rvs": arguments.iter().map(answer).collect::<Vec<_>>(),
        }))
    }

    fn check_code(&self, command: &Command, args: &Args<'_>) -> Result<(), String> {
        let (told, level) = match command.security {
            Security::None => return Ok(()),
            Security::Level1 => (args.text("securityCode")?, 0),
            Security::Level2 => (args.text("securityCode")?, 1),
            Security::Old => match args.text("status")? {
                "Level1" => (args.text("oldSecurityCode")?, 0),
                "Level2" => (args.text("oldSecurityCode")?, 1),
                _ => return Err("status must be Level1 or Level2".to_owned()),
            },
        };
        if self.codes[level] == told { Ok(()) } else { Err("Invalid security code".to_owned()) }
    }

    fn obey(
        &mut self,
        command: &Command,
        site: &Site,
        component: Component,
        at_ms: i64,
        args: &Args<'_>,
    ) -> Result<(), String> {
        match (command.code, component) {
            ("M0001", _) => self.set_mode(at_ms, args)?,
            ("M0002" | "M0003", _) => self.set_plan(command.code, site, args)?,
            ("M0004", _) => self.restart = args.flag("status")?,
            ("M0005", _) => self.set_route(site, args)?,
            ("M0006", _) => self.inputs.set(args.number("input", 1, 255)?, args.flag("status")?)?,
            ("M0007", _) => self.fixed_time = args.flag("status")?,
            ("M0008", Component::Detector(index)) => self.force_detector(index, at_ms, args)?,
            ("M0010" | "M0011", Component::Group(index)) => {
                self.move_group(index, command.code == "M0010", args.flag("status")?);
            }
            ("M0012", _) => {
                for (number, on) in series(args.text("status")?)? {
                    let index = usize::try_from(number - 1).ok().filter(|index| *index < site.groups.len());
                    self.move_group(index.ok_or_else(|| format!("there is no group {number}"))?, on, true);
                }
            }
            ("M0013", _) => {
                for (number, on) in series(args.text("status")?)? {
                    self.inputs.set(number, on)?;
                }
            }
            ("M0014" | "M0015" | "M0016" | "M0017" | "M0018" | "M0023", _) => {
                self.set_timing(command.code, site, args)?;
                self.changed_ms = at_ms;
            }
            ("M0019", _) => force(&mut self.inputs, "input", "inputValue", args)?,
            ("M0020", _) => force(&mut self.outputs, "output", "outputValue", args)?,
            ("M0021", _) => self.set_levels(site, args.text("status")?)?,
            ("M0022", _) => self.priorities.ask(site, at_ms, args)?,
            ("M0024", _) => self.clear_alarms |= args.bare_flag("status")?,
            ("M0103", _) => {
                let level = usize::from(args.text("status")? == "Level2");
                let code = args.text("newSecurityCode")?;
                if code.is_empty() {
                    return Err("newSecurityCode is empty".to_owned());
                }
                code.clone_into(&mut self.codes[level]);
            }
            ("M0104", _) => self.ahead_ms = args.date_ms()? - at_ms,
            _ => return Err(format!("there is no command {} of this component", command.code)),
        }
        Ok(())
    }

    fn force_detector(&mut self, index: usize, at_ms: i64, args: &Args<'_>) -> Result<(), String> {
        let on = args.flag("mode")?;
        if args.flag("status")? {
            let lasts_ms = args.number_or_0("duration", i64::MAX)?;
            let until_ms = (lasts_ms > 0).then(|| at_ms.saturating_add(lasts_ms));
            self.detectors.insert(index, Forced { on, until_ms });
        } else {
            self.detectors.remove(&index);
        }
        Ok(())
    }

    fn set_levels(&mut self, site: &Site, text: &str) -> Result<(), String> {
        for part in text.split(',') {
            let [detector, level] = dashed(part)?;
            if detector == 0 || usize::from(detector) > site.detectors {
                return Err(format!("there is no detector {detector}"));
            }
            self.levels.insert(detector, level);
        }
        Ok(())
    }

    fn set_mode(&mut self, at_ms: i64, args: &Args<'_>) -> Result<(), String> {
        let minutes = args.number_or_0("timeout", 1440)?;
        // There is one intersection; 0 are all.
        args.number_or_0("intersection", 1)?;
        let mode = match args.text("status")? {
            "NormalControl" => Mode::Normal,
            "YellowFlash" => Mode::YellowFlash,
            "Dark" => Mode::Dark,
            _ => return Err("status must be NormalControl, YellowFlash or Dark".to_owned()),
        };
        let before = self.mode_until.map_or(self.mode, |(_, before)| before);
        self.mode_until = (minutes > 0 && mode != before).then(|| (at_ms + minutes * 60_000, before));
        self.change_mode(mode);
        Ok(())
    }

    fn set_plan(&mut self, code: &str, site: &Site, args: &Args<'_>) -> Result<(), String> {
        let on = args.flag("status")?;
        let name = if code == "M0002" { "timeplan" } else { "traficsituation" };
        let number = args.small(name, 1)?;
        if on {
            // Each situation has the plan of its number.
            has_plan(site, number)?;
        }
        let slot = if code == "M0002" { &mut self.plan } else { &mut self.situation };
        *slot = on.then_some(number);
        Ok(())
    }

    /// Each route has the stage of its number.
    fn set_route(&mut self, site: &Site, args: &Args<'_>) -> Result<(), String> {
        let (on, route) = (args.flag("status")?, args.small("emergencyroute", 1)?);
        if usize::from(route) > site.stages.len() {
            return Err(format!("there is no emergency route {route}"));
        }
        self.routes.retain(|other| *other != route);
        if on {
            self.routes.push(route);
        }
        Ok(())
    }

    fn move_group(&mut self, group: usize, start: bool, on: bool) {
        let (to, from) = match start {
            true => (&mut self.started, &mut self.stopped),
            false => (&mut self.stopped, &mut self.started),
        };
        if on {
            from.remove(&group);
            to.insert(group);
        } else {
            to.remove(&group);
        }
    }

    fn set_timing(&mut self, code: &str, site: &Site, args: &Args<'_>) -> Result<(), String> {
        let (timing, plan) = (&mut self.timing, || args.small("plan", 0));
        match code {
            "M0014" => timing.set_bands(site, plan()?, args.text("status")?),
            "M0015" => timing.set_offset(site, plan()?, args.small("status", 0)?),
            "M0016" => timing.set_week(args.text("status")?),
            "M0017" => timing.set_tables(site, args.text("status")?),
            "M0018" => timing.set_cycle(site, plan()?, args.small("status", 1)?),
            _ => {
                timing.bands_timeout_min = args.number("status", 0, 65_535)?;
                Ok(())
            }
        }
    }
}

fn force(lines: &mut Lines, number: &str, value: &str, args: &Args<'_>) -> Result<(), String> {
    let to = args.flag(value)?;
    lines.force(args.number(number, 1, 255)?, args.flag("status")?.then_some(to))
}

#[cfg(test)]
#[path = "orders_tests.rs"]
mod tests;
