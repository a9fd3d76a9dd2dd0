//! Orders on their way: waiting, sent, and what became of them. Pure.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use models_domain::UtcMillis;
use models_domain::signal::order::ControllerNow;

use super::message::{Alarm, CommandAnswer};
use super::order::{Command, Outcome};
use super::outgoing::{About, Outgoing, StatusName};
use super::phase::Site;
use super::{clock, now};
use crate::controllers::Action;
use crate::order::{AlarmStep, Answer, Asked, Order, Value};
use crate::security::SecurityLevel;

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

/// Who waits for an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whose {
    /// Whoever gave the order of this number.
    Order(u64),
    /// Nobody but us: a new security code.
    Code(SecurityLevel),
    /// What the site's clock says.
    Look,
    /// The site's clock is set.
    Clock,
}

/// What became of something that was asked.
pub struct Settled {
    pub whose: Whose,
    pub answer: Answer,
}

struct Sent {
    whose: Whose,
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
    /// `site`: once the link is up.
    pub fn take(&mut self, order: Order, site: Option<&Site>) -> Option<Action> {
        let number = order.number;
        let refuse = |reason: String| Some(Action::Answered { number, answer: Answer::Refused(reason) });
        let Some(site) = site else { return refuse("the link to the controller is not up".to_owned()) };
        if self.waiting.len() >= WAITING_MAX {
            return refuse(format!("{WAITING_MAX} orders wait already"));
        }
        let ready = match order.what {
            Asked::Command { code, component, values } => {
                let values: Vec<(&str, Value)> =
                    values.iter().map(|(name, value)| (name.as_str(), value.clone())).collect();
                match Command::new(&code, site.sxl, &values, &site.known.codes) {
                    Ok(command) => Ready::Command { component, command },
                    Err(problems) => return refuse(problems.join("; ")),
                }
            }
            Asked::Alarm { step: AlarmStep::Request, .. } | Asked::AggregatedStatus
                if !site.core.has_requests() =>
            {
                return refuse(format!(
                    "RSMP {} has no request for this: the site tells it when it connects",
                    site.core
                ));
            }
            Asked::Alarm { component, code, .. } if self.handles(&code, &component) => {
                return refuse("another step for this alarm is under way".to_owned());
            }
            Asked::Alarm { component, code, external, step } => {
                Ready::Alarm { component, code, external, step }
            }
            Asked::AggregatedStatus => Ready::AggregatedStatus,
            Asked::Now => Ready::Now(now::names(site.sxl)),
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
        let whose = Whose::Order(number);
        let mut sent = Sent { whose, id: id.clone(), until, command: None, now: false, alarm: None };
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

    /// The message of a command of ours; it is to be answered until `until`.
    pub fn send_own(
        &mut self,
        whose: Whose,
        command: Command,
        id: String,
        component: String,
        until: Duration,
    ) -> Outgoing {
        let message = command.message(id.clone(), component.clone());
        let command = Some((component, command));
        self.sent.push(Sent { whose, id, until, command, now: false, alarm: None });
        message
    }

    /// The question for the site's clock; it is to be answered until `until`.
    pub fn send_look(&mut self, id: String, component: String, until: Duration) -> Outgoing {
        let whose = Whose::Look;
        self.sent.push(Sent { whose, id: id.clone(), until, command: None, now: false, alarm: None });
        Outgoing::StatusRequest { id, about: About::component(component), what: clock::names() }
    }

    /// Whether such a question was sent, which is answered now.
    pub fn looked(&mut self) -> bool {
        let sent = self.sent.len();
        self.sent.retain(|sent| sent.whose != Whose::Look);
        self.sent.len() < sent
    }

    pub fn acknowledged(&mut self, id: &str) -> Option<Settled> {
        let waits = |sent: &Sent| {
            sent.command.is_some() || sent.now || sent.alarm.is_some() || sent.whose == Whose::Look
        };
        let last = |sent: &Sent| !waits(sent);
        let index = self.sent.iter().position(|sent| sent.id == id && last(sent))?;
        Some(Settled { whose: self.sent.remove(index).whose, answer: Answer::Done })
    }

    /// Whether a new security code was sent that is not answered yet.
    pub fn waits_for_code(&self) -> bool {
        self.sent.iter().any(|sent| match sent.whose {
            Whose::Code(_) => true,
            Whose::Order(_) | Whose::Look | Whose::Clock => false,
        })
    }

    /// Code of the command that was sent as `id`.
    pub fn code_of(&self, id: &str) -> Option<&'static str> {
        let sent = self.sent.iter().find(|sent| sent.id == id)?;
        sent.command.as_ref().map(|(_, command)| command.code())
    }

    /// `reason`: without what is nobody's to read.
    pub fn refused(&mut self, id: &str, reason: &str) -> Option<Settled> {
        let index = self.sent.iter().position(|sent| sent.id == id)?;
        let sent = self.sent.remove(index);
        let reason = match &sent.command {
            Some((_, command)) => command.refusal(reason),
            None => reason.to_owned(),
        };
        Some(Settled { whose: sent.whose, answer: Answer::Refused(reason) })
    }

    pub fn answered(&mut self, answer: &CommandAnswer) -> Option<Settled> {
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
        Some(Settled { whose: self.sent.remove(index).whose, answer })
    }

    /// The site told an alarm: it may be what somebody waits for.
    pub fn alarm_told(&mut self, alarm: &Alarm) -> Vec<Settled> {
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
            Some(Settled { whose: sent.whose, answer })
        };
        let mut all = Vec::new();
        self.sent.retain(|sent| match answer(sent) {
            Some(settled) => {
                all.push(settled);
                false
            }
            None => true,
        });
        all
    }

    /// The site said mode and plan: everybody who waits for them hears them.
    pub fn told(&mut self, now: ControllerNow) -> Vec<Settled> {
        let (waiting, rest): (Vec<Sent>, Vec<Sent>) =
            std::mem::take(&mut self.sent).into_iter().partition(|sent| sent.now);
        self.sent = rest;
        let answer = |sent: Sent| Settled { whose: sent.whose, answer: Answer::Now(now) };
        waiting.into_iter().map(answer).collect()
    }

    /// When the first answer is overdue.
    pub fn answer_due(&self) -> Option<Duration> {
        self.sent.iter().map(|sent| sent.until).min()
    }

    /// Those that were not answered in time.
    pub fn give_up(&mut self, now: Duration) -> Vec<Settled> {
        let (late, rest): (Vec<Sent>, Vec<Sent>) =
            std::mem::take(&mut self.sent).into_iter().partition(|sent| sent.until <= now);
        self.sent = rest;
        late.into_iter().map(|sent| Settled { whose: sent.whose, answer: Answer::None }).collect()
    }
}
