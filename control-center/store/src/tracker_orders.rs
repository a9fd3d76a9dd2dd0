//! Orders for trackers: kept before they are sent, with the gateway's last word on each.

use models_domain::order::{Given, Order, Progress};
use models_domain::{GatewayId, UtcMillis, VehicleId};
use sqlx::query::Query;
use sqlx::sqlite::{SqliteArguments, SqliteRow};
use sqlx::{Connection, Row, Sqlite};

use crate::audit::{self, AuditLine};
use crate::errs::StoreError;
use crate::open::{BEGIN, Store};

/// One order, and the gateway that its vehicle was last heard by. An id fits 63 bits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrackerOrderRow {
    pub gateway: GatewayId,
    pub given_at: UtcMillis,
    pub given: Given,
    /// Whether the gateway has it.
    pub taken: bool,
    /// Who gave it; empty where that is not known.
    pub user: String,
    /// It is taken back, which its progress says; the gateway does not know yet.
    pub withdrawn: bool,
}

const OPEN: &str = "SELECT * FROM (SELECT *, row_number() OVER (PARTITION BY gateway ORDER BY given_ms, id) AS nth \
    FROM tracker_order WHERE progress IN ('waiting', 'sent')) WHERE nth <= ? ORDER BY given_ms";
const SINCE: &str = "SELECT * FROM tracker_order WHERE given_ms >= ?2 AND (?3 IS NULL OR vehicle = ?3) \
    ORDER BY given_ms DESC LIMIT ?1";

impl Store {
    /// Keeps an order, and who gave it why, together or not at all.
    ///
    /// # Errors
    /// [`StoreError`]; then there is no order.
    pub async fn give_tracker_order(
        &self,
        row: &TrackerOrderRow,
        line: &AuditLine,
    ) -> Result<(), StoreError> {
        let id = i64::try_from(row.given.id).map_err(|_| StoreError::TooBig("the id of an order"))?;
        let mut writer = self.writer().await?;
        let kept = async {
            let mut tx = writer.connection.begin_with(BEGIN).await?;
            let (what, value) = words(&row.given.order);
            let sql = "INSERT INTO tracker_order (id, gateway, vehicle, given_ms, expires_ms, what, value, user, progress, \
                at_ms, times_sent, said, taken) VALUES (?, ?, ?, ?, ?, ?, ?, ?, 'waiting', 0, 0, '', 0)";
            sqlx::query(sql)
                .bind(id)
                .bind(row.gateway.as_str())
                .bind(row.given.vehicle.as_str())
                .bind(row.given_at.0)
                .bind(row.given.expires.0)
                .bind(what)
                .bind(value)
                .bind(&row.user)
                .execute(&mut *tx)
                .await?;
            audit::insert(&mut tx, line).await?;
            tx.commit().await
        };
        kept.await.map_err(self.failed("keeping an order for a tracker"))?;
        writer.good();
        Ok(())
    }

    /// Takes an order back that is not over, and writes down why, together or not at all. Its gateway is to be told.
    ///
    /// # Errors
    /// [`StoreError`]; then it stands as it was.
    pub async fn withdraw_tracker_order(
        &self,
        id: u64,
        why: &str,
        line: &AuditLine,
    ) -> Result<(), StoreError> {
        let mut writer = self.writer().await?;
        let kept = async {
            let mut tx = writer.connection.begin_with(BEGIN).await?;
            let sql = "UPDATE tracker_order SET withdrawn = ? WHERE id = ? AND withdrawn = '' \
                AND progress IN ('waiting', 'sent')";
            let done = sqlx::query(sql).bind(why).bind(id.cast_signed()).execute(&mut *tx).await?;
            if done.rows_affected() > 0 {
                audit::insert(&mut tx, line).await?;
            }
            tx.commit().await
        };
        kept.await.map_err(self.failed("taking back an order for a tracker"))?;
        writer.good();
        Ok(())
    }

    /// Orders that are not over, oldest first, at most `count` of each gateway: none stands in another's way.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn open_tracker_orders(&self, count: u32) -> Result<Vec<TrackerOrderRow>, StoreError> {
        self.tracker_order_rows(sqlx::query(OPEN).bind(count)).await
    }

    /// How many orders are not over.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn count_open_tracker_orders(&self) -> Result<u64, StoreError> {
        let open = "SELECT count(*) FROM tracker_order WHERE progress IN ('waiting', 'sent')";
        let count = sqlx::query_scalar(open).fetch_one(self.readers()).await;
        count.map(i64::cast_unsigned).map_err(self.failed("counting orders for trackers"))
    }

    /// Orders given since a moment to one vehicle or to all, newest first, at most `count`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn tracker_orders(
        &self,
        since: UtcMillis,
        vehicle: Option<&str>,
        count: u32,
    ) -> Result<Vec<TrackerOrderRow>, StoreError> {
        self.tracker_order_rows(sqlx::query(SINCE).bind(count).bind(since.0).bind(vehicle)).await
    }

    async fn tracker_order_rows(
        &self,
        query: Query<'_, Sqlite, SqliteArguments>,
    ) -> Result<Vec<TrackerOrderRow>, StoreError> {
        let rows = query.fetch_all(self.readers()).await.and_then(|rows| rows.iter().map(row).collect());
        rows.map_err(self.failed("reading orders for trackers"))
    }

    /// Keeps how far an order got.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn tracker_order_told(&self, given: &Given) -> Result<(), StoreError> {
        let (at, times, said) = match &given.progress {
            Progress::Waiting | Progress::Expired => (0, 0, ""),
            Progress::Sent { at, times } => (at.0, i64::from(*times), ""),
            Progress::Answered { at, text } => (at.0, 0, text.as_str()),
            Progress::Failed { why } => (0, 0, why.as_str()),
        };
        let mut writer = self.writer().await?;
        sqlx::query(
            "UPDATE tracker_order SET progress = ?, at_ms = ?, times_sent = max(times_sent, ?), said = ?, taken = 1 WHERE id = ?",
        )
        .bind(given.progress.name())
        .bind(at)
        .bind(times)
        .bind(said)
        .bind(given.id.cast_signed())
        .execute(&mut writer.connection)
        .await
        .map_err(self.failed("keeping how far an order got"))?;
        writer.good();
        Ok(())
    }

    /// The gateway that a vehicle was last heard by.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn gateway_of_vehicle(&self, vehicle: &VehicleId) -> Result<Option<GatewayId>, StoreError> {
        let found: Option<String> = sqlx::query_scalar(
            "SELECT gateway FROM event WHERE subject = ? AND kind = 'fix' ORDER BY at_ms DESC, id DESC LIMIT 1",
        )
        .bind(vehicle.as_str())
        .fetch_optional(self.readers())
        .await
        .map_err(self.failed("looking for a vehicle"))?;
        Ok(found.and_then(|gateway| gateway.parse().ok()))
    }
}

fn words(order: &Order) -> (&'static str, String) {
    match order {
        Order::Locate => ("locate", String::new()),
        Order::ReportEvery { seconds } => ("report_every", seconds.to_string()),
        Order::Text(text) => ("text", text.clone()),
    }
}

fn row(row: &SqliteRow) -> sqlx::Result<TrackerOrderRow> {
    let text = |name: &str| row.try_get::<String, _>(name);
    let bad = |what: &str| sqlx::Error::Decode(format!("{what} of an order is not known").into());
    let value = text("value")?;
    let order = match text("what")?.as_str() {
        "locate" => Order::Locate,
        "report_every" => Order::ReportEvery { seconds: value.parse().map_err(|_| bad("the time"))? },
        "text" => Order::Text(value),
        _ => return Err(bad("the kind")),
    };
    let (at, times) = (UtcMillis(row.try_get("at_ms")?), row.try_get::<i64, _>("times_sent")?);
    let progress = match text("progress")?.as_str() {
        "waiting" => Progress::Waiting,
        "sent" => Progress::Sent { at, times: u8::try_from(times).unwrap_or(u8::MAX) },
        "answered" => Progress::Answered { at, text: text("said")? },
        "expired" => Progress::Expired,
        "failed" => Progress::Failed { why: text("said")? },
        _ => return Err(bad("the progress")),
    };
    let why = text("withdrawn")?;
    let withdrawn = !why.is_empty() && !progress.is_over();
    let progress = if withdrawn { Progress::Failed { why } } else { progress };
    Ok(TrackerOrderRow {
        gateway: text("gateway")?.parse().map_err(|_| bad("the gateway"))?,
        given_at: UtcMillis(row.try_get("given_ms")?),
        given: Given {
            id: row.try_get::<i64, _>("id")?.cast_unsigned(),
            vehicle: text("vehicle")?.parse().map_err(|_| bad("the vehicle"))?,
            order,
            expires: UtcMillis(row.try_get("expires_ms")?),
            progress,
        },
        taken: row.try_get("taken")?,
        user: text("user")?,
        withdrawn,
    })
}
