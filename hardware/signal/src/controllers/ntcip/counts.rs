//! Volume and occupancy of a unit's detectors, of its last whole interval. Pure.

use models_domain::signal::detector::Reading;
use models_domain::{DurationMs, UtcMillis};

use super::objects::{DETECTOR_OCCUPANCY, DETECTOR_VOLUME, Values, Var};

/// Detectors whose counts are read.
const DETECTORS_MAX: u32 = 64;

/// Occupancy is told in half percents; what is above is a fault (§2.3.5.4.2), which the detectors' alarms tell.
const OCCUPANCY_MAX: i64 = 200;

/// Volumes are told up to 254; 255 is one that has overflowed (§2.3.5.4.1).
const VOLUME_MAX: i64 = 254;

/// What to ask for of the first `detectors`.
pub fn variables(detectors: u32) -> Vec<Var> {
    let both = |number| [DETECTOR_VOLUME.row(number), DETECTOR_OCCUPANCY.row(number)];
    (1..=detectors.min(DETECTORS_MAX)).flat_map(both).collect()
}

/// Those that told both. `at`: the end of the interval, as far as it is known.
pub fn readings(values: &Values, at: UtcMillis, interval: DurationMs) -> Vec<(u16, Reading)> {
    let one = |number: u32| {
        let volume = values.number_of(&DETECTOR_VOLUME.row(number))?;
        let occupancy = values.number_of(&DETECTOR_OCCUPANCY.row(number))?;
        if !(0..=VOLUME_MAX).contains(&volume) || !(0..=OCCUPANCY_MAX).contains(&occupancy) {
            return None;
        }
        let occupancy = occupancy as f64 / OCCUPANCY_MAX as f64;
        let reading = Reading {
            at,
            interval,
            vehicles: Some(u32::try_from(volume).ok()?),
            occupancy: Some(occupancy),
            ..Reading::default()
        };
        Some((u16::try_from(number).ok()?, reading))
    };
    (1..=DETECTORS_MAX).filter_map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::super::objects::Value;
    use super::*;

    #[test]
    fn faulty_detectors_count_nothing() {
        let mut values = Values::default();
        for (number, volume, occupancy) in [(1, 12, 50), (2, 3, 211), (3, 255, 10), (4, 0, 200)] {
            values.insert(DETECTOR_VOLUME.row(number).oid().to_vec(), Value::Number(volume));
            values.insert(DETECTOR_OCCUPANCY.row(number).oid().to_vec(), Value::Number(occupancy));
        }
        let read = readings(&values, UtcMillis(60_000), DurationMs(30_000));
        let told: Vec<_> = read.iter().map(|(number, r)| (*number, r.vehicles, r.occupancy)).collect();
        assert_eq!(told, [(1, Some(12), Some(0.25)), (4, Some(0), Some(1.0))]);
        assert_eq!(variables(200).len(), 128);
    }
}
