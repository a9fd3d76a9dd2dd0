//! Orders for trackers: sent to the gateways until they have them, and asked after until they are over.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use control_center_store::TrackerOrderRow;
use models_domain::GatewayId;
use models_domain::order::Progress;
use models_wire::convert::tracker_order::{given_from_wire, given_to_wire};
use models_wire::keys::{Key, What};
use models_wire::v1;
use prost::Message as _;

use crate::hall::Hall;

const LOOK: Duration = Duration::from_secs(2);
const PATIENCE: Duration = Duration::from_secs(3);
/// Orders looked at in one round.
const ORDERS: u32 = 1_000;

pub async fn run(hall: Arc<Hall>) -> anyhow::Result<()> {
    loop {
        let mut open_by_gateway: BTreeMap<GatewayId, Vec<TrackerOrderRow>> = BTreeMap::new();
        for row in hall.store.open_tracker_orders(ORDERS).await? {
            open_by_gateway.entry(row.gateway.clone()).or_default().push(row);
        }
        for (gateway, rows) in open_by_gateway {
            ask(&hall, &gateway, rows).await.with_context(|| format!("orders for trackers at {gateway}"))?;
        }
        tokio::time::sleep(LOOK).await;
    }
}

async fn ask(hall: &Hall, gateway: &GatewayId, rows: Vec<TrackerOrderRow>) -> anyhow::Result<()> {
    let asked = v1::TrackerOrders { orders: rows.iter().map(|row| given_to_wire(&row.given)).collect() };
    let key = Key::new(gateway, What::TrackerOrders).to_string();
    let answers = hall.bus.ask(&key, asked.encode_to_vec(), PATIENCE).await?;
    let mut told = BTreeMap::new();
    if let Some(answer) = answers.first() {
        let answer = v1::TrackerOrders::decode(&answer.payload[..]).context("reading the answer")?;
        for order in answer.orders {
            let given = given_from_wire(order).context("reading the answer")?;
            told.insert(given.id, given);
        }
    }
    let now = hall.clock.now();
    for row in rows {
        let mut given = row.given.clone();
        match told.remove(&given.id) {
            Some(far) => given.progress = far.progress,
            // The gateway is away, and has never heard of it: nobody will send it any more.
            None if !row.taken && given.expires <= now => given.progress = Progress::Expired,
            None => continue,
        }
        if given.progress != row.given.progress || !row.taken {
            tracing::info!(%gateway, vehicle = %given.vehicle, progress = given.progress.name(), "an order");
            hall.store.tracker_order_told(&given).await?;
        }
    }
    Ok(())
}
