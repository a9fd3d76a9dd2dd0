//! Verdicts on positions: made again for the neighbours of each report that comes, kept with the reason, taken back by people.

use std::collections::{BTreeMap, BTreeSet};

use models_domain::fix::{Limits, NEIGHBOURS, Reason, Report, call, judge};
use models_domain::geo::LatLon;
use models_domain::transit::{Fix, Told};
use models_domain::{MetersPerSecond, UtcMillis, VehicleId};
use sqlx::sqlite::SqliteRow;
use sqlx::{Connection, QueryBuilder, Row, Sqlite, SqliteConnection};

use crate::due_days::Quarters;
use crate::errs::StoreError;
use crate::fixes;
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

/// Times of reports that are read on each side of new ones: enough neighbours that are believed, though some jump.
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
    let new = New { first: i64::MAX, followed_from: None };
    let due = around(&mut tx, &[ReportSpan { vehicle: &vehicle, from: at, to: at }], &new).await?;
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
    let mut times_by_vehicle: BTreeMap<&str, BTreeSet<i64>> = BTreeMap::new();
    for (_, event) in events {
        if let Some(models_domain::EventBody::Fix(fix)) = event.event.as_ref().map(|e| &e.body) {
            times_by_vehicle.entry(fix.vehicle.as_str()).or_default().insert(fix.at.0);
        }
    }
    let mut spans: Vec<ReportSpan<'_>> = Vec::new();
    for (vehicle, times) in times_by_vehicle {
        for at in times {
            match spans.last_mut() {
                Some(span) if span.vehicle == vehicle && at - span.to <= APART_MS => span.to = at,
                Some(_) | None => spans.push(ReportSpan { vehicle, from: at, to: at }),
            }
        }
    }
    let Some((first, _)) = events.first() else { return Ok(()) };
    let new = New { first: *first, followed_from: commit.followed_from };
    let due = around(tx, &spans, &new).await?;
    due.write(tx, commit.at).await
}

struct Known {
    event: i64,
    report: Report,
    rejected: Option<Reason>,
}

/// Times of new reports of one bus, both inclusive.
#[derive(Debug, Clone, Copy)]
struct ReportSpan<'a> {
    vehicle: &'a str,
    from: i64,
    to: i64,
}

/// What is farther apart is read apart: a bus that comes back tells of now and of hours ago at once.
const APART_MS: i64 = 120_000;

/// Judges reports and their neighbours; gives the days that are due.
async fn around(tx: &mut SqliteConnection, spans: &[ReportSpan<'_>], new: &New) -> sqlx::Result<Quarters> {
    let (mut due, mut by_reason) = (Quarters::default(), BTreeMap::new());
    for (span, known) in spans.iter().zip(read(tx, spans).await?) {
        judge_one(span, &known, new, (&mut due, &mut by_reason));
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
    Ok(due)
}

/// What of one bus has another verdict than before, by verdict, and what is due for it.
fn judge_one(
    span: &ReportSpan<'_>,
    known: &[Known],
    new: &New,
    (due, by_reason): (&mut Quarters, &mut BTreeMap<Option<&'static str>, Vec<i64>>),
) {
    let reports: Vec<Report> = known.iter().map(|known| known.report.clone()).collect();
    // The outermost lack neighbours of their own: their verdict stands, unless nothing is beyond them.
    let (inner_from, inner_to) = inner(&reports, (span.from, span.to));
    let before = known.iter().filter(|known| known.event < new.first);
    let latest = before.filter_map(|known| looked_at(&known.report.fix, known.rejected)).max();
    let verdicts = judge(&reports, &Limits::default());
    let heard: BTreeSet<UtcMillis> = reports
        .iter()
        .zip(&verdicts)
        .filter(|(r, v)| v.is_none() && r.fix.told.sos)
        .map(|(r, _)| r.fix.at)
        .collect();
    for (known, verdict) in known.iter().zip(verdicts) {
        let fix = &known.report.fix;
        let at = fix.at.0;
        // A call that is told again is known.
        let is_again = verdict == Some(Reason::Double) && heard.contains(&fix.at);
        if known.event < new.first {
            if (inner_from..=inner_to).contains(&at) && known.rejected.is_none() != verdict.is_none() {
                due.add(span.vehicle, at);
            }
        } else if let Some(when) = looked_at(fix, verdict).filter(|_| !is_again) {
            let is_late = latest.is_some_and(|latest| when <= latest)
                || new.followed_from.is_some_and(|followed| when < followed);
            if is_late {
                due.add(span.vehicle, when.0);
            }
        }
        if (inner_from..=inner_to).contains(&at) && known.rejected != verdict {
            by_reason.entry(verdict.map(Reason::name)).or_default().push(known.event);
        }
    }
}

/// Of which moment a report tells that is looked at: believed, or a call for help whatever its place.
fn looked_at(fix: &Fix, verdict: Option<Reason>) -> Option<UtcMillis> {
    if verdict.is_none() { Some(fix.at) } else { call(fix) }
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

/// What has a say in verdicts on others, and what might have but for such a verdict. Also the condition of an index.
pub(crate) const SOUND: &str = "(rejected IS NULL OR rejected = 'jump')";

/// All reports of those times, sound ones of [`AROUND`] times on each side, and the last call for help of the others; in the order of time. In one question: with ten thousand
/// buses, asking is what costs.
async fn read(tx: &mut SqliteConnection, spans: &[ReportSpan<'_>]) -> sqlx::Result<Vec<Vec<Known>>> {
    let wanted: Vec<_> = spans.iter().map(|span| (span.vehicle, span.from, span.to)).collect();
    let columns = "span.n, fix.event, fix.vehicle, fix.at_ms, fix.received_ms, fix.lat, fix.lon, fix.speed_mps, fix.course_deg, fix.valid, \
        fix.rejected, fix.taken_back, fix.doors_open, fix.engine_on, fix.sos";
    let sql = format!(
        "WITH span AS (SELECT key AS n, value ->> 0 AS vehicle, value ->> 1 AS first, value ->> 2 AS last FROM json_each(?1)) \
         SELECT {columns} FROM span CROSS JOIN fix ON fix.vehicle = span.vehicle AND fix.at_ms BETWEEN span.first AND span.last \
         UNION ALL SELECT {columns} FROM span CROSS JOIN fix ON fix.vehicle = span.vehicle AND fix.at_ms < span.first AND {SOUND} \
         AND fix.at_ms >= (SELECT min(at_ms) FROM (SELECT DISTINCT at_ms FROM fix WHERE vehicle = span.vehicle \
         AND at_ms < span.first AND {SOUND} ORDER BY at_ms DESC LIMIT ?2)) \
         UNION ALL SELECT {columns} FROM span CROSS JOIN fix ON fix.vehicle = span.vehicle AND fix.at_ms > span.last AND {SOUND} \
         AND fix.at_ms <= (SELECT max(at_ms) FROM (SELECT DISTINCT at_ms FROM fix WHERE vehicle = span.vehicle \
         AND at_ms > span.last AND {SOUND} ORDER BY at_ms LIMIT ?2)) \
         UNION ALL SELECT {columns} FROM span CROSS JOIN fix ON fix.at_ms > span.last AND NOT {SOUND} AND fix.event = (SELECT event \
         FROM fix INDEXED BY fix_call WHERE vehicle = span.vehicle AND sos AND rejected IS NOT NULL ORDER BY received_ms DESC LIMIT 1)"
    );
    let wanted = serde_json::to_string(&wanted).map_err(|err| sqlx::Error::Encode(err.into()))?;
    let rows = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(wanted).bind(AROUND).fetch_all(&mut *tx).await?;
    let mut known_by_span: Vec<Vec<Known>> = spans.iter().map(|_| Vec::new()).collect();
    for row in &rows {
        let span = usize::try_from(row.try_get::<i64, _>("n")?).ok().and_then(|n| known_by_span.get_mut(n));
        if let Some(all) = span {
            all.push(known(row)?);
        }
    }
    known_by_span.iter_mut().for_each(|all| all.sort_by_key(|known| (known.report.fix.at, known.event)));
    tell_apart(tx, &mut known_by_span).await?;
    Ok(known_by_span)
}

/// Reads all that is told by reports which have another of the same moment beside them: which of them stands hangs on it. Of most there
/// is one, and each column of each neighbour is paid for.
async fn tell_apart(tx: &mut SqliteConnection, known_by_span: &mut [Vec<Known>]) -> sqlx::Result<()> {
    let pairs = known_by_span.iter().flat_map(|all| all.windows(2));
    let same = pairs.filter(|pair| pair[0].report.fix.at == pair[1].report.fix.at);
    let events: BTreeSet<i64> = same.flatten().map(|known| known.event).collect();
    if events.is_empty() {
        return Ok(());
    }
    let sql =
        format!("SELECT event, {} FROM fix WHERE event IN (SELECT value FROM json_each(?))", fixes::FIX);
    let events = serde_json::to_string(&events).map_err(|err| sqlx::Error::Encode(err.into()))?;
    let rows = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(events).fetch_all(&mut *tx).await?;
    let mut fix_by_event: BTreeMap<i64, Fix> = BTreeMap::new();
    for row in &rows {
        let event: i64 = row.try_get("event")?;
        fix_by_event.extend(fixes::fix(row)?.map(|fix| (event, fix)));
    }
    for known in known_by_span.iter_mut().flatten() {
        if let Some(fix) = fix_by_event.get(&known.event) {
            known.report.fix = fix.clone();
        }
    }
    Ok(())
}

/// Of what it tells, what verdicts on its neighbours need; see [`tell_apart`].
fn known(row: &SqliteRow) -> sqlx::Result<Known> {
    let vehicle = VehicleId::new(row.try_get::<String, _>("vehicle")?);
    let told = Told {
        doors_open: row.try_get("doors_open")?,
        engine_on: row.try_get("engine_on")?,
        sos: row.try_get("sos")?,
        ..Told::default()
    };
    let fix = Fix {
        vehicle: vehicle.map_err(|err| sqlx::Error::Decode(err.into()))?,
        at: UtcMillis(row.try_get("at_ms")?),
        received: UtcMillis(row.try_get("received_ms")?),
        position: LatLon::new(row.try_get("lat")?, row.try_get("lon")?),
        speed: MetersPerSecond(row.try_get("speed_mps")?),
        course: row.try_get::<Option<f64>, _>("course_deg")?.map(models_domain::Degrees),
        altitude: None,
        valid: row.try_get("valid")?,
        protocol: String::new(),
        told,
    };
    let report = Report { fix, taken_back: row.try_get("taken_back")? };
    let rejected: Option<String> = row.try_get("rejected")?;
    // A reason of another build counts as none that is known, and is judged anew.
    let rejected = rejected.map(|name| Reason::named(&name).unwrap_or(Reason::Invalid));
    Ok(Known { event: row.try_get("event")?, report, rejected })
}
