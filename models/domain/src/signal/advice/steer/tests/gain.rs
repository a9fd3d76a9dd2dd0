//! The whole loop on a reckoned street: advice by counts, orders around the plan, a controller that follows them.

use super::*;
use crate::signal::adaptive::Lane;
use crate::signal::advice::twin::Twin;
use crate::signal::advice::{Advisor, Approach, Setup, Why as Silent};
use crate::units::MetersPerSecond;

/// Seconds that a vehicle loses in an hour, after a quarter of one; `flows`: vehicles a second.
fn delay_s(greens_s: [i64; 2], flows: [f64; 2], steered: bool) -> f64 {
    let mut world = World::new(&greens_s, Bounds::default());
    let lane = |group| Lane { groups: set(group), speed_free: MetersPerSecond(12.5), width: 1.0 };
    let lanes = [lane(0), lane(1)];
    let approaches = lanes.iter().map(|lane| Approach { name: "A".into(), lane: lane.clone() }).collect();
    let setup = Setup { plan: world.plan.clone(), approaches };
    let mut advisor = Advisor::new(setup, world.layout.clone()).unwrap();
    // Other vehicles than those of the advice, which does not see any.
    let mut street = Twin::new(&lanes, 99);
    for second in 0..4_500 {
        world.tick();
        street.step(&flows, &world.seen.greens());
        if second == 900 {
            street.begin();
        }
        let told = advisor.step(world.now, &world.seen, &flows.to_vec());
        if !steered {
            continue;
        }
        if world.ordered.is_some() {
            advisor.touch();
        }
        world.greens = advisor.own_greens();
        let told = told.as_ref().map_err(|why| match why {
            Silent::Changing => Silence::Changing,
            Silent::WarmingUp { .. } | Silent::NoSuchStage { .. } | Silent::NotSeen => {
                Silence::Reason("lamps")
            }
        });
        if let Some(call) = world.told(told) {
            world.obey(&call);
        }
    }
    let all = street.all();
    all.delay_s / all.vehicles as f64
}

#[test]
fn a_plan_that_is_too_short_for_its_traffic_is_bettered_within_its_bounds() {
    // By the plan more come along the first street than its green lets pass, and the other has green to spare.
    let (greens_s, flows) = ([20, 40], [0.2, 0.1]);
    let (plan_s, steered_s) = (delay_s(greens_s, flows, false), delay_s(greens_s, flows, true));
    println!("{plan_s:.1} s by the plan, {steered_s:.1} s with orders");
    assert!(steered_s * 1.3 < plan_s, "{plan_s} s by the plan, {steered_s} s with orders");
}

#[test]
fn a_plan_that_fits_its_traffic_is_not_spoiled() {
    let (greens_s, flows) = ([20, 40], [0.1, 0.2]);
    let (plan_s, steered_s) = (delay_s(greens_s, flows, false), delay_s(greens_s, flows, true));
    println!("{plan_s:.1} s by the plan, {steered_s:.1} s with orders");
    assert!(steered_s < plan_s * 1.2, "{plan_s} s by the plan, {steered_s} s with orders");
}
