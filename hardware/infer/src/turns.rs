//! One thing, many users: served in the order they came, so that no camera starves another.

use std::ops::{Deref, DerefMut};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// A value behind a queue. Bounded by its users: each waits for its own turn and holds one place at most.
pub struct Turns<T> {
    queue: Mutex<Queue>,
    moved: Condvar,
    value: Mutex<T>,
}

#[derive(Default)]
struct Queue {
    /// The next number to hand out.
    next: u64,
    /// The number whose turn it is.
    serving: u64,
}

/// The value, until dropped.
pub struct Turn<'a, T> {
    turns: &'a Turns<T>,
    value: MutexGuard<'a, T>,
}

impl<T> Turns<T> {
    pub fn new(value: T) -> Self {
        Self { queue: Mutex::default(), moved: Condvar::new(), value: Mutex::new(value) }
    }

    /// Waits until everybody who came before is done.
    pub fn take(&self) -> Turn<'_, T> {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        let mine = queue.next;
        queue.next += 1;
        while queue.serving != mine {
            queue = self.moved.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
        drop(queue);
        // A user who panicked has left a session as usable as before: ONNX Runtime keeps no state between runs.
        let value = self.value.lock().unwrap_or_else(PoisonError::into_inner);
        Turn { turns: self, value }
    }
}

impl<T> Drop for Turn<'_, T> {
    fn drop(&mut self) {
        self.turns.queue.lock().unwrap_or_else(PoisonError::into_inner).serving += 1;
        self.turns.moved.notify_all();
    }
}

impl<T> Deref for Turn<'_, T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T> DerefMut for Turn<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.value
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    fn waiting(turns: &Turns<Vec<usize>>) -> u64 {
        let queue = turns.queue.lock().unwrap();
        queue.next - queue.serving
    }

    #[test]
    fn first_come_first_served() {
        let turns = Turns::new(Vec::new());
        thread::scope(|scope| {
            let held = turns.take();
            for i in 0..8 {
                let turns = &turns;
                scope.spawn(move || turns.take().push(i));
                // The next one comes only when this one stands in the queue.
                while waiting(turns) < i as u64 + 2 {
                    thread::yield_now();
                }
            }
            drop(held);
        });
        assert_eq!(*turns.take(), [0, 1, 2, 3, 4, 5, 6, 7]);
    }

    #[test]
    fn a_panic_does_not_stop_the_queue() {
        let turns = Turns::new(1);
        thread::scope(|scope| {
            let died = scope.spawn(|| {
                let _held = turns.take();
                panic!("on purpose");
            });
            assert!(died.join().is_err());
        });
        assert_eq!(*turns.take(), 1);
    }
}
