//! What is ordered when, and what gives it back.

use super::*;

fn bounds() -> Bounds {
    Bounds::default()
}

#[test]
fn a_green_is_held_before_it_ends_and_given_back_when_that_is_enough() {
    let mut world = World::new(&[20, 30], bounds());
    let call = world.until_call(40);
    let Call::Green { kind: Kind::Hold, stage: 0, groups, hold, patience, plans, .. } = call.clone() else {
        panic!("{call:?}")
    };
    assert_eq!((groups, hold, patience, plans), (set(0), s(15), s(0), s(20)));
    assert_eq!((world.stage, world.into), (0, 12), "as long before the plan's end as it is set up");
    world.obey(&call);
    world.nothing_for(10);
    assert_eq!(world.shown(), Some(0));
    // Enough, for two looks.
    world.wants = 1;
    world.nothing_for(1);
    let call = world.until_call(1);
    assert_eq!(call, Call::Release { order: 1 });
    world.obey(&call);
    assert_eq!(world.steer.state(), &State::Follows);
    world.wants = 0;
    world.until_stage(1, 1);
    let tally = world.steer.tally();
    let stage = tally.by_stage[&0];
    assert!(stage.held >= s(5) && stage.held <= s(9) && stage.held_times == 1, "{tally:?}");
    assert_eq!((tally.orders, tally.backs[&Back::Enough]), (1, 1));
    // Twice in a minute is enough: this one, and giving it back.
    world.until_stage(1, 24);
    assert!(matches!(world.steer.why(), Why::Rate { .. }), "{:?}", world.steer.why());
}

#[test]
fn what_is_wanted_before_the_shortest_green_is_over_was_not_decided() {
    let mut world = World::new(&[30, 12], bounds());
    world.against.silent = Some("test");
    world.until_stage(1, 0);
    world.against.silent = None;
    // Its shortest green ends with the sixth second: two looks from then on.
    world.until_stage(1, 6);
    assert_eq!(world.steer.why(), &Why::Content);
    let call = world.until_call(1);
    assert!(matches!(call, Call::Green { kind: Kind::Hold, stage: 1, .. }), "{call:?}");
}

#[test]
fn the_next_stage_is_called_sooner_and_no_other() {
    let mut world = World::new(&[30, 20, 20], bounds());
    world.wants = 2;
    world.nothing_for(28);
    assert_eq!(world.steer.why(), &Why::OtherStage);
    world.until_stage(1, 0);
    world.wants = 1;
    let call = world.until_call(20);
    let Call::Green { kind: Kind::Next, stage: 2, hold, plans, .. } = call.clone() else {
        panic!("{call:?}")
    };
    // 12 s before the plan ends it, and not sooner; the change, and 5 s of the next.
    assert_eq!((world.into, hold, plans), (8, s(10), s(20)));
    world.obey(&call);
    world.wants = 0;
    world.until_stage(2, 3);
    assert_eq!(world.steer.state(), &State::Follows, "its time is over");
    let stage = world.steer.tally().by_stage[&1];
    assert!(stage.shortened >= s(4) && stage.shortened_times == 1, "{stage:?}");
    // What the plan would end so soon anyhow is not called.
    let mut world = World::new(&[30, 20], bounds());
    world.until_stage(0, 21);
    world.wants = 1;
    world.until_stage(1, 0);
}

#[test]
fn whatever_makes_the_advice_silent_gives_back_at_once() {
    fn check(change: fn(&mut Against), want: Back) {
        let mut world = World::new(&[20, 30], bounds());
        let call = world.until_call(40);
        world.obey(&call);
        world.nothing_for(2);
        change(&mut world.against);
        assert_eq!(world.second(), Some(Call::Release { order: 1 }), "{want:?}");
        assert!(matches!(world.steer.state(), State::Back { why, .. } if *why == want));
        // Not asked twice, until it is answered; and then it is tried again.
        world.nothing_for(2);
        world.steer.given_back(world.now, 1, Released::Sent);
        world.nothing_for(2);
        assert_eq!(world.second(), Some(Call::Release { order: 1 }));
        world.steer.given_back(world.now, 1, Released::Over);
        world.nothing_for(120);
        assert_eq!(world.steer.tally().orders, 1, "and nothing is ordered");
    }
    check(|against| against.silent = Some("failed"), Back::Silent);
    check(|against| against.blocked = Some(Why::Emergency), Back::GivesWay);
    check(|against| against.full = set(0).or(&set(1)), Back::Full);
}

#[test]
fn nothing_is_ordered_of_a_plan_that_is_not_known() {
    let mut world = World::new(&[20, 30], bounds());
    world.greens[1] = None;
    world.nothing_for(100);
    assert_eq!(world.steer.why(), &Why::PlanUnknown);
    // And one that is not known any more is left alone.
    let mut world = World::new(&[20, 30], bounds());
    let call = world.until_call(40);
    world.obey(&call);
    world.greens = vec![None; 2];
    assert_eq!(world.second(), Some(Call::Release { order: 1 }));
}

#[test]
fn nobody_waits_beyond_the_longest() {
    // By the plan alone one street is at red for 37 s, and the other for 27 s.
    let mut world = World::new(&[20, 30], Bounds { longest_wait: Some(s(30)), ..bounds() });
    world.until_stage(1, 29);
    world.until_stage(0, 15);
    assert_eq!(world.steer.why(), &Why::LongestWait);
    // It has some seconds more.
    let mut world = World::new(&[20, 30], Bounds { longest_wait: Some(s(40)), ..bounds() });
    world.nothing_for(1);
    world.against.blocked = Some(Why::Emergency);
    world.until_stage(1, 29);
    world.against.blocked = None;
    let call = world.until_call(40);
    let Call::Green { kind: Kind::Hold, stage: 0, hold, .. } = call.clone() else { panic!("{call:?}") };
    assert!(hold > s(9) && hold < s(15), "{hold:?}");
}

#[track_caller]
fn until(why: &Why) -> UtcMillis {
    let (Why::BacksOff { until } | Why::Stopped { until }) = why else { panic!("{why:?}") };
    *until
}

#[test]
fn it_waits_longer_after_each_refusal_and_stops_after_three() {
    let mut world = World::new(&[20, 30], bounds());
    let mut gaps = Vec::new();
    for refusals in 1..=3_u32 {
        let call = world.until_call(400);
        assert!(matches!(call, Call::Green { .. }));
        world.steer.answered(world.now, Err(Refused::Pole("no".into())));
        assert_eq!(world.steer.tally().refusals, refusals);
        world.second();
        gaps.push(world.steer.why().clone());
    }
    assert!(
        matches!(&gaps[..], [Why::BacksOff { .. }, Why::BacksOff { .. }, Why::Stopped { .. }]),
        "{gaps:?}"
    );
    assert!(until(&gaps[2]).since(world.now) > s(3_590));
    world.nothing_for(3_590);
    world.until_call(400);
    // What the hall itself has against it makes it wait too, and somebody's order does not.
    let mut world = World::new(&[20, 30], bounds());
    let call = world.until_call(40);
    assert!(matches!(call, Call::Green { .. }));
    world.steer.answered(world.now, Err(Refused::Here(Why::Safety("a change is under way".into()))));
    assert!(matches!(world.steer.why(), Why::Safety(_)));
    world.second();
    assert_eq!(until(world.steer.why()).since(world.now), s(9));
    let mut world = World::new(&[20, 30], bounds());
    world.until_call(40);
    world.steer.answered(world.now, Err(Refused::Here(Why::OtherOrder { by: "lan".into() })));
    world.second();
    assert_eq!(world.steer.why(), &Why::Spent);
    // An order that the pole took and gave up.
    let call = world.until_call(100);
    world.obey(&call);
    world.steer.lost(world.now, Lost::Pole("otherwise".into()));
    world.second();
    assert!(matches!(world.steer.why(), Why::BacksOff { .. }), "{:?}", world.steer.why());
}

#[test]
fn after_some_rounds_the_plan_runs_alone_for_one() {
    let mut world = World::new(&[40, 40], Bounds { rounds: 2, ..bounds() });
    let mut orders = Vec::new();
    let mut round = 0;
    for _ in 0..800 {
        let before = world.stage;
        let call = world.second();
        if (before, world.stage) == (1, 0) {
            round += 1;
        }
        if let Some(call) = call {
            world.obey(&call);
            orders.push(round);
        }
    }
    orders.dedup();
    assert!(orders.starts_with(&[0, 1, 3, 4, 6]), "{orders:?}");
}

#[test]
fn an_order_of_before_is_given_back() {
    let mut world = World::new(&[20, 30], bounds());
    world.against.silent = Some("warming_up");
    world.steer.found(7, world.now + s(20), world.now);
    assert_eq!(world.second(), Some(Call::Release { order: 7 }));
    // Where nobody answers it is asked once more, and its time ends it.
    world.nothing_for(9);
    assert_eq!(world.second(), Some(Call::Release { order: 7 }));
    world.nothing_for(30);
    assert_eq!(world.steer.state(), &State::Follows);
}

#[test]
fn an_order_that_nobody_owns_is_found_once() {
    let mut world = World::new(&[20, 30], bounds());
    world.wants = 1;
    let call = world.until_call(40);
    // The pole is asked, and its answer is lost: the row tells what became of it.
    world.steer.found(7, world.now + s(15), world.now);
    assert!(matches!(call, Call::Green { .. }) && matches!(world.steer.state(), State::Calling { .. }));
    world.nothing_for(10);
    assert!(matches!(world.steer.why(), Why::BacksOff { .. }), "{:?}", world.steer.why());
    world.nothing_for(1);
    world.steer.found(7, world.now + s(15), world.now);
    assert_eq!(world.second(), Some(Call::Release { order: 7 }));
    world.steer.given_back(world.now, 7, Released::Over);
    world.nothing_for(1);
    world.steer.found(7, world.now + s(5), world.now);
    world.nothing_for(1);
    // One that is answered when nobody waits for it any more.
    let call = world.until_call(200);
    world.nothing_for(12);
    world.obey(&call);
    assert!(matches!(world.second(), Some(Call::Release { .. })));
}

#[test]
fn a_clock_that_is_set_back_ends_what_stands() {
    let mut world = World::new(&[20, 30], bounds());
    let call = world.until_call(40);
    world.obey(&call);
    world.nothing_for(1);
    world.now = world.now - s(3_000);
    assert_eq!(world.second(), Some(Call::Release { order: 1 }));
    world.ordered = None;
    world.steer.given_back(world.now, 1, Released::Over);
    world.nothing_for(30);
    world.until_call(200);
}

/// An order that lasts for 40 s stands, and is to be given back: that was called for.
fn gives_back() -> World {
    let mut world = World::new(&[20, 30], Bounds { stretch_max: s(40), ..bounds() });
    let call = world.until_call(40);
    assert!(matches!(call, Call::Green { hold, .. } if hold == s(40)), "{call:?}");
    world.obey(&call);
    world.against.silent = Some("link_down");
    assert_eq!(world.second(), Some(Call::Release { order: 1 }));
    world
}

#[test]
fn only_what_was_sent_uses_up_a_try_to_give_back() {
    let mut world = gives_back();
    let again = |world: &mut World, released: Released, after_s: i64| {
        world.steer.given_back(world.now, 1, released);
        world.nothing_for(after_s - 1);
        world.second()
    };
    // Later and later, and however often.
    for after_s in [3, 6, 12] {
        assert_eq!(again(&mut world, Released::NotSent, after_s), Some(Call::Release { order: 1 }));
    }
    assert_eq!(again(&mut world, Released::Sent, 3), Some(Call::Release { order: 1 }));
    assert_eq!(again(&mut world, Released::Sent, 3), None);
    world.nothing_for(10);
    assert!(matches!(world.steer.state(), State::Back { .. }), "it is left to its own end");
    world.nothing_for(20);
    assert_eq!(world.steer.state(), &State::Follows);
    // In a row: after one that was sent it begins anew.
    let mut world = gives_back();
    for (released, after_s) in
        [(Released::NotSent, 3), (Released::NotSent, 6), (Released::Sent, 3), (Released::NotSent, 3)]
    {
        assert_eq!(again(&mut world, released, after_s), Some(Call::Release { order: 1 }), "{after_s}");
    }
    // Of two that are open nobody knows which one was not sent; another order's answer says nothing of this one.
    let mut world = gives_back();
    world.nothing_for(9);
    assert_eq!(world.second(), Some(Call::Release { order: 1 }));
    world.steer.given_back(world.now, 2, Released::Over);
    world.steer.given_back(world.now, 1, Released::NotSent);
    world.steer.given_back(world.now, 1, Released::NotSent);
    world.nothing_for(20);
    assert!(matches!(world.steer.state(), State::Back { .. }));
}

#[test]
fn what_stands_is_looked_after_while_there_is_no_advice() {
    // It never began: an order of before the hall was started anew.
    let mut world = World::new(&[20, 30], bounds());
    world.steer = Steer::new(bounds());
    assert_eq!(world.unadvised("not_heard_of"), None);
    assert_eq!(world.steer.why(), &Why::Silent("not_heard_of".into()));
    world.steer.found(7, world.now + s(20), world.now);
    assert_eq!(world.unadvised("not_heard_of"), Some(Call::Release { order: 7 }));
    assert!(matches!(world.steer.state(), State::Back { why: Back::Restart, .. }));
    world.steer.given_back(world.now, 7, Released::Over);
    // Or it is there no more.
    for (blocked, want) in [
        (None, Some(Back::Silent)),
        (Some(Why::NotOrderable), Some(Back::Silent)),
        (Some(Why::Emergency), Some(Back::GivesWay)),
        (Some(Why::Ending), None),
    ] {
        let mut world = World::new(&[20, 30], bounds());
        let call = world.until_call(40);
        world.obey(&call);
        world.against.blocked.clone_from(&blocked);
        let call = world.unadvised("misfit");
        assert_eq!(call, want.map(|_| Call::Release { order: 1 }), "{blocked:?}");
        let back = |why| matches!(world.steer.state(), State::Back { why: told, .. } if *told == why);
        assert!(want.is_none_or(back), "{blocked:?}: {:?}", world.steer.state());
        world.steer.given_back(world.now, 1, Released::Over);
        for _ in 0..120 {
            assert_eq!(world.unadvised("misfit"), None, "nothing is ordered");
        }
        assert_eq!(world.steer.why(), &blocked.unwrap_or(Why::Silent("misfit".into())));
    }
    // What was asked of the pole before is answered, and taken back.
    let mut world = World::new(&[20, 30], bounds());
    let call = world.until_call(40);
    assert_eq!(world.unadvised("misfit"), None);
    world.obey(&call);
    assert_eq!(world.unadvised("misfit"), Some(Call::Release { order: 1 }));
}
