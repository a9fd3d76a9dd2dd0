//! Cameras whose packets `retina` cannot make sense of: rtspsrc reads them the next time.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// After so long `retina`, which costs a tenth, is tried again when the camera is next opened: it may have been a moment's trouble.
const HOLDS: Duration = Duration::from_secs(3_600);

/// Addresses of such cameras, as they are configured: never shown, since they hold passwords. There are no more of them
/// than cameras.
#[derive(Default)]
pub struct Misread {
    marked_by_url: Mutex<BTreeMap<String, Duration>>,
}

/// One camera's place among them.
#[derive(Clone)]
pub struct Mark {
    all: Arc<Misread>,
    url: String,
}

impl Misread {
    pub fn mark(self: &Arc<Self>, url: &str) -> Mark {
        Mark { all: Arc::clone(self), url: url.to_owned() }
    }

    fn held(&self) -> MutexGuard<'_, BTreeMap<String, Duration>> {
        self.marked_by_url.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Mark {
    /// `now`: time since the program began, as in [`Mark::set`].
    pub fn is_set(&self, now: Duration) -> bool {
        self.all.held().get(&self.url).is_some_and(|at| now.saturating_sub(*at) < HOLDS)
    }

    /// Whether that is news.
    pub fn set(&self, now: Duration) -> bool {
        self.all.held().insert(self.url.clone(), now).is_none()
    }

    /// The camera may be another one by now, or mended.
    pub fn clear(&self) {
        self.all.held().remove(&self.url);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_of_one_camera_and_lasts_an_hour_or_until_it_is_cleared() {
        let all = Arc::new(Misread::default());
        let (one, other) = (all.mark("rtsp://one/x"), all.mark("rtsp://other/x"));
        let at = |s| Duration::from_secs(s);
        assert!(one.set(at(5)) && !one.set(at(5)));
        assert!(all.mark("rtsp://one/x").is_set(at(3_604)) && !other.is_set(at(5)));
        assert!(!one.is_set(at(3_605)));
        one.set(at(4_000));
        one.clear();
        assert!(!one.is_set(at(4_000)));
    }
}
