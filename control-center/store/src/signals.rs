//! What signal groups showed.

use models_domain::{DurationMs, JunctionId, UtcMillis};
use sqlx::Row;

use crate::errs::StoreError;
use crate::open::Store;

/// Groups that last longer unchanged are not looked for before what is asked for.
const LASTS_MAX: DurationMs = DurationMs(86_400_000);

/// What one junction's groups showed from this moment on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignalRow {
    /// By the gateway's clock.
    pub at: UtcMillis,
    /// As in [`models_domain::signal::GroupStates`].
    pub groups: String,
    pub cycle_s: Option<u32>,
    pub stage: Option<u32>,
    /// Which run of the gateway's agent told it.
    pub boot: u64,
}

impl Store {
    /// Changes of a junction, the oldest first, and before them the one that was in force at `from`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn signal_changes(
        &self,
        junction: &JunctionId,
        from: UtcMillis,
        to: UtcMillis,
    ) -> Result<Vec<SignalRow>, StoreError> {
        let failed = self.failed("reading what signals showed");
        let rows = sqlx::query(
            "SELECT s.at_ms, s.groups, s.cycle_s, s.stage, e.boot FROM signal s JOIN event e ON e.id = s.event \
             WHERE s.junction = ?1 AND s.at_ms < ?3 AND s.at_ms >= coalesce((SELECT max(at_ms) FROM signal \
             WHERE junction = ?1 AND at_ms <= ?2 AND at_ms >= ?4), ?2) ORDER BY s.at_ms, s.event",
        )
        .bind(junction.as_str())
        .bind(from.0)
        .bind(to.0)
        .bind((from - LASTS_MAX).0)
        .fetch_all(self.readers())
        .await
        .map_err(&failed)?;
        let row = |row: &sqlx::sqlite::SqliteRow| {
            Ok(SignalRow {
                at: UtcMillis(row.try_get("at_ms")?),
                groups: row.try_get("groups")?,
                cycle_s: row.try_get("cycle_s")?,
                stage: row.try_get("stage")?,
                boot: row.try_get::<i64, _>("boot")?.cast_unsigned(),
            })
        };
        rows.iter().map(row).collect::<sqlx::Result<_>>().map_err(failed)
    }
}
