//! Holding a bus for a while so that buses come evenly: how long, and what passengers gain and lose by it.

use super::headway::Rung;
use crate::ids::VehicleId;
use crate::units::DurationMs;

/// Advice for one bus at its next stop, with the gain expected.
#[derive(Debug, Clone, PartialEq)]
pub struct Advice {
    pub vehicle: VehicleId,
    pub hold: DurationMs,
    /// By how much the mean waiting time at the stops ahead gets shorter, seconds a passenger.
    pub wait_saved_s: f64,
    /// Passengers on board stay for the time of the hold: worth it while fewer are aboard than this many times those who
    /// will get on during one timetabled headway.
    pub worth_below_load: f64,
    pub ahead: DurationMs,
    pub behind: DurationMs,
}

/// Nobody accepts to be held for longer; shorter is not worth a word.
const HOLD_MS_MAX: i64 = 180_000;
const HOLD_MS_MIN: i64 = 20_000;
/// Held only when the gap ahead is below this share of the timetabled one: small differences mend themselves.
const SHORT: f64 = 0.6;

/// Advice for the buses of one ladder (foremost first, one pattern): hold half the difference between the gap behind and ahead.
pub fn advise(ladder: &[Rung]) -> Vec<Advice> {
    let mut all = Vec::new();
    for pair in ladder.windows(2) {
        let (bus, after) = (&pair[0], &pair[1]);
        if bus.line != after.line || bus.pattern != after.pattern {
            continue;
        }
        // Nobody waits for it any more: held at its end it gains nothing.
        if bus.stops_ahead == 0 {
            continue;
        }
        let (Some(ahead), Some(wanted), Some(behind)) = (bus.ahead, bus.ahead_timetabled, after.ahead) else {
            continue;
        };
        if ahead.seconds() >= SHORT * wanted.seconds() || behind.0 <= ahead.0 {
            continue;
        }
        let hold = DurationMs(((behind.0 - ahead.0) / 2).min(HOLD_MS_MAX));
        if hold.0 < HOLD_MS_MIN {
            continue;
        }
        let (a, b, h) = (ahead.seconds(), behind.seconds(), hold.seconds());
        let wait = |a: f64, b: f64| (a * a + b * b) / (2.0 * (a + b));
        let wait_saved_s = wait(a, b) - wait(a + h, b - h);
        // Those who get on during both gaps gain it; those aboard lose the hold.
        let worth_below_load = wait_saved_s * (a + b) / (wanted.seconds().max(1.0) * h);
        all.push(Advice {
            vehicle: bus.vehicle.clone(),
            hold,
            wait_saved_s,
            worth_below_load,
            ahead,
            behind,
        });
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transit::headway::Line;
    use crate::transit::timetable::{RunKey, TripId};
    use crate::units::Meters;
    use time::macros::date;

    fn rung(name: &str, ahead_s: Option<i64>) -> Rung {
        Rung {
            vehicle: name.parse().unwrap(),
            line: Line { feed: "f".into(), route: "r".into(), direction: Some(0) },
            run: RunKey { date: date!(2026 - 03 - 02), trip: TripId::from(name), start_s: None },
            pattern: 0,
            along: Meters(0.0),
            stops_ahead: 9,
            late: None,
            ahead: ahead_s.map(|s| DurationMs(s * 1000)),
            ahead_timetabled: ahead_s.map(|_| DurationMs(600_000)),
            beside: None,
        }
    }

    #[test]
    fn the_second_of_a_pair_is_held() {
        let advice = advise(&[rung("a", None), rung("b", Some(100)), rung("c", Some(1100))]);
        assert_eq!(advice.len(), 1);
        assert_eq!((advice[0].vehicle.as_str(), advice[0].hold), ("b", DurationMs(180_000)));
        // (100² + 1100²) / 2400 is 508 s, (280² + 920²) / 2400 is 385 s.
        assert!((advice[0].wait_saved_s - 123.0).abs() < 0.5, "{advice:?}");
    }

    #[test]
    fn a_bus_that_comes_to_its_last_stop_is_not_held() {
        let mut ladder = [rung("a", None), rung("b", Some(100)), rung("c", Some(1100))];
        ladder[1].stops_ahead = 1;
        assert_eq!(advise(&ladder).len(), 1);
        ladder[1].stops_ahead = 0;
        assert_eq!(advise(&ladder), []);
    }

    #[test]
    fn even_buses_are_let_go() {
        assert_eq!(advise(&[rung("a", None), rung("b", Some(550)), rung("c", Some(650))]), []);
        assert_eq!(advise(&[rung("a", None), rung("b", Some(100)), rung("c", Some(90))]), []);
    }
}
