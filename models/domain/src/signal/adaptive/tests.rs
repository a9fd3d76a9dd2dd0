//! One crossing of two streets, with its traffic as numbers.

use super::*;
use crate::signal::keeper::{Keeper, Source};
use crate::signal::plan::{Group, GroupKind, Limits, Stage};
use crate::units::{Meters, MetersPerSecond};

const SPEED: MetersPerSecond = MetersPerSecond(12.5);
const WATCHED: Meters = Meters(150.0);

fn set(groups: &[u8]) -> GroupSet {
    groups.iter().copied().collect()
}

/// Three streets that conflict, a lane and a stage each.
fn crossing() -> (Layout, Plan, Vec<Lane>) {
    let group = Group {
        kind: GroupKind::Vehicle,
        green_min: DurationMs(5_000),
        clearance: DurationMs(3_000),
        red_max: DurationMs(90_000),
    };
    let mut layout = Layout::new(vec![group; 3], Limits::default());
    for (one, other) in [(0, 1), (0, 2), (1, 2)] {
        layout.set_intergreen(one, other, DurationMs(5_000));
    }
    let stage = |group| Stage {
        greens: set(&[group]),
        yielding: GroupSet::EMPTY,
        green: DurationMs(25_000),
        green_min: DurationMs(5_000),
        green_max: DurationMs(50_000),
    };
    let lane = |group| Lane { groups: set(&[group]), speed_free: SPEED, width: 1.0 };
    let plan = Plan { stages: [0, 1, 2].map(stage).into(), offset: DurationMs(0) };
    (layout, plan, [0, 1, 2].map(lane).into())
}

/// A street in which a vehicle comes every `every_s` seconds on each lane, and leaves at most every 2 s on green.
struct Street {
    keeper: Keeper,
    adaptive: Adaptive,
    vehicles: Vec<Vec<Vehicle>>,
    buses: Vec<Bus>,
    left_at: Vec<i64>,
    waits: Vec<i64>,
    /// Seconds of green, by stage.
    green_s: Vec<i64>,
    longest_s: i64,
    now_s: i64,
    sources: Vec<Source>,
}

impl Street {
    fn new() -> Self {
        let (layout, plan, lanes) = crossing();
        let lights = Lights::showing(&layout, UtcMillis(0), &plan.stages[0].greens);
        let adaptive = Adaptive::new(&plan, lanes);
        Self {
            keeper: Keeper::new(layout, plan, lights).unwrap(),
            adaptive,
            vehicles: vec![Vec::new(); 3],
            buses: Vec::new(),
            left_at: vec![0; 3],
            waits: vec![0; 3],
            green_s: vec![0; 3],
            longest_s: 0,
            now_s: 0,
            sources: Vec::new(),
        }
    }

    /// `every_s` by lane, 0 for an empty one; `change` may alter what is seen.
    fn drive(&mut self, seconds: i64, every_s: [i64; 3], change: impl Fn(i64, &mut [LaneSeen])) {
        for _ in 0..seconds {
            self.now_s += 1;
            let second = self.now_s;
            let at = UtcMillis(second * 1000);
            let mut seen: Vec<LaneSeen> = (0..3).map(|lane| self.pass(lane, second, every_s[lane])).collect();
            change(second, &mut seen);
            let waiting = self.adaptive.waiting(&seen);
            let (layout, plan) = (self.keeper.layout().clone(), self.keeper.plan().clone());
            let wish = self.adaptive.step(&layout, &plan, self.keeper.lights(), at, &seen, &self.buses);
            self.sources.push(self.keeper.step(at, &waiting, wish.as_ref()).source);
            for lane in 0..3_u8 {
                self.green_s[usize::from(lane)] += i64::from(self.keeper.lights().greens().contains(lane));
            }
        }
    }

    /// One second of one lane.
    fn pass(&mut self, lane: usize, second: i64, every_s: i64) -> LaneSeen {
        if every_s > 0 && second % every_s == 0 {
            self.vehicles[lane].push(Vehicle { to_line: WATCHED, speed: SPEED, weight: 1.0 });
        }
        let green = self.keeper.lights().greens().contains(u8::try_from(lane).unwrap());
        let mut passed = 0;
        let mut free_m = 0.0;
        for vehicle in &mut self.vehicles[lane] {
            let before = vehicle.to_line.0;
            vehicle.to_line.0 = (before - SPEED.0).max(free_m);
            vehicle.speed.0 = before - vehicle.to_line.0;
            free_m = vehicle.to_line.0 + 7.0;
        }
        let at_line = self.vehicles[lane].first().is_some_and(|first| first.to_line.0 <= 0.0);
        if at_line && green && second - self.left_at[lane] >= 2 {
            self.vehicles[lane].remove(0);
            self.left_at[lane] = second;
            self.waits[lane] = 0;
            passed = 1;
        } else if at_line {
            self.waits[lane] += 1;
            self.longest_s = self.longest_s.max(self.waits[lane]);
        }
        let head_wait = DurationMs(self.waits[lane] * 1000);
        LaneSeen { vehicles: self.vehicles[lane].clone(), passed, head_wait, ..LaneSeen::default() }
    }
}

#[test]
fn a_street_without_traffic_is_left_out() {
    let mut street = Street::new();
    street.drive(600, [6, 9, 0], |_, _| {});
    assert_eq!(street.green_s[2], 0);
    assert!(street.green_s[0] > street.green_s[1], "{:?}", street.green_s);
    assert!(street.vehicles.iter().all(|lane| lane.len() < 12), "no queue is left to grow");
}

#[test]
fn nobody_waits_beyond_the_bound_when_all_streets_are_full() {
    let mut street = Street::new();
    street.drive(1_800, [3, 60, 4], |_, _| {});
    // Until they move, not until they have green.
    assert!(street.longest_s <= 90, "{}", street.longest_s);
    assert!(street.green_s.iter().all(|green| *green > 60), "{:?}", street.green_s);
}

#[test]
fn green_comes_some_seconds_before_the_longest_red_is_over() {
    let (layout, plan, _) = crossing();
    let mut lights = Lights::showing(&layout, UtcMillis(0), &plan.stages[0].greens);
    let chosen = |lights: &Lights, at_s: i64, stage: usize| {
        in_time(&layout, &plan, lights, UtcMillis(at_s * 1_000), stage)
    };
    assert_eq!(chosen(&lights, 500, 0), 0, "nobody is known to wait");
    lights.wait(UtcMillis(1_000), &set(&[1]));
    // 91 s, less five to be before it and five for the change.
    assert_eq!((chosen(&lights, 81, 0), chosen(&lights, 82, 0)), (0, 1));
    // The third stage would take a change and its shortest green before that.
    assert_eq!((chosen(&lights, 71, 2), chosen(&lights, 72, 2)), (2, 1));
    assert_eq!(chosen(&lights, 89, 1), 1);
}

#[test]
fn a_failed_detector_gets_what_the_plan_gives() {
    let mut street = Street::new();
    street.drive(900, [8, 8, 8], |second, seen| {
        if second > 10 {
            seen[2] = LaneSeen { failed: true, ..LaneSeen::default() };
        }
    });
    // The plan's 25 s of green once in each round; a round is at most 50 s, 50 s, 25 s and three changes.
    assert!(street.green_s[2] >= 25 * (900 / 140), "{:?}", street.green_s);
    assert!(street.vehicles[2].len() < 30, "{}", street.vehicles[2].len());
}

#[test]
fn a_full_exit_gets_no_green() {
    let (mut free, mut full) = (Street::new(), Street::new());
    free.drive(600, [5, 5, 5], |_, _| {});
    full.drive(600, [5, 5, 5], |_, seen| seen[1].blocked = set(&[1]));
    // Only for having waited as long as is allowed.
    assert!(full.green_s[1] * 3 < free.green_s[1], "{:?}, {:?}", full.green_s, free.green_s);
}

/// How long twenty buses on the third street take from where they are seen until they have left, one a good minute.
fn buses_take_s(late: DurationMs, load: f64) -> i64 {
    let mut street = Street::new();
    let mut takes_s = 0;
    for _ in 0..20 {
        street.drive(67, [4, 7, 0], |_, _| {});
        street.vehicles[2].push(Vehicle { to_line: WATCHED, speed: SPEED, weight: 1.0 });
        while let Some(bus) = street.vehicles[2].first().copied() {
            let (to_line, speed) = (bus.to_line, bus.speed);
            street.buses = vec![Bus { lane: 2, to_line, speed, late, load, gives_way_to: None }];
            street.drive(1, [4, 7, 0], |_, _| {});
            takes_s += 1;
        }
        street.buses.clear();
    }
    takes_s
}

#[test]
fn a_late_bus_goes_first() {
    let (late, on_time) = (buses_take_s(DurationMs(300_000), 1.0), buses_take_s(DurationMs(0), 1.0));
    assert!(late * 10 < on_time * 7, "{late} s against {on_time} s");
    let empty = buses_take_s(DurationMs(90_000), 0.0);
    assert!(late <= empty && empty <= on_time, "{late} s, {empty} s, {on_time} s");
}

/// A bus that gives way to the third street stands beside it.
fn beside(late: DurationMs) -> Bus {
    let speed = MetersPerSecond(0.0);
    Bus { lane: 2, to_line: Meters(12.0), speed, late, load: 1.0, gives_way_to: Some(set(&[2])) }
}

#[test]
fn a_late_bus_that_gives_way_gets_its_road_emptied_and_not_for_ever() {
    let mut street = Street::new();
    street.drive(120, [12, 12, 60], |_, _| {});
    street.buses = vec![beside(DurationMs(300_000))];
    let before = street.green_s[2];
    street.drive(30, [12, 12, 0], |_, _| {});
    assert!(street.green_s[2] - before >= 12, "{}", street.green_s[2] - before);
    // It does not get through: the others are not kept from the road beyond the bounds.
    street.drive(1_200, [12, 12, 0], |_, _| {});
    assert!(street.longest_s <= 95, "{}", street.longest_s);
    assert!(street.vehicles.iter().all(|lane| lane.len() < 30), "no queue is left to grow");
}

#[test]
fn a_bus_on_time_asks_for_nothing() {
    let greens_s = |late: Option<DurationMs>| {
        let mut street = Street::new();
        street.buses = late.map(beside).into_iter().collect();
        street.drive(600, [4, 7, 0], |_, _| {});
        street.green_s
    };
    assert_eq!(greens_s(Some(DurationMs(30_000))), greens_s(None));
    assert_ne!(greens_s(Some(DurationMs(300_000))), greens_s(None));
}

#[test]
fn a_bus_counts_by_how_late_and_how_full_it_is() {
    let rules = Rules::default();
    let weight = |late_s: i64, load: f64| rules.weight(DurationMs(late_s * 1000), load);
    assert_eq!((weight(-60, 1.0), weight(60, 1.0), weight(600, 1.0)), (1.0, 1.0, 20.0));
    assert_eq!((weight(150, 1.0), weight(600, 0.0)), (10.5, 10.5));
}

#[test]
fn a_bus_out_of_sight_is_counted_where_it_says_it_is_and_one_in_sight_once() {
    let mut street = Street::new();
    let (layout, plan) = (street.keeper.layout().clone(), street.keeper.plan().clone());
    let (late, load, gives_way_to) = (DurationMs(300_000), 1.0, None);
    let far = Bus { lane: 2, to_line: Meters(350.0), speed: SPEED, late, load, gives_way_to };
    let near = Bus { to_line: Meters(60.0), ..far };
    let mut seen = vec![LaneSeen::default(); 3];
    seen[2].vehicles.push(Vehicle { to_line: Meters(64.0), speed: SPEED, weight: 1.0 });
    let weighed = street.adaptive.priority.weigh(&seen, &[far, near]);
    let told: Vec<_> = weighed[2].vehicles.iter().map(|v| (v.to_line.0, v.weight)).collect();
    assert_eq!(told, [(64.0, 20.0), (350.0, 20.0)]);
    // Of a lane that the junction does not have.
    let nowhere = Bus { lane: 9, ..far };
    street.adaptive.step(&layout, &plan, street.keeper.lights(), UtcMillis(1_000), &seen, &[nowhere]);
}
