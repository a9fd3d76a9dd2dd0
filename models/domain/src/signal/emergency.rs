//! A fire engine or an ambulance on its way, along a corridor or a route that turns: which junctions are to be green for it by
//! now, and which it has behind it. Pure: what its tracker says and what became of the orders comes in, what to order goes out.
//! Safety judges each order as any other.

use serde::{Deserialize, Serialize};

use super::order::again_after;
use super::route::Pass;
use super::safety::Refusal;
use crate::geo::LatLon;
use crate::ids::JunctionId;
use crate::units::{DurationMs, Meters, MetersPerSecond, UtcMillis};

/// A junction is asked for green when the vehicle may be there within this: others keep their minimum green and clear the
/// junction, and who stands before the vehicle drives off.
pub const LEAD: DurationMs = DurationMs(35_000);
/// So far behind a stop line it has left the junction.
pub const CLEAR: Meters = Meters(25.0);
/// Of the way since its place was known last, so much may it be ahead of the reckoning, or behind.
const SPREAD: f64 = 0.2;
/// Without a word of its tracker for so long, it is reckoned on no more: it may stand.
const SILENT: DurationMs = DurationMs(20_000);
/// The least and the most that one order lasts.
const HOLD_MIN: DurationMs = DurationMs(15_000);
const HOLD_MAX: DurationMs = DurationMs(120_000);
/// An order is made again when it ends within this and the vehicle is not through.
const RENEW: DurationMs = DurationMs(5_000);
/// After a refusal the junction is asked again. What its pole or its controller did not take counts to the orders that it may have: that is
/// tried again after twice as long each time, up to a minute.
pub const AGAIN: DurationMs = DurationMs(3_000);
/// A run is over after three times its time and this: nobody keeps a street for a vehicle that does not come.
const LATEST: DurationMs = DurationMs(180_000);

/// One stop line on the way.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Stop {
    pub junction: JunctionId,
    /// From the run's first stop line.
    pub at: Meters,
    /// The signal group it drives by, counted from 0.
    pub group: u8,
    pub state: State,
    /// How often in a row what was sent there was not taken, or did not last.
    #[serde(default)]
    pub failures: u32,
}

/// What became of one stop.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum State {
    /// Nothing is ordered yet.
    Ahead,
    /// Ordered green until then.
    Asked { order: u64, until: UtcMillis },
    /// It may not be green for the reason, and is asked again then.
    Refused {
        why: Why,
        again: UtcMillis,
        /// An earlier one that may still be in force.
        order: Option<u64>,
    },
    /// The vehicle is through, or the run ended before it came. `order`: the last one for it, `back`: nothing of it stands any more.
    Left { order: Option<u64>, passed: bool, back: bool },
}

/// Why a junction is not green for it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Why {
    /// Nothing may be ordered of it.
    NotOrderable,
    /// Who began the run may not, or no more.
    NoRight,
    GatewayAway,
    /// An order of somebody that stops normal service stands there.
    OtherOrder {
        id: u64,
        by: String,
    },
    Safety(Vec<Refusal>),
    /// The pole did not take it, or could not carry it out.
    Failed(String),
}

impl Why {
    /// Short stable name for the wire.
    pub fn name(&self) -> &'static str {
        match self {
            Why::NotOrderable => "not_orderable",
            Why::NoRight => "no_right",
            Why::GatewayAway => "gateway_away",
            Why::OtherOrder { .. } => "other_order",
            Why::Safety(_) => "safety",
            Why::Failed(_) => "failed",
        }
    }
}

/// What is to be done at a stop now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Call {
    /// Order its group green until then; no moment that is refused until the vehicle is there is worth waiting for.
    Green { until: UtcMillis, patience: DurationMs },
    /// End the order of this row: its own plan again.
    Release { order: u64 },
}

/// A vehicle under way.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Run {
    pub stops: Vec<Stop>,
    pub speed: MetersPerSecond,
    pub began: UtcMillis,
    /// Where it was last known to be, from the first stop line; before it: less than 0.
    place: Meters,
    known: UtcMillis,
    /// Farthest before the first stop line that it was ever known to be.
    farthest: Meters,
    /// Its place comes from a tracker.
    tracked: bool,
}

/// Why no run can be made.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum NoRun {
    #[error("junction {0} is not on this way")]
    NoSuchJunction(JunctionId),
    #[error("the run ends before it begins: {from} lies behind {to} on this way")]
    Backwards { from: JunctionId, to: JunctionId },
}

impl Run {
    /// Along a way from one junction to another, both included; the ends of the way when left out. It is `before` the
    /// first stop line now.
    ///
    /// # Errors
    /// [`NoRun`].
    pub fn new(
        way: &[Pass],
        (from, to): (Option<&JunctionId>, Option<&JunctionId>),
        (speed, before): (MetersPerSecond, Meters),
        at: UtcMillis,
    ) -> Result<Self, NoRun> {
        let find = |junction: &JunctionId| {
            let found = way.iter().position(|pass| pass.junction == *junction);
            found.ok_or_else(|| NoRun::NoSuchJunction(junction.clone()))
        };
        let first = from.map_or(Ok(0), &find)?;
        let last = to.map_or(Ok(way.len().saturating_sub(1)), &find)?;
        if let (Some(from), Some(to), true) = (from, to, first > last) {
            return Err(NoRun::Backwards { from: from.clone(), to: to.clone() });
        }
        let stretch = way.get(first..=last).unwrap_or_default();
        let zero = stretch.first().map_or(0.0, |pass| pass.at.0);
        let stop = |pass: &Pass| Stop {
            junction: pass.junction.clone(),
            at: Meters(pass.at.0 - zero),
            group: pass.group,
            state: State::Ahead,
            failures: 0,
        };
        let stops = stretch.iter().map(stop).collect();
        let place = Meters(-before.0.max(0.0));
        Ok(Self { stops, speed, began: at, place, known: at, farthest: place, tracked: false })
    }

    /// Its tracker said where it is; what is older than what is known says nothing.
    pub fn seen(&mut self, place: Meters, at: UtcMillis) {
        if at > self.known || !self.tracked {
            (self.place, self.known, self.tracked) = (place, at, true);
            self.farthest = Meters(self.farthest.0.min(place.0));
        }
    }

    /// Somebody saw it at this stop line.
    pub fn is_at(&mut self, stop: usize, at: UtcMillis) {
        if let Some(stop) = self.stops.get(stop) {
            (self.place, self.known) = (stop.at, at);
        }
    }

    /// Where it may be now: at least, by the reckoning, and at most.
    pub fn place(&self, now: UtcMillis) -> (Meters, Meters, Meters) {
        let mut since = now.since(self.known).0.max(0);
        if self.tracked {
            since = since.min(SILENT.0);
        }
        let gone = self.speed.0 * DurationMs(since).seconds();
        let at = |share: f64| Meters(self.place.0 + gone * share);
        (at(1.0 - SPREAD), at(1.0), at(1.0 + SPREAD))
    }

    /// When its place was known last.
    pub fn known(&self) -> UtcMillis {
        self.known
    }

    /// When it is expected at a stop; `None` once it is behind.
    pub fn expected(&self, stop: &Stop, now: UtcMillis) -> Option<UtcMillis> {
        let (_, here, _) = self.place(now);
        (stop.at.0 >= here.0).then(|| now + self.time(stop.at.0 - here.0))
    }

    /// What to order now, by the number of the stop. The same is called again until it is answered.
    pub fn step(&mut self, now: UtcMillis) -> Vec<(usize, Call)> {
        let (least, _, most) = self.place(now);
        let give_up = now >= self.latest();
        let mut calls = Vec::new();
        for i in 0..self.stops.len() {
            let stop = &self.stops[i];
            let passed = least.0 > stop.at.0 + CLEAR.0;
            if passed || give_up || matches!(stop.state, State::Left { .. }) {
                calls.extend(self.leave(i, passed));
                continue;
            }
            let reach = self.time(stop.at.0 - most.0);
            let (due, stood) = match &stop.state {
                State::Ahead => (true, false),
                State::Asked { until, .. } => (until.since(now) <= RENEW, true),
                State::Refused { again, .. } => (now >= *again, false),
                State::Left { .. } => (false, false),
            };
            if due && reach <= LEAD {
                let through = self.time((stop.at.0 + CLEAR.0 - least.0) / (1.0 - SPREAD));
                let hold = DurationMs(through.0.clamp(HOLD_MIN.0, HOLD_MAX.0));
                let patience = DurationMs(reach.0.clamp(0, super::order::PATIENCE_MAX.0));
                calls.push((i, Call::Green { until: now + hold, patience }));
                if stood {
                    self.stops[i].failures = 0;
                }
            }
        }
        calls
    }

    /// The order of a stop was taken, or not.
    pub fn answered(&mut self, stop: usize, now: UtcMillis, answer: Result<(u64, UtcMillis), Why>) {
        let Some(stop) = self.stops.get_mut(stop) else { return };
        let mut wait = AGAIN;
        if matches!(answer, Err(Why::Failed(_))) {
            wait = again_after(stop.failures);
            stop.failures = stop.failures.saturating_add(1);
        }
        stop.state = match (answer, &stop.state) {
            // It was left meanwhile: what was taken is to be given back.
            (Ok((order, _)), State::Left { passed, .. }) => {
                State::Left { order: Some(order), passed: *passed, back: false }
            }
            (Err(_), State::Left { .. }) => return,
            (Ok((order, until)), State::Ahead | State::Asked { .. } | State::Refused { .. }) => {
                State::Asked { order, until }
            }
            (Err(why), before @ (State::Ahead | State::Asked { .. } | State::Refused { .. })) => {
                State::Refused { why, again: now + wait, order: order_of(before) }
            }
        };
    }

    /// Nothing of this order stands at the stop any more.
    pub fn given_back(&mut self, stop: usize, given: u64) {
        let Some(stop) = self.stops.get_mut(stop) else { return };
        if let State::Left { order: Some(order), back, .. } = &mut stop.state {
            *back |= *order == given;
        }
    }

    /// Somebody ended it, or it is over: every junction goes back to its own plan.
    pub fn end(&mut self) -> Vec<(usize, Call)> {
        (0..self.stops.len()).filter_map(|i| self.leave(i, false)).collect()
    }

    /// Nothing will be ordered any more.
    pub fn is_over(&self) -> bool {
        self.stops.iter().all(|stop| matches!(stop.state, State::Left { .. }))
    }

    /// Nothing stands of what was ordered, either.
    pub fn is_given_back(&self) -> bool {
        self.stops.iter().all(|stop| matches!(stop.state, State::Left { back: true, .. }))
    }

    fn leave(&mut self, i: usize, passed: bool) -> Option<(usize, Call)> {
        let (order, back) = match &self.stops[i].state {
            State::Left { order, back, .. } => (*order, *back),
            before @ (State::Ahead | State::Asked { .. } | State::Refused { .. }) => {
                let order = order_of(before);
                self.stops[i].state = State::Left { order, passed, back: order.is_none() };
                (order, false)
            }
        };
        order.filter(|_| !back).map(|order| (i, Call::Release { order }))
    }

    fn latest(&self) -> UtcMillis {
        let length = self.stops.last().map_or(0.0, |stop| stop.at.0) - self.farthest.0.min(0.0);
        self.began + DurationMs(3 * self.time(length).0 + LATEST.0)
    }

    fn time(&self, way: f64) -> DurationMs {
        DurationMs((way.max(0.0) / self.speed.0.max(0.1) * 1e3) as i64)
    }
}

fn order_of(state: &State) -> Option<u64> {
    match state {
        State::Ahead => None,
        State::Asked { order, .. } => Some(*order),
        State::Refused { order, .. } | State::Left { order, .. } => *order,
    }
}

/// Farther from the way a vehicle is somewhere else ...
const OFF: f64 = 100.0;
/// ... but it may still come to its first junction from this far, on any road.
const APPROACH: f64 = 5_000.0;
/// Meters of a degree of latitude.
const DEGREE: f64 = 111_195.0;

/// How far along a line of places, in the order of the way, a vehicle is; before its first place less than that place has. `None`:
/// it is not on its way along it, or fewer than two places are known.
pub fn along(line: &[(LatLon, Meters)], vehicle: LatLon) -> Option<Meters> {
    let (first, last) = (line.first()?, line.len().checked_sub(2)?);
    let east = first.0.lat.0.to_radians().cos() * DEGREE;
    let flat = |p: LatLon| ((p.lon.0 - first.0.lon.0) * east, (p.lat.0 - first.0.lat.0) * DEGREE);
    let here = flat(vehicle);
    let mut nearest: Option<(f64, Meters)> = None;
    for (i, pair) in line.windows(2).enumerate() {
        let ((a, b), (from, to)) = ((flat(pair[0].0), flat(pair[1].0)), (pair[0].1.0, pair[1].1.0));
        let way = (b.0 - a.0, b.1 - a.1);
        let length = way.0.hypot(way.1).max(1.0);
        let share = ((here.0 - a.0) * way.0 + (here.1 - a.1) * way.1) / (length * length);
        let far = |p: (f64, f64)| (here.0 - p.0).hypot(here.1 - p.1);
        let (off, at) = if share < 0.0 && i == 0 {
            (far(a), from - far(a))
        } else if share > 1.0 && i == last {
            (far((a.0 + way.0 * share, a.1 + way.1 * share)), to + (share - 1.0) * length)
        } else {
            let share = share.clamp(0.0, 1.0);
            (far((a.0 + way.0 * share, a.1 + way.1 * share)), from + share * (to - from))
        };
        // On a way that bends the nearest part is the one it is on.
        if off <= OFF && nearest.is_none_or(|(best, _)| off < best) {
            nearest = Some((off, Meters(at)));
        }
    }
    let coming = || {
        let before = here.0.hypot(here.1);
        let second = flat(line.get(1)?.0);
        // Behind the first place as the way goes on from there.
        let comes = here.0 * second.0 + here.1 * second.1 < 0.0 && before <= APPROACH;
        comes.then_some(Meters(first.1.0 - before))
    };
    nearest.map(|(_, at)| at).or_else(coming)
}
