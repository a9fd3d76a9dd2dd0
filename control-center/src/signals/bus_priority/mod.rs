//! Green for late buses, where the hall's file says so: each second it is looked which bus comes to which stop line, and whose turn it is
//! is reckoned by `models_domain::signal::bus_priority`. Orders go the way of a person's, and give way to everybody else's. How each request
//! stands is in the store before anything is ordered; `orders` asks the poles, `kept` turns requests into rows and back, `measures` reckons
//! what it gave and cost.

mod kept;
pub mod measures;
mod orders;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use control_center_store::{BUS_PRIORITY, BusPriorityRow, OrderRow};
use models_domain::event::Link;
use models_domain::signal::bus_priority::coming::Coming;
use models_domain::signal::bus_priority::request::{Call, Key, Look, Request, State};
use models_domain::signal::bus_priority::turns::Turns;
use models_domain::signal::bus_priority::{Load, Setup, Why};
use models_domain::signal::emergency::{self, Stop};
use models_domain::signal::order::{Orderable, Seen, Wanted};
use models_domain::{DurationMs, JunctionId, UtcMillis};

use super::advice::{Counter, cameras};
use super::hands::{Hands, hands};
use super::pauses::{Back, Pauses};
use super::trust::{troubles, untrusted};
use super::{adaptive, calendar, counted};
use crate::hall::Hall;

/// Counts are read anew after this.
const COUNTS_EVERY: DurationMs = DurationMs(20_000);

/// As the hall's file has it.
#[derive(Debug, Clone, PartialEq)]
pub struct Priority {
    pub setup: Setup,
    /// Who counts the others, and how many of them an hour are too many.
    pub others: Option<Others>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Others {
    pub counters: Vec<Counter>,
    /// Car units.
    pub max_per_h: f64,
}

pub struct Priorities {
    all: Vec<Arc<Priority>>,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    /// Nothing is done before it is known what stood when the hall was here before.
    restored: bool,
    last_id: u64,
    known_by_id: BTreeMap<String, Known>,
}

#[derive(Default)]
struct Known {
    turns: Turns,
    /// Each request's row, as it is in the store.
    rows: BTreeMap<Key, BusPriorityRow>,
    load: Option<(UtcMillis, Load)>,
    /// Requests whose pole is being asked to let go, or did not.
    paused: Pauses<Key>,
}

impl Priority {
    /// Who its orders are of.
    fn orderer(&self) -> String {
        format!("{BUS_PRIORITY}{}", self.setup.id)
    }
}

/// Whether an order is one for a bus.
pub fn ordered(row: &OrderRow) -> bool {
    row.order.asked_by.starts_with(BUS_PRIORITY)
}

impl Priorities {
    pub fn new(all: Vec<Priority>) -> Self {
        Self { all: all.into_iter().map(Arc::new).collect(), inner: Mutex::default() }
    }

    /// Whether the hall's file says something of this junction; of any.
    pub fn at(&self, junction: Option<&JunctionId>) -> bool {
        self.all.iter().any(|priority| junction.is_none_or(|id| priority.setup.junction == *id))
    }

    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change<T>(&self, id: &str, change: impl FnOnce(&mut Known) -> T) -> T {
        change(self.lock().known_by_id.entry(id.to_owned()).or_default())
    }
}

/// The buses before each junction's stop lines. Not where calls are answered.
pub fn coming(hall: &Hall) -> Vec<Vec<(usize, Coming)>> {
    let setups: Vec<&Setup> = hall.priorities.all.iter().map(|priority| &priority.setup).collect();
    hall.transit.coming(&setups, hall.clock.now())
}

/// Goes on with what stood when the hall was here before, also where its file says nothing of buses any more.
///
/// # Errors
/// When the store fails.
pub async fn restore(hall: &Hall) -> anyhow::Result<()> {
    if hall.priorities.lock().restored { Ok(()) } else { kept::restore(hall).await }
}

/// One look at every junction at which buses may have green; `coming`: the buses there. Not before [`restore`].
///
/// # Errors
/// When the store fails; what could not be written down was not sent.
pub async fn step(hall: &Arc<Hall>, coming: Vec<Vec<(usize, Coming)>>) -> anyhow::Result<()> {
    let idle = |priority: &Priority| {
        hall.priorities.change(&priority.setup.id, |known| known.turns.requests().is_empty())
    };
    let all = hall.priorities.all.iter().zip(coming);
    let busy: Vec<_> = all.filter(|(one, coming)| !coming.is_empty() || !idle(one)).collect();
    if busy.is_empty() {
        return Ok(());
    }
    let in_force = hall.store.orders_in_force(hall.clock.now()).await?;
    for (priority, coming) in busy {
        step_one(hall, priority, &coming, &in_force).await?;
    }
    Ok(())
}

async fn step_one(
    hall: &Arc<Hall>,
    priority: &Arc<Priority>,
    coming: &[(usize, Coming)],
    in_force: &[OrderRow],
) -> anyhow::Result<()> {
    let (id, now) = (&priority.setup.id, hall.clock.now());
    let load = load(hall, priority, now).await?;
    let lost = orders::lost(hall, priority, now).await?;
    let blocked = blocked(hall, priority, in_force);
    let (seen, can) = shown(hall, priority);
    let calls = hall.priorities.change(id, |known| {
        for (key, why) in lost {
            known.turns.lost(&key, now, why);
        }
        let layout = &can.layout;
        let look = Look { coming, blocked: blocked.as_ref(), load: &load, seen: &seen, layout };
        let mut calls = known.turns.step(&priority.setup, now, look);
        let requests = known.turns.requests();
        known.paused.retain(|key| requests.contains_key(key));
        calls.retain(|call| match call {
            Call::Green { .. } => true,
            Call::Release { key, .. } => !known.paused.holds(key, now),
        });
        for call in &calls {
            if let Call::Release { key, .. } = call {
                known.paused.asked(key.clone());
            }
        }
        calls
    });
    let kept = kept::keep(hall, priority).await;
    for call in calls {
        match &kept {
            Ok(()) => drop(tokio::spawn(carry(hall.clone(), priority.clone(), call))),
            // What could not be written down is not sent.
            Err(_) => answer(hall, priority, call, Err(anyhow::anyhow!("it could not be written down"))),
        }
    }
    kept
}

/// Asks one pole, and takes its answer in.
async fn carry(hall: Arc<Hall>, priority: Arc<Priority>, call: Call) {
    let answered = match &call {
        Call::Green { key, groups, hold, patience } => {
            orders::green(&hall, &priority, key, *groups, (*hold, *patience)).await.map(Answer::Green)
        }
        Call::Release { order, .. } => orders::release(&hall, &priority, *order).await.map(Answer::Back),
    };
    answer(&hall, &priority, call, answered);
    // The next start must know of it, whatever comes before the next step.
    if let Err(err) = kept::keep(&hall, &priority).await {
        tracing::error!(priority = priority.setup.id, "{err:#}; written down with the next step");
    }
}

/// What came of a call.
enum Answer {
    Green(Result<(u64, UtcMillis), Why>),
    Back(Back),
}

fn answer(hall: &Hall, priority: &Priority, call: Call, answered: anyhow::Result<Answer>) {
    let now = hall.clock.now();
    if let Err(err) = &answered {
        tracing::error!(priority = priority.setup.id, "{err:#}");
    }
    hall.priorities.change(&priority.setup.id, |known| match (call, answered) {
        (Call::Green { key, .. }, Ok(Answer::Green(answer))) => {
            known.paused.done(&key);
            known.turns.answered(&key, now, answer);
        }
        (Call::Green { key, .. }, Ok(Answer::Back(_))) => {
            known.turns.answered(&key, now, Err(Why::Failed("no answer".to_owned())));
        }
        (Call::Green { key, .. }, Err(err)) => {
            known.turns.answered(&key, now, Err(Why::Failed(err.to_string())));
        }
        (Call::Release { key, order }, Ok(Answer::Back(Back::Over))) => {
            known.paused.done(&key);
            known.turns.given_back(&key, order, now);
        }
        (Call::Release { key, .. }, Ok(Answer::Back(Back::NotYet { ends }))) => {
            known.paused.again(key, now, ends);
        }
        (Call::Release { key, .. }, Ok(Answer::Green(_)) | Err(_)) => {
            known.paused.again(key, now, None);
        }
    });
}

/// What the junction shows and may show; nothing while that is not known.
fn shown(hall: &Hall, priority: &Priority) -> (Seen, Orderable) {
    let known = hall.view.junction(&priority.setup.junction);
    let can = known.as_ref().and_then(|junction| junction.info.can.clone());
    let nothing = || Orderable {
        layout: models_domain::signal::plan::Layout::new(Vec::new(), Default::default()),
        plans: Vec::new(),
        all_red: false,
    };
    (known.map(|junction| junction.seen).unwrap_or_default(), can.unwrap_or_else(nothing))
}

/// What keeps every bus from having green here.
fn blocked(hall: &Hall, priority: &Priority, in_force: &[OrderRow]) -> Option<Why> {
    let setup = &priority.setup;
    let Some(known) = hall.view.junction(&setup.junction).filter(|known| known.info.can.is_some()) else {
        return Some(Why::NotOrderable);
    };
    if !hall.view.is_alive(&known.gateway) {
        return Some(Why::GatewayAway);
    }
    if known.info.state.link != Link::Up {
        return Some(Why::LinkDown);
    }
    if let Some(why) = in_other_hands(hands(known.info.aggregated.as_ref(), &known.info.now)) {
        return Some(why);
    }
    let runs = hall.emergencies.all().into_iter().filter(|run| run.ended.is_none());
    let passes =
        |stop: &Stop| stop.junction == setup.junction && !matches!(stop.state, emergency::State::Left { .. });
    if runs.into_iter().any(|run| run.run.stops.iter().any(passes)) {
        return Some(Why::Emergency);
    }
    let stands = |row: &&OrderRow| {
        let over = row.order.wanted == Wanted::OwnPlan && row.state == "done";
        row.order.junction == setup.junction && !ordered(row) && !adaptive::ordered(row) && !over
    };
    in_force.iter().filter(stands).find_map(|row| match calendar::ordered(row) {
        true if setup.bounds.over_calendar => None,
        true => Some(Why::Calendar),
        false => Some(Why::OtherOrder { by: row.order.asked_by.clone() }),
    })
}

/// Green is only for a controller that says that it follows its plan.
fn in_other_hands(hands: Hands) -> Option<Why> {
    match hands {
        Hands::Plan => None,
        Hands::Cabinet => Some(Why::NotNormal),
        Hands::Unknown => Some(Why::ModeUnknown),
    }
}

/// How much the others are, by the last minutes.
async fn load(hall: &Hall, priority: &Priority, now: UtcMillis) -> anyhow::Result<Load> {
    let Some(others) = &priority.others else { return Ok(Load::NotMeasured) };
    let id = &priority.setup.id;
    let junction = &priority.setup.junction;
    let troubles = troubles(hall, &cameras(others.counters.iter()), now).await?;
    let known = hall.view.junction(junction);
    if let Some(by) = known.and_then(|known| untrusted(&known, &troubles, &others.counters)) {
        return Ok(Load::Unknown(by.to_string()));
    }
    let read = hall.priorities.change(id, |known| known.load.clone());
    if let Some((_, load)) = read.filter(|(at, _)| now.since(*at) < COUNTS_EVERY) {
        return Ok(load);
    }
    let rows = counted::rows(hall, junction, &[&others.counters], now).await?;
    let load = measured(&rows, others);
    hall.priorities.change(id, |known| known.load = Some((now, load.clone())));
    Ok(load)
}

fn measured(rows: &counted::Rows, others: &Others) -> Load {
    // Over how many lanes a line goes is not known here; who counts too many lets no bus ask anyway.
    if let Some(by) = rows.fault(&others.counters, None) {
        return Load::Unknown(by.to_string());
    }
    match rows.flow(&others.counters) {
        Err(by) => Load::Unknown(format!("{by} has not counted lately")),
        Ok(flow) if flow * 3_600.0 > others.max_per_h => {
            Load::Busy { per_h: flow * 3_600.0, max: others.max_per_h }
        }
        Ok(flow) => Load::Quiet(flow * 3_600.0),
    }
}

/// Those whose order stands, as far as is known here.
fn standing(known: &Known) -> Vec<(Key, u64, UtcMillis)> {
    let of = |(key, request): (&Key, &Request)| match request.state {
        State::Ordered { order, until } => Some((key.clone(), order, until)),
        State::Waits(_) | State::Calling | State::Over { .. } => None,
    };
    known.turns.requests().iter().filter_map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_green_is_asked_of_a_controller_that_others_have_or_that_does_not_say() {
        let check = |hands: Hands, want: Option<&str>| {
            assert_eq!(in_other_hands(hands).as_ref().map(Why::name), want, "{hands:?}");
        };
        check(Hands::Plan, None);
        check(Hands::Cabinet, Some("not_normal"));
        check(Hands::Unknown, Some("mode_unknown"));
    }
}
