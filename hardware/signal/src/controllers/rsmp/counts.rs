//! What detectors counted, out of S0201 to S0204 (one detector logic each) and S0205 to S0208 (all of a controller). Pure.

use std::collections::BTreeMap;

use models_domain::signal::detector::{Reading, RoadUserKind};
use models_domain::{DurationMs, MetersPerSecond, UtcMillis};

use super::message::{Quality, Status};
use super::outgoing::StatusName;
use super::sxl::{Code, SxlVersion};
use crate::controllers::KnownSite;
use crate::order::Value;

/// Of all detectors at once; these lists came to spare controllers a status for each.
const OF_ALL: [&str; 4] = ["S0205", "S0206", "S0207", "S0208"];
const OF_ONE: [&str; 4] = ["S0201", "S0202", "S0203", "S0204"];

/// More detectors than any controller has.
const DETECTORS_MAX: usize = 1_024;

/// A count over more than a day is a fault of the controller's clock.
const INTERVAL_MAX: DurationMs = DurationMs(86_400_000);

/// What is subscribed to: of the main component, or of one detector.
pub fn names(version: SxlVersion, of_one: bool) -> Vec<StatusName> {
    let codes = if of_one { OF_ONE } else { OF_ALL };
    let known = codes.into_iter().filter_map(Code::status);
    known
        .flat_map(|code| {
            code.arguments(version).map(|argument| StatusName { code: code.code, name: argument.name })
        })
        .collect()
}

/// Whether it is about counts, and they were buffered while the link was down.
pub fn is_old(status: &Status) -> bool {
    status.values.iter().any(|value| value.quality == Quality::Old && is_count(&value.code))
}

fn is_count(code: &str) -> bool {
    OF_ALL.contains(&code) || OF_ONE.contains(&code)
}

/// Readings by the numbers of their detectors, from 1 in the controller's order. `now` is the time of arrival. What a detector
/// could not measure (-1), and an interval that is none, is not there.
pub fn readings(site: &KnownSite, now: UtcMillis, status: &Status) -> Vec<(u16, Reading)> {
    let detector = site.detectors.iter().position(|component| *component == status.component);
    let (codes, first) = match detector {
        Some(index) => (OF_ONE, index),
        None if status.component == site.main_component => (OF_ALL, 0),
        None => return Vec::new(),
    };
    let mut readings: BTreeMap<(usize, UtcMillis), Reading> = BTreeMap::new();
    for code in codes.into_iter().filter_map(Code::status) {
        let values: Vec<_> =
            status.values.iter().filter(|value| value.code == code.code && value.quality.is_told()).collect();
        let read = |name: &str| {
            let value = values.iter().find(|value| value.name == name)?;
            code.argument(name)?.read(&value.value).ok()
        };
        let Some(Value::Time(start)) = read("start").or_else(|| read("starttime")) else { continue };
        let interval = status.at.0.since(start);
        if !(1..=INTERVAL_MAX.0).contains(&interval.0) {
            continue;
        }
        // A controller whose clock runs ahead must not put its past into our future.
        let old = values.iter().any(|value| value.quality == Quality::Old);
        let at = if old { status.at.0.min(now) } else { now };
        for value in &values {
            let told = match read(&value.name) {
                Some(Value::Integers(all)) => all,
                Some(Value::Integer(one)) => vec![one],
                Some(_) | None => continue,
            };
            for (index, told) in (first..).zip(told).take(DETECTORS_MAX) {
                let Ok(told) = u32::try_from(told) else { continue };
                let reading = readings.entry((index, start)).or_default();
                (reading.at, reading.interval) = (at, interval);
                set(reading, &value.name, told);
            }
        }
    }
    let number = |index: usize| u16::try_from(index + 1).ok();
    readings.into_iter().filter_map(|((index, _), reading)| Some((number(index)?, reading))).collect()
}

fn set(reading: &mut Reading, name: &str, told: u32) {
    match name {
        "vehicles" => reading.vehicles = Some(told),
        "occupancy" => reading.occupancy = Some(f64::from(told) / 100.0),
        // Nobody passed: zero is no speed.
        "speed" if told > 0 => reading.speed = Some(MetersPerSecond::from_kmh(f64::from(told))),
        other => {
            if let Some(kind) = kind(other) {
                reading.kinds.set(kind, told);
            }
        }
    }
}

fn kind(name: &str) -> Option<RoadUserKind> {
    Some(match name {
        "P" => RoadUserKind::Car,
        "PS" => RoadUserKind::CarWithTrailer,
        "L" => RoadUserKind::Truck,
        "LS" => RoadUserKind::TruckWithTrailer,
        "B" => RoadUserKind::Bus,
        "SP" => RoadUserKind::Tram,
        "MC" => RoadUserKind::Motorcycle,
        "C" => RoadUserKind::Bicycle,
        "F" => RoadUserKind::Pedestrian,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use models_domain::JunctionId;

    use super::super::message::{Body, decode};
    use super::*;

    /// The sixtieth second of the controller's hour; its values are told as `S0205.vehicles=3,0`.
    #[track_caller]
    fn check(component: &str, values: &str, want: &[&str]) {
        let known = KnownSite {
            detectors: vec!["DL1".into(), "DL2".into()],
            ..KnownSite::new(JunctionId::new("kim-ma").unwrap(), "TC")
        };
        let value = |text: &str| {
            let (name, rest) = text.split_once('=').unwrap();
            let (code, name) = name.split_once('.').unwrap();
            let (value, quality) = rest.split_once('/').unwrap_or((rest, "recent"));
            format!(r#"{{"sCI":"{code}","n":"{name}","s":"{value}","q":"{quality}"}}"#)
        };
        let values: Vec<String> = values.split(' ').map(value).collect();
        let packet = format!(
            r#"{{"mType":"rSMsg","type":"StatusUpdate","mId":"1","cId":"{component}","sTs":"1970-01-01T00:01:00.000Z","sS":[{}]}}"#,
            values.join(",")
        );
        let Body::Status(status) = decode(packet.as_bytes()).unwrap().body else { panic!("no status") };
        let told = |(number, r): (u16, Reading)| {
            let kinds: Vec<String> = r.kinds.iter().map(|(kind, n)| format!("{} {n}", kind.name())).collect();
            format!(
                "{number}: {} of {} to {}, {:?} {:?} {:?} {}",
                if is_old(&status) { "old" } else { "now" },
                r.interval.0,
                r.at.0,
                r.vehicles,
                r.occupancy,
                r.speed.map(|speed| speed.kmh().round()),
                kinds.join(" ")
            )
        };
        let got: Vec<String> = readings(&known, UtcMillis(70_000), &status).into_iter().map(told).collect();
        assert_eq!(got, want.iter().map(|line| (*line).to_owned()).collect::<Vec<_>>());
    }

    #[test]
    fn of_all_detectors_at_once() {
        check(
            "TC",
            "S0205.start=1970-01-01T00:00:00.000Z S0205.vehicles=12,-1,0 S0207.start=1970-01-01T00:00:00.000Z \
             S0207.occupancy=25,3,0",
            &[
                "1: now of 60000 to 70000, Some(12) Some(0.25) None ",
                "2: now of 60000 to 70000, None Some(0.03) None ",
                "3: now of 60000 to 70000, Some(0) Some(0.0) None ",
            ],
        );
        check(
            "TC",
            "S0206.start=1970-01-01T00:00:00.000Z S0206.speed=31,0 S0208.start=1970-01-01T00:00:00.000Z S0208.MC=40,2 \
             S0208.P=7,0 S0208.PS=-1,-1",
            &[
                "1: now of 60000 to 70000, None None Some(31.0) car 7 motorcycle 40",
                "2: now of 60000 to 70000, None None None car 0 motorcycle 2",
            ],
        );
    }

    #[test]
    fn of_one_detector() {
        check(
            "DL2",
            "S0201.starttime=1970-01-01T00:00:30.000Z S0201.vehicles=9",
            &["2: now of 30000 to 70000, Some(9) None None "],
        );
        check("DL9", "S0201.starttime=1970-01-01T00:00:30.000Z S0201.vehicles=9", &[]);
        check("TC", "S0201.starttime=1970-01-01T00:00:30.000Z S0201.vehicles=9", &[]);
    }

    #[test]
    fn buffered_counts_keep_their_time() {
        check(
            "TC",
            "S0205.start=1970-01-01T00:00:00.000Z/old S0205.vehicles=4/old",
            &["1: old of 60000 to 60000, Some(4) None None "],
        );
    }

    #[test]
    fn what_is_no_count_is_left_out() {
        check("TC", "S0205.start=1970-01-01T00:01:00.000Z S0205.vehicles=0", &[]);
        check("TC", "S0205.start=1970-01-01T00:02:00.000Z S0205.vehicles=0", &[]);
        check("TC", "S0205.start=/undefined S0205.vehicles=/undefined", &[]);
        check("TC", "S0205.vehicles=4", &[]);
        check("TC", "S0205.start=1970-01-01T00:00:00.000Z S0205.vehicles=70000,x", &[]);
    }
}
