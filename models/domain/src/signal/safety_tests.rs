//! Safety held over every small case and over long random drives, with their numbers.

use super::group_set::GroupSet;
use super::keeper::{Keeper, Source};
use super::lights::{Light, Lights};
use super::plan::{Group, GroupKind, Layout, Limits, Plan, Stage};
use super::safety::{Refusal, Wish, check, steer};
use crate::units::{DurationMs, UtcMillis};

const YELLOW: DurationMs = DurationMs(3_000);
const WALK_CLEAR: DurationMs = DurationMs(8_000);

/// Main street 0 and 1, side street 2, across the main street on foot 3: 0 and 1 against 2 and 3.
fn layout() -> Layout {
    let vehicle = Group {
        kind: GroupKind::Vehicle,
        green_min: DurationMs(5_000),
        clearance: YELLOW,
        red_max: DurationMs(60_000),
    };
    let walk =
        Group { kind: GroupKind::Pedestrian, green_min: DurationMs(6_000), clearance: WALK_CLEAR, ..vehicle };
    let mut layout = Layout::new(vec![vehicle, vehicle, vehicle, walk], Limits::default());
    for main in [0, 1] {
        layout.set_intergreen(main, 2, DurationMs(5_000));
        layout.set_intergreen(2, main, DurationMs(4_000));
        layout.set_intergreen(main, 3, DurationMs(6_000));
        layout.set_intergreen(3, main, DurationMs(9_000));
    }
    layout
}

fn plan() -> Plan {
    let stage = |groups: &[u8]| Stage {
        greens: set(groups),
        yielding: GroupSet::EMPTY,
        green: DurationMs(20_000),
        green_min: DurationMs(6_000),
        green_max: DurationMs(40_000),
    };
    Plan { stages: vec![stage(&[0, 1]), stage(&[2, 3])], offset: DurationMs(0) }
}

fn set(groups: &[u8]) -> GroupSet {
    groups.iter().copied().collect()
}

fn subset(bits: u8) -> GroupSet {
    (0..5).filter(|group| bits >> group & 1 == 1).collect()
}

fn wish(greens: GroupSet, at: UtcMillis) -> Wish {
    Wish { greens, made_at: at, expires_at: at + DurationMs(5_000) }
}

/// What the lamps did, judged from their trace alone.
struct Judge {
    layout: Layout,
    before: Vec<Light>,
    since: Vec<UtcMillis>,
    green_ended: Vec<Option<UtcMillis>>,
    /// Times a lamp changed colour.
    changes: u64,
}

impl Judge {
    fn new(layout: &Layout, lights: &Lights, at: UtcMillis) -> Self {
        let before: Vec<Light> = lights.lamps().iter().map(|lamp| lamp.light).collect();
        let (since, green_ended) = (vec![at; before.len()], vec![None; before.len()]);
        Self { layout: layout.clone(), before, since, green_ended, changes: 0 }
    }

    #[track_caller]
    fn see(&mut self, lights: &Lights, at: UtcMillis) {
        let now: Vec<Light> = lights.lamps().iter().map(|lamp| lamp.light).collect();
        for (one, is) in now.iter().enumerate() {
            let times = self.layout.groups[one];
            let lasted = at.since(self.since[one]);
            match (self.before[one], *is) {
                (Light::Green, Light::Green)
                | (Light::Red, Light::Red)
                | (Light::Clearing, Light::Clearing) => continue,
                (Light::Green, next) if next == Light::Clearing || times.clearance.0 == 0 => {
                    assert!(lasted >= times.green_min, "group {one}: green for {lasted:?} only");
                    self.green_ended[one] = Some(at);
                }
                (Light::Clearing, Light::Red) => {
                    assert!(lasted >= times.clearance, "group {one}: cleared for {lasted:?}")
                }
                (Light::Red, Light::Green) => {}
                (from, to) => panic!("group {one} went from {from:?} to {to:?}"),
            }
            self.changes += 1;
            self.since[one] = at;
        }
        for (one, other) in pairs(now.len()) {
            let Some(time) = self.layout.intergreen(other, one) else { continue };
            let green = |group: u8| now[usize::from(group)] == Light::Green;
            assert!(!(green(one) && green(other)), "groups {one} and {other} are green together");
            let began = green(one) && self.before[usize::from(one)] != Light::Green;
            if let Some(ended) = self.green_ended[usize::from(other)].filter(|_| began) {
                assert!(at.since(ended) >= time, "group {one} is green {:?} after {other}", at.since(ended));
            }
        }
        self.before = now;
    }
}

fn pairs(groups: usize) -> impl Iterator<Item = (u8, u8)> {
    let groups = u8::try_from(groups).unwrap();
    (0..groups).flat_map(move |one| (0..groups).map(move |other| (one, other)))
}

/// A number that looks random, from a seed (Vigna's splitmix64).
pub(super) fn random(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

#[test]
fn every_pair_of_stages_at_every_moment() {
    let layout = layout();
    let (mut granted, mut refused) = (0, 0);
    for from in (0..16).map(subset).filter(|from| layout.conflict_in(from).is_none()) {
        // 16 is a group that the junction does not have.
        for (first, second) in (0..=17).flat_map(|a| (0..=17).map(move |b| (subset(a), subset(b)))) {
            for (after_ms, then_ms) in [0, 4_999, 5_000, 9_000]
                .into_iter()
                .flat_map(|a| [0, 2_999, 3_000, 8_999, 15_000].into_iter().map(move |b| (a, b)))
            {
                let start = UtcMillis(0);
                let mut lights = Lights::showing(&layout, start, &from);
                let mut judge = Judge::new(&layout, &lights, start);
                let asked = [(first, UtcMillis(after_ms)), (second, UtcMillis(after_ms + then_ms))];
                for at in (0..=after_ms + then_ms + 20_000).step_by(1_000).map(UtcMillis) {
                    lights.tick(&layout, at);
                    judge.see(&lights, at);
                    for (greens, when) in
                        asked.iter().filter(|(_, when)| (at.0..at.0 + 1_000).contains(&when.0))
                    {
                        lights.tick(&layout, *when);
                        let done = steer(&layout, &mut lights, *when, &wish(*greens, *when));
                        judge.see(&lights, *when);
                        let known = greens.is_subset(&subset(15));
                        assert!(done.is_err() || known && layout.conflict_in(greens).is_none());
                        if done.is_ok() { granted += 1 } else { refused += 1 }
                    }
                }
            }
        }
    }
    println!("{granted} wishes granted, {refused} refused, none unsafe");
    assert_eq!(granted + refused, 7 * 18 * 18 * 20 * 2);
    assert!(granted > 5_000, "{granted}");
}

#[test]
fn long_random_drives() {
    let (mut granted, mut changes, mut steps) = (0_u64, 0, 0_u64);
    for seed in 0..100 {
        let mut chance = seed;
        let layout = random_layout(&mut chance);
        let groups = u8::try_from(layout.groups.len()).unwrap();
        let mut lights = Lights::all_red(&layout, UtcMillis(0));
        let mut judge = Judge::new(&layout, &lights, UtcMillis(0));
        let mut at = UtcMillis(0);
        for _ in 0..2_000 {
            at = at + DurationMs(1 + (random(&mut chance) % 1_500) as i64);
            lights.tick(&layout, at);
            judge.see(&lights, at);
            let waiting = (0..groups).filter(|_| random(&mut chance).is_multiple_of(3)).collect();
            lights.wait(at, &waiting);
            let mut greens = GroupSet::EMPTY;
            // Mostly possible stages; now and then anything.
            for group in 0..groups {
                if random(&mut chance).is_multiple_of(2) {
                    continue;
                }
                let one: GroupSet = [group].into_iter().collect();
                let fits = layout.conflict_in(&greens.or(&one)).is_none();
                if fits || random(&mut chance).is_multiple_of(50) {
                    greens = greens.or(&one);
                }
            }
            let made_at = at - DurationMs((random(&mut chance) % 8_000) as i64 - 1_500);
            let wish = Wish { greens, made_at, expires_at: made_at + DurationMs(6_000) };
            granted += u64::from(steer(&layout, &mut lights, at, &wish).is_ok());
            judge.see(&lights, at);
            steps += 1;
        }
        changes += judge.changes;
    }
    println!("{steps} wishes in 100 junctions, {granted} granted, {changes} changes of a lamp, none unsafe");
    assert!(granted > 10_000 && changes > 20_000, "{granted} granted, {changes} changes");
}

/// 2 to 12 groups with conflicts and times by chance.
pub(super) fn random_layout(chance: &mut u64) -> Layout {
    let mut time = |from: u64, to: u64| DurationMs((from + random(chance) % (to - from)) as i64);
    let groups: Vec<Group> = (0..time(2, 13).0)
        .map(|group| {
            let kind = if group % 3 == 2 { GroupKind::Pedestrian } else { GroupKind::Vehicle };
            Group {
                kind,
                green_min: time(1_000, 8_000),
                clearance: time(0, 6_000),
                red_max: time(40_000, 90_000),
            }
        })
        .collect();
    let clearances: Vec<DurationMs> = groups.iter().map(|group| group.clearance).collect();
    let mut layout = Layout::new(groups, Limits::default());
    for (one, other) in pairs(clearances.len()).filter(|(one, other)| one < other) {
        if time(0, 100).0 < 50 {
            for (ending, beginning) in [(one, other), (other, one)] {
                let least = clearances[usize::from(ending)];
                layout.set_intergreen(ending, beginning, DurationMs(least.0 + time(0, 5_000).0));
            }
        }
    }
    assert_eq!(layout.problems(), Vec::<String>::new());
    layout
}

#[track_caller]
fn refused(lights: &Lights, at: i64, wish: &Wish, want: &str) {
    let refusals = check(&layout(), lights, UtcMillis(at), wish);
    let said: Vec<String> = refusals.iter().map(ToString::to_string).collect();
    assert_eq!(said.join("; "), want);
}

#[test]
fn each_refusal_says_why() {
    let layout = layout();
    let lights = Lights::showing(&layout, UtcMillis(0), &set(&[0, 1]));
    let at = |ms, groups: &[u8]| wish(set(groups), UtcMillis(ms));
    refused(&lights, 5_000, &at(5_000, &[2]), "");
    refused(
        &lights,
        4_000,
        &at(4_000, &[1, 2, 7]),
        "the junction has no signal group 8; signal groups 2 and 3 conflict; signal group 1 has its minimum green until 5000",
    );
    refused(&lights, 10_001, &at(5_000, &[2]), "the wish is 5.001 s old, or has expired");
    refused(
        &lights,
        5_000,
        &Wish { expires_at: UtcMillis(5_000), ..at(4_000, &[2]) },
        "the wish is 1 s old, or has expired",
    );
    refused(&lights, 5_000, &at(6_001, &[2]), "the wish comes 1.001 s from the future; compare the clocks");
    let mut changing = lights.clone();
    steer(&layout, &mut changing, UtcMillis(5_000), &at(5_000, &[2])).unwrap();
    changing.tick(&layout, UtcMillis(9_000));
    refused(
        &changing,
        9_000,
        &at(9_000, &[0, 1]),
        "a change is under way: signal group 3 is not at rest yet",
    );
}

#[test]
fn whoever_waits_too_long_goes_first() {
    let layout = layout();
    let mut lights = Lights::showing(&layout, UtcMillis(0), &set(&[0, 1]));
    lights.wait(UtcMillis(1_000), &set(&[2]));
    // 60 s of red end at 61 s; the change takes 5 s.
    refused(&lights, 56_000, &wish(set(&[0, 1]), UtcMillis(56_000)), "");
    let stay = "signal group 3 would wait at red for longer than its maximum, until 61000";
    refused(&lights, 56_001, &wish(set(&[0, 1]), UtcMillis(56_001)), stay);
    refused(&lights, 56_001, &wish(set(&[2]), UtcMillis(56_001)), "");
    // Nobody waits there any more.
    lights.wait(UtcMillis(57_000), &GroupSet::EMPTY);
    refused(&lights, 90_000, &wish(set(&[0, 1]), UtcMillis(90_000)), "");
}

#[test]
fn too_many_changes_are_refused() {
    let mut layout = layout();
    layout.limits.changes_max = 2;
    let mut lights = Lights::showing(&layout, UtcMillis(0), &set(&[0, 1]));
    let mut done = Vec::new();
    for (at, groups) in [(10_000, &[2][..]), (25_000, &[0]), (40_000, &[2]), (70_000, &[2])] {
        (0..=at).step_by(1_000).for_each(|at| lights.tick(&layout, UtcMillis(at)));
        done.push(steer(&layout, &mut lights, UtcMillis(at), &wish(set(groups), UtcMillis(at))));
    }
    let many = Refusal::TooManyChanges { changes: 2, window: DurationMs(60_000) };
    assert_eq!(done, [Ok(()), Ok(()), Err(vec![many]), Ok(())]);
}

#[test]
fn a_plan_that_breaks_the_layout_is_refused_whole() {
    let mut layout = layout();
    layout.set_intergreen(3, 0, DurationMs(7_000));
    let mut plan = plan();
    plan.stages[0].greens.insert(2);
    plan.stages[1].green = DurationMs(4_000);
    let lights = Lights::all_red(&layout, UtcMillis(0));
    let problems = Keeper::new(layout, plan, lights).unwrap_err();
    assert_eq!(
        problems.lines().collect::<Vec<_>>(),
        [
            "groups 4 and 1: the intergreen is shorter than the clearance time",
            "stage 1: groups 1 and 3 conflict",
            "stage 2: its green is shorter than a group's minimum green",
            "stage 2: green must lie between green_min and green_max",
        ]
    );
}

#[test]
fn without_wishes_the_junction_is_on_its_own_plan_within_the_backup_time() {
    let (layout, plan) = (layout(), plan());
    let lights = Lights::showing(&layout, UtcMillis(0), &set(&[0, 1]));
    let mut keeper = Keeper::new(layout.clone(), plan, lights.clone()).unwrap();
    let mut judge = Judge::new(&layout, &lights, UtcMillis(0));
    let mut sources = Vec::new();
    for second in 0..200_i64 {
        let at = UtcMillis(second * 1000);
        // The link is lost after a minute.
        let held = wish(set(&[0, 1]), at);
        let step = keeper.step(at, &GroupSet::EMPTY, (second < 60).then_some(&held));
        judge.see(keeper.lights(), at);
        sources.push(step.source);
    }
    assert!(sources[..60].iter().all(|source| *source == Source::Wish));
    assert!(sources[69..].iter().all(|source| *source == Source::OwnPlan), "{sources:?}");
    assert!(judge.changes >= 8, "the plan goes round: {}", judge.changes);
}

#[test]
fn a_wish_that_starves_others_is_overruled() {
    let (layout, plan) = (layout(), plan());
    let lights = Lights::showing(&layout, UtcMillis(0), &set(&[0, 1]));
    let mut keeper = Keeper::new(layout, plan, lights).unwrap();
    let mut waited_max = DurationMs(0);
    for second in 0..600_i64 {
        let at = UtcMillis(second * 1000);
        let greedy = wish(set(&[0, 1]), at);
        keeper.step(at, &set(&[0, 1, 2, 3]), Some(&greedy));
        for lamp in keeper.lights().lamps() {
            waited_max = waited_max.max(lamp.waiting_since.map_or(DurationMs(0), |since| at.since(since)));
        }
    }
    assert!((DurationMs(50_000)..=DurationMs(60_000)).contains(&waited_max), "{waited_max:?}");
}

#[test]
fn conflicting_traffic_waits_for_those_within_the_junction_but_not_for_ever() {
    let green_after_ms = |occupied_until_ms: i64| {
        let layout = layout();
        let mut lights = Lights::showing(&layout, UtcMillis(0), &set(&[0, 1]));
        steer(&layout, &mut lights, UtcMillis(5_000), &wish(set(&[2]), UtcMillis(5_000))).unwrap();
        (5_000..).step_by(500).find(|at| {
            lights.occupy(*at < occupied_until_ms);
            lights.tick(&layout, UtcMillis(*at));
            lights.greens().contains(2)
        })
    };
    assert_eq!([0, 12_000, 60_000].map(green_after_ms), [Some(10_000), Some(12_000), Some(15_000)]);
}
