//! What is ordered of the poles for a bus: green, and the own plan again; every order is judged and written down as any other.

use control_center_store::NewOrder;
use models_domain::signal::GroupSet;
use models_domain::signal::bus_priority::Why;
use models_domain::signal::bus_priority::request::Key;
use models_domain::signal::bus_priority::turns::WORTH;
use models_domain::signal::order::Wanted;
use models_domain::{DurationMs, UtcMillis};

use super::super::hands::{Hands, hands};
use super::super::pauses::Back;
use super::super::{Judged, failed, judge, newest_of, order, stands};
use super::{Priority, ordered, standing};
use crate::hall::Hall;

/// So long the pole may try to bring a junction back.
const BACK_WITHIN: DurationMs = DurationMs(60_000);

/// Orders green for the bus that asks: the row and when it ends, or why not.
pub(super) async fn green(
    hall: &Hall,
    priority: &Priority,
    key: &Key,
    groups: GroupSet,
    (mut hold, patience): (DurationMs, DurationMs),
) -> anyhow::Result<Result<(u64, UtcMillis), Why>> {
    let (junction, now) = (&priority.setup.junction, hall.clock.now());
    let in_force = hall.store.orders_in_force(now).await?;
    if let Some(why) = super::blocked(hall, priority, &in_force) {
        return Ok(Err(why));
    }
    let newest = newest_of(&in_force, junction);
    let wanted = Wanted::Groups(groups);
    let Some(mut judged) = judge(hall, junction, &wanted, hold).await? else {
        return Ok(Err(Why::NotOrderable));
    };
    if let Some(room) = judged.room(now).filter(|room| (WORTH..hold).contains(room)) {
        hold = room;
        let Some(again) = judge(hall, junction, &wanted, hold).await? else {
            return Ok(Err(Why::NotOrderable));
        };
        judged = again;
    }
    let patience = DurationMs(patience.0.min((hold.0 - WORTH.0).max(0)));
    if let Some(why) = judged.why_not(patience).map(Why::Safety) {
        return Ok(Err(why));
    }
    let purpose =
        hall.priorities.change(&priority.setup.id, |known| known.rows.get(key).map(super::kept::purpose));
    let purpose = purpose.unwrap_or_default();
    let new = new(priority, &judged, wanted, (hold, patience), purpose);
    let row = order(hall, &new, newest).await?;
    Ok(match row.ends {
        Some(ends) if stands(&row) => Ok((row.id, ends)),
        Some(_) => Err(Why::Failed(failed(&row))),
        None => Err(Why::OtherOrder { by: String::new() }),
    })
}

fn new(
    priority: &Priority,
    judged: &Judged,
    wanted: Wanted,
    (hold, patience): (DurationMs, DurationMs),
    purpose: String,
) -> NewOrder {
    NewOrder {
        gateway: judged.junction.gateway.clone(),
        junction: priority.setup.junction.clone(),
        wanted,
        hold,
        patience,
        purpose,
        asked_by: priority.orderer(),
    }
}

/// Ends what was ordered for a bus. Nothing of it stands any more when it was ended, somebody ordered something else since, or its time is
/// over.
pub(super) async fn release(hall: &Hall, priority: &Priority, order_id: u64) -> anyhow::Result<Back> {
    let junction = &priority.setup.junction;
    let in_force = hall.store.orders_in_force(hall.clock.now()).await?;
    let newest = in_force.iter().filter(|row| row.order.junction == *junction).max_by_key(|row| row.number);
    let Some(own) = newest.filter(|row| row.id >= order_id && ordered(row)) else {
        return Ok(Back::Over);
    };
    if own.order.wanted == Wanted::OwnPlan {
        return Ok(Back::Over);
    }
    let not_yet = Back::NotYet { ends: own.ends };
    let Some(judged) = judge(hall, junction, &Wanted::OwnPlan, BACK_WITHIN).await? else {
        return Ok(not_yet);
    };
    // A pole that cannot be reached ends it by itself in time. The way back tells the controller its mode as well: whoever took it at
    // the cabinet is not overruled, and the green ends in its time too.
    let info = &judged.junction.info;
    let on_plan = hands(info.aggregated.as_ref(), &info.now) == Hands::Plan;
    if !on_plan || !hall.view.is_alive(&judged.junction.gateway) {
        return Ok(not_yet);
    }
    let back = (BACK_WITHIN, DurationMs(0));
    let new = new(priority, &judged, Wanted::OwnPlan, back, own.order.purpose.clone());
    let row = order(hall, &new, newest_of(&in_force, junction)).await?;
    Ok(if stands(&row) { Back::Over } else { not_yet })
}

/// Orders that stand no more though their time is not over, and why.
pub(super) async fn lost(
    hall: &Hall,
    priority: &Priority,
    now: UtcMillis,
) -> anyhow::Result<Vec<(Key, String)>> {
    let mut lost = Vec::new();
    for (key, id, until) in hall.priorities.change(&priority.setup.id, |known| standing(known)) {
        let Some(row) = hall.store.order(id).await?.filter(|_| now < until) else { continue };
        if !stands(&row) {
            lost.push((key, failed(&row)));
        }
    }
    Ok(lost)
}
