//! What holds whatever streets, poles, people and detectors do.

use std::collections::{BTreeMap, VecDeque};

use super::*;
use crate::signal::Aspect;

/// A number that looks random, from a seed (Vigna's splitmix64).
fn random(state: &mut u64, below: u64) -> u64 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    (z ^ (z >> 31)) % below
}

/// What was seen of one junction.
#[derive(Default)]
struct Watch {
    /// The green that is shown, and since when.
    green: Option<(usize, UtcMillis)>,
    last: Option<usize>,
    greens: VecDeque<UtcMillis>,
    all: VecDeque<UtcMillis>,
    refused: VecDeque<UtcMillis>,
    held: u32,
    called: u32,
    back: u32,
    stopped: u32,
}

impl Watch {
    /// Greens within their bounds, stages in their order, reds no longer than they may be.
    fn lamps(&mut self, world: &World, seed: u64) {
        let (shown, now) = (world.shown(), world.now);
        if let Some((stage, since)) = self.green.filter(|(stage, _)| Some(*stage) != shown) {
            let (green, plans) = (now.since(since), s(world.green_s(stage)));
            let bounds = world.steer.bounds();
            assert!(green <= plans + bounds.stretch_max, "seed {seed}: {green:?} of {plans:?}");
            let least = s(6).max(plans - bounds.shorten_max);
            assert!(green >= least, "seed {seed}: {green:?} of {plans:?}");
            self.green = None;
        }
        if let Some(stage) = shown.filter(|_| self.green.is_none()) {
            let in_order = self.last.is_none_or(|last| world.plan.after(last) == stage);
            assert!(in_order, "seed {seed}: {stage} after {:?}", self.last);
            let since = world.seen.groups()[stage].since;
            (self.green, self.last) = (Some((stage, since)), Some(stage));
        }
        let plan: i64 = world.plan.stages.iter().map(|stage| stage.green.0 / 1_000 + YELLOW_S + RED_S).sum();
        for (stage, lamp) in world.seen.groups().iter().enumerate() {
            let usual = s(plan - world.green_s(stage) - YELLOW_S);
            let most = usual.max(world.steer.bounds().longest_wait.unwrap()) + s(1);
            let red = lamp.aspect == Aspect::Red;
            assert!(
                !red || now.since(lamp.since) <= most,
                "seed {seed}: {:?} of {most:?}",
                now.since(lamp.since)
            );
        }
    }

    fn call(&mut self, world: &World, call: &Call, seed: u64) {
        let now = world.now;
        for times in [&mut self.greens, &mut self.all] {
            times.retain(|then| now.since(*then) < s(60));
        }
        self.refused.retain(|then| now.since(*then) < s(3_600));
        self.all.push_back(now);
        assert!(self.all.len() <= 3, "seed {seed}: {:?}", self.all);
        let Call::Green { kind, stage, groups, hold, patience, .. } = call else { return };
        let Against { silent, blocked, full } = &world.against;
        assert!(silent.is_none() && blocked.is_none() && groups.and(full).is_empty(), "seed {seed}");
        let bounds = world.steer.bounds();
        let shown = world.shown().unwrap();
        match kind {
            Kind::Hold => assert!(*stage == shown && *hold <= bounds.stretch_max, "seed {seed}: {call:?}"),
            Kind::Next => {
                assert!(*stage == world.plan.after(shown) && *hold <= s(10), "seed {seed}: {call:?}")
            }
        }
        assert!(*groups == set(*stage) && *patience <= *hold && world.ordered.is_none());
        self.greens.push_back(now);
        assert!(self.greens.len() <= 2, "seed {seed}: {:?}", self.greens);
        self.held += u32::from(*kind == Kind::Hold);
        self.called += u32::from(*kind == Kind::Next);
    }
}

/// The moods of traffic, detectors and people.
fn change(world: &mut World, dice: &mut u64) {
    if random(dice, 12) == 0 {
        world.wants = [0, 0, 1, 1, 2][random(dice, 5) as usize];
    }
    let over = random(dice, 6) == 0;
    let against = &mut world.against;
    against.silent = against.silent.filter(|_| !over);
    against.blocked = against.blocked.take().filter(|_| !over);
    against.full = if over { GroupSet::EMPTY } else { against.full };
    match random(dice, 240) {
        0 => against.silent = Some("failed"),
        1 => against.blocked = Some(Why::OtherOrder { by: "lan".into() }),
        2 => against.full = set(random(dice, 2) as usize),
        _ => {}
    }
}

fn street(seed: u64) -> Watch {
    let mut dice = seed;
    let greens_s: Vec<i64> =
        (0..2 + random(&mut dice, 3)).map(|_| 12 + random(&mut dice, 30) as i64).collect();
    let bounds = Bounds {
        stretch_max: s(9 + random(&mut dice, 20) as i64),
        shorten_max: s(random(&mut dice, 15) as i64),
        longest_wait: Some(s(40 + random(&mut dice, 150) as i64)),
        ahead: s(4 + random(&mut dice, 5) as i64),
        rounds: 1 + random(&mut dice, 6) as u32,
    };
    let mut world = World::new(&greens_s, bounds);
    world.clear_s = 1 + random(&mut dice, bounds.ahead.0 as u64 / 1_000) as i64;
    let mut watch = Watch::default();
    for _ in 0..3_600 {
        change(&mut world, &mut dice);
        world.tick();
        watch.lamps(&world, seed);
        let stood = matches!(world.steer.state(), State::Ordered { until, .. } if world.now < *until);
        let call = world.look();
        let lost_sight = world.against.silent.is_some() || world.against.blocked.is_some();
        if stood && lost_sight {
            assert!(matches!(call, Some(Call::Release { .. })), "seed {seed}: {:?}", world.steer.state());
        }
        let Some(call) = call else {
            watch.stopped += u32::from(matches!(world.steer.why(), Why::Stopped { .. }));
            continue;
        };
        watch.call(&world, &call, seed);
        let green = matches!(call, Call::Green { .. });
        watch.back += u32::from(!green);
        if green && random(&mut dice, 8) == 0 {
            watch.refused.push_back(world.now);
            assert!(watch.refused.len() <= 3, "seed {seed}: it goes on after three refusals");
            world.steer.answered(world.now, Err(Refused::Pole(String::new())));
        } else {
            world.obey(&call);
        }
    }
    watch
}

/// Whatever happens, greens stay within the bounds around the plan, stages in their order, reds within the longest wait, orders within
/// their rate, and what stands is given back in the second in which sight is lost.
#[test]
fn whatever_happens_the_bounds_hold() {
    let (mut held, mut called, mut back, mut stopped) = (0, 0, 0, 0);
    for seed in 0..150 {
        let watch = street(seed);
        held += watch.held;
        called += watch.called;
        back += watch.back;
        stopped += u32::from(watch.stopped > 0);
    }
    assert!(held > 800 && called > 400 && back > 400 && stopped > 30, "{held} {called} {back} {stopped}");
}

/// A pole that answers late or not at all, or cannot let go, is not asked for ever.
#[test]
fn whatever_a_pole_answers_it_is_asked_seldom() {
    let (mut releases, mut again, mut too_late) = (0, 0, 0);
    for seed in 0..60 {
        let mut dice = seed;
        let mut world = World::new(&[20, 30], Bounds::default());
        let mut asked = VecDeque::<UtcMillis>::new();
        let mut by_order = BTreeMap::<u64, u32>::new();
        let mut answers: Vec<(UtcMillis, UtcMillis, Call)> = Vec::new();
        for _ in 0..3_600 {
            change(&mut world, &mut dice);
            world.tick();
            let now = world.now;
            let (due, later): (Vec<_>, Vec<_>) = answers.into_iter().partition(|(at, _, _)| *at <= now);
            answers = later;
            for (_, called, call) in due {
                too_late +=
                    u32::from(!matches!(world.steer.state(), State::Calling { .. } | State::Back { .. }));
                if !answer(&mut world, &call, &mut dice) {
                    asked.retain(|then| *then != called);
                    if let Call::Release { order } = call {
                        *by_order.entry(order).or_default() -= 1;
                    }
                }
            }
            let Some(call) = world.look() else { continue };
            asked.retain(|then| now.since(*then) < s(60));
            asked.push_back(now);
            assert!(asked.len() <= 3, "seed {seed}: {asked:?}");
            if let Call::Release { order } = call {
                let times = by_order.entry(order).or_default();
                *times += 1;
                assert!(*times <= 2, "seed {seed}: order {order}");
                releases += 1;
                again += u32::from(*times == 2);
            }
            if random(&mut dice, 5) > 0 {
                answers.push((now + s(random(&mut dice, 14) as i64), now, call));
            }
        }
    }
    assert!(releases > 100 && again > 5 && too_late > 5, "{releases} {again} {too_late}");
}

/// Whether the pole was asked at all.
fn answer(world: &mut World, call: &Call, dice: &mut u64) -> bool {
    let released = match (call, random(dice, 12)) {
        (Call::Green { .. }, 0) => {
            world.steer.answered(world.now, Err(Refused::Pole(String::new())));
            return true;
        }
        (Call::Release { .. }, 0..4) => Released::Sent,
        (Call::Release { .. }, 4..6) => Released::NotSent,
        (Call::Green { .. } | Call::Release { .. }, _) => {
            world.obey(call);
            return true;
        }
    };
    if let Call::Release { order } = call {
        world.steer.given_back(world.now, *order, released);
    }
    released != Released::NotSent
}
