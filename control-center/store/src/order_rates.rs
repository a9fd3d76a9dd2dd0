//! How often something was ordered of a junction of late.

use models_domain::signal::order::{InForce, Order};
use models_domain::signal::rate::Sent;
use models_domain::{GatewayId, JunctionId, UtcMillis};

use crate::errs::StoreError;
use crate::open::Store;
use crate::signal_orders::{COLUMNS, NOT_SENT, OrderRow, SENT};

impl Store {
    /// Orders of `junction` that were sent since a moment, by the hall's clock as it was then: what lies ahead of a clock that was set back is
    /// among them, and what never left the hall is not, nor a green that was ordered once more while it stood.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn orders_sent(
        &self,
        junction: &JunctionId,
        since: UtcMillis,
    ) -> Result<Vec<Sent>, StoreError> {
        let rows: Vec<(i64, i64, i64)> = sqlx::query_as(
            // None ends before it is sent: found by when they end, which has an index.
            "SELECT number, sent_ms, wish IN ('flash', 'dark', 'all_red') FROM signal_order \
             WHERE junction = ?1 AND ends_ms >= ?2 AND sent_ms >= ?2 AND goes_on = 0 \
             AND NOT (state = 'silent' AND detail = ?3) ORDER BY number",
        )
        .bind(junction.as_str())
        .bind(since.0)
        .bind(NOT_SENT)
        .fetch_all(self.readers())
        .await
        .map_err(self.failed("reading signal orders"))?;
        let sent = |(number, at, stops): (i64, i64, i64)| Sent {
            number: number.cast_unsigned(),
            at: UtcMillis(at),
            stops_service: stops != 0,
        };
        Ok(rows.into_iter().map(sent).collect())
    }

    /// The newest order of `junction` by `gateway` that stands, as that pole has it in force as far as is known here: another has none of it.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn order_standing(
        &self,
        junction: &JunctionId,
        gateway: &GatewayId,
        at: UtcMillis,
    ) -> Result<Option<InForce>, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM signal_order WHERE junction = ? AND gateway = ? AND ends_ms > ? \
             AND state IN ('sent', 'taken', 'done') ORDER BY number DESC LIMIT 1"
        );
        let query = sqlx::query(sqlx::AssertSqlSafe(sql));
        let query = query.bind(junction.as_str()).bind(gateway.as_str()).bind(at.0);
        let rows = self.order_rows(query).await?;
        Ok(rows.into_iter().next().and_then(|row| held(row, at)))
    }
}

fn held(row: OrderRow, at: UtcMillis) -> Option<InForce> {
    // Whether the pole ever got it is not known.
    if row.state == SENT {
        return None;
    }
    let OrderRow { order, number, sent, ends, .. } = row;
    let order = Order {
        number: number?,
        wanted: order.wanted,
        made_at: sent?,
        expires_at: ends?,
        patience: order.patience,
    };
    Some(InForce { order, heard_at: at, ending: None, let_go: false })
}
