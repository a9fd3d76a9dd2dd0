//! Who may sign in and who is signed in. Hashes only: neither a password nor a token is ever stored.

use models_domain::UtcMillis;

use crate::errs::StoreError;
use crate::open::{BEGIN, Store};
use crate::rights::{self, Grant};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionRow {
    pub user: String,
    pub expires: UtcMillis,
}

impl Store {
    /// # Errors
    /// [`StoreError`].
    pub async fn has_users(&self) -> Result<bool, StoreError> {
        sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM user)")
            .fetch_one(self.readers())
            .await
            .map_err(self.failed("looking for users"))
    }

    /// The password hash (PHC) of a user.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn password_hash(&self, name: &str) -> Result<Option<String>, StoreError> {
        sqlx::query_scalar("SELECT password_hash FROM user WHERE name = ?")
            .bind(name)
            .fetch_optional(self.readers())
            .await
            .map_err(self.failed("reading a user"))
    }

    /// Makes a user with a role and rights; `false` when there is one of that name.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn add_user(
        &self,
        name: &str,
        role: &str,
        hash: &str,
        grants: &[Grant],
        now: UtcMillis,
    ) -> Result<bool, StoreError> {
        let mut writer = self.writer().await?;
        let failed = self.failed("adding a user");
        let mut tx = sqlx::Connection::begin_with(&mut writer.connection, BEGIN).await.map_err(&failed)?;
        let done = sqlx::query(
            "INSERT INTO user (name, role, password_hash, created_ms) VALUES (?, ?, ?, ?) ON CONFLICT (name) DO NOTHING",
        )
        .bind(name)
        .bind(role)
        .bind(hash)
        .bind(now.0)
        .execute(&mut *tx)
        .await
        .map_err(&failed)?;
        let added = done.rows_affected() > 0;
        for grant in grants.iter().filter(|_| added) {
            rights::insert(&mut tx, name, grant, now).await.map_err(&failed)?;
        }
        tx.commit().await.map_err(&failed)?;
        writer.good();
        Ok(added)
    }

    /// Makes the user or changes the password; every session of the user ends.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn set_password_hash(&self, name: &str, hash: &str, now: UtcMillis) -> Result<(), StoreError> {
        let mut writer = self.writer().await?;
        let failed = self.failed("changing a password");
        let mut tx = sqlx::Connection::begin_with(&mut writer.connection, BEGIN).await.map_err(&failed)?;
        sqlx::query(
            "INSERT INTO user (name, password_hash, created_ms) VALUES (?, ?, ?) \
             ON CONFLICT (name) DO UPDATE SET password_hash = excluded.password_hash",
        )
        .bind(name)
        .bind(hash)
        .bind(now.0)
        .execute(&mut *tx)
        .await
        .map_err(&failed)?;
        sqlx::query("DELETE FROM session WHERE user = ?")
            .bind(name)
            .execute(&mut *tx)
            .await
            .map_err(&failed)?;
        tx.commit().await.map_err(&failed)?;
        writer.good();
        Ok(())
    }

    /// # Errors
    /// [`StoreError`].
    pub async fn add_session(
        &self,
        token_hash: &[u8; 32],
        user: &str,
        now: UtcMillis,
        expires: UtcMillis,
    ) -> Result<(), StoreError> {
        let mut writer = self.writer().await?;
        sqlx::query("INSERT INTO session (token_hash, user, created_ms, expires_ms) VALUES (?, ?, ?, ?)")
            .bind(&token_hash[..])
            .bind(user)
            .bind(now.0)
            .bind(expires.0)
            .execute(&mut writer.connection)
            .await
            .map_err(self.failed("beginning a session"))?;
        writer.good();
        Ok(())
    }

    /// The session, unless it has expired.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn session(
        &self,
        token_hash: &[u8; 32],
        now: UtcMillis,
    ) -> Result<Option<SessionRow>, StoreError> {
        let row: Option<(String, i64)> =
            sqlx::query_as("SELECT user, expires_ms FROM session WHERE token_hash = ? AND expires_ms > ?")
                .bind(&token_hash[..])
                .bind(now.0)
                .fetch_optional(self.readers())
                .await
                .map_err(self.failed("looking for a session"))?;
        Ok(row.map(|(user, expires)| SessionRow { user, expires: UtcMillis(expires) }))
    }

    /// # Errors
    /// [`StoreError`].
    pub async fn end_session(&self, token_hash: &[u8; 32]) -> Result<(), StoreError> {
        let mut writer = self.writer().await?;
        sqlx::query("DELETE FROM session WHERE token_hash = ?")
            .bind(&token_hash[..])
            .execute(&mut writer.connection)
            .await
            .map_err(self.failed("ending a session"))?;
        writer.good();
        Ok(())
    }

    /// Forgets sessions that have expired.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn forget_expired(&self, now: UtcMillis) -> Result<u64, StoreError> {
        let mut writer = self.writer().await?;
        let done = sqlx::query("DELETE FROM session WHERE expires_ms <= ?")
            .bind(now.0)
            .execute(&mut writer.connection)
            .await
            .map_err(self.failed("forgetting expired sessions"))?;
        writer.good();
        Ok(done.rows_affected())
    }
}
