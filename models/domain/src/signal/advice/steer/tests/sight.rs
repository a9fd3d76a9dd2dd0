//! What was not seen is not built on.

use super::*;

#[test]
fn lamps_whose_begin_nobody_saw_are_not_reckoned_with() {
    let mut world = World::new(&[20, 20, 20], Bounds::default());
    world.until_stage(0, 5);
    world.seen.lose();
    // When this green began is not known, nor since when the third street waits.
    world.until_stage(0, 13);
    assert_eq!(world.steer.why(), &Why::Spent);
    world.until_stage(1, 13);
    assert_eq!(world.steer.why(), &Why::LongestWait);
    let call = world.until_call(40);
    assert!(matches!(call, Call::Green { kind: Kind::Hold, stage: 2, .. }), "{call:?}");
    // Nor is a stage called whose way would make them wait.
    let mut world = World::new(&[30, 20, 20, 20], Bounds::default());
    world.wants = 1;
    world.until_stage(0, 5);
    world.seen.lose();
    world.until_stage(1, 10);
    assert_eq!(world.steer.why(), &Why::LongestWait);
}

#[test]
fn stages_that_come_in_another_order_are_left_alone() {
    let mut world = World::new(&[20, 20, 20], Bounds::default());
    world.against.silent = Some("test");
    world.plan.stages.swap(1, 2);
    world.nothing_for(75);
    world.against.silent = None;
    world.until_stage(0, 12);
    assert_eq!(world.steer.why(), &Why::PlanUnknown);
    world.nothing_for(200);
    // As it is set up again, and seen to be so.
    world.plan.stages.swap(1, 2);
    world.nothing_for(75);
    world.until_call(150);
}

#[test]
fn the_order_is_seen_anew_after_another_plan() {
    let mut world = World::new(&[20, 30], Bounds::default());
    let known = std::mem::replace(&mut world.greens, vec![None; 2]);
    world.nothing_for(1);
    world.greens = known;
    world.nothing_for(110);
    assert_eq!(world.steer.why(), &Why::PlanUnknown);
    world.until_call(130);
}

#[test]
fn nothing_is_ordered_of_a_junction_that_was_just_met() {
    let mut met = World::new(&[20, 30], Bounds::default());
    met.steer = Steer::new(Bounds::default());
    met.nothing_for(110);
    met.until_call(130);
}

#[test]
fn a_call_that_comes_late_is_shorter_or_void() {
    let mut world = World::new(&[20, 30], Bounds::default());
    let hold = world.until_call(40);
    assert_eq!(hold.left(world.now, &world.seen), Some(s(15)));
    assert_eq!(hold.left(world.now + s(1), &world.seen), Some(s(14)));
    assert_eq!(hold.left(world.now + s(2), &world.seen), None);
    assert_eq!(hold.left(world.now - s(1), &world.seen), None, "a clock that was set back");
    let mut world = World::new(&[20, 30], Bounds::default());
    world.wants = 1;
    let next = world.until_call(40);
    assert_eq!(next.left(world.now + s(1), &world.seen), Some(s(9)));
    // Its lamps are over, or what was called is there.
    for states in ["NB", "BN", "B1"] {
        world.seen.report(world.now, states);
        for call in [&hold, &next] {
            let left = call.left(UtcMillis(world.now.0 + 500), &world.seen);
            assert_eq!(left, None, "{states} {call:?}");
        }
    }
    assert_eq!(Call::Release { order: 1 }.left(world.now, &world.seen), None);
}
