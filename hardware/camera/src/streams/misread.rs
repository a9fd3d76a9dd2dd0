//! Cameras whose packets `retina` cannot make sense of: rtspsrc reads them the next time.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Addresses of such cameras, as they are configured: never shown, since they hold passwords. There are no more of them
/// than cameras.
#[derive(Default)]
pub struct Misread {
    urls: Mutex<BTreeSet<String>>,
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

    fn held(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.urls.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Mark {
    pub fn is_set(&self) -> bool {
        self.all.held().contains(&self.url)
    }

    /// Whether that is news.
    pub fn set(&self) -> bool {
        self.all.held().insert(self.url.clone())
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
    fn a_mark_is_of_one_camera_and_lasts_until_it_is_cleared() {
        let all = Arc::new(Misread::default());
        let (one, other) = (all.mark("rtsp://one/x"), all.mark("rtsp://other/x"));
        assert!(one.set() && !one.set());
        assert!(all.mark("rtsp://one/x").is_set() && !other.is_set());
        one.clear();
        assert!(!one.is_set());
    }
}
