//! Gives late buses their turn at junctions, and reckons what that gave and cost.

use std::sync::Arc;
use std::time::Duration;

use super::transit::work;
use crate::hall::Hall;
use crate::signals::bus_priority;

const EVERY: Duration = Duration::from_secs(1);

pub async fn run(hall: Arc<Hall>) -> anyhow::Result<()> {
    bus_priority::restore(&hall).await?;
    loop {
        if !hall.priorities.is_empty() {
            let coming = work(&hall, bus_priority::coming).await?;
            bus_priority::step(&hall, coming).await?;
            bus_priority::measures::step(&hall).await?;
        }
        tokio::time::sleep(EVERY).await;
    }
}
