//! Keeps which plans junctions run.

use std::sync::Arc;
use std::time::Duration;

use crate::hall::Hall;
use crate::signals::plans::Watch;

const EVERY: Duration = Duration::from_secs(5);

pub async fn run(hall: Arc<Hall>) -> anyhow::Result<()> {
    let mut watch = Watch::default();
    loop {
        let now = hall.clock.now();
        let news = hall.view.read(|city| watch.look(city, now));
        if !news.is_empty() {
            hall.store.keep_plans(&news).await?;
        }
        tokio::time::sleep(EVERY).await;
    }
}
