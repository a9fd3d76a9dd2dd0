//! Who looked at what, when and why: lines that are only ever added.

use models_domain::UtcMillis;
use sqlx::SqliteConnection;

use crate::errs::StoreError;
use crate::open::Store;
use crate::rows::clamp;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditLine {
    pub at: UtcMillis,
    pub user: String,
    /// Such as `search_tracks`.
    pub action: String,
    /// In the user's own words.
    pub purpose: String,
    /// What was asked, as text for people.
    pub what: String,
}

/// Which lines are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuditLines {
    All,
    /// Without those of adaptive control's orders, which are many.
    ButAdaptive,
}

impl Store {
    /// Keeps one line. When this returns `Ok`, it survives a loss of power.
    ///
    /// # Errors
    /// [`StoreError`]; what was to be written down must then not be done.
    pub async fn keep_audit(&self, line: &AuditLine) -> Result<(), StoreError> {
        let mut writer = self.writer().await?;
        insert(&mut writer.connection, line).await.map_err(self.failed("writing down who looked at what"))?;
        writer.good();
        Ok(())
    }

    /// Lines since a moment, oldest first, at most `limit` of those after the line of number `after`, each with its number: 0 begins,
    /// and the last number goes on. No line ever comes before one that is there.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn audit(
        &self,
        since: UtcMillis,
        lines: AuditLines,
        after: u64,
        limit: u32,
    ) -> Result<Vec<(u64, AuditLine)>, StoreError> {
        let adaptive = match lines {
            AuditLines::All => true,
            AuditLines::ButAdaptive => false,
        };
        let after = if after == 0 { self.audit_before(since).await? } else { clamp(after) };
        let rows: Vec<(i64, i64, String, String, String, String)> = sqlx::query_as(
            // By number alone: with the index of moments each page would be sorted anew.
            "SELECT id, at_ms, user, action, purpose, what FROM audit NOT INDEXED \
             WHERE id > ?1 AND at_ms >= ?2 AND (?3 OR user NOT GLOB 'adaptive:*') ORDER BY id LIMIT ?4",
        )
        .bind(after)
        .bind(since.0)
        .bind(adaptive)
        .bind(limit)
        .fetch_all(self.readers())
        .await
        .map_err(self.failed("reading who looked at what"))?;
        let line = |(id, at, user, action, purpose, what): (i64, i64, _, _, _, _)| {
            (id.cast_unsigned(), AuditLine { at: UtcMillis(at), user, action, purpose, what })
        };
        Ok(rows.into_iter().map(line).collect())
    }

    /// The number before the first line since a moment: of years of lines only those after it are looked at.
    async fn audit_before(&self, since: UtcMillis) -> Result<i64, StoreError> {
        let first: Option<i64> = sqlx::query_scalar("SELECT min(id) FROM audit WHERE at_ms >= ?")
            .bind(since.0)
            .fetch_one(self.readers())
            .await
            .map_err(self.failed("looking for the first line"))?;
        Ok(first.unwrap_or(i64::MAX).saturating_sub(1))
    }
}

/// One line, in the caller's transaction when it has one.
pub(crate) async fn insert(connection: &mut SqliteConnection, line: &AuditLine) -> sqlx::Result<()> {
    sqlx::query("INSERT INTO audit (at_ms, user, action, purpose, what) VALUES (?, ?, ?, ?, ?)")
        .bind(line.at.0)
        .bind(&line.user)
        .bind(&line.action)
        .bind(&line.purpose)
        .bind(&line.what)
        .execute(connection)
        .await?;
    Ok(())
}
