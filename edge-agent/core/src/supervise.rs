//! Keeps one task alive until asked to stop: runs it again after every error, ever more patiently, never in step with others.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use hardware_ports::Clock;
use tokio_util::sync::CancellationToken;

const PAUSE_FIRST: Duration = Duration::from_secs(1);
const PAUSE_MAX: Duration = Duration::from_secs(30);
/// A task that held so long was well: its next failure starts with the shortest pause again.
const WELL_AFTER: Duration = Duration::from_secs(60);

/// Any error; its chain is printed once, here.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;

/// How long to wait before the next try. Pure; `chance` is any number, spread evenly.
#[derive(Debug, Default)]
pub struct Backoff {
    failures: u32,
}

impl Backoff {
    /// After a run of `ran`: 1 s, 2 s, 4 s … 30 s, each shortened by up to a quarter so that a thousand poles that lost
    /// the same hall do not come back in the same instant.
    pub fn next(&mut self, ran: Duration, chance: u64) -> Duration {
        self.failures = if ran >= WELL_AFTER { 1 } else { self.failures.saturating_add(1) };
        let doubled = PAUSE_FIRST.saturating_mul(1 << (self.failures - 1).min(10));
        doubled.min(PAUSE_MAX).mul_f64(1.0 - (chance % 256) as f64 / 1024.0)
    }
}

/// Runs `once` again and again until `stop`. `once` gets `stop` too and should end in order when it is cancelled; it is not
/// broken off. A panic counts as an error.
pub async fn forever<F, R>(name: &str, clock: &dyn Clock, stop: &CancellationToken, mut once: F)
where
    F: FnMut() -> R,
    R: Future<Output = Result<(), Failure>> + Send + 'static,
{
    let mut backoff = Backoff::default();
    let mut told = String::new();
    while !stop.is_cancelled() {
        let began = clock.elapsed();
        let result = tokio::spawn(once()).await;
        if stop.is_cancelled() {
            return;
        }
        let ended = clock.elapsed();
        let pause = backoff.next(ended.saturating_sub(began), chance(name, ended));
        let why = match result {
            Ok(Ok(())) => "ended by itself".to_owned(),
            Ok(Err(err)) => chain(&*err),
            Err(panic) => panic.to_string(),
        };
        // The same trouble is told once, not every half minute for a day.
        if why == told {
            tracing::debug!(task = name, "{why}; again in {pause:.1?}");
        } else {
            tracing::error!(task = name, "{why}; trying again until it works");
            told = why;
        }
        tokio::select! {
            () = stop.cancelled() => {}
            () = tokio::time::sleep(pause) => {}
        }
    }
}

/// An error and its causes, once.
pub fn chain(err: &(dyn std::error::Error + 'static)) -> String {
    let causes = std::iter::successors(Some(err), |e| e.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

fn chance(name: &str, at: Duration) -> u64 {
    let mut hasher = DefaultHasher::new();
    (name, at.as_nanos(), std::process::id()).hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    use hardware_ports::SystemClock;

    use super::*;

    #[test]
    fn pauses_grow_and_start_again() {
        let mut backoff = Backoff::default();
        let mut pauses = |ran: u64| backoff.next(Duration::from_secs(ran), 0).as_secs();
        assert_eq!([0, 0, 0, 0, 0, 0, 61, 0].map(&mut pauses), [1, 2, 4, 8, 16, 30, 1, 2]);
        let shortened = Backoff::default().next(Duration::ZERO, 255);
        assert!(shortened > Duration::from_millis(750) && shortened < Duration::from_secs(1));
    }

    #[tokio::test]
    async fn a_panic_is_survived() {
        let (stop, tries) = (CancellationToken::new(), Arc::new(AtomicU32::new(0)));
        forever("cam", &SystemClock::new(), &stop, || {
            let (stop, tries) = (stop.clone(), tries.clone());
            async move {
                match tries.fetch_add(1, Ordering::Relaxed) {
                    0 => panic!("a bug"),
                    _ => {
                        stop.cancel();
                        Ok(())
                    }
                }
            }
        })
        .await;
        assert_eq!(tries.load(Ordering::Relaxed), 2);
    }
}
