//! Who may have a report or a download made now: some at once, and of one user one.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::lock;

pub struct Turns {
    all: Arc<Semaphore>,
    /// Of those who have a turn or wait for one.
    by_user: Mutex<BTreeMap<String, Arc<Semaphore>>>,
}

/// Held while it is made.
pub struct Turn {
    _own: OwnedSemaphorePermit,
    _of_all: OwnedSemaphorePermit,
}

impl Turns {
    pub fn new(at_once: usize) -> Self {
        Self { all: Arc::new(Semaphore::new(at_once)), by_user: Mutex::default() }
    }

    pub async fn turn(&self, user: &str) -> Option<Turn> {
        let own = {
            let mut by_user = lock(&self.by_user);
            by_user.retain(|_, one| Arc::strong_count(one) > 1);
            by_user.entry(user.to_owned()).or_insert_with(|| Arc::new(Semaphore::new(1))).clone()
        };
        // First the user's own: who waits for that keeps nobody waiting.
        let own = own.acquire_owned().await.ok()?;
        Some(Turn { _own: own, _of_all: self.all.clone().acquire_owned().await.ok()? })
    }
}
