//! Orders for trackers, as supervisors of buses give them and look after them.

use std::sync::Arc;

use control_center_store::TrackerOrderRow;
use models_domain::{DurationMs, VehicleId};
use models_wire::convert::tracker_order::{given_to_wire, order_from_wire};
use models_wire::v1;
use models_wire::v1::give_tracker_order_request::Order as Asked;
use models_wire::v1::tracker_order::Order as Told;
use tonic::Status;

use super::{internal, purpose};
use crate::auth::rights::{self, Right};
use crate::auth::sessions::Session;
use crate::hall::Hall;
use crate::tracker_orders::{GiveError, HOURS, Wish, give as keep};

const LIMIT: u32 = 500;
const DAYS: DurationMs = DurationMs(7 * 24 * 3_600_000);

pub async fn list(
    hall: &Arc<Hall>,
    session: &Session,
    asked: v1::ListTrackerOrdersRequest,
) -> Result<v1::ListTrackerOrdersResponse, Status> {
    let rows = hall.store.tracker_orders(hall.clock.now() - DAYS, LIMIT).await.map_err(internal)?;
    let wanted =
        |row: &TrackerOrderRow| asked.vehicle.is_empty() || row.given.vehicle.as_str() == asked.vehicle;
    let orders = rows.iter().filter(|row| wanted(row)).map(told).collect();
    Ok(v1::ListTrackerOrdersResponse { orders, may_order: rights::may(session, Right::CommandTracker) })
}

pub async fn give(
    hall: &Arc<Hall>,
    session: &Session,
    asked: v1::GiveTrackerOrderRequest,
) -> Result<v1::GivenTrackerOrder, Status> {
    rights::check(session, Right::CommandTracker)?;
    let why = purpose(&asked.purpose)?.to_owned();
    let vehicle =
        VehicleId::new(asked.vehicle).map_err(|err| Status::invalid_argument(format!("vehicle: {err}")))?;
    let order = asked.order.map(|order| match order {
        Asked::Locate(locate) => Told::Locate(locate),
        Asked::ReportEveryS(seconds) => Told::ReportEveryS(seconds),
        Asked::Text(text) => Told::Text(text),
    });
    let order = order_from_wire(order).map_err(|err| Status::invalid_argument(err.to_string()))?;
    let hours = if asked.expires_hours == 0 { HOURS } else { asked.expires_hours };
    let wish = Wish { vehicle, order, gateway: None, hours, user: session.user.clone(), why };
    let row = keep(&hall.store, wish, hall.clock.now()).await.map_err(|err| match err {
        GiveError::Bad(why) => Status::invalid_argument(why),
        GiveError::NeverHeard(_) => Status::not_found(err.to_string()),
        GiveError::Random(_) | GiveError::Store(_) => internal(err),
    })?;
    Ok(told(&row))
}

fn told(row: &TrackerOrderRow) -> v1::GivenTrackerOrder {
    v1::GivenTrackerOrder {
        order: Some(given_to_wire(&row.given)),
        gateway: row.gateway.to_string(),
        given_ms: row.given_at.0,
    }
}
