//! Lists, from readers that never wait for the writer.

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

    /// Of which kind this event is; `None` when it is not stored.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn event_kind(&self, gateway: &str, boot: u64, seq: u64) -> Result<Option<String>, StoreError> {
        sqlx::query_scalar("SELECT kind FROM event WHERE gateway = ? AND boot = ? AND seq = ?")
            .bind(gateway)
            .bind(clamp(boot))
            .bind(clamp(seq))
            .fetch_optional(self.readers())
            .await
            .map_err(self.failed("looking for an event"))
    }

    /// The newest believed fix of each vehicle that was received since: (gateway, payload), oldest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn last_fixes(&self, since: UtcMillis) -> Result<Vec<(String, Vec<u8>)>, StoreError> {
        sqlx::query_as(
            // SQLite takes the other columns of the row that has the maximum.
            "SELECT e.gateway, e.payload FROM event e JOIN (SELECT event AS id, max(at_ms) FROM fix \
             WHERE received_ms >= ? AND rejected IS NULL GROUP BY vehicle) last ON last.id = e.id ORDER BY e.id",
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
