//! What a unit says of itself besides its lamps: mode, plan, alarms, preempts. Pure.

use std::ops::RangeInclusive;

use hardware_ports::sink::SignalReport;
use models_domain::signal::SignalAlarm;
use models_domain::signal::order::{ControllerNow, Mode};
use models_domain::{DurationMs, JunctionId, UtcMillis};

use super::objects::{
    COORD_PATTERN_STATUS, DETECTOR_ALARMS, Object, PREEMPT_STATE, SHORT_ALARM_STATUS, UNIT_ALARM_STATUS_1,
    UNIT_ALARM_STATUS_2, UNIT_CONTROL_STATUS, UNIT_FLASH_STATUS, Values,
};

/// unitControlStatus (§2.4.5): a system commands it.
const SYSTEM_CONTROL: i64 = 2;
/// unitFlashStatus (§2.4.6).
const NOT_FLASH: i64 = 2;
/// Patterns (§2.5.10): 1 to 253 are plans.
pub const PATTERN_FREE: u8 = 254;
pub const PATTERN_FLASH: u8 = 255;
/// preemptState (§2.7.2.16): it is over, or was never asked for.
const PREEMPT_NOT_ACTIVE: i64 = 2;
/// From the begin of its entry to that of its exit.
const PREEMPT_ACTIVE: RangeInclusive<i64> = 4..=8;
/// It shows what the preempt is for.
const DWELL: i64 = 6;
/// Its input is on for longer than it may be.
const MAXIMUM_PRESENCE: i64 = 9;
/// shortAlarmStatus (§2.4.9): some preempt is active.
const SHORT_PREEMPT: i64 = 1;

/// The bits that are faults, by the standard's names (§2.4.7 to §2.4.9), with what they mean and how bad they are.
const ALARMS: [(Object, u32, &str, u8, &str); 15] = [
    (UNIT_ALARM_STATUS_1, 0, "cycleFault", 2, "a call was not served for two cycles, coordinated"),
    (UNIT_ALARM_STATUS_1, 1, "coordFault", 2, "coordination was given up after a cycle fault"),
    (UNIT_ALARM_STATUS_1, 2, "coordFail", 2, "a cycle fault came again after a coordination fault"),
    (UNIT_ALARM_STATUS_1, 3, "cycleFail", 1, "a call was not served for two cycles"),
    (UNIT_ALARM_STATUS_1, 4, "mmuFlash", 1, "the conflict monitor put the junction to flash"),
    (UNIT_ALARM_STATUS_1, 5, "localFlash", 2, "the cabinet was put to flash on the spot"),
    (UNIT_ALARM_STATUS_2, 0, "powerRestart", 3, "the unit was without power"),
    (UNIT_ALARM_STATUS_2, 1, "lowBattery", 3, "the battery is low"),
    (UNIT_ALARM_STATUS_2, 2, "responseFault", 2, "a part of the cabinet does not answer the unit"),
    (UNIT_ALARM_STATUS_2, 3, "externalStart", 3, "the unit was started anew from outside"),
    (UNIT_ALARM_STATUS_2, 4, "stopTime", 2, "the unit's time is stopped"),
    (SHORT_ALARM_STATUS, 4, "coordAlarm", 2, "the plan that was called does not run within three cycles"),
    (SHORT_ALARM_STATUS, 5, "detectorFault", 3, "a detector is faulty"),
    (SHORT_ALARM_STATUS, 6, "nonCriticalAlarm", 3, "an alarm input of the cabinet is on"),
    (SHORT_ALARM_STATUS, 7, "criticalAlarm", 1, "the unit is stopped by a critical alarm"),
];

/// The alarm of a preempt that is active.
const PREEMPT: &str = "preempt";

/// Whether it flashes, when it is told.
pub fn flashes(values: &Values) -> Option<bool> {
    values.number(UNIT_FLASH_STATUS).map(|status| status != NOT_FLASH)
}

/// Whether some preempt is active, by the unit's summary of its alarms.
pub fn is_preempted(values: &Values) -> bool {
    values.number(SHORT_ALARM_STATUS).is_some_and(|bits| bits & SHORT_PREEMPT != 0)
}

/// Whether this preempt is told to be over.
pub fn is_over(values: &Values, preempt: u32) -> bool {
    values.number_of(&PREEMPT_STATE.row(preempt)) == Some(PREEMPT_NOT_ACTIVE)
}

/// `flashing`: by its flash status; `red`: the preempt that shows red to everybody, where there is one.
pub fn now(
    values: &Values,
    flashing: Option<bool>,
    red: Option<u8>,
    ahead: Option<DurationMs>,
) -> ControllerNow {
    let pattern = values.number(COORD_PATTERN_STATUS).and_then(|pattern| u8::try_from(pattern).ok());
    let dwells = red.and_then(|number| values.number_of(&PREEMPT_STATE.row(number.into()))) == Some(DWELL);
    let mode = match (flashing, dwells) {
        (Some(true), _) => Some(Mode::Flash),
        (_, _) if pattern == Some(PATTERN_FLASH) => Some(Mode::Flash),
        (_, true) => Some(Mode::AllRed),
        (Some(false), false) => Some(Mode::Normal),
        (None, false) => pattern.map(|_| Mode::Normal),
    };
    ControllerNow {
        mode,
        plan: pattern.filter(|pattern| (1..=PATTERN_FREE).contains(pattern)),
        plan_forced: values.number(UNIT_CONTROL_STATUS).map(|status| status == SYSTEM_CONTROL),
        clock_ahead: ahead,
        ..ControllerNow::default()
    }
}

/// Alarms as they were told last.
#[derive(Debug, Default)]
pub struct Alarms {
    active: Vec<(String, String)>,
}

impl Alarms {
    /// Those that `values` say have begun or ended since; what was not read says nothing.
    pub fn learn(
        &mut self,
        junction: &JunctionId,
        at: UtcMillis,
        values: &Values,
        detector_rows: u32,
    ) -> Vec<SignalReport> {
        let mut told = Vec::new();
        for (object, bit, code, priority, description) in ALARMS {
            let on = values.number(object).map(|bits| bits >> bit & 1 == 1);
            told.extend(on.and_then(|on| self.turn(code, "unit".to_owned(), on, priority, description)));
        }
        for row in 1..=detector_rows {
            let Some(bits) = values.bits(&DETECTOR_ALARMS.row(row)) else { continue };
            for bit in 0..8 {
                let component = format!("detector {}", (row - 1) * 8 + bit + 1);
                let on = bits >> bit & 1 == 1;
                told.extend(self.turn(
                    "detectorAlarm",
                    component,
                    on,
                    3,
                    "the unit reports this detector as faulty",
                ));
            }
        }
        let report = |alarm| SignalReport::Alarm { junction: junction.clone(), at, alarm };
        told.into_iter().map(report).collect()
    }

    /// Preempts from 1 to `most` that have taken the junction, or given it back; `ordered`: the one that was asked for from here, which
    /// is told as the mode.
    pub fn learn_preempts(
        &mut self,
        junction: &JunctionId,
        at: UtcMillis,
        values: &Values,
        (most, ordered): (u32, Option<u32>),
    ) -> Vec<SignalReport> {
        let mut told = Vec::new();
        for number in 1..=most {
            let Some(state) = values.number_of(&PREEMPT_STATE.row(number)) else { continue };
            let component = format!("preempt {number}");
            let active = PREEMPT_ACTIVE.contains(&state) && ordered != Some(number);
            let taken = "a preempt, as for a train or a fire engine, has taken the junction from its plan";
            told.extend(self.turn(PREEMPT, component.clone(), active, 3, taken));
            let stuck = "its input has been on for longer than it may: the unit does not obey it any more";
            told.extend(self.turn("preemptStuck", component, state == MAXIMUM_PRESENCE, 2, stuck));
        }
        let report = |alarm| SignalReport::Alarm { junction: junction.clone(), at, alarm };
        told.into_iter().map(report).collect()
    }

    /// Some preempt was told as active.
    pub fn has_preempt(&self) -> bool {
        self.active.iter().any(|(code, _)| code == PREEMPT)
    }

    fn turn(
        &mut self,
        code: &str,
        component: String,
        on: bool,
        priority: u8,
        description: &str,
    ) -> Option<SignalAlarm> {
        let name = (code.to_owned(), component);
        let known = self.active.iter().position(|other| *other == name);
        match (known, on) {
            (Some(_), true) | (None, false) => return None,
            (Some(index), false) => drop(self.active.swap_remove(index)),
            (None, true) => self.active.push(name.clone()),
        }
        let (code, component) = name;
        let description = description.to_owned();
        Some(SignalAlarm {
            code,
            component,
            active: on,
            acknowledged: false,
            suspended: false,
            priority,
            description,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::objects::Value;
    use super::*;

    fn read(all: &[(Object, i64)]) -> Values {
        let mut values = Values::default();
        for (object, number) in all {
            values.insert(object.var().oid().to_vec(), Value::Number(*number));
        }
        values
    }

    #[track_caller]
    fn check(flash: Option<i64>, control: i64, pattern: i64, preempt: i64, want: &str) {
        let mut values = read(&[(UNIT_CONTROL_STATUS, control), (COORD_PATTERN_STATUS, pattern)]);
        values.insert(PREEMPT_STATE.row(3).oid().to_vec(), Value::Number(preempt));
        if let Some(flash) = flash {
            values.extend(read(&[(UNIT_FLASH_STATUS, flash)]));
        }
        let now = now(&values, flashes(&values), Some(3), None);
        assert_eq!(format!("{:?} {:?} {:?}", now.mode, now.plan, now.plan_forced), want);
    }

    #[test]
    fn mode_and_plan() {
        check(Some(2), 6, 3, 2, "Some(Normal) Some(3) Some(false)");
        check(Some(2), 2, 4, 2, "Some(Normal) Some(4) Some(true)");
        check(Some(2), 4, 254, 2, "Some(Normal) Some(254) Some(false)");
        check(Some(3), 2, 255, 2, "Some(Flash) None Some(true)");
        check(Some(6), 6, 3, 6, "Some(Flash) Some(3) Some(false)");
        check(Some(2), 2, 3, 6, "Some(AllRed) Some(3) Some(true)");
        check(Some(2), 2, 3, 4, "Some(Normal) Some(3) Some(true)");
        check(None, 6, 0, 2, "Some(Normal) None Some(false)");
        let nothing = now(&Values::default(), None, None, None);
        assert_eq!(nothing, ControllerNow::default());
    }

    fn text(told: Vec<SignalReport>) -> Vec<String> {
        let one = |report: SignalReport| match report {
            SignalReport::Alarm { alarm, .. } => {
                format!("{} {} {}", alarm.code, alarm.component, alarm.active)
            }
            other @ (SignalReport::Groups { .. }
            | SignalReport::Link { .. }
            | SignalReport::Stage { .. }
            | SignalReport::Now { .. }
            | SignalReport::Aggregated { .. }
            | SignalReport::Changes { .. }
            | SignalReport::Detectors { .. }) => panic!("{other:?}"),
        };
        told.into_iter().map(one).collect()
    }

    #[test]
    fn preempts_are_told_but_for_the_one_that_was_ordered() {
        let junction = JunctionId::new("a").unwrap();
        let mut alarms = Alarms::default();
        let mut step = |second: i64, third: i64, ordered: Option<u32>| {
            let mut values = Values::default();
            values.insert(PREEMPT_STATE.row(2).oid().to_vec(), Value::Number(second));
            values.insert(PREEMPT_STATE.row(3).oid().to_vec(), Value::Number(third));
            let told = text(alarms.learn_preempts(&junction, UtcMillis(5), &values, (4, ordered)));
            (told, alarms.has_preempt())
        };
        let lines = |lines: &[&str]| lines.iter().map(|line| (*line).to_owned()).collect::<Vec<_>>();
        assert_eq!(step(2, 2, None), (vec![], false));
        // A call that waits is none that is served.
        assert_eq!(step(3, 2, None), (vec![], false));
        assert_eq!(step(4, 6, Some(3)), (lines(&["preempt preempt 2 true"]), true));
        assert_eq!(step(8, 8, Some(3)), (vec![], true));
        assert_eq!(step(2, 6, None), (lines(&["preempt preempt 2 false", "preempt preempt 3 true"]), true));
        let stuck = lines(&["preempt preempt 3 false", "preemptStuck preempt 3 true"]);
        assert_eq!(step(2, 9, None), (stuck, false));
        assert_eq!(step(2, 2, None), (lines(&["preemptStuck preempt 3 false"]), false));
        assert!(is_preempted(&read(&[(SHORT_ALARM_STATUS, 0b10_0001)])));
        assert!(!is_preempted(&read(&[(SHORT_ALARM_STATUS, 0b10_0000)])) && !is_preempted(&read(&[])));
    }

    #[test]
    fn alarms_begin_and_end_once() {
        let junction = JunctionId::new("a").unwrap();
        let mut alarms = Alarms::default();
        let mut step = |bits: i64, detectors: i64| -> Vec<String> {
            let mut values = read(&[(UNIT_ALARM_STATUS_1, bits)]);
            values.insert(DETECTOR_ALARMS.row(2).oid().to_vec(), Value::Number(detectors));
            text(alarms.learn(&junction, UtcMillis(5), &values, 2))
        };
        assert_eq!(step(0, 0), Vec::<String>::new());
        // Coordination active and local free are no faults.
        assert_eq!(step(0b1101_0000, 0), ["mmuFlash unit true"]);
        assert_eq!(step(0b0101_0000, 0b100), ["detectorAlarm detector 11 true"]);
        assert_eq!(step(0b0100_0000, 0), ["mmuFlash unit false", "detectorAlarm detector 11 false"]);
    }
}
