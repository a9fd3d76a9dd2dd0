//! Devices' dates to UTC and back. No clock is read here.

use std::fmt;
use std::str::FromStr;

use models_domain::UtcMillis;
use time::{Date, Month, OffsetDateTime, PrimitiveDateTime, Time};

use super::bytes::bcd;

/// The zone of a device's clock: seconds east of Greenwich.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Zone(i32);

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("zone {0:?} is not like +07:00 (hours at most 14)")]
pub struct BadZone(pub String);

impl Zone {
    pub const UTC: Zone = Zone(0);
    pub const VIETNAM: Zone = Zone(7 * 3600);

    /// `None` when it is further from Greenwich than any country's clock.
    pub fn from_minutes_east(minutes: i32) -> Option<Self> {
        (-14 * 60..=14 * 60).contains(&minutes).then_some(Self(minutes * 60))
    }
}

impl FromStr for Zone {
    type Err = BadZone;

    fn from_str(text: &str) -> Result<Self, BadZone> {
        let parse = || {
            let sign = match text.get(..1)? {
                "+" => 1,
                "-" => -1,
                _ => return None,
            };
            let (hours, minutes) = text.get(1..)?.split_once(':')?;
            let digits = |s: &str| s.len() == 2 && s.bytes().all(|b| b.is_ascii_digit());
            if !digits(hours) || !digits(minutes) {
                return None;
            }
            let (hours, minutes): (i32, i32) = (hours.parse().ok()?, minutes.parse().ok()?);
            (minutes < 60).then(|| Zone::from_minutes_east(sign * (hours * 60 + minutes)))?
        };
        parse().ok_or_else(|| BadZone(text.to_owned()))
    }
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { '-' } else { '+' };
        let minutes = self.0.abs() / 60;
        write!(f, "{sign}{:02}:{:02}", minutes / 60, minutes % 60)
    }
}

/// A date and time of day as a device writes them: year (two digits count from 2000), month 1-12, day, hour, minute, second.
pub(super) fn utc(
    zone: Zone,
    [year, month, day, hour, minute, second]: [u16; 6],
) -> Result<UtcMillis, String> {
    let local = || {
        let year = if year < 100 { 2000 + year } else { year };
        let month = Month::try_from(u8::try_from(month).ok()?).ok()?;
        let date = Date::from_calendar_date(i32::from(year), month, u8::try_from(day).ok()?).ok()?;
        let of = |n: u16| u8::try_from(n).ok();
        // A leap second is the last second of its minute.
        let time = Time::from_hms(of(hour)?, of(minute)?, of(second)?.min(59)).ok()?;
        (second <= 60).then(|| PrimitiveDateTime::new(date, time).assume_utc().unix_timestamp())
    };
    let local = local().ok_or_else(|| {
        format!("{year:02}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02} is not a date")
    })?;
    Ok(UtcMillis((local - i64::from(zone.0)) * 1000))
}

/// Six plain bytes: year, month, day, hour, minute, second.
pub(super) fn utc_of_bytes(zone: Zone, bytes: [u8; 6]) -> Result<UtcMillis, String> {
    utc(zone, bytes.map(u16::from))
}

/// Six packed BCD bytes: year, month, day, hour, minute, second.
pub(super) fn utc_of_bcd(zone: Zone, bytes: [u8; 6]) -> Result<UtcMillis, String> {
    let mut fields = [0; 6];
    for (field, byte) in fields.iter_mut().zip(bytes) {
        *field = u16::from(bcd(byte)?);
    }
    utc(zone, fields)
}

/// Year, month, day, hour, minute, second in UTC, for replies.
pub(super) fn fields(at: UtcMillis) -> (u16, [u8; 5]) {
    let at = OffsetDateTime::from_unix_timestamp(at.0.div_euclid(1000)).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    let year = u16::try_from(at.year()).unwrap_or(0);
    (year, [u8::from(at.month()), at.day(), at.hour(), at.minute(), at.second()])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zones() {
        for text in ["+07:00", "-03:30", "+00:00", "+14:00"] {
            assert_eq!(text.parse::<Zone>().unwrap().to_string(), text);
        }
        for text in ["7", "+7:00", "+07:60", "+15:00", "", "é07:00", "+07:0x", "+-7:00"] {
            assert!(text.parse::<Zone>().is_err(), "{text}");
        }
    }

    #[test]
    fn dates() {
        let at = |fields| utc(Zone::VIETNAM, fields);
        assert_eq!(at([25, 1, 1, 6, 59, 59]), Ok(UtcMillis(1_735_689_599_000)));
        assert_eq!(at([2025, 1, 1, 6, 59, 60]), Ok(UtcMillis(1_735_689_599_000)));
        assert_eq!(at([25, 2, 29, 0, 0, 0]).unwrap_err(), "25-02-29 00:00:00 is not a date");
        assert!(utc_of_bcd(Zone::UTC, [0x25, 0x1a, 1, 0, 0, 0]).is_err());
        assert_eq!(fields(UtcMillis(1_735_689_599_000)), (2024, [12, 31, 23, 59, 59]));
    }
}
