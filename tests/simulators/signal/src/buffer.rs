//! The outgoing communication buffer of a site: first in, first out, kept until acknowledged; on disk too,
//! when it has a journal.

use std::collections::VecDeque;

use serde_json::Value;

use crate::keep::Journal;

/// "The internal communication buffer of the device must at a minimum be sized to be able to store 10000 messages."
const BUFFER_MAX: usize = 10_000;

/// Messages on their way at once.
const WINDOW: usize = 32;

/// One message, without its number.
#[derive(Debug, Clone)]
pub struct Entry {
    pub message: Value,
    number: u64,
    /// The link went down before it was acknowledged: it is sent as `q = old`.
    pub old: bool,
    /// The number it was sent under on this connection.
    sent_as: Option<String>,
}

#[derive(Default)]
pub struct Buffer {
    entries: VecDeque<Entry>,
    /// Thrown away because the buffer was full.
    pub lost: u64,
    next_number: u64,
    journal: Option<Journal>,
}

impl Buffer {
    /// A buffer that goes on where `waiting` of its journal left off: all of that is old.
    pub fn kept(journal: Journal, waiting: Vec<(u64, Value)>) -> Self {
        let next_number = waiting.last().map_or(0, |(number, _)| number + 1);
        let entry = |(number, message)| Entry { message, number, old: true, sent_as: None };
        let entries = waiting.into_iter().map(entry).collect();
        let mut own = Self { entries, lost: 0, next_number, journal: Some(journal) };
        // One more than there is room for, when the power went before the oldest was done with.
        while own.entries.len() > BUFFER_MAX
            && let Some(oldest) = own.entries.pop_front()
        {
            own.lost += 1;
            own.note(|journal| journal.done(oldest.number));
        }
        own
    }

    /// `true` when the buffer was full and its oldest message is lost.
    pub fn push(&mut self, message: Value, link_up: bool) -> bool {
        let oldest = if self.entries.len() >= BUFFER_MAX { self.entries.pop_front() } else { None };
        let number = self.next_number;
        self.next_number += 1;
        self.note(|journal| journal.push(number, &message));
        // Only now: whenever the power goes, there are no fewer than before.
        if let Some(oldest) = &oldest {
            self.lost += 1;
            self.note(|journal| journal.done(oldest.number));
        }
        self.entries.push_back(Entry { message, number, old: !link_up, sent_as: None });
        if let Some(journal) = &mut self.journal
            && let Err(err) = journal.shorten(self.entries.iter().map(|entry| (entry.number, &entry.message)))
        {
            eprintln!("signal-simulator: {err:#}");
        }
        oldest.is_some()
    }

    /// Waits until the disk has all of this: before anything is told that follows from it.
    pub fn settle(&mut self) {
        self.note(Journal::settle);
    }

    /// Without a disk the controller goes on, as a real one would.
    fn note(&mut self, write: impl FnOnce(&mut Journal) -> anyhow::Result<()>) {
        if let Some(journal) = &mut self.journal
            && let Err(err) = write(journal)
        {
            eprintln!("signal-simulator: {err:#}");
        }
    }

    /// What is still here belongs to the past, and is to be sent again.
    pub fn link_lost(&mut self) {
        for entry in &mut self.entries {
            entry.old = true;
            entry.sent_as = None;
        }
    }

    /// "Any buffered alarm events that contains the exact same alarm event and timestamp as sent when sending all alarms
    /// should not be sent again."
    pub fn told_already(&mut self, messages: &[Value]) {
        self.forget(|message| messages.contains(message));
    }

    /// Messages that are not to be sent any more.
    pub fn forget(&mut self, is: impl Fn(&Value) -> bool) {
        let (done, rest) = std::mem::take(&mut self.entries)
            .into_iter()
            .partition::<VecDeque<Entry>, _>(|entry| is(&entry.message));
        self.entries = rest;
        done.iter().for_each(|entry| self.note(|journal| journal.done(entry.number)));
    }

    /// The next message to send, numbered `id` from now on.
    pub fn next(&mut self, id: &str) -> Option<Entry> {
        let entry = self.entries.iter_mut().take(WINDOW).find(|entry| entry.sent_as.is_none())?;
        entry.sent_as = Some(id.to_owned());
        Some(entry.clone())
    }

    /// `true` when a message of this buffer was meant.
    pub fn acknowledged(&mut self, id: &str) -> bool {
        let Some(index) = self.entries.iter().position(|entry| entry.sent_as.as_deref() == Some(id)) else {
            return false;
        };
        if let Some(entry) = self.entries.remove(index) {
            self.note(|journal| journal.done(entry.number));
        }
        true
    }

    pub fn len(&self) -> usize {
        self.entries.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_acknowledged_is_sent_again_as_old_in_order() {
        let mut buffer = Buffer::default();
        for n in 0..3 {
            buffer.push(Value::from(n), true);
        }
        assert!(!buffer.next("a").unwrap().old && !buffer.next("b").unwrap().old);
        assert!(buffer.acknowledged("a") && !buffer.acknowledged("a"));
        buffer.link_lost();
        buffer.push(Value::from(3), false);
        let again: Vec<(Value, bool)> = (0..9)
            .map_while(|n| buffer.next(&format!("x{n}")))
            .map(|entry| (entry.message, entry.old))
            .collect();
        assert_eq!(again, [(1.into(), true), (2.into(), true), (3.into(), true)]);
        buffer.told_already(&[Value::from(2)]);
        assert_eq!(buffer.len(), 2);
    }

    #[test]
    fn the_oldest_goes_when_full() {
        let mut buffer = Buffer::default();
        let lost = (0..BUFFER_MAX + 5).filter(|n| buffer.push(Value::from(*n), false)).count();
        assert_eq!(lost, 5);
        assert_eq!((buffer.lost, buffer.len()), (5, BUFFER_MAX));
        assert_eq!(buffer.next("a").unwrap().message, Value::from(5));
    }
    /// Ten thousand messages, a power cut between any two steps, and the rest comes as old and in order.
    #[test]
    fn ten_thousand_messages_survive_a_power_cut() {
        let folder = std::env::temp_dir().join(format!("signal-simulator-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let path = folder.join("site.jsonl");
        let open = || {
            let (journal, waiting) = Journal::open(&path).unwrap();
            Buffer::kept(journal, waiting)
        };
        let mut buffer = open();
        for n in 0..BUFFER_MAX + 3 {
            buffer.push(Value::from(n), false);
        }
        for n in 0..2 {
            buffer.next(&format!("a{n}")).unwrap();
        }
        assert!(buffer.acknowledged("a1"));
        // The power goes: nothing is closed or said.
        std::mem::forget(buffer);
        let mut buffer = open();
        assert_eq!(buffer.len(), BUFFER_MAX - 1);
        let mut got = Vec::new();
        while let Some(entry) = buffer.next("x") {
            assert!(entry.old);
            got.push(entry.message.as_u64().unwrap());
            assert!(buffer.acknowledged("x"));
        }
        let want: Vec<u64> = (3..BUFFER_MAX as u64 + 3).filter(|n| *n != 4).collect();
        assert_eq!(got, want);
        drop(buffer);
        assert_eq!(open().len(), 0);
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
