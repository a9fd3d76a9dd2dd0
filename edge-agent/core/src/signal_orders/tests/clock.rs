//! Clocks that are set while orders wait, are read back or are counted.

use std::sync::atomic::{AtomicI64, Ordering};

use hardware_ports::Synchrony;

use super::*;

/// Its time of day is set, and how long it has run goes on.
struct Set {
    runs: FakeClock,
    ahead_ms: AtomicI64,
}

impl Clock for Set {
    fn now(&self) -> UtcMillis {
        self.runs.now() + DurationMs(self.ahead_ms.load(Ordering::Relaxed))
    }

    fn elapsed(&self) -> Duration {
        self.runs.elapsed()
    }

    fn synchrony(&self) -> Synchrony {
        self.runs.synchrony()
    }
}

/// A pole with such a clock; its own stands still at the time at which both begin.
fn set() -> (Pole, Arc<Set>) {
    let mut pole = pole();
    let clock = Arc::new(Set { runs: FakeClock::at(pole.clock.now()), ahead_ms: AtomicI64::new(0) });
    pole.orders = opened(pole.dir.path(), &pole.street, &pole.lines, &pole.board, clock.clone());
    (pole, clock)
}

fn set_back(clock: &Set) {
    clock.ahead_ms.store(-500_000, Ordering::Relaxed);
}

#[tokio::test]
async fn the_own_plan_is_read_back_for_no_longer_when_the_clock_is_set_back() {
    let (pole, clock) = set();
    assert_eq!(pole.taken(pole.order(7, Wanted::Plan(2))), "");
    pole.told(&[DONE]).await;
    pole.street.now.lock().unwrap().mode = Some(Mode::Flash);
    *pole.street.keeps.lock().unwrap() = Some(Put::Taken);
    assert_eq!(pole.taken(pole.order(8, Wanted::OwnPlan)), "");
    pole.until(|pole| pole.released().len() == 1).await;
    set_back(&clock);
    clock.runs.advance(DurationMs(15_000));
    pole.told(&[DONE, "7 ending order", "8 done mode normal, plan 1, green 1"]).await;
}

#[tokio::test]
async fn an_order_waits_for_its_moment_no_longer_when_the_clock_is_set_back() {
    let (pole, clock) = set();
    pole.board.update_junction(&junction(), |now| {
        now.seen.report(UtcMillis(998_000), "BB");
        now.seen.report(UtcMillis(999_000), "1B");
    });
    let patient = v1::SignalOrder { patience_ms: 20_000, ..pole.order(7, Wanted::Flash) };
    assert_eq!(pole.taken(patient), "");
    pole.until(|pole| pole.orders.turns[&junction()].try_lock().is_err()).await;
    set_back(&clock);
    clock.runs.advance(DurationMs(19_999));
    tokio::time::sleep(LOOK).await;
    pole.told(&[]).await;
    clock.runs.advance(DurationMs(1));
    pole.told(&["7 refused signal group 1 has its minimum green until 1004000"]).await;
    assert_eq!(*pole.street.now.lock().unwrap(), OWN);
}

#[tokio::test]
async fn a_clock_that_is_set_back_keeps_nobody_from_ordering_for_longer_than_a_minute() {
    let pole = pole();
    let stop = pole.run();
    for number in 7..13 {
        assert_eq!(pole.taken(pole.order(number, Wanted::OwnPlan)), "");
    }
    assert_eq!(pole.taken(pole.order(13, Wanted::Plan(2))), "too_many_changes");
    pole.clock.advance(DurationMs(-500_000));
    assert_eq!(pole.taken(pole.order(14, Wanted::Plan(2))), "too_many_changes");
    let now = pole.clock.now();
    for _ in 0..400 {
        if pole.orders.books.of(&junction()).taken.iter().all(|then| *then <= now) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    pole.clock.advance(DurationMs(59_999));
    assert_eq!(pole.taken(pole.order(15, Wanted::Plan(2))), "too_many_changes");
    pole.clock.advance(DurationMs(1));
    assert_eq!(pole.taken(pole.order(16, Wanted::Plan(2))), "");
    stop.cancel();
}

#[tokio::test]
async fn a_clock_that_is_ahead_for_a_look_forgets_no_order() {
    let pole = pole();
    let stop = pole.run();
    for number in 7..13 {
        assert_eq!(pole.taken(pole.order(number, Wanted::OwnPlan)), "");
    }
    pole.clock.advance(DurationMs(60_000));
    tokio::time::sleep(LOOK * 2).await;
    pole.clock.advance(DurationMs(-60_000));
    assert_eq!(pole.taken(pole.order(13, Wanted::Plan(2))), "too_many_changes");
    stop.cancel();
}
