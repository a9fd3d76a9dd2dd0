//! What was set and has to be set again and again, within the unit's backup time, so that it stays in force. Pure.

use std::collections::BTreeMap;
use std::time::Duration;

use super::objects::{Numbering, PREEMPT_CONTROL_STATE, SYSTEM_PATTERN_CONTROL, Value as Wire, Var};
use super::steer::{PATTERN, PHASES, PREEMPT};
use crate::order::Value;

/// Refreshed three times within the backup time, so that two may be lost.
const REFRESHES_PER_BACKUP: u32 = 3;
const REFRESH_MAX: Duration = Duration::from_secs(10);
const REFRESH_MIN: Duration = Duration::from_millis(300);

/// Phase control goes to phases of the first two rows of eight.
const PHASES_MAX: i64 = 16;

/// Settings that belong together.
pub type Setting = Vec<(Var, Wire)>;

#[derive(Debug, Default)]
pub struct Held {
    setting_by_command: BTreeMap<&'static str, Setting>,
    /// When the unit last took one of them.
    set_at: Duration,
}

/// A command, checked: what it sets, and whether that asks anything of the unit or takes it back.
#[derive(Debug, Clone)]
pub struct Ready {
    command: &'static str,
    pub setting: Setting,
    pub asks: bool,
}

impl Ready {
    /// # Errors
    /// What is wrong with the command.
    pub fn new(code: &str, values: &[(String, Value)], numbering: Numbering) -> Result<Self, String> {
        let value = |name: &str| values.iter().find(|(known, _)| known == name).map(|(_, value)| value);
        let integer = |name: &str, most: i64| match value(name) {
            Some(Value::Integer(number)) if (0..=most).contains(number) => Ok(*number),
            Some(_) | None => Err(format!("{code}: {name} must be a number from 0 to {most}")),
        };
        match code {
            PATTERN => {
                let pattern = integer("pattern", 255)?;
                let setting = vec![(SYSTEM_PATTERN_CONTROL.var(), Wire::Number(pattern))];
                Ok(Self { command: PATTERN, setting, asks: pattern != 0 })
            }
            PREEMPT => {
                let number = integer("preempt", 255)?;
                let row = u32::try_from(number).unwrap_or(0);
                let Some(Value::Boolean(on)) = value("on") else {
                    return Err(format!("{code}: on must be true or false"));
                };
                let setting = vec![(PREEMPT_CONTROL_STATE.row(row), Wire::Number((*on).into()))];
                Ok(Self { command: PREEMPT, setting, asks: *on })
            }
            PHASES => {
                let bits = |name: &str| match value(name) {
                    Some(Value::Integers(all)) if all.iter().all(|one| (1..=PHASES_MAX).contains(one)) => {
                        Ok(all.iter().fold(0_u16, |bits, one| bits | 1 << (one - 1)))
                    }
                    Some(_) | None => Err(format!("{code}: {name} must be phases from 1 to {PHASES_MAX}")),
                };
                let (hold, on_foot, off) = (bits("hold")?, bits("ped_call")?, bits("force_off")?);
                let setting = phases(numbering, [hold, off, hold, on_foot]);
                Ok(Self { command: PHASES, setting, asks: hold | on_foot | off != 0 })
            }
            _ => Err(format!("there is no command {code:?} for NTCIP controllers")),
        }
    }
}

/// `bits`: hold, force off, vehicle call, pedestrian call. The second row only when the first is not all: units with eight
/// phases have none.
fn phases(numbering: Numbering, bits: [u16; 4]) -> Setting {
    let rows = match numbering {
        Numbering::Bits8 if bits.iter().any(|bits| *bits > 0xff) => 2,
        Numbering::Bits8 | Numbering::Octets16 => 1,
    };
    let row = |row: u32| {
        let columns = numbering.phase_control().into_iter().zip(bits);
        columns.map(move |(column, bits)| {
            let bits = if row == 2 { bits >> 8 } else { bits };
            (column.row(row), numbering.write(bits))
        })
    };
    (1..=rows).flat_map(row).collect()
}

impl Held {
    /// Variables that the last setting of the same command used and `ready` does not: they are taken back with it.
    pub fn cover(&self, ready: &mut Ready) {
        let before = self.setting_by_command.get(ready.command).into_iter().flatten();
        for (var, value) in before {
            if !ready.setting.iter().any(|(other, _)| other.oid() == var.oid()) {
                let none = match value {
                    Wire::Number(_) | Wire::Missing => Wire::Number(0),
                    Wire::Octets(octets) => Wire::Octets(vec![0; octets.len()]),
                };
                ready.setting.push((var.clone(), none));
            }
        }
    }

    /// The unit took `ready`.
    pub fn took(&mut self, at: Duration, ready: &Ready) {
        self.set_at = at;
        if ready.asks {
            self.setting_by_command.insert(ready.command, ready.setting.clone());
        } else {
            self.setting_by_command.remove(ready.command);
        }
    }

    pub fn is_empty(&self) -> bool {
        self.setting_by_command.is_empty()
    }

    /// The preempt for red to everybody was ordered from here.
    pub fn asks_preempt(&self) -> bool {
        self.setting_by_command.contains_key(PREEMPT)
    }

    pub fn refreshed(&mut self, at: Duration) {
        self.set_at = at;
    }

    /// When it is to be set again at the latest.
    pub fn due(&self, backup: Duration) -> Option<Duration> {
        let within = (backup / REFRESHES_PER_BACKUP).clamp(REFRESH_MIN, REFRESH_MAX);
        (!self.is_empty()).then_some(self.set_at + within)
    }

    /// All that is in force.
    pub fn setting(&self) -> Setting {
        self.setting_by_command.values().flatten().cloned().collect()
    }

    /// Whether the unit has fallen back by now; then nothing is held any more.
    pub fn lapse(&mut self, at: Duration, backup: Duration) -> bool {
        let lapsed = !self.is_empty() && at >= self.set_at + backup;
        if lapsed {
            self.setting_by_command.clear();
        }
        lapsed
    }

    pub fn forget(&mut self) {
        self.setting_by_command.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ready(code: &str, values: &[(&str, Value)]) -> Result<Ready, String> {
        let values: Vec<_> = values.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        Ready::new(code, &values, Numbering::Bits8)
    }

    fn text(setting: &Setting) -> String {
        setting.iter().map(|(var, value)| format!("{var}={value:?}")).collect::<Vec<_>>().join(" ")
    }

    fn phase_values(hold: &[i64]) -> [(&'static str, Value); 3] {
        [
            ("hold", Value::Integers(hold.into())),
            ("ped_call", Value::Integers(vec![])),
            ("force_off", Value::Integers(vec![4])),
        ]
    }

    #[test]
    fn commands_become_settings_or_are_refused() {
        let pattern = ready(PATTERN, &[("pattern", Value::Integer(3))]).unwrap();
        assert_eq!(text(&pattern.setting), "systemPatternControl=Number(3)");
        let few = ready(PHASES, &phase_values(&[2, 6])).unwrap();
        assert_eq!(
            text(&few.setting),
            "phaseControlGroupHold.1=Number(34) phaseControlGroupForceOff.1=Number(8) \
             phaseControlGroupVehCall.1=Number(34) phaseControlGroupPedCall.1=Number(0)"
        );
        let many = ready(PHASES, &phase_values(&[2, 9])).unwrap();
        assert!(text(&many.setting).contains("phaseControlGroupHold.2=Number(1)"), "{}", text(&many.setting));
        assert_eq!(
            ready(PHASES, &phase_values(&[17])).unwrap_err(),
            "phaseControlGroup: hold must be phases from 1 to 16"
        );
        assert_eq!(
            ready(PATTERN, &[("pattern", Value::Integer(256))]).unwrap_err(),
            "systemPatternControl: pattern must be a number from 0 to 255"
        );
        assert!(ready("M0002", &[]).is_err());
    }

    #[test]
    fn what_is_held_is_set_again_until_it_is_taken_back_or_lapses() {
        let s = Duration::from_secs;
        let backup = s(12);
        let mut held = Held::default();
        assert_eq!(held.due(backup), None);
        let on = |code, pattern| ready(code, &[("pattern", Value::Integer(pattern))]).unwrap();
        held.took(s(100), &on(PATTERN, 3));
        assert_eq!(held.due(backup), Some(s(104)));
        assert_eq!(held.due(s(0)), Some(s(100) + REFRESH_MIN));
        assert_eq!(held.due(s(600)), Some(s(110)));
        held.refreshed(s(104));
        assert!(!held.lapse(s(115), backup) && held.lapse(s(116), backup) && held.is_empty());
        held.took(s(118), &ready(PHASES, &phase_values(&[9])).unwrap());
        let mut none = ready(
            PHASES,
            &[("hold", &[][..]), ("ped_call", &[]), ("force_off", &[])]
                .map(|(n, p)| (n, Value::Integers(p.into()))),
        )
        .unwrap();
        held.cover(&mut none);
        assert_eq!(none.setting.len(), 8, "the second row is taken back too: {}", text(&none.setting));
        held.took(s(119), &none);
        held.took(s(120), &on(PATTERN, 3));
        held.took(s(121), &on(PATTERN, 0));
        assert!(held.is_empty() && !held.lapse(s(500), backup));
    }
}
