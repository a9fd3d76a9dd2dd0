//! Fixes read back, so that a hall that starts knows what its buses did today.

use models_domain::fix::Limits;
use models_domain::geo::LatLon;
use models_domain::transit::assign::SignOn;
use models_domain::transit::{Fix, Told};
use models_domain::{Degrees, Meters, MetersPerSecond, UtcMillis, VehicleId};

use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use crate::errs::StoreError;
use crate::minutes::Span;
use crate::open::Store;
use crate::verdicts::SOUND;

/// A report as it lies in the store, believed or not.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredFix {
    pub event: i64,
    pub vehicle: String,
    pub at: UtcMillis,
    /// A name of [`models_domain::fix::Reason`]; `None` when it is believed.
    pub rejected: Option<String>,
}

/// What [`fix`] reads.
pub(crate) const FIX: &str = "at_ms, vehicle, received_ms, lat, lon, speed_mps, course_deg, altitude_m, valid, protocol, doors_open, engine_on, \
    sos, driver, signed_trip, signed_block, signed_route";

impl Store {
    /// Reports in the order in which they were stored, from the one after `event` on (0 at first), at most `count`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn fixes_stored_after(&self, event: i64, count: u32) -> Result<Vec<StoredFix>, StoreError> {
        let rows: Vec<(i64, String, i64, Option<String>)> = sqlx::query_as(
            "SELECT event, vehicle, at_ms, rejected FROM fix WHERE event > ? ORDER BY event LIMIT ?",
        )
        .bind(event)
        .bind(count)
        .fetch_all(self.readers())
        .await
        .map_err(self.failed("reading fixes as they were stored"))?;
        let fix = |(event, vehicle, at, rejected)| StoredFix { event, vehicle, at: UtcMillis(at), rejected };
        Ok(rows.into_iter().map(fix).collect())
    }

    /// All believed fixes of one vehicle in a time, by fix time. Whoever makes its day anew needs every one of them.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn believed(&self, vehicle: &VehicleId, span: Span) -> Result<Vec<Fix>, StoreError> {
        let sql = format!(
            "SELECT {FIX} FROM fix WHERE vehicle = ? AND at_ms >= ? AND at_ms < ? AND rejected IS NULL AND {SOUND} ORDER BY at_ms"
        );
        let rows = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(vehicle.as_str())
            .bind(span.from.0)
            .bind(span.to.0)
            .fetch_all(self.readers())
            .await;
        let fixes = rows.and_then(|rows| rows.iter().filter_map(|row| fix(row).transpose()).collect());
        fixes.map_err(self.failed("reading a day's fixes"))
    }

    /// Reports of one vehicle that called for help, are not believed, and may tell of a moment after `since`: they came later.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn rejected_calls(
        &self,
        vehicle: &VehicleId,
        since: UtcMillis,
    ) -> Result<Vec<Fix>, StoreError> {
        // A tracker's clock may be ahead by so much.
        let received = since - Limits::default().future;
        let sql = format!(
            "SELECT {FIX} FROM fix INDEXED BY fix_call WHERE vehicle = ? AND received_ms >= ? AND sos AND rejected IS NOT NULL"
        );
        let query = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(vehicle.as_str()).bind(received.0);
        let rows = query.fetch_all(self.readers()).await;
        let calls = rows.and_then(|rows| rows.iter().filter_map(|row| fix(row).transpose()).collect());
        calls.map_err(self.failed("reading calls for help"))
    }
}

/// All that a report tells; `None` when its vehicle has no name.
pub(crate) fn fix(row: &SqliteRow) -> sqlx::Result<Option<Fix>> {
    let Ok(vehicle) = row.try_get::<String, _>("vehicle")?.parse() else { return Ok(None) };
    Ok(Some(Fix {
        vehicle,
        at: UtcMillis(row.try_get("at_ms")?),
        received: UtcMillis(row.try_get("received_ms")?),
        position: LatLon::new(row.try_get("lat")?, row.try_get("lon")?),
        speed: MetersPerSecond(row.try_get("speed_mps")?),
        course: row.try_get::<Option<f64>, _>("course_deg")?.map(Degrees),
        altitude: row.try_get::<Option<f64>, _>("altitude_m")?.map(Meters),
        valid: row.try_get("valid")?,
        protocol: row.try_get("protocol")?,
        told: Told {
            doors_open: row.try_get("doors_open")?,
            engine_on: row.try_get("engine_on")?,
            sos: row.try_get("sos")?,
            driver: row.try_get("driver")?,
            signed: SignOn::of(
                row.try_get("signed_trip")?,
                row.try_get("signed_block")?,
                row.try_get("signed_route")?,
            ),
        },
    }))
}
