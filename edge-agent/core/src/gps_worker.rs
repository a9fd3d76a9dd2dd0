//! Buses: tracker -> fix -> outbox.

use std::sync::Arc;

use async_trait::async_trait;
use hardware_ports::sink::{GpsReport, NotKept, Sink};
use models_domain::EventBody;

use crate::keep::KeepEvents;

/// Turns what trackers report into events. A report is kept when `accept` returns, and only then is the device answered.
pub struct GpsWorker {
    keep: Arc<dyn KeepEvents>,
}

impl GpsWorker {
    pub fn new(keep: Arc<dyn KeepEvents>) -> Self {
        Self { keep }
    }
}

#[async_trait]
impl Sink<GpsReport> for GpsWorker {
    async fn accept(&self, GpsReport::Fix(fix): GpsReport) -> Result<(), NotKept> {
        // One write to disk, no waiting for the hall: short enough for the thread that also reads sockets.
        let id = self.keep.keep(fix.at, EventBody::Fix(fix))?;
        tracing::trace!(%id, "fix kept");
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
        kept: Mutex<Vec<(UtcMillis, EventBody)>>,
        room: usize,
    }

    impl KeepEvents for Keeper {
        fn keep(&self, at: UtcMillis, body: EventBody) -> Result<EventId, NotKept> {
            let mut kept = self.kept.lock().map_err(|_| NotKept("lock".to_owned()))?;
            if kept.len() == self.room {
                return Err(NotKept("the disk is full".to_owned()));
            }
            kept.push((at, body));
            Ok(EventId { boot: 1, seq: Seq(kept.len() as u64) })
        }
    }

    #[tokio::test]
    async fn a_fix_becomes_an_event_of_its_own_time() {
        let keeper = Arc::new(Keeper { kept: Mutex::default(), room: 1 });
        let worker = GpsWorker::new(keeper.clone());
        let fix = Fix {
            vehicle: VehicleId::new("864717003283581").unwrap(),
            at: UtcMillis(7),
            received: UtcMillis(9),
            position: LatLon::new(21.028, 105.852),
            speed: MetersPerSecond(10.0),
            course: None,
            altitude: None,
            valid: true,
            protocol: "gt06".to_owned(),
        };
        assert_eq!(worker.accept(GpsReport::Fix(fix.clone())).await, Ok(()));
        assert_eq!(*keeper.kept.lock().unwrap(), [(UtcMillis(7), EventBody::Fix(fix.clone()))]);
        let full = worker.accept(GpsReport::Fix(fix)).await;
        assert_eq!(full, Err(NotKept("the disk is full".to_owned())));
    }
}
