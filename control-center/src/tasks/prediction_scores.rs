//! How good predictions of arrivals were: gone on with from what was kept, and kept every ten seconds.

use std::sync::Arc;
use std::time::Duration;

use models_domain::UtcMillis;
use models_domain::transit::accuracy::DAYS;
use time::Date;

use super::transit::work;
use crate::hall::Hall;

/// A hall that is killed loses what was scored in so long.
const EVERY: Duration = Duration::from_secs(10);

pub async fn run(hall: Arc<Hall>) -> anyhow::Result<()> {
    // Two more than are shown: which day it is depends on the operator's zone, and the newest with buses may be yesterday.
    let kept = hall.store.prediction_scores(days_ago(hall.clock.now(), u32::from(DAYS) + 2)).await?;
    work(&hall, |hall| hall.transit.scores(|accuracy| accuracy.resume(kept))).await?;
    loop {
        keep(&hall).await?;
        tokio::time::sleep(EVERY).await;
    }
}

/// What the store does not take now, or nobody waits for, it is offered again the next time.
pub async fn keep(hall: &Arc<Hall>) -> anyhow::Result<()> {
    let scored = work(hall, |hall| hall.transit.scores(|accuracy| accuracy.changed())).await?;
    if scored.is_empty() {
        return Ok(());
    }
    hall.store.keep_prediction_scores(&scored).await?;
    work(hall, |hall| hall.transit.scores(|accuracy| accuracy.kept(scored))).await
}

/// The day in UTC so many days before a moment.
pub fn days_ago(now: UtcMillis, days: u32) -> Date {
    let now = time::OffsetDateTime::UNIX_EPOCH.saturating_add(time::Duration::milliseconds(now.0));
    now.date().saturating_sub(time::Duration::days(i64::from(days)))
}
