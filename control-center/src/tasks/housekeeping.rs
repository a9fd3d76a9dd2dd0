//! Forgets what is over: expired sessions, and events that were kept as long as the configuration says.

use std::sync::Arc;
use std::time::Duration;

use control_center_store::AuditLine;
use models_domain::DurationMs;

use super::prediction_scores::days_ago as days_ago_date;
use crate::hall::Hall;

const EVERY: Duration = Duration::from_secs(600);
const DAY_MS: i64 = 86_400_000;
/// What was thought of each bus at each moment is kept no longer than so many days: it takes more room than all else of a bus's day, and
/// serves only days of which reports come late, which trackers that were out of reach send as soon as they are back.
const CLAIMS_DAYS: u32 = 14;
/// Work orders say how often a part was mended: for longer than events, and they are few.
const WORK_ORDERS_DAYS: u32 = 2 * 366;
/// Orders of adaptive control are many, and the audit has them too.
const ADAPTIVE_DAYS: u32 = 14;
/// Between two parts of the work, so that events that arrive find their turn.
const PAUSE: Duration = Duration::from_millis(20);

pub async fn run(hall: Arc<Hall>) -> anyhow::Result<()> {
    loop {
        let forgotten = hall.store.forget_expired(hall.clock.now()).await?;
        if forgotten > 0 {
            tracing::info!(forgotten, "expired sessions");
        }
        forget_events(&hall).await?;
        forget_sums(&hall).await?;
        forget_evidence(&hall).await?;
        tokio::time::sleep(EVERY).await;
    }
}

/// Passings and findings of buses, how good predictions were, how buses went on the roads and which had priority, what detectors counted, emergency runs, what the hall ordered of junctions
/// by itself, which plans ran, and faults of controllers: kept as long as events.
async fn forget_sums(hall: &Hall) -> anyhow::Result<()> {
    let now = hall.clock.now();
    let days_ago = |days: u32| now - DurationMs(i64::from(days) * DAY_MS);
    let before = days_ago(hall.keep_events_days);
    let claims_before = days_ago(hall.keep_events_days.min(CLAIMS_DAYS));
    while hall.store.forget_bus_days(before, claims_before).await? > 0 {
        tokio::time::sleep(PAUSE).await;
    }
    while hall.store.forget_probes(before).await? > 0 {
        tokio::time::sleep(PAUSE).await;
    }
    while hall.store.forget_detectors(before).await? > 0 {
        tokio::time::sleep(PAUSE).await;
    }
    while hall.store.forget_bus_priorities(before).await? > 0 {
        tokio::time::sleep(PAUSE).await;
    }
    while hall.store.forget_orders(before).await? > 0 {
        tokio::time::sleep(PAUSE).await;
    }
    let adaptive_before = days_ago(hall.keep_events_days.min(ADAPTIVE_DAYS));
    while hall.store.forget_adaptive_orders(adaptive_before).await? > 0 {
        tokio::time::sleep(PAUSE).await;
    }
    while hall.store.forget_plans(before).await? > 0 {
        tokio::time::sleep(PAUSE).await;
    }
    while hall.store.forget_faults(before).await? > 0 {
        tokio::time::sleep(PAUSE).await;
    }
    hall.store.forget_work_orders(days_ago(hall.keep_events_days.max(WORK_ORDERS_DAYS))).await?;
    hall.store.forget_emergencies(before).await?;
    hall.store.forget_prediction_scores(days_ago_date(now, hall.keep_events_days)).await?;
    Ok(())
}

/// The oldest pictures that are evidence, when they take more room than they may.
async fn forget_evidence(hall: &Hall) -> anyhow::Result<()> {
    let mut pictures = 0;
    loop {
        let gone = hall.store.forget_evidence(u64::from(hall.evidence_gib) << 30).await?;
        if gone == 0 {
            break;
        }
        pictures += gone;
        tokio::time::sleep(PAUSE).await;
    }
    if pictures > 0 {
        tracing::warn!(
            pictures,
            gib = hall.evidence_gib,
            "the oldest evidence is forgotten: no room for more"
        );
        let line = AuditLine {
            at: hall.clock.now(),
            user: "the hall".to_owned(),
            action: "forget_evidence".to_owned(),
            purpose: format!("evidence_gib = {}", hall.evidence_gib),
            what: format!("{pictures} of the oldest pictures"),
        };
        hall.store.keep_audit(&line).await?;
    }
    Ok(())
}

/// What was forgotten is written down where people's actions are.
async fn forget_events(hall: &Hall) -> anyhow::Result<()> {
    let days = hall.keep_events_days;
    let now = hall.clock.now();
    let before = now - DurationMs(i64::from(days) * DAY_MS);
    let (mut from, mut events) = (Some(0), 0);
    while let Some(at) = from {
        let done = hall.store.forget_events(before, at).await?;
        (from, events) = (done.next, events + done.events);
        tokio::time::sleep(PAUSE).await;
    }
    if events > 0 {
        tracing::info!(events, days, "events kept long enough are forgotten");
        let line = AuditLine {
            at: now,
            user: "the hall".to_owned(),
            action: "forget_events".to_owned(),
            purpose: format!("keep_events_days = {days}"),
            what: format!("{events} events stored before {} ms UTC", before.0),
        };
        hall.store.keep_audit(&line).await?;
    }
    Ok(())
}
