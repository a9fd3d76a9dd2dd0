//! How good predictions of arrivals were, by service day, route, what they were made of, and lead: kept as sums, read back at a start.

use models_domain::transit::accuracy::{Errors, Scored, Source};
use models_domain::transit::timetable::{FeedId, RouteId};
use sqlx::sqlite::SqliteRow;
use sqlx::{Connection, QueryBuilder, Row, Sqlite, SqliteConnection};
use time::Date;

use crate::errs::StoreError;
use crate::open::{BEGIN, Store};
use crate::rows::clamp;
use crate::timetables::{day, text};

const COLUMNS: &str =
    "feed, day, route, source, lead_min, scored, absolute_s, signed_s, within_60, within_180";
const ROWS: usize = 1_000;

impl Store {
    /// Keeps sums in place of what was kept of their day, route, source and lead; all of them or none.
    ///
    /// # Errors
    /// [`StoreError`]; offer them again.
    pub async fn keep_prediction_scores(&self, scored: &[Scored]) -> Result<(), StoreError> {
        let mut writer = self.writer().await?;
        let failed = self.failed("keeping how good predictions were");
        write(&mut writer.connection, scored).await.map_err(failed)?;
        writer.good();
        Ok(())
    }

    /// Sums of service days from `since` on.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn prediction_scores(&self, since: Date) -> Result<Vec<Scored>, StoreError> {
        let failed = self.failed("reading how good predictions were");
        let sql = format!(
            "SELECT {COLUMNS} FROM prediction_score WHERE day >= ? ORDER BY day, feed, route, source, lead_min"
        );
        let query = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(text(since));
        let rows = query.fetch_all(self.readers()).await.map_err(&failed)?;
        let read: sqlx::Result<Vec<Option<Scored>>> = rows.iter().map(read).collect();
        Ok(read.map_err(failed)?.into_iter().flatten().collect())
    }

    /// Forgets service days before one; how many sums.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn forget_prediction_scores(&self, before: Date) -> Result<u64, StoreError> {
        let mut writer = self.writer().await?;
        let done = sqlx::query("DELETE FROM prediction_score WHERE day < ?").bind(text(before));
        let done = done.execute(&mut writer.connection).await;
        let done = done.map_err(self.failed("forgetting how good predictions were"))?;
        writer.good();
        Ok(done.rows_affected())
    }
}

async fn write(connection: &mut SqliteConnection, scored: &[Scored]) -> sqlx::Result<()> {
    let mut tx = connection.begin_with(BEGIN).await?;
    for some in scored.chunks(ROWS) {
        let mut sql = QueryBuilder::<Sqlite>::new("INSERT OR REPLACE INTO prediction_score (");
        sql.push(COLUMNS).push(") ");
        sql.push_values(some, |mut row, s| {
            row.push_bind(s.feed.as_str())
                .push_bind(text(s.day))
                .push_bind(s.route.as_str())
                .push_bind(s.source.name())
                .push_bind(s.lead_min)
                .push_bind(clamp(s.errors.scored))
                .push_bind(s.errors.absolute_s)
                .push_bind(s.errors.signed_s)
                .push_bind(clamp(s.errors.within_60))
                .push_bind(clamp(s.errors.within_180));
        });
        sql.build().execute(&mut *tx).await?;
    }
    tx.commit().await
}

/// `None`: of a newer build's source, which is left to it.
fn read(row: &SqliteRow) -> sqlx::Result<Option<Scored>> {
    let count = |column: &str| row.try_get::<i64, _>(column).map(i64::cast_unsigned);
    let day = day(row.try_get("day")?);
    let Some(source) = Source::named(row.try_get("source")?) else { return Ok(None) };
    Ok(Some(Scored {
        feed: FeedId(row.try_get("feed")?),
        day: day.ok_or_else(|| sqlx::Error::Decode("the day of a prediction's score is damaged".into()))?,
        route: RouteId(row.try_get("route")?),
        source,
        lead_min: row.try_get("lead_min")?,
        errors: Errors {
            scored: count("scored")?,
            absolute_s: row.try_get("absolute_s")?,
            signed_s: row.try_get("signed_s")?,
            within_60: count("within_60")?,
            within_180: count("within_180")?,
        },
    }))
}
