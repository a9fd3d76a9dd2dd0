//! The street's signal controllers as a file describes them: read whole, refused whole.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, ensure};
use serde::{Deserialize, Serialize};

use crate::lines::LINES;
use crate::list::{V1_3, Version};
use crate::rsmp::SINCE_3_3;

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Pause before a lost connection is dialled again.
    pub reconnect_s: f64,
    pub watchdog_s: f64,
    /// Longest wait for an acknowledgement.
    pub acknowledgement_s: f64,
    /// Seconds of the signal plans per second; 1 but in tests.
    pub speed: f64,
    /// From one fault of a site to its next; 0 for none.
    pub alarm_every_s: f64,
    pub alarm_lasts_s: f64,
    /// The signal exchange list the sites have.
    #[serde(default = "sxl")]
    pub sxl: Version,
    /// Versions of RSMP core they offer; when left out, [`Config::cores`] says which.
    #[serde(default)]
    pub core: Option<Vec<Version>>,
    /// How long a request for signal priority waits, and how long it is active when nobody cancels it.
    #[serde(default = "priority_max_s")]
    pub priority_max_s: f64,
    /// Local time against UTC, for the time tables.
    #[serde(default = "zone_s")]
    pub zone_s: i64,
    #[serde(rename = "site")]
    pub sites: Vec<Site>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Site {
    /// Name of the crossing, for people.
    pub junction: String,
    pub site_id: String,
    pub component: String,
    /// Against the base cycle counter that all junctions share.
    pub offset_s: u32,
    pub yellow_s: u32,
    pub all_red_s: u32,
    /// Flashing green of pedestrians before their red, within the stage's green.
    pub walk_clear_s: u32,
    pub groups: Vec<GroupKind>,
    pub stages: Vec<Stage>,
    /// Plans it knows, by number; plan 1 is the calendar's. Other plans have other greens of the stages, in seconds.
    #[serde(default)]
    pub plans: BTreeMap<String, Vec<u32>>,
    /// The input that makes it show red to everybody.
    #[serde(default)]
    pub all_red_input: Option<usize>,
    /// The input that makes its first detector faulty (A0302).
    #[serde(default)]
    pub detector_fault_input: Option<usize>,
    /// How many detectors it has.
    #[serde(default)]
    pub detectors: usize,
    /// Acknowledges commands and does none of them.
    #[serde(default)]
    pub deaf: bool,
}

fn sxl() -> Version {
    Version::new(1, 2, 1)
}

fn priority_max_s() -> f64 {
    60.0
}

/// Hanoi.
fn zone_s() -> i64 {
    25_200
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum GroupKind {
    Vehicle,
    Walk,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stage {
    pub green_s: u32,
    /// Numbers of the signal groups that are green, from 1.
    pub groups: Vec<usize>,
}

impl Config {
    pub fn load(path: &Path) -> anyhow::Result<Self> {
        let text = std::fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
        Self::parse(&text).with_context(|| format!("in {}", path.display()))
    }

    pub fn parse(text: &str) -> anyhow::Result<Self> {
        let config: Self = toml::from_str(text)?;
        for (name, value, least) in [
            ("reconnect_s", config.reconnect_s, 0.01),
            ("watchdog_s", config.watchdog_s, 0.01),
            ("acknowledgement_s", config.acknowledgement_s, 0.01),
            ("speed", config.speed, 0.01),
            ("alarm_every_s", config.alarm_every_s, 0.0),
            ("alarm_lasts_s", config.alarm_lasts_s, 0.0),
            ("priority_max_s", config.priority_max_s, 0.01),
        ] {
            ensure!((least..=86_400.0).contains(&value), "{name} must be from {least} to 86400");
        }
        let core = config.cores();
        ensure!(!core.is_empty(), "core: at least one version");
        ensure!(
            config.sxl < V1_3 || core.iter().all(|version| *version >= SINCE_3_3),
            "core: list {} goes with core {SINCE_3_3} and newer only",
            config.sxl
        );
        ensure!(config.zone_s.abs() <= 86_400, "zone_s must be from -86400 to 86400");
        for site in &config.sites {
            site.check().with_context(|| format!("site {}", site.site_id))?;
        }
        Ok(config)
    }

    /// Versions of RSMP core that the sites offer. Older than 3.3.0 unless the file says otherwise or the list needs it: a
    /// supervisor takes the newest, and tests are about the older ones.
    pub fn cores(&self) -> Vec<Version> {
        match &self.core {
            Some(core) => core.clone(),
            None if self.sxl >= V1_3 => vec![SINCE_3_3],
            None => [(1, 2), (1, 3), (1, 4), (1, 5), (2, 0), (2, 1), (2, 2)]
                .map(|(minor, patch)| Version::new(3, minor, patch))
                .into(),
        }
    }
}

impl Site {
    fn check(&self) -> anyhow::Result<()> {
        ensure!(!self.groups.is_empty() && self.groups.len() <= 255, "1 to 255 groups");
        ensure!(!self.stages.is_empty(), "a site needs a stage");
        ensure!(self.detectors <= 255, "at most 255 detectors");
        for input in [self.all_red_input, self.detector_fault_input].into_iter().flatten() {
            ensure!((1..=LINES).contains(&input), "inputs are from 1 to {LINES}");
        }
        let mut stage_by_group = vec![None; self.groups.len()];
        for (number, stage) in self.stages.iter().enumerate() {
            ensure!(stage.green_s > self.walk_clear_s, "stage {}: green_s within walk_clear_s", number + 1);
            for group in &stage.groups {
                let slot = group.checked_sub(1).and_then(|index| stage_by_group.get_mut(index));
                let slot = slot.with_context(|| format!("stage {}: no group {group}", number + 1))?;
                ensure!(slot.is_none(), "group {group} is green in two stages");
                *slot = Some(number);
            }
        }
        ensure!(self.cycle_s() <= 999, "the cycle is longer than 999 s");
        for (plan, greens) in &self.plans {
            ensure!(
                plan.parse::<u8>().is_ok_and(|plan| plan > 1),
                "plans: {plan:?} is not a number from 2 to 255"
            );
            ensure!(greens.len() == self.stages.len(), "plan {plan}: a green for each stage");
            ensure!(
                greens.iter().all(|green| *green > self.walk_clear_s),
                "plan {plan}: a green within walk_clear_s"
            );
        }
        Ok(())
    }

    /// Itself with the greens of `plan`.
    pub fn under(&self, plan: u8) -> Self {
        let mut site = self.clone();
        if let Some(greens) = self.plans.get(&plan.to_string()) {
            for (stage, green_s) in site.stages.iter_mut().zip(greens) {
                stage.green_s = *green_s;
            }
        }
        site
    }

    /// The plans it knows, in order.
    pub fn plan_numbers(&self) -> Vec<u8> {
        let mut all: Vec<u8> = self.plans.keys().filter_map(|plan| plan.parse().ok()).collect();
        all.push(1);
        all.sort_unstable();
        all
    }

    /// Seconds of one cycle.
    pub fn cycle_s(&self) -> u32 {
        self.stages.iter().map(|stage| stage.green_s + self.yellow_s + self.all_red_s).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE_SITE: &str = include_str!("../one-site.toml");

    #[track_caller]
    fn refused(from: &str, to: &str, want: &str) {
        assert!(ONE_SITE.contains(from), "{from}");
        let err = format!("{:#}", Config::parse(&ONE_SITE.replace(from, to)).unwrap_err());
        assert!(err.contains(want), "{err}");
    }

    #[test]
    fn the_file_for_validators() {
        let config = Config::parse(ONE_SITE).unwrap();
        assert_eq!((config.sites.len(), config.sxl, config.cores().len()), (1, Version::new(1, 2, 1), 7));
        let newest = Config::parse(&ONE_SITE.replace("\"1.2.1\"", "\"1.3.0\"")).unwrap();
        assert_eq!(newest.cores(), [SINCE_3_3]);
        let both = ONE_SITE.replace("speed = 1.0", "core = [\"3.2.2\", \"3.3.0\"]\nspeed = 1.0");
        assert_eq!(Config::parse(&both).unwrap().cores(), [Version::new(3, 2, 2), SINCE_3_3]);
        refused(
            "sxl = \"1.2.1\"",
            "sxl = \"1.3.0\"\ncore = [\"3.2.2\", \"3.3.0\"]",
            "core: list 1.3.0 goes with core 3.3.0 and newer only",
        );
        assert_eq!(config.sites[0].plan_numbers(), [1, 2, 3]);
        refused("1.2.1", "one", "\"one\" is no version");
        refused("_input = 7", "_input = 9", "inputs are from 1 to 8");
        refused("priority_max_s = 4.0", "priority_max_s = 0.0", "priority_max_s must be from 0.01");
        refused("speed = 1.0", "core = []\nspeed = 1.0", "core: at least one version");
    }
}
