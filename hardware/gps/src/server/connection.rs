//! One device: bytes into messages, fixes into the sink, then the answer.
//!
//! The sink may let stored positions wait. Where answers name what they answer, what the device says meanwhile goes on: its
//! live positions are not held up by its stored ones.

use std::net::SocketAddr;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use hardware_ports::sink::{GpsReport, Sink};
use models_domain::UtcMillis;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::end::End;
use super::room::Room;
use super::waiting::{Later, at_once, next};
use super::{ANY, Counters, Shared};
use crate::protocols::{Decoded, Message, Protocol, Session, Source, detect};
use crate::quiet::{cut, line};

pub(super) async fn serve(shared: &Shared, stream: TcpStream, peer: SocketAddr) {
    shared.counters.opened();
    let mut device = Device::new(shared, Source::Live, peer);
    let end = device.talk(stream).await;
    device.keep_rest().await;
    shared.counters.closed();
    if matches!(end, End::Idle | End::Slow) {
        shared.counters.too_slow();
    }
    end.tell(shared, device.protocol_name(), peer, device.name());
}

/// What is in hand when the server stops is waited for so long, at most twice: within the 2.2 s that the agent gives its
/// workers to end.
pub(super) const DRAIN: Duration = Duration::from_secs(1);
/// What a device that has gone reported last is waited for so long: its turn among ten thousand, and room on the disk.
const KEPT_BEHIND: Duration = Duration::from_secs(40);

/// Gives the answer when the fixes are kept.
pub(super) type Keeping = Later<Result<Vec<u8>, End>>;

/// One device and what it said so far.
pub(super) struct Device<'a> {
    pub shared: &'a Shared,
    /// `None` until the first bytes told.
    pub protocol: Option<&'static Protocol>,
    pub session: Session,
    pub peer: SocketAddr,
    pub began: UtcMillis,
    /// Messages that the sink lets wait. Of a connection one at a time, then no more is read; of a datagram all that are in it.
    pub keeping: Vec<Keeping>,
    /// Orders that the disk lets wait.
    pub asking: Option<Later<Vec<u8>>>,
    bad_in_a_row: u32,
}

impl<'a> Device<'a> {
    pub(super) fn new(shared: &'a Shared, source: Source, peer: SocketAddr) -> Self {
        let session = Session::new(shared.zones.clone(), source);
        let (protocol, began) = (shared.protocol, shared.clock.now());
        let (keeping, asking) = (Vec::new(), None);
        Self { shared, protocol, session, peer, began, keeping, asking, bad_in_a_row: 0 }
    }

    fn protocol_name(&self) -> &'static str {
        self.protocol.map_or(ANY, |protocol| protocol.name)
    }

    /// As the log shows it.
    fn name(&self) -> &str {
        cut(self.session.device.as_deref().unwrap_or("unknown"))
    }

    async fn talk(&mut self, mut stream: TcpStream) -> End {
        let limits = &self.shared.limits;
        // Answers are small and awaited: without this they wait for each other.
        stream.set_nodelay(true).ok();
        let (mut buffer, mut room) = (Vec::new(), Room::default());
        let mut orders = self.shared.orders.watch();
        let connected = self.shared.clock.elapsed();
        let (mut since, mut any_message) = (connected, false);
        loop {
            // Patience is short in the middle of a message and before the first one.
            let heard = any_message && self.may_stay();
            let waits_for_rest = !buffer.is_empty() || !heard;
            let begins = buffer.is_empty() && any_message;
            let from = if heard { since } else { connected };
            let spent = self.shared.clock.elapsed().saturating_sub(from);
            if !heard && spent >= limits.message {
                return End::Slow;
            }
            let patience = if waits_for_rest { limits.message.saturating_sub(spent) } else { limits.idle };
            let read = tokio::select! {
                biased;
                () = self.shared.stop.cancelled() => return End::Stopped,
                kept = next(self.keeping.first_mut()) => {
                    self.keeping.clear();
                    let reply = match kept {
                        Ok(reply) => reply,
                        Err(end) => return end,
                    };
                    if let Err(end) = answer(&mut stream, &reply, limits.message).await {
                        return end;
                    }
                    continue;
                }
                due = next(self.asking.as_mut()) => {
                    self.asking = None;
                    if let Err(end) = answer(&mut stream, &due, limits.message).await {
                        return end;
                    }
                    continue;
                }
                read = timeout(patience, stream.read_buf(&mut buffer)) => read,
                Ok(()) = orders.changed() => {
                    let due = self.ask(false).await;
                    if let Err(end) = answer(&mut stream, &due, limits.message).await {
                        return end;
                    }
                    continue;
                }
            };
            match read {
                Err(_) if waits_for_rest => return End::Slow,
                Err(_) => return End::Idle,
                Ok(Err(err)) => return End::Broken(err),
                Ok(Ok(0)) => return End::Closed,
                // A quiet device may take its whole time again for the message that begins here.
                Ok(Ok(_)) if begins => since = self.shared.clock.elapsed(),
                Ok(Ok(_)) => {}
            }
            let (used, reply, end) = self.take_in(&buffer).await;
            if used > 0 {
                buffer.drain(..used);
                since = self.shared.clock.elapsed();
                any_message = true;
            }
            let answered = answer(&mut stream, &reply, limits.message).await;
            if let Some(end) = answered.err().or(end) {
                return end;
            }
            if let Err(end) = room.hold(self.shared, self.protocol, &mut buffer, &mut self.session).await {
                return end;
            }
        }
    }

    /// The device has gone: what it sent and does not send again is kept all the same.
    async fn keep_rest(&mut self) {
        let asking = self.asking.take();
        // What is not written by then is written with the next that is.
        let noted = async {
            if let Some(asking) = asking {
                let _unsent = timeout(DRAIN, asking).await;
            }
        };
        tokio::join!(noted, self.keep_fixes());
    }

    async fn keep_fixes(&mut self) {
        let Some(keeping) = self.keeping.pop() else { return };
        let device = self.name();
        match timeout(KEPT_BEHIND, unless_stopped(self.shared, keeping)).await {
            Ok(Ok(_)) => {}
            Ok(Err(end)) => {
                tracing::warn!(peer = %self.peer, device, "its last positions are not kept: {end}")
            }
            Err(_) => {
                tracing::warn!(peer = %self.peer, device, "its last positions are not kept: no room in time")
            }
        }
    }

    /// Every whole message of `bytes`: how many bytes they took, what to answer, and whether to end.
    async fn take_in(&mut self, bytes: &[u8]) -> (usize, Vec<u8>, Option<End>) {
        let (mut used, mut reply) = (0, Vec::new());
        while used < bytes.len() {
            match self.step(&bytes[used..]).await {
                Step::NeedMore => break,
                Step::Used(count, answer) => {
                    used += count;
                    reply.extend(answer);
                }
                Step::End(end) => return (used, reply, Some(end)),
            }
        }
        (used, reply, None)
    }

    async fn step(&mut self, bytes: &[u8]) -> Step {
        let now = self.shared.clock.now();
        let protocol = match self.protocol {
            Some(protocol) => protocol,
            None => match detect::protocol_of(bytes) {
                Ok(Some(protocol)) => *self.protocol.insert(protocol),
                Ok(None) => return Step::NeedMore,
                Err(why) => return Step::End(End::Strange(why)),
            },
        };
        let message = match (protocol.decode)(&mut self.session, bytes, now) {
            Decoded::NeedMore => return Step::NeedMore,
            Decoded::Bad { used, why } => return self.bad(used.clamp(1, bytes.len()), &why),
            Decoded::Message(message) => message,
        };
        self.shared.counters.message();
        self.bad_in_a_row = 0;
        if let Err(end) = self.listed(&message) {
            return Step::End(end);
        }
        if let Some(warning) = &message.warning {
            self.left_out(warning);
        }
        let used = message.used.clamp(1, bytes.len());
        let mut answered = false;
        if let (Some(device), Some(answer)) = (&self.session.device, &message.answer) {
            answered = self.shared.orders.answered(device, answer, now);
            let (shown, text) = (cut(device), line(&answer.text));
            // Who answers what nobody asked may do so without end.
            if answered {
                tracing::info!(protocol = protocol.name, device = shown, "answered: {text}");
            } else {
                tracing::debug!(protocol = protocol.name, device = shown, "answered unasked: {text}");
            }
        }
        match self.keep(message, now).await {
            Ok(mut reply) => {
                reply.extend(self.ask(answered).await);
                Step::Used(used, reply)
            }
            Err(end) => Step::End(end),
        }
    }

    /// Hands the fixes to the sink; only then may the device be answered. Gives what can be answered now.
    async fn keep(&mut self, message: Message, received: UtcMillis) -> Result<Vec<u8>, End> {
        tracing::trace!(peer = %self.peer, device = self.session.device, note = message.note, fixes = message.fixes.len());
        let apart = message.answers_by_number || self.session.source == Source::Datagram;
        let (reply, named) = (message.reply, message.fixes.into_iter());
        let named = named.map(|fix| fix.named(received, self.protocol_name()).map(GpsReport::Fix));
        let Ok(reports) = named.collect::<Result<Vec<_>, _>>() else {
            self.shared.counters.nameless();
            return Err(End::Nameless);
        };
        if reports.is_empty() {
            return Ok(reply);
        }
        let mut keeping: Keeping =
            Box::pin(keep(self.shared.sink.clone(), self.shared.counters.clone(), reports, reply));
        if !apart {
            return unless_stopped(self.shared, keeping).await;
        }
        // Mostly there is nothing to wait for.
        if let Poll::Ready(kept) = at_once(&mut keeping).await {
            return kept;
        }
        let before = match self.session.source {
            // Others share the socket: nobody waits here.
            Source::Datagram => None,
            Source::Live | Source::Recording => self.keeping.pop(),
        };
        self.keeping.push(keeping);
        match before {
            Some(before) => unless_stopped(self.shared, before).await,
            None => Ok(Vec::new()),
        }
    }

    fn bad(&mut self, used: usize, why: &str) -> Step {
        self.shared.counters.bad();
        // By its address: who connects for each message must not fill the log, either.
        let due = self.shared.told.due(&self.peer.ip().to_string(), self.shared.clock.elapsed());
        if let Some(times) = due {
            let (protocol, device, why) = (self.protocol_name(), self.name(), line(why));
            tracing::warn!(protocol, peer = %self.peer, device, times, "bad message: {why}");
        }
        self.bad_in_a_row += 1;
        if self.bad_in_a_row > self.shared.limits.bad_in_a_row {
            return Step::End(End::TooBad(self.bad_in_a_row));
        }
        Step::Used(used, Vec::new())
    }

    fn left_out(&self, warning: &str) {
        self.shared.counters.left_out();
        let device = self.name();
        if let Some(times) = self.shared.told.due(device, self.shared.clock.elapsed()) {
            let warning = line(warning);
            tracing::warn!(protocol = self.protocol_name(), peer = %self.peer, device, times, "left out: {warning}");
        }
    }

    /// Where a list says which devices are taken, whoever has not said which one it is has said nothing.
    fn may_stay(&self) -> bool {
        self.shared.devices.is_none() || self.session.device.is_some()
    }

    /// Neither kept nor answered: a stranger learns nothing, and a device of ours keeps what it has until it is listed.
    fn listed(&self, message: &Message) -> Result<(), End> {
        let Some(devices) = &self.shared.devices else { return Ok(()) };
        let named = message.fixes.iter().filter_map(|fix| fix.device.as_ref()).chain(&self.session.device);
        match named.into_iter().find(|device| !devices.contains(*device)) {
            Some(stranger) => {
                self.shared.counters.unlisted();
                Err(End::Unlisted(stranger.clone()))
            }
            None => Ok(()),
        }
    }

    /// One datagram: all its messages. `None` when the sink could not keep them, or they were no messages.
    pub(super) async fn datagram(&mut self, bytes: &[u8]) -> Option<Vec<u8>> {
        match self.take_in(bytes).await {
            (_, reply, None) => Some(reply),
            (_, _, Some(end)) => {
                tracing::debug!(protocol = self.protocol_name(), peer = %self.peer, "datagram: {end}");
                None
            }
        }
    }
}

async fn keep(
    sink: Arc<dyn Sink<GpsReport>>,
    counters: Arc<Counters>,
    reports: Vec<GpsReport>,
    reply: Vec<u8>,
) -> Result<Vec<u8>, End> {
    let count = reports.len();
    if let Err(err) = sink.accept_all(reports).await {
        counters.not_kept();
        return Err(End::NotKept(err));
    }
    counters.fixes(count);
    Ok(reply)
}

/// When the server stops, [`DRAIN`] longer: not every device sends again what is not answered.
async fn unless_stopped(shared: &Shared, keeping: Keeping) -> Result<Vec<u8>, End> {
    let stopped = async {
        shared.stop.cancelled().await;
        tokio::time::sleep(DRAIN).await;
    };
    tokio::select! {
        biased;
        kept = keeping => kept,
        () = stopped => Err(End::Stopped),
    }
}

async fn answer(stream: &mut TcpStream, reply: &[u8], patience: Duration) -> Result<(), End> {
    if reply.is_empty() {
        return Ok(());
    }
    match timeout(patience, stream.write_all(reply)).await {
        Ok(written) => Ok(written?),
        Err(_) => Err(End::Slow),
    }
}

enum Step {
    NeedMore,
    /// Bytes taken and the answer to them.
    Used(usize, Vec<u8>),
    End(End),
}
