//! How trackers reported, and where a bus was, out of the positions that are kept.

use std::collections::BTreeMap;

use models_domain::fix::Reason;
use models_domain::fix::tracker::Reporting;
use models_domain::geo::LatLon;
use models_domain::{DurationMs, MetersPerSecond, UtcMillis, VehicleId};

use crate::errs::StoreError;
use crate::minutes::Span;
use crate::open::Store;

#[derive(Debug, Clone, PartialEq)]
pub struct TrackerRow {
    pub vehicle: String,
    /// Of its last believed report, such as `gt06`.
    pub protocol: String,
    /// When the device measured its last believed position.
    pub at: UtcMillis,
    pub reporting: Reporting,
}

/// A vehicle of which something is believed in a span, by the device's time, or that passed a stop in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeardRow {
    pub vehicle: String,
    /// Stops that it passed.
    pub passings: u32,
}

/// One position of a bus's day.
#[derive(Debug, Clone, PartialEq)]
pub struct PositionRow {
    pub vehicle: String,
    pub at: UtcMillis,
    pub received: UtcMillis,
    pub position: LatLon,
    pub speed: MetersPerSecond,
    pub course_deg: Option<f64>,
    pub protocol: String,
    /// A name of [`Reason`]; `None` when it is believed.
    pub rejected: Option<String>,
}

/// Vehicle, and of its last believed report: time, receipt, protocol; the fourth least delay of the last reports: a few that were measured in
/// years to come stay the last for ever.
type Last = (String, Option<i64>, Option<i64>, Option<String>, Option<i64>);
type Position = (String, i64, i64, f64, f64, f64, Option<f64>, String, Option<String>, i64);

/// From name to name by the index: the table itself may have a hundred million rows.
pub(crate) const LAST_REPORTS: &str = "WITH RECURSIVE known (id) AS (SELECT min(vehicle) FROM fix UNION ALL \
    SELECT (SELECT min(vehicle) FROM fix WHERE vehicle > known.id) FROM known WHERE known.id IS NOT NULL) \
    SELECT k.id, f.at_ms, f.received_ms, f.protocol, (SELECT max(off) FROM (SELECT off FROM (SELECT received_ms - at_ms AS off \
    FROM fix WHERE vehicle = k.id ORDER BY at_ms DESC LIMIT 20) ORDER BY off LIMIT 4)) FROM known k LEFT JOIN fix f ON f.event = \
    (SELECT event FROM fix WHERE vehicle = k.id AND rejected IS NULL AND (rejected IS NULL OR rejected = 'jump') ORDER BY at_ms DESC LIMIT 1) \
    WHERE k.id IS NOT NULL";
pub(crate) const REPORTS: &str = "SELECT vehicle, rejected, count(*) FROM fix INDEXED BY fix_reporting \
    WHERE received_ms >= ? GROUP BY vehicle, rejected";

/// That something is believed is enough: to count it the table would have to be read row by row, for no index holds what is believed
/// alone.
pub(crate) const HEARD: &str = "WITH RECURSIVE known (id) AS (SELECT min(vehicle) FROM fix UNION ALL \
    SELECT (SELECT min(vehicle) FROM fix WHERE vehicle > known.id) FROM known WHERE known.id IS NOT NULL) SELECT id, \
    (SELECT count(*) FROM (SELECT 1 FROM passing INDEXED BY passing_vehicle WHERE vehicle = known.id \
    AND at_ms >= ?1 AND at_ms < ?2 LIMIT ?3)) FROM known WHERE id IS NOT NULL AND (\
    EXISTS (SELECT 1 FROM fix INDEXED BY fix_sound WHERE vehicle = known.id AND rejected IS NULL \
    AND (rejected IS NULL OR rejected = 'jump') AND at_ms >= ?1 AND at_ms < ?2) OR \
    EXISTS (SELECT 1 FROM passing INDEXED BY passing_vehicle WHERE vehicle = known.id AND at_ms >= ?1 AND at_ms < ?2))";

impl Store {
    /// Vehicles that were heard in a span, with the stops that each passed, counted up to `most`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn heard(&self, span: Span, most: u32) -> Result<Vec<HeardRow>, StoreError> {
        let rows: Vec<(String, i64)> = sqlx::query_as(HEARD)
            .bind(span.from.0)
            .bind(span.to.0)
            .bind(most)
            .fetch_all(self.readers())
            .await
            .map_err(self.failed("reading which vehicles were heard"))?;
        let count = |n: i64| u32::try_from(n).unwrap_or(u32::MAX);
        Ok(rows
            .into_iter()
            .map(|(vehicle, passings)| HeardRow { vehicle, passings: count(passings) })
            .collect())
    }

    /// Every tracker that ever reported, with its reports since a moment.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn trackers(&self, since: UtcMillis) -> Result<Vec<TrackerRow>, StoreError> {
        let failed = self.failed("reading how trackers report");
        let last: Vec<Last> =
            sqlx::query_as(LAST_REPORTS).fetch_all(self.readers()).await.map_err(&failed)?;
        let counts: Vec<(String, Option<String>, i64)> =
            sqlx::query_as(REPORTS).bind(since.0).fetch_all(self.readers()).await.map_err(&failed)?;
        let mut rows: BTreeMap<String, TrackerRow> = BTreeMap::new();
        for (vehicle, at, received, protocol, off) in last {
            let reporting = Reporting {
                received: UtcMillis(received.unwrap_or(0)),
                clock_off: DurationMs(off.unwrap_or(0)),
                ..Reporting::default()
            };
            let (at, protocol) = (UtcMillis(at.unwrap_or(0)), protocol.unwrap_or_default());
            rows.insert(vehicle.clone(), TrackerRow { vehicle, protocol, at, reporting });
        }
        for (vehicle, rejected, count) in counts {
            let Some(row) = rows.get_mut(&vehicle) else { continue };
            let count = u32::try_from(count).unwrap_or(u32::MAX);
            row.reporting.reports = row.reporting.reports.saturating_add(count);
            if let Some(reason) = rejected.as_deref().and_then(Reason::named) {
                row.reporting.rejected.push((reason, count));
            }
        }
        Ok(rows.into_values().collect())
    }

    /// Every vehicle that ever reported.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn vehicles(&self) -> Result<Vec<VehicleId>, StoreError> {
        let rows: Vec<String> = sqlx::query_scalar(
            "WITH RECURSIVE known (id) AS (SELECT min(vehicle) FROM fix UNION ALL \
             SELECT (SELECT min(vehicle) FROM fix WHERE vehicle > known.id) FROM known WHERE known.id IS NOT NULL) \
             SELECT id FROM known WHERE id IS NOT NULL",
        )
        .fetch_all(self.readers())
        .await
        .map_err(self.failed("reading which vehicles there are"))?;
        Ok(rows.into_iter().filter_map(|id| VehicleId::new(id).ok()).collect())
    }

    /// Vehicles of which something is believed in a span, and those that ever called for help from places that are not.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn vehicles_seen(&self, span: Span) -> Result<Vec<VehicleId>, StoreError> {
        let rows: Vec<String> = sqlx::query_scalar(
            "WITH RECURSIVE known (id) AS (SELECT min(vehicle) FROM fix UNION ALL \
             SELECT (SELECT min(vehicle) FROM fix WHERE vehicle > known.id) FROM known WHERE known.id IS NOT NULL) \
             SELECT id FROM known WHERE EXISTS (SELECT 1 FROM fix WHERE vehicle = id AND rejected IS NULL AND (rejected IS NULL OR rejected = 'jump') AND at_ms >= ? \
             AND at_ms < ?) OR EXISTS (SELECT 1 FROM fix INDEXED BY fix_call WHERE vehicle = id AND sos AND rejected IS NOT NULL)",
        )
        .bind(span.from.0)
        .bind(span.to.0)
        .fetch_all(self.readers())
        .await
        .map_err(self.failed("reading which vehicles were seen"))?;
        Ok(rows.into_iter().filter_map(|id| VehicleId::new(id).ok()).collect())
    }

    /// Reports of one vehicle, by the device's time; at most `limit`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn positions(
        &self,
        vehicle: &VehicleId,
        span: Span,
        limit: u32,
    ) -> Result<Vec<PositionRow>, StoreError> {
        let page = self.positions_page(vehicle, (span.from, i64::MIN), span.to, limit).await?;
        Ok(page.map(|(rows, _)| rows).unwrap_or_default())
    }

    /// A page of one vehicle's reports by the device's time, after a place that the page before gave; `None` when there are no
    /// more.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn positions_page(
        &self,
        vehicle: &VehicleId,
        after: (UtcMillis, i64),
        before: UtcMillis,
        limit: u32,
    ) -> Result<Option<(Vec<PositionRow>, (UtcMillis, i64))>, StoreError> {
        let rows: Vec<Position> = sqlx::query_as(
            "SELECT vehicle, at_ms, received_ms, lat, lon, speed_mps, course_deg, protocol, rejected, event FROM fix \
             WHERE vehicle = ? AND (at_ms, event) > (?, ?) AND at_ms < ? ORDER BY at_ms, event LIMIT ?",
        )
        .bind(vehicle.as_str())
        .bind(after.0.0)
        .bind(after.1)
        .bind(before.0)
        .bind(limit)
        .fetch_all(self.readers())
        .await
        .map_err(self.failed("reading positions"))?;
        let Some(next) = rows.last().map(|row| (UtcMillis(row.1), row.9)) else { return Ok(None) };
        let row = |(vehicle, at, received, lat, lon, speed, course_deg, protocol, rejected, _): Position| {
            PositionRow {
                vehicle,
                at: UtcMillis(at),
                received: UtcMillis(received),
                position: LatLon::new(lat, lon),
                speed: MetersPerSecond(speed),
                course_deg,
                protocol,
                rejected,
            }
        };
        Ok(Some((rows.into_iter().map(row).collect(), next)))
    }

    /// How many reports are not believed, by vehicle, of those received within a span. Doubles are none: trackers repeat what they were
    /// not answered.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn rejected_by_vehicle(&self, span: Span) -> Result<BTreeMap<String, u32>, StoreError> {
        let rows: Vec<(String, i64)> = sqlx::query_as(
            "SELECT vehicle, count(*) FROM fix WHERE rejected IS NOT NULL AND rejected <> 'double' AND received_ms >= ? AND received_ms < ? \
             GROUP BY vehicle",
        )
        .bind(span.from.0)
        .bind(span.to.0)
        .fetch_all(self.readers())
        .await
        .map_err(self.failed("counting rejected positions"))?;
        Ok(rows.into_iter().map(|(vehicle, n)| (vehicle, u32::try_from(n).unwrap_or(u32::MAX))).collect())
    }
}
