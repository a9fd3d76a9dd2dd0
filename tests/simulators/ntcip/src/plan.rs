//! A fixed-time plan that can be held and forced off: which stage runs, and how far it is. Pure.

use crate::config::Unit;

/// Minimum green, in seconds; and the walk of those on foot.
pub const MINIMUM_GREEN_S: f64 = 5.0;

/// Sets of phases, bit 0 the lowest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
pub struct Lamps {
    pub reds: u16,
    pub yellows: u16,
    pub greens: u16,
    pub dont_walks: u16,
    pub ped_clears: u16,
    pub walks: u16,
    pub ons: u16,
}

/// What is asked of the plan.
#[derive(Debug, Clone, Copy, Default)]
pub struct Asked {
    pub hold: u16,
    pub force_off: u16,
    /// Red to everybody, once the running stage is over.
    pub red: bool,
}

#[derive(Debug, Clone, Default)]
pub struct Plan {
    stage: usize,
    into_s: f64,
    /// It shows red to everybody and waits.
    pub dwells: bool,
}

impl Plan {
    /// Goes on by `by_s` seconds of the plan with these greens.
    pub fn go_on(&mut self, config: &Unit, greens: &[u32], by_s: f64, asked: Asked) {
        let stage = &config.stages[self.stage];
        let green = f64::from(greens[self.stage]);
        let clear_at = green - f64::from(config.ped_clear_s);
        let phases = bits(&stage.phases);
        let next = self.into_s + by_s;
        let held = asked.hold & phases != 0 && !asked.red;
        let forced = (asked.force_off & phases != 0 && !held) || asked.red;
        self.into_s = match () {
            // A hold keeps the green where it would end.
            () if held && self.into_s <= clear_at && next > clear_at => self.into_s,
            () if forced && next >= MINIMUM_GREEN_S && next < clear_at => clear_at,
            () => next,
        };
        let red_at = green + f64::from(config.yellow_s);
        self.dwells = asked.red && self.into_s >= red_at;
        if self.dwells {
            self.into_s = red_at;
        } else if self.into_s >= red_at + f64::from(config.all_red_s) {
            self.stage = (self.stage + 1) % config.stages.len();
            self.into_s = 0.0;
        }
    }

    pub fn lamps(&self, config: &Unit, greens: &[u32]) -> Lamps {
        let stage = &config.stages[self.stage];
        let green = f64::from(greens[self.stage]);
        let (phases, peds) = (bits(&stage.phases), bits(&stage.peds));
        let all = config.stages.iter().fold(0, |all, stage| all | bits(&stage.phases));
        let all_peds = config.stages.iter().fold(0, |all, stage| all | bits(&stage.peds));
        let is_green = self.into_s < green;
        let is_yellow = !is_green && self.into_s < green + f64::from(config.yellow_s);
        let walks = self.into_s < green - f64::from(config.ped_clear_s);
        let when = |on: bool, bits: u16| if on { bits } else { 0 };
        let (greens, yellows) = (when(is_green, phases), when(is_yellow, phases));
        let (walks, ped_clears) = (when(walks, peds), when(is_green && !walks, peds));
        Lamps {
            reds: all & !greens & !yellows,
            yellows,
            greens,
            dont_walks: all_peds & !walks & !ped_clears,
            ped_clears,
            walks,
            ons: phases,
        }
    }

    /// Seconds until the cycle is over.
    pub fn left_s(&self, config: &Unit, greens: &[u32]) -> i64 {
        let lost = config.yellow_s + config.all_red_s;
        let left: u32 = greens[self.stage..].iter().map(|green| green + lost).sum();
        i64::from(left) - self.into_s as i64
    }

    /// Seconds of the plan until the lamps of a stage's phases, or of those on foot, show something else.
    pub fn change_in_s(&self, config: &Unit, greens: &[u32], stage: usize, on_foot: bool) -> f64 {
        let lost = f64::from(config.yellow_s + config.all_red_s);
        let green = f64::from(greens[self.stage]);
        if stage == self.stage {
            let steps = if on_foot {
                vec![green - f64::from(config.ped_clear_s), green]
            } else {
                vec![green, green + f64::from(config.yellow_s)]
            };
            if let Some(next) = steps.into_iter().find(|next| *next > self.into_s) {
                return next - self.into_s;
            }
        }
        // Until it is green again: the rest of this stage, and those between.
        let mut wait = green + lost - self.into_s;
        let mut next = (self.stage + 1) % config.stages.len();
        while next != stage {
            wait += f64::from(greens[next]) + lost;
            next = (next + 1) % config.stages.len();
        }
        wait
    }

    pub fn restart(&mut self) {
        *self = Self::default();
    }
}

pub fn cycle_s(config: &Unit, greens: &[u32]) -> i64 {
    greens.iter().map(|green| i64::from(green + config.yellow_s + config.all_red_s)).sum()
}

fn bits(phases: &[u32]) -> u16 {
    phases.iter().fold(0, |bits, phase| bits | 1 << (phase - 1))
}
