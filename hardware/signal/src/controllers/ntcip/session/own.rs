//! The unit's own settings: read after the start, when the pattern changes, and once an hour, one question at a time in between
//! those for the lamps; and held against the configuration. What `blocks` tells is not asked for by itself.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use hardware_ports::sink::SignalReport;
use models_domain::signal::SignalAlarm;

use super::ask::Next;
use super::blocks::Blocks;
use super::reading::{Reading, What};
use super::{Asker, GROUP_MAX, Job, Read};
use crate::controllers::ntcip::blocks::Block;
use crate::controllers::ntcip::objects::{PATTERN_CYCLE_TIME, Values, Var};
use crate::controllers::ntcip::settings;
use crate::controllers::ntcip::snmp::Request;
use crate::controllers::ntcip::timing::{self, Way};
use crate::controllers::{Action, At};

/// After the start, and after another pattern: by then it is known which runs.
const AFTER: Duration = Duration::from_secs(1);

/// Between two questions.
pub(super) const PACE: Duration = Duration::from_millis(500);

/// So much later than it was due, a question goes before the lamps: of a slow unit they are always due.
const LATE: Duration = Duration::from_secs(2);

/// Until all is read again.
const EVERY: Duration = Duration::from_secs(3_600);

/// Until a question is asked again that was left unanswered, or that the unit could not answer then.
const PUT_OFF: Duration = Duration::from_secs(60);

/// Where the reading stands, and what was read.
pub(super) struct Own {
    reading: Option<Reading>,
    pub(super) blocks: Blocks,
    /// What the running reading asks for in all.
    vars: Vec<Var>,
    /// It is at the splits.
    at_splits: bool,
    pub(super) next_at: Duration,
    /// Variables in one question: fewer where the unit found more too big, or answered none of them.
    most: usize,
    /// What the unit has not; asked for again once an hour.
    missing: BTreeSet<Vec<u8>>,
    missing_until: Duration,
    /// Until all is read: whether some question was put off, which variable was so by itself last, and which were given up.
    was_put_off: bool,
    alone: Option<Vec<u8>>,
    given_up: Vec<Var>,
    /// Which were given up, as it was told last.
    given_up_told: String,
    /// As they were read last, since the link began: to find what was changed.
    pub(super) known: Values,
    /// Times that differ from the configured ones, as they were told last, by group.
    told: BTreeMap<(u8, Way), String>,
}

impl Default for Own {
    fn default() -> Self {
        Self {
            reading: None,
            blocks: Blocks::default(),
            vars: Vec::new(),
            at_splits: false,
            next_at: Duration::MAX,
            most: GROUP_MAX,
            missing: BTreeSet::new(),
            missing_until: Duration::ZERO,
            was_put_off: false,
            alone: None,
            given_up: Vec::new(),
            given_up_told: String::new(),
            known: Values::default(),
            told: BTreeMap::new(),
        }
    }
}

impl Own {
    /// The unit is asked who it is, and may be another: all is to be read.
    pub(super) fn begin(&mut self, now: Duration) {
        self.rest(now + AFTER);
        (self.missing_until, self.known) = (Duration::ZERO, Values::default());
        self.blocks.begin();
        self.forget_failures();
    }

    pub(super) fn plan_changed(&mut self, now: Duration) {
        self.rest(self.next_at.min(now + AFTER));
    }

    /// These were left unanswered, or could not be told now: they are asked for again later, after the second time fewer at once, and
    /// one that was so by itself twice no more in this reading.
    pub(super) fn put_off(&mut self, now: Duration, mut vars: Vec<Var>) {
        self.next_at = now + PUT_OFF;
        let again = std::mem::replace(&mut self.was_put_off, true);
        let alone = match vars.as_slice() {
            [one] => Some(one.oid().to_vec()),
            _ => None,
        };
        match alone {
            Some(oid) if self.alone.as_ref() == Some(&oid) => self.given_up.append(&mut vars),
            Some(oid) => self.alone = Some(oid),
            None if again => self.most = (vars.len() / 2).max(1),
            None => {}
        }
        if let Some(reading) = &mut self.reading {
            reading.put_back(vars);
        }
    }

    fn rest(&mut self, next_at: Duration) {
        (self.reading, self.at_splits, self.next_at) = (None, false, next_at);
        self.blocks.stop();
    }

    pub(super) fn too_big(&mut self, variables: usize) {
        self.most = variables / 2;
    }

    pub(super) fn is_late(&self, now: Duration) -> bool {
        self.next_at.saturating_add(LATE) <= now
    }

    pub(super) fn reading(&mut self) -> Option<&mut Reading> {
        self.reading.as_mut()
    }

    pub(super) fn lacks(&mut self, oids: impl IntoIterator<Item = Vec<u8>>) {
        self.missing.extend(oids);
    }

    /// What became of this reading is no matter for the next.
    fn forget_failures(&mut self) {
        (self.most, self.was_put_off, self.alone) = (GROUP_MAX, false, None);
        self.given_up.clear();
    }

    /// All is read anew. Where another pattern has cut the last reading short, what that gave up is not tried once more.
    fn start_anew(&mut self, now: Duration, mut vars: Vec<Var>, blocks: Vec<Block>) {
        if self.missing_until <= now {
            self.missing.clear();
            self.missing_until = now + EVERY;
        }
        vars.retain(|var| !self.given_up.iter().any(|other| other.oid() == var.oid()));
        self.start(now, vars, blocks);
    }

    /// What no block is believed to tell is asked for by itself; so is what was not told by itself before.
    fn start(&mut self, now: Duration, vars: Vec<Var>, blocks: Vec<Block>) {
        self.blocks.start(now, blocks);
        let is_known = |var: &Var| self.known.number_of(var).is_some();
        let singly = vars.iter().filter(|var| !(is_known(var) && self.blocks.tells(var))).cloned();
        self.reading = Some(Reading::new(What::Settings, singly));
        self.vars = vars;
    }

    /// What this block was to tell is asked for by itself after all.
    pub(super) fn ask_singly(&mut self, block: Block) {
        let is_known = |var: &Var| self.known.number_of(var).is_some();
        let vars = self.vars.iter().filter(|var| is_known(var) && block.tells(var)).cloned().collect();
        if let Some(reading) = &mut self.reading {
            reading.put_back(vars);
        }
    }
}

impl Asker {
    /// The next question about its settings, or that all is read; `None` while none is due.
    pub(super) fn next_of_settings(&mut self, at: At) -> Option<Next> {
        if at.elapsed < self.own.next_at {
            return None;
        }
        if self.own.reading.is_none() {
            let blocks = self.if_allowed(settings::in_blocks(&self.lamps, self.unit.plan));
            self.own.start_anew(at.elapsed, settings::variables(&self.lamps, self.unit.plan), blocks);
        } else if !self.held.is_empty() {
            self.leave_blocks();
        }
        let reading = self.own.reading.as_mut()?;
        let vars = reading.next(self.own.most.min(self.group_max), &self.own.missing);
        if !vars.is_empty() {
            self.own.next_at = at.elapsed + PACE;
            return Some(Next::Ask(Request::Get(vars), Job::Read(What::Settings)));
        }
        if let Some((request, job)) = self.next_of_blocks(at) {
            self.own.next_at = at.elapsed + PACE;
            return Some(Next::Ask(request, job));
        }
        let values = std::mem::take(&mut self.own.reading.as_mut()?.got);
        Some(Next::Read(Read { what: What::Settings, values }))
    }

    pub(super) fn learn_settings(&mut self, at: At, values: &Values) {
        let changed = settings::take(&mut self.own.known, &self.own.vars, values);
        if !changed.is_empty() {
            self.warn(format!("the controller's settings were changed: {}", changed.join(", ")));
        }
        let cycle = |plan: u8| values.number_of(&PATTERN_CYCLE_TIME.row(plan.into()));
        self.unit.cycle_s = self.unit.plan.and_then(cycle).filter(|length| *length > 0).or(self.unit.cycle_s);
        if !self.own.at_splits {
            self.hold_against_configuration(at, values);
            let splits = settings::splits(&self.lamps, self.unit.plan, values);
            if !splits.is_empty() {
                let blocks = settings::splits_in_blocks(&self.lamps, self.unit.plan, values);
                let blocks = self.if_allowed(blocks);
                self.own.start(at.elapsed, splits, blocks);
                self.own.at_splits = true;
                return;
            }
        }
        self.tell_given_up();
        self.own.forget_failures();
        self.own.rest(at.elapsed + EVERY);
    }

    fn tell_given_up(&mut self) {
        let names: Vec<String> = self.own.given_up.iter().map(ToString::to_string).collect();
        let names = names.join(", ");
        if !names.is_empty() && self.own.given_up_told != names {
            self.warn(format!(
                "times not held against the configuration: the controller does not tell {names}"
            ));
            self.own.given_up_told = names;
        }
    }

    /// Each group whose times are not as configured is an alarm of the gateway's own, until they fit, or are told no more.
    fn hold_against_configuration(&mut self, at: At, values: &Values) {
        let Some(layout) = &self.settings.layout else { return };
        let found = timing::differences(&self.lamps, layout, values);
        let mut before = std::mem::take(&mut self.own.told);
        for one in found {
            let name = (one.group, one.way);
            if before.remove(&name).as_ref() != Some(&one.times) {
                let (_, _, meaning) = one.way.alarm();
                let (junction, number) = (&self.settings.junction, u16::from(one.group) + 1);
                let text = format!(
                    "junction {junction}: signal group {number} ({}): times in the controller are {meaning}: {}; {}",
                    self.group_name(one.group),
                    one.times,
                    one.remedy
                );
                self.warn(text);
                self.tell_times(at, name, &one.times, true);
            }
            self.own.told.insert(name, one.times);
        }
        for (name, times) in before {
            self.tell_times(at, name, &times, false);
        }
    }

    fn tell_times(&mut self, at: At, (group, way): (u8, Way), times: &str, active: bool) {
        let (code, priority, _) = way.alarm();
        let alarm = SignalAlarm {
            code: code.to_owned(),
            component: self.group_name(group),
            active,
            acknowledged: false,
            suspended: false,
            priority,
            description: times.to_owned(),
        };
        let junction = self.settings.junction.clone();
        self.actions.push_back(Action::Keep(SignalReport::Alarm { junction, at: at.utc, alarm }));
    }

    fn group_name(&self, group: u8) -> String {
        self.settings.groups.get(usize::from(group)).cloned().unwrap_or_default()
    }
}
