//! A few alike things, many users: served in the order they came, so that no camera starves another.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// Values behind one queue. Bounded by its users: each waits for its own turn and holds one place at most.
pub struct Turns<T> {
    queue: Mutex<Queue<T>>,
    moved: Condvar,
}

struct Queue<T> {
    /// The next number to hand out.
    next: u64,
    /// The number whose turn it is, once a value is free.
    serving: u64,
    free: Vec<T>,
}

impl<T> Turns<T> {
    /// At least one value, or nobody is ever served.
    pub fn new(values: Vec<T>) -> Self {
        let queue = Queue { next: 0, serving: 0, free: values };
        Self { queue: Mutex::new(queue), moved: Condvar::new() }
    }

    /// Waits until everybody who came before is served and a value is free, and works with that one.
    pub fn with<R>(&self, work: impl FnOnce(&mut T) -> R) -> R {
        let mut value = self.take();
        let done = catch_unwind(AssertUnwindSafe(|| work(&mut value)));
        // A user who panicked has left a session as usable as before: ONNX Runtime keeps no state between runs.
        self.queue().free.push(value);
        self.moved.notify_all();
        done.unwrap_or_else(|panic| resume_unwind(panic))
    }

    fn take(&self) -> T {
        let mut queue = self.queue();
        let mine = queue.next;
        queue.next += 1;
        loop {
            if queue.serving == mine
                && let Some(value) = queue.free.pop()
            {
                queue.serving += 1;
                drop(queue);
                self.moved.notify_all();
                return value;
            }
            queue = self.moved.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn queue(&self) -> MutexGuard<'_, Queue<T>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::sync::mpsc::sync_channel;
    use std::thread;

    use super::*;

    /// How many have come so far.
    fn came(turns: &Turns<()>) -> u64 {
        turns.queue().next
    }

    #[test]
    fn first_come_first_served() {
        let (turns, order) = (Turns::new(vec![()]), Mutex::new(Vec::new()));
        thread::scope(|scope| {
            turns.with(|()| {
                for i in 0..8 {
                    let (turns, order) = (&turns, &order);
                    scope.spawn(move || turns.with(|()| order.lock().unwrap().push(i)));
                    // The next one comes only when this one stands in the queue.
                    while came(turns) < i + 2 {
                        thread::yield_now();
                    }
                }
            });
        });
        assert_eq!(*order.lock().unwrap(), [0, 1, 2, 3, 4, 5, 6, 7]);
    }

    #[test]
    fn so_many_work_side_by_side_as_there_are_values() {
        let turns = Turns::new(vec![1, 2]);
        let (here, both) = sync_channel(64);
        let (go, wait) = sync_channel::<()>(64);
        let wait = Mutex::new(wait);
        thread::scope(|scope| {
            for _ in 0..2 {
                let (turns, here, wait) = (&turns, here.clone(), &wait);
                scope.spawn(move || {
                    turns.with(|value| {
                        here.send(*value).unwrap();
                        wait.lock().unwrap().recv().unwrap();
                    });
                });
            }
            // Both are inside at once, or the second would never say so.
            let mut inside = [both.recv().unwrap(), both.recv().unwrap()];
            inside.sort();
            assert_eq!(inside, [1, 2]);
            (0..2).for_each(|_| go.send(()).unwrap());
        });
    }

    #[test]
    fn a_panic_does_not_stop_the_queue() {
        let turns = Turns::new(vec![1]);
        thread::scope(|scope| {
            let died = scope.spawn(|| turns.with(|_| panic!("on purpose")));
            assert!(died.join().is_err());
        });
        assert_eq!(turns.with(|value| *value), 1);
    }
}
