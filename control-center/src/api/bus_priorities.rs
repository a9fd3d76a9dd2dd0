//! Late buses that asked for green: how each fared, and what it gave and cost.

use control_center_store::BusPriorityRow;
use models_domain::{DurationMs, JunctionId, UtcMillis};
use models_wire::v1;
use tonic::Status;

use super::internal;
use crate::hall::Hall;

/// So long back they are listed.
const BACK: DurationMs = DurationMs(24 * 3_600_000);
const LIMIT: u32 = 200;

pub async fn list(hall: &Hall, junction: Option<&JunctionId>) -> Result<v1::ListBusPriorityResponse, Status> {
    let since = hall.clock.now() - BACK;
    let rows = hall.store.bus_priorities(junction, since, LIMIT).await.map_err(internal)?;
    Ok(v1::ListBusPriorityResponse {
        configured: hall.priorities.at(junction),
        requests: rows.into_iter().map(to_wire).collect(),
    })
}

fn to_wire(row: BusPriorityRow) -> v1::BusPriorityRequest {
    let ms = |at: Option<UtcMillis>| at.map_or(0, |at| at.0);
    v1::BusPriorityRequest {
        id: row.id,
        junction: row.junction.to_string(),
        approach: row.approach,
        vehicle: row.vehicle.to_string(),
        feed: row.feed.0,
        route: row.route,
        trip: row.run.trip.0,
        day: row.run.date.to_string(),
        asked_ms: row.asked.0,
        late_s: row.late.seconds(),
        to_line_m: row.to_line.0,
        state: row.state,
        why: row.why,
        detail: row.detail,
        order: row.order.unwrap_or(0),
        until_ms: ms(row.until),
        green_ms: ms(row.green),
        passed_ms: ms(row.passed),
        ended_ms: ms(row.ended),
        measured: row.measured.map(|measured| v1::BusPriorityMeasured {
            gain: measured.gain,
            gain_s: measured.gained.seconds(),
            red_s: measured.others.seconds(),
            usual_red_s: measured.usual.seconds(),
            group: u32::from(measured.group),
        }),
    }
}
