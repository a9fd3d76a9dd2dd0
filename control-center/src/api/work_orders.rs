//! Work orders: who may open and move them, and the record of both.

use std::cmp::Reverse;
use std::sync::Arc;

use control_center_store::{
    Moved, NewWorkOrder, Opened, WorkOrderFilter, WorkOrderMove, WorkOrderMoveRow, WorkOrderRow,
};
use models_domain::signal::maintenance::{
    BACK_WITHIN, PART_MAX, Part, State, Step, Verdict, due_in, verdict,
};
use models_domain::{DurationMs, JunctionId, UtcMillis};
use models_wire::v1;
use tonic::Status;

use super::maintenance::{kind_from_wire, kind_to_wire, step_from_wire, step_to_wire};
use super::{audit, internal, junction};
use crate::auth::rights::{self, MAINTAIN_SIGNALS, Right, Scope};
use crate::auth::sessions::Session;
use crate::hall::Hall;

const NOTE: std::ops::RangeInclusive<usize> = 3..=500;
const LIST_MAX: u32 = 1_000;
const CLOSED_DAYS_MAX: u32 = 366;
const DAY_MS: i64 = 86_400_000;
/// Nobody plans further ahead.
const DUE_MAX: DurationMs = DurationMs(366 * DAY_MS);
/// Of what somebody saw and no controller told.
const PRIORITY_OF_PEOPLE: u8 = 2;

pub async fn list(
    hall: &Hall,
    session: &Session,
    asked: &v1::ListWorkOrdersRequest,
) -> Result<v1::ListWorkOrdersResponse, Status> {
    let only = match asked.junction.as_str() {
        "" => None,
        id => Some(junction(id)?),
    };
    if asked.closed_days > CLOSED_DAYS_MAX {
        return Err(Status::invalid_argument(format!("closed_days is above {CLOSED_DAYS_MAX}")));
    }
    let now = hall.clock.now();
    let back = DurationMs(i64::from(asked.closed_days) * DAY_MS);
    let filter = WorkOrderFilter {
        junction: only.as_ref(),
        assignee: Some(asked.assignee.as_str()).filter(|name| !name.is_empty()),
        closed_since: (back.0 > 0).then(|| now - back),
        only_done: false,
    };
    let mut rows = hall.store.work_orders(&filter, LIST_MAX + 1).await.map_err(internal)?;
    if back < BACK_WITHIN {
        let done = WorkOrderFilter { closed_since: Some(now - BACK_WITHIN), only_done: true, ..filter };
        let done = hall.store.work_orders(&done, LIST_MAX).await.map_err(internal)?;
        rows.extend(done.into_iter().filter(|row| is_in_vain(hall, row, now)));
        rows.sort_by_key(|row| Reverse(row.id));
        rows.dedup_by_key(|row| row.id);
    }
    let more = rows.len() > LIST_MAX as usize;
    rows.truncate(LIST_MAX as usize);
    let work_orders = rows.into_iter().map(|row| to_wire(hall, session, row, Vec::new(), now)).collect();
    Ok(v1::ListWorkOrdersResponse { work_orders, more })
}

/// Said to be mended, and it is not: nobody should have to look for it among those that are closed.
fn is_in_vain(hall: &Hall, row: &WorkOrderRow, now: UtcMillis) -> bool {
    match fault_of(hall, row, now).0 {
        v1::WorkOrderFault::StillThere | v1::WorkOrderFault::CameBack => true,
        v1::WorkOrderFault::There
        | v1::WorkOrderFault::Gone
        | v1::WorkOrderFault::SeenByPeople
        | v1::WorkOrderFault::Unspecified => false,
    }
}

pub async fn get(hall: &Hall, session: &Session, id: u64) -> Result<v1::WorkOrder, Status> {
    let row = known(hall, id).await?;
    let moves = hall.store.work_order_moves(id).await.map_err(internal)?;
    Ok(to_wire(hall, session, row, moves, hall.clock.now()))
}

pub async fn open(
    hall: &Arc<Hall>,
    session: &Session,
    asked: v1::OpenWorkOrderRequest,
) -> Result<v1::WorkOrder, Status> {
    let id = junction(&asked.junction)?;
    let part = Part { kind: kind_from_wire(asked.kind)?, name: line_of("part", &asked.part, 0..=PART_MAX)? };
    let what = in_words(&id, &part);
    may(hall, session, &id, &what).await?;
    if hall.view.junction(&id).is_none() {
        return Err(Status::not_found(format!("there is no junction {id}")));
    }
    let note = line_of("note", &asked.note, NOTE)?;
    let now = hall.clock.now();
    let fault = hall.healths.fault(&id, &part);
    let priority = fault.as_ref().map_or(PRIORITY_OF_PEOPLE, |fault| fault.priority);
    let due = match asked.due_ms {
        0 => now + due_in(priority),
        ms if (now.0..=(now + DUE_MAX).0).contains(&ms) => UtcMillis(ms),
        _ => return Err(Status::invalid_argument("due_ms is past, or more than a year ahead")),
    };
    let assignee = asked.assignee.trim().to_owned();
    if !assignee.is_empty() {
        assignable(hall, &assignee, &id).await?;
    }
    let (codes, text) = fault.map_or_else(Default::default, |fault| (fault.codes, fault.text));
    let new = NewWorkOrder { junction: id, part, codes, text, priority, due, assignee, note };
    let what = format!("{what} due_ms={} assignee={}", new.due.0, new.assignee);
    let line = audit(now, session, "work_order_opened", &new.note, what);
    match hall.store.open_work_order(&new, &line).await.map_err(internal)? {
        Opened::New(number) => get(hall, session, number).await,
        Opened::There(number) => {
            Err(Status::already_exists(format!("work order {number} is open for this part already")))
        }
    }
}

pub async fn step(
    hall: &Arc<Hall>,
    session: &Session,
    asked: v1::MoveWorkOrderRequest,
) -> Result<v1::WorkOrder, Status> {
    let step = step_from_wire(asked.step)?;
    let row = known(hall, asked.id).await?;
    let what = in_words(&row.order.junction, &row.order.part);
    may(hall, session, &row.order.junction, &format!("work_order={} {} {what}", row.id, step.name())).await?;
    let note = line_of("note", &asked.note, if step.needs_note() { NOTE } else { 0..=*NOTE.end() })?;
    if row.version != asked.version {
        return Err(meanwhile());
    }
    let to = row.state.after(step).ok_or_else(|| {
        Status::failed_precondition(format!(
            "work order {} is {}: {} is not possible",
            row.id,
            row.state.name(),
            step.name()
        ))
    })?;
    let assignee = match step {
        Step::Take if asked.assignee.trim().is_empty() => session.user.clone(),
        Step::Take => {
            let other = asked.assignee.trim().to_owned();
            assignable(hall, &other, &row.order.junction).await?;
            other
        }
        Step::GiveBack | Step::Reopen => String::new(),
        Step::Note | Step::Done | Step::Cancel => row.order.assignee.clone(),
    };
    let action = format!("work_order_{}", step.name());
    let line = audit(hall.clock.now(), session, &action, &note, format!("{what} assignee={assignee}"));
    let step = WorkOrderMove { id: row.id, version: row.version, step, to, assignee, note };
    match hall.store.move_work_order(&step, &line).await.map_err(internal)? {
        Moved::Yes => get(hall, session, row.id).await,
        Moved::Meanwhile => Err(meanwhile()),
        Moved::AnotherOpen => Err(Status::already_exists(
            "another work order is open for this part meanwhile; go on with that one",
        )),
    }
}

async fn known(hall: &Hall, id: u64) -> Result<WorkOrderRow, Status> {
    let row = hall.store.work_order(id).await.map_err(internal)?;
    row.ok_or_else(|| Status::not_found(format!("there is no work order {id}")))
}

fn meanwhile() -> Status {
    Status::aborted("somebody else changed this work order meanwhile; look at it again")
}

/// The right there; who has it not is written down.
async fn may(hall: &Hall, session: &Session, id: &JunctionId, what: &str) -> Result<(), Status> {
    let refused = rights::check(session, Right::MaintainSignal(&hall.place(id)));
    if let Err(status) = &refused {
        let line = audit(
            hall.clock.now(),
            session,
            "work_order_refused",
            "",
            format!("{what} {}", status.message()),
        );
        hall.store.keep_audit(&line).await.map_err(internal)?;
    }
    refused
}

/// Only who may move it is given it.
async fn assignable(hall: &Hall, user: &str, id: &JunctionId) -> Result<(), Status> {
    let grants = hall.store.grants(user).await.map_err(internal)?;
    let place = hall.place(id);
    if Scope::of(&grants, MAINTAIN_SIGNALS).holds(&place) {
        return Ok(());
    }
    Err(Status::invalid_argument(format!("assignee: {}", rights::not_maintained_by(user, &place))))
}

fn in_words(junction: &JunctionId, part: &Part) -> String {
    let Part { kind, name } = part;
    format!("junction={junction} kind={} part={name:?}", kind.name())
}

/// One line of text with so many characters.
#[allow(clippy::result_large_err, reason = "tonic's own error")]
fn line_of(field: &str, text: &str, long: std::ops::RangeInclusive<usize>) -> Result<String, Status> {
    let text = text.trim();
    if long.contains(&text.chars().count()) && !text.chars().any(char::is_control) {
        return Ok(text.to_owned());
    }
    let (least, most) = (long.start(), long.end());
    Err(Status::invalid_argument(format!("{field}: {least} to {most} characters on one line")))
}

fn to_wire(
    hall: &Hall,
    session: &Session,
    row: WorkOrderRow,
    moves: Vec<WorkOrderMoveRow>,
    now: UtcMillis,
) -> v1::WorkOrder {
    let (fault, fault_at) = fault_of(hall, &row, now);
    let may = rights::may(session, Right::MaintainSignal(&hall.place(&row.order.junction)));
    let steps = Step::ALL.into_iter().filter(|step| may && row.state.after(*step).is_some());
    let NewWorkOrder { junction, part, codes, text, priority, due, assignee, .. } = row.order;
    let name = hall.view.read(|city| city.junctions.get(&junction).map(|known| known.info.name.clone()));
    v1::WorkOrder {
        id: row.id,
        junction: junction.to_string(),
        junction_name: name.unwrap_or_default(),
        kind: kind_to_wire(part.kind).into(),
        part: part.name,
        codes,
        text,
        priority: u32::from(priority),
        opened_ms: row.opened.0,
        opened_by: row.opened_by,
        due_ms: due.0,
        state: state_to_wire(row.state).into(),
        assignee,
        moved_ms: row.moved.0,
        fault: fault.into(),
        fault_ms: fault_at.map_or(0, |at| at.0),
        version: row.version,
        moves: moves.into_iter().map(move_to_wire).collect(),
        steps: steps.map(|step| step_to_wire(step).into()).collect(),
    }
}

/// What is heard of its fault, and since or until when.
fn fault_of(hall: &Hall, row: &WorkOrderRow, now: UtcMillis) -> (v1::WorkOrderFault, Option<UtcMillis>) {
    let last = row.last_fault.as_ref().map(|(fault, ended)| (fault, *ended));
    let done = row.closed.filter(|_| row.state == State::Done);
    match verdict(done, last, hall.healths.heard_since(&row.order.junction), now) {
        Verdict::There { since } => (v1::WorkOrderFault::There, Some(since)),
        Verdict::Gone { at } => (v1::WorkOrderFault::Gone, Some(at)),
        Verdict::StillThere { since } => (v1::WorkOrderFault::StillThere, Some(since)),
        Verdict::CameBack { at } => (v1::WorkOrderFault::CameBack, Some(at)),
        // Over for so long that it was forgotten.
        Verdict::SeenByPeople if !row.order.codes.is_empty() => (v1::WorkOrderFault::Gone, None),
        Verdict::SeenByPeople => (v1::WorkOrderFault::SeenByPeople, None),
    }
}

fn state_to_wire(state: State) -> v1::WorkOrderState {
    match state {
        State::Open => v1::WorkOrderState::Open,
        State::Taken => v1::WorkOrderState::Taken,
        State::Done => v1::WorkOrderState::Done,
        State::Cancelled => v1::WorkOrderState::Cancelled,
    }
}

fn move_to_wire(row: WorkOrderMoveRow) -> v1::WorkOrderMove {
    let WorkOrderMoveRow { at, user, step, assignee, note } = row;
    let known = Step::ALL.into_iter().find(|known| known.name() == step);
    let step = match known {
        Some(step) => step_to_wire(step),
        None if step == "open" => v1::WorkOrderStep::Open,
        None => v1::WorkOrderStep::Unspecified,
    };
    let step = step.into();
    v1::WorkOrderMove { at_ms: at.0, user, step, assignee, note }
}
