//! How long events are kept, and what the hall ordered by itself. Sums by the minute, people's orders, the audit and how far each
//! gateway is stored stay for ever.

use models_domain::UtcMillis;
use sqlx::{Connection, QueryBuilder, Sqlite, SqliteConnection};

use crate::errs::StoreError;
use crate::open::{BEGIN, Store};

/// Rows looked at in one transaction, so that others can write in between.
const AT_ONCE: i64 = 500;
/// Where an event has its columns for reports, and itself.
const PLACES: [&str; 6] = [
    "DELETE FROM line_crossing WHERE event IN (",
    "DELETE FROM camera_stats WHERE event IN (",
    "DELETE FROM fix WHERE event IN (",
    "DELETE FROM signal WHERE event IN (",
    "DELETE FROM measure WHERE event IN (",
    "DELETE FROM event WHERE id IN (",
];

/// What one call of [`Store::forget_events`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Forgotten {
    pub events: u64,
    /// Where to go on; `None` when everything so old has been looked at.
    pub next: Option<i64>,
}

impl Store {
    /// Forgets events that were stored before a moment, from row `from` on (0 at first), some hundred a call. An event whose
    /// picture somebody fetched, or is still to be fetched, may be evidence and stays, and so does the newest: the next one's number follows it.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn forget_events(&self, before: UtcMillis, from: i64) -> Result<Forgotten, StoreError> {
        let mut writer = self.writer().await?;
        let done =
            forget(&mut writer.connection, before, from).await.map_err(self.failed("forgetting events"))?;
        writer.good();
        Ok(done)
    }

    /// Forgets what calendars and late buses ordered of junctions before a moment, some thousand a call; the audit has every step of
    /// it. What people ordered stays.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn forget_orders(&self, before: UtcMillis) -> Result<u64, StoreError> {
        let mut writer = self.writer().await?;
        let done = sqlx::query(
            "DELETE FROM signal_order WHERE id IN (SELECT id FROM signal_order INDEXED BY signal_order_asked \
             WHERE asked_ms < ?1 AND coalesce(ends_ms, 0) < ?1 \
             AND (asked_by GLOB 'calendar:*' OR asked_by GLOB 'bus_priority:*') LIMIT 5000)",
        )
        .bind(before.0)
        .execute(&mut writer.connection)
        .await
        .map_err(self.failed("forgetting signal orders"))?;
        writer.good();
        Ok(done.rows_affected())
    }
}

async fn forget(connection: &mut SqliteConnection, before: UtcMillis, from: i64) -> sqlx::Result<Forgotten> {
    let mut tx = connection.begin_with(BEGIN).await?;
    let rows: Vec<(i64, i64)> = sqlx::query_as(
        "SELECT id, EXISTS (SELECT 1 FROM still s WHERE s.gateway = e.gateway AND s.boot = e.boot AND s.seq = e.seq) \
         OR EXISTS (SELECT 1 FROM evidence v WHERE v.gateway = e.gateway AND v.boot = e.boot AND v.seq = e.seq) \
         OR EXISTS (SELECT 1 FROM evidence_wanted w WHERE w.gateway = e.gateway AND w.boot = e.boot AND w.seq = e.seq) \
         FROM (SELECT * FROM event WHERE id > ? AND id < (SELECT max(id) FROM event) ORDER BY id LIMIT ?) e \
         WHERE stored_ms < ?",
    )
    .bind(from)
    .bind(AT_ONCE)
    .bind(before.0)
    .fetch_all(&mut *tx)
    .await?;
    let old: Vec<i64> = rows.iter().filter(|(_, kept)| *kept == 0).map(|(id, _)| *id).collect();
    if !old.is_empty() {
        for place in PLACES {
            delete(&mut tx, place, &old).await?;
        }
    }
    tx.commit().await?;
    let whole = i64::try_from(rows.len()) == Ok(AT_ONCE);
    let next = rows.last().map(|(id, _)| *id).filter(|_| whole);
    Ok(Forgotten { events: old.len() as u64, next })
}

async fn delete(tx: &mut SqliteConnection, place: &'static str, ids: &[i64]) -> sqlx::Result<()> {
    let mut sql = QueryBuilder::<Sqlite>::new(place);
    let mut list = sql.separated(", ");
    for id in ids {
        list.push_bind(*id);
    }
    sql.push(")").build().execute(tx).await.map(drop)
}
