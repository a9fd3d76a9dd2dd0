//! What devices are asked to do: kept until they are there to hear it, sent again until they answer, forgotten when too old.

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use models_domain::UtcMillis;
use tokio::sync::watch;

use crate::protocols::{Answer, Order};

/// Orders of one device that wait or are not answered; a new one is refused when there are so many.
pub const PER_DEVICE: usize = 16;
/// Orders that are over and can still be read, of all devices; the oldest is forgotten first.
pub const REMEMBERED: usize = 1024;
/// So often an order is sent, at different connections, before it is given up.
const ATTEMPTS: u8 = 3;

/// One order and how far it got.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Unique among the orders that are not over; devices repeat it where their protocol can.
    pub tag: u16,
    pub device: String,
    pub order: Order,
    /// From then on it is not sent any more.
    pub expires: UtcMillis,
    pub state: State,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    Waiting,
    Sent {
        at: UtcMillis,
        times: u8,
    },
    Answered {
        at: UtcMillis,
        text: String,
    },
    /// Not sent, or not answered, before it was too old.
    Expired,
    /// The protocol has no such order, or the device never answered.
    Failed {
        why: String,
    },
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("device {device} has {PER_DEVICE} orders that it has not answered; wait until one expires")]
pub struct TooMany {
    pub device: String,
}

/// Shared by all connections.
#[derive(Debug)]
pub struct Orders {
    inner: Mutex<Inner>,
    /// Orders that are not over: connections ask for the lock only when there are any.
    open: AtomicUsize,
    changed: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct Inner {
    open_by_device: HashMap<String, Vec<Entry>>,
    over: std::collections::VecDeque<Entry>,
    last_tag: u16,
}

impl Default for Orders {
    fn default() -> Self {
        Self { inner: Mutex::default(), open: AtomicUsize::new(0), changed: watch::Sender::new(0) }
    }
}

impl Orders {
    /// Keeps an order until the device hears it. Gives the tag under which its answer is found.
    ///
    /// # Errors
    /// [`TooMany`] when the device has not answered what it was asked before.
    pub fn submit(&self, device: &str, order: Order, expires: UtcMillis) -> Result<u16, TooMany> {
        let tag = self.with(|inner| {
            let open = inner.open_by_device.entry(device.to_owned()).or_default();
            if open.len() >= PER_DEVICE {
                return Err(TooMany { device: device.to_owned() });
            }
            // Zero means nothing to some devices.
            inner.last_tag = inner.last_tag.checked_add(1).unwrap_or(1);
            let tag = inner.last_tag;
            let device = device.to_owned();
            open.push(Entry { tag, device, order, expires, state: State::Waiting });
            Ok(tag)
        })?;
        self.changed.send_modify(|count| *count += 1);
        Ok(tag)
    }

    /// Of one device: those that are over first, each in the order in which it came.
    pub fn of(&self, device: &str) -> Vec<Entry> {
        self.with(|inner| {
            let over = inner.over.iter().filter(|entry| entry.device == device);
            over.chain(inner.open_by_device.get(device).into_iter().flatten()).cloned().collect()
        })
    }

    /// Tells connections that a new order has come.
    pub(super) fn watch(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    /// What the device is to be sent now, in order. `connection_began` is when this connection did: what was sent before it is
    /// sent again.
    pub(super) fn due(&self, device: &str, connection_began: UtcMillis, now: UtcMillis) -> Vec<(u16, Order)> {
        if self.open.load(Ordering::Relaxed) == 0 {
            return Vec::new();
        }
        self.with(|inner| {
            let mut due = Vec::new();
            for entry in inner.open_by_device.get_mut(device).into_iter().flatten() {
                let times = match entry.state {
                    State::Waiting => 0,
                    State::Sent { at, times } if at < connection_began => times,
                    State::Sent { .. } | State::Answered { .. } | State::Expired | State::Failed { .. } => {
                        continue;
                    }
                };
                if entry.expires <= now {
                    entry.state = State::Expired;
                } else if times == ATTEMPTS {
                    entry.state = State::Failed { why: format!("sent {times} times and never answered") };
                } else {
                    entry.state = State::Sent { at: now, times: times + 1 };
                    due.push((entry.tag, entry.order.clone()));
                }
            }
            inner.settle(device);
            due
        })
    }

    pub(super) fn answered(&self, device: &str, answer: &Answer, now: UtcMillis) {
        if self.open.load(Ordering::Relaxed) == 0 {
            return;
        }
        self.with(|inner| {
            let entries = inner.open_by_device.get_mut(device);
            let mut sent = entries.into_iter().flatten().filter(|e| matches!(e.state, State::Sent { .. }));
            let asked = match answer.tag {
                Some(tag) => sent.find(|entry| entry.tag == tag),
                None => sent.next(),
            };
            if let Some(entry) = asked {
                entry.state = State::Answered { at: now, text: answer.text.clone() };
            }
            inner.settle(device);
        });
    }

    pub(super) fn failed(&self, device: &str, tag: u16, why: &str) {
        self.with(|inner| {
            for entry in inner.open_by_device.get_mut(device).into_iter().flatten() {
                if entry.tag == tag {
                    entry.state = State::Failed { why: why.to_owned() };
                }
            }
            inner.settle(device);
        });
    }

    /// Ends what is too old, of all devices: many never come back.
    pub fn expire(&self, now: UtcMillis) {
        self.with(|inner| {
            let devices: Vec<String> = inner.open_by_device.keys().cloned().collect();
            for device in devices {
                for entry in inner.open_by_device.get_mut(&device).into_iter().flatten() {
                    if entry.expires <= now && matches!(entry.state, State::Waiting | State::Sent { .. }) {
                        entry.state = State::Expired;
                    }
                }
                inner.settle(&device);
            }
        });
    }

    fn with<R>(&self, work: impl FnOnce(&mut Inner) -> R) -> R {
        // A panic elsewhere leaves whole entries: they are taken as they are.
        let mut inner = self.inner.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let done = work(&mut inner);
        self.open.store(inner.open_by_device.values().map(Vec::len).sum(), Ordering::Relaxed);
        done
    }
}

impl Inner {
    /// Moves what is over out of the way.
    fn settle(&mut self, device: &str) {
        let Some(open) = self.open_by_device.get_mut(device) else { return };
        let is_open = |entry: &Entry| matches!(entry.state, State::Waiting | State::Sent { .. });
        let over = open.extract_if(.., |entry| !is_open(entry));
        self.over.extend(over);
        if open.is_empty() {
            self.open_by_device.remove(device);
        }
        let too_many = self.over.len().saturating_sub(REMEMBERED);
        self.over.drain(..too_many);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: UtcMillis = UtcMillis(3_600_000);
    const BEGAN: UtcMillis = UtcMillis(1_000);

    fn text(text: &str) -> Order {
        Order::Text(text.to_owned())
    }

    fn states(orders: &Orders) -> Vec<State> {
        orders.of("a").into_iter().map(|entry| entry.state).collect()
    }

    #[test]
    fn waits_is_sent_once_a_connection_and_is_answered() {
        let orders = Orders::default();
        let first = orders.submit("a", text("one"), HOUR).unwrap();
        let second = orders.submit("a", text("two"), HOUR).unwrap();
        assert!(orders.due("b", BEGAN, BEGAN).is_empty());
        assert_eq!(orders.due("a", BEGAN, UtcMillis(2_000)), [(first, text("one")), (second, text("two"))]);
        assert!(orders.due("a", BEGAN, UtcMillis(3_000)).is_empty());
        // It comes again: what it has not answered is sent again.
        orders.answered("a", &Answer { tag: Some(second), text: "ok".to_owned() }, UtcMillis(4_000));
        assert_eq!(orders.due("a", UtcMillis(5_000), UtcMillis(6_000)), [(first, text("one"))]);
        // Without a tag, the oldest that was sent.
        orders.answered("a", &Answer { tag: None, text: "done".to_owned() }, UtcMillis(7_000));
        let answered = |at, text: &str| State::Answered { at: UtcMillis(at), text: text.to_owned() };
        assert_eq!(states(&orders), [answered(4_000, "ok"), answered(7_000, "done")]);
    }

    #[test]
    fn too_old_too_often_too_many() {
        let orders = Orders::default();
        orders.submit("a", text("old"), UtcMillis(1_500)).unwrap();
        assert!(orders.due("a", BEGAN, UtcMillis(1_500)).is_empty());
        orders.submit("a", text("deaf"), HOUR).unwrap();
        for connection in 2..6 {
            orders.due("a", UtcMillis(connection * 10_000), UtcMillis(connection * 10_000 + 1));
        }
        assert!(
            matches!(&states(&orders)[..], [State::Expired, State::Failed { .. }]),
            "{:?}",
            states(&orders)
        );
        for _ in 0..PER_DEVICE {
            orders.submit("a", text("many"), HOUR).unwrap();
        }
        assert!(orders.submit("a", text("many"), HOUR).is_err());
        orders.expire(HOUR);
        assert!(orders.submit("a", text("many"), HOUR).is_ok());
    }

    #[test]
    fn what_is_over_is_bounded() {
        let orders = Orders::default();
        for n in 0..REMEMBERED as u64 + 10 {
            orders.submit(&format!("d{n}"), text("x"), UtcMillis(1)).unwrap();
        }
        orders.expire(HOUR);
        assert_eq!(orders.with(|inner| inner.over.len()), REMEMBERED);
    }
}
