//! The supervisor as the shell drives it: bytes, orders and time in, actions out.

use std::time::Duration;

use super::{Supervisor, timestamp};
use crate::controllers::rsmp::outgoing::Outgoing;
use crate::controllers::rsmp::phase::Phase;
use crate::controllers::{Action, At, Order, Session};

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
        unacknowledged.chain(due).fold(phase, Duration::min)
    }

    fn handle_timeout(&mut self, at: At) {
        if self.closed {
            return;
        }
        if let Some(late) = self.unacknowledged.values().find(|one| one.until <= at.elapsed) {
            let text = format!("the site did not acknowledge our {} in time", late.kind);
            return self.close(text);
        }
        let timing = self.settings.timing;
        self.actions.extend(self.orders.give_up(at.elapsed));
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
                self.send_order(at);
                if self.wish_due().is_some_and(|due| due <= at.elapsed) {
                    self.send_wish(at);
                }
            }
        }
    }

    fn order(&mut self, order: Order) {
        let version = match &self.phase {
            Phase::Established(established) => Some(established.site.sxl),
            Phase::Introduction { .. } | Phase::FirstWatchdog { .. } => None,
        };
        self.actions.extend(self.orders.take(order, version));
    }

    fn poll(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }
}
