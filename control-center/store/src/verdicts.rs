//! Verdicts on positions: made again for the neighbours of each report that comes, kept with the reason, taken back by people.

use std::collections::BTreeMap;

use models_domain::fix::{Limits, NEIGHBOURS, Report, judge};
use models_domain::geo::LatLon;
use models_domain::transit::Fix;
use models_domain::{MetersPerSecond, UtcMillis, VehicleId};
use sqlx::{Connection, QueryBuilder, Row, Sqlite, SqliteConnection};

use crate::due_days::Quarters;
use crate::errs::StoreError;
use crate::ingest::{Commit, NewEvent};
use crate::open::{BEGIN, Store};

/// One report that is not believed.
#[derive(Debug, Clone, PartialEq)]
pub struct RejectedFix {
    /// To take it back by.
    pub event: i64,
    pub vehicle: String,
    pub at: UtcMillis,
    pub received: UtcMillis,
    pub position: LatLon,
    pub protocol: String,
    /// A name of [`models_domain::fix::Reason`].
    pub reason: String,
}

/// Reports read on each side of new ones: enough neighbours that are believed, though some are not.
const AROUND: i64 = 4 * NEIGHBOURS as i64;

impl Store {
    /// Reports that are not believed and were received since, newest first, at most `count`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn rejected_fixes(&self, since: UtcMillis, count: u32) -> Result<Vec<RejectedFix>, StoreError> {
        let rows = sqlx::query(
            "SELECT event, vehicle, at_ms, received_ms, lat, lon, protocol, rejected FROM fix \
             WHERE rejected IS NOT NULL AND received_ms >= ? ORDER BY received_ms DESC, event DESC LIMIT ?",
        )
        .bind(since.0)
        .bind(count)
        .fetch_all(self.readers())
        .await
        .map_err(self.failed("reading rejected fixes"))?;
        let row = |row: &sqlx::sqlite::SqliteRow| -> sqlx::Result<RejectedFix> {
            Ok(RejectedFix {
                event: row.try_get("event")?,
                vehicle: row.try_get("vehicle")?,
                at: UtcMillis(row.try_get("at_ms")?),
                received: UtcMillis(row.try_get("received_ms")?),
                position: LatLon::new(row.try_get("lat")?, row.try_get("lon")?),
                protocol: row.try_get("protocol")?,
                reason: row.try_get("rejected")?,
            })
        };
        rows.iter().map(row).collect::<sqlx::Result<_>>().map_err(self.failed("reading rejected fixes"))
    }

    /// Believes a report whatever the rules say, or leaves it to them again. `false` when there is no such report.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn take_back_fix(&self, event: i64, believed: bool) -> Result<bool, StoreError> {
        let mut writer = self.writer().await?;
        let done = overrule(&mut writer.connection, event, believed).await;
        let done = done.map_err(self.failed("taking a rejected fix back"))?;
        writer.good();
        Ok(done)
    }
}

async fn overrule(connection: &mut SqliteConnection, event: i64, believed: bool) -> sqlx::Result<bool> {
    let mut tx = connection.begin_with(BEGIN).await?;
    let found: Option<(String, i64)> =
        sqlx::query_as("UPDATE fix SET taken_back = ? WHERE event = ? RETURNING vehicle, at_ms")
            .bind(believed)
            .bind(event)
            .fetch_optional(&mut *tx)
            .await?;
    let Some((vehicle, at)) = found else { return Ok(false) };
    let mut due = Quarters::default();
    around(&mut tx, &vehicle, (at, at), &New { first: i64::MAX, followed_from: None }, &mut due).await?;
    // Nobody else is waited for.
    due.write(&mut tx, UtcMillis(0)).await?;
    tx.commit().await?;
    Ok(true)
}

/// Which reports are new: they came in order if nothing older in the store was measured after them.
struct New {
    /// Number of the first.
    first: i64,
    followed_from: Option<UtcMillis>,
}

/// Judges the reports that have just come, and their neighbours. What is not simply the newest of its bus makes that day due.
pub(crate) async fn judge_new(
    tx: &mut SqliteConnection,
    events: &[(i64, &NewEvent)],
    commit: &Commit,
) -> sqlx::Result<()> {
    let mut span_by_vehicle: BTreeMap<&str, (i64, i64)> = BTreeMap::new();
    for (_, event) in events {
        let Some(models_domain::EventBody::Fix(fix)) = event.event.as_ref().map(|e| &e.body) else {
            continue;
        };
        let at = fix.at.0;
        let span = span_by_vehicle.entry(fix.vehicle.as_str()).or_insert((at, at));
        *span = (span.0.min(at), span.1.max(at));
    }
    let Some((first, _)) = events.first() else { return Ok(()) };
    let (new, mut due) = (New { first: *first, followed_from: commit.followed_from }, Quarters::default());
    for (vehicle, span) in span_by_vehicle {
        around(tx, vehicle, span, &new, &mut due).await?;
    }
    due.write(tx, commit.at).await
}

struct Known {
    event: i64,
    report: Report,
    rejected: Option<String>,
}

async fn around(
    tx: &mut SqliteConnection,
    vehicle: &str,
    (from, to): (i64, i64),
    new: &New,
    due: &mut Quarters,
) -> sqlx::Result<()> {
    let Ok(id) = VehicleId::new(vehicle) else { return Ok(()) };
    let known = read(tx, &id, (from, to)).await?;
    let reports: Vec<Report> = known.iter().map(|known| known.report.clone()).collect();
    // The outermost lack neighbours of their own: their verdict stands, unless nothing is beyond them.
    let (inner_from, inner_to) = inner(&reports, (from, to));
    let was_believed = |known: &&Known| known.event < new.first && known.rejected.is_none();
    let latest = known.iter().filter(was_believed).map(|known| known.report.fix.at).max();
    let mut by_reason: BTreeMap<Option<&'static str>, Vec<i64>> = BTreeMap::new();
    for (known, verdict) in known.iter().zip(judge(&reports, &Limits::default())) {
        let at = known.report.fix.at.0;
        let reason = verdict.map(|reason| reason.name());
        let is_late = latest.is_some_and(|latest| known.report.fix.at <= latest)
            || new.followed_from.is_some_and(|followed| known.report.fix.at < followed);
        let changed = if known.event >= new.first {
            reason.is_none() && is_late
        } else {
            (inner_from..=inner_to).contains(&at) && known.rejected.is_none() != reason.is_none()
        };
        if changed {
            due.add(vehicle, at);
        }
        if (inner_from..=inner_to).contains(&at) && known.rejected.as_deref() != reason {
            by_reason.entry(reason).or_default().push(known.event);
        }
    }
    for (reason, events) in by_reason {
        for some in events.chunks(1_000) {
            let mut sql = QueryBuilder::<Sqlite>::new("UPDATE fix SET rejected = ");
            sql.push_bind(reason).push(" WHERE event IN (");
            let mut list = sql.separated(", ");
            for event in some {
                list.push_bind(*event);
            }
            sql.push(")").build().execute(&mut *tx).await?;
        }
    }
    Ok(())
}

/// Times whose reports have all their neighbours among `reports`: the new ones, and half of those around them.
fn inner(reports: &[Report], (from, to): (i64, i64)) -> (i64, i64) {
    let half = AROUND as usize / 2;
    let times = |keep: fn(i64, i64) -> bool, edge: i64| {
        reports.iter().map(|r| r.fix.at.0).filter(move |at| keep(*at, edge)).collect::<Vec<_>>()
    };
    let before = times(|at, edge| at < edge, from);
    let after = times(|at, edge| at > edge, to);
    let whole = |count: usize| (count as i64) < AROUND;
    let first = if whole(before.len()) { before.first() } else { before.get(before.len() - half) };
    let last = if whole(after.len()) { after.last() } else { after.get(half - 1) };
    (*first.unwrap_or(&from), *last.unwrap_or(&to))
}

/// Reports of that time, and [`AROUND`] on each side of it. In one question: with ten thousand buses, asking is what costs.
async fn read(
    tx: &mut SqliteConnection,
    vehicle: &VehicleId,
    (from, to): (i64, i64),
) -> sqlx::Result<Vec<Known>> {
    let rows = sqlx::query(
        "SELECT event, at_ms, received_ms, lat, lon, speed_mps, course_deg, valid, rejected, taken_back FROM fix \
         WHERE vehicle = ?1 \
         AND at_ms >= coalesce((SELECT min(at_ms) FROM (SELECT at_ms FROM fix WHERE vehicle = ?1 AND at_ms < ?2 \
         ORDER BY at_ms DESC LIMIT ?4)), ?2) \
         AND at_ms <= coalesce((SELECT max(at_ms) FROM (SELECT at_ms FROM fix WHERE vehicle = ?1 AND at_ms > ?3 \
         ORDER BY at_ms LIMIT ?4)), ?3) ORDER BY at_ms, event",
    )
    .bind(vehicle.as_str())
    .bind(from)
    .bind(to)
    .bind(AROUND)
    .fetch_all(&mut *tx)
    .await?;
    rows.iter()
        .map(|row| {
            let fix = Fix {
                vehicle: vehicle.clone(),
                at: UtcMillis(row.try_get("at_ms")?),
                received: UtcMillis(row.try_get("received_ms")?),
                position: LatLon::new(row.try_get("lat")?, row.try_get("lon")?),
                speed: MetersPerSecond(row.try_get("speed_mps")?),
                course: row.try_get::<Option<f64>, _>("course_deg")?.map(models_domain::Degrees),
                altitude: None,
                valid: row.try_get("valid")?,
                protocol: String::new(),
                told: models_domain::transit::Told::default(),
            };
            let report = Report { fix, taken_back: row.try_get("taken_back")? };
            Ok(Known { event: row.try_get("event")?, report, rejected: row.try_get("rejected")? })
        })
        .collect()
}
