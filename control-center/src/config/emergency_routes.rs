//! Ways of vehicles that must not wait, which turn from one street into another.

use std::collections::BTreeSet;

use models_domain::signal::corridor::Corridor;
use models_domain::signal::route::{Pass, Route};
use models_domain::{JunctionId, Meters};
use serde::Deserialize;

use super::named;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawRoute {
    id: String,
    name: String,
    #[serde(default)]
    junction: Vec<RawPass>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawPass {
    id: String,
    at_m: f64,
    /// The signal group by which the way goes on, as people count them.
    group: u16,
}

/// A run is asked for by the id of a corridor or a route, so none may be both.
pub(super) fn check(raw: Vec<RawRoute>, corridors: &[Corridor], problems: &mut Vec<String>) -> Vec<Route> {
    let mut ids = BTreeSet::new();
    raw.into_iter().filter_map(|route| route.check(corridors, &mut ids, problems)).collect()
}

impl RawRoute {
    fn check(
        self,
        corridors: &[Corridor],
        ids: &mut BTreeSet<String>,
        problems: &mut Vec<String>,
    ) -> Option<Route> {
        let before = problems.len();
        let mut wrong = |what: String| problems.push(format!("emergency_route {:?}: {what}", self.id));
        named(&self.id, &self.name, ids, &mut wrong);
        if let Some(corridor) = corridors.iter().find(|corridor| corridor.id == self.id) {
            let (corridor, route) = (&corridor.name, &self.name);
            wrong(format!(
                "it is the id of the [[corridor]] {corridor:?} too; give the route {route:?} another"
            ));
        }
        if self.junction.len() < 2 {
            wrong("needs at least two [[emergency_route.junction]]".into());
        }
        let sane = |pass: &RawPass| (0.0..100_000.0).contains(&pass.at_m);
        let grows = self.junction.windows(2).all(|pair| pair[0].at_m < pair[1].at_m);
        if !grows || !self.junction.iter().all(sane) {
            wrong(
                "at_m is along the way, and must grow from junction to junction, from 0 up to 100000".into(),
            );
        }
        let mut seen = BTreeSet::new();
        let mut passes = Vec::new();
        for pass in &self.junction {
            if !seen.insert(&pass.id) {
                wrong(format!("junction {:?} is twice on it; a way comes to each junction once", pass.id));
            }
            let group = pass.group.checked_sub(1).and_then(|group| u8::try_from(group).ok());
            match (pass.id.parse::<JunctionId>(), group) {
                (Err(bad), _) => wrong(format!("junction {:?}: {bad}", pass.id)),
                (Ok(_), None) => wrong(format!(
                    "junction {:?}: group {} is no signal group, from 1 to 256",
                    pass.id, pass.group
                )),
                (Ok(junction), Some(group)) => {
                    passes.push(Pass { junction, at: Meters(pass.at_m), group });
                }
            }
        }
        let first = passes.first().map_or(0.0, |first| first.at.0);
        passes.iter_mut().for_each(|pass| pass.at = Meters(pass.at.0 - first));
        (problems.len() == before).then_some(Route { id: self.id, name: self.name, passes })
    }
}

#[cfg(test)]
mod tests {
    use models_domain::MetersPerSecond;

    use super::*;

    #[derive(Debug, Deserialize)]
    struct File {
        emergency_route: Vec<RawRoute>,
    }

    fn read(text: &str) -> Result<Vec<Route>, String> {
        let file: File = toml::from_str(text).map_err(|e| e.to_string())?;
        let speed = MetersPerSecond(10.0);
        let corridor = Corridor { id: "street".into(), name: "A – B".into(), speed, places: Vec::new() };
        let mut problems = Vec::new();
        let routes = check(file.emergency_route, &[corridor], &mut problems);
        if problems.is_empty() { Ok(routes) } else { Err(problems.join("; ")) }
    }

    fn route(id: &str, name: &str) -> String {
        format!("[[emergency_route]]\nid = \"{id}\"\nname = \"{name}\"\n")
    }

    fn pass(id: &str, at_m: f64, group: u16) -> String {
        format!("[[emergency_route.junction]]\nid = \"{id}\"\nat_m = {at_m:?}\ngroup = {group}\n")
    }

    #[test]
    fn junctions_may_lie_on_several() {
        let text = route("one", "One") + &pass("a", 50.0, 1) + &pass("b", 450.0, 4);
        let routes =
            read(&(text + &route("two", "Two") + &pass("b", 0.0, 2) + &pass("a", 400.0, 256))).unwrap();
        let told = |route: &Route| -> Vec<_> {
            route.passes.iter().map(|pass| (pass.junction.to_string(), pass.at.0, pass.group)).collect()
        };
        assert_eq!(told(&routes[0]), [("a".to_owned(), 0.0, 0), ("b".to_owned(), 400.0, 3)]);
        assert_eq!(told(&routes[1]), [("b".to_owned(), 0.0, 1), ("a".to_owned(), 400.0, 255)]);
    }

    #[test]
    fn every_problem_at_once() {
        let bad = route("Out", " ") + &pass("a", 5.0, 0) + &pass("b c", 5.0, 1) + &pass("a", 9.0, 257);
        let clash = route("street", "Turn") + &pass("a", 0.0, 1);
        let said = read(&(bad + &clash)).unwrap_err();
        for want in [
            "emergency_route \"Out\": the id must be of a-z, 0-9 and -; emergency_route \"Out\": the name is empty; people read it; \
             emergency_route \"Out\": at_m is along the way, and must grow from junction to junction, from 0 up to 100000; \
             emergency_route \"Out\": junction \"a\": group 0 is no signal group, from 1 to 256; \
             emergency_route \"Out\": junction \"b c\": ",
            "emergency_route \"Out\": junction \"a\" is twice on it; a way comes to each junction once; \
             emergency_route \"Out\": junction \"a\": group 257 is no signal group, from 1 to 256; \
             emergency_route \"street\": it is the id of the [[corridor]] \"A – B\" too; give the route \"Turn\" another; \
             emergency_route \"street\": needs at least two [[emergency_route.junction]]",
        ] {
            assert!(said.contains(want), "{want:?} is not in {said:?}");
        }
        let backwards = route("r", "R") + &pass("a", 10.0, 1) + &pass("b", 2.0, 1);
        assert!(read(&backwards).unwrap_err().contains("must grow"));
    }
}
