//! What detectors counted, by the minute: written with the events it is made of, read for a junction, forgotten by age.

use std::collections::BTreeMap;

use models_domain::count::minutes::minute_of;
use models_domain::signal::detector::{Reading, RoadUserKind};
use models_domain::{DurationMs, EventBody, UtcMillis};
use sqlx::sqlite::SqliteRow;
use sqlx::{QueryBuilder, Row, Sqlite, SqliteConnection};

use crate::errs::StoreError;
use crate::ingest::NewEvent;
use crate::minutes::Span;
use crate::open::Store;

/// One detector's counts in one bucket of time.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct DetectorRow {
    pub detector: u16,
    /// Begin of the bucket.
    pub from: UtcMillis,
    pub counted: DurationMs,
    pub vehicles: u64,
    /// Share of the time, 0 to 1.
    pub occupancy: Option<f64>,
    pub speed_mps: Option<f64>,
    /// Name of the kind, and how many; only what is above zero.
    pub kinds: Vec<(String, u64)>,
}

/// SQLite takes 32,766 values a statement; the widest row here has 9.
const ROWS: usize = 3_000;
const FORGET_AT_ONCE: i64 = 5_000;
/// Nobody counts more in an interval: sums must not overflow, whatever a gateway says.
const COUNT_MAX: u32 = 1_000_000;
const INTERVAL_MAX_MS: i64 = 86_400_000;

type Place<'a> = (&'a str, UtcMillis, u16);

/// In the order of the columns from `counted_ms` on.
type Sums = [i64; 6];

/// Adds what `events` say to the minutes they belong to.
pub(crate) async fn write(tx: &mut SqliteConnection, events: &[NewEvent]) -> sqlx::Result<()> {
    let mut sums: BTreeMap<Place, Sums> = BTreeMap::new();
    let mut kinds: BTreeMap<(Place, &str), i64> = BTreeMap::new();
    for event in events.iter().filter_map(|new| new.event.as_ref()) {
        let EventBody::Detectors { junction, readings } = &event.body else { continue };
        for (detector, reading) in readings {
            let half = DurationMs(reading.interval.0.clamp(0, INTERVAL_MAX_MS) / 2);
            let place = (junction.as_str(), minute_of(reading.at - half), *detector);
            let sum = sums.entry(place).or_default();
            sum.iter_mut().zip(sums_of(reading)).for_each(|(sum, more)| *sum = sum.saturating_add(more));
            for (kind, count) in reading.kinds.iter().filter(|(_, count)| *count > 0) {
                *kinds.entry((place, kind.name())).or_default() += i64::from(count.min(COUNT_MAX));
            }
        }
    }
    for rows in sums.into_iter().collect::<Vec<_>>().chunks(ROWS) {
        let mut sql = QueryBuilder::<Sqlite>::new(
            "INSERT INTO minute_detector (junction, minute_ms, detector, counted_ms, vehicles, judged_ms, covered_ms, timed, \
             speed_cm_s) ",
        );
        sql.push_values(rows, |mut row, ((junction, minute, detector), sums)| {
            row.push_bind(*junction).push_bind(minute.0).push_bind(*detector);
            for sum in sums {
                row.push_bind(*sum);
            }
        });
        sql.push(
            " ON CONFLICT DO UPDATE SET counted_ms = counted_ms + excluded.counted_ms, \
             vehicles = vehicles + excluded.vehicles, judged_ms = judged_ms + excluded.judged_ms, \
             covered_ms = covered_ms + excluded.covered_ms, timed = timed + excluded.timed, \
             speed_cm_s = speed_cm_s + excluded.speed_cm_s",
        );
        sql.build().execute(&mut *tx).await?;
    }
    for rows in kinds.into_iter().collect::<Vec<_>>().chunks(ROWS) {
        let mut sql = QueryBuilder::<Sqlite>::new(
            "INSERT INTO minute_detector_kind (junction, minute_ms, detector, kind, count) ",
        );
        sql.push_values(rows, |mut row, (((junction, minute, detector), kind), count)| {
            row.push_bind(*junction)
                .push_bind(minute.0)
                .push_bind(*detector)
                .push_bind(*kind)
                .push_bind(*count);
        });
        sql.push(" ON CONFLICT DO UPDATE SET count = count + excluded.count");
        sql.build().execute(&mut *tx).await?;
    }
    Ok(())
}

fn sums_of(reading: &Reading) -> Sums {
    let interval = reading.interval.0.clamp(0, INTERVAL_MAX_MS);
    let vehicles = reading.vehicles.map(|count| i64::from(count.min(COUNT_MAX)));
    let covered = reading.occupancy.map(|share| (share.clamp(0.0, 1.0) * interval as f64).round() as i64);
    // A mean of an unknown number is one of one.
    let timed = reading.speed.map(|speed| {
        let of = vehicles.unwrap_or(1).max(1);
        (of, of * (speed.0.clamp(0.0, 1_000.0) * 100.0).round() as i64)
    });
    [
        vehicles.map_or(0, |_| interval),
        vehicles.unwrap_or(0),
        covered.map_or(0, |_| interval),
        covered.unwrap_or(0),
        timed.map_or(0, |(of, _)| of),
        timed.map_or(0, |(_, sum)| sum),
    ]
}

impl Store {
    /// What a junction's detectors counted in buckets of `bucket_ms`, the first begins at `span.from`; whole minutes: those
    /// that begin in `span`. By detector and time, at most `limit` rows.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn detector_counts(
        &self,
        junction: &str,
        span: Span,
        bucket_ms: i64,
        limit: u32,
    ) -> Result<Vec<DetectorRow>, StoreError> {
        let failed = self.failed("adding up what detectors counted");
        let select = |columns: &str, table: &str, order: &str| {
            let mut sql = QueryBuilder::<Sqlite>::new("SELECT detector, (minute_ms - ");
            sql.push_bind(span.from.0).push(") / ").push_bind(bucket_ms.max(1)).push(" AS bucket, ");
            sql.push(columns).push(" FROM ").push(table).push(" WHERE junction = ");
            sql.push_bind(junction.to_owned()).push(" AND minute_ms >= ").push_bind(span.from.0);
            sql.push(" AND minute_ms < ").push_bind(span.to.0).push(order).push(" LIMIT ");
            sql
        };
        let mut sums = select(
            "sum(counted_ms) AS counted_ms, sum(vehicles) AS vehicles, sum(judged_ms) AS judged_ms, \
             sum(covered_ms) AS covered_ms, sum(timed) AS timed, sum(speed_cm_s) AS speed_cm_s",
            "minute_detector",
            " GROUP BY 1, 2 ORDER BY 1, 2",
        );
        let rows = sums.push_bind(limit).build().fetch_all(self.readers()).await.map_err(&failed)?;
        let mut kinds = select(
            "kind, sum(count) AS count",
            "minute_detector_kind",
            " GROUP BY 1, 2, kind ORDER BY 1, 2, kind",
        );
        let limit = i64::from(limit).saturating_mul(RoadUserKind::ALL.len() as i64);
        let kinds = kinds.push_bind(limit).build().fetch_all(self.readers()).await.map_err(&failed)?;
        let read = || -> sqlx::Result<Vec<DetectorRow>> {
            let mut by_bucket: BTreeMap<(i64, i64), Vec<(String, u64)>> = BTreeMap::new();
            for row in &kinds {
                let told = (row.try_get("kind")?, row.try_get::<i64, _>("count")?.cast_unsigned());
                by_bucket.entry((row.try_get("detector")?, row.try_get("bucket")?)).or_default().push(told);
            }
            let mut of = |row: &SqliteRow| -> sqlx::Result<DetectorRow> {
                let place = (row.try_get("detector")?, row.try_get("bucket")?);
                let from =
                    UtcMillis(span.from.0.saturating_add(i64::saturating_mul(place.1, bucket_ms.max(1))));
                let read = DetectorRow { from, ..detector(row)? };
                Ok(DetectorRow { kinds: by_bucket.remove(&place).unwrap_or_default(), ..read })
            };
            rows.iter().map(&mut of).collect()
        };
        read().map_err(failed)
    }

    /// Forgets some minutes of detectors from before a moment; how many rows.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn forget_detectors(&self, before: UtcMillis) -> Result<u64, StoreError> {
        let mut writer = self.writer().await?;
        let failed = self.failed("forgetting what detectors counted");
        let mut gone = 0;
        for sql in [
            "DELETE FROM minute_detector WHERE (junction, minute_ms, detector) IN \
             (SELECT junction, minute_ms, detector FROM minute_detector WHERE minute_ms < ? LIMIT ?)",
            "DELETE FROM minute_detector_kind WHERE (junction, minute_ms, detector, kind) IN \
             (SELECT junction, minute_ms, detector, kind FROM minute_detector_kind WHERE minute_ms < ? LIMIT ?)",
        ] {
            let done = sqlx::query(sql).bind(before.0).bind(FORGET_AT_ONCE);
            gone += done.execute(&mut writer.connection).await.map_err(&failed)?.rows_affected();
        }
        writer.good();
        Ok(gone)
    }
}

/// Without begin and kinds.
fn detector(row: &SqliteRow) -> sqlx::Result<DetectorRow> {
    let number = |name: &str| row.try_get::<i64, _>(name);
    let share = |part: i64, whole: i64| (whole > 0).then(|| part as f64 / whole as f64);
    Ok(DetectorRow {
        detector: u16::try_from(number("detector")?).unwrap_or(u16::MAX),
        counted: DurationMs(number("counted_ms")?),
        vehicles: number("vehicles")?.cast_unsigned(),
        occupancy: share(number("covered_ms")?, number("judged_ms")?),
        speed_mps: share(number("speed_cm_s")?, number("timed")?).map(|cm_s| cm_s / 100.0),
        ..DetectorRow::default()
    })
}
