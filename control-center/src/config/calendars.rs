//! Which plan runs when, and where.

use std::collections::{BTreeMap, BTreeSet};

use models_domain::signal::calendar::{Day, Days, Entry, Timetable, Weekday};
use models_domain::signal::corridor::Corridor;
use models_domain::{DurationMs, JunctionId};
use serde::Deserialize;

use super::named;
use crate::areas::Area;
use crate::signals::calendar::{Calendar, Wave};

const DAY_MIN: u16 = 24 * 60;
const LEAP_YEAR: i32 = 2028;
/// A new year's weeks of one year do not touch those of the next.
const DAYS_MAX: u8 = 60;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawCalendar {
    id: String,
    name: String,
    #[serde(default)]
    areas: Vec<String>,
    #[serde(default)]
    junctions: Vec<String>,
    /// Ids of corridors, for all of their junctions.
    #[serde(default)]
    corridors: Vec<String>,
    #[serde(default)]
    entry: Vec<RawEntry>,
}

/// One of `days`, `date` and `lunar_new_year` says when.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawEntry {
    days: Option<RawDays>,
    date: Option<RawDate>,
    lunar_new_year: Option<RawLunarNewYear>,
    from: String,
    to: String,
    plan: u8,
    /// Junctions that run another plan then.
    #[serde(default)]
    plans: BTreeMap<String, u8>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged, expecting = "weekdays, weekends, every_day, or a list such as [\"monday\", \"friday\"]")]
enum RawDays {
    Named(RawNamed),
    List(Vec<Weekday>),
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum RawNamed {
    Weekdays,
    Weekends,
    EveryDay,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawDate {
    year: Option<i32>,
    month: u8,
    day: u8,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawLunarNewYear {
    #[serde(default)]
    before: u8,
    #[serde(default)]
    after: u8,
}

/// `ahead`: the city's clocks less UTC.
pub(super) fn check(
    raw: Vec<RawCalendar>,
    (areas, corridors): (&[Area], &[Corridor]),
    ahead: DurationMs,
    problems: &mut Vec<String>,
) -> Vec<Calendar> {
    let mut ids = BTreeSet::new();
    let mut taken = BTreeMap::new();
    let mut calendars = Vec::new();
    for calendar in raw {
        let calendar = calendar.check((areas, corridors), ahead, &mut ids, problems);
        for junction in &calendar.junctions {
            if let Some(other) = taken.insert(junction.clone(), calendar.id.clone()) {
                problems.push(format!(
                    "calendar {:?}: junction {junction} is in calendar {other:?} already; a junction follows one calendar",
                    calendar.id
                ));
            }
        }
        calendars.push(calendar);
    }
    calendars
}

/// `+07:00` and the like.
pub(super) fn offset(text: &str) -> Option<DurationMs> {
    let (sign, rest) = match text.split_at_checked(1)? {
        ("+", rest) => (1, rest),
        ("-", rest) => (-1, rest),
        _ => return None,
    };
    let minutes = i64::from(minute_of(rest).filter(|minutes| *minutes <= 14 * 60)?);
    Some(DurationMs(sign * minutes * 60_000))
}

/// Minutes since midnight; `24:00` is the next one.
fn minute_of(text: &str) -> Option<u16> {
    let (hour, minute) = text.split_once(':')?;
    let number = |text: &str| {
        let digits = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse::<u16>().ok().filter(|_| digits)
    };
    let (hour, minute) = (number(hour)?, number(minute)?);
    let all = hour * 60 + minute;
    (minute < 60 && all <= DAY_MIN).then_some(all)
}

impl RawCalendar {
    fn check(
        self,
        (known, corridors): (&[Area], &[Corridor]),
        ahead: DurationMs,
        ids: &mut BTreeSet<String>,
        problems: &mut Vec<String>,
    ) -> Calendar {
        let mut wrong = |what: String| problems.push(format!("calendar {:?}: {what}", self.id));
        named(&self.id, &self.name, ids, &mut wrong);
        let mut junctions: Vec<JunctionId> = Vec::new();
        for junction in &self.junctions {
            match junction.parse() {
                Ok(junction) => junctions.push(junction),
                Err(bad) => wrong(format!("junction {junction:?}: {bad}")),
            }
        }
        for area in &self.areas {
            if !known.iter().any(|known| known.id == *area) {
                let ids: Vec<&str> = known.iter().map(|area| area.id.as_str()).collect();
                wrong(format!("there is no [[area]] {area:?}; there are: {}", ids.join(", ")));
            }
        }
        let mut waves = Vec::new();
        for id in &self.corridors {
            let Some(corridor) = corridors.iter().find(|corridor| corridor.id == *id) else {
                let ids: Vec<&str> = corridors.iter().map(|corridor| corridor.id.as_str()).collect();
                wrong(format!("there is no [[corridor]] {id:?}; there are: {}", ids.join(", ")));
                continue;
            };
            let along = corridor.places.iter().map(|place| place.junction.clone()).collect();
            waves.push(Wave { corridor: id.clone(), junctions: along });
            for place in &corridor.places {
                // Corridors cross, and one of their junctions may be listed too.
                if !junctions.contains(&place.junction) {
                    junctions.push(place.junction.clone());
                }
            }
        }
        if self.junctions.is_empty() && self.areas.is_empty() && self.corridors.is_empty() {
            wrong("needs junctions, corridors or areas".into());
        }
        if self.entry.is_empty() {
            wrong("needs a [[calendar.entry]]".into());
        }
        let (mut entries, mut plans) = (Vec::new(), Vec::new());
        for (index, entry) in self.entry.into_iter().enumerate() {
            let mut wrong = |what: &str| wrong(format!("entry {}: {what}", index + 1));
            plans.push(own_plans(&entry.plans, &junctions, &mut wrong));
            entries.extend(entry.check(wrong));
        }
        let own = own_timetables(&entries, &plans, ahead);
        let timetable = Timetable { entries, ahead };
        Calendar { id: self.id, name: self.name, areas: self.areas, junctions, timetable, own, waves }
    }
}

/// The plans of an entry that are not those of all.
fn own_plans(
    plans: &BTreeMap<String, u8>,
    junctions: &[JunctionId],
    wrong: &mut impl FnMut(&str),
) -> BTreeMap<JunctionId, u8> {
    let mut own = BTreeMap::new();
    for (id, plan) in plans {
        let Some(junction) = junctions.iter().find(|junction| junction.as_str() == id) else {
            wrong(&format!("plans: {id:?} is not in junctions, nor in a corridor of corridors"));
            continue;
        };
        if *plan == 0 {
            wrong(&format!("plans: {id:?}: the number of a plan of the controller is from 1"));
        }
        own.insert(junction.clone(), *plan);
    }
    own
}

/// The same entries with other plans, of each junction that has any.
fn own_timetables(
    entries: &[Entry],
    plans: &[BTreeMap<JunctionId, u8>],
    ahead: DurationMs,
) -> BTreeMap<JunctionId, Timetable> {
    let junctions: BTreeSet<&JunctionId> = plans.iter().flat_map(BTreeMap::keys).collect();
    let own = |junction: &JunctionId| {
        let entry = |(entry, plans): (&Entry, &BTreeMap<JunctionId, u8>)| {
            let plan = plans.get(junction).copied().unwrap_or(entry.plan);
            Entry { plan, ..entry.clone() }
        };
        Timetable { entries: entries.iter().zip(plans).map(entry).collect(), ahead }
    };
    junctions.into_iter().map(|junction| (junction.clone(), own(junction))).collect()
}

impl RawEntry {
    fn check(self, mut wrong: impl FnMut(&str)) -> Option<Entry> {
        let days = match (self.days, self.date, self.lunar_new_year) {
            (Some(days), None, None) => Some(days.all()),
            (None, Some(RawDate { year, month, day }), None) => {
                let sane = Day { year: year.unwrap_or(LEAP_YEAR), month, day }.is_sane();
                if !sane {
                    wrong(&format!("there is no day {day} of month {month}"));
                }
                sane.then_some(Days::Date { year, month, day })
            }
            (None, None, Some(RawLunarNewYear { before, after })) => {
                let near = before <= DAYS_MAX && after <= DAYS_MAX;
                if !near {
                    wrong(&format!("lunar_new_year: before and after are at most {DAYS_MAX} days"));
                }
                near.then_some(Days::LunarNewYear { before, after })
            }
            (None, None, None) | (Some(_), _, _) | (_, Some(_), _) => {
                wrong("say one of days, date and lunar_new_year");
                None
            }
        };
        if matches!(&days, Some(Days::Weekdays(list)) if list.is_empty()) {
            wrong("days is empty");
        }
        let (from, to) = (minute_of(&self.from).filter(|minute| *minute < DAY_MIN), minute_of(&self.to));
        if from.is_none() || to.is_none() {
            let (from, to) = (&self.from, &self.to);
            wrong(&format!("from {from:?} and to {to:?} are HH:MM, such as \"06:30\"; to may be \"24:00\""));
        }
        if self.plan == 0 {
            wrong("plan is the number of a plan of the controller, from 1");
        }
        Some(Entry { days: days?, from_min: from?, to_min: to?, plan: self.plan })
    }
}

impl RawDays {
    fn all(self) -> Days {
        use Weekday::{Friday, Monday, Saturday, Sunday, Thursday, Tuesday, Wednesday};
        let working = [Monday, Tuesday, Wednesday, Thursday, Friday];
        Days::Weekdays(match self {
            RawDays::List(list) => list,
            RawDays::Named(RawNamed::Weekdays) => working.into(),
            RawDays::Named(RawNamed::Weekends) => vec![Saturday, Sunday],
            RawDays::Named(RawNamed::EveryDay) => [&working[..], &[Saturday, Sunday]].concat(),
        })
    }
}

#[cfg(test)]
mod tests {
    use models_domain::signal::corridor::Place;
    use models_domain::{Meters, MetersPerSecond};

    use super::*;

    #[derive(Debug, Deserialize)]
    struct File {
        calendar: Vec<RawCalendar>,
    }

    fn read(text: &str) -> Result<Vec<Calendar>, String> {
        let file: File = toml::from_str(text).map_err(|e| e.to_string())?;
        let area =
            Area { id: "ba-dinh".into(), name: "B".into(), junctions: Vec::new(), corners: Vec::new() };
        let place =
            |(id, at): (&str, f64)| Place { junction: id.parse().unwrap(), at: Meters(at), out: 0, back: 1 };
        let corridor = Corridor {
            id: "street".into(),
            name: "S".into(),
            speed: MetersPerSecond(10.0),
            places: [("j1", 0.0), ("j2", 400.0), ("j3", 900.0)].map(place).into(),
        };
        let mut problems = Vec::new();
        let (areas, corridors) = ([area], [corridor]);
        let calendars = check(file.calendar, (&areas, &corridors), DurationMs(0), &mut problems);
        if problems.is_empty() { Ok(calendars) } else { Err(problems.join("; ")) }
    }

    const HEAD: &str =
        "[[calendar]]\nid = \"c\"\nname = \"C\"\nareas = [\"ba-dinh\"]\njunctions = [\"j1\"]\n";

    #[test]
    fn every_kind_of_day() {
        let entry = |when: &str| {
            let text =
                format!("{HEAD}[[calendar.entry]]\n{when}\nfrom = \"06:30\"\nto = \"24:00\"\nplan = 3\n");
            read(&text).map(|all| all[0].timetable.entries[0].clone())
        };
        let days = |when: &str| entry(when).unwrap().days;
        let weekends = Days::Weekdays(vec![Weekday::Saturday, Weekday::Sunday]);
        assert_eq!(days("days = \"weekends\""), weekends);
        assert_eq!(days("days = [\"saturday\", \"sunday\"]"), weekends);
        assert!(matches!(days("days = \"every_day\""), Days::Weekdays(list) if list.len() == 7));
        assert_eq!(days("date = { day = 29, month = 2 }"), Days::Date { year: None, month: 2, day: 29 });
        let tet = "lunar_new_year = { before = 1, after = 4 }";
        assert_eq!(days(tet), Days::LunarNewYear { before: 1, after: 4 });
        let read = entry(tet).unwrap();
        assert_eq!((read.from_min, read.to_min, read.plan), (390, 1440, 3));
        assert!(
            entry("days = \"holidays\"").unwrap_err().contains("weekdays, weekends, every_day, or a list")
        );
    }

    #[test]
    fn every_problem_at_once() {
        let text = "[[calendar]]\nid = \"A\"\nname = \" \"\nareas = [\"x\"]\n[[calendar.entry]]\nfrom = \"24:00\"\nto = \"9:00\"\nplan = 0\n\
                    [[calendar.entry]]\ndate = { day = 31, month = 4 }\ndays = \"weekdays\"\nfrom = \"00:00\"\nto = \"01:00\"\nplan = 1\n\
                    [[calendar.entry]]\ndate = { day = 31, month = 4 }\nfrom = \"00:00\"\nto = \"01:00\"\nplan = 1\n\
                    [[calendar]]\nid = \"b\"\nname = \"B\"\n";
        assert_eq!(
            read(text).unwrap_err(),
            "calendar \"A\": the id must be of a-z, 0-9 and -; calendar \"A\": the name is empty; people read it; \
             calendar \"A\": there is no [[area]] \"x\"; there are: ba-dinh; \
             calendar \"A\": entry 1: say one of days, date and lunar_new_year; \
             calendar \"A\": entry 1: from \"24:00\" and to \"9:00\" are HH:MM, such as \"06:30\"; to may be \"24:00\"; \
             calendar \"A\": entry 1: plan is the number of a plan of the controller, from 1; \
             calendar \"A\": entry 2: say one of days, date and lunar_new_year; \
             calendar \"A\": entry 3: there is no day 31 of month 4; \
             calendar \"b\": needs junctions, corridors or areas; calendar \"b\": needs a [[calendar.entry]]"
        );
        let entry = "[[calendar.entry]]\ndays = \"weekdays\"\nfrom = \"00:00\"\nto = \"01:00\"\nplan = 1\n";
        let second = HEAD.replace("\"c\"", "\"d\"");
        assert_eq!(
            read(&format!("{HEAD}{entry}{second}{entry}")).unwrap_err(),
            "calendar \"d\": junction j1 is in calendar \"c\" already; a junction follows one calendar"
        );
    }

    #[test]
    fn a_corridor_has_a_plan_for_each_junction() {
        let entry = |more: &str| {
            format!(
                "[[calendar.entry]]\ndays = \"weekdays\"\nfrom = \"06:00\"\nto = \"09:00\"\nplan = 2\n{more}\n"
            )
        };
        let head = "[[calendar]]\nid = \"c\"\nname = \"C\"\njunctions = [\"j2\"]\ncorridors = [\"street\"]\n";
        let all = read(&format!("{head}{}{}", entry("plans = { j1 = 5, j3 = 4 }"), entry(""))).unwrap();
        let ids: Vec<&str> = all[0].junctions.iter().map(JunctionId::as_str).collect();
        assert_eq!(ids, ["j2", "j1", "j3"]);
        let wave: Vec<&str> = all[0].waves[0].junctions.iter().map(JunctionId::as_str).collect();
        assert_eq!((all[0].waves.len(), wave), (1, vec!["j1", "j2", "j3"]), "in the order of the street");
        let plans = |id: &str| -> Vec<u8> {
            let timetable = all[0].timetable_of(&id.parse().unwrap());
            timetable.entries.iter().map(|entry| entry.plan).collect()
        };
        assert_eq!([plans("j1"), plans("j2"), plans("j3")], [[5, 2], [2, 2], [4, 2]]);
        let bad = head.replace("[\"street\"]", "[\"street\", \"x\"]") + &entry("plans = { j1 = 0, j9 = 3 }");
        assert_eq!(
            read(&bad).unwrap_err(),
            "calendar \"c\": there is no [[corridor]] \"x\"; there are: street; \
             calendar \"c\": entry 1: plans: \"j1\": the number of a plan of the controller is from 1; \
             calendar \"c\": entry 1: plans: \"j9\" is not in junctions, nor in a corridor of corridors"
        );
    }

    #[test]
    fn offsets_from_utc() {
        let hours = |text: &str| offset(text).map(|ahead| ahead.0 / 3_600_000);
        assert_eq!((hours("+07:00"), hours("-11:00"), hours("+00:00")), (Some(7), Some(-11), Some(0)));
        assert_eq!(offset("+05:45"), Some(DurationMs(345 * 60_000)));
        for bad in ["", "7", "07:00", "+7:00", "+15:00", "+07:60", "Asia/Ho_Chi_Minh", "đ07:00"] {
            assert_eq!(offset(bad), None, "{bad}");
        }
    }
}
