//! A junction at which buses ask for green, and what its hall knows of it.

mod bounds;
mod coming;
mod turns;

use time::macros::date;

use super::coming::{Coming, Halt};
use super::request::{Call, Key, Look, State};
use super::turns::Turns;
use super::*;
use crate::signal::order::Seen;
use crate::signal::plan::{Group, GroupKind, Layout, Limits};
use crate::transit::timetable::RunKey;
use crate::units::UtcMillis;

fn approach(name: &str, group: u8) -> Approach {
    Approach {
        name: name.into(),
        groups: [group].into_iter().collect(),
        line: LatLon::new(21.0, 105.8),
        heading: Degrees(90.0),
        reach: Meters(250.0),
        speed: MetersPerSecond(7.0),
        routes: Vec::new(),
    }
}

/// A junction of two groups against each other, and what the hall knows of it.
struct World {
    turns: Turns,
    setup: Setup,
    layout: Layout,
    seen: Seen,
    coming: Vec<(usize, Coming)>,
    blocked: Option<Why>,
    load: Load,
    now: UtcMillis,
}

impl World {
    fn new() -> Self {
        let s = |seconds: i64| DurationMs(seconds * 1_000);
        let group = Group { kind: GroupKind::Vehicle, green_min: s(5), clearance: s(3), red_max: s(90) };
        let mut layout = Layout::new(vec![group; 2], Limits::default());
        layout.set_intergreen(0, 1, s(5));
        let setup = Setup {
            id: "p".into(),
            name: "P".into(),
            junction: "j".parse().unwrap(),
            bounds: Bounds::default(),
            approaches: vec![approach("A", 1), approach("B", 0)],
        };
        let mut world = Self {
            turns: Turns::default(),
            setup,
            layout,
            seen: Seen::default(),
            coming: Vec::new(),
            blocked: None,
            load: Load::NotMeasured,
            now: UtcMillis(1_000_000),
        };
        world.lamps("1B");
        world
    }

    fn lamps(&mut self, states: &str) {
        self.seen.report(self.now, states);
    }

    fn step(&mut self) -> Vec<Call> {
        let Self { turns, setup, coming, blocked, load, seen, layout, now } = self;
        turns.step(setup, *now, Look { coming, blocked: blocked.as_ref(), load, seen, layout })
    }

    /// On by so many seconds, and a look.
    fn after(&mut self, seconds: i64) -> Vec<Call> {
        self.now = self.now + DurationMs(seconds * 1_000);
        self.coming.iter_mut().for_each(|(_, bus)| bus.at = self.now);
        self.step()
    }

    fn bus(&mut self, name: &str, approach: usize, to_line: f64, late_s: i64) -> &mut Coming {
        self.coming.retain(|(_, bus)| bus.vehicle.as_str() != name);
        let bus = Coming {
            vehicle: name.parse().unwrap(),
            feed: "xe".into(),
            run: RunKey { date: date!(2026 - 03 - 02), trip: "t".into(), start_s: None },
            route: "32".into(),
            at: self.now,
            to_line: Meters(to_line),
            speed: MetersPerSecond(7.0),
            late: DurationMs(late_s * 1_000),
            halt: Halt::No,
            out: None,
            crossed: None,
        };
        self.coming.push((approach, bus));
        &mut self.coming.last_mut().unwrap().1
    }

    /// Asked, and granted as order 7 until in 30 s.
    fn granted(&mut self) -> Key {
        let calls = self.step();
        let [Call::Green { key, .. }] = &calls[..] else { panic!("{calls:?}") };
        self.turns.answered(key, self.now, Ok((7, self.now + DurationMs(30_000))));
        key.clone()
    }

    fn state(&self, name: &str) -> &State {
        &self.turns.requests().iter().find(|((vehicle, _), _)| vehicle.as_str() == name).unwrap().1.state
    }

    #[track_caller]
    fn waits(&mut self, name: &str, want: Why) {
        assert_eq!(self.step(), [], "nobody is called");
        assert_eq!(self.state(name), &State::Waits(want));
    }
}
