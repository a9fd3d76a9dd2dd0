//! Requests for signal priority (M0022, S0033). Pure.

use serde_json::{Value, json};

use crate::args::Args;
use crate::components::Component;
use crate::config::Site;
use crate::rsmp::timestamp;

/// Requests a site keeps at once.
const REQUESTS_MAX: usize = 64;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Received,
    Queued,
    Activated,
    Completed,
    Timeout,
    Rejected,
    Stale,
}

impl Stage {
    fn word(self) -> &'static str {
        match self {
            Self::Received => "received",
            Self::Queued => "queued",
            Self::Activated => "activated",
            Self::Completed => "completed",
            Self::Timeout => "timeout",
            Self::Rejected => "rejected",
            Self::Stale => "stale",
        }
    }

    fn is_end(self) -> bool {
        match self {
            Self::Received | Self::Queued | Self::Activated => false,
            Self::Completed | Self::Timeout | Self::Rejected | Self::Stale => true,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Request {
    id: String,
    /// From 0; `None`: not one that this site knows.
    group: Option<usize>,
    stage: Stage,
    since_ms: i64,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Priorities(Vec<Request>);

impl Priorities {
    /// Does an M0022.
    ///
    /// # Errors
    /// The reason for a MessageNotAck.
    pub fn ask(&mut self, site: &Site, at_ms: i64, args: &Args<'_>) -> Result<(), String> {
        let id = args.text("requestId")?;
        if let Some(word) = args.find("vehicleType")
            && !VEHICLES.contains(&word)
        {
            return Err(format!("vehicleType {word:?} is none"));
        }
        for (name, most) in [("level", 14), ("eta", 255)] {
            if args.find(name).is_some() {
                args.number(name, 0, most)?;
            }
        }
        let full = self.0.len() >= REQUESTS_MAX;
        let known = self.0.iter_mut().find(|request| request.id == id && !request.stage.is_end());
        match (args.text("type")?, known) {
            ("new", Some(_)) => Err(format!("a request {id:?} is there already")),
            ("new", None) if full => Err("too many requests".to_owned()),
            ("new", None) => {
                let group = args.find("signalGroupId").and_then(|name| match Component::of(site, name) {
                    Some(Component::Group(index)) => Some(index),
                    Some(Component::Controller | Component::Detector(_)) | None => None,
                });
                let request = Request { id: id.to_owned(), group, stage: Stage::Received, since_ms: at_ms };
                self.0.push(request);
                Ok(())
            }
            ("update", Some(_)) => Ok(()),
            ("cancel", Some(request)) => {
                request.stage = match request.stage {
                    Stage::Received => Stage::Rejected,
                    Stage::Queued => Stage::Timeout,
                    Stage::Activated => Stage::Completed,
                    end @ (Stage::Completed | Stage::Timeout | Stage::Rejected | Stage::Stale) => end,
                };
                request.since_ms = at_ms;
                Ok(())
            }
            ("update" | "cancel", None) => Err(format!("there is no request {id:?}")),
            _ => Err("type must be new, update or cancel".to_owned()),
        }
    }

    /// One step of each, once the steps before were told; what has ended and was told is forgotten. A request that waits, or
    /// that nobody cancels, ends after `longest_ms`.
    pub fn step(&mut self, site: &Site, at_ms: i64, longest_ms: i64) {
        self.0.retain(|request| !request.stage.is_end());
        for index in 0..self.0.len() {
            let Some(request) = self.0.get(index) else { continue };
            let late = at_ms - request.since_ms >= longest_ms;
            let free = request.group.is_some_and(|group| self.is_free_for(site, group));
            let next = match request.stage {
                Stage::Received if request.group.is_none() => Stage::Rejected,
                Stage::Received | Stage::Queued if free => Stage::Activated,
                Stage::Received => Stage::Queued,
                Stage::Queued if late => Stage::Timeout,
                Stage::Activated if late => Stage::Stale,
                Stage::Queued
                | Stage::Activated
                | Stage::Completed
                | Stage::Timeout
                | Stage::Rejected
                | Stage::Stale => request.stage,
            };
            if let Some(request) = self.0.get_mut(index).filter(|request| request.stage != next) {
                request.stage = next;
                request.since_ms = at_ms;
            }
        }
    }

    /// Only requests of one stage of the plan are active together.
    fn is_free_for(&self, site: &Site, group: usize) -> bool {
        site.stages.iter().any(|stage| {
            stage.groups.contains(&(group + 1))
                && self.active().all(|active| stage.groups.contains(&(active + 1)))
        })
    }

    /// Groups, from 0, that have priority.
    pub fn active(&self) -> impl Iterator<Item = usize> {
        self.0.iter().filter(|request| request.stage == Stage::Activated).filter_map(|request| request.group)
    }

    /// S0033; `ahead_ms`: by how much the site's clock is ahead of the machine's.
    pub fn list(&self, ahead_ms: i64) -> Value {
        let one = |request: &Request| json!({ "r": request.id, "t": timestamp(request.since_ms + ahead_ms), "s": request.stage.word() });
        self.0.iter().map(one).collect()
    }
}

const VEHICLES: [&str; 12] = [
    "pedestrian",
    "bicycle",
    "motorcycle",
    "car",
    "bus",
    "lightTruck",
    "heavyTruck",
    "tram",
    "emergency",
    "safetyCar",
    "specialTransport",
    "other",
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    #[test]
    fn requests_of_one_stage_go_together_and_others_wait() {
        let street = include_str!("../../../../deploy/config/street-signals.toml");
        let site = Config::parse(street).unwrap().sites.remove(0);
        let mut all = Priorities::default();
        let mut seen = Vec::new();
        let ask = |all: &mut Priorities, at_ms, id: &str, kind: &str, group: &str| {
            let argument = |(name, value): (&str, &str)| json!({ "n": name, "v": value });
            let values = [("requestId", id), ("type", kind), ("signalGroupId", group)].map(argument);
            all.ask(&site, at_ms, &Args(values.iter().collect()))
        };
        let group = |number: u8| format!("HN+AG0101=001SG{number:03}");
        ask(&mut all, 0, "a", "new", &group(1)).unwrap();
        ask(&mut all, 0, "b", "new", &group(2)).unwrap();
        ask(&mut all, 0, "c", "new", &group(3)).unwrap();
        ask(&mut all, 0, "d", "new", "nowhere").unwrap();
        assert!(ask(&mut all, 0, "a", "new", &group(1)).is_err());
        assert!(ask(&mut all, 0, "e", "cancel", "").is_err());
        let tell = |all: &Priorities, seen: &mut Vec<String>| {
            let list = all.list(0);
            let words: Vec<_> =
                list.as_array().unwrap().iter().map(|one| one["s"].as_str().unwrap()).collect();
            seen.push(words.join(" "));
        };
        tell(&all, &mut seen);
        for at_ms in [100, 200] {
            all.step(&site, at_ms, 1_000);
            tell(&all, &mut seen);
        }
        ask(&mut all, 300, "a", "cancel", "").unwrap();
        tell(&all, &mut seen);
        for at_ms in [400, 1_100, 1_200, 2_200, 2_300] {
            all.step(&site, at_ms, 1_000);
            tell(&all, &mut seen);
        }
        assert_eq!(
            seen,
            [
                "received received received received",
                "activated activated queued rejected",
                "activated activated queued",
                "completed activated queued",
                "activated queued",
                "stale activated",
                "activated",
                "stale",
                "",
            ]
        );
    }
}
