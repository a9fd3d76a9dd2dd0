//! Orders for a junction end to end: hall, zenoh, pole, RSMP over TCP to a controller, and what it shows read back; then
//! what it showed, and whether it fits its neighbours.

#![allow(clippy::unwrap_used, reason = "a test that panics has failed")]

mod adaptive;
mod adaptive_ntcip;
mod advice;
mod alarms;
mod areas;
mod bus_priority;
mod calendar;
mod emergency;
mod hall;
mod history;
mod latency;
mod maintenance;
mod ntcip;
mod pole;
mod street;
mod tls;
mod vehicles;

pub use hall::{Hall, Person};
pub use street::{WAIT, run_pole};
