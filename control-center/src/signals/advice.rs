//! What adaptive control would do at junctions that the configuration describes, from what detectors and cameras count and what lamps
//! show. It is said to whoever looks, kept for a day in memory, and orders nothing: nothing here can send an order. `adaptive` does, where
//! the file lets it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use control_center_core::city::Junction;
use control_center_store::TroubleRow;
use models_domain::count::Direction;
use models_domain::event::Link;
use models_domain::signal::advice::{self, Advisor, Flows, Forecast, Now, Setup};
use models_domain::signal::order::Mode;
use models_domain::{CameraId, DurationMs, JunctionId, LineId, UtcMillis};

use super::adaptive::Steered;
use super::counted;
use super::trust::{Untrusted, troubles, untrusted};
use crate::hall::Hall;

#[cfg(test)]
mod tests;

/// Counts are read anew after this.
const COUNTS_EVERY: DurationMs = DurationMs(20_000);
/// Where nobody has counted yet, after this.
const FIRST_COUNTS_EVERY: DurationMs = DurationMs(5_000);
/// Both controls are reckoned anew after this, and what came of it is kept for so many times: a day.
const FORECAST_EVERY: DurationMs = DurationMs(300_000);
const KEPT: usize = 288;
/// What was said at a look longer ago is not ordered by.
const SAID_FOR: DurationMs = DurationMs(3_000);
/// Where it could not be done it is tried again after this.
const AGAIN: DurationMs = DurationMs(10_000);

/// Who counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Counter {
    /// A detector of the controller, by its number.
    Detector(u16),
    Line {
        camera: CameraId,
        line: LineId,
        direction: Direction,
    },
}

/// A junction as the hall's file describes it.
#[derive(Debug, Clone, PartialEq)]
pub struct Advised {
    pub junction: JunctionId,
    pub setup: Setup,
    /// By approach.
    pub counters: Vec<Vec<Counter>>,
    /// Queues are reckoned for so long before anything is said.
    pub warm_up: DurationMs,
    /// Orders may be made of it; `None`: it is said and no more.
    pub steer: Option<Steered>,
}

pub struct Advices {
    all: Vec<Advised>,
    known: Mutex<BTreeMap<JunctionId, Known>>,
}

#[derive(Default)]
struct Known {
    /// With what it was made for: made anew when the junction's groups change.
    advisor: Option<Advisor>,
    /// The controller's plan at the last look.
    plan: Option<u8>,
    counts: Counts,
    told: Option<Result<Now, Why>>,
    looked_at: Option<UtcMillis>,
    forecast: Option<Arc<Forecast>>,
    forecast_at: Option<UtcMillis>,
    past: VecDeque<Past>,
}

#[derive(Default)]
struct Counts {
    at: Option<UtcMillis>,
    flows: Option<Flows>,
    /// Why they are not to be built on.
    trouble: Option<Why>,
}

/// Why the junction's own plan is all that there is to say.
#[derive(Debug, Clone, PartialEq)]
pub enum Why {
    NotHeardOf,
    GatewayAway,
    LinkDown,
    /// Its gateway's configuration has no groups for it.
    NoLayout,
    /// The configuration does not fit the junction's groups.
    Misfit(Vec<String>),
    NotNormal(Mode),
    /// Who counts there is not to be believed.
    Failed {
        approach: String,
        by: Untrusted,
    },
    /// Nobody has counted there lately.
    Old {
        approach: String,
        by: String,
    },
    NotYet,
    Lamps(advice::Why),
}

/// What is kept for looking back.
#[derive(Debug, Clone)]
pub struct Past {
    pub at: UtcMillis,
    pub why: &'static str,
    pub forecast: Option<Arc<Forecast>>,
}

/// All that can be told of a junction.
pub struct Told<'a> {
    pub advised: &'a Advised,
    pub now: Result<Now, Why>,
    pub flows: Option<Flows>,
    pub forecast: Option<Arc<Forecast>>,
    pub forecast_at: Option<UtcMillis>,
    /// Oldest first.
    pub past: Vec<Past>,
}

impl Counter {
    fn camera(&self) -> Option<&CameraId> {
        match self {
            Counter::Line { camera, .. } => Some(camera),
            Counter::Detector(_) => None,
        }
    }
}

impl Why {
    /// Short stable name for the wire.
    pub fn name(&self) -> &'static str {
        match self {
            Why::NotHeardOf => "not_heard_of",
            Why::GatewayAway => "gateway_away",
            Why::LinkDown => "link_down",
            Why::NoLayout => "no_layout",
            Why::Misfit(_) => "misfit",
            Why::NotNormal(_) => "not_normal",
            Why::Failed { by: Untrusted::Detector { .. }, .. } => "failed",
            Why::Failed { by: Untrusted::Camera { .. }, .. } => "camera_failed",
            Why::Old { .. } => "old",
            Why::NotYet => "not_yet",
            Why::Lamps(advice::Why::Changing) => "changing",
            Why::Lamps(advice::Why::WarmingUp { .. }) => "warming_up",
            Why::Lamps(advice::Why::NoSuchStage { .. }) => "no_such_stage",
            Why::Lamps(advice::Why::NotSeen) => "not_seen",
        }
    }
}

impl Advices {
    pub fn new(all: Vec<Advised>) -> Self {
        Self { all, known: Mutex::default() }
    }

    /// `None` where the configuration says nothing of the junction.
    pub fn told(&self, junction: &JunctionId) -> Option<Told<'_>> {
        let advised = self.all.iter().find(|advised| advised.junction == *junction)?;
        let known = self.lock();
        let Some(known) = known.get(junction) else {
            let (flows, forecast, past) = (None, None, Vec::new());
            return Some(Told { advised, now: Err(Why::NotYet), flows, forecast, forecast_at: None, past });
        };
        Some(Told {
            advised,
            now: known.told.clone().unwrap_or(Err(Why::NotYet)),
            flows: known.counts.flows.clone(),
            forecast: known.forecast.clone(),
            forecast_at: known.forecast_at,
            past: known.past.iter().cloned().collect(),
        })
    }

    /// For whoever orders by it: what it said at the last look, as long as that was just now; no advisor while the junction's groups were
    /// never known.
    pub(super) fn steers<T>(
        &self,
        junction: &JunctionId,
        at: UtcMillis,
        with: impl FnOnce(Option<&mut Advisor>, Result<&Now, &Why>) -> T,
    ) -> T {
        let mut all = self.lock();
        let Some(Known { advisor, told, looked_at, .. }) = all.get_mut(junction) else {
            return with(None, Err(&Why::NotYet));
        };
        let new = looked_at.is_some_and(|then| (DurationMs(0)..=SAID_FOR).contains(&at.since(then)));
        match told {
            Some(told) if new => with(advisor.as_mut(), told.as_ref()),
            Some(_) | None => with(advisor.as_mut(), Err(&Why::NotYet)),
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<JunctionId, Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Counts {
    fn are_due(&self, now: UtcMillis) -> bool {
        let every = if self.flows.is_some() { COUNTS_EVERY } else { FIRST_COUNTS_EVERY };
        self.at.is_none_or(|at| now.since(at) >= every)
    }
}

impl Known {
    /// Why nothing is said; empty when something is.
    fn why(&self) -> &'static str {
        match &self.told {
            None => Why::NotYet.name(),
            Some(Ok(_)) => "",
            Some(Err(why)) => why.name(),
        }
    }

    /// Whether its turn to be reckoned has come: every few minutes, and as soon as it can be.
    fn is_due(&self, now: UtcMillis) -> bool {
        let why = self.why();
        let known = !matches!(why, "not_yet" | "warming_up");
        let last = self.past.back();
        let since = |past: &Past| now.since(past.at);
        known
            && last.is_none_or(|past| {
                since(past) >= FORECAST_EVERY
                    || past.forecast.is_none() && is_good(why) && since(past) >= AGAIN
            })
    }
}

/// Between two stages the counts are as good.
fn is_good(why: &str) -> bool {
    matches!(why, "" | "changing")
}

/// One look at every junction.
///
/// # Errors
/// When counts cannot be read.
pub async fn step(hall: &Hall) -> anyhow::Result<()> {
    let cameras = cameras(hall.advices.all.iter().flat_map(|advised| advised.counters.iter().flatten()));
    let troubles = troubles(hall, &cameras, hall.clock.now()).await?;
    for advised in &hall.advices.all {
        let now = hall.clock.now();
        let due = hall.advices.lock().get(&advised.junction).is_none_or(|known| known.counts.are_due(now));
        let counts = if due { Some(counted::read(hall, advised, now).await?) } else { None };
        let junction = hall.view.junction(&advised.junction);
        let alive = junction.as_ref().is_some_and(|junction| hall.view.is_alive(&junction.gateway));
        let mut all = hall.advices.lock();
        let known = all.entry(advised.junction.clone()).or_default();
        if let Some(read) = counts {
            known.counts.at = Some(now);
            match read {
                Ok(flows) => (known.counts.flows, known.counts.trouble) = (Some(flows), None),
                Err(why) => known.counts.trouble = Some(why),
            }
        }
        known.looked_at = Some(now);
        let told = one(known, advised, junction.as_ref().filter(|_| alive), &troubles, now);
        known.told = Some(told.map_err(|why| {
            if why == Why::NotHeardOf && junction.is_some() { Why::GatewayAway } else { why }
        }));
    }
    // Counts of many junctions may take seconds to read: what was said first is as good as what was said last.
    let ended = hall.clock.now();
    hall.advices.lock().values_mut().for_each(|known| known.looked_at = Some(ended));
    Ok(())
}

fn one(
    known: &mut Known,
    advised: &Advised,
    junction: Option<&Junction>,
    troubles: &[TroubleRow],
    now: UtcMillis,
) -> Result<Now, Why> {
    let reached = junction.ok_or(Why::NotHeardOf).and_then(|junction| reach(known, advised, junction));
    let junction = match reached {
        Ok(junction) => junction,
        Err(why) => {
            known.advisor.iter_mut().for_each(Advisor::lose);
            return Err(why);
        }
    };
    let (Some(advisor), Some(flows)) = (&mut known.advisor, &known.counts.flows) else {
        return Err(known.counts.trouble.clone().unwrap_or(Why::NotYet));
    };
    // Queues are reckoned on while a detector is out, from what it counted last.
    let told = advisor.step(now, &junction.seen, flows).map_err(Why::Lamps);
    if let Some(why) = failed(advised, junction, troubles).or_else(|| known.counts.trouble.clone()) {
        return Err(why);
    }
    told
}

/// The junction, when its lamps are known and follow a plan.
fn reach<'a>(known: &mut Known, advised: &Advised, junction: &'a Junction) -> Result<&'a Junction, Why> {
    if junction.info.state.link != Link::Up {
        return Err(Why::LinkDown);
    }
    let layout = &junction.info.can.as_ref().ok_or(Why::NoLayout)?.layout;
    if let Some(mode) = junction.info.now.mode.filter(|mode| *mode != Mode::Normal) {
        return Err(Why::NotNormal(mode));
    }
    if known.advisor.as_ref().is_none_or(|advisor| advisor.layout() != layout) {
        let advisor = Advisor::new(advised.setup.clone(), layout.clone());
        known.advisor = Some(advisor.map_err(Why::Misfit)?.with_warm_up(advised.warm_up));
    }
    let plan = junction.info.now.plan;
    if advised.steer.is_some() && std::mem::replace(&mut known.plan, plan) != plan {
        known.advisor.iter_mut().for_each(Advisor::forget_greens);
    }
    Ok(junction)
}

/// A detector or a camera that something is built on and that is not to be believed.
fn failed(advised: &Advised, junction: &Junction, troubles: &[TroubleRow]) -> Option<Why> {
    let approaches = advised.setup.approaches.iter().zip(&advised.counters);
    approaches.into_iter().find_map(|(approach, counters)| {
        let by = untrusted(junction, troubles, counters)?;
        Some(Why::Failed { approach: approach.name.clone(), by })
    })
}

/// Reckons both controls for the junction whose turn it is, if it is anybody's.
///
/// # Errors
/// When the reckoning broke off.
pub async fn reckon(hall: &Hall) -> anyhow::Result<()> {
    let now = hall.clock.now();
    let (junction, work, why) = {
        let all = hall.advices.lock();
        let Some((junction, known)) = all.iter().find(|(_, known)| known.is_due(now)) else { return Ok(()) };
        let why = known.why();
        let work = known.advisor.clone().zip(known.counts.flows.clone()).filter(|_| is_good(why));
        (junction.clone(), work, why)
    };
    let forecast = match work {
        Some((advisor, flows)) => {
            tokio::task::spawn_blocking(move || advisor.forecast(&flows)).await?.map(Arc::new)
        }
        None => None,
    };
    let mut all = hall.advices.lock();
    let Some(known) = all.get_mut(&junction) else { return Ok(()) };
    // What could not be reckoned and soon can.
    known.past.pop_back_if(|past| now.since(past.at) < FORECAST_EVERY);
    if known.past.len() >= KEPT {
        known.past.pop_front();
    }
    known.past.push_back(Past { at: now, why, forecast: forecast.clone() });
    (known.forecast_at, known.forecast) = (Some(now), forecast);
    Ok(())
}

/// Cameras that count somewhere.
pub fn cameras<'a>(counters: impl Iterator<Item = &'a Counter>) -> BTreeSet<&'a CameraId> {
    counters.filter_map(Counter::camera).collect()
}
