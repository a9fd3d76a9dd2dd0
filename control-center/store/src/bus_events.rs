//! Findings of buses, written one by one: as they begin, as they end, and as they turn out never to have been so.

use models_domain::UtcMillis;
use models_domain::event::Phase;
use models_domain::transit::finding::Finding;
use models_domain::transit::timetable::{FeedId, StopId};
use sqlx::{QueryBuilder, Sqlite, SqliteConnection};

use crate::bus_days::{BusEvent, BusEventRow, Whole, event};
use crate::bus_list::{BusKey, NAME};
use crate::errs::StoreError;
use crate::minutes::Span;
use crate::open::Store;
use crate::timetables::text;

const COLUMNS: &str = "finding, vehicle, began_ms, at_ms, ended_ms, feed, day, trip, start_s, route, direction, stop, lat, lon, \
                       value";

/// A run that is driven on a day was to set out within so long of it: others that were ever told missing are not looked at.
const DAY_MS: i64 = 24 * 3_600_000;

impl Store {
    /// Findings of a kind that began in a span and were withdrawn, since a moment, while they were told to hold; the last to begin
    /// first, at most `limit`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn withdrawn_open(
        &self,
        finding: Finding,
        span: Span,
        since: UtcMillis,
        limit: u32,
    ) -> Result<Vec<BusEventRow>, StoreError> {
        let failed = self.failed("reading which findings of buses were withdrawn");
        let rows = sqlx::query(
            "SELECT * FROM bus_event_withdrawn WHERE began_ms >= ? AND began_ms < ? AND finding = ? AND ended_ms IS NULL \
             AND withdrawn_ms >= ? ORDER BY began_ms DESC LIMIT ?",
        )
        .bind(span.from.0)
        .bind(span.to.0)
        .bind(finding.name())
        .bind(since.0)
        .bind(limit)
        .fetch_all(self.readers())
        .await
        .map_err(&failed)?;
        let rows = rows.iter().filter_map(|row| event(row).transpose());
        rows.collect::<sqlx::Result<_>>().map_err(failed)
    }
}

pub(crate) async fn put(tx: &mut SqliteConnection, kept: &BusEvent) -> sqlx::Result<()> {
    let e = &kept.event;
    let ended = match e.phase {
        Phase::Begun => None,
        Phase::Moment | Phase::Ended | Phase::Figure => Some(e.at.0),
    };
    let (run, feed) = (e.run.as_ref(), feed_of(kept));
    sqlx::query(
        "INSERT INTO bus_event (finding, vehicle, began_ms, at_ms, ended_ms, feed, day, trip, start_s, route, direction, stop, \
         lat, lon, value) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) \
         ON CONFLICT (finding, vehicle, began_ms, feed, day, trip, start_s, stop) DO UPDATE SET ended_ms = excluded.ended_ms, \
         value = excluded.value",
    )
    .bind(e.finding.name())
    .bind(e.vehicle.as_ref().map_or("", |v| v.as_str()))
    .bind(e.began.0)
    .bind(e.at.0)
    .bind(ended)
    .bind(feed.map_or("", FeedId::as_str))
    .bind(run.map_or(String::new(), |(_, key)| text(key.date)))
    .bind(run.map_or("", |(_, key)| key.trip.as_str()))
    .bind(run.and_then(|(_, key)| key.start_s).unwrap_or(-1))
    .bind(kept.line.as_ref().map_or("", |l| l.route.as_str()))
    .bind(kept.line.as_ref().and_then(|l| l.direction))
    .bind(e.stop.as_ref().map_or("", StopId::as_str))
    .bind(e.place.map(|p| p.lat.0))
    .bind(e.place.map(|p| p.lon.0))
    .bind(e.value)
    .execute(tx)
    .await
    .map(drop)
}

/// Takes whatever is kept by its name out of all lists; what it was, and when it was withdrawn, is kept apart.
pub(crate) async fn withdraw(
    tx: &mut SqliteConnection,
    kept: &BusEvent,
    withdrawn: UtcMillis,
) -> sqlx::Result<()> {
    let BusKey { at, name } = BusKey::of(kept);
    let remove = QueryBuilder::<Sqlite>::new("DELETE");
    for mut sql in [copy(withdrawn), remove] {
        sql.push(" FROM bus_event WHERE finding = ").push_bind(kept.event.finding.name());
        sql.push(" AND began_ms = ").push_bind(at.0);
        sql.push(" AND ").push(NAME).push(" = ").push_bind(name.as_str());
        sql.build().execute(&mut *tx).await?;
    }
    Ok(())
}

/// The same of runs that were told missing or unseen and that a bus drove on a day that is over; gives them.
pub(crate) async fn withdraw_missing(
    tx: &mut SqliteConnection,
    whole: &Whole,
    withdrawn: UtcMillis,
) -> sqlx::Result<Vec<BusEventRow>> {
    let driven = |sql: &mut QueryBuilder<Sqlite>| {
        sql.push(" FROM bus_event WHERE finding IN ('run_missing', 'run_unseen') AND vehicle = '' AND began_ms >= ");
        sql.push_bind(whole.span.from.0 - DAY_MS)
            .push(" AND began_ms < ")
            .push_bind(whole.span.to.0 + DAY_MS);
        sql.push(" AND (feed, day, trip, start_s) IN (SELECT feed, day, trip, start_s FROM passing WHERE vehicle = ");
        sql.push_bind(whole.vehicle.as_str());
        sql.push(" AND at_ms >= ").push_bind(whole.span.from.0);
        sql.push(" AND at_ms < ").push_bind(whole.span.to.0).push(")");
    };
    let mut copy = copy(withdrawn);
    driven(&mut copy);
    copy.build().execute(&mut *tx).await?;
    let mut remove = QueryBuilder::<Sqlite>::new("DELETE");
    driven(&mut remove);
    let rows = remove.push(" RETURNING *").build().fetch_all(&mut *tx).await?;
    rows.iter().filter_map(|row| event(row).transpose()).collect()
}

/// What is withdrawn is copied apart, from where it lies.
fn copy(withdrawn: UtcMillis) -> QueryBuilder<Sqlite> {
    let mut sql = QueryBuilder::<Sqlite>::new("INSERT INTO bus_event_withdrawn (");
    sql.push(COLUMNS).push(", withdrawn_ms) SELECT ").push(COLUMNS).push(", ").push_bind(withdrawn.0);
    sql
}

pub(crate) fn feed_of(kept: &BusEvent) -> Option<&FeedId> {
    kept.line.as_ref().map(|l| &l.feed).or(kept.event.run.as_ref().map(|(feed, _)| feed))
}
