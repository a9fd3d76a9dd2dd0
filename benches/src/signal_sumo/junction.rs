//! One traffic light of the simulation behind the seam: what is seen goes in, what the keeper shows comes out.

use std::collections::BTreeMap;

use models_domain::signal::GroupSet;
use models_domain::signal::adaptive::{Adaptive, Bus, LaneSeen, Vehicle as Seen};
use models_domain::signal::keeper::{Keeper, Source};
use models_domain::signal::lights::{Light, Lights};
use models_domain::signal::safety::Wish;
use models_domain::{DurationMs, Meters, MetersPerSecond, UtcMillis};

use super::network::{Junction, WATCHED_M};
use super::traci::Vehicle;

/// Who chooses the stages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Chooser {
    MaxPressure,
    Ours,
}

/// Max-pressure chooses anew after so long.
const PRESSURE_EVERY: DurationMs = DurationMs(10_000);

/// Slower than this, a vehicle stands.
const STANDS_MPS: f64 = 2.0;

/// Priority and faults of one run.
#[derive(Debug, Clone, Copy)]
pub struct Street {
    /// Buses have priority as being so late and full, 0 to 1; without, they are vehicles like others.
    pub buses: Option<(DurationMs, f64)>,
    /// How far ahead a bus is known by its own report.
    pub bus_seen_m: f64,
    /// From so many seconds after the beginning, the detector of every junction's first lane is broken.
    pub fail_after_s: Option<u32>,
}

pub struct Steered {
    pub junction: Junction,
    keeper: Keeper,
    adaptive: Adaptive,
    chooser: Chooser,
    chosen_at: Option<UtcMillis>,
    /// By vehicle within the junction a second ago: its lane.
    before: BTreeMap<String, String>,
    pub watch: Watch,
    began: UtcMillis,
    /// Steps in which somebody had to be served for having waited as long as allowed.
    pub rescues: u64,
    /// Longest red before which somebody stood, from when he was seen to stand to its last second.
    pub longest_red: DurationMs,
}

impl Steered {
    pub fn new(mut junction: Junction, chooser: Chooser, at: UtcMillis) -> anyhow::Result<Self> {
        if chooser == Chooser::MaxPressure {
            // As it is published: no longest wait.
            junction.layout.groups.iter_mut().for_each(|group| group.red_max = DurationMs(i64::MAX / 4));
        }
        let first = junction.plan.stages[0].greens;
        let lights = Lights::showing(&junction.layout, at, &first);
        let keeper = Keeper::new(junction.layout.clone(), junction.plan.clone(), lights);
        let keeper = keeper.map_err(|problems| anyhow::anyhow!("{}: {problems}", junction.id))?;
        let adaptive = Adaptive::new(&junction.plan, junction.lanes.clone());
        let watch = Watch::new(&junction, at);
        let before = BTreeMap::new();
        Ok(Self {
            junction,
            keeper,
            adaptive,
            chooser,
            chosen_at: None,
            before,
            watch,
            began: at,
            rescues: 0,
            longest_red: DurationMs(0),
        })
    }

    /// Whether the vehicle is just leaving one of the stop lines.
    pub fn leaves_a_line(&self, vehicle: &Vehicle) -> bool {
        self.junction.within.contains_key(&vehicle.lane)
    }

    /// What the light shows from now on.
    pub fn step(&mut self, at: UtcMillis, vehicles: &[Vehicle], street: Street) -> String {
        let seen = self.look(at, vehicles, street);
        let buses = self.buses(vehicles, street);
        let waiting = self.adaptive.waiting(&seen);
        let wish = match self.chooser {
            Chooser::Ours => {
                let (layout, plan) = (self.keeper.layout().clone(), self.keeper.plan().clone());
                self.adaptive.step(&layout, &plan, self.keeper.lights(), at, &seen, &buses)
            }
            Chooser::MaxPressure => self.max_pressure(at, &seen, vehicles),
        };
        let within = vehicles.iter().filter(|vehicle| vehicle.lane.starts_with(&self.junction.inside));
        self.keeper.occupy(within.into_iter().any(|vehicle| vehicle.speed_mps < STANDS_MPS));
        let step = self.keeper.step(at, &waiting, wish.as_ref());
        self.rescues += u64::from(step.source == Source::LongestWait);
        let stood = self.keeper.lights().lamps().iter().filter_map(|lamp| lamp.waiting_since);
        self.longest_red = stood.map(|since| at.since(since)).fold(self.longest_red, DurationMs::max);
        let state = self.state();
        self.watch.see(at, &self.junction, &state);
        state
    }

    /// The lanes as cameras see them.
    fn look(&mut self, at: UtcMillis, vehicles: &[Vehicle], street: Street) -> Vec<LaneSeen> {
        let mut seen = vec![LaneSeen::default(); self.junction.lanes.len()];
        let mut heads = vec![f64::INFINITY; seen.len()];
        let mut exits: BTreeMap<&str, u32> = BTreeMap::new();
        let mut now = BTreeMap::new();
        for vehicle in vehicles {
            if let Some((lane, (_, length_m))) = self.junction.exits.get_key_value(&vehicle.lane)
                && vehicle.position_m < length_m.min(25.0)
                && vehicle.speed_mps < 1.0
            {
                *exits.entry(lane).or_default() += 1;
            }
            if let Some(index) = self.junction.within.get(&vehicle.lane) {
                let before = self.before.get(&vehicle.id);
                seen[*index].passed +=
                    u32::from(before.is_none_or(|lane| !self.junction.within.contains_key(lane)));
                now.insert(vehicle.id.clone(), vehicle.lane.clone());
            }
            let Some(reach) = self.junction.reach.get(&vehicle.lane) else { continue };
            let (index, to_line_m) = spread(&vehicle.id, reach);
            let to_line_m = to_line_m - vehicle.position_m;
            if to_line_m < heads[index] {
                heads[index] = to_line_m;
                seen[index].head_wait = DurationMs((vehicle.waiting_s * 1000.0) as i64);
            }
            if to_line_m <= WATCHED_M {
                let speed = MetersPerSecond(vehicle.speed_mps);
                seen[index].vehicles.push(Seen { to_line: Meters(to_line_m), speed, weight: 1.0 });
            }
        }
        for (lane, standing) in exits {
            let (groups, _) = self.junction.exits[lane];
            for seen in seen.iter_mut().filter(|_| standing >= 2) {
                seen.blocked = seen.blocked.or(&groups);
            }
        }
        for (lane, seen) in self.junction.lanes.iter().zip(&mut seen) {
            seen.blocked = seen.blocked.and(&lane.groups);
        }
        if street.fail_after_s.is_some_and(|after| at.since(self.began).0 >= i64::from(after) * 1000) {
            seen[0] = LaneSeen { failed: true, ..LaneSeen::default() };
        }
        self.before = now;
        seen
    }

    /// The buses as they report themselves.
    fn buses(&self, vehicles: &[Vehicle], street: Street) -> Vec<Bus> {
        let Some((late, load)) = street.buses else { return Vec::new() };
        let bus = |vehicle: &Vehicle| {
            let speed = MetersPerSecond(vehicle.speed_mps);
            let reach = self.junction.reach.get(&vehicle.lane)?;
            let (lane, to_line_m) = spread(&vehicle.id, reach);
            let side = self.junction.sides.get(&vehicle.lane).copied();
            let (gives_way_to, to_line_m) = side.map_or((None, to_line_m), |(road, to_m)| (Some(road), to_m));
            let to_line = Meters(to_line_m - vehicle.position_m);
            let known = to_line.0 <= street.bus_seen_m;
            known.then_some(Bus { lane, to_line, speed, late, load, gives_way_to })
        };
        vehicles.iter().filter(|vehicle| vehicle.class == "bus").filter_map(bus).collect()
    }

    /// The stage with the greatest pressure: those before its lines less those behind them.
    fn max_pressure(&mut self, at: UtcMillis, seen: &[LaneSeen], vehicles: &[Vehicle]) -> Option<Wish> {
        let layout = self.keeper.layout();
        let wish = |greens: GroupSet| {
            Some(Wish { greens, made_at: at, expires_at: at + layout.limits.wish_age_max })
        };
        if self.chosen_at.is_some_and(|then| at.since(then) < PRESSURE_EVERY) {
            return wish(*self.keeper.lights().wanted());
        }
        let mut behind: BTreeMap<&str, f64> = BTreeMap::new();
        for vehicle in vehicles.iter().filter(|vehicle| self.junction.exits.contains_key(&vehicle.lane)) {
            *behind.entry(&vehicle.lane).or_default() += 1.0;
        }
        let pressure = |greens: &GroupSet| -> f64 {
            let lanes = self.junction.lanes.iter().zip(seen);
            let before: f64 = lanes
                .filter(|(lane, _)| !lane.groups.and(greens).is_empty())
                .map(|(_, seen)| seen.vehicles.len() as f64)
                .sum();
            let exits = self.junction.exits.iter().filter(|(_, (groups, _))| !groups.and(greens).is_empty());
            before - exits.filter_map(|(lane, _)| behind.get(lane.as_str())).sum::<f64>()
        };
        let stages = self.keeper.plan().stages.iter().map(|stage| stage.greens);
        let best = stages.max_by(|one, other| pressure(one).total_cmp(&pressure(other)))?;
        self.chosen_at = Some(at);
        wish(best)
    }

    /// The lamps as SUMO writes them.
    fn state(&self) -> String {
        let lights = self.keeper.lights();
        let stage = self.keeper.plan().stage_of(lights.wanted());
        let written = stage.map(|stage| self.junction.states[stage].as_bytes());
        let shown = |(group, lamp): (usize, &models_domain::signal::lights::Lamp)| {
            let planned = written.and_then(|state| state.get(group)).copied();
            match (lamp.light, planned) {
                (Light::Clearing, _) => 'y',
                // Whoever gives way in the coming stage, or is not free of others yet, gives way now.
                (Light::Green, Some(b'G')) if lights.settled() => 'G',
                (Light::Green, Some(b'G')) if !self.yielded(group) => 'G',
                (Light::Green, _) => 'g',
                (Light::Red, Some(free @ (b's' | b'o' | b'O'))) if lights.settled() => char::from(free),
                (Light::Red, _) => 'r',
            }
        };
        lights.lamps().iter().enumerate().map(shown).collect()
    }

    /// Whether `group` gives way in some stage.
    fn yielded(&self, group: usize) -> bool {
        let group = u8::try_from(group).unwrap_or(u8::MAX);
        self.junction.plan.stages.iter().any(|stage| stage.yielding.contains(group))
    }
}

/// Nobody knows yet which of several lanes it will take: spread them, each always the same way.
fn spread(vehicle: &str, reach: &[(usize, f64)]) -> (usize, f64) {
    let sum: usize = vehicle.bytes().map(usize::from).sum();
    reach[sum % reach.len()]
}

/// Looks at what the lamps really showed, apart from the code that chose it.
pub struct Watch {
    shown: Vec<u8>,
    since: Vec<UtcMillis>,
    ended: Vec<Option<UtcMillis>>,
    pub violations: u64,
}

impl Watch {
    fn new(junction: &Junction, at: UtcMillis) -> Self {
        let links = junction.layout.groups.len();
        Self { shown: vec![b'r'; links], since: vec![at; links], ended: vec![None; links], violations: 0 }
    }

    fn see(&mut self, at: UtcMillis, junction: &Junction, state: &str) {
        let green = |state: u8| matches!(state, b'g' | b'G');
        let first = self.ended.iter().all(Option::is_none) && !self.shown.iter().any(|shown| green(*shown));
        let now = state.as_bytes();
        for one in 0..now.len() {
            let (was, is) = (green(self.shown[one]), green(now[one]));
            if was && !is {
                let least = junction.layout.groups[one].green_min;
                self.violations += u64::from(at.since(self.since[one]) < least || now[one] != b'y');
                self.ended[one] = Some(at);
            }
            for other in (0..now.len()).filter(|_| is && !first) {
                let (Ok(a), Ok(b)) = (u8::try_from(other), u8::try_from(one)) else { continue };
                let Some(time) = junction.layout.intergreen(a, b) else { continue };
                let too_soon = !was && self.ended[other].is_some_and(|ended| at.since(ended) < time);
                self.violations += u64::from(green(now[other]) || too_soon);
            }
            if was != is {
                self.since[one] = at;
            }
        }
        self.shown = now.to_vec();
    }
}
