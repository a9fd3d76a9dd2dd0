//! A fixed-time plan: what every signal group shows in each second of the cycle. Pure.

use std::collections::BTreeSet;

use crate::config::{GroupKind, Site};

/// Minimum green, in seconds.
pub const MINIMUM_GREEN_S: u32 = 5;

/// What the junction shows at one moment (S0001).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// One character a signal group.
    pub groups: String,
    /// From 1.
    pub stage: u32,
    pub cycle_s: u32,
    pub base_cycle_s: u32,
    /// Where the cycle was when a group changed last, in milliseconds.
    pub changed_ms: u32,
}

/// `plan_s`: seconds since some moment that all junctions share. A change is taken for one of that second.
pub fn shown(site: &Site, plan_s: u64) -> Shown {
    let cycle = u64::from(site.cycle_s());
    let base = plan_s % cycle;
    let second = (base + u64::from(site.offset_s)) % cycle;
    let (second, base) = (u32::try_from(second).unwrap_or(0), u32::try_from(base).unwrap_or(0));
    let mut start = 0;
    for (index, stage) in site.stages.iter().enumerate() {
        let length = stage.green_s + site.yellow_s + site.all_red_s;
        if second < start + length {
            let into = second - start;
            let state = |(group, kind): (usize, &GroupKind)| {
                if stage.groups.contains(&(group + 1)) {
                    aspect(site, *kind, into, stage.green_s)
                } else {
                    'B'
                }
            };
            return Shown {
                groups: site.groups.iter().enumerate().map(state).collect(),
                stage: u32::try_from(index + 1).unwrap_or(0),
                cycle_s: second,
                base_cycle_s: base,
                changed_ms: second * 1000,
            };
        }
        start += length;
    }
    let groups = "B".repeat(site.groups.len());
    Shown { groups, stage: 0, cycle_s: second, base_cycle_s: base, changed_ms: second * 1000 }
}

/// By how much the plan must jump or stay behind at `plan_s` so that the started groups become and stay green: the stage of
/// another group is ended where those on foot get their flashing green; their own stays where it would end.
pub fn ahead(site: &Site, plan_s: u64, started: &BTreeSet<usize>) -> i64 {
    let Some(wanted) =
        site.stages.iter().position(|stage| started.iter().all(|g| stage.groups.contains(&(g + 1))))
    else {
        return 0;
    };
    if started.is_empty() {
        return 0;
    }
    let now = shown(site, plan_s);
    let before: u32 = site
        .stages
        .iter()
        .take((now.stage - 1) as usize)
        .map(|s| s.green_s + site.yellow_s + site.all_red_s)
        .sum();
    let into = now.cycle_s - before;
    let end = site.stages[(now.stage - 1) as usize].green_s - site.walk_clear_s;
    match now.stage as usize - 1 == wanted {
        true if into == end => -1,
        false if into > MINIMUM_GREEN_S && into < end => i64::from(end - into),
        true | false => 0,
    }
}

/// Seconds from `plan_s` on until a group (from 0) next goes to green, and to red: of one that is green it is the next green.
pub fn foretold(site: &Site, plan_s: u64, group: usize) -> Option<(u64, u64)> {
    let state = |second: u64| shown(site, second).groups.chars().nth(group);
    let green = |state: Option<char>| matches!(state, Some('1' | '4' | '9'));
    let red = |state: Option<char>| state == Some('B');
    let ahead = 1..=2 * u64::from(site.cycle_s());
    let begins = |is: &dyn Fn(Option<char>) -> bool| {
        ahead.clone().find(|s| is(state(plan_s + s)) && !is(state(plan_s + s - 1)))
    };
    Some((begins(&green)?, begins(&red)?))
}

/// A group of the running stage, `into` it: B red, 1 minimum green, 4 green, 9 flashing green, N yellow.
fn aspect(site: &Site, kind: GroupKind, into: u32, green_s: u32) -> char {
    match kind {
        _ if into < MINIMUM_GREEN_S.min(green_s - site.walk_clear_s) => '1',
        GroupKind::Vehicle if into < green_s => '4',
        GroupKind::Vehicle if into < green_s + site.yellow_s => 'N',
        GroupKind::Walk if into < green_s - site.walk_clear_s => '4',
        GroupKind::Walk if into < green_s => '9',
        GroupKind::Vehicle | GroupKind::Walk => 'B',
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    const STREET: &str = include_str!("../../../../deploy/config/street-signals.toml");

    #[test]
    fn a_cycle_of_trang_tien() {
        let site = Config::parse(STREET).unwrap().sites.remove(0);
        let mut got = Vec::new();
        let mut before = String::new();
        for second in 0..u64::from(site.cycle_s()) {
            let shown = shown(&site, second);
            if shown.groups != before {
                got.push(format!("{second} {} {}", shown.stage, shown.groups));
                before = shown.groups;
            }
        }
        assert_eq!(
            got,
            [
                "0 1 11BB1B",
                "5 1 44BB4B",
                "24 1 44BB9B",
                "32 1 NNBBBB",
                "35 1 BBBBBB",
                "37 2 BB11B1",
                "42 2 BB44B4",
                "57 2 BB44B9",
                "65 2 BBNNBB",
                "68 2 BBBBBB",
            ]
        );
    }

    #[test]
    fn when_groups_go_to_green_and_to_red() {
        let site = Config::parse(STREET).unwrap().sites.remove(0);
        // Group 1 is green from 0 to 32, yellow to 35; group 3 green from 37 to 65, yellow to 68; a cycle of 70.
        assert_eq!(foretold(&site, 0, 0), Some((70, 35)));
        assert_eq!(foretold(&site, 33, 0), Some((37, 2)));
        assert_eq!(foretold(&site, 36, 0), Some((34, 69)));
        assert_eq!(foretold(&site, 36, 2), Some((1, 32)));
        assert_eq!(foretold(&site, 0, 99), None);
    }

    #[test]
    fn a_started_group_becomes_green_and_stays_so() {
        let site = Config::parse(STREET).unwrap().sites.remove(0);
        let third: BTreeSet<usize> = [2].into();
        let (mut ahead_s, mut seen) = (0, Vec::new());
        // The second stage begins at 37 s and would end at 65 s; it is wanted from 10 s on.
        for second in 0..200_u64 {
            if second >= 10 {
                ahead_s += ahead(&site, second.saturating_add_signed(ahead_s), &third);
            }
            seen.push(shown(&site, second.saturating_add_signed(ahead_s)).groups);
        }
        let first = seen.iter().position(|groups| groups.as_bytes()[2] == b'1').unwrap();
        assert_eq!(first, 10 + 8 + 3 + 2, "flashing green, yellow and all red come first");
        assert!(seen[first..].iter().all(|groups| "14".contains(groups.as_bytes()[2] as char)), "{seen:?}");
    }

    #[test]
    fn conflicting_stages_are_never_green_together_and_all_red_lies_between() {
        for site in Config::parse(STREET).unwrap().sites {
            let mut last_green_stage = None;
            let mut red_s = 0;
            for second in 0..3 * u64::from(site.cycle_s()) {
                let groups: Vec<char> = shown(&site, second).groups.chars().collect();
                let moving =
                    |stage: &crate::config::Stage| stage.groups.iter().any(|group| groups[group - 1] != 'B');
                let stages: Vec<usize> = site
                    .stages
                    .iter()
                    .enumerate()
                    .filter(|(_, stage)| moving(stage))
                    .map(|(i, _)| i)
                    .collect();
                assert!(stages.len() <= 1, "{}: {stages:?} at {second}", site.site_id);
                match (stages.first(), last_green_stage) {
                    (Some(now), Some(before)) if *now != before => {
                        assert_eq!(red_s, site.all_red_s, "{} at {second}", site.site_id);
                    }
                    _ => {}
                }
                red_s = if stages.is_empty() { red_s + 1 } else { 0 };
                last_green_stage = stages.first().copied().or(last_green_stage);
            }
        }
    }
}
