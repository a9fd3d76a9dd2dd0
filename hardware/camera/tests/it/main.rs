//! The camera door against real GStreamer: clips made here, real clips when they are there.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says where")]

mod clips;
mod files;
mod hardware;
mod live;
mod units;
mod written;
