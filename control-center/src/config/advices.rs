//! What has to be known of a junction for advice: its stages, and who counts on its approaches; and whether orders are made of it.

use std::collections::BTreeSet;

use models_domain::count::Direction;
use models_domain::signal::GroupSet;
use models_domain::signal::adaptive::Lane;
use models_domain::signal::advice::{Approach, Setup, WARM_UP};
use models_domain::signal::plan::{Plan, Stage};
use models_domain::{DurationMs, JunctionId, MetersPerSecond};
use serde::Deserialize;

use super::steer::RawSteer;
use crate::signals::advice::{Advised, Counter};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawAdvice {
    junction: String,
    warm_up_s: Option<i64>,
    #[serde(default)]
    stage: Vec<RawStage>,
    #[serde(default)]
    approach: Vec<RawApproach>,
    /// Without it nothing is ordered.
    steer: Option<RawSteer>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawStage {
    /// Of vehicles, as people count them.
    groups: Vec<u16>,
    /// Those that give way to others in it.
    #[serde(default)]
    yielding: Vec<u16>,
    green_s: f64,
    green_min_s: f64,
    green_max_s: f64,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawApproach {
    name: String,
    groups: Vec<u16>,
    #[serde(default = "one_lane")]
    lanes: f64,
    #[serde(default = "in_town")]
    speed_kmh: f64,
    /// Numbers of the controller's detectors that count it together.
    #[serde(default)]
    detectors: Vec<u16>,
    /// Lines of cameras that count it together.
    #[serde(default)]
    line: Vec<RawLine>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawLine {
    camera: String,
    line: String,
    direction: Direction,
}

fn one_lane() -> f64 {
    1.0
}

fn in_town() -> f64 {
    40.0
}

/// `ahead`: the city's clocks less UTC.
pub(super) fn check(raw: Vec<RawAdvice>, ahead: DurationMs, problems: &mut Vec<String>) -> Vec<Advised> {
    let mut junctions = BTreeSet::new();
    raw.into_iter().filter_map(|advice| advice.check(&mut junctions, ahead, problems)).collect()
}

impl RawAdvice {
    fn check(
        self,
        junctions: &mut BTreeSet<String>,
        ahead: DurationMs,
        problems: &mut Vec<String>,
    ) -> Option<Advised> {
        let before = problems.len();
        let mut wrong = |what: String| problems.push(format!("advice {:?}: {what}", self.junction));
        let junction = match self.junction.parse::<JunctionId>() {
            Ok(junction) => Some(junction),
            Err(bad) => {
                wrong(format!("junction: {bad}"));
                None
            }
        };
        if !junctions.insert(self.junction.clone()) {
            wrong("a junction has one [[advice]]".into());
        }
        if self.stage.len() < 2 {
            wrong("needs at least two [[advice.stage]]: with one there is nothing to choose".into());
        }
        let mut stages = Vec::new();
        for (index, stage) in self.stage.iter().enumerate() {
            let wrong = |what: &str| wrong(format!("stage {}: {what}", index + 1));
            stages.push(stage.check(wrong));
        }
        let mut approaches = Vec::new();
        let mut counters = Vec::new();
        for approach in self.approach {
            let wrong = |name: &str, what: &str| wrong(format!("approach {name:?}: {what}"));
            let (approach, counted) = approach.check(wrong);
            approaches.push(approach);
            counters.push(counted);
        }
        let plan = Plan { stages, offset: DurationMs(0) };
        covered(&plan, &approaches, &mut wrong);
        let warm_up = self.warm_up_s.map_or(WARM_UP, |seconds| DurationMs(seconds.saturating_mul(1_000)));
        let least = if self.steer.is_some() { WARM_UP } else { DurationMs(20_000) };
        if !(least.0..=900_000).contains(&warm_up.0) {
            wrong(format!("warm_up_s {} is outside {}..=900", warm_up.seconds(), least.seconds()));
        }
        let steer = junction.clone().zip(self.steer);
        let steer = steer.map(|(junction, raw)| {
            raw.check(junction, &plan, ahead, |what| wrong(format!("[advice.steer]: {what}")))
        });
        let setup = Setup { plan, approaches };
        let advised = junction.map(|junction| Advised { junction, setup, counters, warm_up, steer });
        advised.filter(|_| problems.len() == before)
    }
}

/// Whether somebody is counted before every group of every stage, and no group is without a stage.
fn covered(plan: &Plan, approaches: &[Approach], wrong: &mut impl FnMut(String)) {
    for (index, stage) in plan.stages.iter().enumerate() {
        let counted = |group: u8| approaches.iter().any(|one: &Approach| one.lane.groups.contains(group));
        if let Some(group) = stage.greens.iter().find(|group| !counted(*group)) {
            wrong(format!(
                "stage {}: nobody is counted before group {}; give an [[advice.approach]] with it and its detectors or lines",
                index + 1,
                u16::from(group) + 1
            ));
        }
    }
    for Approach { name, lane } in approaches {
        if let Some(group) = lane.groups.minus(&plan.served()).iter().next() {
            wrong(format!(
                "approach {name:?}: group {} is green in no [[advice.stage]]",
                u16::from(group) + 1
            ));
        }
    }
}

impl RawStage {
    fn check(&self, mut wrong: impl FnMut(&str)) -> Stage {
        let (Some(greens), Some(yielding)) = (groups(&self.groups), groups(&self.yielding)) else {
            wrong("groups are numbers from 1 to 256");
            return stage(GroupSet::EMPTY, GroupSet::EMPTY, self);
        };
        if greens.is_empty() {
            wrong("groups is empty");
        }
        if !yielding.is_subset(&greens) {
            wrong("yielding names a group that is not green in it");
        }
        let sane = self.green_min_s >= 1.0
            && self.green_min_s <= self.green_s
            && self.green_s <= self.green_max_s
            && self.green_max_s <= 300.0;
        if !sane {
            wrong("must have 1 <= green_min_s <= green_s <= green_max_s <= 300");
        }
        stage(greens, yielding, self)
    }
}

fn stage(greens: GroupSet, yielding: GroupSet, raw: &RawStage) -> Stage {
    let ms = |seconds: f64| DurationMs((seconds * 1_000.0).round() as i64);
    let (green, green_min, green_max) = (ms(raw.green_s), ms(raw.green_min_s), ms(raw.green_max_s));
    Stage { greens, yielding, green, green_min, green_max }
}

impl RawApproach {
    fn check(self, mut wrong: impl FnMut(&str, &str)) -> (Approach, Vec<Counter>) {
        let Self { name, groups: raw, lanes, speed_kmh, detectors, line } = self;
        let groups = groups(&raw).filter(|groups| !groups.is_empty()).unwrap_or_else(|| {
            wrong(&name, "groups are the signal groups that let it go, from 1 to 256");
            GroupSet::EMPTY
        });
        if !(0.5..=8.0).contains(&lanes) {
            wrong(&name, "lanes is outside 0.5..=8");
        }
        if !(10.0..=100.0).contains(&speed_kmh) {
            wrong(&name, "speed_kmh is outside 10..=100");
        }
        if detectors.is_empty() == line.is_empty() {
            wrong(
                &name,
                "needs detectors of the controller or [[advice.approach.line]] of cameras, one of the two",
            );
        }
        let mut counters: Vec<Counter> = detectors.into_iter().map(Counter::Detector).collect();
        counters.extend(lines(&line, |what| wrong(&name, &what)));
        let width = lanes;
        let lane = Lane { groups, speed_free: MetersPerSecond::from_kmh(speed_kmh), width };
        (Approach { name, lane }, counters)
    }
}

/// Lines of cameras that count something.
pub(super) fn lines(raw: &[RawLine], mut wrong: impl FnMut(String)) -> Vec<Counter> {
    let mut counters = Vec::new();
    for RawLine { camera, line, direction } in raw {
        match (camera.parse(), line.parse()) {
            (Ok(camera), Ok(line)) => counters.push(Counter::Line { camera, line, direction: *direction }),
            (Err(bad), _) => wrong(format!("camera {camera:?}: {bad}")),
            (_, Err(bad)) => wrong(format!("line {line:?}: {bad}")),
        }
    }
    counters
}

/// As people count them, from 1.
pub(super) fn groups(numbers: &[u16]) -> Option<GroupSet> {
    let index = |number: &u16| number.checked_sub(1).and_then(|index| u8::try_from(index).ok());
    numbers.iter().map(index).collect()
}

#[cfg(test)]
mod tests {
    use models_domain::signal::advice::steer::Bounds;

    use super::*;

    #[derive(Debug, Deserialize)]
    struct File {
        advice: Vec<RawAdvice>,
    }

    fn read(text: &str) -> Result<Vec<Advised>, String> {
        let file: File = toml::from_str(text).map_err(|e| e.to_string())?;
        let mut problems = Vec::new();
        let advised = check(file.advice, DurationMs(0), &mut problems);
        if problems.is_empty() { Ok(advised) } else { Err(problems.join("; ")) }
    }

    fn stage(groups: &str) -> String {
        format!("[[advice.stage]]\ngroups = {groups}\ngreen_s = 20\ngreen_min_s = 8\ngreen_max_s = 50\n")
    }

    fn approach(groups: &str, by: &str) -> String {
        format!("[[advice.approach]]\nname = \"A\"\ngroups = {groups}\n{by}\n")
    }

    #[test]
    fn stages_and_who_counts_before_them() {
        let line = "[[advice.approach.line]]\ncamera = \"c\"\nline = \"l\"\ndirection = \"to_left\"";
        let text = "[[advice]]\njunction = \"j\"\n".to_owned()
            + &stage("[1]")
            + &stage("[2]")
            + &approach("[1]", "detectors = [4, 5]\nlanes = 2")
            + &approach("[2]", line);
        let [advised] = &read(&text).unwrap()[..] else { panic!("one junction") };
        assert_eq!(advised.counters[0], [Counter::Detector(4), Counter::Detector(5)]);
        assert!(matches!(&advised.counters[1][..], [Counter::Line { direction: Direction::ToLeft, .. }]));
        assert_eq!(advised.setup.approaches[0].lane.width, 2.0);
        assert_eq!(advised.setup.plan.stages[1].green_max, DurationMs(50_000));
        assert_eq!((advised.warm_up, &advised.steer), (WARM_UP, &None));
    }

    fn junction(more: &str) -> String {
        let approaches = approach("[1]", "detectors = [1]") + &approach("[2]", "detectors = [2]");
        format!("[[advice]]\njunction = \"j\"\n{more}") + &stage("[1]") + &stage("[2]") + &approaches
    }

    #[test]
    fn nothing_is_ordered_unless_it_says_so_and_within_bounds() {
        let steered = |more: &str| read(&junction(more)).map(|all| all.into_iter().next().unwrap());
        let usual = steered("[advice.steer]\nexits = \"unknown\"\n").unwrap().steer.unwrap();
        assert_eq!((usual.bounds, usual.exits.len()), (Bounds::default(), 0));
        let more = "warm_up_s = 150\n[advice.steer]\nstretch_max_s = 20\nlongest_wait_s = 90\nahead_s = 6\n\
                    [[advice.steer.exit]]\ngroups = [1, 2]\ndetectors = [7, 8]\n";
        let advised = steered(more).unwrap();
        let own = advised.steer.unwrap();
        assert_eq!((advised.warm_up.0, own.bounds.stretch_max.0), (150_000, 20_000));
        assert_eq!(
            (own.bounds.longest_wait, own.bounds.ahead),
            (Some(DurationMs(90_000)), DurationMs(6_000))
        );
        assert_eq!((own.exits[0].counters.len(), own.exits[0].full_from), (2, 0.6));
        let bad = "warm_up_s = 1\n[advice.steer]\nstretch_max_s = 6\nshorten_max_s = 99\nrounds = 0\n\
                   [[advice.steer.exit]]\ngroups = [9]\ndetectors = []\nfull_from = 2\n";
        let said = steered(bad).unwrap_err();
        for want in [
            "advice \"j\": warm_up_s 1 is outside 120..=900; advice \"j\": [advice.steer]: shorten_max_s 99 is outside 0..=60; ",
            "rounds 0 is outside 1..=20; advice \"j\": [advice.steer]: stretch_max_s 6 must be 2 more than ahead_s 8: ",
            "[advice.steer]: exit: groups are those of an [[advice.stage]]",
            "exit: detectors is empty; ",
            "exit: full_from 2 is outside 0.05..=1",
        ] {
            assert!(said.contains(want), "{want:?} is not in {said:?}");
        }
        let short = |shorten_s: i64| {
            steered(&format!("[advice.steer]\nexits = \"unknown\"\nshorten_max_s = {shorten_s}\n"))
        };
        assert!(short(10).unwrap_err().contains("shorten_max_s 10 must be 3 more than ahead_s 8, or 0"));
        assert_eq!(short(0).unwrap().steer.unwrap().bounds.shorten_max, DurationMs(0));
        let twice = steered(&("[advice.steer]\n".to_owned() + &stage("[2]"))).unwrap_err();
        assert!(twice.contains("stages 1 and 3 have the same groups"), "{twice}");
        assert!(steered("[advice.steer]\nstretch = 1\n").unwrap_err().contains("unknown field `stretch`"));
    }

    #[test]
    fn whoever_steers_knows_the_exits_or_says_that_he_does_not() {
        let steered = |more: &str| read(&junction(&format!("[advice.steer]\n{more}")));
        let missing = |groups: &str| {
            format!(
                "advice \"j\": [advice.steer]: no [[advice.steer.exit]] has groups {groups}: green would be held for them into a full \
                 street; give each its exit with detectors beyond the junction, or write exits = \"unknown\""
            )
        };
        let exit = |group: u8| format!("[[advice.steer.exit]]\ngroups = [{group}]\ndetectors = [{group}]\n");
        assert_eq!(steered("").unwrap_err(), missing("1 2"));
        assert_eq!(steered(&exit(2)).unwrap_err(), missing("1"));
        assert_eq!(steered(&(exit(1) + &exit(2))).unwrap()[0].steer.as_ref().unwrap().exits.len(), 2);
        let unknown = "exits = \"unknown\"\n".to_owned();
        assert_eq!(steered(&(unknown + &exit(2))).unwrap()[0].steer.as_ref().unwrap().exits.len(), 1);
        assert!(steered("exits = \"none\"\n").unwrap_err().contains("unknown variant `none`"));
    }

    #[test]
    fn what_is_missing_is_named_with_what_to_do() {
        let text = "[[advice]]\njunction = \"j\"\n".to_owned()
            + &stage("[1, 3]")
            + &approach("[1]", "")
            + &approach("[2]", "detectors = [1]\nlanes = 9");
        assert_eq!(
            read(&text).unwrap_err(),
            "advice \"j\": needs at least two [[advice.stage]]: with one there is nothing to choose; \
             advice \"j\": approach \"A\": needs detectors of the controller or [[advice.approach.line]] of cameras, one of the \
             two; advice \"j\": approach \"A\": lanes is outside 0.5..=8; \
             advice \"j\": stage 1: nobody is counted before group 3; give an [[advice.approach]] with it and its detectors or \
             lines; advice \"j\": approach \"A\": group 2 is green in no [[advice.stage]]"
        );
    }
}
