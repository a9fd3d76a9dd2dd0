//! Where a vehicle is on its way, by its tracker.

use models_domain::geo::LatLon;
use models_domain::signal::emergency::along;
use models_domain::signal::route::Pass;
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

/// The places of the whole way that the run is a stretch of, measured from the run's first stop line.
fn line(hall: &Hall, emergency: &Emergency) -> Option<Vec<(LatLon, Meters)>> {
    let way = hall.passes(&emergency.corridor, emergency.way)?;
    let first = &emergency.run.stops.first()?.junction;
    let zero = way.iter().find(|pass| pass.junction == *first)?.at.0;
    let placed = |pass: &Pass| {
        let position = hall.view.junction(&pass.junction)?.info.position?;
        Some((position, Meters(pass.at.0 - zero)))
    };
    way.iter().map(placed).collect()
}
