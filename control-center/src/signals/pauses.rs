//! What is not called for before a moment: of a pole that is being asked, or that could not be asked to let go. That is tried again later
//! and later, for as long as its order stands.

use std::collections::BTreeMap;

use models_domain::UtcMillis;
use models_domain::signal::order::again_after;

/// What came of asking a pole to let go of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Back {
    /// Nothing of it stands any more.
    Over,
    /// It could not be asked, or did not do it; the order's own end.
    NotYet { ends: Option<UtcMillis> },
}

/// By what is called for.
#[derive(Debug, Clone)]
pub struct Pauses<K>(BTreeMap<K, Pause>);

#[derive(Debug, Clone, Copy)]
struct Pause {
    until: UtcMillis,
    /// How often in a row it was in vain.
    times: u32,
}

/// Of who is being asked.
const ASKED: UtcMillis = UtcMillis(i64::MAX);

impl<K> Default for Pauses<K> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<K: Ord> Pauses<K> {
    /// Whether it is not to be called for at `now`.
    pub fn holds(&self, key: &K, now: UtcMillis) -> bool {
        self.0.get(key).is_some_and(|pause| pause.until > now)
    }

    /// Whether anybody is being asked.
    pub fn is_asking(&self) -> bool {
        self.0.values().any(|pause| pause.until == ASKED)
    }

    /// Until it is answered.
    pub fn asked(&mut self, key: K) {
        self.wait(key, ASKED);
    }

    pub fn wait(&mut self, key: K, until: UtcMillis) {
        self.0.entry(key).or_insert(Pause { until, times: 0 }).until = until;
    }

    /// It was in vain: when it is tried again. Not later than when its order ends, after which nothing of it stands; a try like that
    /// exhausts nothing.
    pub fn again(&mut self, key: K, now: UtcMillis, ends: Option<UtcMillis>) -> UtcMillis {
        let pause = self.0.entry(key).or_insert(Pause { until: now, times: 0 });
        let next = now + again_after(pause.times);
        pause.until = ends.filter(|ends| *ends > now).map_or(next, |ends| next.min(ends));
        pause.times = pause.times.saturating_add(1);
        pause.until
    }

    /// It was done, or another thing is to be done.
    pub fn done(&mut self, key: &K) {
        self.0.remove(key);
    }

    /// Somebody wants it now: who is not being asked is asked at once, and anew.
    pub fn hurry(&mut self) {
        self.0.retain(|_, pause| pause.until == ASKED);
    }

    pub fn retain(&mut self, stays: impl Fn(&K) -> bool) {
        self.0.retain(|key, _| stays(key));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn later_and_later_until_the_order_ends_and_anew_after_that() {
        let mut pauses = Pauses::default();
        let mut now = UtcMillis(0);
        let ends = UtcMillis(100_000);
        let mut tries = Vec::new();
        while now < ends {
            pauses.asked("a");
            assert!(pauses.is_asking() && pauses.holds(&"a", UtcMillis(i64::MAX - 1)));
            let next = pauses.again("a", now, Some(ends));
            assert!(pauses.holds(&"a", UtcMillis(next.0 - 1)) && !pauses.holds(&"a", next));
            assert!(!pauses.is_asking() && !pauses.holds(&"b", now));
            tries.push(next.0 / 1_000);
            now = next;
        }
        assert_eq!(tries, [3, 9, 21, 45, 93, 100]);
        // Of one whose end is not known.
        assert_eq!(pauses.again("a", now, None), UtcMillis(160_000));
        pauses.done(&"a");
        assert_eq!(pauses.again("a", now, None), UtcMillis(103_000));
        pauses.retain(|key| *key == "b");
        assert_eq!(pauses.again("a", now, None), UtcMillis(103_000));
    }

    #[test]
    fn what_is_hurried_waits_for_nothing_but_an_answer() {
        let (mut pauses, now) = (Pauses::default(), UtcMillis(0));
        pauses.asked("asked");
        assert_eq!([0; 3].map(|_: i32| pauses.again("waits", now, None).0), [3_000, 6_000, 12_000]);
        pauses.hurry();
        assert!(pauses.holds(&"asked", now) && !pauses.holds(&"waits", now));
        assert_eq!(pauses.again("waits", now, None), UtcMillis(3_000));
    }
}
