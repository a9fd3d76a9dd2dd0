//! The street's configuration: routes, and how many buses of which make drive on each.

use std::path::Path;

use anyhow::{Context, bail, ensure};
use serde::Deserialize;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Seconds between two reports of a moving bus.
    pub moving_report_s: u32,
    /// Seconds between two reports of a standing bus.
    pub stopped_report_s: u32,
    pub heartbeat_s: u32,
    pub route: Vec<Route>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Route {
    pub id: String,
    pub name: String,
    pub gt06_buses: u16,
    pub jt808_buses: u16,
    /// Latitude and longitude along the street, from one end to the other.
    pub points: Vec<(f64, f64)>,
    /// Which of the points are stops.
    pub stops: Vec<usize>,
}

impl Config {
    pub fn load(path: &Path) -> anyhow::Result<Self> {
        let text = std::fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
        let config: Config = toml::from_str(&text).with_context(|| format!("parsing {}", path.display()))?;
        config.check().with_context(|| format!("using {}", path.display()))?;
        Ok(config)
    }

    fn check(&self) -> anyhow::Result<()> {
        ensure!(
            self.moving_report_s > 0 && self.stopped_report_s > 0 && self.heartbeat_s > 0,
            "a period of 0 s"
        );
        ensure!(!self.route.is_empty(), "no route");
        for route in &self.route {
            let here = |(lat, lon): &(f64, f64)| (20.5..21.5).contains(lat) && (105.2..106.2).contains(lon);
            if let Some(point) = route.points.iter().find(|p| !here(p)) {
                bail!("route {} ({}): point {point:?} is not in Hanoi", route.id, route.name);
            }
            ensure!(route.points.len() >= 2, "route {} ({}) has less than 2 points", route.id, route.name);
            let known = route.stops.iter().all(|&stop| stop < route.points.len());
            ensure!(known, "route {} ({}) has a stop that is not one of its points", route.id, route.name);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_street_has_twenty_buses_of_both_makes() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../..");
        let config = Config::load(&root.join("deploy/config/street-buses.toml")).unwrap();
        let (gt06, jt808) =
            config.route.iter().fold((0, 0), |(g, j), r| (g + r.gt06_buses, j + r.jt808_buses));
        assert_eq!((config.route.len(), gt06, jt808), (3, 10, 10));
    }

    #[test]
    fn a_point_elsewhere_is_refused_by_name() {
        let text = "moving_report_s = 5\nstopped_report_s = 10\nheartbeat_s = 30\n\
                    [[route]]\nid = \"1\"\nname = \"x\"\ngt06_buses = 1\njt808_buses = 0\n\
                    points = [[21.0, 105.8], [10.8, 106.7]]\nstops = []\n";
        let config: Config = toml::from_str(text).unwrap();
        let err = config.check().unwrap_err().to_string();
        assert_eq!(err, "route 1 (x): point (10.8, 106.7) is not in Hanoi");
    }
}
