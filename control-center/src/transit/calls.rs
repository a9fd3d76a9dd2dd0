//! Calls for help: told whatever is believed of the place, and where nobody is followed for want of a timetable.

use std::collections::BTreeMap;

use models_domain::event::Phase;
use models_domain::fix::{Limits, alone, call};
use models_domain::geo::LatLon;
use models_domain::transit::Fix;
use models_domain::transit::finding::{Finding, Held, PLACE_HOLDS, TransitEvent, place_age_s, place_at};
use models_domain::transit::matching::Seen;
use models_domain::transit::vehicle::Observed;
use models_domain::{DurationMs, UtcMillis, VehicleId};

use super::observed;

/// Buses that are not followed and ever called for help: what holds of each, and when it was heard last.
#[derive(Debug, Default)]
pub struct Calls {
    heard_by_vehicle: BTreeMap<VehicleId, (Held, UtcMillis)>,
    /// Of each bus that was lately seen, when and where it was believed to be last: a call from who knows where is shown there.
    seen_by_vehicle: BTreeMap<VehicleId, (UtcMillis, LatLon)>,
}

impl Calls {
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    /// Goes on with a call that was told before the hall started.
    pub fn resume(&mut self, event: TransitEvent) {
        let Some(vehicle) = event.vehicle.clone() else { return };
        let (held, last) = self.heard_by_vehicle.entry(vehicle).or_insert((Held::default(), event.at));
        *last = event.at.max(*last);
        held.resume(event);
    }

    /// Begun or ended by these reports.
    pub fn look(&mut self, fixes: &[Fix], now: UtcMillis) -> Vec<TransitEvent> {
        let mut events = Vec::new();
        for fix in fixes {
            let is_placed = alone(fix, &Limits::default()).is_none();
            if is_placed {
                self.seen(fix);
            }
            if !fix.told.sos && !self.heard_by_vehicle.contains_key(&fix.vehicle) {
                continue;
            }
            let Some(at) = call(fix).or(is_placed.then_some(fix.at)) else { continue };
            let unheard = || (Held::default(), UtcMillis(i64::MIN));
            let (held, last) = self.heard_by_vehicle.entry(fix.vehicle.clone()).or_insert_with(unheard);
            // One that is told again, or late, changes nothing any more.
            if at < *last || (at == *last && !fix.told.sos) {
                continue;
            }
            *last = at;
            let seen = self.seen_by_vehicle.get(&fix.vehicle).filter(|_| !is_placed).copied();
            let believed = seen.and_then(|seen| place_at(seen, at));
            let place = is_placed.then_some(fix.position).or(believed);
            let age_s = seen.filter(|_| believed.is_some()).and_then(|(seen, _)| place_age_s(seen, at));
            let event = TransitEvent {
                finding: Finding::Sos,
                phase: Phase::Moment,
                began: at,
                at,
                vehicle: Some(fix.vehicle.clone()),
                place,
                run: None,
                stop: None,
                value: age_s,
            };
            held.judge(Some(fix.told.sos), DurationMs(0), event, &mut events);
        }
        self.seen_by_vehicle.retain(|_, (at, _)| now.since(*at).0 <= PLACE_HOLDS.0);
        events
    }

    fn seen(&mut self, fix: &Fix) {
        let now = (fix.at, fix.position);
        match self.seen_by_vehicle.get_mut(&fix.vehicle) {
            Some(last) if last.0 <= now.0 => *last = now,
            Some(_) => {}
            None => _ = self.seen_by_vehicle.insert(fix.vehicle.clone(), now),
        }
    }
}

/// What is left of a report that is not believed: whether it calls for help.
pub fn call_of(fix: &Fix) -> Option<Observed> {
    let at = call(fix)?;
    let observed = observed(fix);
    Some(Observed { seen: Seen { at, ..observed.seen }, placed: false, ..observed })
}

#[cfg(test)]
mod tests {
    use models_domain::MetersPerSecond;
    use models_domain::transit::Told;

    use super::*;

    const BUS_STOP: LatLon = LatLon::new(21.03, 105.85);

    fn report(vehicle: &str, min: i64, valid: bool, sos: bool) -> Fix {
        let at = UtcMillis(min * 60_000);
        Fix {
            vehicle: vehicle.parse().unwrap(),
            at,
            received: at,
            position: if valid { BUS_STOP } else { LatLon::new(0.0, 0.0) },
            speed: MetersPerSecond(5.0),
            course: None,
            altitude: None,
            valid,
            protocol: "gt06".into(),
            told: Told { sos, ..Told::default() },
        }
    }

    #[test]
    fn a_call_is_shown_where_the_bus_was_seen_within_half_an_hour() {
        let (minute, half_hour) = ((Some(BUS_STOP), None), (Some(BUS_STOP), Some(1_800.0)));
        for (called_min, (place, age_s)) in
            [(1, minute), (30, half_hour), (31, (None, None)), (24 * 60, (None, None))]
        {
            let fixes = [report("bus", 0, true, false), report("bus", called_min, false, true)];
            let events = Calls::default().look(&fixes, UtcMillis(called_min * 60_000));
            let told: Vec<_> = events.iter().map(|e| (e.finding, e.phase, e.place, e.value)).collect();
            assert_eq!(told, [(Finding::Sos, Phase::Begun, place, age_s)], "after {called_min} minutes");
        }
    }

    #[test]
    fn where_buses_were_is_kept_for_half_an_hour() {
        let mut calls = Calls::default();
        for min in 0..100 {
            let fixes = [report(&format!("bus-{min}"), min, true, false)];
            assert_eq!(calls.look(&fixes, UtcMillis(min * 60_000)), []);
            assert!(calls.seen_by_vehicle.len() <= 31, "{}", calls.seen_by_vehicle.len());
        }
        // It was stored in the tracker for weeks.
        assert_eq!(calls.look(&[report("late", 0, true, false)], UtcMillis(20 * 86_400_000)), []);
        assert!(calls.seen_by_vehicle.is_empty());
    }
}
