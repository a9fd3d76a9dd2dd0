//! What is ordered of the poles by adaptive control: a stage's green, and the own plan again; every order is judged and written down
//! as any other.

use std::collections::VecDeque;

use control_center_store::{NewOrder, OrderRow};
use models_domain::signal::advice::steer::{Call, Kind, Lost, Refused, Released, State, Why};
use models_domain::signal::order::{Mode, ORDERS_WINDOW, Wanted};
use models_domain::{DurationMs, JunctionId, UtcMillis};

use super::super::{failed, judge, newest_of, order, sent_lately, stands, was_sent};
use super::{Steered, ordered, taken};
use crate::hall::Hall;

/// A shorter green is not worth an order.
const LEAST: DurationMs = DurationMs(4_000);
/// No green is ordered when more orders than these were sent within the window, whoever sent them.
const SENT_MAX: usize = 2;
/// So long the pole may try to bring a junction back.
const BACK_WITHIN: DurationMs = DurationMs(60_000);

/// Orders what is called for: the row and when it ends, or why not.
pub(super) async fn green(
    hall: &Hall,
    steered: &Steered,
    call: &Call,
) -> anyhow::Result<Result<(u64, UtcMillis), Refused>> {
    let Call::Green { groups, patience, .. } = call else {
        return Ok(Err(Refused::Here(Why::Content)));
    };
    let (junction, now) = (&steered.junction, hall.clock.now());
    let in_force = hall.store.orders_in_force(now).await?;
    if let Some(why) = super::blocked(hall, steered, &in_force) {
        return Ok(Err(Refused::Here(why)));
    }
    if let Some(until) = crowded(&sent_lately(hall, junction, now).await?.taken) {
        return Ok(Err(Refused::Here(Why::Rate { until })));
    }
    let not_orderable = || Ok(Err(Refused::Here(Why::NotOrderable)));
    let late = || Ok(Err(Refused::Here(Why::Late)));
    let wanted = Wanted::Groups(*groups);
    let Some(mut hold) = left(hall, junction, call) else { return late() };
    let Some(mut judged) = judge(hall, junction, &wanted, hold).await? else { return not_orderable() };
    if let Some(room) = judged.room(now).filter(|room| (LEAST..hold).contains(room)) {
        hold = room;
        let Some(again) = judge(hall, junction, &wanted, hold).await? else { return not_orderable() };
        judged = again;
    }
    let patience = DurationMs(patience.0.min(hold.0));
    if let Some(why) = judged.why_not(patience).map(Why::Safety) {
        return Ok(Err(Refused::Here(why)));
    }
    // The store may have taken its time.
    let Some(left) = left(hall, junction, call) else { return late() };
    let new = NewOrder {
        gateway: judged.junction.gateway.clone(),
        junction: junction.clone(),
        wanted,
        hold: hold.min(left),
        patience,
        purpose: purpose(call),
        asked_by: steered.orderer(),
    };
    let row = order(hall, &new, newest_of(&in_force, junction)).await?;
    Ok(match row.ends {
        Some(ends) if stands(&row) => Ok((row.id, ends)),
        Some(_) => {
            // One that was overtaken on its way is nobody's refusal.
            let in_force = hall.store.orders_in_force(hall.clock.now()).await?;
            let others = super::blocked(hall, steered, &in_force).filter(Why::is_of_others);
            Err(others.map_or_else(|| Refused::Pole(failed(&row)), Refused::Here))
        }
        None => Err(Refused::Here(Why::OtherOrder { by: String::new() })),
    })
}

fn left(hall: &Hall, junction: &JunctionId, call: &Call) -> Option<DurationMs> {
    let seen = hall.view.junction(junction)?.seen;
    call.left(hall.clock.now(), &seen)
}

/// Until when too many orders were sent within the window, by anybody, for one more: people are to have room. Oldest first.
fn crowded(sent: &VecDeque<UtcMillis>) -> Option<UtcMillis> {
    let last = sent.len().checked_sub(SENT_MAX + 1)?;
    sent.get(last).map(|sent| *sent + ORDERS_WINDOW)
}

/// What an order says of itself, for the record.
fn purpose(call: &Call) -> String {
    match call {
        Call::Green { kind: Kind::Hold, stage, hold, plans, .. } => format!(
            "adaptive control: hold stage {} for {:.0} s at most, by its plan it is green for {:.0} s",
            stage + 1,
            hold.seconds(),
            plans.seconds()
        ),
        Call::Green { kind: Kind::Next, stage, plans, .. } => format!(
            "adaptive control: stage {} sooner, by the plan the one before it is green for {:.0} s",
            stage + 1,
            plans.seconds()
        ),
        Call::Release { .. } => "adaptive control: the plan goes on".to_owned(),
    }
}

/// Ends what was ordered. Nothing of it stands any more when it was ended, somebody ordered something else since, or its time is over.
///
/// # Errors
/// When the store fails before anything is sent.
pub(super) async fn release(hall: &Hall, steered: &Steered, order_id: u64) -> anyhow::Result<Released> {
    let junction = &steered.junction;
    let in_force = hall.store.orders_in_force(hall.clock.now()).await?;
    let newest = in_force.iter().filter(|row| row.order.junction == *junction).max_by_key(|row| row.number);
    let Some(own) = newest.filter(|row| row.id >= order_id && ordered(row)) else {
        return Ok(Released::Over);
    };
    if own.order.wanted == Wanted::OwnPlan {
        return Ok(Released::Over);
    }
    // The way back tells the controller its mode and its plan as well: whoever took it at the cabinet is not overruled, and the green ends
    // by its own time.
    let own_mode = hall.view.junction(junction).is_some_and(|known| {
        let now = known.info.now;
        now.mode == Some(Mode::Normal) && taken(known.info.aggregated.as_ref(), &now).is_none()
    });
    if !own_mode {
        return Ok(Released::NotSent);
    }
    let Some(judged) = judge(hall, junction, &Wanted::OwnPlan, BACK_WITHIN).await? else {
        return Ok(Released::NotSent);
    };
    // A pole that cannot be reached ends it by itself in time.
    if !hall.view.is_alive(&judged.junction.gateway) {
        return Ok(Released::NotSent);
    }
    let new = NewOrder {
        gateway: judged.junction.gateway.clone(),
        junction: junction.clone(),
        wanted: Wanted::OwnPlan,
        hold: BACK_WITHIN,
        patience: DurationMs(0),
        purpose: own.order.purpose.clone(),
        asked_by: steered.orderer(),
    };
    Ok(match order(hall, &new, newest_of(&in_force, junction)).await {
        Ok(row) => released(&row),
        // It may have been on its way already.
        Err(err) => {
            tracing::error!(%junction, "{err:#}");
            Released::Sent
        }
    })
}

/// What came of the order for the own plan.
pub(super) fn released(row: &OrderRow) -> Released {
    match (stands(row), was_sent(row)) {
        (true, _) => Released::Over,
        (false, true) => Released::Sent,
        (false, false) => Released::NotSent,
    }
}

/// Whether its order stands no more though its time is not over.
pub(super) async fn lost(hall: &Hall, steered: &Steered, now: UtcMillis) -> anyhow::Result<Option<Lost>> {
    let state = hall.adaptives.change(steered, |known| known.steer.state().clone());
    let (State::Ordered { order, until, .. } | State::Back { order, until, .. }) = state else {
        return Ok(None);
    };
    let Some(row) = hall.store.order(order).await?.filter(|_| now < until) else { return Ok(None) };
    if stands(&row) {
        return Ok(None);
    }
    let by_pole = matches!(row.state.as_str(), "refused" | "silent" | "otherwise")
        || row.detail == models_domain::signal::order::EndedBy::NotShown.name();
    Ok(Some(if by_pole { Lost::Pole(failed(&row)) } else { Lost::Ended }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_have_room() {
        let check = |sent: &[i64], want: Option<i64>| {
            let sent: VecDeque<UtcMillis> = sent.iter().map(|sent| UtcMillis(*sent)).collect();
            assert_eq!(crowded(&sent), want.map(UtcMillis));
        };
        check(&[], None);
        check(&[1_000, 2_000], None);
        check(&[1_000, 2_000, 3_000], Some(61_000));
        check(&[1_000, 2_000, 3_000, 4_000], Some(62_000));
    }
}
