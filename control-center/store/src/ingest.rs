//! Events in: rows, their columns for reports and the progress of each run, in one transaction or not at all.

use models_domain::transit::Fix;
use models_domain::{Event, EventBody, GatewayId, UtcMillis};
use sqlx::{Connection, QueryBuilder, Sqlite, SqliteConnection};

use crate::errs::StoreError;
use crate::minutes;
use crate::open::{BEGIN, Store};
use crate::rows::{clamp, stats, subject};

/// One event to store. `seq` and `boot` must fit `i64`.
#[derive(Debug, Clone)]
pub struct NewEvent {
    pub gateway: GatewayId,
    pub boot: u64,
    pub seq: u64,
    /// As the gateway sent it; given back as it is.
    pub payload: Vec<u8>,
    /// `None` when this build cannot read it: kept as kind `unknown` for a newer one.
    pub event: Option<Event>,
}

/// Confirmed once, not in this database: both ends inclusive.
#[derive(Debug, Clone)]
pub struct Gap {
    pub gateway: GatewayId,
    pub boot: u64,
    pub from: u64,
    pub to: u64,
}

/// One transaction.
#[derive(Debug, Default)]
pub struct Commit {
    pub events: Vec<NewEvent>,
    pub gaps: Vec<Gap>,
    pub at: UtcMillis,
    /// Buses are followed live from then on; a day before, of which a position comes, is due to be reckoned anew.
    pub followed_from: Option<UtcMillis>,
}

/// SQLite takes 32,766 values a statement; the widest row has 18.
const ROWS: usize = 1_000;

impl Store {
    /// Stores all of `commit` or nothing of it. When this returns `Ok`, it survives a loss of power.
    ///
    /// # Errors
    /// [`StoreError`]; the caller offers the events again later.
    pub async fn store(&self, commit: &Commit) -> Result<(), StoreError> {
        if commit.events.is_empty() && commit.gaps.is_empty() {
            return Ok(());
        }
        if commit.events.iter().any(|e| i64::try_from(e.boot.max(e.seq)).is_err()) {
            return Err(StoreError::TooBig("a boot or seq"));
        }
        let mut writer = self.writer().await?;
        write(&mut writer.connection, commit).await.map_err(self.failed("storing events"))?;
        writer.good();
        Ok(())
    }

    /// How far each run of each gateway is stored: (gateway, boot, seq).
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn progress(&self) -> Result<Vec<(GatewayId, u64, u64)>, StoreError> {
        let rows: Vec<(String, i64, i64)> = sqlx::query_as("SELECT gateway, boot, seq FROM progress")
            .fetch_all(self.readers())
            .await
            .map_err(self.failed("reading the progress"))?;
        let row = |(gateway, boot, seq): (String, i64, i64)| {
            Some((gateway.parse().ok()?, boot.cast_unsigned(), seq.cast_unsigned()))
        };
        Ok(rows.into_iter().filter_map(row).collect())
    }
}

async fn write(connection: &mut SqliteConnection, commit: &Commit) -> sqlx::Result<()> {
    let mut tx = connection.begin_with(BEGIN).await?;
    let last: i64 = sqlx::query_scalar("SELECT coalesce(max(id), 0) FROM event").fetch_one(&mut *tx).await?;
    let rows: Vec<(i64, &NewEvent)> = (last + 1..).zip(&commit.events).collect();
    for rows in rows.chunks(ROWS) {
        events(&mut tx, rows, commit.at).await?;
        crossings(&mut tx, rows).await?;
        camera_stats(&mut tx, rows).await?;
        fixes(&mut tx, rows).await?;
        crate::verdicts::judge_new(&mut tx, rows, commit).await?;
        signals(&mut tx, rows).await?;
        crate::signal_orders::told(&mut tx, rows).await?;
        crate::measures::insert(&mut tx, rows).await?;
        crate::evidence::want(&mut tx, rows).await?;
    }
    minutes::write(&mut tx, &commit.events).await?;
    crate::detectors::write(&mut tx, &commit.events).await?;
    crate::camera_troubles::write(&mut tx, &commit.events).await?;
    progress(&mut tx, &commit.events).await?;
    for gap in &commit.gaps {
        sqlx::query(
            "INSERT OR IGNORE INTO gap (gateway, boot, from_seq, to_seq, noticed_ms) VALUES (?, ?, ?, ?, ?)",
        )
        .bind(gap.gateway.as_str())
        .bind(clamp(gap.boot))
        .bind(clamp(gap.from))
        .bind(clamp(gap.to))
        .bind(commit.at.0)
        .execute(&mut *tx)
        .await?;
    }
    tx.commit().await
}

async fn events(tx: &mut SqliteConnection, rows: &[(i64, &NewEvent)], stored: UtcMillis) -> sqlx::Result<()> {
    let mut sql = QueryBuilder::<Sqlite>::new(
        "INSERT INTO event (id, gateway, boot, seq, at_ms, stored_ms, kind, subject, payload) ",
    );
    sql.push_values(rows, |mut row, (id, new)| {
        let (at, kind, subject) = match &new.event {
            Some(event) => (event.at, event.body.kind(), subject(&event.body)),
            None => (stored, "unknown", ""),
        };
        row.push_bind(id)
            .push_bind(new.gateway.as_str())
            .push_bind(clamp(new.boot))
            .push_bind(clamp(new.seq))
            .push_bind(at.0)
            .push_bind(stored.0)
            .push_bind(kind)
            .push_bind(subject)
            .push_bind(&new.payload);
    });
    sql.build().execute(tx).await.map(drop)
}

/// The rows whose body `pick` wants, with their event.
pub(crate) fn picked<'a, T>(
    rows: &'a [(i64, &'a NewEvent)],
    pick: impl Fn(&'a EventBody) -> Option<T>,
) -> Vec<(i64, &'a Event, T)> {
    let one = |(id, new): &'a (i64, &'a NewEvent)| {
        let event = new.event.as_ref()?;
        Some((*id, event, pick(&event.body)?))
    };
    rows.iter().filter_map(one).collect()
}

async fn crossings(tx: &mut SqliteConnection, rows: &[(i64, &NewEvent)]) -> sqlx::Result<()> {
    let rows = picked(rows, |body| {
        if let EventBody::LineCrossing { camera, crossing } = body { Some((camera, crossing)) } else { None }
    });
    if rows.is_empty() {
        return Ok(());
    }
    let mut sql = QueryBuilder::<Sqlite>::new(
        "INSERT INTO line_crossing (event, at_ms, camera, line, road_user, direction, track) ",
    );
    sql.push_values(rows, |mut row, (id, event, (camera, crossing))| {
        row.push_bind(id)
            .push_bind(event.at.0)
            .push_bind(camera.as_str())
            .push_bind(crossing.line.as_str())
            .push_bind(crossing.class.name())
            .push_bind(crossing.direction.to_string())
            .push_bind(clamp(crossing.track.0));
    });
    sql.build().execute(tx).await.map(drop)
}

async fn camera_stats(tx: &mut SqliteConnection, rows: &[(i64, &NewEvent)]) -> sqlx::Result<()> {
    let rows = picked(rows, |body| {
        if let EventBody::CameraStats { camera, stats } = body { Some((camera, stats)) } else { None }
    });
    if rows.is_empty() {
        return Ok(());
    }
    let mut sql = QueryBuilder::<Sqlite>::new(
        "INSERT INTO camera_stats (event, at_ms, camera, span_ms, frames, inferred, detections, dropped) ",
    );
    sql.push_values(rows, |mut row, (id, event, (camera, told))| {
        row.push_bind(id).push_bind(event.at.0).push_bind(camera.as_str()).push_bind(told.span.0);
        for number in stats(told) {
            row.push_bind(number);
        }
    });
    sql.build().execute(tx).await.map(drop)
}

async fn fixes(tx: &mut SqliteConnection, rows: &[(i64, &NewEvent)]) -> sqlx::Result<()> {
    let rows = picked(rows, |body| if let EventBody::Fix(fix) = body { Some(fix) } else { None });
    if rows.is_empty() {
        return Ok(());
    }
    let mut sql = QueryBuilder::<Sqlite>::new(
        "INSERT INTO fix (event, at_ms, vehicle, received_ms, lat, lon, speed_mps, course_deg, altitude_m, valid, protocol, doors_open, \
         engine_on, sos, driver, signed_trip, signed_block, signed_route) ",
    );
    sql.push_values(rows, |mut row, (id, _, fix): (i64, _, &Fix)| {
        let signed = fix.told.signed.as_ref();
        row.push_bind(id)
            .push_bind(fix.at.0)
            .push_bind(fix.vehicle.as_str())
            .push_bind(fix.received.0)
            .push_bind(fix.position.lat.0)
            .push_bind(fix.position.lon.0)
            // SQLite has no NaN: it would be NULL, and the column refuses that.
            .push_bind(if fix.speed.0.is_finite() { fix.speed.0 } else { 0.0 })
            .push_bind(fix.course.map(|d| d.0))
            .push_bind(fix.altitude.map(|m| m.0))
            .push_bind(fix.valid)
            .push_bind(&fix.protocol)
            .push_bind(fix.told.doors_open)
            .push_bind(fix.told.engine_on)
            .push_bind(fix.told.sos)
            .push_bind(&fix.told.driver)
            .push_bind(signed.and_then(|s| Some(s.trip.as_ref()?.as_str())))
            .push_bind(signed.and_then(|s| Some(s.block.as_ref()?.as_str())))
            .push_bind(signed.and_then(|s| Some(s.route.as_ref()?.as_str())));
    });
    sql.build().execute(tx).await.map(drop)
}

async fn signals(tx: &mut SqliteConnection, rows: &[(i64, &NewEvent)]) -> sqlx::Result<()> {
    let rows = picked(rows, |body| {
        if let EventBody::Signal { junction, groups } = body { Some((junction, groups)) } else { None }
    });
    if rows.is_empty() {
        return Ok(());
    }
    let mut sql = QueryBuilder::<Sqlite>::new(
        "INSERT INTO signal (event, at_ms, junction, groups, cycle_s, stage, controller_ms, old) ",
    );
    sql.push_values(rows, |mut row, (id, event, (junction, told))| {
        row.push_bind(id)
            .push_bind(event.at.0)
            .push_bind(junction.as_str())
            .push_bind(&told.groups)
            .push_bind(told.cycle_s)
            .push_bind(told.stage)
            .push_bind(told.controller_at.0)
            .push_bind(told.old);
    });
    sql.build().execute(tx).await.map(drop)
}

async fn progress(tx: &mut SqliteConnection, events: &[NewEvent]) -> sqlx::Result<()> {
    let mut newest = std::collections::BTreeMap::new();
    for event in events {
        let seq = newest.entry((&event.gateway, event.boot)).or_insert(0);
        *seq = event.seq.max(*seq);
    }
    for ((gateway, boot), seq) in newest {
        sqlx::query(
            "INSERT INTO progress (gateway, boot, seq) VALUES (?, ?, ?) \
             ON CONFLICT (gateway, boot) DO UPDATE SET seq = excluded.seq",
        )
        .bind(gateway.as_str())
        .bind(clamp(boot))
        .bind(clamp(seq))
        .execute(&mut *tx)
        .await?;
    }
    Ok(())
}
