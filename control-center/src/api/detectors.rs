//! `GetDetectorCounts`: what a junction's detectors counted, added up from minutes.

use control_center_store::{DetectorRow, Span};
use models_domain::count::minutes::MINUTE;
use models_domain::{DurationMs, JunctionId};
use models_wire::v1;
use tonic::Status;

use super::counts::{bucket, whole_minutes};
use super::internal;
use crate::hall::Hall;

const SPAN_MAX: DurationMs = DurationMs(24 * 3_600_000);
/// A day of 64 detectors by the minute has 92,160.
const ROWS_MAX: u32 = 100_000;

pub async fn counts(
    hall: &Hall,
    junction: &JunctionId,
    asked: &v1::GetDetectorCountsRequest,
) -> Result<v1::GetDetectorCountsResponse, Status> {
    let (span, bucket_ms) = span(asked)?;
    let rows = hall.store.detector_counts(junction.as_str(), span, bucket_ms, ROWS_MAX + 1).await;
    let rows = rows.map_err(internal)?;
    if rows.len() > ROWS_MAX as usize {
        return Err(Status::invalid_argument(format!(
            "bucket_ms: the answer would have more than {ROWS_MAX} rows; ask for longer buckets or a shorter time"
        )));
    }
    Ok(v1::GetDetectorCountsResponse { buckets: rows.into_iter().map(told).collect() })
}

/// Whole minutes, and the length of a bucket.
#[allow(clippy::result_large_err, reason = "tonic's own error")]
fn span(asked: &v1::GetDetectorCountsRequest) -> Result<(Span, i64), Status> {
    let span = whole_minutes(asked.from_ms, asked.to_ms)?;
    if span.to.since(span.from) > SPAN_MAX + MINUTE {
        let why = format!("to_ms: more than {} hours after from_ms", SPAN_MAX.0 / 3_600_000);
        return Err(Status::invalid_argument(why));
    }
    Ok((span, bucket(asked.bucket_ms, MINUTE.0)?))
}

fn told(row: DetectorRow) -> v1::DetectorBucket {
    let DetectorRow { detector, from, counted, vehicles, occupancy, speed_mps, kinds } = row;
    let kind = |(kind, count)| v1::DetectorKindSum { kind, count };
    v1::DetectorBucket {
        detector: u32::from(detector),
        from_ms: from.0,
        counted_ms: counted.0,
        vehicles,
        occupancy,
        speed_mps,
        kinds: kinds.into_iter().map(kind).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(from_ms: i64, to_ms: i64, bucket_ms: i64) -> Result<(i64, i64, i64), String> {
        let asked = v1::GetDetectorCountsRequest { junction: "a".into(), from_ms, to_ms, bucket_ms };
        let read = span(&asked).map_err(|status| status.message().to_owned());
        read.map(|(span, bucket)| (span.from.0, span.to.0, bucket))
    }

    #[test]
    fn whole_minutes_of_a_day_at_most() {
        assert_eq!(asked(59_999, 60_001, 0), Ok((0, 120_000, 60_000)));
        assert_eq!(asked(60_000, 360_000, 300_000), Ok((60_000, 360_000, 300_000)));
        assert_eq!(asked(1, 86_400_001, 0), Ok((0, 86_460_000, 60_000)));
        assert_eq!(asked(0, 90_000_000, 0), Err("to_ms: more than 24 hours after from_ms".into()));
        assert_eq!(asked(5, 5, 0), Err("to_ms must be after from_ms".into()));
        assert_eq!(asked(0, 5, 90_000), Err("bucket_ms: 90000 is not a multiple of 60000".into()));
        assert!(asked(0, i64::MAX, i64::MIN).is_err() && asked(i64::MIN, 0, 0).is_err());
    }
}
