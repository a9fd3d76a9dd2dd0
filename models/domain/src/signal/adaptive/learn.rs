//! What is learned from watching: how fast each lane empties in each stage.

use super::seen::{Lane, LaneSeen};
use crate::signal::lights::Lights;
use crate::signal::plan::{Plan, Stage};
use crate::units::{DurationMs, UtcMillis};

/// Vehicles a second over one stop line while a queue empties, before anything is known.
const RATE_FREE: f64 = 0.5;
/// Nothing holds a lane of which all movements are free below this.
const RATE_FREE_LEAST: f64 = 0.35;
/// Where they give way to others.
const RATE_YIELDING: f64 = 0.2;

/// How much one second says about a rate.
const RATE_LEARNING: f64 = 0.03;

/// A green is driven into from here on.
const STARTED: DurationMs = DurationMs(2_000);

/// Whoever has not moved by now is held by others.
const STUCK: DurationMs = DurationMs(6_000);

/// Steps without a crossing after which a lane is held.
const STUCK_STEPS: u32 = 5;
const RATE_HELD: f64 = 0.05;

/// Two so near leave one after the other: how fast is a matter of the stop line.
const AT_LINE_M: f64 = 35.0;

#[derive(Debug, Clone)]
pub struct Learned {
    lanes: Vec<LearnedLane>,
}

#[derive(Debug, Clone)]
struct LearnedLane {
    /// By stage, with the least that is believed.
    rates: Vec<(f64, f64)>,
    /// Somebody has crossed in this green.
    moving: bool,
    /// Steps since the last one crossed, while somebody stands at a line that shows green.
    stuck_steps: u32,
    width: f64,
}

impl Learned {
    pub fn new(plan: &Plan, lanes: &[Lane]) -> Self {
        let learned = |lane: &Lane| LearnedLane {
            rates: plan.stages.iter().map(|stage| first_guess(lane, stage)).collect(),
            moving: false,
            stuck_steps: 0,
            width: lane.width,
        };
        Self { lanes: lanes.iter().map(learned).collect() }
    }

    pub fn step(&mut self, stage: usize, lights: &Lights, at: UtcMillis, seen: &[LaneSeen]) {
        let age = lights.stage_age(at);
        for (lane, seen) in self.lanes.iter_mut().zip(seen).filter(|(_, seen)| !seen.failed) {
            let passed = f64::from(seen.passed);
            let Some(age) = age.filter(|age| *age >= STARTED) else {
                lane.moving = false;
                lane.stuck_steps = 0;
                continue;
            };
            let near = seen.vehicles.iter().filter(|vehicle| vehicle.to_line.0 < AT_LINE_M).count();
            let queue = near as f64 >= 2.0 * lane.width || seen.waits();
            let stands = seen.passed == 0 && seen.waits();
            lane.stuck_steps = if stands { lane.stuck_steps + 1 } else { 0 };
            let (rate, least) = &mut lane.rates[stage];
            if *rate > 0.0 && queue && seen.blocked.is_empty() && (lane.moving || age >= STUCK) {
                *rate = (*rate + RATE_LEARNING * (passed - *rate)).max(*least);
            }
            lane.moving |= seen.passed > 0;
        }
    }

    /// Vehicles a second. `now` is the stage that is shown: there a lane may be held by one who cannot go.
    pub fn rate(&self, lane: usize, stage: usize, now: usize) -> f64 {
        let lane = &self.lanes[lane];
        let held = stage == now && lane.stuck_steps >= STUCK_STEPS;
        if held { lane.rates[stage].0.min(RATE_HELD) } else { lane.rates[stage].0 }
    }
}

/// A lane of several movements goes only as far as its first vehicle may.
fn first_guess(lane: &Lane, stage: &Stage) -> (f64, f64) {
    let go = lane.groups.and(&stage.greens);
    let yielding = go.and(&stage.yielding).len();
    let all = lane.groups.len().max(1);
    let rate = (RATE_FREE * (go.len() - yielding) as f64 + RATE_YIELDING * yielding as f64) / all as f64;
    let free = go == lane.groups && yielding == 0;
    (rate * lane.width, if free { RATE_FREE_LEAST * lane.width } else { 0.02 })
}
