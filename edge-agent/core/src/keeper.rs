//! Keeps events: numbers them, writes them to the [`Spool`], and knows from the [`Outbox`] what the hall still lacks.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hardware_ports::Clock;
use hardware_ports::sink::NotKept;
use models_domain::{Event, EventBody, EventId, Seq, UtcMillis};
use models_wire::convert::batch::batch_of_encoded;
use models_wire::convert::event::to_wire;
use prost::Message;
use tokio::sync::Notify;

use crate::keep::KeepEvents;
use crate::outbox::{Limits, Outbox};
use crate::spool::{Read, Spool, SpoolError, SpoolSettings};

/// Most bytes of events in one message: well below a second on a pole's uplink of 2 Mbit/s.
const MESSAGE_BYTES: usize = 128 << 10;

/// The one owner of spool and outbox; shared by workers, adapters and the uplink.
pub struct EventKeeper {
    inner: Mutex<Inner>,
    kept: Notify,
    clock: Arc<dyn Clock>,
}

struct Inner {
    spool: Spool,
    outbox: Outbox,
}

impl EventKeeper {
    /// # Errors
    /// [`SpoolError`] naming the folder that cannot be used.
    pub fn open(settings: SpoolSettings, limits: Limits, clock: Arc<dyn Clock>) -> Result<Self, SpoolError> {
        let (spool, recovered) = Spool::open(settings, clock.now())?;
        let outbox = Outbox::new(limits, recovered.runs);
        if outbox.waiting() > 0 {
            tracing::info!(events = outbox.waiting(), "earlier starts left events to send");
        }
        Ok(Self { inner: Mutex::new(Inner { spool, outbox }), kept: Notify::new(), clock })
    }

    /// Number of this start.
    pub fn boot(&self) -> u64 {
        self.held().spool.boot()
    }

    /// The next encoded `EventBatch` to publish; `None` when there is nothing to send now. Reads the disk: a
    /// millisecond at most.
    ///
    /// # Errors
    /// [`SpoolError`] when the disk does not answer; nothing is lost, ask again later.
    pub fn next_message(&self) -> Result<Option<Vec<u8>>, SpoolError> {
        let now = self.clock.elapsed();
        let mut inner = self.held();
        inner.outbox.handle_timeout(now);
        while let Some(span) = inner.outbox.poll_send() {
            match inner.spool.read(span.boot, span.from, span.to, MESSAGE_BYTES)? {
                Read::Events(events) => {
                    inner.outbox.sent(now, &span, span.from + events.len() as u64 - 1);
                    return Ok(Some(batch_of_encoded(span.boot, span.oldest_kept, &events)));
                }
                Read::Lost => {
                    tracing::error!(
                        "event {}-{} cannot be read back from the spool: it is lost",
                        span.boot,
                        span.from
                    );
                    inner.outbox.lost(span.boot, span.from);
                }
            }
        }
        Ok(None)
    }

    /// The hall has stored everything of `boot` up to `seq`.
    pub fn confirm(&self, boot: u64, seq: u64) {
        let now = self.clock.elapsed();
        let mut inner = self.held();
        if inner.outbox.confirm(now, boot, seq) {
            inner.spool.forget(boot, seq);
        }
    }

    /// How long until [`EventKeeper::next_message`] may have something although nothing was kept or confirmed.
    pub fn timeout(&self) -> Option<Duration> {
        let at = self.held().outbox.poll_timeout()?;
        Some(at.saturating_sub(self.clock.elapsed()))
    }

    /// Waits until something was kept since the last call.
    pub async fn kept(&self) {
        self.kept.notified().await;
    }

    /// Events that the hall has not confirmed.
    pub fn waiting(&self) -> u64 {
        self.held().outbox.waiting()
    }

    /// Events numbered since this start, whatever became of them.
    pub fn numbered(&self) -> u64 {
        self.held().spool.next_seq() - 1
    }

    /// Brings what was written to the medium. Blocking, for as long as the medium takes; `keep` is not held up.
    pub fn sync(&self) {
        let dirty = self.held().spool.take_dirty();
        for file in dirty {
            if let Err(err) = file.sync_data() {
                tracing::error!(
                    "syncing the spool: {err}; after a power cut events may be missing: check this disk"
                );
            }
        }
    }

    /// See [`Spool::note_confirmed`].
    pub fn note_confirmed(&self) {
        self.held().spool.note_confirmed();
    }

    /// Clean end; nothing may be kept after it.
    pub fn close(&self) {
        self.sync();
        let mut inner = self.held();
        let all_confirmed = inner.outbox.waiting() == 0;
        inner.spool.close(all_confirmed);
    }

    /// Every change under the lock is finished or undone before anything in it could panic.
    fn held(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl KeepEvents for EventKeeper {
    fn keep(&self, at: UtcMillis, body: EventBody) -> Result<EventId, NotKept> {
        let mut inner = self.held();
        let boot = inner.spool.boot();
        let id = EventId { boot, seq: Seq(inner.spool.next_seq()) };
        let bytes = to_wire(&Event { id, at, body }).encode_to_vec();
        let seq = inner.spool.append(bytes)?;
        inner.outbox.push(boot, seq);
        drop(inner);
        self.kept.notify_one();
        Ok(id)
    }
}

#[cfg(test)]
#[path = "keeper_tests.rs"]
mod tests;
