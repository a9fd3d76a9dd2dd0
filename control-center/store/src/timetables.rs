//! Operators' timetables, as they were given, with the day each takes effect.

use models_domain::UtcMillis;
use models_domain::transit::timetable::FeedId;
use time::Date;
use time::macros::format_description;

use crate::errs::StoreError;
use crate::open::Store;

/// One version of one operator's timetable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimetableRow {
    pub feed: FeedId,
    /// First service day.
    pub takes_effect: Date,
    pub imported: UtcMillis,
    /// Wins over the feed's own `agency_timezone`.
    pub zone: Option<String>,
    /// The GTFS feed.
    pub zip: Vec<u8>,
}

impl Store {
    /// Keeps a version; one of the same feed and day is replaced.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn put_timetable(&self, row: &TimetableRow) -> Result<(), StoreError> {
        let mut writer = self.writer().await?;
        sqlx::query(
            "INSERT INTO timetable (feed, takes_effect, imported_ms, zone, zip) VALUES (?, ?, ?, ?, ?) \
             ON CONFLICT (feed, takes_effect) DO UPDATE SET imported_ms = excluded.imported_ms, \
             zone = excluded.zone, zip = excluded.zip",
        )
        .bind(row.feed.as_str())
        .bind(text(row.takes_effect))
        .bind(row.imported.0)
        .bind(row.zone.as_deref().unwrap_or(""))
        .bind(&row.zip)
        .execute(&mut writer.connection)
        .await
        .map_err(self.failed("keeping a timetable"))?;
        writer.good();
        Ok(())
    }

    /// What tells whether the timetables changed: their number, and when the last one was imported.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn timetables_mark(&self) -> Result<(i64, i64), StoreError> {
        sqlx::query_as("SELECT count(*), coalesce(max(imported_ms), 0) FROM timetable")
            .fetch_one(self.readers())
            .await
            .map_err(self.failed("asking for new timetables"))
    }

    /// Every version of every feed, oldest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn timetables(&self) -> Result<Vec<TimetableRow>, StoreError> {
        let rows: Vec<(String, String, i64, String, Vec<u8>)> = sqlx::query_as(
            "SELECT feed, takes_effect, imported_ms, zone, zip FROM timetable ORDER BY feed, takes_effect",
        )
        .fetch_all(self.readers())
        .await
        .map_err(self.failed("reading timetables"))?;
        let row = |(feed, day, imported, zone, zip): (String, String, i64, String, Vec<u8>)| {
            let takes_effect = self::day(&day)?;
            let zone = Some(zone).filter(|z| !z.is_empty());
            Some(TimetableRow { feed: FeedId(feed), takes_effect, imported: UtcMillis(imported), zone, zip })
        };
        Ok(rows.into_iter().filter_map(row).collect())
    }
}

/// A day as it is kept: `YYYY-MM-DD`.
pub(crate) fn day(text: &str) -> Option<Date> {
    Date::parse(text, format_description!("[year]-[month]-[day]")).ok()
}

pub(crate) fn text(day: Date) -> String {
    let (year, month, day) = day.to_calendar_date();
    format!("{year:04}-{:02}-{day:02}", u8::from(month))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::open;
    use time::macros::date;

    #[tokio::test]
    async fn versions_are_kept_by_feed_and_day() {
        let dir = tempfile::tempdir().unwrap();
        let store = open(dir.path()).await;
        let row = |takes_effect, imported, zip: &[u8]| TimetableRow {
            feed: FeedId::from("transerco"),
            takes_effect,
            imported: UtcMillis(imported),
            zone: Some("Asia/Ho_Chi_Minh".into()),
            zip: zip.to_vec(),
        };
        assert_eq!(store.timetables_mark().await.unwrap(), (0, 0));
        let (march, june) = (date!(2026 - 03 - 01), date!(2026 - 06 - 01));
        store.put_timetable(&row(june, 1, b"june")).await.unwrap();
        store.put_timetable(&row(march, 2, b"march")).await.unwrap();
        store.put_timetable(&row(march, 3, b"march again")).await.unwrap();
        let want = [row(march, 3, b"march again"), row(june, 1, b"june")];
        assert_eq!(store.timetables().await.unwrap(), want);
        assert_eq!(store.timetables_mark().await.unwrap(), (2, 3));
        store.close().await;
    }
}
