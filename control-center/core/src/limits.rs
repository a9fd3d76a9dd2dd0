//! How often somebody may try: a bucket of tokens per key, in a bounded map. For passwords.

use std::collections::HashMap;
use std::hash::Hash;
use std::time::Duration;

/// Buckets of `burst` tries that fill again by one each `every`. Time is the caller's, monotonic.
#[derive(Debug)]
pub struct Limits<K> {
    burst: f64,
    every: Duration,
    capacity: usize,
    buckets: HashMap<K, Bucket>,
}

#[derive(Debug, Clone, Copy)]
struct Bucket {
    tokens: f64,
    at: Duration,
}

impl<K: Hash + Eq + Clone> Limits<K> {
    /// At most `capacity` keys are remembered; beyond it the one that tried least is forgotten.
    pub fn new(burst: u32, every: Duration, capacity: usize) -> Self {
        Self { burst: f64::from(burst), every, capacity: capacity.max(1), buckets: HashMap::new() }
    }

    /// Takes one try.
    ///
    /// # Errors
    /// How long to wait for the next one.
    pub fn take(&mut self, now: Duration, key: &K) -> Result<(), Duration> {
        let tokens = self.tokens(now, key);
        if tokens < 1.0 {
            return Err(self.every.mul_f64(1.0 - tokens));
        }
        if !self.buckets.contains_key(key) && self.buckets.len() >= self.capacity {
            self.forget(now);
        }
        self.buckets.insert(key.clone(), Bucket { tokens: tokens - 1.0, at: now });
        Ok(())
    }

    /// Gives a try back: it was a good one.
    pub fn give_back(&mut self, now: Duration, key: &K) {
        let tokens = (self.tokens(now, key) + 1.0).min(self.burst);
        if let Some(bucket) = self.buckets.get_mut(key) {
            *bucket = Bucket { tokens, at: now };
        }
    }

    fn tokens(&self, now: Duration, key: &K) -> f64 {
        self.buckets.get(key).map_or(self.burst, |b| self.filled(now, *b))
    }

    fn filled(&self, now: Duration, bucket: Bucket) -> f64 {
        let gained = now.saturating_sub(bucket.at).as_secs_f64() / self.every.as_secs_f64().max(1e-9);
        (bucket.tokens + gained).min(self.burst)
    }

    /// Drops every full bucket, which says nothing, and the fullest one when none was.
    fn forget(&mut self, now: Duration) {
        let (burst, every) = (self.burst, self.every.as_secs_f64().max(1e-9));
        let filled = |b: &Bucket| b.tokens + now.saturating_sub(b.at).as_secs_f64() / every;
        self.buckets.retain(|_, b| filled(b) < burst);
        if self.buckets.len() >= self.capacity {
            let fullest = self.buckets.iter().max_by(|a, b| filled(a.1).total_cmp(&filled(b.1)));
            if let Some(key) = fullest.map(|(key, _)| key.clone()) {
                self.buckets.remove(&key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: Duration = Duration::from_secs(1);

    #[test]
    fn a_burst_then_one_each_half_minute() {
        let mut limits = Limits::new(3, 30 * S, 10);
        let tries = |limits: &mut Limits<&str>, at: Duration| {
            (0..5).filter(|_| limits.take(at, &"admin").is_ok()).count()
        };
        assert_eq!(tries(&mut limits, S), 3);
        assert_eq!(limits.take(S, &"admin"), Err(30 * S));
        assert_eq!(limits.take(S, &"other"), Ok(()));
        assert_eq!(tries(&mut limits, 31 * S), 1);
        assert_eq!(tries(&mut limits, 1000 * S), 3);
    }

    #[test]
    fn a_good_try_costs_nothing() {
        let mut limits = Limits::new(1, 30 * S, 10);
        for _ in 0..5 {
            assert_eq!(limits.take(S, &1), Ok(()));
            limits.give_back(S, &1);
        }
    }

    #[test]
    fn a_flood_of_names_does_not_free_the_one_under_attack() {
        let mut limits = Limits::new(5, 30 * S, 100);
        while limits.take(S, &0).is_ok() {}
        for name in 1..10_000 {
            assert!(limits.take(S, &name).is_ok());
        }
        assert!(limits.buckets.len() <= 100);
        assert!(limits.take(S, &0).is_err());
    }
}
