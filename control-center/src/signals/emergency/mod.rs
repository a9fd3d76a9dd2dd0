//! Vehicles under way with greens ahead of them: stepped each second, kept in the store with every change, so that a hall that was
//! killed goes on with them. `orders` asks the poles, each for itself: one that does not answer keeps nobody waiting.

mod orders;
mod place;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use control_center_store::{AuditLine, EmergencyRow, Store, StoreError};
use models_domain::signal::corridor::Way;
use models_domain::signal::emergency::{AGAIN, Call, Run, State, Why};
use models_domain::{DurationMs, UtcMillis, VehicleId};
use serde::{Deserialize, Serialize};

use super::pauses::{Back, Pauses};
use crate::hall::Hall;

/// Ended runs are shown for so long.
const SHOWN: DurationMs = DurationMs(3_600_000);
/// So many may be under way at once.
pub const MOST: usize = 20;

#[derive(Default)]
pub struct Emergencies {
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    last_id: u64,
    all: Vec<Emergency>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Emergency {
    pub id: u64,
    /// Of the corridor, or of the emergency route, whose way is out.
    pub corridor: String,
    pub way: Way,
    pub vehicle: Option<VehicleId>,
    pub purpose: String,
    pub started_by: String,
    pub run: Run,
    /// When it ended, and by whom; by itself: nobody.
    pub ended: Option<(UtcMillis, String)>,
    pub trouble: Trouble,
    /// Stops that are not called before then: their pole is being asked, or did not let go.
    #[serde(skip)]
    paused: Pauses<usize>,
    /// As it is kept in the store, and whether that has its end.
    #[serde(skip)]
    kept: String,
    #[serde(skip)]
    end_kept: bool,
}

/// What is wrong with a vehicle's tracker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
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

/// What the orders of runs say of themselves; nobody else may say that.
const OF_RUN: &str = "emergency ";

/// Whether an order's purpose is that of a run: its number, and why.
pub fn is_run(purpose: &str) -> bool {
    let number = purpose.strip_prefix(OF_RUN).and_then(|rest| rest.split_once(':')).map(|(number, _)| number);
    number.is_some_and(|number| !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()))
}

impl Emergency {
    /// One that begins now, with no number yet.
    pub fn new(
        (corridor, way): (String, Way),
        vehicle: Option<VehicleId>,
        (purpose, started_by): (String, String),
        run: Run,
    ) -> Self {
        let (ended, trouble) = (None, Trouble::None);
        let (paused, kept, end_kept) = (Pauses::default(), String::new(), false);
        Self {
            id: 0,
            corridor,
            way,
            vehicle,
            purpose,
            started_by,
            run,
            ended,
            trouble,
            paused,
            kept,
            end_kept,
        }
    }

    /// What its orders say of themselves.
    fn order_purpose(&self) -> String {
        format!("{OF_RUN}{}: {}", self.id, self.purpose)
    }

    /// Somebody is still to be asked something, or its end is still to be written down.
    fn is_under_way(&self) -> bool {
        let asks = !self.run.is_given_back() || self.paused.is_asking();
        self.ended.is_none() || !self.end_kept || asks
    }

    /// Who its orders are written down for.
    fn by(&self) -> &str {
        match &self.ended {
            Some((_, by)) if !by.is_empty() => by,
            Some(_) | None => &self.started_by,
        }
    }

    /// What the audit says of its end.
    fn end_line(&self) -> Option<AuditLine> {
        let (at, by) = self.ended.as_ref()?;
        let passed = |state: &State| matches!(state, State::Left { passed: true, .. });
        let through = self.run.stops.iter().filter(|stop| passed(&stop.state)).count();
        let how = if by.is_empty() { "over by itself" } else { "ended" };
        let (id, all) = (self.id, self.run.stops.len());
        Some(AuditLine {
            at: *at,
            user: self.by().to_owned(),
            action: "emergency_ended".to_owned(),
            purpose: self.purpose.clone(),
            what: format!("emergency {id} {how}; through {through} of {all} junctions"),
        })
    }

    /// What is to be asked of whom now; they are paused until they answer.
    fn calls(&mut self, now: UtcMillis) -> Vec<(usize, Call)> {
        let mut calls = if self.ended.is_some() { self.run.end() } else { self.run.step(now) };
        calls.retain(|(stop, _)| !self.paused.holds(stop, now));
        calls.iter().for_each(|(stop, _)| self.paused.asked(*stop));
        calls
    }
}

impl Emergencies {
    /// Those of a hall that was here before, which goes on with them.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn restore(store: &Store, now: UtcMillis) -> Result<Self, StoreError> {
        let mut inner = Inner::default();
        for row in store.emergencies(now - SHOWN).await? {
            match serde_json::from_str::<Emergency>(&row.told) {
                Ok(emergency) => {
                    let end_kept = emergency.ended.is_some();
                    inner.all.push(Emergency { kept: row.told, end_kept, ..emergency });
                }
                Err(err) => tracing::error!(
                    emergency = row.id,
                    "an emergency run cannot be read and is not gone on with: {err}; its orders end by themselves"
                ),
            }
            inner.last_id = inner.last_id.max(row.id);
        }
        let under_way = inner.all.iter().filter(|e| e.is_under_way()).count();
        if under_way > 0 {
            tracing::warn!(under_way, "going on with emergency runs of before");
        }
        Ok(Self { inner: Mutex::new(inner) })
    }

    /// Begins a run; `None` when too many are under way. Its number is set here.
    pub fn begin(&self, new: Emergency) -> Option<Emergency> {
        let mut inner = self.lock();
        if inner.all.iter().filter(|e| e.ended.is_none()).count() >= MOST {
            return None;
        }
        // No number comes again, whatever was lost.
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

    /// Changes a run that has not ended; `None` when there is none of this number.
    pub fn change<T>(&self, id: u64, change: impl FnOnce(&mut Emergency) -> T) -> Option<T> {
        self.lock().all.iter_mut().find(|e| e.id == id && e.ended.is_none()).map(change)
    }

    /// The same, whether it ended or not.
    fn change_any<T>(&self, id: u64, change: impl FnOnce(&mut Emergency) -> T) -> Option<T> {
        self.lock().all.iter_mut().find(|e| e.id == id).map(change)
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One step of every run that is under way.
///
/// # Errors
/// When the store fails; what could not be written down was not sent.
pub async fn step(hall: &Arc<Hall>) -> anyhow::Result<()> {
    let now = hall.clock.now();
    hall.emergencies.lock().all.retain(|e| e.ended.as_ref().is_none_or(|(at, _)| now.since(*at) < SHOWN));
    // One that is not written down yet has not begun.
    let begun = |e: &Emergency| !e.kept.is_empty() && e.is_under_way();
    for emergency in hall.emergencies.all().into_iter().filter(begun) {
        step_one(hall, emergency.id).await?;
    }
    Ok(())
}

/// Ends a run: every junction that was ordered for it goes back. `false` when it has ended already.
///
/// # Errors
/// As [`step`].
pub async fn end(hall: &Arc<Hall>, id: u64, by: &str) -> anyhow::Result<bool> {
    let now = hall.clock.now();
    let ended = hall.emergencies.change(id, |e| {
        e.ended = Some((now, by.to_owned()));
        // Whoever was asked in vain before may be there again.
        e.paused.hurry();
        drop(e.run.end());
    });
    if ended.is_none() {
        return Ok(false);
    }
    step_one(hall, id).await.map(|()| true)
}

/// Writes down how a run stands, when that has changed; with it `line`, when it begins, or that it has ended.
///
/// # Errors
/// As [`step`].
pub async fn keep(hall: &Hall, emergency: &Emergency, line: Option<AuditLine>) -> anyhow::Result<()> {
    let told = serde_json::to_string(emergency)?;
    if told != emergency.kept {
        let row = EmergencyRow { id: emergency.id, ended: emergency.ended.as_ref().map(|(at, _)| *at), told };
        let line = line.or_else(|| emergency.end_line());
        hall.store.keep_emergency(&row, line.as_ref()).await?;
        hall.emergencies.change_any(row.id, |e| {
            e.kept = row.told;
            e.end_kept |= row.ended.is_some();
        });
    }
    Ok(())
}

async fn step_one(hall: &Arc<Hall>, id: u64) -> anyhow::Result<()> {
    let now = hall.clock.now();
    let Some(emergency) = hall.emergencies.get(id) else { return Ok(()) };
    let lost = orders::lost_orders(hall, &emergency, now).await?;
    let place = place::tracked(hall, &emergency, now);
    let stepped = hall.emergencies.change_any(id, |e| {
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
        let calls = e.calls(now);
        if e.ended.is_none() && e.run.is_over() {
            e.ended = Some((now, String::new()));
        }
        (calls, e.clone())
    });
    let Some((calls, emergency)) = stepped else { return Ok(()) };
    let kept = keep(hall, &emergency, None).await;
    if kept.is_err() {
        // What could not be written down is not sent, and comes again; so does its end.
        hall.emergencies.change_any(id, |e| calls.iter().for_each(|(stop, _)| e.paused.wait(*stop, now)));
    }
    kept?;
    for (stop, call) in calls {
        tokio::spawn(carry(hall.clone(), emergency.clone(), stop, call));
    }
    Ok(())
}

/// Asks one pole, and takes its answer in.
async fn carry(hall: Arc<Hall>, emergency: Emergency, stop: usize, call: Call) {
    let releases = matches!(call, Call::Release { .. });
    let carried = match call {
        Call::Release { order } => {
            let released = orders::release(&hall, &emergency, stop, (order, emergency.by())).await;
            released.map(|back| Answer::Release { order, back })
        }
        Call::Green { until, patience } => {
            orders::green(&hall, &emergency, stop, until, patience).await.map(Answer::Green)
        }
    };
    let now = hall.clock.now();
    let answered = hall.emergencies.change_any(emergency.id, |e| {
        match carried {
            Ok(Answer::Green(answer)) => e.run.answered(stop, now, answer),
            Ok(Answer::Release { order, back: Back::Over }) => e.run.given_back(stop, order),
            Ok(Answer::Release { order: _, back: Back::NotYet { ends } }) => {
                e.paused.again(stop, now, ends);
                return e.clone();
            }
            Err(err) => {
                let again = if releases { e.paused.again(stop, now, None) } else { now + AGAIN };
                e.paused.wait(stop, again);
                let wait_s = again.since(now).seconds();
                tracing::error!(emergency = e.id, junction = %e.run.stops[stop].junction, "{err:#}; again in {wait_s} s");
                return e.clone();
            }
        }
        e.paused.done(&stop);
        e.clone()
    });
    // The next start must know of it, whatever comes before the next step.
    if let Some(answered) = answered
        && let Err(err) = keep(&hall, &answered, None).await
    {
        tracing::error!(emergency = answered.id, "{err:#}; written down with the next step");
    }
}

/// What came of a call.
enum Answer {
    Green(Result<(u64, UtcMillis), Why>),
    Release { order: u64, back: Back },
}
