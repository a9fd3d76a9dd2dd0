//! The outgoing communication buffer of a site: first in, first out, kept until acknowledged. Pure.

use std::collections::VecDeque;

use serde_json::Value;

/// "The internal communication buffer of the device must at a minimum be sized to be able to store 10000 messages."
const BUFFER_MAX: usize = 10_000;

/// Messages on their way at once.
const WINDOW: usize = 32;

/// One message, without its number.
#[derive(Debug, Clone)]
pub struct Entry {
    pub message: Value,
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
}

impl Buffer {
    pub fn push(&mut self, message: Value, link_up: bool) {
        if self.entries.len() >= BUFFER_MAX {
            self.entries.pop_front();
            self.lost += 1;
        }
        self.entries.push_back(Entry { message, old: !link_up, sent_as: None });
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
        self.entries.retain(|entry| !messages.contains(&entry.message));
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
        self.entries.remove(index);
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
        for n in 0..BUFFER_MAX + 5 {
            buffer.push(Value::from(n), false);
        }
        assert_eq!((buffer.lost, buffer.len()), (5, BUFFER_MAX));
        assert_eq!(buffer.next("a").unwrap().message, Value::from(5));
    }
}
