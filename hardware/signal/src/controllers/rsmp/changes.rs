//! When signal groups go to green and to red, out of S0025 of each group's component. Pure.

use models_domain::UtcMillis;
use models_domain::signal::{Aspect, Change, Until};

use super::message::{Quality, Status};
use super::outgoing::StatusName;
use super::sxl::{Code, SxlVersion};
use crate::order::Value;

/// "Time-of-Green / Time-of-Red".
const CODE: &str = "S0025";

const NAMES: [&str; 6] = [
    "minToGEstimate",
    "maxToGEstimate",
    "likelyToGEstimate",
    "minToREstimate",
    "maxToREstimate",
    "likelyToREstimate",
];

/// What is subscribed to of each group; nothing where the site's list has it not.
pub fn names(version: SxlVersion) -> Vec<StatusName> {
    let has = |name: &&str| {
        Code::status(CODE).is_some_and(|known| known.arguments(version).any(|a| a.name == *name))
    };
    NAMES.into_iter().filter(has).map(|name| StatusName { code: CODE, name }).collect()
}

/// Of one group; by our clock.
#[derive(Debug, Clone, Copy, Default)]
struct Estimate {
    green: Times,
    red: Times,
}

#[derive(Debug, Clone, Copy, Default)]
struct Times {
    min: Option<UtcMillis>,
    max: Option<UtcMillis>,
    likely: Option<UtcMillis>,
}

impl Times {
    fn change(self, until: Until) -> Option<Change> {
        let earliest = self.min.or(self.likely)?;
        Some(Change { earliest, latest: self.max, likely: self.likely, until })
    }
}

/// What the site foretold last, of each group in its order.
#[derive(Debug, Default)]
pub struct Estimates {
    by_group: Vec<Estimate>,
    /// What was told of them last.
    told: Vec<Option<Change>>,
}

impl Estimates {
    /// Takes over what `status`, which arrived at `now`, says of the group `index`. Times are the controller's, and so is the time of
    /// the status: between the two its clock may be off by anything. Buffered values are of a time that has passed.
    pub fn learn(&mut self, index: usize, now: UtcMillis, status: &Status) {
        if self.by_group.len() <= index {
            self.by_group.resize(index + 1, Estimate::default());
        }
        let Some(estimate) = self.by_group.get_mut(index) else { return };
        for value in status.values.iter().filter(|value| value.code == CODE) {
            let slot = match value.name.as_str() {
                "minToGEstimate" => &mut estimate.green.min,
                "maxToGEstimate" => &mut estimate.green.max,
                "likelyToGEstimate" => &mut estimate.green.likely,
                "minToREstimate" => &mut estimate.red.min,
                "maxToREstimate" => &mut estimate.red.max,
                "likelyToREstimate" => &mut estimate.red.likely,
                _ => continue,
            };
            let known = Code::status(CODE).and_then(|code| code.argument(&value.name));
            *slot = match (value.quality, known.and_then(|known| known.read(&value.value).ok())) {
                (Quality::Recent, Some(Value::Time(at))) => Some(now + at.since(status.at.0)),
                (Quality::Old, _) => continue,
                (Quality::Recent | Quality::Undefined | Quality::Unknown, _) => None,
            };
        }
    }

    /// When each group may change from what `groups` (S0001) shows, when that is not what was told last.
    pub fn news(&mut self, groups: &str) -> Option<Vec<Option<Change>>> {
        if self.by_group.is_empty() {
            return None;
        }
        let estimates = self.by_group.iter().copied().chain(std::iter::repeat(Estimate::default()));
        let now: Vec<Option<Change>> =
            groups.chars().map(Aspect::of).zip(estimates).map(|(aspect, one)| next(aspect, one)).collect();
        let same = |(a, b): (&Option<Change>, &Option<Change>)| match (a, b) {
            (Some(a), Some(b)) => a.is_near(b),
            (None, None) => true,
            (Some(_), None) | (None, Some(_)) => false,
        };
        if self.told.len() == now.len() && self.told.iter().zip(&now).all(same) {
            return None;
        }
        self.told.clone_from(&now);
        Some(now)
    }
}

fn next(aspect: Aspect, estimate: Estimate) -> Option<Change> {
    match aspect {
        Aspect::Red | Aspect::RedYellow => estimate.green.change(Until::Change),
        Aspect::Green | Aspect::FlashingGreen => estimate.red.change(Until::Red),
        Aspect::Yellow => estimate.red.change(Until::Change),
        Aspect::FlashingYellow | Aspect::FlashingRed | Aspect::Dark | Aspect::Unknown => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::message::{Body, decode};
    use super::*;

    /// `min=+5 likely=+7/unknown`, seconds after the status's time, which is an hour behind ours.
    fn learn(estimates: &mut Estimates, group: usize, values: &str) {
        let value = |text: &str| {
            let (name, rest) = text.split_once('=').unwrap();
            let (seconds, quality) = rest.split_once('/').unwrap_or((rest, "recent"));
            let seconds: i64 = seconds.parse().unwrap();
            format!(
                r#"{{"sCI":"S0025","n":"{name}Estimate","s":"2026-01-01T00:00:{seconds:02}.000Z","q":"{quality}"}}"#
            )
        };
        let values: Vec<String> = values.split(' ').map(value).collect();
        let packet = format!(
            r#"{{"mType":"rSMsg","type":"StatusUpdate","mId":"1","cId":"SG1","sTs":"2026-01-01T00:00:00.000Z","sS":[{}]}}"#,
            values.join(",")
        );
        let Body::Status(status) = decode(packet.as_bytes()).unwrap().body else { panic!("no status") };
        estimates.learn(group, NOW, &status);
    }

    const NOW: UtcMillis = UtcMillis(1_767_225_600_000 + 3_600_000);

    /// Seconds from now on, a group: earliest, latest, likely, and whether that is red's begin.
    fn told(estimates: &mut Estimates, groups: &str) -> Option<String> {
        let s = |at: UtcMillis| at.since(NOW).0 / 1_000;
        let one = |change: &Option<Change>| match change {
            Some(c) => format!("{}-{:?} {:?} {:?}", s(c.earliest), c.latest.map(s), c.likely.map(s), c.until),
            None => "-".to_owned(),
        };
        estimates.news(groups).map(|all| all.iter().map(one).collect::<Vec<_>>().join("; "))
    }

    #[test]
    fn red_groups_wait_for_green_and_green_ones_for_red() {
        let mut all = Estimates::default();
        assert_eq!(told(&mut all, "1B"), None);
        learn(&mut all, 0, "minToG=40 maxToG=50 likelyToG=45 minToR=5 maxToR=9 likelyToR=7");
        let green = "5-Some(9) Some(7) Red; -";
        assert_eq!(told(&mut all, "1B").as_deref(), Some(green));
        assert_eq!(told(&mut all, "1B"), None);
        // Other kinds of green are the same green; yellow ends with red.
        assert_eq!(told(&mut all, "4B"), None);
        assert_eq!(told(&mut all, "NB").as_deref(), Some("5-Some(9) Some(7) Change; -"));
        assert_eq!(told(&mut all, "BB").as_deref(), Some("40-Some(50) Some(45) Change; -"));
        assert_eq!(told(&mut all, "cc").as_deref(), Some("-; -"));
    }

    #[test]
    fn what_is_likely_will_do_and_what_is_not_known_any_more_is_not_told() {
        let mut all = Estimates::default();
        learn(&mut all, 1, "likelyToG=20");
        assert_eq!(told(&mut all, "BB").as_deref(), Some("-; 20-None Some(20) Change"));
        learn(&mut all, 1, "likelyToG=30/old");
        assert_eq!(told(&mut all, "BB"), None);
        learn(&mut all, 1, "likelyToG=30/unknown");
        assert_eq!(told(&mut all, "BB").as_deref(), Some("-; -"));
    }

    #[test]
    fn every_list_has_all_of_it() {
        for version in ["1.0.15", "1.1.0", "1.2.1", "1.3.0"] {
            assert_eq!(names(SxlVersion::parse(version)).len(), NAMES.len(), "{version}");
        }
    }
}
