//! Faults of signal controllers, from when to when.

use models_domain::signal::maintenance::{Fault, FaultKind, News, Part};
use models_domain::{JunctionId, UtcMillis};
use sqlx::sqlite::SqliteRow;
use sqlx::{Connection, Row, SqliteConnection};

use crate::errs::StoreError;
use crate::open::{BEGIN, Store};

/// One fault of one controller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FaultRow {
    pub junction: JunctionId,
    pub fault: Fault,
    /// `None`: it is there.
    pub ended: Option<UtcMillis>,
}

/// Forgotten in parts of so many.
const PART: u32 = 2_000;

pub(crate) const COLUMNS: &str = "junction, kind, part, codes, text, priority, began_ms, ended_ms";

impl Store {
    /// Keeps what began, changed and ended, together or not at all. What is known already is kept once.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn keep_faults(&self, news: &[(JunctionId, News)]) -> Result<(), StoreError> {
        let mut writer = self.writer().await?;
        keep(&mut writer.connection, news).await.map_err(self.failed("keeping faults of controllers"))?;
        writer.good();
        Ok(())
    }

    /// Those that are there.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn open_faults(&self) -> Result<Vec<FaultRow>, StoreError> {
        let sql =
            format!("SELECT {COLUMNS} FROM signal_fault WHERE ended_ms IS NULL ORDER BY junction, began_ms");
        self.fault_rows(sqlx::query(sqlx::AssertSqlSafe(sql))).await
    }

    /// When controllers, or one of them, were lost, of losses that were not over at `since`; by junction, oldest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn losses(
        &self,
        junction: Option<&JunctionId>,
        since: UtcMillis,
    ) -> Result<Vec<FaultRow>, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM signal_fault WHERE (ended_ms IS NULL OR ended_ms > ?1) AND kind = 'link' AND part = '' \
             AND (?2 IS NULL OR junction = ?2) \
             ORDER BY junction, began_ms"
        );
        self.fault_rows(
            sqlx::query(sqlx::AssertSqlSafe(sql)).bind(since.0).bind(junction.map(JunctionId::as_str)),
        )
        .await
    }

    /// Forgets some of those that ended before a moment; how many.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn forget_faults(&self, before: UtcMillis) -> Result<u64, StoreError> {
        let mut writer = self.writer().await?;
        let sql =
            "DELETE FROM signal_fault WHERE id IN (SELECT id FROM signal_fault WHERE ended_ms < ? LIMIT ?)";
        let done = sqlx::query(sql)
            .bind(before.0)
            .bind(PART)
            .execute(&mut writer.connection)
            .await
            .map_err(self.failed("forgetting faults of controllers"))?;
        writer.good();
        Ok(done.rows_affected())
    }

    async fn fault_rows(
        &self,
        query: sqlx::query::Query<'_, sqlx::Sqlite, sqlx::sqlite::SqliteArguments>,
    ) -> Result<Vec<FaultRow>, StoreError> {
        let rows = query.fetch_all(self.readers()).await;
        let rows = rows.map_err(self.failed("reading faults of controllers"))?;
        let rows = rows.iter().filter_map(|row| fault_row(row).transpose());
        rows.collect::<sqlx::Result<_>>().map_err(self.failed("reading faults of controllers"))
    }
}

async fn keep(connection: &mut SqliteConnection, news: &[(JunctionId, News)]) -> sqlx::Result<()> {
    let mut tx = connection.begin_with(BEGIN).await?;
    for (junction, news) in news {
        match news {
            News::Began(fault) | News::Changed(fault) => {
                sqlx::query(
                    "INSERT INTO signal_fault (junction, kind, part, codes, text, priority, began_ms) \
                     VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (junction, kind, part) WHERE ended_ms IS NULL \
                     DO UPDATE SET codes = excluded.codes, text = excluded.text, priority = excluded.priority",
                )
                .bind(junction.as_str())
                .bind(fault.part.kind.name())
                .bind(&fault.part.name)
                .bind(lines(&fault.codes))
                .bind(&fault.text)
                .bind(fault.priority)
                .bind(fault.began.0)
                .execute(&mut *tx)
                .await?;
            }
            News::Ended { part, at } => {
                sqlx::query(
                    "UPDATE signal_fault SET ended_ms = max(?, began_ms) WHERE junction = ? AND kind = ? AND part = ? \
                     AND ended_ms IS NULL",
                )
                .bind(at.0)
                .bind(junction.as_str())
                .bind(part.kind.name())
                .bind(&part.name)
                .execute(&mut *tx)
                .await?;
            }
        }
    }
    tx.commit().await
}

/// `None`: of a junction or kind that this build has no name for.
fn fault_row(row: &SqliteRow) -> sqlx::Result<Option<FaultRow>> {
    let Ok(junction) = row.try_get::<String, _>("junction")?.parse() else { return Ok(None) };
    let Some(part) = part(row)? else { return Ok(None) };
    let fault = Fault {
        part,
        codes: codes(row.try_get("codes")?),
        text: row.try_get("text")?,
        priority: row.try_get("priority")?,
        began: UtcMillis(row.try_get("began_ms")?),
    };
    let ended = row.try_get::<Option<i64>, _>("ended_ms")?.map(UtcMillis);
    Ok(Some(FaultRow { junction, fault, ended }))
}

pub(crate) fn part(row: &SqliteRow) -> sqlx::Result<Option<Part>> {
    let name = row.try_get("part")?;
    Ok(FaultKind::from_name(row.try_get("kind")?).map(|kind| Part { kind, name }))
}

pub(crate) fn lines(codes: &[String]) -> String {
    codes.join("\n")
}

pub(crate) fn codes(lines: &str) -> Vec<String> {
    lines.lines().map(str::to_owned).collect()
}
