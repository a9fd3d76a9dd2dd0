//! Forgets what is over: expired sessions.

use std::sync::Arc;
use std::time::Duration;

use crate::hall::Hall;

const EVERY: Duration = Duration::from_secs(600);

pub async fn run(hall: Arc<Hall>) -> anyhow::Result<()> {
    loop {
        let forgotten = hall.store.forget_expired(hall.clock.now()).await?;
        if forgotten > 0 {
            tracing::info!(forgotten, "expired sessions");
        }
        tokio::time::sleep(EVERY).await;
    }
}
