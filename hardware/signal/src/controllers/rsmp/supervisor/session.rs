//! The supervisor as the shell drives it: bytes, orders and time in, actions out.

use std::time::Duration;

use super::{Supervisor, timestamp};
use crate::controllers::rsmp::outgoing::Outgoing;
use crate::controllers::rsmp::phase::Phase;
use crate::controllers::{Action, Answer, At, Order, Session};

impl Session for Supervisor {
    fn receive(&mut self, at: At, bytes: &[u8]) {
        let packets = match self.frames.push(bytes) {
            Ok(packets) => packets,
            Err(too_long) => return self.close(too_long.to_string()),
        };
        for packet in packets {
            if self.closed {
                return;
            }
            self.packet(at, &packet);
        }
    }

    fn poll_timeout(&self) -> Duration {
        let phase = match &self.phase {
            Phase::Introduction { until } | Phase::FirstWatchdog { until, .. } => *until,
            Phase::Established(established) => established
                .watchdog_next
                .min(established.watchdog_heard + self.settings.timing.watchdog_timeout),
        };
        let unacknowledged = self.unacknowledged.values().map(|one| one.until);
        let due = self.wish_due().into_iter().chain(self.orders.answer_due()).chain(self.order_due());
        let due = due.chain(self.code_due()).chain(self.clock_due());
        unacknowledged.chain(due).fold(phase, Duration::min)
    }

    fn handle_timeout(&mut self, at: At) {
        if self.closed {
            return;
        }
        if let Some((id, late)) = self.unacknowledged.iter().find(|(_, one)| one.until <= at.elapsed) {
            let which = self.orders.code_of(id).map(|code| format!(" ({code})")).unwrap_or_default();
            let text = format!("the site did not acknowledge our {}{which} in time", late.kind);
            return self.close(text);
        }
        let timing = self.settings.timing;
        let late = self.orders.give_up(at.elapsed);
        self.settle(at, late);
        match &mut self.phase {
            Phase::Introduction { until } if *until <= at.elapsed => {
                self.close("no RSMP Version came in time".to_owned());
            }
            Phase::FirstWatchdog { until, .. } if *until <= at.elapsed => {
                self.close("no Watchdog came after the Version".to_owned());
            }
            Phase::Introduction { .. } | Phase::FirstWatchdog { .. } => {}
            Phase::Established(established) => {
                if established.watchdog_heard + timing.watchdog_timeout <= at.elapsed {
                    return self.close("the site's Watchdog is missing".to_owned());
                }
                if established.watchdog_next <= at.elapsed {
                    established.watchdog_next = at.elapsed + timing.watchdog_interval;
                    let id = (self.settings.new_message_id)();
                    self.request(at, Outgoing::Watchdog { id, at: timestamp(at.utc) });
                }
                self.send_code(at);
                self.send_order(at);
                if self.wish_due().is_some_and(|due| due <= at.elapsed) {
                    self.send_wish(at);
                }
                self.send_clock(at);
            }
        }
    }

    fn order(&mut self, order: Order) {
        let site = match &self.phase {
            Phase::Established(established) => Some(&established.site),
            Phase::Introduction { .. } | Phase::FirstWatchdog { .. } => None,
        };
        self.actions.extend(self.orders.take(order, site));
    }

    /// The one place where what people will read leaves us: a site may repeat a code anywhere.
    fn poll(&mut self) -> Option<Action> {
        let action = self.actions.pop_front()?;
        let Some(site) = self.site() else { return Some(action) };
        let hide = |text: String| site.known.codes.hide(&text);
        Some(match action {
            Action::Up { remark } => Action::Up { remark: hide(remark) },
            Action::Answered { number, answer } => {
                let answer = match answer {
                    Answer::Refused(why) => Answer::Refused(hide(why)),
                    Answer::Otherwise(why) => Answer::Otherwise(hide(why)),
                    Answer::Done | Answer::Now(_) | Answer::None => answer,
                };
                Action::Answered { number, answer }
            }
            Action::Down { reason } => Action::Down { reason: hide(reason) },
            Action::Warn(text) => Action::Warn(hide(text)),
            Action::Close { reason } => Action::Close { reason: hide(reason) },
            Action::Identified { .. } | Action::Keep(_) | Action::Send(_) => action,
        })
    }
}
