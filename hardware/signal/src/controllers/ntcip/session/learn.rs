//! What a complete reading means: reports.

use std::time::Duration;

use hardware_ports::sink::SignalReport;
use models_domain::DurationMs;
use models_domain::signal::GroupStates;

use super::reading::What;
use super::{Asker, PAUSE_DENIED, Phase, Read};
use crate::controllers::ntcip::objects::{
    ACTIVE_DETECTORS, CONTROLLER_STANDARD_TIME_ZONE, COORD_CYCLE_STATUS, GLOBAL_LOCAL_TIME_DIFFERENTIAL,
    MAX_PHASES, MAX_PREEMPTS, MAX_VEHICLE_DETECTORS, Numbering, PATTERN_CYCLE_TIME, SYS_UP_TIME,
    UNIT_BACKUP_TIME, VOLUME_OCCUPANCY_PERIOD, VOLUME_OCCUPANCY_SEQUENCE, Value, Values,
};
use crate::controllers::ntcip::{counts, lamps, status};
use crate::controllers::{Action, Answer, At};

/// Mode, plan and clock are told anew after so long, and a clock that has moved by so much.
const NOW_EVERY: Duration = Duration::from_secs(60);
const CLOCK_MOVED: DurationMs = DurationMs(1_000);

/// A clock that is off by more than this is worth a look.
const CLOCK_OFF_MAX: DurationMs = DurationMs(5_000);

/// Rows of eight detectors whose alarms are read.
const DETECTOR_ROWS_MAX: u32 = 16;

/// Preempts that are read.
const PREEMPTS_MAX: u32 = 16;

impl Asker {
    pub(super) fn learn(&mut self, at: At, read: Read) {
        let Read { what, values } = read;
        match what {
            What::Facts => self.learn_facts(at, &values),
            What::PhasesV02 => {
                let [red, yellow, green, ..] = Numbering::Bits8.phase_status();
                let rows = [red, yellow, green].map(|column| values.number_of(&column.row(1)));
                self.unit.phases_at_v02 = rows.iter().any(Option::is_some);
                if rows.iter().flatten().any(|bits| *bits != 0) {
                    return self.start(at, Numbering::Bits8);
                }
                self.begin_probe(Numbering::Octets16);
            }
            What::PhasesV4 => {
                let [_, _, green, ..] = Numbering::Octets16.phase_status();
                match values.get(&green.row(1)) {
                    Some(Value::Octets(octets)) if octets.len() >= 2 => self.start(at, Numbering::Octets16),
                    // All dark, or none at all: the remark of the link will say so.
                    Some(Value::Octets(_) | Value::Number(_) | Value::Missing) | None => {
                        self.start(at, Numbering::Bits8);
                    }
                }
            }
            What::Lamps => self.learn_lamps(at, &values),
            What::Unit => self.learn_unit(at, &values),
            What::Settings => self.learn_settings(at, &values),
            What::Counts => {
                let readings = counts::readings(&values, at.utc, self.unit.interval);
                let junction = self.settings.junction.clone();
                self.actions.push_back(Action::Keep(SignalReport::Detectors {
                    junction,
                    told_at: at.utc,
                    readings,
                }));
            }
        }
    }

    fn learn_facts(&mut self, at: At, values: &Values) {
        let backup = values.number(UNIT_BACKUP_TIME).and_then(|seconds| u64::try_from(seconds).ok());
        if values.number(MAX_PHASES).is_none() && backup.is_none() {
            let why = "it speaks SNMP but has none of NTCIP 1202's objects: is it the signal controller?";
            return self.down(at, PAUSE_DENIED, why.to_owned());
        }
        self.unit.backup = Duration::from_secs(backup.unwrap_or(0));
        let detectors = values.number(MAX_VEHICLE_DETECTORS).and_then(|count| u32::try_from(count).ok());
        self.unit.detector_rows = detectors.unwrap_or(0).div_ceil(8).min(DETECTOR_ROWS_MAX);
        let preempts = values.number(MAX_PREEMPTS).and_then(|count| u32::try_from(count).ok());
        self.unit.preempts = preempts.unwrap_or(0).min(PREEMPTS_MAX);
        // The differential follows summer time by itself, the zone does not (NTCIP 1201 §2.4.5, §2.4.6).
        let told = [GLOBAL_LOCAL_TIME_DIFFERENTIAL, CONTROLLER_STANDARD_TIME_ZONE].map(|o| values.number(o));
        let offset_s = told.into_iter().flatten().find(|offset| *offset != 0).unwrap_or(0);
        if offset_s != self.unit.offset_s {
            // Somebody has named its zone: what its clock means is to be found out anew.
            (self.unit.clock_may_be_local, self.unit.clock_local_told) = (false, None);
        }
        self.unit.offset_s = offset_s;
        self.learn_restart(at, values);
        self.begin_probe(Numbering::Bits8);
    }

    fn start(&mut self, at: At, numbering: Numbering) {
        self.unit.numbering = numbering;
        if self.held.lapse(at.elapsed, self.unit.backup) {
            self.warn("the backup time has passed: the controller is on its own plan again");
        }
        match self.settings.backup {
            Some(backup) if backup != self.unit.backup => self.ask_backup(at, backup),
            Some(_) | None => {
                self.phase = Phase::Up;
                (self.lamps_at, self.unit_at) = (at.elapsed, at.elapsed);
            }
        }
    }

    fn learn_lamps(&mut self, at: At, values: &Values) {
        let numbering = self.unit.numbering;
        let flashing = status::flashes(values).or(self.unit.flashing);
        let flash_changed = flashing != self.unit.flashing;
        self.unit.flashing = flashing;
        self.unit_turn = true;
        self.tell_up();
        let before = self.lamps_read.replace(at.elapsed);
        let late = before.map_or(Duration::ZERO, |before| at.elapsed.saturating_sub(before));
        let states = lamps::states(&self.lamps, numbering, flashing == Some(true), values);
        if self.told.states.as_ref() != Some(&states) {
            let groups = GroupStates {
                groups: states.clone(),
                cycle_s: self.cycle_s(at),
                stage: lamps::stage(numbering, values),
                controller_at: at.utc + self.clock_ahead().unwrap_or_default(),
                late: DurationMs(i64::try_from(late.as_millis()).unwrap_or(i64::MAX)),
                old: false,
            };
            let junction = self.settings.junction.clone();
            self.actions.push_back(Action::Keep(SignalReport::Groups { junction, at: at.utc, groups }));
            self.told.states = Some(states);
        }
        if flash_changed {
            self.unit_at = at.elapsed;
        }
    }

    /// The link is up once lamps were read; the remark says which of them the controller does not tell.
    fn tell_up(&mut self) {
        let wanted = lamps::variables(&self.lamps, self.unit.numbering);
        let lacking: Vec<String> =
            wanted.iter().filter(|var| self.missing.contains(var.oid())).map(ToString::to_string).collect();
        let remark = match lacking.as_slice() {
            [] => String::new(),
            _ => format!("signal groups are missing: the controller has no {}", lacking.join(", ")),
        };
        if self.told.remark.as_ref() != Some(&remark) {
            self.told.down = None;
            self.told.remark = Some(remark.clone());
            self.actions.push_back(Action::Up { remark });
        }
    }

    fn learn_unit(&mut self, at: At, values: &Values) {
        self.learn_restart(at, values);
        let mut now = status::now(values, self.unit.flashing, self.settings.all_red_preempt, None);
        if self.unit.plan != now.plan {
            (self.unit.plan, self.unit.cycle_s) = (now.plan, None);
            self.own.plan_changed(at.elapsed);
        }
        let length = now.plan.and_then(|plan| values.number_of(&PATTERN_CYCLE_TIME.row(plan.into())));
        self.unit.cycle_s = length.filter(|length| *length > 0).or(self.unit.cycle_s);
        self.unit.cycle_left = values.number(COORD_CYCLE_STATUS).map(|left| (left, at.elapsed));
        now.cycle_length_s = self.unit.cycle_s.and_then(|length| u32::try_from(length).ok());
        self.look_at_clock();
        now.clock_ahead = self.clock_ahead();
        let moved = |old: DurationMs, new: DurationMs| (old.0 - new.0).abs() > CLOCK_MOVED.0;
        let is_news = self.told.now.is_none_or(|(told, since)| {
            (told.mode, told.plan, told.plan_forced) != (now.mode, now.plan, now.plan_forced)
                || told.cycle_length_s != now.cycle_length_s
                || at.elapsed >= since + NOW_EVERY
                || told.clock_ahead.is_some() != now.clock_ahead.is_some()
                || told.clock_ahead.zip(now.clock_ahead).is_some_and(|(old, new)| moved(old, new))
        });
        let junction = self.settings.junction.clone();
        if is_news {
            self.told.now = Some((now, at.elapsed));
            self.actions.push_back(Action::Keep(SignalReport::Now {
                junction: junction.clone(),
                at: at.utc,
                now,
            }));
        }
        let alarms = self.told.alarms.learn(&junction, at.utc, values, self.unit.detector_rows);
        self.actions.extend(alarms.into_iter().map(Action::Keep));
        self.learn_preempts(at, values);
        for number in std::mem::take(&mut self.now_served) {
            self.answer(number, Answer::Now(now));
        }
        self.look_at_counts(values);
    }

    fn learn_preempts(&mut self, at: At, values: &Values) {
        let red = self.settings.all_red_preempt.map(u32::from);
        let over = red.is_none_or(|red| status::is_over(values, red));
        self.unit.red_ordered = self.held.asks_preempt() || (self.unit.red_ordered && !over);
        let most = self.unit.preempts.max(red.unwrap_or(0));
        let preempts = (most, red.filter(|_| self.unit.red_ordered));
        let told = self.told.alarms.learn_preempts(&self.settings.junction, at.utc, values, preempts);
        self.unit.preempted = status::is_preempted(values) || self.told.alarms.has_preempt();
        self.actions.extend(told.into_iter().map(Action::Keep));
    }

    /// The sequence number says when an interval was over; the first that is seen may have been over long ago.
    fn look_at_counts(&mut self, values: &Values) {
        let told =
            [VOLUME_OCCUPANCY_SEQUENCE, VOLUME_OCCUPANCY_PERIOD, ACTIVE_DETECTORS].map(|o| values.number(o));
        let [Some(sequence), Some(period), Some(detectors)] = told else { return };
        let before = self.unit.counted.replace(sequence);
        if before.is_some_and(|before| before != sequence) && period > 0 {
            self.unit.interval = DurationMs(period.saturating_mul(1_000));
            self.begin_counts(u32::try_from(detectors).unwrap_or(0));
        }
    }

    /// After a restart nothing of what was ordered is in force, and nobody has judged whether it may be ordered now.
    fn learn_restart(&mut self, at: At, values: &Values) {
        let Some(up_time) = values.number(SYS_UP_TIME) else { return };
        if self.unit.up_time.is_some_and(|before| up_time < before) {
            let held = if self.held.is_empty() { "" } else { "; what was ordered is over" };
            self.warn(format!("the controller was started anew{held}"));
            self.held.forget();
            self.unit.clock.forget();
            self.blocks_after_restart(at);
        }
        self.unit.up_time = Some(up_time);
    }

    pub(super) fn look_at_clock(&mut self) {
        self.told.clock_local = self.unit.clock.is_local(self.unit.offset_s);
        let Some(ahead) = self.clock_ahead() else { return };
        let off = ahead.0.abs() > CLOCK_OFF_MAX.0;
        if off && !self.told.clock_off {
            self.warn(format!(
                "the controller's clock is off by {:.1} s; check its time source",
                ahead.seconds()
            ));
        }
        self.told.clock_off = off;
    }

    /// The controller's clock less ours, its zone taken away where it tells local time.
    pub(super) fn clock_ahead(&self) -> Option<DurationMs> {
        let ahead = self.unit.clock.ahead()?;
        let zone = if self.unit.clock.is_local(self.unit.offset_s) { self.unit.offset_s * 1_000 } else { 0 };
        Some(DurationMs(ahead.0 - zone))
    }

    /// Seconds into the cycle: the unit counts down (§2.5.12).
    fn cycle_s(&self, at: At) -> Option<u32> {
        let ((left, read_at), length) = (self.unit.cycle_left?, self.unit.cycle_s?);
        let since = i64::try_from((at.elapsed.saturating_sub(read_at)).as_secs()).unwrap_or(0);
        u32::try_from((length - left + since).rem_euclid(length)).ok()
    }
}
