//! Whether the times that are set in the unit are those that the configuration holds the junction to. Pure.
//!
//! Overlaps and channels follow their phases with times of their own, which are not read: of them nothing is said.

use models_domain::DurationMs;
use models_domain::signal::plan::{Group, Layout};

use super::lamps::Lamp;
use super::objects::{
    Object, PHASE_MINIMUM_GREEN, PHASE_PEDESTRIAN_CLEAR, PHASE_RED_CLEAR, PHASE_WALK, PHASE_YELLOW_CHANGE,
    Values,
};

/// Units know tenths of a second; less than that is no difference.
const NO_DIFFERENCE: DurationMs = DurationMs(50);

/// What a unit may tell of a time (§2.2.2), in its own units.
const NUMBER_MAX: i64 = 255;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Way {
    /// The street has less than safety counts on.
    Shorter,
    /// The unit cuts what safety lets pass, or is late with it.
    Longer,
}

impl Way {
    /// Code of the alarm, its priority, and what it means.
    pub fn alarm(self) -> (&'static str, u8, &'static str) {
        match self {
            Way::Shorter => (
                "timesShorter",
                2,
                "shorter than configured, so the street has not what orders are judged by",
            ),
            Way::Longer => {
                ("timesLonger", 3, "longer than configured, so orders may be cut short or done late")
            }
        }
    }
}

/// What of one signal group's times is not in the unit as it is configured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// From 0.
    pub group: u8,
    pub way: Way,
    /// Such as `yellow 3 s (configured 4 s)`.
    pub times: String,
    /// What to set, here or there.
    pub remedy: String,
}

/// A time of one group, in the unit and here.
struct Time {
    what: &'static str,
    unit: DurationMs,
    configured: DurationMs,
    objects: String,
    key: &'static str,
    /// Which group it is that must wait, from 0, where it is a time between two.
    before: Option<u8>,
    /// More of it in the unit is as it should be.
    may_be_longer: bool,
}

/// All that is known to differ, by groups; what the unit does not tell differs in nothing.
pub fn differences(lamps: &[Lamp], layout: &Layout, values: &Values) -> Vec<Difference> {
    let mut found = Vec::new();
    for (index, lamp) in (0..=u8::MAX).zip(lamps) {
        let (Some(group), Ok((phase, on_foot))) = (layout.group(index), lamp.phase()) else { continue };
        let after = layout.intergreens().filter(|(ending, _, _)| *ending == index);
        let longest = after.map(|(_, beginning, time)| (time, beginning)).max();
        let times = times(group, longest, (phase, on_foot), values);
        for way in [Way::Shorter, Way::Longer] {
            let those: Vec<&Time> = times.iter().filter(|time| time.way() == Some(way)).collect();
            if those.is_empty() {
                continue;
            }
            let join =
                |text: fn(&Time) -> String| those.iter().map(|t| text(t)).collect::<Vec<_>>().join("; ");
            found.push(Difference { group: index, way, times: join(Time::text), remedy: join(Time::remedy) });
        }
    }
    found
}

/// Those that the unit tells. From the end of a green to that of others it has yellow change and red clear of the phase that ends; of
/// those on foot their clearance before.
fn times(
    group: &Group,
    intergreen: Option<(DurationMs, u8)>,
    (phase, on_foot): (u32, bool),
    values: &Values,
) -> Vec<Time> {
    let read = |column: Object, unit_ms: i64| {
        let number = values.number_of(&column.row(phase)).filter(|number| (0..=NUMBER_MAX).contains(number));
        number.map(|number| DurationMs(number * unit_ms))
    };
    let (yellow, red) = (read(PHASE_YELLOW_CHANGE, 100), read(PHASE_RED_CLEAR, 100));
    let change = yellow.zip(red).map(|(yellow, red)| DurationMs(yellow.0 + red.0));
    let time = |what, unit: Option<DurationMs>, configured, objects: &[Object], key| {
        let names: Vec<String> = objects.iter().map(|object| object.row(phase).to_string()).collect();
        let objects = names.join(" and ");
        Some(Time { what, unit: unit?, configured, objects, key, before: None, may_be_longer: false })
    };
    let between = |what, unit: Option<DurationMs>, objects: &[Object]| {
        let (configured, beginning) = intergreen?;
        let time = time(what, unit, configured, objects, "intergreen_s")?;
        Some(Time { before: Some(beginning), ..time })
    };
    let (own, between) = if on_foot {
        let (walk, clear) = (read(PHASE_WALK, 1_000), read(PHASE_PEDESTRIAN_CLEAR, 1_000));
        let objects = [PHASE_PEDESTRIAN_CLEAR, PHASE_YELLOW_CHANGE, PHASE_RED_CLEAR];
        let all = clear.zip(change).map(|(clear, change)| DurationMs(clear.0 + change.0));
        // Many junctions let people walk for longer than they must.
        let walk = time("walk", walk, group.green_min, &[PHASE_WALK], "green_min_s");
        let own = [
            walk.map(|time| Time { may_be_longer: true, ..time }),
            time("pedestrian clear", clear, group.clearance, &[PHASE_PEDESTRIAN_CLEAR], "clearance_s"),
        ];
        let between = between("clearing before others", all, &objects);
        (own, between.map(|time| Time { may_be_longer: true, ..time }))
    } else {
        let green = read(PHASE_MINIMUM_GREEN, 1_000);
        let objects = [PHASE_YELLOW_CHANGE, PHASE_RED_CLEAR];
        let own = [
            time("minimum green", green, group.green_min, &[PHASE_MINIMUM_GREEN], "green_min_s"),
            time("yellow", yellow, group.clearance, &[PHASE_YELLOW_CHANGE], "clearance_s"),
        ];
        (own, between("yellow with red clear", change, &objects))
    };
    own.into_iter().flatten().chain(between).collect()
}

impl Time {
    fn way(&self) -> Option<Way> {
        let more = self.unit.0 - self.configured.0;
        match () {
            () if more <= -NO_DIFFERENCE.0 => Some(Way::Shorter),
            () if more >= NO_DIFFERENCE.0 && !self.may_be_longer => Some(Way::Longer),
            () => None,
        }
    }

    fn text(&self) -> String {
        format!("{} {} (configured {})", self.what, in_s(self.unit), in_s(self.configured))
    }

    fn remedy(&self) -> String {
        let (unit, configured) = (in_s(self.unit), in_s(self.configured));
        let other = self.before.map(|before| format!(" with signal group {}", u16::from(before) + 1));
        format!(
            "set {} in the controller so that it is {configured}, or, after checking the junction's design, {}{} here to {unit}",
            self.objects,
            self.key,
            other.unwrap_or_default()
        )
    }
}

fn in_s(time: DurationMs) -> String {
    format!("{} s", (time.seconds() * 10.0).round() / 10.0)
}

#[cfg(test)]
mod tests {
    use models_domain::signal::plan::{GroupKind, Limits};

    use super::super::objects::Value;
    use super::*;

    /// Phase 2 against 4, and those on foot with 4.
    fn layout() -> Layout {
        let group = |kind, clearance| Group {
            kind,
            green_min: DurationMs(5_000),
            clearance: DurationMs(clearance),
            red_max: DurationMs(90_000),
        };
        let vehicle = group(GroupKind::Vehicle, 3_000);
        let mut layout =
            Layout::new(vec![vehicle, vehicle, group(GroupKind::Pedestrian, 8_000)], Limits::default());
        layout.set_intergreen(0, 1, DurationMs(5_000));
        layout.set_intergreen(0, 2, DurationMs(4_999));
        layout.set_intergreen(2, 0, DurationMs(9_000));
        layout
    }

    #[track_caller]
    fn check(set: &[(Object, u32, i64)], want: &[&str]) {
        let lamps: Vec<Lamp> =
            ["phase 2", "phase 4", "ped 4"].map(|name| name.parse::<Lamp>().unwrap()).into();
        let mut values = Values::default();
        for (column, phase, number) in set {
            values.insert(column.row(*phase).oid().to_vec(), Value::Number(*number));
        }
        let found = differences(&lamps, &layout(), &values);
        let told: Vec<String> =
            found.iter().map(|one| format!("{} {:?} {}", one.group, one.way, one.times)).collect();
        assert_eq!(told, want);
    }

    #[test]
    fn what_fits_or_is_not_told_is_no_difference() {
        check(&[], &[]);
        let fits = [
            (PHASE_MINIMUM_GREEN, 2, 5),
            (PHASE_YELLOW_CHANGE, 2, 30),
            (PHASE_RED_CLEAR, 2, 20),
            (PHASE_MINIMUM_GREEN, 4, 5),
            (PHASE_YELLOW_CHANGE, 4, 30),
            (PHASE_RED_CLEAR, 4, 20),
            // More than the five seconds that are needed.
            (PHASE_WALK, 4, 20),
            // With yellow and red more than the nine seconds that are needed.
            (PHASE_PEDESTRIAN_CLEAR, 4, 8),
        ];
        check(&fits, &[]);
        check(&[(PHASE_MINIMUM_GREEN, 2, -1), (PHASE_MINIMUM_GREEN, 4, 256)], &[]);
    }

    #[test]
    fn shorter_and_longer_are_told_apart() {
        check(
            &[(PHASE_MINIMUM_GREEN, 2, 7), (PHASE_YELLOW_CHANGE, 2, 25), (PHASE_RED_CLEAR, 2, 10)],
            &[
                "0 Shorter yellow 2.5 s (configured 3 s); yellow with red clear 3.5 s (configured 5 s)",
                "0 Longer minimum green 7 s (configured 5 s)",
            ],
        );
        check(
            &[
                (PHASE_YELLOW_CHANGE, 4, 30),
                (PHASE_RED_CLEAR, 4, 0),
                (PHASE_WALK, 4, 4),
                (PHASE_PEDESTRIAN_CLEAR, 4, 5),
            ],
            &[
                "1 Shorter yellow with red clear 3 s (configured 5 s)",
                "2 Shorter walk 4 s (configured 5 s); pedestrian clear 5 s (configured 8 s); \
                 clearing before others 8 s (configured 9 s)",
            ],
        );
    }

    #[test]
    fn the_remedy_names_both_ends() {
        let lamps: Vec<Lamp> = vec!["phase 2".parse().unwrap()];
        let mut values = Values::default();
        values.insert(PHASE_YELLOW_CHANGE.row(2).oid().to_vec(), Value::Number(36));
        let found = differences(&lamps, &layout(), &values);
        assert_eq!(
            found[0].remedy,
            "set phaseYellowChange.2 in the controller so that it is 3 s, or, after checking the junction's design, \
             clearance_s here to 3.6 s"
        );
        values.insert(PHASE_YELLOW_CHANGE.row(2).oid().to_vec(), Value::Number(30));
        values.insert(PHASE_RED_CLEAR.row(2).oid().to_vec(), Value::Number(10));
        let found = differences(&lamps, &layout(), &values);
        assert_eq!(
            found[0].remedy,
            "set phaseYellowChange.2 and phaseRedClear.2 in the controller so that it is 5 s, or, after checking the \
             junction's design, intergreen_s with signal group 2 here to 4 s"
        );
    }
}
