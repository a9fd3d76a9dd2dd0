//! Who is here: the latest word on each key, so that a slow reader misses repetitions but never the end of the story.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use hardware_ports::bus::Presence;
use tokio::sync::Notify;

/// Latest value by key, between zenoh's thread (which must not wait) and the reader (which may).
#[derive(Default)]
pub(crate) struct Latest {
    changed: Mutex<BTreeMap<String, bool>>,
    ready: Notify,
}

impl Latest {
    pub fn put(&self, key: String, alive: bool) {
        self.changed.lock().unwrap_or_else(PoisonError::into_inner).insert(key, alive);
        self.ready.notify_one();
    }

    /// The next change; waits for one.
    pub async fn next(&self) -> Presence {
        loop {
            let first = self.changed.lock().unwrap_or_else(PoisonError::into_inner).pop_first();
            if let Some((key, alive)) = first {
                return Presence { key, alive };
            }
            self.ready.notified().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_last_word_counts() {
        let latest = Latest::default();
        latest.put("b".into(), true);
        latest.put("a".into(), true);
        latest.put("a".into(), false);
        assert_eq!(latest.next().await, Presence { key: "a".into(), alive: false });
        assert_eq!(latest.next().await, Presence { key: "b".into(), alive: true });
    }
}
