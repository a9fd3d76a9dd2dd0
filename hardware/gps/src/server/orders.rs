//! What devices are asked to do: kept until they are there to hear it, sent again until they answer, forgotten when too old.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use hardware_ports::orders::{OrderDesk, OrderShelf};
use hardware_ports::sink::NotKept;
use models_domain::order::{Given, Progress};
use models_domain::{UtcMillis, VehicleId};
use tokio::sync::watch;

use crate::protocols::{Answer, Order};

/// Orders of one device that wait or are not answered; a new one is refused when there are so many.
pub const PER_DEVICE: usize = 16;
/// The same, of all devices.
pub const OPEN: usize = 16_384;
/// Orders that are over and can still be read, of all devices; the oldest is forgotten first.
pub const REMEMBERED: usize = 1024;
/// So often an order is sent, at different connections or after silence, before it is given up.
const ATTEMPTS: u8 = 3;

/// Shared by all connections.
pub struct Orders {
    inner: Mutex<Inner>,
    /// `None` keeps them in memory only.
    shelf: Option<Arc<dyn OrderShelf>>,
    /// Orders that are not over: connections ask for the lock only when there are any.
    open: AtomicUsize,
    changed: watch::Sender<u64>,
}

#[derive(Default)]
struct Inner {
    open_by_vehicle: HashMap<VehicleId, Vec<Entry>>,
    over: VecDeque<Given>,
    last_tag: u16,
}

struct Entry {
    /// Unique among the orders that are not over; devices repeat it where their protocol can.
    tag: u16,
    given: Given,
}

impl Default for Orders {
    fn default() -> Self {
        Self {
            inner: Mutex::default(),
            shelf: None,
            open: AtomicUsize::new(0),
            changed: watch::Sender::new(0),
        }
    }
}

impl Orders {
    /// Keeps every order on `shelf`, and goes on with those that `left` there.
    pub fn on(shelf: Arc<dyn OrderShelf>, left: Vec<Given>) -> Self {
        let orders = Self { shelf: Some(shelf), ..Self::default() };
        orders.with(|inner| left.into_iter().for_each(|given| inner.take(given)));
        orders
    }

    /// Tells connections that a new order has come.
    pub(super) fn watch(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    /// What the device is to be sent now, in order. What was sent before `sent_before` is sent again: that is when this connection
    /// began, or where there is none, when an answer should long have come.
    pub(super) fn due(&self, device: &str, sent_before: UtcMillis, now: UtcMillis) -> Vec<(u16, Order)> {
        let Some(vehicle) = self.asked(device) else { return Vec::new() };
        self.with(|inner| {
            let mut due = Vec::new();
            for entry in inner.open_by_vehicle.get_mut(&vehicle).into_iter().flatten() {
                let times = match entry.given.progress {
                    Progress::Waiting => 0,
                    Progress::Sent { at, times } if at < sent_before => times,
                    Progress::Sent { .. }
                    | Progress::Answered { .. }
                    | Progress::Expired
                    | Progress::Failed { .. } => continue,
                };
                entry.given.progress = if entry.given.expires <= now {
                    Progress::Expired
                } else if times == ATTEMPTS {
                    Progress::Failed { why: format!("sent {times} times and never answered") }
                } else {
                    due.push((entry.tag, entry.given.order.clone()));
                    Progress::Sent { at: now, times: times + 1 }
                };
                self.note(&entry.given);
            }
            self.settle(inner, &vehicle);
            due
        })
    }

    pub(super) fn answered(&self, device: &str, answer: &Answer, now: UtcMillis) {
        let Some(vehicle) = self.asked(device) else { return };
        self.with(|inner| {
            let entries = inner.open_by_vehicle.get_mut(&vehicle).into_iter().flatten();
            let mut sent = entries.filter(|e| matches!(e.given.progress, Progress::Sent { .. }));
            let asked = match answer.tag {
                Some(tag) => sent.find(|entry| entry.tag == tag),
                None => sent.next(),
            };
            if let Some(entry) = asked {
                entry.given.progress = Progress::Answered { at: now, text: answer.text.clone() };
                self.note(&entry.given);
            }
            self.settle(inner, &vehicle);
        });
    }

    pub(super) fn failed(&self, device: &str, tag: u16, why: &str) {
        let Some(vehicle) = self.asked(device) else { return };
        self.with(|inner| {
            for entry in inner.open_by_vehicle.get_mut(&vehicle).into_iter().flatten() {
                if entry.tag == tag {
                    entry.given.progress = Progress::Failed { why: why.to_owned() };
                    self.note(&entry.given);
                }
            }
            self.settle(inner, &vehicle);
        });
    }

    /// The vehicle of a device, if anybody is asked anything.
    fn asked(&self, device: &str) -> Option<VehicleId> {
        (self.open.load(Ordering::Relaxed) > 0).then(|| VehicleId::from_device(device).ok()).flatten()
    }

    /// An order that cannot be written again is still brought to its device; after a kill it is sent once more.
    fn note(&self, given: &Given) {
        if let Some(Err(err)) = self.shelf.as_ref().map(|shelf| shelf.keep(given)) {
            tracing::error!("{err}");
        }
    }

    /// Moves what is over out of the way.
    fn settle(&self, inner: &mut Inner, vehicle: &VehicleId) {
        let Some(open) = inner.open_by_vehicle.get_mut(vehicle) else { return };
        inner
            .over
            .extend(open.extract_if(.., |entry| entry.given.progress.is_over()).map(|entry| entry.given));
        if open.is_empty() {
            inner.open_by_vehicle.remove(vehicle);
        }
        let too_many = inner.over.len().saturating_sub(REMEMBERED);
        for forgotten in inner.over.drain(..too_many) {
            if let Some(shelf) = &self.shelf {
                shelf.forget(forgotten.id);
            }
        }
    }

    fn with<R>(&self, work: impl FnOnce(&mut Inner) -> R) -> R {
        // A panic elsewhere leaves whole entries: they are taken as they are.
        let mut inner = self.inner.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let done = work(&mut inner);
        self.open.store(inner.open_by_vehicle.values().map(Vec::len).sum(), Ordering::Relaxed);
        done
    }
}

impl OrderDesk for Orders {
    fn give(&self, given: Given) -> Result<(), NotKept> {
        self.with(|inner| {
            if inner.find(given.id).is_some() {
                return Ok(());
            }
            let of_vehicle = inner.open_by_vehicle.get(&given.vehicle).map_or(0, Vec::len);
            let of_all: usize = inner.open_by_vehicle.values().map(Vec::len).sum();
            if of_vehicle >= PER_DEVICE || of_all >= OPEN {
                return Err(NotKept(format!(
                    "{} has {of_vehicle} orders that it has not answered (all devices together {of_all}); wait until one expires",
                    given.vehicle
                )));
            }
            if let Some(shelf) = &self.shelf {
                shelf.keep(&given)?;
            }
            inner.take(given);
            Ok(())
        })?;
        self.changed.send_modify(|count| *count += 1);
        Ok(())
    }

    fn look(&self, id: u64) -> Option<Given> {
        self.with(|inner| inner.find(id).cloned())
    }

    fn expire(&self, now: UtcMillis) {
        if self.open.load(Ordering::Relaxed) == 0 {
            return;
        }
        self.with(|inner| {
            let vehicles: Vec<VehicleId> = inner.open_by_vehicle.keys().cloned().collect();
            for vehicle in vehicles {
                for entry in inner.open_by_vehicle.get_mut(&vehicle).into_iter().flatten() {
                    if entry.given.expires <= now && !entry.given.progress.is_over() {
                        entry.given.progress = Progress::Expired;
                        self.note(&entry.given);
                    }
                }
                self.settle(inner, &vehicle);
            }
        });
    }
}

impl Inner {
    fn take(&mut self, given: Given) {
        if given.progress.is_over() {
            self.over.push_back(given);
            return;
        }
        // Zero means nothing to some devices.
        self.last_tag = self.last_tag.checked_add(1).unwrap_or(1);
        let entry = Entry { tag: self.last_tag, given };
        self.open_by_vehicle.entry(entry.given.vehicle.clone()).or_default().push(entry);
    }

    fn find(&self, id: u64) -> Option<&Given> {
        let open = self.open_by_vehicle.values().flatten().map(|entry| &entry.given);
        open.chain(&self.over).find(|given| given.id == id)
    }
}

#[cfg(test)]
#[path = "orders_tests.rs"]
mod tests;
