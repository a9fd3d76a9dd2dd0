//! One controller: its plan, what a system has set, its clock and its faults.

use std::collections::BTreeMap;

use crate::config;
use crate::plan::{Asked, Lamps, Plan, cycle_s};

/// Pattern numbers (NTCIP 1202 §2.5.10, §2.5.14).
const FLASH: i64 = 255;

pub struct Unit {
    pub config: config::Unit,
    pub plan: Plan,
    pub lamps: Lamps,
    at_ms: i64,
    booted_ms: i64,
    pub boots: i64,
    /// Set by a system: pattern, phase control by column, preempts.
    pub pattern: i64,
    pub phase_control: BTreeMap<u32, u16>,
    pub preempts: BTreeMap<u32, bool>,
    set_ms: i64,
    /// Control was not refreshed in time.
    fell_back: bool,
    pub backup_s: i64,
    pub clock_off_ms: i64,
    pub alarm1: i64,
    pub detector_alarms: i64,
    pub mmu_flash: bool,
    /// The red clear that it tells, in tenths of a second, where that is not what its plan has.
    pub red_clear: Option<i64>,
    /// A preempt that the street asks for: told as active, while the plan goes on.
    pub street_preempt: Option<u32>,
    /// Of the last period: vehicles and half percents, by detector.
    pub counts: [(i64, i64); 8],
    pub sequence: i64,
    /// The block of settings that is wanted.
    pub block: Vec<u8>,
}

impl Unit {
    pub fn new(config: config::Unit, now_ms: i64) -> Self {
        let backup_s = config.backup_s.into();
        let mut unit = Self {
            config,
            plan: Plan::default(),
            lamps: Lamps::default(),
            at_ms: now_ms,
            booted_ms: now_ms,
            boots: 1,
            pattern: 0,
            phase_control: BTreeMap::new(),
            preempts: BTreeMap::new(),
            set_ms: now_ms,
            fell_back: false,
            backup_s,
            clock_off_ms: 0,
            alarm1: 0,
            detector_alarms: 0,
            mmu_flash: false,
            red_clear: None,
            street_preempt: None,
            counts: [(0, 0); 8],
            sequence: 0,
            block: crate::blocks::AT_FIRST.to_vec(),
        };
        // It may be asked before its first tick: its lamps are lit by then.
        unit.lamps = unit.plan.lamps(&unit.config, &unit.greens());
        unit
    }

    /// The lamps, when they have changed.
    pub fn tick(&mut self, now_ms: i64) -> Option<Lamps> {
        let by_s = (now_ms - self.at_ms).clamp(0, 1_000) as f64 / 1_000.0 * self.config.speed;
        self.at_ms = now_ms;
        if self.backup_s > 0 && self.is_controlled() && now_ms - self.set_ms > self.backup_s * 1_000 {
            self.release();
            self.fell_back = true;
        }
        let second = (now_ms - self.booted_ms) / 1_000;
        if second != self.sequence {
            self.sequence = second;
            let every_s = self.config.vehicle_every_s.iter().map(Some).chain(std::iter::repeat(None));
            for ((index, every_s), count) in (1..).zip(every_s).zip(&mut self.counts) {
                *count = match every_s {
                    // It covers the detector for a tenth of the second.
                    Some(every_s) => {
                        let passes = i64::from(second % every_s == 0);
                        (passes, passes * 20)
                    }
                    None => ((second * index) % 7, (second * index * 5) % 201),
                };
            }
        }
        if self.flashes() {
            self.plan.restart();
            let lamps = Lamps::default();
            return (std::mem::replace(&mut self.lamps, lamps) != lamps).then_some(lamps);
        }
        let column = |column: u32| self.phase_control.get(&column).copied().unwrap_or(0);
        let red = self.config.red_preempt.is_some_and(|number| self.preempts.get(&number) == Some(&true));
        let asked = Asked { hold: column(4), force_off: column(5), red };
        let greens = self.greens();
        self.plan.go_on(&self.config, &greens, by_s, asked);
        let lamps = self.plan.lamps(&self.config, &greens);
        (std::mem::replace(&mut self.lamps, lamps) != lamps).then_some(lamps)
    }

    pub fn greens(&self) -> Vec<u32> {
        let own = || self.config.stages.iter().map(|stage| stage.green_s).collect();
        self.config.patterns.get(&self.pattern_status().to_string()).cloned().unwrap_or_else(own)
    }

    /// The pattern that runs; pattern 1 by the unit's own clock.
    pub fn pattern_status(&self) -> i64 {
        match self.pattern {
            0 => 1,
            pattern => pattern,
        }
    }

    /// Whether there is such a pattern.
    pub fn knows(&self, pattern: i64) -> bool {
        (0..=1).contains(&pattern)
            || pattern >= 254
            || self.config.patterns.contains_key(&pattern.to_string())
    }

    pub fn flashes(&self) -> bool {
        self.mmu_flash || self.pattern == FLASH
    }

    /// unitFlashStatus (§2.4.6).
    pub fn flash_status(&self) -> i64 {
        match (self.mmu_flash, self.pattern == FLASH) {
            (true, _) => 6,
            (false, true) => 3,
            (false, false) => 2,
        }
    }

    /// unitControlStatus (§2.4.5).
    pub fn control_status(&self) -> i64 {
        match (self.is_controlled(), self.fell_back) {
            (true, _) => 2,
            (false, true) => 4,
            (false, false) => 6,
        }
    }

    /// Whether some preempt is active (shortAlarmStatus, §2.4.9).
    pub fn is_preempted(&self) -> bool {
        self.street_preempt.is_some() || self.preempts.values().any(|on| *on)
    }

    /// preemptState (§2.7.2.16).
    pub fn preempt_state(&self, number: u32) -> i64 {
        if self.street_preempt == Some(number) {
            return 6;
        }
        match (self.preempts.get(&number), self.plan.dwells) {
            (Some(true), true) => 6,
            (Some(true), false) => 4,
            (Some(false) | None, _) => 2,
        }
    }

    pub fn cycle_s(&self) -> i64 {
        cycle_s(&self.config, &self.greens())
    }

    pub fn left_s(&self) -> i64 {
        self.plan.left_s(&self.config, &self.greens())
    }

    pub fn is_controlled(&self) -> bool {
        self.pattern != 0
            || self.phase_control.values().any(|bits| *bits != 0)
            || self.preempts.values().any(|on| *on)
    }

    /// A system has set one of the things that the backup time is for.
    pub fn was_set(&mut self) {
        self.set_ms = self.at_ms;
        self.fell_back = false;
    }

    fn release(&mut self) {
        self.pattern = 0;
        self.phase_control.clear();
        self.preempts.clear();
    }

    /// As after a power cut.
    pub fn restart(&mut self) {
        self.release();
        self.plan.restart();
        self.booted_ms = self.at_ms;
        self.boots += 1;
        self.fell_back = false;
    }

    /// Hundredths of a second.
    pub fn up_time(&self, now_ms: i64) -> i64 {
        (now_ms - self.booted_ms) / 10
    }

    pub fn global_time(&self, now_ms: i64) -> i64 {
        let zone = if self.config.local_time { self.config.zone_s } else { 0 };
        (now_ms + self.clock_off_ms).div_euclid(1_000) + zone
    }

    pub fn set_global_time(&mut self, now_ms: i64, seconds: i64) {
        let zone = if self.config.local_time { self.config.zone_s } else { 0 };
        self.clock_off_ms = (seconds - zone) * 1_000 - now_ms;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    #[test]
    fn a_unit_that_was_never_ticked_has_its_lamps_lit() {
        let text = "[[unit]]\nlisten = \"127.0.0.1:0\"\ncommunity = \"c\"\nyellow_s = 3\nall_red_s = 2\nped_clear_s = 6\n\
                    stages = [{ green_s = 20, phases = [2] }, { green_s = 15, phases = [4] }]\nbackup_s = 3\n";
        let config: Config = toml::from_str(text).unwrap();
        let mut unit = Unit::new(config.units.into_iter().next().unwrap(), 0);
        let (green, red) = (1 << 1, 1 << 3);
        assert_eq!((unit.lamps.greens, unit.lamps.reds & (green | red)), (green, red));
        assert_eq!(unit.tick(100), None, "and its first tick changes none");
    }
}
