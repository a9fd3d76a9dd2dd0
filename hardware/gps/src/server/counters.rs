//! What the server counts, and tells the log once an hour.

use std::fmt;
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
    left_out: AtomicU64,
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
    /// Messages of which something was left out, and whose devices were answered all the same: they would send it for ever.
    pub left_out: u64,
    /// Fixes of devices that had not said who they are, or not in letters and digits.
    pub nameless: u64,
    /// Messages of devices that are not among those that are taken.
    pub unlisted: u64,
    /// Fixes that the sink could not keep; their devices were not answered.
    pub not_kept: u64,
    /// Connections ended because nothing, or not a whole message, came in time.
    pub too_slow: u64,
}

impl Counts {
    /// What was counted after `before`; of the connections, those that are open now.
    #[must_use]
    pub fn since(&self, before: &Self) -> Self {
        Self {
            open: self.open,
            connections: self.connections.saturating_sub(before.connections),
            refused: self.refused.saturating_sub(before.refused),
            messages: self.messages.saturating_sub(before.messages),
            fixes: self.fixes.saturating_sub(before.fixes),
            bad: self.bad.saturating_sub(before.bad),
            left_out: self.left_out.saturating_sub(before.left_out),
            nameless: self.nameless.saturating_sub(before.nameless),
            unlisted: self.unlisted.saturating_sub(before.unlisted),
            not_kept: self.not_kept.saturating_sub(before.not_kept),
            too_slow: self.too_slow.saturating_sub(before.too_slow),
        }
    }
}

impl fmt::Display for Counts {
    /// What there was, by the fields' names; empty when there was nothing.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let named = [
            ("open", self.open),
            ("connections", self.connections),
            ("refused", self.refused),
            ("messages", self.messages),
            ("fixes", self.fixes),
            ("bad", self.bad),
            ("left_out", self.left_out),
            ("nameless", self.nameless),
            ("unlisted", self.unlisted),
            ("not_kept", self.not_kept),
            ("too_slow", self.too_slow),
        ];
        let mut between = "";
        for (name, count) in named.into_iter().filter(|(_, count)| *count > 0) {
            write!(f, "{between}{name} {count}")?;
            between = ", ";
        }
        Ok(())
    }
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
            left_out: read(&self.left_out),
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

    pub(super) fn left_out(&self) {
        self.left_out.fetch_add(1, Ordering::Relaxed);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_hour_is_told_by_what_there_was_in_it() {
        let counters = Counters::default();
        assert_eq!(counters.now().to_string(), "");
        counters.opened();
        (0..3).for_each(|_| counters.message());
        counters.fixes(2);
        counters.left_out();
        let before = counters.now();
        assert_eq!(before.to_string(), "open 1, connections 1, messages 3, fixes 2, left_out 1");
        assert_eq!(counters.now().since(&before).to_string(), "open 1");
        counters.closed();
        counters.bad();
        counters.left_out();
        assert_eq!(counters.now().since(&before).to_string(), "bad 1, left_out 1");
    }
}
