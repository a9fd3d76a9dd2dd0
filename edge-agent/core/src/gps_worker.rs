//! Buses: tracker -> fix -> outbox. What a tracker stored while it was offline takes the late lane, at a pace.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use hardware_ports::Clock;
use hardware_ports::sink::{GpsReport, NotKept, Sink};
use models_domain::transit::Fix;
use models_domain::{DurationMs, EventBody, UtcMillis};
use tokio::sync::Mutex;

use crate::keep::{KeepEvents, Lane};

/// A fix that was so old when it was received was stored by the device.
const LATE: DurationMs = DurationMs(60_000);
/// Late fixes a second: ten thousand devices that come back at once, with thirty fixes a message, are each answered within
/// ten seconds, and live ones find the machine free meanwhile.
const LATE_PER_S: u32 = 30_000;
/// While the hall falls behind with live ones: it may share this machine, and has all of these to come.
const LATE_PER_S_BEHIND: u32 = 5_000;
/// Without room on the disk for so long, a late fix is refused, and its device keeps it.
const ROOM_WAIT: Duration = Duration::from_secs(20);
const ROOM_LOOK: Duration = Duration::from_millis(100);

/// Turns what trackers report into events. A report is kept when `accept` returns, and only then is the device answered.
pub struct GpsWorker {
    keep: Arc<dyn KeepEvents>,
    clock: Arc<dyn Clock>,
    /// When the next late fixes may be taken.
    next_late: std::sync::Mutex<Duration>,
    /// Who waits for room on the disk waits in order.
    room: Mutex<()>,
}

impl GpsWorker {
    pub fn new(keep: Arc<dyn KeepEvents>, clock: Arc<dyn Clock>) -> Self {
        Self { keep, clock, next_late: std::sync::Mutex::default(), room: Mutex::default() }
    }

    async fn keep_late(&self, fixes: Vec<Fix>) -> Result<(), NotKept> {
        let count = fixes.len();
        tokio::time::sleep(self.turn(count)).await;
        if self.keep.is_full(Lane::Late, count) {
            let room = async {
                let _turn = self.room.lock().await;
                while self.keep.is_full(Lane::Late, count) {
                    tokio::time::sleep(ROOM_LOOK).await;
                }
            };
            // Where there is none after all, the disk says so.
            drop(tokio::time::timeout(ROOM_WAIT, room).await);
        }
        self.keep.keep_all(facts(fixes), Lane::Late)
    }

    /// How long so many late fixes have to wait. Each has a moment of its own: whose moment has come does not wait for another.
    fn turn(&self, count: usize) -> Duration {
        let now = self.clock.elapsed();
        let mut next = self.next_late.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let begins = (*next).max(now);
        let per_s = if self.keep.is_behind() { LATE_PER_S_BEHIND } else { LATE_PER_S };
        *next = begins + Duration::from_secs(1) * u32::try_from(count).unwrap_or(u32::MAX) / per_s;
        begins - now
    }
}

fn facts(fixes: Vec<Fix>) -> Vec<(UtcMillis, EventBody)> {
    fixes.into_iter().map(|fix| (fix.at, EventBody::Fix(fix))).collect()
}

#[async_trait]
impl Sink<GpsReport> for GpsWorker {
    async fn accept(&self, report: GpsReport) -> Result<(), NotKept> {
        self.accept_all(vec![report]).await
    }

    async fn accept_all(&self, reports: Vec<GpsReport>) -> Result<(), NotKept> {
        let fixes = reports.into_iter().map(|GpsReport::Fix(fix)| fix);
        let (late, live): (Vec<Fix>, Vec<Fix>) = fixes.partition(|fix| fix.at + LATE < fix.received);
        if !live.is_empty() {
            // One write to disk, no waiting for the hall: short enough for the thread that also reads sockets.
            self.keep.keep_all(facts(live), Lane::Live)?;
        }
        if !late.is_empty() {
            self.keep_late(late).await?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use models_domain::geo::LatLon;
    use models_domain::transit::Fix;
    use models_domain::{EventId, MetersPerSecond, Seq, UtcMillis, VehicleId};

    use super::*;

    /// Keeps until it is full.
    struct Keeper {
        kept: Mutex<Vec<(Lane, UtcMillis, EventBody)>>,
        room: usize,
        behind: std::sync::atomic::AtomicBool,
    }

    impl KeepEvents for Keeper {
        fn keep(&self, at: UtcMillis, body: EventBody) -> Result<EventId, NotKept> {
            self.keep_all(vec![(at, body)], Lane::Live)?;
            Ok(EventId { boot: 1, seq: Seq(1) })
        }

        fn keep_all(&self, facts: Vec<(UtcMillis, EventBody)>, lane: Lane) -> Result<(), NotKept> {
            let mut kept = self.kept.lock().map_err(|_| NotKept("lock".to_owned()))?;
            if kept.len() + facts.len() > self.room {
                return Err(NotKept("the disk is full".to_owned()));
            }
            kept.extend(facts.into_iter().map(|(at, body)| (lane, at, body)));
            Ok(())
        }

        fn is_behind(&self) -> bool {
            self.behind.load(std::sync::atomic::Ordering::Relaxed)
        }
    }

    fn fix(at: i64, received: i64) -> Fix {
        Fix {
            vehicle: VehicleId::new("864717003283581").unwrap(),
            at: UtcMillis(at),
            received: UtcMillis(received),
            position: LatLon::new(21.028, 105.852),
            speed: MetersPerSecond(10.0),
            course: None,
            altitude: None,
            valid: true,
            protocol: "gt06".to_owned(),
            told: models_domain::transit::Told::default(),
        }
    }

    fn worker(room: usize) -> (Arc<Keeper>, GpsWorker) {
        let keeper = Arc::new(Keeper { kept: Mutex::default(), room, behind: false.into() });
        let clock = Arc::new(hardware_ports::FakeClock::at(UtcMillis(0)));
        (keeper.clone(), GpsWorker::new(keeper, clock))
    }

    #[tokio::test]
    async fn a_fix_becomes_an_event_of_its_own_time() {
        let (keeper, worker) = worker(1);
        let fix = fix(7, 9);
        assert_eq!(worker.accept(GpsReport::Fix(fix.clone())).await, Ok(()));
        assert_eq!(*keeper.kept.lock().unwrap(), [(Lane::Live, UtcMillis(7), EventBody::Fix(fix.clone()))]);
        let full = worker.accept(GpsReport::Fix(fix)).await;
        assert_eq!(full, Err(NotKept("the disk is full".to_owned())));
    }

    #[tokio::test]
    async fn what_a_device_stored_goes_apart() {
        let (keeper, worker) = worker(9);
        let message = [fix(100_000, 200_000), fix(200_000, 200_000), fix(130_000, 200_000)];
        assert_eq!(worker.accept_all(message.map(GpsReport::Fix).into()).await, Ok(()));
        let lanes: Vec<_> = keeper.kept.lock().unwrap().iter().map(|(lane, at, _)| (*lane, at.0)).collect();
        assert_eq!(lanes, [(Lane::Live, 200_000), (Lane::Late, 100_000), (Lane::Late, 130_000)]);
    }

    #[tokio::test]
    async fn while_the_hall_is_behind_devices_wait_longer_with_what_they_stored() {
        let (keeper, worker) = worker(9);
        // The clock stands still: each waits for all before it.
        let mut waited = Duration::ZERO;
        let mut more = || {
            let wait = worker.turn(15_000);
            std::mem::replace(&mut waited, wait).abs_diff(wait)
        };
        more();
        more();
        let at_ease = more();
        keeper.behind.store(true, std::sync::atomic::Ordering::Relaxed);
        more();
        assert_eq!((at_ease, more()), (Duration::from_millis(500), Duration::from_secs(3)));
    }

    #[tokio::test]
    async fn live_fixes_overtake_a_storm_of_late_ones() {
        let (keeper, worker) = worker(1_000_000);
        let worker = Arc::new(worker);
        let mut storm = tokio::task::JoinSet::new();
        for _ in 0..10 {
            let worker = worker.clone();
            let late = (0..1_000).map(|_| GpsReport::Fix(fix(0, 100_000))).collect();
            storm.spawn(async move { worker.accept_all(late).await });
        }
        while keeper.kept.lock().unwrap().is_empty() {
            tokio::task::yield_now().await;
        }
        worker.accept(GpsReport::Fix(fix(100_000, 100_000))).await.unwrap();
        let place = || keeper.kept.lock().unwrap().iter().position(|(lane, _, _)| *lane == Lane::Live);
        assert!(place().is_some_and(|place| place < 5_000), "{:?}", place());
        assert!(storm.join_all().await.iter().all(Result::is_ok));
        let lanes: Vec<Lane> = keeper.kept.lock().unwrap().iter().map(|(lane, _, _)| *lane).collect();
        assert_eq!((lanes.len(), lanes[10_000]), (10_001, Lane::Late));
    }
}
