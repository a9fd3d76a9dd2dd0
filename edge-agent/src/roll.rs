//! Which parts of the agent have begun, and which of them work: for the one line that says "ready".

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;

/// Outcome of each part's first try; `None` while it is trying.
#[derive(Default)]
pub struct Roll {
    works_by_part: Mutex<BTreeMap<String, Option<bool>>>,
    changed: Notify,
}

impl Roll {
    /// Every part is entered before the first one begins.
    pub fn enter(self: &Arc<Self>, part: &str) {
        self.set(part, None);
    }

    /// For one try of a part. Dropped without [`Begun::well`], the try has failed.
    pub fn begin(self: &Arc<Self>, part: &str) -> Begun {
        Begun { part: part.to_owned(), roll: self.clone(), well: false }
    }

    /// Waits until every part has tried once: names of those that work, and of those that do not.
    pub async fn all_begun(&self) -> (Vec<String>, Vec<String>) {
        loop {
            let changed = self.changed.notified();
            if let Some(outcome) = self.outcome() {
                return outcome;
            }
            changed.await;
        }
    }

    fn outcome(&self) -> Option<(Vec<String>, Vec<String>)> {
        let parts = self.works_by_part.lock().unwrap_or_else(PoisonError::into_inner);
        if parts.values().any(Option::is_none) {
            return None;
        }
        let named =
            |wanted| parts.iter().filter(|(_, w)| **w == Some(wanted)).map(|(p, _)| p.clone()).collect();
        Some((named(true), named(false)))
    }

    fn set(&self, part: &str, works: Option<bool>) {
        let mut parts = self.works_by_part.lock().unwrap_or_else(PoisonError::into_inner);
        parts.insert(part.to_owned(), works);
        self.changed.notify_one();
    }
}

/// One try of one part.
pub struct Begun {
    part: String,
    roll: Arc<Roll>,
    well: bool,
}

impl Begun {
    /// It listens, or is connected, or whatever working means for it.
    pub fn well(mut self) {
        self.well = true;
    }
}

impl Drop for Begun {
    fn drop(&mut self) {
        self.roll.set(&self.part, Some(self.well));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn told_when_all_have_tried() {
        let roll = Arc::new(Roll::default());
        roll.enter("buses");
        roll.enter("signals");
        roll.begin("buses").well();
        assert_eq!(roll.outcome(), None);
        drop(roll.begin("signals"));
        assert_eq!(roll.all_begun().await, (vec!["buses".into()], vec!["signals".into()]));
    }
}
