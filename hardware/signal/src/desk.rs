//! Where orders for controllers are handed in, whichever way the controllers are reached.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use models_domain::JunctionId;

use crate::controllers::{Answer, Asked};
use crate::links::Links;
use crate::steering::{Steering, Translate};

/// The links of one server, and how their controllers are commanded.
pub(crate) struct Desk {
    pub links: Links,
    steering_by_junction: BTreeMap<JunctionId, (Steering, Translate)>,
    /// Where everything was taken back that may have been ordered before this server began.
    swept: Mutex<BTreeSet<JunctionId>>,
}

impl Desk {
    pub fn new(links: Links, steering_by_junction: BTreeMap<JunctionId, (Steering, Translate)>) -> Self {
        Self { links, steering_by_junction, swept: Mutex::default() }
    }

    pub fn is_swept(&self, junction: &JunctionId) -> bool {
        self.swept.lock().unwrap_or_else(PoisonError::into_inner).contains(junction)
    }

    pub fn swept(&self, junction: &JunctionId) {
        self.swept.lock().unwrap_or_else(PoisonError::into_inner).insert(junction.clone());
    }
}

/// Takes orders for controllers. Whoever hands one in has checked it: rights and `safety` come before this door.
#[derive(Clone)]
pub struct OrderDesk(pub(crate) Arc<Desk>);

impl OrderDesk {
    /// Waits for what became of it, at most as long as the controller may take to answer.
    pub async fn ask(&self, junction: &JunctionId, what: Asked) -> Answer {
        self.0.links.ask(junction, what).await
    }

    /// Whether the controller of `junction` is reached by this way.
    pub fn knows(&self, junction: &JunctionId) -> bool {
        self.0.links.knows(junction)
    }

    pub(crate) fn steering(&self, junction: &JunctionId) -> Option<(&Steering, Translate)> {
        self.0.steering_by_junction.get(junction).map(|(steering, translate)| (steering, *translate))
    }
}
