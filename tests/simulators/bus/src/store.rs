//! What a tracker keeps until it knows that it arrived.

use std::collections::VecDeque;

use bus_simulator::Fix;

/// As many fixes as a tracker's flash holds; when it is full, the oldest goes.
const MOST: usize = 20_000;

#[derive(Default)]
pub struct Store {
    /// Not yet known to have arrived, oldest first.
    fixes: VecDeque<Fix>,
    /// Number of the oldest of them; the bus's first fix was number 0.
    first: u64,
    /// Number of the next one to send on the present connection.
    next: u64,
    /// What an answer to a serial number confirms: all fixes below the number.
    promises: VecDeque<(u16, u64)>,
    pub dropped: u64,
    pub resent: u64,
}

impl Store {
    pub fn push(&mut self, fix: Fix) {
        if self.fixes.len() == MOST {
            self.fixes.pop_front();
            self.first += 1;
            self.next = self.next.max(self.first);
            self.dropped += 1;
        }
        self.fixes.push_back(fix);
    }

    /// A new connection: whatever was not confirmed goes again.
    pub fn reconnected(&mut self) {
        self.resent += self.next - self.first;
        self.next = self.first;
        self.promises.clear();
    }

    /// The next fix to send.
    pub fn unsent(&self) -> Option<Fix> {
        self.fixes.get(usize::try_from(self.next - self.first).ok()?).copied()
    }

    pub fn sent(&mut self) {
        self.next += 1;
    }

    /// An answer to `serial` will confirm all that was sent so far.
    pub fn promise(&mut self, serial: u16) {
        self.promises.push_back((serial, self.next));
    }

    pub fn unanswered(&self) -> usize {
        self.promises.len()
    }

    /// False when nobody asked.
    pub fn answered(&mut self, serial: u16) -> bool {
        let Some(place) = self.promises.iter().position(|(asked, _)| *asked == serial) else { return false };
        let upto = self.promises.drain(..=place).next_back().map_or(self.first, |(_, upto)| upto);
        while self.first < upto && self.fixes.pop_front().is_some() {
            self.first += 1;
        }
        true
    }

    pub fn made(&self) -> u64 {
        self.first + self.fixes.len() as u64
    }

    pub fn acknowledged(&self) -> u64 {
        self.first - self.dropped
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_answered_goes_again() {
        let mut store = Store::default();
        let fix = |at_s| Fix { at_s, lat: 21.0, lon: 105.8, speed_kmh: 0, course: 0 };
        for at_s in 0..3 {
            store.push(fix(at_s));
        }
        store.sent();
        store.promise(7);
        store.sent();
        store.promise(8);
        assert!(store.answered(7));
        assert!(!store.answered(7));
        assert_eq!((store.made(), store.acknowledged(), store.unsent()), (3, 1, Some(fix(2))));
        store.reconnected();
        assert_eq!((store.unsent(), store.resent, store.unanswered()), (Some(fix(1)), 1, 0));
    }
}
