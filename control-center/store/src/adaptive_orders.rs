//! Orders of adaptive control are many: those of everybody else are read without them, and they are not kept for long.

use models_domain::{JunctionId, UtcMillis};

use crate::errs::StoreError;
use crate::open::Store;
use crate::signal_orders::{COLUMNS, OrderRow};

impl Store {
    /// What was ordered of a junction by everybody but adaptive control, newest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn orders_but_adaptive(
        &self,
        junction: &JunctionId,
        limit: u32,
    ) -> Result<Vec<OrderRow>, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM signal_order INDEXED BY signal_order_of_others \
             WHERE junction = ? AND asked_by NOT GLOB 'adaptive:*' ORDER BY id DESC LIMIT ?"
        );
        self.order_rows(sqlx::query(sqlx::AssertSqlSafe(sql)).bind(junction.as_str()).bind(limit)).await
    }

    /// Some of adaptive control's that were asked for since a moment and over before another, and whose end no pole told: the audit has no line
    /// of them yet.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn adaptive_orders_untold(
        &self,
        asked_since: UtcMillis,
        over_before: UtcMillis,
    ) -> Result<Vec<OrderRow>, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM signal_order INDEXED BY signal_order_adaptive \
             WHERE asked_by GLOB 'adaptive:*' AND asked_ms >= ? AND ends_ms < ? AND (state IN ('sent', 'taken', 'ending') \
             OR (state IN ('done', 'otherwise') AND wish <> 'own_plan')) ORDER BY asked_ms LIMIT 500"
        );
        let query = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(asked_since.0).bind(over_before.0);
        self.order_rows(query).await
    }

    /// Forgets some of adaptive control's that were asked for before a moment, and says how many; the audit has what was ordered.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn forget_adaptive_orders(&self, before: UtcMillis) -> Result<u64, StoreError> {
        let mut writer = self.writer().await?;
        let done = sqlx::query(
            "DELETE FROM signal_order WHERE id IN (SELECT id FROM signal_order INDEXED BY signal_order_adaptive \
             WHERE asked_by GLOB 'adaptive:*' AND asked_ms < ? LIMIT 5000)",
        )
        .bind(before.0)
        .execute(&mut writer.connection)
        .await
        .map_err(self.failed("forgetting orders of adaptive control"))?;
        writer.good();
        Ok(done.rows_affected())
    }
}
