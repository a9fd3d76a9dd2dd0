//! Where late buses may have green: the junction's bounds, its stop lines, and who counts the others.

use std::collections::BTreeSet;

use models_domain::geo::LatLon;
use models_domain::signal::GroupSet;
use models_domain::signal::bus_priority::{Approach, Bounds, Setup, Unknown};
use models_domain::{Degrees, DurationMs, JunctionId, Meters, MetersPerSecond};
use serde::Deserialize;

use super::advices::{RawLine, groups, lines};
use super::named;
use crate::signals::advice::Counter;
use crate::signals::bus_priority::{Others, Priority};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawPriority {
    id: String,
    name: String,
    junction: String,
    late_from_s: Option<i64>,
    ahead_s: Option<i64>,
    green_max_s: Option<i64>,
    rest_s: Option<i64>,
    #[serde(default)]
    over_calendar: bool,
    others_max_per_h: Option<f64>,
    /// Numbers of the controller's detectors that count the others together.
    #[serde(default)]
    others_detectors: Vec<u16>,
    /// Lines of cameras that do.
    #[serde(default)]
    others_line: Vec<RawLine>,
    unknown_load: Option<RawUnknown>,
    #[serde(default)]
    approach: Vec<RawApproach>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum RawUnknown {
    Nothing,
    AsQuiet,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawApproach {
    name: String,
    /// As people count them.
    groups: Vec<u16>,
    /// Latitude and longitude.
    stop_line: (f64, f64),
    heading_deg: f64,
    #[serde(default = "reach")]
    reach_m: f64,
    #[serde(default = "in_town")]
    speed_kmh: f64,
    #[serde(default)]
    routes: Vec<String>,
}

fn reach() -> f64 {
    250.0
}

fn in_town() -> f64 {
    25.0
}

pub(super) fn check(raw: Vec<RawPriority>, problems: &mut Vec<String>) -> Vec<Priority> {
    let (mut ids, mut junctions) = (BTreeSet::new(), BTreeSet::new());
    raw.into_iter().filter_map(|priority| priority.check(&mut ids, &mut junctions, problems)).collect()
}

impl RawPriority {
    fn check(
        self,
        ids: &mut BTreeSet<String>,
        junctions: &mut BTreeSet<String>,
        problems: &mut Vec<String>,
    ) -> Option<Priority> {
        let before = problems.len();
        let mut wrong = |what: String| problems.push(format!("bus_priority {:?}: {what}", self.id));
        named(&self.id, &self.name, ids, &mut wrong);
        if !junctions.insert(self.junction.clone()) {
            wrong("a junction has one [[bus_priority]]".into());
        }
        let junction = self.junction.parse::<JunctionId>();
        if let Err(bad) = &junction {
            wrong(format!("junction {:?}: {bad}", self.junction));
        }
        let bounds = self.bounds(&mut wrong);
        let others = self.others(&mut wrong);
        if self.approach.is_empty() {
            wrong("needs a [[bus_priority.approach]]".into());
        }
        let mut names = BTreeSet::new();
        let mut approaches = Vec::new();
        for approach in &self.approach {
            if !names.insert(&approach.name) {
                wrong(format!("approach {:?}: each needs a name of its own", approach.name));
            }
            approaches.push(approach.check(|what| wrong(format!("approach {:?}: {what}", approach.name))));
        }
        let setup = Setup { id: self.id, name: self.name, junction: junction.ok()?, bounds, approaches };
        (problems.len() == before).then_some(Priority { setup, others })
    }

    fn bounds(&self, wrong: &mut impl FnMut(String)) -> Bounds {
        let usual = Bounds::default();
        let mut seconds = |key: &str, asked: Option<i64>, usual: DurationMs, within: (i64, i64)| {
            let seconds = asked.unwrap_or(usual.0 / 1_000);
            if !(within.0..=within.1).contains(&seconds) {
                wrong(format!("{key} {seconds} is outside {}..={}", within.0, within.1));
            }
            DurationMs(seconds.saturating_mul(1_000))
        };
        Bounds {
            late_from: seconds("late_from_s", self.late_from_s, usual.late_from, (30, 3_600)),
            ahead: seconds("ahead_s", self.ahead_s, usual.ahead, (5, 45)),
            green_max: seconds("green_max_s", self.green_max_s, usual.green_max, (10, 60)),
            rest: seconds("rest_s", self.rest_s, usual.rest, (60, 3_600)),
            over_calendar: self.over_calendar,
            unknown_load: match self.unknown_load {
                Some(RawUnknown::Nothing) | None => Unknown::Nothing,
                Some(RawUnknown::AsQuiet) => Unknown::AsQuiet,
            },
        }
    }

    fn others(&self, wrong: &mut impl FnMut(String)) -> Option<Others> {
        let mut counters: Vec<Counter> =
            self.others_detectors.iter().copied().map(Counter::Detector).collect();
        counters.extend(lines(&self.others_line, &mut *wrong));
        match self.others_max_per_h {
            None if counters.is_empty() && self.unknown_load.is_none() => None,
            Some(max_per_h) if !counters.is_empty() => {
                if !(1.0..=20_000.0).contains(&max_per_h) {
                    wrong(format!("others_max_per_h {max_per_h} is outside 1..=20000"));
                }
                Some(Others { counters, max_per_h })
            }
            None | Some(_) => {
                wrong(
                    "others_max_per_h and others_detectors or [[bus_priority.others_line]] go together: how many others are \
                     too many, and who counts them; unknown_load says what holds when they have not counted"
                        .into(),
                );
                None
            }
        }
    }
}

impl RawApproach {
    fn check(&self, mut wrong: impl FnMut(&str)) -> Approach {
        if self.name.trim().is_empty() {
            wrong("the name is empty; people read it");
        }
        let groups = groups(&self.groups).filter(|groups| !groups.is_empty()).unwrap_or_else(|| {
            wrong("groups are the signal groups that let a bus go, from 1 to 256");
            GroupSet::EMPTY
        });
        let line = LatLon::new(self.stop_line.0, self.stop_line.1);
        if !line.is_sane() {
            wrong("stop_line is latitude and longitude");
        }
        if !(0.0..360.0).contains(&self.heading_deg) {
            wrong("heading_deg is where buses drive to that cross it, from 0 (north) to 360");
        }
        if !(30.0..=800.0).contains(&self.reach_m) {
            wrong("reach_m is outside 30..=800");
        }
        if !(5.0..=80.0).contains(&self.speed_kmh) {
            wrong("speed_kmh is outside 5..=80");
        }
        Approach {
            name: self.name.clone(),
            groups,
            line,
            heading: Degrees(self.heading_deg),
            reach: Meters(self.reach_m),
            speed: MetersPerSecond::from_kmh(self.speed_kmh),
            routes: self.routes.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize)]
    struct File {
        bus_priority: Vec<RawPriority>,
    }

    fn read(text: &str) -> Result<Vec<Priority>, String> {
        let file: File = toml::from_str(text).map_err(|e| e.to_string())?;
        let mut problems = Vec::new();
        let all = check(file.bus_priority, &mut problems);
        if problems.is_empty() { Ok(all) } else { Err(problems.join("; ")) }
    }

    const HEAD: &str = "[[bus_priority]]\nid = \"p\"\nname = \"P\"\njunction = \"j\"\n";
    const APPROACH: &str = "[[bus_priority.approach]]\nname = \"A\"\ngroups = [2]\nstop_line = [21.0, 105.8]\nheading_deg = 90\n";

    #[test]
    fn bounds_are_there_unless_it_says_otherwise() {
        let [one] = &read(&format!("{HEAD}{APPROACH}")).unwrap()[..] else { panic!("one") };
        assert_eq!((one.setup.bounds, &one.others), (Bounds::default(), &None));
        let approach = &one.setup.approaches[0];
        assert_eq!((approach.groups.to_string().as_str(), approach.reach), ("2", Meters(250.0)));
        let more = "late_from_s = 60\ngreen_max_s = 20\nover_calendar = true\nothers_max_per_h = 900\nothers_detectors = [1, 2]\n\
                    unknown_load = \"as_quiet\"\n";
        let [one] = &read(&format!("{HEAD}{more}{APPROACH}")).unwrap()[..] else { panic!("one") };
        let bounds = one.setup.bounds;
        assert_eq!((bounds.late_from.0, bounds.green_max.0, bounds.rest.0), (60_000, 20_000, 120_000));
        assert!(bounds.over_calendar && bounds.unknown_load == Unknown::AsQuiet);
        assert_eq!(one.others.as_ref().unwrap().counters, [Counter::Detector(1), Counter::Detector(2)]);
    }

    #[test]
    fn every_problem_at_once() {
        let bad = "[[bus_priority]]\nid = \"P\"\nname = \" \"\njunction = \"a b\"\nlate_from_s = 0\ngreen_max_s = 600\nrest_s = 5\n\
                   others_max_per_h = 900\n[[bus_priority.approach]]\nname = \"\"\ngroups = [0]\nstop_line = [210, 0]\n\
                   heading_deg = 400\nreach_m = 5000\nspeed_kmh = 1\n";
        let said = read(&format!("{bad}{HEAD}{HEAD}{APPROACH}{APPROACH}")).unwrap_err();
        for want in [
            "bus_priority \"P\": the id must be of a-z, 0-9 and -; bus_priority \"P\": the name is empty; people read it; \
             bus_priority \"P\": junction \"a b\": ",
            "late_from_s 0 is outside 30..=3600; bus_priority \"P\": green_max_s 600 is outside 10..=60; \
             bus_priority \"P\": rest_s 5 is outside 60..=3600; ",
            "bus_priority \"P\": others_max_per_h and others_detectors or [[bus_priority.others_line]] go together: ",
            "approach \"\": the name is empty; people read it; bus_priority \"P\": approach \"\": groups are the signal groups",
            "stop_line is latitude and longitude; ",
            "heading_deg is where buses drive to that cross it, from 0 (north) to 360; ",
            "reach_m is outside 30..=800; bus_priority \"P\": approach \"\": speed_kmh is outside 5..=80; ",
            "bus_priority \"p\": needs a [[bus_priority.approach]]; bus_priority \"p\": each needs an id of its own; \
             bus_priority \"p\": a junction has one [[bus_priority]]; \
             bus_priority \"p\": approach \"A\": each needs a name of its own",
        ] {
            assert!(said.contains(want), "{want:?} is not in {said:?}");
        }
        let unknown = read(&format!("{HEAD}reach = 5\n{APPROACH}")).unwrap_err();
        assert!(
            unknown.contains("line 5, column 1") && unknown.contains("unknown field `reach`"),
            "{unknown}"
        );
    }
}
