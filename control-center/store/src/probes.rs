//! How buses went on the roads: segments and their five minutes, kept as they are reckoned, read back for pictures and files.

use models_domain::UtcMillis;
use models_domain::geo::LatLon;
use models_domain::transit::probe::{Reference, Sum};
use sqlx::sqlite::SqliteRow;
use sqlx::{Connection, QueryBuilder, Row, Sqlite, SqliteConnection};

use crate::errs::StoreError;
use crate::minutes::Span;
use crate::open::{BEGIN, Store};

/// A piece of road.
#[derive(Debug, Clone, PartialEq)]
pub struct SegmentRow {
    pub name: String,
    pub from: String,
    pub to: String,
    pub length_m: f64,
    pub line: Vec<LatLon>,
}

/// What buses told of a segment in the five minutes from `bucket` on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProbeRow {
    pub segment: String,
    pub bucket: UtcMillis,
    pub sum: Sum,
}

/// A segment's five minutes with what a reader of a file wants to know of the segment.
#[derive(Debug, Clone, PartialEq)]
pub struct ProbeLine {
    pub row: ProbeRow,
    pub from: String,
    pub to: String,
    pub length_m: f64,
}

const ROWS: usize = 2_000;
const FORGET_AT_ONCE: i64 = 5_000;

impl Store {
    /// Keeps segments that are in use now.
    ///
    /// # Errors
    /// [`StoreError`]; offer them again.
    pub async fn keep_segments(&self, rows: &[SegmentRow], now: UtcMillis) -> Result<(), StoreError> {
        let mut writer = self.writer().await?;
        segments(&mut writer.connection, rows, now)
            .await
            .map_err(self.failed("keeping segments of roads"))?;
        writer.good();
        Ok(())
    }

    /// Every segment that was ever in use and of which something is kept.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn segments(&self) -> Result<Vec<SegmentRow>, StoreError> {
        let failed = self.failed("reading segments of roads");
        let rows =
            sqlx::query("SELECT name, from_stop, to_stop, length_m, line FROM road_segment ORDER BY name")
                .fetch_all(self.readers())
                .await
                .map_err(&failed)?;
        let row = |row: &SqliteRow| -> sqlx::Result<SegmentRow> {
            let line: String = row.try_get("line")?;
            let (name, from, to) = (row.try_get("name")?, row.try_get("from_stop")?, row.try_get("to_stop")?);
            Ok(SegmentRow { name, from, to, length_m: row.try_get("length_m")?, line: points(&line) })
        };
        rows.iter().map(row).collect::<sqlx::Result<_>>().map_err(failed)
    }

    /// Keeps five minutes in place of what was kept of them; of those of which no bus tells anything, nothing. Segments must be
    /// kept before.
    ///
    /// # Errors
    /// [`StoreError`]; offer them again.
    pub async fn keep_probes(&self, rows: &[ProbeRow]) -> Result<(), StoreError> {
        let mut writer = self.writer().await?;
        probes(&mut writer.connection, rows).await.map_err(self.failed("keeping how buses went"))?;
        writer.good();
        Ok(())
    }

    /// One segment's five minutes within the span, oldest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn probes_of(&self, segment: &str, span: Span) -> Result<Vec<ProbeRow>, StoreError> {
        let failed = self.failed("reading how buses went");
        let rows = sqlx::query(
            "SELECT name, probe.* FROM probe JOIN road_segment ON id = segment \
             WHERE name = ? AND bucket_ms >= ? AND bucket_ms < ? ORDER BY bucket_ms",
        )
        .bind(segment)
        .bind(span.from.0)
        .bind(span.to.0)
        .fetch_all(self.readers())
        .await
        .map_err(&failed)?;
        rows.iter().map(probe).collect::<sqlx::Result<_>>().map_err(failed)
    }

    /// How many five minutes of each segment had a speed of which class (see [`Reference::CLASS`]), of those that tell a speed.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn speed_classes(&self, span: Span) -> Result<Vec<(String, u16, u64)>, StoreError> {
        let rows: Vec<(String, i64, i64)> = sqlx::query_as(
            "SELECT name, class, buckets FROM (SELECT segment, CAST(run_cm * 10.0 / run_ms / ? AS INTEGER) AS class, \
             count(*) AS buckets FROM probe WHERE bucket_ms >= ? AND bucket_ms < ? AND run_ms >= ? GROUP BY 1, 2) \
             JOIN road_segment ON id = segment",
        )
        .bind(Reference::CLASS.0)
        .bind(span.from.0)
        .bind(span.to.0)
        .bind(Sum::RUNNING_MS_MIN as i64)
        .fetch_all(self.readers())
        .await
        .map_err(self.failed("adding up how fast buses went"))?;
        let class = |class: i64| u16::try_from(class).unwrap_or(u16::MAX);
        Ok(rows.into_iter().map(|(name, at, n)| (name, class(at), n.cast_unsigned())).collect())
    }

    /// A page of five minutes in the order of time, after a place that the page before gave; `None` when there are no more.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn probes_page(
        &self,
        after: (UtcMillis, i64),
        before: UtcMillis,
        limit: u32,
    ) -> Result<Option<(Vec<ProbeLine>, (UtcMillis, i64))>, StoreError> {
        let failed = self.failed("reading how buses went");
        let rows = sqlx::query(
            "SELECT name, from_stop, to_stop, length_m, probe.* FROM probe JOIN road_segment ON id = segment \
             WHERE (bucket_ms, segment) > (?, ?) AND bucket_ms < ? ORDER BY bucket_ms, segment LIMIT ?",
        )
        .bind(after.0.0)
        .bind(after.1)
        .bind(before.0)
        .bind(limit)
        .fetch_all(self.readers())
        .await
        .map_err(&failed)?;
        let Some(last) = rows.last() else { return Ok(None) };
        let place = |row: &SqliteRow| Ok((UtcMillis(row.try_get("bucket_ms")?), row.try_get("segment")?));
        let next = place(last).map_err(&failed)?;
        let line = |row: &SqliteRow| -> sqlx::Result<ProbeLine> {
            let (from, to) = (row.try_get("from_stop")?, row.try_get("to_stop")?);
            Ok(ProbeLine { row: probe(row)?, from, to, length_m: row.try_get("length_m")? })
        };
        let lines = rows.iter().map(line).collect::<sqlx::Result<_>>().map_err(&failed)?;
        Ok(Some((lines, next)))
    }

    /// Forgets some five minutes from before a moment, then segments that nothing is known of any more; how many.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn forget_probes(&self, before: UtcMillis) -> Result<u64, StoreError> {
        let mut writer = self.writer().await?;
        let failed = self.failed("forgetting how buses went");
        let gone = sqlx::query(
            "DELETE FROM probe WHERE (segment, bucket_ms) IN \
             (SELECT segment, bucket_ms FROM probe WHERE bucket_ms < ? LIMIT ?)",
        );
        let gone = gone.bind(before.0).bind(FORGET_AT_ONCE).execute(&mut writer.connection).await;
        let mut gone = gone.map_err(&failed)?.rows_affected();
        if gone == 0 {
            let unused = "DELETE FROM road_segment WHERE used_ms < ? \
                          AND NOT EXISTS (SELECT 1 FROM probe WHERE segment = road_segment.id)";
            let done = sqlx::query(unused).bind(before.0).execute(&mut writer.connection).await;
            gone = done.map_err(&failed)?.rows_affected();
        }
        writer.good();
        Ok(gone)
    }
}

async fn segments(
    connection: &mut SqliteConnection,
    rows: &[SegmentRow],
    now: UtcMillis,
) -> sqlx::Result<()> {
    let mut tx = connection.begin_with(BEGIN).await?;
    for some in rows.chunks(ROWS) {
        let mut sql = QueryBuilder::<Sqlite>::new(
            "INSERT INTO road_segment (name, from_stop, to_stop, length_m, line, used_ms) ",
        );
        sql.push_values(some, |mut row, s| {
            row.push_bind(&s.name).push_bind(&s.from).push_bind(&s.to).push_bind(s.length_m);
            row.push_bind(text(&s.line)).push_bind(now.0);
        });
        sql.push(
            " ON CONFLICT (name) DO UPDATE SET from_stop = excluded.from_stop, to_stop = excluded.to_stop, \
             length_m = excluded.length_m, line = excluded.line, used_ms = excluded.used_ms",
        );
        sql.build().execute(&mut *tx).await?;
    }
    tx.commit().await
}

async fn probes(connection: &mut SqliteConnection, rows: &[ProbeRow]) -> sqlx::Result<()> {
    let mut tx = connection.begin_with(BEGIN).await?;
    for ProbeRow { segment, bucket, sum } in rows {
        if sum.buses == 0 {
            let sql = "DELETE FROM probe WHERE bucket_ms = ? AND segment = (SELECT id FROM road_segment WHERE name = ?)";
            sqlx::query(sql).bind(bucket.0).bind(segment).execute(&mut *tx).await?;
            continue;
        }
        sqlx::query(
            "INSERT OR REPLACE INTO probe (segment, bucket_ms, buses, run_cm, run_ms, stop_ms, newest_ms) \
             SELECT id, ?, ?, ?, ?, ?, ? FROM road_segment WHERE name = ?",
        )
        .bind(bucket.0)
        .bind(sum.buses)
        .bind(sum.cm.cast_signed())
        .bind(sum.ms.cast_signed())
        .bind(sum.stop_ms.cast_signed())
        .bind(sum.newest.0)
        .bind(segment)
        .execute(&mut *tx)
        .await?;
    }
    tx.commit().await
}

fn probe(row: &SqliteRow) -> sqlx::Result<ProbeRow> {
    let number = |name: &str| row.try_get::<i64, _>(name).map(i64::cast_unsigned);
    let sum = Sum {
        buses: row.try_get("buses")?,
        cm: number("run_cm")?,
        ms: number("run_ms")?,
        stop_ms: number("stop_ms")?,
        newest: UtcMillis(row.try_get("newest_ms")?),
    };
    Ok(ProbeRow { segment: row.try_get("name")?, bucket: UtcMillis(row.try_get("bucket_ms")?), sum })
}

fn text(line: &[LatLon]) -> String {
    line.iter().map(|p| format!("{:.6},{:.6}", p.lat.0, p.lon.0)).collect::<Vec<_>>().join(" ")
}

fn points(text: &str) -> Vec<LatLon> {
    let point = |word: &str| {
        let (lat, lon) = word.split_once(',')?;
        Some(LatLon::new(lat.parse().ok()?, lon.parse().ok()?))
    };
    text.split(' ').filter_map(point).collect()
}
