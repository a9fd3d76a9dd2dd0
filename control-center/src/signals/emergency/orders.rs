//! What a run orders of the poles: a stop's green, and its own plan again; every order is judged and written down as any other.

use anyhow::Context;
use control_center_store::{NewOrder, OrderRow};
use models_domain::signal::emergency::{State, Why};
use models_domain::signal::order::Wanted;
use models_domain::{DurationMs, JunctionId, UtcMillis};

use super::super::hands::{Hands, hands};
use super::super::pauses::Back;
use super::super::{Judged, adaptive, bus_priority, calendar, failed, judge, newest_of, order, stands};
use super::Emergency;
use crate::auth::rights::{self, Scope};
use crate::hall::Hall;

/// A green that must end sooner for those who wait is not worth a change.
const WORTH: DurationMs = DurationMs(12_000);
/// So long the poles may try to bring a junction back.
const BACK_WITHIN: DurationMs = DurationMs(60_000);

/// Orders a stop's group green: the row and when it ends, or why not.
pub(super) async fn green(
    hall: &Hall,
    emergency: &Emergency,
    stop: usize,
    until: UtcMillis,
    patience: DurationMs,
) -> anyhow::Result<Result<(u64, UtcMillis), Why>> {
    let stop = &emergency.run.stops[stop];
    let id = &stop.junction;
    let grants = hall.store.grants(&emergency.started_by).await?;
    let (scope, place) = (Scope::of(&grants, rights::COMMAND_SIGNALS), hall.place(id));
    if !scope.holds(&place) {
        return Ok(Err(Why::NoRight));
    }
    let wanted = Wanted::Groups([stop.group].into_iter().collect());
    let now = hall.clock.now();
    let mut hold = until.since(now);
    let Some(mut judged) = judge(hall, id, &wanted, hold).await? else {
        return Ok(Err(Why::NotOrderable));
    };
    if let Some(shorter) = judged.room(now).filter(|room| (WORTH..hold).contains(room)) {
        hold = shorter;
        judged = judge(hall, id, &wanted, hold).await?.context("a junction that was there is gone")?;
    }
    let in_force = hall.store.orders_in_force(hall.clock.now()).await?;
    if let Some(why) = against(hall, emergency, (id, &judged), &in_force, patience) {
        return Ok(Err(why));
    }
    let new = new(emergency, &emergency.started_by, (id, &judged), wanted, (hold, patience));
    // What a person has sent since then comes first: the run looks again.
    let row = order(hall, &new, newest_of(&in_force, id)).await?;
    Ok(if stands(&row) { Ok((row.id, row.ends.unwrap_or(until))) } else { Err(Why::Failed(failed(&row))) })
}

fn against(
    hall: &Hall,
    emergency: &Emergency,
    (id, judged): (&JunctionId, &Judged),
    in_force: &[OrderRow],
    patience: DurationMs,
) -> Option<Why> {
    if !hall.view.is_alive(&judged.junction.gateway) {
        return Some(Why::GatewayAway);
    }
    // Of somebody else: who takes a junction out of a run has seen more than the run has. A plan of before gives way, and what
    // another run gives back is free.
    let purpose = emergency.order_purpose();
    let runs: Vec<String> = hall.emergencies.all().iter().map(Emergency::order_purpose).collect();
    let stays = |row: &&OrderRow| {
        let NewOrder { junction, wanted, purpose: of, .. } = &row.order;
        let plan = matches!(wanted, Wanted::Plan(_) | Wanted::OwnPlan);
        let plan_of_before = plan && (row.asked < emergency.run.began || calendar::ordered(row));
        let given_back = *wanted == Wanted::OwnPlan && runs.contains(of);
        let gives_way = bus_priority::ordered(row) || adaptive::ordered(row);
        junction == id && *of != purpose && !plan_of_before && !given_back && !gives_way
    };
    let other = in_force.iter().find(stays);
    if let Some(row) = other {
        return Some(Why::OtherOrder { id: row.id, by: row.order.asked_by.clone() });
    }
    let refusals = judged.against(patience);
    (!refusals.is_empty()).then_some(Why::Safety(refusals))
}

fn new(
    emergency: &Emergency,
    by: &str,
    (junction, judged): (&JunctionId, &Judged),
    wanted: Wanted,
    (hold, patience): (DurationMs, DurationMs),
) -> NewOrder {
    NewOrder {
        gateway: judged.junction.gateway.clone(),
        junction: junction.clone(),
        wanted,
        hold,
        patience,
        purpose: emergency.order_purpose(),
        asked_by: by.to_owned(),
    }
}

/// Ends what a run ordered of a junction. Nothing of it stands there any more when it was ended, somebody ordered something else since, or
/// its time is over.
pub(super) async fn release(
    hall: &Hall,
    emergency: &Emergency,
    stop: usize,
    (order_id, by): (u64, &str),
) -> anyhow::Result<Back> {
    let id = &emergency.run.stops[stop].junction;
    let in_force = hall.store.orders_in_force(hall.clock.now()).await?;
    let newest = in_force.iter().filter(|row| row.order.junction == *id).max_by_key(|row| row.id);
    let own = newest.filter(|row| row.id >= order_id && row.order.purpose == emergency.order_purpose());
    let Some(own) = own else { return Ok(Back::Over) };
    let not_yet = Back::NotYet { ends: own.ends };
    let Some(judged) = judge(hall, id, &Wanted::OwnPlan, BACK_WITHIN).await? else { return Ok(not_yet) };
    // A pole that cannot be reached ends it by itself in time. The way back tells the controller its mode as well: whoever took it at
    // the cabinet meanwhile is not overruled, and the green ends in its time too.
    let info = &judged.junction.info;
    let taken = hands(info.aggregated.as_ref(), &info.now) == Hands::Cabinet;
    if taken || !hall.view.is_alive(&judged.junction.gateway) {
        return Ok(not_yet);
    }
    let back = (BACK_WITHIN, DurationMs(0));
    let new = new(emergency, by, (id, &judged), Wanted::OwnPlan, back);
    let row = order(hall, &new, newest_of(&in_force, id)).await?;
    Ok(if stands(&row) { Back::Over } else { not_yet })
}

/// Orders of a run that stand no more though their time is not over, and why.
pub(super) async fn lost_orders(
    hall: &Hall,
    emergency: &Emergency,
    now: UtcMillis,
) -> anyhow::Result<Vec<(usize, Why)>> {
    let mut lost = Vec::new();
    for (i, stop) in emergency.run.stops.iter().enumerate() {
        let State::Asked { order, until } = &stop.state else { continue };
        let Some(row) = hall.store.order(*order).await?.filter(|_| now < *until) else { continue };
        if !hall.view.is_alive(&row.order.gateway) {
            lost.push((i, Why::GatewayAway));
        } else if !stands(&row) {
            lost.push((i, Why::Failed(failed(&row))));
        }
    }
    Ok(lost)
}
