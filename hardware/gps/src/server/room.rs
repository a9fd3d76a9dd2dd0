//! Room for messages that are longer than most: few connections at a time have it, so that the memory of all is bounded.

use std::time::Duration;

use tokio::sync::OwnedSemaphorePermit;
use tokio::time::timeout;

use super::Shared;
use super::end::End;
use crate::protocols::Protocol;

/// What one device may hold of messages that are not whole yet.
#[derive(Default)]
pub(super) struct Room {
    /// And since when.
    long: Option<(OwnedSemaphorePermit, Duration)>,
}

impl Room {
    /// After what came was read; `packets` are bytes of a message whose other packets have not come. Where too many others hold long
    /// messages it waits, and nothing more is read meanwhile.
    ///
    /// # Errors
    /// [`End`] when no message is so long, when there was no room in time or the message did not become whole in the time in which a
    /// quiet connection ends, and when the server stops.
    pub async fn hold(
        &mut self,
        shared: &Shared,
        protocol: Option<&Protocol>,
        buffer: &mut Vec<u8>,
        packets: usize,
    ) -> Result<(), End> {
        let limits = &shared.limits;
        if buffer.len() + packets <= limits.buffered_bytes {
            if self.long.take().is_some() {
                buffer.shrink_to(limits.buffered_bytes);
            }
            return Ok(());
        }
        let longest = protocol.and_then(|protocol| protocol.longest).unwrap_or(0);
        if buffer.len() > limits.buffered_bytes.max(longest) {
            return Err(End::TooLong(buffer.len()));
        }
        let now = shared.clock.elapsed();
        if let Some((_, since)) = &self.long {
            return if now.saturating_sub(*since) < limits.idle { Ok(()) } else { Err(End::Slow) };
        }
        let room = timeout(limits.message, shared.long.clone().acquire_owned());
        let room = tokio::select! {
            biased;
            () = shared.stop.cancelled() => return Err(End::Stopped),
            room = room => room.ok().and_then(Result::ok),
        };
        self.long = Some((room.ok_or(End::Slow)?, now));
        Ok(())
    }

    /// The same of packets that came by datagrams, for which nobody waits: whether they may be held.
    pub fn may_hold(&mut self, shared: &Shared, packets: usize) -> bool {
        if packets <= shared.limits.buffered_bytes {
            self.long = None;
            return true;
        }
        let now = shared.clock.elapsed();
        // Whom a datagram is from can be forged: half of the rooms stay for connections.
        let is_free = 2 * shared.long.available_permits() > shared.limits.long_messages;
        let take = || Some((is_free.then(|| shared.long.clone().try_acquire_owned().ok())??, now));
        self.long = self.long.take().or_else(take);
        let since = self.long.as_ref().map(|(_, since)| *since);
        since.is_some_and(|since| now.saturating_sub(since) < shared.limits.idle)
    }
}
