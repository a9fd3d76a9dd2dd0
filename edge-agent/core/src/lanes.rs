//! Lanes: so many cameras decode and analyse at the same time as there are cores, the important ones first.
//!
//! A camera waits for its turn, works on a blocking thread, and gives the lane back. How long work waits says how far the
//! machine is behind, and `shedding` turns that into what each camera still gets.

mod shedding;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hardware_ports::Clock;
use hardware_ports::infer::Priority;
use tokio::sync::oneshot;

pub use shedding::Grant;
use shedding::Shedding;

/// Who has waited this long counts as one class higher: nobody waits for ever.
const PROMOTED: Duration = Duration::from_secs(1);

pub struct Lanes {
    state: Mutex<State>,
    clock: Arc<dyn Clock>,
    place: Place,
}

/// Where the work is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Pool,
    /// Where it is asked for, at once: for tests, which want one order of things.
    Here,
}

struct State {
    free: usize,
    /// By class, first come first served.
    waiting: [VecDeque<Waiting>; CLASSES],
    shedding: Shedding,
    seats: u64,
}

struct Waiting {
    since: Duration,
    turn: oneshot::Sender<Turn>,
}

const CLASSES: usize = 3;

fn index(priority: Priority) -> usize {
    match priority {
        Priority::Health => 0,
        Priority::Incident => 1,
        Priority::Counting => 2,
    }
}

/// A lane, until dropped.
struct Turn {
    lanes: Arc<Lanes>,
}

impl Drop for Turn {
    fn drop(&mut self) {
        let next = {
            let mut state = self.lanes.held();
            state.free += 1;
            state.next(self.lanes.clock.elapsed())
        };
        self.lanes.hand(next);
    }
}

impl State {
    /// Takes a free lane for the one whose turn it is.
    fn next(&mut self, now: Duration) -> Option<Waiting> {
        if self.free == 0 {
            return None;
        }
        let rank = |class: usize| {
            let waited = now.saturating_sub(self.waiting.get(class)?.front()?.since);
            Some((class as f64 + waited.as_secs_f64() / PROMOTED.as_secs_f64(), class))
        };
        let (_, class) = (0..CLASSES).filter_map(rank).max_by(|a, b| a.0.total_cmp(&b.0))?;
        let next = self.waiting.get_mut(class)?.pop_front()?;
        self.free -= 1;
        Some(next)
    }
}

impl Lanes {
    /// As many as the machine has cores for pictures.
    pub fn new(lanes: usize, clock: Arc<dyn Clock>) -> Arc<Self> {
        Self::made(lanes.max(1), clock, Place::Pool)
    }

    /// Works where it is asked to, at once, for tests.
    pub fn here(clock: Arc<dyn Clock>) -> Arc<Self> {
        Self::made(1, clock, Place::Here)
    }

    fn made(free: usize, clock: Arc<dyn Clock>, place: Place) -> Arc<Self> {
        let shedding = Shedding::new(clock.elapsed());
        let state = State { free, waiting: Default::default(), shedding, seats: 0 };
        Arc::new(Self { state: Mutex::new(state), clock, place })
    }

    /// A camera's place, which wants so many pictures a second.
    pub fn seat(self: &Arc<Self>, priority: Priority, fps: f64) -> Seat {
        let mut state = self.held();
        state.seats += 1;
        let number = state.seats;
        state.shedding.join(priority, number, fps);
        Seat { lanes: Arc::clone(self), priority, number }
    }

    async fn work<T: Send + 'static>(
        self: &Arc<Self>,
        priority: Priority,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> T {
        if self.place == Place::Here {
            return work();
        }
        let turn = self.turn(priority).await;
        let done = tokio::task::spawn_blocking(move || {
            let done = work();
            drop(turn);
            done
        });
        match done.await {
            Ok(done) => done,
            Err(err) if err.is_panic() => std::panic::resume_unwind(err.into_panic()),
            // The runtime is going down and takes this task with it.
            Err(_) => std::future::pending().await,
        }
    }

    async fn turn(self: &Arc<Self>, priority: Priority) -> Turn {
        let (turn, come) = oneshot::channel();
        let next = {
            let mut state = self.held();
            let now = self.clock.elapsed();
            if let Some(class) = state.waiting.get_mut(index(priority)) {
                class.push_back(Waiting { since: now, turn });
            }
            state.next(now)
        };
        self.hand(next);
        match come.await {
            Ok(turn) => turn,
            // Only when all lanes are gone, and with them whoever could ask.
            Err(_) => std::future::pending().await,
        }
    }

    /// Not under the lock: who does not wait any more gives the lane back at once.
    fn hand(self: &Arc<Self>, next: Option<Waiting>) {
        if let Some(next) = next {
            drop(next.turn.send(Turn { lanes: Arc::clone(self) }));
        }
    }

    fn held(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One camera's place among those that share the lanes, until dropped.
pub struct Seat {
    lanes: Arc<Lanes>,
    priority: Priority,
    number: u64,
}

impl Seat {
    /// Waits for a turn, then works on a thread where blocking is allowed. `since`: when the work became due, by the
    /// monotonic clock. A panic of the work goes on in the caller.
    pub async fn work<T: Send + 'static>(
        &self,
        since: Duration,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> T {
        let (lanes, priority) = (Arc::clone(&self.lanes), self.priority);
        let told = move || {
            let now = lanes.clock.elapsed();
            lanes.held().shedding.waited(now, priority, now.saturating_sub(since));
            work()
        };
        self.lanes.work(self.priority, told).await
    }

    /// What the camera gets now.
    pub fn grant(&self) -> Grant {
        self.lanes.held().shedding.grant(self.priority, self.number)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.lanes.held().shedding.leave(self.priority, self.number);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::sync_channel;

    use hardware_ports::FakeClock;
    use models_domain::{DurationMs, UtcMillis};

    use super::*;

    /// One lane is taken; these ask for it in this order, this long apart; in which order they get it.
    async fn order(asked: &[(Priority, i64)]) -> Vec<usize> {
        let clock = Arc::new(FakeClock::at(UtcMillis(0)));
        let lanes = Lanes::new(1, clock.clone());
        let first = lanes.turn(Priority::Health).await;
        let (told, order) = sync_channel(asked.len());
        let mut asking = tokio::task::JoinSet::new();
        for (i, (priority, after)) in asked.iter().copied().enumerate() {
            clock.advance(DurationMs(after));
            let (of_task, told) = (lanes.clone(), told.clone());
            asking.spawn(async move { of_task.work(priority, move || told.send(i).unwrap()).await });
            while lanes.held().waiting.iter().map(VecDeque::len).sum::<usize>() <= i {
                tokio::task::yield_now().await;
            }
        }
        drop(first);
        asking.join_all().await;
        order.try_iter().collect()
    }

    #[tokio::test]
    async fn important_cameras_go_first_and_nobody_waits_for_ever() {
        use Priority::{Counting, Health, Incident};
        assert_eq!(order(&[(Health, 0), (Incident, 1), (Counting, 1), (Counting, 1)]).await, [2, 3, 1, 0]);
        assert_eq!(order(&[(Health, 0), (Counting, 2_500), (Incident, 1)]).await, [0, 1, 2]);
    }

    #[tokio::test]
    async fn a_turn_nobody_waits_for_any_more_goes_to_the_next() {
        let lanes = Lanes::new(1, Arc::new(FakeClock::at(UtcMillis(0))));
        let first = lanes.turn(Priority::Counting).await;
        let gone = tokio::spawn({
            let lanes = lanes.clone();
            async move { lanes.turn(Priority::Counting).await }
        });
        while lanes.held().waiting[2].is_empty() {
            tokio::task::yield_now().await;
        }
        gone.abort();
        assert!(gone.await.is_err());
        drop(first);
        assert_eq!(lanes.work(Priority::Health, || 5).await, 5);
    }
}
