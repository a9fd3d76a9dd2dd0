//! What devices are asked to do: kept until they are there to hear it, sent again until they answer, forgotten when too old.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

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

/// Shared by all connections. What they are told of is in memory; the shelf is written to apart from it, so that a slow disk
/// holds up those who are asked something, and nobody else.
pub struct Orders {
    /// Never held while a disk works.
    inner: Mutex<Inner>,
    /// `None` keeps them in memory only.
    shelf: Option<Arc<dyn OrderShelf>>,
    /// Held while the shelf is written to: what is written last is the newest.
    turn: Mutex<()>,
    /// One connection at a time has a thread that writes.
    gate: Arc<tokio::sync::Mutex<()>>,
    /// Orders that are not over: connections ask for the lock only when there are any.
    open: AtomicUsize,
    changed: watch::Sender<u64>,
}

#[derive(Default)]
struct Inner {
    open_by_vehicle: HashMap<VehicleId, Vec<Entry>>,
    over: VecDeque<Given>,
    /// Orders that got further than the shelf says. At most those that are open or remembered.
    unwritten: BTreeMap<u64, VehicleId>,
    /// Not remembered any more, and still on the shelf.
    forgotten: Vec<u64>,
}

struct Entry {
    /// Unique among the orders of one device that are not over; devices repeat it where their protocol can.
    tag: u16,
    given: Given,
}

/// An order whose time has come, and is taken for sent.
pub(super) struct Due {
    pub tag: u16,
    pub order: Order,
    id: u64,
    vehicle: VehicleId,
    before: Progress,
}

impl Default for Orders {
    fn default() -> Self {
        Self {
            inner: Mutex::default(),
            shelf: None,
            turn: Mutex::default(),
            gate: Arc::default(),
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

    /// What the device is to be sent, in order, once it is [`Orders::written`], and whether there is anything to write. What was
    /// sent before `sent_before` is sent again: that is when this connection began, or where there is none, when an answer
    /// should long have come.
    pub(super) fn due(&self, device: &str, sent_before: UtcMillis, now: UtcMillis) -> (Vec<Due>, bool) {
        let Some(vehicle) = self.asked(device) else { return (Vec::new(), false) };
        self.with(|inner| {
            let mut due = Vec::new();
            let changed = inner.progress(&vehicle, |Entry { tag, given }| {
                let times = match given.progress {
                    Progress::Waiting => 0,
                    Progress::Sent { at, times } if at < sent_before => times,
                    Progress::Sent { .. }
                    | Progress::Answered { .. }
                    | Progress::Expired
                    | Progress::Failed { .. } => return None,
                };
                Some(if given.expires <= now {
                    Progress::Expired
                } else if times == ATTEMPTS {
                    Progress::Failed { why: format!("sent {times} times and never answered") }
                } else {
                    let (id, vehicle) = (given.id, given.vehicle.clone());
                    let (tag, order, before) = (*tag, given.order.clone(), given.progress.clone());
                    due.push(Due { tag, order, id, vehicle, before });
                    Progress::Sent { at: now, times: times + 1 }
                })
            });
            (due, changed)
        })
    }

    /// Brings to the disk how far all orders got, then gives what may be sent of `due`, each with its bytes: a killed process
    /// must know at its next start what a device may have heard. What the disk refuses waits on.
    pub(super) async fn written(self: Arc<Self>, due: Vec<(Due, Vec<u8>)>) -> Vec<u8> {
        let refused = self.write_apart().await;
        let mut bytes = Vec::new();
        for (due, encoded) in due {
            match &refused {
                Some(refused) if !refused.contains(&due.id) => bytes.extend(encoded),
                Some(_) | None => self.not_sent(due),
            }
        }
        bytes
    }

    /// Whether it answers an order.
    pub(super) fn answered(&self, device: &str, answer: &Answer, now: UtcMillis) -> bool {
        let Some(vehicle) = self.asked(device) else { return false };
        let mut found = false;
        self.with(|inner| {
            inner.progress(&vehicle, |Entry { tag, given }| {
                let asked = matches!(given.progress, Progress::Sent { .. });
                if found || !asked || answer.tag.is_some_and(|answered| answered != *tag) {
                    return None;
                }
                found = true;
                Some(Progress::Answered { at: now, text: answer.text.clone() })
            })
        })
    }

    /// It cannot be written in words of the device's protocol.
    pub(super) fn failed(&self, due: &Due, why: &str) {
        self.set(due, Progress::Failed { why: why.to_owned() });
    }

    fn not_sent(&self, due: Due) {
        self.set(&due, due.before.clone());
    }

    fn set(&self, due: &Due, progress: Progress) {
        self.with(|inner| {
            inner.progress(&due.vehicle, |entry| {
                let sent = matches!(entry.given.progress, Progress::Sent { .. });
                (entry.given.id == due.id && sent).then(|| progress.clone())
            });
        });
    }

    /// The vehicle of a device, if anybody is asked anything.
    fn asked(&self, device: &str) -> Option<VehicleId> {
        (self.open.load(Ordering::Relaxed) > 0).then(|| VehicleId::from_device(device).ok()).flatten()
    }

    /// As [`Orders::write`], in a thread that may wait for the disk. `None` when the program ends meanwhile.
    async fn write_apart(self: &Arc<Self>) -> Option<BTreeSet<u64>> {
        if self.shelf.is_none() {
            return Some(self.write());
        }
        let gate = self.gate.clone().lock_owned().await;
        let orders = self.clone();
        let writing = move || {
            let _gate = gate;
            orders.write()
        };
        tokio::task::spawn_blocking(writing).await.ok()
    }

    /// Brings to the shelf what got further. Gives what it refused: that is tried again at the next writing.
    fn write(&self) -> BTreeSet<u64> {
        let _turn = locked(&self.turn);
        let (unwritten, forgotten) = self.with(|inner| {
            let ids = std::mem::take(&mut inner.unwritten);
            let unwritten = ids.iter().filter_map(|(id, vehicle)| inner.of(vehicle, *id).cloned());
            (unwritten.collect::<Vec<_>>(), std::mem::take(&mut inner.forgotten))
        });
        let mut refused = BTreeSet::new();
        let Some(shelf) = &self.shelf else { return refused };
        for given in unwritten {
            if let Err(err) = shelf.keep(&given) {
                tracing::error!("{err}");
                refused.insert(given.id);
                self.with(|inner| inner.unwritten.insert(given.id, given.vehicle));
            }
        }
        forgotten.into_iter().for_each(|id| shelf.forget(id));
        refused
    }

    fn with<R>(&self, work: impl FnOnce(&mut Inner) -> R) -> R {
        let mut inner = locked(&self.inner);
        let done = work(&mut inner);
        self.open.store(inner.open_by_vehicle.values().map(Vec::len).sum(), Ordering::Relaxed);
        done
    }
}

/// A panic elsewhere leaves whole entries: they are taken as they are.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl OrderDesk for Orders {
    fn give(&self, given: Given) -> Result<(), NotKept> {
        let turn = locked(&self.turn);
        if self.with(|inner| inner.knows_or_has_room(&given))? {
            return Ok(());
        }
        if let Some(shelf) = &self.shelf {
            shelf.keep(&given)?;
        }
        self.with(|inner| inner.take(given));
        drop(turn);
        self.changed.send_modify(|count| *count += 1);
        Ok(())
    }

    fn withdraw(&self, given: Given) -> Result<(), NotKept> {
        let known = self.with(|inner| {
            let this = |entry: &Entry| (entry.given.id == given.id).then(|| given.progress.clone());
            inner.progress(&given.vehicle, this);
            inner.of(&given.vehicle, given.id).is_some()
        });
        if known {
            let refused = self.write().contains(&given.id);
            return if refused { Err(NotKept("the shelf refused it".to_owned())) } else { Ok(()) };
        }
        let _turn = locked(&self.turn);
        if let Some(shelf) = &self.shelf {
            shelf.keep(&given)?;
        }
        self.with(|inner| inner.take(given));
        Ok(())
    }

    fn look(&self, id: u64) -> Option<Given> {
        self.with(|inner| inner.find(id).cloned())
    }

    fn expire(&self, now: UtcMillis) {
        if self.open.load(Ordering::Relaxed) == 0 {
            return;
        }
        let changed = self.with(|inner| {
            let vehicles: Vec<VehicleId> = inner.open_by_vehicle.keys().cloned().collect();
            let too_old = |entry: &Entry| (entry.given.expires <= now).then_some(Progress::Expired);
            let changed = vehicles.iter().filter(|vehicle| inner.progress(vehicle, too_old));
            changed.count() > 0
        });
        if changed {
            self.write();
        }
    }
}

impl Inner {
    fn take(&mut self, given: Given) {
        if given.progress.is_over() {
            self.over.push_back(given);
            return self.forget();
        }
        let entries = self.open_by_vehicle.entry(given.vehicle.clone()).or_default();
        let tag = free_tag(entries, given.id);
        entries.push(Entry { tag, given });
    }

    /// Lets each order of a vehicle get further where `step` says so, and moves what is over out of the way. Whether any did.
    fn progress(&mut self, vehicle: &VehicleId, mut step: impl FnMut(&Entry) -> Option<Progress>) -> bool {
        let Some(open) = self.open_by_vehicle.get_mut(vehicle) else { return false };
        let mut changed = false;
        for entry in open.iter_mut() {
            if let Some(progress) = step(entry) {
                changed = true;
                entry.given.progress = progress;
                self.unwritten.insert(entry.given.id, vehicle.clone());
            }
        }
        let over = open.extract_if(.., |entry| entry.given.progress.is_over());
        self.over.extend(over.map(|entry| entry.given));
        if open.is_empty() {
            self.open_by_vehicle.remove(vehicle);
        }
        self.forget();
        changed
    }

    /// What was over first, where there is too much of it.
    fn forget(&mut self) {
        let too_many = self.over.len().saturating_sub(REMEMBERED);
        self.forgotten.extend(self.over.drain(..too_many).map(|given| given.id));
    }

    /// Whether it was taken before.
    fn knows_or_has_room(&self, given: &Given) -> Result<bool, NotKept> {
        if self.find(given.id).is_some() {
            return Ok(true);
        }
        let of_vehicle = self.open_by_vehicle.get(&given.vehicle).map_or(0, Vec::len);
        let of_all: usize = self.open_by_vehicle.values().map(Vec::len).sum();
        if of_vehicle >= PER_DEVICE || of_all >= OPEN {
            return Err(NotKept(format!(
                "{} has {of_vehicle} orders that it has not answered (all devices together {of_all}); wait until one expires",
                given.vehicle
            )));
        }
        Ok(false)
    }

    fn find(&self, id: u64) -> Option<&Given> {
        let open = self.open_by_vehicle.values().flatten().map(|entry| &entry.given);
        open.chain(&self.over).find(|given| given.id == id)
    }

    /// As [`Inner::find`], of one vehicle.
    fn of(&self, vehicle: &VehicleId, id: u64) -> Option<&Given> {
        let open = self.open_by_vehicle.get(vehicle).into_iter().flatten().map(|entry| &entry.given);
        open.chain(&self.over).find(|given| given.id == id)
    }
}

/// Made of the id: a device may answer after this program was started anew. Zero means nothing to some devices.
fn free_tag(entries: &[Entry], id: u64) -> u16 {
    let mut tag = u16::try_from(id % u64::from(u16::MAX)).unwrap_or(0);
    loop {
        tag = tag.checked_add(1).unwrap_or(1);
        if entries.iter().all(|entry| entry.tag != tag) {
            return tag;
        }
    }
}

#[cfg(test)]
#[path = "orders_tests.rs"]
mod tests;
