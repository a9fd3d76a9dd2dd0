//! Lists and sums, from readers that never wait for the writer.

use models_domain::UtcMillis;
use sqlx::{QueryBuilder, Row, Sqlite};

use crate::errs::StoreError;
use crate::open::Store;
use crate::rows::clamp;

/// Which events to list, newest first.
#[derive(Debug, Clone)]
pub struct ListFilter<'a> {
    pub kinds: &'a [&'a str],
    /// Camera, junction or vehicle; `None` means all.
    pub subject: Option<&'a str>,
    /// Only events before this one in the list.
    pub before: PageKey,
    pub limit: u32,
}

/// Place in a list that is ordered by time, then by storing, newest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct PageKey {
    pub at: UtcMillis,
    pub id: i64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventRow {
    pub key: PageKey,
    pub gateway: String,
    pub boot: u64,
    pub seq: u64,
    pub kind: String,
    pub stored: UtcMillis,
    pub payload: Vec<u8>,
}

/// Half-open: `from` belongs to it, `to` does not.
#[derive(Debug, Clone, Copy)]
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

const COUNTS_MAX: i64 = 100_000;

impl Store {
    /// # Errors
    /// [`StoreError`].
    pub async fn list(&self, filter: &ListFilter<'_>) -> Result<Vec<EventRow>, StoreError> {
        // One walk along the index per kind, merged here: no kind makes another slow.
        let mut found = Vec::new();
        for kind in filter.kinds {
            let mut sql = QueryBuilder::<Sqlite>::new(
                "SELECT id, gateway, boot, seq, at_ms, stored_ms, kind, payload FROM event WHERE kind = ",
            );
            sql.push_bind(*kind);
            if let Some(subject) = filter.subject {
                sql.push(" AND subject = ").push_bind(subject);
            }
            sql.push(" AND (at_ms, id) < (").push_bind(filter.before.at.0).push(", ");
            sql.push_bind(filter.before.id).push(") ORDER BY at_ms DESC, id DESC LIMIT ");
            sql.push_bind(filter.limit);
            let rows = sql.build().fetch_all(self.readers()).await.map_err(self.failed("listing events"))?;
            for row in rows {
                found.push(event_row(&row).map_err(self.failed("reading an event"))?);
            }
        }
        found.sort_by_key(|row| std::cmp::Reverse(row.key));
        found.truncate(usize::try_from(filter.limit).unwrap_or(usize::MAX));
        Ok(found)
    }

    /// Crossings by camera, line, class and direction in buckets of `bucket_ms`, the first begins at `span.from`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn counts(
        &self,
        camera: Option<&str>,
        span: Span,
        bucket_ms: i64,
    ) -> Result<Vec<CountRow>, StoreError> {
        let bucket = bucket_ms.max(1);
        let mut sql = QueryBuilder::<Sqlite>::new("SELECT camera, line, road_user, direction, (at_ms - ");
        sql.push_bind(span.from.0).push(") / ").push_bind(bucket);
        sql.push(" AS bucket, count(*) AS crossings FROM line_crossing WHERE at_ms >= ");
        sql.push_bind(span.from.0).push(" AND at_ms < ").push_bind(span.to.0);
        if let Some(camera) = camera {
            sql.push(" AND camera = ").push_bind(camera);
        }
        sql.push(" GROUP BY 1, 2, 3, 4, 5 ORDER BY 1, 2, 3, 4, 5 LIMIT ").push_bind(COUNTS_MAX);
        let rows = sql.build().fetch_all(self.readers()).await.map_err(self.failed("adding up crossings"))?;
        let row = |row: &sqlx::sqlite::SqliteRow| -> sqlx::Result<CountRow> {
            let bucket_no: i64 = row.try_get("bucket")?;
            Ok(CountRow {
                camera: row.try_get("camera")?,
                line: row.try_get("line")?,
                road_user: row.try_get("road_user")?,
                direction: row.try_get("direction")?,
                from: UtcMillis(span.from.0.saturating_add(bucket_no.saturating_mul(bucket))),
                crossings: row.try_get::<i64, _>("crossings")?.cast_unsigned(),
            })
        };
        rows.iter().map(row).collect::<sqlx::Result<_>>().map_err(self.failed("reading crossings"))
    }

    /// # Errors
    /// [`StoreError`].
    pub async fn figures(&self, since: UtcMillis) -> Result<Figures, StoreError> {
        let row = sqlx::query(
            "SELECT (SELECT coalesce(sum(frames), 0) FROM camera_stats WHERE at_ms >= ?1) AS frames, \
             (SELECT coalesce(sum(detections), 0) FROM camera_stats WHERE at_ms >= ?1) AS detections, \
             (SELECT count(*) FROM line_crossing WHERE at_ms >= ?1) AS crossings, \
             (SELECT count(*) FROM event WHERE kind = 'rule' AND at_ms >= ?1) AS rule_events, \
             (SELECT count(*) FROM fix WHERE received_ms >= ?1) AS fixes, \
             (SELECT count(*) FROM signal WHERE at_ms >= ?1) AS signal_changes, \
             (SELECT coalesce(sum(cameras_up), 0) FROM gateway_state WHERE alive) AS cameras_up, \
             (SELECT coalesce(sum(junctions_up), 0) FROM gateway_state WHERE alive) AS junctions_up",
        )
        .bind(since.0)
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

    /// Whether this event is stored.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn has_event(&self, gateway: &str, boot: u64, seq: u64) -> Result<bool, StoreError> {
        sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM event WHERE gateway = ? AND boot = ? AND seq = ?)")
            .bind(gateway)
            .bind(clamp(boot))
            .bind(clamp(seq))
            .fetch_one(self.readers())
            .await
            .map_err(self.failed("looking for an event"))
    }

    /// The newest stored fix of each vehicle that was received since: (gateway, payload), oldest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn last_fixes(&self, since: UtcMillis) -> Result<Vec<(String, Vec<u8>)>, StoreError> {
        sqlx::query_as(
            "SELECT e.gateway, e.payload FROM event e JOIN (SELECT max(event) AS id FROM fix \
             WHERE received_ms >= ? AND valid GROUP BY vehicle) last ON last.id = e.id ORDER BY e.id",
        )
        .bind(since.0)
        .fetch_all(self.readers())
        .await
        .map_err(self.failed("reading the last fixes"))
    }
}

fn event_row(row: &sqlx::sqlite::SqliteRow) -> sqlx::Result<EventRow> {
    Ok(EventRow {
        key: PageKey { at: UtcMillis(row.try_get("at_ms")?), id: row.try_get("id")? },
        gateway: row.try_get("gateway")?,
        boot: row.try_get::<i64, _>("boot")?.cast_unsigned(),
        seq: row.try_get::<i64, _>("seq")?.cast_unsigned(),
        kind: row.try_get("kind")?,
        stored: UtcMillis(row.try_get("stored_ms")?),
        payload: row.try_get("payload")?,
    })
}
