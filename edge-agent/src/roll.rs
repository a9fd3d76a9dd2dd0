//! Which parts of the agent have begun, and which of them work: for the one line that says "ready".

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;

/// Outcome of each part's first try; `None` while it is trying.
#[derive(Default)]
pub struct Roll {
    outcome_by_part: Mutex<BTreeMap<String, Option<Outcome>>>,
    changed: Notify,
}

struct Outcome {
    works: bool,
    /// What it is called now that it has begun: a listener by the port that it found free.
    shown: String,
}

impl Roll {
    /// Every part is entered before the first one begins.
    pub fn enter(self: &Arc<Self>, part: &str) {
        self.set(part, None);
    }

    /// For one try of a part. Dropped without [`Begun::well`], the try has failed.
    pub fn begin(self: &Arc<Self>, part: &str) -> Begun {
        Begun { part: part.to_owned(), shown: part.to_owned(), roll: self.clone(), well: false }
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
        let parts = self.outcome_by_part.lock().unwrap_or_else(PoisonError::into_inner);
        let outcomes: Vec<&Outcome> = parts.values().map(Option::as_ref).collect::<Option<_>>()?;
        let named =
            |works: bool| outcomes.iter().filter(|o| o.works == works).map(|o| o.shown.clone()).collect();
        Some((named(true), named(false)))
    }

    fn set(&self, part: &str, outcome: Option<Outcome>) {
        let mut parts = self.outcome_by_part.lock().unwrap_or_else(PoisonError::into_inner);
        parts.insert(part.to_owned(), outcome);
        self.changed.notify_one();
    }
}

/// One try of one part.
pub struct Begun {
    part: String,
    shown: String,
    roll: Arc<Roll>,
    well: bool,
}

impl Begun {
    /// It listens, or is connected, or whatever working means for it.
    pub fn well(mut self) {
        self.well = true;
    }

    /// The same, under a name that only now is known.
    pub fn well_as(mut self, shown: String) {
        self.shown = shown;
        self.well = true;
    }
}

impl Drop for Begun {
    fn drop(&mut self) {
        let shown = std::mem::take(&mut self.shown);
        self.roll.set(&self.part, Some(Outcome { works: self.well, shown }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn told_when_all_have_tried() {
        let roll = Arc::new(Roll::default());
        roll.enter("buses 0");
        roll.enter("feed");
        roll.enter("signals");
        roll.begin("buses 0").well_as("buses 5023".into());
        roll.begin("feed").well();
        assert_eq!(roll.outcome(), None);
        drop(roll.begin("signals"));
        let want = (vec!["buses 5023".into(), "feed".into()], vec!["signals".into()]);
        assert_eq!(roll.all_begun().await, want);
    }
}
