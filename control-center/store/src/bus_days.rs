//! What became of each bus's day: passings and findings, kept as they are found, read back for reports and for learning.

use models_domain::event::Phase;
use models_domain::geo::LatLon;
use models_domain::transit::finding::{Finding, TransitEvent};
use models_domain::transit::headway::Line;
use models_domain::transit::passing::Passing;
use models_domain::transit::timetable::{FeedId, RouteId, RunKey, StopId, TripId};
use models_domain::{DurationMs, UtcMillis, VehicleId};
use sqlx::sqlite::SqliteRow;
use sqlx::{Connection, QueryBuilder, Row, Sqlite, SqliteConnection};
use time::Date;

use crate::bus_events;
use crate::due_days::{Due, settle};
use crate::errs::StoreError;
use crate::minutes::Span;
use crate::open::{BEGIN, Store};
use crate::timetables::{day, text};

/// What was found of one bus, or of runs that no bus came for.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct BusNews {
    pub whole: Option<Whole>,
    /// What made a day due that this is.
    pub settled: Vec<Due>,
    pub passings: Vec<Passing>,
    pub events: Vec<BusEvent>,
    /// Findings that were told and never were so: they are in no list any more.
    pub withdrawn: Vec<BusEvent>,
    /// When that became known, or what `whole` shows never to have been so.
    pub withdrawn_at: UtcMillis,
    /// With `whole`: what was thought of the bus at each time, by which others are judged.
    pub claims: Option<String>,
}

impl BusNews {
    /// Rows that it brings: how long others wait while it is kept.
    pub fn rows(&self) -> usize {
        let found = self.events.len() + self.withdrawn.len();
        self.passings.len() + found + self.settled.len() + usize::from(self.whole.is_some())
    }
}

/// The news are everything that is known of a bus in a time: what was kept of that is replaced.
#[derive(Debug, Clone, PartialEq)]
pub struct Whole {
    pub vehicle: VehicleId,
    pub span: Span,
    /// That day is over: where runs of it were missing that the bus did, that was wrong.
    pub over: bool,
    /// All buses begin anew, after a restart: most of it was told before.
    pub again: bool,
}

/// A finding with the line it belongs to.
#[derive(Debug, Clone, PartialEq)]
pub struct BusEvent {
    pub event: TransitEvent,
    pub line: Option<Line>,
}

/// A kept finding: `event.phase` is `Begun` while it holds.
#[derive(Debug, Clone, PartialEq)]
pub struct BusEventRow {
    pub event: TransitEvent,
    pub line: Option<Line>,
    pub ended: Option<UtcMillis>,
}

/// Which passings; `None` is all.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct PassingFilter {
    pub feed: Option<FeedId>,
    pub route: Option<RouteId>,
    pub direction: Option<u8>,
    pub vehicle: Option<VehicleId>,
    /// First and last service day.
    pub days: Option<(Date, Date)>,
}

/// Which findings; `None` is all.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct BusEventFilter {
    pub feed: Option<FeedId>,
    pub route: Option<RouteId>,
    /// Begun at or after the first and before the second.
    pub span: Option<(UtcMillis, UtcMillis)>,
    /// Only those that hold.
    pub open: bool,
    pub finding: Option<Finding>,
}

const ROWS: usize = 1_000;
const PASSING: &str =
    "feed, day, trip, start_s, call, vehicle, route, direction, stop, at_ms, due_ms, headway_ms, gap_ms";
const FORGET_AT_ONCE: i64 = 5_000;
/// Each is hundreds of KiB.
const FORGET_CLAIMS_AT_ONCE: i64 = 100;

impl Store {
    /// Keeps all of `news` or nothing of it; gives the runs that were told missing or unseen and that days which are over show to
    /// have been driven: they are withdrawn.
    ///
    /// # Errors
    /// [`StoreError`]; offer it again.
    pub async fn keep_bus_news(&self, news: &[BusNews]) -> Result<Vec<BusEventRow>, StoreError> {
        let mut writer = self.writer().await?;
        let done = write(&mut writer.connection, news).await;
        let driven = done.map_err(self.failed("keeping what buses did"))?;
        writer.good();
        Ok(driven)
    }

    /// Passings in the order of their time, at most `limit`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn passings(&self, filter: &PassingFilter, limit: u32) -> Result<Vec<Passing>, StoreError> {
        let mut sql = QueryBuilder::<Sqlite>::new("SELECT ");
        sql.push(PASSING).push(" FROM passing WHERE true");
        if let Some(feed) = &filter.feed {
            sql.push(" AND feed = ").push_bind(feed.as_str());
        }
        if let Some(route) = &filter.route {
            sql.push(" AND route = ").push_bind(route.as_str());
        }
        if let Some(direction) = filter.direction {
            sql.push(" AND direction = ").push_bind(direction);
        }
        if let Some(vehicle) = &filter.vehicle {
            sql.push(" AND vehicle = ").push_bind(vehicle.as_str());
        }
        if let Some((from, to)) = filter.days {
            sql.push(" AND day BETWEEN ").push_bind(text(from)).push(" AND ").push_bind(text(to));
        }
        sql.push(" ORDER BY at_ms, call LIMIT ").push_bind(limit);
        let rows = sql.build().fetch_all(self.readers()).await.map_err(self.failed("reading passings"))?;
        rows.iter().map(passing).collect::<sqlx::Result<_>>().map_err(self.failed("reading passings"))
    }

    /// The moment of the passing that so many others lie between it and `before`; the beginning of time if there are fewer.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn passings_back(&self, before: UtcMillis, count: u32) -> Result<UtcMillis, StoreError> {
        let at: Option<i64> = sqlx::query_scalar(
            "SELECT at_ms FROM passing WHERE at_ms < ? ORDER BY at_ms DESC LIMIT 1 OFFSET ?",
        )
        .bind(before.0)
        .bind(count)
        .fetch_optional(self.readers())
        .await
        .map_err(self.failed("reading passings"))?;
        Ok(UtcMillis(at.unwrap_or(0)))
    }

    /// A page of passings in the order of their time, after a place that the page before gave; `None` when there are no more.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn passings_page(
        &self,
        after: (UtcMillis, i64),
        before: UtcMillis,
        limit: u32,
    ) -> Result<Option<(Vec<Passing>, (UtcMillis, i64))>, StoreError> {
        let mut sql = QueryBuilder::<Sqlite>::new("SELECT rowid, ");
        sql.push(PASSING).push(" FROM passing WHERE (at_ms, rowid) > (");
        sql.push_bind(after.0.0).push(", ").push_bind(after.1).push(") AND at_ms < ").push_bind(before.0);
        sql.push(" ORDER BY at_ms, rowid LIMIT ").push_bind(limit);
        let failed = self.failed("reading passings");
        let rows = sql.build().fetch_all(self.readers()).await.map_err(&failed)?;
        let Some(last) = rows.last() else { return Ok(None) };
        let place = |row: &SqliteRow| Ok((UtcMillis(row.try_get("at_ms")?), row.try_get("rowid")?));
        let next = place(last).map_err(&failed)?;
        let passings = rows.iter().map(passing).collect::<sqlx::Result<_>>().map_err(&failed)?;
        Ok(Some((passings, next)))
    }

    /// Findings, newest first, at most `limit`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn bus_events(
        &self,
        filter: &BusEventFilter,
        limit: u32,
    ) -> Result<Vec<BusEventRow>, StoreError> {
        let mut sql = QueryBuilder::<Sqlite>::new("SELECT * FROM bus_event WHERE true");
        if let Some(feed) = &filter.feed {
            sql.push(" AND feed = ").push_bind(feed.as_str());
        }
        if let Some(route) = &filter.route {
            sql.push(" AND route = ").push_bind(route.as_str());
        }
        if let Some((from, to)) = filter.span {
            sql.push(" AND began_ms >= ").push_bind(from.0).push(" AND began_ms < ").push_bind(to.0);
        }
        if let Some(finding) = filter.finding {
            sql.push(" AND finding = ").push_bind(finding.name());
        }
        if filter.open {
            sql.push(" AND ended_ms IS NULL");
        }
        sql.push(" ORDER BY began_ms DESC LIMIT ").push_bind(limit);
        let failed = self.failed("reading what was found of buses");
        let rows = sql.build().fetch_all(self.readers()).await.map_err(&failed)?;
        // A finding of a newer build's is left to it.
        let rows = rows.iter().filter_map(|row| event(row).transpose());
        rows.collect::<sqlx::Result<_>>().map_err(failed)
    }

    /// What was thought of each bus in a day, as it was kept with that day as a whole.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn bus_claims(&self, span: Span) -> Result<Vec<(VehicleId, String)>, StoreError> {
        let sql = "SELECT vehicle, record FROM bus_claim WHERE begin_ms = ?";
        let rows: Vec<(String, String)> = sqlx::query_as(sql)
            .bind(span.from.0)
            .fetch_all(self.readers())
            .await
            .map_err(self.failed("reading what buses may have done"))?;
        Ok(rows
            .into_iter()
            .filter_map(|(vehicle, kept)| Some((VehicleId::new(vehicle).ok()?, kept)))
            .collect())
    }

    /// Forgets some passings and findings from before a moment, and claims of days that began before another; how many.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn forget_bus_days(
        &self,
        before: UtcMillis,
        claims_before: UtcMillis,
    ) -> Result<u64, StoreError> {
        let mut writer = self.writer().await?;
        let mut gone = 0;
        let passings =
            "DELETE FROM passing WHERE rowid IN (SELECT rowid FROM passing WHERE at_ms < ? LIMIT ?)";
        let events =
            "DELETE FROM bus_event WHERE rowid IN (SELECT rowid FROM bus_event WHERE began_ms < ? LIMIT ?)";
        let withdrawn = "DELETE FROM bus_event_withdrawn WHERE rowid IN \
                         (SELECT rowid FROM bus_event_withdrawn WHERE began_ms < ? LIMIT ?)";
        let claims =
            "DELETE FROM bus_claim WHERE rowid IN (SELECT rowid FROM bus_claim WHERE begin_ms < ? LIMIT ?)";
        for (sql, before, most) in [
            (passings, before, FORGET_AT_ONCE),
            (events, before, FORGET_AT_ONCE),
            (withdrawn, before, FORGET_AT_ONCE),
            (claims, claims_before, FORGET_CLAIMS_AT_ONCE),
        ] {
            let done = sqlx::query(sql).bind(before.0).bind(most);
            let done = done.execute(&mut writer.connection).await;
            gone += done.map_err(self.failed("forgetting what buses did"))?.rows_affected();
        }
        writer.good();
        Ok(gone)
    }
}

async fn write(connection: &mut SqliteConnection, news: &[BusNews]) -> sqlx::Result<Vec<BusEventRow>> {
    let mut tx = connection.begin_with(BEGIN).await?;
    let mut driven = Vec::new();
    for news in news {
        if let Some(whole) = &news.whole {
            for sql in [
                "DELETE FROM passing WHERE vehicle = ? AND at_ms >= ? AND at_ms < ?",
                // Bunching is found among buses, not in one bus's day.
                "DELETE FROM bus_event WHERE vehicle = ? AND began_ms >= ? AND began_ms < ? AND finding <> 'bunching'",
            ] {
                of_whole(&mut tx, sql, whole).await?;
            }
        }
        for some in news.passings.chunks(ROWS) {
            passings(&mut tx, some).await?;
        }
        for event in &news.withdrawn {
            bus_events::withdraw(&mut tx, event, news.withdrawn_at).await?;
        }
        for event in &news.events {
            bus_events::put(&mut tx, event).await?;
        }
        if let Some(whole) = news.whole.as_ref().filter(|whole| whole.over) {
            driven.extend(bus_events::withdraw_missing(&mut tx, whole, news.withdrawn_at).await?);
        }
        if let (Some(whole), Some(record)) = (&news.whole, &news.claims) {
            let sql = "INSERT OR REPLACE INTO bus_claim (begin_ms, vehicle, record) VALUES (?, ?, ?)";
            let put = sqlx::query(sql).bind(whole.span.from.0).bind(whole.vehicle.as_str()).bind(record);
            put.execute(&mut *tx).await?;
        }
        settle(&mut tx, &news.settled).await?;
    }
    tx.commit().await?;
    Ok(driven)
}

async fn of_whole(tx: &mut SqliteConnection, sql: &'static str, whole: &Whole) -> sqlx::Result<()> {
    let (from, to) = (whole.span.from.0, whole.span.to.0);
    sqlx::query(sql).bind(whole.vehicle.as_str()).bind(from).bind(to).execute(tx).await.map(drop)
}

async fn passings(tx: &mut SqliteConnection, passings: &[Passing]) -> sqlx::Result<()> {
    let mut sql = QueryBuilder::<Sqlite>::new("INSERT OR REPLACE INTO passing (");
    sql.push(PASSING).push(") ");
    sql.push_values(passings, |mut row, p| {
        row.push_bind(p.feed.as_str())
            .push_bind(text(p.run.date))
            .push_bind(p.run.trip.as_str())
            .push_bind(p.run.start_s.unwrap_or(-1))
            .push_bind(p.call as i64)
            .push_bind(p.vehicle.as_str())
            .push_bind(p.route.as_str())
            .push_bind(p.direction)
            .push_bind(p.stop.as_str())
            .push_bind(p.at.0)
            .push_bind(p.due.0)
            .push_bind(p.headway.map(|headway| headway.0))
            .push_bind(p.gap.0);
    });
    sql.build().execute(tx).await.map(drop)
}

fn run(row: &SqliteRow) -> sqlx::Result<Option<RunKey>> {
    let start_s: i32 = row.try_get("start_s")?;
    let date = day(row.try_get("day")?);
    let trip = TripId(row.try_get("trip")?);
    Ok(date.map(|date| RunKey { date, trip, start_s: Some(start_s).filter(|s| *s >= 0) }))
}

fn passing(row: &SqliteRow) -> sqlx::Result<Passing> {
    let bad = |what: &str| sqlx::Error::Decode(format!("{what} of a passing is damaged").into());
    let (vehicle, call): (String, i64) = (row.try_get("vehicle")?, row.try_get("call")?);
    Ok(Passing {
        vehicle: VehicleId::new(vehicle).map_err(|_| bad("the vehicle"))?,
        feed: FeedId(row.try_get("feed")?),
        route: RouteId(row.try_get("route")?),
        direction: row.try_get("direction")?,
        run: run(row)?.ok_or_else(|| bad("the day"))?,
        call: usize::try_from(call).map_err(|_| bad("the call"))?,
        stop: StopId(row.try_get("stop")?),
        at: UtcMillis(row.try_get("at_ms")?),
        due: UtcMillis(row.try_get("due_ms")?),
        headway: row.try_get::<Option<i64>, _>("headway_ms")?.map(DurationMs),
        gap: DurationMs(row.try_get("gap_ms")?),
    })
}

pub(crate) fn event(row: &SqliteRow) -> sqlx::Result<Option<BusEventRow>> {
    let Some(finding) = Finding::named(row.try_get("finding")?) else { return Ok(None) };
    let (vehicle, route, stop): (String, String, String) =
        (row.try_get("vehicle")?, row.try_get("route")?, row.try_get("stop")?);
    let feed = FeedId(row.try_get("feed")?);
    let (lat, lon): (Option<f64>, Option<f64>) = (row.try_get("lat")?, row.try_get("lon")?);
    let ended: Option<i64> = row.try_get("ended_ms")?;
    let line = (!route.is_empty()).then_some(Line {
        feed: feed.clone(),
        route: RouteId(route),
        direction: row.try_get("direction")?,
    });
    let event = TransitEvent {
        finding,
        phase: if ended.is_some() { Phase::Ended } else { Phase::Begun },
        began: UtcMillis(row.try_get("began_ms")?),
        at: UtcMillis(row.try_get("at_ms")?),
        vehicle: VehicleId::new(vehicle).ok(),
        place: lat.zip(lon).map(|(lat, lon)| LatLon::new(lat, lon)),
        run: run(row)?.map(|key| (feed, key)),
        stop: Some(StopId(stop)).filter(|s| !s.as_str().is_empty()),
        value: row.try_get("value")?,
    };
    Ok(Some(BusEventRow { event, line, ended: ended.map(UtcMillis) }))
}
