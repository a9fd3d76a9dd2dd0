//! UDP: a session for each address that sends. A silent one is forgotten: an operator's network (NAT) gives the address of a
//! device that has gone to another one, whose positions must not be taken for those of the first.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use models_domain::UtcMillis;
use tokio::net::UdpSocket;
use tokio::task::JoinSet;

use super::Shared;
use super::connection::{DRAIN, Device};
use super::room::Room;
use crate::protocols::{Protocol, Session, Source};

/// Longest datagram that a tracker sends, with room; the rest of a longer one is cut off.
const LONGEST: usize = 4096;

struct Known {
    session: Session,
    protocol: Option<&'static Protocol>,
    /// When its session began.
    began: UtcMillis,
    room: Room,
    last: Duration,
}

/// Between looks for addresses that have gone silent.
const SWEEP: Duration = Duration::from_secs(60);

/// Messages that the sink lets wait, and orders that the disk does; then no more is received.
const KEEPING: usize = 1024;

pub(super) async fn serve(shared: Shared, socket: UdpSocket) {
    let socket = Arc::new(socket);
    let mut keeping: JoinSet<()> = JoinSet::new();
    let mut known: HashMap<SocketAddr, Known> = HashMap::new();
    let mut swept = shared.clock.elapsed();
    let mut datagram = vec![0; LONGEST];
    loop {
        let received = tokio::select! {
            biased;
            () = shared.stop.cancelled() => break,
            Some(_) = keeping.join_next() => continue,
            received = socket.recv_from(&mut datagram), if keeping.len() < KEEPING => received,
        };
        let (length, peer) = match received {
            Ok(received) => received,
            Err(err) => {
                // An earlier answer was not taken (ICMP); the socket goes on.
                tracing::debug!(protocol = shared.name(), "receiving a datagram: {err}");
                continue;
            }
        };
        let now = shared.clock.elapsed();
        if now.saturating_sub(swept) >= SWEEP {
            swept = now;
            forget_silent(&mut known, now, shared.limits.idle);
        }
        if !known.contains_key(&peer) && known.len() >= shared.limits.connections {
            make_room(&mut known, now, shared.limits.idle);
        }
        let mut device = Device::new(&shared, Source::Datagram, peer);
        let mut room = Room::default();
        let lately = |known: &Known| now.saturating_sub(known.last) < shared.limits.idle;
        if let Some(known) = known.remove(&peer).filter(lately) {
            (device.session, device.protocol, device.began) = (known.session, known.protocol, known.began);
            room = known.room;
        }
        let reply = device.datagram(&datagram[..length]).await;
        let is_taken = reply.is_some();
        if let Some(reply) = reply {
            answer(&socket, &reply, peer).await;
        }
        for kept in device.keeping.drain(..) {
            let socket = socket.clone();
            keeping.spawn(async move {
                match kept.await {
                    Ok(reply) => answer(&socket, &reply, peer).await,
                    Err(end) => tracing::debug!(%peer, "datagram: {end}"),
                }
            });
        }
        if let Some(asking) = device.asking.take() {
            let socket = socket.clone();
            keeping.spawn(async move { answer(&socket, &asking.await, peer).await });
        }
        let Device { mut session, protocol, began, .. } = device;
        // Of whom we take nothing, nothing is held.
        if !is_taken {
            session.drop_held();
        }
        room.hold_packets(&shared, &mut session, 0);
        known.insert(peer, Known { session, protocol, began, room, last: now });
    }
    let rest = async { while keeping.join_next().await.is_some() {} };
    if tokio::time::timeout(DRAIN, rest).await.is_err() {
        tracing::warn!(protocol = shared.name(), "what {} datagrams brought last is not kept", keeping.len());
    }
}

async fn answer(socket: &UdpSocket, reply: &[u8], peer: SocketAddr) {
    if !reply.is_empty()
        && let Err(err) = socket.send_to(reply, peer).await
    {
        tracing::debug!(%peer, "answering a datagram: {err}");
    }
}

fn forget_silent(known: &mut HashMap<SocketAddr, Known>, now: Duration, idle: Duration) {
    known.retain(|_, known| now.saturating_sub(known.last) < idle);
}

/// Forgets all that were silent for `idle`; if none were, the one silent longest.
fn make_room(known: &mut HashMap<SocketAddr, Known>, now: Duration, idle: Duration) {
    let before = known.len();
    forget_silent(known, now, idle);
    if known.len() == before
        && let Some(oldest) = known.iter().min_by_key(|(_, known)| known.last).map(|(peer, _)| *peer)
    {
        known.remove(&oldest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_silent_are_forgotten_and_with_no_room_the_one_silent_longest() {
        let second = Duration::from_secs;
        let known = |last: u64| {
            let (session, room, last) = (Session::default(), Room::default(), second(last));
            Known { session, protocol: None, began: UtcMillis(0), room, last }
        };
        let address = |port: u16| SocketAddr::from(([127, 0, 0, 1], port));
        let mut all: HashMap<_, _> = (1..=4_u16).map(|n| (address(n), known(u64::from(n)))).collect();
        let left = |all: &HashMap<SocketAddr, Known>| {
            let mut ports: Vec<_> = all.keys().map(SocketAddr::port).collect();
            ports.sort_unstable();
            ports
        };
        forget_silent(&mut all, second(600), second(600));
        assert_eq!(left(&all), [1, 2, 3, 4]);
        forget_silent(&mut all, second(601), second(600));
        assert_eq!(left(&all), [2, 3, 4]);
        make_room(&mut all, second(601), second(600));
        assert_eq!(left(&all), [3, 4]);
    }
}
