//! What goes out between our requests: orders of others, new security codes, the time; and what becomes of each.

use std::time::Duration;

use models_domain::UtcMillis;

use super::Supervisor;
use crate::controllers::memory::ClockMemory;
use crate::controllers::rsmp::clock::{self, ClockWatch, Next};
use crate::controllers::rsmp::message::Status;
use crate::controllers::rsmp::order::Command;
use crate::controllers::rsmp::orders::{Settled, Whose};
use crate::controllers::rsmp::phase::{Phase, Site};
use crate::controllers::{Action, Answer, At};
use crate::security::SecurityLevel;

/// So often a new code is sent, over one link each, to a controller that says nothing to it.
const CODE_TRIES_MAX: u32 = 2;

impl Supervisor {
    /// An order goes as soon as nothing of ours is unacknowledged: somebody waits for it.
    pub(super) fn order_due(&self) -> Option<Duration> {
        (self.is_free() && self.orders.wait()).then_some(Duration::ZERO)
    }

    pub(super) fn send_order(&mut self, at: At) {
        let Phase::Established(established) = &self.phase else { return };
        if self.order_due().is_none() {
            return;
        }
        let main = established.site.known.main_component.clone();
        let id = (self.settings.new_message_id)();
        let until = at.elapsed + self.settings.timing.acknowledgement;
        if let Some(message) = self.orders.next(at.utc, id, main, until) {
            self.request(at, message);
        }
    }

    /// Established, with nothing of ours unacknowledged, and no new code without its answer: until then it is not known which
    /// code a command needs, and answers to two new ones are easily confused.
    fn is_free(&self) -> bool {
        matches!(self.phase, Phase::Established(_))
            && self.unacknowledged.is_empty()
            && !self.orders.waits_for_code()
    }

    /// Before any order, which goes with the new code already.
    pub(super) fn code_due(&self) -> Option<Duration> {
        self.code_to_send().filter(|_| self.is_free()).map(|_| Duration::ZERO)
    }

    /// A level whose code is to be changed, and of which the controller has not heard.
    fn code_to_send(&self) -> Option<SecurityLevel> {
        let Phase::Established(established) = &self.phase else { return None };
        let known = &established.site.known;
        SecurityLevel::ALL.into_iter().find(|level| {
            known.codes.of(*level).is_some_and(|code| code.before.is_some())
                && !known.memory.is_code_settled(*level)
                && !established.own.codes_sent.contains(level)
        })
    }

    pub(super) fn send_code(&mut self, at: At) {
        let Some(level) = self.code_to_send().filter(|_| self.is_free()) else { return };
        let Phase::Established(established) = &mut self.phase else { return };
        established.own.codes_sent.push(level);
        let site = &established.site;
        let Some(code) = site.known.codes.of(level) else { return };
        let before = code.before.as_deref().unwrap_or_default();
        let main = site.known.main_component.clone();
        match Command::new_code(level, site.sxl, before, &code.now) {
            Ok(command) => {
                if site.known.memory.try_code(level) >= CODE_TRIES_MAX {
                    site.known.memory.settle_code(level);
                    return self.warn(format!(
                        "over {CODE_TRIES_MAX} links the controller has said nothing of a new security code {level} (M0103): it is \
                         not asked again before this program is started anew, and is commanded with the new code; which one does it have?"
                    ));
                }
                let id = (self.settings.new_message_id)();
                let until = at.elapsed + self.settings.timing.acknowledgement;
                let message = self.orders.send_own(Whose::Code(level), command, id, main, until);
                self.request(at, message);
            }
            Err(problems) => {
                self.warn(format!("security code {level} cannot be changed: {}", problems.join("; ")));
            }
        }
    }

    /// `None`: the site's clock is left alone.
    pub(super) fn clock_watch(&mut self, site: &Site) -> Option<ClockWatch> {
        let max = site.known.clock_off_max?;
        match ClockWatch::new(site, max) {
            Ok(watch) => Some(watch),
            Err(why) => {
                self.warn(format!("the controller's clock cannot be set: {why}"));
                None
            }
        }
    }

    /// After everything else that we want of the site.
    pub(super) fn clock_due(&self) -> Option<Duration> {
        let Phase::Established(established) = &self.phase else { return None };
        let (due, _) = established.own.clock.as_ref()?.due()?;
        (self.is_free() && established.asked && self.wishes.is_empty()).then_some(due)
    }

    pub(super) fn send_clock(&mut self, at: At) {
        self.with_watch(|watch, memory| {
            watch.mind_own_clock(at, memory);
            None
        });
        if self.clock_due().is_none_or(|due| at.elapsed < due) {
            return;
        }
        let Phase::Established(established) = &mut self.phase else { return };
        let (site, Some(watch)) = (&established.site, &mut established.own.clock) else { return };
        let Some((_, next)) = watch.due() else { return };
        let id = (self.settings.new_message_id)();
        let main = site.known.main_component.clone();
        let until = at.elapsed + self.settings.timing.acknowledgement;
        let message = match next {
            Next::Look => {
                watch.looking(at);
                self.orders.send_look(id, main, until)
            }
            Next::Set(_) if at.may_set_clocks().is_err() => return watch.unclear(at),
            Next::Set(off) => match clock::command(site, at.utc) {
                Ok(command) => {
                    site.known.memory.with_clock(|memory| watch.setting(at, off, memory));
                    self.orders.send_own(Whose::Clock, command, id, main, until)
                }
                Err(why) => {
                    watch.unclear(at);
                    return self.warn(format!("the controller's clock cannot be set: {why}"));
                }
            },
        };
        self.request(at, message);
    }

    pub(super) fn clock_told(&mut self, at: At, status: &Status) {
        if !clock::answers(status) || !self.orders.looked() {
            return;
        }
        self.clock_looked(at, clock::told(status));
    }

    fn clock_looked(&mut self, at: At, told: Option<UtcMillis>) {
        self.with_watch(|watch, memory| watch.looked(at, told, memory));
    }

    fn with_watch(&mut self, learn: impl FnOnce(&mut ClockWatch, &mut ClockMemory) -> Option<String>) {
        let Phase::Established(established) = &mut self.phase else { return };
        let Some(watch) = &mut established.own.clock else { return };
        let told = established.site.known.memory.with_clock(|memory| learn(watch, memory));
        if let Some(text) = told {
            self.warn(text);
        }
    }

    /// Answers go to whoever waits for them.
    pub(super) fn settle(&mut self, at: At, all: impl IntoIterator<Item = Settled>) {
        for Settled { whose, answer } in all {
            match whose {
                Whose::Order(number) => self.actions.push_back(Action::Answered { number, answer }),
                Whose::Code(level) => self.code_answered(level, answer),
                Whose::Clock => self.with_watch(|watch, memory| watch.set(at, &answer, memory)),
                Whose::Look => match answer {
                    Answer::Refused(_) => self.clock_looked(at, None),
                    Answer::Done | Answer::Now(_) | Answer::Otherwise(_) | Answer::None => {
                        self.with_watch(|watch, _| {
                            watch.unclear(at);
                            None
                        });
                    }
                },
            }
        }
    }

    fn code_answered(&mut self, level: SecurityLevel, answer: Answer) {
        let before = level.key_before();
        let text = match answer {
            Answer::Done => {
                format!(
                    "the controller has a new security code {level}; take {before} out of the configuration"
                )
            }
            Answer::Refused(why) => format!(
                "the controller refuses a new security code {level}: {why}; does it have the new one already, \
                 or is {before} of the site wrong?"
            ),
            Answer::Otherwise(why) => {
                format!("it is not clear whether the controller took a new security code {level}: {why}")
            }
            // It is asked again when it dials again.
            Answer::None | Answer::Now(_) => {
                return self.warn(format!(
                    "the controller has not said whether it took a new security code {level}"
                ));
            }
        };
        if let Phase::Established(established) = &self.phase {
            established.site.known.memory.settle_code(level);
        }
        self.warn(text);
    }
}
