//! What the server counts, for metrics.

use std::sync::atomic::{AtomicU64, Ordering};

/// Only grow, but for `open`.
#[derive(Debug, Default)]
pub struct Counters {
    open: AtomicU64,
    connections: AtomicU64,
    refused: AtomicU64,
    messages: AtomicU64,
    fixes: AtomicU64,
    bad: AtomicU64,
    nameless: AtomicU64,
    unlisted: AtomicU64,
    not_kept: AtomicU64,
    too_slow: AtomicU64,
}

/// The counters at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Connections open now.
    pub open: u64,
    /// Connections ever taken.
    pub connections: u64,
    /// Connections closed at once because there were too many.
    pub refused: u64,
    pub messages: u64,
    /// Fixes that the sink kept.
    pub fixes: u64,
    /// Messages and stretches of noise that no decoder could read.
    pub bad: u64,
    /// Fixes of devices that had not said who they are, or not in letters and digits.
    pub nameless: u64,
    /// Messages of devices that are not among those that are taken.
    pub unlisted: u64,
    /// Fixes that the sink could not keep; their devices were not answered.
    pub not_kept: u64,
    /// Connections ended because nothing, or not a whole message, came in time.
    pub too_slow: u64,
}

impl Counters {
    pub fn now(&self) -> Counts {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Counts {
            open: read(&self.open),
            connections: read(&self.connections),
            refused: read(&self.refused),
            messages: read(&self.messages),
            fixes: read(&self.fixes),
            bad: read(&self.bad),
            nameless: read(&self.nameless),
            unlisted: read(&self.unlisted),
            not_kept: read(&self.not_kept),
            too_slow: read(&self.too_slow),
        }
    }

    pub(super) fn opened(&self) {
        self.open.fetch_add(1, Ordering::Relaxed);
        self.connections.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn closed(&self) {
        self.open.fetch_sub(1, Ordering::Relaxed);
    }

    pub(super) fn refused(&self) {
        self.refused.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn message(&self) {
        self.messages.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn fixes(&self, count: usize) {
        self.fixes.fetch_add(count as u64, Ordering::Relaxed);
    }

    pub(super) fn bad(&self) {
        self.bad.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn unlisted(&self) {
        self.unlisted.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn nameless(&self) {
        self.nameless.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn not_kept(&self) {
        self.not_kept.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn too_slow(&self) {
        self.too_slow.fetch_add(1, Ordering::Relaxed);
    }
}
