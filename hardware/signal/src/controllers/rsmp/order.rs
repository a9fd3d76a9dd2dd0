//! What people and programs may ask of a site: commands, statuses, alarms. Each is checked against the signal exchange
//! list before it is sent, and what the site answers is compared with it. Pure.

use models_domain::UtcMillis;
use serde_json::Value as Json;

use super::message::{Alarm, CommandAnswer, CommandValue};
use super::outgoing::{About, AlarmName, CommandArgument, Outgoing, timestamp};
use super::sxl::{Code, SxlVersion};
use crate::order::{AlarmStep, Answer, Value};

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
    /// # Errors
    /// Everything that is wrong with it for this version of the list.
    pub fn new(code: &str, version: SxlVersion, values: &[(&str, Value)]) -> Result<Self, Vec<String>> {
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
            match values.iter().find(|(name, _)| *name == argument.name) {
                Some((_, value)) => match argument.write(value) {
                    Ok(written) => arguments.push((argument.name, written)),
                    // The text would repeat the code.
                    Err(_) if is_secret(argument.name) => {
                        problems.push(format!("{code}: {} cannot be sent", argument.name))
                    }
                    Err(problem) => problems.push(format!("{code}: {problem}")),
                },
                None if argument.optional.is_some_and(|since| since <= version) => {}
                None => problems.push(format!("{code}: {} is missing", argument.name)),
            }
        }
        if problems.is_empty() { Ok(Self { code: known, arguments }) } else { Err(problems) }
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

    /// Whether `answer` is to this command.
    pub fn is_answered_by(&self, component: &str, answer: &CommandAnswer) -> bool {
        answer.component == component && answer.values.iter().any(|value| value.code == self.code.code)
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
                otherwise.push(format!("{name} is {}, not {asked}", value.value));
            }
        }
        if otherwise.is_empty() { Outcome::Done } else { Outcome::Otherwise(otherwise.join("; ")) }
    }
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
