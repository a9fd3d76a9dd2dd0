//! Steps the vehicles that are under way with greens ahead of them.

use std::sync::Arc;
use std::time::Duration;

use crate::hall::Hall;
use crate::signals::emergency;

const EVERY: Duration = Duration::from_secs(1);

pub async fn run(hall: Arc<Hall>) -> anyhow::Result<()> {
    loop {
        emergency::step(&hall).await?;
        tokio::time::sleep(EVERY).await;
    }
}
