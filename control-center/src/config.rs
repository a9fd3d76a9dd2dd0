//! The hall's configuration file: one typed tree, checked once at start.

mod advices;
mod areas;
mod bus_priority;
mod buses;
mod calendars;
mod corridors;
mod emergency_routes;
mod speed_roads;
mod steer;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use models_domain::DurationMs;
use models_domain::pcu::PcuTable;
use models_domain::signal::corridor::Corridor;
use models_domain::signal::route::Route;
use models_domain::transit::finding::Limits;
use serde::Deserialize;

use crate::areas::Area;
use crate::metrics::ScraperToken;
use crate::signals::advice::Advised;
use crate::signals::bus_priority::Priority;
use crate::signals::calendar::Calendar;

#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error("reading the configuration {path}; pass another with --config")]
    Read {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("parsing {path}")]
    Parse {
        path: PathBuf,
        #[source]
        source: toml::de::Error,
    },
    #[error("{path}: {}", problems.join("; "))]
    Invalid { path: PathBuf, problems: Vec<String> },
}

/// Exactly what the file says. Private: nothing outside this file sees it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawConfig {
    hall: RawHall,
    bus: RawBus,
    #[serde(default)]
    buses: buses::RawBuses,
    #[serde(default)]
    corridor: Vec<corridors::RawCorridor>,
    #[serde(default)]
    emergency_route: Vec<emergency_routes::RawRoute>,
    #[serde(default)]
    area: Vec<areas::RawArea>,
    #[serde(default)]
    calendar: Vec<calendars::RawCalendar>,
    #[serde(default)]
    advice: Vec<advices::RawAdvice>,
    /// Weights by class.
    #[serde(default)]
    pcu: BTreeMap<String, f64>,
    #[serde(default)]
    bus_priority: Vec<bus_priority::RawPriority>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawHall {
    data_dir: PathBuf,
    listen: String,
    #[serde(default)]
    names: Vec<String>,
    #[serde(default = "one_shift")]
    session_hours: u32,
    #[serde(default = "one_year")]
    keep_events_days: u32,
    #[serde(default = "fifty")]
    evidence_gib: u32,
    #[serde(default = "yes")]
    public_buses: bool,
    #[serde(default)]
    insecure_http_beyond_loopback: bool,
    #[serde(default = "vietnam")]
    utc_offset: String,
    metrics_token_file: Option<PathBuf>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawBus {
    listen: String,
}

fn one_shift() -> u32 {
    10
}

fn yes() -> bool {
    true
}

fn vietnam() -> String {
    "+07:00".to_owned()
}

fn one_year() -> u32 {
    365
}

fn fifty() -> u32 {
    50
}

/// A configuration that can be run as it is.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// Database, certificates and keys.
    pub data_dir: PathBuf,
    /// Where the page and the API are; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Names and addresses that people and poles reach this machine by, besides localhost: they go into the certificate.
    pub names: Vec<String>,
    pub session_hours: u32,
    /// Events that were stored longer ago are forgotten, but for those whose picture somebody fetched.
    pub keep_events_days: u32,
    /// Pictures that are evidence take no more room in the database than so many GiB; the oldest go, and the audit says so.
    pub evidence_gib: u32,
    /// Whether the stop page, GTFS-realtime and SIRI are there, for anybody and without signing in.
    pub public_buses: bool,
    /// Whether `--insecure-http` may serve other machines too.
    pub insecure_http_beyond_loopback: bool,
    /// Who may read the metrics without signing in; nobody when not said.
    pub metrics_token: Option<ScraperToken>,
    /// Where poles dial in.
    pub bus_listen: SocketAddr,
    /// When buses are too fast, and stand too long with a running engine.
    pub bus_limits: Limits,
    /// Streets whose junctions are to work as one.
    pub corridors: Vec<Corridor>,
    /// Ways of vehicles that must not wait, besides those along corridors.
    pub emergency_routes: Vec<Route>,
    /// What rights are given for.
    pub areas: Vec<Area>,
    /// Which plan runs when. The first that has a junction counts for it.
    pub calendars: Vec<Calendar>,
    /// Where it is said what adaptive control would do.
    pub advised: Vec<Advised>,
    /// What classes weigh in what is counted before a junction.
    pub pcu: PcuTable,
    /// Where late buses may have green.
    pub priorities: Vec<Priority>,
}

impl Config {
    /// Relative paths count from the folder of the file.
    ///
    /// # Errors
    /// [`ConfigError`] with every problem at once.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| ConfigError::Read { path: path.into(), source })?;
        Self::parse(path, &text)
    }

    fn parse(path: &Path, text: &str) -> Result<Self, ConfigError> {
        let raw: RawConfig =
            toml::from_str(text).map_err(|source| ConfigError::Parse { path: path.into(), source })?;
        let folder = path.parent().unwrap_or(Path::new("."));
        raw.check(folder).map_err(|problems| ConfigError::Invalid { path: path.into(), problems })
    }

    pub fn database(&self) -> PathBuf {
        self.data_dir.join("city.db")
    }
}

impl RawConfig {
    /// Reports every problem, not just the first.
    fn check(self, folder: &Path) -> Result<Config, Vec<String>> {
        let mut problems = Vec::new();
        let mut address = |key: &str, text: &str| {
            text.parse::<SocketAddr>().unwrap_or_else(|_| {
                problems.push(format!("{key} {text:?} is not ADDRESS:PORT, such as \"0.0.0.0:8443\""));
                SocketAddr::from(([127, 0, 0, 1], 0))
            })
        };
        let listen = address("hall.listen", &self.hall.listen);
        let bus_listen = address("bus.listen", &self.bus.listen);
        if listen == bus_listen && listen.port() != 0 {
            problems.push(format!("hall.listen and bus.listen are both {listen}; give each its own port"));
        }
        if self.hall.data_dir.as_os_str().is_empty() {
            problems.push("hall.data_dir is empty".into());
        }
        host_names(&self.hall.names, &mut problems);
        if !(1..=24).contains(&self.hall.session_hours) {
            problems.push(format!("hall.session_hours {} is outside 1..=24", self.hall.session_hours));
        }
        if !(1..=36_500).contains(&self.hall.keep_events_days) {
            problems
                .push(format!("hall.keep_events_days {} is outside 1..=36500", self.hall.keep_events_days));
        }
        if !(1..=100_000).contains(&self.hall.evidence_gib) {
            problems.push(format!("hall.evidence_gib {} is outside 1..=100000", self.hall.evidence_gib));
        }
        let metrics_token = scraper(folder, self.hall.metrics_token_file, &mut problems);
        let bus_limits = self.buses.check(folder, &mut problems);
        let corridors = corridors::check(self.corridor, &mut problems);
        let emergency_routes = emergency_routes::check(self.emergency_route, &corridors, &mut problems);
        let areas = areas::check(self.area, &mut problems);
        let ahead = calendars::offset(&self.hall.utc_offset).unwrap_or_else(|| {
            let text = &self.hall.utc_offset;
            problems.push(format!(
                "hall.utc_offset {text:?} is not the city's clocks less UTC, such as \"+07:00\""
            ));
            DurationMs(0)
        });
        let calendars = calendars::check(self.calendar, (&areas, &corridors), ahead, &mut problems);
        let advised = advices::check(self.advice, ahead, &mut problems);
        steer::alone(&advised, &corridors, (&calendars, &areas), &mut problems);
        let pcu = weights(&self.pcu, &mut problems);
        let priorities = bus_priority::check(self.bus_priority, &mut problems);
        if !problems.is_empty() {
            return Err(problems);
        }
        Ok(Config {
            advised,
            pcu,
            metrics_token,
            priorities,
            bus_limits,
            corridors,
            emergency_routes,
            areas,
            calendars,
            data_dir: folder.join(self.hall.data_dir),
            listen,
            names: self.hall.names,
            session_hours: self.hall.session_hours,
            keep_events_days: self.hall.keep_events_days,
            evidence_gib: self.hall.evidence_gib,
            public_buses: self.hall.public_buses,
            insecure_http_beyond_loopback: self.hall.insecure_http_beyond_loopback,
            bus_listen,
        })
    }
}

fn host_names(names: &[String], problems: &mut Vec<String>) {
    for name in names {
        let safe = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '*' | ':');
        if name.is_empty() || !name.chars().all(safe) {
            problems.push(format!("hall.names: {name:?} is neither a host name nor an address"));
        }
    }
}

/// What a table needs that people know by its name.
fn named(id: &str, name: &str, ids: &mut BTreeSet<String>, wrong: &mut impl FnMut(String)) {
    let safe = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if id.is_empty() || !id.chars().all(safe) {
        wrong("the id must be of a-z, 0-9 and -".into());
    }
    if !ids.insert(id.to_owned()) {
        wrong("each needs an id of its own".into());
    }
    if name.trim().is_empty() {
        wrong("the name is empty; people read it".into());
    }
}

fn weights(by_class: &BTreeMap<String, f64>, problems: &mut Vec<String>) -> PcuTable {
    PcuTable::default().with(by_class).unwrap_or_else(|wrong| {
        problems.extend(wrong);
        PcuTable::default()
    })
}

fn scraper(folder: &Path, file: Option<PathBuf>, problems: &mut Vec<String>) -> Option<ScraperToken> {
    let token = ScraperToken::read(&folder.join(file?));
    token.map_err(|why| problems.push(format!("hall.metrics_token_file: {why}"))).ok()
}
