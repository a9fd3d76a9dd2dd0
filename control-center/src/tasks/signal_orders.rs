//! Says to the poles which orders the hall stands by, and gives up those that nobody approved or answered, or whose end nobody told.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use control_center_store::{APPROVE_WITHIN, SENT, StoreError, WAITING};
use hardware_ports::bus::Delivery;
use models_domain::{DurationMs, GatewayId, UtcMillis};
use models_wire::keys::{Key, What};
use models_wire::v1;
use prost::Message;

use crate::hall::Hall;

/// A pole ends an order of which it heard nothing for ten seconds.
const EVERY: Duration = Duration::from_secs(2);
/// The hall was killed before it heard the pole's answer.
const ANSWER_WITHIN: DurationMs = DurationMs(15_000);
const WAITING_MAX: u32 = 200;
/// So long after its time an order of adaptive control whose end no pole has told has its line in the audit all the same.
const TOLD_WITHIN: DurationMs = DurationMs(600_000);
/// It is looked for such at every so many turns: among all at first, then among those that were asked for since. None lasts so long.
const LOOK_EVERY: u32 = 30;
const LOOK_BACK: DurationMs = DurationMs(3_600_000);

pub async fn run(hall: Arc<Hall>) -> anyhow::Result<()> {
    for turn in 0_u32.. {
        let now = hall.clock.now();
        let mut numbers_by_gateway: BTreeMap<GatewayId, Vec<u64>> = BTreeMap::new();
        for row in hall.store.orders_in_force(now).await? {
            let unanswered =
                row.state == SENT && row.sent.is_some_and(|sent| now.since(sent) > ANSWER_WITHIN);
            if unanswered {
                let detail = "the gateway's answer was not heard";
                hall.store.move_order(&row, (SENT, "silent"), &row.order.asked_by, detail, now).await?;
            } else if let Some(number) = row.number {
                numbers_by_gateway.entry(row.order.gateway.clone()).or_default().push(number);
            }
        }
        for (gateway, numbers) in numbers_by_gateway {
            let key = Key::new(&gateway, What::Holds).to_string();
            let held = v1::SignalHolds { numbers }.encode_to_vec();
            if let Err(err) = hall.bus.publish(&key, held, Delivery::NewestWins).await {
                tracing::warn!(%gateway, "{err}");
            }
        }
        for row in hall.store.orders(None, true, WAITING_MAX).await? {
            if now.since(row.asked) > APPROVE_WITHIN {
                let detail = "nobody approved it in time";
                hall.store.move_order(&row, (WAITING, "lapsed"), &row.order.asked_by, detail, now).await?;
            }
        }
        if turn.is_multiple_of(LOOK_EVERY) {
            give_up_untold(&hall, if turn == 0 { UtcMillis(0) } else { now - LOOK_BACK }, now).await?;
        }
        tokio::time::sleep(EVERY).await;
    }
    Ok(())
}

async fn give_up_untold(hall: &Hall, asked_since: UtcMillis, now: UtcMillis) -> Result<(), StoreError> {
    loop {
        let rows = hall.store.adaptive_orders_untold(asked_since, now - TOLD_WITHIN).await?;
        for row in &rows {
            let detail = format!("no pole told its end; last known: {} {}", row.state, row.detail);
            let (state, by) = (row.state.as_str(), &row.order.asked_by);
            hall.store.move_order(row, (state, "silent"), by, detail.trim_end(), now).await?;
        }
        if rows.is_empty() {
            return Ok(());
        }
    }
}
