//! What a site tells of itself, but for lamps (S0001), forecasts (S0025) and counts. Pure.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use time::OffsetDateTime;

use crate::config::{Config, Site};
use crate::counting;
use crate::lines::digits;
use crate::list::Version;
use crate::orders::{Mode, Ordered};
use crate::rsmp::timestamp;

/// From this version on nobody is user 0, not "nobody".
const USERS_ARE_NUMBERS: Version = Version::new(1, 1, 0);

/// Loop detectors whose sensitivity nobody has set.
const LEVEL: u8 = 50;

/// A site at one moment.
pub struct View<'a> {
    pub config: &'a Config,
    pub site: &'a Site,
    pub ordered: &'a Ordered,
    /// Milliseconds of the machine.
    pub at_ms: i64,
    /// An alarm is active.
    pub faulty: bool,
}

impl View<'_> {
    /// `None`: it does not know.
    pub fn value(&self, code: &str, name: &str) -> Option<Value> {
        let text = match code {
            "S0002" | "S0003" | "S0004" | "S0021" | "S0029" | "S0030" | "S0031" => self.lines(code, name),
            "S0005" if name == "statusByIntersection" => {
                return Some(json!([{ "intersection": "1", "startup": flag(self.ordered.starting) }]));
            }
            "S0033" => return Some(self.ordered.priorities.list(self.ordered.ahead_ms)),
            "S0035" => {
                let mut routes = self.ordered.routes.clone();
                routes.sort_unstable();
                return Some(routes.iter().map(|route| json!({ "id": route.to_string() })).collect());
            }
            "S0016" | "S0017" | "S0018" | "S0019" | "S0022" | "S0023" | "S0024" | "S0026" | "S0027"
            | "S0028" | "S0034" => self.settings(code),
            "S0091" | "S0092" | "S0095" | "S0096" | "S0097" | "S0098" => self.system(code, name),
            _ => self.mode(code, name),
        };
        text.map(Value::from)
    }

    fn mode(&self, code: &str, name: &str) -> Option<String> {
        let Ordered { mode, starting, fixed_time, .. } = *self.ordered;
        let (all_red, normal) = (self.ordered.all_red(self.site), mode == Mode::Normal);
        let source = |ordered: bool| {
            let calm = if starting { "startup" } else { "calendar_clock" };
            if ordered { "forced" } else { calm }.to_owned()
        };
        let (plan, plan_source) = self.ordered.plan_now(self.site, self.config.zone_s, self.at_ms);
        Some(match (code, name) {
            (_, "intersection") => "0".to_owned(),
            ("S0005", "status") => flag(starting),
            ("S0006", "status") => flag(!self.ordered.routes.is_empty()),
            ("S0006", "emergencystage") => self.ordered.routes.last().copied().unwrap_or(0).to_string(),
            ("S0007", "status") => flag(mode != Mode::Dark),
            ("S0011", "status") => flag(mode == Mode::YellowFlash),
            ("S0007" | "S0011", "source") => source(!normal),
            // Nobody works its panel, and it is always coordinated by its clock.
            ("S0008" | "S0010", "status") => flag(false),
            ("S0008" | "S0010" | "S0032", "source") => source(false),
            ("S0032", "status") => "centralized".to_owned(),
            ("S0009", "status") => flag(fixed_time),
            ("S0009", "source") => source(fixed_time),
            ("S0012", "status") => flag(all_red),
            ("S0012", "source") => source(all_red),
            ("S0013", "status") => "0".to_owned(),
            ("S0014", "status") => plan.to_string(),
            ("S0014", "source") => plan_source.to_owned(),
            ("S0015", "status") => self.ordered.situation.unwrap_or(1).to_string(),
            ("S0015", "source") => source(self.ordered.situation.is_some()),
            ("S0020", "controlmode") if starting => "startup".to_owned(),
            ("S0020", "controlmode") => if normal { "control" } else { "standby" }.to_owned(),
            _ => return None,
        })
    }

    fn lines(&self, code: &str, name: &str) -> Option<String> {
        let ordered = self.ordered;
        let detectors = 0..self.site.detectors;
        let is_on = |index: usize| {
            let forced = ordered.detectors.get(&index).map(|forced| forced.on);
            forced.unwrap_or_else(|| counting::is_covered(self.site, index, self.at_ms))
        };
        Some(match (code, name) {
            // There are no more than these.
            (_, "extendedinputstatus" | "extendedoutputstatus") => "0".to_owned(),
            ("S0002", _) => digits(detectors.map(is_on)),
            ("S0021", _) => digits(detectors.map(|index| ordered.detectors.contains_key(&index))),
            ("S0003", _) => ordered.inputs.text(),
            ("S0029", _) => ordered.inputs.forced_text(),
            ("S0004", _) => self.outputs(),
            ("S0030", _) => ordered.outputs.forced_text(),
            ("S0031", _) => {
                let level = |number: usize| {
                    let set = u8::try_from(number).ok().and_then(|number| ordered.levels.get(&number));
                    format!("{number}-{}", set.unwrap_or(&LEVEL))
                };
                (1..=self.site.detectors).map(level).collect::<Vec<_>>().join(",")
            }
            _ => return None,
        })
    }

    /// Output 1: a fault; 2: no plan runs; the others are not wired.
    fn outputs(&self) -> String {
        let mut outputs = self.ordered.outputs.clone();
        outputs.wire([self.faulty, self.ordered.mode != Mode::Normal]);
        outputs.text()
    }

    fn settings(&self, code: &str) -> Option<String> {
        let (site, timing) = (self.site, &self.ordered.timing);
        let plans = site.plan_numbers();
        Some(match code {
            "S0016" => site.detectors.to_string(),
            "S0017" => site.groups.len().to_string(),
            // Each traffic situation has the plan of its number.
            "S0018" | "S0019" => plans.len().to_string(),
            "S0022" => plans.iter().map(u8::to_string).collect::<Vec<_>>().join(","),
            "S0023" => timing.bands_text(),
            "S0024" => timing.offsets_text(site),
            "S0026" => timing.week_text(),
            "S0027" => timing.tables_text(),
            "S0028" => timing.cycles_text(site),
            "S0034" => timing.bands_timeout_min.to_string(),
            _ => return None,
        })
    }

    fn system(&self, code: &str, name: &str) -> Option<String> {
        let ahead_ms = self.ordered.ahead_ms;
        let numbers = self.config.sxl >= USERS_ARE_NUMBERS;
        Some(match (code, name) {
            ("S0091" | "S0092", "user") => if numbers { "0" } else { "nobody" }.to_owned(),
            ("S0091" | "S0092", "status") => "logout".to_owned(),
            ("S0095", "status") => product(),
            ("S0096", name) => return self.clock(name),
            ("S0097", "checksum") => hex::encode(Sha256::digest(self.parameters())),
            ("S0098", "config") => BASE64_STANDARD.encode(self.parameters()),
            ("S0098", "version") => format!("{} {}", self.site.site_id, product()),
            ("S0097" | "S0098", "timestamp") => timestamp(self.ordered.changed_ms + ahead_ms),
            _ => return None,
        })
    }

    fn clock(&self, name: &str) -> Option<String> {
        let seconds = (self.at_ms + self.ordered.ahead_ms).div_euclid(1000);
        let now = OffsetDateTime::from_unix_timestamp(seconds).ok()?;
        Some(match name {
            "year" => now.year().to_string(),
            "month" => u8::from(now.month()).to_string(),
            "day" => now.day().to_string(),
            "hour" => now.hour().to_string(),
            "minute" => now.minute().to_string(),
            "second" => now.second().to_string(),
            _ => return None,
        })
    }

    /// Groups, stages, plans and what was changed of them.
    fn parameters(&self) -> String {
        json!({ "site": self.site, "timing": self.ordered.timing, "levels": self.ordered.levels }).to_string()
    }
}

fn product() -> String {
    format!("Ngã Tư signal-simulator {}", env!("CARGO_PKG_VERSION"))
}

fn flag(is: bool) -> String {
    if is { "True" } else { "False" }.to_owned()
}

#[cfg(test)]
#[path = "statuses_tests.rs"]
mod tests;
