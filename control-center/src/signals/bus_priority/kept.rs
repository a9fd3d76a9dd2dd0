//! Requests as rows of the store, and back after a start.

use control_center_store::BusPriorityRow;
use models_domain::UtcMillis;
use models_domain::signal::bus_priority::Why;
use models_domain::signal::bus_priority::request::{End, Key, Request, State};
use models_domain::signal::bus_priority::turns::Turns;
use models_domain::signal::order::Wanted;

use super::{Inner, Priority};
use crate::hall::Hall;

/// What the orders for a bus say of themselves.
pub(super) fn purpose(row: &BusPriorityRow) -> String {
    let BusPriorityRow { vehicle, route, run, late, to_line, approach, .. } = row;
    format!(
        "bus {vehicle} of route {route}, trip {}, {:.0} s late, {:.0} m before {approach}",
        run.trip,
        late.seconds(),
        to_line.0
    )
}

/// Writes down every request that has changed.
///
/// # Errors
/// When the store fails.
pub(super) async fn keep(hall: &Hall, priority: &Priority) -> anyhow::Result<()> {
    let changed: Vec<(Key, BusPriorityRow)> = {
        let mut inner = hall.priorities.lock();
        let Inner { last_id, known_by_id, .. } = &mut *inner;
        let known = known_by_id.entry(priority.setup.id.clone()).or_default();
        let requests = known.turns.requests();
        known.rows.retain(|key, _| requests.contains_key(key));
        let mut changed = Vec::new();
        for (key, request) in requests {
            let same = |row: &&BusPriorityRow| row.asked == request.asked && row.run == request.run;
            let before = known.rows.get(key).filter(same);
            let id = before.map_or_else(
                || {
                    // No number comes again.
                    *last_id = request.asked.0.cast_unsigned().max(*last_id + 1);
                    *last_id
                },
                |row| row.id,
            );
            let row = row(priority, id, request, before);
            if before != Some(&row) {
                changed.push((key.clone(), row));
            }
        }
        // Its number is its own, whether it can be written down now or later.
        for (key, row) in &changed {
            known
                .rows
                .entry(key.clone())
                .or_insert_with(|| BusPriorityRow { state: String::new(), ..row.clone() });
        }
        changed
    };
    for (key, row) in changed {
        hall.store.keep_bus_priority(&row).await?;
        hall.priorities.change(&priority.setup.id, |known| known.rows.insert(key, row));
    }
    Ok(())
}

fn row(priority: &Priority, id: u64, request: &Request, before: Option<&BusPriorityRow>) -> BusPriorityRow {
    let state = match &request.state {
        State::Waits(_) => "waits",
        State::Calling => "calling",
        State::Ordered { .. } => "ordered",
        State::Over { end, .. } => end.name(),
    };
    let (why, detail) = match &request.state {
        State::Waits(why) | State::Over { end: End::Unhelped(why), .. } => (why.name(), why.detail()),
        State::Over { end: End::Lost(why), .. } => ("", why.clone()),
        State::Calling | State::Ordered { .. } | State::Over { .. } => ("", String::new()),
    };
    let (order, until) = match &request.state {
        State::Ordered { order, until } => (Some(*order), Some(*until)),
        State::Over { order, .. } => {
            (before.and_then(|row| row.order).or(*order), before.and_then(|row| row.until))
        }
        State::Waits(_) | State::Calling => (None, None),
    };
    let ended = if let State::Over { at, .. } = &request.state { Some(*at) } else { None };
    BusPriorityRow {
        id,
        priority: priority.setup.id.clone(),
        junction: priority.setup.junction.clone(),
        approach: priority.setup.approaches[request.approach].name.clone(),
        vehicle: request.vehicle.clone(),
        feed: request.feed.clone(),
        route: request.route.clone(),
        run: request.run.clone(),
        asked: request.asked,
        late: request.late,
        to_line: request.to_line,
        state: state.to_owned(),
        why: why.to_owned(),
        detail,
        order,
        until,
        green: request.green,
        passed: request.passed,
        ended,
        measured: None,
    }
}

/// Goes on with what stood when the hall was here before; what the file does not have any more is over.
///
/// # Errors
/// When the store fails.
pub(super) async fn restore(hall: &Hall) -> anyhow::Result<()> {
    let now = hall.clock.now();
    let open = hall.store.open_bus_priorities().await?;
    let in_force = hall.store.orders_in_force(now).await?;
    let newest = hall.store.bus_priorities(None, UtcMillis(0), 1).await?;
    let mut inner =
        Inner { restored: true, last_id: newest.first().map_or(0, |row| row.id), ..Inner::default() };
    let mut gone = Vec::new();
    for priority in &hall.priorities.all {
        let mut ended = hall.store.last_bus_priority(&priority.setup.junction).await?;
        let known = inner.known_by_id.entry(priority.setup.id.clone()).or_default();
        let mut requests = Vec::new();
        for row in open.iter().filter(|row| row.priority == priority.setup.id) {
            let own = in_force.iter().filter(|order| {
                order.order.asked_by == priority.orderer() && matches!(order.order.wanted, Wanted::Groups(_))
            });
            // It may have been sent without anybody hearing of it.
            let order = own.max_by_key(|order| order.number).filter(|_| row.state != "waits");
            let state = match order.and_then(|order| Some((order.id, order.ends?))) {
                Some((order, until)) => State::Ordered { order, until },
                None if row.state == "ordered" => {
                    // Its order is over, and the rest after it is not.
                    ended = ended.max(Some(now));
                    gone.push(row.clone());
                    continue;
                }
                None => State::Waits(Why::Turn),
            };
            let names = priority.setup.approaches.iter().position(|approach| approach.name == row.approach);
            let Some(approach) = names else {
                gone.push(row.clone());
                continue;
            };
            known.rows.insert((row.vehicle.clone(), approach), row.clone());
            requests.push(request(row, approach, state, now));
        }
        known.turns = Turns::restored(requests, ended);
    }
    let configured = |row: &&BusPriorityRow| hall.priorities.all.iter().any(|p| p.setup.id == row.priority);
    gone.extend(open.iter().filter(|row| !configured(row)).cloned());
    for row in gone {
        let over = BusPriorityRow { state: End::Gone.name().to_owned(), ended: Some(now), ..row };
        hall.store.keep_bus_priority(&over).await?;
    }
    *hall.priorities.lock() = inner;
    Ok(())
}

fn request(row: &BusPriorityRow, approach: usize, state: State, now: UtcMillis) -> Request {
    Request {
        approach,
        vehicle: row.vehicle.clone(),
        feed: row.feed.clone(),
        run: row.run.clone(),
        route: row.route.clone(),
        asked: row.asked,
        late: row.late,
        to_line: row.to_line,
        state,
        green: row.green,
        passed: row.passed,
        known: now,
    }
}
