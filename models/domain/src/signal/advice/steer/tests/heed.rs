//! Controllers and poles that do not do what they are told.

use super::*;

/// The orders until it stops, with those that were taken and done.
fn until_stopped(world: &mut World, seconds: i64) -> u32 {
    for _ in 0..seconds {
        if let Some(call) = world.second() {
            world.obey(&call);
        }
        if matches!(world.steer.why(), Why::Stopped { .. }) {
            break;
        }
    }
    world.steer.tally().orders
}

#[test]
fn a_controller_that_takes_every_order_and_does_none_is_left_alone() {
    fn check(wants: usize) {
        let mut world = World::new(&[20, 30], Bounds::default());
        (world.deaf, world.wants) = (true, wants);
        assert_eq!(until_stopped(&mut world, 3_600), 3, "{wants}");
        let Why::Stopped { until } = *world.steer.why() else { panic!("{:?}", world.steer.why()) };
        assert!(until.since(world.now) > s(3_500));
        assert_eq!(world.steer.tally().refusals, 3);
        let mut world = World::new(&[20, 30], Bounds::default());
        world.wants = wants;
        assert!(until_stopped(&mut world, 3_600) > 20, "one that does them is not: {wants}");
        assert_eq!(world.steer.tally().refusals, 0);
    }
    // A green that is to be held, and the next that is to come sooner.
    check(0);
    check(1);
}

#[test]
fn one_that_does_some_goes_on() {
    let mut world = World::new(&[20, 30], Bounds::default());
    for order in 0..8 {
        world.deaf = order % 3 != 2;
        let call = loop {
            match world.until_call(700) {
                back @ Call::Release { .. } => world.obey(&back),
                call @ Call::Green { .. } => break call,
            }
        };
        world.obey(&call);
    }
    assert!(world.steer.tally().refusals >= 4, "{:?}", world.steer.tally());
    assert!(!matches!(world.steer.why(), Why::Stopped { .. }));
}

#[test]
fn what_the_pole_ends_by_itself_is_not_given_back_and_still_counts() {
    let mut world = World::new(&[20, 30], Bounds::default());
    for refusals in 1..=3 {
        let call = world.until_call(700);
        world.obey(&call);
        world.nothing_for(1);
        world.against.blocked = Some(Why::Ending);
        world.nothing_for(1);
        world.steer.lost(world.now, Lost::Pole("otherwise".into()));
        (world.against.blocked, world.ordered) = (None, None);
        assert_eq!(world.steer.tally().refusals, refusals);
    }
    world.second();
    assert!(matches!(world.steer.why(), Why::Stopped { .. }), "{:?}", world.steer.why());
    // One that is told to let go says so too: that is no refusal.
    let mut world = World::new(&[20, 30], Bounds::default());
    let call = world.until_call(40);
    world.obey(&call);
    world.against.silent = Some("failed");
    assert!(matches!(world.second(), Some(Call::Release { .. })));
    world.steer.lost(world.now, Lost::Pole("otherwise".into()));
    assert_eq!((world.steer.state(), world.steer.tally().refusals), (&State::Follows, 0));
}
