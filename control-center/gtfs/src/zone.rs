//! A feed's time zone: when a service day starts, and whether the zone fits the place.

use jiff::civil;
use jiff::tz::{Offset, TimeZone};
use models_domain::UtcMillis;
use models_domain::transit::pace::{DayKind, Habit};
use models_domain::transit::timetable::ServiceDay;
use time::Date;

/// A zone of the tz database, such as `Asia/Ho_Chi_Minh`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Zone(TimeZone);

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("zone {0:?} is not in the tz database; it is written like Asia/Ho_Chi_Minh")]
pub struct UnknownZone(pub String);

impl Zone {
    pub const UTC: Zone = Zone(TimeZone::UTC);

    /// # Errors
    /// When the tz database has no such zone.
    pub fn new(name: &str) -> Result<Self, UnknownZone> {
        jiff::tz::db().get(name).map(Self).map_err(|_| UnknownZone(name.to_owned()))
    }

    /// The service day of a date: it starts at noon minus twelve hours, whatever a change of clocks does that night.
    pub fn service_day(&self, date: Date) -> ServiceDay {
        let noon = civil_date(date).at(12, 0, 0, 0);
        let noon_ms = self.0.to_ambiguous_timestamp(noon).compatible().map_or(0, |t| t.as_millisecond());
        ServiceDay { date, start: UtcMillis(noon_ms - 12 * 3_600_000) }
    }

    /// The date that clocks and calendars there show.
    pub fn date(&self, at: UtcMillis) -> Date {
        let date = self.civil(at).date();
        let month = time::Month::try_from(date.month().unsigned_abs()).unwrap_or(time::Month::January);
        Date::from_calendar_date(date.year().into(), month, date.day().unsigned_abs()).unwrap_or(Date::MIN)
    }

    /// What kind of day and what hour it is there.
    pub fn habit(&self, at: UtcMillis) -> Habit {
        let there = self.civil(at);
        let day = match there.weekday() {
            civil::Weekday::Saturday => DayKind::Saturday,
            civil::Weekday::Sunday => DayKind::Sunday,
            civil::Weekday::Monday
            | civil::Weekday::Tuesday
            | civil::Weekday::Wednesday
            | civil::Weekday::Thursday
            | civil::Weekday::Friday => DayKind::Workday,
        };
        Habit { day, hour: there.hour().unsigned_abs() }
    }

    /// Local time as `2026-03-31T08:15:00`.
    pub fn local(&self, at: UtcMillis) -> String {
        self.civil(at).strftime("%Y-%m-%dT%H:%M:%S").to_string()
    }

    /// Local time with its offset, as `2026-03-31T08:15:00+07:00`.
    pub fn iso(&self, at: UtcMillis) -> String {
        let there = jiff::Timestamp::from_millisecond(at.0).unwrap_or_default().to_zoned(self.0.clone());
        there.strftime("%Y-%m-%dT%H:%M:%S%:z").to_string()
    }

    /// Reads local time such as `2026-03-31 08:15:00`; `None` if it is none.
    pub fn parse_local(&self, text: &str) -> Option<UtcMillis> {
        let civil: civil::DateTime = text.parse().ok()?;
        Some(UtcMillis(self.0.to_ambiguous_timestamp(civil).compatible().ok()?.as_millisecond()))
    }

    /// Hours by which clocks there differ from the sun at a longitude, about noon of `date`.
    pub fn hours_off_the_sun(&self, date: Date, longitude: f64) -> f64 {
        let noon = civil_date(date).at(12, 0, 0, 0);
        let offset = self.0.to_ambiguous_zoned(noon).compatible().map_or(Offset::UTC, |z| z.offset());
        f64::from(offset.seconds()) / 3600.0 - longitude / 15.0
    }

    fn civil(&self, at: UtcMillis) -> civil::DateTime {
        jiff::Timestamp::from_millisecond(at.0).unwrap_or_default().to_zoned(self.0.clone()).datetime()
    }
}

fn civil_date(date: Date) -> civil::Date {
    let (year, month, day) = date.to_calendar_date();
    let year = i16::try_from(year).unwrap_or(i16::MAX);
    civil::Date::new(year, u8::from(month).cast_signed(), day.cast_signed()).unwrap_or(civil::Date::ZERO)
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::date;

    #[test]
    fn a_day_that_loses_an_hour_keeps_its_noon() {
        let paris = Zone::new("Europe/Paris").unwrap();
        // 2026-03-29 02:00 became 03:00: noon is 10:00 UTC, so the service day starts at 22:00 UTC the day before.
        assert_eq!(paris.service_day(date!(2026 - 03 - 29)).start, UtcMillis(1_774_735_200_000));
        assert_eq!(paris.service_day(date!(2026 - 03 - 28)).start, UtcMillis(1_774_652_400_000));
        assert_eq!(paris.local(UtcMillis(1_774_735_200_000)), "2026-03-28T23:00:00");
    }

    #[test]
    fn hanoi_in_utc_is_seven_hours_off() {
        let day = date!(2026 - 03 - 29);
        assert!(Zone::UTC.hours_off_the_sun(day, 105.8) < -6.9);
        assert!(Zone::new("Asia/Ho_Chi_Minh").unwrap().hours_off_the_sun(day, 105.8).abs() < 0.1);
        assert_eq!(Zone::new("Hanoi").unwrap_err().0, "Hanoi");
    }
}
