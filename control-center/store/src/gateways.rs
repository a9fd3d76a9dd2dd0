//! What each gateway last said of itself.

use models_domain::{GatewayId, UtcMillis};

use crate::errs::StoreError;
use crate::open::Store;
use crate::rows::clamp;

/// A state to keep.
#[derive(Debug, Clone)]
pub struct StateRow<'a> {
    pub gateway: &'a GatewayId,
    pub heard: UtcMillis,
    pub cameras_up: u64,
    pub junctions_up: u64,
    pub payload: &'a [u8],
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SavedState {
    pub gateway: GatewayId,
    pub heard: UtcMillis,
    pub payload: Vec<u8>,
}

impl Store {
    /// Keeps it as the last of its gateway, which is thereby alive.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn save_state(&self, row: &StateRow<'_>) -> Result<(), StoreError> {
        let mut writer = self.writer().await?;
        sqlx::query(
            "INSERT INTO gateway_state (gateway, heard_ms, cameras_up, junctions_up, alive, payload) \
             VALUES (?, ?, ?, ?, 1, ?) ON CONFLICT (gateway) DO UPDATE SET heard_ms = excluded.heard_ms, \
             cameras_up = excluded.cameras_up, junctions_up = excluded.junctions_up, alive = 1, \
             payload = excluded.payload",
        )
        .bind(row.gateway.as_str())
        .bind(row.heard.0)
        .bind(clamp(row.cameras_up))
        .bind(clamp(row.junctions_up))
        .bind(row.payload)
        .execute(&mut writer.connection)
        .await
        .map_err(self.failed("keeping a gateway's state"))?;
        writer.good();
        Ok(())
    }

    /// Remembers that a gateway came or went; `None` means all of them.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn save_alive(&self, gateway: Option<&GatewayId>, alive: bool) -> Result<(), StoreError> {
        let mut writer = self.writer().await?;
        sqlx::query("UPDATE gateway_state SET alive = ?1 WHERE alive <> ?1 AND (?2 IS NULL OR gateway = ?2)")
            .bind(alive)
            .bind(gateway.map(GatewayId::as_str))
            .execute(&mut writer.connection)
            .await
            .map_err(self.failed("keeping who is alive"))?;
        writer.good();
        Ok(())
    }

    /// # Errors
    /// [`StoreError`].
    pub async fn states(&self) -> Result<Vec<SavedState>, StoreError> {
        let rows: Vec<(String, i64, Vec<u8>)> =
            sqlx::query_as("SELECT gateway, heard_ms, payload FROM gateway_state ORDER BY heard_ms DESC")
                .fetch_all(self.readers())
                .await
                .map_err(self.failed("reading the gateways' states"))?;
        let row = |(gateway, heard, payload): (String, i64, Vec<u8>)| {
            Some(SavedState { gateway: gateway.parse().ok()?, heard: UtcMillis(heard), payload })
        };
        Ok(rows.into_iter().filter_map(row).collect())
    }
}
