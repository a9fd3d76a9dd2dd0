//! `ListHealth`: the controllers that have trouble, the worst first.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use control_center_core::city::Junction;
use control_center_store::{FaultRow, WorkOrderFilter, WorkOrderRow};
use models_domain::signal::maintenance::{Fault, Part};
use models_domain::{DurationMs, JunctionId, UtcMillis};
use models_wire::v1;
use tonic::Status;

use super::maintenance::kind_to_wire;
use super::{internal, junction};
use crate::auth::rights::{self, Right};
use crate::auth::sessions::Session;
use crate::hall::Hall;

/// How well a controller was heard is told of so long.
const HEARD_OF: DurationMs = DurationMs(24 * 3_600_000);
/// More open work orders than anybody has.
const ORDERS_MAX: u32 = 10_000;

pub async fn list(
    hall: &Hall,
    session: &Session,
    asked: &v1::ListHealthRequest,
) -> Result<v1::ListHealthResponse, Status> {
    let only = match asked.junction.as_str() {
        "" => None,
        id => Some(junction(id)?),
    };
    let now = hall.clock.now();
    let mut faults = hall.healths.faults();
    let mut losses: BTreeMap<JunctionId, Vec<FaultRow>> = BTreeMap::new();
    for row in hall.store.losses(only.as_ref(), now - HEARD_OF).await.map_err(internal)? {
        losses.entry(row.junction.clone()).or_default().push(row);
    }
    let filter = WorkOrderFilter { junction: only.as_ref(), ..WorkOrderFilter::default() };
    let mut orders: BTreeMap<JunctionId, Vec<WorkOrderRow>> = BTreeMap::new();
    for row in hall.store.work_orders(&filter, ORDERS_MAX).await.map_err(internal)? {
        orders.entry(row.order.junction.clone()).or_default().push(row);
    }
    let known: Vec<Junction> = hall.view.read(|city| {
        let wanted = |id: &JunctionId| match &only {
            Some(only) => only == id,
            None => faults.contains_key(id) || losses.contains_key(id) || orders.contains_key(id),
        };
        city.junctions.values().filter(|junction| wanted(&junction.info.id)).cloned().collect()
    });
    if let Some(id) = only.filter(|_| known.is_empty()) {
        return Err(Status::not_found(format!("there is no junction {id}")));
    }
    let mut junctions: Vec<v1::JunctionHealth> = known
        .into_iter()
        .map(|junction| {
            let id = &junction.info.id;
            let of = (faults.remove(id), orders.remove(id), losses.remove(id));
            one(hall, session, now, &junction, (of.0.unwrap_or_default(), of.1.unwrap_or_default(), of.2))
        })
        .collect();
    // Faults first, by the worst of each; then what is still ordered, then what was lost for the longest.
    junctions.sort_by_key(|health| {
        let worst = health.faults.first().map_or((u32::MAX, i32::MAX), |fault| (fault.priority, fault.kind));
        let lost = ((1.0 - health.heard_share) * 1e9) as i64;
        (worst, health.other_work_orders.is_empty(), Reverse(lost))
    });
    Ok(v1::ListHealthResponse { junctions, known: count(hall) })
}

fn count(hall: &Hall) -> u32 {
    u32::try_from(hall.view.read(|city| city.junctions.len())).unwrap_or(u32::MAX)
}

type Of = (Vec<Fault>, Vec<WorkOrderRow>, Option<Vec<FaultRow>>);

fn one(
    hall: &Hall,
    session: &Session,
    now: UtcMillis,
    junction: &Junction,
    (faults, mut orders, losses): Of,
) -> v1::JunctionHealth {
    let id = &junction.info.id;
    let losses = losses.unwrap_or_default();
    let mut order_of = |part: &Part| {
        let at = orders.iter().position(|row| row.order.part == *part)?;
        Some(orders.swap_remove(at).id)
    };
    let faults = faults.into_iter().map(|fault| v1::ControllerFault {
        work_order: order_of(&fault.part).unwrap_or(0),
        kind: kind_to_wire(fault.part.kind).into(),
        part: fault.part.name,
        codes: fault.codes,
        text: fault.text,
        priority: u32::from(fault.priority),
        began_ms: fault.began.0,
    });
    let faults = faults.collect();
    let mut other_work_orders: Vec<u64> = orders.into_iter().map(|row| row.id).collect();
    other_work_orders.sort_unstable();
    v1::JunctionHealth {
        junction: id.to_string(),
        name: junction.info.name.clone(),
        gateway: junction.gateway.to_string(),
        faults,
        heard_share: heard(&losses, now),
        losses: u32::try_from(losses.len()).unwrap_or(u32::MAX),
        clock_ahead_ms: junction.info.now.clock_ahead.map(|ahead| ahead.0),
        may_maintain: rights::may(session, Right::MaintainSignal(&hall.place(id))),
        other_work_orders,
    }
}

/// The share of the last [`HEARD_OF`] in which a controller was heard.
fn heard(losses: &[FaultRow], now: UtcMillis) -> f64 {
    let from = now - HEARD_OF;
    let lost = losses.iter().map(|row| {
        let (began, ended) = (row.fault.began.max(from), row.ended.unwrap_or(now).min(now));
        ended.since(began).0.max(0)
    });
    (1.0 - lost.sum::<i64>() as f64 / HEARD_OF.0 as f64).clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests {
    use models_domain::signal::maintenance::FaultKind;

    use super::*;

    #[test]
    fn how_well_a_controller_was_heard() {
        const HOUR: i64 = 3_600_000;
        let now = UtcMillis(100 * HOUR);
        let loss = |began: i64, ended: Option<i64>| FaultRow {
            junction: "a".parse().unwrap(),
            fault: Fault {
                part: Part { kind: FaultKind::Link, name: String::new() },
                codes: Vec::new(),
                text: String::new(),
                priority: 2,
                began: UtcMillis(began),
            },
            ended: ended.map(UtcMillis),
        };
        let check = |losses: &[FaultRow], want: f64| {
            assert!((heard(losses, now) - want).abs() < 1e-9, "{losses:?}");
        };
        check(&[], 1.0);
        check(&[loss(94 * HOUR, Some(97 * HOUR))], 21.0 / 24.0);
        // What lies before the day does not count, nor a clock that was set back.
        check(&[loss(10 * HOUR, Some(79 * HOUR)), loss(98 * HOUR, None)], 19.0 / 24.0);
        check(&[loss(10 * HOUR, None)], 0.0);
        check(&[loss(101 * HOUR, None)], 1.0);
    }
}
