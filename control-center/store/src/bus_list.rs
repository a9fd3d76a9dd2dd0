//! Findings of buses as part of the list of events: by kind, newest first, a page after a page.

use models_domain::UtcMillis;
use models_domain::transit::finding::Finding;
use sqlx::{QueryBuilder, Row, Sqlite};

use crate::bus_days::{BusEvent, BusEventRow, event};
use crate::bus_events::feed_of;
use crate::errs::StoreError;
use crate::open::Store;
use crate::timetables::text;

/// Place of a finding in a list that is ordered by when it began, then by its name, newest first.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct BusKey {
    pub at: UtcMillis,
    /// Names it for ever among those that began then.
    pub name: String,
}

/// The parts of a finding's name, with a tab between.
pub(crate) const NAME: &str = "finding || char(9) || vehicle || char(9) || feed || char(9) || day || char(9) || trip || char(9) || start_s \
                    || char(9) || stop";

impl BusKey {
    pub fn of(kept: &BusEvent) -> Self {
        let (e, run) = (&kept.event, kept.event.run.as_ref());
        let parts = [
            e.finding.name().to_owned(),
            e.vehicle.as_ref().map(ToString::to_string).unwrap_or_default(),
            feed_of(kept).map(ToString::to_string).unwrap_or_default(),
            run.map(|(_, key)| text(key.date)).unwrap_or_default(),
            run.map(|(_, key)| key.trip.to_string()).unwrap_or_default(),
            run.and_then(|(_, key)| key.start_s).unwrap_or(-1).to_string(),
            e.stop.as_ref().map(ToString::to_string).unwrap_or_default(),
        ];
        Self { at: e.began, name: parts.join("\t") }
    }
}

impl Store {
    /// Findings of these kinds that come after a place in the list; `name: None` is before all that began at that moment.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn list_bus_events(
        &self,
        findings: &[Finding],
        (at, name): (UtcMillis, Option<&str>),
        limit: u32,
    ) -> Result<Vec<(BusKey, BusEventRow)>, StoreError> {
        let failed = self.failed("listing what was found of buses");
        // One walk along the index per kind, merged here: a kind that is found often makes no other slow.
        let mut found = Vec::new();
        for finding in findings {
            let mut sql = QueryBuilder::<Sqlite>::new("SELECT *, ");
            sql.push(NAME).push(" AS name FROM bus_event WHERE finding = ").push_bind(finding.name());
            sql.push(" AND began_ms <= ").push_bind(at.0);
            if let Some(name) = name {
                sql.push(" AND (began_ms < ").push_bind(at.0).push(" OR ").push(NAME).push(" < ");
                sql.push_bind(name).push(")");
            }
            sql.push(" ORDER BY began_ms DESC, name DESC LIMIT ").push_bind(limit);
            let rows = sql.build().fetch_all(self.readers()).await.map_err(&failed)?;
            for row in &rows {
                let Some(kept) = event(row).map_err(&failed)? else { continue };
                let name = row.try_get("name").map_err(&failed)?;
                found.push((BusKey { at: kept.event.began, name }, kept));
            }
        }
        found.sort_by(|(a, _), (b, _)| b.cmp(a));
        found.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        Ok(found)
    }
}
