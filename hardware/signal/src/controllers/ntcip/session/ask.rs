//! What is asked next, and how it goes out.

use std::time::Duration;

use models_domain::DurationMs;

use super::reading::{Reading, What};
use super::{ANSWER_MAX, Asker, Job, Outstanding, Phase, UNIT_EVERY};
use crate::controllers::ahead::may_be_zone;
use crate::controllers::ntcip::objects::{
    ACTIVE_DETECTORS, CONTROLLER_STANDARD_TIME_ZONE, COORD_CYCLE_STATUS, COORD_PATTERN_STATUS,
    DETECTOR_ALARMS, GLOBAL_LOCAL_TIME_DIFFERENTIAL, GLOBAL_TIME, MAX_PHASES, MAX_PREEMPTS,
    MAX_VEHICLE_DETECTORS, Numbering, PATTERN_CYCLE_TIME, PREEMPT_STATE, SHORT_ALARM_STATUS, SYS_UP_TIME,
    UNIT_ALARM_STATUS_1, UNIT_ALARM_STATUS_2, UNIT_BACKUP_TIME, UNIT_CONTROL_STATUS, UNIT_FLASH_STATUS,
    VOLUME_OCCUPANCY_PERIOD, VOLUME_OCCUPANCY_SEQUENCE, Value, Var,
};
use crate::controllers::ntcip::snmp::Request;
use crate::controllers::ntcip::{counts, lamps};
use crate::controllers::{Access, Action, At};

/// Alarms of detectors, whether there are new counts, and preempts while none is known to be active, are read at every so
/// many-th reading of the unit.
const DETECTORS_EVERY: u32 = 5;

/// A clock is not set more often than this.
const SET_CLOCK_EVERY: Duration = Duration::from_secs(60);

/// That it may keep local time is told again after so long.
const TELL_LOCAL_EVERY: Duration = Duration::from_secs(24 * 3_600);

impl Asker {
    /// Asks what is due, unless an answer is waited for.
    pub(super) fn ask_next(&mut self, at: At) {
        while self.outstanding.is_none() {
            let asked = match self.phase {
                Phase::Down { again_at } if at.elapsed < again_at => return,
                Phase::Down { .. } => {
                    self.begin(at);
                    continue;
                }
                Phase::Starting if self.unit_reading.is_none() => {
                    self.begin(at);
                    continue;
                }
                Phase::Starting => self.next_of_reading(true),
                Phase::Up => self.next_when_up(at),
            };
            match asked {
                Next::Ask(request, job) => self.ask(at, request, job),
                Next::Read(read) => self.learn(at, read),
                Next::Nothing => return,
            }
        }
    }

    /// Somebody waits, or a reading is half done.
    pub(super) fn is_in_a_hurry(&self) -> bool {
        !self.orders.is_empty() || self.lamps_reading.is_some() || self.unit_reading.is_some()
    }

    fn begin(&mut self, at: At) {
        self.phase = Phase::Starting;
        self.missing.clear();
        self.own.begin(at.elapsed);
        self.group_max = super::GROUP_MAX;
        let facts = [
            SYS_UP_TIME,
            MAX_PHASES,
            UNIT_BACKUP_TIME,
            MAX_VEHICLE_DETECTORS,
            MAX_PREEMPTS,
            GLOBAL_TIME,
            GLOBAL_LOCAL_TIME_DIFFERENTIAL,
            CONTROLLER_STANDARD_TIME_ZONE,
        ];
        self.unit_reading = Some(Reading::new(What::Facts, facts.map(|object| object.var())));
    }

    fn next_of_reading(&mut self, of_unit: bool) -> Next {
        let reading = if of_unit { &mut self.unit_reading } else { &mut self.lamps_reading };
        let Some(running) = reading else { return Next::Nothing };
        let vars = running.next(self.group_max, &self.missing);
        if !vars.is_empty() {
            return Next::Ask(Request::Get(vars), Job::Read(running.what));
        }
        match reading.take() {
            Some(Reading { what, got, .. }) => Next::Read(super::Read { what, values: got }),
            None => Next::Nothing,
        }
    }

    fn next_when_up(&mut self, at: At) -> Next {
        if let Some((number, mut ready)) = self.orders.pop_front() {
            self.held.cover(&mut ready);
            if ready.asks && self.unit.backup.is_zero() {
                self.refuse_without_backup(number);
                return self.next_when_up(at);
            }
            return Next::Ask(Request::Set(ready.setting.clone()), Job::Order { number, ready });
        }
        if self.held.due(self.unit.backup).is_some_and(|due| due <= at.elapsed) {
            return Next::Ask(Request::Set(self.held.setting()), Job::Refresh);
        }
        if let Some(request) = self.clock_to_set(at) {
            return Next::Ask(request, Job::SetClock);
        }
        if self.own.is_late(at.elapsed)
            && let Some(next) = self.next_of_settings(at)
        {
            return next;
        }
        let unit_due = self.unit_reading.is_some() || self.unit_at <= at.elapsed;
        let lamps_due = self.lamps_reading.is_some() || self.lamps_at <= at.elapsed;
        if lamps_due && !(unit_due && self.unit_turn) {
            if self.lamps_reading.is_none() {
                self.begin_lamps(at);
            }
            return self.next_of_reading(false);
        }
        if unit_due {
            self.unit_turn = false;
            if self.unit_reading.is_none() {
                self.begin_unit(at);
            }
            return self.next_of_reading(true);
        }
        self.next_of_settings(at).unwrap_or(Next::Nothing)
    }

    fn begin_lamps(&mut self, at: At) {
        let poll = self.settings.poll;
        // A controller that is slower than the poll gets a breath between two questions.
        self.lamps_at = (self.lamps_at + poll).max(at.elapsed + poll / 4);
        let mut vars = lamps::variables(&self.lamps, self.unit.numbering);
        let [.., ons] = self.unit.numbering.phase_status();
        vars.extend([ons.row(1), UNIT_FLASH_STATUS.var()]);
        self.lamps_reading = Some(Reading::new(What::Lamps, vars));
    }

    fn begin_unit(&mut self, at: At) {
        self.unit_at = (self.unit_at + UNIT_EVERY).max(at.elapsed + UNIT_EVERY / 2);
        self.now_served.append(&mut self.now_asked);
        let vars = [
            GLOBAL_TIME,
            SYS_UP_TIME,
            UNIT_CONTROL_STATUS,
            COORD_PATTERN_STATUS,
            COORD_CYCLE_STATUS,
            UNIT_ALARM_STATUS_1,
            UNIT_ALARM_STATUS_2,
            SHORT_ALARM_STATUS,
        ];
        let mut vars: Vec<Var> = vars.map(|object| object.var()).into();
        vars.extend(self.settings.all_red_preempt.map(|number| PREEMPT_STATE.row(number.into())));
        let plan = self.unit.plan.filter(|_| self.unit.cycle_s.is_none());
        vars.extend(plan.map(|plan| PATTERN_CYCLE_TIME.row(plan.into())));
        let every = self.unit.readings.is_multiple_of(DETECTORS_EVERY);
        if every || self.unit.preempted {
            let red = self.settings.all_red_preempt.map(u32::from);
            let others = (1..=self.unit.preempts).filter(|number| Some(*number) != red);
            vars.extend(others.map(|number| PREEMPT_STATE.row(number)));
        }
        if every {
            vars.extend((1..=self.unit.detector_rows).map(|row| DETECTOR_ALARMS.row(row)));
            let counts = [VOLUME_OCCUPANCY_SEQUENCE, VOLUME_OCCUPANCY_PERIOD, ACTIVE_DETECTORS];
            vars.extend(
                counts.map(|object| object.var()).into_iter().filter(|_| self.unit.detector_rows > 0),
            );
        }
        self.unit.readings += 1;
        self.unit_reading = Some(Reading::new(What::Unit, vars));
    }

    /// A new interval of counts was announced.
    pub(super) fn begin_counts(&mut self, detectors: u32) {
        self.unit_reading = Some(Reading::new(What::Counts, counts::variables(detectors)));
    }

    /// Where the phases are: asked after the facts.
    pub(super) fn begin_probe(&mut self, numbering: Numbering) {
        let what = match numbering {
            Numbering::Bits8 => What::PhasesV02,
            Numbering::Octets16 => What::PhasesV4,
        };
        let [red, yellow, green, ..] = numbering.phase_status();
        let vars = [red, yellow, green].map(|column| column.row(1));
        self.unit_reading = Some(Reading::new(what, vars));
    }

    /// The backup time that the configuration wants.
    pub(super) fn ask_backup(&mut self, at: At, backup: Duration) {
        let seconds = i64::try_from(backup.as_secs()).unwrap_or(0);
        let request = Request::Set(vec![(UNIT_BACKUP_TIME.var(), Value::Number(seconds))]);
        self.ask(at, request, Job::Backup);
    }

    fn clock_to_set(&mut self, at: At) -> Option<Request> {
        let most = self.settings.clock_off_max?;
        if at.stepped_since(*self.unit.clock_ours.get_or_insert(at)) {
            // Ours was set since: what was read and done by it says nothing any more.
            self.unit.clock_ours = Some(at);
            (self.unit.clock_set_at, self.unit.clock_may_be_local) = (None, false);
            self.unit.clock.forget();
        }
        let off = self.clock_ahead()?;
        if u128::from(off.0.unsigned_abs()) <= most.as_millis() {
            self.unit.clock_may_be_local = false;
            return None;
        }
        let fresh = self.unit.clock_set_at.is_some_and(|set| at.elapsed < set + SET_CLOCK_EVERY);
        if fresh {
            return None;
        }
        if let Err(why) = at.may_set_clocks() {
            if self.unit.clock_kept.replace(why) != Some(why) {
                let ahead = off.seconds();
                self.warn(format!("the controller's clock is off by {ahead:.1} s, and is not set: {why}"));
            }
            return None;
        }
        if self.may_keep_local_time(at, off) {
            return None;
        }
        self.look_at_clock();
        self.unit.clock_set_at = Some(at.elapsed);
        let local = if self.told.clock_local { self.unit.offset_s } else { 0 };
        // It counts whole seconds from now on.
        let seconds = (at.utc.0 + 500).div_euclid(1_000) + local;
        Some(Request::Set(vec![(GLOBAL_TIME.var(), Value::Number(seconds))]))
    }

    /// `off`: by how much its clock is ahead, by the unit's own zone where that explains it. Whether it may keep the time of a zone that
    /// the unit does not tell: its plans run by what that means, so it is not set until it is right by other means.
    fn may_keep_local_time(&mut self, at: At, off: DurationMs) -> bool {
        self.unit.clock_may_be_local |= may_be_zone(off.0);
        if !self.unit.clock_may_be_local {
            return false;
        }
        if self.unit.clock_local_told.is_none_or(|told| at.elapsed >= told + TELL_LOCAL_EVERY) {
            self.unit.clock_local_told = Some(at.elapsed);
            let ahead = off.seconds();
            self.warn(format!(
                "the controller's clock is off by {ahead:.1} s, and is not set: is that local time? The unit tells no such zone \
                 (globalLocalTimeDifferential, controllerStandardTimeZone)"
            ));
        }
        true
    }

    pub(super) fn ask(&mut self, at: At, request: Request, job: Job) {
        self.number = if self.number == i32::MAX { 1 } else { self.number + 1 };
        let number = self.number;
        self.outstanding = Some(Outstanding {
            number,
            request,
            job,
            asked_at: at.utc,
            until: at.elapsed,
            tries: 1,
            agains: 0,
        });
        self.send(at);
    }

    /// Sends what is outstanding, once more or for the first time.
    pub(super) fn send(&mut self, at: At) {
        let Some(outstanding) = &mut self.outstanding else { return };
        let wait = match outstanding.job {
            // Nothing that could be had in another way keeps lamps waiting.
            Job::ChooseBlock | Job::ReadBlock => {
                self.lamps_at.saturating_sub(at.elapsed).max(self.settings.poll / 2).min(ANSWER_MAX)
            }
            Job::Read(_)
            | Job::Backup
            | Job::Order { .. }
            | Job::ReadBack { .. }
            | Job::Refresh
            | Job::SetClock => ANSWER_MAX,
        };
        outstanding.until = at.elapsed + wait;
        outstanding.asked_at = at.utc;
        match self.snmp.write(outstanding.number, &outstanding.request) {
            Ok(datagram) => self.actions.push_back(Action::Send(datagram)),
            Err(why) => self.down(at, super::PAUSE_DENIED, why),
        }
    }

    pub(super) fn silence(&self) -> String {
        let seconds = ANSWER_MAX.as_secs() * u64::from(super::TRIES_MAX);
        let ever = self.unit.up_time.is_some();
        match &self.settings.access {
            _ if ever => format!("no answer for {seconds} s"),
            Access::Community { .. } => format!(
                "no answer for {seconds} s: is the address right, and the community? A controller leaves a wrong one unanswered"
            ),
            Access::User { .. } | Access::Broadcast { .. } => format!(
                "no answer for {seconds} s: is the address right, and does the controller speak SNMPv3?"
            ),
        }
    }
}

pub(super) enum Next {
    Ask(Request, Job),
    /// A reading is complete.
    Read(super::Read),
    Nothing,
}
