//! Buses: timetables read anew when they changed, waiting fixes looked at every second, the outside told every ten.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;

use crate::hall::Hall;
use crate::transit::WAITING;

const LOOK: Duration = Duration::from_secs(1);
const TELL_EVERY: u32 = 10;
const RELOAD_EVERY: u32 = 30;

pub async fn run(hall: Arc<Hall>) -> anyhow::Result<()> {
    let mut mark = None;
    let mut round = 0_u32;
    loop {
        if round.is_multiple_of(RELOAD_EVERY) {
            let now = hall.store.timetables_mark().await?;
            if mark != Some(now) {
                let rows = hall.store.timetables().await?;
                let any = !rows.is_empty();
                work(&hall, move |hall| hall.transit.timetables(rows)).await?;
                let since = hall.clock.now() - models_domain::DurationMs(26 * 3_600_000);
                let fixes = if any { hall.store.fixes_since(since).await? } else { Vec::new() };
                let mut fixes = fixes.into_iter().peekable();
                // In parts: no more may wait, and no new one that comes meanwhile may be left out for them.
                while fixes.peek().is_some() {
                    hall.transit.offer(fixes.by_ref().take(WAITING / 2));
                    work(&hall, |hall| drop(hall.transit.look(hall.clock.now()))).await?;
                }
                mark = Some(now);
            }
        }
        let tell = round.is_multiple_of(TELL_EVERY);
        work(&hall, move |hall| {
            let now = hall.clock.now();
            let news = hall.transit.look(now);
            for event in news.events {
                tracing::debug!(finding = event.finding.name(), vehicle = ?event.vehicle, "of a bus");
            }
            if tell {
                hall.transit.tell(now);
            }
        })
        .await?;
        round = round.wrapping_add(1);
        tokio::time::sleep(LOOK).await;
    }
}

/// Thinking of ten thousand buses takes its time: not where calls are answered.
async fn work(hall: &Arc<Hall>, job: impl FnOnce(&Hall) + Send + 'static) -> anyhow::Result<()> {
    let hall = hall.clone();
    tokio::task::spawn_blocking(move || job(&hall)).await.context("thinking of the buses")
}
