//! What people and programs may ask of a site: commands, statuses, alarms. Each is checked against the signal exchange
//! list before it is sent, and what the site answers is compared with it. Pure.

use models_domain::UtcMillis;
use serde_json::Value as Json;

use super::message::{Alarm, CommandAnswer, CommandValue};
use super::outgoing::{About, AlarmName, CommandArgument, Outgoing, timestamp};
use super::sxl::{Code, SxlVersion};
use crate::order::{AlarmStep, Answer, Value};
use crate::security::{SecurityCodes, SecurityLevel};

/// "Set security code".
const NEW_CODE: &str = "M0103";

/// Characters of a site's value that are repeated to people.
const SHOWN_MAX: usize = 80;

/// A command with all its arguments, as the list has them.
#[derive(Clone, PartialEq)]
pub struct Command {
    code: &'static Code,
    arguments: Vec<(&'static str, Json)>,
}

/// Security codes are nobody's to read.
impl std::fmt::Debug for Command {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let shown = self.arguments.iter().filter(|(name, _)| !is_secret(name));
        f.debug_struct("Command")
            .field("code", &self.code.code)
            .field("arguments", &shown.collect::<Vec<_>>())
            .finish()
    }
}

/// What became of a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The site shows what was asked for.
    Done,
    /// It answers, but shows something else.
    Otherwise(String),
    /// It has no such component, or no such command.
    Unknown,
}

impl Command {
    /// The security code that it needs is added out of `codes`, unless `values` have one.
    ///
    /// # Errors
    /// Everything that is wrong with it for this version of the list.
    pub fn new(
        code: &str,
        version: SxlVersion,
        values: &[(&str, Value)],
        codes: &SecurityCodes,
    ) -> Result<Self, Vec<String>> {
        let known = Code::command(code).ok_or_else(|| vec![format!("there is no command {code:?}")])?;
        if known.arguments(version).next().is_none() {
            return Err(vec![format!("command {code} is not in the site's signal exchange list")]);
        }
        let mut problems = Vec::new();
        for (name, _) in values {
            if !known.arguments(version).any(|argument| argument.name == *name) {
                problems.push(format!("{code} has no argument {name:?} in the site's signal exchange list"));
            }
        }
        let mut arguments = Vec::new();
        for argument in known.arguments(version) {
            let given =
                values.iter().find(|(name, _)| *name == argument.name).map(|(_, value)| value.clone());
            let added = || argument.level().and_then(|level| Some(Value::Text(codes.of(level)?.now.clone())));
            match given.or_else(added) {
                Some(value) => match argument.write(&value) {
                    Ok(written) => arguments.push((argument.name, written)),
                    // The text would repeat the code.
                    Err(_) if is_secret(argument.name) => {
                        problems.push(format!("{code}: {} cannot be sent", argument.name))
                    }
                    Err(problem) => problems.push(format!("{code}: {problem}")),
                },
                None if argument.optional.is_some_and(|since| since <= version) => {}
                None => problems.push(match argument.level() {
                    Some(level) => {
                        format!("{code} needs security code {level}, and the site has no {}", level.key())
                    }
                    None => format!("{code}: {} is missing", argument.name),
                }),
            }
        }
        if problems.is_empty() { Ok(Self { code: known, arguments }) } else { Err(problems) }
    }

    pub fn code(&self) -> &'static str {
        self.code.code
    }

    pub fn message(&self, id: String, component: String) -> Outgoing {
        let argument = |(name, value): &(&'static str, Json)| CommandArgument {
            code: self.code.code,
            command: self.code.command,
            name,
            value: value.clone(),
        };
        let arguments = self.arguments.iter().map(argument).collect();
        Outgoing::CommandRequest { id, about: About::component(component), arguments }
    }

    /// What the site's refusal means; where it may be the security code: which one it is, and where it stands.
    pub fn refusal(&self, reason: &str) -> String {
        let why = if reason.trim().is_empty() { "the controller does not say why" } else { reason };
        match self.code.level().filter(|_| may_be_about_code(reason)) {
            Some(level) => format!("{why}: is security code {level} right ({} of the site)?", level.key()),
            None => why.to_owned(),
        }
    }

    /// A new security code of `level` (M0103).
    ///
    /// # Errors
    /// Everything that is wrong with it for this version of the list.
    pub fn new_code(
        level: SecurityLevel,
        version: SxlVersion,
        before: &str,
        now: &str,
    ) -> Result<Self, Vec<String>> {
        let text = |text: &str| Value::Text(text.to_owned());
        let status = text(match level {
            SecurityLevel::One => "Level1",
            SecurityLevel::Two => "Level2",
        });
        let values = [("status", status), ("oldSecurityCode", text(before)), ("newSecurityCode", text(now))];
        Self::new(NEW_CODE, version, &values, &SecurityCodes::default())
    }

    /// Whether `answer` is to this command; one about a new code, to that of its level.
    pub fn is_answered_by(&self, component: &str, answer: &CommandAnswer) -> bool {
        let ours: Vec<&CommandValue> =
            answer.values.iter().filter(|value| value.code == self.code.code).collect();
        let is_other_level = |value: &CommandValue| {
            let asked = self.arguments.iter().find(|(name, _)| *name == value.name);
            let status = self.code.argument("status").filter(|status| status.name == value.name);
            status.is_some_and(|status| status.read(&value.value).is_ok())
                && asked.is_some_and(|(_, asked)| *asked != value.value)
        };
        let of_other_level = self.code.code == NEW_CODE && ours.iter().any(|value| is_other_level(value));
        answer.component == component && !ours.is_empty() && !of_other_level
    }

    /// What the answer says became of it: a site repeats every argument with the value that is in force.
    pub fn outcome(&self, answer: &CommandAnswer) -> Outcome {
        let answered = |name: &str| -> Option<&CommandValue> {
            answer.values.iter().find(|value| value.code == self.code.code && value.name == name)
        };
        let mut otherwise = Vec::new();
        for (name, asked) in &self.arguments {
            let Some(value) = answered(name) else {
                otherwise.push(format!("{name} is not answered"));
                continue;
            };
            if !value.is_known() {
                return Outcome::Unknown;
            }
            // Some sites blank the codes they were given.
            if is_secret(name) {
                continue;
            }
            let read = |json: &Json| self.code.argument(name).and_then(|argument| argument.read(json).ok());
            if read(&value.value) != read(asked) {
                let shown: String =
                    value.value.to_string().chars().filter(|c| !c.is_control()).take(SHOWN_MAX).collect();
                otherwise.push(format!("{name} is {shown}, not {asked}"));
            }
        }
        if otherwise.is_empty() { Outcome::Done } else { Outcome::Otherwise(otherwise.join("; ")) }
    }
}

/// Words with which sites speak of a code, in English and in Swedish.
const ABOUT_CODES: [&str; 4] = ["security", "code", "säkerhet", "kod"];

fn may_be_about_code(reason: &str) -> bool {
    let reason = reason.to_lowercase();
    reason.trim().is_empty() || ABOUT_CODES.iter().any(|word| reason.contains(word))
}

fn is_secret(name: &str) -> bool {
    name.to_ascii_lowercase().contains("securitycode")
}

impl AlarmStep {
    /// What the site's word about the alarm says of this step; `None`: it is about something else.
    pub fn became(self, alarm: &Alarm) -> Option<Answer> {
        let is = |word: &str, known: &str| word.eq_ignore_ascii_case(known);
        let about = |kind: &str| is(&alarm.specialization, kind);
        let (reached, answers, wanted) = match self {
            AlarmStep::Acknowledge => {
                (is(&alarm.acknowledged, "acknowledged"), about("acknowledge"), "acknowledged")
            }
            AlarmStep::Suspend => (is(&alarm.suspended, "suspended"), about("suspend"), "suspended"),
            // Sites answer with either word.
            AlarmStep::Resume => {
                (is(&alarm.suspended, "notsuspended"), about("resume") || about("suspend"), "resumed")
            }
            AlarmStep::Request => (true, true, "told"),
        };
        if reached {
            return Some(Answer::Done);
        }
        answers.then(|| Answer::Otherwise(format!("the controller says that the alarm is not {wanted}")))
    }

    pub fn message(
        self,
        at: UtcMillis,
        id: String,
        component: String,
        code: String,
        external: String,
    ) -> Outgoing {
        let step = match self {
            AlarmStep::Acknowledge => "Acknowledge",
            AlarmStep::Suspend => "Suspend",
            AlarmStep::Resume => "Resume",
            AlarmStep::Request => "Request",
        };
        // The schemas ask for it here alone.
        let at = (self == AlarmStep::Acknowledge).then(|| timestamp(at));
        Outgoing::Alarm {
            id,
            about: About::component(component),
            alarm: AlarmName { code, external, step, at },
        }
    }
}
