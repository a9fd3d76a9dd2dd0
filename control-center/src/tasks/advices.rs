//! Follows the junctions of which is said what adaptive control would do.

use std::sync::Arc;
use std::time::Duration;

use crate::hall::Hall;
use crate::signals::advice;

const EVERY: Duration = Duration::from_secs(1);

pub async fn run(hall: Arc<Hall>) -> anyhow::Result<()> {
    // Reckoning ahead takes longer than a second.
    tokio::try_join!(looks(&hall), reckonings(&hall)).map(drop)
}

async fn looks(hall: &Hall) -> anyhow::Result<()> {
    loop {
        advice::step(hall).await?;
        tokio::time::sleep(EVERY).await;
    }
}

async fn reckonings(hall: &Hall) -> anyhow::Result<()> {
    loop {
        advice::reckon(hall).await?;
        tokio::time::sleep(EVERY).await;
    }
}
