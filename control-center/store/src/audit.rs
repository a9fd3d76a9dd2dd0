//! Who looked at what, when and why: lines that are only ever added.

use models_domain::UtcMillis;
use sqlx::SqliteConnection;

use crate::errs::StoreError;
use crate::open::Store;

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

    /// Lines since a moment, oldest first; the newest of them where there are more than `limit`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn audit(&self, since: UtcMillis, limit: u32) -> Result<Vec<AuditLine>, StoreError> {
        self.audit_lines(since, limit, true).await
    }

    /// The same without those of adaptive control's orders, which are many.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn audit_but_adaptive(
        &self,
        since: UtcMillis,
        limit: u32,
    ) -> Result<Vec<AuditLine>, StoreError> {
        self.audit_lines(since, limit, false).await
    }

    async fn audit_lines(
        &self,
        since: UtcMillis,
        limit: u32,
        adaptive: bool,
    ) -> Result<Vec<AuditLine>, StoreError> {
        let rows: Vec<(i64, String, String, String, String)> = sqlx::query_as(
            "SELECT at_ms, user, action, purpose, what FROM (SELECT id, at_ms, user, action, purpose, what FROM audit \
             WHERE at_ms >= ?1 AND (?3 OR user NOT GLOB 'adaptive:*') ORDER BY id DESC LIMIT ?2) ORDER BY id",
        )
        .bind(since.0)
        .bind(limit)
        .bind(adaptive)
        .fetch_all(self.readers())
        .await
        .map_err(self.failed("reading who looked at what"))?;
        let line =
            |(at, user, action, purpose, what)| AuditLine { at: UtcMillis(at), user, action, purpose, what };
        Ok(rows.into_iter().map(line).collect())
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
