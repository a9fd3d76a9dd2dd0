//! UDP: a session for each address that sends, the oldest forgotten first.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use models_domain::UtcMillis;
use tokio::net::UdpSocket;
use tokio::task::JoinSet;

use super::Shared;
use super::connection::{DRAIN, Device};
use crate::protocols::{Protocol, Session, Source};

/// Longest datagram that a tracker sends, with room; the rest of a longer one is cut off.
const LONGEST: usize = 4096;

struct Known {
    session: Session,
    protocol: Option<&'static Protocol>,
    /// When its session began.
    began: UtcMillis,
    last: Duration,
}

/// Messages that the sink lets wait, and orders that the disk does; then no more is received.
const KEEPING: usize = 1024;

pub(super) async fn serve(shared: Shared, socket: UdpSocket) {
    let socket = Arc::new(socket);
    let mut keeping: JoinSet<()> = JoinSet::new();
    let mut known: HashMap<SocketAddr, Known> = HashMap::new();
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
        if !known.contains_key(&peer) && known.len() >= shared.limits.connections {
            make_room(&mut known, now, shared.limits.idle);
        }
        let mut device = Device::new(&shared, Source::Datagram, peer);
        if let Some(known) = known.remove(&peer) {
            (device.session, device.protocol, device.began) = (known.session, known.protocol, known.began);
        }
        if let Some(reply) = device.datagram(&datagram[..length]).await {
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
        let Device { session, protocol, began, .. } = device;
        known.insert(peer, Known { session, protocol, began, last: now });
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

/// Forgets all that were silent for `idle`; if none were, the one silent longest.
fn make_room(known: &mut HashMap<SocketAddr, Known>, now: Duration, idle: Duration) {
    let before = known.len();
    known.retain(|_, known| now.saturating_sub(known.last) < idle);
    if known.len() == before
        && let Some(oldest) = known.iter().min_by_key(|(_, known)| known.last).map(|(peer, _)| *peer)
    {
        known.remove(&oldest);
    }
}
