//! Days of buses that are to be reckoned anew: written down with the report that makes it so, gone with the day that was made.

use std::collections::BTreeSet;

use models_domain::{UtcMillis, VehicleId};
use sqlx::{Connection, QueryBuilder, Sqlite, SqliteConnection};

use crate::errs::StoreError;
use crate::open::{BEGIN, Store};

/// Something changed in a quarter of an hour of a bus's day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Due {
    pub vehicle: VehicleId,
    /// Begin of the quarter.
    pub from: UtcMillis,
    pub(crate) changes: i64,
}

const QUARTER_MS: i64 = 900_000;
const ROWS: usize = 1_000;
const DUE: &str = "INSERT INTO bus_day_due (vehicle, quarter, first_ms, last_ms, changes) ";
const AGAIN: &str =
    " ON CONFLICT (vehicle, quarter) DO UPDATE SET last_ms = excluded.last_ms, changes = changes + 1";
const VEHICLES: &str = "WITH RECURSIVE known (id) AS (SELECT min(vehicle) FROM fix UNION ALL \
    SELECT (SELECT min(vehicle) FROM fix WHERE vehicle > known.id) FROM known WHERE known.id IS NOT NULL) ";

impl Store {
    /// Of those whose days are due so many buses as have waited longest, the first before the others, with every quarter of them: they
    /// have been calm since `calm`, or due since `long`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn due(&self, calm: UtcMillis, long: UtcMillis, buses: u32) -> Result<Vec<Due>, StoreError> {
        let rows: Vec<(String, i64, i64)> = sqlx::query_as(
            "SELECT vehicle, quarter, changes FROM bus_day_due JOIN (SELECT vehicle, min(first_ms) AS since FROM bus_day_due \
             WHERE last_ms <= ? OR first_ms <= ? GROUP BY vehicle ORDER BY since LIMIT ?) USING (vehicle) \
             ORDER BY since, vehicle, quarter",
        )
        .bind(calm.0)
        .bind(long.0)
        .bind(buses)
        .fetch_all(self.readers())
        .await
        .map_err(self.failed("reading which days of buses are due"))?;
        let due = |(vehicle, quarter, changes): (String, i64, i64)| {
            let vehicle = VehicleId::new(vehicle).ok()?;
            Some(Due { vehicle, from: UtcMillis(quarter * QUARTER_MS), changes })
        };
        Ok(rows.into_iter().filter_map(due).collect())
    }

    /// Has days reckoned anew of which something was not looked at when it came.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn make_due(
        &self,
        reports: &[(VehicleId, UtcMillis)],
        now: UtcMillis,
    ) -> Result<(), StoreError> {
        let mut quarters = Quarters::default();
        reports.iter().for_each(|(vehicle, at)| quarters.add(vehicle.as_str(), at.0));
        let mut writer = self.writer().await?;
        let done = async {
            let mut tx = writer.connection.begin_with(BEGIN).await?;
            quarters.write(&mut tx, now).await?;
            tx.commit().await
        };
        done.await.map_err(self.failed("writing down which days of buses are due"))?;
        writer.good();
        Ok(())
    }

    /// Says which day the hall follows live, from its begin on. When it is another than before, every bus of that one is due: what
    /// came at its end may not have been looked at.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn follow_day(&self, begin: UtcMillis, now: UtcMillis) -> Result<(), StoreError> {
        let mut writer = self.writer().await?;
        let done = follow(&mut writer.connection, begin, now).await;
        done.map_err(self.failed("turning the buses' day"))?;
        writer.good();
        Ok(())
    }
}

async fn follow(connection: &mut SqliteConnection, begin: UtcMillis, now: UtcMillis) -> sqlx::Result<()> {
    let mut tx = connection.begin_with(BEGIN).await?;
    let before: Option<i64> =
        sqlx::query_scalar("SELECT begin_ms FROM bus_day_followed").fetch_optional(&mut *tx).await?;
    if before == Some(begin.0) {
        return Ok(());
    }
    if let Some(before) = before {
        let mut sql = QueryBuilder::<Sqlite>::new(DUE);
        sql.push(VEHICLES).push("SELECT id, ").push_bind(before.div_euclid(QUARTER_MS));
        sql.push(", ").push_bind(now.0).push(", ").push_bind(now.0);
        sql.push(", 1 FROM known WHERE EXISTS (SELECT 1 FROM fix WHERE vehicle = id AND rejected IS NULL AND (rejected IS NULL OR rejected = 'jump') AND at_ms >= ");
        sql.push_bind(before)
            .push(" AND at_ms < ")
            .push_bind(before + 24 * 4 * QUARTER_MS)
            .push(") OR EXISTS (SELECT 1 FROM fix INDEXED BY fix_call WHERE vehicle = id AND sos AND rejected IS NOT NULL)")
            .push(AGAIN);
        sql.build().execute(&mut *tx).await?;
    }
    sqlx::query("INSERT OR REPLACE INTO bus_day_followed (one, begin_ms) VALUES (1, ?)")
        .bind(begin.0)
        .execute(&mut *tx)
        .await?;
    tx.commit().await
}

/// Quarters of buses' days in which something changed.
#[derive(Debug, Default)]
pub(crate) struct Quarters(BTreeSet<(String, i64)>);

impl Quarters {
    pub(crate) fn add(&mut self, vehicle: &str, at_ms: i64) {
        self.0.insert((vehicle.to_owned(), at_ms.div_euclid(QUARTER_MS)));
    }

    pub(crate) async fn write(&self, tx: &mut SqliteConnection, now: UtcMillis) -> sqlx::Result<()> {
        let all: Vec<_> = self.0.iter().collect();
        for some in all.chunks(ROWS) {
            let mut sql = QueryBuilder::<Sqlite>::new(DUE);
            sql.push_values(some, |mut row, (vehicle, quarter)| {
                row.push_bind(vehicle).push_bind(quarter).push_bind(now.0).push_bind(now.0).push_bind(1);
            });
            sql.push(AGAIN).build().execute(&mut *tx).await?;
        }
        Ok(())
    }
}

/// Quarters that a day was made of: unless something changed since they were read, they are due no more.
pub(crate) async fn settle(tx: &mut SqliteConnection, settled: &[Due]) -> sqlx::Result<()> {
    for due in settled {
        sqlx::query("DELETE FROM bus_day_due WHERE vehicle = ? AND quarter = ? AND changes = ?")
            .bind(due.vehicle.as_str())
            .bind(due.from.0.div_euclid(QUARTER_MS))
            .bind(due.changes)
            .execute(&mut *tx)
            .await?;
    }
    Ok(())
}
