//! Which connection speaks for which site. The newest wins; only the one that speaks may tell the link's state, so that
//! an old connection's end never hides a new one's beginning.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use hardware_ports::sink::{NotKept, SignalReport, Sink};
use models_domain::event::{Link, LinkState};
use models_domain::{JunctionId, UtcMillis};
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use crate::controllers::{Answer, Asked};

/// Number of a connection, unique within one run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ConnectionNumber(pub u64);

pub struct Links {
    slots_by_site: BTreeMap<String, Slot>,
}

struct Slot {
    junction: JunctionId,
    // Held while the sink keeps a state, so that states are kept in the order they are told.
    holder: tokio::sync::Mutex<Option<Holder>>,
}

struct Holder {
    connection: ConnectionNumber,
    replaced: CancellationToken,
    orders: mpsc::Sender<Asking>,
}

/// An order, and who waits for its answer.
pub struct Asking {
    pub what: Asked,
    pub reply: oneshot::Sender<Answer>,
}

impl Links {
    pub fn new(junctions_by_site: impl IntoIterator<Item = (String, JunctionId)>) -> Self {
        let slot = |junction| Slot { junction, holder: tokio::sync::Mutex::new(None) };
        Self {
            slots_by_site: junctions_by_site
                .into_iter()
                .map(|(site, junction)| (site, slot(junction)))
                .collect(),
        }
    }

    /// `connection` speaks for `site` from now on; the one before is told by its token. `false` when no such site.
    pub async fn take(
        &self,
        site: &str,
        connection: ConnectionNumber,
        replaced: CancellationToken,
        orders: mpsc::Sender<Asking>,
    ) -> bool {
        let Some(slot) = self.slots_by_site.get(site) else { return false };
        let before = slot.holder.lock().await.replace(Holder { connection, replaced, orders });
        if let Some(before) = before {
            before.replaced.cancel();
        }
        true
    }

    pub fn knows(&self, junction: &JunctionId) -> bool {
        self.slots_by_site.values().any(|slot| slot.junction == *junction)
    }

    /// Asks something of the controller of `junction`, and waits for what became of it.
    pub async fn ask(&self, junction: &JunctionId, what: Asked) -> Answer {
        let not_up = || Answer::Refused("the link to the controller is not up".to_owned());
        let Some(slot) = self.slots_by_site.values().find(|slot| slot.junction == *junction) else {
            return Answer::Refused(format!("junction {junction} has no controller here"));
        };
        let orders = slot.holder.lock().await.as_ref().map(|holder| holder.orders.clone());
        let Some(orders) = orders else { return not_up() };
        let (reply, answer) = oneshot::channel();
        match orders.try_send(Asking { what, reply }) {
            Ok(()) => answer.await.unwrap_or(Answer::None),
            Err(mpsc::error::TrySendError::Full(_)) => {
                Answer::Refused("too many orders wait already".to_owned())
            }
            Err(mpsc::error::TrySendError::Closed(_)) => not_up(),
        }
    }

    /// Keeps the link's state, if `connection` still speaks for the site; that it is down is the last thing it tells.
    ///
    /// # Errors
    /// [`NotKept`] when the sink refuses; it may be told again.
    pub async fn tell(
        &self,
        site: &str,
        connection: ConnectionNumber,
        at: UtcMillis,
        state: LinkState,
        sink: &dyn Sink<SignalReport>,
    ) -> Result<(), NotKept> {
        let Some(slot) = self.slots_by_site.get(site) else { return Ok(()) };
        let mut holder = slot.holder.lock().await;
        if holder.as_ref().is_none_or(|holder| holder.connection != connection) {
            return Ok(());
        }
        let down = state.link == Link::Down;
        sink.accept(SignalReport::Link { junction: slot.junction.clone(), at, state }).await?;
        if down {
            *holder = None;
        }
        Ok(())
    }
}

/// Connections that have not said yet who they are: few in all and few from one address, so that strangers cannot
/// crowd out the sites.
pub struct WaitingRoom {
    by_peer: Mutex<BTreeMap<IpAddr, usize>>,
    total_max: usize,
    peer_max: usize,
}

impl WaitingRoom {
    pub fn new(total_max: usize, peer_max: usize) -> Arc<Self> {
        Arc::new(Self { by_peer: Mutex::default(), total_max, peer_max })
    }

    /// A seat until it is dropped; `None` when there is none.
    pub fn enter(self: &Arc<Self>, peer: IpAddr) -> Option<Seat> {
        let mut by_peer = self.by_peer.lock().unwrap_or_else(PoisonError::into_inner);
        let total: usize = by_peer.values().sum();
        let here = by_peer.get(&peer).copied().unwrap_or(0);
        if total >= self.total_max || here >= self.peer_max {
            return None;
        }
        by_peer.insert(peer, here + 1);
        Some(Seat { room: Arc::clone(self), peer })
    }
}

pub struct Seat {
    room: Arc<WaitingRoom>,
    peer: IpAddr,
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut by_peer = self.room.by_peer.lock().unwrap_or_else(PoisonError::into_inner);
        match by_peer.get_mut(&self.peer) {
            Some(here) if *here > 1 => *here -= 1,
            Some(_) | None => drop(by_peer.remove(&self.peer)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strangers_get_few_seats() {
        let room = WaitingRoom::new(3, 2);
        let ip = |last| IpAddr::from([10, 0, 0, last]);
        let first = room.enter(ip(1));
        let second = room.enter(ip(1));
        assert!(first.is_some() && second.is_some() && room.enter(ip(1)).is_none());
        let third = room.enter(ip(2));
        assert!(third.is_some() && room.enter(ip(3)).is_none());
        drop(first);
        assert!(room.enter(ip(1)).is_some());
        drop((second, third));
        assert!(room.by_peer.lock().unwrap().is_empty());
    }
}
