//! Sums by the minute: written with the events they are made of, read instead of scanning these.

use std::collections::BTreeMap;

use models_domain::count::minutes::{MINUTE, minute_of};
use models_domain::count::{MinuteCount, MinuteCounts};
use models_domain::event::Phase;
use models_domain::{CameraId, EventBody, UtcMillis};
use sqlx::{QueryBuilder, Row, Sqlite, SqliteConnection};

use crate::errs::StoreError;
use crate::ingest::NewEvent;
use crate::open::Store;
use crate::rows::stats;

/// Half-open: `from` belongs to it, `to` does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    pub from: UtcMillis,
    pub to: UtcMillis,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CountRow {
    pub camera: String,
    pub line: String,
    pub road_user: String,
    pub direction: String,
    /// Begin of the bucket.
    pub from: UtcMillis,
    pub crossings: u64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WatchedRow {
    pub camera: String,
    /// Begin of the bucket.
    pub from: UtcMillis,
    pub watched_ms: i64,
    pub analysed_ms: i64,
}

/// Totals of what is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Figures {
    pub frames: u64,
    pub detections: u64,
    pub crossings: u64,
    pub rule_events: u64,
    pub fixes: u64,
    pub signal_changes: u64,
    pub cameras_up: u64,
    pub junctions_up: u64,
}

/// SQLite takes 32,766 values a statement; the widest row here has 7.
const ROWS: usize = 4_000;
/// Nobody counts more in a minute: sums must not overflow, whatever a gateway says.
const CROSSINGS_MAX: u32 = 1_000_000;

/// Adds what `events` say to the minutes they belong to.
pub(crate) async fn write(tx: &mut SqliteConnection, events: &[NewEvent]) -> sqlx::Result<()> {
    let mut told: Vec<(&CameraId, &MinuteCounts)> = Vec::new();
    let mut figures_by_minute: BTreeMap<UtcMillis, [i64; 6]> = BTreeMap::new();
    for event in events.iter().filter_map(|new| new.event.as_ref()) {
        if let EventBody::Counts { camera, counts } = &event.body {
            told.push((camera, counts));
        }
        let (at, added) = figures(event.at, &event.body);
        let sums = figures_by_minute.entry(minute_of(at)).or_default();
        sums.iter_mut().zip(added).for_each(|(sum, n)| *sum = sum.saturating_add(n));
    }
    figures_by_minute.retain(|_, sums| *sums != [0; 6]);
    counts(tx, &told).await?;
    watched(tx, &told).await?;
    for rows in figures_by_minute.into_iter().collect::<Vec<_>>().chunks(ROWS) {
        let mut sql = QueryBuilder::<Sqlite>::new(
            "INSERT INTO minute_figure (minute_ms, frames, detections, crossings, rule_events, fixes, signal_changes) ",
        );
        sql.push_values(rows, |mut row, (minute, sums)| {
            row.push_bind(minute.0);
            for sum in sums {
                row.push_bind(*sum);
            }
        });
        sql.push(
            " ON CONFLICT (minute_ms) DO UPDATE SET frames = frames + excluded.frames, \
             detections = detections + excluded.detections, crossings = crossings + excluded.crossings, \
             rule_events = rule_events + excluded.rule_events, fixes = fixes + excluded.fixes, \
             signal_changes = signal_changes + excluded.signal_changes",
        );
        sql.build().execute(&mut *tx).await?;
    }
    Ok(())
}

/// The moment an event counts for, and what it adds to the columns of `minute_figure`.
fn figures(at: UtcMillis, body: &EventBody) -> (UtcMillis, [i64; 6]) {
    match body {
        EventBody::CameraStats { stats: told, .. } => {
            let [frames, _, detections, _] = stats(told);
            (at, [frames, detections, 0, 0, 0, 0])
        }
        EventBody::Counts { counts, .. } => {
            let crossings = counts.crossings.iter().map(crossings).sum();
            (counts.minute, [0, 0, crossings, 0, 0, 0])
        }
        // The minute's own figures are no event.
        EventBody::Rule { event, .. } => (at, [0, 0, 0, i64::from(event.phase != Phase::Figure), 0, 0]),
        EventBody::RedLight { .. } => (at, [0, 0, 0, 1, 0, 0]),
        EventBody::Fix(fix) => (fix.received, [0, 0, 0, 0, 1, 0]),
        EventBody::Signal { .. } => (at, [0, 0, 0, 0, 0, 1]),
        EventBody::LineCrossing { .. }
        | EventBody::CameraState { .. }
        | EventBody::SignalAlarm { .. }
        | EventBody::SignalState { .. }
        | EventBody::SignalOrder { .. }
        | EventBody::Detectors { .. } => (at, [0; 6]),
    }
}

fn crossings(count: &MinuteCount) -> i64 {
    i64::from(count.crossings.min(CROSSINGS_MAX))
}

async fn counts(tx: &mut SqliteConnection, told: &[(&CameraId, &MinuteCounts)]) -> sqlx::Result<()> {
    let rows: Vec<_> =
        told.iter().flat_map(|(camera, m)| m.crossings.iter().map(move |c| (camera, m.minute, c))).collect();
    for rows in rows.chunks(ROWS) {
        let mut sql = QueryBuilder::<Sqlite>::new(
            "INSERT INTO minute_count (camera, minute_ms, line, road_user, direction, crossings) ",
        );
        sql.push_values(rows, |mut row, (camera, minute, count)| {
            row.push_bind(camera.as_str())
                .push_bind(minute.0)
                .push_bind(count.line.as_str())
                .push_bind(count.class.name())
                .push_bind(count.direction.to_string())
                .push_bind(crossings(count));
        });
        sql.push(" ON CONFLICT DO UPDATE SET crossings = crossings + excluded.crossings");
        sql.build().execute(&mut *tx).await?;
    }
    Ok(())
}

async fn watched(tx: &mut SqliteConnection, told: &[(&CameraId, &MinuteCounts)]) -> sqlx::Result<()> {
    for rows in told.chunks(ROWS) {
        let mut sql = QueryBuilder::<Sqlite>::new(
            "INSERT INTO minute_watched (camera, minute_ms, watched_ms, analysed_ms) ",
        );
        sql.push_values(rows, |mut row, (camera, m)| {
            row.push_bind(camera.as_str()).push_bind(m.minute.0).push_bind(m.watched.0);
            row.push_bind(m.analysed.0);
        });
        // A clock that was set back tells of the same minute twice; it has no more than its length.
        sql.push(" ON CONFLICT DO UPDATE SET watched_ms = min(watched_ms + excluded.watched_ms, ");
        sql.push_bind(MINUTE.0);
        sql.push("), analysed_ms = min(analysed_ms + excluded.analysed_ms, ").push_bind(MINUTE.0);
        sql.push(")").build().execute(&mut *tx).await?;
    }
    Ok(())
}

impl Store {
    /// Crossings by camera, line, class and direction in buckets of `bucket_ms`, the first begins at `span.from`; at most
    /// `limit` rows. Whole minutes: those that begin in `span`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn counts(
        &self,
        camera: Option<&str>,
        span: Span,
        bucket_ms: i64,
        limit: u32,
    ) -> Result<Vec<CountRow>, StoreError> {
        let columns = "camera, line, road_user, direction";
        let mut sql =
            buckets(columns, "sum(crossings) AS crossings", "minute_count", camera, span, bucket_ms);
        sql.push(" GROUP BY 1, 2, 3, 4, 5 ORDER BY 1, 2, 3, 4, 5 LIMIT ").push_bind(limit);
        let rows = sql.build().fetch_all(self.readers()).await.map_err(self.failed("adding up crossings"))?;
        let row = |row: &sqlx::sqlite::SqliteRow| -> sqlx::Result<CountRow> {
            Ok(CountRow {
                camera: row.try_get("camera")?,
                line: row.try_get("line")?,
                road_user: row.try_get("road_user")?,
                direction: row.try_get("direction")?,
                from: bucket_of(row, span, bucket_ms)?,
                crossings: row.try_get::<i64, _>("crossings")?.cast_unsigned(),
            })
        };
        rows.iter().map(row).collect::<sqlx::Result<_>>().map_err(self.failed("reading crossings"))
    }

    /// Begin of the newest minute from `since` on in which a line was crossed in a direction; `None`: it was not.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn last_crossed(
        &self,
        camera: &str,
        (line, direction): (&str, &str),
        since: UtcMillis,
    ) -> Result<Option<UtcMillis>, StoreError> {
        let newest: Option<i64> = sqlx::query_scalar(
            // Along the key backwards: on a line that is crossed it ends at once.
            "SELECT minute_ms FROM minute_count WHERE camera = ? AND minute_ms >= ? AND line = ? AND direction = ? \
             AND crossings > 0 ORDER BY minute_ms DESC LIMIT 1",
        )
        .bind(camera)
        .bind(since.0)
        .bind(line)
        .bind(direction)
        .fetch_optional(self.readers())
        .await
        .map_err(self.failed("looking for the last crossing of a line"))?;
        Ok(newest.map(UtcMillis))
    }

    /// How much of each bucket each camera was watched; as [`Store::counts`].
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn watched(
        &self,
        camera: Option<&str>,
        span: Span,
        bucket_ms: i64,
        limit: u32,
    ) -> Result<Vec<WatchedRow>, StoreError> {
        let sums = "sum(watched_ms) AS watched_ms, sum(analysed_ms) AS analysed_ms";
        let mut sql = buckets("camera", sums, "minute_watched", camera, span, bucket_ms);
        sql.push(" GROUP BY 1, 2 ORDER BY 1, 2 LIMIT ").push_bind(limit);
        let rows = sql.build().fetch_all(self.readers()).await;
        let rows = rows.map_err(self.failed("adding up what was watched"))?;
        let row = |row: &sqlx::sqlite::SqliteRow| -> sqlx::Result<WatchedRow> {
            Ok(WatchedRow {
                camera: row.try_get("camera")?,
                from: bucket_of(row, span, bucket_ms)?,
                watched_ms: row.try_get("watched_ms")?,
                analysed_ms: row.try_get("analysed_ms")?,
            })
        };
        rows.iter().map(row).collect::<sqlx::Result<_>>().map_err(self.failed("reading what was watched"))
    }

    /// Totals since the minute that `since` lies in. Reads a row a minute, not the events.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn figures(&self, since: UtcMillis) -> Result<Figures, StoreError> {
        let row = sqlx::query(
            "SELECT coalesce(sum(frames), 0) AS frames, coalesce(sum(detections), 0) AS detections, \
             coalesce(sum(crossings), 0) AS crossings, coalesce(sum(rule_events), 0) AS rule_events, \
             coalesce(sum(fixes), 0) AS fixes, coalesce(sum(signal_changes), 0) AS signal_changes, \
             (SELECT coalesce(sum(cameras_up), 0) FROM gateway_state WHERE alive) AS cameras_up, \
             (SELECT coalesce(sum(junctions_up), 0) FROM gateway_state WHERE alive) AS junctions_up \
             FROM minute_figure WHERE minute_ms >= ?1",
        )
        .bind(minute_of(since).0)
        .fetch_one(self.readers())
        .await
        .map_err(self.failed("adding up the figures"))?;
        let number = |name: &str| row.try_get::<i64, _>(name).map(i64::cast_unsigned);
        let figures = || -> sqlx::Result<Figures> {
            Ok(Figures {
                frames: number("frames")?,
                detections: number("detections")?,
                crossings: number("crossings")?,
                rule_events: number("rule_events")?,
                fixes: number("fixes")?,
                signal_changes: number("signal_changes")?,
                cameras_up: number("cameras_up")?,
                junctions_up: number("junctions_up")?,
            })
        };
        figures().map_err(self.failed("reading the figures"))
    }
}

/// `SELECT columns, bucket, sums FROM table` over the minutes of `span`, without its grouping.
fn buckets(
    columns: &str,
    sums: &str,
    table: &str,
    camera: Option<&str>,
    span: Span,
    bucket_ms: i64,
) -> QueryBuilder<Sqlite> {
    let mut sql = QueryBuilder::<Sqlite>::new("SELECT ");
    sql.push(columns).push(", (minute_ms - ").push_bind(span.from.0).push(") / ");
    sql.push_bind(bucket_ms.max(1)).push(" AS bucket, ").push(sums).push(" FROM ").push(table);
    sql.push(" WHERE minute_ms >= ").push_bind(span.from.0).push(" AND minute_ms < ").push_bind(span.to.0);
    if let Some(camera) = camera {
        sql.push(" AND camera = ").push_bind(camera.to_owned());
    }
    sql
}

fn bucket_of(row: &sqlx::sqlite::SqliteRow, span: Span, bucket_ms: i64) -> sqlx::Result<UtcMillis> {
    let bucket: i64 = row.try_get("bucket")?;
    Ok(UtcMillis(span.from.0.saturating_add(bucket.saturating_mul(bucket_ms.max(1)))))
}
