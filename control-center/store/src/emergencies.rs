//! Vehicles under way with greens ahead of them, as the hall last kept them.

use models_domain::UtcMillis;
use sqlx::{Connection, SqliteConnection};

use crate::audit::{self, AuditLine};
use crate::errs::StoreError;
use crate::open::{BEGIN, Store};

/// One run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EmergencyRow {
    /// Fits 63 bits.
    pub id: u64,
    pub ended: Option<UtcMillis>,
    /// The hall's own JSON.
    pub told: String,
}

impl Store {
    /// Keeps how a run stands, and `line` in the audit when it begins or ends with that, together or not at all. When this returns
    /// `Ok`, it survives a loss of power.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn keep_emergency(
        &self,
        row: &EmergencyRow,
        line: Option<&AuditLine>,
    ) -> Result<(), StoreError> {
        let id = i64::try_from(row.id).map_err(|_| StoreError::TooBig("the number of an emergency"))?;
        let mut writer = self.writer().await?;
        let kept = keep(&mut writer.connection, id, row, line).await;
        kept.map_err(self.failed("keeping an emergency"))?;
        writer.good();
        Ok(())
    }

    /// Those under way, and those that ended since a moment; oldest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn emergencies(&self, since: UtcMillis) -> Result<Vec<EmergencyRow>, StoreError> {
        let rows: Vec<(i64, Option<i64>, String)> = sqlx::query_as(
            "SELECT id, ended_ms, told FROM emergency WHERE ended_ms IS NULL OR ended_ms >= ? ORDER BY id",
        )
        .bind(since.0)
        .fetch_all(self.readers())
        .await
        .map_err(self.failed("reading emergencies"))?;
        let row = |(id, ended, told): (i64, Option<i64>, String)| EmergencyRow {
            id: id.cast_unsigned(),
            ended: ended.map(UtcMillis),
            told,
        };
        Ok(rows.into_iter().map(row).collect())
    }

    /// Forgets those that ended before a moment; the audit says what they were.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn forget_emergencies(&self, before: UtcMillis) -> Result<u64, StoreError> {
        let mut writer = self.writer().await?;
        let done = sqlx::query("DELETE FROM emergency WHERE ended_ms < ?")
            .bind(before.0)
            .execute(&mut writer.connection)
            .await
            .map_err(self.failed("forgetting emergencies"))?;
        writer.good();
        Ok(done.rows_affected())
    }
}

async fn keep(
    connection: &mut SqliteConnection,
    id: i64,
    row: &EmergencyRow,
    line: Option<&AuditLine>,
) -> sqlx::Result<()> {
    let mut tx = connection.begin_with(BEGIN).await?;
    let before: Option<Option<i64>> = sqlx::query_scalar("SELECT ended_ms FROM emergency WHERE id = ?")
        .bind(id)
        .fetch_optional(&mut *tx)
        .await?;
    let ended = row.ended.map(|at| at.0);
    sqlx::query(
        "INSERT INTO emergency VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET ended_ms = excluded.ended_ms, told = excluded.told \
         WHERE emergency.ended_ms IS NULL OR excluded.ended_ms IS NOT NULL",
    )
    .bind(id)
    .bind(ended)
    .bind(&row.told)
    .execute(&mut *tx)
    .await?;
    let news = before.is_none_or(|before| before.is_none() && ended.is_some());
    if let Some(line) = line.filter(|_| news) {
        audit::insert(&mut tx, line).await?;
    }
    tx.commit().await
}
