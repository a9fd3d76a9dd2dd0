//! A junction of streets that conflict, its plan, and what the advice says of it.

mod bounds;
mod gain;
mod heed;
mod orders;
mod sight;

use super::*;
use crate::signal::plan::{Group, GroupKind, Limits, Stage};

const YELLOW_S: i64 = 3;
const RED_S: i64 = 2;

fn s(seconds: i64) -> DurationMs {
    DurationMs(seconds * 1_000)
}

fn set(group: usize) -> GroupSet {
    [u8::try_from(group).unwrap()].into_iter().collect()
}

/// What keeps the advice or the orders, as the test has it.
#[derive(Default)]
struct Against {
    silent: Option<&'static str>,
    blocked: Option<Why>,
    full: GroupSet,
}

/// A controller with a stage for each group, and who looks at it once a second.
struct World {
    steer: Steer,
    layout: Layout,
    plan: Plan,
    seen: Seen,
    greens: Vec<Option<DurationMs>>,
    against: Against,
    /// Ahead of the stage that is shown: the one that is wanted.
    wants: usize,
    now: UtcMillis,
    /// What is shown, and for how long: greens, then yellow and red.
    stage: usize,
    into: i64,
    /// Those on foot get their flashing green so long before the end: from then on nothing is held.
    clear_s: i64,
    /// The stage that the pole was told to show, and until when.
    ordered: Option<(usize, UtcMillis)>,
    number: u64,
    /// It takes every order and does none.
    deaf: bool,
}

impl World {
    fn new(greens_s: &[i64], bounds: Bounds) -> Self {
        let group = Group { kind: GroupKind::Vehicle, green_min: s(5), clearance: s(3), red_max: s(300) };
        let mut layout = Layout::new(vec![group; greens_s.len()], Limits::default());
        for one in 0..greens_s.len() {
            for other in 0..one {
                let (one, other) = (u8::try_from(one).unwrap(), u8::try_from(other).unwrap());
                layout.set_intergreen(one, other, s(YELLOW_S + RED_S));
            }
        }
        let stage = |(index, green): (usize, &i64)| Stage {
            greens: set(index),
            yielding: GroupSet::EMPTY,
            green: s(*green),
            green_min: s(6),
            green_max: s(120),
        };
        let plan = Plan { stages: greens_s.iter().enumerate().map(stage).collect(), offset: s(0) };
        let mut world = Self {
            steer: Steer::new(bounds),
            layout,
            plan,
            seen: Seen::default(),
            greens: greens_s.iter().map(|green| Some(s(*green))).collect(),
            against: Against::default(),
            wants: 0,
            now: UtcMillis(1_000_000),
            stage: 0,
            into: 0,
            clear_s: 4,
            ordered: None,
            number: 0,
            deaf: false,
        };
        world.lamps();
        // Two rounds are watched, and the third begins.
        world.against.silent = Some("warming_up");
        for _ in 0..2 {
            world.second();
            while (world.stage, world.into) != (0, 0) {
                world.second();
            }
        }
        world.against.silent = None;
        world
    }

    fn green_s(&self, stage: usize) -> i64 {
        self.plan.stages[stage].green.0 / 1_000
    }

    /// The stage that is green; none between two.
    fn shown(&self) -> Option<usize> {
        (self.into < self.green_s(self.stage)).then_some(self.stage)
    }

    fn lamps(&mut self) {
        let of = |group: usize| match self.into - self.green_s(self.stage) {
            _ if group != self.stage => 'B',
            after if after < 0 => '1',
            after if after < YELLOW_S => 'N',
            _ => 'B',
        };
        let states: String = (0..self.plan.stages.len()).map(of).collect();
        self.seen.report(self.now, &states);
    }

    /// One second of the controller: a stage that is held stands still before its end, one before the wanted is ended there.
    fn tick(&mut self) {
        self.now = self.now + s(1);
        self.ordered = self.ordered.filter(|(_, until)| self.now < *until);
        let end = self.green_s(self.stage) - self.clear_s;
        match self.ordered {
            Some((stage, _)) if stage == self.stage && self.into == end => {}
            Some((stage, _)) if stage != self.stage && (6..end).contains(&self.into) => self.into = end,
            Some(_) | None => self.into += 1,
        }
        if self.into >= self.green_s(self.stage) + YELLOW_S + RED_S {
            (self.stage, self.into) = (self.plan.after(self.stage), 0);
        }
        self.lamps();
    }

    fn look(&mut self) -> Option<Call> {
        let at = self.now;
        let now = self.shown().map(|stage| Now {
            stage,
            age: at.since(self.seen.groups()[stage].since),
            wants: (stage + self.wants) % self.plan.stages.len(),
            queues: Vec::new(),
        });
        let told = match (self.against.silent, &now) {
            (Some(name), _) => Err(Silence::Reason(name)),
            (None, None) => Err(Silence::Changing),
            (None, Some(now)) => Ok(now),
        };
        self.told(told)
    }

    /// A look with what the advice says.
    fn told(&mut self, told: Result<&Now, Silence<'_>>) -> Option<Call> {
        let look = Look {
            layout: &self.layout,
            plan: &self.plan,
            seen: &self.seen,
            told,
            greens: &self.greens,
            full: self.against.full,
            blocked: self.against.blocked.as_ref(),
            day: 1,
        };
        self.steer.step(self.now, look)
    }

    /// A second without any advice.
    fn unadvised(&mut self, silence: &str) -> Option<Call> {
        self.tick();
        self.steer.unadvised(self.now, 1, self.against.blocked.as_ref(), silence)
    }

    fn second(&mut self) -> Option<Call> {
        self.tick();
        self.look()
    }

    /// The pole takes it, or lets go.
    fn obey(&mut self, call: &Call) {
        self.number += 1;
        match call {
            Call::Green { stage, hold, .. } => {
                let until = self.now + *hold;
                self.ordered = (!self.deaf).then_some((*stage, until));
                self.steer.answered(self.now, Ok((self.number, until)));
            }
            Call::Release { order } => {
                self.ordered = None;
                self.steer.given_back(self.now, *order, Released::Over);
            }
        }
    }

    /// On until something is called for.
    #[track_caller]
    fn until_call(&mut self, seconds: i64) -> Call {
        let call = (0..seconds).find_map(|_| self.second());
        call.unwrap_or_else(|| panic!("nothing is called for: {:?}", self.steer.why()))
    }

    #[track_caller]
    fn nothing_for(&mut self, seconds: i64) {
        for _ in 0..seconds {
            let call = self.second();
            assert_eq!(call, None);
        }
    }

    /// On until this stage has been green for so long.
    fn until_stage(&mut self, stage: usize, into: i64) {
        while (self.stage, self.into) != (stage, into) {
            assert_eq!(self.second(), None);
        }
    }
}
