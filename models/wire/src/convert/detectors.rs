//! Readings of detectors <-> `ngatu.v1.DetectorReadings`.

use models_domain::signal::detector::{KindCounts, Reading, RoadUserKind};
use models_domain::{DurationMs, JunctionId, MetersPerSecond, UtcMillis};

use super::BadMessage;
use super::event::id;
use crate::v1;

pub fn readings_to_wire(junction: &JunctionId, readings: &[(u16, Reading)]) -> v1::DetectorReadings {
    let reading = |(number, reading): &(u16, Reading)| v1::DetectorReading {
        detector: u32::from(*number),
        end_ms: reading.at.0,
        interval_ms: reading.interval.0,
        vehicles: reading.vehicles,
        occupancy: reading.occupancy,
        speed_mps: reading.speed.map(|speed| speed.0),
        kinds: reading.kinds.iter().map(kind_to_wire).collect(),
    };
    v1::DetectorReadings { junction: junction.to_string(), readings: readings.iter().map(reading).collect() }
}

/// # Errors
/// [`BadMessage`] naming the field that is no id, not known, or no such quantity.
pub fn readings_from_wire(m: v1::DetectorReadings) -> Result<(JunctionId, Vec<(u16, Reading)>), BadMessage> {
    let readings = m.readings.into_iter().map(reading_from_wire).collect::<Result<_, _>>()?;
    Ok((id("detectors.junction", m.junction)?, readings))
}

fn reading_from_wire(m: v1::DetectorReading) -> Result<(u16, Reading), BadMessage> {
    let bad =
        |field, value: &dyn std::fmt::Display, why: &str| BadMessage::new(field, format!("{value} is {why}"));
    let number = u16::try_from(m.detector).ok().filter(|number| *number > 0);
    let number = number.ok_or_else(|| bad("detectors.detector", &m.detector, "outside 1..=65535"))?;
    if m.interval_ms <= 0 {
        return Err(bad("detectors.interval_ms", &m.interval_ms, "no length of time"));
    }
    if let Some(odd) = m.occupancy.filter(|share| !(0.0..=1.0).contains(share)) {
        return Err(bad("detectors.occupancy", &odd, "outside 0..=1"));
    }
    if let Some(odd) = m.speed_mps.filter(|speed| !(0.0..=1_000.0).contains(speed)) {
        return Err(bad("detectors.speed_mps", &odd, "no speed"));
    }
    let mut kinds = KindCounts::default();
    for v1::DetectorKindCount { kind, count } in m.kinds {
        let known = v1::DetectorKind::try_from(kind).ok().and_then(kind_from_wire);
        kinds.set(known.ok_or_else(|| bad("detectors.kinds.kind", &kind, "not known"))?, count);
    }
    let reading = Reading {
        at: UtcMillis(m.end_ms),
        interval: DurationMs(m.interval_ms),
        vehicles: m.vehicles,
        occupancy: m.occupancy,
        speed: m.speed_mps.map(MetersPerSecond),
        kinds,
    };
    Ok((number, reading))
}

fn kind_to_wire((kind, count): (RoadUserKind, u32)) -> v1::DetectorKindCount {
    let kind = match kind {
        RoadUserKind::Car => v1::DetectorKind::Car,
        RoadUserKind::CarWithTrailer => v1::DetectorKind::CarWithTrailer,
        RoadUserKind::Truck => v1::DetectorKind::Truck,
        RoadUserKind::TruckWithTrailer => v1::DetectorKind::TruckWithTrailer,
        RoadUserKind::Bus => v1::DetectorKind::Bus,
        RoadUserKind::Tram => v1::DetectorKind::Tram,
        RoadUserKind::Motorcycle => v1::DetectorKind::Motorcycle,
        RoadUserKind::Bicycle => v1::DetectorKind::Bicycle,
        RoadUserKind::Pedestrian => v1::DetectorKind::Pedestrian,
    };
    v1::DetectorKindCount { kind: kind.into(), count }
}

fn kind_from_wire(kind: v1::DetectorKind) -> Option<RoadUserKind> {
    Some(match kind {
        v1::DetectorKind::Unspecified => return None,
        v1::DetectorKind::Car => RoadUserKind::Car,
        v1::DetectorKind::CarWithTrailer => RoadUserKind::CarWithTrailer,
        v1::DetectorKind::Truck => RoadUserKind::Truck,
        v1::DetectorKind::TruckWithTrailer => RoadUserKind::TruckWithTrailer,
        v1::DetectorKind::Bus => RoadUserKind::Bus,
        v1::DetectorKind::Tram => RoadUserKind::Tram,
        v1::DetectorKind::Motorcycle => RoadUserKind::Motorcycle,
        v1::DetectorKind::Bicycle => RoadUserKind::Bicycle,
        v1::DetectorKind::Pedestrian => RoadUserKind::Pedestrian,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_road_user_round_trips() {
        let mut kinds = KindCounts::default();
        (1..).zip(RoadUserKind::ALL).for_each(|(count, kind)| kinds.set(kind, count));
        let whole = Reading {
            at: UtcMillis(60_000),
            interval: DurationMs(60_000),
            vehicles: Some(0),
            occupancy: Some(1.0),
            speed: Some(MetersPerSecond(8.5)),
            kinds,
        };
        let part = Reading { at: UtcMillis(1), interval: DurationMs(1), ..Reading::default() };
        let junction: JunctionId = "kim-ma".parse().unwrap();
        let readings = vec![(1, whole), (65_535, part)];
        let back = readings_from_wire(readings_to_wire(&junction, &readings)).unwrap();
        assert_eq!(back, (junction, readings));
    }

    #[track_caller]
    fn refused(change: impl Fn(&mut v1::DetectorReading), want: &str) {
        let mut reading = v1::DetectorReading { detector: 1, interval_ms: 1, ..Default::default() };
        change(&mut reading);
        let m = v1::DetectorReadings { junction: "a".into(), readings: vec![reading] };
        assert_eq!(readings_from_wire(m).unwrap_err().to_string(), want);
    }

    #[test]
    fn what_is_no_reading_is_named() {
        refused(|r| r.detector = 0, "detectors.detector: 0 is outside 1..=65535");
        refused(|r| r.interval_ms = 0, "detectors.interval_ms: 0 is no length of time");
        refused(|r| r.occupancy = Some(f64::NAN), "detectors.occupancy: NaN is outside 0..=1");
        refused(|r| r.speed_mps = Some(-1.0), "detectors.speed_mps: -1 is no speed");
        let kind = v1::DetectorKindCount { kind: 77, count: 1 };
        refused(move |r| r.kinds = vec![kind], "detectors.kinds.kind: 77 is not known");
    }
}
