//! What adaptive control that orders is held to, and who says that a way out of the junction is full.

use models_domain::signal::GroupSet;
use models_domain::signal::advice::steer::Bounds;
use models_domain::signal::corridor::Corridor;
use models_domain::signal::plan::Plan;
use models_domain::{DurationMs, JunctionId};
use serde::Deserialize;

use super::advices::groups;
use crate::areas::Area;
use crate::signals::adaptive::{Exit, Steered};
use crate::signals::advice::{Advised, Counter};
use crate::signals::calendar::Calendar;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawSteer {
    stretch_max_s: Option<i64>,
    shorten_max_s: Option<i64>,
    longest_wait_s: Option<i64>,
    ahead_s: Option<i64>,
    rounds: Option<i64>,
    /// Whether ways out are full is not known of groups without an exit.
    exits: Option<Exits>,
    #[serde(default)]
    exit: Vec<RawExit>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Exits {
    Unknown,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawExit {
    /// As people count them.
    groups: Vec<u16>,
    detectors: Vec<u16>,
    #[serde(default = "mostly_covered")]
    full_from: f64,
}

fn mostly_covered() -> f64 {
    0.6
}

/// A junction that is steered is out of step with its neighbours, and stands where a calendar orders. Junctions that lie in an area by
/// their gateway's word alone are not known here: they are left to the calendar as it is looked at them.
pub(super) fn alone(
    advised: &[Advised],
    corridors: &[Corridor],
    (calendars, areas): (&[Calendar], &[Area]),
    problems: &mut Vec<String>,
) {
    for Advised { junction, .. } in advised.iter().filter(|advised| advised.steer.is_some()) {
        let mut wrong =
            |what: String| problems.push(format!("advice {:?}: [advice.steer]: {what}", junction.as_str()));
        let passes = |corridor: &&Corridor| corridor.places.iter().any(|place| place.junction == *junction);
        if let Some(corridor) = corridors.iter().find(passes) {
            wrong(format!(
                "the junction is in [[corridor]] {:?}, whose greens follow one another",
                corridor.id
            ));
        }
        let lies = |area: &Area| area.junctions.contains(junction);
        let covers = |calendar: &&Calendar| {
            let named = |area: &Area| calendar.areas.contains(&area.id) && lies(area);
            calendar.junctions.contains(junction) || areas.iter().any(named)
        };
        if let Some(calendar) = calendars.iter().find(covers) {
            wrong(format!("[[calendar]] {:?} orders the junction's plans", calendar.id));
        }
    }
}

impl RawSteer {
    /// `ahead`: the city's clocks less UTC.
    pub(super) fn check(
        &self,
        junction: JunctionId,
        plan: &Plan,
        ahead: DurationMs,
        mut wrong: impl FnMut(String),
    ) -> Steered {
        for (index, stage) in plan.stages.iter().enumerate() {
            if let Some(same) = plan.stages.iter().take(index).position(|other| other.greens == stage.greens)
            {
                wrong(format!(
                    "stages {} and {} have the same groups: which of them is shown could not be told",
                    same + 1,
                    index + 1
                ));
            }
        }
        let bounds = self.bounds(&mut wrong);
        let exits: Vec<Exit> = self.exit.iter().map(|exit| exit.check(plan, &mut wrong)).collect();
        self.known(plan, &exits, &mut wrong);
        Steered { junction, bounds, exits, ahead }
    }

    /// Nobody steers into a full exit without having written that he cannot tell.
    fn known(&self, plan: &Plan, exits: &[Exit], wrong: &mut impl FnMut(String)) {
        let with = exits.iter().fold(GroupSet::EMPTY, |all, exit| all.or(&exit.groups));
        let without = plan.served().minus(&with);
        if without.is_empty() || self.exits == Some(Exits::Unknown) {
            return;
        }
        wrong(format!(
            "no [[advice.steer.exit]] has groups {without}: green would be held for them into a full street; give each its exit with \
             detectors beyond the junction, or write exits = \"unknown\""
        ));
    }

    fn bounds(&self, wrong: &mut impl FnMut(String)) -> Bounds {
        let usual = Bounds::default();
        let mut within = |key: &str, asked: Option<i64>, usual: i64, least: i64, most: i64| {
            let number = asked.unwrap_or(usual);
            if !(least..=most).contains(&number) {
                wrong(format!("{key} {number} is outside {least}..={most}"));
            }
            number.clamp(least, most)
        };
        let stretch_s = within("stretch_max_s", self.stretch_max_s, usual.stretch_max.0 / 1_000, 5, 60);
        let shorten_s = within("shorten_max_s", self.shorten_max_s, usual.shorten_max.0 / 1_000, 0, 60);
        let longest_s = self.longest_wait_s.map(|asked| within("longest_wait_s", Some(asked), 0, 20, 600));
        let ahead_s = within("ahead_s", self.ahead_s, usual.ahead.0 / 1_000, 3, 20);
        let rounds = within("rounds", self.rounds, usual.rounds.into(), 1, 20);
        if stretch_s < ahead_s + 2 {
            wrong(format!(
                "stretch_max_s {stretch_s} must be 2 more than ahead_s {ahead_s}: what a controller has left of a green comes on top"
            ));
        }
        if shorten_s > 0 && shorten_s < ahead_s + 3 {
            wrong(format!(
                "shorten_max_s {shorten_s} must be 3 more than ahead_s {ahead_s}, or 0: nothing is called within ahead_s of the plan's end"
            ));
        }
        let ms = |seconds: i64| DurationMs(seconds * 1_000);
        Bounds {
            stretch_max: ms(stretch_s),
            shorten_max: ms(shorten_s),
            longest_wait: longest_s.map(ms),
            ahead: ms(ahead_s),
            rounds: u32::try_from(rounds).unwrap_or(usual.rounds),
        }
    }
}

impl RawExit {
    fn check(&self, plan: &Plan, wrong: &mut impl FnMut(String)) -> Exit {
        let known = |groups: &GroupSet| !groups.is_empty() && groups.is_subset(&plan.served());
        let groups = groups(&self.groups).filter(known).unwrap_or_else(|| {
            wrong("exit: groups are those of an [[advice.stage]] whose vehicles drive there".into());
            GroupSet::EMPTY
        });
        if self.detectors.is_empty() {
            wrong("exit: detectors is empty; without any it is never known whether it is full".into());
        }
        if !(0.05..=1.0).contains(&self.full_from) {
            wrong(format!("exit: full_from {} is outside 0.05..=1", self.full_from));
        }
        let counters = self.detectors.iter().copied().map(Counter::Detector).collect();
        Exit { groups, counters, full_from: self.full_from }
    }
}
