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

use crate::keep::{KeepEvents, Lane};
use crate::outbox::{Limits, Outbox};
use crate::spool::{self, Read, Spool, SpoolError, SpoolSettings};

/// Most bytes of events in one message: well below a second on a pole's uplink of 2 Mbit/s.
const MESSAGE_BYTES: usize = 128 << 10;
/// With so many live events to confirm, a few seconds of ten thousand buses, the hall falls behind.
const BEHIND: u64 = 6_000;
/// About what an event takes on disk.
const EVENT_BYTES: u64 = 256;

/// The one owner of spools and outboxes; shared by workers, adapters and the uplink.
pub struct EventKeeper {
    lanes: Mutex<Lanes>,
    kept: Notify,
    clock: Arc<dyn Clock>,
}

/// Each is a run of its own for the hall, with boots that no other lane ever has.
struct Lanes {
    live: Inner,
    /// Goes only while `live` has nothing to send, and not even then while a message of it waits for the hall; `None` where nothing
    /// comes late.
    late: Option<Inner>,
}

struct Inner {
    spool: Spool,
    outbox: Outbox,
    /// The disk did not take the last event: as a rule it is full.
    refused: bool,
}

impl EventKeeper {
    /// With one lane: whatever is kept is sent in its order.
    ///
    /// # Errors
    /// [`SpoolError`] naming the folder that cannot be used.
    pub fn open(settings: SpoolSettings, limits: Limits, clock: Arc<dyn Clock>) -> Result<Self, SpoolError> {
        let late = settings.dir.join(LATE);
        // What an earlier start with two lanes has left there is not forgotten.
        let lanes = if late.exists() { 2 } else { 1 };
        Self::with_lanes(settings, limits, clock, lanes)
    }

    /// With a second lane for what comes late, and half of the room for each.
    ///
    /// # Errors
    /// [`SpoolError`] naming the folder that cannot be used.
    pub fn open_with_late(
        settings: SpoolSettings,
        limits: Limits,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, SpoolError> {
        Self::with_lanes(settings, limits, clock, 2)
    }

    fn with_lanes(
        mut settings: SpoolSettings,
        limits: Limits,
        clock: Arc<dyn Clock>,
        lanes: u64,
    ) -> Result<Self, SpoolError> {
        settings.max_bytes /= lanes;
        let late = SpoolSettings { dir: settings.dir.join(LATE), ..settings.clone() };
        let floor = Spool::last_boot(&late.dir)?;
        let live = Inner::open(settings, limits, floor, clock.now())?;
        let late = match lanes {
            1 => None,
            _ => Some(Inner::open(late, late_limits(limits), live.spool.boot(), clock.now())?),
        };
        Ok(Self { lanes: Mutex::new(Lanes { live, late }), kept: Notify::new(), clock })
    }

    /// Number of this start.
    pub fn boot(&self) -> u64 {
        self.held().live.spool.boot()
    }

    /// Whether that number is on disk. Where there was no room for it, nothing is kept until there is: each event tries again.
    pub fn is_numbered(&self) -> bool {
        self.held().iter().all(|lane| lane.spool.is_numbered())
    }

    /// Tries again to bring that number to disk where there was no room for it, or for what came later. Blocking.
    pub fn number(&self) {
        for lane in self.held().iter_mut() {
            if lane.refused || !lane.spool.is_numbered() {
                lane.refused &= !lane.spool.number();
            }
        }
    }

    /// Whether nothing more is kept until there is room, as far as is known without writing.
    pub fn keeps_nothing(&self) -> bool {
        let lanes = self.held();
        lanes.live.refused
            || lanes.live.spool.is_full(EVENT_BYTES)
            || !lanes.iter().all(|lane| lane.spool.is_numbered())
    }

    /// The next encoded `EventBatch` to publish; `None` when there is nothing to send now. Reads the disk: a
    /// millisecond at most.
    ///
    /// # Errors
    /// [`SpoolError`] when the disk does not answer; nothing is lost, ask again later.
    pub fn next_message(&self) -> Result<Option<Vec<u8>>, SpoolError> {
        let now = self.clock.elapsed();
        let mut lanes = self.held();
        let Lanes { live, late } = &mut *lanes;
        match (live.next_message(now), late) {
            // Else the hall would share its time between what is live and what is late, and the former would wait ever longer.
            (Ok(None), Some(late)) if live.outbox.is_held_up() => {
                late.outbox.handle_timeout(now);
                Ok(None)
            }
            (Ok(None), Some(late)) => late.next_message(now),
            // What cannot be read there does not stop what can be read here.
            (Err(err), Some(late)) => match late.next_message(now) {
                Ok(Some(message)) => Ok(Some(message)),
                Ok(None) | Err(_) => Err(err),
            },
            (told, _) => told,
        }
    }

    /// The hall has stored everything of `boot` up to `seq`.
    pub fn confirm(&self, boot: u64, seq: u64) {
        let now = self.clock.elapsed();
        let mut lanes = self.held();
        let Lanes { live, late } = &mut *lanes;
        match late {
            // To the other lane it would look like an answer to something else.
            Some(late) if late.knows(boot) => late.confirm(now, boot, seq),
            Some(_) | None => live.confirm(now, boot, seq),
        }
    }

    /// How long until [`EventKeeper::next_message`] may have something although nothing was kept or confirmed.
    pub fn timeout(&self) -> Option<Duration> {
        let at = self.held().iter().filter_map(|lane| lane.outbox.poll_timeout()).min()?;
        Some(at.saturating_sub(self.clock.elapsed()))
    }

    /// Waits until something was kept since the last call.
    pub async fn kept(&self) {
        self.kept.notified().await;
    }

    /// Events that the hall has not confirmed.
    pub fn waiting(&self) -> u64 {
        self.held().iter().map(|lane| lane.outbox.waiting()).sum()
    }

    /// Events numbered since this start, whatever became of them.
    pub fn numbered(&self) -> u64 {
        self.held().iter().map(|lane| lane.spool.next_seq() - 1).sum()
    }

    /// Brings what was written to the medium. Blocking, for as long as the medium takes; `keep` is not held up.
    pub fn sync(&self) {
        let dirty: Vec<_> = self.held().iter_mut().flat_map(|lane| lane.spool.take_dirty()).collect();
        spool::sync(dirty, "events");
    }

    /// See [`Spool::note_confirmed`].
    pub fn note_confirmed(&self) {
        self.held().iter_mut().for_each(|lane| lane.spool.note_confirmed());
    }

    /// Clean end; nothing may be kept after it.
    pub fn close(&self) {
        self.sync();
        for lane in self.held().iter_mut() {
            let all_confirmed = lane.outbox.waiting() == 0;
            lane.spool.close(all_confirmed);
        }
    }

    /// Every change under the lock is finished or undone before anything in it could panic.
    fn held(&self) -> MutexGuard<'_, Lanes> {
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Of what is late half as much is on its way at once: it lies before whatever comes live next.
fn late_limits(live: Limits) -> Limits {
    Limits { window: (live.window / 2).max(live.batch), ..live }
}

/// Folder of the second lane, in that of the first.
const LATE: &str = "late";

impl Lanes {
    fn iter(&self) -> impl Iterator<Item = &Inner> {
        std::iter::once(&self.live).chain(&self.late)
    }

    fn iter_mut(&mut self) -> impl Iterator<Item = &mut Inner> {
        std::iter::once(&mut self.live).chain(&mut self.late)
    }

    fn of(&mut self, lane: Lane) -> &mut Inner {
        match (lane, &mut self.late) {
            (Lane::Late, Some(late)) => late,
            (Lane::Late, None) | (Lane::Live, _) => &mut self.live,
        }
    }
}

impl Inner {
    fn open(settings: SpoolSettings, limits: Limits, floor: u64, now: UtcMillis) -> Result<Self, SpoolError> {
        let (spool, recovered) = Spool::open(settings, floor, now)?;
        let outbox = Outbox::new(limits, recovered.runs);
        if outbox.waiting() > 0 {
            tracing::info!(events = outbox.waiting(), "earlier starts left events to send");
        }
        Ok(Self { spool, outbox, refused: false })
    }

    fn knows(&self, boot: u64) -> bool {
        self.spool.boot() == boot || self.outbox.knows(boot)
    }

    fn confirm(&mut self, now: Duration, boot: u64, seq: u64) {
        if self.outbox.confirm(now, boot, seq) {
            self.spool.forget(boot, seq);
        }
    }

    fn next_message(&mut self, now: Duration) -> Result<Option<Vec<u8>>, SpoolError> {
        self.outbox.handle_timeout(now);
        while let Some(span) = self.outbox.poll_send() {
            match self.spool.read(span.boot, span.from, span.to, MESSAGE_BYTES)? {
                Read::Events(events) => {
                    self.outbox.sent(now, &span, span.from + events.len() as u64 - 1);
                    return Ok(Some(batch_of_encoded(span.boot, span.oldest_kept, &events)));
                }
                Read::Lost => {
                    tracing::error!(
                        "event {}-{} cannot be read back from the spool: it is lost",
                        span.boot,
                        span.from
                    );
                    self.outbox.lost(span.boot, span.from);
                }
            }
        }
        Ok(None)
    }
}

impl KeepEvents for EventKeeper {
    fn keep(&self, at: UtcMillis, body: EventBody) -> Result<EventId, NotKept> {
        let mut lanes = self.held();
        let first = lanes.live.keep(vec![(at, body)])?;
        let boot = lanes.live.spool.boot();
        drop(lanes);
        self.kept.notify_one();
        Ok(EventId { boot, seq: Seq(first) })
    }

    /// All of them or none.
    fn keep_all(&self, facts: Vec<(UtcMillis, EventBody)>, lane: Lane) -> Result<(), NotKept> {
        self.held().of(lane).keep(facts)?;
        self.kept.notify_one();
        Ok(())
    }

    fn is_behind(&self) -> bool {
        self.held().live.outbox.waiting() > BEHIND
    }

    fn is_full(&self, lane: Lane, facts: usize) -> bool {
        self.held().of(lane).spool.is_full(facts as u64 * EVENT_BYTES)
    }
}

impl Inner {
    /// Gives the seq of the first.
    fn keep(&mut self, facts: Vec<(UtcMillis, EventBody)>) -> Result<u64, NotKept> {
        let (boot, next) = (self.spool.boot(), self.spool.next_seq());
        let encoded = facts.into_iter().zip(next..).map(|((at, body), seq)| {
            to_wire(&Event { id: EventId { boot, seq: Seq(seq) }, at, body }).encode_to_vec()
        });
        let appended = self.spool.append(encoded.collect());
        // Where its bound is reached the disk has nothing to do with it.
        self.refused = appended.is_err() && !self.spool.is_full(EVENT_BYTES);
        let first = appended?;
        (first..self.spool.next_seq()).for_each(|seq| self.outbox.push(boot, seq));
        Ok(first)
    }
}

#[cfg(test)]
#[path = "keeper_tests.rs"]
mod tests;
