//! Where a vehicle is on its way, by its tracker.

use models_domain::geo::LatLon;
use models_domain::signal::corridor::Way;
use models_domain::signal::emergency::along;
use models_domain::{DurationMs, Meters, UtcMillis};

use super::{Emergency, Trouble};
use crate::hall::Hall;

/// A fix older than this says nothing of where the vehicle is now.
const FRESH: DurationMs = DurationMs(30_000);

/// Where its tracker says it is, from the run's first stop line; `Ok(None)`: it has none.
pub(super) fn tracked(
    hall: &Hall,
    emergency: &Emergency,
    now: UtcMillis,
) -> Result<Option<(Meters, UtcMillis)>, Trouble> {
    let Some(vehicle) = &emergency.vehicle else { return Ok(None) };
    let (at, position) = hall.view.vehicle_fix(vehicle).ok_or(Trouble::NoSuchVehicle)?;
    if now.since(at) > FRESH {
        return Err(Trouble::Silent);
    }
    let line = line(hall, emergency).ok_or(Trouble::NoPositions)?;
    along(&line, position).map(|place| Some((place, at))).ok_or(Trouble::Elsewhere)
}

/// The places of the whole corridor in the order of the run's way, measured from its first stop line.
fn line(hall: &Hall, emergency: &Emergency) -> Option<Vec<(LatLon, Meters)>> {
    let corridor = hall.corridors.iter().find(|corridor| corridor.id == emergency.corridor)?;
    let first = &emergency.run.stops.first()?.junction;
    let zero = corridor.places.iter().find(|place| place.junction == *first)?.at.0;
    let sign = if emergency.way == Way::Back { -1.0 } else { 1.0 };
    let mut line = Vec::new();
    for place in &corridor.places {
        let position = hall.view.junction(&place.junction)?.info.position?;
        line.push((position, Meters(sign * (place.at.0 - zero))));
    }
    if emergency.way == Way::Back {
        line.reverse();
    }
    Some(line)
}
