//! What users may do and where, and who there is. Whoever changes it writes the audit line first.

use models_domain::UtcMillis;
use sqlx::SqliteConnection;

use crate::errs::StoreError;
use crate::open::{BEGIN, Store};

/// The area of a right that holds everywhere.
pub const EVERYWHERE: &str = "*";

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// Such as `command_signals`.
    pub permission: String,
    /// An area's id, or [`EVERYWHERE`].
    pub area: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserRow {
    pub name: String,
    pub role: String,
    pub created: UtcMillis,
    pub grants: Vec<Grant>,
}

impl Store {
    /// What a user may do; nothing when there is no such user.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn grants(&self, user: &str) -> Result<Vec<Grant>, StoreError> {
        let rows: Vec<(String, String)> = sqlx::query_as(
            "SELECT permission, area FROM user_right WHERE user = ? ORDER BY permission, area",
        )
        .bind(user)
        .fetch_all(self.readers())
        .await
        .map_err(self.failed("reading a user's rights"))?;
        Ok(rows.into_iter().map(|(permission, area)| Grant { permission, area }).collect())
    }

    /// Every user, by name.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn users(&self) -> Result<Vec<UserRow>, StoreError> {
        let rows: Vec<(String, String, i64)> =
            sqlx::query_as("SELECT name, role, created_ms FROM user ORDER BY name")
                .fetch_all(self.readers())
                .await
                .map_err(self.failed("reading the users"))?;
        let mut users = Vec::new();
        for (name, role, created) in rows {
            let grants = self.grants(&name).await?;
            users.push(UserRow { name, role, created: UtcMillis(created), grants });
        }
        Ok(users)
    }

    /// Gives a user a right; `false` when it was there.
    ///
    /// # Errors
    /// [`StoreError`], also when there is no such user.
    pub async fn give(&self, user: &str, grant: &Grant, now: UtcMillis) -> Result<bool, StoreError> {
        let mut writer = self.writer().await?;
        let given =
            insert(&mut writer.connection, user, grant, now).await.map_err(self.failed("giving a right"))?;
        writer.good();
        Ok(given)
    }

    /// Takes a right from a user; `false` when it was not there.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn take(&self, user: &str, grant: &Grant) -> Result<bool, StoreError> {
        let mut writer = self.writer().await?;
        let done = sqlx::query("DELETE FROM user_right WHERE user = ? AND permission = ? AND area = ?")
            .bind(user)
            .bind(&grant.permission)
            .bind(&grant.area)
            .execute(&mut writer.connection)
            .await
            .map_err(self.failed("taking a right"))?;
        writer.good();
        Ok(done.rows_affected() > 0)
    }

    /// Another role, and these rights instead of all that the user had.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn set_role(
        &self,
        user: &str,
        role: &str,
        grants: &[Grant],
        now: UtcMillis,
    ) -> Result<(), StoreError> {
        let mut writer = self.writer().await?;
        let failed = self.failed("changing a role");
        let mut tx = sqlx::Connection::begin_with(&mut writer.connection, BEGIN).await.map_err(&failed)?;
        let queries = [
            sqlx::query("UPDATE user SET role = ? WHERE name = ?").bind(role).bind(user),
            sqlx::query("DELETE FROM user_right WHERE user = ?").bind(user),
        ];
        for query in queries {
            query.execute(&mut *tx).await.map_err(&failed)?;
        }
        for grant in grants {
            insert(&mut tx, user, grant, now).await.map_err(&failed)?;
        }
        tx.commit().await.map_err(&failed)?;
        writer.good();
        Ok(())
    }

    /// Removes a user with every session and right; what the user did stays in the audit.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn remove_user(&self, user: &str) -> Result<bool, StoreError> {
        let mut writer = self.writer().await?;
        let done = sqlx::query("DELETE FROM user WHERE name = ?")
            .bind(user)
            .execute(&mut writer.connection)
            .await
            .map_err(self.failed("removing a user"))?;
        writer.good();
        Ok(done.rows_affected() > 0)
    }
}

/// Whether the right was not there before.
pub(crate) async fn insert(
    connection: &mut SqliteConnection,
    user: &str,
    grant: &Grant,
    now: UtcMillis,
) -> sqlx::Result<bool> {
    let done = sqlx::query(
        "INSERT INTO user_right (user, permission, area, given_ms) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
    )
    .bind(user)
    .bind(&grant.permission)
    .bind(&grant.area)
    .bind(now.0)
    .execute(connection)
    .await?;
    Ok(done.rows_affected() > 0)
}
