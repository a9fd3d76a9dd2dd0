//! The controllers as a file describes them: read whole, refused whole.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;

use anyhow::{Context, ensure};
use serde::Deserialize;

use crate::blocks::Blocks;

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    #[serde(rename = "unit")]
    pub units: Vec<Unit>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Unit {
    pub listen: SocketAddr,
    /// For v1 and v2c.
    pub community: Option<String>,
    /// For v3.
    pub user: Option<User>,
    /// Phases at .1.3.1 as two octets, as some v4 units have them.
    #[serde(default)]
    pub v4: bool,
    /// Seconds of the plan a second.
    #[serde(default = "one")]
    pub speed: f64,
    pub yellow_s: u32,
    pub all_red_s: u32,
    /// Of those on foot, within the green.
    pub ped_clear_s: u32,
    pub stages: Vec<Stage>,
    /// Greens of the stages under other patterns than 1, which the stages are.
    #[serde(default)]
    pub patterns: BTreeMap<String, Vec<u32>>,
    /// The preempt that shows red to everybody.
    #[serde(default)]
    pub red_preempt: Option<u32>,
    pub backup_s: u32,
    /// Where it broadcasts SPaT, ten times a second, and as which intersection.
    #[serde(default)]
    pub spat_to: Option<SocketAddr>,
    #[serde(default)]
    pub intersection: u16,
    #[serde(default)]
    pub zone_s: i64,
    /// Tells local time where UTC belongs.
    #[serde(default)]
    pub local_time: bool,
    /// From the first detector on: every so many seconds a vehicle passes it. The others count what no street has.
    #[serde(default)]
    pub vehicle_every_s: Vec<i64>,
    #[serde(default)]
    pub blocks: Blocks,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct User {
    pub name: String,
    /// SHA-1.
    pub auth_password: Option<String>,
    /// AES-128.
    pub privacy_password: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stage {
    pub green_s: u32,
    pub phases: Vec<u32>,
    #[serde(default)]
    pub peds: Vec<u32>,
}

fn one() -> f64 {
    1.0
}

impl Config {
    pub fn load(path: &Path) -> anyhow::Result<Self> {
        let text = std::fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
        let config: Self = toml::from_str(&text).with_context(|| format!("in {}", path.display()))?;
        for (index, unit) in config.units.iter().enumerate() {
            unit.check().with_context(|| format!("unit {index}"))?;
        }
        Ok(config)
    }
}

impl Unit {
    fn check(&self) -> anyhow::Result<()> {
        ensure!((0.01..=1_000.0).contains(&self.speed), "speed must be from 0.01 to 1000");
        ensure!(!self.stages.is_empty(), "a unit needs a stage");
        for stage in &self.stages {
            let all = stage.phases.iter().chain(&stage.peds);
            ensure!(all.clone().all(|phase| (1..=16).contains(phase)), "phases are 1 to 16");
            ensure!(stage.green_s > self.ped_clear_s, "green_s within ped_clear_s");
        }
        ensure!(self.vehicle_every_s.iter().all(|every| *every > 0), "vehicle_every_s: from 1 on");
        let preempts = 1..=crate::mib::PREEMPTS;
        ensure!(
            self.red_preempt.is_none_or(|number| preempts.contains(&number)),
            "red_preempt: {preempts:?}"
        );
        for (pattern, greens) in &self.patterns {
            ensure!(pattern.parse::<u8>().is_ok_and(|p| (2..=253).contains(&p)), "patterns: {pattern:?}");
            ensure!(greens.len() == self.stages.len(), "pattern {pattern}: a green for each stage");
            ensure!(greens.iter().all(|green| *green > self.ped_clear_s), "pattern {pattern}: too short");
        }
        Ok(())
    }
}
