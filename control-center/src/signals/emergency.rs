//! Vehicles under way with greens ahead of them: kept in memory and stepped each second; every order of theirs is judged, written
//! down and ended as any other. A hall that is killed forgets them: the poles end their orders by themselves.

use std::sync::{Mutex, MutexGuard, PoisonError};

use anyhow::Context;
use control_center_store::{AuditLine, NewOrder, OrderRow, SENT, TAKEN};
use futures_util::future::join_all;
use models_domain::geo::LatLon;
use models_domain::signal::corridor::Way;
use models_domain::signal::emergency::{Call, Run, State, Why, along};
use models_domain::signal::order::Wanted;
use models_domain::signal::safety::Refusal;
use models_domain::{DurationMs, JunctionId, Meters, UtcMillis, VehicleId};

use super::{Judged, judge, send};
use crate::auth::rights::{self, Scope};
use crate::hall::Hall;

/// A fix older than this says nothing of where the vehicle is now.
const FRESH: DurationMs = DurationMs(30_000);
/// Ended runs are shown for so long.
const SHOWN: DurationMs = DurationMs(3_600_000);
/// So many may be under way at once.
pub const MOST: usize = 20;
/// A green that must end sooner for those who wait is not worth a change.
const WORTH: DurationMs = DurationMs(12_000);
/// So long the poles may try to bring a junction back.
const BACK_WITHIN: DurationMs = DurationMs(60_000);

#[derive(Default)]
pub struct Emergencies {
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    last_id: u64,
    all: Vec<Emergency>,
}

#[derive(Debug, Clone)]
pub struct Emergency {
    pub id: u64,
    pub corridor: String,
    pub way: Way,
    pub vehicle: Option<VehicleId>,
    pub purpose: String,
    pub started_by: String,
    pub run: Run,
    /// When it ended, and by whom; by itself: nobody.
    pub ended: Option<(UtcMillis, String)>,
    pub trouble: Trouble,
}

/// What is wrong with a vehicle's tracker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    None,
    NoSuchVehicle,
    Silent,
    Elsewhere,
    NoPositions,
}

impl Trouble {
    pub fn name(self) -> &'static str {
        match self {
            Trouble::None => "",
            Trouble::NoSuchVehicle => "no_such_vehicle",
            Trouble::Silent => "silent",
            Trouble::Elsewhere => "elsewhere",
            Trouble::NoPositions => "no_positions",
        }
    }
}

impl Emergency {
    /// What its orders say of themselves.
    fn order_purpose(&self) -> String {
        format!("emergency {}: {}", self.id, self.purpose)
    }
}

impl Emergencies {
    /// Begins a run; its number, or `None` when too many are under way. `new.id` is set here.
    pub fn begin(&self, new: Emergency) -> Option<Emergency> {
        let mut inner = self.lock();
        if inner.all.iter().filter(|e| e.ended.is_none()).count() >= MOST {
            return None;
        }
        // After a restart no number comes again.
        let id = new.run.began.0.cast_unsigned().max(inner.last_id + 1);
        inner.last_id = id;
        let new = Emergency { id, ..new };
        inner.all.push(new.clone());
        Some(new)
    }

    /// It never was.
    pub fn forget(&self, id: u64) {
        self.lock().all.retain(|e| e.id != id);
    }

    /// Newest first.
    pub fn all(&self) -> Vec<Emergency> {
        self.lock().all.iter().rev().cloned().collect()
    }

    pub fn get(&self, id: u64) -> Option<Emergency> {
        self.lock().all.iter().find(|e| e.id == id).cloned()
    }

    /// Changes a run that is under way; `None` when there is none of this number.
    pub fn change<T>(&self, id: u64, change: impl FnOnce(&mut Emergency) -> T) -> Option<T> {
        self.lock().all.iter_mut().find(|e| e.id == id && e.ended.is_none()).map(change)
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One step of every run that is under way.
///
/// # Errors
/// When the store fails; what could not be written down was not sent.
pub async fn step(hall: &Hall) -> anyhow::Result<()> {
    let now = hall.clock.now();
    hall.emergencies.lock().all.retain(|e| e.ended.as_ref().is_none_or(|(at, _)| now.since(*at) < SHOWN));
    let under_way = hall.emergencies.all().into_iter().filter(|e| e.ended.is_none());
    for result in join_all(under_way.map(|emergency| step_one(hall, emergency.id))).await {
        result?;
    }
    Ok(())
}

/// Ends a run: every junction that was ordered for it goes back. `false` when it is under way no more.
///
/// # Errors
/// As [`step`].
pub async fn end(hall: &Hall, id: u64, by: &str) -> anyhow::Result<bool> {
    let now = hall.clock.now();
    let ended = hall.emergencies.change(id, |e| {
        e.ended = Some((now, by.to_owned()));
        (e.run.end(), e.clone())
    });
    let Some((calls, emergency)) = ended else { return Ok(false) };
    let carried = carry(hall, &emergency, by, calls).await;
    tell_end(hall, &emergency, by).await?;
    carried.map(|()| true)
}

async fn step_one(hall: &Hall, id: u64) -> anyhow::Result<()> {
    let now = hall.clock.now();
    let Some(emergency) = hall.emergencies.get(id) else { return Ok(()) };
    let lost = lost_orders(hall, &emergency, now).await?;
    let place = tracked(hall, &emergency, now);
    let stepped = hall.emergencies.change(id, |e| {
        for (stop, why) in lost {
            e.run.answered(stop, now, Err(why));
        }
        match place {
            Ok(Some((place, at))) => {
                e.trouble = Trouble::None;
                e.run.seen(place, at);
            }
            Ok(None) => {}
            Err(trouble) => e.trouble = trouble,
        }
        let calls = e.run.step(now);
        let over = e.run.is_over();
        if over {
            e.ended = Some((now, String::new()));
        }
        (calls, over, e.clone())
    });
    let Some((calls, over, emergency)) = stepped else { return Ok(()) };
    let carried = carry(hall, &emergency, &emergency.started_by, calls).await;
    if over {
        tell_end(hall, &emergency, "").await?;
    }
    carried
}

/// `by`: who lets go.
async fn carry(
    hall: &Hall,
    emergency: &Emergency,
    by: &str,
    calls: Vec<(usize, Call)>,
) -> anyhow::Result<()> {
    let one = async |(stop, call): (usize, Call)| match call {
        Call::Release { order } => release(hall, emergency, stop, (order, by)).await,
        Call::Green { until, patience } => {
            let answer = green(hall, emergency, stop, until, patience).await?;
            let now = hall.clock.now();
            let taken = answer.as_ref().ok().copied();
            let kept = hall.emergencies.change(emergency.id, |e| e.run.answered(stop, now, answer));
            match (kept, taken) {
                // It was ended meanwhile: nothing else will end this order.
                (None, Some((order, _))) => release(hall, emergency, stop, (order, by)).await,
                (None | Some(()), _) => Ok(()),
            }
        }
    };
    for result in join_all(calls.into_iter().map(one)).await {
        result?;
    }
    Ok(())
}

/// Orders a stop's group green: the row and when it ends, or why not.
async fn green(
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
    if let Some(shorter) = room(&judged, now).filter(|room| (WORTH..hold).contains(room)) {
        hold = shorter;
        judged = judge(hall, id, &wanted, hold).await?.context("a junction that was there is gone")?;
    }
    if let Some(why) = against(hall, emergency, (id, &judged), patience).await? {
        return Ok(Err(why));
    }
    let by = &emergency.started_by;
    let row = order(hall, (emergency, by), (id, &judged), wanted, (hold, patience)).await?;
    Ok(match row.state.as_str() {
        SENT | TAKEN | "done" => Ok((row.id, row.ends.unwrap_or(until))),
        _ => Err(failed(&row)),
    })
}

fn failed(row: &OrderRow) -> Why {
    let OrderRow { state, detail, .. } = row;
    Why::Failed(if detail.is_empty() { state.clone() } else { format!("{state}: {detail}") })
}

/// How long others may still wait at red, when that is what speaks against it.
fn room(judged: &Judged, now: UtcMillis) -> Option<DurationMs> {
    let until = |refusal: &Refusal| {
        if let Refusal::MaximumRed { until, .. } = refusal { Some(until.since(now)) } else { None }
    };
    judged.refusals.iter().filter_map(until).min()
}

async fn against(
    hall: &Hall,
    emergency: &Emergency,
    (id, judged): (&JunctionId, &Judged),
    patience: DurationMs,
) -> anyhow::Result<Option<Why>> {
    if !hall.view.is_alive(&judged.junction.gateway) {
        return Ok(Some(Why::GatewayAway));
    }
    let in_force = hall.store.orders_in_force(hall.clock.now()).await?;
    // Of somebody else: who takes a junction out of a run has seen more than the run has. A plan of before gives way, and what
    // another run gives back is free.
    let purpose = emergency.order_purpose();
    let runs: Vec<String> = hall.emergencies.all().iter().map(Emergency::order_purpose).collect();
    let stays = |row: &&OrderRow| {
        let NewOrder { junction, wanted, purpose: of, .. } = &row.order;
        let plan = matches!(wanted, Wanted::Plan(_) | Wanted::OwnPlan);
        let plan_of_before = plan && (row.asked < emergency.run.began || super::calendar::ordered(row));
        let given_back = *wanted == Wanted::OwnPlan && runs.contains(of);
        junction == id && *of != purpose && !plan_of_before && !given_back
    };
    let other = in_force.iter().find(stays);
    if let Some(row) = other {
        return Ok(Some(Why::OtherOrder { id: row.id, by: row.order.asked_by.clone() }));
    }
    let waits = patience > DurationMs(0);
    let refusals = judged.refusals.iter().filter(|refusal| !(waits && refusal.comes_too_early()));
    let refusals: Vec<Refusal> = refusals.copied().collect();
    Ok((!refusals.is_empty()).then_some(Why::Safety(refusals)))
}

async fn order(
    hall: &Hall,
    (emergency, by): (&Emergency, &str),
    (junction, judged): (&JunctionId, &Judged),
    wanted: Wanted,
    (hold, patience): (DurationMs, DurationMs),
) -> anyhow::Result<OrderRow> {
    let new = NewOrder {
        gateway: judged.junction.gateway.clone(),
        junction: junction.clone(),
        wanted,
        hold,
        patience,
        purpose: emergency.order_purpose(),
        asked_by: by.to_owned(),
    };
    let id = hall.store.ask_order(&new, hall.clock.now()).await?;
    let row = hall.store.order(id).await?.context("an order that was written down is not there")?;
    let sent = send(hall, &row, None).await?;
    Ok(sent.unwrap_or(row))
}

/// Ends what a run ordered of a junction, unless somebody ordered something else since, or it is over.
async fn release(
    hall: &Hall,
    emergency: &Emergency,
    stop: usize,
    (order_id, by): (u64, &str),
) -> anyhow::Result<()> {
    let id = &emergency.run.stops[stop].junction;
    let in_force = hall.store.orders_in_force(hall.clock.now()).await?;
    let newest = in_force.iter().filter(|row| row.order.junction == *id).max_by_key(|row| row.id);
    if newest.is_none_or(|row| row.id < order_id || row.order.purpose != emergency.order_purpose()) {
        return Ok(());
    }
    let Some(judged) = judge(hall, id, &Wanted::OwnPlan, BACK_WITHIN).await? else { return Ok(()) };
    order(hall, (emergency, by), (id, &judged), Wanted::OwnPlan, (BACK_WITHIN, DurationMs(0))).await?;
    Ok(())
}

/// Orders of a run that stand no more though their time is not over, and why.
async fn lost_orders(
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
        } else if !matches!(row.state.as_str(), SENT | TAKEN | "done") {
            lost.push((i, failed(&row)));
        }
    }
    Ok(lost)
}

/// Where its tracker says it is, from the run's first stop line; `Ok(None)`: it has none.
fn tracked(
    hall: &Hall,
    emergency: &Emergency,
    now: UtcMillis,
) -> Result<Option<(Meters, UtcMillis)>, Trouble> {
    let Some(vehicle) = &emergency.vehicle else { return Ok(None) };
    let (at, position) = hall.view.vehicle_fix(vehicle).ok_or(Trouble::NoSuchVehicle)?;
    if now.since(at) > FRESH {
        return Err(Trouble::Silent);
    }
    let line = line(hall, emergency).ok_or(Trouble::NoPositions)?;
    along(&line, position).map(|place| Some((place, at))).ok_or(Trouble::Elsewhere)
}

/// The places of the whole corridor in the order of the run's way, measured from its first stop line.
fn line(hall: &Hall, emergency: &Emergency) -> Option<Vec<(LatLon, Meters)>> {
    let corridor = hall.corridors.iter().find(|corridor| corridor.id == emergency.corridor)?;
    let first = &emergency.run.stops.first()?.junction;
    let zero = corridor.places.iter().find(|place| place.junction == *first)?.at.0;
    let sign = if emergency.way == Way::Back { -1.0 } else { 1.0 };
    let mut line = Vec::new();
    for place in &corridor.places {
        let position = hall.view.junction(&place.junction)?.info.position?;
        line.push((position, Meters(sign * (place.at.0 - zero))));
    }
    if emergency.way == Way::Back {
        line.reverse();
    }
    Some(line)
}

async fn tell_end(hall: &Hall, emergency: &Emergency, by: &str) -> anyhow::Result<()> {
    let passed = |state: &State| matches!(state, State::Left { passed: true, .. });
    let through = emergency.run.stops.iter().filter(|stop| passed(&stop.state)).count();
    let line = AuditLine {
        at: hall.clock.now(),
        user: if by.is_empty() { emergency.started_by.clone() } else { by.to_owned() },
        action: "emergency_ended".to_owned(),
        purpose: emergency.purpose.clone(),
        what: format!(
            "emergency {} {}; through {through} of {} junctions",
            emergency.id,
            if by.is_empty() { "over by itself" } else { "ended" },
            emergency.run.stops.len()
        ),
    };
    Ok(hall.store.keep_audit(&line).await?)
}
