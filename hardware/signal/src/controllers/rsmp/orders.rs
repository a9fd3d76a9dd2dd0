//! Orders on their way: waiting, sent, and what became of them. Pure.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use models_domain::UtcMillis;
use models_domain::signal::order::ControllerNow;

use super::message::{Alarm, CommandAnswer};
use super::now;
use super::order::{Command, Outcome};
use super::outgoing::{About, Outgoing, StatusName};
use super::sxl::SxlVersion;
use crate::controllers::Action;
use crate::order::{AlarmStep, Answer, Asked, Order, Value};

/// More than this waiting at once are refused: somebody leans on a button.
const WAITING_MAX: usize = 32;

/// Alarms whose maker's text is remembered: more than a controller has.
const ALARMS_MAX: usize = 1_024;

#[derive(Default)]
pub struct Orders {
    waiting: VecDeque<(u64, Ready)>,
    sent: Vec<Sent>,
    /// The maker's own text of each alarm that has one, by code and component: the site knows an alarm by it too.
    externals: BTreeMap<(String, String), String>,
}

/// An order that the site's signal exchange list allows.
enum Ready {
    Command { component: Option<String>, command: Command },
    Alarm { component: String, code: String, external: String, step: AlarmStep },
    AggregatedStatus,
    Now(Vec<StatusName>),
}

struct Sent {
    number: u64,
    id: String,
    until: Duration,
    /// Waits for its own answer; without one, the acknowledgement is all there will be.
    command: Option<(String, Command)>,
    /// Waits for mode and plan.
    now: bool,
    /// Waits for the site's word about this alarm: code, component.
    alarm: Option<(String, String, AlarmStep)>,
}

impl Orders {
    /// `version`: of the site's list, once the link is up.
    pub fn take(&mut self, order: Order, version: Option<SxlVersion>) -> Option<Action> {
        let number = order.number;
        let refuse = |reason: String| Some(Action::Answered { number, answer: Answer::Refused(reason) });
        let Some(version) = version else { return refuse("the link to the controller is not up".to_owned()) };
        if self.waiting.len() >= WAITING_MAX {
            return refuse(format!("{WAITING_MAX} orders wait already"));
        }
        let ready = match order.what {
            Asked::Command { code, component, values } => {
                let values: Vec<(&str, Value)> =
                    values.iter().map(|(name, value)| (name.as_str(), value.clone())).collect();
                match Command::new(&code, version, &values) {
                    Ok(command) => Ready::Command { component, command },
                    Err(problems) => return refuse(problems.join("; ")),
                }
            }
            Asked::Alarm { component, code, .. } if self.handles(&code, &component) => {
                return refuse("another step for this alarm is under way".to_owned());
            }
            Asked::Alarm { component, code, external, step } => {
                Ready::Alarm { component, code, external, step }
            }
            Asked::AggregatedStatus => Ready::AggregatedStatus,
            Asked::Now => Ready::Now(now::names(version)),
        };
        self.waiting.push_back((number, ready));
        None
    }

    /// Whether a step for this alarm waits or is sent: what the site says next could not be told from an answer to another one.
    fn handles(&self, of_code: &str, of_component: &str) -> bool {
        let waits = self.waiting.iter().any(|(_, ready)| {
            matches!(ready, Ready::Alarm { code, component, .. } if code == of_code && component == of_component)
        });
        let sent = self.sent.iter().filter_map(|sent| sent.alarm.as_ref());
        waits || sent.into_iter().any(|(code, component, _)| code == of_code && component == of_component)
    }

    pub fn wait(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// The next message; it is to be answered until `until`.
    pub fn next(
        &mut self,
        at: UtcMillis,
        id: String,
        main_component: String,
        until: Duration,
    ) -> Option<Outgoing> {
        let (number, ready) = self.waiting.pop_front()?;
        let mut sent = Sent { number, id: id.clone(), until, command: None, now: false, alarm: None };
        let message = match ready {
            Ready::Command { component, command } => {
                let component = component.unwrap_or(main_component);
                let message = command.message(id, component.clone());
                sent.command = Some((component, command));
                message
            }
            Ready::Alarm { component, code, external, step } => {
                let name = (code.clone(), component.clone());
                let external = match self.externals.get(&name) {
                    Some(known) if external.is_empty() => known.clone(),
                    Some(_) | None => external,
                };
                sent.alarm = Some((name.0, name.1, step));
                step.message(at, id, component, code, external)
            }
            Ready::AggregatedStatus => {
                Outgoing::AggregatedStatusRequest { id, about: About::component(main_component) }
            }
            Ready::Now(what) => {
                sent.now = true;
                Outgoing::StatusRequest { id, about: About::component(main_component), what }
            }
        };
        self.sent.push(sent);
        Some(message)
    }

    pub fn acknowledged(&mut self, id: &str) -> Option<Action> {
        let last = |sent: &Sent| sent.command.is_none() && !sent.now && sent.alarm.is_none();
        let index = self.sent.iter().position(|sent| sent.id == id && last(sent))?;
        Some(Action::Answered { number: self.sent.remove(index).number, answer: Answer::Done })
    }

    pub fn refused(&mut self, id: &str, reason: &str) -> Option<Action> {
        let index = self.sent.iter().position(|sent| sent.id == id)?;
        let reason = reason.chars().filter(|c| !c.is_control()).take(200).collect();
        Some(Action::Answered { number: self.sent.remove(index).number, answer: Answer::Refused(reason) })
    }

    pub fn answered(&mut self, answer: &CommandAnswer) -> Option<Action> {
        let outcome = |sent: &Sent| {
            let (component, command) = sent.command.as_ref()?;
            command.is_answered_by(component, answer).then(|| command.outcome(answer))
        };
        let (index, outcome) =
            self.sent.iter().enumerate().find_map(|(index, sent)| Some((index, outcome(sent)?)))?;
        let answer = match outcome {
            Outcome::Done => Answer::Done,
            Outcome::Otherwise(what) => Answer::Otherwise(what),
            Outcome::Unknown => Answer::Refused("the controller has no such component or command".to_owned()),
        };
        Some(Action::Answered { number: self.sent.remove(index).number, answer })
    }

    /// The site told an alarm: it may be what somebody waits for.
    pub fn alarm_told(&mut self, alarm: &Alarm) -> Vec<Action> {
        if let Some(external) = alarm.external.as_ref().filter(|text| !text.is_empty()) {
            let name = (alarm.code.clone(), alarm.component.clone());
            if self.externals.len() < ALARMS_MAX || self.externals.contains_key(&name) {
                self.externals.insert(name, external.clone());
            }
        }
        let answer = |sent: &Sent| {
            let (code, component, step) = sent.alarm.as_ref()?;
            let same = *code == alarm.code && *component == alarm.component;
            let answer = same.then(|| step.became(alarm)).flatten()?;
            Some(Action::Answered { number: sent.number, answer })
        };
        let mut actions = Vec::new();
        self.sent.retain(|sent| match answer(sent) {
            Some(answered) => {
                actions.push(answered);
                false
            }
            None => true,
        });
        actions
    }

    /// The site said mode and plan: everybody who waits for them hears them.
    pub fn told(&mut self, now: ControllerNow) -> Vec<Action> {
        let (waiting, rest): (Vec<Sent>, Vec<Sent>) =
            std::mem::take(&mut self.sent).into_iter().partition(|sent| sent.now);
        self.sent = rest;
        let answer = |sent: Sent| Action::Answered { number: sent.number, answer: Answer::Now(now) };
        waiting.into_iter().map(answer).collect()
    }

    /// When the first answer is overdue.
    pub fn answer_due(&self) -> Option<Duration> {
        self.sent.iter().map(|sent| sent.until).min()
    }

    /// Those that were not answered in time.
    pub fn give_up(&mut self, now: Duration) -> Vec<Action> {
        let (late, rest): (Vec<Sent>, Vec<Sent>) =
            std::mem::take(&mut self.sent).into_iter().partition(|sent| sent.until <= now);
        self.sent = rest;
        late.into_iter().map(|sent| Action::Answered { number: sent.number, answer: Answer::None }).collect()
    }
}
