//! What of a bus's report the directorate is told: what is believed by itself, and a call for help wherever it comes from.

use std::borrow::Cow;
use std::collections::HashMap;

use models_domain::fix::{Limits, alone, call};
use models_domain::geo::LatLon;
use models_domain::transit::Fix;
use models_domain::transit::finding::place_at;
use models_domain::{MetersPerSecond, UtcMillis, VehicleId};

/// Whether the hall believes it too, as far as one report can tell: how it lies among others of its bus is judged there only.
pub fn is_believed(fix: &Fix) -> bool {
    alone(fix, &Limits::default()).is_none()
}

/// When and where each bus was believed to be last; one place of each.
#[derive(Debug, Default)]
pub struct Places {
    last_by_vehicle: HashMap<VehicleId, (UtcMillis, LatLon)>,
}

impl Places {
    /// The report as it may be told; `None` where nothing of it may. The interface has no word for a place that nobody knows: a call for
    /// help from there has the one where the bus was believed to be last, within half an hour, and no speed.
    pub fn tell<'a>(&mut self, fix: &'a Fix) -> Option<Cow<'a, Fix>> {
        if is_believed(fix) {
            self.seen(fix);
            return Some(Cow::Borrowed(fix));
        }
        let at = call(fix)?;
        let timed = Fix { at, ..fix.clone() };
        // Only its clock was wrong.
        if is_believed(&timed) {
            return Some(Cow::Owned(timed));
        }
        let position = place_at(*self.last_by_vehicle.get(&fix.vehicle)?, at)?;
        let speed = MetersPerSecond(0.0);
        Some(Cow::Owned(Fix { position, speed, course: None, altitude: None, valid: true, ..timed }))
    }

    /// Takes note of where a bus is believed to be.
    pub fn seen(&mut self, fix: &Fix) {
        let now = (fix.at, fix.position);
        match self.last_by_vehicle.get_mut(&fix.vehicle) {
            Some(last) if last.0 <= now.0 => *last = now,
            Some(_) => {}
            None => _ = self.last_by_vehicle.insert(fix.vehicle.clone(), now),
        }
    }
}

#[cfg(test)]
mod tests {
    use models_domain::Degrees;
    use models_domain::transit::Told;

    use super::*;

    const STREET: LatLon = LatLon::new(21.028, 105.852);
    const NOWHERE: LatLon = LatLon::new(0.0, 0.0);
    const MIN: i64 = 60_000;
    const DAY: i64 = 86_400_000;
    const NOON: i64 = 1_764_133_200_000;

    fn fix(vehicle: &str, at_ms: i64) -> Fix {
        Fix {
            vehicle: VehicleId::new(vehicle).unwrap(),
            at: UtcMillis(at_ms),
            received: UtcMillis(at_ms),
            position: STREET,
            speed: MetersPerSecond(10.0),
            course: Some(Degrees(90.0)),
            altitude: None,
            valid: true,
            protocol: "gt06".to_owned(),
            told: Told::default(),
        }
    }

    fn calls(fix: Fix) -> Fix {
        let told = Told { sos: true, ..fix.told };
        Fix { told, ..fix }
    }

    #[test]
    fn what_cannot_be_right_is_not_told() {
        let right = fix("a", NOON);
        assert_eq!(Places::default().tell(&right).as_deref(), Some(&right));
        let year_2080 = UtcMillis(3_471_292_800_000);
        for wrong in [
            Fix { valid: false, ..right.clone() },
            Fix { position: NOWHERE, ..right.clone() },
            Fix { at: year_2080, ..right.clone() },
            Fix { at: UtcMillis(NOON - 32 * DAY), ..right.clone() },
            Fix { speed: MetersPerSecond(90.0), ..right.clone() },
        ] {
            assert_eq!(Places::default().tell(&wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn a_call_from_nowhere_has_its_own_time_and_the_last_place_within_half_an_hour() {
        let mut places = Places::default();
        places.tell(&fix("a", NOON));
        // A report that is stored and told later is not the last one.
        let before = Fix { position: LatLon::new(21.1, 105.9), ..fix("a", NOON - MIN) };
        places.tell(&before);
        let nowhere = |vehicle, minutes: i64| {
            calls(Fix { valid: false, position: NOWHERE, ..fix(vehicle, NOON + minutes * MIN) })
        };
        for minutes in [1, 30] {
            let call = nowhere("a", minutes);
            let want = Fix {
                position: STREET,
                speed: MetersPerSecond(0.0),
                course: None,
                valid: true,
                ..call.clone()
            };
            assert_eq!(places.tell(&call).as_deref(), Some(&want), "after {minutes} minutes");
        }
        assert_eq!(places.tell(&nowhere("a", 31)), None);
        assert_eq!(places.tell(&nowhere("b", 1)), None, "never seen");
    }

    #[test]
    fn a_call_by_a_wrong_clock_is_of_the_moment_in_which_it_came() {
        let late = calls(Fix { at: UtcMillis(NOON + DAY), ..fix("a", NOON) });
        let want = Fix { at: UtcMillis(NOON), ..late.clone() };
        assert_eq!(Places::default().tell(&late).as_deref(), Some(&want));
        // What its tracker had stored for so long calls nobody.
        let old = calls(Fix { at: UtcMillis(NOON - 40 * DAY), ..fix("a", NOON) });
        assert_eq!(Places::default().tell(&old), None);
    }
}
