//! Orders for trackers: sent to the gateways until they have them, and asked after until they are over.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use control_center_store::{AuditLine, TrackerOrderRow};
use models_domain::order::{Given, Progress};
use models_domain::{DurationMs, GatewayId};
use models_wire::convert::tracker_order::{given_from_wire, given_to_wire};
use models_wire::keys::{Key, What};
use models_wire::v1;
use prost::Message as _;

use crate::auth::rights;
use crate::hall::Hall;
use crate::tracker_orders::COMMAND_LINE;

const LOOK: Duration = Duration::from_secs(2);
const PATIENCE: Duration = Duration::from_secs(3);
/// Orders of one gateway that are looked at in one round.
const ORDERS: u32 = 1_000;
/// A gateway that has an order and tells nothing of it for so long after its time is gone for good.
const GONE: DurationMs = DurationMs(24 * 3_600_000);

pub async fn run(hall: Arc<Hall>) -> anyhow::Result<()> {
    loop {
        let mut open_by_gateway: BTreeMap<GatewayId, Vec<TrackerOrderRow>> = BTreeMap::new();
        let open = hall.store.open_tracker_orders(ORDERS).await?;
        for row in take_back(&hall, open).await? {
            open_by_gateway.entry(row.gateway.clone()).or_default().push(row);
        }
        for (gateway, rows) in open_by_gateway {
            ask(&hall, &gateway, rows).await.with_context(|| format!("orders for trackers at {gateway}"))?;
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// Those of whom has the right no more are taken back, though they wait at their gateway already.
async fn take_back(hall: &Hall, mut open: Vec<TrackerOrderRow>) -> anyhow::Result<Vec<TrackerOrderRow>> {
    let mut may_by_user: BTreeMap<String, bool> = BTreeMap::new();
    for row in open.iter_mut().filter(|row| !row.withdrawn) {
        if row.user.is_empty() || row.user == COMMAND_LINE {
            continue;
        }
        let may = match may_by_user.get(&row.user) {
            Some(may) => *may,
            None => hall.store.grants(&row.user).await?.contains(&rights::trackers()),
        };
        may_by_user.insert(row.user.clone(), may);
        if may {
            continue;
        }
        let why = format!("{} may not give trackers orders any more", row.user);
        let (id, vehicle, gateway) = (row.given.id, &row.given.vehicle, &row.gateway);
        let line = AuditLine {
            at: hall.clock.now(),
            user: row.user.clone(),
            action: "tracker_order_refused".to_owned(),
            purpose: String::new(),
            what: format!("order {id} for {vehicle} at {gateway} is taken back: {why}"),
        };
        hall.store.withdraw_tracker_order(id, &why, &line).await?;
        (row.given.progress, row.withdrawn) = (Progress::Failed { why }, true);
    }
    Ok(open)
}

async fn ask(hall: &Hall, gateway: &GatewayId, rows: Vec<TrackerOrderRow>) -> anyhow::Result<()> {
    let asked = v1::TrackerOrders { orders: rows.iter().map(|row| given_to_wire(&row.given)).collect() };
    let key = Key::new(gateway, What::TrackerOrders).to_string();
    let answers = hall.bus.ask(&key, asked.encode_to_vec(), PATIENCE).await?;
    let told = answers.first().map_or_else(|| Ok(BTreeMap::new()), |answer| told(&answer.payload));
    // One gateway's nonsense holds up no other's orders.
    let mut told = told.unwrap_or_else(|err| {
        tracing::warn!(%gateway, "orders for trackers: {err:#}; is that gateway of another build?");
        BTreeMap::new()
    });
    let now = hall.clock.now();
    for row in rows {
        let mut given = row.given.clone();
        match told.remove(&given.id) {
            // It was not understood that the order is taken back.
            Some(far) if row.withdrawn && !far.progress.is_over() => continue,
            Some(far) => given.progress = far.progress,
            // The gateway is away, and has never heard of it, or will not come back: nobody will send it any more.
            None if (!row.taken && given.expires <= now) || given.expires + GONE <= now => {
                if !row.withdrawn {
                    given.progress = Progress::Expired;
                }
            }
            None => continue,
        }
        if given.progress != row.given.progress || !row.taken || row.withdrawn {
            tracing::info!(%gateway, vehicle = %given.vehicle, progress = given.progress.name(), "an order");
            hall.store.tracker_order_told(&given).await?;
        }
    }
    Ok(())
}

/// By its id, what a gateway tells of each order.
fn told(answer: &[u8]) -> anyhow::Result<BTreeMap<u64, Given>> {
    let answer = v1::TrackerOrders::decode(answer).context("reading the answer")?;
    let order = |order| given_from_wire(order).map(|given| (given.id, given));
    answer.orders.into_iter().map(order).collect::<Result<_, _>>().context("reading the answer")
}
