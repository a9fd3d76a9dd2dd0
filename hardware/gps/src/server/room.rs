//! Room for messages that are longer than most: few connections at a time have it, so that the memory of all is bounded.

use tokio::sync::OwnedSemaphorePermit;
use tokio::time::timeout;

use super::Shared;
use super::end::End;
use crate::protocols::Protocol;

/// What one connection may hold of messages that are not whole yet.
#[derive(Default)]
pub(super) struct Room {
    long: Option<OwnedSemaphorePermit>,
}

impl Room {
    /// After what came was read. Where too many others hold long messages it waits, and nothing more is read meanwhile.
    ///
    /// # Errors
    /// [`End`] when no message is so long, when there was no room in time, and when the server stops.
    pub async fn hold(
        &mut self,
        shared: &Shared,
        protocol: Option<&Protocol>,
        buffer: &mut Vec<u8>,
    ) -> Result<(), End> {
        let limits = &shared.limits;
        if buffer.len() <= limits.buffered_bytes {
            if self.long.take().is_some() {
                buffer.shrink_to(limits.buffered_bytes);
            }
            return Ok(());
        }
        if buffer.len() > protocol.and_then(|protocol| protocol.longest).unwrap_or(0) {
            return Err(End::TooLong(buffer.len()));
        }
        if self.long.is_none() {
            let room = timeout(limits.message, shared.long.clone().acquire_owned());
            self.long = tokio::select! {
                biased;
                () = shared.stop.cancelled() => return Err(End::Stopped),
                room = room => room.ok().and_then(Result::ok),
            };
        }
        if self.long.is_some() { Ok(()) } else { Err(End::Slow) }
    }
}
