//! When cameras were covered, turned, blurred, frozen or dark: written with the events that tell it.

use models_domain::event::Phase;
use models_domain::{CameraId, DurationMs, EventBody, UtcMillis, health};
use sqlx::{Row, SqliteConnection};

use crate::errs::StoreError;
use crate::ingest::NewEvent;
use crate::open::Store;

/// What ended so long before the newest trouble of its camera is forgotten: nobody counts by minutes that old.
const KEPT: DurationMs = DurationMs(2 * 86_400_000);

/// One trouble of one camera's picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TroubleRow {
    pub camera: String,
    /// Name of the trouble in `health::ALL`, such as `camera_covered`.
    pub trouble: String,
    pub began: UtcMillis,
    /// `None`: it goes on.
    pub ended: Option<UtcMillis>,
}

/// Takes what `events` tell of pictures, in the order in which they were told.
pub(crate) async fn write(tx: &mut SqliteConnection, events: &[NewEvent]) -> sqlx::Result<()> {
    let names = health::names();
    for event in events.iter().filter_map(|new| new.event.as_ref()) {
        let EventBody::Rule { camera, event: told } = &event.body else { continue };
        if !names.contains(&told.rule.as_str()) {
            continue;
        }
        match told.phase {
            Phase::Begun => begun(tx, camera, &told.rule, told.began).await?,
            Phase::Ended => ended(tx, camera, &told.rule, (told.began, event.at)).await?,
            Phase::Moment | Phase::Figure => {}
        }
    }
    Ok(())
}

async fn begun(
    tx: &mut SqliteConnection,
    camera: &CameraId,
    trouble: &str,
    began: UtcMillis,
) -> sqlx::Result<()> {
    sqlx::query("DELETE FROM camera_trouble WHERE camera = ? AND ended_ms < ?")
        .bind(camera.as_str())
        .bind((began - KEPT).0)
        .execute(&mut *tx)
        .await?;
    // One whose end was lost is over when the next of its kind begins.
    sqlx::query(
        "UPDATE camera_trouble SET ended_ms = max(began_ms, ?) WHERE camera = ? AND trouble = ? AND ended_ms IS NULL",
    )
    .bind(began.0)
    .bind(camera.as_str())
    .bind(trouble)
    .execute(&mut *tx)
    .await?;
    // Told again, it goes on.
    sqlx::query(
        "INSERT INTO camera_trouble (camera, trouble, began_ms) VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET ended_ms = NULL",
    )
    .bind(camera.as_str())
    .bind(trouble)
    .bind(began.0)
    .execute(&mut *tx)
    .await
    .map(drop)
}

async fn ended(
    tx: &mut SqliteConnection,
    camera: &CameraId,
    trouble: &str,
    (began, at): (UtcMillis, UtcMillis),
) -> sqlx::Result<()> {
    // Also where its begin was never heard of: the time between is not to be counted on.
    sqlx::query(
        "INSERT INTO camera_trouble (camera, trouble, began_ms, ended_ms) VALUES (?, ?, ?, ?) \
         ON CONFLICT DO UPDATE SET ended_ms = excluded.ended_ms",
    )
    .bind(camera.as_str())
    .bind(trouble)
    .bind(began.0)
    .bind(at.max(began).0)
    .execute(&mut *tx)
    .await
    .map(drop)
}

impl Store {
    /// The troubles of all cameras that go on, and those that ended after `since`; by camera.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn camera_troubles(&self, since: UtcMillis) -> Result<Vec<TroubleRow>, StoreError> {
        let rows = sqlx::query(
            "SELECT camera, trouble, began_ms, ended_ms FROM camera_trouble WHERE ended_ms IS NULL \
             UNION ALL SELECT camera, trouble, began_ms, ended_ms FROM camera_trouble WHERE ended_ms > ? \
             ORDER BY camera, began_ms, trouble",
        )
        .bind(since.0)
        .fetch_all(self.readers())
        .await
        .map_err(self.failed("reading the troubles of cameras"))?;
        let row = |row: &sqlx::sqlite::SqliteRow| -> sqlx::Result<TroubleRow> {
            Ok(TroubleRow {
                camera: row.try_get("camera")?,
                trouble: row.try_get("trouble")?,
                began: UtcMillis(row.try_get("began_ms")?),
                ended: row.try_get::<Option<i64>, _>("ended_ms")?.map(UtcMillis),
            })
        };
        rows.iter()
            .map(row)
            .collect::<sqlx::Result<_>>()
            .map_err(self.failed("reading a trouble of a camera"))
    }
}
