//! Stills that somebody looked at, so that the pole is asked once.

use models_domain::{EventId, GatewayId, UtcMillis};

use crate::errs::StoreError;
use crate::open::Store;
use crate::rows::clamp;

/// At about 150 KB each the cache stays under one gigabyte.
const KEPT: i64 = 5_000;

impl Store {
    /// # Errors
    /// [`StoreError`].
    pub async fn still(&self, gateway: &GatewayId, id: EventId) -> Result<Option<Vec<u8>>, StoreError> {
        sqlx::query_scalar("SELECT jpeg FROM still WHERE gateway = ? AND boot = ? AND seq = ?")
            .bind(gateway.as_str())
            .bind(clamp(id.boot))
            .bind(clamp(id.seq.0))
            .fetch_optional(self.readers())
            .await
            .map_err(self.failed("reading a still"))
    }

    /// Keeps a still; the oldest go.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn keep_still(
        &self,
        gateway: &GatewayId,
        id: EventId,
        jpeg: &[u8],
        now: UtcMillis,
    ) -> Result<(), StoreError> {
        let mut writer = self.writer().await?;
        let failed = self.failed("keeping a still");
        sqlx::query(
            "INSERT OR IGNORE INTO still (gateway, boot, seq, fetched_ms, jpeg) VALUES (?, ?, ?, ?, ?)",
        )
        .bind(gateway.as_str())
        .bind(clamp(id.boot))
        .bind(clamp(id.seq.0))
        .bind(now.0)
        .bind(jpeg)
        .execute(&mut writer.connection)
        .await
        .map_err(&failed)?;
        sqlx::query("DELETE FROM still WHERE rowid <= (SELECT max(rowid) FROM still) - ?")
            .bind(KEPT)
            .execute(&mut writer.connection)
            .await
            .map_err(&failed)?;
        writer.good();
        Ok(())
    }
}
