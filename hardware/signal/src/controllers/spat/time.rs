//! Times of SPaT: minutes of the year, and marks in tenths of a second within the hour. Pure.

use models_domain::{DurationMs, UtcMillis};
use time::{Date, Month, OffsetDateTime, PrimitiveDateTime, Time};

use crate::j2735::states::TimeMark;

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 3_600_000;
const YEAR_MINUTES: i64 = 525_600;

/// From here on a mark is no time: a leap second's tenths and "unknown" (36,001 until 2016, 36,111 since).
const MARK_MAX: u16 = 35_999;

/// `MinuteOfTheYear`: unknown.
const MINUTE_UNKNOWN: u32 = 527_040;

/// How far a mark may lie behind: what is to end has ended a moment ago. Else the next hour's is meant.
const BEHIND_MAX: DurationMs = DurationMs(10 * MINUTE_MS);

/// The controller's time out of the minute of the year and the millisecond of the minute; with neither, it tells none.
/// `near` says which year, or which minute, is meant.
pub fn controller_time(near: UtcMillis, minute: Option<u32>, millisecond: Option<u16>) -> Option<UtcMillis> {
    let within = millisecond.map(i64::from).filter(|ms| *ms < MINUTE_MS);
    let minute = minute.filter(|minute| *minute < MINUTE_UNKNOWN).map(i64::from);
    match (minute, within) {
        (Some(minute), within) => {
            let year = OffsetDateTime::from_unix_timestamp_nanos(i128::from(near.0) * 1_000_000).ok()?.year();
            let begin = |year: i32| -> Option<i64> {
                let date = Date::from_calendar_date(year, Month::January, 1).ok()?;
                let begin = PrimitiveDateTime::new(date, Time::MIDNIGHT).assume_utc();
                i64::try_from(begin.unix_timestamp_nanos() / 1_000_000).ok()
            };
            // At the turn of the year another year is nearer.
            let at = |year: i32| Some(begin(year)? + minute * MINUTE_MS + within.unwrap_or(0));
            let all = [year - 1, year, year + 1].into_iter().filter_map(at);
            all.min_by_key(|at| (at - near.0).abs()).map(UtcMillis)
        }
        (None, Some(within)) => Some(nearest(near, within, MINUTE_MS)),
        (None, None) => None,
    }
}

/// Of all times that lie `within` a `period` the nearest.
fn nearest(near: UtcMillis, within: i64, period: i64) -> UtcMillis {
    let behind = (near.0 - within).rem_euclid(period);
    let ahead = period - behind;
    UtcMillis(if behind <= ahead { near.0.saturating_sub(behind) } else { near.0.saturating_add(ahead) })
}

/// When a mark is, by the clock that says `now`: "in the current or next hour".
pub fn of_mark(now: UtcMillis, mark: TimeMark) -> Option<UtcMillis> {
    if mark.0 > MARK_MAX {
        return None;
    }
    let hour = now.0 - now.0.rem_euclid(HOUR_MS);
    let this = UtcMillis(hour + i64::from(mark.0) * 100);
    let ahead = this.since(now);
    if ahead.0 < -BEHIND_MAX.0 {
        Some(this + DurationMs(HOUR_MS))
    } else if ahead.0 > HOUR_MS - BEHIND_MAX.0 {
        Some(this - DurationMs(HOUR_MS))
    } else {
        Some(this)
    }
}

/// The mark of a time, to a tenth of a second.
pub fn mark_of(at: UtcMillis) -> TimeMark {
    TimeMark(u16::try_from(at.0.rem_euclid(HOUR_MS) / 100).unwrap_or(0))
}

/// Minute of the year, and millisecond of the minute.
pub fn minute_and_millisecond(at: UtcMillis) -> (u32, u16) {
    let date = OffsetDateTime::from_unix_timestamp_nanos(i128::from(at.0) * 1_000_000);
    let minute = date.map_or(0, |date| {
        (i64::from(date.ordinal()) - 1) * 1_440 + i64::from(date.hour()) * 60 + i64::from(date.minute())
    });
    let minute = u32::try_from(minute.min(YEAR_MINUTES + 1_439)).unwrap_or(0);
    (minute, u16::try_from(at.0.rem_euclid(MINUTE_MS)).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-12-31T23:59:30.250Z.
    const NEW_YEARS_EVE: UtcMillis = UtcMillis(1_798_761_570_250);

    #[test]
    fn the_controllers_clock() {
        let off = |minute, ms| controller_time(NEW_YEARS_EVE, minute, ms).map(|at| at.since(NEW_YEARS_EVE).0);
        assert_eq!(off(Some(525_599), Some(30_250)), Some(0));
        assert_eq!(off(Some(525_599), Some(29_000)), Some(-1_250));
        // Its year is over already.
        assert_eq!(off(Some(0), Some(1_000)), Some(30_750));
        assert_eq!(off(Some(525_599), None), Some(-30_250));
        assert_eq!(off(None, Some(30_000)), Some(-250));
        assert_eq!(off(None, Some(100)), Some(29_850));
        assert_eq!(off(None, Some(65_535)), None);
        assert_eq!(off(Some(527_040), None), None);
        assert_eq!(minute_and_millisecond(NEW_YEARS_EVE), (525_599, 30_250));
    }

    #[test]
    fn marks_are_in_this_hour_or_the_next() {
        let off = |mark| of_mark(NEW_YEARS_EVE, TimeMark(mark)).map(|at| at.since(NEW_YEARS_EVE).0);
        assert_eq!(off(35_703), Some(50));
        assert_eq!(off(35_702), Some(-50));
        assert_eq!(off(0), Some(29_750));
        assert_eq!(off(29_700), Some(-600_250 + HOUR_MS));
        assert_eq!((off(36_000), off(36_001), off(36_111)), (None, None, None));
        // Just after the full hour, what ended before it.
        let just_after = UtcMillis(1_798_761_600_000);
        assert_eq!(of_mark(just_after, TimeMark(35_990)).unwrap().since(just_after).0, -1_000);
        assert_eq!(mark_of(NEW_YEARS_EVE), TimeMark(35_702));
    }
}
