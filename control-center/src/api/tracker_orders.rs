//! Orders for trackers, as supervisors of buses give them and look after them.

use std::sync::Arc;

use control_center_store::{AuditLine, TrackerOrderRow};
use models_domain::order::Order;
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
    let vehicle = (!asked.vehicle.is_empty()).then_some(asked.vehicle.as_str());
    let since = hall.clock.now() - DAYS;
    let mut rows = hall.store.tracker_orders(since, vehicle, LIMIT).await.map_err(internal)?;
    let may_order = rights::may(session, Right::CommandTracker);
    if !may_order {
        // A text may be a tracker's password.
        for row in &mut rows {
            if let Order::Text(text) = &mut row.given.order {
                text.clear();
            }
        }
    }
    Ok(v1::ListTrackerOrdersResponse { orders: rows.iter().map(told).collect(), may_order })
}

pub async fn give(
    hall: &Arc<Hall>,
    session: &Session,
    asked: v1::GiveTrackerOrderRequest,
) -> Result<v1::GivenTrackerOrder, Status> {
    if let Err(status) = rights::check(session, Right::CommandTracker) {
        let (vehicle, why) = (asked.vehicle, asked.purpose);
        return Err(refused(hall, session, &vehicle, &why, status).await);
    }
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

/// Who may not is written down too, with what was said it is for.
async fn refused(hall: &Hall, session: &Session, vehicle: &str, why: &str, status: Status) -> Status {
    let line = AuditLine {
        at: hall.clock.now(),
        user: session.user.clone(),
        action: "tracker_order_refused".to_owned(),
        // Whatever does not belong in the record is left out.
        purpose: purpose(why).unwrap_or_default().to_owned(),
        what: match VehicleId::new(vehicle) {
            Ok(vehicle) => format!("vehicle={vehicle} {}", status.message()),
            Err(_) => status.message().to_owned(),
        },
    };
    match hall.store.keep_audit(&line).await {
        Ok(()) => status,
        Err(err) => internal(err),
    }
}

fn told(row: &TrackerOrderRow) -> v1::GivenTrackerOrder {
    v1::GivenTrackerOrder {
        order: Some(given_to_wire(&row.given)),
        gateway: row.gateway.to_string(),
        given_ms: row.given_at.0,
    }
}
