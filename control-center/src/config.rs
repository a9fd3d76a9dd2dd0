//! The hall's configuration file: one typed tree, checked once at start.

mod advices;
mod areas;
mod calendars;
mod corridors;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use models_domain::geo::LatLon;
use models_domain::signal::corridor::Corridor;
use models_domain::transit::finding::Limits;
use models_domain::{DurationMs, MetersPerSecond};
use serde::Deserialize;

use crate::areas::Area;
use crate::signals::advice::Advised;
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
    buses: RawBuses,
    #[serde(default)]
    corridor: Vec<corridors::RawCorridor>,
    #[serde(default)]
    area: Vec<areas::RawArea>,
    #[serde(default)]
    calendar: Vec<calendars::RawCalendar>,
    #[serde(default)]
    advice: Vec<advices::RawAdvice>,
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
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawBus {
    listen: String,
}

/// What supervisors want to be told of buses.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawBuses {
    speed_limit_kmh: Option<f64>,
    speed_tolerance_kmh: Option<f64>,
    engine_on_s: Option<i64>,
    #[serde(default)]
    speed_area: Vec<RawSpeedArea>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawSpeedArea {
    limit_kmh: f64,
    /// Latitude and longitude.
    corners: Vec<(f64, f64)>,
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
    /// Where poles dial in.
    pub bus_listen: SocketAddr,
    /// When buses are too fast, and stand too long with a running engine.
    pub bus_limits: Limits,
    /// Streets whose junctions are to work as one.
    pub corridors: Vec<Corridor>,
    /// What rights are given for.
    pub areas: Vec<Area>,
    /// Which plan runs when. The first that has a junction counts for it.
    pub calendars: Vec<Calendar>,
    /// Where it is said what adaptive control would do.
    pub advised: Vec<Advised>,
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
        for name in &self.hall.names {
            let safe = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '*' | ':');
            if name.is_empty() || !name.chars().all(safe) {
                problems.push(format!("hall.names: {name:?} is neither a host name nor an address"));
            }
        }
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
        let bus_limits = self.buses.check(&mut problems);
        let corridors = corridors::check(self.corridor, &mut problems);
        let areas = areas::check(self.area, &mut problems);
        let ahead = calendars::offset(&self.hall.utc_offset).unwrap_or_else(|| {
            let text = &self.hall.utc_offset;
            problems.push(format!(
                "hall.utc_offset {text:?} is not the city's clocks less UTC, such as \"+07:00\""
            ));
            DurationMs(0)
        });
        let calendars = calendars::check(self.calendar, &areas, ahead, &mut problems);
        let advised = advices::check(self.advice, &mut problems);
        if !problems.is_empty() {
            return Err(problems);
        }
        Ok(Config {
            advised,
            bus_limits,
            corridors,
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

impl RawBuses {
    fn check(self, problems: &mut Vec<String>) -> Limits {
        let mut limits = Limits::default();
        let mut kmh = |key: &str, kmh: f64, least: f64| {
            if !(least..=200.0).contains(&kmh) {
                problems.push(format!("{key} {kmh} is outside {least}..=200"));
            }
            MetersPerSecond::from_kmh(kmh)
        };
        if let Some(limit) = self.speed_limit_kmh {
            limits.speed = kmh("buses.speed_limit_kmh", limit, 5.0);
        }
        if let Some(tolerance) = self.speed_tolerance_kmh {
            limits.speed_tolerance = kmh("buses.speed_tolerance_kmh", tolerance, 0.0);
        }
        for area in self.speed_area {
            let limit = kmh("buses.speed_area.limit_kmh", area.limit_kmh, 5.0);
            let corners: Vec<_> = area.corners.iter().map(|(lat, lon)| LatLon::new(*lat, *lon)).collect();
            limits.speed_areas.push((corners, limit));
        }
        if limits
            .speed_areas
            .iter()
            .any(|(corners, _)| corners.len() < 3 || !corners.iter().all(|c| c.is_sane()))
        {
            problems.push("buses.speed_area.corners: at least three pairs of latitude and longitude".into());
        }
        if let Some(seconds) = self.engine_on_s {
            if !(30..=86_400).contains(&seconds) {
                problems.push(format!("buses.engine_on_s {seconds} is outside 30..=86400"));
            }
            limits.layover_engine = DurationMs(seconds.saturating_mul(1_000));
        }
        limits
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, want: &str) {
        let err = Config::parse(Path::new("hall.toml"), text).unwrap_err();
        let text = format!("{:#}", anyhow::Error::from(err));
        assert!(text.starts_with(want), "{text}");
    }

    #[test]
    fn the_shipped_file_is_good() {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/config/control-center.toml");
        assert!(Config::load(&file).unwrap().public_buses);
    }

    #[test]
    fn buses_are_public_unless_it_says_otherwise() {
        let read = |more: &str| {
            let text = format!(
                "[hall]\ndata_dir = \"d\"\nlisten = \"127.0.0.1:1\"\n{more}\n[bus]\nlisten = \"127.0.0.1:2\"\n"
            );
            Config::parse(Path::new("hall.toml"), &text).unwrap().public_buses
        };
        assert!(read(""));
        assert!(!read("public_buses = false"));
    }

    #[test]
    fn unknown_key_names_line() {
        check(
            "[hall]\ndata_dir = \"d\"\nlisten = \"x\"\n\n[bus]\nlisten = \"y\"\nlisen = 1\n",
            "parsing hall.toml: TOML parse error at line 7, column 1",
        );
    }

    #[test]
    fn all_problems_at_once() {
        check(
            "[hall]\ndata_dir = \"\"\nlisten = \"here\"\nnames = [\"a b\"]\nsession_hours = 0\n[bus]\nlisten = \"7447\"\n",
            "hall.toml: hall.listen \"here\" is not ADDRESS:PORT, such as \"0.0.0.0:8443\"; \
             bus.listen \"7447\" is not ADDRESS:PORT, such as \"0.0.0.0:8443\"; hall.data_dir is empty; \
             hall.names: \"a b\" is neither a host name nor an address; hall.session_hours 0 is outside 1..=24",
        );
    }

    #[test]
    fn speed_limits_by_area() {
        let hall =
            "[hall]\ndata_dir = \"d\"\nlisten = \"0.0.0.0:1\"\n[bus]\nlisten = \"0.0.0.0:2\"\n[buses]\n";
        let fast = "speed_limit_kmh = 40\n[[buses.speed_area]]\nlimit_kmh = 80\ncorners = [[21.0, 105.8], [21.0, 105.9], [21.1, 105.9]]\n";
        let config = Config::parse(Path::new("hall.toml"), &format!("{hall}{fast}")).unwrap();
        let kmh = |lat, lon| config.bus_limits.speed_at(LatLon::new(lat, lon)).kmh().round();
        assert_eq!((kmh(21.01, 105.88), kmh(20.9, 105.88)), (80.0, 40.0));
        check(
            &format!(
                "{hall}speed_limit_kmh = 500\nengine_on_s = 1\n[[buses.speed_area]]\nlimit_kmh = 80\ncorners = []\n"
            ),
            "hall.toml: buses.speed_limit_kmh 500 is outside 5..=200; buses.speed_area.corners: at least three pairs of \
             latitude and longitude; buses.engine_on_s 1 is outside 30..=86400",
        );
    }

    #[test]
    fn corridors_are_refused_whole() {
        let hall = "[hall]\ndata_dir = \"d\"\nlisten = \"0.0.0.0:1\"\n[bus]\nlisten = \"0.0.0.0:2\"\n";
        let corridor = |speed: u32, places: &str| {
            format!("[[corridor]]\nid = \"a\"\nname = \"A\"\nspeed_kmh = {speed}\n{places}")
        };
        let place = |id: &str, at: u32, out: u8| {
            format!("[[corridor.junction]]\nid = \"{id}\"\nat_m = {at}\nout = {out}\nback = 2\n")
        };
        let good = corridor(36, &(place("j1", 0, 1) + &place("j2", 400, 3)));
        let config = Config::parse(Path::new("hall.toml"), &format!("{hall}{good}")).unwrap();
        let [corridor_read] = &config.corridors[..] else { panic!("{:?}", config.corridors) };
        assert_eq!(
            (corridor_read.speed.0, corridor_read.places[1].out, corridor_read.places[1].back),
            (10.0, 2, 1)
        );
        let bad = corridor(0, &(place("j1", 5, 1) + &place("j 2", 5, 0)));
        check(
            &format!("{hall}{bad}{}", corridor(30, "")),
            "hall.toml: corridor \"a\": speed_kmh 0 is outside 5..=100; corridor \"a\": at_m must grow from junction to \
             junction, up to 100000; corridor \"a\": junction \"j 2\": ",
        );
    }

    #[test]
    fn areas_are_refused_whole() {
        let hall = "[hall]\ndata_dir = \"d\"\nlisten = \"0.0.0.0:1\"\n[bus]\nlisten = \"0.0.0.0:2\"\n";
        let good = "[[area]]\nid = \"ba-dinh\"\nname = \"Ba Đình\"\njunctions = [\"j1\"]\n";
        let config = Config::parse(Path::new("hall.toml"), &format!("{hall}{good}")).unwrap();
        assert_eq!(config.areas[0].name, "Ba Đình");
        let bad = "[[area]]\nid = \"*\"\nname = \" \"\n[[area]]\nid = \"b\"\nname = \"B\"\ncorners = [[21.0, 105.0]]\n";
        check(
            &format!("{hall}{bad}"),
            "hall.toml: area \"*\": the id must be of a-z, 0-9 and -; area \"*\": the name is empty; people read it; \
             area \"*\": needs junctions or corners; area \"b\": corners: at least three pairs of latitude and longitude",
        );
    }

    #[test]
    fn one_port_cannot_serve_both() {
        check(
            "[hall]\ndata_dir = \"d\"\nlisten = \"0.0.0.0:1\"\n[bus]\nlisten = \"0.0.0.0:1\"\n",
            "hall.toml: hall.listen and bus.listen are both 0.0.0.0:1; give each its own port",
        );
    }
}
