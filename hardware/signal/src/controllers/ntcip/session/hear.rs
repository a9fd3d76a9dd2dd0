//! What an answer does to the question it answers.

use std::collections::BTreeSet;

use super::reading::{Reading, What};
use super::{AGAIN_MAX, Asker, Job, Outstanding, PAUSE, PAUSE_DENIED, Phase};
use crate::controllers::ntcip::objects::{GLOBAL_TIME, Value, Values, Var};
use crate::controllers::ntcip::snmp::{Heard, Request};
use crate::controllers::{Answer, At};

/// RFC 1157 §4.1.1.
const TOO_BIG: u32 = 1;
const NO_SUCH_NAME: u32 = 2;

impl Asker {
    pub(super) fn hear(&mut self, at: At, datagram: &[u8]) {
        match self.snmp.read(datagram) {
            Ok(Heard::Answer { number, error, index, values }) => {
                // Anything else is late, or nobody asked for it.
                if self.outstanding.as_ref().is_some_and(|outstanding| outstanding.number == number)
                    && let Some(outstanding) = self.outstanding.take()
                {
                    self.answered(at, outstanding, (error, index), values);
                }
            }
            Ok(Heard::Again) => {
                let Some(outstanding) = &mut self.outstanding else { return };
                outstanding.agains += 1;
                if outstanding.agains <= AGAIN_MAX {
                    self.send(at);
                }
            }
            Ok(Heard::Denied(why)) => {
                if self.outstanding.is_some() {
                    self.down(at, PAUSE_DENIED, format!("the controller refuses us: {why}"));
                }
            }
            Err(why) => self.warn(format!("an unreadable datagram: {why}")),
        }
    }

    fn answered(&mut self, at: At, outstanding: Outstanding, error: (u32, u32), values: Values) {
        let Outstanding { request, job, asked_at, .. } = outstanding;
        match (job, request) {
            (Job::Read(what), Request::Get(vars)) if error.0 == 0 => {
                if let Some(seconds) = values.number(GLOBAL_TIME) {
                    self.unit.clock.read(seconds, asked_at, at.utc);
                }
                self.take(what, &vars, values);
            }
            (Job::Read(what), Request::Get(vars)) => self.not_told(at, what, vars, error),
            (Job::Read(_), Request::Set(_)) => {}
            (Job::Backup, _) => self.backup_set(at, error),
            (Job::Order { number, ready }, _) if error.0 == 0 => {
                self.held.took(at.elapsed, &ready);
                let vars = ready.setting.iter().map(|(var, _)| var.clone()).collect();
                self.ask(at, Request::Get(vars), Job::ReadBack { number, ready });
            }
            (Job::Order { number, ready }, _) => {
                let about = usize::try_from(error.1).unwrap_or(0).checked_sub(1);
                let about = about.and_then(|index| ready.setting.get(index)).or(ready.setting.first());
                let name = about.map(|(var, _)| var.to_string()).unwrap_or_default();
                let why = format!("the controller refuses {name}: {}", in_words(error.0));
                self.answer(number, Answer::Refused(why));
            }
            (Job::ReadBack { number, ready }, _) => {
                let answer = if error.0 == 0 {
                    read_back(&ready.setting, &values)
                } else {
                    Answer::Otherwise(format!("it cannot be read back: {}", in_words(error.0)))
                };
                self.answer(number, answer);
            }
            (Job::Refresh, _) => {
                self.held.refreshed(at.elapsed);
                if error.0 != 0 {
                    self.warn(format!("the controller refuses what it took before: {}", in_words(error.0)));
                }
            }
            (Job::ChooseBlock, _) => self.block_chosen(at, error),
            (Job::ReadBlock, _) => self.block_read(at, error, &values),
            (Job::SetClock, _) => {
                self.unit.clock.forget();
                match error.0 {
                    0 => self.warn("the controller's clock was set"),
                    error => self.warn(format!("the controller's clock cannot be set: {}", in_words(error))),
                }
            }
        }
    }

    fn take(&mut self, what: What, vars: &[Var], values: Values) {
        let lacks = |var: &&Var| matches!(values.get(var), Some(Value::Missing));
        let lacking: BTreeSet<Vec<u8>> = vars.iter().filter(lacks).map(|var| var.oid().to_vec()).collect();
        self.not_there(what, lacking);
        if let Some(reading) = self.running(what) {
            reading.got.extend(values);
        }
    }

    fn running(&mut self, what: What) -> Option<&mut Reading> {
        match what {
            What::Lamps => self.lamps_reading.as_mut(),
            What::Settings => self.own.reading(),
            What::Facts | What::PhasesV02 | What::PhasesV4 | What::Unit | What::Counts => {
                self.unit_reading.as_mut()
            }
        }
    }

    /// The whole question was refused for one of its variables, or for its size.
    fn not_told(&mut self, at: At, what: What, mut vars: Vec<Var>, (error, index): (u32, u32)) {
        match error {
            TOO_BIG if vars.len() > 1 && what == What::Settings => self.own.too_big(vars.len()),
            TOO_BIG if vars.len() > 1 => self.group_max = vars.len() / 2,
            TOO_BIG | NO_SUCH_NAME => {
                // The one that the error is about, from 1; where it says no number, the first.
                let index = usize::try_from(index).unwrap_or(0).saturating_sub(1);
                let index = index.min(vars.len().saturating_sub(1));
                if index < vars.len() {
                    let lacking = vars.remove(index).oid().to_vec();
                    self.not_there(what, [lacking]);
                }
            }
            // A unit that is busy. Settings are asked for beside what the link is for: it does not end for their sake.
            _ if what == What::Settings => return self.own.put_off(at.elapsed, vars),
            other => {
                let first = vars.first().map(ToString::to_string).unwrap_or_default();
                let why = format!("the controller does not tell {first}: {}", in_words(other));
                return self.down(at, PAUSE, why);
            }
        }
        if let Some(reading) = self.running(what) {
            reading.put_back(vars);
        }
    }

    /// They are not asked for again: settings for an hour, all else until the link begins anew.
    fn not_there(&mut self, what: What, oids: impl IntoIterator<Item = Vec<u8>>) {
        if what == What::Settings { self.own.lacks(oids) } else { self.missing.extend(oids) }
    }

    fn backup_set(&mut self, at: At, error: (u32, u32)) {
        match (error.0, self.settings.backup) {
            (0, Some(backup)) => self.unit.backup = backup,
            (0, None) => {}
            (error, _) => self.warn(format!("unitBackupTime cannot be set: {}", in_words(error))),
        }
        self.phase = Phase::Up;
        (self.lamps_at, self.unit_at) = (at.elapsed, at.elapsed);
    }
}

fn read_back(setting: &[(Var, Value)], values: &Values) -> Answer {
    let otherwise = |(var, asked): &(Var, Value)| match values.get(var) {
        Some(value) if value == asked => None,
        Some(value) => Some(format!("{var} is {value:?}, not {asked:?}")),
        None => Some(format!("{var} is not answered")),
    };
    let otherwise: Vec<String> = setting.iter().filter_map(otherwise).collect();
    if otherwise.is_empty() { Answer::Done } else { Answer::Otherwise(otherwise.join("; ")) }
}

/// RFC 3416 §3, error-status.
pub(super) fn in_words(error: u32) -> String {
    let name = match error {
        1 => "tooBig",
        2 => "noSuchName",
        3 => "badValue",
        4 => "readOnly",
        5 => "genErr",
        6 => "noAccess",
        7 => "wrongType",
        8 => "wrongLength",
        10 => "wrongValue",
        13 => "resourceUnavailable",
        14 => "commitFailed",
        16 => "authorizationError",
        17 => "notWritable",
        other => return format!("error {other}"),
    };
    name.to_owned()
}
