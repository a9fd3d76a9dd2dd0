//! The street as it is reckoned: vehicles come to each approach as often as was counted, at moments that a seed chooses, drive up to the
//! stop line, stand behind one another, and leave as fast as its lanes let them while its groups are green.

use std::collections::VecDeque;

use crate::signal::adaptive::{Lane, LaneSeen, Vehicle};
use crate::signal::group_set::GroupSet;
use crate::units::{DurationMs, Meters, MetersPerSecond};

/// Where vehicles are looked at first.
const FROM_M: f64 = 150.0;
/// Of a vehicle that stands, with its gap.
const LENGTH_M: f64 = 7.0;
/// Vehicles a second that leave a queue, by lane: 1,800 an hour.
pub const LEAVES_PER_S: f64 = 0.5;
/// No more are counted of one approach.
const MOST: usize = 500;

#[derive(Debug, Clone)]
pub struct Twin {
    lanes: Vec<Lane>,
    queues: Vec<Queue>,
    seed: u64,
    second: u64,
    pub tally: Tally,
}

/// What became of everybody who came.
#[derive(Debug, Clone, Copy, Default)]
pub struct Tally {
    pub vehicles: u64,
    pub delay_s: f64,
}

#[derive(Debug, Clone, Default)]
struct Queue {
    vehicles: VecDeque<Moving>,
    /// Part of the next vehicle that could have left already.
    credit: f64,
    passed: u32,
    head_wait_s: i64,
}

#[derive(Debug, Clone, Copy)]
struct Moving {
    to_line_m: f64,
    speed: f64,
    came: u64,
}

impl Twin {
    /// Empty streets.
    pub fn new(lanes: &[Lane], seed: u64) -> Self {
        let queues = vec![Queue::default(); lanes.len()];
        Self { lanes: lanes.to_vec(), queues, seed, second: 0, tally: Tally::default() }
    }

    /// One second; `flows`: vehicles a second, by lane.
    pub fn step(&mut self, flows: &[f64], greens: &GroupSet) -> Vec<LaneSeen> {
        self.second += 1;
        for (index, (lane, queue)) in self.lanes.iter().zip(&mut self.queues).enumerate() {
            let flow = flows.get(index).copied().unwrap_or(0.0);
            for _ in 0..comes(flow, chance(self.seed, index as u64, self.second)) {
                queue.come(self.second);
            }
            queue.drive(lane);
            let open = lane.groups.and(greens).len() as f64 / lane.groups.len().max(1) as f64;
            let left = queue.leave(LEAVES_PER_S * lane.width * open);
            for moving in left {
                self.tally.vehicles += 1;
                self.tally.delay_s += delay_s(moving, lane, self.second);
            }
        }
        self.look()
    }

    pub fn look(&self) -> Vec<LaneSeen> {
        let seen = |queue: &Queue| LaneSeen {
            vehicles: queue.vehicles.iter().map(vehicle).collect(),
            passed: queue.passed,
            head_wait: DurationMs(queue.head_wait_s * 1_000),
            ..LaneSeen::default()
        };
        self.queues.iter().map(seen).collect()
    }

    /// The tally with those who are still there.
    pub fn all(&self) -> Tally {
        let mut tally = self.tally;
        for (lane, queue) in self.lanes.iter().zip(&self.queues) {
            tally.vehicles += queue.vehicles.len() as u64;
            let driven = |moving: &Moving| {
                let free_s = (FROM_M - moving.to_line_m).max(0.0) / speed(lane);
                ((self.second - moving.came) as f64 - free_s).max(0.0)
            };
            tally.delay_s += queue.vehicles.iter().map(driven).sum::<f64>();
        }
        tally
    }

    /// Counts from now on.
    pub fn begin(&mut self) {
        self.tally = Tally::default();
    }
}

impl Queue {
    fn come(&mut self, second: u64) {
        if self.vehicles.len() < MOST {
            let behind = self.vehicles.back().map_or(0.0, |last| last.to_line_m + 1.0);
            self.vehicles.push_back(Moving { to_line_m: FROM_M.max(behind), speed: 0.0, came: second });
        }
    }

    fn drive(&mut self, lane: &Lane) {
        let side_by_side = lane.width.max(1.0);
        for (nth, moving) in self.vehicles.iter_mut().enumerate() {
            let stands_m = (nth as f64 / side_by_side).floor() * LENGTH_M;
            let to_line_m = (moving.to_line_m - speed(lane)).max(stands_m).min(moving.to_line_m);
            moving.speed = moving.to_line_m - to_line_m;
            moving.to_line_m = to_line_m;
        }
    }

    fn leave(&mut self, rate: f64) -> Vec<Moving> {
        let mut left = Vec::new();
        let at_line = |queue: &Self| queue.vehicles.front().is_some_and(|first| first.to_line_m <= 0.0);
        self.credit = if rate > 0.0 { self.credit + rate } else { 0.0 };
        while self.credit >= 1.0 && at_line(self) {
            left.extend(self.vehicles.pop_front());
            self.credit -= 1.0;
        }
        // Nobody saves up a green that was not used.
        self.credit = self.credit.min(rate.max(1.0));
        self.passed = u32::try_from(left.len()).unwrap_or(u32::MAX);
        self.head_wait_s = if left.is_empty() && at_line(self) { self.head_wait_s + 1 } else { 0 };
        left
    }
}

fn vehicle(moving: &Moving) -> Vehicle {
    Vehicle { to_line: Meters(moving.to_line_m), speed: MetersPerSecond(moving.speed), weight: 1.0 }
}

fn speed(lane: &Lane) -> f64 {
    lane.speed_free.0.max(1.0)
}

fn delay_s(moving: Moving, lane: &Lane, second: u64) -> f64 {
    ((second - moving.came) as f64 - (FROM_M / speed(lane)).ceil()).max(0.0)
}

/// How many come in a second in which `flow` come on average, by Poisson; `chance` is between 0 and 1.
fn comes(flow: f64, mut chance: f64) -> u32 {
    let mut share = (-flow.clamp(0.0, 20.0)).exp();
    let mut count = 0;
    while chance >= share && count < 100 {
        chance -= share;
        count += 1;
        share *= flow / f64::from(count);
    }
    count
}

/// The same at every run.
fn chance(seed: u64, lane: u64, second: u64) -> f64 {
    let mut mixed = seed ^ (lane << 48) ^ second.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    for _ in 0..2 {
        mixed = (mixed ^ (mixed >> 31)).wrapping_mul(0xd6e8_feb8_6659_fd93);
    }
    ((mixed ^ (mixed >> 32)) >> 11) as f64 / (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lane(width: f64) -> Lane {
        Lane { groups: [0].into_iter().collect(), speed_free: MetersPerSecond(12.5), width }
    }

    #[test]
    fn as_many_come_as_were_counted() {
        for flow in [0.0, 0.05, 0.4, 1.5] {
            let count: u32 = (0..20_000).map(|second| comes(flow, chance(7, 3, second))).sum();
            let mean = f64::from(count) / 20_000.0;
            assert!((mean - flow).abs() <= 0.02 + flow * 0.03, "{mean} a second, not {flow}");
        }
    }

    #[test]
    fn a_free_street_delays_nobody_and_red_everybody() {
        let green: GroupSet = [0].into_iter().collect();
        let mut twin = Twin::new(&[lane(2.0)], 1);
        for _ in 0..2_000 {
            twin.step(&[0.2], &green);
        }
        let free = twin.all();
        assert!((350..450).contains(&free.vehicles), "{free:?}");
        assert!(free.delay_s / (free.vehicles as f64) < 1.5, "{free:?}");
        twin.begin();
        for _ in 0..600 {
            twin.step(&[0.2], &GroupSet::EMPTY);
        }
        let held = twin.all();
        let seen = twin.look();
        assert!(seen[0].vehicles.len() > 90 && seen[0].waits() && seen[0].head_wait.0 > 300_000, "{held:?}");
        assert!(held.delay_s / (held.vehicles as f64) > 150.0, "{held:?}");
    }

    #[test]
    fn a_queue_leaves_as_fast_as_its_lanes_let_it() {
        let mut twin = Twin::new(&[lane(2.0)], 1);
        for _ in 0..300 {
            twin.step(&[0.3], &GroupSet::EMPTY);
        }
        let stood = twin.look()[0].vehicles.len();
        twin.begin();
        let green: GroupSet = [0].into_iter().collect();
        for _ in 0..30 {
            twin.step(&[0.0], &green);
        }
        assert!(stood > 60 && (28..=31).contains(&twin.tally.vehicles), "{stood}, {:?}", twin.tally);
    }
}
