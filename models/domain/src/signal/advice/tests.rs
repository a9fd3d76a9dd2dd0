//! One crossing of two streets whose lamps are played by hand, with counts as numbers.

use super::*;
use crate::signal::plan::{Group, GroupKind, Limits, Stage};
use crate::units::MetersPerSecond;

fn set(groups: &[u8]) -> GroupSet {
    groups.iter().copied().collect()
}

/// Groups 1 and 2 are streets that conflict, 3 is on foot and walks with 1.
fn crossing() -> (Layout, Setup) {
    let group = |kind, green_min| Group {
        kind,
        green_min: DurationMs(green_min),
        clearance: DurationMs(3_000),
        red_max: DurationMs(120_000),
    };
    let vehicles = group(GroupKind::Vehicle, 5_000);
    let mut layout =
        Layout::new(vec![vehicles, vehicles, group(GroupKind::Pedestrian, 7_000)], Limits::default());
    for (one, other) in [(0, 1), (2, 1)] {
        layout.set_intergreen(one, other, DurationMs(5_000));
    }
    let stage = |group| Stage {
        greens: set(&[group]),
        yielding: GroupSet::EMPTY,
        green: DurationMs(30_000),
        green_min: DurationMs(8_000),
        green_max: DurationMs(60_000),
    };
    let approach = |group: u8| {
        let lane = Lane { groups: set(&[group]), speed_free: MetersPerSecond(12.5), width: 1.0 };
        Approach { name: format!("street {}", group + 1), lane }
    };
    let plan = Plan { stages: vec![stage(0), stage(1)], offset: DurationMs(0) };
    (layout, Setup { plan, approaches: vec![approach(0), approach(1)] })
}

struct Street {
    advisor: Advisor,
    seen: Seen,
    second: i64,
}

impl Street {
    fn new() -> Self {
        let (layout, setup) = crossing();
        Self { advisor: Advisor::new(setup, layout).unwrap(), seen: Seen::default(), second: 1_000 }
    }

    /// `states` for so long, seconds of it each looked at; what was said last.
    fn show(&mut self, states: &str, seconds: i64, flows: [f64; 2]) -> Result<Now, Why> {
        self.seen.report(UtcMillis(self.second * 1_000), states);
        let mut last = Err(Why::NotSeen);
        for _ in 0..seconds {
            self.second += 1;
            last = self.advisor.step(UtcMillis(self.second * 1_000), &self.seen, &flows.to_vec());
        }
        last
    }

    /// So many cycles of two greens, with what lies between.
    fn cycles(&mut self, cycles: usize, greens: [i64; 2], flows: [f64; 2]) {
        for _ in 0..cycles {
            // Those on foot have to stop before.
            self.show("1B1", greens[0] - 5, flows).ok();
            self.show("4B9", 5, flows).ok();
            self.show("NBB", 3, flows).ok();
            self.show("BBB", 2, flows).ok();
            self.show("B4B", greens[1], flows).ok();
            self.show("BNB", 3, flows).ok();
            self.show("BBB", 2, flows).ok();
        }
    }
}

#[test]
fn a_green_is_held_for_those_who_come_and_ended_for_those_who_wait() {
    // Many come along the street that is green, nobody along the other.
    let mut street = Street::new();
    street.cycles(4, [30, 30], [0.3, 0.0]);
    let now = street.show("1B1", 15, [0.3, 0.0]).unwrap();
    assert_eq!((now.stage, now.wants, now.age), (0, 0, DurationMs(15_000)));
    // The other way about: it is ended as soon as it may be.
    let mut street = Street::new();
    street.cycles(4, [30, 30], [0.0, 0.3]);
    let now = street.show("1B1", 15, [0.0, 0.3]).unwrap();
    assert_eq!((now.stage, now.wants), (0, 1), "{now:?}");
    assert!(now.queues[0] == 0 && now.queues[1] >= 4, "{now:?}");
    // Not before its shortest green is over.
    let mut street = Street::new();
    street.cycles(4, [30, 30], [0.0, 0.3]);
    assert_eq!(street.show("1B1", 6, [0.0, 0.3]).unwrap().wants, 0);
}

#[test]
fn why_nothing_is_said() {
    let mut street = Street::new();
    let until = UtcMillis(1_001_000) + WARM_UP;
    assert_eq!(street.show("1B1", 60, [0.1, 0.1]), Err(Why::WarmingUp { until }));
    assert!(street.show("1B1", 70, [0.1, 0.1]).is_ok());
    assert_eq!(street.show("NBB", 2, [0.1, 0.1]), Err(Why::Changing));
    assert_eq!(street.show("BBB", 2, [0.1, 0.1]), Err(Why::Changing));
    // Red for everybody is no change any more when it stays.
    assert_eq!(street.show("BBB", 30, [0.1, 0.1]), Err(Why::NoSuchStage { greens: GroupSet::EMPTY }));
    assert_eq!(street.show("44B", 30, [0.1, 0.1]), Err(Why::NoSuchStage { greens: set(&[0, 1]) }));
    assert_eq!(street.show("4B", 1, [0.1, 0.1]), Err(Why::NotSeen), "another number of groups");
    // And then it begins anew.
    assert!(matches!(street.show("4BB", 5, [0.1, 0.1]), Err(Why::WarmingUp { .. })));
    // So it does after a time in which nobody looked.
    assert!(street.show("4BB", 130, [0.1, 0.1]).is_ok());
    street.second += 60;
    assert!(matches!(street.show("4BB", 1, [0.1, 0.1]), Err(Why::WarmingUp { .. })));
}

#[test]
fn greens_that_fit_the_traffic_badly_can_be_bettered() {
    let flows = [0.3, 0.05];
    let mut street = Street::new();
    street.cycles(5, [20, 50], flows);
    let told = street.advisor.forecast(&flows.to_vec()).unwrap();
    assert_eq!(told.greens.iter().map(|(shown, _)| shown.0 / 1_000).collect::<Vec<_>>(), [20, 50]);
    assert!(told.clear && told.adaptive_s * 2.0 < told.shown_s, "{told:?}");
    let greens: Vec<f64> = told.greens.iter().map(|(_, then)| then.unwrap().seconds()).collect();
    assert!(greens[0] > greens[1], "{told:?}");
    // The same at every run.
    assert_eq!(street.advisor.forecast(&flows.to_vec()).unwrap(), told);
    // Where nobody comes there is nothing to tell.
    let empty = street.advisor.forecast(&vec![0.0, 0.0]).unwrap();
    assert_eq!((empty.shown_s, empty.adaptive_s, empty.clear), (0.0, 0.0, false));
}

#[test]
fn without_greens_that_were_seen_the_setup_has_its_own() {
    let street = Street::new();
    let told = street.advisor.forecast(&vec![0.2, 0.2]).unwrap();
    assert_eq!(told.greens.iter().map(|(shown, _)| shown.0 / 1_000).collect::<Vec<_>>(), [30, 30]);
}

#[test]
fn a_setup_that_does_not_fit_is_refused_with_what_is_wrong() {
    let (layout, mut setup) = crossing();
    setup.approaches[1].lane.groups = set(&[7]);
    setup.plan.stages[1].greens = set(&[0, 1]);
    setup.plan.stages[0].green = DurationMs(3_000);
    let problems = Advisor::new(setup, layout).unwrap_err();
    assert_eq!(
        problems,
        [
            "stage 1: its green is shorter than a group's minimum green",
            "stage 1: green must lie between green_min and green_max",
            "stage 2: groups 1 and 2 conflict",
            "approach \"street 2\": the junction has 3 signal groups",
        ]
    );
}
