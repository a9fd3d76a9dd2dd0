//! `GetCounts` and `GetFigures`: sums by the minute, read back from the store.

use control_center_store::{CountRow, Span, WatchedRow};
use models_domain::UtcMillis;
use models_domain::count::Direction;
use models_domain::count::minutes::{MINUTE, minute_of};
use models_wire::convert::event::{class_to_wire, direction_to_wire};
use models_wire::v1;
use tonic::Status;

use super::{events, internal};
use crate::hall::Hall;

const BUCKETS_MAX: i64 = 10_000;
/// Of each kind: some megabytes.
const ROWS_MAX: u32 = 100_000;

pub async fn counts(hall: &Hall, asked: v1::GetCountsRequest) -> Result<v1::GetCountsResponse, Status> {
    let (span, bucket) = span(&asked, hall.clock.now())?;
    let camera = if asked.camera.is_empty() { None } else { Some(events::camera(&asked.camera)?) };
    let camera = camera.as_ref().map(|c| c.as_str());
    let counts = hall.store.counts(camera, span, bucket, ROWS_MAX + 1).await.map_err(internal)?;
    let watched = hall.store.watched(camera, span, bucket, ROWS_MAX + 1).await.map_err(internal)?;
    if counts.len().max(watched.len()) > ROWS_MAX as usize {
        return Err(Status::invalid_argument(format!(
            "bucket_ms: the answer would have more than {ROWS_MAX} rows; ask for longer buckets, a shorter time or one camera"
        )));
    }
    Ok(v1::GetCountsResponse {
        counts: counts.into_iter().map(count).collect(),
        watched: watched.into_iter().map(watched_row).collect(),
    })
}

/// Whole minutes, and the length of a bucket.
#[allow(clippy::result_large_err, reason = "tonic's own error")]
fn span(asked: &v1::GetCountsRequest, now: UtcMillis) -> Result<(Span, i64), Status> {
    let to = if asked.to_ms == 0 { now.0.saturating_add(1) } else { asked.to_ms };
    let span = whole_minutes(asked.from_ms, to)?;
    let length = span.to.since(span.from).0;
    let bucket = bucket(asked.bucket_ms, length)?;
    if length / bucket > BUCKETS_MAX {
        let why = format!("bucket_ms: more than {BUCKETS_MAX} buckets; ask for longer ones");
        return Err(Status::invalid_argument(why));
    }
    Ok((span, bucket))
}

/// The minutes that a time touches.
#[allow(clippy::result_large_err, reason = "tonic's own error")]
pub fn whole_minutes(from_ms: i64, to_ms: i64) -> Result<Span, Status> {
    if from_ms < 0 {
        return Err(Status::invalid_argument(format!("from_ms: {from_ms} is before 1970")));
    }
    if to_ms <= from_ms {
        return Err(Status::invalid_argument("to_ms must be after from_ms"));
    }
    let to = minute_of(UtcMillis(to_ms.saturating_add(MINUTE.0 - 1)));
    Ok(Span { from: minute_of(UtcMillis(from_ms)), to })
}

/// The length of a bucket in ms; `otherwise` where none was asked for.
#[allow(clippy::result_large_err, reason = "tonic's own error")]
pub fn bucket(asked_ms: i64, otherwise: i64) -> Result<i64, Status> {
    match asked_ms {
        0 => Ok(otherwise),
        some if some > 0 && some % MINUTE.0 == 0 => Ok(some),
        other => {
            Err(Status::invalid_argument(format!("bucket_ms: {other} is not a multiple of {}", MINUTE.0)))
        }
    }
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

fn watched_row(row: WatchedRow) -> v1::Watched {
    let WatchedRow { camera, from, watched_ms, analysed_ms } = row;
    v1::Watched { camera, from_ms: from.0, watched_ms, analysed_ms }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(from_ms: i64, to_ms: i64, bucket_ms: i64) -> v1::GetCountsRequest {
        v1::GetCountsRequest { camera: String::new(), from_ms, to_ms, bucket_ms }
    }

    #[test]
    fn whole_minutes_are_asked_for() {
        let read = |from, to, bucket| {
            let (span, bucket) = span(&asked(from, to, bucket), UtcMillis(600_000)).unwrap();
            (span.from.0, span.to.0, bucket)
        };
        assert_eq!(read(59_999, 60_001, 60_000), (0, 120_000, 60_000));
        assert_eq!(read(60_000, 120_000, 0), (60_000, 120_000, 60_000));
        assert_eq!(read(0, 0, 300_000), (0, 660_000, 300_000));
    }

    #[track_caller]
    fn refused(request: v1::GetCountsRequest, want: &str) {
        assert_eq!(span(&request, UtcMillis(600_000)).unwrap_err().message(), want);
    }

    #[test]
    fn what_cannot_be_asked_is_named() {
        refused(asked(-1, 5, 0), "from_ms: -1 is before 1970");
        refused(asked(5, 5, 0), "to_ms must be after from_ms");
        refused(asked(0, 5, 59_999), "bucket_ms: 59999 is not a multiple of 60000");
        refused(asked(0, 5, -60_000), "bucket_ms: -60000 is not a multiple of 60000");
        refused(asked(0, i64::MAX, 60_000), "bucket_ms: more than 10000 buckets; ask for longer ones");
    }
}
