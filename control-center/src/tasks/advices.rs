//! Follows the junctions of which is said what adaptive control would do, and orders it where it may.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::MissedTickBehavior;

use crate::hall::Hall;
use crate::signals::{adaptive, advice};

const EVERY: Duration = Duration::from_secs(1);

pub async fn run(hall: Arc<Hall>) -> anyhow::Result<()> {
    // Reckoning ahead takes longer than a second.
    tokio::try_join!(looks(&hall), reckonings(&hall)).map(drop)
}

async fn looks(hall: &Arc<Hall>) -> anyhow::Result<()> {
    let mut every = tokio::time::interval(EVERY);
    // What a look takes is not added to the second, and looks that were missed are not made up for.
    every.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        every.tick().await;
        // What stands is looked after whether there is advice or not.
        let advised = advice::step(hall).await;
        adaptive::step(hall).await?;
        advised?;
    }
}

async fn reckonings(hall: &Hall) -> anyhow::Result<()> {
    loop {
        advice::reckon(hall).await?;
        tokio::time::sleep(EVERY).await;
    }
}
