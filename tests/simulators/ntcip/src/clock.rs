//! The only place of this program that reads time.

use std::time::{SystemTime, UNIX_EPOCH};

/// Milliseconds since 1970 in UTC.
#[allow(
    clippy::disallowed_methods,
    reason = "a separate program without the house's clock; this is its one place"
)]
pub fn utc_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
