//! Room for messages that are longer than most: few connections at a time have it, so that the memory of all is bounded.

use std::time::Duration;

use tokio::sync::OwnedSemaphorePermit;
use tokio::time::timeout;

use super::Shared;
use super::end::End;
use crate::protocols::{Protocol, Session, Source};

/// What one device may hold of messages that are not whole yet.
#[derive(Default)]
pub(super) struct Room {
    /// And since when.
    long: Option<(OwnedSemaphorePermit, Duration)>,
}

impl Room {
    /// After what came was read. Where too many others hold long messages it waits, and nothing more is read meanwhile; packets are
    /// dropped.
    ///
    /// # Errors
    /// [`End`] when no message is so long, when there was no room in time or the message did not become whole in the time in which a
    /// quiet connection ends, and when the server stops.
    pub async fn hold(
        &mut self,
        shared: &Shared,
        protocol: Option<&Protocol>,
        buffer: &mut Vec<u8>,
        session: &mut Session,
    ) -> Result<(), End> {
        let limits = &shared.limits;
        if buffer.len() <= limits.buffered_bytes {
            let was_long = self.long.is_some();
            self.hold_packets(shared, session, buffer.len());
            if was_long && self.long.is_none() {
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

    /// Packets of a message whose other packets have not come, beside so many bytes. Where there is no room, and where the others do
    /// not come in the time in which a quiet connection ends, they are dropped: nobody waits for them, and what else the device says
    /// goes on.
    pub fn hold_packets(&mut self, shared: &Shared, session: &mut Session, buffered: usize) {
        if session.held_bytes() + buffered <= shared.limits.buffered_bytes {
            self.long = None;
            return;
        }
        let now = shared.clock.elapsed();
        let is_free = match session.source {
            // Whom a datagram is from can be forged: half of the rooms stay for connections.
            Source::Datagram => 2 * shared.long.available_permits() > shared.limits.long_messages,
            Source::Live | Source::Recording => true,
        };
        let take = || Some((is_free.then(|| shared.long.clone().try_acquire_owned().ok())??, now));
        let long = self.long.take().or_else(take);
        self.long = long.filter(|(_, since)| now.saturating_sub(*since) < shared.limits.idle);
        if self.long.is_none() {
            session.drop_held();
        }
    }
}
