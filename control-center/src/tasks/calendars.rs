//! Orders the plans of the calendars.

use std::sync::Arc;
use std::time::Duration;

use crate::hall::Hall;
use crate::signals::calendar;

const EVERY: Duration = Duration::from_secs(1);

pub async fn run(hall: Arc<Hall>) -> anyhow::Result<()> {
    loop {
        calendar::step(&hall).await?;
        tokio::time::sleep(EVERY).await;
    }
}
