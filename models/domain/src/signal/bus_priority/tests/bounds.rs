//! What holds whatever buses, poles and others do.

use super::*;
use crate::signal::bus_priority::coming::Out;
use crate::signal::bus_priority::turns::WORTH;
use crate::signal::order::PATIENCE_MAX;

/// A number that looks random, from a seed (Vigna's splitmix64).
fn random(state: &mut u64, below: u64) -> u64 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    (z ^ (z >> 31)) % below
}

/// Whatever buses, poles and others do: one order at a time, none longer than it may be, the rest between two is kept, none for a bus that
/// may have none, and each is given back or over.
#[test]
fn whatever_happens_the_bounds_hold() {
    let (mut granted, mut given_back) = (0, 0);
    for seed in 0..300 {
        let mut dice = seed;
        let mut world = World::new();
        let (mut standing, mut ended): (Option<(Key, u64, UtcMillis)>, Option<UtcMillis>) = (None, None);
        for order in 0..400 {
            world.now = world.now + DurationMs(1_000);
            let name = ["a", "b", "c"][random(&mut dice, 3) as usize];
            if random(&mut dice, 6) == 0 {
                let (to_line, late) = (random(&mut dice, 300) as f64 - 50.0, random(&mut dice, 400) as i64);
                let approach = random(&mut dice, 2) as usize;
                let (halt, out) = (random(&mut dice, 6), random(&mut dice, 12));
                let bus = world.bus(name, approach, to_line, late);
                bus.halt = [Halt::Stands, Halt::Ahead, Halt::No, Halt::No, Halt::No, Halt::No][halt as usize];
                bus.out = (out == 0).then_some(Out::OffRoute);
            }
            if random(&mut dice, 30) == 0 {
                world.coming.retain(|(_, bus)| bus.vehicle.as_str() != name);
            }
            world.blocked = (random(&mut dice, 15) == 0).then_some(Why::LinkDown);
            let lamps = ["1B", "NB", "BB", "B1", "BN"][random(&mut dice, 5) as usize];
            world.lamps(lamps);
            for call in world.step() {
                match call {
                    Call::Green { key, hold, patience, .. } => {
                        assert!(standing.is_none(), "seed {seed}: a second order");
                        assert!((WORTH..=world.setup.bounds.green_max).contains(&hold), "{hold:?}");
                        assert!(patience <= PATIENCE_MAX && patience <= hold);
                        let rests = ended.is_none_or(|at| world.now.since(at) >= world.setup.bounds.rest);
                        assert!(rests && world.blocked.is_none(), "seed {seed}");
                        let bus = world.coming.iter().find(|(i, bus)| *i == key.1 && bus.vehicle == key.0);
                        let bus = &bus.unwrap().1;
                        assert!(bus.halt == Halt::No && bus.out.is_none() && bus.late.0 >= 120_000);
                        if random(&mut dice, 4) == 0 {
                            world.turns.answered(&key, world.now, Err(Why::Failed(String::new())));
                        } else {
                            let until = world.now + hold;
                            world.turns.answered(&key, world.now, Ok((order, until)));
                            standing = Some((key, order, until));
                            granted += 1;
                        }
                    }
                    Call::Release { key, order } => {
                        assert!(standing.as_ref().is_some_and(|(k, o, _)| *k == key && *o == order));
                        if random(&mut dice, 2) == 0 {
                            world.turns.given_back(&key, order, world.now);
                            (standing, ended, given_back) = (None, Some(world.now), given_back + 1);
                        }
                    }
                }
            }
            if let Some((key, ..)) = &standing
                && let State::Over { order: None, at, .. } = &world.turns.requests()[key].state
            {
                (ended, standing) = (Some(*at), None);
            }
            let open = standing.as_ref().is_none_or(|(_, _, until)| world.now <= *until + DurationMs(30_000));
            assert!(open, "seed {seed}: it stands for ever");
        }
    }
    assert!(granted > 300 && given_back > 100, "{granted} granted, {given_back} given back");
}
