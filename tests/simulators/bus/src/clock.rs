//! The only place of this program that reads time.

use std::time::{SystemTime, UNIX_EPOCH};

/// Whole seconds since 1970 in UTC, as trackers count.
#[allow(
    clippy::disallowed_methods,
    reason = "the one place: the simulator is a device of its own, with a clock of its own"
)]
pub fn now_s() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}
