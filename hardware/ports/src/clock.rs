//! The only place that reads time.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant, SystemTime};

use models_domain::{DurationMs, UtcMillis};

pub trait Clock: Send + Sync {
    /// The time of day, as well as this machine knows it. May jump.
    fn now(&self) -> UtcMillis;

    /// Time since some fixed moment of this run. Never jumps, never runs backwards.
    fn elapsed(&self) -> Duration;

    /// Whether something keeps the time of day.
    fn synchrony(&self) -> Synchrony;
}

/// Whether other clocks may be set by this machine's time of day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Synchrony {
    /// Something such as NTP keeps it.
    Synchronised,
    Unsynchronised,
    /// The system cannot be asked.
    Unknown,
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

    fn synchrony(&self) -> Synchrony {
        kernel_says()
    }
}

/// What the kernel knows of whoever keeps its clock (adjtimex(2)). To ask needs no right, but some containers forbid it.
#[cfg(target_os = "linux")]
fn kernel_says() -> Synchrony {
    let mut asked = std::mem::MaybeUninit::<libc::timex>::zeroed();
    // SAFETY: adjtimex(2) writes one timex through the pointer, and changes nothing where `modes` is 0; zeroed is a valid timex
    // should it fail.
    #[allow(unsafe_code, reason = "libc has no safe form of adjtimex")]
    let (state, told) = unsafe {
        let state = libc::adjtimex(asked.as_mut_ptr());
        (state, asked.assume_init())
    };
    match state {
        ..0 => Synchrony::Unknown,
        libc::TIME_ERROR => Synchrony::Unsynchronised,
        _ if told.status & libc::STA_UNSYNC != 0 => Synchrony::Unsynchronised,
        _ => Synchrony::Synchronised,
    }
}

#[cfg(not(target_os = "linux"))]
fn kernel_says() -> Synchrony {
    Synchrony::Unknown
}

/// A clock that moves only when told to, and is always right.
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

    fn synchrony(&self) -> Synchrony {
        Synchrony::Synchronised
    }
}
