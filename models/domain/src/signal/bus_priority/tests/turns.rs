//! Whose turn it is, what ends it, and what speaks against it.

use super::*;
use crate::signal::bus_priority::coming::Out;
use crate::signal::bus_priority::request::End;

impl World {
    fn waits_release(&mut self, name: &str) {
        let calls = self.step();
        assert!(matches!(&calls[..], [Call::Release { .. }]), "{calls:?}");
        assert_eq!(self.state(name), &State::Waits(Why::Turn));
    }
}

#[test]
fn a_late_bus_asks_in_time_and_no_other() {
    let mut world = World::new();
    world.bus("early", 0, 100.0, 60);
    world.bus("far", 0, 240.0, 600);
    world.bus("halts", 0, 100.0, 600).halt = Halt::Ahead;
    world.bus("lost", 0, 100.0, 600).out = Some(Out::OffRoute);
    world.bus("behind", 0, -5.0, 600);
    assert_eq!(world.step(), []);
    assert!(world.turns.requests().is_empty(), "none of them asks: {:?}", world.turns.requests());
    // 140 m at 7 m/s are 20 s.
    world.bus("late", 0, 139.0, 120);
    let calls = world.step();
    let [Call::Green { key, groups, hold, patience }] = &calls[..] else { panic!("{calls:?}") };
    assert_eq!((key.0.as_str(), key.1, groups.to_string().as_str()), ("late", 0, "2"));
    assert_eq!(
        (hold.0, patience.0),
        (30_000, 22_000),
        "as long as it may, and it may wait for the others' minimum"
    );
    assert_eq!(world.step(), [], "the pole is being asked");
    // Nearer, it needs less.
    let mut near = World::new();
    near.bus("late", 0, 40.0, 300);
    let calls = near.step();
    assert!(matches!(&calls[..], [Call::Green { hold: DurationMs(18_714), .. }]), "{calls:?}");
}

#[test]
fn it_ends_when_the_bus_is_through_halts_is_gone_or_after_its_time() {
    type Change = fn(&mut World);
    let check_run = |change: Change, end: End, back: bool, same_run: bool| {
        let mut world = World::new();
        world.bus("b", 0, 100.0, 300);
        let key = world.granted();
        assert_eq!(world.after(1), []);
        change(&mut world);
        let calls = world.step();
        let want = if back { vec![Call::Release { key: key.clone(), order: 7 }] } else { vec![] };
        assert_eq!(calls, want, "{end:?}");
        assert!(
            matches!(world.state("b"), State::Over { end: is, .. } if *is == end),
            "{:?}",
            world.state("b")
        );
        assert_eq!(world.step(), want, "until it is given back");
        world.turns.given_back(&key, 7, world.now);
        assert_eq!(world.step(), []);
        // It is not asked for again on this way, as long as it is on its run.
        if !same_run {
            return;
        }
        world
            .coming
            .iter_mut()
            .for_each(|(_, bus)| (bus.to_line, bus.halt, bus.out) = (Meters(50.0), Halt::No, None));
        assert_eq!(world.after(400), [], "{end:?}");
    };
    let check = |change: Change, end: End, back: bool| check_run(change, end, back, true);
    check(|w| w.coming[0].1.to_line = Meters(-1.0), End::Passed, true);
    // By its last report it was 20 m before, 10 s ago at 7 m/s.
    check(
        |w| {
            w.coming[0].1.to_line = Meters(20.0);
            w.coming[0].1.at = w.now;
            w.now = w.now + DurationMs(10_000);
        },
        End::Passed,
        true,
    );
    check(|w| w.coming[0].1.halt = Halt::Stands, End::Halts, true);
    check(|w| w.coming[0].1.out = Some(Out::OffRoute), End::Gone, true);
    check(|w| w.coming[0].1.out = Some(Out::Silent), End::Gone, true);
    // In a queue that does not move.
    check(
        |w| {
            w.now = w.now + DurationMs(29_000);
            w.coming[0].1.at = w.now;
        },
        End::Expired,
        false,
    );
    check_run(
        |w| {
            w.now = w.now + DurationMs(11_000);
            w.coming[0].1.run.trip = "another".into();
        },
        End::Gone,
        true,
        false,
    );
}

#[test]
fn a_bus_that_vanishes_is_waited_for_a_moment() {
    let mut world = World::new();
    world.bus("b", 0, 100.0, 300);
    let key = world.granted();
    world.coming.clear();
    assert_eq!(world.after(10), []);
    assert_eq!(world.after(1), [Call::Release { key: key.clone(), order: 7 }]);
    assert!(matches!(world.state("b"), State::Over { end: End::Gone, .. }), "it is there to be written down");
    world.turns.given_back(&key, 7, world.now);
    world.after(1);
    assert!(world.turns.requests().is_empty());
}

#[test]
fn one_at_a_time_and_then_the_others() {
    let mut world = World::new();
    world.bus("second", 1, 60.0, 900);
    world.bus("first", 0, 30.0, 130);
    let key = world.granted();
    assert_eq!(key.0.as_str(), "first", "who is there sooner, not who is later");
    world.waits("second", Why::Turn);
    world.coming.retain(|(_, bus)| bus.vehicle.as_str() == "second");
    world.lamps("B1");
    world.bus("first", 0, -3.0, 130);
    assert_eq!(world.after(5), [Call::Release { key: key.clone(), order: 7 }]);
    world.waits_release("second");
    world.turns.given_back(&key, 7, world.now);
    world.waits("second", Why::Rest);
    world.now = world.now + DurationMs(119_000);
    world.coming.iter_mut().for_each(|(_, bus)| bus.at = world.now);
    // Those at the first group waited, and still do.
    world.waits("second", Why::Rest);
    assert_eq!(world.after(2), []);
    assert_eq!(world.state("second"), &State::Waits(Why::OthersWait));
    world.lamps("1B");
    let calls = world.after(1);
    assert!(matches!(&calls[..], [Call::Green { key, .. }] if key.0.as_str() == "second"), "{calls:?}");
}

#[test]
fn of_two_that_come_at_once_the_later_is_first() {
    let mut world = World::new();
    world.bus("a", 0, 50.0, 200);
    world.bus("b", 1, 50.0, 500);
    assert_eq!(world.granted().0.as_str(), "b");
}

#[test]
fn what_speaks_against_it_is_said() {
    let mut world = World::new();
    world.bus("b", 0, 100.0, 300);
    world.blocked = Some(Why::OtherOrder { by: "lan".into() });
    world.waits("b", Why::OtherOrder { by: "lan".into() });
    world.blocked = Some(Why::ModeUnknown);
    world.waits("b", Why::ModeUnknown);
    world.blocked = None;
    world.load = Load::Busy { per_h: 900.0, max: 800.0 };
    world.waits("b", Why::Busy { per_h: 900.0, max: 800.0 });
    world.load = Load::Unknown("detector 1".into());
    world.waits("b", Why::LoadUnknown("detector 1".into()));
    world.coming[0].1.late = DurationMs(60_000);
    world.waits("b", Why::NotLate);
    world.coming[0].1.late = DurationMs(300_000);
    world.coming[0].1.halt = Halt::Stands;
    world.waits("b", Why::Halts);
    world.coming[0].1.halt = Halt::No;
    world.setup.bounds.unknown_load = Unknown::AsQuiet;
    assert!(matches!(&world.step()[..], [Call::Green { .. }]));
    // It crosses the line while others stand.
    let mut world = World::new();
    world.bus("b", 0, 100.0, 300);
    world.blocked = Some(Why::Emergency);
    world.waits("b", Why::Emergency);
    world.bus("b", 0, -1.0, 300);
    assert_eq!(world.step(), []);
    let over = State::Over { end: End::Unhelped(Why::Emergency), at: world.now, order: None };
    assert_eq!(world.state("b"), &over);
    assert_eq!(world.after(1), []);
}

#[test]
fn after_a_failure_it_waits_longer_and_longer() {
    let mut world = World::new();
    let mut tries = Vec::new();
    for second in 0..200 {
        world.bus("b", 0, 100.0, 300);
        if let [Call::Green { key, .. }] = &world.step()[..] {
            tries.push(second);
            world.turns.answered(key, world.now, Err(Why::Failed("silent".into())));
            assert_eq!(world.state("b"), &State::Waits(Why::Failed("silent".into())));
        }
        world.now = world.now + DurationMs(1_000);
    }
    assert_eq!(tries, [0, 10, 30, 70, 150]);
    assert_eq!(world.state("b"), &State::Waits(Why::BacksOff));
    // Who was let in by nobody's fault is asked again at once.
    let mut world = World::new();
    world.bus("b", 0, 100.0, 300);
    let calls = world.step();
    let [Call::Green { key, .. }] = &calls[..] else { panic!("{calls:?}") };
    world.turns.answered(key, world.now, Err(Why::OtherOrder { by: String::new() }));
    assert!(matches!(&world.after(1)[..], [Call::Green { .. }]));
}

#[test]
fn an_order_that_somebody_took_away_is_over_and_the_next_waits() {
    let mut world = World::new();
    world.bus("b", 0, 100.0, 300);
    let key = world.granted();
    world.turns.lost(&key, world.now, "ended: order".into());
    assert_eq!(world.step(), [], "there is nothing to give back");
    world.bus("c", 0, 50.0, 300);
    assert_eq!(world.after(1), []);
    assert_eq!(world.state("c"), &State::Waits(Why::Rest));
}

#[test]
fn after_a_start_it_goes_on() {
    let mut world = World::new();
    world.bus("b", 0, 100.0, 300);
    let key = world.granted();
    let open: Vec<_> = world.turns.requests().values().cloned().collect();
    world.turns = Turns::restored(open, None);
    assert_eq!(world.after(1), []);
    world.coming.clear();
    assert_eq!(world.after(11), [Call::Release { key, order: 7 }]);
    let mut rests = World::new();
    rests.turns = Turns::restored([], Some(rests.now));
    rests.bus("b", 0, 100.0, 300);
    rests.waits("b", Why::Rest);
}
