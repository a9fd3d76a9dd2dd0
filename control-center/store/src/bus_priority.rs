//! Late buses that asked for green: how each stands, and what it gave and cost.

use models_domain::transit::timetable::{FeedId, RunKey};
use models_domain::{DurationMs, JunctionId, Meters, UtcMillis, VehicleId};
use sqlx::Row;
use sqlx::sqlite::SqliteRow;
use time::Date;
use time::macros::format_description;

use crate::errs::StoreError;
use crate::open::Store;
use crate::rows::clamp;

/// One bus that asked once at one approach.
#[derive(Debug, Clone, PartialEq)]
pub struct BusPriorityRow {
    pub id: u64,
    /// Id of what the hall's file says of the junction, and the name of the approach.
    pub priority: String,
    pub junction: JunctionId,
    pub approach: String,
    pub vehicle: VehicleId,
    pub feed: FeedId,
    pub route: String,
    pub run: RunKey,
    pub asked: UtcMillis,
    pub late: DurationMs,
    pub to_line: Meters,
    pub state: String,
    pub why: String,
    pub detail: String,
    pub order: Option<u64>,
    pub until: Option<UtcMillis>,
    pub green: Option<UtcMillis>,
    pub passed: Option<UtcMillis>,
    pub ended: Option<UtcMillis>,
    pub measured: Option<MeasuredPriority>,
}

/// What an order for a bus gave and cost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MeasuredPriority {
    /// `extended`, `early`, `none`, or `unknown`.
    pub gain: String,
    /// Green added, or by how much it came sooner than usual.
    pub gained: DurationMs,
    /// The longest red of another group that the order fell into, what is usual for that group, and which it is, from 1.
    pub others: DurationMs,
    pub usual: DurationMs,
    pub group: u16,
}

const COLUMNS: &str = "id, priority, junction, approach, vehicle, feed, route, day, trip, start_s, asked_ms, late_ms, \
                       to_line_m, state, why, detail, order_id, until_ms, green_ms, passed_ms, ended_ms, gain, gain_ms, \
                       others_ms, usual_ms, others";

impl Store {
    /// Writes down how a request stands; what was measured of it stays.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn keep_bus_priority(&self, row: &BusPriorityRow) -> Result<(), StoreError> {
        let mut writer = self.writer().await?;
        sqlx::query(
            "INSERT INTO bus_priority (id, priority, junction, approach, vehicle, feed, route, day, trip, start_s, asked_ms, \
             late_ms, to_line_m, state, why, detail, order_id, until_ms, green_ms, passed_ms, ended_ms) \
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET \
             state = excluded.state, why = excluded.why, detail = excluded.detail, order_id = excluded.order_id, \
             until_ms = excluded.until_ms, green_ms = excluded.green_ms, passed_ms = excluded.passed_ms, \
             ended_ms = excluded.ended_ms",
        )
        .bind(clamp(row.id))
        .bind(&row.priority)
        .bind(row.junction.as_str())
        .bind(&row.approach)
        .bind(row.vehicle.as_str())
        .bind(&row.feed.0)
        .bind(&row.route)
        .bind(row.run.date.to_string())
        .bind(&row.run.trip.0)
        .bind(row.run.start_s)
        .bind(row.asked.0)
        .bind(row.late.0)
        .bind(row.to_line.0)
        .bind(&row.state)
        .bind(&row.why)
        .bind(&row.detail)
        .bind(row.order.map(clamp))
        .bind(row.until.map(|at| at.0))
        .bind(row.green.map(|at| at.0))
        .bind(row.passed.map(|at| at.0))
        .bind(row.ended.map(|at| at.0))
        .execute(&mut writer.connection)
        .await
        .map_err(self.failed("writing down a bus's priority"))?;
        writer.good();
        Ok(())
    }

    /// What was measured of a request.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn measure_bus_priority(&self, id: u64, measured: &MeasuredPriority) -> Result<(), StoreError> {
        let mut writer = self.writer().await?;
        sqlx::query(
            "UPDATE bus_priority SET gain = ?, gain_ms = ?, others_ms = ?, usual_ms = ?, others = ? WHERE id = ?",
        )
        .bind(&measured.gain)
        .bind(measured.gained.0)
        .bind(measured.others.0)
        .bind(measured.usual.0)
        .bind(measured.group)
        .bind(clamp(id))
        .execute(&mut writer.connection)
        .await
        .map_err(self.failed("writing down what a bus's priority gave"))?;
        writer.good();
        Ok(())
    }

    /// Those that asked since a moment, newest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn bus_priorities(
        &self,
        junction: Option<&JunctionId>,
        since: UtcMillis,
        limit: u32,
    ) -> Result<Vec<BusPriorityRow>, StoreError> {
        let which = if junction.is_some() { "junction = ?1" } else { "?1 IS NULL" };
        let sql = format!(
            "SELECT {COLUMNS} FROM bus_priority WHERE {which} AND asked_ms >= ?2 ORDER BY asked_ms DESC, id DESC LIMIT ?3"
        );
        let query = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(junction.map(JunctionId::as_str));
        self.priority_rows(query.bind(since.0).bind(limit)).await
    }

    /// Those that are under way, as they were last kept.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn open_bus_priorities(&self) -> Result<Vec<BusPriorityRow>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM bus_priority WHERE ended_ms IS NULL ORDER BY id");
        self.priority_rows(sqlx::query(sqlx::AssertSqlSafe(sql))).await
    }

    /// Those that had an order, ended before a moment, and of which nothing was measured yet; oldest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn unmeasured_bus_priorities(
        &self,
        before: UtcMillis,
        limit: u32,
    ) -> Result<Vec<BusPriorityRow>, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM bus_priority WHERE order_id IS NOT NULL AND gain IS NULL AND ended_ms < ?1 \
             ORDER BY ended_ms LIMIT ?2"
        );
        self.priority_rows(sqlx::query(sqlx::AssertSqlSafe(sql)).bind(before.0).bind(limit)).await
    }

    /// When a junction's last one that had an order ended.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn last_bus_priority(&self, junction: &JunctionId) -> Result<Option<UtcMillis>, StoreError> {
        let last: Option<i64> = sqlx::query_scalar(
            "SELECT ended_ms FROM bus_priority WHERE junction = ? AND order_id IS NOT NULL AND ended_ms IS NOT NULL \
             ORDER BY asked_ms DESC LIMIT 1",
        )
        .bind(junction.as_str())
        .fetch_optional(self.readers())
        .await
        .map_err(self.failed("reading a bus's priority"))?;
        Ok(last.map(UtcMillis))
    }

    /// Forgets those that asked before a moment; the audit says what was ordered.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn forget_bus_priorities(&self, before: UtcMillis) -> Result<u64, StoreError> {
        let mut writer = self.writer().await?;
        let done = sqlx::query(
            "DELETE FROM bus_priority WHERE id IN (SELECT id FROM bus_priority WHERE asked_ms < ? LIMIT 5000)",
        )
        .bind(before.0)
        .execute(&mut writer.connection)
        .await
        .map_err(self.failed("forgetting buses' priority"))?;
        writer.good();
        Ok(done.rows_affected())
    }

    async fn priority_rows<'q>(
        &self,
        query: sqlx::query::Query<'q, sqlx::Sqlite, sqlx::sqlite::SqliteArguments>,
    ) -> Result<Vec<BusPriorityRow>, StoreError> {
        let failed = self.failed("reading buses' priority");
        let rows = query.fetch_all(self.readers()).await.map_err(&failed)?;
        rows.iter().map(read).collect::<sqlx::Result<_>>().map_err(failed)
    }
}

fn read(row: &SqliteRow) -> sqlx::Result<BusPriorityRow> {
    let bad = |what: &str| sqlx::Error::Decode(what.to_owned().into());
    let text = |column: &str| row.try_get::<String, _>(column);
    let time = |column: &str| Ok::<_, sqlx::Error>(row.try_get::<Option<i64>, _>(column)?.map(UtcMillis));
    let length = |column: &str| Ok::<_, sqlx::Error>(DurationMs(row.try_get(column)?));
    let date =
        Date::parse(&text("day")?, format_description!("[year]-[month]-[day]")).map_err(|_| bad("day"))?;
    let measured = match row.try_get::<Option<String>, _>("gain")? {
        None => None,
        Some(gain) => Some(MeasuredPriority {
            gain,
            gained: length("gain_ms")?,
            others: length("others_ms")?,
            usual: length("usual_ms")?,
            group: u16::try_from(row.try_get::<i64, _>("others")?).map_err(|_| bad("others"))?,
        }),
    };
    Ok(BusPriorityRow {
        id: row.try_get::<i64, _>("id")?.cast_unsigned(),
        priority: text("priority")?,
        junction: text("junction")?.parse().map_err(|_| bad("junction"))?,
        approach: text("approach")?,
        vehicle: text("vehicle")?.parse().map_err(|_| bad("vehicle"))?,
        feed: FeedId(text("feed")?),
        route: text("route")?,
        run: RunKey { date, trip: text("trip")?.as_str().into(), start_s: row.try_get("start_s")? },
        asked: UtcMillis(row.try_get("asked_ms")?),
        late: length("late_ms")?,
        to_line: Meters(row.try_get("to_line_m")?),
        state: text("state")?,
        why: text("why")?,
        detail: text("detail")?,
        order: row.try_get::<Option<i64>, _>("order_id")?.map(i64::cast_unsigned),
        until: time("until_ms")?,
        green: time("green_ms")?,
        passed: time("passed_ms")?,
        ended: time("ended_ms")?,
        measured,
    })
}
