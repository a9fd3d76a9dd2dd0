//! What the hall does by itself: one file per task, one list, one supervisor.

mod advices;
mod bus_days;
pub mod bus_lists;
mod bus_priority;
mod calendars;
mod emergencies;
mod emergency_routes;
mod enrolment;
mod evidence;
mod health;
mod housekeeping;
mod ingest;
pub mod prediction_scores;
mod presence;
mod signal_orders;
mod signal_plans;
pub mod state;
mod tracker_orders;
mod traffic;
mod transit;

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;

use crate::hall::Hall;

type Work = Pin<Box<dyn Future<Output = anyhow::Result<()>> + Send>>;

/// One task: runs until it fails or has nothing more to do, and is then begun again.
pub struct Task {
    name: &'static str,
    run: fn(Arc<Hall>) -> Work,
}

/// Every task of the hall. Add a file, its `mod` and its line.
static ALL: &[Task] = &[
    Task { name: "enrolment", run: |hall| Box::pin(enrolment::run(hall)) },
    Task { name: "presence", run: |hall| Box::pin(presence::run(hall)) },
    Task { name: "state", run: |hall| Box::pin(state::run(hall)) },
    Task { name: "ingest", run: |hall| Box::pin(ingest::run(hall)) },
    Task { name: "evidence", run: |hall| Box::pin(evidence::run(hall)) },
    Task { name: "tracker orders", run: |hall| Box::pin(tracker_orders::run(hall)) },
    Task { name: "signal orders", run: |hall| Box::pin(signal_orders::run(hall)) },
    Task { name: "calendars", run: |hall| Box::pin(calendars::run(hall)) },
    Task { name: "advices", run: |hall| Box::pin(advices::run(hall)) },
    Task { name: "bus priority", run: |hall| Box::pin(bus_priority::run(hall)) },
    Task { name: "emergencies", run: |hall| Box::pin(emergencies::run(hall)) },
    Task { name: "emergency routes", run: |hall| Box::pin(emergency_routes::run(hall)) },
    Task { name: "health of controllers", run: |hall| Box::pin(health::run(hall)) },
    Task { name: "signal plans", run: |hall| Box::pin(signal_plans::run(hall)) },
    Task { name: "transit", run: |hall| Box::pin(transit::run(hall)) },
    Task { name: "prediction scores", run: |hall| Box::pin(prediction_scores::run(hall)) },
    Task { name: "traffic", run: |hall| Box::pin(traffic::run(hall)) },
    Task { name: "bus days", run: |hall| Box::pin(bus_days::run(hall)) },
    Task { name: "bus lists", run: |hall| Box::pin(bus_lists::run(hall)) },
    Task { name: "housekeeping", run: |hall| Box::pin(housekeeping::run(hall)) },
];

const PAUSE: Duration = Duration::from_secs(1);

/// Starts every task; they end when the hall stops.
pub fn start(hall: &Arc<Hall>) -> JoinSet<()> {
    let mut tasks = JoinSet::new();
    for task in ALL {
        tasks.spawn(forever(task, hall.clone()));
    }
    tasks
}

async fn forever(task: &'static Task, hall: Arc<Hall>) {
    loop {
        tokio::select! {
            biased;
            () = hall.stop.cancelled() => return,
            result = (task.run)(hall.clone()) => if let Err(err) = result {
                tracing::error!(task = task.name, "{err:#}; again in {PAUSE:?}");
            }
        }
        tokio::select! {
            biased;
            () = hall.stop.cancelled() => return,
            () = tokio::time::sleep(PAUSE) => {}
        }
    }
}
