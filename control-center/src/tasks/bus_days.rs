//! Days of buses reckoned anew in the background, one bus's day at a time: where reports came late, verdicts changed, a day is over.

use std::sync::Arc;
use std::time::Duration;

use control_center_store::{BusNews, Due};
use models_domain::DurationMs;

use super::transit::work;
use crate::hall::Hall;
use crate::transit::Anew;

/// A bus that still sends what it stored is waited for, but not for longer than this.
const CALM: DurationMs = DurationMs(5_000);
const LONG: DurationMs = DurationMs(60_000);
const IDLE: Duration = Duration::from_millis(500);
/// At least so long, and as long as it worked, it leaves the machine to others.
const PAUSE: Duration = Duration::from_millis(10);
const DAY: DurationMs = DurationMs(24 * 3_600_000);

pub async fn run(hall: Arc<Hall>) -> anyhow::Result<()> {
    loop {
        let began = hall.clock.elapsed();
        let worked = one(&hall).await?;
        let took = hall.clock.elapsed() - began;
        tokio::time::sleep(if worked { took.max(PAUSE) } else { IDLE }).await;
    }
}

/// Reckons the day that has waited longest; whether there was one.
async fn one(hall: &Arc<Hall>) -> anyhow::Result<bool> {
    let now = hall.clock.now();
    let due = hall.store.due(now - CALM, now - LONG).await?;
    let Some(first) = due.first() else { return Ok(false) };
    let Some((date, span)) = hall.transit.day_of(first.from) else { return Ok(false) };
    let vehicle = first.vehicle.clone();
    let due: Vec<Due> = due.into_iter().filter(|due| span.from <= due.from && due.from < span.to).collect();
    // A day of which positions are forgotten already stays as it was reckoned; one that is to come is nothing yet.
    let kept = now - DurationMs(i64::from(hall.keep_events_days) * DAY.0);
    if span.from < kept || span.from > now {
        hall.store.keep_bus_news(&[BusNews { settled: due, ..BusNews::default() }]).await?;
        return Ok(true);
    }
    let fixes = hall.store.believed(&vehicle, span).await?;
    let anew = Anew { vehicle, date, span, due };
    let done = work(hall, move |hall| hall.transit.reckon(anew, &fixes)).await?;
    hall.transit.unkept.keep(&hall.store).await?;
    Ok(done)
}
