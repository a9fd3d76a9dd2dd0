//! Who is here: the latest word on each key, so that a slow reader misses repetitions but never the end of the story.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use hardware_ports::bus::Presence;
use tokio::sync::Notify;

/// Latest value by key, between zenoh's thread (which must not wait) and the reader (which may).
#[derive(Default)]
pub(crate) struct Latest {
    state: Mutex<State>,
    ready: Notify,
}

#[derive(Default)]
struct State {
    /// Not read yet.
    changed: BTreeMap<String, bool>,
    here: BTreeSet<String>,
    /// Were here before the session was replaced and have not come back yet.
    expected: BTreeSet<String>,
}

impl Latest {
    pub fn put(&self, key: String, alive: bool) {
        let mut state = self.lock();
        let returned = state.expected.remove(&key) && alive;
        if alive {
            state.here.insert(key.clone());
        } else {
            state.here.remove(&key);
        }
        // For the reader it never went away.
        if !returned {
            state.changed.insert(key, alive);
            drop(state);
            self.ready.notify_one();
        }
    }

    /// The session was replaced: everybody has to come back, for which [`Self::settle`] ends the time.
    pub fn expect_all(&self) {
        let mut state = self.lock();
        state.expected = state.here.clone();
    }

    /// Whoever is still expected is gone.
    pub fn settle(&self) {
        let mut state = self.lock();
        for key in std::mem::take(&mut state.expected) {
            state.here.remove(&key);
            state.changed.insert(key, false);
        }
        drop(state);
        self.ready.notify_one();
    }

    /// The next change; waits for one.
    pub async fn next(&self) -> Presence {
        loop {
            let first = self.lock().changed.pop_first();
            if let Some((key, alive)) = first {
                return Presence { key, alive };
            }
            self.ready.notified().await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn presence(key: &str, alive: bool) -> Presence {
        Presence { key: key.into(), alive }
    }

    #[tokio::test]
    async fn the_last_word_counts() {
        let latest = Latest::default();
        latest.put("b".into(), true);
        latest.put("a".into(), true);
        latest.put("a".into(), false);
        assert_eq!(latest.next().await, presence("a", false));
        assert_eq!(latest.next().await, presence("b", true));
    }

    #[tokio::test]
    async fn after_a_new_session_only_who_stays_away_is_told() {
        let latest = Latest::default();
        for key in ["a", "b"] {
            latest.put(key.into(), true);
            assert_eq!(latest.next().await, presence(key, true));
        }
        latest.expect_all();
        latest.put("b".into(), true);
        latest.put("c".into(), true);
        latest.settle();
        assert_eq!(latest.next().await, presence("a", false));
        assert_eq!(latest.next().await, presence("c", true));
        latest.put("b".into(), false);
        assert_eq!(latest.next().await, presence("b", false));
    }
}
