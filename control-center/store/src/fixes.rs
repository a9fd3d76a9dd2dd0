//! Fixes read back, so that a hall that starts knows what its buses did today.

use models_domain::geo::LatLon;
use models_domain::transit::Fix;
use models_domain::{Degrees, Meters, MetersPerSecond, UtcMillis};

use crate::errs::StoreError;
use crate::open::Store;

/// More are not read back: a day of a thousand buses, one fix every thirty seconds.
const FIXES_MAX: i64 = 3_000_000;

type Row = (i64, String, i64, f64, f64, f64, Option<f64>, Option<f64>, bool, String);

impl Store {
    /// Believed fixes since a moment, by fix time.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn fixes_since(&self, since: UtcMillis) -> Result<Vec<Fix>, StoreError> {
        let rows: Vec<Row> = sqlx::query_as(
            "SELECT at_ms, vehicle, received_ms, lat, lon, speed_mps, course_deg, altitude_m, valid, protocol \
             FROM fix WHERE at_ms >= ? AND rejected IS NULL ORDER BY at_ms LIMIT ?",
        )
        .bind(since.0)
        .bind(FIXES_MAX)
        .fetch_all(self.readers())
        .await
        .map_err(self.failed("reading today's fixes"))?;
        let fix = |(at, vehicle, received, lat, lon, speed, course, altitude, valid, protocol): Row| {
            Some(Fix {
                vehicle: vehicle.parse().ok()?,
                at: UtcMillis(at),
                received: UtcMillis(received),
                position: LatLon::new(lat, lon),
                speed: MetersPerSecond(speed),
                course: course.map(Degrees),
                altitude: altitude.map(Meters),
                valid,
                protocol,
            })
        };
        Ok(rows.into_iter().filter_map(fix).collect())
    }
}
