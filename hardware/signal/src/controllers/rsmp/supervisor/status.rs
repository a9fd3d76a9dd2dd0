//! What the supervisor does with statuses and alarms: signal groups, counts, mode and plan become reports. And what a site
//! consists of is held against the configuration.

use std::collections::BTreeSet;
use std::time::Duration;

use hardware_ports::sink::SignalReport;
use models_domain::DurationMs;
use models_domain::signal::order::ControllerNow;
use models_domain::signal::{Cycle, GroupStates};

use super::Supervisor;
use crate::controllers::rsmp::content::{self, Groups};
use crate::controllers::rsmp::counts;
use crate::controllers::rsmp::message::{AggregatedStatus, Alarm, ComponentList, Quality, Status};
use crate::controllers::rsmp::now;
use crate::controllers::rsmp::phase::Phase;
use crate::controllers::rsmp::sxl::Code;
use crate::controllers::{Action, At};

impl Supervisor {
    pub(super) fn status(&mut self, at: At, status: &Status) -> Result<(), String> {
        let Some(known) = self.site().map(|site| &site.known) else {
            return Err("Version comes first".to_owned());
        };
        let is_main = known.main_component == status.component;
        let group = known.groups.iter().position(|group| *group == status.component);
        if !is_main && group.is_none() && !known.detectors.contains(&status.component) {
            return Ok(());
        }
        let readings = counts::readings(known, at.utc, status);
        let junction = known.junction.clone();
        for value in &status.values {
            let known = Code::status(&value.code).and_then(|code| code.argument(&value.name));
            let odd =
                known.filter(|_| value.quality.is_told()).and_then(|known| known.read(&value.value).err());
            if let Some(odd) = odd {
                self.warn(format!("{}: {odd}", value.code));
            }
        }
        if !readings.is_empty() {
            self.actions.push_back(Action::Keep(SignalReport::Detectors {
                junction,
                told_at: status.at.0,
                readings,
            }));
        }
        if counts::is_old(status) {
            self.wait_for_buffered(at);
        }
        if let Some(index) = group {
            self.foretold(at, index, status);
        }
        if !is_main {
            return Ok(());
        }
        self.clock_told(at, status);
        self.controller_now(at, status);
        self.cycle(at, status);
        match self.junction(|junction| content::groups(junction, at.utc, status))? {
            Groups::Reported(report) => {
                if matches!(&report, SignalReport::Groups { groups, .. } if groups.old) {
                    self.wait_for_buffered(at);
                } else {
                    self.remark(String::new());
                }
                let shown = if let SignalReport::Groups { groups, .. } = &report
                    && !groups.old
                {
                    Some(groups.groups.clone())
                } else {
                    None
                };
                self.actions.push_back(Action::Keep(report));
                if let Some(shown) = shown {
                    self.shown(at, shown);
                }
            }
            Groups::Unavailable(quality) => {
                self.groups_unknown(at, status);
                let why = match quality {
                    Quality::Undefined => "has no such component",
                    Quality::Unknown | Quality::Recent | Quality::Old => "does not know them now",
                };
                self.remark(format!("no signal groups: component {:?} {why}", status.component));
            }
            Groups::None => self.stage(at, status),
        }
        Ok(())
    }

    /// On change each value of S0001 may come by itself: the groups are as they were told last over this link.
    fn stage(&mut self, at: At, status: &Status) {
        let Phase::Established(established) = &self.phase else { return };
        let stage = content::stage(status).filter(|_| !established.groups.is_empty());
        if stage.is_none() {
            return;
        }
        let groups = GroupStates {
            groups: established.groups.clone(),
            cycle_s: content::cycle(status),
            stage,
            controller_at: status.at.0,
            late: DurationMs(0),
            old: false,
        };
        let junction = established.site.known.junction.clone();
        self.actions.push_back(Action::Keep(SignalReport::Stage { junction, at: at.utc, groups }));
    }

    /// When a group goes to green and to red.
    fn foretold(&mut self, at: At, index: usize, status: &Status) {
        let Phase::Established(established) = &mut self.phase else { return };
        established.estimates.learn(index, at.utc, status);
        self.tell_changes(at);
    }

    fn shown(&mut self, at: At, groups: String) {
        let Phase::Established(established) = &mut self.phase else { return };
        established.site.known.memory.groups_told(groups.chars().count());
        established.groups = groups;
        established.groups_told = Some(at.elapsed);
        self.tell_changes(at);
    }

    /// Watchdogs go on, so nothing else says that the lamps as they were told last are not to be believed any more.
    fn groups_unknown(&mut self, at: At, status: &Status) {
        let Some(site) = self.site() else { return };
        let told = match &self.phase {
            Phase::Established(established) => established.groups_told,
            Phase::Introduction { .. } | Phase::FirstWatchdog { .. } => None,
        };
        let told_before = told.map_or(Duration::ZERO, |told| at.elapsed.saturating_sub(told));
        let Some(groups) = content::unknown_groups(&site.known, status, told_before) else { return };
        let (junction, shown) = (site.known.junction.clone(), groups.groups.clone());
        self.actions.push_back(Action::Keep(SignalReport::Groups { junction, at: at.utc, groups }));
        self.shown(at, shown);
    }

    fn tell_changes(&mut self, at: At) {
        let Phase::Established(established) = &mut self.phase else { return };
        if let Some(changes) = established.estimates.news(&established.groups) {
            let junction = established.site.known.junction.clone();
            self.actions.push_back(Action::Keep(SignalReport::Changes { junction, at: at.utc, changes }));
        }
    }

    /// The cycle counter comes with the groups, and by itself once a minute.
    fn cycle(&mut self, at: At, status: &Status) {
        let Phase::Established(established) = &self.phase else { return };
        let Some(second) = content::cycle(status) else { return };
        let now = ControllerNow { cycle: Some(Cycle { second, at: at.utc }), ..ControllerNow::default() };
        let junction = established.site.known.junction.clone();
        self.actions.push_back(Action::Keep(SignalReport::Now { junction, at: at.utc, now }));
    }

    pub(super) fn aggregated(&mut self, at: At, status: &AggregatedStatus) -> Result<(), String> {
        self.check_component(&status.component);
        let report = self.junction(|junction| content::aggregated(junction, at.utc, status))?;
        self.actions.push_back(Action::Keep(report));
        Ok(())
    }

    /// A name that is wrong in the configuration would be silent for ever.
    pub(super) fn components(&mut self, list: &ComponentList) {
        let Some(known) = self.site().map(|site| &site.known) else { return };
        let listed: BTreeSet<&str> = list.components.iter().map(|component| component.id.as_str()).collect();
        let named = [&known.main_component].into_iter().chain(&known.groups).chain(&known.detectors);
        let missing: Vec<&String> = named.filter(|name| !listed.contains(name.as_str())).collect();
        let Some((first, others)) = missing.split_first() else { return };
        let more = if others.is_empty() { String::new() } else { format!(" nor {} others", others.len()) };
        let text =
            format!("the site does not list {first:?}{more} of the configuration among its components");
        self.warn(text);
    }

    /// Kept before whoever waits for it hears that it is so.
    pub(super) fn alarm(&mut self, at: At, alarm: &Alarm) -> Result<(), String> {
        let report = self.junction(|junction| content::alarm(junction, at.utc, alarm))?;
        self.actions.push_back(Action::Keep(report));
        let settled = self.orders.alarm_told(alarm);
        self.settle(at, settled);
        Ok(())
    }

    /// Mode and plan, when they are what it tells.
    fn controller_now(&mut self, at: At, status: &Status) {
        let Phase::Established(established) = &mut self.phase else { return };
        if !established.flags.learn(status) {
            return;
        }
        let now = established.flags.now();
        let junction = established.site.known.junction.clone();
        self.actions.push_back(Action::Keep(SignalReport::Now { junction, at: at.utc, now }));
        if now::answers(status) {
            let settled = self.orders.told(now);
            self.settle(at, settled);
        }
    }
}
