//! `GetCounts` and `GetFigures`: everything read back from the store.

use control_center_store::{CountRow, Span};
use models_domain::UtcMillis;
use models_domain::count::Direction;
use models_wire::convert::event::{class_to_wire, direction_to_wire};
use models_wire::v1;
use tonic::Status;

use super::internal;
use crate::hall::Hall;

const BUCKET_MIN_MS: i64 = 60_000;
const BUCKETS_MAX: i64 = 10_000;

pub async fn counts(hall: &Hall, asked: v1::GetCountsRequest) -> Result<v1::GetCountsResponse, Status> {
    let to = if asked.to_ms == 0 { hall.clock.now().0.saturating_add(1) } else { asked.to_ms };
    let length = to.saturating_sub(asked.from_ms);
    if length <= 0 {
        return Err(Status::invalid_argument("to_ms must be after from_ms"));
    }
    let bucket = match asked.bucket_ms {
        0 => length,
        BUCKET_MIN_MS.. => asked.bucket_ms,
        short => {
            return Err(Status::invalid_argument(format!("bucket_ms: {short} is less than {BUCKET_MIN_MS}")));
        }
    };
    if length / bucket > BUCKETS_MAX {
        return Err(Status::invalid_argument(format!(
            "more than {BUCKETS_MAX} buckets; ask for longer ones"
        )));
    }
    let camera = (!asked.camera.is_empty()).then_some(asked.camera.as_str());
    let span = Span { from: UtcMillis(asked.from_ms), to: UtcMillis(to) };
    let rows = hall.store.counts(camera, span, bucket).await.map_err(internal)?;
    Ok(v1::GetCountsResponse { counts: rows.into_iter().map(count).collect() })
}

fn count(row: CountRow) -> v1::Count {
    let road_user = row.road_user.parse().map_or(v1::RoadUser::Unspecified, class_to_wire);
    let direction =
        [Direction::ToRight, Direction::ToLeft].into_iter().find(|d| d.to_string() == row.direction);
    v1::Count {
        camera: row.camera,
        line: row.line,
        road_user: road_user.into(),
        direction: direction.map_or(v1::Direction::Unspecified, direction_to_wire).into(),
        from_ms: row.from.0,
        crossings: row.crossings,
    }
}

pub async fn figures(hall: &Hall, since: UtcMillis) -> Result<v1::GetFiguresResponse, Status> {
    let figures = hall.store.figures(since).await.map_err(internal)?;
    Ok(v1::GetFiguresResponse {
        frames: figures.frames,
        detections: figures.detections,
        crossings: figures.crossings,
        events: figures.rule_events,
        fixes: figures.fixes,
        signal_changes: figures.signal_changes,
        cameras_up: figures.cameras_up,
        junctions_up: figures.junctions_up,
    })
}
