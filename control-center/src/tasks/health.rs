//! Watches controllers for faults.

use std::sync::Arc;
use std::time::Duration;

use crate::hall::Hall;
use crate::signals::health;

const EVERY: Duration = Duration::from_secs(5);
/// After its start the hall hears gateways one after the other.
const SETTLED_AFTER: Duration = Duration::from_secs(30);

pub async fn run(hall: Arc<Hall>) -> anyhow::Result<()> {
    let begun = hall.clock.elapsed();
    health::restore(&hall).await?;
    loop {
        health::step(&hall, hall.clock.elapsed().saturating_sub(begun) >= SETTLED_AFTER).await?;
        tokio::time::sleep(EVERY).await;
    }
}
