//! What rules measured: rows in with their events, series out for reports.

use models_domain::event::{Phase, RuleEvent};
use models_domain::{CameraId, EventBody, UtcMillis};
use sqlx::{QueryBuilder, Row, Sqlite, SqliteConnection};

use crate::errs::StoreError;
use crate::ingest::{NewEvent, picked};
use crate::minutes::Span;
use crate::open::Store;

/// Values a statement; SQLite takes 32,766 of them and a row has 12.
const ROWS: usize = 2_000;

/// One value of one event.
#[derive(Debug, Clone, PartialEq)]
pub struct MeasureRow {
    pub at: UtcMillis,
    pub began: UtcMillis,
    pub camera: String,
    pub rule: String,
    /// As `Phase::name`.
    pub phase: String,
    pub zone: Option<String>,
    pub way: Option<(String, String)>,
    pub road_user: Option<String>,
    /// As `MeasureKind::name`.
    pub what: String,
    pub value: f64,
}

impl Store {
    /// What was measured within the span, oldest first; at most `limit` rows.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn measures(
        &self,
        camera: Option<&str>,
        rule: Option<&str>,
        span: Span,
        limit: u32,
    ) -> Result<Vec<MeasureRow>, StoreError> {
        let mut sql = QueryBuilder::<Sqlite>::new(
            "SELECT at_ms, began_ms, camera, rule, phase, zone, way_from, way_to, road_user, what, value \
             FROM measure WHERE at_ms >= ",
        );
        sql.push_bind(span.from.0).push(" AND at_ms < ").push_bind(span.to.0);
        if let Some(camera) = camera {
            sql.push(" AND camera = ").push_bind(camera);
        }
        if let Some(rule) = rule {
            sql.push(" AND rule = ").push_bind(rule);
        }
        sql.push(" ORDER BY at_ms, event, what LIMIT ").push_bind(limit);
        let rows = sql.build().fetch_all(self.readers()).await.map_err(self.failed("reading measures"))?;
        let row = |row: &sqlx::sqlite::SqliteRow| -> sqlx::Result<MeasureRow> {
            let from: Option<String> = row.try_get("way_from")?;
            let to: Option<String> = row.try_get("way_to")?;
            Ok(MeasureRow {
                at: UtcMillis(row.try_get("at_ms")?),
                began: UtcMillis(row.try_get("began_ms")?),
                camera: row.try_get("camera")?,
                rule: row.try_get("rule")?,
                phase: row.try_get("phase")?,
                zone: row.try_get("zone")?,
                way: from.zip(to),
                road_user: row.try_get("road_user")?,
                what: row.try_get("what")?,
                value: row.try_get("value")?,
            })
        };
        rows.iter().map(row).collect::<sqlx::Result<_>>().map_err(self.failed("reading measures"))
    }
}

pub(crate) async fn insert(tx: &mut SqliteConnection, rows: &[(i64, &NewEvent)]) -> sqlx::Result<()> {
    let events =
        picked(
            rows,
            |body| {
                if let EventBody::Rule { camera, event } = body { Some((camera, event)) } else { None }
            },
        );
    let mut values = Vec::new();
    for (id, event, (camera, rule)) in events {
        // Two of a kind would be two rows of one key: the first counts.
        let mut kinds = std::collections::BTreeSet::new();
        let once = rule.measures.iter().filter(|m| m.value.is_finite() && kinds.insert(m.what));
        values.extend(once.map(|m| (id, event.at, camera, rule, *m)));
    }
    for values in values.chunks(ROWS) {
        let mut sql = QueryBuilder::<Sqlite>::new(
            "INSERT INTO measure (event, what, at_ms, began_ms, camera, rule, phase, zone, way_from, way_to, road_user, value) ",
        );
        sql.push_values(values, |mut row, (id, at, camera, rule, measure)| {
            let (camera, rule): (&CameraId, &RuleEvent) = (camera, rule);
            let phase: Phase = rule.phase;
            row.push_bind(id)
                .push_bind(measure.what.name())
                .push_bind(at.0)
                .push_bind(rule.began.0)
                .push_bind(camera.as_str())
                .push_bind(&rule.rule)
                .push_bind(phase.name())
                .push_bind(rule.zone.as_ref().map(|z| z.as_str()))
                .push_bind(rule.way.as_ref().map(|w| &w.from))
                .push_bind(rule.way.as_ref().map(|w| &w.to))
                .push_bind(rule.class.map(|c| c.name()))
                .push_bind(measure.value);
        });
        sql.build().execute(&mut *tx).await?;
    }
    Ok(())
}
