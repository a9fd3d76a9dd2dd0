//! The only place that reads time.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant, SystemTime};

use models_domain::{DurationMs, UtcMillis};

pub trait Clock: Send + Sync {
    /// The time of day, as well as this machine knows it. May jump.
    fn now(&self) -> UtcMillis;

    /// Time since some fixed moment of this run. Never jumps, never runs backwards.
    fn elapsed(&self) -> Duration;
}

pub struct SystemClock {
    started: Instant,
}

impl SystemClock {
    #[allow(clippy::disallowed_methods, reason = "this is the one place")]
    pub fn new() -> Self {
        Self { started: Instant::now() }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    #[allow(clippy::disallowed_methods, reason = "this is the one place")]
    fn now(&self) -> UtcMillis {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        UtcMillis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }

    #[allow(clippy::disallowed_methods, reason = "this is the one place")]
    fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }
}

/// A clock that moves only when told to.
pub struct FakeClock {
    now: AtomicI64,
    start: i64,
}

impl FakeClock {
    pub fn at(now: UtcMillis) -> Self {
        Self { now: AtomicI64::new(now.0), start: now.0 }
    }

    pub fn advance(&self, by: DurationMs) {
        self.now.fetch_add(by.0, Ordering::Relaxed);
    }
}

impl Clock for FakeClock {
    fn now(&self) -> UtcMillis {
        UtcMillis(self.now.load(Ordering::Relaxed))
    }

    fn elapsed(&self) -> Duration {
        let ms = self.now.load(Ordering::Relaxed) - self.start;
        Duration::from_millis(u64::try_from(ms).unwrap_or(0))
    }
}
