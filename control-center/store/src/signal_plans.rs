//! Which plans junctions ran, from when to when: written while they go on, read for a junction, forgotten by age.

use models_domain::{JunctionId, UtcMillis};
use sqlx::sqlite::SqliteRow;
use sqlx::{Connection, QueryBuilder, Row, Sqlite, SqliteConnection};

use crate::errs::StoreError;
use crate::open::{BEGIN, Store};

/// One plan of one junction without a break, by the hall's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlanRow {
    pub plan: u8,
    /// Seconds of one cycle, where the controller tells it.
    pub cycle_length_s: Option<u32>,
    pub began: UtcMillis,
    /// When it was heard of last.
    pub until: UtcMillis,
}

const ROWS: usize = 1_000;
const FORGET_AT_ONCE: i64 = 5_000;

impl Store {
    /// Keeps plans in place of what was kept of the same junction and begin; all of them or none.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn keep_plans(&self, plans: &[(JunctionId, PlanRow)]) -> Result<(), StoreError> {
        let mut writer = self.writer().await?;
        let failed = self.failed("keeping which plans ran");
        write(&mut writer.connection, plans).await.map_err(failed)?;
        writer.good();
        Ok(())
    }

    /// Plans that a junction ran at any time from `from` to `to`, the oldest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn plans(
        &self,
        junction: &JunctionId,
        from: UtcMillis,
        to: UtcMillis,
    ) -> Result<Vec<PlanRow>, StoreError> {
        let failed = self.failed("reading which plans ran");
        let rows = sqlx::query(
            "SELECT plan, cycle_length_s, began_ms, until_ms FROM signal_plan \
             WHERE junction = ? AND began_ms < ? AND until_ms >= ? ORDER BY began_ms",
        )
        .bind(junction.as_str())
        .bind(to.0)
        .bind(from.0)
        .fetch_all(self.readers())
        .await
        .map_err(&failed)?;
        rows.iter().map(plan).collect::<sqlx::Result<_>>().map_err(failed)
    }

    /// Forgets some plans that were over before a moment; how many.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn forget_plans(&self, before: UtcMillis) -> Result<u64, StoreError> {
        let mut writer = self.writer().await?;
        let done = sqlx::query(
            "DELETE FROM signal_plan WHERE (junction, began_ms) IN \
             (SELECT junction, began_ms FROM signal_plan WHERE began_ms < ?1 AND until_ms < ?1 LIMIT ?2)",
        )
        .bind(before.0)
        .bind(FORGET_AT_ONCE)
        .execute(&mut writer.connection)
        .await
        .map_err(self.failed("forgetting which plans ran"))?;
        writer.good();
        Ok(done.rows_affected())
    }
}

async fn write(connection: &mut SqliteConnection, plans: &[(JunctionId, PlanRow)]) -> sqlx::Result<()> {
    let mut tx = connection.begin_with(BEGIN).await?;
    for some in plans.chunks(ROWS) {
        let mut sql = QueryBuilder::<Sqlite>::new(
            "INSERT INTO signal_plan (junction, began_ms, until_ms, plan, cycle_length_s) ",
        );
        sql.push_values(some, |mut row, (junction, plan)| {
            row.push_bind(junction.as_str())
                .push_bind(plan.began.0)
                .push_bind(plan.until.0)
                .push_bind(i64::from(plan.plan))
                .push_bind(plan.cycle_length_s);
        });
        sql.push(
            " ON CONFLICT DO UPDATE SET until_ms = excluded.until_ms, plan = excluded.plan, \
             cycle_length_s = excluded.cycle_length_s",
        );
        sql.build().execute(&mut *tx).await?;
    }
    tx.commit().await
}

fn plan(row: &SqliteRow) -> sqlx::Result<PlanRow> {
    let plan = u8::try_from(row.try_get::<i64, _>("plan")?);
    Ok(PlanRow {
        plan: plan.map_err(|err| sqlx::Error::Decode(err.into()))?,
        cycle_length_s: row.try_get("cycle_length_s")?,
        began: UtcMillis(row.try_get("began_ms")?),
        until: UtcMillis(row.try_get("until_ms")?),
    })
}
