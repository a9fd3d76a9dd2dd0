//! Adaptive control that orders, where the hall's file says so: each second what the advice wants is held against the plan that the
//! junction shows by itself, and `models_domain::signal::advice::steer` says which green to hold or to call sooner. Orders go the way of
//! a person's, and give way to everybody else's: people, emergency runs, late buses and calendars, whose junctions are left to them
//! altogether. Nothing is kept over a start of the hall but the orders themselves: one that stands then is given back.

mod orders;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use control_center_store::{ADAPTIVE, OrderRow};
use models_domain::signal::advice::steer::{
    Bounds, Call, Look, Lost, Refused, Released, Silence, Steer, Why,
};
use models_domain::signal::emergency::{State, Stop};
use models_domain::signal::order::{ControllerNow, Wanted};
use models_domain::signal::{Aggregated, GroupSet};
use models_domain::{DurationMs, JunctionId, UtcMillis};

use super::advice::{self, Advised, Counter};
use super::trust::untrusted;
use super::{calendar, counted};
use crate::hall::Hall;

/// How full exits are is read anew after this.
const EXITS_EVERY: DurationMs = DurationMs(20_000);
/// So many numbers of its own orders are remembered: those of some minutes.
const NUMBERS_KEPT: usize = 16;
const DAY_MS: i64 = 86_400_000;

/// As the hall's file has it.
#[derive(Debug, Clone, PartialEq)]
pub struct Steered {
    pub junction: JunctionId,
    pub bounds: Bounds,
    /// Ways out of the junction that may be full.
    pub exits: Vec<Exit>,
    /// The city's clocks less UTC: days are counted by them.
    pub ahead: DurationMs,
}

/// Where vehicles that have green drive to.
#[derive(Debug, Clone, PartialEq)]
pub struct Exit {
    pub groups: GroupSet,
    /// Detectors of the controller beyond the junction.
    pub counters: Vec<Counter>,
    /// Covered for this share of the time it is full, 0 to 1.
    pub full_from: f64,
}

pub struct Adaptives {
    all: Vec<Arc<Steered>>,
    known: Mutex<BTreeMap<JunctionId, Known>>,
}

struct Known {
    steer: Steer,
    /// The plan's own, at the last look.
    greens: Vec<Option<DurationMs>>,
    full: Option<(UtcMillis, GroupSet)>,
    /// Numbers of its own orders, the newest last: the pole's word may be a little older than the store's.
    numbers: VecDeque<u64>,
}

/// What can be told of a junction.
pub struct Told {
    pub steer: Steer,
    /// By stage: the mean green that nobody ordered anything of.
    pub greens: Vec<Option<DurationMs>>,
}

impl Steered {
    /// Who its orders are of.
    fn orderer(&self) -> String {
        format!("{ADAPTIVE}{}", self.junction)
    }

    fn day(&self, at: UtcMillis) -> i64 {
        (at + self.ahead).0.div_euclid(DAY_MS)
    }
}

impl Known {
    /// What became of its own orders since the last look, and the one that stands.
    fn learn(&mut self, lost: Option<Lost>, stands: Option<(u64, UtcMillis)>, now: UtcMillis) {
        if let Some(lost) = lost {
            self.steer.lost(now, lost);
        }
        if let Some((order, until)) = stands {
            self.steer.found(order, until, now);
        }
    }

    /// Whether the order that the pole has in force, 0 for none, is one of these or of those before.
    fn owns(&mut self, numbers: &[u64], order: u64) -> bool {
        for number in numbers {
            if !self.numbers.contains(number) {
                self.numbers.push_back(*number);
            }
        }
        while self.numbers.len() > NUMBERS_KEPT {
            self.numbers.pop_front();
        }
        order == 0 || self.numbers.contains(&order)
    }
}

/// Whether an order is one of adaptive control.
pub fn ordered(row: &OrderRow) -> bool {
    row.order.asked_by.starts_with(ADAPTIVE)
}

impl Adaptives {
    pub fn new(all: &[Advised]) -> Self {
        let steered = all.iter().filter_map(|advised| advised.steer.clone());
        Self { all: steered.map(Arc::new).collect(), known: Mutex::default() }
    }

    /// `None` where the configuration does not let it order.
    pub fn told(&self, junction: &JunctionId) -> Option<Told> {
        let steered = self.all.iter().find(|steered| steered.junction == *junction)?;
        Some(self.change(steered, |known| Told { steer: known.steer.clone(), greens: known.greens.clone() }))
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<JunctionId, Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change<T>(&self, steered: &Steered, change: impl FnOnce(&mut Known) -> T) -> T {
        let new = || Known {
            steer: Steer::new(steered.bounds),
            greens: Vec::new(),
            full: None,
            numbers: VecDeque::new(),
        };
        change(self.lock().entry(steered.junction.clone()).or_insert_with(new))
    }
}

/// One look at every junction that is steered, after the advice has had its own.
///
/// # Errors
/// When the orders in force cannot be read; what could not be written down was not sent.
pub async fn step(hall: &Arc<Hall>) -> anyhow::Result<()> {
    if hall.adaptives.all.is_empty() {
        return Ok(());
    }
    let now = hall.clock.now();
    let in_force = hall.store.orders_in_force(now).await?;
    for steered in &hall.adaptives.all {
        // One junction's trouble is not the others'.
        if let Err(err) = one(hall, steered, &in_force, now).await {
            tracing::error!(junction = %steered.junction, "steering: {err:#}");
        }
    }
    Ok(())
}

async fn one(
    hall: &Arc<Hall>,
    steered: &Arc<Steered>,
    in_force: &[OrderRow],
    now: UtcMillis,
) -> anyhow::Result<()> {
    let id = &steered.junction;
    let lost = orders::lost(hall, steered, now).await?;
    let full = full(hall, steered, now).await?;
    let blocked = blocked(hall, steered, in_force);
    // What the pole did not do because somebody's order came is nobody's refusal.
    let lost =
        lost.map(|lost| if blocked.as_ref().is_some_and(Why::is_of_others) { Lost::Ended } else { lost });
    let known = hall.view.junction(id);
    let told = known.as_ref().is_some_and(|known| known.info.order != 0 || !known.info.ending.is_empty());
    let touched = told || in_force.iter().any(|row| row.order.junction == *id);
    let seen = known.map(|known| known.seen).unwrap_or_default();
    let (blocked, day, stands) = (blocked.as_ref(), steered.day(now), stands(steered, in_force));
    let call = hall.advices.steers(id, now, |advisor, told| {
        let silence = told.err().map_or("", advice::Why::name);
        let Some(advisor) = advisor else {
            return hall.adaptives.change(steered, |known| {
                known.learn(lost, stands, now);
                known.steer.unadvised(now, day, blocked, silence)
            });
        };
        if touched {
            advisor.touch();
        }
        let greens = advisor.own_greens();
        let told = told.map_err(|_| match silence {
            "changing" => Silence::Changing,
            name => Silence::Reason(name),
        });
        let (layout, plan) = (advisor.layout(), &advisor.setup().plan);
        let look = Look { layout, plan, seen: &seen, told, greens: &greens, full, blocked, day };
        hall.adaptives.change(steered, |known| {
            known.learn(lost, stands, now);
            known.greens.clone_from(&greens);
            known.steer.step(now, look)
        })
    });
    if let Some(call) = call {
        drop(tokio::spawn(carry(hall.clone(), steered.clone(), call)));
    }
    Ok(())
}

/// Its own order, where that is what stands.
fn stands(steered: &Steered, in_force: &[OrderRow]) -> Option<(u64, UtcMillis)> {
    let there = in_force.iter().filter(|row| row.order.junction == steered.junction);
    let newest = there.max_by_key(|row| row.number)?;
    let own = newest.order.asked_by == steered.orderer();
    let green = matches!(newest.order.wanted, Wanted::Groups(_));
    newest.ends.filter(|_| own && green).map(|ends| (newest.id, ends))
}

/// Asks one pole, and takes its answer in.
async fn carry(hall: Arc<Hall>, steered: Arc<Steered>, call: Call) {
    let junction = &steered.junction;
    match call {
        Call::Green { .. } => {
            let answer = orders::green(&hall, &steered, &call).await.unwrap_or_else(|err| {
                tracing::error!(%junction, "{err:#}");
                Err(Refused::Here(Why::Failed(err.to_string())))
            });
            let now = hall.clock.now();
            hall.adaptives.change(&steered, |known| known.steer.answered(now, answer));
        }
        Call::Release { order } => {
            let released = orders::release(&hall, &steered, order).await.unwrap_or_else(|err| {
                tracing::error!(%junction, "{err:#}");
                Released::NotSent
            });
            let now = hall.clock.now();
            hall.adaptives.change(&steered, |known| known.steer.given_back(now, order, released));
        }
    }
}

/// What keeps it from ordering anything here; links, modes and detectors silence the advice itself.
fn blocked(hall: &Hall, steered: &Steered, in_force: &[OrderRow]) -> Option<Why> {
    let id = &steered.junction;
    let Some(known) = hall.view.junction(id).filter(|known| known.info.can.is_some()) else {
        return Some(Why::NotOrderable);
    };
    if let Some(why) = taken(known.info.aggregated.as_ref(), &known.info.now) {
        return Some(why);
    }
    let runs = hall.emergencies.all().into_iter().filter(|run| run.ended.is_none());
    let passes = |stop: &Stop| stop.junction == *id && !matches!(stop.state, State::Left { .. });
    if runs.into_iter().any(|run| run.run.stops.iter().any(passes)) {
        return Some(Why::Emergency);
    }
    if hall.calendars.of(id, &hall.place(id).areas).is_some() {
        return Some(Why::Calendar);
    }
    // Also a way back that is done: whoever ordered it wants the plan for as long.
    let others = in_force.iter().find(|row| row.order.junction == *id && !ordered(row));
    match others {
        Some(row) if calendar::ordered(row) => Some(Why::Calendar),
        Some(row) => Some(Why::OtherOrder { by: row.order.asked_by.clone() }),
        None if !known.info.ending.is_empty() => Some(Why::Ending),
        // What the pole has in force, and the store does not know of.
        None => {
            let own = in_force.iter().filter(|row| row.order.asked_by == steered.orderer());
            let own: Vec<u64> = own.filter_map(|row| row.number).collect();
            let ours = hall.adaptives.change(steered, |them| them.owns(&own, known.info.order));
            (!ours).then(|| Why::OtherOrder { by: String::new() })
        }
    }
}

/// Whether somebody else has the controller, or may have it. Another mode that it tells silences the advice.
fn taken(aggregated: Option<&Aggregated>, now: &ControllerNow) -> Option<Why> {
    if aggregated.is_some_and(|aggregated| aggregated.local_mode) {
        return Some(Why::Local);
    }
    if now.mode.is_none() {
        return Some(Why::ModeUnknown);
    }
    // Greens that were seen are those of a plan, and of no other.
    now.plan.is_none().then_some(Why::PlanUnknown)
}

/// Groups whose exit is full, or of which that is not known.
async fn full(hall: &Hall, steered: &Steered, now: UtcMillis) -> anyhow::Result<GroupSet> {
    if steered.exits.is_empty() {
        return Ok(GroupSet::EMPTY);
    }
    let read = hall.adaptives.change(steered, |known| known.full);
    if let Some((_, full)) = read.filter(|(at, _)| (DurationMs(0)..EXITS_EVERY).contains(&now.since(*at))) {
        return Ok(full);
    }
    let known = hall.view.junction(&steered.junction);
    let mut full = GroupSet::EMPTY;
    for exit in &steered.exits {
        // Exits have detectors alone.
        let failed = known.as_ref().is_none_or(|known| untrusted(known, &[], &exit.counters).is_some());
        let covered = counted::covered(hall, &steered.junction, &exit.counters, now).await?;
        if failed || covered.is_none_or(|share| share >= exit.full_from) {
            full = full.or(&exit.groups);
        }
    }
    hall.adaptives.change(steered, |known| known.full = Some((now, full)));
    Ok(full)
}
